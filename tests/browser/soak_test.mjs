// An hour of events, sped up, in one tab of a real, headless Chromium: the heap stays flat. And what a connection and a job cost.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { follow, inState, kLong, progress } from "./client_page.mjs";
import { Nginx, hasNginx } from "./nginx.mjs";
import { Server, publish } from "./servers.mjs";

const kEvents = kLong ? 360_000 : 20_000; // 100 a second for an hour.
const kWarmUp = 4000;
const kBatch = 500;
const kJobs = 20;
const kMostGrowth = 256 * 1024; // Bytes; an event that is kept costs more than 200, so 20,000 would be some 4 MB.
const kSoak = { timeout: kLong ? 3_600_000 : kOptions.timeout };

let browser;
let eventd;
let edge;
let nginx;

before(async () => {
  browser = await Browser.start({ ignoreHTTPSErrors: true });
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0", "--retention_mib=64");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
});

after(async () => {
  await browser?.stop();
  await nginx?.stop();
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
});

async function heapOf(page) {
  const session = await browser.context.newCDPSession(page);
  await session.send("HeapProfiler.enable");
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    await session.send("HeapProfiler.collectGarbage");
    least = Math.min(least, (await session.send("Runtime.getHeapUsage")).usedSize);
  }
  await session.detach();
  return least;
}

const at = (fraction) => `${Math.round(fraction * 1e6) / 1e6}`;

/** The i-th event of the hour. */
function event(i) {
  const job = `job:${i % kJobs}`;
  const kinds = [
    { progress: { step: `step${(i >> 8) % 5}`, fraction: (i % 256) / 256, message: `frame ${i}` } },
    { output: { line: { text: `line ${i}: ${"x".repeat(60)}` } } },
    { notice: { severity: "WARNING", code: "SLOW", text: `the network is slow, ${i}` } },
    { status: { state: "RUNNING", message: `part ${at(i / kEvents)}`, labels: { part: `${i % 7}` } }, metadata: { frame: i } },
    { step: { id: `step${(i >> 8) % 5}`, state: i % 2 ? "STARTED" : "DONE" } },
  ];
  return { job, resources: ["user:7"], ...kinds[Math.floor(i / kJobs) % kinds.length] };
}

test(`${kEvents} events leave the heap flat`, kSoak, async () => {
  const { page } = await browser.newPage();
  await page.goto(`http://${edge.address}/icon.svg`);
  await follow(page, Array.from({ length: kJobs }, (_, i) => `job:${i}`));
  await page.evaluate(() => {
    window.client.on("step-progress", () => (window.told.seen.length = 0)); // What the test keeps is not to be measured.
    window.list = window.client.jobs({ resource: "user:7" });
    window.list.subscribe(() => {});
  });
  await inState(page, "live");
  const play = async (from, to) => {
    for (let i = from; i < to; i += kBatch) {
      await publish(edge, ...Array.from({ length: kBatch }, (_, k) => event(i + k)));
      await page.waitForFunction((least) => window.client.stats().events >= least, i + kBatch);
    }
  };
  await play(0, kWarmUp);
  const begun = await heapOf(page);
  await play(kWarmUp, kWarmUp + kEvents);
  const ended = await heapOf(page);
  assert.equal(await page.evaluate(() => window.client.stats().events), kWarmUp + kEvents);
  console.log(`# heap ${(begun / 1024).toFixed(0)} KiB before, ${(ended / 1024).toFixed(0)} KiB after ${kEvents} events`);
  assert.ok(ended - begun < kMostGrowth, `it grew by ${ended - begun} bytes`);
  await page.close();
});

test("what a job's store and a connection cost", kOptions, async () => {
  const kStores = 400;
  const { page } = await browser.newPage();
  await publish(edge, ...Array.from({ length: kStores }, (_, i) => progress(`job:store${i}`, 0.5)), progress("job:one", 0.5));
  await page.goto(`http://${edge.address}/icon.svg`);
  await follow(page, ["job:one"]);
  await page.waitForFunction(() => window.stores["job:one"].get());
  const without = await heapOf(page);
  await page.evaluate((count) => {
    window.all = Array.from({ length: count }, (_, i) => window.client.job(`job:store${i}`));
    for (const store of window.all) store.subscribe(() => {});
  }, kStores);
  await page.waitForFunction(() => window.all.every((store) => store.get()));
  const perStore = ((await heapOf(page)) - without) / kStores;
  console.log(`# heap per job store ${perStore.toFixed(0)} bytes, beside 2 KB`);
  assert.ok(perStore < 8192);
  await page.close();
  if (!hasNginx()) return; // Without HTTP/2 a browser opens six at most.
  nginx = await Nginx.start(edge.address, "proxy_http_version 1.1;", { tls: true });
  const kConnections = 60;
  const { page: other } = await browser.newPage();
  await other.goto(`${nginx.url}/icon.svg`);
  await follow(other, ["job:one"], { shared: false, token: "first" });
  await inState(other, "live");
  const before = await heapOf(other);
  await other.evaluate(async (count) => {
    const { connect } = await import("/milepost.js");
    window.clients = Array.from({ length: count }, (_, i) => connect({ shared: false, token: `reader ${i}` }));
    for (const client of window.clients) client.job("job:one").subscribe(() => {});
  }, kConnections);
  await other.waitForFunction(() => window.clients.every((client) => client.state === "live" && client.job("job:one").get()));
  const perConnection = ((await heapOf(other)) - before) / kConnections;
  console.log(`# heap per connection ${perConnection.toFixed(0)} bytes, its job included, beside 5 KB`);
  assert.ok(perConnection < 20_480);
  await other.close();
});

// The client behind nginx, in a real, headless Chromium: a proxy that holds streams back, one that cuts them, HTTP/2.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { Writer, follow, heardAll, inState, kLong, progress, reconnected, toldOf } from "./client_page.mjs";
import { Nginx, hasNginx } from "./nginx.mjs";
import { Server, publish } from "./servers.mjs";
import { skip } from "./tools.mjs";

if (!hasNginx()) skip("there is no nginx; run tools/setup bench");

const kBuffers = "proxy_http_version 1.1; proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;";
// Compressed, a stream waits in the compressor until there is enough of it.
const kHoldsBack = `${kBuffers} gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_min_length 0; gzip_buffers 16 64k;`;
const kPasses = "proxy_http_version 1.1; proxy_buffering off;";
const kSpeed = kLong ? 1 : 5; // Of the client's clock.
const kCutS = kLong ? 30 : 2;

let browser;
let eventd;
let edge;
let nginx;
let page;
let writer;
let faults;

before(async () => {
  browser = await Browser.start({ ignoreHTTPSErrors: true });
});

after(() => browser?.stop());

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`, "--heartbeat=60s");
  ({ page, faults } = await browser.newPage());
});

afterEach(async () => {
  await writer?.stop();
  await page?.close();
  await nginx?.stop();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
  assert.deepEqual(faults.filter((fault) => !fault.startsWith("Failed to load resource")), []);
});

test("streams that are held back: down to polls, up again when they pass, nothing lost or told twice", kOptions, async () => {
  nginx = await Nginx.start(edge.address, kHoldsBack);
  await publish(edge, progress("job:1", 0.0000001));
  writer = new Writer(edge, "job:1", 50);
  await page.goto(`${nginx.url}/icon.svg`);
  await follow(page, ["job:1"], { speed: kSpeed });
  await inState(page, "polling");
  await page.waitForFunction(() => window.told.seen.length >= 50);
  assert.deepEqual((await toldOf(page)).states, ["connecting", "connecting muted", "polling"]);
  nginx.change(kPasses);
  await page.waitForFunction(() => window.client.state === "live", undefined, { timeout: 60_000 });
  const before = (await toldOf(page)).seen.length;
  await page.waitForFunction((least) => window.told.seen.length >= least, before + 50);
  await writer.stop();
  await heardAll(page, edge, "job:1");
  assert.deepEqual((await toldOf(page)).errors, []);
  assert.deepEqual(await page.evaluate(() => window.client.stats().transportChanges), 1);
});

test("buffers that pass on what they have leave the stream live", kOptions, async () => {
  nginx = await Nginx.start(edge.address, kBuffers);
  writer = new Writer(edge, "job:1", 50);
  await page.goto(`${nginx.url}/icon.svg`);
  await follow(page, ["job:1"]);
  await inState(page, "live");
  await page.waitForFunction(() => window.told.seen.length >= 20);
  await writer.stop();
  await heardAll(page, edge, "job:1");
  assert.deepEqual((await toldOf(page)).states, ["connecting", "live"]);
});

test(`streams that are cut after ${kCutS} s of silence go on where they were`, kOptions, async () => {
  nginx = await Nginx.start(edge.address, `proxy_http_version 1.1; proxy_read_timeout ${kCutS}s;`);
  await page.goto(`${nginx.url}/icon.svg`);
  await follow(page, ["job:1"], { speed: kSpeed });
  await inState(page, "live");
  for (let cut = 1; cut <= 2; cut++) {
    await publish(edge, progress("job:1", cut / 10 + 0.01));
    await reconnected(page, cut);
    await publish(edge, progress("job:1", cut / 10 + 0.02)); // While it is away, or nearly.
    await inState(page, "live");
    await publish(edge, progress("job:1", cut / 10 + 0.03));
  }
  assert.equal(await heardAll(page, edge, "job:1"), 6);
  const { states, errors, begun } = await toldOf(page);
  assert.deepEqual(states.filter((state) => !/^(live|connecting( network)?)$/.test(state)), []);
  assert.deepEqual([errors, begun], [[], { "job:1": 0 }]);
});

test("12 streams at once over HTTP/2 are live", kOptions, async () => {
  nginx = await Nginx.start(edge.address, kPasses, { tls: true });
  await page.goto(`${nginx.url}/icon.svg`);
  await page.evaluate(async () => {
    const { connect } = await import("/milepost.js");
    window.clients = Array.from({ length: 12 }, (_, i) => connect({ shared: false, token: `reader ${i}` }));
    window.stores = window.clients.map((client) => client.job("job:1"));
    for (const store of window.stores) store.subscribe(() => {});
  });
  await page.waitForFunction(() => window.clients.every((client) => client.state === "live"));
  await publish(edge, progress("job:1", 0.3));
  await page.waitForFunction(() => window.stores.every((store) => store.get()?.steps?.[0].fraction === 0.3));
  const requests = await page.evaluate(() => window.clients.map((client) => client.stats().requests));
  assert.deepEqual(requests, requests.map(() => ({ sse: 1, poll: 0, other: 0 })));
  assert.equal(await page.evaluate(() => performance.getEntriesByName(new URL("/milepost.js", location.href).href)[0].nextHopProtocol), "h2");
});

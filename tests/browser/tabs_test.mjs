// Tabs of one origin share one connection: in a real, headless Chromium, against the real servers.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Proxy } from "./proxy.mjs";
import { kDeadlineMs, Server, inTime, publish } from "./servers.mjs";
import { skip, tool } from "./tools.mjs";

const kChromium = "/usr/bin/chromium";
const kOptions = { timeout: 4 * kDeadlineMs };
if (!existsSync(kChromium)) skip("there is no Chromium; run tools/setup browser");
const { chromium } = await tool("playwright-core");

let profile;
let context;
let eventd;
let edge;
let proxy;
let faults;

before(async () => {
  profile = mkdtempSync(path.join(os.tmpdir(), "milepost-tabs-"));
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  context = await chromium.launchPersistentContext(profile, { executablePath: kChromium, headless: true, args });
  context.setDefaultTimeout(kDeadlineMs);
});

after(async () => {
  await context?.close();
  rmSync(profile, { recursive: true, force: true });
});

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  proxy = await Proxy.start(edge.address);
  faults = [];
});

afterEach(async () => {
  for (const page of context.pages()) if (page.url() !== "about:blank") await page.close();
  await proxy?.stop();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
  assert.deepEqual(faults, []);
});

/** A tab with a client that follows `jobs`; `seen` are the numbers of their events, in order. */
async function newTab(jobs, { without = [], token } = {}) {
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`${proxy.url}/icon.svg`); // A page of this origin with nothing in it.
  await page.evaluate(async ([names, missing, secret]) => {
    for (const name of missing) {
      if (name === "locks") Object.defineProperty(navigator, "locks", { value: undefined });
      else Object.defineProperty(globalThis, name, { value: undefined });
    }
    const { connect } = await import("/milepost.js");
    window.client = connect(secret ? { token: secret } : {});
    window.stores = Object.fromEntries(names.map((name) => [name, window.client.job(name)]));
    window.seen = [];
    window.errors = [];
    window.client.on("step-progress", ({ seq }) => window.seen.push(Number(seq)));
    window.client.on("error", (error) => window.errors.push(error.message));
    for (const store of Object.values(window.stores)) store.subscribe(() => {});
  }, [jobs, without, token]);
  return page;
}

const live = (page) => page.waitForFunction(() => window.client.state === "live");
const at = (page, job, fraction) => page.waitForFunction(
  ([name, wanted]) => window.stores[name].get()?.steps?.[0].fraction === wanted, [job, fraction]);
const progress = (job, fraction) => ({ job, progress: { step: "render", fraction } });
const leads = async (pages) => {
  for (const page of pages) if ((await page.evaluate(() => window.client.stats().requests.sse)) > 0) return page;
  return undefined;
};

test("12 tabs with 20 jobs each hold one connection, and all are live", kOptions, async () => {
  const jobs = Array.from({ length: 30 }, (_, i) => `job:${i}`);
  const mine = (i) => Array.from({ length: 20 }, (_, k) => jobs[(i + k) % jobs.length]);
  const tabs = [];
  for (let i = 0; i < 12; i++) tabs.push(await newTab(mine(i)));
  for (const tab of tabs) await live(tab);
  for (const [i, job] of jobs.entries()) await publish(edge, progress(job, (i + 1) / 100));
  for (const [i, tab] of tabs.entries()) for (const job of mine(i)) await at(tab, job, (jobs.indexOf(job) + 1) / 100);
  assert.equal(proxy.open, 1);
  assert.equal(proxy.most <= 2, true, "the old stream may end a moment after the new one began");
  assert.equal(proxy.count("/v1/poll") + proxy.count("/v1/jobs"), 0);
  const counts = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.seen.length)));
  assert.deepEqual(counts, tabs.map(() => 20), "every tab hears of its own jobs, once");
});

test("a late tab is served by the leader, without a request", kOptions, async () => {
  const first = await newTab(["job:1"]);
  await live(first);
  await publish(edge, progress("job:1", 0.4));
  await at(first, "job:1", 0.4);
  const requests = proxy.count("/v1/");
  const late = await newTab(["job:1"]);
  await at(late, "job:1", 0.4);
  await live(late);
  assert.equal(proxy.count("/v1/"), requests);
  await publish(edge, progress("job:1", 0.5));
  await at(late, "job:1", 0.5);
  assert.deepEqual(await late.evaluate(() => window.seen.length), 1, "the snapshot's event is not told again");
});

test("a leader that is closed is replaced within a second, and nothing is lost or told twice", kOptions, async () => {
  const tabs = [];
  for (let i = 0; i < 3; i++) tabs.push(await newTab(["job:1", `job:own${i}`]));
  for (const tab of tabs) await live(tab);
  let n = 0;
  let writing = true;
  const writer = (async () => {
    while (writing) await publish(edge, progress("job:1", ++n / 10_000));
  })();
  const count = (tab, wanted) => tab.waitForFunction((least) => window.seen.length >= least, wanted);
  for (const tab of tabs) await count(tab, 20);
  const leader = await leads(tabs);
  const rest = tabs.filter((tab) => tab !== leader);
  const begun = Date.now();
  await leader.close();
  const heard = await Promise.all(rest.map((tab) => tab.evaluate(() => window.seen.length)));
  await Promise.all(rest.map((tab, i) => count(tab, heard[i] + 20)));
  assert.ok(Date.now() - begun < 2000, `replaced after ${Date.now() - begun} ms`);
  writing = false;
  await writer;
  for (const tab of rest) await at(tab, "job:1", n / 10_000);
  const all = (await (await fetch(`${proxy.url}/v1/poll?resources=job:1&after=earliest`)).json()).events.map(({ seq }) => Number(seq));
  for (const tab of rest) {
    const seen = await tab.evaluate(() => window.seen);
    assert.deepEqual(seen, all.slice(all.indexOf(seen[0])).slice(0, seen.length));
    assert.equal(seen.at(-1), all.at(-1) ?? seen.at(-1));
    assert.equal(await tab.evaluate(() => window.client.reconnectCount), 0);
  }
  // What only the other one had asked for goes on too.
  for (const [i, tab] of tabs.entries()) {
    if (tab === leader) continue;
    await publish(edge, progress(`job:own${i}`, 0.7));
    await at(tab, `job:own${i}`, 0.7);
  }
});

test("a tab that crashes leaves nothing behind on the stream", kOptions, async () => {
  const first = await newTab(["job:1"]);
  await live(first);
  const second = await newTab(["job:2"]);
  await live(second);
  await first.evaluate(() => (window.carried = () => [...window.client.source.carried].sort().join()));
  assert.equal(await first.evaluate(() => window.carried()), "job:1,job:2");
  second.goto("chrome://crash").catch(() => {});
  await first.waitForFunction(() => window.client.known.names().join() === "job:1" || window.client.source.connection.carried.size === 1, undefined, { timeout: kDeadlineMs });
  await publish(edge, progress("job:1", 0.2));
  await at(first, "job:1", 0.2);
});

test("a network that is cut and comes back: all tabs go on", kOptions, async () => {
  const tabs = [await newTab(["job:1"]), await newTab(["job:1"])];
  for (const tab of tabs) await live(tab);
  for (let i = 1; i <= 3; i++) {
    proxy.cut();
    await publish(edge, progress("job:1", i / 10));
    for (const tab of tabs) await at(tab, "job:1", i / 10);
  }
  for (const tab of tabs) {
    await live(tab);
    assert.equal(await tab.evaluate(() => window.seen.length), 3);
    assert.ok((await tab.evaluate(() => window.client.reconnectCount)) >= 3);
  }
  assert.equal(proxy.open, 1);
});

test("a tab that begins to be seen takes the lead from one that is not", kOptions, async () => {
  const [first, second] = [await newTab(["job:1"]), await newTab(["job:1"])];
  await live(first);
  await live(second);
  const show = (page, state) => page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  assert.equal(await leads([first, second]), first);
  await show(second, "hidden");
  await show(first, "hidden");
  await show(second, "visible");
  await second.waitForFunction(() => window.client.stats().requests.sse > 0);
  await publish(edge, progress("job:1", 0.3));
  for (const tab of [first, second]) await at(tab, "job:1", 0.3);
  assert.equal(proxy.open, 1);
  // One that is seen keeps it, whoever else is.
  await show(first, "visible");
  await publish(edge, progress("job:1", 0.4));
  for (const tab of [first, second]) await at(tab, "job:1", 0.4);
  assert.equal(await first.evaluate(() => window.client.stats().requests.sse), 1);
  assert.deepEqual(await first.evaluate(() => window.seen.length), 2);
});

test("a leader that is frozen loses the lead to a tab that is seen", kOptions, async () => {
  const first = await newTab(["job:1"]);
  await live(first);
  // As good as frozen: it holds the lead and neither hears nor says anything.
  await first.evaluate(() => {
    BroadcastChannel.prototype.postMessage = () => {};
  });
  const second = await newTab(["job:1"]);
  await live(second);
  assert.equal(await leads([second]), second);
  await publish(edge, progress("job:1", 0.3));
  await at(second, "job:1", 0.3);
});

test("other tokens share nothing", kOptions, async () => {
  const tabs = [await newTab(["job:1"], { token: "mine" }), await newTab(["job:1"], { token: "yours" })];
  for (const tab of tabs) await live(tab);
  assert.equal(proxy.open, 2);
  const tokens = proxy.requests.filter(({ path }) => path.startsWith("/v1/events")).map(({ authorization }) => authorization);
  assert.deepEqual(tokens.sort(), ["Bearer mine", "Bearer yours"]);
});

for (const missing of [["locks"], ["BroadcastChannel"], ["locks", "BroadcastChannel"]]) {
  test(`a browser without ${missing.join(" and ")} has a connection a tab, without an error`, kOptions, async () => {
    const tabs = [await newTab(["job:1"], { without: missing }), await newTab(["job:1"], { without: missing })];
    for (const tab of tabs) await live(tab);
    assert.equal(proxy.open, 2);
    await publish(edge, progress("job:1", 0.6));
    for (const tab of tabs) {
      await at(tab, "job:1", 0.6);
      assert.deepEqual(await tab.evaluate(() => window.errors), []);
    }
  });
}

test("closing ends the connection, and nothing comes after it", kOptions, async () => {
  const page = await newTab(["job:1"]);
  await live(page);
  await page.evaluate(() => window.client.close());
  await inTime((async () => {
    while (proxy.open > 0) await new Promise((resolve) => setImmediate(resolve));
  })(), "the end of the stream");
  assert.equal(await page.evaluate(() => window.client.state), "closed");
});

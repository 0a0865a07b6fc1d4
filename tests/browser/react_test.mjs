// The hooks in a real Chromium, against the real servers, in React 18 and 19.
import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setInterval } from "node:timers/promises";
import { kLingerMs } from "../../clients/web/react/home.js";
import { bundle } from "./bundle.mjs";
import { Browser, kOptions } from "./chromium.mjs";
import { PageServer } from "./page_server.mjs";
import { Server, publish } from "./servers.mjs";
import { kRoot } from "./tools.mjs";

const kPage = path.join(kRoot, "tests/browser/react_page.jsx");
const kHtml = '<!doctype html><title>React</title><div id="root"></div><script type="module" src="/page.js"></script>';

let eventd;
let edge;
let server;
let browser;
let page;
let faults;
let names = 0; // Every test has jobs of its own.

before(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  server = await PageServer.start(() => edge.address);
  server.pages = { "/page": kHtml };
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await server?.stop();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

const newJob = () => `job:r${++names}`;
const running = (job, message, more) => ({ job, status: { state: "RUNNING", message }, ...more });
const progress = (job, fraction) => ({ job, progress: { step: "a", fraction } });
const show = (what) => page.evaluate((what) => window.show(what), what);
const showJob = (id, more) => show({ parts: [["Job", { id }]], ...more });
const log = () => page.evaluate(() => window.log);
const at = (selector) => page.locator(selector).waitFor({ state: "attached" });

for (const react of [18, 19]) {
  describe(`React ${react}`, () => {
    before(async () => (server.pages["/page.js"] = await bundle(kPage, { react })));

    beforeEach(async () => {
      await server.untilOpen(0);
      server.clear();
      ({ page, faults } = await browser.newPage());
      await page.goto(`${server.origin}/page`);
      await at("html[data-ready]");
    });

    afterEach(async () => {
      await page.close();
      assert.deepEqual(faults, []);
    });

    test("a job is live with three lines and no provider", kOptions, async () => {
      const id = newJob();
      await publish(edge, running(id, "first"));
      await showJob(id);
      await page.getByText("first").waitFor();
      await publish(edge, running(id, "second"));
      await page.getByText("second").waitFor();
      assert.equal(server.streams, 1);
      assert.equal(server.requests[0].authorization, undefined);
    });

    test("connects on mount with the token, is live, and ends with the last component", kOptions, async () => {
      const id = newJob();
      server.mayPass = (authorization) => authorization === "Bearer token-1";
      assert.equal(server.requests.length, 0);
      await showJob(id, { token: true });
      await at('#job[data-link="live"]');
      await showJob(null, { token: true });
      await at('#job[data-link="closed"]');
      await server.untilOpen(0);
      assert.deepEqual((await log()).states, ["connecting", "live", "closed"]);
      assert.deepEqual(server.requests.map(({ authorization }) => authorization), ["Bearer token-1"]);
      await showJob(id, { token: true });
      await server.untilOpen(1);
      await show(null);
      await server.untilOpen(0);
    });

    test("no job holds no connection", kOptions, async () => {
      await show({ parts: [["Job", { id: null }], ["Events", { resources: null }]] });
      await at('#job[data-link="closed"]');
      await at('#events[data-link="closed"]');
      await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))));
      assert.equal(server.requests.length, 0);
      assert.match(await page.evaluate(() => window.job.cancel().catch((error) => error.message)), /no job/);
    });

    test("components share one connection, and a change of pages does not cut it", kOptions, async () => {
      const [id, other] = [newJob(), newJob()];
      await show({ parts: [["Job", { id }], ["Job", { id, name: "again" }], ["Events", { resources: [id] }]] });
      await at('#again[data-link="live"]');
      assert.equal(server.streams, 1);
      await show(null);
      await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve))));
      await showJob(id);
      assert.equal(await page.evaluate(() => window.job.state), "live");
      assert.equal(server.streams, 1);
      await show({ parts: [["Job", { id }], ["Job", { id: other, name: "other" }]] });
      await publish(edge, running(other, "added"));
      await page.getByText("added").waitFor();
      assert.equal(await page.evaluate(() => window.job.reconnectCount), 0);
    });

    test("Strict Mode opens one connection and calls once", kOptions, async () => {
      const id = newJob();
      await show({ strict: true, token: true, parts: [["Job", { id }], ["Events", { resources: [id] }]] });
      await at('#job[data-link="live"]');
      await publish(edge, running(id, "on"), progress(id, 0.5), { job: id, completed: {} });
      await at('#job[data-state="COMPLETED"]');
      await page.waitForFunction(() => window.log.events.length > 1);
      const { ends, events } = await log();
      assert.deepEqual(ends, ["job COMPLETED"]);
      assert.deepEqual(events, ["events 0.5", `events end of ${id}`]);
      assert.equal(server.streams, 1);
      await show(null);
      await server.untilOpen(0);
    });

    test("calls the newest callbacks, once for each attempt", kOptions, async () => {
      const id = newJob();
      await publish(edge, running(id, "on"));
      await showJob(id);
      await at('#job[data-state="RUNNING"]');
      await show({ parts: [["Job", { id, name: "newest" }]] });
      await publish(edge, { job: id, failed: { code: "PROVIDER", retryable: true } });
      await at('#newest[data-state="FAILED"]');
      await publish(edge, { job: id, attempt: 2, status: { state: "RUNNING" } });
      await at('#newest[data-state="RUNNING"]');
      await publish(edge, { job: id, attempt: 2, failed: { code: "INTERNAL", retryable: true } });
      await at('#newest[data-state="FAILED"]');
      assert.deepEqual((await log()).ends, ["newest FAILED PROVIDER", "newest FAILED INTERNAL"]);
    });

    test("an end that came before the component is told too", kOptions, async () => {
      const id = newJob();
      await publish(edge, { job: id, completed: {} });
      await showJob(id, { strict: true });
      await at('#job[data-state="COMPLETED"]');
      await show({ strict: true, parts: [["Job", { id }], ["Job", { id, name: "late" }]] });
      await at('#late[data-state="COMPLETED"]');
      assert.deepEqual((await log()).ends, ["job COMPLETED", "late COMPLETED"]);
    });

    test("asks the worker", kOptions, async () => {
      const id = newJob();
      await publish(edge, running(id, "on"));
      await showJob(id);
      await at('#job[data-state="RUNNING"]');
      const answer = await page.evaluate(() => window.job.pause("coffee"));
      assert.equal(answer.phase, "REQUESTED");
      await at('#job[data-request="REQUESTED"]');
      await publish(edge, { job: id, control: { request: answer.request, action: "PAUSE", phase: "HONOURED" } });
      await at('#job[data-state="PAUSED"]');
    });

    test("a list is live, and its filter may be a new object at every render", kOptions, async () => {
      const user = `user:${react}`;
      const [first, second] = [newJob(), newJob()];
      const list = { parts: [["Jobs", { resource: user, state: "active" }]] };
      await publish(edge, running(first, "on", { resources: [user] }));
      await show(list);
      await at("li");
      await show(list);
      await publish(edge, running(second, "on", { resources: [user] }), { job: first, completed: {} });
      await page.waitForFunction((job) => document.querySelector("ul").textContent === job, second);
      assert.equal(server.streams, 1);
      assert.equal(await page.evaluate(() => window.list.counts.total), 2);
      await page.evaluate(() => window.list.loadMore());
      await page.waitForFunction(() => !window.list.loading);
    });

    test("events are told once each, to the newest handlers, and only of what was named", kOptions, async () => {
      const [id, other] = [newJob(), newJob()];
      const parts = (name) => ({ parts: [["Events", { resources: [id], name }], ["Job", { id: other }]] });
      await show(parts("a"));
      await at('#events[data-link="live"]');
      await at('#job[data-link="live"]');
      await publish(edge, running(other, "on"), progress(other, 0.1));
      await page.getByText("on").waitFor();
      await publish(edge, progress(id, 0.2));
      await page.waitForFunction(() => window.log.events.length > 0);
      await show(parts("b"));
      await publish(edge, progress(id, 0.3), { job: id, custom: { name: "chapter-read" } });
      await page.waitForFunction(() => window.log.events.length > 2);
      assert.deepEqual((await log()).events, ["a 0.2", "b 0.3", "b chapter-read"]);
      assert.equal(server.streams, 1);
    });

    test("a refused token ends in an error, and trying again goes on", kOptions, async () => {
      const id = newJob();
      server.mayPass = (authorization) => authorization === "Bearer token-2";
      const what = { token: true, parts: [["Events", { resources: [id] }]] };
      await show(what);
      await at('#events[data-link="closed"][data-error="UNAUTHENTICATED"]');
      await page.evaluate(() => window.tokens.push("token-2"));
      await show(what);
      await page.evaluate(() => window.retryEvents());
      await at('#events[data-link="live"]:not([data-error])');
      await publish(edge, progress(id, 0.4));
      await page.waitForFunction(() => window.log.events.length > 0);
      assert.deepEqual((await log()).events, ["events 0.4"]);
      assert.match(faults.join(), /^(Failed to load resource: the server responded with a status of 401 [^,]*,?)+$/);
      faults.length = 0;
    });

    test("a name that is none is an error, not an exception", kOptions, async () => {
      await show({ parts: [["Job", { id: "42" }], ["Events", { resources: ["no name"] }], ["Jobs", { resource: "x" }]] });
      await at('#job[data-link="closed"][data-error="INVALID_ARGUMENT"]');
      await at('#events[data-error="INVALID_ARGUMENT"]');
      await at('ul[data-link="closed"]');
      assert.equal(server.requests.length, 0);
    });

    test("1,000 events a second draw at most once a frame", kOptions, async () => {
      const id = newJob();
      await showJob(id, { shared: true });
      await at('#job[data-link="live"]');
      await page.evaluate((id) => {
        window.client.job(id).subscribe(() => window.log.updates++);
        window.log.drawn = [];
      }, id);
      const sends = [];
      const events = (batch) => Array.from({ length: 12 }, (_, i) => running(id, `number ${12 * batch + i}`));
      const begin = performance.now();
      for await (const _ of setInterval(8)) {
        sends.push(publish(edge, ...events(sends.length)));
        if (sends.length === 250) break;
      }
      await Promise.all(sends);
      const rate = (12_000 * sends.length) / (performance.now() - begin);
      await publish(edge, running(id, "the last"));
      await page.getByText("the last").waitFor();
      const { drawn, updates } = await log();
      assert.equal(new Set(drawn).size, drawn.length, "drawn twice in a frame");
      console.log(`React ${react}: ${rate.toFixed(0)} events/s, ${updates} updates, drawn ${drawn.length} times`);
      assert.ok(updates >= drawn.length && drawn.length > 10, `${updates} updates were drawn ${drawn.length} times`);
    });

    test("1,000 mounts and unmounts leave the heap flat", kOptions, async () => {
      const id = newJob();
      await publish(edge, running(id, "on"));
      const cdp = await page.context().newCDPSession(page);
      const used = async () => {
        // Timers of one length run in order: this one after those by which what was mounted is let go.
        await page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), kLingerMs);
        await server.untilOpen(0);
        for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
        return (await cdp.send("Runtime.getHeapUsage")).usedSize;
      };
      const mount = (times) => page.evaluate(async ([id, times]) => {
        const parts = [["Job", { id }], ["Jobs", { resource: id }], ["Events", { resources: [id] }]];
        for (let i = 0; i < times; i++) {
          window.show({ token: true, strict: i % 2 === 0, parts });
          if (i % 10 === 0) await new Promise((resolve) => requestAnimationFrame(resolve));
          window.show(null);
          window.log.drawn = [];
          window.log.events = [];
          window.log.states = [];
        }
      }, [id, times]);
      await mount(600);
      const before = await used();
      await mount(1000);
      const grown = (await used()) - before;
      console.log(`React ${react}: heap ${(before / 2 ** 20).toFixed(1)} MiB, grown by ${(grown / 1024).toFixed(0)} KiB in 1,000 mounts`);
      assert.ok(grown < 256 * 1024, `the heap grew by ${grown} bytes`);
    });
  });
}

// The dashboard's main states as pictures, at a fixed moment: the edge's answers are made by hand.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { findsNothing } from "./axe.mjs";
import { Browser, kOptions } from "./chromium.mjs";
import { FilesServer } from "./files_server.mjs";
import { kNow, kStates, manyJobs } from "./gallery_states.js";
import { compare } from "./golden.mjs";

const kCursor = "epoch001-900";
const kJobs = [...manyJobs(6), ...Object.values(kStates).filter(Boolean)].reverse().map((state) => ({ ...state, cursor: "epoch001-10", artifacts: undefined }));
const kLooks = [["light", "light", 1120], ["dark", "dark", 1120], ["narrow", "light", 360]];

let browser;
let server;
let page;
let faults;
let streams; // Those that are open.

before(async () => {
  browser = await Browser.start();
});

after(() => browser?.stop());

beforeEach(async () => {
  server = await FilesServer.start();
  streams = [];
  serveHistory([]);
  ({ page, faults } = await browser.newPage());
  await page.clock.setFixedTime(new Date(kNow));
  // What the page does every second, it does when the test says so.
  await page.addInitScript(() => {
    window.everySecond = [];
    window.setInterval = (run) => window.everySecond.push(run);
  });
});

afterEach(async () => {
  await page.close();
  await server.stop();
  assert.deepEqual(faults.filter((fault) => !fault.includes("403")), []);
});

const frame = (type, data, id) => `${id ? `id: ${id}\n` : ""}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

/** Answers what is asked of the past. */
function serveHistory(events) {
  server.routes.set("/v1/poll", (_, response) => {
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ events, cursor: kCursor, snapshots: [], more: false }));
  });
}

/** Answers streams with what there is of `jobs`, and then with `events`. */
function serve(jobs, events = []) {
  const byState = {};
  for (const { state } of jobs) byState[state] = (byState[state] ?? 0) + 1;
  const covers = (resource, job) => (resource.endsWith("*") ? job.startsWith(resource.slice(0, -1)) : job === resource);
  server.routes.set("/v1/events", (request, response) => {
    const resources = new URL(request.url, server.origin).searchParams.get("resources").split(",");
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(`retry: 1000\n\n${frame("connected", { type: "connected", resources, cursor: kCursor, heartbeat: "10s" })}`);
    for (const resource of resources) {
      const own = jobs.filter(({ job }) => covers(resource, job));
      response.write(frame("snapshot", { type: "snapshot", resource, cursor: kCursor, jobs: own, counts: { byState, total: jobs.length }, more: false }, kCursor));
    }
    streams.push(response);
    for (const { type, ...event } of events) response.write(frame(type, event, `epoch001-${event.seq}`));
  });
}

async function open(hash, { colorScheme = "light", width = 1120 } = {}) {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(`${server.origin}/${hash}`);
}

async function picture(name, options) {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const { inner, scroll } = await page.evaluate(() => ({ inner: innerWidth, scroll: document.documentElement.scrollWidth }));
  assert.ok(scroll <= inner, `${name} scrolls sideways`);
  compare(name, await page.screenshot(options));
}

const isLive = () => page.locator('#connection[data-state="live"]').waitFor();

/** A minute goes by, in which nothing happens. */
const minute = () => page.evaluate(() => {
  for (let i = 0; i < 60; i++) window.everySecond.forEach((run) => run());
});

for (const [name, colorScheme, width] of kLooks) {
  test(`the list, ${name}`, kOptions, async () => {
    serve(kJobs);
    await open("", { colorScheme, width });
    await isLive();
    await page.locator("milepost-jobs .row").first().waitFor();
    await minute();
    await picture(`page-list-${name}`);
    await findsNothing(page, name);
  });
}

for (const [name, colorScheme, width] of kLooks) {
  test(`a job's own page, ${name}`, kOptions, async () => {
    serve(kJobs);
    const at = (seconds) => new Date(Date.parse(kNow) - 1000 * seconds).toISOString();
    const step = (seq, seconds, id, state) => ({ job: "job:film", seq: String(seq), commitTime: at(seconds), step: { id, state } });
    const line = (seq, text, stream = "stdout") => ({ job: "job:film", seq: String(seq), commitTime: at(9), output: { line: { text, stream } } });
    const events = [
      step(1, 92, "fetch", "STARTED"), step(2, 71, "fetch", "DONE"), step(3, 70, "render", "STARTED"), step(4, 70, "frames", "STARTED"),
      step(5, 40, "sound", "STARTED"), step(6, 38, "subtitles", "SKIPPED"),
      ...Array.from({ length: 30 }, (_, i) => line(7 + i, `frame=${67 + i} fps=24 q=28.0 size=1024kB bitrate=2097.2kbits/s`)),
      line(40, "deprecated pixel format used", "stderr"),
    ];
    serveHistory(events);
    await open("#/job/job:film", { colorScheme, width });
    await isLive();
    await page.locator("#lines .line").last().waitFor();
    await page.locator("#timeline").waitFor();
    await picture(`page-job-${name}`, { fullPage: true });
    await findsNothing(page, name);
  });
}

test("no jobs yet", kOptions, async () => {
  serve([]);
  await open("");
  await page.locator("#empty").waitFor();
  await picture("page-empty");
  await findsNothing(page, "empty");
});

test("no job fits the filter", kOptions, async () => {
  serve(kJobs);
  await open("#/?q=nowhere", { colorScheme: "dark" });
  await page.locator("#none").waitFor();
  await picture("page-none");
  await findsNothing(page, "none");
});

test("a job that nobody has heard of, and then it is there", kOptions, async () => {
  serve(kJobs);
  await open("#/job/job:nowhere", { width: 360 });
  await page.locator("#missing").waitFor();
  await picture("page-missing");
  await findsNothing(page, "missing");
  streams.at(-1).write(frame("job-status", { job: "job:nowhere", seq: "950", commitTime: kNow, status: { state: "RUNNING", title: "Here" } }, "epoch001-950"));
  await page.locator('#job [data-look="running"]').waitFor();
  assert.equal(await page.locator("#missing").isVisible(), false);
});

test("jobs that are not the reader's to see", kOptions, async () => {
  server.routes.set("/v1/events", (_, response) => {
    response.writeHead(403, { "Content-Type": "application/problem+json" }).end('{"title":"Forbidden","status":403}');
  });
  await open("");
  await page.locator("#trouble").waitFor();
  await picture("page-forbidden");
  await findsNothing(page, "forbidden");
  serve(kJobs);
  await page.getByRole("button", { name: "Try again" }).click();
  await isLive();
  assert.equal(await page.locator("#trouble").isVisible(), false);
  await page.locator("milepost-jobs .row").first().waitFor();
});

test("the edge is out of reach", kOptions, async () => {
  serve(kJobs);
  await page.addInitScript(() => (Math.random = () => 0.999)); // Waits between tries are long.
  await open("", { colorScheme: "dark" });
  await isLive();
  await minute();
  for (const route of ["/v1/events", "/v1/poll"]) server.routes.set(route, (request) => request.socket.destroy());
  server.http.closeAllConnections();
  await page.locator("#banner").waitFor();
  await picture("page-offline");
  await findsNothing(page, "offline");
  await page.waitForEvent("requestfailed");
  serve(kJobs);
  await page.getByRole("button", { name: "Retry now" }).click();
  await isLive();
  assert.equal(await page.locator("#banner").isVisible(), false);
});

test("notices and ends come as toasts, and cards may be read in peace", kOptions, async () => {
  const content = { kind: "card", title: "Good light", text: "Light from one side makes faces alive. Keep the sun behind you.", link: { href: "https://example.com/light", text: "More on light" } };
  serve(kJobs, [
    { type: "job-failed", job: "job:mail", commitTime: kNow, failed: { code: "PROVIDER", message: "the mail server is full", retryable: true } },
    { type: "notice", job: "job:film", commitTime: kNow, notice: { severity: "INFO", content } },
  ].map((event, i) => ({ ...event, seq: String(901 + i) })));
  await open("", { colorScheme: "dark", width: 360 });
  await page.locator("milepost-toasts .toast").nth(1).waitFor();
  await minute();
  await picture("page-toasts");
  await findsNothing(page, "toasts");
});

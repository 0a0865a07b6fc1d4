// The dashboard in a real, headless Chromium, against the real servers.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { kDeadlineMs, Server, inTime, publish } from "./servers.mjs";

const kRoot = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const kChromium = "/usr/bin/chromium";
const kDriver = path.join(kRoot, "build/tools/npm/node_modules/playwright-core");
const kPictures = path.join(kRoot, "build/browser");
const kFlags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const kOptions = { timeout: 4 * kDeadlineMs };

for (const [tool, file] of [["Chromium", kChromium], ["playwright-core", kDriver]]) {
  if (existsSync(file)) continue;
  console.log(`SKIPPED there is no ${tool}; run tools/setup browser`);
  process.exit(77);
}
const { chromium } = createRequire(import.meta.url)(kDriver);

let profile;
let context;
let eventd;
let edge;
let page;
let faults; // What the page complained about: exceptions, blocked resources.

before(async () => {
  mkdirSync(kPictures, { recursive: true });
  profile = mkdtempSync(path.join(os.tmpdir(), "milepost-browser-"));
  context = await chromium.launchPersistentContext(profile, { executablePath: kChromium, headless: true, args: kFlags });
  context.setDefaultTimeout(kDeadlineMs);
});

after(async () => {
  await context?.close();
  rmSync(profile, { recursive: true, force: true });
});

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  page = await context.newPage();
  faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // A connection that was cut is told as an error too; that is what some tests do on purpose.
    if (message.type() === "error" && !message.text().includes("net::ERR_")) faults.push(message.text());
  });
});

afterEach(async () => {
  await page?.close();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
  assert.deepEqual(faults, []);
});

async function openPage() {
  await page.goto(`http://${edge.address}/`);
  await isLive();
}

const isLive = () => page.locator('#link[data-link="live"]').waitFor();
const card = (job) => page.locator(`[data-job="${job}"]`);
const progress = (fraction, message) => ({ job: "job:film", progress: { step: "render", fraction, message } });

/** Waits until the job's bar stands at so many percent. */
const barAt = (job, percent) => card(job).locator(`.whole[aria-valuenow="${percent}"]`).waitFor();

test("a bar moves while events arrive, without a reload", kOptions, async () => {
  await openPage();
  await page.locator("#empty").waitFor();
  await page.evaluate(() => (window.loadedOnce = true));
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer" } }, progress(0.25, "frame 60"));
  await barAt("job:film", 25);
  assert.equal(await page.locator("#empty").isVisible(), false);
  assert.equal(await card("job:film").locator("h2").textContent(), "Trailer");
  await publish(edge, progress(0.75, "frame 180"));
  await barAt("job:film", 75);
  assert.match(await card("job:film").textContent(), /frame 180/);
  await publish(edge, { job: "job:film", output: { line: { text: "muxing audio" } } }, { job: "job:film", completed: { message: "all done" } });
  await page.locator('[data-job="job:film"][data-state="COMPLETED"]').waitFor();
  await barAt("job:film", 100);
  assert.match(await card("job:film").textContent(), /muxing audio/);
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
});

test("a page that opens late shows the jobs that there were", kOptions, async () => {
  await publish(edge, progress(0.5, "half"), { job: "job:import", failed: { code: "PROVIDER", message: "quota used up" } });
  await openPage();
  await barAt("job:film", 50);
  await page.locator('[data-job="job:import"][data-state="FAILED"]').waitFor();
  assert.match(await card("job:import").textContent(), /PROVIDER: quota used up/);
});

test("an edge that was killed is back, and nothing was missed", kOptions, async () => {
  await openPage();
  await publish(edge, progress(0.1, "before"));
  await barAt("job:film", 10);
  const address = edge.address;
  await edge.stop("SIGKILL");
  await page.locator('#link[data-link="waiting"]').waitFor();
  // While the browser has no edge, the job goes on by way of another one.
  const other = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  const lines = Array.from({ length: 8 }, (_, i) => ({ job: "job:film", output: { line: { text: `missed ${i}` } } }));
  await publish(other, ...lines, progress(0.6, "meanwhile"));
  await other.stop();
  edge = await Server.start("milepost-edge", address, `--eventd=${eventd.address}`);
  await isLive();
  await barAt("job:film", 60);
  const output = await card("job:film").locator(".output").textContent();
  assert.deepEqual(output.split("\n"), lines.map((event) => event.output.line.text));
  await publish(edge, progress(0.9, "after"));
  await barAt("job:film", 90);
});

test("a service that begins a new log empties the page and then goes on", kOptions, async () => {
  await openPage();
  await publish(edge, progress(0.3, "old log"));
  await barAt("job:film", 30);
  const address = eventd.address;
  await eventd.stop("SIGKILL");
  eventd = await Server.start("milepost-eventd", address);
  await page.locator("#empty").waitFor();
  await publish(edge, { job: "job:other", progress: { step: "a", fraction: 0.2 } });
  await barAt("job:other", 20);
  assert.equal(await card("job:film").count(), 0);
});

test("a page that opens late knows what thousands of events ago was said", kOptions, async () => {
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer", labels: { team: "red" } } });
  for (let round = 0; round < 3; round++) {
    await publish(edge, ...Array.from({ length: 900 }, (_, i) => progress((round * 900 + i) / 3000, `frame ${round * 900 + i}`)));
  }
  await publish(edge, { job: "job:done", completed: { message: "there it is", output: { pages: 42 }, artifacts: [{ name: "report.pdf", uri: "https://example.com/report.pdf" }] } });
  await openPage();
  await barAt("job:film", 89);
  assert.equal(await card("job:film").locator("h2").textContent(), "Trailer");
  assert.match(await card("job:done").locator(".result").textContent(), /"pages": 42/);
  assert.equal(await card("job:done").locator("a").getAttribute("href"), "https://example.com/report.pdf");
  await publish(edge, progress(0.95, "frame 2850"));
  await barAt("job:film", 95);
});

test("buttons ask the worker and tell what became of it", kOptions, async () => {
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer" } });
  await openPage();
  const button = (name) => card("job:film").getByRole("button", { name: `${name} Trailer` });
  const told = (text) => card("job:film").locator(".request", { hasText: text }).waitFor();
  const inState = (state) => page.locator(`[data-job="job:film"][data-state="${state}"]`).waitFor();
  // What the worker says; `request` is the newest one's number.
  const answer = async (action, phase, members) => {
    const { events } = await (await fetch(`http://${edge.address}/v1/poll?resources=job:film&after=earliest`)).json();
    const request = events.findLast(({ control }) => control?.phase === "REQUESTED").seq;
    await publish(edge, { job: "job:film", control: { request, action, phase, ...members } });
  };
  assert.equal(await button("Resume").isVisible() || await button("Retry").isVisible(), false);
  await button("Pause").click();
  await told("Pause: requested");
  await answer("PAUSE", "DELIVERED");
  await told("Pause: the worker has it");
  await answer("PAUSE", "REFUSED", { reason: "not in the middle of a frame" });
  await told("Pause: refused (not in the middle of a frame)");
  await button("Pause").press("Enter");
  await told("Pause: requested");
  await answer("PAUSE", "HONOURED");
  await inState("PAUSED");
  await button("Resume").waitFor();
  // The button that had the focus is gone; it stays with the job, whose next buttons are a Tab away.
  assert.equal(await card("job:film").evaluate((node) => node === document.activeElement), true);
  await page.keyboard.press("Tab");
  assert.equal(await button("Resume").evaluate((node) => node === document.activeElement), true);
  await button("Cancel").click();
  await answer("CANCEL", "HONOURED");
  await inState("CANCELLING");
  assert.equal(await card("job:film").getByRole("button").count(), 0);
  await publish(edge, { job: "job:film", cancelled: { reason: "asked" } });
  await inState("CANCELLED");
  await button("Retry").click();
  await told("Retry: requested");
  await answer("RETRY", "HONOURED");
  await publish(edge, { job: "job:film", attempt: 2, status: { state: "QUEUED" } });
  await inState("QUEUED");
  assert.match(await card("job:film").locator(".state").textContent(), /attempt 2/);
});

test("a worker that runs a command does what the buttons say", kOptions, async (t) => {
  const program = path.join(process.env.MILEPOST_BIN ?? "build/release/bin", "milepost");
  // `cat` waits for input that never comes.
  const worker = spawn(program, ["run", `--eventd=${eventd.address}`, "--job=job:cat", "--title=Cat", "--", "cat"], { stdio: ["pipe", "ignore", "ignore"] });
  const exit = once(worker, "exit");
  t.after(() => worker.kill("SIGKILL"));
  await openPage();
  const inState = (state) => page.locator(`[data-job="job:cat"][data-state="${state}"]`).waitFor();
  const click = (name) => card("job:cat").getByRole("button", { name: `${name} Cat` }).click();
  await inState("RUNNING");
  await click("Pause");
  await inState("PAUSED");
  await page.reload(); // What was asked for works from another page too.
  await inState("PAUSED");
  await click("Resume");
  await inState("RUNNING");
  await click("Cancel");
  await inState("CANCELLED");
  const [status] = await inTime(exit, "the end of milepost run");
  assert.equal(status, 4);
});

test("the filter shows what is asked for, also jobs that the page did not know", kOptions, async () => {
  const many = Array.from({ length: 1100 }, (_, i) => ({ job: `job:n${i}`, status: { state: "RUNNING", title: `Number ${i} ${"x".repeat(200)}` } }));
  await publish(edge, ...many.slice(0, 600));
  await publish(edge, ...many.slice(600), { job: "job:film", completed: { message: "cut" } });
  await openPage();
  await card("job:film").waitFor();
  assert.equal(await card("job:n3").count(), 0);
  await page.getByLabel("Find").fill("number 3 x");
  await card("job:n3").waitFor();
  assert.equal(await card("job:film").isVisible(), false);
  await page.getByLabel("Find").fill("");
  await page.getByLabel("Show").selectOption("completed");
  await card("job:film").waitFor();
  assert.equal(await page.locator(".job:visible").count(), 1);
  await page.getByLabel("Find").fill("nowhere");
  await page.locator("#none").waitFor();
});

test("what events say is text, never markup", kOptions, async () => {
  const evil = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
  await openPage();
  await publish(edge,
    { job: "job:evil", status: { state: "RUNNING", title: evil, message: evil, steps: [{ id: evil, title: evil }] } },
    { job: "job:evil", notice: { severity: "WARNING", text: evil } },
    { job: "job:evil", output: { line: { text: evil } } },
    { job: "job:evil", output: { artifact: { name: evil, uri: "javascript:window.ran=1" } } },
    { job: "job:evil", failed: { code: "INTERNAL", message: evil } });
  await page.locator('[data-job="job:evil"][data-state="FAILED"]').waitFor();
  assert.equal(await card("job:evil").locator("h2").textContent(), evil);
  assert.equal(await card("job:evil").locator("img, script, a").count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
});

test("the page may load and run nothing but its own files", kOptions, async () => {
  const answer = await page.goto(`http://${edge.address}/`);
  assert.match(answer.headers()["content-security-policy"] ?? "", /default-src 'none'/);
});

test("it reads well, wide and narrow, light and dark", kOptions, async () => {
  await publish(edge,
    { job: "job:report", completed: { message: "42 pages" } },
    { job: "job:film", status: { state: "RUNNING", title: "Trailer", steps: [{ id: "fetch", weight: 1 }, { id: "render", weight: 8 }, { id: "upload", weight: 1 }] } },
    { job: "job:film", step: { id: "fetch", state: "DONE" } },
    { job: "job:film", progress: { step: "render", done: 96, total: 240, unit: "frames", message: "a scene with a rather long name that has to wrap somewhere" } },
    { job: "job:film", output: { line: { text: "frame=96 fps=24 q=28.0 size=1024kB time=00:00:04.00 bitrate=2097.2kbits/s speed=1x" } } },
    { job: "job:import", status: { state: "QUEUED", title: "Import of the year's invoices", queuePosition: 2 } },
    { job: "job:mail", failed: { code: "PROVIDER", message: "the mail server is full", retryable: true } },
    { job: "job:ask", status: { state: "WAITING", title: "Book", message: "which cover?" } },
    { job: "job:ask", notice: { severity: "WARNING", text: "Two covers were drawn: choose one." } });
  for (const [name, colorScheme, width] of [["light", "light", 1000], ["dark", "dark", 1000], ["narrow", "light", 360]]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await openPage();
    await barAt("job:film", 42);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${name} scrolls sideways`);
    await page.screenshot({ path: path.join(kPictures, `${name}.png`), fullPage: true });
  }
});

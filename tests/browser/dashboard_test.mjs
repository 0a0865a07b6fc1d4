// The dashboard in a real, headless Chromium, against the real servers.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { findsNothing } from "./axe.mjs";
import { Browser, kOptions, kPictures } from "./chromium.mjs";
import { Server, inTime, publish } from "./servers.mjs";

let browser;
let eventd;
let edge;
let page;
let faults; // What the page complained about: exceptions, blocked resources.

before(async () => {
  browser = await Browser.start();
});

after(() => browser?.stop());

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  ({ page, faults } = await browser.newPage());
  // What the policy forbade is told to the page too.
  await page.addInitScript(() => {
    window.forbidden = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => window.forbidden.push(`${violatedDirective} ${blockedURI}`));
  });
});

afterEach(async () => {
  const forbidden = await page?.evaluate(() => window.forbidden).catch(() => []);
  await page?.close();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
  assert.deepEqual([faults, forbidden ?? []], [[], []]);
});

async function openPage(hash = "") {
  await page.goto(`http://${edge.address}/${hash}`);
  await isLive();
}

/** Goes to another part of the page, as a link does. */
const goTo = (hash) => page.evaluate((hash) => (location.hash = hash), hash);

const isLive = () => page.locator('#connection[data-state="live"]').waitFor();
const row = (job) => page.locator(`milepost-jobs [data-job="${job}"]`);
const card = () => page.locator("#job .job"); // Of the job's own page.
const inState = (state) => page.locator(`#job .job[data-look="${state}"]`).waitFor();
const rowIn = (job, state) => page.locator(`milepost-jobs [data-job="${job}"][data-look="${state}"]`).waitFor();
const progress = (fraction, message) => ({ job: "job:film", progress: { step: "render", fraction, message } });

/** Waits until the job's bar in the list stands at so many percent. */
const barAt = (job, percent) => row(job).locator(`.bar[aria-valuenow="${percent}"]`).waitFor();

test("a bar moves while events arrive, without a reload", kOptions, async () => {
  await openPage();
  await page.locator("#empty").waitFor();
  await page.evaluate(() => (window.loadedOnce = true));
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer" } }, progress(0.25, "frame 60"));
  await barAt("job:film", 25);
  assert.equal(await page.locator("#empty").isVisible(), false);
  assert.equal(await row("job:film").locator(".title").textContent(), "Trailer");
  await publish(edge, progress(0.75, "frame 180"));
  await barAt("job:film", 75);
  assert.match(await row("job:film").textContent(), /frame 180/);
  await row("job:film").locator(".title").click();
  await publish(edge, { job: "job:film", output: { line: { text: "muxing audio" } } }, { job: "job:film", completed: { message: "all done" } });
  await inState("completed");
  assert.equal(await card().locator(".whole").getAttribute("aria-valuenow"), "100");
  await page.locator("#lines", { hasText: "muxing audio" }).waitFor();
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
});

test("a page that opens late shows the jobs that there were", kOptions, async () => {
  await publish(edge, progress(0.5, "half"), { job: "job:import", failed: { code: "PROVIDER", message: "quota used up" } });
  await openPage();
  await barAt("job:film", 50);
  await rowIn("job:import", "failed");
  assert.match(await row("job:import").textContent(), /PROVIDER: quota used up/);
});

test("an edge that was killed is back, and nothing was missed", kOptions, async () => {
  await openPage();
  await publish(edge, progress(0.1, "before"));
  await barAt("job:film", 10);
  const address = edge.address;
  await edge.stop("SIGKILL");
  await page.locator('#connection[data-state="offline"]').waitFor();
  // While the browser has no edge, the job goes on by way of another one.
  const other = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  const lines = Array.from({ length: 8 }, (_, i) => ({ job: "job:film", output: { line: { text: `missed ${i}` } } }));
  await publish(other, ...lines, progress(0.6, "meanwhile"));
  await other.stop();
  edge = await Server.start("milepost-edge", address, `--eventd=${eventd.address}`);
  await barAt("job:film", 60);
  await goTo("#/job/job:film");
  await page.locator("#lines .line").nth(7).waitFor();
  assert.deepEqual(await page.locator("#lines .line").allTextContents(), lines.map((event) => event.output.line.text));
  await goTo("#/");
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
  assert.equal(await row("job:film").count(), 0);
});

test("a page that opens late knows what thousands of events ago was said", kOptions, async () => {
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer", labels: { team: "red" } } });
  for (let round = 0; round < 3; round++) {
    await publish(edge, ...Array.from({ length: 900 }, (_, i) => progress((round * 900 + i) / 3000, `frame ${round * 900 + i}`)));
  }
  await publish(edge, { job: "job:done", completed: { message: "there it is", output: { pages: 42 }, artifacts: [{ name: "report.pdf", uri: "https://example.com/report.pdf" }] } });
  await openPage();
  await barAt("job:film", 89);
  assert.equal(await row("job:film").locator(".title").textContent(), "Trailer");
  await publish(edge, progress(0.95, "frame 2850"));
  await barAt("job:film", 90); // A step that no plan names is shown no further: others may follow.
  await goTo("#/job/job:done");
  await inState("completed");
  await card().locator(".result", { hasText: '"pages": 42' }).waitFor();
  assert.equal(await card().locator("a").getAttribute("href"), "https://example.com/report.pdf");
  await goTo("#/job/job:film");
  await inState("running");
  await page.locator("#facts", { hasText: "teamred" }).waitFor();
});

test("buttons ask the worker and tell what became of it", kOptions, async () => {
  await publish(edge, { job: "job:film", status: { state: "RUNNING", title: "Trailer" } });
  await openPage("#/job/job:film");
  const button = (name) => card().getByRole("button", { name: `${name} Trailer` });
  const told = (text) => card().locator(".request", { hasText: text }).waitFor();
  // What the worker says; `request` is the newest one's number.
  const answer = async (action, phase, members) => {
    const { events } = await (await fetch(`http://${edge.address}/v1/poll?resources=job:film&after=earliest`)).json();
    const request = events.findLast(({ control }) => control?.phase === "REQUESTED").seq;
    await publish(edge, { job: "job:film", control: { request, action, phase, ...members } });
  };
  await inState("running");
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
  await inState("paused");
  await button("Resume").waitFor();
  // The button that had the focus is gone; it stays with the job, whose next buttons are a Tab away.
  const hasFocus = (node) => node === node.getRootNode().activeElement;
  assert.equal(await card().evaluate(hasFocus), true);
  await page.keyboard.press("Tab");
  assert.equal(await button("Resume").evaluate(hasFocus), true);
  await button("Cancel").click();
  await answer("CANCEL", "HONOURED");
  await inState("cancelling");
  assert.equal(await card().getByRole("button").count(), 0);
  await publish(edge, { job: "job:film", cancelled: { reason: "asked" } });
  await inState("cancelled");
  await button("Retry").click();
  await told("Retry: requested");
  await answer("RETRY", "HONOURED");
  await publish(edge, { job: "job:film", attempt: 2, status: { state: "QUEUED" } });
  await inState("queued");
  assert.match(await card().locator(".attempt").textContent(), /attempt 2/);
});

test("a worker that runs a command does what the buttons say", kOptions, async (t) => {
  const program = path.join(process.env.MILEPOST_BIN ?? "build/release/bin", "milepost");
  // `cat` waits for input that never comes.
  const worker = spawn(program, ["run", `--eventd=${eventd.address}`, "--job=job:cat", "--title=Cat", "--", "cat"], { stdio: ["pipe", "ignore", "ignore"] });
  const exit = once(worker, "exit");
  t.after(() => worker.kill("SIGKILL"));
  await openPage("#/job/job:cat");
  const click = (name) => card().getByRole("button", { name: `${name} Cat` }).click();
  await inState("running");
  await click("Pause");
  await inState("paused");
  await page.reload(); // What was asked for works from another page too.
  await inState("paused");
  await click("Resume");
  await inState("running");
  await click("Cancel");
  await inState("cancelled");
  const [status] = await inTime(exit, "the end of milepost run");
  assert.equal(status, 4);
});

test("the filter shows what is asked for, also jobs that the page did not know", kOptions, async () => {
  const many = Array.from({ length: 1100 }, (_, i) => ({ job: `job:n${i}`, status: { state: "RUNNING", title: `Number ${i} ${"x".repeat(200)}` } }));
  await publish(edge, ...many.slice(0, 600));
  await publish(edge, ...many.slice(600), { job: "job:film", completed: { message: "cut" } });
  await openPage();
  await row("job:film").waitFor();
  await page.getByLabel("Find").fill("number 3 x");
  await row("job:n3").waitFor();
  assert.equal(await row("job:film").count(), 0);
  assert.equal(await page.evaluate(() => location.hash), "#/?q=number%203%20x");
  await page.getByLabel("Find").fill("");
  await page.getByRole("button", { name: "Completed" }).click();
  await row("job:film").waitFor();
  assert.equal(await page.locator("milepost-jobs .row").count(), 1);
  await page.getByLabel("Find").fill("nowhere");
  await page.locator("#none").waitFor();
  await page.goBack(); // Letters make no pages: this is the list without a state.
  await page.locator(`#states [data-look=""][aria-pressed="true"]`).waitFor();
});

test("one resource's jobs, one kind's, and what no resource is", kOptions, async () => {
  await publish(edge,
    { job: "job:film", resources: ["user:7"], status: { state: "RUNNING", kind: "video" } },
    { job: "job:book", resources: ["user:7"], status: { state: "RUNNING", kind: "print" } },
    { job: "job:other", status: { state: "RUNNING" } }, { job: "post:7", status: { state: "RUNNING" } });
  await openPage("#/?resource=user:7");
  await row("job:film").waitFor();
  assert.equal(await page.locator("milepost-jobs .row").count(), 2);
  assert.equal(await page.locator('#states [data-look="running"] .count').textContent(), "2");
  await page.getByLabel("Kind").selectOption("print");
  await row("job:film").waitFor({ state: "detached" });
  assert.equal(await row("job:book").count(), 1);
  await page.getByLabel("Resource").fill("no resource");
  await page.locator("#resource-problem", { hasText: "user:7" }).waitFor();
  await page.getByLabel("Kind").selectOption("");
  await page.getByLabel("Resource").fill("post:*");
  await row("post:7").waitFor();
  await row("job:book").waitFor({ state: "detached" });
});

test("what events say is text, never markup", kOptions, async () => {
  const evil = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
  await openPage("#/job/job:evil");
  await publish(edge,
    { job: "job:evil", status: { state: "RUNNING", title: evil, message: evil, labels: { a: evil }, steps: [{ id: evil, title: evil }] }, metadata: { [evil]: evil, link: "javascript:window.ran=1" } },
    { job: "job:evil", step: { id: evil, state: "STARTED" } },
    { job: "job:evil", notice: { severity: "WARNING", text: evil, content: { title: evil, text: evil, link: "javascript:window.ran=1", image: "https://example.com/x.png" } } },
    { job: "job:evil", output: { line: { text: evil, stream: evil.slice(0, 60) } } },
    { job: "job:evil", output: { artifact: { name: evil, uri: "javascript:window.ran=1" } } },
    { job: "job:evil", output: { artifact: { name: "elsewhere", uri: "https://example.com/x.png", mediaType: "image/png" } } },
    { job: "job:evil", failed: { code: "INTERNAL", message: evil } });
  await inState("failed");
  await page.locator("#lines .line").waitFor();
  assert.equal(await card().locator(".title").first().textContent(), evil);
  assert.equal(await page.locator("#job-page img, #job-page script, milepost-toasts img, milepost-toasts script, milepost-jobs img").count(), 0);
  assert.deepEqual(await page.locator("#job-page a, milepost-toasts a").evaluateAll((links) => links.map((link) => link.getAttribute("href")).filter((href) => /^javascript/i.test(href))), []);
  assert.equal(await card().locator("a").getAttribute("href"), "https://example.com/x.png");
  await goTo("#/");
  await rowIn("job:evil", "failed");
  assert.equal(await page.evaluate(() => window.ran), undefined);
});

test("an address leads to a job, a reload stays there, and back leads to where the list stood", kOptions, async () => {
  await publish(edge, ...Array.from({ length: 200 }, (_, i) => ({ job: `job:n${i}`, status: { state: "RUNNING", title: `Number ${i}` } })));
  await openPage();
  await row("job:n199").waitFor();
  await page.evaluate(() => scrollTo(0, 4000));
  await row("job:n140").waitFor();
  const before = await page.evaluate(() => scrollY);
  await row("job:n140").locator(".title").click();
  await inState("running");
  assert.equal(await page.evaluate(() => location.hash), "#/job/job:n140");
  assert.equal(await page.evaluate(() => document.activeElement.id), "job-page");
  await page.reload();
  await inState("running");
  assert.equal(await card().locator(".title").first().textContent(), "Number 140");
  await page.goBack();
  await row("job:n199").waitFor();
  await page.evaluate(() => scrollTo(0, 4000));
  await row("job:n140").locator(".title").click();
  await inState("running");
  await page.locator("#back").click();
  await row("job:n140").waitFor();
  assert.equal(await page.evaluate(() => scrollY), before);
});

test("steps stand on a time line, with what was before the page was opened", kOptions, async () => {
  const step = (id, state) => ({ job: "job:film", step: { id, state } });
  await publish(edge, { job: "job:film", status: { state: "RUNNING", steps: [{ id: "fetch" }, { id: "render" }, { id: "upload" }] } }, step("fetch", "STARTED"));
  await publish(edge, step("fetch", "DONE"), step("render", "STARTED"));
  await openPage("#/job/job:film");
  const spans = (state) => page.locator(`#timeline .span[data-step="${state}"]`);
  await spans("done").waitFor();
  await spans("started").waitFor();
  await publish(edge, step("render", "FAILED"));
  await spans("failed").waitFor();
  await publish(edge, { job: "job:film", failed: { code: "INTERNAL", retryable: true } });
  await inState("failed");
  await publish(edge, { job: "job:film", attempt: 2, step: { id: "fetch", state: "STARTED" } });
  await spans("started").waitFor();
  assert.equal(await page.locator("#timeline .span").count(), 1);
});

test("output is followed until somebody scrolls up", kOptions, async () => {
  const lines = (from, count) => Array.from({ length: count }, (_, i) => ({ job: "job:film", output: { line: { text: `line ${from + i}` } } }));
  await publish(edge, ...lines(0, 100));
  await openPage("#/job/job:film");
  await page.locator("#lines", { hasText: "line 99" }).waitFor();
  const place = () => page.locator("#lines").evaluate((node) => [node.scrollTop, node.scrollHeight - node.clientHeight - node.scrollTop < 2]);
  assert.equal((await place())[1], true);
  await publish(edge, ...lines(100, 50));
  await page.locator("#lines", { hasText: "line 149" }).waitFor();
  assert.equal((await place())[1], true);
  await page.locator("#lines").evaluate((node) => (node.scrollTop = 400));
  await page.locator("#follow").waitFor();
  await publish(edge, ...lines(150, 5));
  await page.getByRole("button", { name: "Follow: 5 new lines" }).waitFor();
  assert.deepEqual(await place(), [400, false]);
  await page.locator("#follow").click();
  assert.equal((await place())[1], true);
  assert.equal(await page.locator("#follow").isVisible(), false);
  assert.equal(await page.locator("#lines .line").count(), 155);
});

test("offline and back: it is told, and nothing was missed", kOptions, async () => {
  await publish(edge, progress(0.1, "before"));
  await openPage();
  await barAt("job:film", 10);
  await browser.context.setOffline(true);
  // A stream that is open stays open in this browser; the edge ends it.
  const address = edge.address;
  await edge.stop("SIGKILL");
  await page.locator("#banner").waitFor();
  edge = await Server.start("milepost-edge", address, `--eventd=${eventd.address}`);
  await publish(edge, progress(0.5, "meanwhile"));
  await browser.context.setOffline(false);
  // It may poll before it streams again.
  await barAt("job:film", 50);
  await page.locator("#banner").waitFor({ state: "hidden" });
});

test("a page that is live asks for nothing", kOptions, async () => {
  await publish(edge, progress(0.1, "before"));
  await openPage();
  await barAt("job:film", 10);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  for (let i = 2; i <= 9; i++) {
    await publish(edge, progress(i / 10, `frame ${i}`));
    await barAt("job:film", 10 * i);
  }
  assert.deepEqual(asked, []);
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
    for (const [hash, part] of [["", "list"], ["#/job/job:film", "job"]]) {
      await openPage(hash);
      await page.locator(part === "list" ? 'milepost-jobs [data-job="job:film"]' : '#job [data-look="running"]').waitFor();
      await findsNothing(page, `${part}, ${name}`);
      const { inner, scroll } = await page.evaluate(() => ({ inner: innerWidth, scroll: document.documentElement.scrollWidth }));
      assert.ok(scroll <= inner, `${part}, ${name} scrolls sideways`);
      await page.screenshot({ path: path.join(kPictures, `${part}-${name}.png`), fullPage: true });
    }
  }
});

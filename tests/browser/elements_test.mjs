// The elements in a real Chromium, with a client whose states are set by hand.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { findsNothing } from "./axe.mjs";
import { Browser, kOptions } from "./chromium.mjs";
import { FilesServer } from "./files_server.mjs";
import { kNow } from "./gallery_states.js";
import { compare } from "./golden.mjs";

let browser;
let files;
let page;
let faults;

before(async () => {
  files = await FilesServer.start();
  browser = await Browser.start();
});

after(async () => {
  await browser?.stop();
  await files?.stop();
});

beforeEach(async () => {
  ({ page, faults } = await browser.newPage());
  await page.emulateMedia({ reducedMotion: "reduce" });
});

afterEach(async () => {
  await page.close();
  assert.deepEqual(faults, []);
});

async function open(query = "") {
  await page.clock.setFixedTime(new Date(kNow));
  await page.goto(`${files.origin}/gallery/gallery.html${query}`);
  await page.locator("html[data-ready]").waitFor();
}

const card = (id) => page.locator(`#${id} .job`);

/** Sets a job's state as the stream would, from what the gallery has, and waits for the frame that shows it. */
function change(id, members) {
  return page.evaluate(([id, members]) => {
    const { job } = document.getElementById(id);
    const state = Object.fromEntries(Object.entries({ ...window.kStates[id], job, ...members }).filter(([, value]) => value !== null));
    window.client.set(state);
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, [id, members]);
}

async function picture(name, { colorScheme, width, height = 900, fullPage }) {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, `${name} scrolls sideways`);
  compare(name, await page.screenshot({ fullPage }));
}

for (const [name, colorScheme, width] of [["light", "light", 1040], ["dark", "dark", 1040], ["narrow", "light", 360]]) {
  test(`every state looks as it should, ${name}`, kOptions, async () => {
    await page.setViewportSize({ width, height: 900 });
    await open();
    await page.locator("#completed img").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => [...document.querySelectorAll("milepost-job")].every(({ shadowRoot }) => [...shadowRoot.querySelectorAll("img")].every(({ complete, naturalWidth }) => complete && naturalWidth > 0)));
    await page.evaluate(() => scrollTo(0, 0));
    await picture(`states-${name}`, { colorScheme, width, fullPage: true });
  });
}

for (const [name, colorScheme, width] of [["light", "light", 1040], ["dark", "dark", 1040], ["narrow", "light", 360]]) {
  test(`a list looks as it should, ${name}`, kOptions, async () => {
    await open("?show=jobs&count=12");
    await picture(`list-${name}`, { colorScheme, width, height: 860 });
  });
}

test("axe finds nothing, light and dark, on cards, lists and toasts", kOptions, async () => {
  for (const query of ["", "?show=jobs&count=40"]) {
    await open(query);
    await page.evaluate(() => {
      document.querySelector("main").append(document.createElement("milepost-toasts"));
      window.client.emit("warning", { job: "job:film", notice: { severity: "WARNING", text: "slow" } });
      window.client.emit("job-failed", { job: "job:sync", failed: { code: "PROVIDER", message: "full" } });
    });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await findsNothing(page, `${query} ${colorScheme}`);
    }
  }
});

test("many steps scroll, and the current one is named all the same", kOptions, async () => {
  await open();
  const steps = Array.from({ length: 256 }, (_, i) => ({ id: `s${i}`, title: `Part ${i}`, state: i < 200 ? "DONE" : i === 200 ? "STARTED" : undefined }));
  await change("running", { steps, step: "s200" });
  assert.ok((await page.locator("#running .steps").boundingBox()).height < 450);
  assert.equal(await page.locator("#running .message").textContent(), "Part 200frame 96 of 240");
  await findsNothing(page, "many steps");
});

test("a bar tells its value, and none where nobody knows it", kOptions, async () => {
  await open();
  const bar = (id) => page.locator(`#${id}`).getByRole("progressbar").first();
  assert.equal(await bar("running").getAttribute("aria-valuenow"), "42");
  assert.equal(await bar("running").getAttribute("aria-valuetext"), "Running, 42 percent, about 2 min left");
  assert.equal(await bar("moving").getAttribute("aria-valuenow"), null);
  assert.equal(await page.locator("#running").getByRole("progressbar").count(), 7);
});

test("a change of the state is told, and nothing else", kOptions, async () => {
  await open();
  const told = () => page.locator("#running [aria-live]").textContent();
  assert.equal(await told(), "");
  await change("running", { overall: 0.5, message: "frame 120 of 240" });
  assert.equal(await told(), "");
  await change("running", { state: "COMPLETED", overall: 1 });
  assert.equal(await told(), "Trailer, second cut: Completed");
});

test("a job that becomes known takes the place that was kept for it", kOptions, async () => {
  await open();
  const height = async () => (await card("unknown").boundingBox()).height;
  const before = await height();
  await change("unknown", { title: "Late", state: "RUNNING", overall: 0.1, message: "at last", createTime: kNow, updateTime: kNow });
  assert.equal(await height(), before);
  await change("unknown", { title: "Late", state: "RUNNING", overall: 0.1, message: null, eta: "20s", createTime: kNow, updateTime: kNow });
  assert.equal(await height(), before);
});

test("buttons ask, tell what became of it, and keep the focus with the job", kOptions, async () => {
  await open();
  const button = (name) => page.locator("#running").getByRole("button", { name });
  const told = () => page.locator("#running .request").textContent();
  await page.evaluate(() => (window.client.job("job:film").answer = () => Promise.reject(new Error("Milepost is out of reach"))));
  await button("Pause Trailer").click();
  await page.locator("#running .request.problem").waitFor();
  assert.equal(await told(), "Pause: not possible (Milepost is out of reach)");
  await page.evaluate(() => (window.client.job("job:film").answer = () => new Promise((resolve) => (window.resolveAsk = resolve))));
  await button("Pause Trailer").press("Enter");
  await page.locator("#running .request", { hasText: "Pause: asking" }).waitFor();
  await button("Pause Trailer").press("Enter"); // Is open: changes nothing.
  assert.deepEqual(await page.evaluate(() => window.client.job("job:film").asked), ["pause", "pause"]);
  await page.evaluate(() => window.resolveAsk());
  await page.locator("#running .request", { hasText: "Pause: requested" }).waitFor();
  await page.evaluate(() => (window.client.job("job:film").request = { request: "9", action: "PAUSE", phase: "REFUSED", reason: "not now" }));
  await change("running", {});
  assert.equal(await told(), "Pause: refused (not now)");
  await change("running", { state: "PAUSED" });
  assert.equal(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.className), "job");
  await page.keyboard.press("Tab");
  assert.equal(await button("Resume Trailer").evaluate((node) => node === node.getRootNode().activeElement), true);
});

test("a failed job shows its logs, or asks the page to", kOptions, async () => {
  await open();
  await change("failed", {});
  await page.locator("#failed summary").click();
  assert.equal(await page.locator("#failed .lines").isVisible(), false);
  await page.locator("#failed").getByRole("button", { name: "View logs" }).click();
  assert.equal(await page.locator("#failed .lines").isVisible(), true);
  await page.evaluate(() => document.addEventListener("milepost-logs", (event) => (window.asked = event.detail.job)));
  await page.locator("#failed").getByRole("button", { name: "View logs" }).click();
  assert.equal(await page.evaluate(() => window.asked), "job:sync");
  assert.equal(await page.locator("#failed").getByRole("button", { name: "Retry Sync" }).isVisible(), true);
  await change("failed", { error: { code: "VALIDATION" } });
  assert.equal(await page.locator("#failed").getByRole("button", { name: "Retry Sync" }).isVisible(), false);
});

test("what events say is text, never markup, and only web addresses are links", kOptions, async () => {
  const evil = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
  await open();
  await page.evaluate(() => document.body.append(document.createElement("milepost-toasts")));
  await change("running", {
    title: evil, message: evil, stalledReason: evil, state: "STALLED", steps: [{ id: evil, title: evil, message: evil }], outputTail: [evil],
    notice: { severity: "WARNING", text: evil }, error: { code: evil, message: evil }, output: { [evil]: evil }, labels: { [evil]: evil },
    artifacts: ["javascript:window.ran=1", " javascript:window.ran=1", "data:text/html,x", "file:///etc/passwd", "//x/y"].map((uri, i) => ({ name: `${evil}${i}`, uri, mediaType: "image/png" })),
  });
  await page.evaluate((evil) => window.client.emit("notice", { job: evil, notice: { text: evil, content: { kind: "card", title: evil, text: evil, image: "javascript:window.ran=1", link: { href: "javascript:window.ran=1", text: evil } } } }), evil);
  assert.equal(await card("running").locator(".title").first().textContent(), evil);
  await page.locator("milepost-toasts .toast").waitFor();
  assert.equal(await page.locator("#running img, #running script, #running a, milepost-toasts img, milepost-toasts script, milepost-toasts a").count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
});

test("a list of 500 jobs draws only what can be seen and scrolls at the display's pace", kOptions, async () => {
  await page.setViewportSize({ width: 1040, height: 900 });
  await open("?show=jobs&count=500");
  const rows = page.locator("milepost-jobs .row");
  assert.ok(await rows.count() < 40);
  const { frame, draw, frames, drawn, missing } = await page.evaluate(async () => {
    const list = document.querySelector("milepost-jobs");
    const middle = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    const drawTimes = [];
    const draw = list.draw.bind(list);
    list.draw = () => {
      const begin = performance.now();
      draw();
      drawTimes.push(performance.now() - begin);
    };
    const times = [];
    let missing = 0;
    let drawn = 0;
    for (let y = 0; y < 500 * 64 - 900; y += 90) {
      scrollTo(0, y);
      // More than a list ever gets: 20 jobs move in every second frame.
      if (y % 180 === 0) window.client.set(...window.client.known.slice(0, 20).map((state) => ({ ...state, message: String(y) })));
      times.push(await new Promise(requestAnimationFrame));
      await new Promise(requestAnimationFrame);
      drawn = Math.max(drawn, list.shadowRoot.querySelectorAll(".row").length);
      const at = Math.floor((y + 450 - list.offsetTop) / 64); // The job under the eye.
      if (!list.shadowRoot.querySelector(`[data-job="${window.client.known[at].job}"]`)) missing++;
    }
    const gaps = times.slice(1).map((time, i) => (time - times[i]) / 2);
    return { frame: middle(gaps), draw: middle(drawTimes), frames: gaps.length, drawn, missing };
  });
  assert.ok(frames > 300);
  assert.equal(missing, 0);
  assert.ok(drawn < 40, `${drawn} rows`);
  // Medians, as the machine has other things to do; 60 frames a second are 16.7 ms a frame.
  assert.ok(frame < 20, `${frame.toFixed(1)} ms a frame`);
  assert.ok(draw < 6, `${draw.toFixed(1)} ms of them in the list`);
});

test("what is read stays where it is while jobs come and go above it", kOptions, async () => {
  await page.setViewportSize({ width: 1040, height: 900 });
  await open("?show=jobs&count=200");
  const top = () => page.locator('milepost-jobs [data-job="job:n100"]').evaluate((node) => Math.round(node.getBoundingClientRect().top));
  await page.evaluate(() => scrollTo(0, 99 * 64));
  await page.locator('milepost-jobs [data-job="job:n100"]').waitFor();
  const before = await top();
  await page.evaluate(() => window.client.set(...Array.from({ length: 7 }, (_, i) => ({ ...window.kStates.running, job: `job:new${i}` }))));
  await page.waitForFunction(() => scrollY === 106 * 64);
  assert.equal(await top(), before);
});

test("the keyboard goes through a list and opens a job", kOptions, async () => {
  await page.setViewportSize({ width: 1040, height: 900 });
  await open("?show=jobs&count=500");
  const focused = () => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.closest(".row")?.dataset.job);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "job:n499");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "job:n497");
  await page.keyboard.press("End");
  assert.equal(await focused(), "job:n0");
  assert.equal(await page.locator('milepost-jobs [data-job="job:n0"]').evaluate((node) => node.getBoundingClientRect().bottom <= innerHeight), true);
  await page.keyboard.press("Home");
  assert.equal(await focused(), "job:n499");
  await page.evaluate(() => scrollTo(0, 200 * 64)); // The row that has the focus is far away, and keeps it.
  await page.locator('milepost-jobs [data-job="job:n300"]').waitFor();
  assert.equal(await focused(), "job:n499");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => location.hash), "#/job/job:n499");
});

test("toasts go after 4 s, errors stay until they are closed", kOptions, async () => {
  await page.clock.install({ time: new Date(kNow) });
  await page.goto(`${files.origin}/gallery/gallery.html?show=nothing`);
  await page.locator("html[data-ready]").waitFor();
  await page.evaluate(() => {
    document.getElementById("gallery").append(Object.assign(document.createElement("milepost-toasts"), { id: "toasts" }));
    window.client.job("job:film").state = { job: "job:film", title: "Trailer" };
    window.client.emit("job-completed", { job: "job:film", completed: { message: "cut" } });
    window.client.emit("job-failed", { job: "job:sync", failed: { code: "PROVIDER", message: "full" } });
    window.client.emit("notice", { job: "job:film", notice: { content: { kind: "card", title: "Good frames", text: "Light from one side" } } });
  });
  const titles = () => page.locator("#toasts .title").allTextContents();
  assert.deepEqual((await titles()).sort(), ["Good frames", "Trailer: completed", "job:sync: failed"]);
  assert.equal(await page.locator('#toasts [role="alert"] .toast').count(), 1);
  assert.equal(await page.locator('#toasts [role="status"] .toast').count(), 2);
  await page.clock.runFor(3900);
  assert.equal((await titles()).length, 3);
  await page.clock.runFor(200);
  assert.deepEqual((await titles()).sort(), ["Good frames", "job:sync: failed"]);
  await page.getByRole("button", { name: "Close: job:sync" }).click();
  await page.mouse.move(0, 0);
  assert.deepEqual(await titles(), ["Good frames"]);
  await page.evaluate(() => document.querySelector("#toasts").shadowRoot.activeElement.blur());
  // While somebody is at it, it stays.
  await page.evaluate(() => window.client.emit("warning", { job: "job:film", notice: { severity: "WARNING", text: "slow" } }));
  await page.locator("#toasts .toast", { hasText: "slow" }).hover();
  await page.clock.runFor(10_000);
  assert.equal((await titles()).length, 2);
  await page.mouse.move(0, 0);
  await page.clock.runFor(4100);
  assert.deepEqual(await titles(), ["Good frames"]);
});

test("toasts are never more than four, and errors go last", kOptions, async () => {
  await open("?show=nothing");
  await page.evaluate(() => {
    document.body.append(document.createElement("milepost-toasts"));
    window.client.emit("job-failed", { job: "job:sync", failed: { code: "PROVIDER" } });
    for (let i = 0; i < 20; i++) window.client.emit("notice", { job: `job:${i}`, notice: { text: `${i}` } });
  });
  assert.deepEqual(await page.locator("milepost-toasts .title").allTextContents(), ["job:sync: failed", "job:17", "job:18", "job:19"]);
});

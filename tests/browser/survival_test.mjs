// What a page may go through, in a real, headless Chromium: servers that die, a network that goes, reloads, other pages and
// back. What it saw in the end is what was published, each event once.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { Writer, follow, heardAll, inState, published, toldOf } from "./client_page.mjs";
import { PageServer } from "./empty_page.mjs";
import { Proxy } from "./proxy.mjs";
import { Server, kDeadlineMs } from "./servers.mjs";

let browser;
let pages;
let room;
let eventd;
let edge;
let page;
let proxy;
let writer;

before(async () => {
  // Pages that may be kept while the user is elsewhere, as every browser does.
  browser = await Browser.start({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  pages = await PageServer.start();
});

after(async () => {
  await browser?.stop();
  await pages?.stop();
});

const startEventd = (listen) => Server.start("milepost-eventd", listen, `--log=rocksdb:${room}`);
const startEdge = (listen) => Server.start("milepost-edge", listen, `--eventd=${eventd.address}`, `--cors_origins=${pages.origin}`);

beforeEach(async () => {
  room = mkdtempSync(path.join(os.tmpdir(), "milepost-survival-"));
  eventd = await startEventd("127.0.0.1:0");
  edge = await startEdge("127.0.0.1:0");
  ({ page } = await browser.newPage());
  await page.goto(pages.origin);
});

afterEach(async () => {
  await writer?.stop();
  writer = undefined;
  await browser.context.setOffline(false);
  await page?.close();
  await proxy?.stop();
  proxy = undefined;
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
  rmSync(room, { recursive: true, force: true });
});

const heard = (count) => page.waitForFunction((least) => window.told?.seen.length >= least, count, { timeout: 2 * kDeadlineMs });
const heardMore = async (more) => heard((await toldOf(page)).seen.length + more);
const kill = (server) => server.stop("SIGKILL");

async function begin(url = `http://${edge.address}`) {
  writer = new Writer(edge, "job:1");
  await follow(page, ["job:1"], { url });
  await inState(page, "live");
  await heard(10);
}

async function end() {
  await writer.stop();
  await heardAll(page, edge, "job:1");
  const [shown, kept] = await Promise.all([
    page.evaluate(() => window.stores["job:1"].get()),
    fetch(`http://${edge.address}/v1/jobs/job:1`).then((answer) => answer.json()),
  ]);
  assert.deepEqual([shown.state, shown.steps, shown.overall], [kept.state, kept.steps, kept.overall]);
}

test("the edge, the service and both are killed and started again", kOptions, async () => {
  await begin();
  await kill(edge);
  edge = await startEdge(edge.address);
  await heardMore(10);
  await kill(eventd);
  eventd = await startEventd(eventd.address);
  await heardMore(10);
  await Promise.all([kill(edge), kill(eventd)]);
  eventd = await startEventd(eventd.address);
  edge = await startEdge(edge.address);
  await heardMore(10);
  await end();
  const { errors, states } = await toldOf(page);
  assert.deepEqual(errors, []);
  assert.deepEqual(states.filter((state) => state.startsWith("closed")), []);
});

test("the page is offline for a while", kOptions, async () => {
  proxy = await Proxy.start(edge.address);
  await begin(proxy.url);
  await browser.context.setOffline(true);
  proxy.cut(); // The browser leaves alone what is under way.
  await inState(page, "offline");
  const missed = writer.written + 50;
  while (writer.written < missed) await new Promise((resolve) => setImmediate(resolve));
  const before = (await toldOf(page)).seen.length;
  await browser.context.setOffline(false);
  await heard(before + 50);
  await end();
  assert.deepEqual((await toldOf(page)).errors, []);
});

test("the page is left and comes back", kOptions, async () => {
  await begin();
  const origin = await page.evaluate(() => {
    addEventListener("pageshow", ({ persisted }) => (window.kept = persisted));
    return location.href;
  });
  await page.goto(`${pages.origin}/other`);
  const missed = writer.written + 20;
  while (writer.written < missed) await new Promise((resolve) => setImmediate(resolve));
  await page.goBack({ waitUntil: "commit" });
  assert.equal(page.url(), origin);
  const kept = await page.evaluate(() => window.kept === true);
  assert.equal(kept, true, "the browser kept the page");
  await inState(page, "live");
  await heardMore(20);
  await end();
});

test("the page is loaded again in the midst of it, five times", kOptions, async () => {
  const lives = [];
  await begin();
  for (let i = 0; i < 5; i++) {
    lives.push(await toldOf(page));
    await page.reload();
    await follow(page, ["job:1"], { url: `http://${edge.address}` });
    await heard(10);
  }
  await end();
  const all = await published(edge, "job:1");
  for (const { seen, begun } of lives) assert.deepEqual(seen, all.filter((seq) => seq > begun["job:1"]).slice(0, seen.length));
  // The next one begins with all that the one before had heard, and tells none of it again.
  lives.push(await toldOf(page));
  for (let i = 1; i < lives.length; i++) assert.ok(lives[i].begun["job:1"] >= lives[i - 1].seen.at(-1));
});

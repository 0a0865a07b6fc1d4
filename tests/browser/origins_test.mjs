// A page of another origin than the edge, in a real, headless Chromium: what browsers ask about first, and how often.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Proxy } from "./proxy.mjs";
import { Server, kDeadlineMs, publish } from "./servers.mjs";
import { skip, tool } from "./tools.mjs";

const kChromium = "/usr/bin/chromium";
const kOptions = { timeout: 4 * kDeadlineMs };
if (!existsSync(kChromium)) skip("there is no Chromium; run tools/setup browser");
const { chromium } = await tool("playwright-core");

let profile;
let context;
let eventd;
let edge;
let pages; // Where the page comes from: somewhere else.
let origin;
let proxy;

before(async () => {
  profile = mkdtempSync(path.join(os.tmpdir(), "milepost-origins-"));
  context = await chromium.launchPersistentContext(profile, { executablePath: kChromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  context.setDefaultTimeout(kDeadlineMs);
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  pages = http.createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>"));
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  origin = `http://127.0.0.1:${pages.address().port}`;
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`, `--cors_origins=${origin}`);
  proxy = await Proxy.start(edge.address);
});

after(async () => {
  await context?.close();
  rmSync(profile, { recursive: true, force: true });
  await proxy?.stop();
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
  pages?.closeAllConnections();
  pages?.close();
});

async function open(job, token) {
  const page = await context.newPage();
  await page.goto(origin);
  await page.evaluate(async ([url, name, secret]) => {
    const { connect } = await import(`${url}/milepost.js`);
    window.client = connect({ url, ...(secret && { token: secret }) });
    window.store = window.client.job(name);
    window.store.subscribe(() => {});
  }, [proxy.url, job, token]);
  await page.waitForFunction(() => window.client.state === "live");
  return page;
}

/** Cuts the stream a few times, and sees that nothing is missed. */
async function cutAndGoOn(page, job) {
  for (let i = 1; i <= 3; i++) {
    proxy.cut();
    await publish(edge, { job, progress: { step: "a", fraction: i / 10 } });
    await page.waitForFunction((wanted) => window.store.get()?.steps?.[0].fraction === wanted, i / 10);
  }
  await page.waitForFunction(() => window.client.reconnectCount >= 3);
}

const asked = () => proxy.requests.filter(({ method }) => method === "OPTIONS").length;

test("without a token the browser asks about nothing, however often it reconnects", kOptions, async () => {
  const page = await open("job:open");
  await cutAndGoOn(page, "job:open");
  assert.equal(asked(), 0);
  await page.close();
});

test("with a token it asks once, and not at reconnects", kOptions, async () => {
  const page = await open("job:secret", "secret");
  await cutAndGoOn(page, "job:secret");
  assert.equal(asked(), 1);
  assert.ok(proxy.requests.some(({ authorization }) => authorization === "Bearer secret"));
  await page.close();
});

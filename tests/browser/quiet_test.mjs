// What a page asks and hears while it is live and nothing happens: in a real, headless Chromium, against the real servers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { follow, inState, kLong, progress, toldOf } from "./client_page.mjs";
import { Proxy } from "./proxy.mjs";
import { Server, publish } from "./servers.mjs";

const kHeartbeatS = kLong ? 10 : 1;
const kHeartbeats = kLong ? 6 : 5; // So many make the window.

let browser;
let eventd;
let edge;
let proxy;

before(async () => {
  browser = await Browser.start();
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`, `--heartbeat=${kHeartbeatS}s`);
  proxy = await Proxy.start(edge.address);
});

after(async () => {
  await browser?.stop();
  await proxy?.stop();
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
});

test(`a live page asks for nothing and hears only heartbeats in ${kHeartbeats * kHeartbeatS} s`, { timeout: 2 * kOptions.timeout }, async () => {
  await publish(edge, { ...progress("job:1", 0.5), resources: ["user:7"] });
  const { page, faults } = await browser.newPage();
  await page.goto(`${proxy.url}/icon.svg`);
  await follow(page, Array.from({ length: 20 }, (_, i) => `job:${i}`));
  await page.evaluate(() => {
    window.list = window.client.jobs({ resource: "user:7" });
    window.list.subscribe(() => {});
  });
  await page.waitForFunction(() => window.client.state === "live" && window.stores["job:1"].get() && window.list.get().jobs.length === 1);
  const requests = proxy.requests.length;
  const states = (await toldOf(page)).states.length;
  const bytes = await page.evaluate(() => window.client.stats().bytes);
  // The window is between heartbeats, so it needs no clock of its own.
  let heard = "";
  const window = new Promise((resolve) => {
    proxy.heard = (text) => {
      heard += text;
      if (heard.split("\n\n").length > kHeartbeats) resolve();
    };
  });
  await window;
  proxy.heard = () => {};
  const frames = heard.split("\n\n").slice(0, -1);
  for (const frame of frames) assert.match(frame, /^: keepalive \S+\nid: [a-z0-9]{8}-\d+$/);
  assert.deepEqual(proxy.requests.slice(requests), []);
  assert.equal(proxy.count("/v1/poll") + proxy.count("/v1/jobs"), 0);
  await page.waitForFunction((least) => window.client.stats().bytes >= least, bytes + heard.length);
  assert.equal(await page.evaluate(() => window.client.state), "live");
  assert.equal((await toldOf(page)).states.length, states);
  console.log(`# ${frames.length} heartbeats, ${heard.length} bytes, ${Math.round(heard.length / frames.length)} bytes each`);
  await publish(edge, progress("job:1", 0.6));
  await page.waitForFunction(() => window.stores["job:1"].get().steps[0].fraction === 0.6);
  assert.deepEqual(faults.filter((fault) => !fault.startsWith("Failed to load resource")), []);
});

// Pages of another origin than the edge's, allowed and not, in a real, headless Chromium.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { follow, heardAll, inState, progress, toldOf } from "./client_page.mjs";
import { PageServer } from "./empty_page.mjs";
import { Proxy } from "./proxy.mjs";
import { Server, publish } from "./servers.mjs";

let browser;
let allowed;
let other;
let eventd;
let edge;
let proxy;
let page;

before(async () => {
  browser = await Browser.start();
  allowed = await PageServer.start();
  other = await PageServer.start();
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`, `--cors_origins=${allowed.origin}`);
});

after(async () => {
  await browser?.stop();
  for (const server of [allowed, other]) await server?.stop();
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
});

afterEach(async () => {
  await page?.close();
  await proxy?.stop();
});

async function open(server, job, options) {
  proxy = await Proxy.start(edge.address);
  page = (await browser.newPage()).page;
  await page.goto(server.origin);
  await follow(page, [job], { url: proxy.url, ...options });
}

test("the edge's own script serves a page of an origin that is allowed", kOptions, async () => {
  await open(allowed, "job:script", { from: `http://${edge.address}`, token: "reader" });
  await inState(page, "live");
  await publish(edge, progress("job:script", 0.4));
  assert.equal(await heardAll(page, edge, "job:script"), 1);
});

for (const token of [undefined, "reader"]) {
  test(`an origin that is not allowed sees why there is nothing${token ? ", with a token" : ""}`, kOptions, async () => {
    await open(other, "job:other", { ...(token && { token }), maxRetries: 2 });
    await inState(page, "offline");
    assert.equal(await page.evaluate(() => window.client.reason), "network");
    await inState(page, "closed");
    assert.equal(await page.evaluate(() => window.client.reason), "retries-exhausted");
    const { states, errors, seen } = await toldOf(page);
    assert.deepEqual(states.filter((state) => /live|polling/.test(state)), []);
    assert.deepEqual(seen, []);
    assert.equal(errors.length, 1);
    assert.equal(errors[0].code, "UNAVAILABLE");
    assert.match(errors[0].message, /fetch/i);
  });
}

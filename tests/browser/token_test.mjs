// Tokens that end, in a real, headless Chromium: the page goes on with the next one, and nobody notices.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, kOptions } from "./chromium.mjs";
import { Writer, follow, heardAll, inState, kLong, progress, toldOf } from "./client_page.mjs";
import { Proxy } from "./proxy.mjs";
import { Server, publish } from "./servers.mjs";

const kLifeMs = kLong ? 5000 : 500; // Of a token.
const kTokens = kLong ? 12 : 10;

let browser;
let eventd;
let edge;
let proxy;
let page;
let writer;
let guard; // Looks for tokens that are over.
let issued; // How many tokens were asked for.

before(async () => {
  browser = await Browser.start();
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
});

after(async () => {
  await browser?.stop();
  for (const server of [edge, eventd]) await server?.stop("SIGKILL");
});

beforeEach(async () => {
  issued = 0;
  proxy = await Proxy.start(edge.address);
  page = (await browser.newPage()).page;
  await page.goto(`${proxy.url}/icon.svg`);
});

afterEach(async () => {
  clearInterval(guard);
  await writer?.stop();
  await page?.close();
  await proxy?.stop();
});

/** The page's token provider asks this test. */
const provide = async (provider) => {
  await page.exposeFunction("issue", provider);
  await page.evaluate(() => (window.token = () => window.issue()));
};

/** A JSON Web Token that nobody signed. */
function jwt(exp) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: "reader", exp })}.`;
}

const untilRenewed = (count) => page.waitForFunction(
  (least) => window.told.seen.length > 0 && window.client.stats().requests.sse >= least, count, { timeout: kOptions.timeout });

test("opaque tokens that end: the stream is told, a refused one is replaced, nothing is lost, no error is shown", kOptions, async () => {
  // Until a token's end is known to the page, somebody has to say so: the stream's goodbye, or a 401.
  const endOf = (authorization) => Number(/^Bearer \d+ (\d+)$/.exec(authorization)?.[1] ?? 0);
  const isOver = (authorization) => Date.now() >= endOf(authorization);
  let refused = 0;
  proxy.authorize = ({ headers }) => (isOver(headers.authorization) ? (refused++, 401) : 200);
  await provide(() => `${++issued} ${Date.now() + kLifeMs}`);
  writer = new Writer(edge, "job:opaque", 5);
  await follow(page, ["job:opaque"]);
  await inState(page, "live");
  let ended = 0;
  guard = setInterval(() => {
    // Every third token is not told of its end but cut off, and then refused.
    if (issued % 3 === 0) {
      proxy.cut(isOver);
    } else {
      ended += proxy.dismiss("token-expired", isOver);
    }
  }, 20);
  await untilRenewed(kTokens);
  clearInterval(guard);
  await writer.stop();
  await inState(page, "live");
  await heardAll(page, edge, "job:opaque");
  const { states, errors } = await toldOf(page);
  assert.deepEqual(errors, []);
  assert.deepEqual(states.filter((state) => /^(offline|closed|polling)/.test(state)), []);
  assert.ok(issued >= kTokens / 2 && refused > 0 && ended > 0, `${issued} tokens, ${refused} refused, ${ended} ends told`);
});

test("tokens that say when they end are replaced before", kOptions, async () => {
  const refused = [];
  proxy.authorize = ({ headers }) => {
    const { exp } = JSON.parse(Buffer.from(headers.authorization.split(".")[1], "base64url"));
    if (Date.now() < 1000 * exp) return 200;
    refused.push(exp);
    return 401;
  };
  await provide(() => (issued++, jwt((Date.now() + 2 * kLifeMs) / 1000)));
  writer = new Writer(edge, "job:jwt", 5);
  await follow(page, ["job:jwt"]);
  await untilRenewed(kTokens / 2);
  await writer.stop();
  await heardAll(page, edge, "job:jwt");
  const { states, errors } = await toldOf(page);
  assert.deepEqual([states, errors, refused], [["connecting", "live"], [], []]);
  assert.equal(await page.evaluate(() => window.client.reconnectCount), 0);
  assert.ok(issued >= kTokens / 2);
});

for (const [status, reason, code] of [[401, "unauthorized", "UNAUTHENTICATED"], [403, "forbidden", "PERMISSION_DENIED"]]) {
  test(`a login that is refused with ${status} ends, says why, and begins anew when asked`, kOptions, async () => {
    const job = `job:refused${status}`;
    proxy.authorize = () => status;
    await provide(() => `reader ${++issued}`);
    await follow(page, [job]);
    await inState(page, "closed");
    await page.waitForFunction((wanted) => window.client.reason === wanted, reason);
    const { errors } = await toldOf(page);
    assert.deepEqual(errors, [{ code, status, message: "the stand-in refuses this token" }]);
    assert.equal(proxy.count("/v1/events"), status === 401 ? 2 : 1);
    assert.equal(issued, status === 401 ? 2 : 1);
    proxy.authorize = () => 200;
    await page.evaluate(() => window.client.retryNow());
    await inState(page, "live");
    await publish(edge, progress(job, 0.2));
    assert.equal(await heardAll(page, edge, job), 1);
  });
}

// The browser's client in Node.js against the real servers, through networks and logins that misbehave.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "../../clients/web/milepost.js";
import { Proxy } from "./proxy.mjs";
import { Server, inTime, kDeadlineMs, publish } from "./servers.mjs";

const kOptions = { timeout: 2 * kDeadlineMs };
const kSpeed = 20; // So much faster is the client's clock.
let eventd;
let edge;
let proxy;
let client;

beforeEach(async () => {
  eventd = await Server.start("milepost-eventd", "127.0.0.1:0");
  edge = await Server.start("milepost-edge", "127.0.0.1:0", `--eventd=${eventd.address}`);
  proxy = await Proxy.start(edge.address);
});

afterEach(async () => {
  client?.close();
  await proxy?.stop();
  await edge?.stop("SIGKILL");
  await eventd?.stop("SIGKILL");
});

const kClock = {
  now: () => kSpeed * Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms / kSpeed),
  clearTimeout: (timer) => clearTimeout(timer),
};
const progress = (n) => ({ job: "job:1", progress: { step: "a", fraction: n / 100_000 } });

/** A client that follows job:1; `seen` are the numbers of its events. */
function follow(options) {
  client = connect({ url: proxy.url, clock: kClock, ...options });
  const seen = [];
  client.on("step-progress", ({ seq }) => seen.push(Number(seq)));
  client.job("job:1").subscribe(() => {});
  return seen;
}

const until = (wanted, what) => inTime((async () => {
  while (!wanted()) await new Promise((resolve) => setImmediate(resolve));
})(), what);

/** Publishes until the test has what it wants; every event that there was, from the first one seen, was seen once. */
async function whileWriting(seen, run) {
  let n = 0;
  let writing = true;
  const writer = (async () => {
    while (writing) await publish(edge, progress(++n));
  })();
  await run();
  writing = false;
  await writer;
  const last = (await (await fetch(`http://${edge.address}/v1/jobs/job:1`)).json()).cursor.split("-")[1];
  await until(() => seen.at(-1) === Number(last), `event ${last}, after ${seen.at(-1)}`);
  assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => seen[0] + i));
}

const state = (wanted) => until(() => client.state === wanted, wanted);
const more = (seen, count = 20) => {
  const wanted = seen.length + count;
  return until(() => seen.length >= wanted, `${wanted} events`);
};

test("a proxy that holds streams back: polls, and a stream again when it lets them through", kOptions, async () => {
  const seen = follow();
  await state("live");
  await whileWriting(seen, async () => {
    await more(seen);
    proxy.mute = true;
    proxy.cut();
    await state("polling");
    await more(seen);
    proxy.mute = false;
    await state("live");
    await more(seen);
  });
  assert.equal(client.stats().transportChanges, 2);
});

test("connections that are cut, again and again", kOptions, async () => {
  const seen = follow();
  await state("live");
  await whileWriting(seen, async () => {
    for (let i = 0; i < 10; i++) {
      await more(seen);
      proxy.cut();
      // What was on its way when it was cut still comes: the next cut is to meet the next stream.
      await until(() => client.reconnectCount > i && proxy.open === 1, "the next stream");
    }
  });
  assert.ok(client.reconnectCount >= 10);
});

test("an edge that is killed and comes back", kOptions, async () => {
  const seen = follow();
  await state("live");
  await publish(edge, progress(1));
  await until(() => seen.length === 1, "the first");
  await edge.stop("SIGKILL");
  await until(() => client.state === "offline", "offline");
  edge = await Server.start("milepost-edge", edge.address, `--eventd=${eventd.address}`);
  await publish(edge, progress(2));
  await until(() => seen.length === 2, "what was missed");
  await state("live");
});

test("a log that begins anew: a reset, and snapshots that replace what was known", kOptions, async () => {
  const seen = follow();
  const resets = [];
  client.on("reset", ({ reason }) => resets.push(reason));
  const store = client.job("job:1");
  await state("live");
  await publish(edge, progress(1), progress(2), progress(3));
  await until(() => seen.length === 3, "the first ones");
  await eventd.stop("SIGKILL");
  eventd = await Server.start("milepost-eventd", eventd.address);
  await until(() => store.get() === null, "the job that is gone");
  await publish(edge, progress(9));
  await until(() => store.get()?.steps[0].fraction === 9 / 100_000, "the new one");
  assert.deepEqual(resets, ["epoch"]);
  assert.deepEqual(seen, [1, 2, 3, 1]);
});

test("tokens that end again and again: nothing is lost, and nobody is told", kOptions, async () => {
  let valid = 0;
  let given = 0;
  const errors = [];
  proxy.authorize = ({ headers }) => (headers.authorization === `Bearer token-${valid}` ? 200 : 401);
  const seen = follow({
    token: async () => {
      given++;
      return `token-${valid}`;
    },
  });
  client.on("error", (error) => errors.push(error.message));
  await state("live");
  await whileWriting(seen, async () => {
    for (let i = 0; i < 12; i++) {
      await more(seen, 5);
      valid++;
      proxy.cut();
      await until(() => given === i + 2 && proxy.open === 1 && client.state === "live", "the stream with a new token");
    }
  });
  assert.equal(given, 13);
  assert.deepEqual(errors, []);
});

test("a login that is refused ends it, with a reason; requests say so too", kOptions, async () => {
  proxy.authorize = () => 401;
  follow({ token: async () => "nobody" });
  const errors = [];
  client.on("error", ({ code, status, message }) => errors.push([code, status, message]));
  await until(() => client.state === "closed" && client.reason === "unauthorized", "the end");
  assert.deepEqual(errors, [["UNAUTHENTICATED", 401, "the stand-in refuses this token"]]);
  await assert.rejects(client.job("job:1").cancel(), { code: "UNAUTHENTICATED", status: 401 });
  await assert.rejects(client.watch("job:1", { cursor: "earliest" }).next(), { code: "UNAUTHENTICATED" });
  proxy.authorize = () => 200;
  client.retryNow();
  await state("live");
});

test("while it is live, there is no other request", kOptions, async () => {
  const seen = follow();
  client.jobs({ resource: "user:7" }).subscribe(() => {});
  await state("live");
  const requests = proxy.requests.length;
  await whileWriting(seen, () => more(seen, 200));
  assert.equal(proxy.requests.length, requests);
  assert.equal(proxy.count("/v1/poll") + proxy.count("/v1/jobs"), 0);
});

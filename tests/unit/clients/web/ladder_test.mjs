// Streams, long polls, short polls: how the connection comes down and up again, on one cursor.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeWorld, pollAnswer, progressOf, settle, snapshotOf } from "./fake_world.mjs";

const kHtml = { "Content-Type": "text/html" };

/** A connection that polls, at 5. */
async function polling(options = {}) {
  const world = new FakeWorld({ random: () => 0.5, ...options });
  world.connection.want(["job:1"]);
  const asked = await world.next();
  if (asked.path !== "/v1/poll") await asked.open({ silent: true });
  if (asked.path !== "/v1/poll") await world.clock.advance(10_000);
  const poll = asked.path === "/v1/poll" ? asked : await world.next();
  assert.deepEqual(poll.query, { resources: "job:1", wait: "0" });
  await poll.answer(200, pollAnswer(5, { snapshots: [snapshotOf("job:1", 5)] }));
  assert.equal(world.state, "polling");
  return world;
}

test("a proxy that holds everything back is noticed by silence, and polls bring what there is", async () => {
  const world = await polling();
  const poll = await world.next();
  assert.deepEqual(poll.query, { resources: "job:1", after: "abcd1234-5", wait: "25" });
  await poll.answer(200, pollAnswer(7, { events: [progressOf(6), progressOf(7)] }));
  const next = await world.next();
  assert.equal(next.query.after, "abcd1234-7");
  assert.deepEqual(world.events, [6, 7]);
  assert.deepEqual(world.frames.map(({ type, id }) => [type, id]), [["snapshot", ""], ["step-progress", "abcd1234-6"], ["step-progress", "abcd1234-7"]]);
  assert.deepEqual(world.stats.requests, { sse: 1, poll: 3, other: 0 });
});

test("a stream that begins and then is mute is asked for anew once, then polls take over", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  await world.clock.advance(24_900);
  assert.equal(stream.signal.aborted, false, "two heartbeats may be late");
  await world.clock.advance(200);
  assert.equal(stream.signal.aborted, true);
  const second = await world.nextLater();
  assert.equal(second.query.last_event_id, "abcd1234-5");
  await second.open();
  await world.clock.advance(25_100);
  const poll = await world.nextLater();
  assert.equal(poll.path, "/v1/poll");
  assert.equal(poll.query.after, "abcd1234-5");
});

test("heartbeats keep a quiet stream", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  for (let i = 0; i < 360; i++) {
    await world.clock.advance(10_000);
    await stream.heartbeat(5 + i);
  }
  assert.equal(world.count, 1, "requests in an hour");
  assert.deepEqual(world.states, ["connecting", "live"]);
  assert.equal(world.connection.cursor, "abcd1234-364");
});

test("a stream is tried again beside the polls, and takes over without loss or doubles", async () => {
  const world = await polling();
  let poll = await world.next();
  await world.clock.advance(25_000);
  await poll.answer(200, pollAnswer(5));
  poll = await world.next();
  await world.clock.advance(6_000);
  await poll.answer(200, pollAnswer(6, { events: [progressOf(6)] }));
  await settle();
  assert.equal(world.asked.length, 2, "a poll and a stream");
  const stream = world.asked.find(({ path }) => path === "/v1/events");
  poll = world.asked.find(({ path }) => path === "/v1/poll");
  world.asked = [];
  assert.equal(stream.query.last_event_id, "abcd1234-6");
  await poll.answer(200, pollAnswer(8, { events: [progressOf(7), progressOf(8)] }));
  await stream.open();
  assert.equal(world.state, "live");
  for (const seq of [7, 8, 9]) await stream.event(seq);
  assert.deepEqual(world.events, [6, 7, 8, 9]);
  await world.clock.advance(1000);
  await world.none(); // The poll that was under way is given up.
  await stream.event(10);
  assert.deepEqual(world.events, [6, 7, 8, 9, 10]);
  assert.equal(world.stats.transportChanges, 1);
});

test("a stream that is still held back costs the polls nothing, and is tried ever less often", async () => {
  const world = await polling();
  const tried = [];
  for (let i = 0; i < 80; i++) {
    await settle();
    for (const asked of world.asked.splice(0)) {
      if (asked.signal.aborted) continue;
      if (asked.path === "/v1/events") {
        tried.push(Math.round(asked.at / 1000));
        await asked.open({ silent: true });
      } else {
        await world.clock.advance(10_000);
        await asked.answer(200, pollAnswer(5, { events: [] }));
      }
    }
    assert.equal(world.state, "polling");
  }
  const gaps = tried.slice(1).map((at, i) => at - tried[i]);
  assert.ok(gaps.at(-1) > 3 * gaps[0], String(tried));
  assert.ok(gaps.every((gap, i) => i === 0 || gap >= gaps[i - 1]), String(tried));
});

test("an answer that is no stream: polls after the second", async () => {
  const world = new FakeWorld({ random: () => 0.5 });
  world.connection.want(["job:1"]);
  await (await world.next()).answer(200, {}, kHtml);
  assert.equal(world.state, "connecting wrong");
  await (await world.nextLater()).answer(502, undefined, kHtml);
  const poll = await world.nextLater();
  assert.equal(poll.path, "/v1/poll");
});

test("a browser that cannot read streams polls at once", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1"]);
  const asked = await world.next();
  asked.resolve({ status: 200, headers: new Headers({ "Content-Type": "text/event-stream" }), body: null });
  assert.equal((await world.next()).path, "/v1/poll");
});

test("long polls that fail become short ones, every 5 s more or less", async () => {
  let random = 0.5;
  const world = await polling({ random: () => random, transport: "poll" });
  await (await world.next()).fail();
  const first = await world.nextLater();
  assert.deepEqual(first.query, { resources: "job:1", after: "abcd1234-5", wait: "0" });
  await first.answer(200, pollAnswer(6, { events: [progressOf(6)] }));
  assert.equal(world.state, "polling");
  for (const [jitter, wait] of [[0, 4000], [1, 6000], [0.5, 5000]]) {
    random = jitter;
    await world.clock.advance(10_000);
    const poll = await world.nextLater();
    const at = world.clock.now();
    await poll.answer(200, pollAnswer(6));
    const next = await world.nextLater();
    assert.equal(world.clock.now() - at, wait);
    await next.answer(200, pollAnswer(6));
  }
});

test("a long poll that somebody answers at once with nothing is not asked again without end", async () => {
  const world = await polling({ transport: "poll" });
  await (await world.next()).answer(200, pollAnswer(5));
  await world.clock.advance(4900);
  await world.none();
  await world.clock.advance(100);
  await world.next();
});

test("what is there is fetched at once, page by page", async () => {
  const world = await polling({ transport: "poll" });
  await (await world.next()).fail();
  await (await world.nextLater()).answer(200, pollAnswer(6, { events: [progressOf(6)], more: true }));
  await (await world.next()).answer(200, pollAnswer(7, { events: [progressOf(7)], more: true }));
  await world.next();
  assert.deepEqual(world.events, [6, 7]);
});

test("a poll without an answer is given up", async () => {
  const world = await polling({ transport: "poll" });
  const poll = await world.next();
  await world.clock.advance(35_000);
  assert.equal(poll.signal.aborted, true);
  assert.equal((await world.nextLater()).query.wait, "0");
});

test("when polls fail too, a stream is next", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1"]);
  const paths = [];
  for (let i = 0; i < 8; i++) {
    const asked = await world.nextLater();
    paths.push(asked.path);
    await asked.fail();
    if (i > 0) assert.equal(world.state, "offline network");
  }
  const [stream, poll] = ["/v1/events", "/v1/poll"];
  assert.deepEqual(paths, [stream, stream, poll, poll, poll, stream, stream, poll]);
});

test("transport says which way: sse never polls, poll never streams", async () => {
  for (const [transport, path] of [["sse", "/v1/events"], ["poll", "/v1/poll"]]) {
    const world = new FakeWorld({ transport });
    world.connection.want(["job:1"]);
    for (let i = 0; i < 8; i++) {
      const asked = await world.nextLater();
      assert.equal(asked.path, path);
      await asked.fail();
    }
  }
});

test("the machine slept: the stream is asked for at once and nothing counts as failed", async () => {
  const world = new FakeWorld({ maxRetries: 0 });
  const stream = await world.live(5);
  world.clock.sleep(3_600_000);
  await world.clock.advance(5000);
  assert.equal(stream.signal.aborted, true);
  const again = await (await world.next()).open();
  assert.equal(again.query.last_event_id, "abcd1234-5");
  assert.equal(world.state, "live");
});

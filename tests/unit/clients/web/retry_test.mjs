// When the connection tries again, and when it gives up: with a clock that does what it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs, retryAfterMs } from "../../../../clients/web/backoff.js";
import { FakeWorld, kBegin, settle } from "./fake_world.mjs";

test("the waits double up to 30 s, with full jitter, and never below what the server asked for", () => {
  const most = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoffMs(failures, () => 1) / 1000);
  assert.deepEqual(most, [1, 2, 4, 8, 16, 30, 30, 30]);
  assert.equal(backoffMs(3, () => 0.25), 1000);
  assert.equal(backoffMs(3, () => 0), 0);
  assert.equal(backoffMs(3, () => 0.25, 1500), 1500);
});

test("Retry-After is seconds or a date", () => {
  assert.equal(retryAfterMs("3", kBegin), 3000);
  assert.equal(retryAfterMs(new Date(kBegin + 9000).toUTCString(), kBegin), 9000);
  assert.equal(retryAfterMs(new Date(kBegin - 9000).toUTCString(), kBegin), 0);
  for (const none of [null, "", "soon", "-3"]) assert.equal(retryAfterMs(none, kBegin), 0);
  assert.equal(retryAfterMs("99999999", kBegin), 600_000, "nobody is sent away for ever");
});

test("maxRetries: 5 waits 1, 2, 4, 8 and 16 s, then is closed, and begins again by retryNow", async () => {
  const world = new FakeWorld({ maxRetries: 5, transport: "sse" });
  world.connection.want(["job:1"]);
  const at = [];
  for (let i = 0; i <= 5; i++) {
    const asked = await world.next();
    at.push(asked.at / 1000);
    await asked.fail();
    if (i === 1) assert.equal(world.state, "offline network");
    await world.clock.advance(i < 5 ? 1000 * 2 ** i : 0);
  }
  assert.deepEqual(at, [0, 1, 3, 7, 15, 31]);
  assert.equal(world.state, "closed retries-exhausted");
  await world.clock.advance(3_600_000);
  await world.none();
  world.connection.retryNow();
  await (await world.next()).open();
  assert.equal(world.state, "live");
  assert.equal(world.connection.reconnectCount, 5);
});

test("without maxRetries it never gives up", async () => {
  const world = new FakeWorld({ transport: "sse" });
  world.connection.want(["job:1"]);
  for (let i = 0; i < 50; i++) await (await world.nextLater()).fail();
  await (await world.nextLater()).open();
  assert.equal(world.state, "live");
});

test("Retry-After holds it back", async () => {
  const world = new FakeWorld({ random: () => 0 });
  world.connection.want(["job:1"]);
  await (await world.next()).answer(503, { detail: "away" }, { "Retry-After": "7" });
  await world.clock.advance(6999);
  await world.none();
  await world.clock.advance(1);
  await (await world.next()).open();
  assert.equal(world.state, "live");
});

test("the stream's retry is the least it waits, and it goes on from its cursor", async () => {
  const world = new FakeWorld({ random: () => 0 });
  const stream = await world.live(5);
  await stream.event(6);
  await world.clock.advance(4000);
  await stream.cut();
  assert.equal(world.state, "connecting network");
  await world.clock.advance(699);
  await world.none();
  await world.clock.advance(1);
  const again = await world.next();
  assert.equal(again.query.last_event_id, "abcd1234-6");
  await again.open();
  await again.event(6); // Told already.
  await again.event(7);
  assert.deepEqual(world.events, [6, 7]);
  assert.equal(world.connection.reconnectCount, 1);
});

test("a stream that is cut at once each time is not asked for without end", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1"]);
  const at = [];
  for (let i = 0; i < 6; i++) {
    const stream = await (await world.next()).open();
    at.push((world.clock.now() - kBegin) / 1000);
    await stream.cut();
    await world.clock.advance(1000 * Math.min(2 ** i, 30));
  }
  assert.deepEqual(at, [0, 1, 3, 7, 15, 31]);
});

test("a stream that lived makes failures before it forgotten", async () => {
  const world = new FakeWorld({ maxRetries: 2 });
  for (let round = 0; round < 5; round++) {
    world.connection.want(["job:1"]);
    const stream = await (await world.next()).open();
    await world.clock.advance(5000);
    await stream.end();
    await world.clock.advance(1000);
    await (await world.next()).fail();
    await world.clock.advance(2000);
  }
  assert.notEqual(world.connection.state, "closed");
});

test("goodbye is no failure: it waits as long as it was told", async () => {
  const world = new FakeWorld({ maxRetries: 0, random: () => 0 });
  const stream = await world.live(5);
  await stream.frame("goodbye", { type: "goodbye", reason: "draining" });
  await stream.end();
  assert.equal(world.state, "connecting goodbye-draining");
  await world.clock.advance(700);
  await (await world.next()).open();
  assert.equal(world.state, "live");
  assert.deepEqual(world.frames.map(({ type }) => type), ["connected", "snapshot", "goodbye", "connected"]);
});

test("goodbye for a job that has ended is the end", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  await stream.frame("goodbye", { type: "goodbye", reason: "ended" });
  await stream.end();
  assert.equal(world.state, "closed ended");
});

for (const [status, state, code] of [[400, "closed rejected", "INVALID_ARGUMENT"], [403, "closed forbidden", "PERMISSION_DENIED"], [401, "closed unauthorized", "UNAUTHENTICATED"]]) {
  test(`${status} ends it with a reason`, async () => {
    const world = new FakeWorld({ token: "fixed" });
    world.connection.want(["job:1"]);
    await (await world.next()).answer(status, { detail: "because" });
    assert.equal(world.state, state);
    assert.deepEqual(world.errors.map((error) => [error.code, error.status, error.message]), [[code, status, "because"]]);
    await world.clock.advance(600_000);
    await world.none();
  });
}

test("204 is the server's way to say that there is nothing to come", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1"]);
  await (await world.next()).answer(204);
  assert.equal(world.state, "closed ended");
  assert.deepEqual(world.errors, []);
  await world.clock.advance(600_000);
  await world.none();
  world.connection.want(["job:1", "job:2"]); // Something else is wanted: that is a reason to ask.
  await (await world.next()).open();
  assert.equal(world.state, "live");
});

test("the network that is back ends the wait, and so does a page that is seen", async () => {
  const world = new FakeWorld({ transport: "sse" });
  world.connection.want(["job:1"]);
  for (let i = 0; i < 5; i++) await (await world.nextLater()).fail();
  await world.none();
  world.connection.wake();
  await (await world.next()).open();
  assert.equal(world.state, "live");
});

test("a live stream is asked for anew when the network changed, and when a page is seen after silence", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  world.connection.wake();
  await settle();
  assert.equal(stream.signal.aborted, false, "it was heard just now");
  await world.clock.advance(13_000);
  world.connection.wake();
  const second = await (await world.next()).open();
  assert.equal(second.query.last_event_id, "abcd1234-5");
  world.connection.wake(true);
  assert.equal((await world.next()).query.last_event_id, "abcd1234-5");
  assert.equal(world.connection.reconnectCount, 0);
});

test("close is for good, whatever happens after it", async () => {
  for (const when of ["connecting", "live", "waiting", "polling"]) {
    const world = new FakeWorld(when === "polling" ? { transport: "poll" } : {});
    world.connection.want(["job:1"]);
    const asked = await world.next();
    if (when === "live") await asked.open();
    if (when === "waiting") await asked.fail();
    if (when === "polling") await asked.answer(200, { events: [], cursor: "abcd1234-1", snapshots: [], reset: null, more: false });
    world.connection.stop("closed");
    assert.equal(world.state, "closed closed");
    world.connection.wake(true);
    await world.clock.advance(3_600_000);
    await world.none();
    assert.equal(world.clock.timers, 0, `timers after ${when}`);
    assert.equal(world.states.at(-1), "closed closed");
  }
});

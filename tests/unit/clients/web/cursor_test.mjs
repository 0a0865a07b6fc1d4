// What is asked for and where it goes on: snapshots, added resources, resets, tokens, data that is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf } from "../../../../clients/web/token.js";
import { FakeWorld, kBegin, pollAnswer, progressOf, settle, snapshotOf, tokenUntil } from "./fake_world.mjs";

test("until the last snapshot is there, everything is asked for again", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1", "job:2"]);
  const stream = await (await world.next()).open();
  await stream.snapshot("job:1", 5, [], false);
  await stream.cut();
  const again = await world.nextLater();
  assert.deepEqual(again.query, { resources: "job:1,job:2" });
  await again.open();
  await again.snapshot("job:1", 6, [], false);
  await again.snapshot("job:2", 6);
  await again.cut();
  assert.equal((await world.nextLater()).query.last_event_id, "abcd1234-6");
});

test("added resources get a snapshot on the same cursor, and again if it was cut off", async () => {
  const world = new FakeWorld();
  await world.live(5);
  world.connection.want(["job:1", "job:2", "user:7"]);
  const second = await (await world.next()).open();
  assert.deepEqual(second.query, { resources: "job:1,job:2,user:7", last_event_id: "abcd1234-5", fresh: "job:2,user:7" });
  assert.equal(world.state, "live", "nobody needs to know");
  await second.snapshot("job:2", 8, [], false);
  await second.snapshot("user:7", 8, [], false); // May go on in the next frame.
  await second.cut();
  const third = await world.nextLater();
  assert.equal(third.query.fresh, "user:7");
  await third.open(); // And nothing more.
  await third.cut();
  const again = await world.nextLater();
  assert.equal(again.query.fresh, "user:7");
  await again.open();
  await again.snapshot("user:7", 8, [], false);
  await again.event(6); // Something else: the snapshot is complete.
  await again.cut();
  const fourth = await world.nextLater();
  assert.deepEqual(fourth.query, { resources: "job:1,job:2,user:7", last_event_id: "abcd1234-6" });
});

test("a complete snapshot is also known by a heartbeat", async () => {
  const world = new FakeWorld();
  await world.live(5);
  world.connection.want(["job:1", "job:2"]);
  const second = await (await world.next()).open();
  await second.snapshot("job:2", 8, [], false);
  await second.heartbeat(8);
  await second.cut();
  assert.deepEqual((await world.nextLater()).query, { resources: "job:1,job:2", last_event_id: "abcd1234-8" });
});

test("while polling, added resources get their snapshot by a poll of their own", async () => {
  const world = new FakeWorld({ transport: "poll" });
  world.connection.want(["job:1"]);
  await (await world.next()).answer(200, pollAnswer(5, { snapshots: [snapshotOf("job:1", 5)] }));
  await world.next();
  world.connection.want(["job:1", "job:2"]);
  const fresh = await world.next();
  assert.deepEqual(fresh.query, { resources: "job:2", wait: "0" });
  await fresh.answer(200, pollAnswer(9, { snapshots: [snapshotOf("job:2", 9)] }));
  const next = await world.next();
  assert.deepEqual(next.query, { resources: "job:1,job:2", after: "abcd1234-5", wait: "25" });
});

test("what is no longer wanted stays on the stream for a while, and then goes by one reconnect", async () => {
  const world = new FakeWorld();
  world.connection.want(["job:1", "job:2"]);
  const stream = await (await world.next()).open();
  await stream.snapshot("job:2", 5);
  world.connection.want(["job:1"]);
  await world.clock.advance(5000);
  world.connection.want(["job:1", "job:2"]);
  world.connection.want(["job:1"]);
  await world.none();
  await stream.heartbeat(6);
  await world.clock.advance(5000);
  const pruned = await (await world.next()).open();
  assert.deepEqual(pruned.query, { resources: "job:1", last_event_id: "abcd1234-6" });
  assert.equal(world.state, "live");
  await world.clock.advance(20_000);
  await world.none();
  world.connection.stop("closed");
  await settle();
  assert.equal(world.clock.timers, 0);
});

test("closing lets go of what waits to be taken off, and of the token's renewal", async () => {
  const world = new FakeWorld({ token: () => tokenUntil(kBegin + 600_000) });
  world.connection.want(["job:1", "job:2"]);
  await (await world.next()).open();
  world.connection.want(["job:1"]);
  world.connection.stop("closed");
  await settle();
  assert.equal(world.clock.timers, 0);
});

test("nothing wanted: nothing is held, and the next time begins with snapshots", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  world.connection.want([]);
  assert.equal(stream.signal.aborted, true);
  assert.equal(world.state, "closed idle");
  world.connection.want(["job:1"]);
  assert.deepEqual((await world.next()).query, { resources: "job:1" });
});

test("a page that comes back goes on from its cursor", async () => {
  const world = new FakeWorld();
  await world.live(5);
  world.connection.stop("suspended");
  await world.clock.advance(60_000);
  await world.none();
  world.connection.retryNow();
  assert.deepEqual((await world.next()).query, { resources: "job:1", last_event_id: "abcd1234-5" });
  world.connection.want(["job:1", "job:2"]);
  await world.next();
  world.connection.stop("suspended");
  world.connection.retryNow();
  assert.equal((await world.next()).query.fresh, "job:2", "its snapshot has not come yet");
});

test("after a reset numbers begin anew", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  await stream.event(6);
  await stream.frame("reset", { type: "reset", reason: "epoch", oldest: "wxyz1234-0" });
  await stream.frame("snapshot", { ...snapshotOf("job:1", 1), cursor: "wxyz1234-1" }, "wxyz1234-1");
  await stream.frame("step-progress", progressOf(2), "wxyz1234-2");
  assert.deepEqual(world.events, [6, 2]);
  assert.equal(world.connection.cursor, "wxyz1234-2");
  assert.deepEqual(world.frames.map(({ type }) => type), ["connected", "snapshot", "step-progress", "reset", "snapshot", "step-progress"]);
});

test("a poll's reset is told before its snapshots", async () => {
  const world = new FakeWorld({ transport: "poll" });
  world.connection.want(["job:1"]);
  await (await world.next()).answer(200, pollAnswer(5, { snapshots: [snapshotOf("job:1", 5)] }));
  const reset = { type: "reset", reason: "expired", oldest: "abcd1234-90" };
  await (await world.next()).answer(200, pollAnswer(99, { reset, snapshots: [snapshotOf("job:1", 99)] }));
  assert.deepEqual(world.frames.map(({ type }) => type), ["snapshot", "reset", "snapshot"]);
});

test("data that is none is reported and skipped, and the stream goes on", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  for (const bad of ["{", "null", "1", "[]", "{}", '{"job":1}', '{"job":"job:1"}', '{"job":"job:1","seq":"x"}', "<html>"]) {
    await stream.frame("step-progress", bad, "abcd1234-6");
  }
  await stream.frame("snapshot", { type: "snapshot", resource: "job:1" });
  await stream.frame("connected", "{}");
  await stream.write(`event: output\ndata: ${"x".repeat(1 << 20)}\n\n`);
  await stream.event(7);
  assert.equal(world.errors.length, 12);
  assert.ok(world.errors.every(({ code, name }) => code === "MALFORMED" && name === "MilepostError"));
  assert.ok(world.errors.every(({ message }) => message.length < 200));
  assert.equal(world.stats.malformed, 12);
  assert.deepEqual(world.events, [7]);
  assert.equal(world.state, "live");
});

test("events and frames that nobody knows yet are passed on", async () => {
  const world = new FakeWorld();
  const stream = await world.live(5);
  await stream.frame("avatar-picked", { job: "job:1", seq: "6", custom: { name: "avatar-picked" }, extra: 1 }, "abcd1234-6");
  await stream.frame("heartbeat", { type: "heartbeat", time: "now" });
  assert.deepEqual(world.frames.slice(2).map(({ type, data }) => [type, data.extra]), [["avatar-picked", 1]]);
});

test("polled events have the names that the stream gives them", async () => {
  const world = new FakeWorld({ transport: "poll" });
  world.connection.want(["job:1"]);
  const kinds = {
    "job-status": { status: {} }, "step-status": { step: {} }, "step-progress": { progress: {} }, notice: { notice: {} },
    warning: { notice: { severity: "WARNING" } }, "job-error": { notice: { severity: "ERROR" } }, output: { output: {} },
    "job-completed": { completed: {} }, "job-failed": { failed: {} }, "job-cancelled": { cancelled: {} },
    "job-control": { control: {} }, "avatar-picked": { custom: { name: "avatar-picked" } },
  };
  const events = Object.values(kinds).map((kind, i) => ({ job: "job:1", seq: String(i + 1), ...kind }));
  await (await world.next()).answer(200, pollAnswer(99, { events }));
  assert.deepEqual(world.frames.map(({ type }) => type), Object.keys(kinds));
});

// ---- Tokens -------------------------------------------------------------------------------------------------

test("a provider is asked before the token ends, and the stream goes on from its cursor", async () => {
  let asked = 0;
  const tokens = [];
  const world = new FakeWorld({ token: () => (tokens[asked++] = tokenUntil(world.clock.now() + 5000)) });
  world.connection.want(["job:1"]);
  let stream = await (await world.next()).open();
  await stream.snapshot("job:1", 5);
  for (let i = 0; i < 12; i++) {
    assert.equal(stream.token, `Bearer ${tokens[i]}`);
    await world.clock.advance(3800);
    assert.equal(asked, i + 1, "not before it must be");
    await world.clock.advance(200);
    const before = stream;
    stream = await (await world.next()).open();
    assert.equal(before.signal.aborted, true);
    assert.equal(stream.query.last_event_id, `abcd1234-${5 + i}`);
    await stream.event(6 + i);
  }
  assert.equal(world.state, "live");
  assert.equal(world.connection.reconnectCount, 0);
  assert.deepEqual(world.states, ["connecting", "live"]);
  assert.deepEqual(world.events, Array.from({ length: 12 }, (_, i) => 6 + i));
});

test("a refused token is asked for anew, once; another refusal is the end", async () => {
  let n = 0;
  const world = new FakeWorld({ token: async () => `token-${++n}` });
  world.connection.want(["job:1"]);
  await (await world.next()).answer(401);
  const second = await world.next();
  assert.equal(second.token, "Bearer token-2");
  await second.open();
  assert.equal(world.state, "live");
  await second.cut();
  await (await world.nextLater()).answer(401);
  await (await world.next()).answer(401, { detail: "who are you?" });
  assert.equal(world.state, "closed unauthorized");
  assert.deepEqual(world.errors.map(({ code, message }) => [code, message]), [["UNAUTHENTICATED", "who are you?"]]);
  world.connection.retryNow();
  await (await world.next()).open();
  assert.equal(world.state, "live");
});

test("goodbye for an expired token: a new one, at once", async () => {
  let n = 0;
  const world = new FakeWorld({ token: () => `token-${++n}` });
  const stream = await world.live(5);
  await stream.frame("goodbye", { type: "goodbye", reason: "token-expired" });
  await stream.end();
  const next = await world.next();
  assert.equal(next.token, "Bearer token-2");
  assert.equal(next.query.last_event_id, "abcd1234-5");
});

test("a provider that fails is asked again, as a network is", async () => {
  let failing = true;
  const world = new FakeWorld({
    token: () => {
      if (failing) throw new Error("the login is away");
      return "token";
    },
  });
  world.connection.want(["job:1"]);
  await settle();
  await world.none();
  failing = false;
  assert.equal((await world.nextLater()).token, "Bearer token");
});

test("a clock that is wrong does not make it ask without end", async () => {
  let asked = 0;
  const world = new FakeWorld({
    token: () => {
      asked++;
      return tokenUntil(kBegin - 3_600_000);
    },
  });
  await world.live(5);
  await world.clock.advance(20_000);
  assert.equal(asked, 1);
});

test("without a token, or with an empty one, no header is sent", async () => {
  for (const token of [undefined, "", () => null, async () => ""]) {
    const world = new FakeWorld({ token });
    world.connection.want(["job:1"]);
    assert.equal((await world.next()).token, undefined);
  }
});

test("with a token and another origin the address stays the same, so that it is asked about once", async () => {
  const world = new FakeWorld({ token: "t", oneAddress: true });
  world.connection.want(["job:1"]);
  const stream = await world.next();
  assert.deepEqual([stream.path, stream.query, stream.body], ["/v1/events:watch", {}, { resources: ["job:1"], fresh: [] }]);
  await stream.open();
  await stream.snapshot("job:1", 5);
  await stream.cut();
  assert.deepEqual((await world.nextLater()).body, { resources: ["job:1"], fresh: [], lastEventId: "abcd1234-5" });
  const open = new FakeWorld({ oneAddress: true });
  open.connection.want(["job:1"]);
  assert.equal((await open.next()).path, "/v1/events");
});

test("claims are read from a JSON Web Token and from nothing else", () => {
  assert.equal(claimsOf(tokenUntil(5000, { sub: "ü" })).exp, 5);
  for (const other of ["", "a", "a.b", "a.b.c", "a.e30"]) assert.equal(claimsOf(other)?.exp, undefined);
});

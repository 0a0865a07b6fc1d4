// The names of clients that applications wrote for themselves: each row of the README's table does what it says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { reduce } from "../../../../clients/web/job_state.js";
import { connect } from "../../../../clients/web/milepost.js";
import { FakeWorld, kBegin, pollAnswer, progressOf, settle, snapshotOf } from "./fake_world.mjs";

const kReadme = readFileSync(new URL("../../../../clients/web/README.md", import.meta.url), "utf8");
const kRows = kReadme.split("## Names of other clients")[1].split("\n## ")[0].split("\n").filter((line) => /^\| (?!there|---)/.test(line));
const tested = [];
let client;

afterEach(() => client?.close());

/** A client in a world that answers as the test says. */
function start(options) {
  const world = new FakeWorld();
  client = connect({ url: "http://edge", clock: world.clock, random: () => 1, fetch: world.fetch, ...options });
  return world;
}

/** The stream of what is wanted now. */
async function stream(world, ...resources) {
  await world.clock.advance(0);
  const asked = await (await world.next()).open();
  for (const resource of resources) await asked.snapshot(resource, 5);
  return asked;
}

const of = (seq, kind) => ({ job: "job:1", seq: String(seq), commitTime: new Date(kBegin).toISOString(), ...kind });

function row(begin, run) {
  tested.push(begin);
  test(begin, async () => {
    assert.ok(kRows.some((line) => line.startsWith(`| ${begin}`)), "it stands in the README");
    await run();
  });
}

row("`useSSESubscription(resources, handlers)`", async () => {
  const world = start();
  const seen = [];
  const handlers = { "step-progress": ({ seq }) => seen.push(seq) };
  for (const type in handlers) client.on(type, handlers[type]);
  const watch = client.watch(["job:1", "user:7"]);
  const live = await stream(world, "job:1", "user:7");
  await live.event(6);
  assert.deepEqual(seen, ["6"]);
  assert.equal((await watch.next()).value.type, "connected");
});

row("`useSSE(url)`: `data`, `error`, `isConnected`, `reconnect`", async () => {
  const world = start();
  const store = client.job("job:1");
  const errors = [];
  client.on("error", ({ code }) => errors.push(code));
  store.subscribe(() => {});
  const live = await stream(world, "job:1");
  assert.equal(client.state === "live", true);
  await live.frame("job-failed", of(6, { failed: { code: "PROVIDER", message: "quota" } }), "abcd1234-6");
  assert.equal(store.get()?.error.code, "PROVIDER");
  await live.frame("output", "{");
  assert.deepEqual(errors, ["MALFORMED"]);
  await live.cut();
  assert.equal(client.state === "live", false);
  client.retryNow();
  await (await world.next()).open();
  assert.equal(client.state, "live");
});

row("`connect()`, `disconnect()`", async () => {
  const world = start();
  client.job("job:1").subscribe(() => {});
  const live = await stream(world, "job:1");
  client.close();
  assert.equal(live.signal.aborted, true);
  await world.clock.advance(600_000);
  await world.none();
});

row("`send(message)`", async () => {
  const world = start();
  const sent = client.publish({ job: "job:1", notice: { text: "hello" } });
  const asked = await world.next();
  assert.deepEqual([asked.path, asked.body], ["/v1/events", { job: "job:1", notice: { text: "hello" } }]);
  await asked.answer(200, { results: [{ seq: "9", cursor: "abcd1234-9" }] });
  assert.deepEqual(await sent, { seq: "9", cursor: "abcd1234-9" });
});

row("`on(event, handler)`, `off(event, handler)`", async () => {
  const world = start();
  const seen = [];
  const handler = ({ seq }) => seen.push(seq);
  client.on("step-progress", handler);
  client.job("job:1").subscribe(() => {});
  const live = await stream(world, "job:1");
  await live.event(6);
  client.off("step-progress", handler);
  await live.event(7);
  assert.deepEqual(seen, ["6"]);
});

row("`useJobEvents(id, { onCompleted })`, `id` or null", async () => {
  const world = start();
  const done = [];
  const onCompleted = ({ message }) => done.push(message);
  const use = (id) => id && client.job(id).subscribe((job) => job?.state === "COMPLETED" && onCompleted(job));
  assert.equal(use(null), null);
  await world.clock.advance(1000);
  await world.none();
  const end = use("job:1");
  const live = await stream(world, "job:1");
  await live.frame("job-completed", of(6, { completed: { message: "there" } }), "abcd1234-6");
  assert.deepEqual(done, ["there"]);
  end?.();
  await world.clock.advance(0);
  assert.equal(live.signal.aborted, true);
});

row("`subscribe(id, { onSuccess, onError, onProgress, onDisconnect })` → unsubscribe", async () => {
  const world = start();
  const told = [];
  const end = client.job("job:1").subscribe((job) => {
    told.push(job?.state === "COMPLETED" ? "success" : job?.state === "FAILED" ? "error" : "progress");
  });
  client.on("state", ({ state }) => state !== "live" && told.push(state));
  const live = await stream(world, "job:1");
  await live.event(6);
  await live.frame("job-failed", of(7, { failed: { code: "X" } }), "abcd1234-7");
  await live.frame("job-status", { ...of(8, { status: { state: "RUNNING" } }), attempt: 2 }, "abcd1234-8");
  await live.frame("job-completed", { ...of(9, { completed: {} }), attempt: 2 }, "abcd1234-9");
  assert.deepEqual(told, ["connecting", "progress", "error", "progress", "success"]);
  await live.cut();
  assert.equal(told.at(-1), "connecting");
  end();
  await world.clock.advance(0);
  assert.equal(client.reason, "idle");
});

row("`isConnected`, `reconnectCount`", async () => {
  const world = start();
  client.job("job:1").subscribe(() => {});
  await (await stream(world, "job:1")).cut();
  await (await world.nextLater()).open();
  assert.deepEqual([client.state === "live", client.reconnectCount], [true, 1]);
});

row("`SseClient.on(event, handler)`, `close()`", async () => {
  const world = start();
  const seen = [];
  client.on("job-completed", ({ completed }) => seen.push(completed.message));
  client.job("job:1").subscribe(() => {});
  await (await stream(world, "job:1")).frame("job-completed", of(6, { completed: { message: "m" } }), "abcd1234-6");
  client.close();
  assert.deepEqual([seen, client.state], [["m"], "closed"]);
});

row("`startStreaming(id)`, `stopStreaming()`", async () => {
  const world = start();
  const seen = [];
  const stop = client.job("job:1").subscribe((job) => seen.push(job.steps[0].fraction));
  const live = await stream(world, "job:1");
  await live.event(100);
  stop();
  await live.event(200);
  assert.deepEqual(seen, [0.1]);
});

row("`updateJobFromSse(job, event)`", () => {
  const state = reduce({ job: "" }, progressOf(500));
  assert.deepEqual([state.job, state.state, state.steps[0].fraction], ["job:1", "RUNNING", 0.5]);
});

row("5 attempts, then the end", async () => {
  const world = start({ maxRetries: 5, transport: "sse" });
  client.job("job:1").subscribe(() => {});
  await world.clock.advance(0);
  for (let i = 0; i <= 5; i++) await (await world.nextLater()).fail();
  assert.deepEqual([client.state, client.reason], ["closed", "retries-exhausted"]);
});

row("polling every so often", async () => {
  const world = start({ transport: "poll", pollInterval: 10_000 });
  client.job("job:1").subscribe(() => {});
  await world.clock.advance(0);
  const first = await world.next();
  assert.equal(first.path, "/v1/poll");
  await first.answer(200, pollAnswer(5, { snapshots: [snapshotOf("job:1", 5)] }));
  await settle();
  assert.equal(client.state, "polling");
});

/** Every name on the right is one that a handler hears. */
function names(begin, kinds) {
  row(begin, async () => {
    const world = start();
    const heard = [];
    for (const type of Object.keys(kinds)) client.on(type, (data) => heard.push([type, data.job ?? data.type]));
    client.job("job:1").subscribe(() => {});
    const live = await stream(world, "job:1");
    let seq = 5;
    for (const [type, kind] of Object.entries(kinds)) if (kind) await live.frame(type, of(++seq, kind), `abcd1234-${seq}`);
    const line = kRows.find((text) => text.startsWith(`| ${begin}`));
    for (const type of Object.keys(kinds)) if (!kinds[type]?.custom) assert.ok(line.includes(type) || line.includes("the same"), type);
    assert.deepEqual(heard.map(([type]) => type).sort(), Object.keys(kinds).sort());
  });
}

names("events `progress`, `complete`, `error`, `educational`, `status`", {
  "step-progress": { progress: {} }, "job-completed": { completed: {} }, "job-failed": { failed: {} },
  notice: { notice: { content: { card: 1 } } }, "job-status": { status: {} },
});
names("events `status_update`, `post_update`, `connected`", {
  "job-status": { status: {} }, "step-status": { step: {} }, "post-update": { custom: { name: "post-update" } }, connected: null,
});
names("events `completed`, `processing`, `failed`", { "job-completed": { completed: {} }, "job-status": { status: {} }, "job-failed": { failed: {} } });
names("`status: \"OK\"`, `\"ERROR\"`, `\"PROGRESS\"`", { "job-completed": { completed: {} }, "job-failed": { failed: {} }, "step-progress": { progress: {} } });
names("`job-status`, `step-status`, `step-progress`", {
  "job-status": { status: {} }, "step-status": { step: {} }, "step-progress": { progress: {} }, warning: { notice: { severity: "WARNING" } },
  "job-completed": { completed: {} }, "job-failed": { failed: {} }, "job-cancelled": { cancelled: {} }, "job-error": { notice: { severity: "ERROR" } },
});

test("every row of the table is tested", () => {
  assert.equal(kRows.length, tested.length);
  for (const line of kRows) assert.ok(tested.some((begin) => line.startsWith(`| ${begin}`)), line);
});

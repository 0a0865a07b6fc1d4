// The page's reduction against the cases that the service's own is held to, and the page's table of jobs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hasEnded, kMaxArtifacts, kMaxSteps, kMaxTailLines, reduce, seqOf } from "../../clients/web/job_state.js";
import { JobTable, kMaxJobs } from "../../edge/web/job_table.js";

const kCases = JSON.parse(readFileSync(new URL("../golden/job_states.json", import.meta.url)));
const copy = (value) => structuredClone(value);
const line = (text) => ({ job: "job:1", output: { line: { text } } });

for (const { name, events, state } of kCases) {
  test(`golden: ${name}`, () => {
    assert.deepEqual(events.reduce((sum, event) => reduce(sum, copy(event)), {}), state);
  });

  test(`golden, a snapshot at any place and then the tail: ${name}`, () => {
    for (let at = 0; at <= events.length; at++) {
      const table = new JobTable();
      const snapshot = events.slice(0, at).reduce((sum, event) => reduce(sum, copy(event)), {});
      if (at > 0) table.replace([{ ...snapshot, cursor: `abcd1234-${at}` }]);
      // Events that are in the snapshot come again, as after a reconnect.
      events.forEach((event, i) => i >= at - 2 && table.apply({ ...copy(event), seq: String(i + 1) }));
      const { cursor, ...sum } = table.jobs.get(state.job).state;
      assert.deepEqual(sum, state, `snapshot at ${at}`);
    }
  });
}

test("an empty state is that of a job nobody knows", () => {
  assert.equal(hasEnded({}), false);
  assert.equal(seqOf("abcd1234-17"), 17);
  assert.equal(seqOf(undefined), 0);
});

test("the tail of the output is bounded", () => {
  const state = {};
  for (let i = 0; i < kMaxTailLines + 5; i++) reduce(state, line(`line ${i}`));
  assert.equal(state.outputTail.length, kMaxTailLines);
  assert.equal(state.outputTail[0], "line 5");
});

test("a long line is cut between characters", () => {
  const state = {};
  reduce(state, line(`${"x".repeat(511)}€ and more`));
  assert.equal(state.outputTail[0], "x".repeat(511));
  reduce(state, line("y".repeat(512)));
  assert.equal(state.outputTail[1].length, 512);
});

test("steps and artifacts are bounded", () => {
  const state = {};
  for (let i = 0; i < kMaxSteps + 3; i++) reduce(state, { job: "job:1", progress: { step: `s${i}` } });
  assert.equal(state.steps.length, kMaxSteps);
  assert.equal(state.step, "s258");
  for (let i = 0; i <= kMaxArtifacts; i++) reduce(state, { job: "job:1", output: { artifact: { name: `a${i}` } } });
  assert.equal(state.artifacts.length, kMaxArtifacts);
  assert.equal(state.artifacts[0].name, "a1");
});

test("metadata keeps the newest value of each key within its limit", () => {
  const state = {};
  for (let i = 0; i < 4; i++) reduce(state, { job: "job:1", metadata: { [`k${i}`]: "x".repeat(4000) } });
  reduce(state, { job: "job:1", metadata: { k1: "new" } });
  assert.equal(Object.keys(state.metadata).length, 4);
  assert.equal(state.metadata.k1, "new");
  for (const key of ["k4", "k5"]) reduce(state, { job: "job:1", metadata: { [key]: "x".repeat(4000) } });
  assert.equal(Object.keys(state.metadata).length, 1);
});

test("a request to an attempt begins none", () => {
  const state = reduce({}, { job: "job:1", progress: { step: "a", fraction: 0.5 } });
  reduce(state, { job: "job:1", attempt: 2, control: { action: "RETRY", phase: "REQUESTED" } });
  assert.equal(state.attempt, 1);
  assert.equal(state.state, "RUNNING");
});

test("estimates that an event does not bring are gone", () => {
  const state = reduce({}, { job: "job:1", progress: { step: "a" }, overall: 0.5, eta: "10s", etaP90: "20s" });
  reduce(state, { job: "job:1", progress: { step: "a" } });
  assert.equal("eta" in state || "etaP90" in state, false);
  assert.equal(state.overall, 0.5);
});

test("a list's older state does not undo what an event told", () => {
  const table = new JobTable();
  table.apply({ job: "job:1", seq: "5", completed: {} });
  table.merge({ job: "job:1", state: "RUNNING", cursor: "abcd1234-4" });
  assert.equal(table.jobs.get("job:1").state.state, "COMPLETED");
  table.merge({ job: "job:1", state: "QUEUED", cursor: "abcd1234-9", attempt: 2 });
  assert.equal(table.jobs.get("job:1").state.state, "QUEUED");
});

test("what became of a request", () => {
  const table = new JobTable();
  const control = (seq, members) => table.apply({ job: "job:1", seq: String(seq), control: members });
  const told = () => table.jobs.get("job:1").request;
  table.apply({ job: "job:1", seq: "1", status: { state: "RUNNING" } });
  control(2, { action: "PAUSE", phase: "REQUESTED" });
  table.asked("job:1", { seq: 2, action: "PAUSE", phase: "REQUESTED" });
  control(3, { request: "2", action: "PAUSE", phase: "DELIVERED" });
  assert.deepEqual(told(), { seq: 2, action: "PAUSE", phase: "DELIVERED", reason: undefined });
  // The answer to the click may come after the stream's news.
  table.asked("job:1", { seq: 2, action: "PAUSE", phase: "REQUESTED" });
  assert.equal(told().phase, "DELIVERED");
  control(4, { action: "CANCEL", phase: "REQUESTED" });
  control(5, { request: "2", action: "PAUSE", phase: "REFUSED", reason: "not now" });
  assert.equal(told().action, "CANCEL", "news of an older request do not hide the newer one");
  control(6, { request: "4", action: "CANCEL", phase: "HONOURED" });
  assert.equal(told().phase, "HONOURED");
  table.apply({ job: "job:1", seq: "7", cancelled: {} });
  assert.equal(told(), undefined);
});

test("a snapshot takes the place of all that was known", () => {
  const table = new JobTable();
  table.apply({ job: "job:1", seq: "1", status: { state: "RUNNING" } });
  table.replace([{ job: "job:3", cursor: "abcd1234-3" }, { job: "job:2", cursor: "abcd1234-2" }]);
  assert.deepEqual([...table.jobs.keys()], ["job:2", "job:3"]);
});

test("jobs that ended first leave a full table", () => {
  const table = new JobTable();
  for (let i = 1; i <= kMaxJobs + 3; i++) {
    table.apply({ job: `job:${i}`, seq: String(i), ...(i % 2 ? { completed: {} } : { status: { state: "RUNNING" } }) });
  }
  table.trim();
  assert.equal(table.jobs.size, kMaxJobs);
  assert.equal(table.jobs.has("job:1") || table.jobs.has("job:5"), false);
  assert.equal(table.jobs.has("job:2") && table.jobs.has("job:7"), true);
});

// The client's reduction against the cases that the service's own is held to.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hasEnded, kMaxArtifacts, kMaxSteps, kMaxTailLines, reduce, seqOf } from "../../clients/web/job_state.js";
import { KnownJobs } from "../../clients/web/known_jobs.js";

const kCases = JSON.parse(readFileSync(new URL("../golden/job_states.json", import.meta.url)));
const copy = (value) => structuredClone(value);
const line = (text) => ({ job: "job:1", output: { line: { text } } });

for (const { name, events, state } of kCases) {
  test(`golden: ${name}`, () => {
    assert.deepEqual(events.reduce((sum, event) => reduce(sum, copy(event)), {}), state);
  });

  test(`golden, a snapshot at any place and then the tail: ${name}`, () => {
    for (let at = 0; at <= events.length; at++) {
      const known = new KnownJobs();
      known.hold(state.job, 1);
      const cursor = `abcd1234-${at}`;
      const snapshot = { ...events.slice(0, at).reduce((sum, event) => reduce(sum, copy(event)), {}), cursor };
      known.replace({ type: "snapshot", resource: state.job, cursor, jobs: at > 0 ? [snapshot] : [], counts: {}, more: false });
      // Events that are in the snapshot come again, as after a reconnect.
      events.forEach((event, i) => i >= at - 2 && known.event({ ...copy(event), seq: String(i + 1) }));
      known.publish();
      const { cursor: snapshotAt, ...sum } = known.state(state.job);
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

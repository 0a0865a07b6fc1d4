// Snapshots and events, folded: the cases that the service's own reduction is held to, and which jobs are whose.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { KnownJobs, kMaxEnded } from "../../../../clients/web/known_jobs.js";
import { reduce } from "../../../../clients/web/job_state.js";

const kCases = JSON.parse(readFileSync(new URL("../../../golden/job_states.json", import.meta.url)));
const copy = (value) => structuredClone(value);
const snapshot = (resource, seq, jobs, more = false) => ({
  type: "snapshot", resource, cursor: `abcd1234-${seq}`, jobs, counts: { byState: {}, total: jobs.length }, more,
});
const running = (job, seq, members) => ({ job, state: "RUNNING", attempt: 1, cursor: `abcd1234-${seq}`, ...members });

function holding(...resources) {
  const known = new KnownJobs();
  for (const resource of resources) {
    known.hold(resource, 1);
    known.replace(snapshot(resource, 0, []));
  }
  return known;
}

for (const { name, events, state } of kCases) {
  test(`golden, a snapshot at any place and then the tail: ${name}`, () => {
    for (let at = 0; at <= events.length; at++) {
      const known = holding(state.job);
      const before = events.slice(0, at).reduce((sum, event) => reduce(sum, copy(event)), {});
      if (at > 0) known.replace(snapshot(state.job, at, [{ ...before, cursor: `abcd1234-${at}` }]));
      // Events that are in the snapshot come again, as after a reconnect.
      events.forEach((event, i) => i >= at - 2 && known.event({ ...copy(event), seq: String(i + 1) }));
      known.publish();
      const { cursor, ...sum } = known.state(state.job);
      assert.deepEqual(sum, state, `snapshot at ${at}`);
    }
  });
}

test("what is public does not change any more", () => {
  const known = holding("job:1");
  known.event({ job: "job:1", seq: "1", progress: { step: "a", fraction: 0.1 } });
  assert.equal(known.state("job:1"), null, "before it is published");
  known.publish();
  const before = known.state("job:1");
  known.event({ job: "job:1", seq: "2", progress: { step: "a", fraction: 0.9 } });
  assert.equal(before.steps[0].fraction, 0.1);
  assert.equal(known.state("job:1"), before);
  known.publish();
  assert.equal(known.state("job:1").steps[0].fraction, 0.9);
});

test("a snapshot in several frames adds up; another one replaces it", () => {
  const known = holding("user:7");
  known.replace(snapshot("user:7", 9, [running("job:4", 4), running("job:3", 3)], true));
  known.replace(snapshot("user:7", 9, [running("job:2", 2)], true));
  known.replace(snapshot("user:7", 9, [running("job:1", 1)]));
  assert.deepEqual([...known.resource("user:7").jobs], ["job:1", "job:2", "job:3", "job:4"]);
  assert.equal(known.resource("user:7").more, false);
  known.replace(snapshot("user:7", 10, [running("job:5", 5)]));
  assert.deepEqual([...known.resource("user:7").jobs], ["job:5"]);
  known.publish();
  assert.equal(known.state("job:1"), null);
});

test("an event belongs to a job's name, its resources and their patterns, once each", () => {
  const known = holding("job:1", "user:*", "job:a*", "team:x");
  const wanted = (job, ...resources) => known.event({ job, resources, seq: String(++seq), status: { state: "RUNNING" } });
  let seq = 0;
  assert.equal(wanted("job:1"), true);
  assert.equal(wanted("job:2", "user:7"), true);
  assert.equal(wanted("job:abc"), true);
  assert.equal(wanted("job:3", "team:x", "team:y"), true);
  assert.equal(wanted("job:12", "team:xx"), false);
  const jobs = Object.fromEntries(known.names().map((name) => [name, [...known.resource(name).jobs]]));
  assert.deepEqual(jobs, { "job:1": ["job:1"], "user:*": ["job:2"], "job:a*": ["job:abc"], "team:x": ["job:3"] });
});

test("what a resource's snapshot holds is not told again, also if another resource is behind", () => {
  const known = holding("user:7", "job:1");
  known.replace(snapshot("job:1", 20, [running("job:1", 20, { message: "new" })]));
  assert.equal(known.event({ job: "job:1", seq: "15", status: { message: "old" } }), false);
  assert.equal(known.event({ job: "job:1", resources: ["user:7"], seq: "16", status: { message: "old" } }), true);
  known.publish();
  assert.equal(known.state("job:1").message, "new");
});

test("what comes before a resource's snapshot is told by the snapshot", () => {
  const known = new KnownJobs();
  known.hold("job:1", 1);
  assert.equal(known.event({ job: "job:1", seq: "5", progress: { step: "a", fraction: 0.5 } }), false);
  known.replace(snapshot("job:1", 5, [running("job:1", 5)]));
  assert.equal(known.event({ job: "job:1", seq: "5", progress: { step: "a", fraction: 0.5 } }), false);
  assert.equal(known.event({ job: "job:1", seq: "6", progress: { step: "a", fraction: 0.6 } }), true);
});

test("nothing is made up of a job whose beginning is not known", () => {
  const known = new KnownJobs();
  known.hold("user:7", 0);
  known.event({ job: "job:1", resources: ["user:7"], seq: "5", progress: { step: "a", fraction: 0.5 } });
  assert.equal(known.snapshot("user:7", "abcd1234-5"), undefined);
  known.publish();
  assert.equal(known.state("job:1"), null);
});

test("an older state, of a list or a late snapshot, does not undo what an event told", () => {
  const known = holding("job:1");
  known.event({ job: "job:1", seq: "5", completed: {} });
  known.addOlder("job:1", [running("job:1", 4)]);
  known.replace(snapshot("job:1", 4, [running("job:1", 3)]));
  known.publish();
  assert.equal(known.state("job:1").state, "COMPLETED");
  known.addOlder("job:1", [{ ...running("job:1", 9), state: "QUEUED", attempt: 2 }]);
  known.publish();
  assert.equal(known.state("job:1").state, "QUEUED");
});

test("after a reset any snapshot counts", () => {
  const known = holding("job:1");
  known.event({ job: "job:1", seq: "50", completed: {} });
  known.reset();
  known.replace(snapshot("job:1", 2, [running("job:1", 2)]));
  known.event({ job: "job:1", seq: "3", status: { message: "again" } });
  known.publish();
  assert.equal(known.state("job:1").state, "RUNNING");
  assert.equal(known.state("job:1").message, "again");
});

test("counts follow the events", () => {
  const known = holding("user:7");
  const event = (seq, job, members) => known.event({ job, resources: ["user:7"], seq: String(seq), ...members });
  known.replace({ ...snapshot("user:7", 1, [running("job:1", 1)]), counts: { byState: { RUNNING: 1, FAILED: 3 }, total: 4 } });
  event(2, "job:2", { status: { state: "QUEUED" } });
  event(3, "job:2", { progress: { step: "a", fraction: 0.5 } });
  event(4, "job:1", { completed: {} });
  const { byState, total } = known.resource("user:7");
  assert.deepEqual({ byState, total }, { byState: { RUNNING: 1, FAILED: 3, COMPLETED: 1 }, total: 5 });
});

test("a request is told until the job goes on, news of an older one do not hide a newer one", () => {
  const known = holding("job:1");
  const control = (seq, members) => known.event({ job: "job:1", seq: String(seq), control: members });
  control(1, { action: "PAUSE", phase: "REQUESTED" });
  known.asked("job:1", { request: "1", action: "PAUSE", phase: "REQUESTED" });
  control(2, { request: "1", action: "PAUSE", phase: "DELIVERED" });
  assert.deepEqual(known.request("job:1"), { request: "1", action: "PAUSE", phase: "DELIVERED", reason: undefined });
  known.asked("job:1", { request: "1", action: "PAUSE", phase: "REQUESTED" });
  assert.equal(known.request("job:1").phase, "DELIVERED");
  control(3, { action: "CANCEL", phase: "REQUESTED" });
  control(4, { request: "1", action: "PAUSE", phase: "REFUSED", reason: "not now" });
  assert.equal(known.request("job:1").action, "CANCEL");
  known.event({ job: "job:1", seq: "5", cancelled: {} });
  assert.equal(known.request("job:1"), null);
});

test("jobs that ended are let go beyond the limit, running ones stay", () => {
  const known = holding("user:7");
  for (let i = 1; i <= kMaxEnded + 5; i++) {
    known.event({ job: `job:${i}`, resources: ["user:7"], seq: String(i), ...(i === 1 ? { status: { state: "RUNNING" } } : { completed: {} }) });
  }
  const { jobs, more } = known.resource("user:7");
  assert.equal(jobs.size, kMaxEnded);
  assert.equal(jobs.has("job:1") && !jobs.has("job:2"), true);
  assert.equal(more, true);
});

test("what nobody wants is let go", () => {
  const known = holding("user:7", "job:1");
  known.event({ job: "job:1", resources: ["user:7"], seq: "1", status: { state: "RUNNING" } });
  known.event({ job: "job:2", resources: ["user:7"], seq: "2", status: { state: "RUNNING" } });
  known.publish();
  known.hold("user:7", -1);
  known.keepOnly(new Set());
  assert.deepEqual(known.names(), ["job:1"]);
  assert.equal(known.state("job:1").state, "RUNNING");
  assert.equal(known.state("job:2"), null);
});

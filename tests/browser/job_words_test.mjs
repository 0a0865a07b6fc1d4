// What the page says of a job, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { about, errorText, matches, overallOf, percent, requestText, times, verbsOf } from "../../edge/web/job_words.js";

const kBegin = "2026-01-01T00:00:00Z";
const at = (seconds) => Date.parse(kBegin) + 1000 * seconds;
const running = (members) => ({ job: "job:1", state: "RUNNING", createTime: kBegin, startTime: kBegin, updateTime: kBegin, ...members });

test("percent is rounded down: 100 is for what is done", () => {
  assert.equal(percent(0.9999), "99 %");
  assert.equal(percent(0.29), "29 %"); // 0.29 * 100 is a little less than 29.
  assert.equal(percent(undefined), "");
});

test("the service's overall goes before the page's own", () => {
  const steps = [{ id: "a", weight: 1, state: "DONE" }, { id: "b", weight: 3, fraction: 0.5 }, { id: "c", parent: "b", fraction: 1 }];
  assert.equal(overallOf({ state: "RUNNING", steps }), 0.625);
  assert.equal(overallOf({ state: "RUNNING", steps, overall: 0.1 }), 0.1);
  assert.equal(overallOf({ state: "COMPLETED" }), 1);
  assert.equal(overallOf({ state: "RUNNING", steps: [{ id: "a" }] }), undefined);
});

test("the estimate counts down from the state's update", () => {
  const state = running({ eta: "120.5s", updateTime: "2026-01-01T00:01:00Z" });
  assert.equal(times(state, at(60)), "1 min 0 s · about 2 min left");
  assert.equal(times(state, at(150)), "2 min 30 s · about 30 s left");
  assert.equal(times(state, at(400)), "6 min 40 s · longer than expected");
  assert.equal(times(running(), at(60)), "1 min 0 s");
});

test("a wide estimate is told with its upper end", () => {
  assert.equal(times(running({ eta: "60s", etaP90: "180s" }), at(0)), "0 s · about 1 min left · at most about 3 min, most likely");
  assert.equal(times(running({ eta: "60s", etaP90: "62s" }), at(0)), "0 s · about 1 min left");
});

test("a queued job waits; an ended one took its time", () => {
  const queued = { state: "QUEUED", createTime: kBegin, updateTime: kBegin, queuePosition: 2, startEta: "45s" };
  assert.equal(times(queued, at(0)), "waiting for a worker · 2 before it · starts in about 45 s");
  assert.equal(times({ ...queued, queuePosition: 0, startEta: undefined }, at(0)), "waiting for a worker · next in the queue");
  assert.equal(times(running({ state: "FAILED", endTime: "2026-01-01T01:02:00Z", eta: "9s" }), at(0)), "took 1 h 2 min");
});

test("what is to come is no more exact than it can be known", () => {
  const cases = [[1, "a few seconds"], [12.4, "about 12 s"], [43, "about 45 s"], [58, "about 1 min"], [90, "about 2 min"], [3700, "about 1 h 0 min"], [7900, "about 2 h 10 min"]];
  for (const [seconds, words] of cases) assert.equal(about(seconds), words);
});

test("buttons are those that the state allows", () => {
  const cases = {
    QUEUED: ["cancel"], RUNNING: ["pause", "cancel"], WAITING: ["pause", "cancel"], STALLED: ["pause", "cancel"],
    PAUSED: ["resume", "cancel"], CANCELLING: [], COMPLETED: [], FAILED: ["retry"], CANCELLED: ["retry"],
  };
  for (const [state, verbs] of Object.entries(cases)) assert.deepEqual(verbsOf({ state }), verbs, state);
});

test("errors and requests have their reason", () => {
  assert.equal(errorText({ error: { code: "PROVIDER", message: "quota", retryable: true } }), "PROVIDER: quota (may be tried again)");
  assert.equal(errorText({}), "");
  assert.equal(requestText({ action: "PAUSE", phase: "REFUSED", reason: "not now" }), "Pause: refused (not now)");
  assert.equal(requestText({ action: "CANCEL", phase: "REQUESTED", reason: "enough" }), "Cancel: requested");
  assert.equal(requestText({ action: "RETRY", problem: "it runs" }), "Retry: not possible (it runs)");
  assert.equal(requestText(undefined), "");
});

test("the filter looks at title, message, labels and name, and at the state", () => {
  const job = { job: "job:42", state: "RUNNING", title: "Trailer", message: "frame 9", labels: { team: "Red" } };
  for (const text of ["", " ", "42", "TRAIL", "frame", "red"]) assert.equal(matches(job, text, ""), true, text);
  assert.equal(matches(job, "blue", ""), false);
  for (const [kind, wanted] of [["", true], ["active", true], ["ended", false], ["running", true], ["paused", false]]) {
    assert.equal(matches(job, "", kind), wanted, kind);
  }
  assert.equal(matches({ job: "job:1", state: "FAILED" }, "", "ended"), true);
});

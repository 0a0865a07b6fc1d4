// What the dashboard works out before it draws: addresses, charts, time lines, counts, details.
import assert from "node:assert/strict";
import { test } from "node:test";
import { factsOf } from "../../edge/web/facts.js";
import { isPattern, jobHash, listHash, parseRoute } from "../../edge/web/route.js";
import { Samples } from "../../edge/web/samples.js";
import { Timeline, axisLabel, axisLength } from "../../edge/web/timeline.js";

const kNone = { resource: "", state: "", kind: "", query: "" };

test("an address says what is shown, and is read back as it was written", () => {
  assert.deepEqual(parseRoute(""), { page: "list", filter: kNone });
  assert.deepEqual(parseRoute("#/job/job:42"), { page: "job", job: "job:42" });
  for (const filter of [kNone, { resource: "user:7", state: "failed", kind: "video", query: "a b&c=d#?+%" }, { ...kNone, resource: "user:*" }]) {
    assert.deepEqual(parseRoute(listHash(filter)), { page: "list", filter });
  }
  assert.equal(listHash({ ...kNone, resource: "job:*" }), "#/");
  assert.deepEqual(parseRoute(jobHash("post:a~b")), { page: "job", job: "post:a~b" });
});

test("an address that means nothing shows the list", () => {
  for (const hash of ["#/job/", "#/job/nothing", "#/job/%", "#/job/job:<b>", "#/x", "#/?resource=no", "#/?resource=job:a*b"]) {
    assert.deepEqual(parseRoute(hash), { page: "list", filter: kNone }, hash);
  }
  assert.equal(parseRoute(`#/?q=${"x".repeat(1000)}`).filter.query.length, 128);
  for (const text of ["job:*", "job:acme.*", "user:7"]) assert.equal(isPattern(text), true, text);
  for (const text of ["*", "job", "job:", "Job:1", "job:1**"]) assert.equal(isPattern(text), false, text);
});

test("a chart holds the newest values on a scale that changes seldom", () => {
  const samples = new Samples(3);
  assert.equal(samples.line(20, 10), "");
  assert.equal(samples.area(20, 10), "");
  for (const value of [1, 0, 5, 10]) samples.add(value);
  assert.deepEqual(samples.values, [0, 5, 10]);
  assert.equal(samples.line(20, 10), "M0.0 10.0L10.0 5.0L20.0 0.0");
  assert.equal(samples.area(20, 10), "M0.0 10.0L10.0 5.0L20.0 0.0L20.0 10L0.0 10Z");
  for (const [value, top] of [[0, 5], [5, 5], [6, 10], [11, 20], [21, 50], [99, 100], [1234, 2000]]) {
    const one = new Samples(1);
    one.add(value);
    assert.equal(one.top(), top, value);
  }
});

const at = (seconds) => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds).toISOString();
const seconds = (ms) => (ms === undefined ? undefined : (ms - Date.UTC(2026, 0, 1)) / 1000);

function spansOf(timeline, id) {
  return timeline.rows([{ id }])[0].spans.map(({ begin, end, state }) => [seconds(begin), seconds(end), state]);
}

test("a step stands where it began and ended", () => {
  const timeline = new Timeline();
  const events = [
    { seq: "1", commitTime: at(0), status: { state: "QUEUED" } },
    { seq: "2", commitTime: at(5), step: { id: "a", state: "STARTED" } },
    { seq: "3", commitTime: at(6), progress: { step: "a", fraction: 0.5 } },
    { seq: "4", commitTime: at(7), progress: { step: "b" } },
    { seq: "5", commitTime: at(9), step: { id: "a", state: "DONE" } },
    { seq: "6", commitTime: at(9), step: { id: "c", state: "SKIPPED" } },
    { seq: "7", commitTime: at(10), step: { id: "a", state: "STARTED" } },
    { seq: "8", commitTime: at(12), completed: {} },
  ];
  for (const event of [...events.slice(0, 5), ...events.slice(2)]) timeline.apply(event); // Some twice.
  assert.equal(seconds(timeline.begin), 5);
  assert.equal(seconds(timeline.end), 12);
  assert.deepEqual(spansOf(timeline, "a"), [[5, 9, "DONE"], [10, 12, "DONE"]]);
  assert.deepEqual(spansOf(timeline, "b"), [[7, 12, "DONE"]]);
  assert.deepEqual(spansOf(timeline, "c"), [[9, 9, "SKIPPED"]]);
  assert.deepEqual(spansOf(timeline, "never"), []);
});

test("another attempt begins a time line of its own", () => {
  const timeline = new Timeline();
  timeline.apply({ seq: "1", commitTime: at(0), step: { id: "a", state: "STARTED" } });
  timeline.apply({ seq: "2", commitTime: at(3), failed: {} });
  assert.deepEqual(spansOf(timeline, "a"), [[0, 3, "FAILED"]]);
  timeline.apply({ seq: "3", attempt: 2, commitTime: at(8), status: { state: "RUNNING" } });
  assert.deepEqual(spansOf(timeline, "a"), []);
  assert.deepEqual([seconds(timeline.begin), timeline.end], [8, undefined]);
});

test("a time line of a step that is started for ever stays small", () => {
  const timeline = new Timeline();
  for (let i = 0; i < 1000; i++) timeline.apply({ seq: String(i + 1), commitTime: at(i), step: { id: "a", state: i % 2 ? "DONE" : "STARTED" } });
  assert.equal(spansOf(timeline, "a").length, 50);
  assert.deepEqual(spansOf(timeline, "a").at(-1), [998, 999, "DONE"]);
});

test("the axis is round", () => {
  const cases = [[0, 10], [10, 10], [11, 20], [61, 120], [3601, 7200], [90_000, 172_800]];
  for (const [length, axis] of cases) assert.equal(axisLength(length), axis);
  assert.deepEqual([0, 15, 90, 5400, 7200, 129_600, 216_000].map(axisLabel), ["0", "15 s", "1.5 min", "1.5 h", "2 h", "36 h", "2.5 d"]);
});

test("details are what there is, and only web addresses are links", () => {
  const state = { job: "job:1", kind: "video", resources: ["user:7"], labels: { team: "red" }, metadata: { b: "https://x/y", a: { n: 1 }, c: "javascript:1" } };
  const facts = factsOf(state, (resource) => `#${resource}`).map(({ name, value, href }) => [name, value, href]);
  assert.deepEqual(facts, [
    ["Name", "job:1", undefined], ["Kind", "video", undefined], ["Attempt", "1", undefined], ["Belongs to", "user:7", "#user:7"],
    ["team", "red", undefined], ["a", '{"n":1}', undefined], ["b", "https://x/y", "https://x/y"], ["c", "javascript:1", undefined],
  ]);
  assert.deepEqual(factsOf(null, String), []);
});

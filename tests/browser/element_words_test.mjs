// What the elements say of a job, in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nested } from "../../clients/web/elements/steps_view.js";
import { reaches, toastOf } from "../../clients/web/elements/toast_words.js";
import * as words from "../../clients/web/elements/words.js";

const kBegin = "2026-01-01T00:00:00Z";
const at = (seconds) => Date.parse(kBegin) + 1000 * seconds;
const running = (members) => ({ job: "job:1", state: "RUNNING", createTime: kBegin, startTime: kBegin, updateTime: kBegin, ...members });

test("percent is rounded down: 100 is for what is done", () => {
  assert.equal(words.percent(0.9999), "99 %");
  assert.equal(words.percent(0.29), "29 %"); // 0.29 * 100 is a little less than 29.
  assert.equal(words.percent(undefined), "");
});

test("the service's overall goes before the element's own", () => {
  const steps = [{ id: "a", weight: 1, state: "DONE" }, { id: "b", weight: 3, fraction: 0.5 }, { id: "c", parent: "b", fraction: 1 }];
  assert.equal(words.overallOf({ state: "RUNNING", steps }), 0.625);
  assert.equal(words.overallOf({ state: "RUNNING", steps, overall: 0.1 }), 0.1);
  assert.equal(words.overallOf({ state: "COMPLETED" }), 1);
  assert.equal(words.overallOf({ state: "RUNNING", steps: [{ id: "a" }] }), undefined);
});

test("the estimate counts down from the state's update", () => {
  const state = running({ eta: "120.5s", updateTime: "2026-01-01T00:01:00Z" });
  assert.equal(words.ahead(state, at(60)), "about 2 min left");
  assert.equal(words.ahead(state, at(150)), "about 30 s left");
  assert.equal(words.ahead(state, at(400)), "longer than expected");
  assert.equal(words.spent(state, at(400)), "6 min 40 s so far");
  assert.equal(words.ahead(running(), at(60)), "");
});

test("a wide estimate is told with its upper end", () => {
  assert.equal(words.aheadAtMost(running({ eta: "60s", etaP90: "180s" }), at(0)), "hardly more than 3 min");
  assert.equal(words.aheadAtMost(running({ eta: "60s", etaP90: "62s" }), at(0)), "");
});

test("a queued job waits; an ended one took its time", () => {
  const queued = { job: "job:1", state: "QUEUED", createTime: kBegin, updateTime: kBegin, queuePosition: 2, startEta: "45s" };
  assert.equal(words.ahead(queued, at(0)), "starts in about 45 s");
  assert.equal(words.ahead(queued, at(50)), "starts any moment");
  assert.equal(words.spent(queued, at(50)), "");
  assert.deepEqual([0, 1, 2, undefined].map(words.queueText), ["next in the queue", "1 job before it", "2 jobs before it", ""]);
  const ended = running({ state: "FAILED", endTime: "2026-01-01T01:02:00Z", eta: "9s" });
  assert.equal(words.spent(ended, at(9000)), "took 1 h 2 min");
  assert.equal(words.ahead(ended, at(9000)), "");
});

test("what is to come is no more exact than it can be known", () => {
  const cases = [
    [1, "a few seconds"], [12.4, "about 12 s"], [43, "about 45 s"], [58, "about 1 min"], [90, "about 2 min"],
    [3700, "about 1 h"], [7900, "about 2 h 10 min"], [100_000, "about 1 day"], [400_000, "about 5 days"],
  ];
  for (const [seconds, text] of cases) assert.equal(words.about(seconds), text);
});

test("how long ago grows in steps", () => {
  const cases = [[-3, "just now"], [4.9, "just now"], [14, "10 s ago"], [59, "55 s ago"], [61, "1 min ago"], [7300, "2 h ago"], [200_000, "2 d ago"]];
  for (const [seconds, text] of cases) assert.equal(words.ago(seconds), text);
  assert.equal(words.moved(running({ progressTime: kBegin }), at(70)), "moved 1 min ago");
  assert.equal(words.moved(running(), at(70)), "no progress yet");
});

test("buttons are those that the state allows", () => {
  const cases = {
    QUEUED: ["cancel"], RUNNING: ["pause", "cancel"], WAITING: ["pause", "cancel"], STALLED: ["pause", "cancel"],
    PAUSED: ["resume", "cancel"], CANCELLING: [], COMPLETED: [], FAILED: [], CANCELLED: ["retry"],
  };
  for (const [state, verbs] of Object.entries(cases)) assert.deepEqual(words.verbsOf({ job: "job:1", state }), verbs, state);
  assert.deepEqual(words.verbsOf({ job: "job:1", state: "FAILED", error: { retryable: true } }), ["retry"]);
  assert.deepEqual(words.verbsOf(null), []);
});

test("a request tells how far it is, and why it was refused", () => {
  assert.equal(words.requestText({ action: "PAUSE", phase: "REFUSED", reason: "not now" }), "Pause: refused (not now)");
  assert.equal(words.requestText({ action: "CANCEL", phase: "REQUESTED", reason: "enough" }), "Cancel: requested");
  assert.equal(words.requestText({ action: "RETRY", problem: "it runs" }), "Retry: not possible (it runs)");
  assert.equal(words.requestText(null), "");
  assert.equal(words.isOpen({ action: "PAUSE", phase: "DELIVERED" }), true);
  assert.equal(words.isOpen({ action: "PAUSE", phase: "HONOURED" }), false);
});

test("only web addresses are links", () => {
  for (const uri of ["https://x/y", "HTTP://x"]) assert.equal(words.safeUri(uri), uri);
  for (const uri of [undefined, "", "javascript:1", " https://x", "//x", "data:text/html,x", "file:///x", "https:// x"]) assert.equal(words.safeUri(uri), undefined, uri);
});

test("sizes are rounded down", () => {
  const cases = [[undefined, ""], ["999", "999 B"], ["1000", "1 kB"], ["1843200", "1.8 MB"], ["99999999", "99 MB"], ["5000000000000000000", "5000 PB"]];
  for (const [bytes, text] of cases) assert.equal(words.sizeText(bytes), text);
});

test("parts stand below their step, also those that came before it", () => {
  const steps = [{ id: "b", parent: "a" }, { id: "c" }, { id: "a" }, { id: "d", parent: "a" }, { id: "e", parent: "gone" }, { id: "f", parent: "b" }, { id: "g", parent: "g" }];
  assert.deepEqual(nested(steps).map(({ step, part }) => (part ? `-${step.id}` : step.id)), ["c", "a", "-b", "-d", "e", "g", "-f"]);
});

test("an end and a notice become toasts; what must be read stays", () => {
  assert.deepEqual(toastOf({ job: "job:1", failed: { code: "PROVIDER", message: "full" } }, "Film"), {
    tone: "bad", label: "", title: "Film: failed", text: "PROVIDER: full", image: undefined, link: undefined, stays: true, job: "job:1",
  });
  assert.equal(toastOf({ job: "job:1", completed: {} }, "Film").stays, false);
  assert.equal(toastOf({ job: "job:1", status: { state: "RUNNING" } }, "Film"), undefined);
  const tip = toastOf({ job: "job:1", notice: { content: { kind: "tip", text: "press space", link: "https://x/y", image: "javascript:1" } } }, "Film");
  assert.deepEqual([tip.label, tip.title, tip.text, tip.link, tip.image, tip.stays], ["Tip", "Film", "press space", { href: "https://x/y", text: "Read more" }, undefined, false]);
  assert.equal(toastOf({ job: "job:1", notice: { content: { kind: "card", title: "Light" }, text: "from one side" } }, "Film").stays, true);
  assert.equal(toastOf({ job: "job:1", notice: { content: { title: { a: 1 }, link: { href: 7 } }, code: "X" } }, "Film").title, "Film");
});

test("an event reaches the readers of its job and of its resources", () => {
  const event = { job: "job:acme.1", resources: ["user:7"] };
  for (const resource of ["job:acme.1", "job:*", "job:acme.*", "user:7", "user:*"]) assert.equal(reaches(event, resource), true, resource);
  for (const resource of ["job:acme", "job:b*", "user:70"]) assert.equal(reaches(event, resource), false, resource);
});

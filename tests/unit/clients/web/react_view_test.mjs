// What a component shows, without React and without a browser: frames, callbacks, and how long things are held.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { MilepostError } from "../../../../clients/web/errors.js";
import { OwnHome, homeOf, kLingerMs, kMaxLingering } from "../../../../clients/web/react/home.js";
import { JobView } from "../../../../clients/web/react/job_view.js";

const kHiddenMs = 250;

/** A page whose frames come when the test says. */
const page = {
  visibilityState: "visible",
  frames: new Map(),
  listeners: new Set(),
  addEventListener: (_type, listener) => page.listeners.add(listener),
  removeEventListener: (_type, listener) => page.listeners.delete(listener),
  frame() {
    const due = [...page.frames.values()];
    page.frames.clear();
    for (const run of due) run();
  },
  become(visibilityState) {
    page.visibilityState = visibilityState;
    for (const listener of [...page.listeners]) listener();
  },
};
let ids = 0;

class FakeClient {
  state = "live";
  reason = null;
  reconnectCount = 0;
  held = 0; // Subscriptions to jobs.
  retries = 0;
  handlers = new Map();
  listeners = new Set();
  now = null;

  job(id) {
    if (!id.includes(":")) throw new MilepostError("INVALID_ARGUMENT", "no name");
    return {
      get: () => this.now,
      request: null,
      subscribe: (listener) => {
        this.held++;
        const own = { listener };
        this.listeners.add(own);
        return () => void (this.listeners.delete(own) && this.held--);
      },
    };
  }

  on(type, handler) {
    this.handlers.set(type, (this.handlers.get(type) ?? new Set()).add(handler));
    return () => this.handlers.get(type).delete(handler);
  }

  retryNow() {
    this.retries++;
  }

  tell(job) {
    this.now = job;
    for (const { listener } of [...this.listeners]) listener(job);
  }

  emit(type, data) {
    for (const handler of [...this.handlers.get(type)]) handler(data);
  }

  become(state, reason = null) {
    Object.assign(this, { state, reason });
    this.emit("state", { state, reason });
  }
}

let client;
let view;
let draws;
let end;
let told;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.document = page;
  globalThis.requestAnimationFrame = (run) => (page.frames.set(++ids, run), ids);
  globalThis.cancelAnimationFrame = (id) => page.frames.delete(id);
  page.visibilityState = "visible";
  client = new FakeClient();
  view = new JobView(homeOf(client), "job:1");
  told = [];
  view.callbacks = { onCompleted: ({ state }) => told.push(state), onFailed: ({ attempt = 1 }) => told.push(attempt) };
  draws = 0;
  end = view.subscribe(() => draws++);
});

afterEach(() => {
  end();
  mock.timers.tick(kLingerMs);
  assert.equal(client.held, 0);
  assert.equal(page.frames.size + page.listeners.size, 0);
  mock.timers.reset();
});

const job = (overall, more) => ({ job: "job:1", state: "RUNNING", overall, ...more });

test("what comes between two frames is drawn once, and as it is then", () => {
  for (let i = 0; i < 10; i++) client.tell(job(i / 10));
  assert.equal(draws, 0);
  assert.equal(view.get().job, null, "what is shown does not change between frames");
  page.frame();
  assert.deepEqual([draws, view.get().job.overall], [1, 0.9]);
  const shown = view.get();
  page.frame();
  client.become("live");
  page.frame();
  assert.deepEqual([draws, view.get() === shown], [1, true], "nothing new is not drawn");
});

test("a page that nobody sees is drawn by a timer", () => {
  client.tell(job(0.1));
  page.become("hidden");
  assert.equal(page.frames.size, 0);
  mock.timers.tick(kHiddenMs - 1);
  assert.equal(draws, 0);
  mock.timers.tick(1);
  assert.deepEqual([draws, view.get().job.overall], [1, 0.1]);
  client.tell(job(0.2));
  mock.timers.tick(kHiddenMs);
  assert.equal(draws, 2);
});

test("what is known already is shown at once", () => {
  client.tell(job(0.5));
  const late = new JobView(homeOf(client), "job:1");
  assert.equal(late.get().job.overall, 0.5);
  assert.deepEqual(late.getServer(), { job: null, request: null, error: null, state: "connecting", reason: null, reconnectCount: 0 });
  page.frame();
});

test("each attempt's end is told once, at once, and to the newest callback", () => {
  client.tell(job(0.5));
  assert.deepEqual(told, []);
  client.tell(job(0.5, { state: "FAILED" }));
  client.tell(job(0.5, { state: "FAILED", message: "again" }));
  client.tell(job(0, { attempt: 2 }));
  client.tell(job(0.5, { state: "FAILED", attempt: 2 }));
  client.tell(job(0.5, { state: "FAILED", attempt: 3 }));
  assert.deepEqual(told, [1, 2, 3]);
  view.callbacks = { onCompleted: () => told.push("newest") };
  client.tell(job(1, { state: "COMPLETED", attempt: 4 }));
  assert.deepEqual(told, [1, 2, 3, "newest"]);
  client.tell(job(0, { state: "CANCELLED", attempt: 5 }));
  assert.equal(told.length, 4);
  page.frame();
});

test("who subscribes again hears no end twice, and who is gone hears none", () => {
  client.tell(job(1, { state: "FAILED" }));
  end();
  end = view.subscribe(() => draws++);
  assert.deepEqual(told, [1]);
  end();
  client.tell(job(1, { attempt: 2, state: "FAILED" }));
  assert.deepEqual([told.length, draws], [1, 0]);
  end = view.subscribe(() => draws++);
  assert.deepEqual(told, [1, 2]);
});

test("a callback that fails stops nobody else", () => {
  const faults = [];
  globalThis.reportError = (error) => faults.push(error.message);
  view.callbacks = { onCompleted: () => { throw new Error("mine"); } };
  client.tell(job(1, { state: "COMPLETED" }));
  page.frame();
  assert.deepEqual([faults, draws], [["mine"], 1]);
  delete globalThis.reportError;
});

test("what is left is held for a moment, but not without end", () => {
  end();
  assert.equal(client.held, 1);
  mock.timers.tick(kLingerMs - 1);
  assert.equal(client.held, 1);
  mock.timers.tick(1);
  assert.equal(client.held, 0);
  for (let i = 0; i < 3 * kMaxLingering; i++) view.subscribe(() => {})();
  assert.equal(client.held, kMaxLingering);
  mock.timers.tick(kLingerMs);
  assert.equal(client.held, 0);
});

test("an error is why the connection is closed, until it is not", () => {
  const error = () => [view.get().state, view.get().error?.code, view.get().error?.message];
  client.become("offline", "network");
  page.frame();
  assert.deepEqual(error(), ["offline", undefined, undefined]);
  client.emit("error", new MilepostError("MALFORMED", "not JSON"));
  client.become("closed", "unauthorized");
  page.frame();
  assert.deepEqual(error(), ["closed", "UNAUTHENTICATED", "the connection is closed: unauthorized"]);
  client.emit("error", new MilepostError("UNAUTHENTICATED", "expired", 401));
  page.frame();
  assert.deepEqual(error(), ["closed", "UNAUTHENTICATED", "expired"]);
  view.retryNow();
  assert.equal(client.retries, 1);
  client.become("live");
  page.frame();
  assert.deepEqual(error(), ["live", undefined, undefined]);
  client.become("closed", "idle");
  page.frame();
  assert.deepEqual(error(), ["connecting", undefined, undefined], "what is wanted is on its way");
});

test("a name that is none is an error that is shown", () => {
  const bad = new JobView(homeOf(client), "42");
  const stop = bad.subscribe(() => {});
  assert.deepEqual([bad.get().state, bad.get().error.code], ["closed", "INVALID_ARGUMENT"]);
  stop();
});

test("a provider's client is made when it is wanted, and closed a moment after the provider", () => {
  const home = new OwnHome(() => ({ url: "http://edge", token: () => "t" }));
  const leave = home.open();
  assert.equal(home.known(), undefined);
  const own = home.client();
  leave();
  const again = home.open();
  mock.timers.tick(kLingerMs);
  assert.equal(home.known(), own, "it came back");
  assert.equal(own.reason, "idle");
  again();
  mock.timers.tick(kLingerMs);
  assert.deepEqual([home.known(), own.reason], [undefined, "closed"]);
});

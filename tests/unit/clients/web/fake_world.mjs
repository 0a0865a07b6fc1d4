// A world for the client's tests: a clock that moves when told to, and an edge that answers what the test says.
import assert from "node:assert/strict";
import { Connection } from "../../../../clients/web/connection.js";
import { Http } from "../../../../clients/web/http.js";
import { Stats } from "../../../../clients/web/stats.js";
import { TokenSource } from "../../../../clients/web/token.js";

export const kBegin = Date.parse("2026-01-01T00:00:00Z");

/** Lets everything happen that needs no time. */
export async function settle() {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeClock {
  time = kBegin;
  #timers = new Map();
  #ids = 0;

  now() {
    return this.time;
  }

  setTimeout(run, ms) {
    this.#timers.set(++this.#ids, { at: this.time + ms, run });
    return this.#ids;
  }

  clearTimeout(id) {
    this.#timers.delete(id);
  }

  get timers() {
    return this.#timers.size;
  }

  /** Runs what is due on the way, in order. */
  async advance(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
      await settle();
    }
    this.time = end;
    await settle();
  }

  /** The machine sleeps: time passes, nothing runs. */
  sleep(ms) {
    this.time += ms;
  }
}

/** One request that waits for its answer. */
class Asked {
  constructor(clock, url, init) {
    const { pathname, search } = new URL(url);
    this.at = clock.now() - kBegin;
    this.path = pathname;
    this.query = Object.fromEntries(search.slice(1).split("&").filter(Boolean).map((item) => item.split("=")));
    this.body = init.body === undefined ? undefined : JSON.parse(init.body);
    this.token = init.headers.Authorization;
    this.signal = init.signal;
    this.answered = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    init.signal?.addEventListener("abort", () => this.reject(new DOMException("aborted", "AbortError")));
  }

  fail() {
    this.reject(new TypeError("fetch failed"));
    return settle();
  }

  answer(status, body, headers = {}) {
    const text = body === undefined ? null : JSON.stringify(body);
    this.resolve(new Response(text, { status, headers: { "Content-Type": "application/json", ...headers } }));
    return settle();
  }

  /** Opens a stream; without `silent` it begins as the edge does. */
  async open({ silent = false, headers = {}, retry = 700, cursor = "abcd1234-0" } = {}) {
    const body = new ReadableStream({ start: (controller) => (this.controller = controller) });
    this.signal?.addEventListener("abort", () => {
      try {
        this.controller.error(new DOMException("aborted", "AbortError"));
      } catch {
        // It has ended.
      }
    });
    this.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream", ...headers } }));
    if (!silent) {
      const resources = (this.query.resources ?? "").split(",");
      this.write(`retry: ${retry}\n\n`);
      this.frame("connected", { type: "connected", resources, cursor, heartbeat: "10s" });
    }
    await settle();
    return this;
  }

  write(text) {
    this.controller.enqueue(new TextEncoder().encode(text));
    return settle();
  }

  frame(type, data, id) {
    return this.write(`${id ? `id: ${id}\n` : ""}event: ${type}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
  }

  snapshot(resource, seq, jobs = [], last = true) {
    return this.frame("snapshot", snapshotOf(resource, seq, jobs), last ? `abcd1234-${seq}` : undefined);
  }

  event(seq, job = "job:1") {
    return this.frame("step-progress", progressOf(seq, job), `abcd1234-${seq}`);
  }

  heartbeat(seq) {
    return this.write(`: keepalive\nid: abcd1234-${seq}\n\n`);
  }

  end() {
    this.controller.close();
    return settle();
  }

  cut() {
    this.controller.error(new TypeError("network error"));
    return settle();
  }
}

export const snapshotOf = (resource, seq, jobs = []) => ({
  type: "snapshot", resource, cursor: `abcd1234-${seq}`, jobs, counts: { byState: {}, total: jobs.length }, more: false,
});
export const progressOf = (seq, job = "job:1") => ({
  job, seq: String(seq), commitTime: new Date(kBegin).toISOString(), progress: { step: "a", fraction: seq / 1000 },
});
export const pollAnswer = (cursor, { events = [], snapshots = [], reset = null, more = false } = {}) => ({
  events, cursor: `abcd1234-${cursor}`, snapshots, reset, more,
});

export class FakeWorld {
  clock = new FakeClock();
  asked = []; // Requests that nobody answered yet.
  count = 0; // Of all requests.
  frames = [];
  errors = [];
  states = [];

  constructor({ random = () => 1, token, ...options } = {}) {
    this.fetch = (url, init) => {
      const asked = new Asked(this.clock, url, init);
      this.count++;
      this.asked.push(asked);
      return asked.answered;
    };
    this.stats = new Stats();
    this.http = new Http("http://edge", new TokenSource(token, this.clock), this.fetch, this.stats);
    this.connection = new Connection({
      http: this.http, clock: this.clock, random, log: () => {}, transport: "auto", maxRetries: Infinity, pollInterval: 5000,
      oneAddress: false, ...options,
    }, {
      frames: (frames) => this.frames.push(...frames),
      state: () => this.states.push([this.connection.state, this.connection.reason].filter(Boolean).join(" ")),
      error: (error) => this.errors.push(error),
    });
  }

  get state() {
    return [this.connection.state, this.connection.reason].filter(Boolean).join(" ");
  }

  get events() {
    return this.frames.filter(({ data }) => data.seq).map(({ data }) => Number(data.seq));
  }

  /** The one request that waits now. */
  async next() {
    await settle();
    this.asked = this.asked.filter(({ signal }) => !signal?.aborted);
    assert.equal(this.asked.length, 1, "requests that wait");
    return this.asked.pop();
  }

  /** The same, if it takes some seconds until it comes. */
  async nextLater(seconds = 60) {
    for (let i = 0; i < 10 * seconds; i++) {
      await settle();
      if (this.asked.some(({ signal }) => !signal?.aborted)) break;
      await this.clock.advance(100);
    }
    return this.next();
  }

  async none() {
    await settle();
    this.asked = this.asked.filter(({ signal }) => !signal?.aborted);
    assert.equal(this.asked.length, 0, "requests that wait");
  }

  /** A stream of job:1 that is live at `seq`. */
  async live(seq = 5) {
    this.connection.want(["job:1"]);
    const stream = await (await this.next()).open();
    await stream.snapshot("job:1", seq);
    assert.equal(this.state, "live");
    return stream;
  }
}

/** A JSON Web Token that nobody checks. */
export function tokenUntil(ms, claims = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: "me", exp: ms / 1000, ...claims })}.`;
}

// What an application holds: jobs, lists, events and the connection's state, of one address and token.
import { Connection } from "./connection.js";
import { MilepostError } from "./errors.js";
import { JobList } from "./job_list.js";
import { JobStore } from "./job_store.js";
import { KnownJobs } from "./known_jobs.js";
import { watchPage } from "./page_events.js";
import { checkResource, kMaxResources } from "./resources.js";
import { Watch } from "./watch.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./tabs.js").SharedConnection} SharedConnection */
/** @typedef {import("./types.js").ProgressEvent} ProgressEvent */
/** @template {string} T @typedef {(data: import("./types.js").DataOf<T>, frame: {type: T, id: string, data: import("./types.js").DataOf<T>}) => void} HandlerOf */
/** @typedef {(data: unknown, frame: {type: string, id: string, data: unknown}) => void} Handler */
/** @typedef {{seq?: string, cursor?: string, error?: {code: string, message: string}}} PublishResult */

const kNoErrors = new Set(["idle", "closed", "suspended", "ended"]); // Reasons to be closed.

export class MilepostClient {
  /** @type {Map<string, Set<Handler>>} */
  #handlers = new Map();
  /** What to tell when a resource changes. @type {Map<string, Set<{notify(): void}>>} */
  #stores = new Map();
  /** @type {Map<string, JobStore | JobList>} */
  #made = new Map();
  /** @type {Set<Watch>} */
  #watches = new Set();
  /** @type {unknown} */
  #applyTimer;
  #publishing = false;
  #closed = false;
  #ignorePage;

  /**
   * @param {import("./connection.js").ConnectionOptions} options
   * @param {(listener: import("./connection.js").ConnectionListener, known: KnownJobs) => Connection | SharedConnection} newSource
   * @param {() => void} closed Called when it is.
   */
  constructor(options, newSource, closed) {
    this.options = options;
    this.http = options.http;
    this.known = new KnownJobs();
    this.closed = closed;
    this.source = newSource(this.#listener(), this.known);
    this.#ignorePage = watchPage({
      online: () => this.source.wake(true),
      visible: () => this.source.wake(),
      hidden: () => "hidden" in this.source && this.source.hidden(),
      leave: () => this.source.stop("suspended"),
      back: () => this.source.retryNow(),
    });
  }

  /** connecting, live, polling, offline or closed. */
  get state() {
    return this.source.state;
  }

  /** Why, where that is not plain: for example "unauthorized", "retries-exhausted", "idle" (nothing is wanted), "muted". */
  get reason() {
    return this.source.reason;
  }

  /** How often the connection had to be made anew. */
  get reconnectCount() {
    return this.source.reconnectCount;
  }

  /** One job. The same store for the same name, while somebody subscribes to it. @param {string} id For example "job:42". */
  job(id) {
    return /** @type {JobStore} */ (this.#made.get(id)) ?? new JobStore(this, id);
  }

  /** The jobs that are a resource or carry it. @param {import("./job_list.js").JobFilter} filter */
  jobs(filter = {}) {
    const key = JSON.stringify([filter.resource, filter.kind, filter.state, filter.query]);
    return /** @type {JobList} */ (this.#made.get(key)) ?? new JobList(this, filter, key);
  }

  /**
   * What happens to resources: a snapshot of each, then every event once. With a cursor ("earliest" and "latest" are
   * two) what followed it, on a connection of its own.
   * @param {string | string[]} resources
   * @param {{signal?: AbortSignal, cursor?: string, types?: string[]}} [options] `types`: only these events.
   */
  watch(resources, { signal, cursor, types } = {}) {
    const names = [...new Set([resources].flat().map(checkResource))];
    const watch = cursor ? this.#watchFrom(cursor, names, types) : this.#watchShared(names, types);
    if (signal?.aborted || this.#closed) watch.end();
    signal?.addEventListener("abort", () => watch.end(), { once: true });
    return watch;
  }

  /**
   * Calls `handler(data, frame)` for every event of that name, of all that this client holds; also for the stream's own
   * (connected, snapshot, reset, goodbye), "state" and "error".
   * @template {string} T
   * @param {T} type @param {HandlerOf<T>} handler
   * @returns {() => void} Ends it.
   */
  on(type, handler) {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(/** @type {Handler} */ (handler)));
    return () => this.off(type, handler);
  }

  /** @template {string} T @param {T} type @param {HandlerOf<T>} handler */
  off(type, handler) {
    this.#handlers.get(type)?.delete(/** @type {Handler} */ (handler));
  }

  /**
   * Publishes one event or several (at most 1,000). One that is refused rejects; of several each has its own result.
   * @param {object | object[]} events
   * @returns {Promise<PublishResult | PublishResult[]>}
   */
  async publish(events) {
    const { results } = /** @type {{results: PublishResult[]}} */ (await this.http.json("/v1/events", { body: events }));
    return Array.isArray(events) ? results : results[0];
  }

  /** Tries again at once, also after having given up. */
  retryNow() {
    if (!this.#closed) this.source.retryNow();
  }

  /** Bytes, events, reconnects, changes of transport, requests and latency by transport, of this page. */
  stats() {
    const { requests, latency, ...counts } = this.http.stats;
    return { ...counts, requests: { ...requests }, latency: { sse: { ...latency.sse }, poll: { ...latency.poll } } };
  }

  /** Ends it for good: nothing reconnects. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.options.clock.clearTimeout(this.#applyTimer);
    this.#ignorePage();
    this.source.stop("closed");
    for (const watch of [...this.#watches]) watch.end();
    this.closed();
  }

  // ---- For stores -------------------------------------------------------------------------------------------

  /** @param {string} resource @param {{notify(): void, key?: string} & (JobStore | JobList)} [store] */
  hold(resource, store) {
    if (!this.known.resource(resource) && this.known.names().length >= kMaxResources) {
      throw new MilepostError("RESOURCE_EXHAUSTED", `more than ${kMaxResources} resources are held at once`);
    }
    this.known.hold(resource, 1);
    if (store) {
      this.#made.set(store.key, store);
      const stores = this.#stores.get(resource) ?? new Set();
      this.#stores.set(resource, stores.add(store));
    }
    this.#apply();
  }

  /** @param {string} resource @param {JobStore | JobList} [store] */
  release(resource, store) {
    this.known.hold(resource, -1);
    if (store) {
      const stores = this.#stores.get(resource);
      if (stores?.delete(store) && stores.size === 0) this.#stores.delete(resource);
      if (this.#made.get(store.key) === store) this.#made.delete(store.key);
    }
    this.#apply();
  }

  /** Tells stores of news, once for all that came together. */
  changed() {
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      /** @type {Set<{notify(): void}>} */
      const stores = new Set();
      for (const name of this.known.publish()) for (const store of this.#stores.get(name) ?? []) stores.add(store);
      for (const store of stores) this.#call(() => store.notify());
    });
  }

  // ---- What the connection tells ----------------------------------------------------------------------------

  /** @returns {import("./connection.js").ConnectionListener} */
  #listener() {
    return {
      frames: (frames) => this.#frames(frames),
      state: () => this.#stateChanged(),
      error: (error) => this.#dispatch({ type: "error", id: "", data: error }),
    };
  }

  /** @param {Frame[]} frames */
  #frames(frames) {
    for (const frame of frames) {
      const { type, data } = frame;
      let wanted = true;
      if (type === "snapshot") {
        wanted = this.known.replace(data);
      } else if (type === "reset") {
        this.known.reset();
      } else if ("job" in data) {
        wanted = this.known.event(data);
      }
      if (!wanted) continue;
      for (const watch of this.#watches) watch.push(frame);
      this.#dispatch(frame);
    }
    this.changed();
  }

  #stateChanged() {
    const { state, reason, reconnectCount } = this.source;
    this.#dispatch({ type: "state", id: "", data: { state, reason, reconnectCount } });
    if (state === "closed" && reason && !kNoErrors.has(reason)) {
      for (const watch of [...this.#watches]) watch.end(closedError(reason));
    }
  }

  /** @param {{type: string, id: string, data: unknown}} frame */
  #dispatch(frame) {
    for (const handler of [...(this.#handlers.get(frame.type) ?? [])]) this.#call(() => handler(frame.data, frame));
  }

  /** What the application does wrong is its own affair, and told as such. @param {() => void} run */
  #call(run) {
    try {
      run();
    } catch (error) {
      this.options.log("warn", "a listener failed", error);
      if (typeof reportError === "function") reportError(error);
    }
  }

  // ---- What is wanted ---------------------------------------------------------------------------------------

  /** Many changes in one tick are one change of the connection. */
  #apply() {
    if (this.#closed) return;
    this.#applyTimer ??= this.options.clock.setTimeout(() => {
      this.#applyTimer = undefined;
      const wanted = this.known.names().filter((name) => (this.known.resource(name)?.users ?? 0) > 0);
      this.source.want(wanted);
      this.known.keepOnly(this.source.carried);
    }, 0);
  }

  /** @param {string[]} names @param {string[] | undefined} types */
  #watchShared(names, types) {
    const watch = new Watch(names, types, () => {
      this.#watches.delete(watch);
      for (const name of names) this.release(name);
    });
    for (const name of names) this.hold(name);
    this.#watches.add(watch);
    for (const name of names) {
      const data = this.known.snapshot(name, this.source.cursor);
      if (data) watch.push({ type: "snapshot", id: "", data: structuredClone(data) });
    }
    return watch;
  }

  /** @param {string} cursor @param {string[]} names @param {string[] | undefined} types */
  #watchFrom(cursor, names, types) {
    const watch = new Watch(names, types, () => own.stop("closed"), 0);
    const own = new Connection(this.options, {
      frames: (frames) => frames.forEach((frame) => watch.push(frame)),
      state: () => own.state === "closed" && watch.end(kNoErrors.has(own.reason ?? "") ? undefined : closedError(own.reason ?? "")),
      error: (error) => this.#dispatch({ type: "error", id: "", data: error }),
    });
    own.adopt(cursor, names);
    own.want(names);
    return watch;
  }
}

/** @param {string} reason */
function closedError(reason) {
  const code = reason === "unauthorized" ? "UNAUTHENTICATED" : reason === "forbidden" ? "PERMISSION_DENIED" : reason === "rejected" ? "INVALID_ARGUMENT" : "UNAVAILABLE";
  return new MilepostError(code, `the connection is closed: ${reason}`);
}

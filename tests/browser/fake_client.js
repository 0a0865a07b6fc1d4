// A client without a network, for what the elements are given: states set by hand, in the page or in Node.

export class FakeStore {
  constructor(job) {
    this.job = job;
    this.state = null;
    this.request = null;
    this.listeners = new Set();
    this.asked = []; // The verbs that were asked for.
    this.answer = () => Promise.resolve({});
    for (const verb of ["cancel", "pause", "resume", "retry"]) {
      this[verb] = () => {
        this.asked.push(verb);
        return this.answer(verb);
      };
    }
  }

  get() {
    return this.state;
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell() {
    for (const listener of [...this.listeners]) listener(this.state);
  }
}

export class FakeClient {
  constructor() {
    this.stores = new Map();
    this.lists = [];
    this.handlers = new Map();
    this.known = []; // All jobs, newest first.
    this.more = false;
    this.loading = false;
    this.state = "live";
    this.reason = null;
    this.reconnectCount = 0;
    this.retries = 0;
  }

  // ---- As the real one --------------------------------------------------------------------------------------

  job(name) {
    if (!this.stores.has(name)) this.stores.set(name, new FakeStore(name));
    return this.stores.get(name);
  }

  jobs(filter) {
    const listeners = new Set();
    const list = {
      filter,
      get: () => this.#list(filter),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      loadMore: () => this.#told("more"),
      tell: () => listeners.forEach((listener) => listener(list.get())),
    };
    this.lists.push(list);
    return list;
  }

  on(type, handler) {
    if (!this.handlers.has(type)) this.handlers.set(type, new Set());
    this.handlers.get(type).add(handler);
  }

  off(type, handler) {
    this.handlers.get(type)?.delete(handler);
  }

  retryNow() {
    this.retries++;
  }

  close() {}

  // ---- By hand ----------------------------------------------------------------------------------------------

  /** Sets jobs' states, as events would. */
  set(...states) {
    for (const state of states) {
      const at = this.known.findIndex(({ job }) => job === state.job);
      if (at >= 0) {
        this.known[at] = state;
      } else {
        this.known.unshift(state);
      }
      this.job(state.job).state = state;
      this.job(state.job).tell();
    }
    for (const list of this.lists) list.tell();
  }

  emit(type, event) {
    for (const handler of [...(this.handlers.get(type) ?? [])]) handler(event);
  }

  #told(what) {
    this.emit("told", what);
  }

  #list({ kind, state, query }) {
    const ended = (job) => ["COMPLETED", "FAILED", "CANCELLED"].includes(job.state);
    const fits = (job) =>
      (!kind || (job.kind ?? job.job.split(":")[0]) === kind) &&
      (!state || (state === "active" ? !ended(job) : state === "ended" ? ended(job) : job.state === state.toUpperCase())) &&
      (!query || `${job.job} ${job.title} ${job.message}`.toLowerCase().includes(query.toLowerCase()));
    const byState = {};
    for (const job of this.known) byState[job.state] = (byState[job.state] ?? 0) + 1;
    return {
      jobs: this.known.filter(fits), counts: { byState, total: this.known.length }, more: this.more, loading: this.loading,
    };
  }
}

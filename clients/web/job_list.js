// The jobs of a resource, live: what the stream tells, and older ones on demand.
import { hasEnded } from "./job_state.js";
import { checkResource } from "./resources.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {{resource?: string, kind?: string, state?: string, query?: string}} JobFilter `state`: a state, "active" or "ended". */
/**
 * @typedef {{jobs: JobState[], counts: import("./types.js").JobCounts, more: boolean, loading: boolean}} JobListState
 * `jobs`: newest first; `counts`: of the whole resource; `more`: there are older ones; `loading`: nothing is known yet,
 * or older ones are on their way.
 */
/** @typedef {(list: JobListState) => void} JobListListener */

/** @param {JobState} job @param {JobFilter} filter */
export function matches(job, { kind, state, query }) {
  const wanted = state?.toUpperCase();
  if (kind && job.kind !== kind) return false;
  if (wanted === "ACTIVE" ? hasEnded(job) : wanted === "ENDED" ? !hasEnded(job) : wanted && job.state !== wanted) return false;
  const needle = query?.trim().toLowerCase();
  if (!needle) return true;
  const texts = [job.job, job.title, job.message, ...Object.values(job.labels ?? {})];
  return texts.some((text) => text?.toLowerCase().includes(needle));
}

export class JobList {
  /** @type {Set<{listener: JobListListener}>} */
  #listeners = new Set();
  /** @type {JobListState} */
  #list = { jobs: [], counts: { byState: {}, total: 0 }, more: false, loading: true };
  /** Of the next page of older jobs; null: there is none. @type {string | null | undefined} */
  #token;
  #snapshot = ""; // The one that the token belongs to.
  /** @type {Promise<void> | undefined} */
  #page;

  /** @param {import("./job_store.js").Host} host @param {JobFilter} filter @param {string} key Of lists like this one. */
  constructor(host, filter, key) {
    this.key = key;
    this.resource = checkResource(filter.resource ?? "job:*");
    this.filter = filter;
    this.host = host;
    this.#build();
  }

  /** The list, which never changes: news are a new one. */
  get() {
    return this.#list;
  }

  /**
   * Calls `listener` at every change, at most once per tick.
   * @param {JobListListener} listener
   * @returns {() => void} Ends it.
   */
  subscribe(listener) {
    const own = { listener };
    if (this.#listeners.size === 0) this.host.hold(this.resource, this);
    this.#listeners.add(own);
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.host.release(this.resource, this);
    };
  }

  /** Fetches the next older ones. */
  loadMore() {
    this.#page ??= this.#load().finally(() => {
      this.#page = undefined;
      this.notify();
    });
    this.notify();
    return this.#page;
  }

  /** Something in the list changed. */
  notify() {
    this.#build();
    for (const { listener } of [...this.#listeners]) listener(this.#list);
  }

  async #load() {
    const { resource } = this;
    if (this.#token === null) return;
    const query = Object.entries({ ...this.filter, state: this.filter.state?.toLowerCase(), resource, page_token: this.#token })
      .filter(([, value]) => value)
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const { jobs = [], nextPageToken } = /** @type {{jobs?: JobState[], nextPageToken?: string}} */ (
      await this.host.http.json(`/v1/jobs?${query.join("&")}`));
    this.#token = nextPageToken || null;
    this.host.known.addOlder(resource, jobs);
    this.host.changed();
  }

  #build() {
    const known = this.host.known.resource(this.resource);
    if (!known?.known) return;
    if (known.cursor !== this.#snapshot) this.#token = undefined;
    this.#snapshot = known.cursor;
    const jobs = [];
    for (const name of known.jobs) {
      const job = this.host.known.state(name);
      if (job && matches(job, this.filter)) jobs.push(job);
    }
    jobs.reverse().sort((a, b) => compare(b.createTime, a.createTime));
    this.#list = {
      jobs,
      counts: { byState: { ...known.byState }, total: known.total },
      more: this.#token === undefined ? known.more || known.total > known.jobs.size : this.#token !== null,
      loading: this.#page !== undefined,
    };
  }
}

/** Times as text, which may be of different precision. @param {string | undefined} a @param {string | undefined} b */
function compare(a = "", b = "") {
  const [x, y] = [a.replace("Z", ""), b.replace("Z", "")];
  return x < y ? -1 : x > y ? 1 : 0;
}

// One job, live.
import { checkResource } from "./resources.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").Phase} Phase */
/** @typedef {(state: JobState | null) => void} JobListener */
/** @typedef {{job: string, request: string, phase: Phase}} ControlAnswer */

/** @typedef {JobStore | import("./job_list.js").JobList} Held */
/** What stores need of their client. @typedef {{
 *   known: import("./known_jobs.js").KnownJobs, http: import("./http.js").Http,
 *   hold(resource: string, store: Held): void, release(resource: string, store: Held): void, changed(): void,
 * }} Host
 */

export class JobStore {
  /** @type {Set<{listener: JobListener}>} */
  #listeners = new Set();
  /** @type {JobState | null} */
  #state = null;
  /** @type {import("./types.js").ControlRequest | null} The newest that was told. */
  #request = null;

  /** @param {Host} host @param {string} job */
  constructor(host, job) {
    this.job = this.key = checkResource(job);
    this.host = host;
    this.#state = host.known.state(job);
  }

  /** The state, which never changes: news are a new one. Null while nothing is known, or if there is no such job. */
  get() {
    return this.#state;
  }

  /** The newest request to the worker; null: none, or the job has gone on since. */
  get request() {
    return this.host.known.request(this.job);
  }

  /**
   * Calls `listener` at every change, at most once per tick. The job stays on the stream until the last one ends.
   * @param {JobListener} listener
   * @returns {() => void} Ends it.
   */
  subscribe(listener) {
    const own = { listener };
    if (this.#listeners.size === 0) this.host.hold(this.job, this);
    this.#listeners.add(own);
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.host.release(this.job, this);
    };
  }

  /** Asks the worker to end. @param {string} [reason] */
  cancel(reason) {
    return this.#ask("CANCEL", reason);
  }

  /** @param {string} [reason] */
  pause(reason) {
    return this.#ask("PAUSE", reason);
  }

  /** @param {string} [reason] */
  resume(reason) {
    return this.#ask("RESUME", reason);
  }

  /** Asks the worker to begin a new attempt. @param {string} [reason] */
  retry(reason) {
    return this.#ask("RETRY", reason);
  }

  /** Something of this job, or of its resource, changed. */
  notify() {
    const { known } = this.host;
    if (this.#state === known.state(this.job) && this.#request === known.request(this.job)) return;
    this.#state = known.state(this.job);
    this.#request = known.request(this.job);
    for (const { listener } of [...this.#listeners]) listener(this.#state);
  }

  /** @param {import("./types.js").Action} action @param {string} [reason] @returns {Promise<ControlAnswer>} */
  async #ask(action, reason) {
    const path = `/v1/jobs/${this.job}:${action.toLowerCase()}`;
    const answer = /** @type {ControlAnswer} */ (await this.host.http.json(path, { body: reason === undefined ? {} : { reason } }));
    this.host.known.asked(this.job, { request: answer.request, action, phase: answer.phase, reason });
    this.host.changed();
    return answer;
  }
}

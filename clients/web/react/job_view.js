// One job, as a component shows it.
import { View } from "./view.js";

/** @typedef {import("../types.js").JobState} JobState */
/** @typedef {import("../types.js").ControlRequest} ControlRequest */
/**
 * @typedef {object} JobFacts
 * @property {JobState | null} job Null while nothing is known, or if there is no such job.
 * @property {ControlRequest | null} request The newest request to the worker, until the job has gone on.
 */
/**
 * @typedef {object} JobCallbacks
 * @property {(job: JobState) => void} [onCompleted]
 * @property {(job: JobState) => void} [onFailed] Once for every attempt that failed.
 */

/** @extends {View<JobFacts>} */
export class JobView extends View {
  /** The newest ones. @type {JobCallbacks} */
  callbacks = {};
  /** The end that was told, with its attempt. */
  #told = "";

  /** @param {import("./home.js").Home} home @param {string} id */
  constructor(home, id) {
    super(home);
    this.id = id;
    this.actions = {
      cancel: this.#action("cancel"), pause: this.#action("pause"), resume: this.#action("resume"), retry: this.#action("retry"),
    };
  }

  /** @override @param {import("./view.js").MilepostClient | undefined} client */
  facts(client) {
    try {
      const store = client?.job(this.id);
      return { job: store?.get() ?? null, request: store?.request ?? null };
    } catch {
      return { job: null, request: null }; // `hold` tells why.
    }
  }

  /** @override @param {import("./view.js").MilepostClient} client @param {() => void} changed @param {AbortSignal} signal */
  hold(client, changed, signal) {
    const store = client.job(this.id);
    const end = store.subscribe((job) => {
      changed();
      if (!signal.aborted) this.#tell(job);
    });
    this.#tell(store.get());
    return end;
  }

  /** @param {JobState | null} job */
  #tell(job) {
    const end = job?.state === "COMPLETED" || job?.state === "FAILED" ? `${job.state} ${job.attempt ?? 1}` : "";
    if (end === this.#told) return;
    this.#told = end;
    if (!job || !end) return;
    const { onCompleted, onFailed } = this.callbacks;
    this.call(() => (job.state === "COMPLETED" ? onCompleted : onFailed)?.(job));
  }

  /** @param {"cancel" | "pause" | "resume" | "retry"} action */
  #action(action) {
    /** @param {string} [reason] */
    return async (reason) => this.home.client().job(this.id)[action](reason);
  }
}

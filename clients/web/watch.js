// An async iterator over what a stream tells of some resources: their snapshots and what follows, each event once.
import { MilepostError } from "./errors.js";
import { kStreamTypes, seq } from "./event_types.js";
import { seqOf } from "./job_state.js";
import { covers } from "./resources.js";

/** @typedef {import("./types.js").Frame} Frame */

export const kMaxWaiting = 10_000; // Frames that wait for a slow reader; beyond it the iteration fails.

/** @implements {AsyncIterableIterator<Frame>} */
export class Watch {
  /** @type {Frame[]} */
  #frames = [];
  /** @type {((result: IteratorResult<Frame> | Promise<never>) => void) | undefined} */
  #reader;
  /** @type {MilepostError | undefined} */
  #error;
  #ended = false;
  /** What each resource's snapshot holds already. @type {Map<string, number>} */
  #from;

  /**
   * @param {string[]} resources @param {string[] | undefined} types Names of events; absent: all.
   * @param {() => void} release Called once when nobody reads any more.
   * @param {number} [from] Events after this number count even before a snapshot.
   */
  constructor(resources, types, release, from = Infinity) {
    this.types = types && new Set(types);
    this.release = release;
    this.#from = new Map(resources.map((resource) => [resource, from]));
  }

  /** @param {Frame} frame */
  push(frame) {
    if (!this.#passes(frame) || this.#ended) return;
    if (this.#reader) {
      this.#reader({ done: false, value: frame });
      this.#reader = undefined;
    } else if (this.#frames.push(frame) > kMaxWaiting) {
      this.#frames = [];
      this.end(new MilepostError("RESOURCE_EXHAUSTED", `more than ${kMaxWaiting} events wait to be read`));
    }
  }

  /** No more comes; with an error the iteration fails. @param {MilepostError} [error] */
  end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (this.#reader) this.#reader(this.#last());
    this.#reader = undefined;
    this.release();
  }

  /** @returns {Promise<IteratorResult<Frame>>} */
  async next() {
    const value = this.#frames.shift();
    if (value) return { done: false, value };
    if (this.#ended) return this.#last();
    return new Promise((resolve) => (this.#reader = resolve));
  }

  /** @returns {Promise<IteratorResult<Frame>>} */
  async return() {
    this.#frames = [];
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {IteratorResult<Frame> | Promise<never>} */
  #last() {
    const error = this.#error;
    this.#error = undefined;
    return error ? Promise.reject(error) : { done: true, value: undefined };
  }

  /** @param {Frame} frame */
  #passes(frame) {
    const { type, data } = frame;
    if (type === "reset") for (const resource of this.#from.keys()) this.#from.set(resource, Infinity);
    if (type === "snapshot") {
      if (!this.#from.has(data.resource)) return false;
      this.#from.set(data.resource, seqOf(data.cursor));
    }
    if (kStreamTypes.has(type)) return true;
    if (this.types && !this.types.has(type)) return false;
    const event = /** @type {import("./types.js").ProgressEvent} */ (data);
    for (const [resource, from] of this.#from) if (seq(event.seq) > from && covers(resource, event)) return true;
    return false;
  }
}

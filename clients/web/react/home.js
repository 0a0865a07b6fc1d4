// Where hooks get their client from, and how long what they leave behind stays.
import { connect } from "../milepost.js";

/** @typedef {import("../milepost.js").MilepostClient} MilepostClient */

/** What nobody shows any more is kept for so long, so that a change of pages does not cut the stream. */
export const kLingerMs = 1000;
export const kMaxLingering = 32; // Beyond it the oldest goes at once.

/** `known`: the client, if there is one yet; `client`: makes it. @typedef {{known(): MilepostClient | undefined, client(): MilepostClient}} Home */

/** @type {Map<() => void, ReturnType<typeof setTimeout>>} */
const lingering = new Map();

/** Calls `end` after a moment. @param {() => void} end */
export function linger(end) {
  const leave = () => {
    clearTimeout(lingering.get(leave));
    lingering.delete(leave);
    end();
  };
  lingering.set(leave, setTimeout(leave, kLingerMs));
  if (lingering.size > kMaxLingering) lingering.keys().next().value?.();
}

/** The page's own: the one that `connect()` gives. @returns {Home} */
export function pageHome() {
  /** @type {MilepostClient | undefined} */
  let known;
  return { known: () => known, client: () => (known = connect()) };
}

/** @param {MilepostClient} client @returns {Home} */
export const homeOf = (client) => ({ known: () => client, client: () => client });

/** A client that is made when the first hook wants it, and closed when its provider is gone. @implements {Home} */
export class OwnHome {
  /** @type {MilepostClient | undefined} */
  #client;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #closing;

  /** @param {() => import("../milepost.js").ConnectOptions} options Read when the client is made. */
  constructor(options) {
    this.options = options;
  }

  known() {
    return this.#client;
  }

  client() {
    return (this.#client ??= connect(this.options()));
  }

  /** Its provider is there. The answer says that it went; it may come back within a moment. */
  open = () => {
    clearTimeout(this.#closing);
    return () => {
      this.#closing = setTimeout(() => {
        this.#client?.close();
        this.#client = undefined;
      }, kLingerMs);
    };
  };
}

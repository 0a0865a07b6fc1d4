// What one component shows: a part of what a client knows, and how its connection is. Knows nothing of React.
import { MilepostError } from "../errors.js";
import { inNextFrame, notInNextFrame } from "./frames.js";
import { linger } from "./home.js";

/** @typedef {import("../milepost.js").MilepostClient} MilepostClient */
/** @typedef {import("../types.js").ConnectionState} ConnectionState */
/**
 * @typedef {object} ConnectionFacts
 * @property {MilepostError | null} error Why there is no connection and none is being made; null: all is well, or it is
 *   being tried. A job's own failure is in `job.error`.
 * @property {ConnectionState} state Of the connection; closed also where nothing is wanted.
 * @property {string | null} reason As the client's.
 * @property {number} reconnectCount
 */

const kNoErrors = new Set([null, "idle", "closed", "suspended", "ended"]); // Reasons to be closed.
/** @type {{[reason: string]: import("../errors.js").Code}} */
const kCodes = { unauthorized: "UNAUTHENTICATED", forbidden: "PERMISSION_DENIED", rejected: "INVALID_ARGUMENT" };
/** @type {ConnectionFacts} */
const kConnecting = { error: null, state: "connecting", reason: null, reconnectCount: 0 };
/** @type {ConnectionFacts} */
export const kUnwanted = { error: null, state: "closed", reason: "idle", reconnectCount: 0 };

/**
 * Subclasses say what is shown and what is held for it. `get` and `subscribe` are what useSyncExternalStore asks for: what
 * is shown changes at most once a frame.
 * @template {object} Facts
 */
export class View {
  /** @type {(Facts & ConnectionFacts) | undefined} */
  #shown;
  /** @type {MilepostClient | undefined} While somebody subscribes. */
  #client;
  /** @type {MilepostError | undefined} What is wrong with what was asked for. */
  #fault;
  /** @type {MilepostError | undefined} The connection's newest one. */
  #told;

  /** @param {import("./home.js").Home} home */
  constructor(home) {
    this.home = home;
  }

  /** What to show, of what `client` knows; before there is one, undefined. @param {MilepostClient | undefined} client @returns {Facts} */
  facts(client) {
    throw new Error(`nothing is shown of ${client}`);
  }

  /**
   * Holds what is shown, and calls `changed` at every change of it. `signal` says that the component is gone; what is held
   * is let go a moment later.
   * @param {MilepostClient} client @param {() => void} changed @param {AbortSignal} signal
   * @returns {() => void} Lets go.
   */
  hold(client, changed, signal) {
    throw new Error(`nothing is held of ${client} for ${changed} until ${signal}`);
  }

  /** What is shown; the same object until it changes. */
  get = () => (this.#shown ??= this.#read());

  /** What is shown where nothing can be known: on a server, and while a page of a server comes alive. */
  getServer = () => (this.#shownByServer ??= { ...this.facts(undefined), ...kConnecting });
  /** @type {(Facts & ConnectionFacts) | undefined} */
  #shownByServer;

  /** Tries again at once. */
  retryNow = () => this.#client?.retryNow();

  /** @param {() => void} listener @returns {() => void} */
  subscribe = (listener) => {
    const update = () => {
      const before = this.#shown;
      this.#shown = this.#read();
      if (before !== this.#shown) listener();
    };
    const changed = () => inNextFrame(update);
    const end = this.#begin(changed);
    // What is known already needs no frame.
    this.#shown = this.#read();
    return () => {
      notInNextFrame(update);
      end();
      this.#client = undefined;
    };
  };

  /** Runs what the application wrote; its faults are told as the page's. @param {() => void} run */
  call(run) {
    try {
      run();
    } catch (error) {
      if (typeof reportError === "function") reportError(error);
      else queueMicrotask(() => { throw error; });
    }
  }

  /** @param {() => void} changed */
  #begin(changed) {
    this.#fault = undefined;
    /** @type {(() => void)[]} */
    const ends = [];
    const gone = new AbortController();
    const news = () => gone.signal.aborted || changed();
    try {
      const client = (this.#client = this.home.client());
      ends.push(client.on("state", news));
      ends.push(client.on("error", (/** @type {MilepostError} */ error) => {
        if (error.code !== "MALFORMED") this.#told = error; // That one is skipped, and the stream goes on.
        news();
      }));
      const release = this.hold(client, news, gone.signal);
      ends.push(() => linger(release));
    } catch (error) {
      this.#fault = MilepostError.of(error);
    }
    return () => {
      gone.abort();
      for (const end of ends) end();
    };
  }

  /** @returns {Facts & ConnectionFacts} */
  #read() {
    const client = this.#client ?? this.home.known();
    const now = { ...this.facts(this.#fault ? undefined : client), ...this.#connection(client) };
    return this.#shown && same(this.#shown, now) ? this.#shown : now;
  }

  /** @param {MilepostClient | undefined} client @returns {ConnectionFacts} */
  #connection(client) {
    if (this.#fault) return { error: this.#fault, state: "closed", reason: "rejected", reconnectCount: 0 };
    if (!client) return kConnecting;
    const { state, reason, reconnectCount } = client;
    // What is wanted here is on its way to the connection.
    if (state === "closed" && reason === "idle") return { ...kConnecting, reconnectCount };
    if (state !== "closed" || kNoErrors.has(reason)) {
      this.#told = undefined;
      return { error: null, state, reason, reconnectCount };
    }
    return { error: (this.#told ??= errorOf(reason ?? "")), state, reason, reconnectCount };
  }
}

/** @param {string} reason */
function errorOf(reason) {
  return new MilepostError(kCodes[reason] ?? "UNAVAILABLE", `the connection is closed: ${reason}`);
}

/** @template {object} T @param {T} a @param {T} b */
function same(a, b) {
  return Object.entries(b).every(([name, value]) => Object.is(value, a[/** @type {keyof T} */ (name)]));
}

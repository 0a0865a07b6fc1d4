// The token that requests carry: a text, or a function that is asked for one before it expires and when it is refused.

/** @typedef {import("./types.js").Clock} Clock */

const kEarlyMs = 30_000; // Before its end, at most; of a shorter life the last fifth.

/** The claims of a JSON Web Token; undefined for any other text. @param {string} token */
export function claimsOf(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return /** @type {{[claim: string]: unknown}} */ (JSON.parse(text));
  } catch {
    return undefined;
  }
}

export class TokenSource {
  /** @type {string | null | undefined} */
  #token;
  /** @type {Promise<boolean> | undefined} */
  #asking;
  #renewAt = Infinity;

  /** @param {import("./types.js").Token | undefined} source @param {Clock} clock */
  constructor(source, clock) {
    this.source = source;
    this.clock = clock;
    if (typeof source !== "function") this.#token = source;
  }

  /** The token of now, or nothing. */
  async get() {
    if (typeof this.source === "function" && (!this.#token || this.renewInMs <= 0)) await this.renew();
    return this.#token;
  }

  /** How long until a new one should be asked for; Infinity if that is not known. */
  get renewInMs() {
    return this.#renewAt - this.clock.now();
  }

  /** Asks for another one, once for all who want it now; false if there is none. */
  renew() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask() {
    if (typeof this.source !== "function") return false;
    const before = this.#token;
    this.#token = await this.source();
    const left = 1000 * Number(claimsOf(this.#token ?? "")?.exp) - this.clock.now();
    // A clock that is wrong must not make it ask without end; then the refusal tells.
    this.#renewAt = left > 0 ? this.clock.now() + left - Math.min(kEarlyMs, left / 5) : Infinity;
    return this.#token !== before;
  }
}

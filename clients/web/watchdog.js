// Notices that a connection went silent, and whether that is because the machine slept.

const kTickMs = 5000;

export class Watchdog {
  #timer;
  #heard;
  #ticked;

  /**
   * Calls `quiet` once when nothing was heard for `limitMs`; with "slept" if the clock jumped meanwhile.
   * @param {import("./types.js").Clock} clock
   * @param {number} limitMs
   * @param {(why: "muted" | "slept") => void} quiet
   */
  constructor(clock, limitMs, quiet) {
    this.clock = clock;
    this.limitMs = limitMs;
    this.quiet = quiet;
    this.#heard = this.#ticked = clock.now();
    this.#timer = this.#wait();
  }

  heard() {
    this.#heard = this.clock.now();
  }

  get silentMs() {
    return this.clock.now() - this.#heard;
  }

  stop() {
    this.clock.clearTimeout(this.#timer);
  }

  #wait() {
    const left = this.#heard + this.limitMs - this.clock.now();
    return this.clock.setTimeout(() => this.#tick(), Math.min(kTickMs, Math.max(left, 1)));
  }

  #tick() {
    const late = this.clock.now() - this.#ticked > 3 * kTickMs;
    this.#ticked = this.clock.now();
    if (this.silentMs >= this.limitMs) {
      this.quiet(late ? "slept" : "muted");
    } else {
      this.#timer = this.#wait();
    }
  }
}

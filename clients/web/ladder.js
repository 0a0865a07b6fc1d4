// What to do when a connection failed: which rung to try next, and when. Told what happened, answers what to do. Pure.
//
// The rungs are a stream, long polls and short polls; all go on from one cursor.
import { backoffMs } from "./backoff.js";

/**
 * How an attempt went: `switch` was our own wish; `polled` brought what there was; `ended` and `network` are a stream's
 * end and a failure below HTTP; `goodbye` was told by the edge; `muted` is silence, `slept` silence because the machine
 * slept; `status` is an HTTP status; `wrong` is no stream at all, `unreadable` one that this browser cannot read.
 * @typedef {"switch" | "polled" | "ended" | "network" | "goodbye" | "muted" | "slept" | "status" | "wrong" | "unreadable"} Kind
 * @typedef {{
 *   kind: Kind, liveMs?: number, floorMs?: number, status?: number, goodbye?: string, message?: string, again?: boolean,
 * }} Outcome `liveMs`: how long the stream was up, undefined if it never was; `again`: poll again at once.
 * @typedef {{stop?: string, waitMs?: number, reason?: string | null, token?: boolean}} Step `token`: ask for another one.
 */

const kSteadyMs = 3000; // A stream that lived so long was no failure.
const kMissesBeforeDown = 2; // In a row; then the next rung is tried.
const kFirstProbeMs = 30_000; // After going down, a stream is tried again.
const kLastProbeMs = 300_000;

export class Ladder {
  /** @type {"sse" | "long" | "short"} */
  rung;
  failures = 0; // In a row.
  #misses = 0; // Of this rung, in a row.
  #mutes = 0; // Streams that began and then were silent, in a row.
  #refusals = 0; // 401 in a row.
  #probeMs = kFirstProbeMs;

  /** @param {{transport?: "auto" | "sse" | "poll", maxRetries?: number, pollInterval?: number, random?: () => number}} [options] */
  constructor({ transport = "auto", maxRetries = Infinity, pollInterval = 5000, random = Math.random } = {}) {
    this.transport = transport;
    this.maxRetries = maxRetries;
    this.pollInterval = pollInterval;
    this.random = random;
    this.rung = transport === "poll" ? "long" : "sse";
  }

  /** A connection is up. */
  opened() {
    this.#misses = this.#refusals = 0;
  }

  /** A stream outlived its first heartbeat, so nothing in between holds it back. */
  heardHeartbeat() {
    this.#mutes = 0;
  }

  /** When to try a stream again while polling; Infinity: never. */
  probeMs() {
    if (this.transport !== "auto") return Infinity;
    const wait = this.#probeMs * (0.8 + 0.4 * this.random());
    this.#probeMs = Math.min(2 * this.#probeMs, kLastProbeMs);
    return wait;
  }

  /** A stream came up while polling. */
  climbed() {
    this.rung = "sse";
    this.#probeMs = kFirstProbeMs;
    this.failures = this.#misses = this.#mutes = 0;
  }

  /** Begins again as if nothing had happened. */
  forget() {
    this.failures = this.#misses = this.#mutes = this.#refusals = 0;
    if (this.transport === "auto") this.rung = "sse";
  }

  /** @param {Outcome} outcome @returns {Step} */
  after(outcome) {
    const { kind, liveMs, floorMs = 0, status = 0 } = outcome;
    if (kind === "switch" || kind === "slept") return { waitMs: 0, reason: null };
    if (kind === "polled") return this.#polled(outcome);
    if (status === 204) return { stop: "ended" };
    if (status === 400) return { stop: "rejected" };
    if (status === 403) return { stop: "forbidden" };
    if (status === 401) {
      if (++this.#refusals > 1) return { stop: "unauthorized" };
      return { waitMs: 0, reason: "unauthorized", token: true };
    }
    const told = kind === "goodbye" && liveMs !== undefined;
    if ((liveMs ?? 0) >= kSteadyMs || told) this.failures = 0;
    const reason = kind === "status" ? `http-${status}` : kind === "goodbye" ? `goodbye-${outcome.goodbye}` : kind;
    if (told && outcome.goodbye === "ended") return { stop: "ended" };
    if (told && outcome.goodbye === "token-expired") return { waitMs: 0, reason, token: true };
    if (!told && ++this.failures > this.maxRetries) return { stop: "retries-exhausted" };
    const down = this.#missed(outcome);
    if (down && kind !== "network") return { waitMs: floorMs, reason };
    return { waitMs: backoffMs(Math.max(this.failures, 1), this.random, floorMs), reason };
  }

  /** @param {Outcome} outcome @returns {Step} */
  #polled({ again = false }) {
    this.failures = 0;
    const waitMs = again ? 0 : this.pollInterval * (0.8 + 0.4 * this.random());
    return { waitMs, reason: null };
  }

  /** Counts what speaks against this rung; true if another one is to be tried now. @param {Outcome} outcome */
  #missed({ kind, liveMs }) {
    if (kind === "goodbye") return false;
    if (liveMs !== undefined && kind !== "muted") return false;
    const muted = kind === "muted" && (liveMs === undefined || ++this.#mutes >= 2);
    if (!muted && kind !== "unreadable" && ++this.#misses < (this.rung === "long" ? 1 : kMissesBeforeDown)) return false;
    this.#misses = this.#mutes = 0;
    if (this.rung === "long") {
      this.rung = "short";
    } else if (this.transport === "auto") {
      this.rung = this.rung === "sse" ? "long" : "sse";
    } else {
      return false;
    }
    return true;
  }
}

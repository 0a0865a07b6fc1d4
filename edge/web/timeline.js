// When the steps of a job began and ended, from its events. Pure.

/** @typedef {import("../../clients/web/types.js").JobState} JobState */
/** @typedef {{begin: number, end: number | undefined, state: string}} Span Times in milliseconds; no end: it goes on. */
/** @typedef {{id: string, spans: Span[]}} Row */

const kEnds = new Set(["DONE", "FAILED", "SKIPPED", "CACHED"]);
const kMaxSpans = 50; // Of one step: who starts a step anew more often sees the newest ones.

export class Timeline {
  /** @type {Map<string, Span[]>} */
  #steps = new Map();
  #attempt = 1;
  #seq = 0;
  /** @type {number | undefined} */
  begin;
  /** @type {number | undefined} */
  end;

  /**
   * Events in their order; one that was seen already changes nothing.
   * @param {any} event a ProgressEvent of this job
   */
  apply(event) {
    const seq = Number(event.seq ?? 0);
    const at = Date.parse(event.commitTime ?? "");
    if (seq <= this.#seq || !Number.isFinite(at)) return;
    this.#seq = seq;
    const attempt = event.attempt ?? 1;
    if (!event.control && attempt > this.#attempt) this.#beginAttempt(attempt);
    if (event.status?.state === "RUNNING" || event.step || event.progress) this.begin ??= at;
    if (event.step) this.#step(event.step.id ?? "", event.step.state, at);
    if (event.progress) this.#open(event.progress.step ?? "", at);
    const ended = event.completed ? "DONE" : event.failed ? "FAILED" : event.cancelled ? "CANCELLED" : undefined;
    if (ended) this.#endAll(ended, at);
  }

  /**
   * The rows in the order of the job's steps; those that never began have no span.
   * @param {{id: string}[]} steps
   * @returns {Row[]}
   */
  rows(steps) {
    return steps.map(({ id }) => ({ id, spans: this.#steps.get(id) ?? [] }));
  }

  /** @param {number} attempt */
  #beginAttempt(attempt) {
    this.#attempt = attempt;
    this.#steps.clear();
    this.begin = undefined;
    this.end = undefined;
  }

  /**
   * @param {string} id
   * @param {string | undefined} state
   * @param {number} at
   */
  #step(id, state, at) {
    if (state === "STARTED") return this.#open(id, at);
    if (!kEnds.has(state ?? "")) return;
    const span = this.#open(id, at);
    span.end = at;
    span.state = state ?? "";
  }

  /**
   * @param {string} id
   * @param {number} at
   */
  #open(id, at) {
    const spans = this.#steps.get(id) ?? [];
    this.#steps.set(id, spans);
    const newest = spans.at(-1);
    if (newest && newest.end === undefined) return newest;
    const span = { begin: at, end: undefined, state: "STARTED" };
    spans.push(span);
    if (spans.length > kMaxSpans) spans.shift();
    return /** @type {Span} */ (span);
  }

  /**
   * @param {string} state
   * @param {number} at
   */
  #endAll(state, at) {
    this.end = at;
    for (const spans of this.#steps.values()) {
      const newest = spans.at(-1);
      if (newest && newest.end === undefined) Object.assign(newest, { end: at, state });
    }
  }
}

const kRounds = [10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/**
 * The length of the axis for so many seconds: round, so that it changes seldom while a job runs.
 * @param {number} seconds
 */
export function axisLength(seconds) {
  const day = 86_400;
  return kRounds.find((round) => round >= seconds) ?? Math.ceil(seconds / day) * day;
}

/**
 * A time on the axis.
 * @param {number} seconds
 */
export function axisLabel(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 6) / 10} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 360) / 10} h`;
  return `${Math.round(seconds / 8640) / 10} d`;
}

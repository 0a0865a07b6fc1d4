// The jobs that a page knows: states from snapshots and lists, moved on by events. Pure: no clock, no page.
import { hasEnded, reduce, seqOf } from "../../clients/web/job_state.js";

export const kMaxJobs = 2000; // Twice what a snapshot holds; beyond it the jobs that ended first leave the page.

/** What the newest request to a job's worker has come to, until the job goes on. */
function requestOf(seq, { request, action, phase, reason }) {
  return { seq: Number(request ?? seq), action, phase, reason };
}

export class JobTable {
  constructor() {
    /** By name: { state, seq, request, changed }, in the order in which they became known. */
    this.jobs = new Map();
  }

  /** Applies an event; what is in the job's state already changes nothing. The entry, or undefined. */
  apply(event) {
    const seq = Number(event.seq ?? 0);
    const entry = this.jobs.get(event.job) ?? this.#add(event.job, {}, 0);
    if (seq <= entry.seq) return undefined;
    const before = entry.state.attempt ?? 0;
    reduce(entry.state, event);
    entry.seq = seq;
    if (event.control) this.#control(entry, seq, event.control);
    // A request that found its end is history once the job's next attempt or its end is there.
    if (entry.state.attempt > before || event.completed || event.failed || event.cancelled) entry.request = undefined;
    entry.changed = true;
    return entry;
  }

  /** A state from a snapshot or a list; an older one than what is known changes nothing. */
  merge(state) {
    const seq = seqOf(state.cursor);
    const known = this.jobs.get(state.job);
    if (known && known.seq >= seq) return;
    if (!known) {
      this.#add(state.job, state, seq);
    } else {
      Object.assign(known, { state, seq, changed: true });
    }
  }

  /** A snapshot of everything that the page shows: what is not in it, and was not listed otherwise, is gone. */
  replace(states) {
    const requests = new Map([...this.jobs].map(([name, entry]) => [name, entry.request]));
    this.jobs.clear();
    // Newest first in a snapshot; here the order is that of becoming known.
    for (const state of [...states].reverse()) this.#add(state.job, state, seqOf(state.cursor)).request = requests.get(state.job);
  }

  clear() {
    this.jobs.clear();
  }

  /** A request was taken, or refused at once: what the button that was pressed has to say. */
  asked(name, request) {
    const entry = this.jobs.get(name);
    // The stream may have been quicker.
    if (!entry || (entry.request?.seq >= request.seq && !request.problem)) return;
    entry.request = request;
    entry.changed = true;
  }

  /** Lets jobs that have ended go, the oldest first, until there are at most kMaxJobs. */
  trim() {
    for (const [name, { state }] of this.jobs) {
      if (this.jobs.size <= kMaxJobs) return;
      if (hasEnded(state)) this.jobs.delete(name);
    }
  }

  #add(name, state, seq) {
    const entry = { state, seq, request: undefined, changed: true };
    this.jobs.set(name, entry);
    return entry;
  }

  #control(entry, seq, control) {
    const request = requestOf(seq, control);
    if (!entry.request || request.seq >= entry.request.seq) entry.request = request;
  }
}

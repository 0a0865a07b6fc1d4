// What is known of jobs: snapshots, moved on by events. Pure: no clock, no network.
import { hasEnded, reduce, seqOf } from "./job_state.js";
import { seq } from "./event_types.js";
import { covers, isPattern } from "./resources.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").ControlRequest} ControlRequest */
/** @typedef {import("./types.js").ProgressEvent} ProgressEvent */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/** @typedef {{state: JobState, shown: JobState | null, seq: number, request: ControlRequest | null}} Entry */
/**
 * @typedef {{
 *   jobs: Set<string>, known: boolean, cursor: string, seq: number, more: boolean, total: number,
 *   byState: {[state: string]: number}, users: number,
 * }} Resource `users`: who in this page wants it; others are kept for other pages.
 */

export const kMaxEnded = 2000; // Of one resource; beyond it those that are known longest go.

export class KnownJobs {
  /** @type {Map<string, Entry>} */
  #jobs = new Map();
  /** @type {Map<string, Resource>} */
  #resources = new Map();
  /** Jobs and resources that changed since `publish`. @type {Set<string>} */
  #changed = new Set();
  #lastSnapshot = "";

  /** The resources that are held, here or for others. */
  names() {
    return [...this.#resources.keys()];
  }

  /** One more, or one less, wants it. @param {string} name @param {number} by */
  hold(name, by) {
    const resource = this.#resources.get(name) ?? newResource();
    this.#resources.set(name, resource);
    resource.users += by;
  }

  /** Lets go of all that neither this page wants nor `others` do. @param {Set<string>} others */
  keepOnly(others) {
    for (const [name, { users }] of this.#resources) {
      if (users > 0 || others.has(name)) continue;
      this.#resources.delete(name);
    }
    for (const name of others) this.hold(name, 0);
    for (const name of this.#jobs.keys()) if (!this.#isHeld(name)) this.#jobs.delete(name);
  }

  /** The state as it was last published, or null. @param {string} job @returns {JobState | null} */
  state(job) {
    return this.#jobs.get(job)?.shown ?? null;
  }

  /** @param {string} job @returns {ControlRequest | null} */
  request(job) {
    return this.#jobs.get(job)?.request ?? null;
  }

  /** @param {string} resource */
  resource(resource) {
    return this.#resources.get(resource);
  }

  /** A snapshot as the edge would send it; undefined if it is not known. @param {string} name @param {string} cursor */
  snapshot(name, cursor) {
    const resource = this.#resources.get(name);
    if (!resource?.known) return undefined;
    const jobs = [...resource.jobs].reverse().map((job) => this.#jobs.get(job)?.state ?? { job });
    const counts = { byState: { ...resource.byState }, total: resource.total };
    return /** @type {Snapshot} */ ({ type: "snapshot", resource: name, cursor, jobs, counts, more: resource.more });
  }

  /** Moves on by an event. True if somebody in this page wants it. @param {ProgressEvent} event */
  event(event) {
    const number = seq(event.seq);
    let wanted = false;
    const owners = this.#owners(event).filter((resource) => {
      // Before its snapshot, nothing counts: it will be in there.
      if (number <= resource.seq || !resource.known) return false;
      if (resource.users > 0) wanted = true;
      return true;
    });
    if (owners.length > 0) this.#fold(event, number, owners);
    return wanted;
  }

  /** @param {Snapshot} snapshot @returns {boolean} As `event`. */
  replace(snapshot) {
    const { resource: name, cursor, jobs, counts, more } = snapshot;
    const resource = this.#resources.get(name);
    if (!resource) return false;
    // A frame of the same resource and cursor as the one before goes on with it.
    const goesOn = this.#lastSnapshot === `${name} ${cursor}`;
    this.#lastSnapshot = `${name} ${cursor}`;
    const before = goesOn ? resource.jobs : new Set();
    const gone = goesOn ? [] : [...resource.jobs];
    // Newest first in a snapshot, newest last here.
    resource.jobs = new Set([...jobs.map(({ job }) => job).reverse(), ...before]);
    Object.assign(resource, { known: true, cursor, seq: seqOf(cursor), more, total: counts.total ?? 0 });
    resource.byState = { ...counts.byState };
    for (const state of jobs) this.merge(state);
    for (const job of gone) {
      if (resource.jobs.has(job)) continue;
      if (!this.#isHeld(job)) this.#jobs.delete(job);
      this.#changed.add(job);
    }
    this.#changed.add(name);
    return resource.users > 0;
  }

  /** A state from a snapshot or a list; an older one than what is known changes nothing. @param {JobState} state */
  merge(state) {
    const number = seqOf(state.cursor);
    const known = this.#jobs.get(state.job);
    if (known && known.seq >= number) return;
    this.#jobs.set(state.job, { state, shown: known?.shown ?? null, seq: number, request: known?.request ?? null });
    this.#changed.add(state.job);
  }

  /** Jobs of a list that came by a request of its own, older than all others. @param {string} name @param {JobState[]} states */
  addOlder(name, states) {
    const resource = this.#resources.get(name);
    if (!resource) return;
    for (const state of states) this.merge(state);
    resource.jobs = new Set([...states.map(({ job }) => job).reverse(), ...resource.jobs]);
    this.#changed.add(name);
  }

  /** A new log: any snapshot is newer than what is known. */
  reset() {
    this.#lastSnapshot = "";
    for (const entry of this.#jobs.values()) entry.seq = 0;
    for (const resource of this.#resources.values()) resource.seq = 0;
  }

  /** What became of a request that this page made. @param {string} job @param {ControlRequest} request */
  asked(job, request) {
    const entry = this.#jobs.get(job);
    // The stream may have been quicker.
    if (!entry || seq(entry.request?.request) >= seq(request.request)) return;
    entry.request = request;
    this.#changed.add(job);
  }

  /** Makes public what changed; the names of jobs and resources of which there is news. */
  publish() {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const name of changed) {
      const entry = this.#jobs.get(name);
      if (!entry) continue;
      entry.shown = entry.state;
      for (const [resource, { jobs }] of this.#resources) if (jobs.has(name)) changed.add(resource);
    }
    return changed;
  }

  /** @param {ProgressEvent} event @param {number} number @param {Resource[]} owners */
  #fold(event, number, owners) {
    let entry = this.#jobs.get(event.job);
    if (entry && number <= entry.seq) return;
    entry ??= { state: { job: "" }, shown: null, seq: 0, request: null };
    const { state: before, attempt = 0 } = entry.state;
    // What is public does not change any more.
    const state = entry.state === entry.shown ? structuredClone(entry.state) : entry.state;
    entry.state = reduce(state, event);
    entry.seq = number;
    if ("control" in event) {
      const { request = event.seq ?? "", action, phase, reason } = event.control;
      if (seq(request) >= seq(entry.request?.request)) entry.request = { request, action, phase, reason };
    }
    // A request that found its end is history once the job's next attempt or its end is there.
    if ((state.attempt ?? 0) > attempt || "completed" in event || "failed" in event || "cancelled" in event) entry.request = null;
    this.#jobs.set(event.job, entry);
    this.#changed.add(event.job);
    for (const resource of owners) this.#count(resource, event.job, before, state.state);
  }

  /** @param {Resource} resource @param {string} job @param {string | undefined} before @param {string | undefined} after */
  #count(resource, job, before, after) {
    const isNew = !resource.jobs.has(job);
    if (isNew) {
      resource.jobs.add(job);
      resource.total++;
      this.#trim(resource);
    }
    if (before === after && !isNew) return;
    const { byState } = resource;
    if (!isNew && before && byState[before] && --byState[before] === 0) delete byState[before];
    if (after) byState[after] = (byState[after] ?? 0) + 1;
  }

  /** @param {Resource} resource */
  #trim(resource) {
    if (resource.jobs.size <= kMaxEnded) return;
    for (const job of resource.jobs) {
      const state = this.#jobs.get(job)?.state;
      if (state && !hasEnded(state)) continue;
      resource.jobs.delete(job);
      if (!this.#isHeld(job)) this.#jobs.delete(job);
      resource.more = true;
      return;
    }
  }

  /** @param {ProgressEvent} event */
  #owners(event) {
    const owners = [];
    for (const [name, resource] of this.#resources) {
      if (isPattern(name) ? covers(name, event) : name === event.job || event.resources?.includes(name)) owners.push(resource);
    }
    return owners;
  }

  /** @param {string} job */
  #isHeld(job) {
    for (const { jobs } of this.#resources.values()) if (jobs.has(job)) return true;
    return false;
  }
}

/** @returns {Resource} */
function newResource() {
  return { jobs: new Set(), known: false, cursor: "", seq: 0, more: false, total: 0, byState: {}, users: 0 };
}

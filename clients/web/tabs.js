// One connection for all tabs of an origin and a token: one tab leads and tells the others what it hears.
//
// Who leads is settled by a Web Lock, so a leader that closes or crashes is replaced at once. A hidden tab's timers are
// slowed down, so its silence proves nothing: the tab that is seen takes the lead.
import { Connection } from "./connection.js";
import { MilepostError } from "./errors.js";
import { seqOf } from "./job_state.js";
import { isVisible } from "./page_events.js";
import { seq } from "./event_types.js";
import { claimsOf } from "./token.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").ConnectionState} ConnectionState */
/**
 * From tab to tab; `to` absent: all. `want` says what `from` wants, of which it lacks a snapshot, and how far it is;
 * `lead` that it leads now; the leader tells frames, errors, its state and whether it is seen.
 * @typedef {{
 *   from: string, to?: string, want?: string[], lacks?: string[], cursor?: string, lead?: boolean, bye?: boolean,
 *   retry?: boolean, wake?: boolean,
 *   frames?: Frame[], error?: {code: import("./errors.js").Code, message: string, status?: number},
 *   state?: ConnectionState, reason?: string | null, count?: number, visible?: boolean,
 * }} Message
 */

const kAnswerMs = 1000; // A leader that says nothing for so long to a tab that is seen is frozen.
const kGatherMs = 50; // For the others to say where they are.

/** True if this browser has what it takes. */
export const canShare = () => Boolean(globalThis.navigator?.locks && globalThis.BroadcastChannel && globalThis.crypto?.subtle);

export class SharedConnection {
  /** @type {ConnectionState} */
  state = "closed";
  /** @type {string | null} */
  reason = "idle";
  reconnectCount = 0;
  cursor = "";

  #id = crypto.randomUUID();
  #position = 0;
  #wanted = /** @type {Set<string>} */ (new Set());
  /** What the others want, while leading. @type {Map<string, Set<string>>} */
  #others = new Map();
  #joined = false;
  #leading = false;
  #starting = false; // Leads, but waits for the others to say where they are.
  #leaderVisible = false;
  /** @type {BroadcastChannel | undefined} */
  #channel;
  #name = "";
  /** Ends all that waits for locks, and gives up those that are held. */
  #locks = new AbortController();
  /** @type {unknown} */
  #answerTimer;

  /**
   * @param {import("./connection.js").ConnectionOptions} options
   * @param {import("./connection.js").ConnectionListener} on
   * @param {import("./known_jobs.js").KnownJobs} known
   */
  constructor(options, on, known) {
    this.options = options;
    this.on = on;
    this.known = known;
    this.connection = new Connection(options, {
      frames: (frames, cursor) => this.#heard(frames, cursor),
      state: () => this.#stateChanged(),
      error: (error) => {
        this.on.error(error);
        const { code, message, status } = error;
        this.#post({ error: { code, message, status } });
      },
    });
  }

  /** What is kept for this tab and the others. */
  get carried() {
    return this.#leading ? new Set([...this.connection.carried, ...this.#union()]) : this.#wanted;
  }

  /** @param {Iterable<string>} resources */
  want(resources) {
    this.#wanted = new Set(resources);
    if (this.#wanted.size > 0) this.#join();
    if (this.#leading) {
      if (!this.#starting) this.#lead();
    } else if (this.#channel) {
      this.#ask();
    }
    if (this.#wanted.size === 0) this.#set("closed", "idle");
    else if (this.reason === "idle") this.#mirror();
  }

  /** @param {string} reason */
  stop(reason) {
    this.#post({ bye: true });
    this.#joined = this.#leading = false;
    this.#locks.abort();
    this.#channel?.close();
    this.#channel = undefined;
    this.options.clock.clearTimeout(this.#answerTimer);
    this.connection.stop(reason);
    this.#others.clear();
    this.#set("closed", reason);
  }

  retryNow() {
    if (!this.#joined && this.#wanted.size > 0) {
      this.#set("connecting");
      this.#join();
    } else if (this.#leading) {
      this.connection.retryNow();
    } else {
      this.#post({ retry: true });
    }
  }

  /** @param {boolean} [evenIfLive] */
  wake(evenIfLive) {
    if (!this.#joined) return;
    if (this.#leading) {
      this.connection.wake(evenIfLive);
      this.#tell();
    } else if (isVisible() && !this.#leaderVisible) {
      this.#compete(true);
    } else {
      this.#post({ wake: true });
    }
  }

  /** This tab is no longer seen: another one may want the lead. */
  hidden() {
    if (this.#leading) this.#tell();
  }

  // ---- Among tabs -------------------------------------------------------------------------------------------

  async #join() {
    if (this.#joined) return;
    this.#joined = true;
    this.#locks = new AbortController();
    const { signal } = this.#locks;
    try {
      this.#name = await nameOf(this.options);
      if (signal.aborted) return;
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => this.#message(data);
      // Held as long as this tab lives, so that the leader learns of its end.
      await new Promise((/** @type {(value?: undefined) => void} */ held) => this.#hold(`${this.#name}/${this.#id}`, {}, held));
      this.#compete(false);
      this.#ask();
    } catch (error) {
      // Then this tab has a connection of its own.
      this.options.log("info", "no sharing among tabs", error);
      this.#leading = true;
      this.#lead();
    }
  }

  /** Waits for the lead, or takes it. @param {boolean} steal */
  #compete(steal) {
    this.options.log("debug", steal ? "takes the lead" : "waits for the lead");
    this.options.clock.clearTimeout(this.#answerTimer);
    this.#hold(this.#name, { steal }, () => this.#becomeLeader()).then((lost) => {
      if (!lost || !this.#joined || !this.#leading) return;
      // Another tab took it.
      this.#leading = false;
      this.#position = seqOf(this.cursor);
      this.connection.stop("led-elsewhere");
      this.#others.clear();
      this.#compete(false);
    });
  }

  /**
   * Holds a lock until this tab leaves; true if it was taken away.
   * @param {string} name @param {{steal?: boolean}} how @param {() => void} got
   */
  async #hold(name, { steal = false }, got) {
    const { signal } = this.#locks;
    try {
      await navigator.locks.request(name, steal ? { steal } : { signal }, () => {
        if (signal.aborted) return undefined;
        got();
        return new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
    } catch {
      return !signal.aborted;
    }
    return false;
  }

  #becomeLeader() {
    if (this.#leading) return;
    const wasTold = this.cursor !== "";
    this.#leading = this.#starting = true;
    this.options.log("info", "leads");
    this.#others.clear();
    this.options.clock.clearTimeout(this.#answerTimer);
    this.#post({ lead: true });
    this.options.clock.setTimeout(() => {
      this.#starting = false;
      if (!this.#leading) return;
      const lacks = new Set(this.#lacks());
      this.connection.adopt(this.cursor, [...this.#union()].filter((resource) => !lacks.has(resource)));
      this.connection.reconnectCount = this.reconnectCount;
      this.#lead();
    }, wasTold ? kGatherMs : 0);
  }

  /** Carries what this tab and the others want. */
  #lead() {
    this.connection.want(this.#union());
    this.known.keepOnly(this.carried);
  }

  #lacks() {
    return [...this.#wanted].filter((resource) => !this.known.resource(resource)?.known);
  }

  #union() {
    const union = new Set(this.#wanted);
    for (const resources of this.#others.values()) for (const resource of resources) union.add(resource);
    return union;
  }

  /** Tells the leader what is wanted here. */
  #ask() {
    const { clock } = this.options;
    this.#post({ want: [...this.#wanted], lacks: this.#lacks(), cursor: this.cursor });
    clock.clearTimeout(this.#answerTimer);
    this.#answerTimer = clock.setTimeout(() => {
      if (!this.#leading && this.#joined && isVisible()) this.#compete(true);
    }, kAnswerMs);
  }

  /** @param {Omit<Message, "from">} message */
  #post(message) {
    this.#channel?.postMessage({ ...message, from: this.#id });
  }

  /** @param {string} [to] */
  #tell(to) {
    const { state, reason, reconnectCount } = this.connection;
    this.#post({ to, state, reason, count: reconnectCount, visible: isVisible() });
  }

  /** @param {Message} message */
  #message(message) {
    const { from, to, want, bye, lead } = message;
    if (to && to !== this.#id) return;
    if (this.#leading) {
      if (want) this.#serve(from, want, message.lacks ?? [], message.cursor ?? "");
      if (bye) this.#gone(from);
      if (message.retry) this.connection.retryNow();
      if (message.wake) this.connection.wake();
      return;
    }
    if (lead) this.#ask();
    if (!message.state && !message.frames && !message.error) return;
    this.options.clock.clearTimeout(this.#answerTimer);
    if (message.frames) this.#take(message.frames, message.cursor ?? "");
    if (message.error) this.on.error(new MilepostError(message.error.code, message.error.message, message.error.status));
    if (message.state) {
      this.reconnectCount = message.count ?? 0;
      this.#leaderVisible = message.visible === true;
      if (this.#wanted.size > 0) this.#set(message.state, message.reason);
    }
  }

  // ---- Leading ----------------------------------------------------------------------------------------------

  /** @param {string} tab @param {string[]} want @param {string[]} lacks @param {string} cursor How far it is. */
  #serve(tab, want, lacks, cursor) {
    if (!this.#others.has(tab)) {
      navigator.locks.request(`${this.#name}/${tab}`, { signal: this.#locks.signal }, () => this.#gone(tab)).catch(() => {});
      // One that had another leader goes on from where it is: if that is further back, so does everybody.
      if (cursor && seqOf(cursor) < seqOf(this.cursor)) {
        if (this.connection.state === "closed") this.cursor = cursor;
        else lacks = want;
      }
    }
    this.#others.set(tab, new Set(want));
    /** @type {Frame[]} */
    const frames = [];
    const missing = lacks.filter((resource) => {
      const data = this.known.snapshot(resource, this.cursor);
      if (data) frames.push({ type: "snapshot", id: this.cursor, data });
      return !data;
    });
    if (frames.length > 0) this.#post({ to: tab, frames, cursor: this.cursor });
    this.#tell(tab);
    if (this.#starting) return;
    const carried = this.connection.carried;
    this.#lead();
    this.connection.refresh(missing.filter((resource) => carried.has(resource)));
  }

  /** @param {string} tab */
  #gone(tab) {
    if (this.#leading && this.#others.delete(tab) && !this.#starting) this.#lead();
  }

  /** @param {Frame[]} frames @param {string} cursor */
  #heard(frames, cursor) {
    if (cursor) this.cursor = cursor;
    this.on.frames(frames, cursor);
    if (this.#others.size > 0) this.#post({ frames, cursor });
  }

  #stateChanged() {
    if (!this.#leading) return;
    this.#tell();
    if (this.#wanted.size > 0) this.#mirror();
  }

  #mirror() {
    const { state, reason, reconnectCount } = this.connection;
    this.reconnectCount = Math.max(this.reconnectCount, reconnectCount);
    if (this.#leading && reason !== "idle") this.#set(state, reason);
    else this.#set("connecting");
  }

  // ---- Following --------------------------------------------------------------------------------------------

  /** Frames of the leader; what was heard of an earlier one is not told again. @param {Frame[]} all @param {string} cursor */
  #take(all, cursor) {
    const frames = all.filter(({ type, data }) => {
      if (type === "reset") this.#position = 0;
      if (!("job" in data)) return true;
      if (seq(data.seq) <= this.#position) return false;
      this.#position = seq(data.seq);
      return true;
    });
    if (cursor) this.cursor = cursor;
    this.on.frames(frames, cursor);
  }

  /** @param {ConnectionState} state @param {string | null} [reason] */
  #set(state, reason = null) {
    if (state === this.state && reason === this.reason) return;
    this.state = state;
    this.reason = reason;
    this.on.state();
  }
}

/** The same for the same address and rights, whichever tab asks; nobody can guess a token by it. @param {import("./connection.js").ConnectionOptions} options */
async function nameOf({ http, transport }) {
  const token = (await http.token.get()) ?? "";
  const { iat, exp, nbf, jti, ...rights } = claimsOf(token) ?? { token };
  const bytes = new TextEncoder().encode(JSON.stringify([http.url, transport, rights]));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `milepost:${Array.from(hash.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// One connection that heals itself: streams or polls what is wanted, on one cursor, and goes on from there.
import { MilepostError } from "./errors.js";
import { readFrame, seq, typeOf } from "./event_types.js";
import { Ladder } from "./ladder.js";
import { kLongWaitS, pollOnce } from "./poll_transport.js";
import { readStream, streamRequest } from "./sse_transport.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").ConnectionState} ConnectionState */
/** @typedef {import("./ladder.js").Outcome} Outcome */

const kRestart = new Set(["idle", "suspended", "led-elsewhere", "ended", "rejected"]); // Closed, until something is wanted.
const kPruneMs = 10_000; // What nobody wants any more is still carried so long, unless something else changes.

/**
 * @typedef {{
 *   http: import("./http.js").Http, clock: import("./types.js").Clock, random: () => number, log: import("./types.js").Log,
 *   transport: "auto" | "sse" | "poll", maxRetries: number, pollInterval: number, oneAddress: boolean,
 * }} ConnectionOptions
 * @typedef {{
 *   frames(frames: Frame[], cursor: string): void, state(): void, error(error: MilepostError): void,
 * }} ConnectionListener `frames` gets what came together; the cursor says that everything up to it was delivered.
 */

export class Connection {
  /** @type {ConnectionState} */
  state = "closed";
  /** Why it is in this state, if that is not plain. @type {string | null} */
  reason = "idle";
  reconnectCount = 0;
  /** Where to go on; empty: at the beginning, with snapshots. */
  cursor = "";

  #wanted = /** @type {Set<string>} */ (new Set());
  #carried = /** @type {Set<string>} */ (new Set());
  #fresh = /** @type {Set<string>} */ (new Set()); // Need a snapshot on this cursor.
  #arriving = ""; // The resource whose snapshot may go on in the next frame.
  #position = 0; // The newest event's number.
  #run = 0; // Which loop is the one; 0: none.
  #runs = 0;
  #turn = new AbortController();
  /** @type {Promise<Outcome> | undefined} A stream that came up while polling. */
  #climbed;
  #probeAt = Infinity;
  /** @type {(() => void) | undefined} Ends the wait before the next attempt. */
  #wake;
  #heartbeatMs = 10_000;
  #transport = ""; // The last one that worked.
  /** @type {import("./watchdog.js").Watchdog | undefined} */
  #dog;
  /** @type {unknown} */
  #pruneTimer;
  /** @type {unknown} */
  #renewTimer;

  /** @param {ConnectionOptions} options @param {ConnectionListener} on */
  constructor(options, on) {
    this.options = options;
    this.on = on;
    this.ladder = new Ladder(options);
  }

  /** Says what is wanted from now on; nothing ends the stream. @param {Iterable<string>} resources */
  want(resources) {
    this.#wanted = new Set(resources);
    if (this.#wanted.size === 0) return this.stop("idle");
    for (const fresh of this.#fresh) if (!this.#wanted.has(fresh)) this.#fresh.delete(fresh);
    if (!this.#run) {
      if (this.reason && kRestart.has(this.reason)) this.#start();
      return;
    }
    const added = [...this.#wanted].filter((resource) => !this.#carried.has(resource));
    if (this.cursor) for (const resource of added) this.#fresh.add(resource);
    if (added.length > 0) {
      this.#switch();
    } else if ([...this.#carried].some((resource) => !this.#wanted.has(resource))) {
      this.#pruneTimer ??= this.options.clock.setTimeout(() => this.#switch(), kPruneMs);
    }
  }

  /** Asks for new snapshots of what is carried already. @param {string[]} resources */
  refresh(resources) {
    if (!this.cursor || resources.length === 0) return;
    for (const resource of resources) this.#fresh.add(resource);
    if (this.#run) this.#switch();
  }

  /** Goes on at `cursor` with resources that are known up to there. @param {string} cursor @param {Iterable<string>} known */
  adopt(cursor, known) {
    this.cursor = cursor;
    this.#position = seq(cursor.split("-")[1]);
    this.#carried = new Set(cursor ? known : []);
  }

  /** What the stream carries or is to carry. */
  get carried() {
    return new Set([...this.#carried, ...this.#wanted]);
  }

  /** Ends it. @param {string} reason */
  stop(reason) {
    const { clock } = this.options;
    this.#run = 0;
    this.#turn.abort();
    this.#wake?.();
    clock.clearTimeout(this.#pruneTimer);
    clock.clearTimeout(this.#renewTimer);
    this.#pruneTimer = undefined;
    for (const resource of this.#fresh) this.#carried.delete(resource);
    this.#fresh.clear();
    if (reason === "idle" || reason === "led-elsewhere") this.adopt("", []);
    this.#set("closed", reason);
  }

  /** Begins again at once, whatever came before. */
  retryNow() {
    this.ladder.forget();
    if (!this.#run && this.#wanted.size > 0) this.#start();
    this.#wake?.();
  }

  /** The network is back or the page is seen again: waits no longer, and asks anew if it was silent for long. */
  wake(evenIfLive = false) {
    this.#wake?.();
    if (this.#dog && (evenIfLive || this.#dog.silentMs > 1.2 * this.#heartbeatMs)) this.#switch();
  }

  #start() {
    this.#run = ++this.#runs;
    // What is known already needs no snapshot.
    if (this.cursor) for (const name of this.#wanted) if (!this.#carried.has(name)) this.#fresh.add(name);
    this.#loop(this.#run);
  }

  #switch() {
    this.options.clock.clearTimeout(this.#pruneTimer);
    this.#pruneTimer = undefined;
    this.#turn.abort();
    this.#wake?.();
  }

  /** @param {ConnectionState} state @param {string | null} [reason] */
  #set(state, reason = null) {
    if (state === this.state && reason === this.reason) return;
    this.options.log("info", `${this.state} -> ${state}`, reason);
    this.state = state;
    this.reason = reason;
    this.on.state();
  }

  /** @param {number} run */
  async #loop(run) {
    const { http, log } = this.options;
    while (this.#run === run) {
      const climbed = this.#climbed;
      this.#climbed = undefined;
      if (!climbed) this.#turn = new AbortController();
      if (this.state === "closed" || this.state === "offline") this.#set("connecting");
      const outcome = await (climbed ?? this.#attempt(this.#turn.signal)).catch((error) => {
        return /** @type {Outcome} */ ({ kind: "network", message: String(error) }); // Of the token's provider.
      });
      if (this.#run !== run) return;
      if (this.#climbed) continue;
      const step = this.ladder.after(outcome);
      log("debug", outcome.kind, outcome);
      let { stop } = step;
      // A token that cannot be had anew will not be taken at the next try either.
      if (step.token && !(await http.token.renew().catch(() => false)) && outcome.status === 401) stop = "unauthorized";
      if (this.#run !== run) return;
      if (stop !== undefined) {
        this.stop(stop);
        if (outcome.status !== 204) this.on.error(MilepostError.ofStatus(outcome.status ?? 503, outcome.message ?? stop));
        return;
      }
      await this.#between(outcome, step);
    }
  }

  /** @param {Outcome} outcome @param {import("./ladder.js").Step} step */
  async #between(outcome, { waitMs = 0, reason = null }) {
    const { stats } = this.options.http;
    if (outcome.kind !== "switch" && outcome.kind !== "polled") {
      this.reconnectCount++;
      stats.reconnects++;
      // The first try after a good connection is not yet worth a word of failure.
      this.#set(this.ladder.failures > 1 ? "offline" : "connecting", reason);
    }
    if (waitMs > 0) await this.#rest(waitMs);
  }

  /** @param {number} ms */
  #rest(ms) {
    const { clock } = this.options;
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      const timer = clock.setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        this.#wake = undefined;
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @param {AbortSignal} signal @returns {Promise<Outcome>} */
  async #attempt(signal) {
    if (this.ladder.rung === "sse") return this.#stream(signal, () => {});
    const { clock } = this.options;
    if (this.state !== "polling") this.#probeAt = clock.now() + this.ladder.probeMs();
    if (clock.now() >= this.#probeAt) {
      this.#probeAt = Infinity;
      this.#probe();
    }
    return this.#poll(signal);
  }

  /** Tries a stream beside the polls; when it comes up, it takes over. */
  #probe() {
    const own = new AbortController();
    const polls = this.#run;
    const probe = this.#stream(own.signal, () => {
      if (this.#run !== polls || this.ladder.rung === "sse") return own.abort();
      this.ladder.climbed();
      this.#climbed = probe;
      this.#turn.abort();
      this.#wake?.();
      this.#turn = own;
    });
    probe.catch(() => {}).then(() => {
      if (this.#run === polls) this.#probeAt = this.options.clock.now() + this.ladder.probeMs();
    });
  }

  /** @param {AbortSignal} signal @param {() => void} up @returns {Promise<Outcome>} */
  async #stream(signal, up) {
    const { http, clock } = this.options;
    /** @type {number | undefined} */
    let upAt;
    let goodbye = "";
    const what = { resources: [...this.#wanted], fresh: [...this.#fresh], cursor: this.cursor };
    this.#carried = new Set(what.resources);
    this.#arriving = "";
    const oneAddress = this.options.oneAddress && Boolean(await http.token.get());
    const outcome = await readStream(http, streamRequest({ ...what, oneAddress }), signal, clock, {
      liveMs: () => (upAt === undefined ? undefined : clock.now() - upAt),
      frames: (raw, id, dog, oversized) => {
        /** @type {Frame[]} */
        const frames = [];
        for (let i = 0; i < oversized; i++) this.#malformed("a frame is too large");
        for (const { type, data, id: frameId } of raw) {
          const frame = readFrame(type, data, frameId);
          if (frame instanceof MilepostError) {
            this.#malformed(frame.message);
            continue;
          }
          if (frame.type === "connected") {
            up();
            upAt = clock.now();
            this.#heartbeatMs = 1000 * (parseFloat(frame.data.heartbeat) || 10);
            dog.limitMs = 2.5 * this.#heartbeatMs;
            this.#dog = dog;
            this.#opened("live");
          }
          if (frame.type === "goodbye") goodbye = frame.data.reason;
          frames.push(frame);
        }
        if (upAt !== undefined && clock.now() - upAt > this.#heartbeatMs) this.ladder.heardHeartbeat();
        if (!signal.aborted) this.#deliver(frames, id, "sse");
      },
    });
    this.#dog = undefined;
    return goodbye && outcome.kind !== "switch" ? { ...outcome, kind: "goodbye", goodbye } : outcome;
  }

  /** @param {AbortSignal} signal @returns {Promise<Outcome>} */
  async #poll(signal) {
    const { http, clock } = this.options;
    const waitS = this.ladder.rung === "long" ? kLongWaitS : 0;
    const fresh = [...this.#fresh];
    this.#carried = new Set(this.#wanted);
    // Fresh snapshots come by a poll of their own; what they hold already is told apart by the numbers in them.
    const only = this.cursor && fresh.length > 0;
    const resources = only ? fresh : [...this.#wanted];
    const { outcome, answer } = await pollOnce(http, { resources, cursor: only ? "" : this.cursor, waitS }, signal, clock);
    if (!answer || signal.aborted) return signal.aborted ? { kind: "switch" } : outcome;
    const epoch = answer.cursor.split("-")[0];
    /** @type {Frame[]} */
    const frames = [];
    if (answer.reset) frames.push({ type: "reset", id: "", data: answer.reset });
    for (const data of answer.snapshots) frames.push({ type: "snapshot", id: "", data });
    for (const data of answer.events) {
      frames.push(/** @type {Frame} */ ({ type: typeOf(data), id: `${epoch}-${data.seq}`, data }));
    }
    this.#opened("polling");
    this.#deliver(frames, only ? "" : answer.cursor, "poll");
    for (const resource of fresh) this.#fresh.delete(resource);
    return only ? { ...outcome, again: true } : outcome;
  }

  /** @param {"live" | "polling"} state */
  #opened(state) {
    const { clock, http } = this.options;
    this.ladder.opened();
    if (this.#transport && state !== this.#transport) http.stats.transportChanges++;
    this.#transport = state;
    this.#set(state);
    clock.clearTimeout(this.#renewTimer);
    const ms = http.token.renewInMs;
    if (ms === Infinity || state === "polling") return;
    this.#renewTimer = clock.setTimeout(() => {
      // If this fails, the end of the stream will ask again.
      http.token.renew().then((other) => other && this.#run && this.#switch(), () => {});
    }, Math.max(ms, 0));
  }

  /** @param {Frame[]} all @param {string} id @param {"sse" | "poll"} transport */
  #deliver(all, id, transport) {
    const { clock, http } = this.options;
    const frames = all.filter((frame) => {
      if (frame.type === "reset") this.#position = 0;
      if (this.#arriving && !(frame.type === "snapshot" && frame.data.resource === this.#arriving)) {
        this.#fresh.delete(this.#arriving);
      }
      this.#arriving = frame.type === "snapshot" ? frame.data.resource : "";
      if (!("job" in frame.data)) return /** @type {string} */ (frame.type) !== "heartbeat";
      const number = seq(frame.data.seq);
      if (number <= this.#position) return false;
      this.#position = number;
      http.stats.received(transport, frame.data.commitTime, clock.now());
      return true;
    });
    if (id) {
      this.cursor = id;
      this.#fresh.delete(this.#arriving);
    }
    if (frames.length > 0 || id) this.on.frames(frames, id);
  }

  /** @param {string} message */
  #malformed(message) {
    this.options.http.stats.malformed++;
    this.on.error(new MilepostError("MALFORMED", message));
  }
}

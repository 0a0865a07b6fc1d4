// The events of some resources, told to a component's handlers; what it shows is the connection alone.
import { View } from "./view.js";

/** @typedef {import("../types.js").Frame} Frame */
/** @typedef {import("../types.js").EventBase & import("../types.js").CustomEvent} Custom */
/** @template F @template {string} T @typedef {F extends {type: infer U, data: infer Data} ? (T extends U ? Data : never) : never} DataOf */
/**
 * By the event's name, for example "job-completed"; also "snapshot", "reset", "connected" and "goodbye". `custom` gets
 * those custom events whose own name has no handler.
 * @typedef {{[T in Frame["type"]]?: (data: DataOf<Frame, T>, frame: Frame) => void} &
 *   {custom?: (data: Custom, frame: Frame) => void}} EventHandlers
 */

/** @extends {View<{}>} */
export class EventsView extends View {
  /** The newest ones. @type {EventHandlers} */
  handlers = {};

  /** @param {import("./home.js").Home} home @param {string[]} resources */
  constructor(home, resources) {
    super(home);
    this.resources = resources;
  }

  /** @override */
  facts() {
    return {};
  }

  /** @override @param {import("./view.js").MilepostClient} client @param {() => void} _changed @param {AbortSignal} signal */
  hold(client, _changed, signal) {
    /** @type {(() => void)[]} */
    const ends = [];
    const end = () => ends.forEach((run) => run());
    try {
      // The iteration ends with a connection that closes; these stay, so that it can be tried again.
      for (const resource of this.resources) ends.push(client.job(resource).subscribe(() => {}));
    } catch (error) {
      end();
      throw error;
    }
    let reading = false;
    const read = async () => {
      if (reading || signal.aborted) return;
      reading = true;
      try {
        for await (const frame of client.watch(this.resources, { signal })) if (!signal.aborted) this.#handle(frame);
      } catch {
        // The connection's state says why; when it changes, this goes on.
      }
      reading = false;
    };
    ends.push(client.on("state", ({ state }) => void (state !== "closed" && read())));
    read();
    return end;
  }

  /** @param {Frame} frame */
  #handle(frame) {
    const handlers = /** @type {{[type: string]: ((data: unknown, frame: Frame) => void) | undefined}} */ (this.handlers);
    const own = Object.hasOwn(handlers, frame.type) ? handlers[frame.type] : undefined;
    const handler = own ?? ("custom" in frame.data ? handlers.custom : undefined);
    if (handler) this.call(() => handler(frame.data, frame));
  }
}

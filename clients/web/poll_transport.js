// One poll: the same events on the same cursor as a stream, for networks that let none through.
import { refusalOf } from "./sse_transport.js";

/** @typedef {import("./ladder.js").Outcome} Outcome */
/**
 * @typedef {{
 *   events: import("./types.js").ProgressEvent[], cursor: string, snapshots: import("./types.js").Snapshot[],
 *   reset: import("./types.js").Reset | null, more: boolean,
 * }} PollAnswer
 */

export const kLongWaitS = 25;
const kLateMs = 10_000; // An answer may come so much later than asked for.

/**
 * @param {import("./http.js").Http} http
 * @param {{resources: string[], cursor: string, waitS: number}} what Without a cursor it answers with snapshots.
 * @param {AbortSignal} signal Ends it; the outcome is then a `switch`.
 * @param {import("./types.js").Clock} clock
 * @returns {Promise<{outcome: Outcome, answer?: PollAnswer}>}
 */
export async function pollOnce(http, { resources, cursor, waitS }, signal, clock) {
  const own = new AbortController();
  const stop = () => own.abort();
  if (signal.aborted) return { outcome: { kind: "switch" } };
  signal.addEventListener("abort", stop);
  const begun = clock.now();
  let muted = false;
  const timer = clock.setTimeout(() => {
    muted = true;
    stop();
  }, 1000 * waitS + kLateMs);
  try {
    const path = `/v1/poll?resources=${resources}${cursor && `&after=${cursor}`}&wait=${cursor ? waitS : 0}`;
    const response = await http.send(path, { signal: own.signal, kind: "poll" });
    const refused = await refusalOf(response, clock, "application/json");
    if (refused) return { outcome: refused };
    const text = await response.text();
    http.stats.bytes += text.length;
    const answer = /** @type {PollAnswer} */ (JSON.parse(text));
    // An answer of nothing at once is from somebody who does not know how to wait.
    const waited = !cursor || answer.events.length > 0 || clock.now() - begun > 1000;
    return { outcome: { kind: "polled", again: answer.more || (waitS > 0 && waited) }, answer };
  } catch (error) {
    if (signal.aborted) return { outcome: { kind: "switch" } };
    return { outcome: muted ? { kind: "muted" } : { kind: "network", message: String(error) } };
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

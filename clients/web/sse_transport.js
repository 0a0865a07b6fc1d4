// One stream, by fetch: EventSource can send no header and gives up for good on an answer that is not 200.
import { retryAfterMs } from "./backoff.js";
import { problemOf } from "./http.js";
import { SseParser } from "./sse_parser.js";
import { Watchdog } from "./watchdog.js";

/** @typedef {import("./ladder.js").Outcome} Outcome */

const kFirstByteMs = 10_000; // An edge that is there says something at once.
const kMaxPath = 2000; // Longer lists go in a body.

/**
 * The stream of `resources` from `cursor`; `fresh` ones get a snapshot although there is a cursor. The cursor is no
 * header, which other origins would be asked about at every reconnect; and with a token, which they are asked about in
 * any case, the address stays the same, so that they are asked once.
 * @param {{resources: string[], fresh: string[], cursor: string, oneAddress?: boolean}} what
 */
export function streamRequest({ resources, fresh, cursor, oneAddress }) {
  const query = [`resources=${resources}`, cursor && `last_event_id=${cursor}`, fresh.length && `fresh=${fresh}`];
  const path = `/v1/events?${query.filter(Boolean).join("&")}`;
  if (!oneAddress && path.length <= kMaxPath) return { path };
  return { path: "/v1/events:watch", body: { resources, fresh, ...(cursor && { lastEventId: cursor }) } };
}

/**
 * Reads until the stream ends, whatever the reason. Calls `on.frames` with what came together and the id to go on from.
 * @param {import("./http.js").Http} http
 * @param {{path: string, body?: unknown}} request
 * @param {AbortSignal} signal Ends it; the outcome is then a `switch`.
 * @param {import("./types.js").Clock} clock
 * @param {{
 *   frames(frames: import("./sse_parser.js").SseFrame[], id: string, dog: Watchdog, oversized: number): void,
 *   liveMs(): number | undefined,
 * }} on
 * @returns {Promise<Outcome>}
 */
export async function readStream(http, request, signal, clock, on) {
  const own = new AbortController();
  const stop = () => own.abort();
  if (signal.aborted) return { kind: "switch" };
  signal.addEventListener("abort", stop);
  const parser = new SseParser();
  /** @type {"muted" | "slept" | undefined} */
  let quiet;
  const dog = new Watchdog(clock, kFirstByteMs, (why) => {
    quiet = why;
    stop();
  });
  /** @param {import("./ladder.js").Kind} kind @param {object} [more] @returns {Outcome} */
  const outcome = (kind, more) => ({ kind, liveMs: on.liveMs(), floorMs: parser.retry, ...more });
  try {
    const answer = await http.send(request.path, {
      signal: own.signal, accept: "text/event-stream", body: request.body, kind: "sse",
    });
    const refused = await refusalOf(answer, clock);
    if (refused) return outcome(refused.kind, refused);
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return { kind: "switch" };
      if (done) return outcome("ended");
      dog.heard();
      http.stats.bytes += value.length;
      const frames = parser.push(decoder.decode(value, { stream: true }));
      on.frames(frames, parser.lastEventId, dog, parser.oversized);
      parser.oversized = 0;
    }
  } catch (error) {
    if (signal.aborted) return { kind: "switch" };
    return quiet ? outcome(quiet) : outcome("network", { message: String(error) });
  } finally {
    dog.stop();
    signal.removeEventListener("abort", stop);
    own.abort(); // Lets go of a body that nobody reads.
  }
}

/** @param {Response} answer @param {import("./types.js").Clock} clock @returns {Promise<Outcome | undefined>} */
export async function refusalOf(answer, clock, type = "text/event-stream") {
  const floorMs = retryAfterMs(answer.headers.get("Retry-After"), clock.now());
  if (answer.status !== 200) {
    const message = answer.status === 204 ? "" : (await problemOf(answer)).message;
    return { kind: "status", status: answer.status, floorMs, message };
  }
  if (!answer.headers.get("Content-Type")?.startsWith(type)) return { kind: "wrong", floorMs, message: `not ${type}` };
  return answer.body ? undefined : { kind: "unreadable" };
}

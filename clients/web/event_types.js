// What an event is called in a stream. Pure.
import { MilepostError } from "./errors.js";

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").ProgressEvent} ProgressEvent */

/** @type {{[member: string]: string}} */
const kTypes = {
  status: "job-status", step: "step-status", progress: "step-progress", output: "output", completed: "job-completed",
  failed: "job-failed", cancelled: "job-cancelled", control: "job-control",
};
const kNotices = { INFO: "notice", WARNING: "warning", ERROR: "job-error" };

/** The stream's own; the rest are events of jobs. */
export const kStreamTypes = new Set(["connected", "snapshot", "reset", "goodbye", "heartbeat"]);

/** @param {ProgressEvent} event */
export function typeOf(event) {
  if ("notice" in event) return kNotices[event.notice.severity ?? "INFO"] ?? "notice";
  if ("custom" in event) return event.custom.name;
  for (const member in kTypes) if (member in event) return kTypes[member];
  return "message";
}

/**
 * What `text` says, or an error that says what is wrong with it.
 * @param {string} type @param {string} text @param {string} id
 * @returns {Frame | MilepostError}
 */
export function readFrame(type, text, id) {
  try {
    const data = JSON.parse(text);
    const ok = kStreamTypes.has(type)
      ? data?.type === type && (type !== "snapshot" || (typeof data.resource === "string" && Array.isArray(data.jobs)))
      : typeof data?.job === "string" && seq(data.seq) > 0;
    if (ok) return /** @type {Frame} */ ({ type, id, data });
  } catch {
    // Said below.
  }
  return new MilepostError("MALFORMED", `${type}: not what it should be: ${text.slice(0, 64)}`);
}

/** @param {unknown} number */
export const seq = (number) => Number(number ?? 0);

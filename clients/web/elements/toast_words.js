// What a notice or a job's end is as a toast. Pure.
import { safeUri } from "./words.js";

/** @typedef {import("./types.js").JobEvent} JobEvent */
/**
 * `stays`: until it is closed. `tone`: info, good, warn or bad. `label`: a word above the title.
 * @typedef {{tone: string, label: string, title: string, text: string, image: string | undefined,
 *   link: {href: string, text: string} | undefined, stays: boolean, job: string}} Toast
 */

/** The events that become toasts. */
export const kToastEvents = ["notice", "warning", "job-error", "job-completed", "job-failed", "job-cancelled"];

/**
 * @param {JobEvent} event
 * @param {string} name what the job is called
 * @returns {Toast | undefined} undefined: nothing to tell
 */
export function toastOf(event, name) {
  const plain = { label: "", text: "", image: undefined, link: undefined, stays: false, job: event.job };
  if (event.notice) return noticeToast(event, name);
  if (event.completed) return { ...plain, tone: "good", title: `${name}: completed`, text: event.completed.message ?? "" };
  if (event.cancelled) return { ...plain, tone: "info", title: `${name}: cancelled`, text: event.cancelled.reason ?? "" };
  if (!event.failed) return undefined;
  const { code, message } = event.failed;
  return { ...plain, tone: "bad", title: `${name}: failed`, text: [code, message].filter(Boolean).join(": "), stays: true };
}

/** @type {Record<string, string>} */
const kTones = { WARNING: "warn", ERROR: "bad" };
/** @type {Record<string, string>} */
const kLabels = { tip: "Tip", card: "Good to know" };

/**
 * A notice may bring more than its text: `content` {kind: tip, card or toast; title, text, image, link: {href, text}}.
 * A card is something to read and stays until it is closed.
 * @param {JobEvent} event
 * @param {string} name
 * @returns {Toast}
 */
function noticeToast({ job, notice = {} }, name) {
  const content = notice.content ?? {};
  const text = (/** @type {string} */ member) => (typeof content[member] === "string" ? String(content[member]) : "");
  const kind = text("kind");
  const body = text("text") || text("body") || notice.text || notice.code || "";
  const severity = notice.severity ?? "INFO";
  return {
    tone: kTones[severity] ?? "info",
    label: kLabels[kind] ?? "",
    title: text("title") || name,
    text: body,
    image: safeUri(text("image")),
    link: linkOf(content.link ?? content.url),
    stays: severity === "ERROR" || kind === "card",
    job,
  };
}

/** @param {unknown} link */
function linkOf(link) {
  const { href, text } = /** @type {{href?: unknown, text?: unknown}} */ (typeof link === "object" && link ? link : { href: link });
  const address = typeof href === "string" ? safeUri(href) : undefined;
  return address ? { href: address, text: typeof text === "string" && text ? text : "Read more" } : undefined;
}

/**
 * True if an event reaches the readers of `resource`, a name or a pattern (job:*).
 * @param {JobEvent} event
 * @param {string} resource
 */
export function reaches(event, resource) {
  const names = [event.job, ...(event.resources ?? [])];
  return resource.endsWith("*") ? names.some((name) => name.startsWith(resource.slice(0, -1))) : names.includes(resource);
}

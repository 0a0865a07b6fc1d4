// What else is known of a job: names, times, labels. Pure.
import { safeUri } from "../../clients/web/elements/words.js";

/** @typedef {import("../../clients/web/types.js").JobState} JobState */
/** @typedef {{name: string, value: string, href?: string}} Fact `href`: the value is a link. */

const kMaxChars = 400;

/**
 * @param {JobState | null} state
 * @param {(resource: string) => string} hrefOf the list of a resource
 * @returns {Fact[]}
 */
export function factsOf(state, hrefOf) {
  if (!state) return [];
  const time = (/** @type {string | undefined} */ text) => (text ? new Date(text).toLocaleString() : "");
  /** @type {Fact[]} */
  const facts = [
    { name: "Name", value: state.job },
    { name: "Kind", value: state.kind ?? "" },
    { name: "Attempt", value: String(state.attempt ?? 1) },
    { name: "First heard of", value: time(state.createTime) },
    { name: "Started", value: time(state.startTime) },
    { name: "Ended", value: time(state.endTime) },
    { name: "To be done by", value: time(state.deadline) },
    { name: "Warnings", value: state.warnings ? String(state.warnings) : "" },
    ...(state.resources ?? []).map((resource) => ({ name: "Belongs to", value: resource, href: hrefOf(resource) })),
    ...Object.entries(state.labels ?? {}).sort(byName).map(([name, value]) => ({ name, value })),
    ...Object.entries(state.metadata ?? {}).sort(byName).map(([name, value]) => metadataFact(name, value)),
  ];
  return facts.filter(({ value }) => value !== "");
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {Fact}
 */
function metadataFact(name, value) {
  const text = (typeof value === "string" ? value : JSON.stringify(value)).slice(0, kMaxChars);
  const href = typeof value === "string" ? safeUri(value) : undefined;
  return href ? { name, value: text, href } : { name, value: text };
}

/**
 * @param {[string, unknown]} a
 * @param {[string, unknown]} b
 */
function byName([a], [b]) {
  return a < b ? -1 : a > b ? 1 : 0;
}

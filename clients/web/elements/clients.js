// Which client an element shows: its own, the one the page chose, or one for the page's own origin.

/** @typedef {import("./types.js").ElementsClient} ElementsClient */

/** @type {ElementsClient | undefined} */
let chosen;
/** @type {(() => ElementsClient) | undefined} */
let makeDefault;
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * The client of all elements of this page that have none of their own; elements that are there already change over.
 * @param {ElementsClient} client
 */
export function useClient(client) {
  chosen = client;
  for (const listener of [...listeners]) listener();
}

/**
 * How to make a client when an element needs one and the page chose none.
 * @param {() => ElementsClient} make
 */
export function setDefaultClient(make) {
  makeDefault = make;
}

/** The page's client, made when it is first needed; undefined if nothing says how. */
export function pageClient() {
  if (!chosen && makeDefault) chosen = makeDefault();
  return chosen;
}

/**
 * Calls `listener` when the page's client becomes another one. The answer ends that.
 * @param {() => void} listener
 */
export function onClientChange(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

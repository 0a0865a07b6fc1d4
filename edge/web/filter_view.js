// What the list shows: states as buttons with their counts, kind, text and resource. It lives in the page's address.
import { nameOf } from "../../clients/web/elements/words.js";
import { isPattern, listHash } from "./route.js";

/** @typedef {import("./route.js").Filter} Filter */
/** @typedef {{byState?: Record<string, number>, total?: number}} Counts */

const kStates = ["", "active", "running", "queued", "waiting", "paused", "stalled", "completed", "failed", "cancelled"];
const kEnded = ["COMPLETED", "FAILED", "CANCELLED"];
const kTypedMs = 250; // Nobody has typed for so long.

/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (document.getElementById(id));

/**
 * How many jobs a button stands for.
 * @param {string} state
 * @param {Counts} counts
 */
export function countOf(state, { byState = {}, total = 0 }) {
  if (state === "") return total;
  if (state === "active") return total - kEnded.reduce((sum, ended) => sum + (byState[ended] ?? 0), 0);
  return byState[state.toUpperCase()] ?? 0;
}

export class FilterView {
  /** @type {Map<string, {button: HTMLButtonElement, count: HTMLElement}>} */
  #buttons = new Map();
  /** @type {Filter} */
  #filter = { resource: "", state: "", kind: "", query: "" };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typed;

  constructor() {
    this.text = input("filter-text");
    this.kind = input("filter-kind");
    this.resource = input("filter-resource");
    const group = document.getElementById("states");
    for (const state of kStates) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "chip-button";
      button.dataset.look = state;
      const count = document.createElement("span");
      count.className = "count";
      button.append(state === "" ? "All" : state === "active" ? "Active" : nameOf(state).replace(/ .*/, ""), count);
      button.addEventListener("click", () => this.#read({ state }));
      group?.append(button);
      this.#buttons.set(state, { button, count });
    }
    const form = document.getElementById("filter");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#read();
    });
    form?.addEventListener("input", () => {
      clearTimeout(this.#typed);
      this.#typed = setTimeout(() => this.#read(), kTypedMs);
    });
  }

  /** @param {Filter} filter */
  show(filter) {
    clearTimeout(this.#typed);
    this.#filter = filter;
    // What somebody is typing is left alone.
    for (const [node, value] of /** @type {const} */ ([[this.text, filter.query], [this.resource, filter.resource]])) {
      if (node.value.trim() !== value) node.value = value;
    }
    this.setKinds([]);
    this.kind.value = filter.kind;
    for (const [state, { button }] of this.#buttons) button.setAttribute("aria-pressed", String(state === filter.state));
    this.#problem("");
  }

  /** @param {Counts} counts */
  setCounts(counts) {
    for (const [state, { button, count }] of this.#buttons) {
      const text = String(countOf(state, counts));
      if (count.textContent !== text) count.textContent = text;
      button.classList.toggle("zero", text === "0");
    }
  }

  /**
   * Kinds come and none goes, so that what somebody looks at stays where it is.
   * @param {Iterable<string>} kinds
   */
  setKinds(kinds) {
    const select = /** @type {HTMLSelectElement} */ (/** @type {unknown} */ (this.kind));
    const known = new Set([...select.options].map(({ value }) => value));
    const added = [...new Set([...kinds, this.#filter.kind])].filter((kind) => kind && !known.has(kind)).sort();
    for (const kind of added) select.add(new Option(kind, kind));
  }

  /**
   * Takes over what the fields hold; what was just typed too.
   * @param {Partial<Filter>} [change]
   */
  #read(change) {
    clearTimeout(this.#typed);
    const resource = this.resource.value.trim();
    if (resource && !isPattern(resource)) return this.#problem("A resource reads like user:7, or user:* for all of a kind.");
    const next = listHash({ ...this.#filter, query: this.text.value.trim(), kind: this.kind.value, resource, ...change });
    if (change) {
      location.hash = next;
      return;
    }
    // Each letter is no page of its own: one step back leads to the list as it was.
    history.replaceState(null, "", next);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }

  /** @param {string} text */
  #problem(text) {
    const node = document.getElementById("resource-problem");
    if (node) node.textContent = text;
    this.resource.setAttribute("aria-invalid", String(text !== ""));
  }
}

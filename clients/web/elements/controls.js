// The buttons of a job, and what became of what they asked for.
import { element, setAttribute, showText } from "./dom.js";
import { isOpen, requestText, verbsOf } from "./words.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").JobStore} JobStore */
/** @typedef {import("./types.js").ControlRequest} ControlRequest */
/** @typedef {"pause" | "resume" | "retry" | "cancel"} Verb */
/** What was asked for here; `before` is what the stream told of requests at that moment. */
/** @typedef {{shown: ControlRequest, before: string}} Asked */

/** @type {Verb[]} */
const kVerbs = ["pause", "resume", "retry", "cancel"];

export class Controls {
  /** @type {Map<Verb, HTMLButtonElement>} */
  #buttons = new Map();
  /** @type {Asked | undefined} */
  #asked;
  #told;
  #changed;
  /** @type {JobStore | undefined} */
  #store;

  /**
   * @param {Node} parent
   * @param {() => void} changed called when there is something else to show
   */
  constructor(parent, changed) {
    this.root = element("div", "actions", parent);
    this.#changed = changed;
    for (const verb of kVerbs) {
      const button = element("button", verb === "cancel" ? "cancel" : "", this.root);
      button.type = "button";
      button.textContent = verb[0].toUpperCase() + verb.slice(1);
      button.addEventListener("click", () => void this.#ask(verb));
      this.#buttons.set(verb, button);
    }
    this.#told = element("p", "request", parent);
    this.#told.setAttribute("role", "status");
  }

  /**
   * @param {JobStore | undefined} store
   * @param {JobState | null} state
   * @param {string} title
   * @param {HTMLElement} keeper takes the focus over when the button that has it goes
   */
  update(store, state, title, keeper) {
    if (store !== this.#store) this.#asked = undefined;
    this.#store = store;
    const allowed = verbsOf(state);
    const request = this.#newest();
    for (const [verb, button] of this.#buttons) {
      const hide = !store || !allowed.includes(verb);
      const root = /** @type {ShadowRoot | Document} */ (button.getRootNode());
      if (hide && root.activeElement === button) keeper.focus({ preventScroll: true });
      button.hidden = hide;
      setAttribute(button, "aria-label", `${button.textContent} ${title}`);
      // While a request is open, asking again changes nothing.
      setAttribute(button, "aria-disabled", String(isOpen(request) && request?.action === verb.toUpperCase()));
    }
    showText(this.#told, requestText(request));
    this.#told.classList.toggle("problem", Boolean(request?.problem));
  }

  /** What was asked here, until the stream tells more of it. */
  #newest() {
    const told = this.#store?.request ?? undefined;
    if (this.#asked && !this.#asked.shown.problem && keyOf(told) !== this.#asked.before) this.#asked = undefined;
    return this.#asked?.shown ?? told;
  }

  /** @param {Verb} verb */
  async #ask(verb) {
    const store = this.#store;
    if (!store || this.#buttons.get(verb)?.getAttribute("aria-disabled") === "true") return;
    const action = verb.toUpperCase();
    /** @type {Asked} */
    const asked = { shown: { action, phase: "SENT" }, before: keyOf(store.request) };
    this.#asked = asked;
    this.#changed();
    try {
      await store[verb]();
      asked.shown.phase = "REQUESTED";
    } catch (error) {
      asked.shown = { action, problem: error instanceof Error ? error.message : String(error) };
    }
    this.#changed();
  }
}

/** @param {ControlRequest | null | undefined} request */
function keyOf(request) {
  return request ? `${request.request ?? ""} ${request.action} ${request.phase}` : "";
}

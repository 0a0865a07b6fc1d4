// The steps of a job with their own bars; parts of a step stand below it, one level deep.
import { newBar, setBar } from "./bar.js";
import { element, setAttribute, setText, showText } from "./dom.js";
import { fractionOf, hasEnded, stepText } from "./words.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").StepState} StepState */
/** @typedef {{root: HTMLLIElement, mark: HTMLElement, title: HTMLElement, bar: HTMLElement, text: HTMLElement, note: HTMLElement}} Row */

const kMany = 14; // More steps than that scroll.
const kNotMoving = new Set(["QUEUED", "PAUSED", "WAITING", "STALLED"]);

/**
 * The steps in the order in which they are shown: each followed by its parts.
 * @param {StepState[]} steps
 * @returns {{step: StepState, part: boolean}[]}
 */
export function nested(steps) {
  const ids = new Set(steps.map(({ id }) => id));
  const isPart = (/** @type {StepState} */ step) => Boolean(step.parent && step.parent !== step.id && ids.has(step.parent));
  /** @type {Map<string, StepState[]>} */
  const parts = new Map();
  for (const step of steps.filter(isPart)) parts.set(step.parent ?? "", [...(parts.get(step.parent ?? "") ?? []), step]);
  const shown = steps.filter((step) => !isPart(step)).flatMap((step) => [
    { step, part: false },
    ...(parts.get(step.id) ?? []).map((child) => ({ step: child, part: true })),
  ]);
  // A part of a part, which the contract does not know, is shown all the same.
  const there = new Set(shown.map(({ step }) => step));
  return [...shown, ...steps.filter((step) => !there.has(step)).map((step) => ({ step, part: true }))];
}

export class StepsView {
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {Node} parent */
  constructor(parent) {
    this.root = element("ol", "steps", parent);
    this.root.setAttribute("part", "steps");
  }

  /** @param {JobState | null} state */
  update(state) {
    const steps = nested(state?.steps ?? []);
    this.root.hidden = steps.length === 0;
    this.root.classList.toggle("many", steps.length > kMany);
    setAttribute(this.root, "tabindex", steps.length > kMany ? "0" : undefined);
    setAttribute(this.root, "aria-label", "Steps");
    const ids = new Set(steps.map(({ step }) => step.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
    steps.forEach(({ step, part }, index) => {
      const row = this.#rows.get(step.id) ?? this.#add(step.id);
      if (this.root.children[index] !== row.root) this.root.insertBefore(row.root, this.root.children[index] ?? null);
      if (state) updateRow(row, step, part, state);
    });
  }

  /** @param {string} id */
  #add(id) {
    const root = element("li");
    const row = {
      root, mark: element("span", "mark", root), title: element("span", "title", root), bar: newBar(root, "thin"),
      text: element("span", "number", root), note: element("span", "note", root),
    };
    row.mark.setAttribute("aria-hidden", "true");
    this.#rows.set(id, row);
    return row;
  }
}

/**
 * @param {Row} row
 * @param {StepState} step
 * @param {boolean} part
 * @param {JobState} state
 */
function updateRow({ root, title, bar, text, note }, step, part, state) {
  const ended = hasEnded(state);
  const current = !ended && step.id === state.step;
  const moves = !ended && !kNotMoving.has(state.state ?? "") && step.state === "STARTED";
  const fraction = fractionOf(step);
  root.dataset.step = (step.state ?? "PLANNED").toLowerCase();
  root.classList.toggle("part", part);
  setAttribute(root, "aria-current", current ? "step" : undefined);
  setText(title, step.title || step.id);
  title.title = step.title || step.id;
  setBar(bar, step.title || step.id, moves ? fraction : fraction ?? 0, stepText(step) || undefined);
  setText(text, stepText(step));
  // What the job says already is not said twice.
  showText(note, step.message && step.message !== state.message ? step.message : "");
}

// The steps of a job on a time line.
import { now } from "../../clients/web/elements/clock.js";
import { element, setAttribute, setText } from "../../clients/web/elements/dom.js";
import { nested } from "../../clients/web/elements/steps_view.js";
import { span as duration } from "../../clients/web/elements/words.js";
import { axisLabel, axisLength } from "./timeline.js";

/** @typedef {import("../../clients/web/types.js").JobState} JobState */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {import("./timeline.js").Span} Span */
/** @typedef {{root: HTMLElement, title: HTMLElement, track: HTMLElement, text: HTMLElement}} Row */

const kTicks = 4;
const kLeastPercent = 0.6; // A step that took no time is still there.

export class TimelineView {
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.list = element("ol", "timeline", root);
    const axis = element("div", "axis", root);
    axis.setAttribute("aria-hidden", "true");
    this.ticks = Array.from({ length: kTicks + 1 }, () => element("span", "", axis));
  }

  /**
   * @param {Timeline} timeline
   * @param {JobState | null} state
   */
  draw(timeline, state) {
    const steps = nested(state?.steps ?? []);
    this.root.hidden = steps.length === 0 || timeline.begin === undefined;
    if (this.root.hidden) return;
    const begin = timeline.begin ?? 0;
    const end = timeline.end ?? now();
    const length = axisLength((end - begin) / 1000);
    this.ticks.forEach((tick, i) => setText(tick, axisLabel((length * i) / kTicks)));
    const ids = new Set(steps.map(({ step }) => step.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
    const spans = new Map(timeline.rows(steps.map(({ step }) => step)).map((row) => [row.id, row.spans]));
    steps.forEach(({ step, part }, index) => {
      const row = this.#rows.get(step.id) ?? this.#add(step.id);
      if (this.list.children[index] !== row.root) this.list.insertBefore(row.root, this.list.children[index] ?? null);
      row.root.classList.toggle("part", part);
      setText(row.title, step.title || step.id);
      drawSpans(row, spans.get(step.id) ?? [], { begin, end, length });
    });
  }

  /** @param {string} id */
  #add(id) {
    const root = element("li");
    const row = { root, title: element("span", "title", root), track: element("div", "track", root), text: element("span", "number", root) };
    row.track.setAttribute("aria-hidden", "true");
    this.#rows.set(id, row);
    return row;
  }
}

/**
 * @param {Row} row
 * @param {Span[]} spans
 * @param {{begin: number, end: number, length: number}} axis
 */
function drawSpans({ track, text }, spans, { begin, end, length }) {
  while (track.children.length > spans.length) track.lastChild?.remove();
  let seconds = 0;
  spans.forEach((span, i) => {
    const bar = /** @type {HTMLElement} */ (track.children[i] ?? element("div", "span", track));
    const took = Math.max(0, ((span.end ?? end) - span.begin) / 1000);
    seconds += took;
    setAttribute(bar, "data-step", span.end === undefined ? "started" : span.state.toLowerCase());
    const left = Math.max(0, Math.min(100, ((span.begin - begin) / 1000 / length) * 100));
    bar.style.left = `${left}%`;
    bar.style.width = `${Math.max(kLeastPercent, Math.min(100 - left, (took / length) * 100))}%`;
  });
  setText(text, spans.length === 0 ? "" : duration(seconds));
}

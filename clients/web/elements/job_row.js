// One job as a row of a list: always of the same height, whatever the job says.
import { newBar, setBar } from "./bar.js";
import { element, newIcon, setAttribute, setIcon, setText } from "./dom.js";
import * as words from "./words.js";

/** @typedef {import("./types.js").JobState} JobState */

const kIdle = new Set(["unknown", "queued", "paused", "waiting", "stalled"]);

export class JobRow {
  /** The job that the row shows; "": none. */
  job = "";

  constructor() {
    this.root = element("li", "row");
    this.root.setAttribute("role", "listitem");
    this.icon = this.root.appendChild(newIcon());
    const main = element("div", "main", this.root);
    this.link = element("a", "title", main);
    this.link.tabIndex = -1;
    this.text = element("span", "text", main);
    const line = element("div", "line", this.root);
    this.bar = newBar(line);
    this.percent = element("span", "percent", line);
    const times = element("div", "times", this.root);
    this.ahead = element("span", "ahead", times);
    this.moved = element("span", "moved", times);
    this.state = element("span", "state", this.root);
  }

  /**
   * @param {JobState} state
   * @param {number} at the time, in milliseconds
   * @param {string | undefined} href where the job's own page is
   */
  update(state, at, href) {
    const look = words.lookOf(state);
    const title = state.title || state.job;
    this.job = state.job;
    setAttribute(this.root, "data-job", state.job);
    setAttribute(this.root, "data-look", look);
    setAttribute(this.link, "href", href);
    setAttribute(this.link, "role", href ? undefined : "button");
    setText(this.link, title);
    setIcon(this.icon, look);
    setText(this.state, words.nameOf(look));
    setText(this.text, textOf(state, look));
    const overall = words.overallOf(state);
    const still = kIdle.has(look) || words.hasEnded(state);
    setBar(this.bar, title, still ? overall ?? 0 : overall, words.valueText(state, at));
    setText(this.percent, words.percent(overall));
    this.tick(state, at);
  }

  /**
   * What changes by the clock alone.
   * @param {JobState} state
   * @param {number} at
   */
  tick(state, at) {
    const queue = state.state === "QUEUED" ? words.queueText(state.queuePosition) : "";
    setText(this.ahead, words.ahead(state, at) || queue || words.spent(state, at));
    setText(this.moved, words.moved(state, at));
  }
}

/**
 * The one line that says most.
 * @param {JobState} state
 * @param {string} look
 */
function textOf(state, look) {
  const step = state.steps?.find(({ id }) => id === state.step);
  const message = state.message ?? "";
  if (state.error) return [state.error.code, state.error.message].filter(Boolean).join(": ");
  if (look === "stalled") return state.stalledReason || "no word from the worker";
  if (words.hasEnded(state)) return message || (look === "skipped" ? "nothing needed doing" : state.title ? state.job : "");
  const name = step?.title || step?.id;
  return [name, message].filter(Boolean).join(" · ") || (state.title ? state.job : "");
}

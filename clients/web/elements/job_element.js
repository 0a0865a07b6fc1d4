// <milepost-job job="job:42">: one job, live.
//
// Elements are made once and then only their text and position change, so that focus and selection stay. What a job
// says is only ever set as text.
import { ArtifactsView } from "./artifacts_view.js";
import { MilepostElement } from "./base_element.js";
import { newBar, setBar } from "./bar.js";
import { now, sawTime } from "./clock.js";
import { Controls } from "./controls.js";
import { element, newIcon, setIcon, setText, showText } from "./dom.js";
import { jobSheet } from "./job_styles.js";
import { StepsView } from "./steps_view.js";
import { tokens } from "./tokens.js";
import * as words from "./words.js";

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").JobStore} JobStore */
/** @typedef {import("./types.js").ElementsClient} ElementsClient */

const kIdle = new Set(["unknown", "queued", "paused", "waiting", "stalled"]); // Nothing moves.
const kMaxResultChars = 4000;

/**
 * Attributes: `job`, the job's name; `heading`, the level of its title (3); `previews`, which images to show: all,
 * same-origin or none; `logs-href`, where "View logs" leads, if not to the last lines of output; `without`, a list of
 * what to leave out: steps, output.
 *
 * Events: `milepost-state` {job, state} at each change of the state; `milepost-logs` {job}, which can be prevented.
 */
export class MilepostJob extends MilepostElement {
  static observedAttributes = ["job", "heading", "previews", "logs-href", "without"];

  /** @type {JobStore | undefined} */
  #store;
  #look = "";

  constructor() {
    super([tokens, jobSheet]);
    const root = element("article", "job", this.shadow);
    root.setAttribute("part", "card");
    root.tabIndex = -1; // Takes the focus over when the button that has it goes.
    const head = element("header", "head", root);
    const chip = element("span", "chip", head);
    chip.setAttribute("part", "state");
    const ahead = { ahead: element("span", "ahead", head), atMost: element("span", "quiet at-most", head) };
    const attempt = element("span", "attempt", head);
    const name = element("code", "name", head);
    const titleLine = element("div", "title-line", root);
    const title = element("p", "title", titleLine);
    title.setAttribute("part", "title");
    title.setAttribute("role", "heading");
    const controls = new Controls(titleLine, () => this.changed());
    const line = element("div", "line", root);
    this.view = {
      root, name, title, controls, attempt, ...ahead, icon: chip.appendChild(newIcon()), state: element("span", "", chip),
      bar: newBar(line, "whole"), percent: element("span", "percent", line),
      ...newTimes(root),
      ...newMessage(root),
      reason: element("p", "callout reason", root),
      error: newError(root),
      notice: element("p", "callout notice", root),
      steps: new StepsView(root),
      artifacts: new ArtifactsView(root),
      result: newResult(root),
      output: newOutput(root),
      announce: element("p", "unseen", root),
    };
    this.view.bar.setAttribute("part", "bar");
    this.view.message.setAttribute("part", "message");
    this.view.announce.setAttribute("aria-live", "polite");
    this.view.error.logs.addEventListener("click", (event) => this.#viewLogs(event));
  }

  get job() {
    return this.getAttribute("job") ?? "";
  }

  set job(name) {
    this.setAttribute("job", name);
  }

  /** What is known of the job; null: nothing yet. */
  get state() {
    return this.#store?.get() ?? null;
  }

  /** @param {ElementsClient} client */
  attach(client) {
    this.#store = undefined;
    this.#look = "";
    if (!this.job) return;
    this.#store = client.job(this.job);
    this.hold(this.#store.subscribe((state) => {
      sawTime(state?.updateTime);
      this.changed();
    }));
  }

  draw() {
    const { view } = this;
    const state = this.state;
    const look = words.lookOf(state);
    const title = state?.title || state?.job || this.job;
    view.root.dataset.look = look;
    view.root.dataset.job = this.job;
    view.root.setAttribute("aria-label", title);
    view.title.setAttribute("aria-level", this.getAttribute("heading") ?? "3");
    setText(view.title, title);
    showText(view.name, state?.title ? state.job : "");
    setIcon(view.icon, look);
    setText(view.state, words.nameOf(look));
    showText(view.attempt, (state?.attempt ?? 1) > 1 ? `attempt ${state?.attempt}` : "");
    this.#drawTexts(state, look);
    this.#drawBar(state, look, title);
    const without = (this.getAttribute("without") ?? "").split(" ");
    view.steps.update(without.includes("steps") ? null : state);
    view.artifacts.update(state?.artifacts ?? [], this.getAttribute("previews") ?? "all");
    showText(view.result, state?.output ? JSON.stringify(state.output, null, 2).slice(0, kMaxResultChars) : "");
    view.result.setAttribute("aria-label", `${title}, the result`);
    this.#drawOutput(without.includes("output") ? null : state, title);
    view.controls.update(this.#store, state, title, view.root);
    this.tick();
    this.#changedLook(look, title);
  }

  tick() {
    const { view } = this;
    const state = this.state;
    const at = now();
    setText(view.ahead, state ? words.ahead(state, at) : "");
    setText(view.atMost, state ? words.aheadAtMost(state, at) : "");
    const queued = state?.state === "QUEUED" ? words.queueText(state.queuePosition) : "";
    setText(view.spent, queued || (state ? words.spent(state, at) : ""));
    setText(view.moved, state ? words.moved(state, at) : "");
    if (state) view.bar.setAttribute("aria-valuetext", words.valueText(state, at));
  }

  /**
   * @param {JobState | null} state
   * @param {string} look
   */
  #drawTexts(state, look) {
    const { view } = this;
    const failure = state?.error;
    const message = failure && failure.message === state?.message ? "" : state?.message;
    const instead = look === "unknown" && !state ? "Nothing heard of this job yet." : look === "skipped" ? "Nothing needed doing." : "";
    const step = state && !words.hasEnded(state) ? state.steps?.find(({ id }) => id === state.step) : undefined;
    setText(view.step, step ? step.title || step.id : "");
    setText(view.text, message || instead || (failure || step ? "" : "\u00a0"));
    view.message.hidden = Boolean(failure && !message);
    view.message.title = message ?? "";
    showText(view.reason, look === "stalled" ? state?.stalledReason || "no word from the worker" : "");
    view.error.root.hidden = !failure;
    setText(view.error.code, failure?.code ?? "FAILED");
    setText(view.error.message, failure?.message ?? "");
    showText(view.error.retryable, failure?.retryable ? "It may be tried again." : "");
    const logs = this.getAttribute("logs-href");
    view.error.logs.hidden = !words.safeUri(logs ?? undefined) && !state?.outputTail?.length;
    const notice = state?.notice;
    showText(view.notice, notice?.text || notice?.code || "");
    view.notice.dataset.severity = (notice?.severity ?? "INFO").toLowerCase();
  }

  /**
   * @param {JobState | null} state
   * @param {string} look
   * @param {string} title
   */
  #drawBar(state, look, title) {
    const overall = state ? words.overallOf(state) : undefined;
    const still = kIdle.has(look) || (state && words.hasEnded(state));
    setBar(this.view.bar, title, still ? overall ?? 0 : overall, words.nameOf(look));
    setText(this.view.percent, words.percent(overall));
  }

  /**
   * @param {JobState | null} state
   * @param {string} title
   */
  #drawOutput(state, title) {
    const { output } = this.view;
    const lines = state?.outputTail ?? [];
    setText(output.lines, lines.join("\n"));
    output.lines.setAttribute("aria-label", `${title}, output`);
    output.root.hidden = lines.length === 0;
    setText(output.summary, state && words.hasEnded(state) ? "Last output" : "Output");
  }

  /**
   * Tells a change of the state, but not the state that was found.
   * @param {string} look
   * @param {string} title
   */
  #changedLook(look, title) {
    if (look === this.#look) return;
    const before = this.#look;
    this.#look = look;
    // Open while it matters; after that it is the reader's own choice.
    this.view.output.root.open = !["completed", "skipped", "queued"].includes(look);
    if (before && before !== "unknown") setText(this.view.announce, `${title}: ${words.nameOf(look)}`);
    this.dispatchEvent(new CustomEvent("milepost-state", { detail: { job: this.job, state: this.state }, bubbles: true, composed: true }));
  }

  /** @param {Event} event */
  #viewLogs(event) {
    const href = words.safeUri(this.getAttribute("logs-href") ?? undefined);
    const wanted = this.dispatchEvent(new CustomEvent("milepost-logs", { detail: { job: this.job }, bubbles: true, composed: true, cancelable: true }));
    event.preventDefault();
    if (!wanted) return;
    if (href) {
      window.open(href, "_blank", "noopener,noreferrer");
      return;
    }
    this.view.output.root.open = true;
    this.view.output.lines.focus();
    this.view.output.lines.scrollTop = this.view.output.lines.scrollHeight;
  }
}

/** @param {Node} parent */
function newTimes(parent) {
  const times = element("p", "times", parent);
  times.setAttribute("part", "times");
  return { spent: element("span", "", times), moved: element("span", "moved", times) };
}

/**
 * The current step, and what is said of it.
 * @param {Node} parent
 */
function newMessage(parent) {
  const message = element("p", "message", parent);
  return { message, step: element("span", "step", message), text: element("span", "", message) };
}

/** @param {Node} parent */
function newError(parent) {
  const root = element("div", "callout error", parent);
  root.setAttribute("part", "error");
  const text = element("p", "", root);
  const code = element("code", "code", text);
  const message = element("span", "", text);
  const retryable = element("span", "retryable", text);
  const logs = element("button", "logs", root);
  logs.type = "button";
  logs.textContent = "View logs";
  return { root, code, message, retryable, logs };
}

/** @param {Node} parent */
function newResult(parent) {
  const result = element("pre", "result", parent);
  result.setAttribute("part", "result");
  result.setAttribute("role", "region");
  result.tabIndex = 0; // It may scroll.
  return result;
}

/** @param {Node} parent */
function newOutput(parent) {
  const root = element("details", "tail", parent);
  const summary = element("summary", "", root);
  const lines = element("pre", "lines", root);
  lines.setAttribute("role", "region");
  lines.tabIndex = 0;
  return { root, summary, lines };
}

// One job's card. Elements are made once and then only their text and width change, so that focus and selection stay.
// What a job says is only ever set as text, never as markup.
import { hasEnded } from "../../clients/web/job_state.js";
import { errorText, overallOf, percent, requestText, stateName, times, verbsOf } from "./job_words.js";

const kVerbs = ["pause", "resume", "retry", "cancel"];
const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED"]);
const kNotMoving = new Set(["QUEUED", "PAUSED", "WAITING", "STALLED"]);
const kMaxResultChars = 4000;

function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

function newBar(parent, className) {
  const bar = element("div", `bar ${className}`, parent);
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  element("div", "fill", bar);
  return bar;
}

/** `fraction` undefined: it moves, but nobody knows how far. */
function setBar(bar, label, fraction) {
  bar.setAttribute("aria-label", label);
  bar.classList.toggle("unknown", fraction === undefined);
  if (fraction === undefined) {
    bar.removeAttribute("aria-valuenow");
    bar.firstChild.style.width = "";
  } else {
    bar.setAttribute("aria-valuenow", String(Math.floor(fraction * 100 + 1e-9)));
    bar.firstChild.style.width = `${fraction * 100}%`;
  }
}

export class JobCard {
  /** `ask(verb)` is called when a button is pressed. */
  constructor(name, ask) {
    const root = (this.root = element("article", "job"));
    root.dataset.job = name;
    root.tabIndex = -1; // Takes the focus over when the button that has it goes.
    const head = element("div", "head", root);
    this.title = element("h2", "", head);
    this.name = element("code", "", head);
    this.state = element("span", "state", head);
    const line = element("div", "line", root);
    this.bar = newBar(line, "whole");
    this.percent = element("span", "percent", line);
    this.times = element("p", "times", root);
    this.stalled = element("p", "stalled", root);
    this.message = element("p", "message", root);
    this.error = element("p", "error", root);
    this.notice = element("p", "notice", root);
    this.artifacts = element("ul", "artifacts", root);
    this.result = element("pre", "result", root);
    this.result.tabIndex = 0; // It may scroll.
    this.steps = element("ol", "steps", root);
    this.stepRows = new Map();
    this.details = element("details", "", root);
    this.summary = element("summary", "", this.details);
    this.output = element("pre", "output", this.details);
    this.output.tabIndex = 0;
    this.makeButtons(root, ask);
    this.wasEnded = undefined;
  }

  makeButtons(root, ask) {
    const actions = element("div", "actions", root);
    this.buttons = new Map(kVerbs.map((verb) => {
      const button = element("button", verb, actions);
      button.type = "button";
      button.textContent = verb[0].toUpperCase() + verb.slice(1);
      button.addEventListener("click", () => ask(verb));
      return [verb, button];
    }));
    this.request = element("p", "request", actions);
    this.request.setAttribute("role", "status");
  }

  update({ state, request }, now) {
    const ended = hasEnded(state);
    const title = state.title || state.job;
    const overall = overallOf(state);
    this.root.dataset.state = state.state ?? "";
    this.root.setAttribute("aria-label", title);
    setText(this.title, title);
    setText(this.name, state.title ? state.job : "");
    setText(this.state, stateName(state));
    setBar(this.bar, `${title}, the whole job`, ended || kNotMoving.has(state.state) ? overall ?? 0 : overall);
    this.percent.textContent = percent(overall);
    setText(this.stalled, state.state === "STALLED" ? `Stalled: ${state.stalledReason || "no word from the worker"}` : "");
    setText(this.error, errorText(state));
    const message = state.error?.message === state.message ? "" : state.message;
    setText(this.message, message || (state.skipped ? "nothing needed doing" : ""));
    setText(this.notice, state.notice?.text || state.notice?.code || "");
    this.notice.dataset.severity = state.notice?.severity ?? "";
    setText(this.result, state.output ? JSON.stringify(state.output, null, 2).slice(0, kMaxResultChars) : "");
    this.result.setAttribute("aria-label", `${title}, the result`);
    this.updateSteps(state, ended);
    this.updateArtifacts(state.artifacts ?? []);
    this.updateOutput(state, ended, title);
    this.updateButtons(state, request, title);
    this.tick(state, now);
  }

  updateSteps(state, ended) {
    const steps = state.steps ?? [];
    this.steps.hidden = steps.length === 0;
    const ids = new Set(steps.map(({ id }) => id));
    for (const [id, row] of this.stepRows) {
      if (ids.has(id)) continue;
      row.root.remove();
      this.stepRows.delete(id);
    }
    for (const step of steps) {
      let row = this.stepRows.get(step.id);
      if (!row) {
        const root = element("li", "", this.steps);
        row = { root, title: element("span", "title", root), bar: newBar(root, "part"),
                percent: element("span", "percent", root), note: element("span", "note", root) };
        this.stepRows.set(step.id, row);
      }
      this.updateStep(row, step, state, ended);
    }
  }

  updateStep({ root, title, bar, percent: number, note }, step, state, ended) {
    const done = kStepEnded.has(step.state);
    const fraction = done ? 1 : step.fraction;
    root.dataset.state = step.state ?? "";
    root.classList.toggle("child", Boolean(step.parent));
    if (!ended && step.id === state.step) {
      root.setAttribute("aria-current", "step");
    } else {
      root.removeAttribute("aria-current");
    }
    setText(title, step.title || step.id);
    const moves = !ended && !kNotMoving.has(state.state) && step.state === "STARTED";
    setBar(bar, step.title || step.id, moves ? fraction : fraction ?? 0);
    number.textContent = done || step.state === "FAILED" ? step.state.toLowerCase() : percent(fraction);
    setText(note, step.message === state.message ? "" : step.message ?? "");
  }

  updateArtifacts(artifacts) {
    this.artifacts.hidden = artifacts.length === 0;
    const key = JSON.stringify(artifacts);
    if (key === this.artifactsKey) return;
    this.artifactsKey = key;
    this.artifacts.replaceChildren(...artifacts.map(({ name, uri }) => {
      const item = element("li", "");
      // Only addresses that cannot run anything in this page become links.
      const link = element(/^https?:\/\//i.test(uri ?? "") ? "a" : "span", "", item);
      if (link.tagName === "A") Object.assign(link, { href: uri, rel: "noopener noreferrer", target: "_blank" });
      link.textContent = name || uri;
      return item;
    }));
  }

  updateOutput(state, ended, title) {
    const lines = state.outputTail ?? [];
    setText(this.output, lines.join("\n"));
    this.output.setAttribute("aria-label", `${title}, output`);
    this.details.hidden = lines.length === 0;
    setText(this.summary, ended ? "Last output" : "Output");
    // Open while it runs, folded once it ended well; after that it is the reader's own choice.
    if (ended !== this.wasEnded) this.details.open = state.state !== "COMPLETED";
    this.wasEnded = ended;
  }

  updateButtons(state, request, title) {
    const allowed = verbsOf(state);
    // While a request is open, asking again changes nothing.
    const open = ["SENT", "REQUESTED", "DELIVERED"].includes(request?.phase) && !request.problem;
    for (const [verb, button] of this.buttons) {
      const hide = !allowed.includes(verb);
      if (hide && document.activeElement === button) this.root.focus({ preventScroll: true });
      button.hidden = hide;
      button.setAttribute("aria-label", `${button.textContent} ${title}`);
      button.setAttribute("aria-disabled", String(open && request.action === verb.toUpperCase()));
    }
    setText(this.request, requestText(request));
  }

  /** What changes by the clock alone. */
  tick(state, now) {
    setText(this.times, times(state, now));
  }
}

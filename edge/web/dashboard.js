// The dashboard: every job whose name begins with "job:", live, by the browser's own EventSource.
//
// Three parts: the fold (events to what is known of a job), the view (what is known to elements), the
// stream. What an event says is only ever set as text, never as markup.

const kStreamNames = ["connected", "snapshot", "reset", "goodbye"];
const kEventNames = [
  "job-status", "step-status", "step-progress", "notice", "warning", "job-error", "output",
  "job-completed", "job-failed", "job-cancelled", "job-control",
];
const kEnded = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED"]);
const kHistory = 1000; // Events asked for when the page opens; the most that the edge gives.
const kMaxJobs = 200; // Beyond this the oldest ended jobs leave the page.
const kMaxSteps = 256; // Of one job, as in a plan.
const kMaxLines = 12; // Of output.
const kMaxArtifacts = 50;
const kReopenAfterMs = 3000; // When the browser itself has given up on the stream.

// ---- The fold ---------------------------------------------------------------------------------------

/** What the page knows of one job. */
function newJob(name) {
  return {
    name, seq: 0, attempt: 1, state: "", title: "", message: "", notice: null, error: "",
    steps: new Map(), lines: [], artifacts: new Map(), overall: undefined, etaAt: undefined,
    firstAt: undefined, endedAt: undefined, changed: true,
  };
}

function isOver(job) {
  return kEnded.has(job.state);
}

/** The service's number when there is one; otherwise the weighted mean of the steps. */
function overallOf(job) {
  if (job.state === "COMPLETED") return 1;
  if (job.overall !== undefined) return job.overall;
  let sum = 0;
  let weights = 0;
  for (const step of job.steps.values()) {
    if (step.parent) continue;
    const weight = step.weight ?? 1;
    weights += weight;
    sum += weight * (kStepEnded.has(step.state) ? 1 : step.fraction ?? 0);
  }
  const known = [...job.steps.values()].some((step) => step.fraction !== undefined || kStepEnded.has(step.state));
  return weights > 0 && known ? sum / weights : undefined;
}

function stepOf(job, id) {
  let step = job.steps.get(id);
  if (!step && job.steps.size < kMaxSteps) {
    step = { id, title: id, state: "", fraction: undefined, message: "", amount: "" };
    job.steps.set(id, step);
  }
  return step ?? {};
}

function clamp(fraction) {
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : undefined;
}

function amountOf({ done, total, unit }) {
  if (done === undefined) return "";
  const number = (n) => Number(n).toLocaleString("en", { maximumFractionDigits: 1 });
  return `${number(done)}${total === undefined ? "" : ` of ${number(total)}`}${unit ? ` ${unit}` : ""}`;
}

function applyPlan(job, plan) {
  const before = job.steps;
  job.steps = new Map();
  for (const { id, title, weight, parent } of plan.slice(0, kMaxSteps)) {
    const step = before.get(id) ?? stepOf(job, id);
    job.steps.set(id, Object.assign(step, { title: title || id, weight, parent }));
  }
}

function addLine(job, text) {
  job.lines.push(text);
  if (job.lines.length > kMaxLines) job.lines.shift();
}

function addArtifact(job, artifact) {
  if (job.artifacts.size < kMaxArtifacts || job.artifacts.has(artifact.name)) job.artifacts.set(artifact.name, artifact);
}

function end(job, state, at, message) {
  job.state = state;
  job.endedAt = at;
  job.etaAt = undefined;
  if (message) job.message = message;
}

const kApply = {
  status(job, status) {
    if (status.state && status.state !== "STATE_UNSPECIFIED") job.state = status.state;
    if (status.title) job.title = status.title;
    if (status.message) job.message = status.message;
    if (status.steps?.length) applyPlan(job, status.steps);
  },
  step(job, { id, state, message }) {
    const step = stepOf(job, id);
    step.state = state ?? "";
    if (message) job.message = step.message = message;
    if (state === "STARTED") step.fraction = undefined;
  },
  progress(job, progress) {
    const step = stepOf(job, progress.step);
    const fraction = progress.fraction ?? (progress.total > 0 ? (progress.done ?? 0) / progress.total : undefined);
    if (!step.state) step.state = "STARTED";
    if (fraction !== undefined) step.fraction = clamp(fraction);
    step.amount = amountOf(progress);
    if (progress.message) job.message = step.message = progress.message;
  },
  notice(job, { severity, text, code }) {
    job.notice = { severity: severity ?? "INFO", text: text || code || "" };
  },
  output(job, { line, chunk, artifact }) {
    if (line) addLine(job, line.text ?? "");
    if (chunk) (chunk.text ?? "").split("\n").forEach((text) => text && addLine(job, text));
    if (artifact) addArtifact(job, artifact);
  },
  completed(job, { artifacts, message, skipped }, at) {
    for (const artifact of artifacts ?? []) addArtifact(job, artifact);
    end(job, "COMPLETED", at, message || (skipped ? "nothing needed doing" : ""));
  },
  failed(job, { code, message, retryable }, at) {
    job.error = `${code ?? "failed"}${message ? `: ${message}` : ""}${retryable ? " (may be tried again)" : ""}`;
    end(job, "FAILED", at, "");
  },
  cancelled(job, { actor, reason }, at) {
    end(job, "CANCELLED", at, [actor && `by ${actor}`, reason].filter(Boolean).join(": "));
  },
};

/** Folds one ProgressEvent into the jobs. Events of the past are told by their number and change nothing. */
function applyEvent(jobs, event) {
  let job = jobs.get(event.job);
  const seq = Number(event.seq ?? 0);
  if (job && seq <= job.seq) return;
  const attempt = event.attempt ?? 1;
  if (!job || attempt > job.attempt) {
    const title = job?.title ?? "";
    job = Object.assign(newJob(event.job), { attempt, title });
    jobs.set(event.job, job);
  }
  const at = Date.parse(event.commitTime ?? event.time) || Date.now();
  job.seq = seq;
  job.firstAt ??= at;
  job.changed = true;
  for (const kind in kApply) {
    if (event[kind]) kApply[kind](job, event[kind], at);
  }
  if (!job.state) job.state = "RUNNING";
  if (event.overall !== undefined) job.overall = clamp(event.overall);
  if (event.eta !== undefined && !isOver(job)) job.etaAt = at + 1000 * Number.parseFloat(event.eta);
}

/** What a snapshot says of one job, in the page's own terms. */
function jobOfState(state) {
  const job = newJob(state.job);
  const time = (text) => (text ? Date.parse(text) : undefined);
  job.seq = Number(String(state.cursor ?? "").split("-")[1] ?? 0);
  job.attempt = state.attempt ?? 1;
  job.state = state.state ?? "RUNNING";
  job.title = state.title ?? "";
  job.message = state.message ?? "";
  job.overall = state.overall;
  job.firstAt = time(state.startTime ?? state.createTime) ?? Date.now();
  job.endedAt = time(state.endTime);
  job.lines = (state.outputTail ?? []).slice(-kMaxLines);
  if (state.eta) job.etaAt = (time(state.progressTime) ?? Date.now()) + 1000 * Number.parseFloat(state.eta);
  if (state.notice) kApply.notice(job, state.notice);
  if (state.error) kApply.failed(job, state.error, job.endedAt);
  for (const step of state.steps ?? []) Object.assign(stepOf(job, step.id), { title: step.id }, step);
  for (const artifact of state.artifacts ?? []) addArtifact(job, artifact);
  return job;
}

// ---- The view ---------------------------------------------------------------------------------------

function element(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
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
    bar.setAttribute("aria-valuenow", String(Math.floor(fraction * 100)));
    bar.firstChild.style.width = `${fraction * 100}%`;
  }
}

function percent(fraction) {
  return fraction === undefined ? "" : `${Math.floor(fraction * 100)} %`;
}

/** One job's card. Elements are made once and then only their text and width change. */
class Card {
  constructor(job) {
    const root = (this.root = element("article", "job"));
    const head = element("div", "head", root);
    this.title = element("h2", "", head);
    this.name = element("code", "", head);
    this.state = element("span", "state", head);
    const line = element("div", "line", root);
    this.bar = newBar(line, "whole");
    this.percent = element("span", "percent", line);
    this.times = element("p", "times", root);
    this.message = element("p", "message", root);
    this.error = element("p", "error", root);
    this.notice = element("p", "notice", root);
    this.steps = element("ol", "steps", root);
    this.stepRows = new Map();
    this.artifacts = element("ul", "artifacts", root);
    this.details = element("details", "", root);
    this.summary = element("summary", "", this.details);
    this.output = element("pre", "output", this.details);
    this.wasOver = undefined;
    root.dataset.job = job.name;
  }

  update(job) {
    const over = isOver(job);
    const overall = overallOf(job);
    this.root.dataset.state = job.state;
    setText(this.title, job.title || job.name);
    setText(this.name, job.title ? job.name : "");
    setText(this.state, job.state.toLowerCase() + (job.attempt > 1 ? `, attempt ${job.attempt}` : ""));
    const moves = !over && job.state !== "QUEUED" && job.state !== "PAUSED";
    setBar(this.bar, `${job.title || job.name}, the whole job`, moves ? overall : overall ?? 0);
    this.percent.textContent = percent(overall);
    setText(this.message, job.message);
    setText(this.error, job.error);
    setText(this.notice, job.notice?.text ?? "");
    this.notice.dataset.severity = job.notice?.severity ?? "";
    this.updateSteps(job);
    this.updateArtifacts(job);
    setText(this.output, job.lines.join("\n"));
    this.details.hidden = job.lines.length === 0;
    setText(this.summary, over ? "Last output" : "Output");
    // Open while it runs, folded once it ended well; after that it is the reader's own choice.
    if (over !== this.wasOver) this.details.open = job.state !== "COMPLETED";
    this.wasOver = over;
    this.tick(job);
  }

  updateSteps(job) {
    this.steps.hidden = job.steps.size === 0;
    for (const [id, row] of this.stepRows) {
      if (!job.steps.has(id)) {
        row.root.remove();
        this.stepRows.delete(id);
      }
    }
    for (const step of job.steps.values()) {
      let row = this.stepRows.get(step.id);
      if (!row) {
        const root = element("li", "", this.steps);
        row = { root, title: element("span", "title", root), bar: newBar(root, "part"),
                percent: element("span", "percent", root), note: element("span", "note", root) };
        this.stepRows.set(step.id, row);
      }
      const done = kStepEnded.has(step.state);
      const fraction = done ? 1 : step.fraction;
      row.root.dataset.state = step.state;
      row.root.classList.toggle("child", Boolean(step.parent));
      setText(row.title, step.title);
      const moves = !isOver(job) && step.state === "STARTED";
      setBar(row.bar, step.title, moves ? fraction : fraction ?? 0);
      row.percent.textContent = done ? step.state.toLowerCase() : percent(fraction);
      const message = step.message === job.message ? "" : step.message;
      setText(row.note, [step.amount, message].filter(Boolean).join(" · "));
    }
  }

  updateArtifacts(job) {
    this.artifacts.hidden = job.artifacts.size === 0;
    this.artifacts.replaceChildren(...[...job.artifacts.values()].map(({ name, uri }) => {
      const item = element("li", "");
      // Only addresses that cannot run anything in this page become links.
      const link = element(/^https?:\/\//i.test(uri ?? "") ? "a" : "span", "", item);
      if (link.tagName === "A") Object.assign(link, { href: uri, rel: "noopener noreferrer", target: "_blank" });
      link.textContent = name || uri;
      return item;
    }));
  }

  /** What changes by the clock alone. */
  tick(job) {
    const elapsed = span(((job.endedAt ?? Date.now()) - job.firstAt) / 1000);
    const left = !isOver(job) && job.etaAt ? ` · about ${span((job.etaAt - Date.now()) / 1000)} left` : "";
    setText(this.times, (isOver(job) ? `took ${elapsed}` : elapsed) + left);
  }
}

class Page {
  constructor() {
    this.jobs = new Map();
    this.cards = new Map();
    this.list = document.getElementById("jobs");
    this.waiting = false;
    setInterval(() => this.tick(), 1000);
  }

  /** Draws at the next frame, however many events came since the last one. */
  changed() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    this.trim();
    for (const [name, card] of this.cards) {
      if (!this.jobs.has(name)) {
        card.root.remove();
        this.cards.delete(name);
      }
    }
    for (const job of this.jobs.values()) {
      let card = this.cards.get(job.name);
      if (!card) {
        card = new Card(job);
        this.cards.set(job.name, card);
        this.list.prepend(card.root); // The newest job is on top.
      }
      if (job.changed) card.update(job);
      job.changed = false;
    }
    document.getElementById("empty").hidden = this.jobs.size > 0;
    this.drawCounts();
  }

  drawCounts() {
    const counts = new Map();
    for (const job of this.jobs.values()) counts.set(job.state, (counts.get(job.state) ?? 0) + 1);
    setText(document.getElementById("counts"), [...counts].map(([state, n]) => `${n} ${state.toLowerCase()}`).join(" · "));
    const active = [...this.jobs.values()].filter((job) => !isOver(job)).length;
    document.title = active ? `(${active}) Milepost` : "Milepost";
  }

  trim() {
    for (const job of this.jobs.values()) {
      if (this.jobs.size <= kMaxJobs) return;
      if (isOver(job)) this.jobs.delete(job.name);
    }
  }

  tick() {
    for (const job of this.jobs.values()) {
      if (!isOver(job)) this.cards.get(job.name)?.tick(job);
    }
  }
}

// ---- The stream -------------------------------------------------------------------------------------

function setLink(state, text) {
  const link = document.getElementById("link");
  link.dataset.link = state;
  link.textContent = text;
}

const kOnStream = {
  connected() {
    setLink("live", "live");
  },
  reset(page) {
    page.jobs.clear();
  },
  snapshot(page, { jobs }) {
    for (const state of jobs) page.jobs.set(state.job, jobOfState(state));
  },
  goodbye(page, { reason }) {
    setLink("waiting", `reconnecting (${reason})`);
  },
};

function open(page, cursor) {
  const start = cursor ? `last_event_id=${encodeURIComponent(cursor)}` : `last=${kHistory}`;
  const source = new EventSource(`/v1/events?resources=job:*&${start}`);
  let position = cursor;
  for (const name of kEventNames) {
    source.addEventListener(name, (message) => {
      position = message.lastEventId;
      applyEvent(page.jobs, JSON.parse(message.data));
      page.changed();
    });
  }
  for (const name of kStreamNames) {
    source.addEventListener(name, (message) => {
      kOnStream[name](page, JSON.parse(message.data));
      page.changed();
    });
  }
  source.addEventListener("error", () => {
    setLink("waiting", "reconnecting");
    // The browser connects again by itself, from where it was, unless an answer other than 200 came in between.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => open(page, position), kReopenAfterMs);
  });
}

open(new Page(), "");

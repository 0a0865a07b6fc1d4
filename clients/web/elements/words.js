// What is said of a job: numbers and times as words. Pure: the clock is given, in milliseconds.

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").StepState} StepState */
/** @typedef {import("./types.js").ControlRequest} ControlRequest */

const kEnded = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED"]);
const kJustNowS = 5; // What is newer than this is "just now": a number that counts 1, 2, 3 only distracts.

/** @param {JobState} state */
export function hasEnded(state) {
  return kEnded.has(state.state ?? "");
}

/**
 * Seconds of a Duration as JSON writes it.
 * @param {string | undefined} duration
 */
export function secondsOf(duration) {
  const seconds = Number.parseFloat(duration ?? "");
  return Number.isFinite(seconds) ? seconds : undefined;
}

/**
 * Rounded down: 100 is for what is done.
 * @param {number} fraction
 */
export function percentOf(fraction) {
  return Math.floor(Math.min(1, Math.max(0, fraction)) * 100 + 1e-9);
}

/** @param {number | undefined} fraction */
export function percent(fraction) {
  return fraction === undefined ? "" : `${percentOf(fraction)} %`;
}

/** @param {StepState} step */
export function fractionOf(step) {
  return kStepEnded.has(step.state ?? "") ? 1 : step.fraction;
}

/**
 * The service's number when there is one; otherwise the weighted mean of the steps; undefined if nothing is known.
 * @param {JobState} state
 */
export function overallOf(state) {
  if (state.state === "COMPLETED") return 1;
  if (state.overall !== undefined) return state.overall;
  const steps = (state.steps ?? []).filter((step) => !step.parent);
  const weights = steps.reduce((sum, { weight }) => sum + (weight ?? 1), 0);
  if (!(weights > 0) || steps.every((step) => fractionOf(step) === undefined)) return undefined;
  return steps.reduce((sum, step) => sum + (step.weight ?? 1) * (fractionOf(step) ?? 0), 0) / weights;
}

/**
 * A length of time that has passed.
 * @param {number} seconds
 */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/**
 * A length of time to come, no more exact than it can be known.
 * @param {number} seconds
 */
export function about(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 20) return `about ${Math.round(seconds)} s`;
  if (seconds < 57.5) return `about ${5 * Math.round(seconds / 5)} s`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return `about ${minutes} min`;
  if (minutes < 24 * 60) {
    const fives = 5 * Math.floor((minutes % 60) / 5);
    return fives ? `about ${Math.floor(minutes / 60)} h ${fives} min` : `about ${Math.floor(minutes / 60)} h`;
  }
  const days = Math.round(minutes / (24 * 60));
  return `about ${days} ${days === 1 ? "day" : "days"}`;
}

/**
 * How long ago something was, calmly: in steps that grow.
 * @param {number} seconds
 */
export function ago(seconds) {
  if (seconds < kJustNowS) return "just now";
  if (seconds < 60) return `${5 * Math.floor(seconds / 5)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/**
 * What is left of an estimate that counts from the state's update; negative when it is over.
 * @param {JobState} state
 * @param {string | undefined} estimate
 * @param {number} now
 */
function left(state, estimate, now) {
  const seconds = secondsOf(estimate);
  if (seconds === undefined) return undefined;
  const passed = (now - Date.parse(state.updateTime ?? "")) / 1000;
  return seconds - (Number.isFinite(passed) ? passed : 0);
}

/**
 * What is to come: the time to the end, or of a queued job to its start. Empty: nobody knows.
 * @param {JobState} state
 * @param {number} now
 */
export function ahead(state, now) {
  if (hasEnded(state)) return "";
  if (state.state === "QUEUED") {
    const wait = left(state, state.startEta, now);
    if (wait === undefined) return "";
    return wait > 0 ? `starts in ${about(wait)}` : "starts any moment";
  }
  const eta = left(state, state.eta, now);
  if (eta === undefined) return "";
  return eta > 0 ? `${about(eta)} left` : "longer than expected";
}

/**
 * The upper end of a wide estimate. Empty: it is not wide.
 * @param {JobState} state
 * @param {number} now
 */
export function aheadAtMost(state, now) {
  if (hasEnded(state) || state.state === "QUEUED") return "";
  const eta = left(state, state.eta, now);
  const late = left(state, state.etaP90, now);
  if (eta === undefined || late === undefined || late <= 1.2 * Math.max(eta, 5)) return "";
  return `hardly more than ${about(late).replace(/^about /, "")}`;
}

/** @param {number | undefined} position */
export function queueText(position) {
  if (position === undefined) return "";
  if (position === 0) return "next in the queue";
  return `${position} ${position === 1 ? "job" : "jobs"} before it`;
}

/**
 * How long it took, or takes so far. Empty: it has not begun.
 * @param {JobState} state
 * @param {number} now
 */
export function spent(state, now) {
  const begin = Date.parse(state.startTime ?? (state.state === "QUEUED" ? "" : state.createTime) ?? "");
  if (!Number.isFinite(begin)) return "";
  if (!hasEnded(state)) return `${span((now - begin) / 1000)} so far`;
  const end = Date.parse(state.endTime ?? "");
  return Number.isFinite(end) ? `took ${span((end - begin) / 1000)}` : "";
}

/**
 * How long ago it last moved, or ended.
 * @param {JobState} state
 * @param {number} now
 */
export function moved(state, now) {
  if (hasEnded(state)) {
    const end = Date.parse(state.endTime ?? "");
    return Number.isFinite(end) ? `ended ${ago((now - end) / 1000)}` : "";
  }
  const at = Date.parse(state.progressTime ?? "");
  return Number.isFinite(at) ? `moved ${ago((now - at) / 1000)}` : "no progress yet";
}

/**
 * The kind of look that a state has; null is a job that nobody has heard of yet.
 * @param {JobState | null} state
 */
export function lookOf(state) {
  if (!state?.state) return "unknown";
  return state.state === "COMPLETED" && state.skipped ? "skipped" : state.state.toLowerCase();
}

/** @type {Record<string, string>} */
const kNames = {
  unknown: "Waiting", queued: "Queued", running: "Running", waiting: "Waiting for you", paused: "Paused",
  cancelling: "Cancelling", stalled: "Stalled", completed: "Completed", skipped: "Nothing to do", failed: "Failed",
  cancelled: "Cancelled",
};

/**
 * A look's name, for people.
 * @param {string} look
 */
export function nameOf(look) {
  return kNames[look] ?? look;
}

/** @type {Record<string, string>} */
const kStepNames = { DONE: "done", SKIPPED: "skipped", CACHED: "cached", FAILED: "failed" };

/**
 * What stands beside a step's bar.
 * @param {StepState} step
 */
export function stepText(step) {
  return kStepNames[step.state ?? ""] ?? percent(step.fraction);
}

/**
 * A progress bar's value as speech.
 * @param {JobState} state
 * @param {number} now
 */
export function valueText(state, now) {
  const overall = overallOf(state);
  return [nameOf(lookOf(state)), overall === undefined ? "" : `${percentOf(overall)} percent`, ahead(state, now)]
    .filter(Boolean).join(", ");
}

/** @type {Record<string, string>} */
const kPhases = {
  SENT: "asking", REQUESTED: "requested", DELIVERED: "the worker has it", HONOURED: "done", REFUSED: "refused",
  TIMED_OUT: "no answer in time",
};
/** @type {Record<string, string>} */
const kActions = { CANCEL: "Cancel", PAUSE: "Pause", RESUME: "Resume", RETRY: "Retry" };

/**
 * What became of a request to the worker.
 * @param {ControlRequest | undefined | null} request
 */
export function requestText(request) {
  if (!request) return "";
  const action = kActions[request.action] ?? request.action;
  if (request.problem) return `${action}: not possible (${request.problem})`;
  const phase = kPhases[request.phase ?? ""] ?? request.phase ?? "";
  return `${action}: ${phase}${request.phase === "REFUSED" && request.reason ? ` (${request.reason})` : ""}`;
}

/**
 * True while an answer to the request may still come.
 * @param {ControlRequest | undefined | null} request
 */
export function isOpen(request) {
  return Boolean(request && !request.problem && ["SENT", "REQUESTED", "DELIVERED"].includes(request.phase ?? ""));
}

/**
 * The verbs that a job's state allows, in the order of their buttons.
 * @param {JobState | null} state
 * @returns {("pause" | "resume" | "retry" | "cancel")[]}
 */
export function verbsOf(state) {
  switch (lookOf(state)) {
    case "failed": return state?.error?.retryable ? ["retry"] : [];
    case "cancelled": return ["retry"];
    case "unknown": case "completed": case "skipped": case "cancelling": return [];
    case "paused": return ["resume", "cancel"];
    case "queued": return ["cancel"];
    default: return ["pause", "cancel"];
  }
}

/** @param {string | undefined} bytes */
export function sizeText(bytes) {
  const n = Number(bytes);
  if (bytes === undefined || !Number.isFinite(n)) return "";
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  return `${value < 10 ? Math.floor(value * 10) / 10 : Math.floor(value)} ${units[power - 1]}`;
}

/**
 * `uri` if a link to it can run nothing in this page, else undefined.
 * @param {string | undefined} uri
 */
export function safeUri(uri) {
  return /^https?:\/\/[^\s]/i.test(uri ?? "") ? uri : undefined;
}

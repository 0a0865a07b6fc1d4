// What a page says of a job: numbers and times as words. Pure: the clock is given.
import { hasEnded } from "../../clients/web/job_state.js";

const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED"]);

/** Seconds of a Duration as JSON writes it; undefined if there is none. */
function secondsOf(duration) {
  return duration === undefined ? undefined : Number.parseFloat(duration);
}

export function percent(fraction) {
  return fraction === undefined ? "" : `${Math.floor(fraction * 100 + 1e-9)} %`;
}

/** The service's number when there is one; otherwise the weighted mean of the steps; undefined if nothing is known. */
export function overallOf(state) {
  if (state.state === "COMPLETED") return 1;
  if (state.overall !== undefined) return state.overall;
  const fractionOf = (step) => (kStepEnded.has(step.state) ? 1 : step.fraction);
  const steps = (state.steps ?? []).filter((step) => !step.parent);
  const weights = steps.reduce((sum, { weight }) => sum + (weight ?? 1), 0);
  if (!(weights > 0) || steps.every((step) => fractionOf(step) === undefined)) return undefined;
  return steps.reduce((sum, step) => sum + (step.weight ?? 1) * (fractionOf(step) ?? 0), 0) / weights;
}

/** A length of time that has passed. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** A length of time to come, no more exact than it can be known. */
export function about(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 20) return `about ${Math.round(seconds)} s`;
  if (seconds < 57.5) return `about ${5 * Math.round(seconds / 5)} s`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return `about ${minutes} min`;
  return `about ${Math.floor(minutes / 60)} h ${5 * Math.floor((minutes % 60) / 5)} min`;
}

/** What is left of an estimate that counts from the state's update; negative when it is over. */
function left(state, estimate, now) {
  const seconds = secondsOf(state[estimate]);
  return seconds === undefined ? undefined : seconds - (now - Date.parse(state.updateTime)) / 1000;
}

/** Elapsed time and what is to come, for one line. `now` in milliseconds. */
export function times(state, now) {
  const begin = Date.parse(state.startTime ?? state.createTime);
  if (hasEnded(state)) return `took ${span((Date.parse(state.endTime) - begin) / 1000)}`;
  if (state.state === "QUEUED") {
    const wait = left(state, "startEta", now);
    const before = state.queuePosition;
    return [
      "waiting for a worker",
      before !== undefined && (before === 0 ? "next in the queue" : `${before} before it`),
      wait !== undefined && (wait > 0 ? `starts in ${about(wait)}` : "to start any moment"),
    ].filter(Boolean).join(" · ");
  }
  const eta = left(state, "eta", now);
  const late = left(state, "etaP90", now);
  return [
    span((now - begin) / 1000),
    eta !== undefined && (eta > 0 ? `${about(eta)} left` : "longer than expected"),
    late > 0 && late > 1.2 * Math.max(eta ?? 0, 5) && `at most ${about(late)}, most likely`,
  ].filter(Boolean).join(" · ");
}

export function stateName(state) {
  const name = (state.state ?? "unknown").toLowerCase();
  return state.attempt > 1 ? `${name}, attempt ${state.attempt}` : name;
}

export function errorText({ error }) {
  if (!error) return "";
  return `${error.code ?? "failed"}${error.message ? `: ${error.message}` : ""}${error.retryable ? " (may be tried again)" : ""}`;
}

const kPhases = {
  SENT: "asking", REQUESTED: "requested", DELIVERED: "the worker has it", HONOURED: "done", REFUSED: "refused",
  TIMED_OUT: "no answer in time",
};

/** What became of a request to the worker. */
export function requestText(request) {
  if (!request) return "";
  const action = request.action[0] + request.action.slice(1).toLowerCase();
  const reason = request.problem ?? (request.phase === "REFUSED" ? request.reason : undefined);
  return `${action}: ${request.problem ? "not possible" : kPhases[request.phase] ?? request.phase}${reason ? ` (${reason})` : ""}`;
}

/** The verbs that a job's state allows, in the order of their buttons. */
export function verbsOf(state) {
  if (state.state === "FAILED" || state.state === "CANCELLED") return ["retry"];
  if (hasEnded(state) || state.state === "CANCELLING") return [];
  if (state.state === "PAUSED") return ["resume", "cancel"];
  return state.state === "QUEUED" ? ["cancel"] : ["pause", "cancel"];
}

/** True if the job is one that `text` (in any case; empty: all) and `kind` ("", "active", "ended" or a state) ask for. */
export function matches(state, text, kind) {
  const ended = hasEnded(state);
  if (kind === "active" ? ended : kind === "ended" ? !ended : kind && state.state !== kind.toUpperCase()) return false;
  const needle = text.trim().toLowerCase();
  const texts = [state.job, state.title, state.message, ...Object.values(state.labels ?? {})];
  return texts.some((candidate) => candidate?.toLowerCase().includes(needle));
}

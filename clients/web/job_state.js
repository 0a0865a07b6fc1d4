// What a job's events add up to: from a JobState (as JSON) and a later event to the JobState after it.
//
// The same reduction as proto/contract/job_state.cc, held to it by tests/golden/job_states.json. Pure: no clock, no
// page. What the service computes (overall, eta, etaP90, startEta) comes with the event.

/** @typedef {import("./types.js").JobState} JobState */
/** @typedef {import("./types.js").ProgressEvent} ProgressEvent */
/** @typedef {import("./types.js").State} State */

export const kMaxSteps = 256;
export const kMaxArtifacts = 100;
export const kMaxTailLines = 20;
const kMaxTailLineBytes = 512;
const kMaxMetadataBytes = 16 << 10;
const kEpoch = "1970-01-01T00:00:00Z"; // What an event without a commit time counts as.

const kEnded = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED", "FAILED"]);
/** @type {{[action: string]: State | undefined}} */
const kHonoured = { CANCEL: "CANCELLING", PAUSE: "PAUSED", RESUME: "RUNNING" };
/** @type {(keyof JobState)[]} */
const kOfOneAttempt = [
  "state", "message", "overall", "queuePosition", "step", "warnings", "artifacts", "output", "outputTail", "error",
  "skipped", "stalledReason", "deadline", "startTime", "progressTime", "endTime",
];

/** @param {{state?: string}} state */
export function hasEnded(state) {
  return kEnded.has(state.state ?? "");
}

/** The number in a cursor; 0 if there is none. @param {string | undefined} cursor */
export function seqOf(cursor) {
  return Number(String(cursor ?? "").split("-")[1] ?? 0);
}

/**
 * Changes `state`, whose `job` is empty or absent at first, by `event`; the caller has seen to it that it is a later one.
 * @param {JobState} state @param {ProgressEvent} event
 */
export function reduce(state, event) {
  const attempt = event.attempt ?? 1;
  const at = event.commitTime ?? kEpoch;
  if (!state.job) {
    Object.assign(state, { job: event.job, kind: event.job.split(":")[0], createTime: at, attempt });
  } else if (!("control" in event) && attempt > (state.attempt ?? 0)) {
    beginAttempt(state, attempt);
  }
  put(state, "resources", event.resources);
  state.updateTime = at;
  if (event.metadata) mergeMetadata(state, event.metadata);
  const parts = /** @type {{[kind: string]: unknown}} */ (event);
  for (const kind in kChanges) {
    if (parts[kind]) kChanges[kind](state, /** @type {never} */ (parts[kind]), at);
  }
  if (event.overall !== undefined) state.overall = event.overall;
  put(state, "eta", event.eta);
  put(state, "etaP90", event.etaP90);
  put(state, "startEta", event.startEta);
  return state;
}

/** What each kind of event changes. @type {{[kind: string]: (state: JobState, part: never, at: string) => void}} */
const kChanges = {
  /** @param {JobState} state @param {import("./types.js").StatusEvent["status"]} status @param {string} at */
  status(state, status, at) {
    const stalled = status.state === "STALLED";
    // A worker that winds down may still report as it did before; only its end ends that.
    const windingDown = state.state === "CANCELLING" && !stalled;
    const known = status.state !== /** @type {string} */ ("STATE_UNSPECIFIED");
    if (status.state && known && !windingDown) setState(state, status.state, at);
    if (status.message !== undefined) state[stalled ? "stalledReason" : "message"] = status.message;
    for (const member of /** @type {const} */ (["title", "kind", "deadline"])) {
      if (status[member] !== undefined) state[member] = status[member];
    }
    if (status.queuePosition !== undefined && state.state === "QUEUED") state.queuePosition = status.queuePosition;
    if (status.labels) state.labels = { ...state.labels, ...status.labels };
    if (status.steps?.length) replacePlan(state, status.steps);
  },

  /** @param {JobState} state @param {import("./types.js").StepEvent["step"]} step @param {string} at */
  step(state, { id = "", state: next, message }, at) {
    move(state, at);
    if (message !== undefined) state.message = message;
    const step = findOrAddStep(state, id);
    if (!step) return;
    if (next === "STARTED" && kStepEnded.has(step.state ?? "")) delete step.fraction;
    put(step, "state", next);
    if (next === "DONE") step.fraction = 1;
    if (next === "SKIPPED" || next === "CACHED") delete step.fraction;
    if (message !== undefined) step.message = message;
    if (next === "STARTED") {
      state.step = id;
    } else if (state.step === id) {
      put(state, "step", state.steps?.findLast((other) => other.state === "STARTED")?.id);
    }
  },

  /** @param {JobState} state @param {import("./types.js").ProgressReport["progress"]} progress @param {string} at */
  progress(state, { step: id = "", fraction, done, total, message }, at) {
    move(state, at);
    if (message !== undefined) state.message = message;
    state.step = id;
    const step = findOrAddStep(state, id);
    if (!step) return;
    step.state = "STARTED";
    if (fraction !== undefined) {
      step.fraction = fraction;
    } else if (done !== undefined && total !== undefined && total > 0) {
      step.fraction = Math.min(1, done / total);
    }
    if (message !== undefined) step.message = message;
  },

  /** @param {JobState} state @param {import("./types.js").Notice} notice */
  notice(state, notice) {
    if (notice.severity === "WARNING") state.warnings = (state.warnings ?? 0) + 1;
    state.notice = notice;
  },

  /** @param {JobState} state @param {import("./types.js").OutputEvent["output"]} output */
  output(state, { line, artifact }) {
    if (artifact) addArtifact(state, artifact);
    if (!line || artifact) return;
    state.outputTail ??= [];
    if (state.outputTail.length >= kMaxTailLines) state.outputTail.shift();
    state.outputTail.push(tailLine(line.text ?? ""));
  },

  /** @param {JobState} state @param {import("./types.js").CompletedEvent["completed"]} completed @param {string} at */
  completed(state, { artifacts, output, message, skipped }, at) {
    end(state, "COMPLETED", at);
    delete state.step;
    state.overall = 1;
    for (const artifact of artifacts ?? []) addArtifact(state, artifact);
    if (output !== undefined) state.output = output;
    if (message !== undefined) state.message = message;
    if (skipped !== undefined) state.skipped = skipped;
  },

  /** @param {JobState} state @param {import("./types.js").FailedEvent["failed"]} failed @param {string} at */
  failed(state, { code, message, retryable }, at) {
    end(state, "FAILED", at);
    state.error ??= {};
    put(state.error, "code", code);
    if (message !== undefined) state.error.message = state.message = message;
    if (retryable !== undefined) state.error.retryable = retryable;
  },

  /** @param {JobState} state @param {import("./types.js").CancelledEvent["cancelled"]} cancelled @param {string} at */
  cancelled(state, { reason }, at) {
    end(state, "CANCELLED", at);
    if (reason !== undefined) state.message = reason;
  },

  /** @param {JobState} state @param {import("./types.js").ControlEvent["control"]} control @param {string} at */
  control(state, { action, phase }, at) {
    const next = kHonoured[action];
    if (phase === "HONOURED" && next && !hasEnded(state)) setState(state, next, at);
  },
};

/**
 * Absent is absent, and not undefined.
 * @template {object} T @template {keyof T} K
 * @param {T} object @param {K} member @param {T[K]} value
 */
function put(object, member, value) {
  if (value === undefined) {
    delete object[member];
  } else {
    object[member] = value;
  }
}

/** @param {JobState} state @param {State} next @param {string} at */
function setState(state, next, at) {
  if (next !== "STALLED") delete state.stalledReason;
  if (next !== "QUEUED") delete state.queuePosition;
  if (next === "RUNNING") state.startTime ??= at;
  state.state = next;
}

/** @param {JobState} state @param {State} next @param {string} at */
function end(state, next, at) {
  setState(state, next, at);
  state.endTime = at;
}

/** The job moved: whoever waits for that, or counted as stalled, is running now. @param {JobState} state @param {string} at */
function move(state, at) {
  state.progressTime = at;
  if (!state.state || state.state === "QUEUED" || state.state === "STALLED") setState(state, "RUNNING", at);
}

/** @param {JobState} state @param {number} attempt */
function beginAttempt(state, attempt) {
  state.attempt = attempt;
  for (const member of kOfOneAttempt) delete state[member];
  for (const step of state.steps ?? []) {
    for (const member of /** @type {const} */ (["state", "fraction", "message"])) delete step[member];
  }
}

/** @param {JobState} state @param {string} id */
function findOrAddStep(state, id) {
  state.steps ??= [];
  const found = state.steps.find((step) => step.id === id);
  if (found || state.steps.length >= kMaxSteps) return found;
  const added = /** @type {import("./types.js").StepState} */ ({ id });
  state.steps.push(added);
  return added;
}

/**
 * Steps keep what is known of them; those that the plan leaves out stay if they were touched, without a place in the whole.
 * @param {JobState} state @param {import("./types.js").PlannedStep[]} plan
 */
function replacePlan(state, plan) {
  const before = state.steps ?? [];
  const planned = new Set(plan.map(({ id }) => id));
  state.steps = plan.map(({ id, title, weight, parent }) => {
    const known = before.find((step) => step.id === id);
    const step = { ...known, id };
    put(step, "title", title);
    put(step, "weight", weight);
    put(step, "parent", parent);
    return step;
  });
  for (const step of before) {
    if (planned.has(step.id) || !step.state || state.steps.length >= kMaxSteps) continue;
    delete step.parent; // Which may be gone.
    delete step.weight; // Which compares with steps of another plan.
    state.steps.push(step);
  }
}

/** @param {JobState} state @param {import("./types.js").Artifact} artifact */
function addArtifact(state, artifact) {
  state.artifacts ??= [];
  const index = state.artifacts.findIndex((known) => known.name === artifact.name);
  if (index >= 0) {
    state.artifacts[index] = artifact;
    return;
  }
  if (state.artifacts.length >= kMaxArtifacts) state.artifacts.shift();
  state.artifacts.push(artifact);
}

/** At most kMaxTailLineBytes of UTF-8, cut between characters. @param {string} text */
function tailLine(text) {
  const room = new Uint8Array(kMaxTailLineBytes);
  const { read } = new TextEncoder().encodeInto(text, room);
  return text.slice(0, read);
}

/** @param {JobState} state @param {import("./types.js").Struct} metadata */
function mergeMetadata(state, metadata) {
  state.metadata = { ...state.metadata, ...metadata };
  // Bytes of JSON, nearly those of the service's own form.
  if (new TextEncoder().encode(JSON.stringify(state.metadata)).length > kMaxMetadataBytes) state.metadata = metadata;
}

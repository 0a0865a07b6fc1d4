// What a job's events add up to: from a JobState (as JSON) and a later event to the JobState after it.
//
// The same reduction as proto/contract/job_state.cc, held to it by tests/golden/job_states.json. Pure: no clock, no
// page. What the service computes (overall, eta, etaP90, startEta) comes with the event.

export const kMaxSteps = 256;
export const kMaxArtifacts = 100;
export const kMaxTailLines = 20;
const kMaxTailLineBytes = 512;
const kMaxMetadataBytes = 16 << 10;
const kEpoch = "1970-01-01T00:00:00Z"; // What an event without a commit time counts as.

const kEnded = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const kStepEnded = new Set(["DONE", "SKIPPED", "CACHED", "FAILED"]);
const kHonoured = { CANCEL: "CANCELLING", PAUSE: "PAUSED", RESUME: "RUNNING" };
const kOfOneAttempt = [
  "state", "message", "overall", "queuePosition", "step", "warnings", "artifacts", "output", "outputTail", "error",
  "skipped", "stalledReason", "deadline", "startTime", "progressTime", "endTime",
];

export function hasEnded(state) {
  return kEnded.has(state.state);
}

/** The number in a cursor; 0 if there is none. */
export function seqOf(cursor) {
  return Number(String(cursor ?? "").split("-")[1] ?? 0);
}

/** Changes `state`, which is {} at first, by `event`; the caller has seen to it that it is a later one. */
export function reduce(state, event) {
  const attempt = event.attempt ?? 1;
  const at = event.commitTime ?? kEpoch;
  if (!state.job) {
    Object.assign(state, { job: event.job, kind: event.job.split(":")[0], createTime: at, attempt });
  } else if (!event.control && attempt > (state.attempt ?? 0)) {
    beginAttempt(state, attempt);
  }
  put(state, "resources", event.resources);
  state.updateTime = at;
  if (event.metadata) mergeMetadata(state, event.metadata);
  for (const kind in kReduce) {
    if (event[kind]) kReduce[kind](state, event[kind], at);
  }
  if (event.overall !== undefined) state.overall = event.overall;
  for (const estimate of ["eta", "etaP90", "startEta"]) put(state, estimate, event[estimate]);
  return state;
}

const kReduce = {
  status(state, status, at) {
    const stalled = status.state === "STALLED";
    // A worker that winds down may still report as it did before; only its end ends that.
    const windingDown = state.state === "CANCELLING" && !stalled;
    if (status.state && status.state !== "STATE_UNSPECIFIED" && !windingDown) setState(state, status.state, at);
    if (status.message !== undefined) state[stalled ? "stalledReason" : "message"] = status.message;
    for (const member of ["title", "kind", "deadline"]) {
      if (status[member] !== undefined) state[member] = status[member];
    }
    if (status.queuePosition !== undefined && state.state === "QUEUED") state.queuePosition = status.queuePosition;
    if (status.labels) state.labels = { ...state.labels, ...status.labels };
    if (status.steps?.length) replacePlan(state, status.steps);
  },

  step(state, { id = "", state: next, message }, at) {
    move(state, at);
    if (message !== undefined) state.message = message;
    const step = findOrAddStep(state, id);
    if (!step) return;
    if (next === "STARTED" && kStepEnded.has(step.state)) delete step.fraction;
    put(step, "state", next);
    if (next === "DONE") step.fraction = 1;
    if (next === "SKIPPED" || next === "CACHED") delete step.fraction;
    if (message !== undefined) step.message = message;
    if (next === "STARTED") {
      state.step = id;
    } else if (state.step === id) {
      put(state, "step", state.steps.findLast((other) => other.state === "STARTED")?.id);
    }
  },

  progress(state, { step: id = "", fraction, done, total, message }, at) {
    move(state, at);
    if (message !== undefined) state.message = message;
    state.step = id;
    const step = findOrAddStep(state, id);
    if (!step) return;
    step.state = "STARTED";
    if (fraction !== undefined) {
      step.fraction = fraction;
    } else if (done !== undefined && total > 0) {
      step.fraction = Math.min(1, done / total);
    }
    if (message !== undefined) step.message = message;
  },

  notice(state, notice) {
    if (notice.severity === "WARNING") state.warnings = (state.warnings ?? 0) + 1;
    state.notice = notice;
  },

  output(state, { line, artifact }) {
    if (artifact) return addArtifact(state, artifact);
    if (!line) return;
    state.outputTail ??= [];
    if (state.outputTail.length >= kMaxTailLines) state.outputTail.shift();
    state.outputTail.push(tailLine(line.text ?? ""));
  },

  completed(state, { artifacts, output, message, skipped }, at) {
    end(state, "COMPLETED", at);
    delete state.step;
    state.overall = 1;
    for (const artifact of artifacts ?? []) addArtifact(state, artifact);
    if (output !== undefined) state.output = output;
    if (message !== undefined) state.message = message;
    if (skipped !== undefined) state.skipped = skipped;
  },

  failed(state, { code, message, retryable }, at) {
    end(state, "FAILED", at);
    state.error ??= {};
    put(state.error, "code", code);
    if (message !== undefined) state.error.message = state.message = message;
    if (retryable !== undefined) state.error.retryable = retryable;
  },

  cancelled(state, { reason }, at) {
    end(state, "CANCELLED", at);
    if (reason !== undefined) state.message = reason;
  },

  control(state, { action, phase }, at) {
    if (phase === "HONOURED" && kHonoured[action] && !hasEnded(state)) setState(state, kHonoured[action], at);
  },
};

/** Absent is absent, and not undefined. */
function put(object, member, value) {
  if (value === undefined) {
    delete object[member];
  } else {
    object[member] = value;
  }
}

function setState(state, next, at) {
  if (next !== "STALLED") delete state.stalledReason;
  if (next !== "QUEUED") delete state.queuePosition;
  if (next === "RUNNING") state.startTime ??= at;
  state.state = next;
}

function end(state, next, at) {
  setState(state, next, at);
  state.endTime = at;
}

/** The job moved: whoever waits for that, or counted as stalled, is running now. */
function move(state, at) {
  state.progressTime = at;
  if (!state.state || state.state === "QUEUED" || state.state === "STALLED") setState(state, "RUNNING", at);
}

function beginAttempt(state, attempt) {
  state.attempt = attempt;
  for (const member of kOfOneAttempt) delete state[member];
  for (const step of state.steps ?? []) {
    for (const member of ["state", "fraction", "message"]) delete step[member];
  }
}

function findOrAddStep(state, id) {
  state.steps ??= [];
  const found = state.steps.find((step) => step.id === id);
  if (found || state.steps.length >= kMaxSteps) return found;
  const added = { id };
  state.steps.push(added);
  return added;
}

/** Steps keep what is known of them; those that the plan leaves out stay if they were touched, without a place in the whole. */
function replacePlan(state, plan) {
  const before = state.steps ?? [];
  const planned = new Set(plan.map(({ id }) => id));
  state.steps = plan.map(({ id, title, weight, parent }) => {
    const known = before.find((step) => step.id === id);
    const step = { ...known, id };
    for (const [member, value] of Object.entries({ title, weight, parent })) put(step, member, value);
    return step;
  });
  for (const step of before) {
    if (planned.has(step.id) || !step.state || state.steps.length >= kMaxSteps) continue;
    delete step.parent; // Which may be gone.
    delete step.weight; // Which compares with steps of another plan.
    state.steps.push(step);
  }
}

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

/** At most kMaxTailLineBytes of UTF-8, cut between characters. */
function tailLine(text) {
  const room = new Uint8Array(kMaxTailLineBytes);
  const { read } = new TextEncoder().encodeInto(text, room);
  return text.slice(0, read);
}

function mergeMetadata(state, metadata) {
  state.metadata = { ...state.metadata, ...metadata };
  // Bytes of JSON, nearly those of the service's own form.
  if (new TextEncoder().encode(JSON.stringify(state.metadata)).length > kMaxMetadataBytes) state.metadata = metadata;
}

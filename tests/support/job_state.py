"""What a job's events add up to, as proto/contract/job_state.h says it, over protobuf's JSON: a second reduction, by which tests
judge the service's own.
"""
import copy

MAX_STEPS, MAX_ARTIFACTS, MAX_TAIL, MAX_TAIL_LINE_BYTES, MAX_METADATA_BYTES = 256, 100, 20, 512, 16 << 10
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
# Of an attempt, not of the job. The plan stays.
OF_ATTEMPT = ("state", "message", "overall", "queuePosition", "step", "warnings", "artifacts", "output", "outputTail", "error",
              "skipped", "stalledReason", "deadline", "startTime", "progressTime", "endTime")
PLANNED = ("title", "weight", "parent")
KINDS = ("status", "step", "progress", "notice", "output", "completed", "failed", "cancelled", "control", "custom")


def attempt_of(event):
    return event.get("attempt", 1)


def kind_of(event):
    """The member of `event` that is set, or None."""
    return next((kind for kind in KINDS if kind in event), None)


def is_end(event):
    return kind_of(event) in ("completed", "failed", "cancelled")


def fold(events, state=None):
    """A new state: `state` with the events in it."""
    state = copy.deepcopy(state) if state else {}
    for event in events:
        reduce(event, state)
    return state


def reduce(event, state):
    """`event`, which follows all that is in `state`, goes in. Leaves `cursor` alone."""
    commit_time = event.get("commitTime", "1970-01-01T00:00:00Z")
    event = {**event, "commitTime": commit_time}
    if "job" not in state:
        state.update(job=event["job"], kind=event["job"].partition(":")[0], attempt=attempt_of(event),
                     createTime=commit_time)
    elif "control" not in event and attempt_of(event) > state["attempt"]:
        _begin_attempt(attempt_of(event), state)
    _copy_or_clear(state, "resources", event.get("resources"))
    state["updateTime"] = commit_time
    if "metadata" in event:
        merged = {**state.get("metadata", {}), **event["metadata"]}
        state["metadata"] = merged if struct_bytes(merged) <= MAX_METADATA_BYTES else event["metadata"]
    kind = kind_of(event)
    if kind in _REDUCE:
        _REDUCE[kind](event, event[kind], state)
    if "overall" in event:
        state["overall"] = event["overall"]
    for name in ("eta", "etaP90", "startEta"):
        _copy_or_clear(state, name, event.get(name))


def _copy_or_clear(state, name, value):
    if value in (None, [], {}):
        state.pop(name, None)
    else:
        state[name] = value


def _begin_attempt(attempt, state):
    for name in OF_ATTEMPT:
        state.pop(name, None)
    state["attempt"] = attempt
    for step in state.get("steps", ()):
        for name in ("state", "fraction", "message"):
            step.pop(name, None)


def _set_state(next_, event, state):
    if next_ != "STALLED":
        state.pop("stalledReason", None)
    if next_ != "QUEUED":
        state.pop("queuePosition", None)
    if next_ == "RUNNING":
        state.setdefault("startTime", event["commitTime"])
    state["state"] = next_


def _move(event, state):
    state["progressTime"] = event["commitTime"]
    if state.get("state") in (None, "QUEUED", "STALLED"):
        _set_state("RUNNING", event, state)


def _find_or_add_step(name, state):
    steps = state.setdefault("steps", [])
    for step in steps:
        if step.get("id") == name:
            return step
    if len(steps) >= MAX_STEPS:
        return None
    steps.append({"id": name})
    return steps[-1]


def _replace_plan(planned_steps, state):
    before = {step["id"]: step for step in state.get("steps", ())}
    steps = []
    for planned in planned_steps:
        step = {name: value for name, value in before.pop(planned["id"], {}).items() if name not in PLANNED}
        step["id"] = planned["id"]
        step.update({name: planned[name] for name in PLANNED if name in planned})
        steps.append(step)
    for step in before.values():
        if "state" in step and len(steps) < MAX_STEPS:
            step.pop("parent", None)
            step.pop("weight", None)
            steps.append(step)
    state["steps"] = steps


def _status(event, status, state):
    next_ = status.get("state")
    stalled = next_ == "STALLED"
    if next_ and (stalled or state.get("state") != "CANCELLING"):
        _set_state(next_, event, state)
    if "message" in status:
        state["stalledReason" if stalled else "message"] = status["message"]
    for name in ("title", "kind", "deadline"):
        if name in status:
            state[name] = status[name]
    if "queuePosition" in status and state.get("state") == "QUEUED":
        state["queuePosition"] = status["queuePosition"]
    if status.get("labels"):
        state["labels"] = {**state.get("labels", {}), **status["labels"]}
    if status.get("steps"):
        _replace_plan(status["steps"], state)


def _step(event, status, state):
    _move(event, state)
    if "message" in status:
        state["message"] = status["message"]
    step = _find_or_add_step(status["id"], state)
    if step is None:
        return
    next_ = status["state"]
    if next_ in ("SKIPPED", "CACHED") or next_ == "STARTED" and step.get("state", "STARTED") != "STARTED":
        step.pop("fraction", None)
    step["state"] = next_
    if next_ == "DONE":
        step["fraction"] = 1
    if "message" in status:
        step["message"] = status["message"]
    if next_ == "STARTED":
        state["step"] = status["id"]
    elif state.get("step") == status["id"]:
        state.pop("step")
        under_way = [each["id"] for each in state["steps"] if each.get("state") == "STARTED"]
        if under_way:
            state["step"] = under_way[-1]


def _progress(event, progress, state):
    _move(event, state)
    if "message" in progress:
        state["message"] = progress["message"]
    state["step"] = progress["step"]
    step = _find_or_add_step(progress["step"], state)
    if step is None:
        return
    step["state"] = "STARTED"
    if "fraction" in progress:
        step["fraction"] = progress["fraction"]
    elif "done" in progress and progress.get("total", 0) > 0:
        step["fraction"] = min(1.0, progress["done"] / progress["total"])
    if "message" in progress:
        step["message"] = progress["message"]


def _notice(event, notice, state):
    if notice.get("severity") == "WARNING":
        state["warnings"] = state.get("warnings", 0) + 1
    state["notice"] = notice


def _add_artifact(artifact, state):
    artifacts = state.setdefault("artifacts", [])
    for at, known in enumerate(artifacts):
        if known["name"] == artifact["name"]:
            artifacts[at] = artifact
            return
    if len(artifacts) >= MAX_ARTIFACTS:
        del artifacts[0]
    artifacts.append(artifact)


def _output(event, output, state):
    if "artifact" in output:
        return _add_artifact(output["artifact"], state)
    if "line" in output:
        tail = state.setdefault("outputTail", [])
        if len(tail) >= MAX_TAIL:
            del tail[0]
        tail.append(output["line"].get("text", "").encode()[:MAX_TAIL_LINE_BYTES].decode(errors="ignore"))


def _end(word, event, state):
    _set_state(word, event, state)
    state["endTime"] = event["commitTime"]


def _completed(event, completed, state):
    _end("COMPLETED", event, state)
    state.pop("step", None)
    state["overall"] = 1
    for artifact in completed.get("artifacts", ()):
        _add_artifact(artifact, state)
    for name in ("output", "message", "skipped"):
        if name in completed:
            state[name] = completed[name]


def _failed(event, failed, state):
    _end("FAILED", event, state)
    error = state.setdefault("error", {})
    error["code"] = failed["code"]
    if "message" in failed:
        error["message"] = state["message"] = failed["message"]
    if "retryable" in failed:
        error["retryable"] = failed["retryable"]


def _cancelled(event, cancelled, state):
    _end("CANCELLED", event, state)
    if "reason" in cancelled:
        state["message"] = cancelled["reason"]


def _control(event, control, state):
    after = {"CANCEL": "CANCELLING", "PAUSE": "PAUSED", "RESUME": "RUNNING"}.get(control["action"])
    if control["phase"] == "HONOURED" and after and state.get("state") not in ENDED:
        _set_state(after, event, state)


_REDUCE = {"status": _status, "step": _step, "progress": _progress, "notice": _notice, "output": _output, "completed": _completed,
           "failed": _failed, "cancelled": _cancelled, "control": _control}


def struct_bytes(struct):
    """How many bytes google.protobuf.Struct takes on the wire."""
    return sum(_member(_member(len(key.encode())) + _member(_value_bytes(value))) for key, value in struct.items())


def _member(size):
    """A length-delimited member of so many bytes, with its tag, of a number below 16."""
    return 1 + max(1, (size.bit_length() + 6) // 7) + size


def _value_bytes(value):
    if value is None or isinstance(value, bool):
        return 2
    if isinstance(value, (int, float)):
        return 9
    if isinstance(value, str):
        return _member(len(value.encode()))
    if isinstance(value, dict):
        return _member(struct_bytes(value))
    return _member(sum(_member(_value_bytes(each)) for each in value))

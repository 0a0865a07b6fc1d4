"""Judges the requests of a run against what the log holds of them: each ends, once, and workers are not asked afterwards.

Pure. `check` gives the faults, as lines, and counts.
"""
import collections

ENDS = ("HONOURED", "REFUSED", "TIMED_OUT")
END_SECONDS = 10.0     # after the deadline a request must have ended, the service's time away not counted
FLIGHT_SECONDS = 2.0   # a command may be on its way to the worker while its request ends
BEGIN_SECONDS = 0.5    # a stream that begins so long after a request's end knows of it


def control_entry(seq, commit, job, request, action, phase, deadline=0.0):
    """What the checker wants of one `control` event of the log. `request`: 0 on REQUESTED."""
    return {"seq": seq, "commit": commit, "job": job, "request": request, "action": action, "phase": phase,
            "deadline": deadline}


def check(entries, answered, seen, away=()):
    """entries: control_entry of every control event in the log's order. answered: (request, job, action) of each answer to
    ControlJob. seen: (request, job, action, when it came, when its stream was begun) of each command at a worker. away:
    (from, to) in which there was no service. Times are seconds of one clock."""
    faults, counts = [], collections.Counter()
    requests, ends, delivered, open_ = {}, {}, set(), {}
    for entry in entries:
        request, phase, where = entry["request"], entry["phase"], f"{entry['seq']} of {entry['job']}"
        counts[phase] += 1
        if phase == "REQUESTED":
            if before := open_.get((entry["job"], entry["action"])):
                faults.append(f"{where}: {entry['action']} was requested although {before} is open")
            requests[entry["seq"]] = entry
            open_[entry["job"], entry["action"]] = entry["seq"]
            if entry["action"] == "CANCEL":  # which takes the place of these; they are refused soon
                open_.pop((entry["job"], "PAUSE"), None)
                open_.pop((entry["job"], "RESUME"), None)
            continue
        asked = requests.get(request)
        if asked is None or (asked["job"], asked["action"]) != (entry["job"], entry["action"]):
            faults.append(f"{where}: {phase} of {request}, which is no such request before it: {asked}")
        elif request in ends:
            faults.append(f"{where}: {phase} of {request}, which was {ends[request]['phase']} at {ends[request]['seq']}")
        elif phase == "DELIVERED":
            if request in delivered:
                faults.append(f"{where}: {request} was DELIVERED twice")
            delivered.add(request)
        else:
            ends[request] = entry
            if open_.get((entry["job"], entry["action"])) == request:
                del open_[entry["job"], entry["action"]]
            faults += too_early_or_late(asked, entry, away)
    faults += [f"{seq} of {asked['job']}: {asked['action']} has no end" for seq, asked in requests.items() if seq not in ends]
    for request, job, action in set(answered):
        asked = requests.get(request)
        if asked is None or (asked["job"], asked["action"]) != (job, action):
            faults.append(f"{request} was answered for {action} of {job}, the log has {asked} there")
    counts["open at a death"] = sum(asked["commit"] < begin and (seq not in ends or begin < ends[seq]["commit"])
                                    for begin, _ in away for seq, asked in requests.items())
    counts["answered"] = len({request for request, _, _ in answered})
    faults += check_seen(requests, ends, seen, counts)
    return faults, counts


def too_early_or_late(asked, end, away):
    if end["phase"] == "TIMED_OUT" and end["commit"] < asked["deadline"]:
        yield f"{asked['seq']} of {asked['job']}: TIMED_OUT {asked['deadline'] - end['commit']:.2f} s before its deadline"
    gone = sum(max(0.0, min(to, end["commit"]) - max(begin, asked["deadline"])) for begin, to in away)
    if end["commit"] > asked["deadline"] + gone + END_SECONDS:
        yield f"{asked['seq']} of {asked['job']}: ended {end['commit'] - asked['deadline']:.2f} s after its deadline"


def check_seen(requests, ends, seen, counts):
    at = set()
    for request, job, action, came, begun in seen:
        counts["seen again" if request in at else "seen"] += 1
        at.add(request)
        asked, end = requests.get(request), ends.get(request)
        if asked is None or (asked["job"], asked["action"]) != (job, action):
            yield f"a worker was asked for {action} of {job} as {request}, the log has {asked} there"
        elif end and (came > end["commit"] + FLIGHT_SECONDS or begun > end["commit"] + BEGIN_SECONDS):
            yield (f"a worker got {request} ({action} of {job}) {came - end['commit']:.2f} s after it was {end['phase']}, on a "
                   f"stream that was begun {begun - end['commit']:.2f} s after it")

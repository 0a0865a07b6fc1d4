"""Judges the states of jobs in a history (see history.py) against P4 and P10: what a snapshot says is what the log's events add
up to, a snapshot and what follows add up to what the service says at the end, percents never fall, attempts end once.

For histories whose log holds whole events and the states that the service gave at the end.
"""
import collections
import copy

import history
from job_state import ENDED, attempt_of, fold, is_end, kind_of, reduce

# Moves a job: not after the end of its attempt, nor for an attempt that is over.
MOVES = ("status", "step", "progress", "completed", "failed", "cancelled")


def comparable(state):
    """A state with the sequence of its cursor: the same place has another epoch in another life of the service."""
    state = dict(state)
    if "cursor" in state:
        state["cursor"] = history.seq_of(state["cursor"])
    return state


def difference(state, wanted):
    """The members in which they differ."""
    return "; ".join(f"{name}: {str(state.get(name))[:200]}, should be {str(wanted.get(name))[:200]}"
                     for name in sorted(state.keys() | wanted.keys()) if state.get(name) != wanted.get(name))


class Percent:
    """One job's overall, as somebody sees it: never falls within an attempt, 1 only when completed."""

    def __init__(self, attempt=1, overall=0.0):
        self._attempt, self._overall = attempt, overall

    def on(self, attempt, overall, completed):
        """What is wrong with it, or ""."""
        if attempt != self._attempt:
            self._attempt, self._overall = attempt, 0.0
        if overall is None:
            return ""
        before, self._overall = self._overall, max(overall, self._overall)
        if overall < before:
            return f"{overall} after {before} in attempt {attempt}"
        if not 0 <= overall <= 1 or (overall == 1) != completed:
            return f"{overall} and {'completed' if completed else 'not completed'} in attempt {attempt}"
        return ""


class LoggedJob:
    """One job in the log: its events one after the other."""

    def __init__(self, name, report):
        self._name, self._report = name, report
        self.state = {}
        self._percent = Percent()
        self._ends = {}    # attempt -> the seq of its end
        self._newest = 1
        self.completed = False

    def on(self, entry):
        event = entry["event"]
        self._check_attempt(entry["seq"], event)
        reduce(event, self.state)
        self.state["cursor"] = entry["seq"]
        if kind_of(event) != "control":
            completed = self.state.get("state") == "COMPLETED"
            self._report.counts["percents"] += event.get("overall") is not None
            # On a `completed` itself the service need not say that it is 1.
            wrong = self._percent.on(self._newest, 1 if "completed" in event and "overall" not in event else event.get("overall"),
                                     completed)
            if wrong:
                self._report.fault("percent", f"log: {entry['seq']} of {self._name}: {wrong}")

    def _check_attempt(self, seq, event):
        if "control" in event:
            return
        attempt, where = attempt_of(event), f"log: {seq} of {self._name}"
        if attempt in self._ends and kind_of(event) in MOVES:
            what = "a second end" if is_end(event) else f"a {kind_of(event)}"
            self._report.fault("terminal", f"{where}: {what} of attempt {attempt}, which ended at {self._ends[attempt]}")
        elif attempt < self._newest:
            self._report.fault("terminal", f"{where}: attempt {attempt} although there is attempt {self._newest}")
        elif attempt > self._newest and self.completed:
            self._report.fault("terminal", f"{where}: attempt {attempt} of a job that is completed")
        self._newest = max(self._newest, attempt)
        if is_end(event):
            self._report.counts["ends"] += 1
            self._ends.setdefault(attempt, seq)
            self.completed = self.completed or "completed" in event


class Folder:
    """One logical reader: what its snapshots and the events after them add up to."""

    def __init__(self, name, truth, report):
        self._name, self._truth, self._report = name, truth, report
        self._states, self._percents = {}, {}
        self._told = {}  # resource: cursor of its newest snapshot, and the jobs in it
        self._resources = ()

    def _fault(self, class_, text):
        self._report.fault(class_, f"reader {self._name} ({','.join(self._resources)}): {text}")

    def _open(self, record):
        self._resources = record["resources"]

    def _reset(self, record):
        self._states.clear()
        self._percents.clear()

    def _snapshot(self, record):
        seq = history.seq_of(record["cursor"])
        for state in record["states"]:
            job, at = state["job"], history.seq_of(state["cursor"])
            if at > seq:
                self._fault("state", f"the snapshot at {seq} has {job} at {at}")
            wanted = self._truth.at(job, seq)
            if comparable(state) != wanted:
                self._fault("state", f"the snapshot at {seq} has of {job} {difference(comparable(state), wanted)}")
            self._states[job] = copy.deepcopy(state)
            self._see(job, state.get("overall"))
        # A frame with the cursor of the resource's one before goes on with it.
        begun, told = self._told.get(record["resource"], ("", set()))
        told = {state["job"] for state in record["states"]} | (told if begun == record["cursor"] else set())
        self._told[record["resource"]] = record["cursor"], told
        missing = self._truth.jobs_of(record["resource"], seq) - told
        if missing and not record.get("more"):
            self._fault("state", f"the snapshot of {record['resource']} at {seq} lacks {sorted(missing)}")

    def _event(self, record):
        event, job = record["data"], record["job"]
        state = self._states.setdefault(job, {})
        before = (state.get("attempt"), state.get("state"))
        reduce(event, state)
        state["cursor"] = record["id"]
        if is_end(event) and before[0] == state["attempt"] and before[1] in ENDED:
            self._fault("terminal", f"{record['id']} of {job}: a second end of attempt {state['attempt']}")
        if event.get("overall") is not None or is_end(event):
            self._see(job, state.get("overall"))

    def _see(self, job, overall):
        state = self._states[job]
        wrong = self._percents.setdefault(job, Percent()).on(state["attempt"], overall, state.get("state") == "COMPLETED")
        if wrong:
            self._fault("percent", f"{job}: {wrong}")

    def _done(self, record):
        for job, state in self._states.items():
            wanted = self._truth.at_end.get(job)
            self._report.counts["folds"] += 1
            if wanted is None or comparable(state) != wanted:
                self._fault("state", f"snapshot and tail of {job} give {difference(comparable(state), wanted or {})}")

    def _ignore(self, record):
        pass

    _connected = _beat = _closed = _ignore

    def on(self, record):
        getattr(self, "_" + record["k"])(record)


class Truth:
    """What the log and the service say of each job."""

    def __init__(self, directory, report):
        self.at_end = {}
        self._entries = collections.defaultdict(list)  # job -> [(seq, event)]
        self._begins = collections.defaultdict(dict)   # resource -> {job: its first seq}
        self._folds = {}                               # (job, through) -> state
        jobs = {}
        for record in history.read(directory, "log"):
            if record["k"] == "state":
                self.at_end[record["job"]] = comparable(record["state"])
            elif record["k"] == "entry" and "event" in record:
                job = record["job"]
                jobs.setdefault(job, LoggedJob(job, report)).on(record)
                self._entries[job].append((record["seq"], record["event"]))
                for name in {job, *record["names"]}:
                    self._begins[name].setdefault(job, record["seq"])
        report.counts["states"] = len(self.at_end)
        for job, logged in jobs.items():
            said = self.at_end.get(job, {})
            if said != logged.state:
                report.fault("state", f"the service says at the end of {job}: {difference(said, logged.state)}")

    def at(self, job, seq):
        """The state that the job's events up to `seq` add up to."""
        events = [(at, event) for at, event in self._entries.get(job, ()) if at <= seq]
        if not events:
            return {}
        key = (job, events[-1][0])
        if key not in self._folds:
            self._folds[key] = {**fold(event for _, event in events), "cursor": events[-1][0]}
        return self._folds[key]

    def jobs_of(self, resource, seq):
        return {job for job, begin in self._begins.get(resource, {}).items() if begin <= seq}


def check_states(directory, report):
    """Adds to the report. Readers are judged if they wrote down what they saw."""
    truth, folders = Truth(directory, report), {}
    for record in history.read(directory, "readers"):
        if record["k"] == "snapshot" and "states" not in record or record["k"] == "event" and "data" not in record:
            report.invalid("readers did not write down what they saw of states")
            return
        name = record["r"]
        if name not in folders:
            folders[name] = Folder(name, truth, report)
        folders[name].on(record)

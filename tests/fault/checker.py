"""Judges the history of a run (see history.py) against the promises P1 to P5, P7 and P9 of the service; with state_checker, if
the history has states of jobs, also P10.

Pure: reads the files, changes nothing. `check(directory)` gives a Report.
"""
import bisect
import collections

import history
from state_checker import check_states

# A fault counts only if this many events were acked in the time before it: faults of an idle service prove nothing.
LOAD_SECONDS = 2.0
LOAD_EVENTS = 20

# With an fsync that takes so long, the time of a recovery says nothing about the service.
SLOW_DISK_SECONDS = 0.1

# What a plan may ask for, each counted by the checker.
NEEDS = ("acked", "delivered", "faults", "readers", "reopened", "broken", "rejected", "recoveries", "snapshots",
         "states", "folds", "ends", "percents")

# Faults of the service, in the order of the table.
CLASSES = {
    "lost": "acked and not in the log",
    "duplicate": "twice in the log, or twice at one reader",
    "order": "against the log's order, or a position that went back",
    "phantom": "never attempted, not in the log, or not for this reader",
    "gap": "missing between two positions of a reader, or after the last one",
    "reset": "a reader was reset without need",
    "verdict": "a wrong event acked in silence, or a good one rejected",
    "slow": "recovery p99 past the limit",
    "state": "a job's state that its events do not add up to",
    "percent": "a percent that fell, or 100 and not completed",
    "terminal": "an attempt that ended twice, or went on after its end",
}

CONTEXT = 6  # observations of a reader that are shown before a fault
SHOWN = 3    # faults of a class that are shown in full


class Log:
    """The log as it was read back."""

    def __init__(self, records, report):
        self.entries = []
        self.by_mark = {}
        self.seqs = []
        self._by_name = collections.defaultdict(list)  # name -> places in entries
        self._of_readers = {}
        ended = False
        for record in records:
            if record["k"] == "end":
                ended = True
            if record["k"] != "entry":
                continue
            self._add(record, report)
        if not ended:
            report.invalid("the log was not read to its end")
        self.by_seq = {entry["seq"]: entry for entry in self.entries}

    def _add(self, entry, report):
        seq, mark = entry["seq"], entry["mark"]
        if self.seqs and seq <= self.seqs[-1]:
            report.fault("order", f"log: {seq} stands after {self.seqs[-1]}")
            return
        if mark and mark in self.by_mark:
            report.fault("duplicate", f"log: {mark} stands at {self.by_mark[mark]['seq']} and at {seq}")
        for name in set(entry["names"]) | {entry["job"]}:
            self._by_name[name].append(len(self.entries))
        self.entries.append(entry)
        self.seqs.append(seq)
        if mark:
            self.by_mark.setdefault(mark, entry)

    def seqs_for(self, resources):
        """The sequences, rising, of what a reader of these names and patterns must get."""
        key = tuple(sorted(resources))
        if key not in self._of_readers:
            places = set()
            for name in key:
                if name.endswith("*"):
                    places.update(*(at for known, at in self._by_name.items() if known.startswith(name[:-1])))
                else:
                    places.update(self._by_name.get(name, ()))
            self._of_readers[key] = [self.seqs[place] for place in sorted(places)]
        return self._of_readers[key]

    def newest_notice(self, job, through):
        """The mark of the job's last notice up to this sequence; "" for none."""
        places = self._by_name.get(job, [])
        for at in range(bisect.bisect_right(places, through, key=lambda place: self.seqs[place]) - 1, -1, -1):
            entry = self.entries[places[at]]
            if entry["notice"] and entry["job"] == job:
                return entry["mark"]
        return ""


class Report:
    """Counts, faults and reasons why a run proves nothing."""

    def __init__(self):
        self.what = ""
        self.counts = collections.Counter()
        self.faults = collections.Counter()
        self.shown = collections.defaultdict(list)
        self.reasons = []
        self.recoveries = []
        self.ack_seconds = []
        self.restart_seconds = []
        self.disk_seconds = []

    def fault(self, class_, text, context=()):
        self.faults[class_] += 1
        if len(self.shown[class_]) < SHOWN:
            self.shown[class_].append("\n".join([text, *(f"    {line}" for line in context)]))

    def invalid(self, reason):
        if len(self.reasons) < 20:
            self.reasons.append(reason)

    @property
    def status(self):
        """0 passed, 1 the service is at fault, 2 the run proves nothing."""
        return 1 if self.faults else 2 if self.reasons else 0

    def text(self):
        lines = [f"history: {self.what}"]
        names = ("attempted", "acked", "rejected", "logged", "own", "readers", "opened", "reopened", "delivered", "beats",
                 "snapshots", "resets", "resent", "broken", "faults", "states", "folds", "ends", "percents")
        lines += ["  " + "  ".join(f"{name} {self.counts[name]}" for name in part) for part in (names[:8], names[8:])]
        for label, values in (("recovery", self.recoveries), ("start of eventd", self.restart_seconds),
                              ("publish to ack", self.ack_seconds), ("fsync of the disk", self.disk_seconds)):
            if values:
                lines.append(f"  {label}: {len(values)} measured, p50 {percentile(values, 50) * 1e3:.0f} ms, "
                             f"p99 {percentile(values, 99) * 1e3:.0f} ms, max {max(values) * 1e3:.0f} ms")
        for class_, meaning in CLASSES.items():
            lines.append(f"  {class_:<9} {self.faults[class_]:>7}   {meaning}")
        for class_, shown in self.shown.items():
            lines += [f"{class_} {n} of {self.faults[class_]}: {text}" for n, text in enumerate(shown, 1)]
        lines += [f"invalid: {reason}" for reason in self.reasons]
        lines.append(("PASSED", "FAILED", "INVALID")[self.status])
        return "\n".join(lines)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class Producers:
    """What was attempted and acked."""

    def __init__(self, records):
        self.attempted = {}   # mark -> (producer, number, job, wrong, first sent at)
        self.order = collections.defaultdict(list)     # producer -> marks in the order of their numbers
        self.acked = collections.defaultdict(int)      # producer -> number
        self.settled_by_hello = set()                  # (producer, number): acked by an answer to hello
        self.rejected = {}                             # (producer, number) -> record
        self.ack_times = []                            # (time, how many were acked by it)
        self.ack_seconds = []
        self.names, self.done = set(), {}
        self.resent = self.broken = 0
        self._sent_at = {}
        for record in records:
            self.names.add(record["p"])
            getattr(self, "_" + record["k"])(record)

    def _send(self, record):
        for at, (mark, job, wrong) in enumerate(record["events"]):
            number = record["first"] + at
            if mark in self.attempted or number != len(self.order[record["p"]]) + 1:
                raise history.HistoryError(f"producer {record['p']}: {mark} is no new event with the next number")
            self.attempted[mark] = (record["p"], number, job, wrong)
            self._sent_at[record["p"], number] = record["t"]
            self.order[record["p"]].append(mark)

    def _resend(self, record):
        self.resent += record["count"]

    def _acked(self, record):
        producer, to = record["p"], record["to"]
        before = self.acked[producer]
        if to > len(self.order[producer]):
            raise history.HistoryError(f"producer {producer}: {to} was acked and never sent")
        if record["hello"]:
            self.settled_by_hello.update((producer, number) for number in range(before + 1, to + 1))
        self.ack_seconds.extend(record["t"] - self._sent_at[producer, number] for number in range(before + 1, to + 1))
        self.acked[producer] = max(before, to)
        if to > before:
            self.ack_times.append((record["t"], to - before))

    def _forgotten(self, record):
        pass

    def _rejected(self, record):
        self.rejected[record["p"], record["number"]] = record

    def _stream(self, record):
        pass

    def _broken(self, record):
        self.broken += 1

    def _done(self, record):
        self.done[record["p"]] = record


def check_producers(producers, log, report):
    for mark, (producer, number, job, wrong) in producers.attempted.items():
        entry, rejection = log.by_mark.get(mark), producers.rejected.get((producer, number))
        acked = number <= producers.acked[producer]
        said = f"{mark} of {job}"
        if wrong:
            if entry:
                report.fault("phantom", f"log: {said} is wrong ({wrong}) and stands at {entry['seq']}")
            elif acked and not rejection and (producer, number) not in producers.settled_by_hello:
                report.fault("verdict", f"{said} is wrong ({wrong}) and was acked without a rejection")
        elif rejection:
            stands = f"stands at {entry['seq']}" if entry else "is not in the log"
            report.fault("verdict", f"{said} is good, was rejected ({rejection['code']} {rejection['message']}), {stands}")
        elif acked and not entry:
            report.fault("lost", f"{said} was acked to {producers.acked[producer]} and is not in the log",
                         around(mark, producers, log))
    newest = {}
    for entry in log.entries:
        if not entry["mark"]:
            report.counts["own"] += 1
            continue
        attempt = producers.attempted.get(entry["mark"])
        if not attempt or attempt[2] != entry["job"]:
            report.fault("phantom", f"log: {entry['seq']} holds {entry['mark']} of {entry['job']}, "
                                    f"attempted was {attempt or 'nothing of that mark'}")
            continue
        producer, number = attempt[:2]
        if number < newest.get(producer, 0):
            report.fault("order", f"log: number {number} of producer {producer} stands at {entry['seq']}, "
                                  f"after its number {newest[producer]}")
        newest[producer] = max(number, newest.get(producer, 0))
    for producer in producers.names:
        end = producers.done.get(producer)
        if not end or end["sent"] != end["acked"]:
            report.invalid(f"producer {producer} did not see all acked before it ended: {end}")


def around(mark, producers, log):
    """The neighbours of an event, as its producer numbered them and where they stand."""
    producer, number = producers.attempted[mark][:2]
    for n in range(max(1, number - 2), min(len(producers.order[producer]), number + 2) + 1):
        entry = log.by_mark.get(producers.order[producer][n - 1])
        yield f"number {n}: " + (f"stands at {entry['seq']}" if entry else "not in the log")


class Reader:
    """Follows one logical reader through its connections."""

    def __init__(self, name, log, report, attempted, before_reset):
        self._name, self._log, self._report, self._attempted = name, log, report, attempted
        self._resets_left = before_reset  # resets that the plan allows and that are still to come
        self._wanted, self._resources = [], ()
        self._position = None  # all up to it was delivered; None until a stream said where it begins
        self._fresh = True     # the position is still to be given by the service
        self._seen = {}        # seq and mark -> connection
        self._recent = collections.deque(maxlen=CONTEXT)
        self.ended = False

    def on(self, record):
        handler = getattr(self, "_" + record["k"])
        self._record = record
        handler(record)
        self._recent.append(brief(record))

    def _fault(self, class_, text):
        where = f"reader {self._name} ({','.join(self._resources)}), connection {self._record.get('c')}: "
        self._report.fault(class_, where + text, [*self._recent, f"{brief(self._record)}  <= here"])

    def _judged(self):
        """False for what came before an allowed reset: it was of a log that is no more."""
        return self._resets_left == 0

    def _open(self, record):
        if record["c"] > 1:
            self._report.counts["reopened"] += 1
        self._resources = record["resources"]
        self._wanted = self._log.seqs_for(self._resources)
        self._fresh = not record["cursor"]
        if self._fresh:
            self._position = None
        elif self._position is None:
            self._position = history.seq_of(record["cursor"])

    def _connected(self, record):
        seq = history.seq_of(record["cursor"])
        if self._fresh and self._position is None:
            self._position = seq
        elif not self._fresh:
            # It says that it goes on from there: what lies before must have been delivered.
            self._reach(seq, "where the stream says that it goes on")

    def _snapshot(self, record):
        seq = history.seq_of(record["cursor"])
        if not self._fresh:
            self._fault("reset", "a snapshot although the cursor was good")
        elif self._position is not None and seq < self._position:
            self._fault("order", f"the snapshot was taken at {seq}, the stream goes on from {self._position}")
        self._position = seq
        if not self._judged():
            return
        for job, mark in record["jobs"].items():
            newest = self._log.newest_notice(job, seq)
            if newest != mark:
                self._fault("gap", f"the snapshot at {seq} has notice {mark or 'none'} of {job}, "
                                   f"the log has {newest or 'none'}")

    def _reach(self, seq, why):
        """The stream claims that all up to `seq` was delivered."""
        if self._position is not None and seq > self._position:
            self._check_gap(self._position, seq, why)
            self._position = seq

    def _check_gap(self, after, through, why):
        if not self._judged():
            return
        first = bisect.bisect_right(self._wanted, after)
        last = bisect.bisect_right(self._wanted, through)
        for seq in self._wanted[first:last]:
            entry = self._log.by_seq[seq]
            self._fault("gap", f"{seq} ({entry['mark']} of {entry['job']}) is missing between {after} and {through}, {why}")

    def _event(self, record):
        self._fresh = False
        seq, mark = history.seq_of(record["id"]), record["mark"]
        key = mark or (record["id"].partition("-")[0], seq)
        if key in self._seen:
            self._fault("duplicate", f"{mark} came at {record['id']} and before on connection {self._seen[key]}")
            if self._position is not None and seq <= self._position:
                return  # said once
        self._seen[key] = record["c"]
        if self._judged():
            self._check_in_log(seq, record)
        elif mark and mark not in self._attempted:
            self._fault("phantom", f"{mark} was never attempted")
        if self._position is None:
            self._fault("order", f"{record['id']} came before the stream said where it begins")
            self._position = seq
        elif seq <= self._position:
            self._fault("order", f"{record['id']} came although the position was {self._position}")
        else:
            self._check_gap(self._position, seq - 1, "the next event")
            self._position = seq

    def _check_in_log(self, seq, record):
        entry = self._log.by_seq.get(seq)
        if entry is None or (entry["mark"], entry["job"]) != (record["mark"], record["job"]):
            known = self._attempted.get(record["mark"])
            elsewhere = self._log.by_mark.get(record["mark"])
            self._fault("phantom", f"{record['id']} was delivered as {record['mark']} of {record['job']}; the log has "
                                   f"{entry and entry['mark']} there, the mark at {elsewhere and elsewhere['seq']}, "
                                   f"attempted: {bool(known) or not record['mark']}")
            return
        at = bisect.bisect_left(self._wanted, seq)
        if at == len(self._wanted) or self._wanted[at] != seq:
            self._fault("phantom", f"{record['id']} of {record['job']} ({entry['names']}) is not for this reader")

    def _beat(self, record):
        self._fresh = False
        seq = history.seq_of(record["id"])
        if self._position is None:
            self._fault("order", f"position {record['id']} came before the stream said where it begins")
            self._position = seq
        elif seq < self._position:
            self._fault("order", f"position {record['id']} is behind {self._position}")
        self._reach(seq, "a heartbeat")

    def _reset(self, record):
        self._report.counts["resets"] += 1
        if self._resets_left:
            self._resets_left -= 1
        else:
            self._fault("reset", f"reset: {record['reason']}")
        self._position, self._fresh = None, True

    def _closed(self, record):
        pass

    def _done(self, record):
        self.ended = True
        if self._position is None:
            self._report.invalid(f"reader {self._name} never began")
        elif self._wanted:
            self._check_gap(self._position, self._wanted[-1], "the end of the log")


def brief(record):
    return " ".join(str(value) for key, value in record.items() if key not in ("r", "jobs", "resources", "states", "data"))


def check_readers(directory, log, producers, plan, faults, report):
    """One pass over readers.jsonl for the verdict, after one that counts the resets of each reader if they are allowed."""
    resets = collections.Counter()
    if plan["resets"]:
        resets.update(record["r"] for record in history.read(directory, "readers") if record["k"] == "reset")
    readers = {}
    recovery = Recovery(faults, log)
    counted = {"open": "opened", "event": "delivered", "beat": "beats", "snapshot": "snapshots"}
    for record in history.read(directory, "readers"):
        name = record["r"]
        if name not in readers:
            readers[name] = Reader(name, log, report, producers.attempted, resets[name])
        readers[name].on(record)
        if record["k"] in counted:
            report.counts[counted[record["k"]]] += 1
        if record["k"] == "event":
            recovery.on_event(record)
    report.counts["readers"] = len(readers)
    report.recoveries = recovery.seconds
    report.counts["recoveries"] = len(recovery.seconds)
    for name, reader in readers.items():
        if not reader.ended:
            report.invalid(f"reader {name} did not come to its end")


class Recovery:
    """From each fault to each reader's first event that was committed after it."""

    def __init__(self, faults, log):
        self._times = sorted(fault["t"] for fault in faults if fault["recovers"])
        self._log = log
        self._counted = collections.defaultdict(int)  # reader -> faults that are behind it
        self.seconds = []

    def on_event(self, record):
        entry = self._log.by_mark.get(record["mark"])
        counted = self._counted[record["r"]]
        if not entry or counted == len(self._times) or entry["commit"] <= self._times[counted]:
            return
        behind = bisect.bisect_left(self._times, entry["commit"])
        self.seconds.extend(max(0.0, record["t"] - at) for at in self._times[counted:behind])
        self._counted[record["r"]] = behind


def faults_under_load(faults, ack_times):
    times = [t for t, _ in ack_times]

    def load_before(t):
        return sum(count for _, count in ack_times[bisect.bisect_left(times, t - LOAD_SECONDS):bisect.bisect_right(times, t)])

    return [fault for fault in faults if load_before(fault["began"]) >= LOAD_EVENTS]


def check_recovery(limit, report):
    if limit is None or not report.recoveries or percentile(report.recoveries, 99) <= limit:
        return
    text = f"recovery p99 {percentile(report.recoveries, 99):.2f} s, at most {limit} s are allowed"
    if report.disk_seconds and percentile(report.disk_seconds, 99) > SLOW_DISK_SECONDS:
        report.invalid(f"{text}, but the disk was too slow to judge by")
    else:
        report.fault("slow", text)


def check(directory):
    """The Report of the run in this directory. Raises history.HistoryError if its files cannot be read."""
    report = Report()
    lines = list(history.read(directory, "plan"))
    plans = [line for line in lines if line["k"] == "plan"]
    if len(plans) != 1 or (unknown := plans[0]["need"].keys() - set(NEEDS)):
        raise history.HistoryError(f"one plan is needed, with needs among {NEEDS}: {plans}")
    plan, faults = plans[0], [line for line in lines if line["k"] == "fault"]
    report.what = plan["what"]
    log = Log(history.read(directory, "log"), report)
    producers = Producers(history.read(directory, "producers"))
    producers.ack_times.sort()
    report.counts.update(attempted=len(producers.attempted), acked=sum(producers.acked.values()), logged=len(log.entries),
                         rejected=len(producers.rejected), resent=producers.resent, broken=producers.broken,
                         faults=len(faults_under_load(faults, producers.ack_times)))
    report.ack_seconds = producers.ack_seconds
    check_producers(producers, log, report)
    check_readers(directory, log, producers, plan, faults, report)
    report.restart_seconds = [line["seconds"] for line in lines if line["k"] == "restart"]
    report.disk_seconds = [line["seconds"] for line in lines if line["k"] == "disk"]
    check_recovery(plan["recovery_p99"], report)
    if plan.get("states"):
        check_states(directory, report)
    for name, least in plan["need"].items():
        if report.counts[name] < least:
            report.invalid(f"{name}: {report.counts[name]}, the plan needs {least}")
    return report

"""What a run under faults leaves behind: five files of JSON lines in one directory. check_history reads them.

Every line is an object with a member "k", its kind. Times "t" are seconds since 1970 of this machine's clock, the one
that eventd takes commit times from. A mark names one attempted event for good: "<producer>.<number>".

plan.jsonl, by the experiment
  plan     what: str; need: {name: least value} (see checker.NEEDS), a run below it is invalid; resets: true if readers
           may be reset (an epoch is lost on purpose); recovery_p99: seconds, or null where nothing is to recover;
           states: true if the history has states of jobs: the members below that are said to be for states only
  fault    began, t: when the service may recover from it (later than `began` where a process was stopped for a while),
           what: str, recovers: false if the next fault comes before this one is over, so that its recovery is not timed
  restart  t, seconds: from the start of eventd to its readiness
  disk     t, seconds: how long an fsync of a small new file took where the store is

producers.jsonl, by producers
  stream   p, t: a PublishStream was opened
  send     p, t, first: number, events: [[mark, job, wrong]…]: sent for the first time. wrong: why it must be rejected,
           or "" for a good event
  resend   p, t, first, count
  acked    p, t, to: number, hello: true if it answered `hello`
  rejected p, t, number, code, message
  broken   p, t, code: the stream ended
  forgotten p, t, to: `hello` was answered with less than was acked before; the producer takes a new name for the rest
  done     p, t, sent: last number, acked: last number; its last line

readers.jsonl, by readers; r is the logical reader, over all its connections
  open     r, c: connection from 1, t, resources: [name…], cursor: what it resumes from, or ""
  connected, snapshot   r, c, t, cursor; snapshot also resource, jobs: {job: mark of its newest notice, or ""}; for states only,
           states: [JobState…], more
  event    r, c, t, id, mark: "" for the service's own, job; for states only, data: the event
  beat     r, c, t, id: a position without an event
  reset    r, c, t, reason
  closed   r, c, t, why
  done     r, t; its last line

log.jsonl, as read back from the service at the end, from `earliest`
  entry    seq, mark, job, names: [job and resources in force…], commit: seconds, notice: true if it is a notice; for
           states only, event
  state    for states only: job, state: what the service said of it after the last entry
  end      position: the cursor that the last page gave
"""
import json
import os

FILES = ("plan", "producers", "readers", "log")

# Members that a line of each kind must have.
KINDS = {
    "plan": {"plan": {"what", "need", "resets", "recovery_p99"}, "fault": {"began", "t", "what", "recovers"},
             "restart": {"t", "seconds"}, "disk": {"t", "seconds"}},
    "producers": {"stream": {"p", "t"}, "send": {"p", "t", "first", "events"}, "resend": {"p", "t", "first", "count"},
                  "acked": {"p", "t", "to", "hello"}, "rejected": {"p", "t", "number", "code", "message"},
                  "broken": {"p", "t", "code"},
                  "forgotten": {"p", "t", "to"}, "done": {"p", "t", "sent", "acked"}},
    "readers": {"open": {"r", "c", "t", "resources", "cursor"}, "connected": {"r", "c", "t", "cursor"},
                "snapshot": {"r", "c", "t", "cursor", "resource", "jobs"}, "event": {"r", "c", "t", "id", "mark", "job"},
                "beat": {"r", "c", "t", "id"}, "reset": {"r", "c", "t", "reason"}, "closed": {"r", "c", "t", "why"},
                "done": {"r", "t"}},
    "log": {"entry": {"seq", "mark", "job", "names", "commit", "notice"}, "end": {"position"},
            "state": {"job", "state"}},
}


class HistoryError(Exception):
    """A history that cannot be judged: a file is missing, torn, or not in these formats."""


def path(directory, file):
    return os.path.join(directory, f"{file}.jsonl")


class Writer:
    """Appends lines to one file of a history. One thread at a time; what it holds back is written by flush."""

    FLUSH_LINES = 2000

    def __init__(self, directory, file):
        self._out = open(path(directory, file), "a", encoding="ascii")
        self._lines = []

    def put(self, kind, **members):
        self.put_line(json.dumps({"k": kind, **members}, separators=(",", ":")))

    def put_line(self, line):
        """A ready line, for what comes by the thousand."""
        self._lines.append(line)
        if len(self._lines) >= self.FLUSH_LINES:
            self.flush()

    def flush(self):
        if self._lines:
            self._out.write("\n".join(self._lines) + "\n")
            self._lines.clear()
        self._out.flush()

    def close(self):
        self.flush()
        self._out.close()


def read(directory, file):
    """The lines of one file, in order. Raises HistoryError at the first that breaks the format."""
    kinds = KINDS[file]
    name = path(directory, file)
    try:
        source = open(name, encoding="ascii", errors="replace")
    except OSError as error:
        raise HistoryError(f"{name}: {error.strerror}") from None
    with source:
        for number, line in enumerate(source, 1):
            try:
                record = json.loads(line)
                missing = kinds[record["k"]] - record.keys()
            except (ValueError, KeyError, TypeError, AttributeError):
                raise HistoryError(f"{name}:{number}: not a line of this file: {line[:80]!r}") from None
            if missing or not line.endswith("\n"):
                raise HistoryError(f"{name}:{number}: lacks {sorted(missing) or 'its line end'}")
            yield record


def seq_of(cursor):
    """The sequence in a cursor."""
    try:
        return int(cursor.rpartition("-")[2])
    except ValueError:
        raise HistoryError(f"not a cursor: {cursor!r}") from None

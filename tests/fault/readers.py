#!/usr/bin/env python3
"""Browsers of a run under faults: readers that come back with their last event id, as EventSource does.

  readers.py PORT DIRECTORY READERS JOBS
      reads until "stop" comes on standard input, then until each reader has the last event that log.jsonl holds for
      it, or END_SECONDS have passed. Writes readers.jsonl (formats: history.py). Prints "progress EVENTS STREAMS", how
      many readers have a stream that began, several times a second.
"""
import os
import re
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True

import history  # noqa: E402
from clients import OWN_FRAMES, Fleet, Stream, kind_of  # noqa: E402
from servers import patience  # noqa: E402

END_SECONDS = 20
PROGRESS_SECONDS = 0.1
MARK = re.compile(r'"correlationId":"([^"]*)"')
JOB = re.compile(r'\{"job":"([^"]*)"')


class Reader(Stream):
    """A logical reader. It waits for the stream's `retry` before it comes back."""

    def __init__(self, fleet, port, name, resources, writer):
        self.name, self.resources, self._writer = name, resources, writer
        self._retry_ms = 1000
        self.count = 0       # events
        self.on_air = False  # the stream said where it begins
        super().__init__(fleet, port, f"/v1/events?resources={','.join(resources)}", follow=True, keep=False)

    def position(self):
        return history.seq_of(self.last_id) if self.last_id else 0

    def _put(self, kind, **members):
        self._writer.put(kind, r=self.name, c=self.connects, t=time.time(), **members)

    def _on_writable(self):
        super()._on_writable()
        if self._connected:
            self._put("open", resources=self.resources, cursor=self.last_id)

    def _on_frame(self, frame):
        before, self.last_id = self.last_id, frame.last_id
        if frame.dispatched:
            kind = kind_of(frame)
            if kind in OWN_FRAMES:
                self._on_own_frame(kind, frame)
            else:
                self._on_progress_event(frame)
        elif frame.last_id != before or b"\nid:" in frame.raw:
            self._put("beat", id=frame.last_id)

    def _on_progress_event(self, frame):
        self.count += 1
        data = frame.data
        mark, job = MARK.search(data), JOB.match(data)
        # By hand: there are thousands a second, and no member needs escaping.
        self._writer.put_line(f'{{"k":"event","r":{self.name},"c":{self.connects},"t":{time.time():.6f},'
                              f'"id":"{frame.last_id}","mark":"{mark[1] if mark else ""}","job":"{job[1]}"{self._more_of(data)}}}')

    def _more_of(self, data):
        """Further members of an event's line, each after a comma."""
        return ""

    def _on_own_frame(self, kind, frame):
        said = frame.json
        if kind == "connected":
            self.on_air = True
            self._put("connected", cursor=said["cursor"])
        elif kind == "snapshot":
            jobs = {job["job"]: job.get("notice", {}).get("text", "") for job in said["jobs"]}
            self._put("snapshot", cursor=said["cursor"], resource=said["resource"], jobs=jobs)
        elif kind == "reset":
            self._put("reset", reason=said["reason"])

    def _end(self, error):
        self.on_air = False
        if self._connected:
            self._put("closed", why=str(error) if error else "end")
            self._retry_ms = self.decoder.retry_ms or self._retry_ms
            if self.status not in (None, 200):
                raise AssertionError(f"reader {self.name}: {self.status} {self.head_raw!r}")
        self.error = error
        self._fleet._unwatch(self)
        self.socket.close()
        self.closed = True
        if self.follow:
            self._fleet._later(self._retry_ms / 1000, self._reopen)


def wishes(readers, jobs):
    """Most readers want one job; some several, some a user's jobs, some both."""
    for n in range(readers):
        job = f"job:r{n % jobs}"
        if n % 10 < 7:
            yield [job]
        elif n % 10 == 7:
            yield [job, f"job:r{(n + 7) % jobs}", f"job:none{n}"]
        elif n % 10 == 8:
            yield [f"user:{n % 3}"]
        else:
            yield [f"user:{n % 3}", job]


def last_seqs(directory):
    """name -> the sequence of its last event in the log."""
    last = {}
    for record in history.read(directory, "log"):
        if record["k"] == "entry":
            for name in record["names"]:
                last[name] = record["seq"]
    return last


def main(port, directory, readers, jobs):
    writer, fleet = history.Writer(directory, "readers"), Fleet()
    everyone = []
    for name, resources in enumerate(wishes(int(readers), int(jobs)), 1):
        everyone.append(Reader(fleet, int(port), name, resources, writer))
        fleet.turn(0)
    told = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        fleet.turn(0.05)
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            print("progress", sum(reader.count for reader in everyone), sum(reader.on_air for reader in everyone), flush=True)
    last = last_seqs(directory)
    behind = [(reader, max(last.get(name, 0) for name in reader.resources)) for reader in everyone]
    deadline = time.monotonic() + patience(END_SECONDS)
    while (behind := [(reader, seq) for reader, seq in behind if reader.position() < seq]) and time.monotonic() < deadline:
        fleet.turn(0.05)
    for reader in everyone:
        reader.close()
        writer.put("done", r=reader.name, t=time.time())
    writer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

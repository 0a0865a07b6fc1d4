#!/usr/bin/python3
"""Readers of a run under faults that attach at random moments, with snapshots, and come back when their stream breaks: by SSE
through the edge, as readers.py, and by Subscribe.

  attachers.py PORT DIRECTORY READERS JOBS ADDRESS SECONDS
      as readers.py, the readers beginning anywhere in the first SECONDS; one in SUBSCRIBE_EVERY reads from the service at
      ADDRESS. Writes down all that it sees of states. A reader that has not begun counts as one that is served.
"""
import random
import select
import sys
import threading
import time

sys.dont_write_bytecode = True

from readers import END_SECONDS, PROGRESS_SECONDS, Reader, last_seqs  # noqa: E402

import grpc  # noqa: E402

import history  # noqa: E402
from clients import Fleet  # noqa: E402
from grpc_service import Service, to_json  # noqa: E402
from servers import patience  # noqa: E402

SUBSCRIBE_EVERY = 10
MOST_SUBSCRIBERS = 50    # each has a thread
USER_JOBS = 4            # of one user, as in job_producers.py
RETRY_SECONDS = 0.1


class Notes(history.Writer):
    """A Writer for several threads."""

    def __init__(self, directory, file):
        super().__init__(directory, file)
        self._lock = threading.RLock()

    def put_line(self, line):
        with self._lock:
            super().put_line(line)

    def flush(self):
        with self._lock:
            super().flush()


def snapshot_members(snapshot):
    """Of a `snapshot` line, from a snapshot as JSON."""
    jobs = snapshot.get("jobs", [])
    return {"cursor": snapshot["cursor"], "resource": snapshot["resource"], "states": jobs, "more": snapshot.get("more", False)}


class Browser(Reader):
    def _more_of(self, data):
        return f',"data":{data}'

    def _on_own_frame(self, kind, frame):
        if kind == "snapshot":
            self._put("snapshot", jobs={}, **snapshot_members(frame.json))
        else:
            super()._on_own_frame(kind, frame)


class Subscriber(threading.Thread):
    """As Browser, from the service itself."""

    def __init__(self, service, name, resources, writer):
        super().__init__(daemon=True)
        self._service, self.name_, self.resources, self._writer = service, name, resources, writer
        self._cursor, self._connects, self._closing, self._call = "", 0, threading.Event(), None
        self.count, self.on_air = 0, False
        self.failure = None
        self.start()

    def position(self):
        return history.seq_of(self._cursor) if self._cursor else 0

    def _put(self, kind, **members):
        self._writer.put(kind, r=self.name_, c=self._connects, t=time.time(), **members)

    def run(self):
        try:
            with self._service.channel() as channel:
                while not self._closing.is_set():
                    self._run_stream(channel)
                    self._closing.wait(RETRY_SECONDS)
        except BaseException as error:
            self.failure = error

    def _run_stream(self, channel):
        wish = {"resources": self.resources, "snapshot": True, **({"cursor": self._cursor} if self._cursor else {})}
        self._call = self._service.method("Subscribe", channel)(self._service.request("Subscribe", **wish), wait_for_ready=True)
        self._connects += 1
        self._put("open", resources=self.resources, cursor=self._cursor)
        try:
            for answer in self._call:
                self._on_answer(answer)
        except grpc.RpcError as error:
            self._put("closed", why=error.code().name)
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN,
                                    grpc.StatusCode.INTERNAL):
                raise
        finally:
            self.on_air = False

    def _on_answer(self, answer):
        if answer.HasField("subscription_id"):
            self.on_air = True
            self._epoch = answer.position.rpartition("-")[0]
            self._put("connected", cursor=answer.position)
        if answer.HasField("reset"):
            self._put("reset", reason=str(answer.reset))
        for snapshot in answer.snapshots:
            self._put("snapshot", jobs={}, **snapshot_members(to_json(snapshot)))
            self._cursor = snapshot.cursor
        for event in answer.events:
            self.count += 1
            self._cursor = f"{self._epoch}-{event.seq}"
            self._put("event", id=self._cursor, mark=event.correlation_id, job=event.job, data=to_json(event))
        if answer.HasField("position") and not answer.HasField("subscription_id"):
            self._cursor = answer.position
            self._put("beat", id=self._cursor)

    def close(self):
        self._closing.set()
        if self._call:
            self._call.cancel()
        self.join(patience(10))
        if self.failure or self.is_alive():
            raise AssertionError(f"subscriber {self.name_}: {self.failure!r}")


def wish(number, jobs, random_):
    """Most want one job; some a user's jobs, or both."""
    job = random_.randrange(jobs)
    user = f"user:{random_.randrange(max(1, jobs // USER_JOBS))}"
    return [f"job:r{job}"] if number % 8 else [user] if number % 16 else [user, f"job:r{job}", "job:nobody"]


def main(port, directory, readers, jobs, address, seconds):
    writer, fleet, random_ = Notes(directory, "readers"), Fleet(), random.Random(11)
    service, begun = Service(address), time.monotonic()
    waiting = sorted(random_.uniform(0, float(seconds)) for _ in range(int(readers)))
    everyone, subscribers = [], 0

    def attach_until(now):
        nonlocal subscribers
        while waiting and begun + waiting[0] <= now:
            waiting.pop(0)
            number = len(everyone) + 1
            resources = wish(number, int(jobs), random_)
            if number % SUBSCRIBE_EVERY == 0 and subscribers < MOST_SUBSCRIBERS:
                subscribers += 1
                everyone.append(Subscriber(service, number, resources, writer))
            else:
                everyone.append(Browser(fleet, int(port), number, resources, writer))

    told = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        attach_until(time.monotonic())
        fleet.turn(0.02)
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            on_air = sum(reader.on_air for reader in everyone) + len(waiting)
            print("progress", sum(reader.count for reader in everyone), on_air, flush=True)
    attach_until(float("inf"))  # the rest: after the end
    last = last_seqs(directory)
    behind = [(reader, max(last.get(name, 0) for name in reader.resources)) for reader in everyone]
    deadline = time.monotonic() + patience(END_SECONDS)
    while (behind := [(reader, seq) for reader, seq in behind if reader.position() < seq]) and time.monotonic() < deadline:
        fleet.turn(0.05)
    for reader in everyone:
        reader.close()
        writer.put("done", r=getattr(reader, "name_", reader.name), t=time.time())
    writer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

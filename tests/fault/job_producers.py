#!/usr/bin/python3
"""Workers of a run under faults whose jobs live whole lives: as producers.py, with jobs of steps and attempts.

  job_producers.py run ADDRESS DIRECTORY PRODUCERS EVENTS_PER_SECOND JOBS
  job_producers.py read ADDRESS DIRECTORY
      also writes the events, and the state that the service says of every job at the end.
"""
import random
import sys

sys.dont_write_bytecode = True

from producers import Journal, Messages, Producer, read, work  # noqa: E402

from google.protobuf import json_format  # noqa: E402

from grpc_service import Service, to_json  # noqa: E402
from history import Writer  # noqa: E402

USER_JOBS = 4            # of one user
STEPS = ("plan", "tts", "visuals", "compose", "render")
COMPLETED_SHARE = 0.15   # of attempts; the others fail or are cancelled, and another one follows


def attempt_events(number, random_):
    """The events of one attempt, as JSON without the job, and whether it is completed."""
    plan = [{"id": step, "weight": random_.choice((1, 2, 5))} for step in STEPS]
    yield {"status": {"state": "QUEUED", "title": f"attempt {number}", "queuePosition": 1, "labels": {f"l{number % 3}": "x"}}}
    yield {"status": {"state": "RUNNING", "steps": plan}}
    for step in STEPS:
        way = random_.choice(("done", "done", "fraction", "skip", "surprise"))
        if way == "skip":
            yield {"step": {"id": step, "state": random_.choice(("SKIPPED", "CACHED"))}}
            continue
        if way == "surprise":  # a step that nobody planned, and a total that grows
            yield {"progress": {"step": f"extra-{step}", "done": 1, "message": "more to do"}}
        yield {"step": {"id": step, "state": "STARTED", "message": f"{step} begins"}}
        total = random_.randint(3, 8)
        for done in range(1, total + 1):
            if way == "fraction":
                yield {"progress": {"step": step, "fraction": done / total}}
            else:
                yield {"progress": {"step": step, "done": done, "total": total + (done > 3) * 2, "unit": "frames"}}
        yield random_.choice((
            {"output": {"line": {"text": f"{step} {number} " + "x" * random_.randint(0, 700)}}},
            {"output": {"artifact": {"name": step, "uri": f"https://example.com/{step}/{number}", "sizeBytes": "12"}}},
            {"notice": {"severity": "WARNING", "text": "slow"}, "metadata": {step: number, "new": [1, "two", None]}}))
        yield {"step": {"id": step, "state": random_.choice(("DONE", "DONE", "FAILED"))}}


def attempt_end(random_):
    if random_.random() < COMPLETED_SHARE:
        return {"completed": {"message": "done", "output": {"n": random_.randint(1, 9)}}}
    return random_.choice(({"failed": {"code": "PROVIDER", "message": "quota", "retryable": True}}, {"cancelled": {}}))


class Life:
    """What a worker says of one job, event by event: (event as JSON, why it is wrong)."""

    def __init__(self, job, seed):
        random_ = random.Random(seed)
        self.job, self._events = job, self._all(random_)

    @staticmethod
    def _all(random_):
        attempt = 0
        while True:
            attempt += 1
            head = {} if attempt == 1 else {"attempt": attempt}
            for event in attempt_events(attempt, random_):
                yield {**head, **event}, ""
            end = attempt_end(random_)
            yield {**head, **end}, ""
            yield {**head, "progress": {"step": "late", "done": 1}}, "job ended"
            yield {**head, **attempt_end(random_)}, "job ended"
            if "completed" in end:
                break
        yield {"attempt": attempt + 1, "status": {"state": "RUNNING"}}, "job completed"
        while True:
            yield {**head, "notice": {"text": "after the end"}}, ""

    def next(self):
        return next(self._events)


class JobProducer(Producer):
    """Each job is this producer's own."""

    def __init__(self, name, address, messages, journal, rate, jobs):
        super().__init__(name, address, messages, journal, rate, jobs)
        self._lives = [Life(job, job) for job in jobs]

    def _make(self, number):
        life = self._lives[number % len(self._lives)]
        made, wrong = life.next()
        mark = f"{self.name_}.{number}"
        user = f"user:{int(life.job[5:]) // USER_JOBS}"
        event = {"job": life.job, "resources": [user], "correlationId": mark, **made}
        event = json_format.ParseDict(event, self._messages.event())
        return mark, life.job, wrong, event


def run_jobs(address, directory, count, rate, jobs):
    messages, journal, count = Messages(address), Journal(directory), int(count)
    names = [f"job:r{n}" for n in range(int(jobs))]
    work([JobProducer(f"p{n}", address, messages, journal, float(rate) / count, names[n::count]) for n in range(count)], journal)


def read_jobs(address, directory):
    jobs = {}

    def members(event):
        jobs[event.job] = True
        return {"event": to_json(event)}

    read(address, directory, members)
    service, out = Service(address), Writer(directory, "log")
    for job in jobs:
        out.put("state", job=job, state=service.job(job))
    out.close()


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"run": run_jobs, "read": read_jobs}[command](*arguments)

"""Requests to workers while `kill -9` ends the service again and again: each request that is in the log comes to one end and
not to two, whatever its worker does, and none waits for ever.

MILEPOST_LONG=1: 50 deaths.
"""
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import grpc_python  # noqa: E402, F401

import grpc  # noqa: E402

from control_checker import check, control_entry  # noqa: E402
from grpc_service import Service  # noqa: E402
from grpc_worker import StreamWorker  # noqa: E402
from servers import World, free_port, long_form, patience  # noqa: E402

WORKERS, JOBS_EACH, QUEUED_JOBS, REQUESTERS = 4, 4, 4, 3
ACTIONS = ("CANCEL", "PAUSE", "RESUME", "RETRY")
# What a worker does about a request; the later it is in the list, the longer it takes.
MANNERS = ("honour", "honour", "honour", "refuse", "refuse", "honour later", "refuse later", "deliver", "be mute")
LATER_SECONDS = 1.5
DEADLINE_SECONDS = (0.5, 3.0)
CALM_ANSWERS, CALM_ENDS = 15, 5   # after a death before the next one may come
CALM_MORE_SECONDS = 2.0
CALM_SECONDS = 20
FIRST_LOOK_SECONDS = 1.2          # a service that starts looks at deadlines after about a second
END_SECONDS = 30


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03}Z"


class Crew:
    """Workers, each with some jobs, that answer requests in one manner or another."""

    def __init__(self, service):
        self._lock = threading.Lock()
        self._random = random.Random(3)
        self._known = set()    # requests that some worker has seen
        self._attempts = {}
        self.seen = []         # see control_checker.check
        self.jobs = []
        self._timers = []
        self.workers = [StreamWorker(service, lease_seconds=3600, on_command=self._on_command) for _ in range(WORKERS)]
        for number, worker in enumerate(self.workers):
            for name in (f"job:c{number}.{n}" for n in range(JOBS_EACH)):
                self.jobs.append(name)
                self._attempts[name] = 1
                worker.publish({"job": name, "status": {"state": "RUNNING"}})
        for worker in self.workers:
            worker.wait_acked()

    def _on_command(self, worker, command, begun):
        action = ACTIONS[command.action - 1]
        with self._lock:
            self.seen.append((command.request, command.job, action, time.time(), begun))
            if command.request in self._known:
                return
            self._known.add(command.request)
            manner = self._random.choice(MANNERS)
            later = self._random.uniform(0.1, LATER_SECONDS)
        if manner == "be mute":
            return
        worker.publish(self._control(command, action, "DELIVERED"))
        if manner == "deliver":
            return
        answers = self._answers(command, action, honour=manner.startswith("honour"))
        if not manner.endswith("later"):
            return worker.publish(*answers)
        timer = threading.Timer(later, worker.publish, answers)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    @staticmethod
    def _control(command, action, phase):
        return {"job": command.job, "control": {"request": command.request, "action": action, "phase": phase}}

    def _answers(self, command, action, honour):
        if not honour:
            return [self._control(command, action, "REFUSED")]
        answers = [self._control(command, action, "HONOURED")]
        with self._lock:
            if action == "RETRY":
                self._attempts[command.job] += 1
            attempt = self._attempts[command.job]
        if action == "CANCEL":
            answers.append({"job": command.job, "attempt": attempt, "cancelled": {}})
        elif action == "RETRY":
            answers += [{"job": command.job, "attempt": attempt, "status": {"state": state}} for state in ("QUEUED", "RUNNING")]
        return answers

    def close(self):
        for timer in self._timers:
            timer.join()
        for worker in self.workers:
            worker.close()


class Queue(threading.Thread):
    """Jobs that wait for a worker and never get one: cancelled ones are queued again, as the next attempt."""

    PAUSE_SECONDS = 0.1

    def __init__(self, service):
        super().__init__(daemon=True)
        self._service, self._ended = service, threading.Event()
        self.jobs = [f"job:q{n}" for n in range(QUEUED_JOBS)]
        self.failure = None
        for job in self.jobs:
            self._service.publish({"job": job, "status": {"state": "QUEUED"}})
        self.start()

    def run(self):
        try:
            while not self._ended.wait(self.PAUSE_SECONDS):
                for state in map(self._service.job, self.jobs):
                    if state["state"] == "CANCELLED":
                        self._queue_again(state)
        except BaseException as error:
            self.failure = error

    def _queue_again(self, state):
        event = {"job": state["job"], "attempt": state["attempt"] + 1, "status": {"state": "QUEUED"}}
        try:
            self._service.ask("Publish", events=[event])
        except grpc.RpcError:
            pass  # seen the next time

    def stop(self):
        self._ended.set()
        self.join(patience(20))
        if self.failure or self.is_alive():
            raise AssertionError(f"the queue failed: {self.failure!r}")


class Requester(threading.Thread):
    """Asks for anything of any job, as fast as it is answered."""

    PAUSE_SECONDS = 0.03

    def __init__(self, service, jobs, seed):
        super().__init__(daemon=True)
        self._service, self._jobs, self._random = service, jobs, random.Random(seed)
        self._ended = threading.Event()
        self.answered = []   # (request, job, action)
        self.refused = self.broken = 0
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self._ended.wait(self.PAUSE_SECONDS):
                self._ask()
        except BaseException as error:
            self.failure = error

    def _ask(self):
        job, action = self._random.choice(self._jobs), self._random.choice(ACTIONS)
        deadline = stamp(time.time() + self._random.uniform(*DEADLINE_SECONDS))
        request = self._service.request("ControlJob", job=job, action=action, deadline=deadline)
        try:
            answer = self._service.method("ControlJob")(request, timeout=patience(5))
            self.answered.append((answer.request, job, action))
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                self.refused += 1
            elif error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                self.broken += 1
            elif error.code() != grpc.StatusCode.INVALID_ARGUMENT or "past" not in error.details():
                raise

    def stop(self):
        self._ended.set()
        self.join(patience(20))
        if self.failure or self.is_alive():
            raise AssertionError(f"a requester failed: {self.failure!r}")


class ControlTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.store = tempfile.mkdtemp(prefix="milepost-control-")
        self.addCleanup(shutil.rmtree, self.store, ignore_errors=True)
        self.port, self.away, self.random = free_port(), [], random.Random(7)
        self.start_eventd()
        self.service = Service(f"127.0.0.1:{self.port}")
        self.addCleanup(self.service.close)

    def start_eventd(self):
        self.eventd = self.world.start("milepost-eventd", f"--log=rocksdb:{self.store}/data", "--min_free_mib=0",
                                       f"--listen=127.0.0.1:{self.port}")

    def kill_eventd(self):
        begin = time.time()
        self.eventd.kill()
        self.start_eventd()
        self.away.append((begin, time.time() + FIRST_LOOK_SECONDS))

    def entries(self):
        """The control events of the log, as the checker wants them."""
        Control = self.service.ProgressEvent.DESCRIPTOR.fields_by_name["control"].message_type
        phases = Control.fields_by_name["phase"].enum_type.values_by_number
        for event in self.service.events("job:*"):
            if event.WhichOneof("event") == "control":
                control = event.control
                yield control_entry(event.seq, event.commit_time.ToNanoseconds() / 1e9, event.job, control.request,
                                    ACTIONS[control.action - 1], phases[control.phase].name,
                                    control.deadline.ToNanoseconds() / 1e9)

    @staticmethod
    def open_requests(entries):
        ended = {entry["request"] for entry in entries if entry["phase"] not in ("REQUESTED", "DELIVERED")}
        return {entry["seq"] for entry in entries if entry["phase"] == "REQUESTED"} - ended

    def wait(self, condition, seconds, what):
        deadline = time.monotonic() + patience(seconds)
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {patience(seconds)} s in vain for {what}\n{self.eventd.stderr()[-2000:]}")
            time.sleep(0.05)

    def calm(self, crew, requesters):
        """Until requests are answered and reach workers again; then a little, to hit any moment, also after deadlines."""
        answered = sum(len(requester.answered) for requester in requesters)
        seen, streams = len(crew.seen), [worker.streams for worker in crew.workers]
        self.wait(lambda: sum(len(requester.answered) for requester in requesters) >= answered + CALM_ANSWERS
                  and len(crew.seen) >= seen + CALM_ENDS, CALM_SECONDS, f"answers and commands, {streams}")
        time.sleep(self.random.uniform(0.0, CALM_MORE_SECONDS))

    def test_every_request_comes_to_one_end_while_the_service_is_killed(self):
        deaths = 50 if long_form() else 8
        crew = Crew(self.service)
        queue = Queue(self.service)
        requesters = [Requester(self.service, crew.jobs + queue.jobs, seed) for seed in range(REQUESTERS)]
        for _ in range(deaths):
            self.calm(crew, requesters)
            self.kill_eventd()
        self.calm(crew, requesters)
        for requester in requesters:
            requester.stop()
        self.wait(lambda: not self.open_requests(list(self.entries())), END_SECONDS, "the ends of all requests")
        queue.stop()
        crew.close()
        # Honoured and not cancelled would wait for ever: nobody works on these.
        self.assertLessEqual({self.service.job(job)["state"] for job in queue.jobs}, {"QUEUED", "CANCELLED"})
        taken = sum(self.service.job(job)["attempt"] - 1 for job in queue.jobs)
        entries = list(self.entries())
        faults, counts = check(entries, [each for requester in requesters for each in requester.answered], crew.seen, self.away)
        refused = sum(requester.refused for requester in requesters)
        broken = sum(requester.broken for requester in requesters)
        print(f"{deaths} deaths, {dict(counts)}, {refused} against the job's state, {broken} without an answer, "
              f"{taken} taken out of the queue", flush=True)
        self.assertEqual(faults, [])
        # A run with less than this has shown nothing.
        least = {"answered": deaths * CALM_ANSWERS // 3, "REQUESTED": deaths * 3, "DELIVERED": deaths * 2, "HONOURED": deaths,
                 "REFUSED": deaths, "TIMED_OUT": deaths // 2, "seen": deaths * CALM_ENDS // 2, "seen again": deaths,
                 "open at a death": deaths}
        self.assertGreaterEqual(taken, deaths)
        self.assertEqual({}, {name: counts[name] for name, needed in least.items() if counts[name] < needed}, least)


if __name__ == "__main__":
    unittest.main()

"""Workers that are stopped, killed and cut off, and a service that is away: who is alive is known, and it is said once.

MILEPOST_LONG=1: the service is away for 5 minutes, and episodes last until the end that the service gives them.
"""
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import grpc_python  # noqa: E402, F401

from command import Command  # noqa: E402
from grpc_service import Service, to_json  # noqa: E402
from grpc_worker import StreamWorker  # noqa: E402
from servers import World, binary, free_port, long_form, patience, sanitized  # noqa: E402

LEASE_SECONDS = 2
QUIET_LEASE_SECONDS = 6  # nobody counts as stuck for being quiet for less than 10 s
WAIT_SECONDS = 20
START_LEASE_SECONDS = 32  # a service that starts waits 30 s for workers of before
AWAY_SECONDS = 300 if long_form() else 10
RESTARTS = 5 if long_form() else 1


class LeaseCase(unittest.TestCase):
    eventd_flags = ()

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.store = tempfile.mkdtemp(prefix="milepost-lease-")
        self.addCleanup(shutil.rmtree, self.store, ignore_errors=True)
        self.port = free_port()
        self.start_eventd()
        self.service = Service(f"127.0.0.1:{self.port}")
        self.addCleanup(self.service.close)

    def start_eventd(self):
        self.eventd = self.world.start("milepost-eventd", f"--log=rocksdb:{self.store}/data", "--min_free_mib=0",
                                       f"--listen=127.0.0.1:{self.port}", *self.eventd_flags)

    def restart(self):
        self.eventd.kill()
        self.start_eventd()

    def run_command(self, job, *words, flags=()):
        """`milepost run` of a command, when the service knows of it."""
        run = Command(binary("milepost"), "run", f"--eventd={self.service.address}", f"--lease={LEASE_SECONDS}s",
                      f"--job={job}", *flags, "--", *words)
        self.addCleanup(run.close)
        self.wait_for(job, lambda state: state["state"] == "RUNNING")
        return run

    def worker(self, *jobs, lease=LEASE_SECONDS):
        worker = StreamWorker(self.service, lease)
        self.addCleanup(worker.break_off)
        worker.publish(*({"job": job, "status": {"state": "RUNNING"}} for job in jobs))
        worker.wait_acked()
        return worker

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + patience(seconds)
        while not (result := condition()):
            if time.monotonic() > deadline:
                self.fail(f"waited {patience(seconds)} s in vain for {what()}\n{self.eventd.stderr()[-1000:]}")
            time.sleep(0.05)
        return result

    def wait_for(self, job, wanted, seconds=WAIT_SECONDS):
        """The job's state as soon as it is as wanted."""
        def look():
            state = self.service.job(job)
            return state if state and wanted(state) else None
        return self.until(look, seconds, lambda: f"{job}, which is {self.service.job(job)}")

    def wait_stalled(self, job, seconds=WAIT_SECONDS):
        return self.wait_for(job, lambda state: state["state"] == "STALLED", seconds)

    def wait_failed(self, job, seconds=WAIT_SECONDS):
        return self.wait_for(job, lambda state: state["state"] == "FAILED", seconds)

    def said(self, job, after=0):
        """What the log has of the job's state: states and ends, in order."""
        words = []
        for event in map(to_json, self.service.events(job)):
            if int(event["seq"]) <= after:
                continue
            if "status" in event:
                words.append(event["status"]["state"])
            elif "failed" in event:
                words.append(event["failed"]["code"])
            elif "completed" in event:
                words.append("COMPLETED")
        return words

    def stalled_after(self, job, since):
        """Seconds from `since`, of time.time(), to the job's last STALLED."""
        event = [event for event in self.service.events(job) if event.status.state == 6][-1]
        return event.commit_time.ToNanoseconds() / 1e9 - since

    def see_the_watch_at_work(self, name):
        """Until the service has noticed that a worker is gone which went now: it has looked at all others too."""
        self.worker(name, lease=1).break_off()
        self.wait_stalled(name)


class WorkersTest(LeaseCase):
    eventd_flags = ("--lost_after=1h",)

    def learn(self, kind, runs=8):
        """Runs of a kind that end well, so that the service knows how they go."""
        for run in range(runs):
            job = {"job": f"job:{kind}{run}"}
            self.service.publish({**job, "status": {"state": "RUNNING", "kind": kind}})
            for done in range(1, 4):
                self.service.publish({**job, "progress": {"step": "build", "done": done, "total": 3}})
            self.service.publish({**job, "completed": {}})

    def test_a_stopped_a_killed_and_a_deadlocked_worker_are_told_apart_within_two_leases(self):
        self.learn("quick")
        fifo, lease = os.path.join(self.store, "fifo"), ("--kind=quick", f"--lease={QUIET_LEASE_SECONDS}s")
        os.mkfifo(fifo)
        moves = "for i in 1 2 3; do echo [$i/9] CC $i.o; sleep 0.1; done"
        healthy = self.run_command("job:well", "bash", "-c", "while :; do echo [1/9] CC 1.o; sleep 0.2; done", flags=lease)
        deadlocked = self.run_command("job:deadlocked", "bash", "-c", f"{moves}; read < {fifo}; echo [4/9] CC 4.o; sleep 600",
                                      flags=lease)
        stopped, killed = (self.run_command(job, "bash", "-c", f"{moves}; sleep 600", flags=lease)
                           for job in ("job:stopped", "job:killed"))
        for job in ("job:deadlocked", "job:stopped", "job:killed"):
            self.wait_for(job, lambda state: state.get("steps", [{}])[0].get("fraction", 0) > 0.3)
        began = time.time()
        stopped.signal(signal.SIGSTOP)
        killed.signal(signal.SIGKILL)
        for job, reason in (("job:stopped", r"^the worker is silent: nothing .* for \d+ s$"),
                            ("job:killed", r"^the worker's connection is lost: nothing .* for \d+ s$"),
                            ("job:deadlocked", r"^no progress for \d+ s$")):
            self.assertRegex(self.wait_stalled(job)["stalledReason"], reason)
            self.assertLess(self.stalled_after(job, began), patience(2 * QUIET_LEASE_SECONDS))
        self.assertEqual(self.service.job("job:well")["state"], "RUNNING")
        stopped.signal(signal.SIGCONT)
        with open(fifo, "w"):
            pass
        for job in ("job:stopped", "job:deadlocked"):
            state = self.wait_for(job, lambda state: state["state"] == "RUNNING", 2 * LEASE_SECONDS)
            self.assertNotIn("stalledReason", state)
        self.see_the_watch_at_work("job:end")
        self.assertEqual(self.said("job:stopped"), ["RUNNING", "STALLED", "RUNNING"])
        self.assertEqual(self.said("job:killed"), ["RUNNING", "STALLED"])
        # Progress takes the stall back by itself.
        self.assertEqual(self.said("job:deadlocked"), ["RUNNING", "STALLED"])
        self.assertEqual(self.said("job:well"), ["RUNNING"])

    def test_a_stall_is_said_once_however_often_the_service_is_killed(self):
        worker = self.worker("job:gone")
        worker.break_off()
        self.wait_stalled("job:gone")
        for restart in range(RESTARTS):
            self.restart()
            self.see_the_watch_at_work(f"job:seen{restart}")
            self.assertEqual(self.said("job:gone"), ["RUNNING", "STALLED"])
        if long_form():
            restarted = time.monotonic()
            self.until(lambda: time.monotonic() > restarted + START_LEASE_SECONDS, 60, lambda: "the end of the lease after a start")
            self.see_the_watch_at_work("job:late")
            self.assertEqual(self.said("job:gone"), ["RUNNING", "STALLED"])
        back = worker.again()
        self.addCleanup(back.break_off)
        self.wait_for("job:gone", lambda state: state["state"] == "RUNNING")
        self.assertEqual(self.said("job:gone"), ["RUNNING", "STALLED", "RUNNING"])


class LostTest(LeaseCase):
    eventd_flags = ("--lost_after=1s",)

    def test_a_lost_worker_is_said_once_and_it_is_told(self):
        worker = self.worker("job:gone")
        worker.break_off()
        state = self.wait_failed("job:gone")
        self.assertEqual((state["error"]["code"], state["error"]["retryable"]), ("WORKER_LOST", True))
        for restart in range(RESTARTS):
            self.restart()
            self.see_the_watch_at_work(f"job:seen{restart}")
        self.assertEqual(self.said("job:gone"), ["RUNNING", "STALLED", "WORKER_LOST"])
        back = worker.again()
        self.addCleanup(back.break_off)
        back.wait_streams(1)
        self.assertEqual(back.lost, [("job:gone", 1)])
        back.publish({"job": "job:gone", "completed": {}}, {"job": "job:gone", "attempt": 2, "completed": {}})
        back.wait_acked()
        self.assertEqual([code for code, _ in back.rejected.values()], [9])  # FAILED_PRECONDITION
        self.assertEqual(self.said("job:gone"), ["RUNNING", "STALLED", "WORKER_LOST", "COMPLETED"])

    def test_a_worker_that_ended_its_stream_is_not_waited_for(self):
        worker = self.worker("job:left")
        worker.close()
        self.restart()
        self.see_the_watch_at_work("job:seen")
        self.assertEqual(self.said("job:left"), ["RUNNING"])


class LostLaterTest(LeaseCase):
    eventd_flags = ("--lost_after=5s",)

    if long_form():  # a service that starts waits 30 s for workers of before
        def test_a_worker_is_lost_once_also_if_the_service_is_killed_while_it_is_stalled(self):
            self.worker("job:gone").break_off()
            self.wait_stalled("job:gone")
            self.restart()
            self.assertNotIn("WORKER_LOST", self.said("job:gone"))
            self.wait_failed("job:gone", 60)
            self.restart()
            self.see_the_watch_at_work("job:seen")
            self.assertEqual(self.said("job:gone").count("WORKER_LOST"), 1)
            self.assertEqual(self.said("job:gone")[-2:], ["STALLED", "WORKER_LOST"])


class AwayTest(LeaseCase):
    """The service is away for longer than all leases, and than --lost_after."""

    eventd_flags = ("--lost_after=3s",)

    def test_a_service_that_stood_still_blames_nobody(self):
        workers = [self.worker(f"job:w{n}") for n in range(10)]
        for pause in range(3):
            self.eventd.pause()
            time.sleep(2 * LEASE_SECONDS)
            self.eventd.resume()
            self.see_the_watch_at_work(f"job:seen{pause}")
        for n, worker in enumerate(workers):
            worker.wait_streams(1)
            self.assertEqual(self.said(f"job:w{n}"), ["RUNNING"])

    if not sanitized():  # where workers may be late by themselves
        def test_stops_of_a_second_do_not_count_against_leases_of_a_second(self):
            jobs = [f"job:w{n}" for n in range(10)]
            self.worker(*jobs[:5], lease=1)
            self.worker(*jobs[5:], lease=1)
            for stop in (1.2, 1.5, 1.8):
                self.eventd.pause()
                time.sleep(stop)
                self.eventd.resume()
                self.see_the_watch_at_work(f"job:seen{stop}")
            self.assertEqual({job: self.said(job) for job in jobs}, {job: ["RUNNING"] for job in jobs})

    def test_no_job_of_a_healthy_worker_is_lost_or_stalled(self):
        places = [os.path.join(self.store, f"go{n}") for n in range(3)]
        runs = [self.run_command(f"job:run{n}", "bash", "-c", f"until test -e {place}; do sleep 0.1; done")
                for n, place in enumerate(places)]
        jobs = [[f"job:w{worker}.{n}" for n in range(10)] for worker in range(5)]
        workers = [self.worker(*names) for names in jobs]
        before = self.service.ask("ListJobs", page_size=1).counts.total
        self.eventd.kill()
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < AWAY_SECONDS:  # they go on working; what they say waits
            number += 1
            for worker, names in zip(workers, jobs):
                worker.publish({"job": names[number % 10], "progress": {"step": "s", "done": number}})
            time.sleep(0.5)
        self.start_eventd()
        for worker in workers:
            worker.wait_acked()
            worker.wait_streams(2)
        # The runs are back too: they are asked and they answer.
        for n in range(len(runs)):
            request = self.service.ask("ControlJob", job=f"job:run{n}", action="RESUME").request
            self.until(lambda: any(event.control.request == request and event.control.phase == 4
                                   for event in self.service.events(f"job:run{n}")), WAIT_SECONDS, lambda: "an answer")
        self.see_the_watch_at_work("job:first")
        back = time.monotonic()
        self.until(lambda: time.monotonic() > back + 2 * LEASE_SECONDS, 60, lambda: "two leases")
        for place in places:
            open(place, "w").close()
        for run in runs:
            self.assertEqual(run.finish()[0], 0)
        for worker, names in zip(workers, jobs):
            worker.publish(*({"job": name, "completed": {}} for name in names))
            worker.wait_acked()
        for job in [f"job:run{n}" for n in range(3)] + sum(jobs, []):
            self.assertEqual(self.said(job), ["RUNNING", "COMPLETED"], job)
        self.assertEqual(before, 53)
        self.assertEqual(self.service.ask("ListJobs", page_size=1).counts.total, before + 1)
        print(f"{before} jobs of {len(workers) + len(runs)} workers, the service away for {AWAY_SECONDS} s", flush=True)


if __name__ == "__main__":
    unittest.main()

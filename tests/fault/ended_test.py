"""A page that comes back after its job has ended: it sees the result at once, however it asks and whatever became of its
cursor.

MILEPOST_LONG=1: 500 jobs instead of 50.
"""
import json
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase  # noqa: E402
from clients import get_json, kind_of, notice, request, wait_ready  # noqa: E402
from servers import long_form, patience  # noqa: E402

JOBS = 500 if long_form() else 50
ANSWER_SECONDS = 0.1
# How each job ends, and what its state must then show.
ENDS = [({"completed": {"output": {"answer": 42}, "message": "done"}}, {"state": "COMPLETED", "output": {"answer": 42}}),
        ({"failed": {"code": "PROVIDER", "message": "quota"}},
         {"state": "FAILED", "error": {"code": "PROVIDER", "message": "quota"}}),
        ({"cancelled": {"reason": "enough"}}, {"state": "CANCELLED"})]


class EndedCase(MilepostCase):
    def begin_and_end_jobs(self):
        """Pages have a cursor of each job; the jobs end while the pages are closed."""
        self.jobs = [f"job:e{n}" for n in range(JOBS)]
        self.ends = [ENDS[n % len(ENDS)] for n in range(JOBS)]
        self.cursors = self.publisher.publish([{"job": job, "status": {"state": "RUNNING", "title": job}} for job in self.jobs])
        self.publisher.publish([{"job": job, **end} for job, (end, _) in zip(self.jobs, self.ends)])

    def forget_events(self):
        for _ in range(400):
            self.publisher.publish([notice("job:filler", "x" * 4000)] * 20)
            if get_json(self.edge.port, f"/v1/poll?resources={self.jobs[-1]}&after={self.cursors[-1]}")["reset"]:
                return
        self.fail("nothing was forgotten")

    def check_all_come_back(self, what, cursors, comes_as):
        """Every page asks for its job; the result comes in time, as an event or in a snapshot."""
        seconds = []
        for job, (end, wanted), cursor in zip(self.jobs, self.ends, cursors):
            begun = time.monotonic()
            page = self.stream([job], last_event_id=cursor)
            self.until(lambda: self.result(page, end), 5, f"the result of {job}")
            seconds.append(time.monotonic() - begun)
            frame, shown = self.result(page, end)
            self.assertEqual(kind_of(frame) if kind_of(frame) == "snapshot" else "event", comes_as)
            if comes_as == "snapshot":
                self.assertEqual({name: shown.get(name) for name in wanted}, wanted)
                self.assertEqual(shown["job"], job)
            else:
                self.assertEqual({name: shown.get(name) for name in end}, end)
            page.close()
        self.report(what, seconds)

    @staticmethod
    def result(page, end):
        """(the frame that shows the end, the event or state in it) or None."""
        for frame in page.frames:
            if not frame.dispatched:
                continue
            if kind_of(frame) == "snapshot":
                for state in frame.json["jobs"]:
                    if "endTime" in state:
                        return frame, state
            elif frame.data.startswith('{"job"') and next(iter(end)) in frame.json:
                return frame, frame.json
        return None

    def report(self, what, seconds):
        ordered = sorted(seconds)
        median, p99, most = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]
        print(f"{what}: {len(ordered)} answers, p50 {median * 1000:.1f}, p99 {p99 * 1000:.1f}, max {most * 1000:.1f} ms",
              flush=True)
        self.assertGreaterEqual(len(seconds), JOBS)
        self.assertLess(p99, patience(ANSWER_SECONDS), what)

    def check_asking(self, what):
        """Without a stream."""
        seconds = []
        for job, (_, wanted) in zip(self.jobs, self.ends):
            begun = time.monotonic()
            status, _, body = request(self.edge.port, "GET", f"/v1/jobs/{job}")
            seconds.append(time.monotonic() - begun)
            self.assertEqual(status, 200, body)
            state = json.loads(body)
            self.assertEqual({name: state.get(name) for name in wanted}, wanted)
        self.report(what, seconds)


class MemoryLogTest(EndedCase):
    eventd_flags = ("--retention_mib=1",)

    def test_the_result_is_there_when_the_page_comes_back(self):
        self.begin_and_end_jobs()
        self.check_all_come_back("cursor kept", self.cursors, "event")
        self.check_all_come_back("no cursor", [None] * JOBS, "snapshot")
        self.check_all_come_back("cursor of another epoch", ["abcdefgh-1"] * JOBS, "snapshot")
        self.forget_events()
        self.check_all_come_back("cursor expired", self.cursors, "snapshot")
        self.check_asking("GET /v1/jobs/{job}")


class StoreTest(EndedCase):
    def start(self):
        self.store = tempfile.mkdtemp(prefix="milepost-ended-")
        self.addCleanup(shutil.rmtree, self.store, ignore_errors=True)
        self.start_all()

    def start_all(self):
        self.eventd = self.world.start("milepost-eventd", f"--log=rocksdb:{self.store}/data", "--min_free_mib=0",
                                       "--retention_mib=1", "--listen=127.0.0.1:0")
        self.edge = self.world.edge(self.eventd)
        wait_ready(self.edge.port)
        self.publisher = self.new_publisher(self.edge)

    def test_also_after_the_service_was_killed(self):
        self.begin_and_end_jobs()
        self.eventd.kill()
        self.edge.kill()
        self.start_all()
        self.check_all_come_back("after a kill, cursor kept", self.cursors, "event")
        self.check_all_come_back("after a kill, cursor of another epoch", ["abcdefgh-1"] * JOBS, "snapshot")
        self.forget_events()
        self.eventd.kill()
        self.edge.kill()
        self.start_all()
        self.check_all_come_back("after a kill, cursor expired", self.cursors, "snapshot")
        self.check_asking("after a kill, GET /v1/jobs/{job}")


if __name__ == "__main__":
    unittest.main()

"""Readers that join the log on disk at random moments while 1,000 events/s are published: no gap and no overlap between where
a stream says that it begins and the events on it, and none between one visit and the next.

MILEPOST_LONG=1: 20,000 joins instead of 600.
"""
import os
import random
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase  # noqa: E402
from clients import Load, Truth, notice  # noqa: E402
from servers import long_form, sanitized  # noqa: E402
from visitor import Visitor  # noqa: E402

RATE = 1000
JOBS, USERS = 100, 10
VISITORS = 10_000 if long_form() else 300
VISITS = 2
PAUSE_SECONDS = 0.01  # between two that come, on average


class JoinsOnDiskTest(MilepostCase):
    def start(self):
        store = tempfile.TemporaryDirectory(prefix="milepost-joins-")
        self.addCleanup(store.cleanup)
        self.eventd_flags = (f"--log=rocksdb:{store.name}/store",)
        super().start()

    def wish(self, n):
        job, user = f"job:j{n % JOBS}", f"user:{n % USERS}"
        return ([job], [user], [job, user, f"job:unknown{n}"], [f"job:j{n % JOBS}", f"job:j{(n + 1) % JOBS}"])[n // 7 % 4]

    def come(self, n, load):
        """A visitor that begins with a snapshot, at the end of the log, or at a place in its past."""
        begin = n % 4
        if begin < 2:
            return Visitor(self, self.wish(n), 4, VISITS, ("", "snapshot=0")[begin])
        known = len(load.published)
        back = self.random.randrange(1, min(known, 100 if begin == 2 else 5000) + 1)
        return Visitor(self, self.wish(n), 4, VISITS, first_id=load.published[known - back][1])

    def test_random_joins_have_no_gap_and_no_overlap(self):
        self.random = random.Random(11)
        load = Load(self.edge.port, lambda n: notice(f"job:j{n % JOBS}", str(n), resources=[f"user:{n % USERS}"]), RATE, batch=10)
        self.until(lambda: len(load.published) >= 2 * JOBS)
        begun, before = time.monotonic(), len(load.published)
        visitors = []
        for n in range(VISITORS):
            visitors.append(self.come(n, load))
            self.fleet.run_for(PAUSE_SECONDS * self.random.random() * 2)
        self.until(lambda: all(visitor.done for visitor in visitors), 60, "all visitors to be done")
        rate = (len(load.published) - before) / (time.monotonic() - begun)
        truth = Truth(load.stop())
        for visitor in visitors:
            visitor.check(truth)
        joins = sum(VISITS - visitor.visits for visitor in visitors)
        print(f"{joins} joins under {rate:.0f} events/s: no gap, no overlap", flush=True)
        self.assertEqual(joins, VISITORS * VISITS)
        if not sanitized():
            self.assertGreater(rate, 0.8 * RATE, "too little load: the run proves nothing")


if __name__ == "__main__":
    unittest.main()

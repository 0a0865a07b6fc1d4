"""Readers that attach at random moments, by SSE and by Subscribe, while jobs live whole lives and processes are killed: every
snapshot is what the log adds up to there, and with what follows it adds up to what the service says at the end.

MILEPOST_LONG=1: 1,000 readers, 100 jobs, 1,000 events/s.
"""
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

from experiment import Experiment, Load  # noqa: E402
from servers import World, long_form  # noqa: E402

SECONDS, READERS, JOBS, RATE = (60, 1000, 100, 1000) if long_form() else (10, 60, 20, 200)
FAULTS = 12 if long_form() else 3


class AttachTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def test_snapshot_and_tail_add_up_whenever_a_reader_attaches(self):
        load = Load("job_producers.py", "attachers.py", RATE, JOBS, READERS, attach_seconds=SECONDS)
        run = Experiment(self, self.world, load=load)
        begun = time.monotonic()
        run.start()
        faults = [run.kill_eventd, run.kill_edge, run.kill_both]
        while run.faults < FAULTS or time.monotonic() < begun + SECONDS:
            faults[run.faults % len(faults)]()
            run.calm()
        acked = SECONDS * RATE // 2
        run.passed(need={"acked": acked, "delivered": acked, "faults": FAULTS * 9 // 10, "readers": READERS, "rejected": JOBS,
                         "snapshots": READERS, "states": JOBS, "folds": READERS, "ends": JOBS // 2,
                         "percents": acked // 2, "reopened": READERS // 4},
                   recovery_p99=None, states=True)


if __name__ == "__main__":
    unittest.main()

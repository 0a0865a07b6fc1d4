"""Processes that are killed, stopped and ended while 8 producers publish 1,000 events a second and 200 browsers read:
what was acked is there, every reader has every event once and in order, and all are served again soon.

MILEPOST_LONG=1: as many deaths as it takes to believe it.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

from experiment import READERS, Experiment  # noqa: E402
from servers import World, long_form  # noqa: E402


def load(faults, seconds_each):
    """What a run must have had to count: at least half of the events that were due, and most of the faults hit load."""
    return {"acked": int(faults * seconds_each * 500), "delivered": int(faults * seconds_each * 1500),
            "faults": faults * 9 // 10, "readers": READERS, "rejected": faults * 2}


class KillTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def begin(self, log="rocksdb"):
        experiment = Experiment(self, self.world, log)
        experiment.start()
        return experiment

    def test_eventd_is_killed(self):
        deaths, run = 50 if long_form() else 5, self.begin()
        for death in range(deaths):
            run.kill_eventd_as_it_starts() if death % 5 == 3 else run.kill_eventd()
            run.calm()
        run.passed(need={**load(deaths, 0.5), "broken": deaths * 8, "recoveries": deaths * READERS * 9 // 10})

    def test_the_edge_is_killed(self):
        deaths, run = 100 if long_form() else 5, self.begin()
        for _ in range(deaths):
            run.kill_edge()
            run.calm()
        run.passed(need={**load(deaths, 1), "reopened": deaths * READERS, "recoveries": deaths * READERS * 9 // 10})

    def test_both_are_killed(self):
        deaths, run = 25 if long_form() else 2, self.begin()
        for _ in range(deaths):
            run.kill_both()
            run.calm()
        run.passed(need={**load(deaths, 0.5), "broken": deaths * 8, "reopened": deaths * READERS})

    def test_both_end_in_good_order(self):
        # An edge that drains asks its browsers to come back within 1 to 5 s, so no recovery is asked of it.
        ends, run = 10 if long_form() else 1, self.begin()
        for _ in range(ends):
            run.terminate_both()
            run.calm()
        run.passed(need={**load(ends, 0.5), "reopened": ends * READERS}, recovery_p99=None)

    def test_processes_are_stopped_for_a_while(self):
        seconds, run = 30 if long_form() else 3, self.begin()
        run.stop_for(run.eventd, seconds)
        run.calm()
        run.stop_for(run.edge, seconds)
        run.calm()
        run.passed(need={"acked": 1000, "delivered": 3000, "readers": READERS, "faults": 2, "recoveries": READERS})

    def test_the_checker_sees_what_a_log_in_memory_loses(self):
        """The proof that the experiment can fail."""
        run = self.begin("memory")
        run.kill_eventd()
        run.calm()
        status, text = run.finish({"acked": 500, "delivered": 1500, "readers": READERS, "broken": 8, "faults": 1}, expect=1)
        self.assertEqual(status, 1, text)
        self.assertNotIn("invalid:", text)
        for class_ in ("lost", "phantom", "reset"):
            self.assertRegex(text, rf"\n  {class_} +[1-9]")


if __name__ == "__main__":
    unittest.main()

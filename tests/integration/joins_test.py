"""Readers that come at every moment of a burst, go, and come again: no gap and no overlap between where a stream says
that it begins and the events on it.

MILEPOST_LONG=1: more of all, and resources that are let go and wanted again at the moment when the edge lets go.
"""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase  # noqa: E402
from clients import Load, Truth, notice  # noqa: E402
from servers import long_form  # noqa: E402
from visitor import Visitor  # noqa: E402

# How long the edge keeps a feed that nobody reads (edge/feed/feed_table.h).
LINGER_SECONDS = 10


class JoinsTest(MilepostCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)

    def visit_during(self, load, visitors, make, pause):
        """Lets visitors come one after the other while the load goes on; the events that were published."""
        came = []
        for n in range(visitors):
            came.append(make(n, load))
            self.fleet.run_for(pause * self.random.random() * 2)
        self.until(lambda: all(visitor.done for visitor in came), 40, "all visitors to be done")
        published = load.stop()
        truth = Truth(published)
        for visitor in came:
            visitor.check(truth)
        return published

    def test_a_join_at_every_moment_of_a_burst(self):
        visitors = 1000 if long_form() else 250
        load = Load(self.edge.port, lambda n: notice("job:burst", str(n), resources=["user:7"]), 2000, batch=10)
        def make(n, load):
            wish = (["job:burst"], ["user:7"], ["job:burst", "user:7"], [f"job:none{n}", "job:burst"])[n % 4]
            return Visitor(self, wish, 40, 2, ("", "snapshot=0", "last_event_id=latest")[n % 3])
        published = self.visit_during(load, visitors, make, 0.008)
        self.assertGreater(len(published), 500)

    def test_a_resume_at_every_moment_of_a_burst(self):
        visitors = 600 if long_form() else 150
        load = Load(self.edge.port, lambda n: notice("job:burst", str(n), resources=["user:7"]), 1000, batch=10)
        self.until(lambda: len(load.published) >= 100)
        def make(n, load):
            # From near the end, where feeds begin, and from far back.
            known = len(load.published)
            back = self.random.choice([1, 2, 10, 50, 99])
            return Visitor(self, (["job:burst"], ["user:7"], ["user:7", f"job:x{n}"])[n % 3], 60, 2,
                           first_id=load.published[known - back][1])
        self.visit_during(load, visitors, make, 0.01)

    def test_many_resources_are_joined_and_left_while_events_flow(self):
        visitors, jobs = (1500, 300) if long_form() else (300, 60)
        names = [f"job:m{n}" for n in range(jobs)]
        load = Load(self.edge.port, lambda n: notice(names[n % jobs], str(n), resources=[f"user:{n % 7}"]), 1500, batch=10)
        def make(n, load):
            wish = self.random.sample(names, 1 + n % 5) + ([f"user:{n % 7}"] if n % 3 == 0 else [])
            return Visitor(self, wish, 3 + n % 10, 3)
        self.visit_during(load, visitors, make, 0.006)

    def test_one_resource_is_left_and_joined_in_quick_turns(self):
        load = Load(self.edge.port, lambda n: notice("job:turns", str(n)), 800, batch=4)
        def make(n, load):
            return Visitor(self, ["job:turns"], 1 + n % 4, 80 if long_form() else 25)
        self.visit_during(load, 8, make, 0.01)

    def test_patterns_join_as_names_do(self):
        load = Load(self.edge.port, lambda n: notice(f"job:p.{n % 20}", str(n)), 1000, batch=10)
        visitors = []
        for n in range(60):
            wish = ("job:p.*", "job:*", "job:p.1*")[n % 3]
            covered = [f"job:p.{k}" for k in range(20) if n % 3 < 2 or str(k).startswith("1")]
            visitors.append(Visitor(self, [wish], 50, 2, covered=covered))
            self.fleet.run_for(0.01)
        self.until(lambda: all(visitor.done for visitor in visitors), 40)
        truth = Truth(load.stop())
        for visitor in visitors:
            visitor.check(truth)

    if long_form():  # it takes as long as the edge keeps feeds that nobody reads
        def test_a_resource_comes_back_at_the_moment_when_it_is_let_go(self):
            names = [f"job:l{n}" for n in range(200)]
            load = Load(self.edge.port, lambda n: notice(names[n % 200], str(n)), 1500, batch=10)
            left = []
            for name in names:
                visitor = Visitor(self, [name], 1, 1)
                self.until(lambda: visitor.done)
                left.append((time.monotonic(), name, visitor))
            second = []
            for at, name, first in left:
                due = at + LINGER_SECONDS + self.random.uniform(-0.1, 0.5)
                self.fleet.run_for(max(0, due - time.monotonic()))
                second.append(Visitor(self, [name], 5, 2, first_id=first.ids[-1] if len(second) % 2 else None))
            self.until(lambda: all(visitor.done for visitor in second), 40)
            truth = Truth(load.stop())
            for visitor in [first for _, _, first in left] + second:
                visitor.check(truth)


if __name__ == "__main__":
    unittest.main()

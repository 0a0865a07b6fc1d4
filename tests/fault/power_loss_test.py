"""The machine loses its power under load: what was acked is there. With the control that must lose something.

MILEPOST_LONG=1: 20 times instead of 3.
"""
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import power_loss  # noqa: E402
from cases import skip  # noqa: E402
from experiment import READERS, Experiment  # noqa: E402
from servers import World, long_form, sanitized  # noqa: E402


class PowerLossTest(unittest.TestCase):
    def setUp(self):
        if sanitized():
            skip(self, "the shim cannot be preloaded before a sanitizer")
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        if not power_loss.supported(scratch.name):
            skip(self, "the file system of temporary files has no attributes for users")
        self.environment = power_loss.environment(scratch.name)
        self.world = World()
        self.addCleanup(self.world.close)

    def run_with(self, durability, times):
        """A run in which power goes so often; (the run, how often it took bytes with it)."""
        run = Experiment(self, self.world, eventd_flags=[f"--durability={durability}"], eventd_env=self.environment)
        run.start()
        loose, took = power_loss.LooseFiles(run.store), 0
        for _ in range(times):
            loose.sample()
            run.calm()
            took += run.lose_power(loose) > 0
            run.calm()
        return run, took

    def test_what_was_acked_survives(self):
        times = 20 if long_form() else 3
        run, _ = self.run_with("sync", times)
        run.passed(need={"acked": times * 300, "delivered": times * 1000, "readers": READERS, "broken": times * 8,
                         "faults": times, "recoveries": times * READERS * 9 // 10})

    def test_the_control_loses(self):
        """Without it the other says nothing: that data is dropped, and that the loss of what was acked is seen."""
        times = 3
        run, took = self.run_with("os", times)
        self.assertEqual(took, times, "each loss of power must take something")
        status, text = run.finish({"acked": 1000, "delivered": 3000, "readers": READERS, "broken": times * 8, "faults": times},
                                  expect=1)
        self.assertEqual(status, 1, text)
        self.assertNotIn("invalid:", text)
        self.assertRegex(text, r"\n  lost +[1-9]")


if __name__ == "__main__":
    unittest.main()

"""The disk of the store runs full under load, and gets space again: publishing is refused and says why, readers read on,
writing resumes without a restart, and nothing that was acked is missing or there twice.

MILEPOST_LONG=1: ten times in each way instead of two.
"""
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

from clients import Publisher, get_json, notice  # noqa: E402
from experiment import READERS, Experiment  # noqa: E402
from servers import World, long_form, patience  # noqa: E402
from small_disk import SmallDisk  # noqa: E402

TIMES = 10 if long_form() else 2
DISK_MIB = 160
REFUSED_SECONDS = 20
RESUMES_SECONDS = 5   # "a few seconds": attempts are a second apart
LARGE_TEXT = "x" * 3000
STILL_SECONDS = 2.5   # for which nothing may be acked: the service tries again meanwhile
FULL_SECONDS = 60     # until the disk stays full
RECOVERY_P99_SECONDS = RESUMES_SECONDS + 2


class OnSmallDisk(Experiment):
    """A run whose store has a small disk. The histories are elsewhere, so that they can be written."""

    def __init__(self, case, world, *flags):
        super().__init__(case, world, eventd_flags=flags)
        self.disk = SmallDisk(case, self.scratch, DISK_MIB)
        self.store = os.path.join(self.disk.path, "store")
        self._log = f"rocksdb:{self.store}"
        case.addCleanup(world.close)  # before the disk goes
        self._case = case

    def acked(self):
        return self._producers.count

    def delivered(self):
        return self._readers.count


class DiskFullTest(unittest.TestCase):
    def begin(self, *flags):
        self.world = World()
        self.addCleanup(self.world.close)
        run = OnSmallDisk(self, self.world, *flags)
        run.start()
        self.publisher = Publisher(run.edge.port)
        self.addCleanup(self.publisher.close)
        return run

    def post(self):
        """Large events: RocksDB has taken space ahead for its log, which is used up first."""
        return self.publisher.post([notice("job:extra", LARGE_TEXT)] * 200)

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + patience(seconds)
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def refusal(self, run):
        """Publishes until that is refused; the answer."""
        answers = []
        def refused():
            answers.append(self.post())
            return answers[-1][0] != 200 or "error" in answers[-1][1]["results"][0]
        self.until(refused, REFUSED_SECONDS, f"publishing is not refused: {run.disk.free_bytes()} bytes are free")
        return answers[-1]

    def check_refusal(self, run, answer):
        status, body = answer
        if status == 200:
            error = body["results"][0]["error"]
            self.assertIn("RESOURCE_EXHAUSTED", str(error["code"]))
            text = error["message"]
        else:
            self.assertEqual(status, 429, body)
            text = body["detail"]
        self.assertIn(run.store, text)
        self.assertRegex(text, "the disk is full|the disk has|No space left")

    def check_readers_read(self, run):
        """From the beginning, by a new reader, in pages."""
        after, events = "earliest", 0
        for _ in range(3):
            page = get_json(run.edge.port, f"/v1/poll?resources=job:*&after={after}&wait=0")
            events += len(page["events"])
            after = page["cursor"]
        self.assertGreater(events, 100)

    def refused_for_a_while(self, run, leave_mib):
        """Whether nothing was acked while the disk was kept full, and how much was before."""
        run.disk.fill(leave_mib)
        self.check_refusal(run, self.refusal(run))
        time.sleep(0.2)  # an answer may be on its way
        acked, until = run.acked(), time.monotonic() + STILL_SECONDS
        while time.monotonic() < until:
            run.disk.fill(leave_mib)
            time.sleep(0.05)
        self.check_refusal(run, self.refusal(run))
        self.check_readers_read(run)
        self.assertIsNone(run.eventd.poll(), run.eventd.stderr()[-2000:])
        return run.acked() == acked, acked

    def check_full(self, run, leave_mib):
        """Fills the disk until nothing is acked any more; how much was. With a watermark, that is so at once. RocksDB at the end
        of the disk drops space of its own when it opens anew, and what fits into that may be acked: then it is filled again."""
        deadline = time.monotonic() + patience(FULL_SECONDS)
        while True:
            refused, acked = self.refused_for_a_while(run, leave_mib)
            if refused:
                return acked
            self.assertEqual(leave_mib, 0, "acked below the watermark")
            self.assertLess(time.monotonic(), deadline, f"the disk does not stay full: {run.disk.free_bytes()} bytes are free")

    def go(self, run, leave_mib):
        """The disk is filled down to so much free space, and freed, several times."""
        slowest = 0
        for _ in range(TIMES):
            run.calm()
            began = time.time()
            acked = self.check_full(run, leave_mib)
            pid = run.eventd.pid
            run.disk.free()
            freed = time.monotonic()
            run.fault("disk full", began=began)
            self.until(lambda: run.acked() > acked, RESUMES_SECONDS, "writing does not resume:\n" + run.eventd.stderr()[-2000:])
            slowest = max(slowest, time.monotonic() - freed)
            run.calm()
            self.assertEqual(run.eventd.pid, pid)
        print(f"{self.id()}: full {TIMES} times, writing resumed within {slowest:.2f} s", flush=True)
        run.kill_eventd()  # what the disk has decides, not what memory has
        run.calm()
        run.passed(need={"acked": TIMES * 800, "delivered": TIMES * 2000, "faults": TIMES, "readers": READERS},
                   recovery_p99=RECOVERY_P99_SECONDS)

    def test_space_that_is_to_stay_free_runs_out(self):
        self.go(self.begin("--min_free_mib=48"), leave_mib=16)

    def test_the_last_block_is_taken(self):
        """Without a watermark, RocksDB itself meets the end of the disk."""
        self.go(self.begin("--min_free_mib=0"), leave_mib=0)


if __name__ == "__main__":
    unittest.main()

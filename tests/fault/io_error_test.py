"""Writes and fsyncs of the store fail under load, with EIO and ENOSPC, once and for a while: nothing of such a batch is acked
unless it is stored anew, readers read on, writing resumes when the fault ends, and after a death all that was acked is there
once.

MILEPOST_LONG=1: more often, and at more places.
"""
import errno
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

from cases import skip  # noqa: E402
from clients import Publisher, get_json, notice  # noqa: E402
from experiment import READERS, Experiment  # noqa: E402
from io_error import SYNC, TEAR, WRITE, FailingDisk  # noqa: E402
from servers import World, long_form, patience, sanitized  # noqa: E402
from stores import Reader  # noqa: E402

HIT_SECONDS = 10
RESUMES_SECONDS = 5
STILL_SECONDS = 0.5
RECOVERY_P99_SECONDS = RESUMES_SECONDS + 2
CODES = {errno.EIO: "UNAVAILABLE", errno.ENOSPC: "RESOURCE_EXHAUSTED"}


class OnFailingDisk(Experiment):
    def __init__(self, case, world, *flags):
        super().__init__(case, world, eventd_flags=("--min_free_mib=0", *flags))
        self.disk = FailingDisk(self.store, self.scratch)
        case.addCleanup(self.disk.close)
        self._eventd_env = self.disk.environment

    def acked(self):
        return self._producers.count

    def take_the_shim_off(self):
        """With the next start."""
        self._eventd_env = None


class IoErrorTest(unittest.TestCase):
    def begin(self, *flags):
        if sanitized():
            skip(self, "the shim cannot be preloaded before a sanitizer")
        self.world = World()
        self.addCleanup(self.world.close)
        self.asker = Reader()
        self.addCleanup(self.asker.close)
        run = OnFailingDisk(self, self.world, *flags)
        run.start()
        return run

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + patience(seconds)
        while not condition():
            self.assertLess(time.monotonic(), deadline, what())
            time.sleep(0.01)

    def alive(self, run):
        self.assertIsNone(run.eventd.poll(), run.eventd.stderr()[-2000:])

    def resumes(self, run, acked):
        self.until(lambda: run.acked() > acked or run.eventd.poll() is not None, RESUMES_SECONDS,
                   lambda: "writing does not resume:\n" + run.eventd.stderr()[-2000:])
        self.alive(run)

    def fault_for_a_while(self, run, calls, error):
        run.calm()
        began = time.time()
        run.disk.fail(calls, error)
        self.until(lambda: run.disk.failed() or run.eventd.poll() is not None, HIT_SECONDS, lambda: "nothing failed")
        time.sleep(0.1)  # an ack may be on its way that is of a batch before
        acked = run.acked()
        self.check_refused(run, error)
        self.check_readers_read(run)
        time.sleep(STILL_SECONDS)
        self.alive(run)
        self.assertEqual(run.acked(), acked, "acked while nothing can be stored")
        run.disk.mend()
        run.fault(f"calls {calls} fail with {errno.errorcode[error]}", began=began)
        self.resumes(run, acked)

    def fault_once(self, run, calls, error, after):
        run.calm()
        run.disk.fail(calls, error, skip=after, times=1)
        self.until(lambda: run.disk.failed() or run.eventd.poll() is not None, HIT_SECONDS, lambda: "nothing failed")
        run.fault(f"call {calls} fails once with {errno.errorcode[error]}")
        self.resumes(run, run.acked())

    def check_refused(self, run, error):
        """By gRPC; the edge says of a service that is unavailable only that."""
        answer = self.asker.publish(run.eventd.address, notice("job:extra", "refused"))
        self.assertEqual((answer["seq"], answer["code"]), (0, CODES[error]), answer)
        self.assertIn(run.store, answer["message"])
        publisher = Publisher(run.edge.port)
        status, body = publisher.post([notice("job:extra", "refused too")])
        publisher.close()
        self.assertTrue(status in (429, 503) or "error" in body["results"][0], body)

    def check_readers_read(self, run):
        page = get_json(run.edge.port, "/v1/poll?resources=job:*&after=earliest&wait=0")
        self.assertGreater(len(page["events"]), 100)

    def finish(self, run, faults):
        run.calm()
        run.take_the_shim_off()
        run.kill_eventd()
        run.calm()
        run.passed(need={"acked": faults * 300, "delivered": faults * 1000, "faults": faults, "readers": READERS},
                   recovery_p99=RECOVERY_P99_SECONDS)

    def test_calls_that_fail_for_a_while(self):
        run = self.begin()
        faults = [(calls, error) for error in (errno.EIO, errno.ENOSPC) for calls in (SYNC, WRITE, WRITE | SYNC | TEAR)]
        for calls, error in faults if long_form() else faults[:1] + faults[-1:]:
            with self.subTest(calls=calls, error=errno.errorcode[error]):
                self.fault_for_a_while(run, calls, error)
        self.finish(run, 2)

    def test_calls_that_fail_once(self):
        """At different calls, so that it hits the log, tables, the manifest: whatever is written then."""
        run, faults = self.begin(), 0
        for error, after in [(errno.EIO, 0), (errno.ENOSPC, 3)] if not long_form() else [
                (error, after) for error in (errno.EIO, errno.ENOSPC) for after in (0, 1, 2, 5, 11, 23)]:
            for calls in (SYNC, WRITE, WRITE | TEAR):
                self.fault_once(run, calls, error, after)
                faults += 1
        self.finish(run, faults)


if __name__ == "__main__":
    unittest.main()

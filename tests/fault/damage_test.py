"""Stores whose files were cut short or had a bit flipped: every event is there, or an error names the store.

MILEPOST_LONG=1: 1,000 flips instead of 60. MILEPOST_SEED: another seed than the usual one.
"""
import collections
import os
import random
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import stores  # noqa: E402
from clients import Publisher, notice, wait_ready  # noqa: E402
from servers import World, long_form  # noqa: E402

SEED = int(os.environ.get("MILEPOST_SEED", "1"))
FLIPS = 1000 if long_form() else 60
JOBS = [f"job:d{n}" for n in range(10)]
WAYS = [["job:*"], JOBS, ["user:7"], JOBS[:1]]


class DamageCase(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.scratch = tempfile.mkdtemp(prefix="milepost-damage-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.reader = stores.Reader()
        self.addCleanup(self.reader.close)
        self.store = os.path.join(self.scratch, "store")
        self.random = random.Random(SEED)

    def serve(self, *lives):
        """Runs a service on the store for each of `lives`, a function of a publisher; it ends as by a crash."""
        for live in lives:
            service = stores.Service(self.world, self.store)
            self.assertIsNone(service.ended, service.process.stderr())
            edge = self.world.edge(service.process)
            wait_ready(edge.port)
            publisher = Publisher(edge.port)
            live(publisher)
            publisher.close()
            service.end()
            edge.kill()

    def event(self, number):
        text = f"{number} " + "".join(self.random.choices("abcdefghijklmnopqrstuvwxyz ", k=60))
        return notice(JOBS[number % len(JOBS)], text, resources=["user:7"] if number % 3 == 0 else [])

    def many(self, first, count):
        def live(publisher):
            for at in range(first, first + count, 100):
                publisher.publish([self.event(number) for number in range(at, at + 100)])
        return live

    def judge(self, *flags):
        return stores.Judge(self.world, self.reader, self.store, self.scratch, WAYS, flags)

    def damaged(self):
        return stores.copy(self.store, os.path.join(self.scratch, "damaged"))

    def finish(self, counts, bad):
        print(f"{self.id()}: {stores.table(counts)}", flush=True)
        for line in bad:
            print("  " + line)
        self.assertEqual(len(bad), 0, f"of {sum(counts.values())}: see above")


class CutTest(DamageCase):
    """The newest log file, cut at every byte of its last record: what is missing was acked, so it must be said."""

    def setUp(self):
        super().setUp()
        def one_by_one(publisher):
            for number in range(30):
                publisher.publish([self.event(number)])
        self.serve(self.many(0, 500), one_by_one)

    def cuts(self):
        """From the first byte of the last record to the last one. It holds an event, or what was kept of the views after
        it: then the record before is cut too."""
        path = stores.newest_log(self.store)
        size, begins = os.path.getsize(path), [at for at, _, first in stores.records(path) if first]
        truth = len(stores.dump(self.store)[1])
        for begin in reversed(begins):
            copy = self.damaged()
            os.truncate(os.path.join(copy, os.path.basename(path)), begin)
            if len(stores.dump(copy)[1]) < truth:
                return os.path.basename(path), range(begin, size)
        raise AssertionError("the log file has no event")

    def test_every_cut_of_what_was_acked_is_named(self):
        judge, (name, cuts), counts, bad = self.judge(), self.cuts(), collections.Counter(), []
        self.assertGreater(len(cuts), 100)
        for cut in cuts:
            copy = self.damaged()
            os.truncate(os.path.join(copy, name), cut)
            start = long_form() or cut % 10 == 0 or cut in (cuts[0], cuts[-1])
            verdict, why = judge.judge(copy, start)
            counts[verdict] += 1
            if verdict not in (stores.GOOD if start else (*stores.GOOD, stores.VERIFY)):
                bad.append(f"{name} cut at {cut}: {verdict}: {why}")
        self.finish(counts, bad)
        self.assertGreater(counts[stores.START], 0)

    def test_the_judge_sees_a_loss_that_is_accepted(self):
        """The control: --accept_loss starts without what was cut off."""
        judge, (name, cuts) = self.judge("--accept_loss"), self.cuts()
        copy = self.damaged()
        os.truncate(os.path.join(copy, name), cuts[0])
        os.remove(os.path.join(copy, "ACKED"))  # so that no tool knows either
        self.assertEqual(judge.judge(copy)[0], stores.SILENT)


class FlipTest(DamageCase):
    """One bit of one data file, anywhere. A third of the flips is spread by size, a third over the files, and a third hits
    what tells sizes and places: headers of records, and the ends of tables."""

    def setUp(self):
        super().setUp()
        self.serve(self.many(0, 1500), self.many(1500, 1500), self.many(3000, 1000))
        kinds = {name.partition("-")[0].rpartition(".")[2] for name in stores.data_files(self.store)}
        self.assertLessEqual({"sst", "log", "MANIFEST", "CURRENT", "ACKED"}, kinds)

    def places(self):
        """{name: [offset…]} of what tells sizes and places."""
        found = {}
        for name in stores.data_files(self.store):
            path = os.path.join(self.store, name)
            if name.endswith(".sst"):
                size = os.path.getsize(path)
                found[name] = range(size - stores.FOOTER_BYTES, size)
            elif name.endswith(".log") or name.startswith("MANIFEST"):
                found[name] = [at + n for at, _, _ in stores.records(path) for n in range(stores.HEADER_BYTES)]
        return found

    def flips(self, count):
        names = stores.data_files(self.store)
        sizes = [os.path.getsize(os.path.join(self.store, name)) for name in names]
        places = self.places()
        for n in range(count):
            if n % 3 == 2:
                name = self.random.choice(sorted(places))
                offset = self.random.choice(places[name])
            else:
                name = self.random.choices(names, sizes if n % 3 == 0 else None)[0]
                offset = self.random.randrange(sizes[names.index(name)])
            yield name, offset, self.random.randrange(8)

    def test_every_flip_is_harmless_or_named(self):
        judge, counts, bad, by_file = self.judge(), collections.Counter(), [], collections.defaultdict(collections.Counter)
        self.assertEqual(len(judge.lines), 4000)
        for name, offset, bit in self.flips(FLIPS):
            copy = self.damaged()
            stores.flip(os.path.join(copy, name), offset, bit)
            verdict, why = judge.judge(copy)
            counts[verdict] += 1
            by_file[name][verdict] += 1
            if verdict not in stores.GOOD:
                bad.append(f"bit {bit} of byte {offset} of {name} ({os.path.getsize(os.path.join(self.store, name))} bytes): "
                           f"{verdict}: {why}")
        print(f"seed {SEED}")
        for name in sorted(by_file):
            print(f"  {name:16} {stores.table(by_file[name])}")
        self.finish(counts, bad)


if __name__ == "__main__":
    unittest.main()

"""Every cursor resumes at the exact next event, or the reader is told why not: by streams and by poll, after a restart, past
what is kept, and on a store that was restored or wiped.

MILEPOST_LONG=1: all 10,000 cursors of a job instead of the last 1,000 and some of the others. MILEPOST_SEED: another seed.
"""
import json
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import stores  # noqa: E402
from clients import seq_of, wait_ready  # noqa: E402
from cursor_case import JOB, CursorCase  # noqa: E402
from servers import long_form, patience  # noqa: E402

EVENTS = 10_000
DENSE, SAMPLE = (EVENTS, 0) if long_form() else (1000, 300)
TRIM_SECONDS = 20
LARGEST = (1 << 63) - 1

GARBAGE = ["-1", "x", "0", "-", "--", "earliest-", "Latest", "null", "undefined", "'\";", "%", "k3v9x2ab", "k3v9x2ab-", "k3v9x2ab--1",
           "k3v9x2ab-+1", "k3v9x2ab-01", "k3v9x2ab-1x", "k3v9x2ab-1.0", "k3v9x2ab_1", "K3V9X2AB-1", "k3v9x2a-1", "k3v9x2abc-1",
           f"k3v9x2ab-{1 << 64}", "k3v9x2ab-" + "9" * 24, "x" * 33, "x" * 4000]
GARBAGE_IN_QUERIES = ["é", "\0", "\n", "k3v9x2ab-1\n", " k3v9x2ab-1", "\u2028", "k3v9x2ab-\u0661"]


class ResumeTest(CursorCase):
    def test_every_cursor_resumes_at_the_next_event_also_after_a_restart(self):
        self.publish(EVENTS, other_every=7)
        first, seqs = self.epoch(), range(self.head() + 1)
        chosen = sorted({*self.random.sample(seqs, SAMPLE), *seqs[-DENSE - DENSE // 7:], 0})
        began = time.monotonic()
        self.check_resume({f"{first}-{seq}": seq for seq in chosen})
        print(f"{self.id()}: {len(chosen)} cursors by poll and stream in {time.monotonic() - began:.1f} s", flush=True)
        self.check_tail({f"{first}-{seq}": seq for seq in chosen[-3:]})
        last = self.head()
        self.reopen()
        other_edge = self.new_edge()
        self.publish(20)
        second = self.epoch()
        self.assertNotEqual(first, second)
        chosen = chosen if long_form() else self.random.sample(chosen, 200)
        for port in (self.edge.port, other_edge.port):
            self.check_resume({**{f"{first}-{seq}": seq for seq in (*chosen, 0, last - 1, last)},
                               **{cursor: seq_of(cursor) for cursor in self.cursors[JOB][-20:]}}, port)
            self.check_tail({f"{first}-{last}": last, self.cursors[JOB][-1]: self.head()}, port)
            self.check_resets({f"{first}-{last + 1}": "epoch", f"{first}-{last + 10}": "epoch"}, 0, port)

    def test_a_cursor_that_nobody_was_given_is_told_so(self):
        self.publish(300, other_every=7)
        self.publish(1)
        epoch, head = self.epoch(), self.head()
        self.check_resume({f"{epoch}-0": 0, f"{epoch}-{head}": head, "earliest": 0, "latest": head})
        future = {f"{epoch}-{seq}": "future" for seq in (head + 1000, LARGEST, LARGEST + 1, (1 << 64) - 1)}
        epochs = {f"{other}-{seq}": "epoch" for other in ("aaaaaaaa", "00000000", "k3v9x2ab") for seq in (0, 1, head, LARGEST)}
        malformed = {cursor: "malformed" for cursor in [*GARBAGE, f"{epoch}--1", f"{epoch}-{1 << 64}", epoch.upper() + "-1"]}
        oldest = self.check_resets({**future, **epochs, **malformed}, 0)
        oldest |= self.check_resets({cursor: "malformed" for cursor in GARBAGE_IN_QUERIES}, 0, by_header=False)
        oldest |= self.check_resets({f"{epoch}-{self.head() + 1}": "future"}, 0)
        self.check_resume({cursor: 0 for cursor in oldest})


class RetentionCase(CursorCase):
    def until_expired(self, cursor):
        """Waits until it is no longer kept; the number of the oldest place to resume from."""
        deadline = time.monotonic() + patience(TRIM_SECONDS)
        while (reset := self.poll(cursor)["reset"]) is None:
            self.assertLess(time.monotonic(), deadline, f"{cursor} is still kept, the head is {self.head()}")
            time.sleep(0.1)
        self.assertEqual(reset["reason"], "expired")
        return seq_of(reset["oldest"])

    def settled(self):
        """The number of the oldest place, when what is kept fits: from then on nothing goes."""
        self.until(lambda: self.kept_bytes() <= 1 << 20, TRIM_SECONDS, "retention")
        return self.until_expired(self.cursors[JOB][0])

    def kept_bytes(self):
        status, out, errors = stores.tool("info", self.store, "--json")
        self.assertEqual(status, 0, errors)
        return int(json.loads(out)["recordBytes"])

    def check_kept(self, oldest):
        """What is before `oldest` is told so, and all from there on resumes."""
        gone = [cursor for cursor in self.cursors[JOB] if seq_of(cursor) < oldest]
        kept = [cursor for cursor in self.cursors[JOB] if seq_of(cursor) >= oldest]
        self.assertGreater(len(gone), 100)
        self.check_resume({cursor: seq_of(cursor) for cursor in [*kept[:20], *self.random.sample(kept, min(len(kept), 50))]})
        wanted = {cursor: "expired" for cursor in [gone[0], *self.random.sample(gone, 20), gone[-1]]}
        for cursor in self.check_resets(wanted, oldest):
            self.check_resume({cursor: oldest})
        return len(gone), len(kept)


class RetentionByBytesTest(RetentionCase):
    eventd_flags = ("--retention_mib=1",)

    def test_what_no_longer_fits_has_expired_also_after_a_restart(self):
        self.publish(6000, "x" * 600)
        oldest = self.settled()
        gone, kept = self.check_kept(oldest)
        print(f"{self.id()}: {gone} events gone, {kept} kept", flush=True)
        self.assertLess(kept, 3000)
        self.assertGreater(kept, 500)
        self.reopen()
        wait_ready(self.edge.port)
        self.publish(5)
        self.check_kept(self.settled())


class RetentionByAgeTest(RetentionCase):
    eventd_flags = ("--retention_age=2s",)

    def test_what_is_too_old_has_expired_and_a_reader_at_the_head_goes_on(self):
        self.publish(500)
        epoch, head = self.epoch(), self.head()
        oldest = self.until_expired(self.cursors[JOB][-2])
        self.assertEqual(oldest, head)
        self.check_tail({f"{epoch}-{head}": head})


class RestoredTest(CursorCase):
    def check_history_that_went_on_elsewhere(self, make_copy):
        """A copy is made, the store goes on, and the service comes back on the copy."""
        self.publish(300)
        to = os.path.join(self.scratch, "restored")
        make_copy(to)
        epoch, held = self.epoch(), self.head()
        shared = {cursor: seq_of(cursor) for cursor in self.cursors[JOB]}
        self.publish(300)
        lost = {cursor: "epoch" for cursor in self.cursors[JOB] if cursor not in shared}
        watching = self.connected(self.stream(JOB, last_event_id=list(lost)[-1]))
        self.cursors[JOB] = list(shared)
        self.reopen(to)
        self.until(lambda: watching.resets and watching.named("snapshot"), 20, "a reset for who is ahead of the copy")
        self.assertEqual(watching.resets[0]["reason"], "epoch")
        some = dict(self.random.sample(sorted(lost.items()), 10))
        edges = [self.edge, self.new_edge()]
        # While it is behind the old cursors, among them, and past them.
        for count in (1, 150, 600):
            self.publish(count)
            for edge in edges:
                self.check_resume(dict(list(shared.items())[::10] + [(f"{epoch}-{held}", held)]), edge.port)
                self.check_resets({**some, f"{epoch}-{held + 1}": "epoch"}, 0, edge.port)
        self.assertEqual(len(watching.resets), 1)
        self.until(lambda: len(watching.events) == len(self.cursors[JOB]) - len(shared), 20, "all that is new")
        self.assertEqual([id for _, id, _ in watching.events], self.cursors[JOB][len(shared):])

    def test_a_backup_that_grew_past_old_cursors_resets_them(self):
        def backup(to):
            done = stores.tool("backup", self.store, to)
            self.assertEqual(done[0], 0, done)
        self.check_history_that_went_on_elsewhere(backup)

    def test_a_store_that_was_rolled_back_by_copying_its_files_resets_them(self):
        def copy(to):
            self.eventd.kill()
            stores.copy(self.store, to)
            self.open(self.store)
            wait_ready(self.edge.port)
        self.check_history_that_went_on_elsewhere(copy)

    def test_a_wiped_store_resets_all(self):
        self.publish(100)
        old = self.cursors.pop(JOB)
        self.reopen(os.path.join(self.scratch, "new"))
        self.publish(50)
        for _ in range(2):
            self.check_resets({cursor: "epoch" for cursor in (old[0], old[49], old[-1])}, 0)
            self.publish(200)


if __name__ == "__main__":
    unittest.main()

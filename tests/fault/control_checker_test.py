"""control_checker against small histories: a clean one, and one for every fault."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from control_checker import check, control_entry  # noqa: E402


def entry(seq, request, phase, action="CANCEL", job="job:a", commit=None):
    return control_entry(seq, 100.0 + seq if commit is None else commit, job, request, action, phase,
                         200.0 if phase in ("REQUESTED", "DELIVERED") else 0.0)


class ControlCheckerTest(unittest.TestCase):
    def setUp(self):
        self.entries = [entry(1, 0, "REQUESTED"), entry(2, 1, "DELIVERED"), entry(3, 1, "HONOURED"),
                        entry(4, 0, "REQUESTED", "PAUSE", "job:b"), entry(5, 4, "REFUSED", "PAUSE", "job:b"),
                        entry(6, 0, "REQUESTED", "RESUME", "job:b"), entry(7, 6, "TIMED_OUT", "RESUME", "job:b", commit=200.5)]
        self.answered = [(1, "job:a", "CANCEL"), (1, "job:a", "CANCEL"), (4, "job:b", "PAUSE")]
        self.seen = [(1, "job:a", "CANCEL", 101.1, 90.0), (1, "job:a", "CANCEL", 102.0, 101.9),
                     (6, "job:b", "RESUME", 106.5, 90.0)]
        self.away = []

    def faults(self):
        return check(self.entries, self.answered, self.seen, self.away)[0]

    def assert_only(self, *words):
        faults = self.faults()
        self.assertEqual(len(faults), len(words), faults)
        for fault, word in zip(faults, words):
            self.assertIn(word, fault)

    def test_a_clean_history_passes_and_is_counted(self):
        self.away = [(104.5, 104.8), (106.5, 107.5)]
        faults, counts = check(self.entries, self.answered, self.seen, self.away)
        self.assertEqual(faults, [])
        self.assertEqual(dict(counts),
                         {"REQUESTED": 3, "DELIVERED": 1, "HONOURED": 1, "REFUSED": 1, "TIMED_OUT": 1, "answered": 2, "seen": 2,
                          "seen again": 1, "open at a death": 2})

    def test_a_request_without_an_end(self):
        del self.entries[4]
        self.assert_only("4 of job:b: PAUSE has no end")

    def test_two_ends(self):
        self.entries.append(entry(8, 1, "TIMED_OUT", commit=300.0))
        self.assert_only("8 of job:a: TIMED_OUT of 1, which was HONOURED at 3")

    def test_the_same_end_twice(self):
        self.entries.append(entry(8, 4, "REFUSED", "PAUSE", "job:b"))
        self.assert_only("REFUSED of 4, which was REFUSED at 5")

    def test_delivered_twice_and_after_the_end(self):
        self.entries[2:2] = [entry(2, 1, "DELIVERED")]
        self.assert_only("1 was DELIVERED twice")
        self.entries[2:3] = []
        self.entries.append(entry(8, 1, "DELIVERED"))
        self.assert_only("DELIVERED of 1, which was HONOURED")

    def test_an_end_before_its_request_or_of_another_one(self):
        self.entries.append(self.entries.pop(3))
        self.assert_only("REFUSED of 4, which is no such request before it", "4 of job:b: PAUSE has no end")
        self.entries.insert(3, self.entries.pop())
        self.entries[4] = entry(5, 4, "REFUSED", "RESUME", "job:b")
        self.assert_only("REFUSED of 4, which is no such request", "4 of job:b: PAUSE has no end")

    def test_a_second_request_while_one_is_open(self):
        self.entries[1:1] = [entry(1.5, 0, "REQUESTED")]
        self.assert_only("CANCEL was requested although 1 is open", "1.5 of job:a: CANCEL has no end")

    def test_a_request_whose_place_a_cancel_took_is_not_in_the_way_of_the_next(self):
        self.entries += [entry(10, 0, "REQUESTED", "PAUSE"), entry(11, 0, "REQUESTED"), entry(12, 0, "REQUESTED", "PAUSE"),
                         entry(13, 10, "REFUSED", "PAUSE"), entry(14, 11, "REFUSED"), entry(15, 12, "HONOURED", "PAUSE")]
        self.assertEqual(self.faults(), [])
        self.entries.insert(-1, entry(14.5, 0, "REQUESTED", "PAUSE"))
        self.assert_only("PAUSE was requested although 12 is open", "14.5 of job:a: PAUSE has no end")

    def test_an_answer_to_the_caller_that_the_log_does_not_have(self):
        self.answered.append((9, "job:a", "CANCEL"))
        self.assert_only("9 was answered for CANCEL of job:a, the log has None there")
        self.answered[-1] = (4, "job:a", "CANCEL")
        self.assert_only("4 was answered for CANCEL of job:a")

    def test_a_deadline_that_is_too_early_or_waits_too_long(self):
        self.entries[-1]["commit"] = 199.0
        self.assert_only("TIMED_OUT 1.00 s before its deadline")
        self.entries[-1]["commit"] = 215.0
        self.assert_only("ended 15.00 s after its deadline")
        self.away = [(195.0, 207.0)]
        self.assertEqual(self.faults(), [])

    def test_a_worker_that_is_asked_after_the_end(self):
        self.seen.append((1, "job:a", "CANCEL", 109.0, 90.0))
        self.assert_only("a worker got 1 (CANCEL of job:a) 6.00 s after it was HONOURED")
        self.seen[-1] = (1, "job:a", "CANCEL", 104.1, 104.0)
        self.assert_only("on a stream that was begun 1.00 s after it")

    def test_a_worker_that_is_asked_for_what_nobody_requested(self):
        self.seen.append((5, "job:a", "CANCEL", 105.0, 90.0))
        self.assert_only("the log has None there")
        self.seen[-1] = (4, "job:b", "CANCEL", 105.0, 90.0)
        self.assert_only("a worker was asked for CANCEL of job:b as 4")


if __name__ == "__main__":
    unittest.main()

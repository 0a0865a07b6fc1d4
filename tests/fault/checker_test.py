"""The checker against small histories: a clean one, and for every class of fault one that has it."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import history  # noqa: E402
from checker import check  # noqa: E402

PROGRAM = [sys.executable, "-B", os.path.join(HERE, "check_history")]


class Story:
    """Two producers, 20 events each, in turn, on job:a and job:b; three readers of which one comes back. Faults are made
    by changing the lines before they are written."""

    def __init__(self):
        self.plan = [{"k": "plan", "what": "story", "need": {"acked": 40, "faults": 1, "readers": 3, "delivered": 20},
                      "resets": False, "recovery_p99": 3.0},
                     {"k": "fault", "began": 102.0, "t": 102.0, "what": "kill", "recovers": True}]
        self.producers = [{"k": "stream", "p": p, "t": 100.0} for p in "pq"]
        self.log = []
        for number in range(1, 21):
            for p, job in (("p", "job:a"), ("q", "job:b")):
                mark, t, seq = f"{p}.{number}", 100 + number / 10, len(self.log) + 1
                self.producers += [
                    {"k": "send", "p": p, "t": t, "first": number, "events": [[mark, job, ""]]},
                    {"k": "acked", "p": p, "t": t + 0.01, "to": number, "hello": False}]
                self.log.append(self.entry(seq, mark, job, [job, "user:1"] if p == "p" else [job], t + 0.005))
        self.producers += [{"k": "done", "p": p, "t": 110.0, "sent": 20, "acked": 20} for p in "pq"]
        self.log.append({"k": "end", "position": "aaaaaaaa-40"})
        self.readers = [*self.reader(1, ["job:a"], 4), *self.reader(2, ["job:b", "user:1"], 0),
                        *self.reader(3, ["job:a"], 10, again=20)]

    @staticmethod
    def entry(seq, mark, job, names=None, commit=0.0):
        return {"k": "entry", "seq": seq, "mark": mark, "job": job, "names": names or [job], "commit": commit,
                "notice": bool(mark)}

    def send(self, mark, job, wrong=""):
        """An event after the 20 of its producer."""
        producer, _, number = mark.partition(".")
        self.producers.insert(-2, {"k": "send", "p": producer, "t": 109.0, "first": int(number),
                                   "events": [[mark, job, wrong]]})

    def reader(self, name, resources, begin, again=None):
        """Snapshots at `begin`, then all events; the connection breaks after sequence `again`."""
        head = {"r": name, "c": 1, "t": 100.5}
        yield {"k": "open", **head, "resources": resources, "cursor": ""}
        yield {"k": "connected", **head, "cursor": f"aaaaaaaa-{begin}"}
        newest = {"job:a": f"p.{begin // 2}" if begin else "", "job:b": f"q.{begin // 2}" if begin else ""}
        for resource in resources:
            yield {"k": "snapshot", **head, "cursor": f"aaaaaaaa-{begin}", "resource": resource,
                   "jobs": {job: mark for job, mark in newest.items() if mark and job == resource}}
        for entry in self.log[begin:-1]:
            head = {**head, "t": max(entry["commit"] + 0.01, 100.5)}
            if set(resources) & set(entry["names"]):
                yield {"k": "event", **head, "id": f"aaaaaaaa-{entry['seq']}", "mark": entry["mark"], "job": entry["job"]}
            if entry["seq"] == again:
                yield {"k": "closed", **head, "why": "reset by peer"}
                head["c"] = 2
                yield {"k": "open", **head, "resources": resources, "cursor": f"aaaaaaaa-{again - 1}"}
                yield {"k": "connected", **head, "cursor": f"aaaaaaaa-{again - 1}"}
                yield {"k": "beat", **head, "id": f"aaaaaaaa-{again}"}
        yield {"k": "beat", **head, "id": "aaaaaaaa-40"}
        yield {"k": "done", "r": name, "t": 111.0}

    def write(self, directory):
        for file in history.FILES:
            with open(history.path(directory, file), "w", encoding="ascii") as out:
                out.writelines(json.dumps(line) + "\n" for line in getattr(self, file))

    def take(self, file, **members):
        """Takes out the only line with these members; gives it and where it was."""
        lines = getattr(self, file)
        at, = [n for n, line in enumerate(lines) if members.items() <= line.items()]
        return at, lines.pop(at)


class CheckerTest(unittest.TestCase):
    def setUp(self):
        self.story = Story()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = scratch.name

    def judge(self):
        self.story.write(self.directory)
        return check(self.directory)

    def assert_only(self, class_, times=1, words=""):
        report = self.judge()
        self.assertEqual(dict(report.faults), {class_: times}, report.text())
        self.assertEqual(report.status, 1)
        self.assertIn(words, report.text())
        return report

    def assert_invalid(self, words):
        report = self.judge()
        self.assertEqual((dict(report.faults), report.status), ({}, 2), report.text())
        self.assertIn(words, report.text())

    # --- what is right ---

    def test_a_clean_history_passes(self):
        report = self.judge()
        self.assertEqual(report.status, 0, report.text())
        counts = report.counts
        self.assertEqual((counts["acked"], counts["readers"], counts["reopened"], counts["faults"]), (40, 3, 1, 1))
        self.assertEqual(counts["delivered"], 18 + 40 + 15)
        self.assertEqual(len(report.recoveries), 3)

    def test_holes_in_the_numbers_events_of_the_service_and_patterns_are_right(self):
        for line in self.story.log[:-1]:
            line["seq"] += 100 * (line["seq"] > 30)
        for line in self.story.readers:
            for member in ("id", "cursor"):
                if (number := history.seq_of(line.get(member) or "x-0")) > 30:
                    line[member] = f"bbbbbbbb-{number + 100}"
        self.story.log.insert(30, self.story.entry(100, "", "job:c1"))
        head = {"r": 9, "c": 1, "t": 101.0}
        self.story.readers += [
            {"k": "open", **head, "resources": ["job:c*"], "cursor": "aaaaaaaa-3"},
            {"k": "connected", **head, "cursor": "bbbbbbbb-3"},
            {"k": "event", **head, "id": "bbbbbbbb-100", "mark": "", "job": "job:c1"},
            {"k": "done", "r": 9, "t": 111.0}]
        report = self.judge()
        self.assertEqual((report.status, report.counts["own"]), (0, 1), report.text())
        self.story.take("readers", k="event", r=9)
        self.assert_only("gap", words="reader 9")

    def test_what_was_sent_and_never_acked_may_be_in_the_log_or_not(self):
        for n in (21, 22):
            self.story.send(f"p.{n}", "job:z")
        self.story.log.insert(-1, self.story.entry(41, "p.21", "job:z"))
        self.assertEqual(self.judge().status, 0)

    def test_a_reset_that_the_plan_allows_is_counted(self):
        self.story.plan[0]["resets"] = True
        for seq in (17, 19):
            self.story.take("readers", k="event", r=1, id=f"aaaaaaaa-{seq}")
        at, _ = self.story.take("readers", k="event", r=1, id="aaaaaaaa-21")
        head = {"r": 1, "c": 1, "t": 103.0}
        self.story.readers[at:at] = [
            {"k": "reset", **head, "reason": "epoch"}, {"k": "connected", **head, "cursor": "aaaaaaaa-22"},
            {"k": "snapshot", **head, "cursor": "aaaaaaaa-22", "resource": "job:a", "jobs": {"job:a": "p.11"}}]
        report = self.judge()
        self.assertEqual((report.status, report.counts["resets"]), (0, 1), report.text())

    # --- every class of fault ---

    def test_an_acked_event_that_is_not_in_the_log_is_lost(self):
        for reader in (1, 2, 3):
            self.story.take("readers", k="event", r=reader, mark="p.15")
        self.story.take("log", mark="p.15")
        report = self.assert_only("lost", words="p.15 of job:a was acked to 20")
        self.assertIn("number 14: stands at 27", report.text())

    def test_the_tail_of_the_log_cut_off_is_found_by_acks_and_by_readers(self):
        del self.story.log[30:-1]
        report = self.judge()
        self.assertEqual(report.faults["lost"], 10)
        self.assertEqual(report.faults["phantom"], 5 + 10 + 5)

    def test_an_event_twice_in_the_log_and_so_at_its_readers(self):
        self.story.log.insert(-1, {**self.story.log[-2], "seq": 41})
        head = {"r": 2, "c": 1, "t": 110.0, "job": "job:b"}
        at, done = self.story.take("readers", k="done", r=2)
        self.story.readers[at:at] = [{"k": "event", **head, "id": "aaaaaaaa-41", "mark": "q.20"}, done]
        report = self.assert_only("duplicate", 2, words="log: q.20 stands at 40 and at 41")
        self.assertIn("q.20 came at aaaaaaaa-41 and before on connection 1", report.text())

    def test_an_event_twice_at_a_reader_across_a_reconnect(self):
        # The server takes ">=" for ">" at a resume.
        at = next(n for n, line in enumerate(self.story.readers) if line["k"] == "beat" and line["r"] == 3)
        again = {"k": "event", "r": 3, "c": 2, "t": 103.0, "id": "aaaaaaaa-19", "mark": "p.10", "job": "job:a"}
        self.story.readers.insert(at, again)
        self.assert_only("duplicate", words="p.10 came at aaaaaaaa-19 and before on connection 1")

    def test_two_events_in_the_wrong_order_at_a_reader(self):
        at, first = self.story.take("readers", k="event", r=2, mark="p.5")
        self.story.readers.insert(at + 1, first)
        report = self.judge()
        self.assertEqual(report.faults, {"gap": 1, "order": 1}, report.text())
        self.assertIn("aaaaaaaa-9 came although the position was 10", report.text())

    def test_one_producers_events_in_the_wrong_order_in_the_log(self):
        one, two = self.story.log[20], self.story.log[22]
        one["mark"], two["mark"] = two["mark"], one["mark"]
        for line in self.story.readers:
            line["mark"] = {"p.11": "p.12", "p.12": "p.11"}.get(line.get("mark"), line.get("mark"))
        self.assert_only("order", words="number 11 of producer p stands at 23")

    def test_a_log_that_is_read_back_in_the_wrong_order(self):
        self.story.log[10], self.story.log[11] = self.story.log[11], self.story.log[10]
        self.assertIn("order", self.judge().faults)

    def test_a_position_that_goes_back(self):
        self.story.readers.insert(-1, {"k": "beat", "r": 3, "c": 2, "t": 110.0, "id": "aaaaaaaa-39"})
        self.assert_only("order", words="position aaaaaaaa-39 is behind 40")

    def test_an_event_of_nobody(self):
        head = {"r": 3, "c": 2, "t": 110.0, "job": "job:a"}
        self.story.readers.insert(-1, {"k": "event", **head, "id": "aaaaaaaa-41", "mark": "p.99"})
        self.assert_only("phantom", words="attempted: False")

    def test_an_event_that_a_reader_saw_and_the_log_does_not_have(self):
        self.story.send("p.21", "job:a")
        head = {"r": 3, "c": 2, "t": 110.0, "job": "job:a"}
        self.story.readers.insert(-1, {"k": "event", **head, "id": "aaaaaaaa-41", "mark": "p.21"})
        self.assert_only("phantom", words="attempted: True")

    def test_an_event_at_another_place_than_the_logs(self):
        line = next(line for line in self.story.readers if line.get("id") == "aaaaaaaa-39" and line["r"] == 1)
        line["id"] = "aaaaaaaa-38"
        self.assertEqual(self.judge().faults["phantom"], 1)

    def test_an_event_for_other_readers(self):
        at, _ = self.story.take("readers", k="event", r=1, mark="p.5")
        head = {"r": 1, "c": 1, "t": 103.0, "job": "job:b"}
        self.story.readers.insert(at, {"k": "event", **head, "id": "aaaaaaaa-10", "mark": "q.5"})
        report = self.judge()
        self.assertEqual(report.faults, {"phantom": 1, "gap": 1}, report.text())
        self.assertIn("is not for this reader", report.text())

    def test_an_event_in_the_log_that_nobody_attempted(self):
        self.story.log.insert(-1, self.story.entry(41, "x.1", "job:z"))
        self.assert_only("phantom", words="41 holds x.1")

    def test_an_event_missing_between_two_others(self):
        self.story.take("readers", k="event", r=2, mark="q.7")
        report = self.assert_only("gap", words="14 (q.7 of job:b) is missing between 13 and 14")
        self.assertIn("event 1 100.71", report.text())  # what came before it is shown

    def test_an_event_missing_between_a_snapshot_and_the_tail(self):
        self.story.take("readers", k="event", r=1, mark="p.3")
        self.assert_only("gap", words="is missing between 4 and 6")

    def test_an_event_missing_after_a_resume(self):
        self.story.take("readers", k="event", r=3, mark="p.11")
        self.assert_only("gap", words="connection 2: 21 (p.11 of job:a) is missing")

    def test_a_stream_that_goes_on_from_further_than_the_reader_was(self):
        self.story.take("readers", k="event", r=3, mark="p.10")
        for line in self.story.readers:
            if line["r"] == 3 and line.get("cursor") == "aaaaaaaa-19":
                line["cursor"] = "aaaaaaaa-17" if line["k"] == "open" else "aaaaaaaa-19"
        self.assert_only("gap", words="where the stream says that it goes on")

    def test_a_heartbeat_ahead_of_delivery(self):
        at, _ = self.story.take("readers", k="event", r=1, mark="p.20")
        self.assert_only("gap", words="a heartbeat")

    def test_a_reader_that_never_gets_the_last_events(self):
        self.story.readers = [line for line in self.story.readers if not (line["r"] == 1 and line["k"] == "beat")]
        for number in (19, 20):
            self.story.take("readers", k="event", r=1, mark=f"p.{number}")
        self.assert_only("gap", 2, words="the end of the log")

    def test_a_snapshot_that_does_not_hold_what_lies_before_it(self):
        _, line = self.story.take("readers", k="snapshot", r=3)
        self.story.readers.insert(0, {"k": "open", "r": 3, "c": 1, "t": 100, "resources": ["job:a"], "cursor": ""})
        self.story.readers.insert(1, {**line, "jobs": {"job:a": "p.4"}})
        report = self.judge()
        self.assertIn("the snapshot at 10 has notice p.4 of job:a, the log has p.5", report.text())

    def test_a_reset_without_need(self):
        self.story.readers.insert(-1, {"k": "reset", "r": 3, "c": 2, "t": 110.0, "reason": "epoch"})
        self.story.readers.insert(-1, {"k": "connected", "r": 3, "c": 2, "t": 110.0, "cursor": "aaaaaaaa-40"})
        self.assert_only("reset", words="reset: epoch")

    def test_a_wrong_event_that_was_acked_as_if_stored(self):
        self.story.send("p.21", "job:a", "job ended")
        self.story.producers.insert(-2, {"k": "acked", "p": "p", "t": 109.1, "to": 21, "hello": False})
        self.story.producers[-2].update(sent=21, acked=21)
        self.assert_only("verdict", words="p.21 of job:a is wrong (job ended) and was acked without a rejection")

    def test_a_wrong_event_in_the_log(self):
        self.story.send("p.21", "job:z", "job ended")
        self.story.log.insert(-1, self.story.entry(41, "p.21", "job:z"))
        self.assert_only("phantom", words="p.21 of job:z is wrong")

    def test_a_good_event_that_was_rejected(self):
        self.story.producers.insert(-2, {"k": "rejected", "p": "p", "t": 101.0, "number": 3, "code": 3, "message": "no"})
        self.assert_only("verdict", words="p.3 of job:a is good, was rejected (3 no), stands at 5")

    def test_a_recovery_that_takes_too_long(self):
        self.story.plan[0]["recovery_p99"] = 0.001
        self.assert_only("slow")

    # --- runs that prove nothing ---

    def test_a_recovery_on_a_disk_that_is_too_slow(self):
        self.story.plan[0]["recovery_p99"] = 0.001
        self.story.plan.append({"k": "disk", "t": 101.0, "seconds": 0.2})
        self.assert_invalid("the disk was too slow to judge by")

    def test_too_little_load(self):
        self.story.plan[0]["need"]["acked"] = 41
        self.assert_invalid("acked: 40, the plan needs 41")

    def test_too_few_faults(self):
        self.story.plan[0]["need"]["faults"] = 2
        self.assert_invalid("faults: 1, the plan needs 2")

    def test_a_fault_of_an_idle_service_does_not_count(self):
        self.story.plan[1]["began"] = 105.0
        self.assert_invalid("faults: 0, the plan needs 1")

    def test_a_producer_that_gave_up(self):
        self.story.take("producers", k="done", p="q")
        self.assert_invalid("producer q")

    def test_a_reader_that_was_cut_short(self):
        self.story.take("readers", k="done", r=2)
        self.assert_invalid("reader 2")

    def test_a_log_that_was_not_read_to_its_end(self):
        self.story.log.pop()
        self.assert_invalid("not read to its end")

    # --- the program ---

    def run_program(self, *arguments):
        done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout

    def test_the_exit_status(self):
        self.story.write(self.directory)
        status, text = self.run_program(self.directory)
        self.assertEqual((status, text.splitlines()[-1]), (0, "PASSED"), text)
        self.story.take("readers", k="event", r=2, mark="q.7")
        self.story.plan[0]["need"]["acked"] = 41
        self.story.write(self.directory)
        self.assertEqual(self.run_program(self.directory)[0], 1)  # a broken promise is one under any load
        self.story = Story()
        self.story.plan[0]["need"]["acked"] = 41
        self.story.write(self.directory)
        self.assertEqual(self.run_program(self.directory)[0], 2)
        self.assertEqual(self.run_program()[0], 3)

    def test_files_that_cannot_be_read_are_no_pass(self):
        self.assertEqual(self.run_program(self.directory)[0], 2)
        for damage in (b"{", b'{"k":"event","r":1}\n', b'{"k":"beat","r":1,"c":1,"t":1,"id":"x"}', b"[]\n", b"\xff\n"):
            self.story.write(self.directory)
            with open(history.path(self.directory, "readers"), "ab") as out:
                out.write(damage)
            status, text = self.run_program(self.directory)
            self.assertEqual(status, 2, (damage, text))


if __name__ == "__main__":
    unittest.main()

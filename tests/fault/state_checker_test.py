"""state_checker against small histories with states of jobs: clean ones, and one for every way to break P4 and P10."""
import copy
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import history  # noqa: E402
from checker import check  # noqa: E402
from job_state import fold  # noqa: E402

EPOCH = "aaaaaaaa"
LIFE = [  # of job:a, one event a second, with what the service says of overall
    {"status": {"state": "RUNNING", "title": "A", "steps": [{"id": "s", "weight": 1}]}},
    {"progress": {"step": "s", "done": 1, "total": 4}, "overall": 0.25},
    {"notice": {"severity": "WARNING", "text": "slow"}, "overall": 0.25},
    {"progress": {"step": "s", "done": 2, "total": 4}, "overall": 0.5},
    {"failed": {"code": "PROVIDER", "retryable": True}},
    {"attempt": 2, "status": {"state": "QUEUED"}, "overall": 0},
    {"attempt": 2, "progress": {"step": "s", "fraction": 0.1}, "overall": 0.1},
    {"attempt": 2, "progress": {"step": "s", "fraction": 0.9}, "overall": 0.9},
    {"attempt": 2, "completed": {"message": "done"}, "overall": 1},
    {"attempt": 2, "notice": {"text": "bye"}},
]


class Story:
    """job:a and job:b live the same life, both of user:1; readers begin with a snapshot and get what comes after."""

    def __init__(self, life=LIFE):
        self.entries = []
        for event in life:
            for job in ("job:a", "job:b"):
                seq = len(self.entries) + 1
                self.entries.append({"job": job, "resources": ["user:1"], "seq": str(seq), "correlationId": f"p.{seq}",
                                     "commitTime": f"2026-01-01T00:00:{seq:02}Z", **copy.deepcopy(event)})
        self.states = {job: self.state(job, len(self.entries)) for job in ("job:a", "job:b")}
        self.readers = [*self.reader(1, "job:a", 0), *self.reader(2, "job:a", 7), *self.reader(3, "user:1", 11),
                        *self.reader(4, "job:b", len(self.entries))]
        self.need = {"states": 2, "folds": 5, "snapshots": 4}

    def of(self, resource):
        return [event for event in self.entries if resource in (event["job"], *event["resources"])]

    def state(self, job, through):
        events = [event for event in self.of(job) if int(event["seq"]) <= through]
        return {**fold(events), "cursor": f"{EPOCH}-{events[-1]['seq']}"} if events else None

    def reader(self, name, resource, begin):
        head = {"r": name, "c": 1, "t": 100.0}
        yield {"k": "open", **head, "resources": [resource], "cursor": ""}
        yield {"k": "connected", **head, "cursor": f"{EPOCH}-{begin}"}
        jobs = {event["job"] for event in self.of(resource)}
        states = [state for job in sorted(jobs) if (state := self.state(job, begin))]
        yield {"k": "snapshot", **head, "cursor": f"{EPOCH}-{begin}", "resource": resource, "jobs": {}, "states": states,
               "more": False}
        for event in self.of(resource):
            if int(event["seq"]) > begin:
                yield {"k": "event", **head, "id": f"{EPOCH}-{event['seq']}", "mark": event["correlationId"], "job": event["job"],
                       "data": copy.deepcopy(event)}
        yield {"k": "done", "r": name, "t": 111.0}

    def line(self, kind, reader, seq=None):
        """The line of a reader: its only one, or the event at `seq`."""
        found, = [line for line in self.readers if line["k"] == kind and line["r"] == reader
                  and seq in (None, history.seq_of(line.get("id", "x-0")))]
        return found

    def write(self, directory):
        count = len(self.entries)
        log = [{"k": "entry", "seq": int(event["seq"]), "mark": event["correlationId"], "job": event["job"],
                "names": [event["job"], *event["resources"]], "commit": 100.0, "notice": False, "event": event}
               for event in self.entries]
        log.append({"k": "end", "position": f"{EPOCH}-{count}"})
        log += [{"k": "state", "job": job, "state": state} for job, state in self.states.items()]
        producers = [{"k": "send", "p": "p", "t": 99.0, "first": 1,
                      "events": [[event["correlationId"], event["job"], ""] for event in self.entries]},
                     {"k": "acked", "p": "p", "t": 100.0, "to": count, "hello": False},
                     {"k": "done", "p": "p", "t": 101.0, "sent": count, "acked": count}]
        plan = [{"k": "plan", "what": "story", "need": self.need, "resets": False, "recovery_p99": None, "states": True}]
        for file, lines in (("plan", plan), ("producers", producers), ("readers", self.readers), ("log", log)):
            with open(history.path(directory, file), "w", encoding="ascii") as out:
                out.writelines(json.dumps(line) + "\n" for line in lines)


def changed(at, **members):
    """LIFE with another event at one place."""
    life = copy.deepcopy(LIFE)
    life[at].update(members)
    return life


class StateCheckerTest(unittest.TestCase):
    def setUp(self):
        self.story = Story()

    def judge(self):
        with tempfile.TemporaryDirectory() as directory:
            self.story.write(directory)
            return check(directory)

    def assert_found(self, class_, words, *also):
        """A fault of this class that says so, and none but of this class and `also`."""
        report = self.judge()
        self.assertIn(class_, report.faults, report.text())
        self.assertLessEqual(set(report.faults), {class_, *also}, report.text())
        self.assertIn(words, report.text())

    def test_clean_histories_pass(self):
        report = self.judge()
        self.assertEqual(report.status, 0, report.text())
        self.assertEqual({name: report.counts[name] for name in ("states", "folds", "ends", "snapshots")},
                         {"states": 2, "folds": 5, "ends": 4, "snapshots": 4})
        self.story = Story([{name: value for name, value in event.items() if name != "overall"} for event in LIFE])
        self.assertEqual(self.judge().status, 0)

    def test_the_epoch_of_a_cursor_may_be_another(self):
        self.story.states["job:a"]["cursor"] = "bbbbbbbb-19"
        self.assertEqual(self.judge().status, 0)

    # --- P10 ---

    def test_a_percent_that_falls_in_an_attempt(self):
        self.story = Story(changed(3, overall=0.2))
        self.assert_found("percent", "log: 7 of job:a: 0.2 after 0.25 in attempt 1")

    def test_a_percent_that_falls_between_a_snapshot_and_the_tail(self):
        self.story.line("snapshot", 3)["states"][0]["overall"] = 0.95  # the log has 0 there
        self.assert_found("percent", "reader 3 (user:1): job:a: 0.1 after 0.95 in attempt 2", "state")

    def test_a_hundred_percent_that_is_not_completed(self):
        self.story = Story(changed(7, overall=1))
        self.assert_found("percent", "log: 15 of job:a: 1 and not completed")

    def test_completed_with_less_than_a_hundred_percent(self):
        self.story = Story(changed(8, overall=0.99))
        self.assert_found("percent", "log: 17 of job:a: 0.99 and completed")

    def test_two_ends_of_an_attempt(self):
        self.story = Story(LIFE[:5] + [{"cancelled": {}}] + LIFE[5:])
        self.assert_found("terminal", "log: 11 of job:a: a second end of attempt 1, which ended at 9")
        self.story = Story(LIFE[:9] + [{"attempt": 2, "failed": {"code": "WORKER_LOST"}}])
        self.assert_found("terminal", "log: 19 of job:a: a second end of attempt 2", "percent")

    def test_an_end_that_a_reader_sees_twice(self):
        again = copy.deepcopy(self.story.line("event", 2, 17))
        again.update(id=f"{EPOCH}-18", mark="p.18")
        self.story.readers.insert(self.story.readers.index(self.story.line("event", 2, 19)), again)
        self.assert_found("terminal", "reader 2 (job:a): aaaaaaaa-18 of job:a: a second end", "phantom")

    def test_an_attempt_that_goes_on_after_its_end(self):
        self.story = Story(LIFE[:5] + [{"progress": {"step": "s", "done": 3, "total": 4}}] + LIFE[5:])
        self.assert_found("terminal", "log: 11 of job:a: a progress of attempt 1, which ended at 9")

    def test_an_attempt_that_is_over(self):
        self.story = Story(LIFE[:7] + [{"notice": {"text": "a worker of before"}}] + LIFE[7:])
        self.assert_found("terminal", "log: 15 of job:a: attempt 1 although there is attempt 2")

    def test_an_attempt_after_completed(self):
        self.story = Story([*LIFE, {"attempt": 3, "status": {"state": "RUNNING"}}])
        self.assert_found("terminal", "log: 21 of job:a: attempt 3 of a job that is completed")

    # --- P4 ---

    def test_a_snapshot_that_lacks_the_last_event_before_it(self):
        self.story.line("snapshot", 2)["states"] = [self.story.state("job:a", 6)]
        self.assert_found("state", "the snapshot at 7 has of job:a cursor: 5, should be 7")

    def test_a_snapshot_that_holds_an_event_after_it(self):
        self.story.line("snapshot", 2)["states"] = [self.story.state("job:a", 9)]
        self.assert_found("state", "the snapshot at 7 has job:a at 9", "terminal", "percent")

    def test_a_snapshot_in_two_frames(self):
        line = self.story.line("snapshot", 3)
        at = self.story.readers.index(line)
        self.story.readers[at:at + 1] = [{**line, "states": line["states"][:1], "more": True},
                                         {**line, "states": line["states"][1:]}]
        self.story.need["snapshots"] = 5
        self.assertFalse(self.judge().faults)

    def test_a_snapshot_without_one_of_the_jobs(self):
        del self.story.line("snapshot", 3)["states"][1]
        self.assert_found("state", "the snapshot of user:1 at 11 lacks ['job:b']")

    def test_a_snapshot_with_a_wrong_member(self):
        self.story.line("snapshot", 2)["states"][0]["warnings"] = 2
        self.assert_found("state", "the snapshot at 7 has of job:a warnings: 2, should be 1")

    def test_an_event_that_the_snapshot_holds_already(self):
        self.story.readers.insert(self.story.readers.index(self.story.line("event", 2, 9)),
                                  {**self.story.line("event", 1, 7), "r": 2})
        self.assert_found("order", "aaaaaaaa-7 came although the position was 7")

    def test_an_event_missing_between_snapshot_and_tail(self):
        self.story.readers.remove(self.story.line("event", 3, 15))
        self.assert_found("gap", "is missing between 14 and 15", "state")
        self.story = Story()
        self.story.readers.remove(self.story.line("event", 2, 19))
        self.assert_found("state", "snapshot and tail of job:a give cursor: 17, should be 19", "gap")

    def test_an_event_with_another_content_than_the_logs(self):
        self.story.line("event", 2, 19)["data"]["notice"]["text"] = "hello"
        self.assert_found("state", "reader 2 (job:a): snapshot and tail of job:a give notice")

    # --- what the service says at the end ---

    def test_a_state_that_the_events_do_not_add_up_to(self):
        self.story.states["job:b"]["title"] = "C"
        self.assert_found("state", "the service says at the end of job:b: title: C, should be A")

    def test_a_state_that_lacks_the_last_event(self):
        self.story.states["job:b"] = self.story.state("job:b", 18)
        self.assert_found("state", "the service says at the end of job:b: cursor: 18, should be 20")

    def test_a_job_that_the_service_forgot(self):
        del self.story.states["job:b"]
        self.assert_found("state", "the service says at the end of job:b: ")

    # --- runs that prove nothing ---

    def test_readers_that_did_not_write_down_what_they_saw(self):
        del self.story.line("event", 2, 9)["data"]
        report = self.judge()
        self.assertEqual((report.status, dict(report.faults)), (2, {}))

    def test_too_few_states(self):
        self.story.need["folds"] = 6
        report = self.judge()
        self.assertEqual(report.status, 2)
        self.assertIn("folds: 5, the plan needs 6", report.text())


if __name__ == "__main__":
    unittest.main()

"""The other ways to read: POST /v1/events:watch, GET /v1/jobs/{job}/events, GET /v1/poll; and publishing's answers."""
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import SharedCase  # noqa: E402
from clients import get_json, notice, request, seq_of  # noqa: E402


class OtherCase(SharedCase):
    def setUp(self):
        super().setUp()
        self.job = f"job:{self._testMethodName}"

    def publish_numbered(self, count):
        return self.publisher.publish([notice(self.job, str(n)) for n in range(count)])


class WatchTest(OtherCase):
    def watch(self, body, **options):
        return self.fleet.open(self.edge.port, "/v1/events:watch", method="POST", body=body, **options)

    def test_it_is_the_same_stream(self):
        stream = self.watch({"resources": [self.job, "job:b", self.job]})
        self.until(lambda: len(stream.frames) >= 4)
        self.assertEqual(stream.headers["content-type"], "text/event-stream")
        self.assertEqual([frame.type for frame in stream.frames[1:4]], ["connected", "snapshot", "snapshot"])
        self.assertEqual(stream.connected["resources"], [self.job, "job:b"])
        cursor, = self.publisher.publish(notice(self.job, "x"))
        self.until(lambda: stream.events)
        self.assertEqual(stream.events[0][:2], ("notice", cursor))

    def test_last_event_id_fresh_types_and_progress(self):
        other = f"{self.job}.b"
        cursors = self.publisher.publish(
            [notice(self.job, "0")] +
            [{"job": self.job, "progress": {"step": "a", "done": n}} for n in range(5)] + [notice(self.job, "1")])
        stream = self.watch({"resources": [self.job, other], "lastEventId": cursors[0], "fresh": [other],
                             "types": ["step-progress"], "progress": "latest"})
        self.until(lambda: stream.events)
        self.assertEqual(stream.named("snapshot")[0].json["resource"], other)
        self.assertEqual([id for _, id, _ in stream.events], [cursors[5]])

    def test_null_is_no_cursor(self):
        stream = self.watch({"resources": [self.job], "lastEventId": None})
        self.until(lambda: stream.named("snapshot"))
        self.assertFalse(stream.resets)

    def test_a_malformed_cursor_is_reset(self):
        stream = self.watch({"resources": [self.job], "lastEventId": "x\nid: 5"})
        self.until(lambda: stream.named("snapshot"))
        self.assertEqual(stream.resets[0]["reason"], "malformed")

    def test_a_list_too_long_for_a_query(self):
        names = [f"job:{'n' * 120}{n:08}" for n in range(512)]
        stream = self.connected(self.watch({"resources": names}))
        self.assertEqual(stream.connected["resources"], names)


class JobStreamTest(OtherCase):
    END = {"completed": {"message": "done"}}

    def job_stream(self, query="", **options):
        return self.fleet.open(self.edge.port, f"/v1/jobs/{self.job}/events{query}", **options)

    def end(self, **members):
        return self.publisher.publish({"job": self.job, **members})[0]

    def test_it_is_a_stream_of_one_job(self):
        stream = self.job_stream()
        self.until(lambda: len(stream.frames) >= 3)
        self.assertEqual([frame.type for frame in stream.frames[1:3]], ["connected", "snapshot"])
        self.assertEqual(stream.connected["resources"], [self.job])

    def test_a_job_that_is_unknown_is_waited_for(self):
        stream = self.connected(self.job_stream())
        self.publish_numbered(1)
        self.until(lambda: stream.events)
        self.assertFalse(stream.closed)

    def check_ends(self, **members):
        stream = self.connected(self.job_stream())
        cursor = self.end(**members)
        self.until(lambda: stream.closed, what="the end of the stream")
        self.assertEqual(stream.events[-1][1], cursor)
        self.assertEqual(stream.frames[-1].raw, b'event: goodbye\ndata: {"type":"goodbye","reason":"ended"}\n\n')
        self.assertTrue(stream.chunks.ended)
        self.assertIsNone(stream.error)
        status, _, body = request(self.edge.port, "GET", stream.target, {"Last-Event-ID": cursor})
        self.assertEqual((status, body), (204, b""))
        return cursor

    def test_it_ends_after_completed(self):
        self.check_ends(completed={})

    def test_it_ends_after_cancelled(self):
        self.check_ends(cancelled={"reason": "enough"})

    def test_it_ends_after_a_failure_for_good(self):
        self.check_ends(failed={"code": "VALIDATION", "retryable": False})

    def test_a_retryable_failure_leaves_it_open(self):
        stream = self.connected(self.job_stream())
        cursor = self.end(failed={"code": "PROVIDER", "retryable": True})
        self.until(lambda: stream.events)
        # A reader that comes back is not sent away either.
        again = self.connected(self.job_stream(last_event_id=cursor))
        self.end(attempt=2, status={"state": "RUNNING"})
        for reader in (stream, again):
            self.until(lambda: reader.events and reader.events[-1][0] == "job-status")
            self.assertFalse(reader.closed)
        self.end(attempt=2, completed={})
        for reader in (stream, again):
            self.until(lambda: reader.closed)
            self.assertEqual(reader.frames[-1].json["reason"], "ended")

    def test_a_reader_that_missed_the_end_gets_it_and_then_204(self):
        before = self.publish_numbered(3)
        end = self.end(completed={})
        stream = self.job_stream(last_event_id=before[1])
        self.until(lambda: stream.closed)
        self.assertEqual(stream.status, 200)
        self.assertEqual([id for _, id, _ in stream.events], [before[2], end])
        self.assertEqual(stream.frames[-1].json["reason"], "ended")
        self.assertEqual(request(self.edge.port, "GET", stream.target, {"Last-Event-ID": stream.last_id})[0], 204)

    def test_204_by_query_and_by_a_later_cursor(self):
        end = self.end(completed={})
        later, = self.publisher.publish(notice("job:other", "x"))
        for cursor in (end, later):
            target = f"/v1/jobs/{self.job}/events?last_event_id={cursor}"
            self.assertEqual(request(self.edge.port, "GET", target)[0], 204)

    def test_no_204_for_a_cursor_of_the_future_or_of_another_epoch(self):
        end = self.end(completed={})
        for cursor in (f"{end}0000", "abcdefgh-1", "x"):
            stream = self.job_stream(last_event_id=cursor)
            self.until(lambda: stream.resets)
            self.assertEqual(stream.status, 200)

    def test_a_stream_that_is_opened_after_the_end_ends_too(self):
        self.end(completed={})
        for query in ("", "?last_event_id=latest", "?last_event_id=rubbish", "?snapshot=0",
                      "?last_event_id=earliest&types=job-status"):
            stream = self.fleet.open(self.edge.port, f"/v1/jobs/{self.job}/events{query}")
            self.until(lambda: stream.closed)
            self.assertEqual(stream.status, 200, query)
            self.assertEqual(stream.frames[-1].json["reason"], "ended", query)

    def test_204_although_another_job_that_carries_the_name_went_on(self):
        self.end(completed={})
        later, = self.publisher.publish({"job": "job:carries", "resources": [self.job], "notice": {"text": "x"}})
        self.assertEqual(request(self.edge.port, "GET", f"/v1/jobs/{self.job}/events?last_event_id={later}")[0], 204)

    def test_no_204_while_the_job_runs(self):
        cursor = self.publish_numbered(3)[-1]
        stream = self.connected(self.job_stream(last_event_id=cursor))
        self.assertEqual(stream.status, 200)

    def test_the_end_of_another_job_that_names_this_one_as_resource_does_not_end_it(self):
        stream = self.connected(self.job_stream())
        self.publisher.publish({"job": "job:other", "resources": [self.job], "completed": {}})
        self.publish_numbered(1)
        self.until(lambda: len(stream.events) == 2)
        self.assertFalse(stream.closed)

    def test_names_may_be_escaped(self):
        stream = self.connected(self.fleet.open(self.edge.port, "/v1/jobs/job%3Aescaped/events"))
        self.assertEqual(stream.connected["resources"], ["job:escaped"])


class PollTest(OtherCase):
    MEMBERS = {"events", "cursor", "snapshots", "reset", "more"}

    def poll(self, query="", resources=None):
        answer = get_json(self.edge.port, f"/v1/poll?resources={resources or self.job}{'&' + query if query else ''}")
        self.assertEqual(set(answer), self.MEMBERS)
        return answer

    def poll_in_background(self, query):
        answers = []
        thread = threading.Thread(target=lambda: answers.append((self.poll(query), time.monotonic())))
        thread.start()
        self.addCleanup(thread.join)
        return thread, answers

    def test_without_after_snapshots_at_once(self):
        self.publish_numbered(2)
        answer = self.poll("wait=25", f"{self.job},job:b")
        self.assertEqual([snapshot["resource"] for snapshot in answer["snapshots"]], [self.job, "job:b"])
        self.assertEqual((answer["events"], answer["reset"], answer["more"]), ([], None, False))
        self.assertEqual({snapshot["cursor"] for snapshot in answer["snapshots"]}, {answer["cursor"]})

    def test_the_same_events_on_the_same_cursor(self):
        cursors = self.publish_numbered(5)
        stream = self.stream(self.job, last_event_id=cursors[1])
        self.until(lambda: len(stream.events) == 3)
        answer = self.poll(f"after={cursors[1]}")
        self.assertEqual(answer["events"], [json.loads(data) for _, _, data in stream.events])
        self.assertEqual(seq_of(answer["cursor"]) >= seq_of(cursors[-1]), True)
        self.assertEqual((answer["snapshots"], answer["reset"], answer["more"]), ([], None, False))
        self.assertEqual(self.poll(f"after={answer['cursor']}")["events"], [])

    def test_earliest_and_latest(self):
        cursors = self.publish_numbered(3)
        self.assertEqual([int(event["seq"]) for event in self.poll("after=earliest")["events"]],
                         [seq_of(cursor) for cursor in cursors])
        answer = self.poll("after=latest")
        self.assertEqual((answer["events"], answer["snapshots"]), ([], []))
        self.assertGreaterEqual(seq_of(answer["cursor"]), seq_of(cursors[-1]))

    def test_types(self):
        self.publisher.publish([notice(self.job, "1"), {"job": self.job, "output": {"line": {"text": "2"}}}])
        answer = self.poll("after=earliest&types=output")
        self.assertEqual([event["output"]["line"]["text"] for event in answer["events"]], ["2"])

    def test_no_more_than_1000_events_and_more_says_so(self):
        for _ in range(3):
            self.publisher.publish([notice(self.job, "x")] * 700)
        got, cursor, more = [], "earliest", True
        while more:
            answer = self.poll(f"after={cursor}")
            self.assertLessEqual(len(answer["events"]), 1000)
            got += [int(event["seq"]) for event in answer["events"]]
            cursor, more = answer["cursor"], answer["more"]
        self.assertEqual(len(got), 2100)
        self.assertEqual(got, sorted(set(got)))

    def test_no_more_than_1_mib(self):
        for n in range(40):
            self.publisher.publish(notice(self.job, "x" * 60000))
        got, cursor, more = 0, "earliest", True
        while more:
            status, _, body = request(self.edge.port, "GET", f"/v1/poll?resources={self.job}&after={cursor}")
            self.assertEqual(status, 200)
            self.assertLess(len(body), (1 << 20) + 70000)
            answer = json.loads(body)
            got += len(answer["events"])
            cursor, more = answer["cursor"], answer["more"]
        self.assertEqual(got, 40)

    def test_cursors_that_cannot_be_honoured_are_reset_with_snapshots(self):
        epoch = self.publish_numbered(1)[0].partition("-")[0]
        for cursor, reason in (("abcdefgh-1", "epoch"), (f"{epoch}-999999999", "future"), ("nonsense", "malformed"),
                               ("%0A", "malformed"), ("x" * 2000, "malformed")):
            answer = self.poll(f"after={cursor}&wait=25")
            self.assertEqual(answer["reset"]["reason"], reason)
            self.assertEqual([snapshot["resource"] for snapshot in answer["snapshots"]], [self.job])

    def test_it_waits_and_is_woken(self):
        cursor = self.publish_numbered(1)[-1]
        thread, answers = self.poll_in_background(f"after={cursor}&wait=60")
        # The answer must not come before the event does; how long the poll has waited by then does not matter.
        self.fleet.run_for(0.3)
        self.assertFalse(answers)
        wanted, = self.publisher.publish(notice(self.job, "wake"))
        thread.join(15)
        self.assertTrue(answers, "the poll was not woken")
        answer, _ = answers[0]
        self.assertEqual([event["notice"]["text"] for event in answer["events"]], ["wake"])
        self.assertEqual(answer["cursor"], wanted)

    def test_hundreds_of_polls_in_a_row_lose_nothing(self):
        done = threading.Event()
        cursors = []

        def publish():
            while not done.is_set():
                cursors.extend(self.publisher.publish(notice(self.job, "x")))
                done.wait(0.003)
        cursor = self.publish_numbered(1)[-1]
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            got = []
            for _ in range(200):
                answer = self.poll(f"after={cursor}&wait=20")
                got += [event["seq"] for event in answer["events"]]
                cursor = answer["cursor"]
        finally:
            done.set()
            thread.join()
        got += [event["seq"] for event in self.poll(f"after={cursor}")["events"]]
        self.assertEqual(got, [str(seq_of(c)) for c in cursors])

    def test_after_its_wait_it_answers_with_nothing_and_a_cursor_that_is_good(self):
        cursor = self.publish_numbered(1)[-1]
        begun = time.monotonic()
        answer = self.poll(f"after={cursor}&wait=1")
        self.assertGreaterEqual(time.monotonic() - begun, 0.9)
        self.assertEqual(answer["events"], [])
        self.publish_numbered(2)
        self.assertEqual(len(self.poll(f"after={answer['cursor']}")["events"]), 2)

    def test_wait_0_answers_at_once(self):
        cursor = self.publish_numbered(1)[-1]
        self.assertEqual(self.poll(f"after={cursor}&wait=0")["events"], [])


class PublishTest(OtherCase):
    def test_one_event(self):
        status, answer = self.publisher.post(notice(self.job, "x"))
        self.assertEqual(status, 200)
        result, = answer["results"]
        self.assertEqual(set(result), {"seq", "cursor"})
        self.assertEqual(int(result["seq"]), seq_of(result["cursor"]))

    def test_results_are_in_input_order(self):
        events = [notice(f"job:o{n % 3}", str(n)) for n in range(1000)]
        cursors = self.publisher.publish(events)
        self.assertEqual([seq_of(c) for c in cursors], list(range(seq_of(cursors[0]), seq_of(cursors[0]) + 1000)))

    def test_lines(self):
        body = b"\r\n".join(json.dumps(notice(self.job, str(n))).encode() for n in range(3)) + b"\n\n"
        status, answer = self.publisher.post(body, content_type="Application/X-NDJSON")
        self.assertEqual((status, len(answer["results"])), (200, 3))

    def test_the_same_key_stores_once(self):
        events = [notice(self.job, str(n)) for n in range(3)]
        first = self.publisher.publish(events, key="key 1")
        self.assertEqual(self.publisher.publish(events, key="key 1"), first)
        stream = self.stream(self.job, "last_event_id=earliest")
        last = self.publisher.publish(events, key="key 2")[-1]
        self.until(lambda: stream.events and stream.events[-1][1] == last)
        self.assertEqual(len(stream.events), 6)

    def test_what_only_the_service_sets_is_ignored_from_a_worker(self):
        stream = self.connected(self.stream(self.job))
        cursor, = self.publisher.publish(
            notice(self.job, "x", seq="99999", overall=0.99, eta="5s", commitTime="2001-01-01T00:00:00Z"))
        self.until(lambda: stream.events)
        event = json.loads(stream.events[0][2])
        self.assertEqual((stream.events[0][1], event["seq"]), (cursor, str(seq_of(cursor))))
        self.assertFalse(event["commitTime"].startswith("2001"))
        self.assertNotEqual(event.get("overall"), 0.99)
        self.assertNotEqual(event.get("eta"), "5s")


if __name__ == "__main__":
    unittest.main()

"""What snapshots hold, wherever they are sent, and how they fit to what follows."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase, SharedCase  # noqa: E402
from clients import Load, get_json, notice, request, seq_of  # noqa: E402


class SnapshotTest(SharedCase):
    MEMBERS = ["type", "resource", "cursor", "jobs", "counts", "more"]

    def setUp(self):
        super().setUp()
        self.job = f"job:{self._testMethodName}"
        self.user = f"user:{self._testMethodName}"
        self.cursors = self.publisher.publish([
            {"job": self.job, "resources": [self.user], "status": {"state": "RUNNING", "title": "Trailer"}},
            {"job": self.job, "progress": {"step": "a", "fraction": 0.25}},
            {"job": f"{self.job}.b", "resources": [self.user], "completed": {"message": "well", "output": {"answer": 42}}}])

    def check(self, snapshots):
        """Those of self.user, self.job and an unknown resource."""
        user, job, unknown = snapshots
        for snapshot in snapshots:
            self.assertEqual(list(snapshot), self.MEMBERS)
            self.assertEqual(snapshot["cursor"], user["cursor"])
        self.assertEqual([state["job"] for state in user["jobs"]], [f"{self.job}.b", self.job])
        self.assertEqual(user["counts"], {"byState": {"RUNNING": 1, "COMPLETED": 1}, "total": 2})
        self.assertEqual(user["jobs"][0]["output"], {"answer": 42})
        state, = job["jobs"]
        self.assertEqual((state["title"], state["cursor"]), ("Trailer", self.cursors[1]))
        self.assertEqual(state, get_json(self.edge.port, f"/v1/jobs/{self.job}"))
        self.assertEqual((unknown["jobs"], unknown["counts"], unknown["more"]), ([], {"byState": {}, "total": 0}, False))

    def names(self):
        return [self.user, self.job, "job:nobody"]

    def test_a_stream_begins_with_them_in_order_and_the_last_has_the_id(self):
        stream = self.stream(self.names())
        self.until(lambda: len(stream.named("snapshot")) == 3)
        self.assertEqual([frame.type for frame in stream.frames[:5]][1:], ["connected"] + 3 * ["snapshot"])
        snapshots = [frame.json for frame in stream.named("snapshot")]
        self.assertEqual([snapshot["resource"] for snapshot in snapshots], self.names())
        self.check(snapshots)
        self.assertEqual([frame.raw.startswith(b"id: ") for frame in stream.named("snapshot")], [False, False, True])
        self.assertEqual(stream.last_id, snapshots[0]["cursor"])
        wanted, = self.publisher.publish(notice(self.job, "x"))
        self.until(lambda: stream.events)
        self.assertEqual([id for _, id, _ in stream.events], [wanted])

    def test_a_watch_too(self):
        stream = self.fleet.open(self.edge.port, "/v1/events:watch", method="POST", body={"resources": self.names()})
        self.until(lambda: len(stream.named("snapshot")) == 3)
        self.check([frame.json for frame in stream.named("snapshot")])

    def test_a_poll_without_after_too(self):
        answer = get_json(self.edge.port, f"/v1/poll?resources={','.join(self.names())}")
        self.check(answer["snapshots"])
        self.assertEqual(answer["cursor"], answer["snapshots"][0]["cursor"])

    def test_after_a_reset_too(self):
        stream = self.stream(self.names(), last_event_id="abcdefgh-1")
        self.until(lambda: len(stream.named("snapshot")) == 3)
        self.assertEqual([frame.type for frame in stream.frames[1:6]], ["connected", "reset"] + 3 * ["snapshot"])
        self.check([frame.json for frame in stream.named("snapshot")])
        answer = get_json(self.edge.port, f"/v1/poll?resources={','.join(self.names())}&after=abcdefgh-1")
        self.assertEqual(answer["reset"]["reason"], "epoch")
        self.check(answer["snapshots"])

    def test_fresh_ones_alone_get_one_with_a_cursor(self):
        stream = self.stream([self.job, self.user], f"fresh={self.user}", last_event_id=self.cursors[0])
        self.until(lambda: stream.events)
        snapshot, = [frame.json for frame in stream.named("snapshot")]
        self.assertEqual([state["job"] for state in snapshot["jobs"]], [f"{self.job}.b", self.job])
        self.assertEqual([id for _, id, _ in stream.events], [self.cursors[1]])

    def test_none_with_a_cursor_or_if_unwanted(self):
        streams = [self.stream(self.names(), last_event_id=self.cursors[2]), self.stream(self.names(), "snapshot=0"),
                   self.stream(self.names(), "last_event_id=latest")]
        self.connected(*streams)
        wanted, = self.publisher.publish(notice(self.job, "x"))
        self.until(lambda: all(stream.events for stream in streams))
        for stream in streams:
            self.assertFalse(stream.named("snapshot"))
            self.assertEqual([id for _, id, _ in stream.events], [wanted])

    def test_snapshot_and_tail_fit_while_events_flow(self):
        jobs = [f"{self.job}.{n}" for n in range(20)]
        load = Load(self.edge.port, lambda n: {"job": jobs[n % 20], "resources": [self.user],
                                               "progress": {"step": "a", "done": n}}, 1000, batch=5)
        try:
            self.until(lambda: len(load.published) > 100)
            readers = []
            for _ in range(50):
                readers.append(self.stream([self.user, jobs[0]]))
                self.until(lambda: len(readers[-1].named("snapshot")) == 2)
        finally:
            published = load.stop()
        event = notice(jobs[0], "after all the snapshots", resources=[self.user])
        last, = self.publisher.publish(event)
        published.append((event, last))
        self.until(lambda: all(reader.events and reader.events[-1][1] == last for reader in readers))
        for reader in readers:
            first, second = [frame.json for frame in reader.named("snapshot")]
            self.assertEqual(first["cursor"], second["cursor"])
            at = seq_of(first["cursor"])
            self.assertEqual([id for _, id, _ in reader.events],
                             [cursor for _, cursor in published if seq_of(cursor) > at])
            for state in first["jobs"]:
                newest = [cursor for event, cursor in published if event["job"] == state["job"] and seq_of(cursor) <= at]
                if newest:
                    self.assertEqual(state["cursor"], newest[-1])

    def test_fresh_ones_with_latest_and_what_comes_then(self):
        stream = self.stream([self.job, self.user], f"fresh={self.user}", last_event_id="latest")
        self.until(lambda: stream.named("snapshot"))
        snapshot, = [frame.json for frame in stream.named("snapshot")]
        self.assertFalse(stream.resets)
        self.assertEqual((snapshot["resource"], stream.last_id), (self.user, snapshot["cursor"]))
        wanted, = self.publisher.publish(notice(self.job, "x"))
        self.until(lambda: stream.events)
        self.assertEqual([id for _, id, _ in stream.events], [wanted])

    FRAME_BYTES = 256 * 1024

    def publish_many(self, count, **status):
        """Active jobs, more than a frame holds; their pattern."""
        prefix = f"{self.job}.many"
        for begin in range(0, count, 400):
            self.publisher.publish([{"job": f"{prefix}.{n}", "status": {"state": "RUNNING", **status}}
                                    for n in range(begin, min(count, begin + 400))])
        return f"{prefix}.*"

    def check_many(self, snapshots, pattern, count, listed):
        """Frames of one snapshot, which list the newest jobs, each once."""
        self.assertGreater(len(snapshots), 1)
        self.assertEqual(len({(s["resource"], s["cursor"], json.dumps(s["counts"])) for s in snapshots}), 1)
        self.assertEqual([state["job"] for s in snapshots for state in s["jobs"]],
                         [f"{pattern[:-1]}{n}" for n in range(count - 1, count - 1 - listed, -1)])
        self.assertEqual([s["more"] for s in snapshots], [True] * (len(snapshots) - 1) + [listed < count])
        self.assertEqual(snapshots[0]["counts"], {"byState": {"RUNNING": count}, "total": count})

    def test_what_one_frame_cannot_hold_comes_in_several(self):
        # Quotation marks take twice their place in JSON: what fits for the service may not fit for a browser.
        pattern = self.publish_many(1000, title='"' * 200)
        stream = self.stream([self.job, pattern, "job:nobody"])
        self.until(lambda: stream.named("snapshot") and stream.last_id)
        frames = stream.named("snapshot")
        self.assertEqual((frames[0].json["resource"], frames[-1].json["resource"]), (self.job, "job:nobody"))
        self.check_many([frame.json for frame in frames[1:-1]], pattern, 1000, 1000)
        self.assertLessEqual(max(len(frame.raw) for frame in frames), self.FRAME_BYTES)
        self.assertGreater(max(len(frame.raw) for frame in frames), self.FRAME_BYTES * 0.9)
        self.assertEqual([frame.raw.startswith(b"id: ") for frame in frames], [False] * (len(frames) - 1) + [True])
        self.check_many(get_json(self.edge.port, f"/v1/poll?resources={pattern}")["snapshots"], pattern, 1000, 1000)

    def test_of_more_than_1000_jobs_the_newest_1000_are_told(self):
        pattern = self.publish_many(1200, title="t" * 200)
        stream = self.stream(pattern)
        self.until(lambda: stream.last_id)
        self.check_many([frame.json for frame in stream.named("snapshot")], pattern, 1200, 1000)

    def test_the_job_itself_is_told_although_1000_newer_ones_carry_its_name(self):
        for begin in range(0, 1000, 250):
            self.publisher.publish([{"job": f"{self.job}.carries.{n}", "resources": [self.job], "status": {"state": "RUNNING"}}
                                    for n in range(begin, begin + 250)])
        stream = self.stream(self.job)
        self.until(lambda: stream.last_id)
        listed = [state["job"] for frame in stream.named("snapshot") for state in frame.json["jobs"]]
        self.assertEqual((len(listed), listed[-1], listed.count(self.job)), (1000, self.job, 1))


class EndedJobTest(MilepostCase):
    """A job's end outlives its events."""

    eventd_flags = ("--retention_mib=1",)

    def end_and_forget(self, **end):
        """Ends job:1 and publishes until the service has forgotten its events; the cursors of its two events."""
        cursors = self.publisher.publish([notice("job:1", "x"), {"job": "job:1", **end}])
        for _ in range(200):
            self.publisher.publish([notice("job:filler", "x" * 4000)] * 20)
            if get_json(self.edge.port, f"/v1/poll?resources=job:1&after={cursors[0]}")["reset"]:
                return cursors
        self.fail("nothing was forgotten")

    def target(self):
        return "/v1/jobs/job:1/events"

    def test_204_and_the_result_are_told_by_the_state(self):
        before, end = self.end_and_forget(completed={"output": {"answer": 42}})
        self.assertEqual(request(self.edge.port, "GET", self.target(), {"Last-Event-ID": end})[0], 204)
        fresh = self.fleet.open(self.edge.port, self.target())
        back = self.fleet.open(self.edge.port, self.target(), last_event_id=before)
        self.until(lambda: fresh.closed and back.closed)
        self.assertEqual([frame.type for frame in fresh.frames[1:]], ["connected", "snapshot", "goodbye"])
        self.assertEqual([frame.type for frame in back.frames[1:]], ["connected", "reset", "snapshot", "goodbye"])
        for stream in (fresh, back):
            state, = stream.named("snapshot")[0].json["jobs"]
            self.assertEqual((state["state"], state["output"]), ("COMPLETED", {"answer": 42}))
            self.assertEqual(stream.frames[-1].json["reason"], "ended")
            # The browser reconnects with the snapshot's id, and is told to stop.
            self.assertEqual(request(self.edge.port, "GET", self.target(), {"Last-Event-ID": stream.last_id})[0], 204)

    def test_who_comes_back_is_stopped_whatever_was_asked_for(self):
        self.publisher.publish([notice("job:1", "x"), {"job": "job:1", "completed": {}}])
        for query in ("", "snapshot=0", "types=notice", "types=step-progress&last_event_id=earliest", "last_event_id=earliest",
                      "last=5&types=step-status", "last=5", "last_event_id=latest"):
            with self.subTest(query):
                stream = self.fleet.open(self.edge.port, f"{self.target()}?{query}")
                self.until(lambda: stream.closed)
                self.assertEqual(stream.frames[-1].json["reason"], "ended")
                self.assertNotIn(b"id:", stream.frames[-1].raw)
                again = request(self.edge.port, "GET", f"{self.target()}?{query}", {"Last-Event-ID": stream.last_id})
                self.assertEqual(again[0], 204)

    def test_who_watched_a_filtered_end_is_stopped_too(self):
        streams = [self.fleet.open(self.edge.port, f"{self.target()}?{query}") for query in ("types=notice", "snapshot=0", "")]
        self.connected(*streams)
        self.publisher.publish(notice("job:1", "x"))
        self.until(lambda: all(stream.events for stream in streams))
        self.publisher.publish({"job": "job:1", "cancelled": {}})
        self.until(lambda: all(stream.closed for stream in streams))
        for stream in streams:
            self.assertEqual(request(self.edge.port, "GET", self.target(), {"Last-Event-ID": stream.last_id})[0], 204)

    def test_a_retryable_failure_is_no_end(self):
        _, end = self.end_and_forget(failed={"code": "PROVIDER", "retryable": True})
        stream = self.fleet.open(self.edge.port, self.target(), last_event_id=end)
        self.until(lambda: stream.named("snapshot"))
        self.assertEqual(stream.status, 200)
        self.publisher.publish({"job": "job:1", "attempt": 2, "completed": {}})
        self.until(lambda: stream.closed)
        self.assertEqual(stream.frames[-1].json["reason"], "ended")

    def test_an_end_that_was_not_the_last_word_is_no_end(self):
        end, = self.publisher.publish({"job": "job:1", "cancelled": {}})
        self.assertEqual(request(self.edge.port, "GET", self.target(), {"Last-Event-ID": end})[0], 204)
        again, = self.publisher.publish({"job": "job:1", "attempt": 2, "status": {"state": "RUNNING"}})
        stream = self.fleet.open(self.edge.port, self.target(), last_event_id=end)
        self.until(lambda: stream.events)
        self.assertEqual((stream.status, stream.events[0][1]), (200, again))
        late = self.fleet.open(self.edge.port, f"{self.target()}?last_event_id=earliest")
        self.until(lambda: len(late.events) == 2)
        self.assertFalse(late.closed)


if __name__ == "__main__":
    unittest.main()

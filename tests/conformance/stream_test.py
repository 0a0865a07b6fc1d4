"""What a stream of GET /v1/events says, byte by byte: head, first frames, options, places to resume at."""
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import SharedCase  # noqa: E402
from clients import notice, request, seq_of  # noqa: E402

CURSOR = re.compile(r"[a-z0-9]{8}-\d+")


class StreamCase(SharedCase):
    def setUp(self):
        super().setUp()
        self.job = f"job:{self._testMethodName}"

    def frames(self, count, resources=None, query="", **options):
        """A stream's first frames."""
        stream = self.stream(resources or self.job, query, **options)
        self.until(lambda: len(stream.frames) >= count, what=f"{count} frames of {stream.target}")
        self.assertEqual(stream.status, 200)
        return stream.frames

    def types(self, frames):
        return [frame.type if frame.dispatched else "" for frame in frames]

    def head_cursor(self):
        """The end of the log."""
        return self.frames(2, "none:none", "snapshot=0")[1].json["cursor"]

    def publish_numbered(self, count):
        return self.publisher.publish([notice(self.job, str(n)) for n in range(count)])

    def assert_marker_is_next(self, stream):
        """Nothing but what is published now comes on the stream."""
        text = f"marker of {self._testMethodName}"
        self.publisher.publish(notice(self.job, text))
        self.until(lambda: stream.events, what="the marker")
        self.assertEqual(stream.texts(), [text])


class HeadTest(StreamCase):
    def test_the_head_of_a_stream(self):
        stream = self.connected(self.stream(self.job))
        self.assertEqual(stream.head_raw.split(b"\r\n")[0], b"HTTP/1.1 200 OK")
        for name, value in {"content-type": "text/event-stream", "cache-control": "no-store",
                            "x-accel-buffering": "no", "transfer-encoding": "chunked"}.items():
            self.assertEqual(stream.headers[name], value)
        self.assertNotIn("content-length", stream.headers)

    def test_head_has_the_fields_of_get_and_no_body(self):
        status, headers, body = request(self.edge.port, "HEAD", f"/v1/events?resources={self.job}")
        self.assertEqual((status, headers["content-type"], body), (200, "text/event-stream", b""))
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-store", "no"))
        status, headers, body = request(self.edge.port, "HEAD", "/v1/events?resources=")
        self.assertEqual((status, headers["content-type"], body), (400, "application/problem+json", b""))

    def test_options_tells_the_methods(self):
        for target, allowed in {"/v1/events": {"GET", "HEAD", "POST", "OPTIONS"}, "/v1/poll": {"GET", "HEAD", "OPTIONS"},
                                "/v1/events:watch": {"POST", "OPTIONS"},
                                "/v1/jobs/job:1/events": {"GET", "HEAD", "OPTIONS"}}.items():
            status, headers, body = request(self.edge.port, "OPTIONS", target)
            self.assertEqual((status, body), (204, b""), target)
            self.assertEqual(set(headers["allow"].split(", ")), allowed, target)

    def test_a_method_that_is_not_there_is_told_those_that_are(self):
        status, headers, body = request(self.edge.port, "DELETE", "/v1/events")
        self.assertEqual((status, headers["content-type"]), (405, "application/problem+json"))
        self.assertEqual(set(headers["allow"].split(", ")), {"GET", "HEAD", "POST", "OPTIONS"})


class FirstFramesTest(StreamCase):
    def test_without_a_cursor_retry_connected_snapshot(self):
        retry, connected, snapshot = self.frames(3)[:3]
        self.assertRegex(retry.raw, rb"\Aretry: \d+\n\n\Z")
        cursor = connected.json["cursor"]
        self.assertRegex(cursor, CURSOR)
        self.assertEqual(connected.raw.decode(),
                         f'event: connected\ndata: {{"type":"connected","resources":["{self.job}"],'
                         f'"cursor":"{cursor}","heartbeat":"10s"}}\n\n')
        self.assertEqual(snapshot.fields, ["id", "event", "data"])
        self.assertEqual(snapshot.last_id, cursor)
        self.assertEqual(set(snapshot.json), {"type", "resource", "cursor", "jobs", "counts", "more"})
        self.assertEqual((snapshot.json["type"], snapshot.json["resource"], snapshot.json["cursor"]),
                         ("snapshot", self.job, cursor))
        self.assertIs(snapshot.json["more"], False)

    def test_an_unknown_resource_has_an_empty_list(self):
        self.assertEqual(self.frames(3)[2].json["jobs"], [])

    def test_retry_is_random_between_500_and_1500(self):
        streams = [self.stream(self.job, "snapshot=0") for _ in range(20)]
        self.connected(*streams)
        delays = {stream.decoder.retry_ms for stream in streams}
        self.assertTrue(all(500 <= delay <= 1500 for delay in delays), delays)
        self.assertGreater(len(delays), 5)

    def test_resources_keep_the_order_of_the_request_without_doubles(self):
        names = ["user:z", "job:b", "user:z", "job:a", "job:*", "job:b"]
        wanted = ["user:z", "job:b", "job:a", "job:*"]
        frames = self.frames(6, names)
        self.assertEqual(frames[1].json["resources"], wanted)
        self.assertEqual([frame.json["resource"] for frame in frames[2:6]], wanted)

    def test_only_the_last_snapshot_has_an_id(self):
        frames = self.frames(5, ["job:a", "job:b", "job:c"])
        self.assertEqual([frame.fields for frame in frames[2:5]],
                         [["event", "data"], ["event", "data"], ["id", "event", "data"]])
        cursor = frames[1].json["cursor"]
        self.assertEqual({frame.json["cursor"] for frame in frames[2:5]}, {cursor})
        self.assertEqual(frames[4].last_id, cursor)

    def test_names_may_be_escaped_and_repeated(self):
        stream = self.connected(self.fleet.open(
            self.edge.port, "/v1/events?resource=job%3A1&resource=job:2&resources=job%3a3%2Cjob:4&snapshot=0"))
        self.assertEqual(stream.connected["resources"], ["job:1", "job:2", "job:3", "job:4"])

    def test_512_resources_are_taken(self):
        names = [f"j:{n}" for n in range(512)]
        stream = self.connected(self.stream(names, "snapshot=0"))
        self.assertEqual(stream.connected["resources"], names)

    def test_snapshot_0_has_none(self):
        stream = self.connected(self.stream(self.job, "snapshot=0"))
        self.assert_marker_is_next(stream)
        self.assertEqual(self.types(stream.frames), ["", "connected", "notice"])

    def test_names_0_writes_no_event_line_anywhere(self):
        self.publish_numbered(2)
        for query, count in (("names=0", 3), ("names=0&last_event_id=earliest", 4), ("names=0&last_event_id=x", 4)):
            frames = self.frames(count, query=query)
            self.assertEqual(set(self.types(frames[1:])), {"message"}, query)
            self.assertEqual(frames[1].json["type"], "connected")
        stream = self.connected(self.stream(self.job, "names=0&snapshot=0"))
        cursor, = self.publisher.publish(notice(self.job, "unnamed"))
        self.until(lambda: stream.events)
        self.assertEqual(stream.frames[-1].fields, ["id", "data"])
        self.assertEqual(stream.events[0][:2], ("message", cursor))

    def test_the_fields_of_an_event_are_id_event_data_on_one_line_each(self):
        stream = self.connected(self.stream(self.job))
        cursor, = self.publisher.publish(
            {"job": self.job, "progress": {"step": "tts", "fraction": 0.5, "message": "half\nway"}})
        self.until(lambda: stream.events)
        raw = stream.frames[-1].raw
        self.assertTrue(raw.startswith(f"id: {cursor}\nevent: step-progress\ndata: {{".encode()), raw)
        self.assertEqual(raw.count(b"\n"), 4)
        event = stream.frames[-1].json
        self.assertEqual((event["job"], event["seq"]), (self.job, str(seq_of(cursor))))
        self.assertEqual(event["progress"], {"step": "tts", "fraction": 0.5, "message": "half\nway"})
        self.assertIn("commitTime", event)

    def test_every_kind_has_its_name(self):
        kinds = [
            ({"status": {"state": "RUNNING"}}, "job-status"), ({"step": {"id": "a", "state": "STARTED"}}, "step-status"),
            ({"progress": {"step": "a", "done": 0, "total": 3}}, "step-progress"),
            ({"notice": {"severity": "INFO"}}, "notice"), ({"notice": {"severity": "WARNING"}}, "warning"),
            ({"notice": {"severity": "ERROR"}}, "job-error"), ({"output": {"line": {"text": "x"}}}, "output"),
            ({"custom": {"name": "shot-ready", "payload": {"n": 0}}}, "shot-ready"),
            ({"failed": {"code": "PROVIDER", "retryable": True}}, "job-failed"),
            ({"attempt": 2, "completed": {}}, "job-completed"),
        ]
        stream = self.connected(self.stream([self.job, f"{self.job}.c"]))
        self.publisher.publish([{"job": self.job, **members} for members, _ in kinds])
        self.publisher.publish({"job": f"{self.job}.c", "cancelled": {"actor": "user:7"}})
        self.until(lambda: len(stream.events) == len(kinds) + 1)
        self.assertEqual([type_ for type_, _, _ in stream.events], [type_ for _, type_ in kinds] + ["job-cancelled"])
        self.assertEqual(json.loads(stream.events[2][2])["progress"], {"step": "a", "done": 0, "total": 3})

    def test_an_event_of_several_resources_comes_once(self):
        stream = self.connected(self.stream([self.job, "user:several", "job:*"], "snapshot=0"))
        self.publisher.publish([notice(self.job, "1", resources=["user:several"]), notice(self.job, "2")])
        self.until(lambda: len(stream.events) >= 2)
        self.publisher.publish(notice(self.job, "3"))
        self.until(lambda: len(stream.events) >= 3)
        self.assertEqual(stream.texts(), ["1", "2", "3"])


class PlacesTest(StreamCase):
    def test_resuming_at_every_cursor_gives_the_next_event(self):
        cursors = self.publish_numbered(200)
        by_query = [self.stream(self.job, f"last_event_id={cursor}") for cursor in cursors]
        by_header = [self.stream(self.job, last_event_id=cursor) for cursor in cursors]
        marker, = self.publisher.publish(notice(self.job, "200"))
        for streams in (by_query, by_header):
            self.until(lambda: all(s.events and s.events[-1][1] == marker for s in streams), 30, "the last event")
            for n, stream in enumerate(streams):
                self.assertEqual(stream.connected["cursor"], cursors[n])
                self.assertEqual([id for _, id, _ in stream.events], cursors[n + 1:] + [marker])
                self.assertEqual(stream.texts(), [str(k) for k in range(n + 1, 201)])
                self.assertEqual(self.types(stream.frames[:3]), ["", "connected", "notice"])

    def test_the_header_beats_the_query(self):
        cursors = self.publish_numbered(5)
        frames = self.frames(3, query=f"last_event_id={cursors[0]}", last_event_id=cursors[3])
        self.assertEqual(frames[1].json["cursor"], cursors[3])
        self.assertEqual(frames[2].last_id, cursors[4])

    def test_an_empty_header_does_not_beat_the_query(self):
        cursors = self.publish_numbered(3)
        frames = self.frames(3, query=f"last_event_id={cursors[1]}", headers=["Last-Event-ID:"])
        self.assertEqual(frames[2].last_id, cursors[2])

    def test_a_cursor_resumes_any_set_of_resources(self):
        cursors = self.publisher.publish([notice(f"{self.job}.{n % 2}", str(n)) for n in range(10)])
        stream = self.stream([f"{self.job}.1", f"{self.job}.0"], last_event_id=cursors[4])
        self.until(lambda: len(stream.events) == 5)
        self.assertEqual(stream.texts(), ["5", "6", "7", "8", "9"])

    def test_with_a_cursor_snapshot_1_is_ignored(self):
        cursors = self.publish_numbered(2)
        frames = self.frames(3, query="snapshot=1", last_event_id=cursors[0])
        self.assertEqual(self.types(frames), ["", "connected", "notice"])

    def test_earliest_is_the_oldest_retained_event_without_snapshot(self):
        cursors = self.publish_numbered(3)
        for options in ({"query": "last_event_id=earliest"}, {"last_event_id": "earliest"}):
            frames = self.frames(5, **options)
            self.assertEqual(self.types(frames), ["", "connected", "notice", "notice", "notice"])
            self.assertEqual([frame.last_id for frame in frames[2:]], cursors)

    def test_latest_is_the_end_without_snapshot(self):
        cursors = self.publish_numbered(3)
        stream = self.connected(self.stream(self.job, "last_event_id=latest"))
        self.assertGreaterEqual(seq_of(stream.connected["cursor"]), seq_of(cursors[-1]))
        self.assert_marker_is_next(stream)
        self.assertEqual(self.types(stream.frames), ["", "connected", "notice"])

    def test_last_n_gives_the_newest_n_and_no_snapshot(self):
        cursors = self.publish_numbered(10)
        for wanted, have in ((1, 1), (4, 4), (10, 10), (11, 10), (1000, 10)):
            stream = self.stream(self.job, f"last={wanted}")
            self.until(lambda: len(stream.events) >= have)
            self.assertEqual([id for _, id, _ in stream.events], cursors[-have:])
            self.assertEqual(self.types(stream.frames), ["", "connected"] + ["notice"] * have)
            self.assertLess(seq_of(stream.connected["cursor"]), seq_of(cursors[-have]))

    def test_last_n_of_nothing_goes_on_with_the_tail(self):
        stream = self.connected(self.stream(self.job, "last=5"))
        self.assert_marker_is_next(stream)

    def test_a_cursor_beats_last_n(self):
        cursors = self.publish_numbered(5)
        frames = self.frames(3, query="last=5", last_event_id=cursors[3])
        self.assertEqual(frames[2].last_id, cursors[4])

    def test_fresh_gives_a_snapshot_of_these_and_the_missed_events_of_the_others(self):
        other = f"{self.job}.fresh"
        cursors = self.publisher.publish(
            [notice(job, text) for text in "012" for job in (self.job, other)])
        stream = self.stream([self.job, other], f"fresh={other}", last_event_id=cursors[1])
        self.until(lambda: len(stream.events) == 2)
        after = self.publisher.publish([notice(other, "new"), notice(self.job, "new")])
        self.until(lambda: len(stream.events) == 4)
        self.assertEqual(self.types(stream.frames), ["", "connected", "snapshot"] + ["notice"] * 4)
        self.assertEqual(stream.frames[2].json["resource"], other)
        self.assertEqual(stream.frames[2].fields, ["event", "data"])  # an id would skip what is still to come
        self.assertEqual([id for _, id, _ in stream.events], [cursors[2], cursors[4], *after])

    def test_fresh_with_nothing_missed(self):
        other = f"{self.job}.fresh"
        cursor = self.publisher.publish([notice(self.job, "0"), notice(other, "0")])[-1]
        stream = self.stream([self.job, other], f"fresh={other}", last_event_id=cursor)
        self.until(lambda: stream.named("snapshot"))
        self.assert_marker_is_next(stream)
        self.assertEqual(self.types(stream.frames), ["", "connected", "snapshot", "notice"])

    def test_types_lets_only_these_through_and_ids_go_on(self):
        mixed = [{"job": self.job, "status": {"state": "RUNNING", "message": "1"}}, notice(self.job, "2"),
                 {"job": self.job, "output": {"line": {"text": "3"}}}, notice(self.job, "4")]
        live = self.connected(self.stream(self.job, "types=notice,job-status"))
        cursors = self.publisher.publish(mixed)
        caught_up = self.stream(self.job, "types=notice,job-status&last_event_id=earliest")
        newest = self.stream(self.job, "types=notice&last=1")
        self.until(lambda: len(live.events) == 3 and len(caught_up.events) == 3 and newest.events)
        wanted = [("job-status", cursors[0]), ("notice", cursors[1]), ("notice", cursors[3])]
        for stream in (live, caught_up):
            self.assertEqual([event[:2] for event in stream.events], wanted)
        self.assertEqual(newest.events[0][1], cursors[3])

    def test_progress_latest_skips_older_progress_of_the_same_step_that_waits(self):
        def progress(step, done):
            return {"job": self.job, "progress": {"step": step, "done": done}}
        events = [progress(step, n) for n in range(50) for step in ("a", "b")]
        events.insert(40, notice(self.job, "kept"))
        events.append({"job": self.job, "attempt": 2, "progress": {"step": "a", "done": 1}})
        cursors = self.publisher.publish(events)
        stream = self.stream(self.job, "progress=latest&last_event_id=earliest")
        self.until(lambda: stream.events and stream.events[-1][1] == cursors[-1])
        self.assertEqual([id for _, id, _ in stream.events], [cursors[n] for n in (40, 99, 100, 101)])
        every = self.stream(self.job, "progress=all&last_event_id=earliest")
        self.until(lambda: len(every.events) == len(events))
        self.assertEqual([id for _, id, _ in every.events], cursors)


class ResetTest(StreamCase):
    def check_reset(self, cursor, reason, **options):
        other = f"{self.job}.b"
        frames = self.frames(5, [self.job, other], **(options or {"last_event_id": cursor}))
        self.assertEqual(self.types(frames), ["", "connected", "reset", "snapshot", "snapshot"])
        reset = frames[2]
        self.assertEqual(reset.fields, ["event", "data"])
        self.assertEqual(set(reset.json), {"type", "reason", "oldest"})
        self.assertEqual((reset.json["type"], reset.json["reason"]), ("reset", reason))
        self.assertRegex(reset.json["oldest"], CURSOR)
        self.assertEqual([frame.json["resource"] for frame in frames[3:]], [self.job, other])
        self.assertEqual([frame.fields for frame in frames[3:]], [["event", "data"], ["id", "event", "data"]])
        self.assertEqual(frames[4].last_id, frames[1].json["cursor"])

    def test_a_cursor_of_another_epoch(self):
        self.publish_numbered(1)
        self.check_reset("abcdefgh-1", "epoch")

    def test_a_cursor_of_the_future(self):
        cursor = self.publish_numbered(1)[0]
        self.check_reset(f"{cursor.partition('-')[0]}-{2**62}", "future")

    def test_what_is_no_cursor(self):
        epoch = self.publish_numbered(1)[0].partition("-")[0]
        for text in ("x", "earliest2", f"{epoch}", f"{epoch}-", f"{epoch}--1", f"{epoch}-1x", f"{epoch}-01",
                     f"{epoch.upper()}-1", f"{epoch}-18446744073709551616", "a" * 33, "a" * 5000, "-", "ABCDEFGH-1"):
            with self.subTest(text=text[:50]):
                self.check_reset(text, "malformed")

    def test_what_is_no_cursor_in_the_query(self):
        for text in ("%00", "%0Aid:%205", "%ff%fe", "%3C/script%3E", "a" * 4000):
            with self.subTest(text=text[:20]):
                self.check_reset("", "malformed", query=f"last_event_id={text}")

    def test_after_a_reset_the_stream_goes_on(self):
        stream = self.stream(self.job, last_event_id="abcdefgh-77")
        self.until(lambda: stream.named("snapshot"))
        self.assert_marker_is_next(stream)

    def test_with_names_0_too(self):
        frames = self.frames(4, query="names=0&last_event_id=abcdefgh-1")
        self.assertEqual([frame.json["type"] for frame in frames[1:4]], ["connected", "reset", "snapshot"])


class ExpiryTest(SharedCase):
    eventd_flags = ("--retention_mib=1",)

    def test_a_cursor_that_fell_out_of_retention_is_expired(self):
        first, = self.publisher.publish(notice("job:old", "0"))
        filler = [notice("job:filler", "x" * 30000) for _ in range(30)]
        for _ in range(4):
            last = self.publisher.publish(filler)[-1]
        stream = self.stream(["job:old", "job:filler"], last_event_id=first)
        self.until(lambda: len(stream.named("snapshot")) == 2)
        self.assertEqual(stream.resets[0]["reason"], "expired")
        oldest = stream.resets[0]["oldest"]
        self.assertGreater(seq_of(oldest), seq_of(first))
        self.assertFalse(stream.events)
        again = self.stream("job:filler", last_event_id=oldest)
        self.until(lambda: again.events and again.events[-1][1] == last)
        self.assertFalse(again.resets)
        earliest = self.stream("job:filler", "last_event_id=earliest")
        self.until(lambda: earliest.events and earliest.events[-1][1] == last)
        self.assertFalse(earliest.resets)


class HeartbeatTest(StreamCase):
    edge_flags = ("--heartbeat=200ms",)

    def heartbeats(self, stream):
        return [frame for frame in stream.frames if frame.raw.startswith(b": keepalive")]

    def test_connected_tells_the_period(self):
        self.assertEqual(self.frames(2)[1].json["heartbeat"], "0.200s")

    def test_a_comment_with_the_position_as_id_and_no_data(self):
        stream = self.connected(self.stream(self.job))
        self.until(lambda: len(self.heartbeats(stream)) >= 3)
        for frame in self.heartbeats(stream):
            self.assertRegex(frame.raw, rb"\A: keepalive \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\nid: [a-z0-9]{8}-\d+\n\n\Z")
            self.assertFalse(frame.dispatched)

    def test_its_id_advances_over_events_that_do_not_concern_the_stream(self):
        stream = self.connected(self.stream(self.job))
        cursor = self.publisher.publish([notice("job:somebody-else", str(n)) for n in range(20)])[-1]
        self.until(lambda: seq_of(stream.last_id) >= seq_of(cursor), what="the position to advance")
        self.assertFalse(stream.events)
        wanted, = self.publisher.publish(notice(self.job, "next"))
        again = self.stream(self.job, last_event_id=stream.last_id)
        self.until(lambda: again.events)
        self.assertEqual(again.events[0][1], wanted)

    def test_its_id_advances_over_what_was_filtered(self):
        stream = self.connected(self.stream(self.job, "types=job-status"))
        cursor = self.publish_numbered(5)[-1]
        self.until(lambda: seq_of(stream.last_id) >= seq_of(cursor), what="the position to advance")

    def test_as_an_event(self):
        stream = self.connected(self.stream(self.job, "heartbeat=event"))
        self.until(lambda: len(stream.named("heartbeat")) >= 2)
        for frame in stream.named("heartbeat"):
            self.assertEqual(frame.fields, ["id", "event", "data"])
            self.assertEqual(frame.json["type"], "heartbeat")
            self.assertEqual(frame.json["cursor"], frame.last_id)
        self.assertFalse(self.heartbeats(stream))

    def test_as_an_event_without_names(self):
        stream = self.stream(self.job, "heartbeat=event&names=0&snapshot=0")
        self.until(lambda: len(stream.frames) >= 4)
        self.assertEqual([frame.json["type"] for frame in stream.frames[1:4]], ["connected", "heartbeat", "heartbeat"])
        self.assertEqual(stream.frames[2].fields, ["id", "data"])

    def test_it_comes_only_after_silence(self):
        stream = self.connected(self.stream(self.job, "snapshot=0"))
        begun, allowed = time.monotonic(), 0
        for n in range(40):
            self.fleet.run_for(0.02)
            published = time.monotonic()
            self.publisher.publish(notice(self.job, str(n)))
            self.until(lambda: len(stream.events) == n + 1)
            # Between two writes lies no more than this: where the machine paused, a heartbeat was due.
            allowed += int((time.monotonic() - begun) / 0.2)
            begun = published
        self.assertLessEqual(len(self.heartbeats(stream)), allowed)


if __name__ == "__main__":
    unittest.main()

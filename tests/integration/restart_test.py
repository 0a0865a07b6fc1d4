"""Processes that die, stop and come back while browsers read: nothing is lost, nothing comes twice, nobody is sent away.

MILEPOST_LONG=1: more clients, more deaths, a stop of 30 s.
"""
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase  # noqa: E402
from clients import Load, Truth, get_json, notice, request, wait_ready  # noqa: E402
from servers import free_port, long_form  # noqa: E402


class RestartCase(MilepostCase):
    edge_flags = ("--heartbeat=200ms",)

    def reader(self, port, resources, **options):
        """A reader that knows where it began."""
        stream = self.fleet.events(port, resources, **options)
        stream.resources = resources
        return stream

    def all_begun(self, streams):
        """All have an id to come back with."""
        self.until(lambda: all(stream.named("snapshot") and stream.last_id for stream in streams), 20, "all snapshots")
        for stream in streams:
            stream.begin = stream.connected["cursor"]

    def check_exactly_once_in_order(self, streams, published):
        truth = Truth(published)
        for stream in streams:
            wanted = truth.ids(stream.resources, stream.begin)
            self.until(lambda: len(stream.events) >= len(wanted), 30, f"{len(wanted)} events of {stream.resources}")
            self.assertEqual([id for _, id, _ in stream.events], wanted)
        self.assertTrue(any(stream.events for stream in streams))


class EdgeKilledTest(RestartCase):
    def start(self):
        self.eventd = self.world.eventd()
        self.port = free_port()
        self.edge = self.world.edge(self.eventd, *self.edge_flags, port=self.port)
        self.other_edge = self.world.edge(self.eventd)
        for edge in (self.edge, self.other_edge):
            wait_ready(edge.port)

    def kill_and_restart(self, seconds_away):
        self.edge.kill()
        self.fleet.run_for(seconds_away)
        self.edge = self.world.edge(self.eventd, *self.edge_flags, port=self.port)

    def test_every_client_has_every_event_exactly_once_in_order(self):
        clients, rate, deaths = (50, 500, 12) if long_form() else (30, 250, 4)
        jobs = [f"job:k{n}" for n in range(10)]
        wishes = [[jobs[n % 10]] for n in range(clients - 5)]
        wishes += [jobs, ["user:7"], ["user:7", *jobs[:3]], jobs[5:], [jobs[0], "user:7"]]
        streams = [self.reader(self.port, wish, follow=True) for wish in wishes]
        self.all_begun(streams)
        # Half of the work comes through the edge that dies, and is sent again under the same key.
        load = Load([self.port, self.other_edge.port],
                    lambda n: notice(jobs[n % 10], str(n), **({"resources": ["user:7"]} if n % 10 == 3 else {})), rate)
        for death in range(deaths):
            before = {stream: len(stream.events) for stream in streams}
            self.until(lambda: all(len(s.events) >= before[s] + 3 for s in streams), 30, "events after a restart")
            self.kill_and_restart((0, 0.15, 0.4)[death % 3])
        published = load.stop()
        self.check_exactly_once_in_order(streams, published)
        self.assertTrue(all(stream.connects >= deaths for stream in streams))
        self.assertFalse(any(stream.resets for stream in streams))

    def test_a_cursor_of_one_edge_is_good_at_another(self):
        stream = self.reader(self.port, ["job:moving"])
        self.all_begun([stream])
        self.publisher = self.new_publisher(self.edge)
        cursors = self.publisher.publish([notice("job:moving", str(n)) for n in range(20)])
        self.until(lambda: len(stream.events) == 20)
        moved = self.fleet.events(self.other_edge.port, "job:moving", last_event_id=stream.events[9][1])
        self.until(lambda: len(moved.events) == 10)
        self.assertEqual([id for _, id, _ in moved.events], cursors[10:])


class EventdAwayTest(RestartCase):
    def start(self):
        self.port = free_port()
        self.eventd = self.world.eventd(port=self.port)
        self.edge = self.world.edge(self.port, *self.edge_flags)
        wait_ready(self.edge.port)
        self.publisher = self.new_publisher(self.edge)

    def poll_in_background(self, target):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(get_json(self.edge.port, target)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, answers

    def test_a_new_epoch_is_said_in_the_stream_and_browsers_stay_connected(self):
        wishes = [["job:a"], ["job:a", "job:b", "user:7"], ["job:*"]]
        streams = [self.reader(self.edge.port, wish) for wish in wishes]
        streams.append(self.reader(self.edge.port, ["job:a"], query="names=0"))
        job_stream = self.fleet.open(self.edge.port, "/v1/jobs/job:a/events")
        self.connected(job_stream)
        self.all_begun(streams)
        for restart in range(1, 4):
            self.publisher.publish([notice("job:a", str(n)) for n in range(5)])
            self.until(lambda: all(len(stream.events) == 6 * restart - 1 for stream in streams))
            old_epoch = streams[0].last_id.partition("-")[0]
            after = {stream: len(stream.frames) for stream in streams}
            thread, answers = self.poll_in_background("/v1/poll?resources=job:a&after=latest&wait=60")
            self.fleet.run_for(0.1)
            self.eventd.kill()
            status, headers, _ = request(self.edge.port, "POST", "/v1/events", {"Content-Type": "application/json"},
                                         b'{"job":"job:a","notice":{}}')
            self.assertEqual(status, 503)
            self.assertIn("retry-after", headers)
            self.eventd = self.world.eventd(port=self.port)
            self.until(lambda: all(len(s.resets) == restart for s in (*streams, job_stream)), 20, "reset")
            self.assertEqual({stream.resets[-1]["reason"] for stream in streams}, {"epoch"})
            self.until(lambda: all(len(s.named("snapshot")) == len(s.resources) * (restart + 1) for s in streams))
            for stream in streams:
                # After the reset: a snapshot of each resource, the last with the new epoch's id, and before it no id.
                frames = stream.frames[after[stream]:]
                texts = [frame.data for frame in frames if frame.dispatched]
                self.assertIn('"type":"reset"', texts[0])
                snapshots = [frame.json for frame in frames if '"type":"snapshot"' in frame.data]
                self.assertEqual([snapshot["resource"] for snapshot in snapshots], stream.resources)
                self.assertNotEqual(stream.last_id.partition("-")[0], old_epoch)
            thread.join(20)
            self.assertEqual(answers[0]["reset"]["reason"], "epoch")
            wait_ready(self.edge.port)
            self.publisher.publish(notice("job:a", "after"))
            self.until(lambda: all(len(stream.events) == 6 * restart for stream in streams))
        for stream in (*streams, job_stream):
            self.assertFalse(stream.closed)
            self.assertEqual(stream.connects, 1)

    def test_a_browser_that_comes_back_with_the_old_epoch_is_told_so(self):
        old, = self.publisher.publish(notice("job:a", "x"))
        self.eventd.kill()
        self.eventd = self.world.eventd(port=self.port)
        stream = self.stream("job:a", last_event_id=old)
        self.until(lambda: stream.named("snapshot"), 20)
        self.assertEqual(stream.resets[0]["reason"], "epoch")

    def test_who_comes_while_the_service_is_away_is_held_and_served(self):
        self.eventd.kill()
        held = [self.stream("job:a"), self.stream(["job:b", "job:c"], "last=5"), self.stream("job:d", last_event_id="x"),
                self.fleet.open(self.edge.port, "/v1/jobs/job:e/events")]
        comments = lambda s: [f for f in s.frames if f.raw.startswith(b": keepalive")]  # noqa: E731
        self.until(lambda: all(len(comments(stream)) >= 2 for stream in held), what="comments on held streams")
        for stream in held:
            self.assertEqual(stream.status, 200)
            self.assertTrue(stream.frames[0].raw.startswith(b"retry: "))
            self.assertTrue(all(b"\nid:" not in frame.raw for frame in comments(stream)))
        self.eventd = self.world.eventd(port=self.port)
        self.until(lambda: all(stream.connected for stream in held), 20, "connected")
        wait_ready(self.edge.port)
        self.publisher.publish([notice(f"job:{name}", "x") for name in "abde"])
        self.until(lambda: all(stream.events for stream in held))

    def test_the_service_stops_in_good_order_with_readers_there(self):
        streams = [self.stream(f"job:{n}") for n in range(20)]
        self.connected(*streams)
        self.eventd.terminate()
        self.assertEqual(self.eventd.wait(10), 0)
        self.eventd = self.world.eventd(port=self.port)
        self.until(lambda: all(stream.resets for stream in streams), 20, "reset")
        self.assertTrue(all(stream.connects == 1 and not stream.closed for stream in streams))

    def test_a_service_that_stops_for_a_while_costs_nothing(self):
        seconds = 30 if long_form() else 3
        jobs = [f"job:s{n}" for n in range(5)]
        streams = [self.reader(self.edge.port, wish) for wish in [[job] for job in jobs] + [jobs] * 3]
        quiet = self.reader(self.edge.port, ["job:quiet"])
        self.all_begun([*streams, quiet])
        load = Load(self.edge.port, lambda n: notice(jobs[n % 5], str(n)), 200)
        self.until(lambda: all(len(stream.events) > 10 for stream in streams))
        self.eventd.pause()
        before = len(quiet.frames)
        self.fleet.run_for(seconds)
        late = self.stream(jobs[0], last_event_id=streams[0].events[-1][1])
        later = self.stream("job:new")
        self.until(lambda: late.status == 200 and later.status == 200)
        counts = [len(stream.events) for stream in streams]
        heartbeats = [frame for frame in quiet.frames[before:] if frame.raw.startswith(b": keepalive")]
        self.assertGreater(len(heartbeats), seconds / 0.2 / 3)
        self.eventd.resume()
        self.until(lambda: all(len(s.events) > n + 20 for s, n in zip(streams, counts)), 30, "events after the stop")
        published = load.stop()
        self.check_exactly_once_in_order(streams, published)
        late.resources, late.begin = [jobs[0]], late.connected["cursor"]
        self.check_exactly_once_in_order([late], published)
        self.until(lambda: later.named("snapshot"), 15)
        for stream in (*streams, quiet, late, later):
            self.assertFalse(stream.closed)
            self.assertFalse(stream.resets)
            self.assertEqual(stream.connects, 1)


if __name__ == "__main__":
    unittest.main()

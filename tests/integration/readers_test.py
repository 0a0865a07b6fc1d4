"""Readers that do not read and readers that vanish: what they cost, and that nobody else notices.

MILEPOST_LONG=1: 200 readers that read beside the 200 that do not, and more data.
"""
import os
import socket
import statistics
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase  # noqa: E402
from clients import notice, request  # noqa: E402
from servers import long_form, sanitized  # noqa: E402

STALLED = 200
TEXT = "x" * 2000
TCP_REPAIR = 19  # <linux/tcp.h>: with it, close() says nothing to the other side


class StalledTest(MilepostCase):
    # What is kept on purpose is small and soon full, so that all growth after it is growth by mistake.
    eventd_flags = ("--retention_mib=2",)
    edge_flags = ("--feed_memory_mib=1",)

    def healthy_readers(self):
        streams = [self.stream("job:big", "snapshot=0", keep=False, on_event=self._count)
                   for _ in range(200 if long_form() else 25)]
        self.until(lambda: all(stream.status for stream in streams))
        self.counts = dict.fromkeys(streams, 0)
        return streams

    def _count(self, stream, event):
        self.counts[stream] += 1
        self.last_ids[stream] = event[1]

    def publish_and_see(self, count):
        """Publishes and waits until every healthy reader has it; the seconds that this took."""
        before = dict(self.counts)
        begun = time.monotonic()
        cursor = self.publisher.publish([notice("job:big", TEXT)] * count)[-1]
        self.until(lambda: all(self.last_ids.get(stream) == cursor for stream in self.counts), 20)
        self.assertTrue(all(self.counts[stream] == before[stream] + count for stream in before))
        return time.monotonic() - begun

    def memory(self):
        return self.edge.rss_kib(), self.eventd.rss_kib()

    def test_200_that_never_read_cost_a_constant_and_disturb_nobody(self):
        self.last_ids = {}
        self.healthy_readers()
        for _ in range(10):
            self.publish_and_see(50)
        alone = statistics.median(self.publish_and_see(1) for _ in range(40))
        stalled = [self.stream("job:big", "snapshot=0", receive_buffer=4096, keep=False) for _ in range(STALLED)]
        self.until(lambda: all(stream.status for stream in stalled))
        for stream in stalled:
            stream.stop_reading()
        # Warm-up: until their sockets are full and the stores turn over.
        for _ in range(20):
            self.publish_and_see(50)
        warm = self.memory()
        for _ in range(60 if long_form() else 20):
            self.publish_and_see(50)
        after = self.memory()
        beside = statistics.median(self.publish_and_see(1) for _ in range(40))
        self.assertLess(beside, max(5 * alone, alone + 0.05))
        if not sanitized():
            # 2 MB went by for each of the 200: a queue for each reader would have grown by 400 MB.
            for name, before, now in zip(("edge", "eventd"), warm, after):
                self.assertLess(now - before, 8 * 1024, f"KiB by which the {name} grew")


class CatchUpTest(MilepostCase):
    edge_flags = ("--feed_memory_mib=1",)

    def test_a_reader_that_begins_to_read_late_gets_all_in_order(self):
        names = [f"job:c{n}" for n in range(4)]
        wishes = [[names[n % 4]] for n in range(8)] + [names] * 4
        stalled = [self.stream(wish, "snapshot=0", receive_buffer=4096) for wish in wishes]
        self.connected(*stalled)
        for stream in stalled:
            stream.stop_reading()
        cursors = {name: [] for name in names}
        for _ in range(20):  # 8 MB, of which the edge keeps one
            batch = [notice(names[n % 4], TEXT) for n in range(200)]
            for event, cursor in zip(batch, self.publisher.publish(batch)):
                cursors[event["job"]].append(cursor)
        for stream in stalled[::2]:
            stream.go_on_reading()
        # Some catch up while new events come.
        for _ in range(50):
            batch = [notice(name, "live") for name in names]
            for event, cursor in zip(batch, self.publisher.publish(batch)):
                cursors[event["job"]].append(cursor)
            self.fleet.turn(0)
        for stream in stalled[1::2]:
            stream.go_on_reading()
        everything = sorted((c for ids in cursors.values() for c in ids), key=lambda c: int(c.partition("-")[2]))
        for stream, wish in zip(stalled, wishes):
            wanted = cursors[wish[0]] if len(wish) == 1 else everything
            self.until(lambda: len(stream.events) >= len(wanted), 40, "a stalled reader to catch up")
            self.assertEqual([id for _, id, _ in stream.events], wanted)
            self.assertEqual(stream.connects, 1)
            self.assertFalse(stream.resets)


class ExpiredWhileStalledTest(MilepostCase):
    eventd_flags = ("--retention_mib=1",)
    edge_flags = ("--feed_memory_mib=1",)

    def test_who_slept_past_retention_is_told_so_in_the_stream(self):
        stream = self.connected(self.stream(["job:e", "job:f"], "snapshot=0", receive_buffer=4096))
        stream.stop_reading()
        cursors = []
        for _ in range(40):
            cursors += self.publisher.publish([notice("job:e", TEXT) for _ in range(200)])
        stream.go_on_reading()
        self.until(lambda: stream.resets, 30, "reset")
        self.assertEqual(stream.resets[0]["reason"], "expired")
        self.until(lambda: len(stream.named("snapshot")) == 2)
        last, = self.publisher.publish(notice("job:e", "after"))
        self.until(lambda: stream.events[-1][1] == last)
        kinds = [frame.type for frame in stream.frames if frame.dispatched]
        reset = kinds.index("reset")
        self.assertEqual(kinds[reset:reset + 3], ["reset", "snapshot", "snapshot"])
        # What came before the gap has no gap of its own, and what comes after it is new.
        missing = len(cursors) + 1 - len(stream.events)
        before = kinds[:reset].count("notice")
        self.assertGreater(missing, 0)
        self.assertEqual([id for _, id, _ in stream.events], (cursors + [last])[:before] + (cursors + [last])[before + missing:])


class DeadlineTest(MilepostCase):
    edge_flags = ("--stall=1s", "--heartbeat=200ms")

    def test_a_reader_that_takes_nothing_for_the_stall_time_is_closed(self):
        healthy = self.connected(self.stream("job:d", "snapshot=0"))
        self.publisher.publish(notice("job:other", "connects the publisher"))
        base = self.edge.descriptors()
        stalled = [self.stream("job:d", "snapshot=0", receive_buffer=4096) for _ in range(20)]
        self.connected(*stalled)
        for stream in stalled:
            stream.stop_reading()
        count = 0
        while self.edge.descriptors() > base:
            self.publisher.publish([notice("job:d", TEXT) for _ in range(50)])
            count += 50
            self.until(lambda: len(healthy.events) == count)
            self.fleet.run_for(0.02)
            self.assertLess(count, 40000, "stalled readers are still connected")
        # They come back and miss nothing.
        stream = stalled[0]
        stream.go_on_reading()
        self.until(lambda: stream.closed, 20)
        again = self.stream("job:d", last_event_id=stream.last_id)
        self.until(lambda: len(stream.events) + len(again.events) >= count, 20)
        self.assertEqual([id for _, id, _ in stream.events + again.events], [id for _, id, _ in healthy.events])


class VanishingTest(MilepostCase):
    edge_flags = ("--heartbeat=200ms",)

    def setUp(self):
        super().setUp()
        self.watcher = self.connected(self.stream("job:v"))
        self.publisher.publish(notice("job:v", "0"))
        self.until(lambda: self.watcher.events)
        self.base = self.edge.descriptors(), self.eventd.descriptors()

    def check_all_gone(self):
        self.until(lambda: self.edge.descriptors() <= self.base[0] and self.eventd.descriptors() <= self.base[1],
                   what=f"descriptors to return to {self.base}")
        cursor, = self.publisher.publish(notice("job:v", "still here"))
        self.until(lambda: self.watcher.events[-1][1] == cursor)

    def visitors(self, count=100, **options):
        streams = [self.stream("job:v", **options) for _ in range(count)]
        self.connected(*streams)
        self.assertGreaterEqual(self.edge.descriptors(), self.base[0] + count)
        return streams

    def raw(self, *pieces):
        client = socket.create_connection(("127.0.0.1", self.edge.port))
        for piece in pieces:
            client.sendall(piece)
        return client

    def vanish(self, client):
        """Leaves without a word, as a machine does that loses power; where that is not permitted, with RST."""
        try:
            client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except PermissionError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def test_a_close(self):
        for stream in self.visitors():
            stream.close()
        self.check_all_gone()

    def test_a_reset(self):
        for stream in self.visitors():
            stream.reset()
        self.check_all_gone()

    def test_silence(self):
        for stream in self.visitors():
            self.fleet._unwatch(stream)
            self.vanish(stream.socket)
            stream.closed = True
        self.check_all_gone()

    def test_in_the_middle_of_frames(self):
        streams = self.visitors(40, receive_buffer=4096)
        for stream in streams:
            stream.stop_reading()
        for _ in range(20):
            self.publisher.publish([notice("job:v", TEXT) for _ in range(100)])
        for n, stream in enumerate(streams):
            stream.socket.setblocking(True)
            stream.socket.settimeout(10)
            self.assertTrue(stream.socket.recv(100))  # a piece of a frame
            (stream.close, stream.reset)[n % 2]()
        self.check_all_gone()

    def test_at_every_point_of_a_request(self):
        get = b"GET /v1/events?resources=job:v HTTP/1.1\r\nHost: x\r\n\r\n"
        post = (b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
                b'{"job":"job:v"')
        poll = b"GET /v1/poll?resources=job:v&after=latest&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n"
        job = b"GET /v1/jobs/job:v/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: abcdefgh-1\r\n\r\n"
        clients = []
        for whole in (get, post, poll, job):
            clients += [self.raw(whole[:length]) for length in range(1, len(whole) + 1, 7)] + [self.raw(whole)]
        for n, client in enumerate(clients):
            if n % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            client.close()
        self.check_all_gone()

    def test_waiting_polls(self):
        target = b"GET /v1/poll?resources=job:v,job:w&after=latest&wait=60 HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = [self.raw(target) for _ in range(50)]
        self.until(lambda: self.edge.descriptors() >= self.base[0] + 50)
        for client in clients:
            client.close()
        self.check_all_gone()

    def test_while_the_stream_is_held_for_the_service(self):
        self.eventd.pause()
        streams = [self.stream(f"job:held{n}") for n in range(50)]
        self.until(lambda: all(stream.status == 200 for stream in streams))
        for n, stream in enumerate(streams):
            (stream.close, stream.reset)[n % 2]()
        self.until(lambda: self.edge.descriptors() <= self.base[0])
        self.eventd.resume()
        self.check_all_gone()

    def test_thousands_that_come_and_go_leave_no_memory(self):
        def storm():
            for n in range(20):
                streams = self.visitors(50)
                for stream in streams:
                    (stream.close, stream.reset)[n % 2]()
            self.check_all_gone()
        storm()
        before = self.edge.rss_kib(), self.eventd.rss_kib()
        for _ in range(10 if long_form() else 3):
            storm()
        if not sanitized():
            self.assertLess(self.edge.rss_kib() - before[0], 2048)
            self.assertLess(self.eventd.rss_kib() - before[1], 2048)

    def test_a_client_that_ends_its_sending_is_gone(self):
        for stream in self.visitors(20):
            stream.socket.shutdown(socket.SHUT_WR)
        self.check_all_gone()

    def test_a_client_that_talks_on_a_stream_is_let_go(self):
        streams = self.visitors(5)
        for stream in streams:
            stream.socket.setblocking(True)
            try:
                for _ in range(100):
                    stream.socket.sendall(b"x" * 1000)
            except OSError:
                pass
            stream.socket.setblocking(False)
        self.until(lambda: all(stream.closed for stream in streams))
        self.check_all_gone()
        self.assertEqual(request(self.edge.port, "GET", "/healthz")[0], 200)


class LargeSnapshotTest(MilepostCase):
    """Snapshots of 80 patterns, each of two frames: together more than one answer of the service can hold."""

    PATTERNS = 80
    JOBS = 70

    def setUp(self):
        super().setUp()
        for p in range(self.PATTERNS):
            self.publisher.publish([{"job": f"job:p{p}.{n}", "metadata": {"k": "v" * 4000}, "status": {"state": "RUNNING"}}
                                    for n in range(self.JOBS)])
        self.names = [f"job:p{p}.*" for p in range(self.PATTERNS)]

    def check(self, stream):
        # The last one has the id.
        self.until(lambda: any(frame.raw.startswith(b"id: ") for frame in stream.named("snapshot")[-1:]), 60)
        snapshots = [frame.json for frame in stream.named("snapshot")]
        self.assertEqual(list(dict.fromkeys(snapshot["resource"] for snapshot in snapshots)), self.names)
        for name in self.names:
            frames = [snapshot for snapshot in snapshots if snapshot["resource"] == name]
            self.assertEqual(frames[-1]["more"], False)
            self.assertEqual(len({state["job"] for frame in frames for state in frame["jobs"]}), self.JOBS)
            # Who was slow in the middle of a snapshot gets it again from its beginning.
            self.assertIn(len(frames), (2, 3))

    def test_they_come_and_the_tail_follows(self):
        stream = self.stream(self.names)
        self.check(stream)
        self.assertEqual(len(stream.named("snapshot")), 2 * self.PATTERNS)
        self.assertEqual(len({frame.json["cursor"] for frame in stream.named("snapshot")}), 1)
        wanted, = self.publisher.publish(notice("job:p3.5", "x"))
        self.until(lambda: stream.events)
        self.assertEqual(stream.events[0][1], wanted)

    def test_after_a_reset_they_come_too(self):
        stream = self.stream(self.names, last_event_id="abcdefgh-1")
        self.check(stream)
        self.assertEqual([frame.type for frame in stream.frames[1:4]], ["connected", "reset", "snapshot"])

    def test_a_poll_that_wants_too_much_is_told_so(self):
        status, _, body = request(self.edge.port, "GET", f"/v1/poll?resources={','.join(self.names)}")
        self.assertEqual(status, 400)
        self.assertIn(b"resources", body)

    def test_readers_that_stall_in_them_keep_little(self):
        self.check(self.stream(self.names))
        before = self.edge.rss_kib()
        stalled = [self.stream(self.names, receive_buffer=4096) for _ in range(30)]
        for stream in stalled:
            self.until(lambda: stream.status)
            stream.stop_reading()
        # All had time to be sent what is sent to them: a reader that came later has it.
        self.check(self.stream(self.names))
        if not sanitized():
            self.assertLess(self.edge.rss_kib() - before, 30 * 2048)
        wanted, = self.publisher.publish(notice("job:p3.5", "x"))
        stalled[0].go_on_reading()
        self.check(stalled[0])
        self.until(lambda: stalled[0].events)
        self.assertEqual(stalled[0].events[0][1], wanted)


if __name__ == "__main__":
    unittest.main()

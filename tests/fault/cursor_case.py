"""What readers get who come with a cursor: the exact next events, or a reset, by streams and by poll."""
import bisect
import http.client
import json
import os
import random
import shutil
import tempfile

from cases import MilepostCase
from clients import Publisher, notice, quoted, seq_of, wait_ready
from servers import free_port, patience

JOB, OTHER = "job:ten", "job:other"
BATCH = 500
AT_ONCE = 100       # streams
FIRST_EVENTS = 3    # that are awaited on a stream
PAGE_EVENTS = 1000  # the limit of poll


class CursorCase(MilepostCase):
    eventd_flags = ()

    def start(self):
        self.scratch = tempfile.mkdtemp(prefix="milepost-cursors-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.random = random.Random(int(os.environ.get("MILEPOST_SEED", "1")))
        self.store, self.port = os.path.join(self.scratch, "store"), free_port()
        self.cursors = {}  # job: its events' cursors, in the log's order
        self.open(self.store)
        self.edge = self.new_edge()

    def open(self, store, *flags):
        """Starts the service on a store, where the edges look for it."""
        self.store = store
        self.eventd = self.world.start("milepost-eventd", f"--log=rocksdb:{store}", f"--listen=127.0.0.1:{self.port}",
                                       "--min_free_mib=0", *self.eventd_flags, *flags)

    def reopen(self, store=None):
        self.eventd.kill()
        self.open(store or self.store)
        wait_ready(self.edge.port)

    def new_edge(self):
        edge = self.world.edge(self.port)
        wait_ready(edge.port)
        return edge

    def publish(self, count, text="", other_every=0):
        """Events of JOB, and every so often one of OTHER, so that numbers are missing between those of JOB."""
        publisher = Publisher(self.edge.port)
        for at in range(0, count, BATCH):
            events = []
            for n in range(at, min(count, at + BATCH)):
                events.append(notice(JOB, text or str(n)))
                if other_every and n % other_every == 0:
                    events.append(notice(OTHER, text or str(n)))
            for event, cursor in zip(events, publisher.publish(events)):
                self.cursors.setdefault(event["job"], []).append(cursor)
        publisher.close()

    def after(self, seq):
        """The cursors of JOB's events after a number."""
        mine = self.cursors[JOB]
        return mine[bisect.bisect_right(mine, seq, key=seq_of):]

    def epoch(self):
        """That of the newest event."""
        return self.cursors[JOB][-1].partition("-")[0]

    def head(self):
        return max(seq_of(cursors[-1]) for cursors in self.cursors.values())

    # --- what one reader gets ---

    def poll(self, cursor, port=None, resources=JOB):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.edge.port, timeout=patience(20))
        try:
            connection.request("GET", f"/v1/poll?resources={resources}&after={quoted(cursor)}&wait=0")
            response = connection.getresponse()
            body = response.read()
            self.assertEqual(response.status, 200, (cursor, body))
            return json.loads(body)
        finally:
            connection.close()

    def check_poll(self, cursor, seq, port):
        page, wanted = self.poll(cursor, port), self.after(seq)
        self.assertIsNone(page["reset"], cursor)
        self.assertEqual([event["seq"] for event in page["events"]],
                         [str(seq_of(next_)) for next_ in wanted[:len(page["events"])]], cursor)
        # Pages end by count or by bytes, and say so.
        self.assertEqual(page["more"], len(page["events"]) < len(wanted), cursor)
        self.assertTrue(len(page["events"]) == min(len(wanted), PAGE_EVENTS) or len(json.dumps(page["events"])) > 1 << 19, cursor)

    def check_streams(self, cursors, port):
        """The first events on a stream of each of {cursor: its number}."""
        cursors = list(cursors.items())
        for at in range(0, len(cursors), AT_ONCE):
            streams = [(cursor, self.after(seq), self.fleet.events(port, JOB, last_event_id=cursor, receive_buffer=4096))
                       for cursor, seq in cursors[at:at + AT_ONCE]]
            self.until(lambda: all(len(stream.events) >= min(FIRST_EVENTS, len(wanted)) and stream.connected
                                   for _, wanted, stream in streams), 30, "the next events")
            for cursor, wanted, stream in streams:
                stream.close()
                self.fleet._streams.remove(stream)
                self.assertEqual((stream.resets, stream.named("snapshot")), ([], []), cursor)
                self.check_ids(stream, wanted[:len(stream.events)], cursor)

    def check_ids(self, stream, wanted, cursor=None):
        """A stream has these events and no others. Their ids carry the epoch in which they are sent."""
        ids = [id for _, id, _ in stream.events]
        self.assertEqual([seq_of(id) for id in ids], [seq_of(id) for id in wanted], cursor)
        self.assertLessEqual({id.partition("-")[0] for id in ids}, {self.epoch()}, cursor)

    def check_resume(self, cursors, port=None):
        """All of {cursor: its number} are honoured: by poll, and on streams."""
        port = port or self.edge.port
        for cursor, seq in cursors.items():
            self.check_poll(cursor, seq, port)
        self.check_streams(cursors, port)

    def check_tail(self, cursors, port=None):
        """Streams from the last cursors get the rest, and the event that comes then, and nothing else."""
        streams = [(seq, self.fleet.events(port or self.edge.port, JOB, last_event_id=cursor)) for cursor, seq in cursors.items()]
        self.connected(*[stream for _, stream in streams])
        self.publish(1, "the next one")
        for seq, stream in streams:
            wanted = self.after(seq)
            self.until(lambda: len(stream.events) >= len(wanted), what="the rest")
            self.check_ids(stream, wanted)
            self.assertEqual(stream.resets, [])
            stream.close()

    def check_resets(self, wanted, oldest_seq, port=None, by_header=True):
        """All of {cursor: reason} are told so, in every way to say a cursor; they get snapshots and what comes then."""
        port = port or self.edge.port
        ways = []  # (cursor, stream)
        for cursor in wanted:
            said = f"last_event_id={quoted(cursor)}"
            ways.append((cursor, self.fleet.events(port, [JOB, OTHER], said)))
            ways.append((cursor, self.fleet.open(port, f"/v1/jobs/{JOB}/events?{said}")))
            if by_header:
                ways.append((cursor, self.fleet.events(port, JOB, last_event_id=cursor)))
        self.until(lambda: all(stream.last_id and stream.named("snapshot") for _, stream in ways), 20,
                   f"snapshots: {[(cursor[:40], s.status) for cursor, s in ways if not s.named('snapshot')]}")
        before, oldest = len(self.cursors[JOB]), set()
        for cursor, stream in ways:
            self.assertEqual(len(stream.resets), 1, cursor)
            oldest.add(self.check_reset(cursor, wanted[cursor], stream.resets[0], oldest_seq))
        for cursor in wanted:
            page = self.poll(cursor, port)
            self.assertIsNotNone(page["reset"], cursor)
            oldest.add(self.check_reset(cursor, wanted[cursor], page["reset"], oldest_seq))
            self.assertEqual([snapshot["resource"] for snapshot in page["snapshots"]], [JOB], cursor)
            self.assertEqual((page["events"], page["cursor"].partition("-")[2]), ([], str(self.head())), cursor)
        self.publish(1, "after the reset")
        for cursor, stream in ways:
            self.until(lambda: stream.events, what="what comes after the reset")
            self.assertEqual([id for _, id, _ in stream.events], self.cursors[JOB][before:], cursor)
            stream.close()
        return oldest

    def check_reset(self, cursor, reason, reset, oldest_seq):
        """`oldest` of the reset, which must be a cursor of that number."""
        self.assertEqual((reset["type"], reset["reason"]), ("reset", reason), cursor)
        self.assertEqual(seq_of(reset["oldest"]), oldest_seq, cursor)
        return reset["oldest"]

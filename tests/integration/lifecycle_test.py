"""Starting, stopping, bad flags, taken ports, a service that is not there yet; one write for one batch; curl."""
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase, skip  # noqa: E402
from clients import Load, Truth, notice, request, seq_of, wait_ready  # noqa: E402
from servers import World, free_port, patience  # noqa: E402

PROGRAMS = ("milepost-eventd", "milepost-edge")
LINES_OF_AN_OUTAGE = ("trunk closed", "the event service is away")


class StartTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def run_to_end(self, name, *flags):
        """(exit status, standard output, standard error)."""
        process = self.world.start(name, *flags, ready=False)
        return process.wait(10), process.stdout(), process.stderr()

    def test_a_taken_port(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for name in PROGRAMS:
                status, out, error = self.run_to_end(name, f"--listen=127.0.0.1:{port}")
                self.assertEqual(status, 1, name)
                self.assertNotIn("listening on", out)
                sentence = [line for line in error.splitlines() if str(port) in line and "cannot listen" in line]
                self.assertTrue(sentence, error)
                self.assertRegex(sentence[-1], "taken|in use")

    def test_the_same_program_twice(self):
        for name in PROGRAMS:
            first = self.world.start(name, "--listen=127.0.0.1:0")
            status, _, error = self.run_to_end(name, f"--listen={first.address}")
            self.assertEqual(status, 1, name)
            self.assertIn(str(first.port), error)

    def test_an_address_that_is_not_ours(self):
        for name in PROGRAMS:
            status, _, error = self.run_to_end(name, "--listen=192.0.2.1:0")
            self.assertEqual(status, 1, name)
            self.assertIn("192.0.2.1", error)

    def test_bad_flags(self):
        common = [["--nonsense"], ["--listen=nonsense"], ["--listen=127.0.0.1:99999"], ["--listen=127.0.0.1:-1"],
                  ["--listen=127.0.0.1:"], ["--listen=:80"], ["--log_format=xml"], ["argument"], ["--flagfile=/nonexistent"]]
        eventd = [["--log=paper"], ["--retention_mib=many"], ["--retention_age=never"], ["--drain=x"]]
        edge = [["--eventd=nonsense"], ["--eventd=127.0.0.1:0"], ["--threads=-1"], ["--threads=65"], ["--threads=x"],
                ["--heartbeat=1ms"], ["--heartbeat=2m"], ["--heartbeat=10"], ["--stall=1ms"], ["--drain_window=9s"],
                ["--feed_memory_mib=0"]]
        for name, tables in zip(PROGRAMS, ((common, eventd), (common, edge))):
            for flags in (flags for table in tables for flags in table):
                with self.subTest(name=name, flags=flags):
                    status, out, error = self.run_to_end(name, *flags)
                    self.assertEqual(status, 2, error)
                    self.assertEqual(out, "")
                    word = re.split("[=-]+", flags[0])[1] if flags[0].startswith("--") else flags[0]
                    self.assertIn(word, error)

    def test_help(self):
        for name, flags in zip(PROGRAMS, (("listen", "log"), ("listen", "eventd", "heartbeat", "stall"))):
            process = self.world.start(name, "--help", ready=False)
            process.wait(10)
            text = process.stdout() + process.stderr()
            for flag in flags:
                self.assertIn(f"--{flag}", text)

    def test_readiness_is_one_line_and_a_stop_may_follow_at_once(self):
        for name in PROGRAMS * 5:
            process = self.world.start(name, "--listen=127.0.0.1:0")
            process.terminate()
            self.assertEqual(process.wait(10), 0, name)
            self.assertRegex(process.address, r"\A127\.0\.0\.1:\d+\Z")
            self.assertEqual(process.stdout(), "")

    def test_lines_of_the_json_log_are_json(self):
        eventd = self.world.eventd("--log_format=json")
        gone = self.world.eventd()
        edge = self.world.edge(gone, "--log_format=json")
        wait_ready(edge.port)
        # A service that goes away gives the edge words of others to log.
        gone.kill()
        deadline = time.monotonic() + patience(10)
        while not all(line in edge.stderr() for line in LINES_OF_AN_OUTAGE) and time.monotonic() < deadline:
            time.sleep(0.05)
        for line in LINES_OF_AN_OUTAGE:
            self.assertIn(line, edge.stderr())
        for process in (eventd, edge):
            process.terminate()
            self.assertEqual(process.wait(10), 0)
            for line in process.stderr().splitlines():
                self.assertLessEqual({"time", "level", "message"}, set(json.loads(line)))

    def test_a_flagfile(self):
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"milepost-flags-{os.getpid()}")
        self.addCleanup(os.remove, path)
        with open(path, "w") as file:
            file.write("--listen=127.0.0.1:0\n")
        for name in PROGRAMS:
            self.world.start(name, f"--flagfile={path}")

    def test_interrupt_stops_as_terminate_does(self):
        for name in PROGRAMS:
            process = self.world.start(name, "--listen=127.0.0.1:0")
            process.signal(signal.SIGINT)
            self.assertEqual(process.wait(10), 0)


class StoreTest(unittest.TestCase):
    def test_a_store_has_one_writer(self):
        world = World()
        self.addCleanup(world.close)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        log = f"--log=rocksdb:{scratch.name}/store"
        first = world.start("milepost-eventd", log, "--listen=127.0.0.1:0")
        # The second one is told what is wrong, and the first one keeps its place for the third one to miss too.
        for _ in range(2):
            other = world.start("milepost-eventd", log, "--listen=127.0.0.1:0", ready=False)
            try:
                self.assertEqual(other.wait(10), 1)
            except subprocess.TimeoutExpired:
                self.fail(f"two processes write one store:\n{other.stderr()}")
            self.assertNotIn("listening on", other.stdout())
            self.assertIn("is in use by another process", other.stderr())
        first.kill()
        world.start("milepost-eventd", log, "--listen=127.0.0.1:0")


class ServiceNotThereYetTest(MilepostCase):
    def start(self):
        self.port = free_port()
        self.edge = self.world.edge(self.port, "--heartbeat=200ms")

    def test_the_edge_starts_holds_streams_says_not_ready_and_heals(self):
        status, headers, _ = request(self.edge.port, "GET", "/readyz")
        self.assertEqual((status, "retry-after" in headers), (503, True))
        self.assertEqual(request(self.edge.port, "GET", "/healthz")[0], 200)
        held = [self.stream(["job:a", "job:b"]), self.stream("job:a", "last=3"), self.stream("job:a", "names=0&heartbeat=event"),
                self.stream("job:a", last_event_id="abcdefgh-5"), self.fleet.open(self.edge.port, "/v1/jobs/job:a/events"),
                self.fleet.open(self.edge.port, "/v1/events:watch", method="POST", body={"resources": ["job:a"]})]
        held += [self.stream(f"job:{n}") for n in range(50)]
        self.until(lambda: all(len(stream.frames) >= 4 for stream in held), what="comments")
        for stream in held:
            self.assertEqual((stream.status, stream.headers["content-type"]), (200, "text/event-stream"))
            self.assertTrue(stream.frames[0].raw.startswith(b"retry: "))
            self.assertIsNone(stream.connected)
            self.assertEqual(stream.last_id, "abcdefgh-5" if stream is held[3] else "")
        publisher = self.new_publisher(self.edge)
        status, problem = publisher.post(notice("job:a", "too early"))
        self.assertEqual((status, problem["status"]), (503, 503))
        self.assertIn("retry-after", publisher.headers)
        self.assertIn(request(self.edge.port, "GET", "/v1/poll?resources=job:a")[0], (200, 503))

        self.world.eventd(port=self.port)
        wait_ready(self.edge.port)
        self.until(lambda: all(stream.connected for stream in held), 20, "connected")
        self.until(lambda: len(held[0].named("snapshot")) == 2 and held[3].resets)
        publisher.publish(notice("job:a", "hello"))
        self.until(lambda: all(stream.events for stream in held[:6]))
        for stream in held:
            self.assertEqual(stream.connects, 1)
            self.assertFalse(stream.closed)

    def test_an_edge_without_a_service_stops_in_good_order(self):
        held = [self.stream("job:a") for _ in range(10)]
        self.until(lambda: all(stream.status for stream in held))
        self.edge.terminate()
        self.until(lambda: all(stream.closed for stream in held))
        self.assertEqual(self.edge.wait(10), 0)
        self.assertTrue(all(stream.frames[-1].json["reason"] == "draining" for stream in held))


class StopTest(MilepostCase):
    def test_terminate_says_goodbye_to_every_stream_and_ends_within_10_s(self):
        load = Load(self.world.edge(self.eventd).port, lambda n: notice("job:a", str(n)), 200)
        streams = [self.stream("job:a") for _ in range(50)] + [self.stream("job:quiet", "names=0")]
        self.until(lambda: all(stream.named("snapshot") for stream in streams))
        begins = [stream.connected["cursor"] for stream in streams]
        self.until(lambda: all(len(stream.events) > 5 for stream in streams[:-1]))
        begun = time.monotonic()
        self.edge.terminate()
        self.until(lambda: all(stream.closed for stream in streams), 15)
        self.assertEqual(self.edge.wait(10), 0)
        self.assertLess(time.monotonic() - begun, patience(10))
        truth = Truth(load.stop())
        for stream, begin in zip(streams, begins):
            self.assertIsNone(stream.error)
            self.assertTrue(stream.chunks.ended, "the last chunk")
            retry, goodbye = stream.frames[-2:]
            self.assertRegex(retry.raw, rb"\Aretry: \d+\n\n\Z")
            self.assertTrue(1000 <= stream.decoder.retry_ms <= 5000)
            self.assertEqual(goodbye.json, {"type": "goodbye", "reason": "draining"})
            self.assertNotIn("id", goodbye.fields)
            # Nothing is missing before the goodbye.
            wanted = truth.ids(stream.connected["resources"], begin)
            self.assertEqual([id for _, id, _ in stream.events], wanted[:len(stream.events)])
        self.assertGreater(len({stream.decoder.retry_ms for stream in streams}), 10)

    def test_goodbyes_are_spread_over_the_window(self):
        streams = [self.stream("job:a") for _ in range(20)]
        self.connected(*streams)
        self.edge.terminate()
        self.until(lambda: any(stream.closed for stream in streams))
        self.assertLess(sum(stream.closed for stream in streams), 15)
        self.until(lambda: all(stream.closed for stream in streams))

    def test_waiting_polls_are_answered(self):
        cursor, = self.publisher.publish(notice("job:a", "x"))
        connection = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", f"/v1/poll?resources=job:a&after={cursor}&wait=60")
        self.assertFalse(select.select([connection.sock], [], [], 0.3)[0])
        self.edge.terminate()
        response = connection.getresponse()
        self.assertEqual((response.status, json.loads(response.read())["events"]), (200, []))
        self.assertEqual(self.edge.wait(10), 0)

    def test_readers_that_do_not_read_do_not_hold_it_up(self):
        streams = [self.stream("job:a", receive_buffer=4096) for _ in range(20)]
        self.connected(*streams)
        for stream in streams:
            stream.stop_reading()
        for _ in range(60):
            self.publisher.publish([notice("job:a", "x" * 2000) for _ in range(50)])
        begun = time.monotonic()
        self.edge.terminate()
        self.assertEqual(self.edge.wait(10), 0)
        self.assertLess(time.monotonic() - begun, patience(10))

    def test_eventd_stops_within_10_s_with_edges_connected_and_publishes_under_way(self):
        load = Load(self.edge.port, lambda n: notice("job:a", str(n)), 500)
        stream = self.connected(self.stream("job:a", "snapshot=0"))
        self.until(lambda: len(stream.events) > 50)
        begun = time.monotonic()
        self.eventd.terminate()
        self.assertEqual(self.eventd.wait(10), 0)
        self.assertLess(time.monotonic() - begun, patience(10))
        # What was acknowledged was delivered; the load goes on trying and must be stopped without an answer.
        load._stop_asked.set()
        self.fleet.run_for(0.5)
        acked = [cursor for _, cursor in list(load.published)]
        got = [id for _, id, _ in stream.events]
        self.assertEqual(got[:len(acked)], [c for c in acked if seq_of(c) > seq_of(stream.connected["cursor"])][:len(got)])
        self.assertFalse(stream.closed)


class OneWriteTest(MilepostCase):
    """A batch leaves each connection in one write.

    Seen from the client: the kernel counts the segments with data that came (tcpi_data_segs_in). Over the loopback a
    write of less than 64 KiB is one segment, and two writes are two, as the first test makes sure.
    """

    def segments(self, stream):
        info = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return struct.unpack_from("I", info, 152)[0]

    def test_the_count_tells_writes_apart(self):
        stream = self.connected(self.stream("job:w", "snapshot=0"))
        for _ in range(10):
            before = self.segments(stream)
            for n in range(2):
                count = len(stream.events)
                self.publisher.publish(notice("job:w", "x"))
                self.until(lambda: len(stream.events) == count + 1)
            self.assertEqual(self.segments(stream) - before, 2)

    def test_a_batch_is_one_write_on_every_connection(self):
        streams = [self.stream("job:w", "snapshot=0") for _ in range(20)]
        streams += [self.stream(["job:w", "user:7", "job:x"], "snapshot=0") for _ in range(5)]
        streams += [self.stream("job:*", "snapshot=0&types=notice") for _ in range(5)]
        self.connected(*streams)
        for size in [50] * 30 + [2, 10, 200] * 3:
            before = [self.segments(stream) for stream in streams]
            count = [len(stream.events) for stream in streams]
            self.publisher.publish([notice("job:w", str(n), resources=["user:7"]) for n in range(size)])
            self.until(lambda: all(len(s.events) == n + size for s, n in zip(streams, count)))
            self.assertEqual([self.segments(s) - n for s, n in zip(streams, before)], [1] * len(streams), f"batch of {size}")

    def test_the_system_calls_of_a_batch(self):
        # A second witness, where it may be heard: what the segments say is checked everywhere.
        tracer = shutil.which("strace")
        if not tracer:
            return
        streams = [self.stream("job:w", "snapshot=0") for _ in range(5)]
        self.connected(*streams)
        self.publisher.publish(notice("job:w", "warm"))
        self.until(lambda: all(stream.events for stream in streams))
        trace = subprocess.Popen([tracer, "-f", "-qq", "-e", "trace=sendmsg,write,writev,sendto", "-s", "40",
                                  "-p", str(self.edge.pid)], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(trace.wait)
        self.addCleanup(trace.stderr.close)
        self.addCleanup(trace.kill)
        for _ in range(100):  # until it is attached
            with open(f"/proc/{self.edge.pid}/status") as status:
                if "TracerPid:\t0\n" not in status.read():
                    break
            time.sleep(0.05)
        else:
            return
        self.publisher.publish([notice("job:w", str(n)) for n in range(50)])
        self.until(lambda: all(len(stream.events) == 51 for stream in streams))
        trace.send_signal(signal.SIGINT)
        text = trace.stderr.read().decode()
        calls = [line for line in text.splitlines() if re.search(r"(sendmsg|writev?|sendto)\(", line) and "event: notice" in line]
        self.assertEqual(len(calls), len(streams), text[:3000])


class CurlTest(MilepostCase):
    def test_curl_sees_events_as_they_come(self):
        if not shutil.which("curl"):
            skip(self, "curl is not installed")
        curl = subprocess.Popen(["curl", "-sSN", f"http://127.0.0.1:{self.edge.port}/v1/events?resources=job:42"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(curl.stdout.close)
        self.addCleanup(curl.stderr.close)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.kill)
        text = b""

        def read_until(wanted):
            nonlocal text
            deadline = time.monotonic() + patience(10)
            while wanted not in text:
                self.assertTrue(select.select([curl.stdout], [], [], max(0, deadline - time.monotonic()))[0], text)
                text += os.read(curl.stdout.fileno(), 65536)
        read_until(b"event: snapshot")
        for n in range(3):
            self.publisher.publish(notice("job:42", f"text {n}"))
            read_until(f"text {n}".encode())
        self.assertEqual(text.count(b"\nevent: notice\ndata: {"), 3)
        self.edge.terminate()
        self.assertEqual(curl.wait(15), 0)  # the body ended as it should
        self.assertIn(b"goodbye", text + curl.stdout.read())


if __name__ == "__main__":
    unittest.main()

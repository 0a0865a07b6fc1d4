"""Browsers and publishers on raw sockets.

A Fleet is many readers in one thread: nothing happens but inside its run_until, so that tests need no locks. A
Publisher is one keep-alive connection.
"""
import bisect
import http.client
import itertools
import json
import os
import selectors
import socket
import struct
import threading
import time
import urllib.parse

from servers import patience
from sse import Chunks, Decoder, StreamError

OWN_FRAMES = {"connected", "snapshot", "reset", "goodbye", "heartbeat"}


def kind_of(frame):
    """The frame's event name; with names=0, what the stream's own frames say in their data."""
    if frame.type == "message" and frame.data.startswith('{"type":'):
        return frame.json["type"]
    return frame.type


def parse_head(raw):
    """(status, {lower-case name: value}) of a response's head without its blank line."""
    lines = raw.decode("ascii").split("\r\n")
    version, status, _ = lines[0].split(" ", 2)
    if version != "HTTP/1.1":
        raise StreamError(f"bad status line {lines[0]!r}")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or name.lower() in headers:
            raise StreamError(f"bad or repeated header {line!r}")
        headers[name.lower()] = value.strip()
    return int(status), headers


class Stream:
    """One reader of a stream; driven by its Fleet.

    `frames` has every frame of this connection; `events` the events alone, over all connections, as (type, id, data).
    With `follow`, it does what a browser does: when the connection ends it comes back with its last event id.
    """

    def __init__(self, fleet, port, target, last_event_id=None, headers=(), method="GET", body=None, follow=False,
                 receive_buffer=None, on_event=None, keep=True):
        self._fleet = fleet
        self.port = port
        self.target = target
        self.follow = follow
        self.last_id = last_event_id or ""
        self._headers = headers
        self._method = method
        self._body = body
        self._receive_buffer = receive_buffer
        self._on_event = on_event
        self._keep = keep
        self.reading = True
        self.events = []
        self.resets = []
        self.connects = 0
        self.failed_connects = 0
        self._open()

    def _open(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if self._receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        self.status = None
        self.headers = {}
        self.head_raw = b""
        self.frames = []
        self.reads = []   # bytes of each recv, with `keep`
        self.closed = False
        self.error = None
        self.chunks = Chunks()
        self.decoder = Decoder()
        self.decoder.last_id = self.last_id
        self._connected = False
        self.socket.connect_ex(("127.0.0.1", self.port))
        self._fleet._watch(self, selectors.EVENT_WRITE)

    def _request(self):
        lines = [f"{self._method} {self.target} HTTP/1.1", "Host: test", *self._headers]
        if self.last_id:
            lines.append(f"Last-Event-ID: {self.last_id}")
        body = b""
        if self._body is not None:
            body = json.dumps(self._body).encode()
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _on_writable(self):
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.failed_connects += 1
            return self._end(OSError(error, os.strerror(error)))
        request = self._request()
        sent = self.socket.send(request)
        assert sent == len(request)
        self._connected = True
        self.connects += 1
        self._fleet._watch(self, selectors.EVENT_READ if self.reading else 0)

    def _on_readable(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            return self._end(error)
        if not data:
            return self._end(None)
        if self._keep:
            self.reads.append(data)
        if self.status is None:
            self.head_raw += data
            head, blank, data = self.head_raw.partition(b"\r\n\r\n")
            if not blank:
                return
            self.head_raw = head
            self.status, self.headers = parse_head(head)
            self.plain_body = b""
        if self.headers.get("transfer-encoding") != "chunked":
            self.plain_body += data
            return
        for frame in self.decoder.feed(self.chunks.feed(data)):
            self._on_frame(frame)

    def _on_frame(self, frame):
        if self._keep:
            self.frames.append(frame)
        self.last_id = frame.last_id
        if not frame.dispatched:
            return
        kind = kind_of(frame)
        if kind in OWN_FRAMES:
            if kind == "reset":
                self.resets.append(frame.json)
            return
        event = (frame.type, frame.last_id, frame.data)
        if self._on_event:
            self._on_event(self, event)
        else:
            self.events.append(event)

    def _end(self, error):
        self.error = error
        self._fleet._unwatch(self)
        self.socket.close()
        self.closed = True
        if self.follow:
            self._fleet._later(0.02, self._reopen)

    def _reopen(self):
        if self.closed and self.follow:
            self._open()

    # --- what tests do ---

    def stop_reading(self):
        self.reading = False
        if self._connected and not self.closed:
            self._fleet._watch(self, 0)

    def go_on_reading(self):
        self.reading = True
        if self._connected and not self.closed:
            self._fleet._watch(self, selectors.EVENT_READ)

    def close(self):
        self.follow = False
        if not self.closed:
            self._fleet._unwatch(self)
            self.socket.close()
            self.closed = True

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    @property
    def connected(self):
        """The data of the `connected` frame, or None."""
        return next((frame.json for frame in self.frames if kind_of(frame) == "connected"), None)

    def named(self, type_):
        return [frame for frame in self.frames if kind_of(frame) == type_ and frame.dispatched]

    def texts(self):
        """The texts of the notices among the events."""
        return [json.loads(data)["notice"]["text"] for _, _, data in self.events]


class Fleet:
    """Readers that are driven together."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []
        self._streams = []
        self._watched = {}

    def open(self, port, target, **options):
        stream = Stream(self, port, target, **options)
        self._streams.append(stream)
        return stream

    def events(self, port, resources, query="", **options):
        """A stream of GET /v1/events."""
        names = resources if isinstance(resources, str) else ",".join(resources)
        return self.open(port, f"/v1/events?resources={names}{'&' + query if query else ''}", **options)

    def _watch(self, stream, mask):
        self._unwatch(stream)
        if mask:
            self._selector.register(stream.socket, mask, stream)
            self._watched[stream] = mask

    def _unwatch(self, stream):
        if self._watched.pop(stream, 0):
            self._selector.unregister(stream.socket)

    def _later(self, seconds, call):
        self._timers.append((time.monotonic() + seconds, call))

    def turn(self, seconds):
        """Handles what there is; waits at most so long for it."""
        if self._timers:
            seconds = min(seconds, max(0, min(due for due, _ in self._timers) - time.monotonic()))
        for key, mask in self._selector.select(seconds):
            stream = key.data
            if self._watched.get(stream) != mask:
                continue
            stream._on_writable() if mask == selectors.EVENT_WRITE else stream._on_readable()
        now = time.monotonic()
        due = [call for at, call in self._timers if at <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for call in due:
            call()

    def run_until(self, condition, seconds=10, what=""):
        """Runs until `condition()`; after `seconds` the test has failed."""
        deadline = time.monotonic() + patience(seconds)
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"waited {patience(seconds)} s in vain {('for ' + what) if what else ''}")
            self.turn(min(left, 0.05))

    def run_for(self, seconds):
        """Lets so much time pass: only where a test is about time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.turn(left)

    def close(self):
        for stream in self._streams:
            stream.close()
        self._selector.close()


class Publisher:
    """POST /v1/events over one connection."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience(20))

    def post(self, events, key=None, content_type="application/json"):
        """(status, parsed body). `events`: what JSON is made of, or ready bytes."""
        body = events if isinstance(events, bytes) else json.dumps(events).encode()
        headers = {"Content-Type": content_type}
        if key:
            headers["Idempotency-Key"] = key
        self._connection.request("POST", "/v1/events", body, headers)
        response = self._connection.getresponse()
        text = response.read()
        self.headers = dict((name.lower(), value) for name, value in response.getheaders())
        return response.status, json.loads(text)

    def publish(self, events, key=None):
        """The cursors of the events, all of which must be taken."""
        status, answer = self.post(events, key)
        if status != 200:
            raise AssertionError(f"not published: {status} {answer}")
        if errors := [result["error"] for result in answer["results"] if "error" in result]:
            raise AssertionError(f"{len(errors)} of {len(answer['results'])} not published: {errors[:3]}")
        return [result["cursor"] for result in answer["results"]]

    def close(self):
        self._connection.close()


def request(port, method, target, headers=None, body=None):
    """(status, {lower-case name: value}, body bytes) of one request on its own connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience(20))
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def get_json(port, target):
    status, _, body = request(port, "GET", target)
    if status != 200:
        raise AssertionError(f"GET {target}: {status} {body!r}")
    return json.loads(body)


def quoted(text):
    return urllib.parse.quote(text, safe="")


def notice(job, text, **members):
    return {"job": job, "notice": {"severity": "INFO", "text": text}, **members}


def seq_of(cursor):
    return int(cursor.rpartition("-")[2])


def wait_ready(port, seconds=15):
    """Asks /readyz until it says yes."""
    deadline = time.monotonic() + patience(seconds)
    while request(port, "GET", "/readyz")[0] != 200:
        if time.monotonic() > deadline:
            raise AssertionError("the edge did not get ready")
        time.sleep(0.02)


class Load(threading.Thread):
    """Publishes at a steady rate until it is stopped: `batch` events at once, made by make(n) for n = 0, 1, 2…

    What the edge or the service cannot take now is sent again under the same key, as a careful worker does it. Give it
    one port, or several to be used in turn.
    """

    def __init__(self, ports, make, rate, batch=5):
        super().__init__(daemon=True)
        self._ports = [ports] if isinstance(ports, int) else list(ports)
        self._publishers = {}
        self._make = make
        self._batch = batch
        self._pause = batch / rate
        self._stop_asked = threading.Event()
        self._error = None
        self.published = []  # (event, cursor) in the order of the log; appended to while it runs
        self.retries = 0
        self.start()

    def run(self):
        try:
            due, number = time.monotonic(), 0
            while not self._stop_asked.wait(max(0, due - time.monotonic())):
                due += self._pause
                events = [self._make(number + n) for n in range(self._batch)]
                cursors = self._send(events, f"load {id(self)} {number}", number // self._batch)
                self.published.extend(zip(events, cursors))
                number += self._batch
        except BaseException as error:
            self._error = error
        finally:
            for publisher in self._publishers.values():
                publisher.close()

    def _send(self, events, key, turn):
        give_up = time.monotonic() + patience(60)
        while True:
            port = self._ports[turn % len(self._ports)]
            turn += 1
            publisher = self._publishers.setdefault(port, Publisher(port))
            try:
                status, answer = publisher.post(events, key)
                if status == 200:
                    return [result["cursor"] for result in answer["results"]]
                if status != 503:
                    raise AssertionError(f"publishing failed: {status} {answer}")
            except (OSError, http.client.HTTPException) as error:
                self._publishers.pop(port).close()
                if time.monotonic() > give_up:
                    raise error
            self.retries += 1
            self._stop_asked.wait(0.05)
            if time.monotonic() > give_up:
                raise AssertionError("publishing failed for a minute")

    def stop(self):
        """Everything that was published, in the order of the log."""
        self._stop_asked.set()
        self.join(patience(90))
        if self._error:
            raise self._error
        assert not self.is_alive()
        return self.published


class Truth:
    """What readers must get of everything that was published: [(event, cursor)] in the order of the log."""

    def __init__(self, published):
        self._entries = []  # (seq, cursor, names of its readers)
        sticky = {}
        for event, cursor in published:
            names = sticky.setdefault(event["job"], {event["job"]})
            names.update(event.get("resources", ()))
            self._entries.append((seq_of(cursor), cursor, frozenset(names)))
        self._seqs = [seq for seq, _, _ in self._entries]
        assert all(before[0] < after[0] for before, after in zip(self._entries, self._entries[1:]))

    def ids(self, resources, after, limit=None):
        """The ids that a reader of `resources` gets after the cursor `after`; the first `limit` of them."""
        wanted = set(resources)
        later = itertools.islice(self._entries, bisect.bisect_right(self._seqs, seq_of(after)), None)
        return list(itertools.islice((cursor for _, cursor, names in later if not wanted.isdisjoint(names)), limit))

"""A strict decoder of text/event-stream, as the HTML standard words it, and of the chunked coding around it.

Both are pure: bytes in, frames out. They take nothing that the standards do not allow and raise StreamError.
"""
import json


class StreamError(AssertionError):
    """The other side broke a rule."""


class Frame:
    """What stood between two blank lines, with what a browser makes of it."""

    __slots__ = ("raw", "type", "data", "last_id", "dispatched")

    def __init__(self, raw, type_, data, last_id, dispatched):
        self.raw = raw                # bytes with the final blank line
        self.type = type_             # of the event: "message" where none is named
        self.data = data              # str
        self.last_id = last_id        # the stream's last event id after this frame
        self.dispatched = dispatched  # False: a browser's page sees nothing of it

    @property
    def json(self):
        return json.loads(self.data)

    @property
    def fields(self):
        """The names of the lines in order; "" for a comment."""
        return [line.split(b":", 1)[0].decode() for line in self.raw.split(b"\n") if line]

    def __repr__(self):
        return f"Frame({self.raw!r})"


class Decoder:
    """The parser of the HTML standard, section "Interpreting an event stream"."""

    def __init__(self):
        self.last_id = ""
        self.retry_ms = None
        self._rest = b""
        self._start = True

    def feed(self, data):
        """Frames that are complete now. Line ends may be CR, LF or CRLF, in whatever pieces."""
        self._rest += data
        if self._start:
            if len(self._rest) < 3 and b"\xef\xbb\xbf".startswith(self._rest):
                return []
            self._start = False
            if self._rest.startswith(b"\xef\xbb\xbf"):
                self._rest = self._rest[3:]
        frames = []
        if b"\r" not in self._rest:
            *blocks, self._rest = self._rest.split(b"\n\n")
            for block in blocks:
                frames.append(self._frame(block + b"\n\n", block.split(b"\n")))
            return frames
        lines, at, begin = [], 0, 0
        rest = self._rest
        while True:
            ends = [place for place in (rest.find(b"\r", at), rest.find(b"\n", at)) if place >= 0]
            if not ends:
                break
            end = min(ends)
            if rest[end:end + 1] == b"\r" and end + 1 == len(rest):
                break  # a LF may follow
            line, at = rest[at:end], end + (2 if rest[end:end + 2] == b"\r\n" else 1)
            if line:
                lines.append(line)
            else:
                frames.append(self._frame(rest[begin:at], lines))
                lines, begin = [], at
        self._rest = rest[begin:]
        return frames

    def _frame(self, raw, lines):
        event, data = "", []
        for line in lines:
            if line.startswith(b":"):
                continue
            name, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if name == b"data":
                data.append(value.decode())
            elif name == b"event":
                event = value.decode()
            elif name == b"id":
                if b"\0" not in value:
                    self.last_id = value.decode()
            elif name == b"retry":
                if value.isdigit():
                    self.retry_ms = int(value)
        text = "\n".join(data)
        return Frame(raw, event or "message", text, self.last_id, text != "")


class Chunks:
    """Takes the chunked coding of RFC 9112, section 7.1, off; strict: no extensions, no trailer, CRLF only."""

    def __init__(self):
        self.ended = False
        self.count = 0
        self._rest = b""

    def feed(self, data):
        """The payload that is complete now, in whole chunks."""
        if self.ended and data:
            raise StreamError(f"bytes after the last chunk: {data[:40]!r}")
        rest = self._rest + data if self._rest else data
        payload, at = [], 0
        while not self.ended:
            line_end = rest.find(b"\r\n", at)
            if line_end < 0:
                if len(rest) - at > 16:
                    raise StreamError(f"no chunk size: {rest[at:at + 40]!r}")
                break
            digits = rest[at:line_end]
            if not digits or digits.strip(b"0123456789abcdefABCDEF"):
                raise StreamError(f"bad chunk size {digits!r}")
            size = int(digits, 16)
            begin, end = line_end + 2, line_end + 2 + size
            if len(rest) < end + 2:
                break
            if rest[end:end + 2] != b"\r\n":
                raise StreamError(f"no line end after a chunk: {rest[end:end + 2]!r}")
            at = end + 2
            self.count += 1
            if size == 0:
                self.ended = True
                if at != len(rest):
                    raise StreamError(f"bytes after the last chunk: {rest[at:at + 40]!r}")
            else:
                payload.append(rest[begin:end])
        self._rest = rest[at:]
        return b"".join(payload)

    @property
    def clean(self):
        """True between two chunks."""
        return not self._rest

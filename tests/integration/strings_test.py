"""No string of an event can forge anything: whatever stands in it, a strict decoder sees as many events, ids and types
as went in, and every value as it was."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import SharedCase  # noqa: E402
from clients import get_json  # noqa: E402

TEXTS = ["\r", "\n", "\r\n", "\0", "\u2028", "\u2029", "\ufeff", "</script>", "\nid: 9", "\nretry: 1", "\r\rdata: x\r\r",
         "a\n\nevent: job-completed\ndata: {}\n\nb", "\r\n0\r\n\r\n", "\"\\", "\x7f\x80\x1f\x08\x0c\t", "\U0001f600", "\x85",
         "<!--", "&lt;", "%0A", "\ufeff\ufeffdata: x", "\uffff\ufffe", " ", ": comment", "\u202e", "e\u0301"]
ALL = "".join(TEXTS)
# Names may not hold control characters; all else they may.
NAMES = [text for text in TEXTS if all(ord(char) >= 32 and char != "\x7f" for char in text)]
ALL_NAMES = "".join(NAMES)


def events_with(text, name):
    """One event of each kind, with `text` or `name` in every string that it has."""
    data = {text: text, "list": [text, {text: [text]}]}
    yield "job-status", {"status": {"state": "RUNNING", "message": text, "title": text, "labels": {name[:16]: name},
                                    "steps": [{"id": name, "title": text}]}}
    yield "step-status", {"step": {"id": name, "state": "STARTED", "message": text}}
    yield "step-progress", {"progress": {"step": name, "fraction": 0.5, "message": text, "unit": name[:8]}}
    yield "notice", {"notice": {"severity": "INFO", "code": name[:8], "text": text, "content": data}}
    yield "warning", {"notice": {"severity": "WARNING", "text": text}}
    yield "job-error", {"notice": {"severity": "ERROR", "text": text}}
    yield "output", {"output": {"line": {"stream": name[:8], "text": text}}}
    yield "output", {"output": {"chunk": {"text": text}}}
    yield "output", {"output": {"artifact": {"name": name, "uri": name, "mediaType": name[:8], "metadata": data}}}
    yield "odd", {"custom": {"name": "odd", "payload": data}}
    yield "notice", {"notice": {"severity": "INFO"}, "metadata": data, "correlationId": name, "traceparent": name}
    yield "job-failed", {"failed": {"code": "X", "message": text, "retryable": True, "details": data}}
    yield "job-cancelled", {"attempt": 2, "cancelled": {"actor": name, "reason": text}}


def completed_with(text, name):
    return {"completed": {"message": text, "output": {text: text}, "artifacts": [{"name": name, "uri": name}]}}


class StringsTest(SharedCase):
    def setUp(self):
        super().setUp()
        self.wanted = []  # (type, event) in order
        job = 0
        for text in [*TEXTS, ALL]:
            name = text if text in NAMES else ALL_NAMES
            kinds = [*events_with(text, name)]
            for type_, members in kinds:
                self.wanted.append((type_, {"job": f"job:{self._testMethodName}.{job}", **members}))
            job += 1
            self.wanted.append(("job-completed", {"job": f"job:{self._testMethodName}.{job}", **completed_with(text, name)}))
            job += 1
        self.resources = f"job:{self._testMethodName}.*"

    def publish(self):
        events = [event for _, event in self.wanted]
        half = len(events) // 2
        return self.publisher.publish(events[:half]) + self.publisher.publish(events[half:])

    def check(self, got, cursors):
        """`got`: (type, id, data) as the decoder saw them; type None where it was not named."""
        self.assertEqual([id for _, id, _ in got], cursors)
        for (type_, _, data), (wanted_type, wanted) in zip(got, self.wanted):
            self.assertIn(type_, (wanted_type, None))
            event = json.loads(data) if isinstance(data, str) else data
            for member, value in wanted.items():
                self.assertEqual(event[member], value, wanted_type)

    def test_live_caught_up_unnamed_and_newest_alike(self):
        live = self.connected(self.stream(self.resources))
        unnamed = self.connected(self.stream(self.resources, "names=0"))
        begin = live.connected["cursor"]
        cursors = self.publish()
        count = len(self.wanted)
        self.until(lambda: len(live.events) >= count and len(unnamed.events) >= count)
        caught_up = self.stream(self.resources, last_event_id=begin)
        newest = self.stream(self.resources, f"last={count}")
        watched = self.fleet.open(self.edge.port, "/v1/events:watch", method="POST",
                                  body={"resources": [self.resources], "lastEventId": begin})
        for stream in (caught_up, newest, watched):
            self.until(lambda: len(stream.events) >= count)
        for stream in (live, caught_up, newest, watched):
            self.check(stream.events, cursors)
        self.assertEqual({type_ for type_, _, _ in unnamed.events}, {"message"})
        self.check([(None, id, data) for _, id, data in unnamed.events], cursors)
        for stream in (live, unnamed, caught_up, newest, watched):
            self.assertTrue(500 <= stream.decoder.retry_ms <= 1500)
            self.assertTrue(stream.chunks.clean)

    def test_poll(self):
        cursors = self.publish()
        got, cursor, more = [], "earliest", True
        while more:
            answer = get_json(self.edge.port, f"/v1/poll?resources={self.resources}&after={cursor}")
            got += answer["events"]
            cursor, more = answer["cursor"], answer["more"]
        epoch = cursor.partition("-")[0]
        self.check([(None, f"{epoch}-{event['seq']}", event) for event in got], cursors)


if __name__ == "__main__":
    unittest.main()

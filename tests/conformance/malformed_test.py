"""Every malformed event of POST /v1/events and every malformed option of a stream: who is told what.

Each row of a table: what is sent, and the words that the answer must have (the field or parameter, and the limit).
"""
import json
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import SharedCase  # noqa: E402
from clients import notice, request  # noqa: E402

# Input that fills a message: recognised in the answer, where at most 64 of it may stand.
LONG = "Q" * 5000


def deep(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def kind(**members):
    return {"job": "job:bad", **members}


def plan(*steps):
    return kind(status={"steps": list(steps)})


NAME = "[a-z][a-z0-9_-]{0,31}"
ID = "[A-Za-z0-9._~-]{1,128}"

EVENTS = [
    # --- names
    ({"notice": {"text": "x"}}, ["job", "kind:id"]),
    ({"job": "", "notice": {}}, ["job", "kind:id"]),
    ({"job": "42", "notice": {}}, ["job", "kind:id"]),
    ({"job": "Job:42", "notice": {}}, ["job", NAME]),
    ({"job": "j" * 33 + ":1", "notice": {}}, ["job", NAME]),
    ({"job": ":1", "notice": {}}, ["job", NAME]),
    ({"job": "job:", "notice": {}}, ["job", ID]),
    ({"job": "job:" + "i" * 129, "notice": {}}, ["job", ID]),
    ({"job": "job:a b", "notice": {}}, ["job", ID]),
    ({"job": "job:a:b", "notice": {}}, ["job", ID]),
    ({"job": "job:\u00e9", "notice": {}}, ["job", ID]),
    ({"job": "job:a\n", "notice": {}}, ["job", ID]),
    ({"job": "job:a\u0000", "notice": {}}, ["job", ID]),
    ({"job": "job:*", "notice": {}}, ["job", "pattern"]),
    ({"job": "job:" + LONG, "notice": {}}, ["job", ID]),
    (kind(resources=["user:7", "user"], notice={}), ["resources[1]", "kind:id"]),
    (kind(resources=["user:*"], notice={}), ["resources[0]", "pattern"]),
    (kind(resources=[f"user:{n}" for n in range(17)], notice={}), ["resources", "16"]),
    # --- what all events have
    (kind(attempt=0, notice={}), ["attempt", "1"]),
    (kind(attempt=-1, notice={}), ["attempt"]),
    (kind(attempt=2**32, notice={}), ["attempt"]),
    (kind(time="yesterday", notice={}), ["time"]),
    (kind(time="2026-13-01T00:00:00Z", notice={}), ["time"]),
    (kind(correlationId="c" * 257, notice={}), ["correlation_id", "256"]),
    (kind(correlationId="c\u0007", notice={}), ["correlation_id", "control character"]),
    (kind(traceparent="t" * 257, notice={}), ["traceparent", "256"]),
    (kind(metadata={"k": "v" * 5000}, notice={}), ["metadata", "4096"]),
    (kind(metadata=deep(17), notice={}), ["metadata", "16"]),
    (kind(metadata=[1], notice={}), ["metadata"]),
    # --- exactly one kind
    (kind(), ["event", "no kind", "status"]),
    (kind(notice={}, step={"id": "a", "state": "DONE"}), ["only one may be set"]),
    (kind(notise={}), ["notise", "unknown field"]),
    (kind(**{LONG: 1}), ["unknown field"]),
    (kind(notice=3), ["notice"]),
    (kind(notice={"text": 3}), ["text"]),
    (kind(notice={"severity": "LOUD"}), ["LOUD"]),
    # --- status
    (kind(status={"state": "STALLED"}), ["status.state", "STALLED", "service only"]),
    (kind(status={"state": "DANCING"}), ["DANCING"]),
    (kind(status={"kind": "Upper"}), ["status.kind", NAME]),
    (kind(status={"state": "RUNNING", "queuePosition": 3}), ["status.queue_position", "QUEUED"]),
    (kind(status={"labels": {f"k{n}": "v" for n in range(33)}}), ["status.labels", "32"]),
    (kind(status={"labels": {"k" * 65: "v"}}), ["status.labels key", "64"]),
    (kind(status={"labels": {"": "v"}}), ["status.labels key", "at least 1"]),
    (kind(status={"labels": {"k": "v" * 257}}), ["status.labels value", "256"]),
    (kind(status={"labels": {"k": "a\u0001"}}), ["status.labels value", "control character"]),
    (plan(*({"id": f"s{n}"} for n in range(257))), ["status.steps", "256"]),
    (plan({"title": "x"}), ["status.steps[0].id", "at least 1"]),
    (plan({"id": "s" * 129}), ["status.steps[0].id", "128"]),
    (plan({"id": "a"}, {"id": "a"}), ["status.steps[1].id", "twice"]),
    (plan({"id": "a", "weight": -1}), ["status.steps[0].weight", "0 or more"]),
    (plan({"id": "a", "weight": "NaN"}), ["status.steps[0].weight", "finite"]),
    (plan({"id": "a", "parent": "b"}), ["status.steps[0].parent", "no step of the plan"]),
    (plan({"id": "a", "parent": "a"}), ["status.steps[0].parent", "one level"]),
    (plan({"id": "a"}, {"id": "b", "parent": "a"}, {"id": "c", "parent": "b"}), ["status.steps[2].parent", "one level"]),
    # --- step and progress
    (kind(step={"state": "DONE"}), ["step.id", "at least 1"]),
    (kind(step={"id": "a"}), ["step.state", "STARTED"]),
    (kind(step={"id": "a\u007f", "state": "DONE"}), ["step.id", "control character"]),
    (kind(progress={"fraction": 0.5}), ["progress.step", "at least 1"]),
    (kind(progress={"step": "a" * 129, "fraction": 0.5}), ["progress.step", "128"]),
    (kind(progress={"step": "a", "fraction": 1.0001}), ["progress.fraction", "0 to 1"]),
    (kind(progress={"step": "a", "fraction": -0.1}), ["progress.fraction", "0 to 1"]),
    (kind(progress={"step": "a", "fraction": "NaN"}), ["progress.fraction", "finite"]),
    (kind(progress={"step": "a", "fraction": "Infinity"}), ["progress.fraction", "finite"]),
    (kind(progress={"step": "a", "fraction": "half"}), ["fraction"]),
    (kind(progress={"step": "a", "done": -1}), ["progress.done", "0 or more"]),
    (kind(progress={"step": "a", "done": 1, "total": "-Infinity"}), ["progress.total", "finite"]),
    (kind(progress={"step": "a", "done": 1, "unit": "u" * 33}), ["progress.unit", "32"]),
    # --- notice, output
    (kind(notice={"code": "c" * 65}), ["notice.code", "64"]),
    (kind(notice={"content": deep(17)}), ["notice.content", "16"]),
    (kind(output={}), ["output", "line, chunk or artifact"]),
    (kind(output={"line": {"stream": "s" * 65, "text": ""}}), ["output.line.stream", "64"]),
    (kind(output={"artifact": {"uri": "https://x"}}), ["output.artifact.name", "at least 1"]),
    (kind(output={"artifact": {"name": "n" * 256}}), ["output.artifact.name", "255"]),
    (kind(output={"artifact": {"name": "n", "uri": "u" * 2049}}), ["output.artifact.uri", "2048"]),
    (kind(output={"artifact": {"name": "n", "mediaType": "m" * 129}}), ["output.artifact.media_type", "128"]),
    (kind(output={"chunk": {"offset": -1}}), ["offset"]),
    (kind(output={"line": {"text": "x" * 70000}}), ["65536", "uri", "artifact"]),
    # --- ends, control, custom
    (kind(completed={"artifacts": [{"name": "ok"}, {}]}), ["completed.artifacts[1].name", "at least 1"]),
    (kind(failed={}), ["failed.code", "[A-Z][A-Z0-9_]{0,63}"]),
    (kind(failed={"code": "no_upper"}), ["failed.code", "[A-Z][A-Z0-9_]{0,63}"]),
    (kind(failed={"code": "A" * 65}), ["failed.code", "[A-Z][A-Z0-9_]{0,63}"]),
    (kind(failed={"code": "INTERNAL", "details": deep(17)}), ["failed.details", "16"]),
    (kind(cancelled={"actor": "a" * 257}), ["cancelled.actor", "256"]),
    (kind(control={"request": 1, "phase": "HONOURED"}), ["control.action", "CANCEL"]),
    (kind(control={"action": "CANCEL", "phase": "REQUESTED"}), ["control.phase", "HONOURED"]),
    (kind(control={"action": "CANCEL", "phase": "HONOURED"}), ["control.request", "REQUESTED"]),
    (kind(custom={"payload": {}}), ["custom.name", "[a-z][a-z0-9-]{0,63}"]),
    (kind(custom={"name": "Shot"}), ["custom.name", "[a-z][a-z0-9-]{0,63}"]),
    (kind(custom={"name": "x" * 65}), ["custom.name", "[a-z][a-z0-9-]{0,63}"]),
    (kind(custom={"name": "a\nid: 1"}), ["custom.name", "[a-z][a-z0-9-]{0,63}"]),
    *((kind(custom={"name": name}), ["custom.name", name]) for name in
      ("error", "open", "message", "connected", "snapshot", "reset", "goodbye", "heartbeat", "job-status", "step-status",
       "step-progress", "notice", "warning", "job-error", "output", "job-completed", "job-failed", "job-cancelled",
       "job-control")),
]

# Bodies that are no events at all: (content type, body, status, words).
BODIES = [
    ("application/json", b"", 400, ["body", "empty"]),
    ("application/json", b"  \n ", 400, ["body", "empty"]),
    ("application/json", b"{", 400, ["body"]),
    ("application/json", b'{"job":"job:1","notice":{}} x', 400, ["body"]),
    ("application/json", b"\xef\xbb\xbf{}", 400, ["body"]),
    ("application/json", b'{"job":"job:1","notice":{"text":"\xff"}}', 400, ["body", "UTF-8"]),
    ("application/json", b'{"job":"job:1","notice":{"text":"\\ud800"}}', 400, ["body"]),
    ("application/json", b'{"job":"job:1","notice":{"text":"a\nb"}}', 400, ["body"]),
    ("application/json", b'{"job":"job:1","job":"job:2","notice":{}}', 400, ["job", "more than once"]),
    ("application/json", b'{"job":"job:1","progress":{"step":"a","fraction":NaN}}', 400, ["body"]),
    ("application/json", b'{"job":"job:1","metadata":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", 400, []),
    ("application/json", b"[" * 100000, 400, ["body"]),
    ("application/json", b"3", 400, ["body", "one event or an array"]),
    ("application/json", b'"job:1"', 400, ["body", "one event or an array"]),
    ("application/json", b"null", 400, ["body", "one event or an array"]),
    ("application/json", b"[]", 400, ["body", "at least one"]),
    ("application/json", b"[" + b",".join([b"{}"] * 1001) + b"]", 413, ["1000 events"]),
    ("application/x-ndjson", b"", 400, ["body", "empty"]),
    ("application/x-ndjson", b"\n\r\n \n", 400, ["body", "empty"]),
    ("application/x-ndjson", b"{}\n" * 1001, 413, ["1000 events"]),
    ("application/json", b" " * (1024 * 1024 + 1), 413, ["1048576"]),
    ("text/plain", b"{}", 415, ["Content-Type", "text/plain", "application/json", "application/x-ndjson"]),
    ("application/x-www-form-urlencoded", b"a=b", 415, ["Content-Type", "application/json"]),
    ("multipart/form-data; boundary=x", b"--x", 415, ["Content-Type"]),
    ("application/json; charset=latin1", b"{}", 415, ["Content-Type", "UTF-8"]),
    ("text/" + LONG, b"{}", 415, ["Content-Type"]),
    (None, b"{}", 415, ["Content-Type", "none"]),
]

# Queries of GET /v1/events: (query, words).
OPTIONS = [
    ("", ["resources", "at least one"]),
    ("snapshot=0", ["resources", "at least one"]),
    ("resources=", ["resources", "empty item"]),
    ("resources=job:1,,job:2", ["resources", "empty item"]),
    ("resources=job:1,", ["resources", "empty item"]),
    ("resource=job:1&resource=", ["resource", "empty item"]),
    ("resources=job", ["resources", "kind:id"]),
    ("resources=JOB:1", ["resources", NAME]),
    ("resources=job:a+b", ["resources", ID]),
    ("resources=job:%0Aid:9", ["resources", ID]),
    ("resources=job:a*b", ["resources", ID]),
    ("resources=*", ["resources", "kind:id"]),
    ("resources=job:" + LONG, ["resources", ID]),
    ("resources=job:%2542", ["resources", ID]),
    ("resources=job:%4", ["resources", "%25"]),
    ("resources=job:%zz", ["resources", "%25"]),
    ("resources=" + ",".join(f"j:{n}" for n in range(513)), ["resources", "512"]),
    ("&".join(f"resource=j:{n}" for n in range(513)), ["512"]),
    ("resources=job:1&resources=job:2", ["resources", "once"]),
    ("resources=job:1&last=1&last=1", ["last", "once"]),
    ("resources=job:1&last=0", ["last", "1 to 1000"]),
    ("resources=job:1&last=1001", ["last", "1 to 1000"]),
    ("resources=job:1&last=", ["last", "1 to 1000"]),
    ("resources=job:1&last=-1", ["last", "1 to 1000"]),
    ("resources=job:1&last=%201", ["last", "1 to 1000"]),
    ("resources=job:1&last=1e2", ["last", "1 to 1000"]),
    ("resources=job:1&last=99999999999999999999", ["last", "1 to 1000"]),
    ("resources=job:1&snapshot=2", ["snapshot", "0 or 1"]),
    ("resources=job:1&snapshot", ["snapshot", "0 or 1"]),
    ("resources=job:1&snapshot=true", ["snapshot", "0 or 1"]),
    ("resources=job:1&fresh=job:2", ["fresh", "job:2", "resources"]),
    ("resources=job:1&fresh=", ["fresh", "empty item"]),
    ("resources=job:1&fresh=job", ["fresh", "kind:id"]),
    ("resources=job:1&types=", ["types", "empty item"]),
    ("resources=job:1&types=notice,", ["types", "empty item"]),
    ("resources=job:1&types=Notice", ["types", "[a-z][a-z0-9-]{0,63}"]),
    ("resources=job:1&types=" + LONG, ["types", "[a-z][a-z0-9-]{0,63}"]),
    ("resources=job:1&types=" + ",".join(f"t{n}" for n in range(65)), ["types", "64"]),
    ("resources=job:1&progress=newest", ["progress", "all or latest"]),
    ("resources=job:1&names=yes", ["names", "0 or 1"]),
    ("resources=job:1&heartbeat=off", ["heartbeat", "comment or event"]),
    ("resources=job:1&lastEventId=1", ["lastEventId", "unknown"]),
    ("resources=job:1&Last=1", ["Last", "unknown"]),
    ("resources=job:1&token", ["token", "unknown"]),
    ("resources=job:1&=1", ["unknown"]),
    ("resources=job:1&" + LONG + "=1", ["unknown"]),
    ("resources=job:1&%22%3Cscript%3E=1", ["unknown"]),
    ("resources=job:1&last%zz=1", ["%25"]),
]

# Bodies of POST /v1/events:watch: (body, words).
WATCHES = [
    (b"{", ["body"]), (b"[]", ["body", "object"]), (b"{}", ["resources", "at least one"]),
    (b'{"resources":[]}', ["resources", "at least one"]), (b'{"resources":"job:1"}', ["resources", "array"]),
    (b'{"resources":[1]}', ["resources[0]", "string"]), (b'{"resources":["job:1","job"]}', ["resources[1]", "kind:id"]),
    (b'{"resources":["job:1",""]}', ["resources[1]", "empty item"]),
    (json.dumps({"resources": [f"j:{n}" for n in range(513)]}).encode(), ["resources", "512"]),
    (b'{"resources":["job:1"],"resources":["job:2"]}', ["resources", "more than once"]),
    (b'{"resources":["job:1"],"last":5}', ["last", "unknown"]),
    (b'{"resources":["job:1"],"last_event_id":"x"}', ["last_event_id", "unknown"]),
    (b'{"resources":["job:1"],"lastEventId":5}', ["lastEventId", "string"]),
    (b'{"resources":["job:1"],"progress":"newest"}', ["progress", "all or latest"]),
    (b'{"resources":["job:1"],"fresh":["job:2"]}', ["fresh", "job:2"]),
    (b'{"resources":["job:1"],"types":["Notice"]}', ["types[0]", "[a-z][a-z0-9-]{0,63}"]),
    (json.dumps({"resources": ["job:1"], LONG: 1}).encode(), ["unknown"]),
]

POLLS = [
    ("", ["resources", "at least one"]), ("resources=job", ["resources", "kind:id"]),
    ("resources=job:1&wait=61", ["wait", "0 to 60"]), ("resources=job:1&wait=-1", ["wait", "0 to 60"]),
    ("resources=job:1&wait=", ["wait", "0 to 60"]), ("resources=job:1&last=5", ["last", "unknown"]),
    ("resources=job:1&after=x&after=y", ["after", "once"]), ("resources=job:1&types=,", ["types", "empty item"]),
]


class MalformedTest(SharedCase):
    def check_problem(self, what, status, headers, body, wanted_status, words):
        with self.subTest(what=repr(what)[:120]):
            self.assertEqual(status, wanted_status, body[:300])
            self.assertEqual(headers["content-type"], "application/problem+json")
            self.check_message(self.parse_problem(body, status), words)

    def parse_problem(self, body, status):
        problem = json.loads(body)
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"])
        self.assertTrue(problem["type"])
        return problem["detail"]

    def check_message(self, message, words):
        for word in words:
            self.assertIn(word, message)
        self.assertLessEqual(message.count("Q"), 64 + 1)
        self.assertLess(len(message), 400)
        self.assertTrue(all(char.isprintable() for char in message), repr(message))

    def test_a_single_malformed_event_is_a_problem(self):
        for event, words in EVENTS:
            status, answer = self.publisher.post(event)
            self.check_problem(event, status, self.publisher.headers, json.dumps(answer), 400, words)

    def test_among_others_it_is_rejected_by_itself(self):
        rejected = [event for event, _ in EVENTS if len(json.dumps(event)) < 3000]
        words = [words for event, words in EVENTS if len(json.dumps(event)) < 3000]
        batch = [event for bad in rejected for event in (notice("job:good", "x"), bad)]
        array = json.dumps(batch).encode()
        lines = b"\n".join(json.dumps(event).encode() for event in batch)
        stream = self.fleet.events(self.edge.port, "job:good", "snapshot=0")
        self.until(lambda: stream.connected)
        for body, content_type in ((array, "application/json"), (lines, "application/x-ndjson")):
            status, answer = self.publisher.post(body, content_type=content_type)
            self.assertEqual(status, 200)
            results = answer["results"]
            self.assertEqual(len(results), len(batch))
            for n, result in enumerate(results[1::2]):
                with self.subTest(event=str(rejected[n])[:120]):
                    self.assertEqual(set(result), {"error"})
                    self.assertEqual(result["error"]["code"], "INVALID_ARGUMENT")
                    self.check_message(result["error"]["message"], words[n])
            self.assertTrue(all(set(result) == {"seq", "cursor"} for result in results[0::2]))
            self.until(lambda: stream.events and stream.events[-1][1] == results[-2]["cursor"])
        self.assertEqual(len(stream.events), len(batch))

    def test_bodies_that_are_no_events(self):
        for content_type, body, wanted, words in BODIES:
            headers = {"Content-Type": content_type} if content_type else {}
            status, headers, answer = request(self.edge.port, "POST", "/v1/events", headers, body)
            self.check_problem((content_type, body[:60]), status, headers, answer, wanted, words)

    def test_a_malformed_line_is_its_own_error(self):
        good = json.dumps(notice("job:lines", "x")).encode()
        body = b"\n".join([good, b"{nonsense", b"", good, b'{"job":"\xff"}', b"[]", b"7", good + b"\r", b" "])
        status, answer = self.publisher.post(body, content_type="application/x-ndjson; charset=utf-8")
        self.assertEqual(status, 200)
        self.assertEqual(["error" in result for result in answer["results"]],
                         [False, True, False, True, True, True, False])
        messages = [result["error"]["message"] for result in answer["results"] if "error" in result]
        for message, line in zip(messages, (2, 5, 6, 7)):
            self.assertIn(f"line {line}:", message)

    def test_stream_options(self):
        for query, words in OPTIONS:
            target = f"/v1/events?{query}"
            self.check_problem(query, *request(self.edge.port, "GET", target), 400, words)

    def test_a_stream_takes_no_body(self):
        status, headers, body = request(self.edge.port, "GET", "/v1/events?resources=job:1",
                                        {"Content-Type": "application/json"}, b"{}")
        self.check_problem("GET with body", status, headers, body, 400, ["body", "GET has none"])

    def test_a_stream_needs_http_1_1(self):
        for head in ("GET /v1/events?resources=job:1", "GET /v1/jobs/job:1/events", "POST /v1/events:watch"):
            body = '{"resources":["job:1"]}' if head.startswith("POST") else ""
            more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
            with socket.create_connection(("127.0.0.1", self.edge.port), timeout=20) as client:
                client.sendall(f"{head} HTTP/1.0\r\n{more}\r\n{body}".encode())
                answer = client.makefile("rb").read()
            fields, _, problem = answer.partition(b"\r\n\r\n")
            self.assertTrue(fields.startswith(b"HTTP/1.1 505 "), fields)
            self.assertIn("proxy_http_version 1.1", json.loads(problem)["detail"])

    def test_job_streams(self):
        for path, words in (("job", ["job", "kind:id"]), ("JOB:1", ["job", NAME]), ("job:*", ["job", "pattern"]),
                            ("job:%00", ["path", "control character"]), ("job:a*b", ["job", ID]), ("job:1/events?resources=job:2", ["resources", "unknown"]),
                            ("job:1/events?last=0", ["last", "1 to 1000"])):
            target = f"/v1/jobs/{path}" if "?" in path else f"/v1/jobs/{path}/events"
            self.check_problem(target, *request(self.edge.port, "GET", target), 400, words)

    def test_watches(self):
        for body, words in WATCHES:
            answer = request(self.edge.port, "POST", "/v1/events:watch", {"Content-Type": "application/json"}, body)
            self.check_problem(body[:80], *answer, 400, words)
        answer = request(self.edge.port, "POST", "/v1/events:watch", {"Content-Type": "text/plain"}, b"{}")
        self.check_problem("text/plain", *answer, 415, ["application/json"])

    def test_polls(self):
        for query, words in POLLS:
            self.check_problem(query, *request(self.edge.port, "GET", f"/v1/poll?{query}"), 400, words)

    def test_unknown_paths(self):
        for path in ("/nope", "/v1/events/", "/v1/jobs//events", "/v1", "/v1/events:other", "/" + LONG):
            answer = request(self.edge.port, "GET", path)
            self.check_problem(path[:60], *answer, 404, ["path"])

    def test_idempotency_keys(self):
        for key in ("k" * 256, "k\u00e9"):
            status, answer = self.publisher.post(notice("job:1", "x"), key=key.encode("utf-8"))
            self.check_problem(key, status, self.publisher.headers, json.dumps(answer), 400, ["idempotency_key", "255"])
        status, _ = self.publisher.post(notice("job:1", "x"), key="k" * 255)
        self.assertEqual(status, 200)
        status, answer = self.publisher.post(notice("job:1", "other"), key="k" * 255)
        self.check_problem("other content", status, self.publisher.headers, json.dumps(answer), 409, ["idempotency_key"])


if __name__ == "__main__":
    unittest.main()

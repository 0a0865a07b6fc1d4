"""Pages of other origins: what a browser needs to let them read, on every route, and that nobody else gets it."""
import http.client
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import SharedCase  # noqa: E402
from clients import request  # noqa: E402

APP, OTHER, STRANGER = "https://app.example", "http://localhost:3000", "https://stranger.example"
STREAMS = ("/v1/events?resources=job:1", "/v1/jobs/job:1/events")
PLAIN = ("/v1/poll?resources=job:1", "/v1/jobs/job:unknown", "/v1/jobs", "/healthz", "/", "/nowhere", "/v1/events")


class CorsCase(SharedCase):
    def fields(self, method, path, origin, **headers):
        """The answer's status and its fields, by lower-case name."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        status, fields, _ = request(self.edge.port, method, path, {**({"Origin": origin} if origin else {}), **extra})
        return status, fields

    def stream_fields(self, path, origin):
        stream = self.fleet.open(self.edge.port, path, headers=[f"Origin: {origin}"])
        self.until(lambda: stream.status)
        return stream.headers


class AllowedTest(CorsCase):
    edge_flags = (f"--cors_origins={APP},{OTHER}",)

    def test_every_answer_may_be_read_by_those_who_are_allowed(self):
        for origin in (APP, OTHER):
            for path in PLAIN:
                _, fields = self.fields("GET", path, origin)
                self.assertEqual(fields.get("access-control-allow-origin"), origin, path)
                self.assertIn("Retry-After", fields["access-control-expose-headers"])
                self.assertEqual(fields["vary"], "Origin", path)
            for path in STREAMS:
                fields = self.stream_fields(path, origin)
                self.assertEqual((fields["access-control-allow-origin"], fields["content-type"]), (origin, "text/event-stream"))

    def test_nobody_else_may(self):
        for origin in (STRANGER, "null", ""):
            for path in PLAIN:
                _, fields = self.fields("GET", path, origin)
                self.assertNotIn("access-control-allow-origin", fields, path)
                self.assertEqual(fields["vary"], "Origin", path)
        for path in STREAMS:
            self.assertNotIn("access-control-allow-origin", self.stream_fields(path, STRANGER))

    def test_a_preflight_says_what_may_be_sent(self):
        for path, method in (("/v1/events", "POST"), ("/v1/events:watch", "POST"), ("/v1/jobs/job:1:cancel", "POST"),
                             ("/v1/events", "GET")):
            status, fields = self.fields("OPTIONS", path, APP, Access_Control_Request_Method=method,
                                         Access_Control_Request_Headers="authorization,content-type")
            self.assertEqual((status, fields["access-control-allow-origin"]), (204, APP))
            self.assertIn(method, fields["access-control-allow-methods"])
            for name in ("Authorization", "Content-Type", "Last-Event-ID", "Idempotency-Key", "If-None-Match"):
                self.assertIn(name, fields["access-control-allow-headers"])
            self.assertEqual(fields["access-control-max-age"], "7200")
        _, fields = self.fields("OPTIONS", "/v1/events", STRANGER, Access_Control_Request_Method="POST")
        self.assertFalse([name for name in fields if name.startswith("access-control")])

    def test_a_plain_question_for_the_methods_stays_one(self):
        status, fields = self.fields("OPTIONS", "/v1/events", APP)
        self.assertEqual((status, fields["allow"]), (204, "GET, HEAD, OPTIONS, POST"))
        self.assertNotIn("access-control-allow-methods", fields)

    def test_an_answer_on_a_kept_connection_has_the_fields_of_its_own_request(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=20)
        self.addCleanup(connection.close)
        seen = []
        for origin in (APP, None, OTHER):
            connection.request("GET", "/healthz", headers={"Origin": origin} if origin else {})
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.getheader("Access-Control-Allow-Origin"))
        self.assertEqual(seen, [APP, None, OTHER])


class NobodyTest(CorsCase):
    def test_without_the_flag_nothing_is_said(self):
        for path in PLAIN:
            _, fields = self.fields("GET", path, APP)
            self.assertFalse([name for name in fields if name.startswith("access-control") or name == "vary"], path)


class AllTest(CorsCase):
    edge_flags = ("--cors_origins=*",)

    def test_a_star_is_for_all(self):
        for path in PLAIN:
            _, fields = self.fields("GET", path, STRANGER)
            self.assertEqual(fields.get("access-control-allow-origin"), "*", path)
            self.assertNotIn("vary", fields)


if __name__ == "__main__":
    unittest.main()

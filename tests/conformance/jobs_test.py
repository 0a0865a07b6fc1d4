"""Jobs without a stream: GET /v1/jobs, GET /v1/jobs/{job}, POST /v1/jobs/{job}:cancel and its like."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from cases import MilepostCase, SharedCase  # noqa: E402
from clients import get_json, notice, request, seq_of  # noqa: E402


class JobsCase(SharedCase):
    def setUp(self):
        super().setUp()
        self.job = f"job:{self._testMethodName}"

    def ask(self, method, target, headers=None, body=None):
        return request(self.edge.port, method, target, headers, body)

    def check_problem(self, answer, status, *words):
        got, headers, body = answer
        self.assertEqual(got, status, body)
        self.assertEqual(headers["content-type"], "application/problem+json")
        problem = json.loads(body)
        self.assertEqual(problem["status"], status)
        for word in words:
            self.assertIn(word, problem["detail"])
        return headers


class OneJobTest(JobsCase):
    def test_it_is_the_sum_of_its_events(self):
        cursors = self.publisher.publish([
            {"job": self.job, "resources": ["user:one"], "metadata": {"k": "v"},
             "status": {"state": "RUNNING", "title": "Trailer", "labels": {"a": "b"}, "steps": [{"id": "x"}, {"id": "y"}]}},
            {"job": self.job, "progress": {"step": "x", "fraction": 0.5, "message": "half"}},
            {"job": self.job, "output": {"line": {"text": "a line"}}}])
        state = get_json(self.edge.port, f"/v1/jobs/{self.job}")
        for member, value in {"job": self.job, "kind": "job", "state": "RUNNING", "title": "Trailer", "message": "half",
                              "attempt": 1, "step": "x", "metadata": {"k": "v"}, "labels": {"a": "b"},
                              "resources": ["user:one"], "outputTail": ["a line"], "cursor": cursors[-1]}.items():
            self.assertEqual(state[member], value, member)
        self.assertEqual([(step["id"], step.get("fraction")) for step in state["steps"]], [("x", 0.5), ("y", None)])

    def test_an_etag_stands_for_the_newest_event(self):
        self.publisher.publish(notice(self.job, "1"))
        target = f"/v1/jobs/{self.job}"
        status, headers, body = self.ask("GET", target)
        etag = headers["etag"]
        for value in (etag, f'"x", {etag}', "*", etag.removeprefix("W/")):
            again, same, nothing = self.ask("GET", target, {"If-None-Match": value})
            self.assertEqual((again, nothing, same["etag"]), (304, b"", etag), value)
        for value in ('"x"', etag.strip('W/"'), ""):
            self.assertEqual(self.ask("GET", target, {"If-None-Match": value})[0], 200, value)
        self.publisher.publish(notice(self.job, "2"))
        status, headers, _ = self.ask("GET", target, {"If-None-Match": etag})
        self.assertEqual(status, 200)
        self.assertNotEqual(headers["etag"], etag)

    def test_head_is_get_without_the_body(self):
        self.publisher.publish(notice(self.job, "1"))
        _, get, body = self.ask("GET", f"/v1/jobs/{self.job}")
        status, head, nothing = self.ask("HEAD", f"/v1/jobs/{self.job}")
        self.assertEqual((status, nothing, head["content-length"]), (200, b"", str(len(body))))
        self.assertEqual(head["etag"], get["etag"])

    def test_unknown_is_404_and_malformed_400(self):
        self.check_problem(self.ask("GET", "/v1/jobs/job:nobody"), 404, "job:nobody")
        for name in ("job", "JOB:1", "job:*", "job:a%20b", "job:" + "x" * 129):
            self.check_problem(self.ask("GET", f"/v1/jobs/{name}"), 400, "job")
        self.check_problem(self.ask("GET", f"/v1/jobs/{self.job}?x=1"), 400, "x: unknown parameter")

    def test_names_may_be_escaped(self):
        self.publisher.publish(notice(self.job, "1"))
        self.assertEqual(get_json(self.edge.port, f"/v1/jobs/{self.job.replace(':', '%3A')}")["job"], self.job)


class ListTest(JobsCase):
    def setUp(self):
        super().setUp()
        self.user = f"user:{self._testMethodName}"
        for n in range(5):
            self.publisher.publish({"job": f"{self.job}.{n}", "resources": [self.user],
                                    "status": {"state": "RUNNING", "title": f"Film {n}", "kind": "film" if n < 2 else "song"}})
        self.publisher.publish({"job": f"{self.job}.0", "completed": {}})

    def names(self, query=""):
        answer = get_json(self.edge.port, f"/v1/jobs?resource={self.user}{query}")
        self.assertLessEqual({"jobs", "counts"}, set(answer))
        return [int(state["job"].rpartition(".")[2]) for state in answer["jobs"]]

    def test_newest_first_with_counts(self):
        answer = get_json(self.edge.port, f"/v1/jobs?resource={self.user}")
        self.assertEqual(set(answer), {"jobs", "counts"})
        self.assertEqual(answer["counts"], {"byState": {"RUNNING": 4, "COMPLETED": 1}, "total": 5})
        self.assertEqual(self.names(), [4, 3, 2, 1, 0])

    def test_a_job_that_nobody_gave_a_state_is_in_the_total_alone(self):
        self.publisher.publish({"job": f"{self.job}.5", "resources": [self.user], "notice": {"text": "hello"}})
        answer = get_json(self.edge.port, f"/v1/jobs?resource={self.user}")
        self.assertEqual(answer["counts"], {"byState": {"RUNNING": 4, "COMPLETED": 1}, "total": 6})
        self.assertNotIn("state", answer["jobs"][0])
        self.assertEqual(self.names("&state=active"), [5, 4, 3, 2, 1])

    def test_filters(self):
        self.assertEqual(self.names("&state=active"), [4, 3, 2, 1])
        answer = get_json(self.edge.port, f"/v1/jobs?resource={self.user}&state=active&kind=film")
        self.assertEqual(answer["counts"], {"byState": {"RUNNING": 1, "COMPLETED": 1}, "total": 2})
        self.assertEqual(self.names("&state=completed"), [0])
        self.assertEqual(self.names("&kind=film"), [1, 0])
        self.assertEqual(self.names("&query=fILM%203"), [3])
        self.assertEqual(self.names("&query=nothing"), [])

    def test_pages(self):
        seen, token = [], ""
        while token is not None:
            answer = get_json(self.edge.port, f"/v1/jobs?resource={self.user}&page_size=2{'&page_token=' + token if token else ''}")
            self.assertLessEqual(len(answer["jobs"]), 2)
            self.assertEqual(answer["counts"]["total"], 5)
            seen += [state["job"][-1] for state in answer["jobs"]]
            token = answer.get("nextPageToken")
        self.assertEqual(seen, ["4", "3", "2", "1", "0"])

    def test_the_etag_changes_with_the_list(self):
        target = f"/v1/jobs?resource={self.user}"
        etag = self.ask("GET", target)[1]["etag"]
        self.assertEqual(self.ask("GET", target, {"If-None-Match": etag})[0], 304)
        self.publisher.publish({"job": f"{self.job}.1", "cancelled": {}})
        self.assertEqual(self.ask("GET", target, {"If-None-Match": etag})[0], 200)

    def test_bad_parameters_are_named(self):
        for query, word in (("nope=1", "nope"), ("state=dancing", "state"), ("state=active&state=ended", "state"),
                            ("page_size=0", "page_size"), ("page_size=1001", "page_size"), ("page_size=x", "page_size"),
                            ("resource=42", "resource"), ("kind=Film", "kind"), ("query=" + "x" * 257, "query"),
                            ("query=%FF", "query"), ("page_token=rubbish", "page_token")):
            self.check_problem(self.ask("GET", f"/v1/jobs?{query}"), 400, word)


class ControlTest(JobsCase):
    JSON = {"Content-Type": "application/json"}

    def control(self, verb, body=None, job=None):
        return self.ask("POST", f"/v1/jobs/{job or self.job}:{verb}", self.JSON if body else None, body)

    def test_a_request_is_in_the_log_and_asked_again_it_is_the_same(self):
        self.publisher.publish({"job": self.job, "status": {"state": "RUNNING"}})
        stream = self.connected(self.stream(self.job))
        status, _, body = self.control("cancel", json.dumps({"reason": "enough", "deadline": None}))
        self.assertEqual(status, 202, body)
        answer = json.loads(body)
        self.assertEqual(set(answer), {"job", "request", "phase"})
        self.assertEqual((answer["job"], answer["phase"]), (self.job, "REQUESTED"))
        self.until(lambda: stream.events)
        name, cursor, data = stream.events[0]
        self.assertEqual((name, str(seq_of(cursor))), ("job-control", answer["request"]))
        control = json.loads(data)["control"]
        self.assertEqual((control["action"], control["phase"], control["reason"]), ("CANCEL", "REQUESTED", "enough"))
        again, _, body = self.control("cancel")
        self.assertEqual((again, json.loads(body)["request"]), (202, answer["request"]))

    def test_what_the_state_does_not_allow_is_409(self):
        self.publisher.publish({"job": self.job, "completed": {}})
        for verb in ("cancel", "pause", "resume", "retry"):
            self.check_problem(self.control(verb), 409)

    def test_unknown_is_404_and_so_are_other_verbs(self):
        self.check_problem(self.control("cancel", job="job:nobody"), 404, "job:nobody")
        self.publisher.publish(notice(self.job, "x"))
        for verb in ("explode", "Cancel", "", "cancel:x"):
            self.check_problem(self.control(verb), 404, "path")

    def test_other_methods_are_405(self):
        for method in ("GET", "PUT", "DELETE"):
            headers = self.check_problem(self.ask(method, f"/v1/jobs/{self.job}:cancel"), 405)
            self.assertIn("POST", headers["allow"])
            self.assertNotIn("GET", headers["allow"])
        self.assertIn("GET", self.check_problem(self.ask("POST", f"/v1/jobs/{self.job}"), 405)["allow"])

    def test_bad_bodies(self):
        self.publisher.publish({"job": self.job, "status": {"state": "RUNNING"}})
        for body, word in (("[]", "object"), ("{", "body"), ('{"actor":"eve"}', "actor"), ('{"reason":1}', "reason"),
                           ('{"deadline":"soon"}', "deadline"), ('{"deadline":"2001-01-01T00:00:00Z"}', "deadline"),
                           (json.dumps({"reason": "x" * 70000}), "reason")):
            self.check_problem(self.control("cancel", body), 400, word)
        for type_ in ("text/plain", "application/x-ndjson"):
            answer = self.ask("POST", f"/v1/jobs/{self.job}:cancel", {"Content-Type": type_}, "{}")
            self.check_problem(answer, 415, "application/json")


class AwayTest(MilepostCase):
    def test_without_the_service_503_says_when_to_come_back(self):
        self.publisher.publish(notice("job:1", "x"))
        self.eventd.kill()
        for method, target in (("GET", "/v1/jobs"), ("GET", "/v1/jobs/job:1"), ("POST", "/v1/jobs/job:1:cancel")):
            status, headers, body = request(self.edge.port, method, target)
            self.assertEqual(status, 503, body)
            self.assertGreater(int(headers["retry-after"]), 0)


if __name__ == "__main__":
    unittest.main()

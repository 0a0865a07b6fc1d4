"""What 100,000 jobs cost a service that keeps them: memory, and the time of an answer."""
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import grpc_python  # noqa: E402, F401

from google.protobuf import json_format  # noqa: E402

from cases import skip  # noqa: E402
from grpc_service import Service  # noqa: E402
from servers import World, sanitized  # noqa: E402

JOBS = 100_000
CALL_JOBS = 50           # whose events go into one call
MAX_BYTES = 400_000_000
MAX_STATE_BYTES = 2048
GET_SECONDS, PAGE_SECONDS, SEARCH_SECONDS = 0.01, 0.15, 0.5  # by a page; a search looks into every job
STEPS = ["Plan the scenes", "Speak the text", "Draw the pictures", "Compose", "Render the video"]


def name(number):
    return f"job:{number:032x}"


def typical_job():
    """The events of one job of a usual size, to its end, as JSON."""
    job = {"job": name(0)}
    yield {**job, "resources": ["user:0", "project:0"],
           "status": {"state": "RUNNING", "kind": "video", "title": "Trailer of the autumn collection",
                      "labels": {"team": "studio", "region": "eu-west", "plan": "pro"},
                      "steps": [{"id": f"step-{n}", "title": title, "weight": 20} for n, title in enumerate(STEPS)]}}
    for n in range(len(STEPS)):
        yield {**job, "step": {"id": f"step-{n}", "state": "STARTED", "message": "scene 1 of 40"}}
        yield {**job, "step": {"id": f"step-{n}", "state": "DONE"}}
    yield {**job, "completed": {"message": "The video is ready"}}


class JobsMemoryTest(unittest.TestCase):
    def setUp(self):
        if sanitized():
            skip(self, "memory of a sanitized program says nothing")
        self.world = World()
        self.addCleanup(self.world.close)
        self.eventd = self.world.eventd("--retention_mib=16")
        self.service = Service(self.eventd.address)
        self.addCleanup(self.service.close)

    def publish_jobs(self):
        publish, Request = self.service.method("Publish"), type(self.service.request("Publish"))
        # Made once and renamed: that is much faster in Python.
        templates = [json_format.ParseDict(event, self.service.ProgressEvent()) for event in typical_job()]
        calls = []
        for first in range(0, JOBS, CALL_JOBS):
            request = Request()
            for number in range(first, first + CALL_JOBS):
                for template in templates:
                    self.rename(request.events.add(), template, number)
            calls.append(publish.future(request, timeout=60))
            if len(calls) > 4:
                self.check(calls.pop(0))
        for call in calls:
            self.check(call)

    @staticmethod
    def rename(made, template, number):
        made.CopyFrom(template)
        made.job = name(number)
        if made.resources:
            made.resources[:] = [f"user:{number % 1000}", f"project:{number % 5000}"]
            made.status.title = f"Trailer {number} of the autumn collection"

    def check(self, call):
        errors = [str(result.error) for result in call.result().results if result.HasField("error")]
        self.assertEqual(errors[:3], [])

    def fill_log(self):
        """The log keeps events of one job then, as many as it may: before and after, so that they do not count."""
        for _ in range(60):
            self.service.publish(*[{"job": "job:filler", "notice": {"text": "x" * 4000}}] * 100)

    def seconds(self, method, **request):
        message, call = self.service.request(method, **request), self.service.method(method)
        spent = []
        for _ in range(20):
            begun = time.monotonic()
            answer = call(message, timeout=10)
            spent.append(time.monotonic() - begun)
        return sorted(spent)[len(spent) // 2], answer

    def test_a_hundred_thousand_jobs_fit_and_answers_stay_fast(self):
        self.fill_log()
        before = self.eventd.rss_kib()
        begun = time.monotonic()
        self.publish_jobs()
        loaded = time.monotonic() - begun
        self.fill_log()
        size_all = (self.eventd.rss_kib() - before) * 1024
        get, answer = self.seconds("GetJob", job=name(JOBS // 2))
        size = answer.job.ByteSize()
        self.assertEqual((answer.job.state, len(answer.job.steps)), (7, 5))
        times = {"GetJob": get}
        page, answer = self.seconds("ListJobs")
        self.assertEqual((len(answer.jobs), answer.counts.total), (100, JOBS + 1))
        self.assertEqual(answer.jobs[0].job, name(JOBS - 1))
        times["ListJobs"] = page
        times["ListJobs, a later page"], answer = self.seconds("ListJobs", page_token=answer.next_page_token)
        self.assertEqual(answer.jobs[0].job, name(JOBS - 101))
        times["ListJobs of a user"], answer = self.seconds("ListJobs", resource="user:7")
        self.assertEqual(answer.counts.total, JOBS // 1000)
        search, answer = self.seconds("ListJobs", query="AUTUMN", state="ended")
        self.assertEqual(answer.counts.total, JOBS)
        print(f"{JOBS} jobs, published in {loaded:.0f} s: {size_all / 1e6:.0f} MB, {size_all / JOBS:.0f} bytes each; JobState "
              f"{size} bytes; " + ", ".join(f"{what} {spent * 1000:.1f} ms" for what, spent in times.items())
              + f", by text {search * 1000:.1f} ms", flush=True)
        self.assertLessEqual(size, MAX_STATE_BYTES)
        self.assertLessEqual(size_all, MAX_BYTES)
        self.assertLess(get, GET_SECONDS)
        self.assertLess(search, SEARCH_SECONDS)
        for what, spent in times.items():
            self.assertLess(spent, PAGE_SECONDS, what)


if __name__ == "__main__":
    unittest.main()

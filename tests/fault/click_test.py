"""From a click on a page to the worker: a request that is posted at the edge reaches the worker's stream in time, with a log
that is durable.
"""
import json
import os
import queue
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import grpc_python  # noqa: E402, F401

from clients import request, wait_ready  # noqa: E402
from grpc_service import Service  # noqa: E402
from grpc_worker import StreamWorker  # noqa: E402
from servers import World, patience  # noqa: E402

CLICKS = 200
P99_SECONDS = 0.2
ANSWER_SECONDS = 10
ACTIONS = ("cancel", "pause", "resume", "retry")
JOB = "job:clicked"


class ClickTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        store = tempfile.mkdtemp(prefix="milepost-click-")
        self.addCleanup(shutil.rmtree, store, ignore_errors=True)
        eventd = self.world.eventd(f"--log=rocksdb:{store}/data", "--min_free_mib=0")
        self.edge = self.world.edge(eventd)
        wait_ready(self.edge.port)
        self.service = Service(eventd.address)
        self.addCleanup(self.service.close)
        self.commands = queue.Queue()  # (when, request, action)
        self.worker = StreamWorker(self.service, on_command=self.on_command)
        self.addCleanup(self.worker.close)
        self.worker.publish({"job": JOB, "status": {"state": "RUNNING"}})
        self.worker.wait_acked()

    def on_command(self, worker, command, begun):
        self.commands.put((time.monotonic(), command.request, ACTIONS[command.action - 1]))

    def click(self, action):
        """Seconds from the click to the worker, which then honours it."""
        begun = time.monotonic()
        status, _, body = request(self.edge.port, "POST", f"/v1/jobs/{JOB}:{action}")
        self.assertEqual(status, 202, body)
        when, number, wanted = self.commands.get(timeout=patience(ANSWER_SECONDS))
        self.assertEqual((str(number), wanted), (json.loads(body)["request"], action))
        for phase in ("DELIVERED", "HONOURED"):
            self.worker.publish({"job": JOB, "control": {"request": number, "action": action.upper(), "phase": phase}})
        self.worker.wait_acked()
        return when - begun

    def test_a_click_reaches_the_worker_in_time(self):
        seconds = sorted(self.click(("pause", "resume")[n % 2]) for n in range(CLICKS))
        p50, p99 = seconds[CLICKS // 2], seconds[CLICKS * 99 // 100]
        print(f"{CLICKS} clicks to the worker: p50 {p50 * 1000:.1f}, p99 {p99 * 1000:.1f}, max {seconds[-1] * 1000:.1f} ms",
              flush=True)
        self.assertLessEqual(p99, P99_SECONDS)
        self.assertEqual(self.service.job(JOB)["state"], "RUNNING")
        self.assertTrue(self.commands.empty(), "a request came twice")


if __name__ == "__main__":
    unittest.main()

"""tools/demo shows a real job on a real page, and Ctrl-C leaves nothing behind."""
import json
import pathlib
import re
import socket
import sys
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from command import Command  # noqa: E402

BUILD_SECONDS = 600  # The demo builds first; here everything is built already, but it may be a slow machine.


class DemoTest(unittest.TestCase):
    def start(self, *flags):
        demo = Command(ROOT / "tools/demo", "--any-port", *flags, cwd="/")
        self.addCleanup(demo.close)
        lines = demo.lines_until(lambda line: "milepost run --eventd=" in line, BUILD_SECONDS)
        said = "\n".join(lines)
        self.page = re.search(r"The page: +(http://127\.0\.0\.1:\d+)/", said).group(1)
        self.eventd = re.search(r"--eventd=(127\.0\.0\.1:\d+)", said).group(1)
        return demo

    def poll(self, after):
        with urllib.request.urlopen(f"{self.page}/v1/poll?resources=job:*&after={after}&wait=20", timeout=60) as answer:
            return json.load(answer)

    def test_ctrl_c_in_the_middle_of_the_job_ends_everything(self):
        demo = self.start()
        with urllib.request.urlopen(self.page + "/", timeout=20) as answer:
            self.assertIn(b"<title>Milepost</title>", answer.read())
        after, events = "earliest", []
        while not any("progress" in event for event in events):
            page = self.poll(after)
            after, events = page["cursor"], events + page["events"]
        self.assertTrue(events[0]["job"].startswith("job:demo-"), events[0])
        stream = urllib.request.urlopen(f"{self.page}/v1/events?resources=job:*&last_event_id={after}", timeout=60)
        demo.interrupt()
        self.assertIn(b"event: job-cancelled", stream.read())
        status, lines = demo.finish(60)
        self.assertEqual(status, 0, (lines, demo.errors))
        for address in (self.eventd, self.page.removeprefix("http://")):
            host, _, port = address.rpartition(":")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((host, int(port)), timeout=20).close()

    def test_once_runs_the_job_to_its_end(self):
        status, lines = (demo := self.start("--once")).finish(BUILD_SECONDS)
        self.assertEqual(status, 0, (lines[-5:], demo.errors))
        self.assertIn("100% tests passed", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()

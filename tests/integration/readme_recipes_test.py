"""Every command of the README works as it is printed there: with real servers, curl, grpcurl and milepost.

The gRPC recipes run twice: with the real grpcurl where there is one, and always with tests/support/grpcurl.py.
"""

import json
import pathlib
import re
import shlex
import shutil
import sys
import tempfile
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from command import Command  # noqa: E402
from servers import World, binary  # noqa: E402

GRPCURL = shutil.which("grpcurl", path=str(ROOT / "build/tools/bin")) or shutil.which("grpcurl")
SMALL_CLIENT = ["/usr/bin/python3", str(ROOT / "tests/support/grpcurl.py")]

EVENT = {"job": "job:42", "step": {"id": "render", "state": "STARTED", "message": "arrived"}}


def readme_commands():
    """Every line of the README's `sh` blocks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def commands_with(start):
    return [command for command in readme_commands() if command.startswith(start)]


class Recipes(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.eventd = self.world.eventd()

    def run_recipe(self, command, program=()):
        """Starts a command of the README against the servers of this test, `program` in place of its first word."""
        words = shlex.split(command.removesuffix(" &"))
        words[:1] = list(program) or words[:1]
        words = [word.replace("localhost:7070", self.eventd.address) for word in words]
        if hasattr(self, "edge"):
            words = [word.replace("localhost:8080", self.edge.address) for word in words]
        if words[0].startswith("build/release/bin/"):
            words[0] = binary(words[0].removeprefix("build/release/bin/"))
        command = Command(*words, cwd=ROOT)
        self.addCleanup(command.close)
        return command

    def answer(self, command, program=()):
        status, lines = (process := self.run_recipe(command, program)).finish()
        self.assertEqual(status, 0, (lines, process.errors))
        return "\n".join(lines)

    def one(self, start, part=""):
        """The one command of the README that begins and goes on like this."""
        found = [command for command in commands_with(start) if part in command]
        self.assertEqual(len(found), 1, (start, part))
        return found[0]


class GrpcRecipesTest:
    """Mixed into a test for each client; `client` is its command."""

    client = ()

    def test_list_names_the_services(self):
        said = self.answer(self.one("grpcurl", " list"), self.client).splitlines()
        for service in ("milepost.v1.EventService", "grpc.health.v1.Health"):
            self.assertIn(service, said)

    def test_describe_shows_the_methods(self):
        said = self.answer(self.one("grpcurl", " describe "), self.client)
        for method in ("PublishStream", "Publish", "Subscribe", "UpdateSubscription", "Read"):
            self.assertIn(f"rpc {method} (", said)

    def test_publish_then_read(self):
        published = json.loads(self.answer(self.one("grpcurl", "/Publish"), self.client))
        self.assertEqual(published["results"][0]["seq"], "1")
        page = json.loads(self.answer(self.one("grpcurl", "/Read"), self.client))
        self.assertEqual([event["status"]["title"] for event in page["events"]], ["Trailer"])

    def test_subscribe_gives_what_was_and_what_comes(self):
        self.answer(self.one("grpcurl", "/Publish"), self.client)
        reader = self.run_recipe(self.one("grpcurl", "/Subscribe"), self.client)
        reader.lines_until(lambda line: '"Trailer"' in line)
        self.answer(self.one("grpcurl", "/Publish").replace("Trailer", "Second part"), self.client)
        reader.lines_until(lambda line: '"Second part"' in line)

    def test_a_bad_event_is_rejected_by_itself(self):
        command = self.one("grpcurl", "/Publish").replace("job:42", "no resource")
        result = json.loads(self.answer(command, self.client))["results"][0]
        self.assertEqual(result["error"]["code"], 3)
        self.assertIn("job", result["error"]["message"])


@unittest.skipUnless(GRPCURL, "no grpcurl here; the small client runs the same recipes")
class GrpcurlTest(GrpcRecipesTest, Recipes):
    client = (GRPCURL,)


class SmallClientTest(GrpcRecipesTest, Recipes):
    client = tuple(SMALL_CLIENT)


class HttpRecipesTest(Recipes):
    def setUp(self):
        super().setUp()
        self.edge = self.world.edge(self.eventd)

    def publish(self, event):
        request = urllib.request.Request(f"http://{self.edge.address}/v1/events", json.dumps(event).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            self.assertEqual(response.status, 200)

    def test_curl_sees_an_event_arrive(self):
        streams = commands_with("curl -N")
        self.assertGreater(len(streams), 1)
        for command in streams:
            stream = self.run_recipe(command)
            stream.lines_until(lambda line: line == "event: connected")
            self.publish(EVENT)
            stream.lines_until(lambda line: line == "event: step-status")
            data = stream.lines_until(lambda line: line.startswith("data: "))[-1]
            self.assertEqual(json.loads(data.removeprefix("data: "))["step"]["message"], "arrived")

    def test_curl_publishes_and_polls(self):
        result = json.loads(self.answer(self.one("curl -H")))["results"][0]
        self.assertEqual(result["seq"], "1")
        page = json.loads(self.answer(self.one("curl 'http")))
        self.assertEqual([event["completed"]["message"] for event in page["events"]], ["done"])
        self.assertEqual(page["cursor"], result["cursor"])

    def milepost(self, command, subcommand):
        return self.run_recipe(command.replace(f"milepost {subcommand}", f"milepost {subcommand} --eventd={self.eventd.address}"))

    def test_milepost_publish_arrives_as_the_readme_shows_it(self):
        stream = self.run_recipe(commands_with("curl -N")[0])
        stream.lines_until(lambda line: line == "event: connected")
        status, _ = self.milepost(self.one("build/release/bin/milepost publish"), "publish").finish()
        self.assertEqual(status, 0)
        stream.lines_until(lambda line: line == "event: step-progress")
        data = json.loads(stream.lines_until(lambda line: line.startswith("data: "))[-1].removeprefix("data: "))
        self.assertEqual(data["progress"], {"step": "render", "fraction": 0.4, "message": "frame 96 of 240"})

    def test_milepost_run_reports_a_command(self):
        command = self.one("build/release/bin/milepost run")
        # Not a whole build within a test: the same flags, another command.
        command = re.sub(r"-- .*", "-- echo hello", command)
        status, lines = self.milepost(command, "run").finish()
        self.assertEqual((status, lines), (0, ["hello"]))
        url = f"http://{self.edge.address}/v1/poll?resources=job:build&after=earliest&wait=20"
        with urllib.request.urlopen(url, timeout=30) as response:
            events = json.load(response)["events"]
        self.assertIn("completed", events[-1])
        status, lines = self.milepost(self.one("build/release/bin/milepost jobs"), "jobs").finish()
        self.assertEqual((status, lines[-1]), (0, "1 of 1 done"))


class LogRecipesTest(unittest.TestCase):
    """The store of a running service, in the directory where the service keeps it by default."""

    def test_each_command_works_beside_the_service(self):
        with tempfile.TemporaryDirectory() as place, World() as world:
            eventd = world.eventd(f"--log=rocksdb:{place}/milepost-data", "--min_free_mib=0")
            publish = Command(binary("milepost"), "publish", f"--eventd={eventd.address}", "--job=job:42", "--completed")
            self.addCleanup(publish.close)
            self.assertEqual(publish.finish()[0], 0)
            said = {}
            for recipe in commands_with("build/release/bin/milepost log"):
                words = shlex.split(recipe.replace("/tmp/milepost-backup", f"{place}/backup"))
                command = Command(binary("milepost"), *words[1:], cwd=place)
                self.addCleanup(command.close)
                status, lines = command.finish()
                self.assertEqual(status, 0, (recipe, lines, command.errors))
                said[words[2]] = lines
            self.assertIn("records  1, from 1 to 1", said["info"])
            self.assertEqual([json.loads(line)["job"] for line in said["dump"]], ["job:42"])
            self.assertIn("nothing is broken", said["verify"])
            restored = world.eventd(f"--log=rocksdb:{place}/backup", "--min_free_mib=0")
            again = Command(binary("milepost"), "watch", "--json", f"--eventd={restored.address}", "job:42")
            self.addCleanup(again.close)
            self.assertEqual(again.finish()[0], 0)


class ReadmeTest(unittest.TestCase):
    def test_no_command_goes_untested(self):
        tested = ("curl -N ", "curl -H ", "curl 'http", "grpcurl -plaintext ", "build/release/bin/milepost publish ",
                  "build/release/bin/milepost run ", "build/release/bin/milepost jobs", "build/release/bin/milepost log ", "build/release/bin/milepost-eventd &", "build/release/bin/milepost-edge &")
        self.assertEqual([command for command in readme_commands() if not command.startswith(tested)], [])

    def test_an_event_arrives_within_25_lines_of_at_most_150(self):
        lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        self.assertIn("curl -N", "\n".join(lines[:25]))
        self.assertLess(len(lines), 150)


if __name__ == "__main__":
    unittest.main()

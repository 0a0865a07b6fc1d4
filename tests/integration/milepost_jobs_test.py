"""Jobs from the command line, with a real service: what stands where, and requests that reach a running command.

Processes are stopped, killed and restarted in the middle of it.
"""
import json
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from command import Command  # noqa: E402
from servers import World, binary, free_port, patience  # noqa: E402
from terminal import Terminal  # noqa: E402

# A shell that started this in the background would have it ignore interrupts, and every command below it.
signal.signal(signal.SIGINT, signal.default_int_handler)
LIMIT = 30  # seconds for anything


def process_state(pid):
    """The letter of /proc/PID/stat, or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


class JobsCase(unittest.TestCase):
    eventd_flags = ()

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.eventd = self.world.eventd(*self.eventd_flags)
        self.address = self.eventd.address

    def start(self, subcommand, *words):
        command = Command(binary("milepost"), subcommand, f"--eventd={self.address}", *words)
        self.addCleanup(command.close)
        return command

    def milepost(self, subcommand, *words):
        """(exit status, lines of output, lines of errors)."""
        command = self.start(subcommand, *words)
        status, lines = command.finish(LIMIT)
        command.close()
        return status, lines, command.errors

    def run_command(self, script, *flags, job="job:t"):
        """A run of a script that prints its process id first; (the run, that id), when the service knows the job."""
        run = self.start("run", f"--job={job}", *flags, "--", "bash", "-c", f"echo $$; {script}")
        pid = int(run.lines_until(str.isdigit)[-1])
        self.addCleanup(self.end_group, pid)
        self.wait_for_event(lambda event: "status" in event, job)
        return run, pid

    def end_group(self, pid):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def state(self, job="job:t"):
        status, lines, errors = self.milepost("jobs", "--json", job)
        self.assertEqual(status, 0, errors)
        return json.loads(lines[0])

    def events(self, job="job:t"):
        """All events of a job that has ended."""
        return [json.loads(line) for line in self.milepost("watch", "--json", job)[1]]

    def wait_for_event(self, wanted, job="job:t"):
        # With a second name the watch does not end with the job.
        watch = self.start("watch", "--json", "--cursor=earliest", job, "none:none")
        event = json.loads(watch.lines_until(lambda line: wanted(json.loads(line)), LIMIT)[-1])
        watch.close()
        return event

    def wait_for_end(self, job="job:t", attempt=1):
        return self.wait_for_event(lambda e: ("failed" in e or "cancelled" in e) and e.get("attempt", 1) == attempt, job)

    def until(self, condition, what):
        end = time.monotonic() + patience(LIMIT)
        while not condition():
            self.assertLess(time.monotonic(), end, f"waited in vain for {what}")

    def publish(self, *words):
        status, _, errors = self.milepost("publish", *words)
        self.assertEqual(status, 0, errors)

    def publish_all(self, events):
        with tempfile.NamedTemporaryFile("w") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
            file.flush()
            command = Command("bash", "-c", f"{binary('milepost')} publish --eventd={self.address} < {file.name}")
            self.addCleanup(command.close)
            self.assertEqual(command.finish(LIMIT)[0], 0, command.errors)


class ListTest(JobsCase):
    def test_the_table_and_the_counts_say_what_stands_where(self):
        self.publish("--job=job:1", "--resource=user:7", "--state=RUNNING", "--title=Nightly build")
        self.publish("--job=job:1", "--step=compile", "--fraction=0.5", "--message=main.cc")
        self.publish("--job=job:2", "--resource=user:7", "--failed=PROVIDER", "--message=quota used up")
        self.publish("--job=video:3", "--completed")
        status, lines, _ = self.milepost("jobs")
        self.assertEqual(status, 0)
        self.assertRegex(lines[0], r"^JOB +STATE +DONE +ETA +AGE +STEP +MESSAGE$")
        self.assertEqual([line.split()[:2] for line in lines[1:4]], [["video:3", "COMPLETED"], ["job:2", "FAILED"], ["job:1", "RUNNING"]])
        self.assertRegex(lines[2], r"PROVIDER: quota used up$")
        self.assertRegex(lines[3], r"compile +main\.cc$")
        self.assertEqual(lines[4], "1 of 3 done, 1 failed, 1 running")
        self.assertEqual([line.split()[0] for line in self.milepost("jobs", "--state=ended", "--resource=user:7")[1][1:-1]], ["job:2"])
        self.assertEqual([line.split()[0] for line in self.milepost("jobs", "--kind=video")[1][1:-1]], ["video:3"])
        self.assertEqual([line.split()[0] for line in self.milepost("jobs", "--query=NIGHT")[1][1:-1]], ["job:1"])
        self.assertEqual(self.milepost("jobs", "--query=nothing like it")[1], ["no jobs"])
        self.assertEqual(self.milepost("jobs", "-n", "1")[1][-1], "1 of 3 done, 1 failed, 1 running (the newest 1 are shown; -n 3 shows all)")
        self.assertEqual(self.milepost("jobs", "-n0")[1], ["1 of 3 done, 1 failed, 1 running"])

    def test_it_pages_on_by_itself_up_to_what_is_wanted(self):
        self.publish_all({"job": f"job:{n}", "status": {"state": "QUEUED"}} for n in range(1100))
        for wanted in (1100, 1050, 3):
            status, lines, _ = self.milepost("jobs", "--json", "-n", wanted)
            self.assertEqual(status, 0)
            self.assertEqual([json.loads(line)["job"] for line in lines], [f"job:{n}" for n in range(1099, 1099 - wanted, -1)])

    def test_one_job_is_shown_whole(self):
        self.publish("--job=job:1", "--state=RUNNING", "--title=Trailer", "--resource=user:7")
        self.publish("--job=job:1", "--step=tts", "--fraction=0.25", "--message=line 3")
        lines = self.milepost("jobs", "job:1")[1]
        for line in ("title     Trailer", "resources user:7", "step >    tts  STARTED  25%  line 3"):
            self.assertIn(line, lines)
        self.assertEqual(self.state("job:1")["steps"][0]["id"], "tts")

    def test_errors_say_what_is_wrong(self):
        self.publish("--job=job:1", "--completed")
        for words, error in ((("jobs", "job:none"), r"the service knows no job job:none"),
                             (("cancel", "job:none"), r"cannot cancel job:none: the service knows no such job"),
                             (("pause", "job:1"), r"cannot pause job:1: .*has ended: it is completed"),
                             (("retry", "job:1"), r"cannot retry job:1: .*only a failed or cancelled job"),
                             (("cancel", "--eventd=127.0.0.1:1", "--timeout=100ms", "--wait", "job:1"), r"cannot cancel job:1: the service at 127.0.0.1:1 is away"),
                             (("jobs", "--state=odd"), r"state: \"odd\" is no state")):
            status, lines, errors = self.milepost(*words)
            self.assertEqual((status, lines), (1, []))
            self.assertEqual(len(errors), 1)
            self.assertRegex(errors[0], f"^milepost: {error}")
        for words in (("cancel",), ("cancel", "no name"), ("jobs", "job:1", "job:2"), ("jobs", "--state=active", "job:1")):
            self.assertEqual(self.milepost(*words)[0], 2)


class WatchTest(JobsCase):
    def test_a_job_that_has_ended_shows_its_result_at_once(self):
        for flags, status, line in ((("--completed", "--message=42 frames"), 0, "COMPLETED 100%  42 frames"),
                                    (("--failed=PROVIDER", "--message=quota", "--retryable"), 3, "FAILED  PROVIDER: quota"),
                                    (("--cancelled",), 4, "CANCELLED")):
            job = f"job:w{status}"
            self.publish(f"--job={job}", *flags)
            self.assertEqual(self.milepost("watch", job), (status, [f"{job} {line}"], []))

    def test_in_a_terminal_a_job_that_has_ended_is_drawn_once(self):
        self.publish("--job=job:1", "--step=render", "--fraction=0.5", "--message=frame 7")
        self.publish("--job=job:1", "--failed=PROVIDER", "--message=quota")
        terminal = Terminal([binary("milepost"), "watch", f"--eventd={self.address}", "job:1"])
        self.assertEqual(terminal.wait(), 3)
        shown = terminal.output.decode()
        self.assertRegex(shown, r"job:1 · PROVIDER: quota +FAILED")
        self.assertRegex(shown, r"render █+.* 50%  frame 7")

    def test_it_begins_with_what_is_and_goes_on_with_what_comes(self):
        self.publish("--job=job:1", "--state=RUNNING", "--title=Trailer")
        self.publish("--job=job:1", "--step=tts", "--fraction=0.25", "--message=line 3")
        watch = self.start("watch", "job:1")
        self.assertRegex(watch.lines_until(lambda line: True)[0], r"^job:1 RUNNING.*  Trailer  tts  line 3$")
        self.publish("--job=job:1", "--step=tts", "--fraction=0.75", "--message=line 9")
        self.assertRegex(watch.lines_until(lambda line: True)[0], r"^job:1 tts  75%  line 9")
        self.publish("--job=job:1", "--completed")
        self.assertEqual(watch.finish()[0], 0)

    def test_a_job_that_several_resources_show_is_told_once(self):
        self.publish("--job=job:1", "--resource=user:7", "--state=RUNNING")
        watch = self.start("watch", "user:7", "job:1", "job:*")
        self.assertRegex(watch.lines_until(lambda line: True)[0], r"^job:1 RUNNING")
        self.publish("--job=job:1", "--notice=seen")
        self.assertEqual(watch.lines_until(lambda line: True), ["job:1 INFO seen"])

    def test_a_job_that_waits_is_told_its_place_as_others_start(self):
        self.publish_all({"job": f"job:{n}", "status": {"state": "QUEUED", "queuePosition": n}} for n in range(6))
        self.publish_all({"job": f"job:{n}", "status": {"state": "RUNNING"}} for n in range(5))
        self.wait_for_event(lambda event: event.get("status", {}).get("queuePosition") == 0, "job:5")

    def test_past_events_come_before_what_is(self):
        self.publish("--job=job:1", "--notice=old")
        self.publish("--job=job:1", "--completed")
        self.assertEqual(self.milepost("watch", "--last=2", "job:1")[1], ["job:1 INFO old", "job:1 COMPLETED", "job:1 COMPLETED 100%"])


class ControlTest(JobsCase):
    def phases(self, action, job="job:t"):
        return [e["control"]["phase"] for e in self.events(job) if e.get("control", {}).get("action") == action]

    def test_a_cancel_ends_the_command_within_a_second(self):
        run, pid = self.run_command("exec sleep 60")
        began = time.monotonic()
        status, lines, errors = self.milepost("cancel", "--wait", "--reason=too slow", "job:t")
        self.assertEqual(status, 0, errors)
        self.assertRegex(lines[0], r"^job:t: cancel was requested \(request \d+\)$")
        self.assertEqual(lines[1], "job:t: cancel was honoured")
        self.assertEqual(run.finish()[0], 4)
        self.assertLess(time.monotonic() - began, patience(1))
        self.assertIsNone(process_state(pid))
        events = self.events()
        self.assertEqual(self.phases("CANCEL"), ["REQUESTED", "DELIVERED", "HONOURED"])
        requested = next(e["seq"] for e in events if e.get("control", {}).get("phase") == "REQUESTED")
        self.assertEqual({e["control"]["request"] for e in events if "request" in e.get("control", {})}, {requested})
        self.assertEqual(events[-1]["cancelled"], {"reason": "too slow"})
        self.assertEqual(run.errors, [])

    def test_a_command_that_ignores_it_is_killed_at_the_deadline_and_not_before(self):
        run, pid = self.run_command("trap '' INT TERM; sh -c 'trap \"\" INT TERM; while :; do sleep 0.1; done' & echo $!; wait; while :; do wait; done",
                                    "--grace=100ms")
        child = int(run.lines_until(str.isdigit)[-1])
        began = time.monotonic()
        self.assertEqual(self.milepost("cancel", "--wait", "--deadline=2s", "job:t")[0], 0)
        self.assertEqual(run.finish()[0], 4)
        self.assertGreater(time.monotonic() - began, 1.8)
        self.assertLess(time.monotonic() - began, patience(4))
        self.until(lambda: process_state(child) in (None, "Z"), "the end of the command's child")
        self.assertEqual(self.phases("CANCEL"), ["REQUESTED", "DELIVERED", "HONOURED"])

    def test_a_command_that_reports_for_itself_leaves_the_job_to_the_run(self):
        report = f"{binary('milepost')} publish --eventd={self.address} --job=job:t --step=render --fraction=0.4"
        run, _ = self.run_command(f"{report}; exec sleep 60")
        self.wait_for_event(lambda event: "progress" in event)
        self.assertEqual(self.milepost("cancel", "--wait", "--deadline=5s", "job:t")[1][-1], "job:t: cancel was honoured")
        self.assertEqual(run.finish()[0], 4)

    def test_a_request_that_timed_out_while_the_run_was_stopped_is_not_done_afterwards(self):
        run, pid = self.run_command("exec sleep 60")
        run.signal(signal.SIGSTOP)
        self.assertRegex(self.milepost("pause", "--wait", "--deadline=1s", "job:t")[1][-1], "^job:t: pause timed out")
        run.signal(signal.SIGCONT)
        # Requests are looked at in their order.
        self.assertRegex(self.milepost("resume", "--wait", "job:t")[1][-1], "resume was refused: the command is not paused")
        self.assertNotEqual(process_state(pid), "T")
        self.assertEqual(self.state()["state"], "RUNNING")
        self.assertEqual(self.milepost("cancel", "--wait", "job:t")[0], 0)
        self.assertEqual(run.finish()[0], 4)
        self.assertEqual(self.phases("PAUSE"), ["REQUESTED", "TIMED_OUT"])
        self.assertEqual(run.errors, [])

    def test_a_counting_command_pauses_and_goes_on(self):
        run, pid = self.run_command("i=0; while :; do echo count $((++i)); sleep 0.02; done")
        run.lines_until(lambda line: line == "count 3")
        self.assertEqual(self.milepost("resume", "--wait", "job:t")[1][1], "job:t: resume was refused: the command is not paused")
        self.assertEqual(self.milepost("pause", "--wait", "job:t")[0], 0)
        self.assertEqual(self.state()["state"], "PAUSED")
        self.until(lambda: process_state(pid) == "T", "the command to stand still")
        status, lines, _ = self.milepost("pause", "--wait", "job:t")
        self.assertEqual((status, lines[1]), (1, "job:t: pause was refused: the command is paused already"))
        self.assertEqual(self.milepost("resume", "--wait", "job:t")[0], 0)
        self.assertEqual(self.state()["state"], "RUNNING")
        self.assertNotEqual(process_state(pid), "T")
        # Nothing of the count was lost or begun again.
        seen = run.lines_until(lambda line: line == "count 30")
        self.assertEqual(seen, [f"count {n}" for n in range(4, 31)])
        # A command that stands still is ended like any other.
        self.assertEqual(self.milepost("pause", "--wait", "job:t")[0], 0)
        self.assertEqual(self.milepost("cancel", "--wait", "job:t")[0], 0)
        self.assertEqual(run.finish()[0], 4)

    def test_ctrl_c_reaches_a_command_that_is_paused(self):
        terminal = Terminal([binary("milepost"), "run", f"--eventd={self.address}", "--job=job:t", "--", "sh", "-c", "echo ready; exec sleep 60"])
        terminal.read_until(rb"ready")
        self.wait_for_event(lambda event: "status" in event)
        self.assertEqual(self.milepost("pause", "--wait", "job:t")[0], 0)
        terminal.type(b"\x03")
        self.assertEqual(terminal.wait(), 130)
        self.assertIn("cancelled", self.events()[-1])

    def test_a_queued_job_without_a_worker_is_cancelled_at_once(self):
        self.publish("--job=job:t", "--state=QUEUED")
        status, lines, errors = self.milepost("cancel", "--wait", "--reason=not needed", "job:t")
        self.assertEqual((status, lines[-1]), (0, "job:t: cancel was honoured"), errors)
        self.assertEqual(self.milepost("watch", "job:t")[0], 4)

    def test_a_request_that_nobody_answers_times_out(self):
        self.publish("--job=job:t", "--state=RUNNING")
        status, lines, _ = self.milepost("pause", "--wait", "--deadline=1s", "job:t")
        self.assertEqual(status, 1)
        self.assertRegex(lines[-1], r"^job:t: pause timed out")

    def test_a_kept_run_runs_again_on_retry(self):
        with tempfile.TemporaryDirectory() as place:
            run, _ = self.run_command(f"test -e {place}/again && exit 0; touch {place}/again; exit 3", "--keep")
            self.assertTrue(self.wait_for_end()["failed"]["retryable"])
            self.assertEqual(self.milepost("watch", "job:t")[0], 3)
            status, lines, errors = self.milepost("retry", "--wait", "job:t")
            self.assertEqual((status, lines[-1]), (0, "job:t: retry was honoured"), errors)
            self.assertEqual(run.finish()[0], 0)
        events = self.events()
        self.assertEqual([(e["status"]["state"], e.get("attempt", 1)) for e in events if "status" in e],
                         [("RUNNING", 1), ("QUEUED", 2), ("RUNNING", 2)])
        self.assertEqual((events[-1]["attempt"], events[-1]["completed"]), (2, {}))
        self.assertEqual(self.state()["attempt"], 2)

    def test_a_kept_run_waits_after_a_cancel_too_and_until_it_is_interrupted(self):
        run, _ = self.run_command("exec sleep 60", "--keep")
        for attempt in (1, 2):
            self.assertEqual(self.milepost("cancel", "--wait", "job:t")[0], 0)
            self.wait_for_end(attempt=attempt)
            if attempt == 1:
                self.assertEqual(self.milepost("retry", "--wait", "job:t")[0], 0)
                pid = int(run.lines_until(str.isdigit)[-1])
                self.addCleanup(self.end_group, pid)
        self.until(lambda: sum("waiting for milepost retry job:t" in line for line in run.errors) == 2, "the second waiting")
        run.interrupt()
        self.assertEqual(run.finish()[0], 4)

    def test_who_interrupts_a_kept_run_does_not_wait(self):
        run, _ = self.run_command("exec sleep 60", "--keep")
        run.interrupt()
        self.assertEqual(run.finish()[0], 130)

    def test_a_dead_and_a_stopped_run_are_told_from_one_whose_command_hangs(self):
        def stall(job):
            return self.wait_for_event(lambda e: e.get("status", {}).get("state") == "STALLED", job)["status"]["message"]

        paused, _ = self.run_command("exec sleep 60", "--lease=2s", job="job:paused")
        self.assertEqual(self.milepost("pause", "--wait", "job:paused")[0], 0)
        hangs, child = self.run_command("exec sleep 60", "--lease=2s", job="job:hangs")
        os.kill(child, signal.SIGSTOP)
        killed, _ = self.run_command("exec sleep 60", "--lease=2s", job="job:killed")
        killed.signal(signal.SIGKILL)
        stopped, _ = self.run_command("exec sleep 60", "--lease=2s", job="job:stopped")
        stopped.signal(signal.SIGSTOP)
        self.assertRegex(stall("job:killed"), "connection is lost")
        self.assertRegex(stall("job:stopped"), "worker is silent")
        # By then their leases would have run out too.
        self.assertEqual(self.state("job:paused")["state"], "PAUSED")
        self.assertEqual(self.state("job:hangs")["state"], "RUNNING")
        stopped.signal(signal.SIGCONT)
        self.wait_for_event(lambda e: e.get("status", {}).get("state") == "RUNNING" and "title" not in e["status"], "job:stopped")


class RestartTest(JobsCase):
    """The service is killed and comes back at the same place, with what is on disk."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.port = free_port()
        self.start_eventd()

    def start_eventd(self):
        self.eventd = self.world.eventd(f"--log=rocksdb:{self.place}/data", "--min_free_mib=0", "--lost_after=1s", port=self.port)
        self.address = self.eventd.address

    def test_a_request_that_the_worker_has_not_seen_outlives_the_service(self):
        run, pid = self.run_command("exec sleep 60", "--lease=60s")
        run.signal(signal.SIGSTOP)
        cancel = self.start("cancel", "--wait", "--deadline=60s", "job:t")
        cancel.lines_until(lambda line: "cancel was requested" in line)
        self.eventd.kill()
        self.start_eventd()
        run.signal(signal.SIGCONT)
        status, lines = cancel.finish(LIMIT)
        self.assertEqual((status, lines[-1]), (0, "job:t: cancel was honoured"), cancel.errors)
        self.assertEqual(run.finish(LIMIT)[0], 4)
        controls = [e["control"]["phase"] for e in self.events() if "control" in e]
        self.assertEqual(controls, ["REQUESTED", "DELIVERED", "HONOURED"])
        self.assertEqual(self.state()["state"], "CANCELLED")

    def test_a_run_that_was_replaced_while_it_was_away_leaves_the_job_alone(self):
        old, _ = self.run_command(f"until test -e {self.place}/go; do sleep 0.05; done", "--lease=1s", "--title=old")
        old.signal(signal.SIGSTOP)
        self.assertEqual(self.wait_for_end()["failed"]["code"], "WORKER_LOST")
        new = self.start("run", "--job=job:t", "--attempt=2", "--title=new", "--", "sleep", "60")
        self.wait_for_event(lambda e: e.get("attempt") == 2 and "status" in e)
        old.signal(signal.SIGCONT)
        pathlib.Path(self.place, "go").touch()
        self.assertEqual(old.finish(LIMIT)[0], 0)
        self.assertRegex(" ".join(old.errors), "rejected")
        self.assertEqual([self.state()[name] for name in ("state", "attempt", "title")], ["RUNNING", 2, "new"])
        self.assertEqual(self.milepost("cancel", "--wait", "job:t")[1][-1], "job:t: cancel was honoured")
        self.assertEqual(new.finish(LIMIT)[0], 4)
        self.assertEqual([e["attempt"] for e in self.events() if "cancelled" in e or "completed" in e], [2])

    def test_a_run_that_was_away_for_too_long_goes_on_as_the_next_attempt(self):
        run, _ = self.run_command(f"until test -e {self.place}/go; do sleep 0.05; done; echo well", "--lease=1s")
        run.signal(signal.SIGSTOP)
        self.assertEqual(self.wait_for_end()["failed"]["code"], "WORKER_LOST")
        self.eventd.kill()
        self.start_eventd()
        run.signal(signal.SIGCONT)
        self.wait_for_event(lambda e: e.get("attempt") == 2 and e.get("status", {}).get("state") == "RUNNING")
        pathlib.Path(self.place, "go").touch()
        self.assertEqual(run.finish(LIMIT), (0, ["well"]))
        state = self.state()
        self.assertEqual((state["state"], state["attempt"], state["outputTail"]), ("COMPLETED", 2, ["well"]))
        self.assertEqual(run.errors, [])


if __name__ == "__main__":
    unittest.main()

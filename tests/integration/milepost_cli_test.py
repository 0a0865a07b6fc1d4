#!/usr/bin/env python3
"""The command line with a real event service: run under a terminal and under pipes, interrupted, with the service away,
slow, cut off and restarted; publish; watch.

usage: milepost_cli_test.py BIN_DIRECTORY [unittest arguments]
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from terminal import ENV, LIMIT, Terminal  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
MILEPOST = os.path.join(BIN, "milepost")
# A shell that started this in the background would have it ignore interrupts, and every command below it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Eventd:
    def __init__(self, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([os.path.join(BIN, "milepost-eventd"), "--log=memory", f"--listen={listen}"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.address = re.fullmatch(r"listening on (\S+)\n", line).group(1)

    def kill(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(LIMIT)
        self.process.stdout.close()


class Proxy:
    """Passes bytes on to a service; cut() breaks every connection."""
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.pairs, self.lock, self.cuts = [], threading.Lock(), 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            host, port = self.target.split(":")
            server = socket.create_connection((host, int(port)), LIMIT)
            with self.lock:
                self.pairs.append((client, server))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def copy(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self.close(source, sink)

    def close(self, *sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        self.cuts += len(pairs)
        for pair in pairs:
            self.close(*pair)


def milepost(*args, **kwargs):
    return subprocess.run([MILEPOST, *args], capture_output=True, timeout=LIMIT, env=ENV, **kwargs)


class CommandLineTest(unittest.TestCase):
    def setUp(self):
        self.eventd = Eventd()
        self.addCleanup(lambda: self.eventd.kill())

    def start_run(self, *args, address=None, **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        return subprocess.Popen([MILEPOST, "run", f"--eventd={address or self.eventd.address}", "--job=job:t", *args], env=ENV, **kwargs)

    def run_job(self, *args, **kwargs):
        process = self.start_run(*args, **kwargs)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    def events(self, job="job:t"):
        """All events of a job that has ended."""
        done = milepost("watch", f"--eventd={self.eventd.address}", "--json", job)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lines(self, job="job:t"):
        return [e["output"]["line"]["text"] for e in self.events(job) if "line" in e.get("output", {})]

    def wait_for_event(self, condition, job="job:t"):
        """Until an event of the job, which still runs, fulfils the condition."""
        watch = subprocess.Popen([MILEPOST, "watch", f"--eventd={self.eventd.address}", "--json", job], stdout=subprocess.PIPE, env=ENV)
        timer = threading.Timer(LIMIT, watch.kill)
        timer.start()
        try:
            for line in watch.stdout:
                if condition(json.loads(line)):
                    return
            self.fail("the watch ended first")
        finally:
            timer.cancel()
            watch.kill()
            watch.wait()
            watch.stdout.close()

    # run

    def test_pipes_are_kept_apart_and_passed_unchanged(self):
        process = self.start_run("--", "sh", "-c", "printf 'out\\r\\n\\033[1m\\377 no end'; printf 'err\\n' >&2; read x; echo got $x; exit 3", stdin=subprocess.PIPE)
        out, err = process.communicate(b"typed\n", timeout=LIMIT)
        self.assertEqual(process.returncode, 3)
        self.assertEqual(out, b"out\r\n\x1b[1m\xff no endgot typed\n")
        self.assertEqual(err, b"err\n")
        events = self.events()
        self.assertEqual(events[0]["status"]["state"], "RUNNING")
        self.assertEqual(events[-1]["failed"], {"code": "EXIT_CODE", "message": "exit code 3", "retryable": False, "details": {"exitStatus": 3}})
        self.assertIn("\N{REPLACEMENT CHARACTER} no endgot typed", self.lines())
        streams = {e["output"]["line"]["stream"] for e in events if "output" in e}
        self.assertEqual(streams, {"stdout", "stderr"})

    def test_exit_statuses_are_those_of_a_shell(self):
        for script, status, kind in (("exit 0", 0, "completed"), ("kill -SEGV $$", 139, "failed"), ("exit 200", 200, "failed")):
            self.assertEqual(self.run_job("--attempt=%d" % (1 + status), "--", "sh", "-c", script)[0], status)
        done = milepost("run", f"--eventd={self.eventd.address}", "--job=job:none", "--", "/no/such/command")
        self.assertEqual(done.returncode, 127)
        self.assertIn(b"cannot start the command: No such file or directory", done.stderr)
        self.assertEqual(self.events("job:none")[-1]["failed"]["code"], "NOT_STARTED")

    def test_a_run_without_a_name_is_of_the_kind_of_its_command(self):
        for flags, kind in (((), "true"), (("--kind=noop",), "noop"), (("--job=check:1",), "check")):
            done = milepost("run", f"--eventd={self.eventd.address}", *flags, "--", "/bin/true")
            self.assertEqual(done.returncode, 0, done.stderr)
            shown = milepost("jobs", f"--eventd={self.eventd.address}", "--json", f"--kind={kind}").stdout.splitlines()
            self.assertEqual([json.loads(line)["state"] for line in shown], ["COMPLETED"], kind)

    def test_a_run_of_a_job_that_has_ended_is_told_what_to_do(self):
        for script, word in (("exit 3", "another run is attempt 2"), ("exit 0", "another run needs another name")):
            job = f"--job=job:{'failed' if '3' in script else 'completed'}"
            for wanted in ("", word):
                done = milepost("run", f"--eventd={self.eventd.address}", job, "--", "sh", "-c", script)
                self.assertEqual(done.returncode, int(script[-1]))
                self.assertIn(wanted, done.stderr.decode())
                self.assertEqual(bool(wanted), bool(done.stderr), done.stderr)

    def test_a_terminal_stays_a_terminal(self):
        script = "stty size; test -t 0 && test -t 1 && test -t 2 && echo all; trap 'stty size; exit 5' WINCH; echo ready; read x & while :; do wait; done"
        terminal = Terminal([MILEPOST, "run", f"--eventd={self.eventd.address}", "--job=job:t", "--", "bash", "-c", script], 30, 100)
        terminal.read_until(rb"30 100\r\nall\r\nready\r\n")
        terminal.resize(40, 120)
        terminal.read_until(rb"40 120\r\n")
        self.assertEqual(terminal.wait(), 5)

    def test_progress_of_ninja_under_a_terminal_becomes_a_step(self):
        recording = os.path.join(os.path.dirname(__file__), "../golden/tools/ninja.pty.txt")
        terminal = Terminal([MILEPOST, "run", f"--eventd={self.eventd.address}", "--job=job:t", "--title=Build", "--resource=user:7", "--", "cat", recording])
        self.assertEqual(terminal.wait(), 0)
        events = self.events()
        self.assertEqual(events[0]["status"]["title"], "Build")
        self.assertEqual(events[0]["resources"], ["user:7"])
        steps = [(e["step"]["id"], e["step"]["state"]) for e in events if "step" in e]
        self.assertEqual(steps, [("build", "STARTED"), ("build", "DONE")])
        progress = [e["progress"] for e in events if "progress" in e]
        self.assertEqual((progress[-1]["done"], progress[-1]["total"]), (12, 12))
        self.assertIn("completed", events[-1])

    def test_what_is_redacted_is_nowhere(self):
        status, out, _ = self.run_job(r"--redact=token=\S+", "--", "sh", "-c", "echo token=s3cret ok; echo '[ 50%] Building token=s3cret'; echo token=s3cret >&2")
        self.assertIn(b"s3cret", out)
        self.assertNotIn("s3cret", json.dumps(self.events()))
        self.assertIn("*** ok", self.lines())

    def test_no_output_reports_no_lines(self):
        self.run_job("--no-output", "--", "echo", "hello")
        self.assertEqual(self.lines(), [])

    def test_a_signal_cancels_command_and_job(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            job = "job:sig%d" % number
            script = "trap 'kill $!; echo caught; exit 7' INT; sleep 1000 & echo ready; while :; do wait; done"
            process = subprocess.Popen([MILEPOST, "run", f"--eventd={self.eventd.address}", f"--job={job}", "--", "bash", "-c", script], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV)
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            out, _ = process.communicate(timeout=LIMIT)
            self.assertEqual((process.returncode, out), (7, b"caught\n"))
            events = self.events(job)
            self.assertEqual(events[-1]["cancelled"]["reason"], "interrupted by SIG" + ("INT" if number == signal.SIGINT else "TERM"))
            self.assertTrue(any(e.get("status", {}).get("state") == "CANCELLING" for e in events))

    def test_a_stubborn_command_is_killed_with_its_whole_group(self):
        script = "trap '' INT TERM; sh -c 'trap \"\" INT TERM; echo $$; sleep 1000' & wait; while :; do sleep 1000; done"
        process = self.start_run("--grace=200ms", "--", "bash", "-c", script)
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 128 + signal.SIGKILL)
        self.assertIn("cancelled", self.events()[-1])
        deadline = time.monotonic() + LIMIT
        while os.path.exists(f"/proc/{child}") and open(f"/proc/{child}/stat").read().split()[2] != "Z":
            self.assertLess(time.monotonic(), deadline)

    def test_an_interrupt_counts_even_if_the_shell_had_it_ignored(self):
        process = self.start_run("--", "sh", "-c", "echo ready; exec sleep 1000", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 130)
        self.assertIn("cancelled", self.events()[-1])

    def test_ctrl_c_in_a_terminal_cancels(self):
        terminal = Terminal([MILEPOST, "run", f"--eventd={self.eventd.address}", "--job=job:t", "--", "sh", "-c", "echo ready; exec sleep 1000"])
        # exec, because a shell that is just starting a child may miss the signal, with or without us.
        terminal.read_until(rb"ready")
        terminal.type(b"\x03")
        self.assertEqual(terminal.wait(), 130)
        self.assertIn("cancelled", self.events()[-1])

    def test_a_command_in_a_pipeline_still_reads_from_the_terminal(self):
        for typed, shown in ((b"word\r", rb"got word\r\nstatus 5"), (b"\x03", rb"status 130")):
            script = f"{MILEPOST} run --eventd={self.eventd.address} --job=job:p{len(typed)} -- sh -c 'echo ready; read x; echo got $x; exit 5' | cat; echo status ${{PIPESTATUS[0]}}"
            terminal = Terminal(["/bin/bash", "-c", script])
            terminal.read_until(rb"ready")
            terminal.type(typed)
            self.assertEqual(terminal.wait(), 0)
            self.assertRegex(terminal.output, shown)
        self.assertIn("cancelled", self.events("job:p1")[-1])

    def test_a_background_process_does_not_keep_the_run(self):
        began = time.monotonic()
        status, out, _ = self.run_job("--", "sh", "-c", "sleep 20 & echo $!")
        os.kill(int(out), signal.SIGKILL)
        self.assertEqual(status, 0)
        self.assertLess(time.monotonic() - began, 15)

    def test_a_reader_that_leaves_ends_the_command_as_without_us(self):
        process = self.start_run("--", "sh", "-c", "trap '' PIPE; exec yes")
        process.stdout.read(10)
        process.stdout.close()
        self.assertNotEqual(process.wait(LIMIT), 0)
        process.stderr.close()

    def test_a_service_that_is_away_disturbs_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            silent = "127.0.0.1:%d" % taken.getsockname()[1]  # accepts and never answers
            for address in ("127.0.0.1:1", silent):
                began = time.monotonic()
                status, out, err = self.run_job("--flush=1s", "--", "sh", "-c", "seq 1000; exit 9", address=address)
                self.assertLess(time.monotonic() - began, 10)
                self.assertEqual(status, 9)
                self.assertEqual(out, "".join(f"{n}\n" for n in range(1, 1001)).encode())
                self.assertRegex(err, rb"^milepost: \d+ events of job:t could not be reported: the service at \S+ is away \(.*\)\n$")

    def test_every_event_is_stored_once_over_broken_connections(self):
        proxy = Proxy(self.eventd.address)
        process = self.start_run("--flush=20s", "--", "bash", "-c", "for i in $(seq 100); do echo line $i; sleep 0.03; done", address=proxy.address)
        while process.poll() is None:
            time.sleep(0.15)
            proxy.cut()
        process.communicate(timeout=LIMIT)
        self.assertGreater(proxy.cuts, 3)
        self.assertEqual(self.lines(), [f"line {i}" for i in range(1, 101)])
        self.assertEqual(sum("completed" in e for e in self.events()), 1)

    def test_a_service_that_stands_still_for_a_while_gets_every_event_once(self):
        process = self.start_run("--flush=30s", "--", "bash", "-c", "echo first; read x; for i in $(seq 60); do echo line $i; sleep 0.02; done", stdin=subprocess.PIPE)
        self.wait_for_event(lambda e: e.get("output", {}).get("line", {}).get("text") == "first")
        self.eventd.process.send_signal(signal.SIGSTOP)
        process.stdin.write(b"\n")
        process.stdin.flush()
        while process.stdout.readline() != b"line 60\n":
            pass
        self.eventd.process.send_signal(signal.SIGCONT)
        process.communicate(timeout=LIMIT)
        self.assertEqual(self.lines(), ["first"] + [f"line {i}" for i in range(1, 61)])

    def test_a_restarted_service_gets_what_the_old_one_had_not_acked(self):
        watch = subprocess.Popen([MILEPOST, "watch", "--last=1000", f"--eventd={self.eventd.address}", "job:t"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV)
        process = self.start_run("--flush=20s", "--", "bash", "-c", "echo first; read x; for i in $(seq 60); do echo line $i; sleep 0.02; done", stdin=subprocess.PIPE)
        self.wait_for_event(lambda e: e.get("output", {}).get("line", {}).get("text") == "first")
        self.eventd.kill()
        process.stdin.write(b"\n")
        process.stdin.flush()
        while process.stdout.readline() != b"line 20\n":
            pass
        self.eventd = Eventd(self.eventd.address)
        self.assertEqual(process.communicate(timeout=LIMIT)[1], b"")
        lines = [line for line in self.lines() if line.startswith("line")]
        self.assertEqual(lines, [f"line {i}" for i in range(1, 61)])
        # The watch saw it through, and said what happened.
        out, err = watch.communicate(timeout=LIMIT)
        self.assertEqual(watch.returncode, 0)
        self.assertIn(b"is away, trying again", err)
        self.assertIn(b"connected again", err)
        self.assertIn(b"job:t > line 60", out)

    def test_ten_megabytes_pass_unchanged_and_about_as_fast(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "data")
            with open(path, "wb") as file:
                for n in range(160000):
                    file.write(b"%06d the quick brown fox jumps over the lazy dog 45%% [1/2] \xc3\xa9\r\n" % n)
            with open(path, "rb") as file:
                data = file.read()
            self.assertGreater(len(data), 10000000)
            began = time.monotonic()
            plain = subprocess.run(["cat", path], capture_output=True, timeout=LIMIT).stdout
            without = time.monotonic() - began
            began = time.monotonic()
            status, out, _ = self.run_job("--", "cat", path)
            within = time.monotonic() - began
            self.assertEqual(status, 0)
            self.assertTrue(out == plain == data)
            print(f"10 MB: {without:.3f} s without, {within:.3f} s within", file=sys.stderr)
            self.assertLess(within, without * 5 + 3)

    def test_bad_flags_are_told_in_a_sentence(self):
        for args, words in ((["run", "--bogus", "--", "ls"], b'unknown flag "--bogus"'), (["run"], b"no command given"),
                            (["run", "--job=x", "--", "ls"], b"--job: "), (["run", "--redact=(", "--", "ls"], b"--redact: "),
                            (["run", "--grace=soon", "--", "ls"], b"--grace: "), (["watch"], b"which resource"),
                            (["watch", "--cursor=x", "job:1"], b"--cursor: "), (["watch", "--last=1001", "job:1"], b"--last: 1001"),
                            (["publish", "--fraction=0.5", "--job=job:1"], b"need --step"), (["publish", "word"], b"unexpected word"), (["fly"], b"no subcommand")):
            done = milepost(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, b"")
        for args in (["--help"], ["run", "--help"], ["watch", "-h"], ["publish", "--help"]):
            done = milepost(*args)
            self.assertEqual(done.returncode, 0)
            self.assertGreater(len(done.stdout.splitlines()), 8)

    # publish

    def test_publish_tells_of_every_bad_line_by_its_number(self):
        text = '{"job":"job:1","progress":{"step":"s","fraction":0.5}}\n\n{"job":"bad","progress":{"step":"s"}}\nnot json\n' \
               '{"job":"job:1","progress":{"step":"s","fraction":2}}\n{"job":"job:1","completed":{}}'
        done = milepost("publish", "--json", f"--eventd={self.eventd.address}", input=text.encode())
        self.assertEqual(done.returncode, 1)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["error" in r for r in results], [False, True, True, True, False])
        self.assertIn("seq", results[0])
        self.assertRegex(results[0]["cursor"], r"^[a-z0-9]{8}-\d+$")
        for words in (b"line 3: ", b"line 4: ", b"line 5: progress.fraction"):
            self.assertIn(words, done.stderr)

    def test_publish_takes_thousands_of_lines_and_long_ones_are_refused(self):
        text = "".join('{"job":"job:1","output":{"line":{"text":"%d"}}}\n' % n for n in range(2500)) + '{"job":"' + "x" * 300000 + '"}\n'
        done = milepost("publish", "--json", f"--eventd={self.eventd.address}", input=text.encode())
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(sum("seq" in r for r in results), 2500)
        self.assertEqual([int(r["seq"]) for r in results[:-1]], sorted(int(r["seq"]) for r in results[:-1]))
        self.assertIn(b"line 2501: longer than 262144 bytes", done.stderr)

    def test_publish_says_that_the_service_is_away(self):
        done = milepost("publish", "--eventd=127.0.0.1:1", "--timeout=300ms", "--job=job:1", "--completed")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"1 event was not stored: the service at 127.0.0.1:1 is away", done.stderr)

    # watch

    def publish(self, *args):
        done = milepost("publish", f"--eventd={self.eventd.address}", *args)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_watch_ends_as_the_job_ended(self):
        for flag, status in (("--completed", 0), ("--failed=INTERNAL", 3), ("--cancelled", 4)):
            job = f"job:w{status}"
            # A kind of its own: of others it is known by then how long they take.
            self.publish(f"--job={job}", "--state=RUNNING", f"--kind=w{status}")
            watch = subprocess.Popen([MILEPOST, "watch", f"--eventd={self.eventd.address}", job], stdout=subprocess.PIPE, env=ENV)
            self.assertEqual(watch.stdout.readline(), f"{job} RUNNING\n".encode())
            self.publish(f"--job={job}", flag)
            watch.communicate(timeout=LIMIT)
            self.assertEqual(watch.returncode, status)

    def test_watch_goes_on_after_a_cursor(self):
        done = milepost("publish", "--json", f"--eventd={self.eventd.address}", "--job=job:1", "--notice=old")
        cursor = json.loads(done.stdout)["cursor"]
        self.publish("--job=job:1", "--notice=new")
        self.publish("--job=job:1", "--completed")
        done = milepost("watch", "--json", f"--eventd={self.eventd.address}", "--cursor", cursor, "job:1")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([e.get("notice", {}).get("text") for e in events], ["new", None])

    def test_watch_draws_bars_in_a_terminal(self):
        self.publish("--job=job:1", "--state=RUNNING", "--title=Nightly")
        self.publish("--job=job:1", "--step=compile", "--fraction=0.5", "--message=main.cc")
        terminal = Terminal([MILEPOST, "watch", f"--eventd={self.eventd.address}", "job:1"])
        terminal.read_until("compile (█)+▌(░)+  50%  main.cc".encode())
        self.publish("--job=job:1", "--step=compile", "--fraction=1")
        self.publish("--job=job:1", "--completed")
        self.assertEqual(terminal.wait(), 0)
        text = re.sub(r"\x1b\[[0-9]*[A-Za-z]", "", terminal.output.decode())
        self.assertRegex(text, r"job:1  Nightly +COMPLETED 100%  \d:\d\d")
        self.assertTrue(all(len(line) < 80 for line in text.replace("\r", "").split("\n")))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")

"""Starts milepost-eventd and milepost-edge for tests and ends them, whatever happens to the test.

Ports: everything listens on port 0 and is asked where. A process that has to come back at the same place gets a
port from free_port().
"""
import fcntl
import os
import random
import select
import signal
import socket
import subprocess
import tempfile
import time

READY_SECONDS = 20
STOP_SECONDS = 15


def binary(name):
    """The path of one of the project's programs: from MILEPOST_BIN, else from the dev build of this clone."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    place = os.environ.get("MILEPOST_BIN") or os.path.join(root, "build", "dev", "bin")
    return os.path.join(os.path.abspath(place), name)


def sanitized():
    """True if the programs are built with sanitizers: slower, and their memory says nothing."""
    return bool(os.environ.get("MILEPOST_SANITIZE"))


def patience(seconds):
    """A time limit for this build."""
    return seconds * (4 if sanitized() else 1)


def long_form():
    """True if tests shall take their time: MILEPOST_LONG=1."""
    return os.environ.get("MILEPOST_LONG", "") not in ("", "0")


def free_port():
    """A port that nobody listens on, below those that the system gives to outgoing connections: while a server is
    away, none of its clients gets it as its own."""
    while True:
        port = random.randint(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Process:
    """One running program. Start it from the main thread: it is killed when the thread that started it ends."""

    def __init__(self, name, *flags, ready=True, env=None):
        self.name = name
        self.address = None
        self._stderr = tempfile.TemporaryFile()
        # setpriv becomes the program itself; the kernel ends it when this test dies in whatever way.
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", binary(name), *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr,
            env={**os.environ, **env} if env else None)
        self.pid = self._popen.pid
        try:
            if ready:
                self._wait_ready()
        except BaseException:
            self.close()
            raise

    def _wait_ready(self):
        deadline = time.monotonic() + patience(READY_SECONDS)
        out = self._popen.stdout.fileno()
        fcntl.fcntl(out, fcntl.F_SETFL, os.O_NONBLOCK)
        line = b""
        while b"\n" not in line:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise AssertionError(f"{self.name} was not ready in time:\n{self.stderr()}")
            piece = os.read(out, 4096)
            if not piece:
                raise AssertionError(f"{self.name} ended at its start:\n{self.stderr()}")
            line += piece
        word, _, self.address = line.decode().split("\n")[0].rpartition(" ")
        assert word == "listening on", line
        self.port = int(self.address.rpartition(":")[2])

    def signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """As a crash: no word to anybody."""
        self.signal(signal.SIGKILL)
        self._popen.wait(STOP_SECONDS)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def poll(self):
        return self._popen.poll()

    def wait(self, seconds=STOP_SECONDS):
        """The exit status."""
        return self._popen.wait(patience(seconds))

    def stdout(self):
        """What it wrote to standard output, when it has ended."""
        return self._popen.stdout.read().decode()

    def stderr(self):
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def rss_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def close(self):
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdout:
            self._popen.stdout.close()
        self._stderr.close()


class World:
    """The processes of one test. Use as a context, or with TestCase.enterContext or addCleanup(world.close)."""

    def __init__(self):
        self._all = []

    def start(self, name, *flags, ready=True, env=None):
        """`env`: variables beside those of this process."""
        process = Process(name, *flags, ready=ready, env=env)
        self._all.append(process)
        return process

    def eventd(self, *flags, port=0):
        return self.start("milepost-eventd", "--log=memory", f"--listen=127.0.0.1:{port}", *flags)

    def edge(self, eventd, *flags, port=0):
        """`eventd` is a process, or the port of one that may start later."""
        eventd_port = getattr(eventd, "port", eventd)
        return self.start("milepost-edge", f"--listen=127.0.0.1:{port}", f"--eventd=127.0.0.1:{eventd_port}", *flags)

    def close(self):
        for process in self._all:
            process.close()
        self._all.clear()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

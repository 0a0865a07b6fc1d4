"""A command that a test runs as a person would, reading what it prints line by line."""
import os
import queue
import signal
import subprocess
import threading
import time

from servers import STOP_SECONDS, patience

LINE_SECONDS = 20


class Command:
    """Runs in a process group of its own, which ends with `close`: use addCleanup(command.close)."""

    def __init__(self, *words, **options):
        self.words = [str(word) for word in words]
        self._popen = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, start_new_session=True, **options)
        self._lines = queue.Queue()
        self.errors = []
        self._readers = [threading.Thread(target=self._read_output, daemon=True),
                         threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read_output(self):
        for line in self._popen.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self):
        for line in self._popen.stderr:
            self.errors.append(line.rstrip("\n"))

    def lines_until(self, wanted, seconds=LINE_SECONDS):
        """The lines up to the first for which `wanted` holds; fails if it does not come in time."""
        lines, end = [], time.monotonic() + patience(seconds)
        while True:
            try:
                line = self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.words}: still waiting after {lines}, {self.errors}") from None
            if line is None:
                raise AssertionError(f"{self.words}: ended after {lines}, {self.errors}")
            lines.append(line)
            if wanted(line):
                return lines

    def finish(self, seconds=LINE_SECONDS):
        """Waits for its end; the exit status and the lines that were not read yet."""
        status = self._popen.wait(patience(seconds))
        lines = []
        while (line := self._lines.get(timeout=patience(seconds))) is not None:
            lines.append(line)
        return status, lines

    def interrupt(self):
        """As Ctrl-C in its terminal: every process of the group hears it."""
        os.killpg(self._popen.pid, signal.SIGINT)

    def signal(self, number):
        """To the command alone."""
        self._popen.send_signal(number)

    def close(self):
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGTERM)
            try:
                self._popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._popen.pid, signal.SIGKILL)
                self._popen.wait()
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        self._popen.stdout.close()
        self._popen.stderr.close()

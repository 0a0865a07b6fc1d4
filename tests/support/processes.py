"""Starts Milepost's programs for a test and ends them again, whatever becomes of the test."""

import os
import pathlib
import queue
import subprocess
import threading
import time
import unittest

BIN = pathlib.Path(os.environ.get("MILEPOST_BIN", "build/release/bin")).resolve()
DEADLINE = 20  # Seconds that anything of a test may take.


class Process:
    """A program whose standard output is read line by line, with a deadline."""

    def __init__(self, *command, **options):
        self.command = [str(word) for word in command]
        self._child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, encoding="utf-8", **options)
        self._lines = queue.Queue()
        self.errors = []
        self._readers = [threading.Thread(target=self._read_output, daemon=True),
                         threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read_output(self):
        for line in self._child.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self):
        for line in self._child.stderr:
            self.errors.append(line.rstrip("\n"))

    def lines_until(self, wanted):
        """The lines up to the first for which `wanted` holds; fails if it does not come in time."""
        lines, end = [], time.monotonic() + DEADLINE
        while True:
            try:
                line = self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.command}: still waiting after {lines}, {self.errors}") from None
            if line is None:
                raise AssertionError(f"{self.command}: ended after {lines}, {self.errors}")
            lines.append(line)
            if wanted(line):
                return lines

    def finish(self):
        """Waits for its end; the status and the rest of its output."""
        status = self._child.wait(timeout=DEADLINE)
        for reader in self._readers:
            reader.join(timeout=DEADLINE)
        lines = []
        while (line := self._lines.get(timeout=DEADLINE)) is not None:
            lines.append(line)
        return status, lines

    def stop(self):
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for reader in self._readers:
            reader.join(timeout=DEADLINE)
        self._child.stdout.close()
        self._child.stderr.close()


class Server(Process):
    """milepost-eventd or milepost-edge on a port that it picks; `address` is ready to be used."""

    def __init__(self, name, *flags):
        super().__init__(BIN / name, "--listen=127.0.0.1:0", *flags)
        ready = self.lines_until(lambda line: line.startswith("listening on "))[-1]
        self.address = ready.removeprefix("listening on ")


class ProcessTest(unittest.TestCase):
    """A test that starts programs."""

    def start(self, kind, *arguments, **options):
        process = kind(*arguments, **options)
        self.addCleanup(process.stop)
        return process

"""A terminal for a command of a test, and what the command shows there."""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

ENV = dict(os.environ, LANG="C.UTF-8", LC_ALL="C.UTF-8")
LIMIT = 40  # seconds for anything


class Terminal:
    """A command whose terminal is ours."""
    def __init__(self, argv, rows=24, columns=80):
        self.output = b""
        self.status = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(argv[0], argv, ENV)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data):
        os.write(self.master, data)

    def read_until(self, pattern):
        """Reads on until the pattern is in all that was shown, or to the end without one."""
        deadline = time.monotonic() + LIMIT
        while pattern is None or not re.search(pattern, self.output):
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{pattern}: {self.output!r}")
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                if pattern is None:
                    return
                raise EOFError(f"{pattern}: {self.output!r}")
            self.output += data

    def wait(self):
        self.read_until(None)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.master)
        return self.status

"""A disk that fails for one process when a test says so: io_error.c is preloaded into it."""
import errno
import mmap
import os
import struct
import subprocess

from servers import binary

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "io_error.c")
WRITE, SYNC, TEAR = 1, 2, 4
LAYOUT = "5i"  # struct Control
ALL = -1


class FailingDisk:
    """`directory`: below it files fail. `scratch`: for what belongs to this, elsewhere."""

    def __init__(self, directory, scratch):
        control = os.path.join(scratch, "io-error-control")
        with open(control, "wb") as file:
            file.write(bytes(struct.calcsize(LAYOUT)))
        with open(control, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), struct.calcsize(LAYOUT))
        shim = os.path.join(os.path.dirname(binary("x")), "io_error.so")
        if not os.path.exists(shim):
            shim = os.path.join(scratch, "io_error.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl", "-pthread"], check=True)
        self.environment = {"LD_PRELOAD": shim, "IO_ERROR_CONTROL": control, "IO_ERROR_DIRECTORY": directory}

    def fail(self, calls, error=errno.EIO, skip=0, times=ALL):
        """`calls`: WRITE, SYNC, both; with TEAR the first half of a write is written. Counts failures anew."""
        self._map[4:] = struct.pack("4i", error, skip, times, 0)
        self._map[:4] = struct.pack("i", calls)  # last: it is what the process looks at first

    def failed(self):
        return struct.unpack(LAYOUT, self._map[:])[4]

    def mend(self):
        self._map[:4] = struct.pack("i", 0)

    def close(self):
        self._map.close()

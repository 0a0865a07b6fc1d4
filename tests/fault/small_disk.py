"""A small file system of its own, mounted from a file, that a test can fill and free."""
import os
import subprocess
import time

from cases import skip

PIECE = bytes(1 << 20)


class SmallDisk:
    """Needs root and loop devices; where they are not there, the test is skipped. `case` is the test that owns it."""

    def __init__(self, case, scratch, mib):
        self._image, self.path = os.path.join(scratch, "disk.img"), os.path.join(scratch, "disk")
        with open(self._image, "wb") as image:
            image.truncate(mib << 20)
        os.mkdir(self.path)
        # Nothing kept back for root, so that full is full.
        for words in (["mkfs.ext4", "-q", "-F", "-m", "0", self._image], ["mount", "-o", "loop", self._image, self.path]):
            done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin"})
            if done.returncode:
                skip(case, f"no small disk can be mounted here: {words[0]}: {done.stderr.strip()}")
        case.addCleanup(self.close)
        self._filler = os.path.join(self.path, "filler")

    def free_bytes(self):
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave_mib=0):
        """Takes the space down to so much; with 0, to the last block, however often somebody gives a little back."""
        with open(self._filler, "ab", buffering=0) as filler:
            if leave_mib:
                os.posix_fallocate(filler.fileno(), filler.tell(), max(1, self.free_bytes() - (leave_mib << 20)))
                return
            size = len(PIECE)
            while size >= 512:
                try:
                    filler.write(PIECE[:size])
                except OSError:
                    size //= 2

    def free(self):
        os.remove(self._filler)

    def close(self):
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", self.path], capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.path} cannot be unmounted: somebody uses it")
            time.sleep(0.05)

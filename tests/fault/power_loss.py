"""What the loss of power leaves of a killed process's files: what was synced, and at most a part of the rest.

The process runs with power_loss.c preloaded (`environment`). After its death `lose_power` cuts every file below a
directory back to what was synced, or to a random length between that and its end, as a disk does that had written part
of its cache. Names stay as they are: ext4 commits renames and removals in order, and what is renamed before its data is
synced is empty here.
"""
import os
import subprocess

from servers import binary

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "power_loss.c")
SYNCED, OVERWRITTEN = "user.synced", "user.overwritten"

# Rewritten in place and never synced: of these the disk has any version, or none.
LOOSE = ("ACKED",)
# Of no meaning to the store.
SCRATCH = ("PROBE",)


class ModelError(AssertionError):
    """The process wrote in a way that this model of a disk does not cover."""


def supported(directory):
    """True if files in this directory can carry the attributes."""
    probe = os.path.join(directory, "probe")
    with open(probe, "w"):
        pass
    try:
        os.setxattr(probe, SYNCED, b"0")
        return True
    except OSError:
        return False
    finally:
        os.remove(probe)


def environment(directory):
    """What to start a process with. Takes the shim of the build, or makes one in `directory`."""
    shim = os.path.join(os.path.dirname(binary("x")), "power_loss.so")
    if not os.path.exists(shim):
        shim = os.path.join(directory, "power_loss.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl", "-pthread"], check=True)
    return {"LD_PRELOAD": shim}


def attribute(path, name):
    try:
        return int(os.getxattr(path, name))
    except OSError:
        return None


class LooseFiles:
    """Old versions of the files that the disk may have in any version. `sample` now and then while the process runs."""

    def __init__(self, directory):
        self._directory = directory
        self._versions = {name: [None] for name in LOOSE}

    def sample(self):
        for name, versions in self._versions.items():
            try:
                with open(os.path.join(self._directory, name), "rb") as file:
                    versions.append(file.read())
            except FileNotFoundError:
                pass

    def lose(self, random):
        for name, versions in self._versions.items():
            path = os.path.join(self._directory, name)
            content = random.choice([None, versions[-1], random.choice(versions)])
            if os.path.exists(path) and content is not None:
                with open(path, "r+b") as file:
                    file.truncate(0)
                    file.write(content)
            elif os.path.exists(path):
                os.truncate(path, 0)


def lose_power(directory, random):
    """Cuts the files below `directory`, whose process is dead; how many bytes were lost."""
    lost = 0
    all_goes = random.random() < 0.5
    for root, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(root, name)
            if name in LOOSE or name in SCRATCH:
                continue
            if attribute(path, OVERWRITTEN) is not None:
                raise ModelError(f"{path} was overwritten from {attribute(path, OVERWRITTEN)} on")
            size, synced = os.path.getsize(path), attribute(path, SYNCED) or 0
            if size > synced:
                left = synced if all_goes else random.randint(synced, size)
                os.truncate(path, left)
                lost += size - left
    return lost

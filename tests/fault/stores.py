"""Stores on disk as tests see them: what is in their files, what can be read from a copy, and what a service makes of it.

A store's truth is what it gave before anything was done to it. `judge` says what became of a store that was damaged since:

  full     every event is there and unchanged, by all ways to read
  start    the service does not start: exit status 1 and a message that names the store
  read     the service starts and a reader is told: DATA_LOSS and a message that names the store
  verify   nobody is told but who asks: `milepost log verify` names what is broken
  silent   events are missing or changed, and nothing says so
  wrong    there is an error, but it names another cause than damage
  crash    a program ended by a signal, or otherwise than it should
"""
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import time

from servers import binary, patience

HERE = os.path.dirname(os.path.abspath(__file__))
GRPC_PYTHON = "/usr/bin/python3"  # the system's, whose package python3-grpcio the reader needs
FULL, START, READ, VERIFY, WRONG, SILENT, CRASH = VERDICTS = "full", "start", "read", "verify", "wrong", "silent", "crash"
GOOD = FULL, START, READ

DAMAGE = "is damaged", "missing", "cannot be read"
NO_DAMAGE = "another process", "disk is full", "newer Milepost"

# RocksDB's format of log and manifest files: blocks of records, each with a header.
BLOCK_BYTES, HEADER_BYTES = 32768, 7
FULL_RECORD, FIRST_RECORD = 1, 2
FOOTER_BYTES = 53


def data_files(store):
    """The names of the files that a store cannot be read without, and ACKED."""
    paths = [path for pattern in ("*.sst", "*.log", "MANIFEST-*", "CURRENT", "ACKED")
             for path in glob.glob(os.path.join(store, pattern))]
    return sorted(os.path.basename(path) for path in paths if os.path.getsize(path))


def newest_log(store):
    """The path of the newest file of what was written ahead."""
    return max(glob.glob(os.path.join(store, "*.log")))


def records(path):
    """(offset, bytes with the header, whether a batch begins with it) of each record of a log or manifest file."""
    with open(path, "rb") as file:
        content = file.read()
    found, at = [], 0
    while at + HEADER_BYTES <= len(content):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < HEADER_BYTES:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", content, at + 4)
        found.append((at, HEADER_BYTES + size, kind in (FULL_RECORD, FIRST_RECORD)))
        at += HEADER_BYTES + size
    return found


def flip(path, offset, bit):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def copy(store, to):
    """A copy without what no program reads."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(store, to, ignore=shutil.ignore_patterns("LOG*", "OPTIONS-*"))
    return to


def tool(command, store, *words):
    """`milepost log COMMAND` on a store: (exit status, standard output, standard error). `words`: flags, and a target."""
    done = subprocess.run([binary("milepost"), "log", command, store, *words], capture_output=True, timeout=patience(60))
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def dump(store):
    """(exit status, events as lines of JSON, standard error)."""
    status, out, errors = tool("dump", store)
    return status, out.splitlines(), errors


class Reader:
    """log_reader.py: asks services by gRPC, one after the other, in a process of its own."""

    def __init__(self):
        self._popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", GRPC_PYTHON, os.path.join(HERE, "log_reader.py")],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self, address, ways):
        """[{"events": [[seq, digest]…], "code": name or "", "message": text}] for each list of resources in `ways`."""
        return self._ask(address=address, ways=ways)

    def publish(self, address, event):
        """{"seq": number or 0, "code": name or "", "message": text} of an event as JSON."""
        return self._ask(address=address, publish=event)

    def _ask(self, **question):
        self._popen.stdin.write(json.dumps(question) + "\n")
        self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        if not line:
            raise AssertionError(f"log_reader.py ended with {self._popen.wait()}")
        return json.loads(line)

    def close(self):
        self._popen.stdin.close()
        self._popen.stdout.close()
        self._popen.wait(patience(20))


class Service:
    """milepost-eventd on a store, which may end at its start."""

    def __init__(self, world, store, *flags, env=None):
        self.store, self.ended = store, None
        self.process = world.start("milepost-eventd", f"--log=rocksdb:{store}", "--listen=127.0.0.1:0", "--min_free_mib=0",
                                   *flags, ready=False, env=env)
        try:
            self.process._wait_ready()
        except AssertionError:
            self.ended = self.process.wait()

    def end(self):
        if self.ended is None:
            self.process.kill()
        errors = self.process.stderr()
        self.process.close()
        return errors


def names_damage(message, store):
    """Whether an error says which store it is, and that it is damaged and nothing else."""
    return store in message and any(word in message for word in DAMAGE) and not any(word in message for word in NO_DAMAGE)


class Judge:
    """Knows the truth of one store and judges damaged copies of it. `ways`: lists of resources that together, each alone,
    or as a pattern are read through the service."""

    def __init__(self, world, reader, store, scratch, ways, flags=()):
        self._world, self._reader, self._ways, self._flags = world, reader, ways, flags
        status, self.lines, errors = dump(store)
        assert status == 0, errors
        service = Service(world, copy(store, os.path.join(scratch, "truth")))
        assert service.ended is None, service.end()
        self._events = [answer["events"] for answer in reader.read(service.process.address, ways)]
        service.end()

    def _tools(self, store):
        """(verdict, why) by the command line alone: read for an error while dumping, verify for one that only verify has."""
        checked, complaint, other_errors = tool("verify", store)  # says on standard output what is broken
        complaint += other_errors
        status, lines, errors = dump(store)
        if status not in (0, 1) or checked not in (0, 1) or checked == 1 and not complaint:
            return CRASH, f"exit status {status}: {errors[-300:]}; of verify {checked}: {complaint[-300:]}"
        if status == 1:
            wrong = lines != self.lines[:len(lines)]
            if wrong:
                return SILENT, "events before the error are wrong"
            return READ if names_damage(errors, store) else WRONG, errors[-300:]
        if lines == self.lines:
            return FULL, ""
        what = f"dump gives {len(lines)} of {len(self.lines)} events"
        return (VERIFY, f"{what}; {complaint[-300:]}") if checked else (SILENT, what)

    def _one_way(self, answer, truth, way, store):
        events, code, message = answer["events"], answer["code"], answer["message"]
        if code and events != truth[:len(events)]:
            return SILENT, f"{way[0]}…: events before the error are wrong"
        if code:
            return READ if code == "DATA_LOSS" and names_damage(message, store) else WRONG, f"{code}: {message}"
        return (FULL, "") if events == truth else (SILENT, f"{way[0]}…: {len(events)} of {len(truth)} events, and no error")

    def _served(self, service):
        """The worst of all ways: an error to one reader does not help the other who misses events in silence."""
        answers = self._reader.read(service.process.address, self._ways)
        verdicts = [self._one_way(*each, service.store) for each in zip(answers, self._events, self._ways)]
        return max(verdicts, key=lambda verdict: VERDICTS.index(verdict[0]))

    def _start(self, store):
        service = Service(self._world, store, *self._flags)
        verdict = None if service.ended is not None else self._served(service)
        if service.ended is None and service.process.poll() is not None:
            verdict = CRASH, f"ended while read with {service.process.poll()}"
        errors = service.end()
        if verdict:
            return verdict
        if service.ended != 1:
            return CRASH, f"exit status {service.ended}: {errors[-400:]}"
        reason = errors.strip().splitlines()[-1]
        return START if names_damage(reason, store) else WRONG, reason

    def judge(self, store, start=True):
        """(verdict, why). `start`: a service is started on it too, and again if it does not start: an error must not go
        away by asking twice. Changes the store."""
        by_tools, why = self._tools(store)
        if not start or by_tools in (WRONG, CRASH):
            return by_tools, why
        verdict, reason = self._start(store)
        if verdict in (START, WRONG):
            again, reason_again = self._start(store)
            if again not in (START, WRONG, FULL):
                return again, f"at the second start: {reason_again}; at the first: {reason}"
        if verdict == SILENT and (by_tools == VERIFY or by_tools == READ):
            return VERIFY, f"{reason}; {why}"
        return (by_tools, why) if verdict == FULL and by_tools == SILENT else (verdict, reason)


def table(counts):
    """Counts of verdicts as one line."""
    return " · ".join(f"{verdict} {counts.get(verdict, 0)}" for verdict in VERDICTS)

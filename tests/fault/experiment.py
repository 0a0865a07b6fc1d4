"""One run under faults: a service on a log, an edge, producers and browsers, deaths at chosen moments, and the verdict.

Set MILEPOST_HISTORY to a directory to keep the histories of runs; else they go when the run passed.
"""
import dataclasses
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from cases import skip
from clients import wait_ready
from history import Writer
from power_loss import lose_power
from servers import free_port, long_form, patience

HERE = os.path.dirname(os.path.abspath(__file__))
GRPC_PYTHON = "/usr/bin/python3"  # the system's, whose package python3-grpcio the producers need

PRODUCERS, EVENTS_PER_SECOND, JOBS, READERS = 8, 1000, 50, 200
CALM_EVENTS = 800 if long_form() else 400  # acked and delivered after a fault before the next one may come
CALM_SECONDS = 20
START_SECONDS = 0.06     # about as long as eventd takes to start
END_SECONDS = 120
RECOVERY_P99_SECONDS = 3.0


@dataclasses.dataclass(frozen=True)
class Load:
    """Who makes a run's history."""

    producers: str = "producers.py"
    readers: str = "readers.py"
    events_per_second: int = EVENTS_PER_SECOND
    jobs: int = JOBS
    reader_count: int = READERS
    attach_seconds: float = 0.0  # for attachers.py


class Worker:
    """One of the two programs that make a history."""

    def __init__(self, *words):
        self._name = os.path.basename(words[1])
        self._popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, words)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.count = 0   # events
        self.on_air = 0  # streams
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        for line in self._popen.stdout:
            word, count, on_air = line.split()
            assert word == "progress", line
            self.count, self.on_air = int(count), int(on_air)

    def check(self):
        if self._popen.poll() is not None:
            raise AssertionError(f"{self._name} ended with {self._popen.returncode}")

    def stop(self):
        self.check()
        self._popen.stdin.write("stop\n")
        self._popen.stdin.close()

    def finish(self):
        """The exit status."""
        return self._popen.wait(patience(END_SECONDS))

    def close(self):
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        self._thread.join()
        self._popen.stdin.close()
        self._popen.stdout.close()


class DiskProbe(threading.Thread):
    """Measures while a run goes on how long an fsync takes where its store is: other work may have the disk."""

    PAUSE_SECONDS = 0.1

    def __init__(self, directory):
        super().__init__(daemon=True)
        self._path = os.path.join(directory, "disk-probe")
        self._ended = threading.Event()
        self.samples = []  # (when, seconds)
        self.start()

    def run(self):
        while not self._ended.wait(self.PAUSE_SECONDS):
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(file, bytes(4096))
            begun = time.monotonic()
            os.fsync(file)
            self.samples.append((time.time(), time.monotonic() - begun))
            os.close(file)
            os.remove(self._path)

    def end(self):
        self._ended.set()
        self.join()


class Experiment:
    """Use: start, faults with `calm` between them, finish. `case` is the test that owns it."""

    def __init__(self, case, world, log="rocksdb", eventd_flags=(), eventd_env=None, load=Load()):
        if subprocess.run([GRPC_PYTHON, "-c", "import grpc"], capture_output=True).returncode:
            skip(case, "python3-grpcio is not installed")
        self._case, self._world, self._load = case, world, load
        self.scratch = tempfile.mkdtemp(prefix="milepost-fault-")
        case.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        keep = os.environ.get("MILEPOST_HISTORY")
        self.history = os.path.join(keep or self.scratch, case.id())
        shutil.rmtree(self.history, ignore_errors=True)
        os.makedirs(self.history)
        self.store = os.path.join(self.scratch, "store")
        self._log = f"rocksdb:{self.store}" if log == "rocksdb" else log
        self._eventd_flags, self._eventd_env = eventd_flags, eventd_env
        self._eventd_port, self._edge_port = free_port(), free_port()
        self._plan = Writer(self.history, "plan")
        case.addCleanup(self._plan.close)
        self._disk = DiskProbe(self.scratch)
        case.addCleanup(self._disk.end)
        self.random = random.Random(7)
        self.faults = 0

    def start(self):
        self.start_eventd()
        self.start_edge()
        wait_ready(self._edge_port)
        address = f"127.0.0.1:{self._eventd_port}"
        load = self._load
        self._producers = Worker(GRPC_PYTHON, os.path.join(HERE, load.producers), "run", address, self.history, PRODUCERS,
                                 load.events_per_second, load.jobs)
        self._case.addCleanup(self._producers.close)
        self._readers = Worker(GRPC_PYTHON, os.path.join(HERE, load.readers), self._edge_port, self.history,
                               load.reader_count, load.jobs, *([address, load.attach_seconds] if load.attach_seconds else []))
        self._case.addCleanup(self._readers.close)
        self.calm()

    def start_eventd(self):
        begun = time.monotonic()
        self.eventd = self._spawn_eventd()
        self._plan.put("restart", t=time.time(), seconds=time.monotonic() - begun)

    def _spawn_eventd(self, ready=True):
        return self._world.start("milepost-eventd", f"--log={self._log}", f"--listen=127.0.0.1:{self._eventd_port}",
                                 *self._eventd_flags, ready=ready, env=self._eventd_env)

    def start_edge(self):
        self.edge = self._world.start("milepost-edge", f"--listen=127.0.0.1:{self._edge_port}",
                                      f"--eventd=127.0.0.1:{self._eventd_port}", "--heartbeat=200ms")

    # --- faults ---

    def fault(self, what, recovers=True, began=None):
        """Notes a fault that happens now, or ends now and began before."""
        self.faults += 1
        now = time.time()
        self._plan.put("fault", what=what, began=began or now, t=now, recovers=recovers)

    def calm(self):
        """Waits until all producers and readers are served again and events flow; then a little, to hit any moment."""
        acked, delivered = self._producers.count + CALM_EVENTS, self._readers.count + CALM_EVENTS
        deadline = time.monotonic() + patience(CALM_SECONDS)
        while (self._producers.count < acked or self._readers.count < delivered or self._producers.on_air < PRODUCERS
               or self._readers.on_air < self._load.reader_count):
            self._producers.check()
            self._readers.check()
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not served {CALM_SECONDS} s after fault {self.faults}: {self._producers.count - acked + CALM_EVENTS} "
                    f"acked, {self._readers.count - delivered + CALM_EVENTS} delivered, {self._producers.on_air} producers "
                    f"and {self._readers.on_air} readers on the air\n"
                    f"{self.eventd.stderr()[-2000:]}\n{self.edge.stderr()[-2000:]}")
            time.sleep(0.02)
        time.sleep(self.random.uniform(0.0, 0.3))

    def kill_eventd(self):
        self.fault("kill -9 eventd")
        self.eventd.kill()
        self.start_eventd()

    def kill_eventd_as_it_starts(self):
        """Kills it, and again somewhere on its way to readiness."""
        self.fault("kill -9 eventd", recovers=False)
        self.eventd.kill()
        starting = self._spawn_eventd(ready=False)
        time.sleep(self.random.uniform(0.0, START_SECONDS))
        self.fault("kill -9 eventd as it starts")
        starting.kill()
        self.start_eventd()

    def lose_power(self, loose):
        """`loose`: of power_loss, sampled before. The number of bytes that went."""
        self.fault("power loss")
        self.eventd.kill()
        lost = lose_power(self.store, self.random)
        loose.lose(self.random)
        self.start_eventd()
        return lost

    def kill_edge(self):
        self.fault("kill -9 edge")
        self.edge.kill()
        self.start_edge()

    def kill_both(self):
        self.fault("kill -9 eventd and edge")
        self.edge.kill()
        self.eventd.kill()
        self.start_eventd()
        self.start_edge()

    def terminate_both(self):
        self.fault("SIGTERM eventd and edge")
        self.edge.terminate()
        self.eventd.terminate()
        self._case.assertEqual(self.eventd.wait(10), 0)
        self.start_eventd()
        self._case.assertEqual(self.edge.wait(10), 0)
        self.start_edge()

    def stop_for(self, process, seconds):
        """SIGSTOP, and SIGCONT after so long."""
        began = time.time()
        process.pause()
        time.sleep(seconds)
        self.fault(f"SIGSTOP {process.name} for {seconds} s", began=began)
        process.resume()

    # --- the verdict ---

    def finish(self, need, resets=False, recovery_p99=patience(RECOVERY_P99_SECONDS), expect=0, states=False):
        """Ends the run and has it judged: (exit status of check_history, what it printed). `expect` is the status that is
        wanted; faults that are wanted are not printed one by one."""
        self._producers.stop()
        drained = self._producers.finish()
        self.read_log()
        self._readers.stop()
        ended = self._readers.finish()
        self._disk.end()
        for t, seconds in self._disk.samples:
            self._plan.put("disk", t=t, seconds=seconds)
        self._plan.put("plan", what=self._case.id(), need=need, resets=resets, recovery_p99=recovery_p99,
                       states=states)
        self._plan.flush()
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "check_history"), self.history], capture_output=True,
                              text=True, timeout=600)
        table = done.stdout.partition("\nlost 1 of")[0] if done.returncode == expect == 1 else done.stdout
        print(table, done.stderr, sep="\n", flush=True)
        self._case.assertEqual((drained, ended), (0, 0), "exit statuses of producers and readers")
        return done.returncode, done.stdout

    def read_log(self):
        subprocess.run([GRPC_PYTHON, os.path.join(HERE, self._load.producers), "read", f"127.0.0.1:{self._eventd_port}",
                        self.history], check=True, timeout=patience(END_SECONDS))

    def passed(self, **options):
        status, text = self.finish(**options)
        self._case.assertEqual(status, 0, text[-3000:])

"""A worker on a PublishStream, for tests: numbers its events, sends again what was not acked when its stream broke, renews
its lease, and hands on the requests that it gets.

Import grpc_python first.
"""
import collections
import threading
import time
import uuid

import grpc
from google.protobuf import json_format

from servers import patience

TICK_SECONDS = 0.05     # at most so long until an event that was published leaves
RETRY_SECONDS = 0.05
BATCH_EVENTS = 200


class StreamWorker(threading.Thread):
    """Safe from any thread. `on_command(worker, command, begun)` is called from the worker's own thread with every request,
    also those that come again, and with the time at which the stream that brought it was begun."""

    def __init__(self, service, lease_seconds=30, on_command=None, id_=None, made=0):
        super().__init__(daemon=True)
        self._service, self._lease_seconds, self._on_command = service, lease_seconds, on_command
        self._id = id_ or uuid.uuid4().hex
        self._changed = threading.Condition()
        self._waiting = collections.deque()  # (number, event) that are not acked; guarded by _changed, as all below
        self._made = self._acked = made
        self._ending = None                  # "clean": half-close when all is acked; "broken": as a crash
        self._stream = 0
        self._call = None
        self.failure = None
        self.rejected = {}                   # number -> (code, message)
        self.lost = []                       # (job, attempt) that the service declared lost
        self.streams = 0                     # that were answered
        self.start()

    # --- what tests do ---

    def publish(self, *events):
        """The number of the last one. Events are JSON objects."""
        made = [json_format.ParseDict(event, self._service.ProgressEvent()) for event in events]
        with self._changed:
            for event in made:
                self._made += 1
                self._waiting.append((self._made, event))
            self._changed.notify_all()
            return self._made

    def wait_acked(self, number=None, seconds=20):
        """Until the event of that number, or all so far, are acked."""
        self._wait(lambda: self._acked >= (number or self._made), seconds, "acks")

    def wait_streams(self, count, seconds=20):
        """Until so many streams were answered."""
        self._wait(lambda: self.streams >= count, seconds, f"{count} streams")

    def _wait(self, condition, seconds, what):
        with self._changed:
            if not self._changed.wait_for(lambda: condition() or self.failure, patience(seconds)):
                raise AssertionError(f"waited {patience(seconds)} s in vain for {what}")
        if self.failure:
            raise self.failure

    def close(self):
        """Ends the stream by the worker's own word, which releases its lease, once all is acked."""
        self._end("clean")
        self.join(patience(20))
        if self.failure or self.is_alive():
            raise AssertionError(f"the worker did not end: {self.failure}")

    def break_off(self):
        """As if the worker's process had died."""
        self._end("broken")
        self.join(patience(20))

    def again(self):
        """The same producer goes on after break_off; all of its events must have been acked."""
        return StreamWorker(self._service, self._lease_seconds, self._on_command, self._id, self._made)

    def _end(self, how):
        with self._changed:
            self._ending = self._ending or how
            if how == "broken" and self._call:
                self._call.cancel()
            self._changed.notify_all()

    # --- the stream ---

    def _requests(self, stream, answered):
        Request = type(self._service.request("PublishStream"))
        hello = Request()
        hello.hello.producer_id = self._id
        hello.hello.lease.FromNanoseconds(int(self._lease_seconds * 1e9))
        yield hello
        while not answered.wait(TICK_SECONDS):
            if self._stream != stream:
                return
        sent, renewed = 0, time.monotonic()
        while True:
            with self._changed:
                if self._stream != stream or self._ending == "clean" and not self._waiting:
                    return
                ready = [each for each in self._waiting if each[0] > sent][:BATCH_EVENTS]
                renew = time.monotonic() - renewed > self._lease_seconds / 4
                if not ready and not renew:
                    self._changed.wait(TICK_SECONDS)
                    continue
                made = self._made
            request = Request()
            request.batch.first_number = ready[0][0] if ready else made + 1
            request.batch.events.extend(event for _, event in ready)
            sent, renewed = ready[-1][0] if ready else sent, time.monotonic()
            yield request

    def _on_answer(self, answer, begun):
        with self._changed:
            for rejection in answer.rejections:
                self.rejected[rejection.number] = (rejection.code, rejection.message)
            if answer.HasField("acked"):
                self._acked = max(self._acked, answer.acked)
                while self._waiting and self._waiting[0][0] <= answer.acked:
                    self._waiting.popleft()
            self.lost += [(lost.job, lost.attempt) for lost in answer.lost]
            self._changed.notify_all()
        for command in answer.commands:
            if self._on_command:
                self._on_command(self, command, begun)

    def _run_stream(self, channel):
        answered = threading.Event()
        begun = time.time()
        with self._changed:
            self._stream += 1
            call = self._service.method("PublishStream", channel)(self._requests(self._stream, answered), wait_for_ready=True)
            self._call = call
        try:
            for answer in call:
                if not answered.is_set():
                    self.streams += 1
                self._on_answer(answer, begun)
                answered.set()
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN,
                                    grpc.StatusCode.INTERNAL):
                raise
        finally:
            with self._changed:
                self._stream += 1

    def _goes_on(self):
        with self._changed:
            return self._ending is None or self._ending == "clean" and self._waiting

    def run(self):
        try:
            with self._service.channel() as channel:
                while self._goes_on():
                    self._run_stream(channel)
                    time.sleep(RETRY_SECONDS)
        except BaseException as error:  # told by the waits
            with self._changed:
                self.failure = error
                self._changed.notify_all()

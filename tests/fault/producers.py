#!/usr/bin/python3
"""Workers of a run under faults, and the reading back of the log. Needs grpcio; takes messages by reflection.

  producers.py run ADDRESS DIRECTORY PRODUCERS EVENTS_PER_SECOND JOBS
      publishes until "stop" (or the end) comes on standard input, then waits until all is acked. Writes
      producers.jsonl (formats: history.py). Prints "progress ACKED STREAMS", how many producers have a stream that was
      answered, several times a second.
  producers.py read ADDRESS DIRECTORY
      reads the log from `earliest` to its end and writes log.jsonl.

A producer keeps what is not acked, connects again when its stream breaks, and sends it again from the last ack on.
"""
import collections
import os
import select
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.dont_write_bytecode = True

import grpc  # noqa: E402
from google.protobuf import message_factory  # noqa: E402

from grpcurl import Client  # noqa: E402
from history import Writer  # noqa: E402

SERVICE = "milepost.v1.EventService"
TICK_SECONDS = 0.02        # events that are due within a tick leave in one batch
BATCH_EVENTS = 200
BACKLOG_EVENTS = 700       # no more is made while so much of a producer's is not acked
RETRY_SECONDS = 0.1
LEASE_SECONDS = 3600       # so that the service itself says nothing about jobs whose worker was away
JOB_RESOURCES = 16         # the service's limit
WRONG_EVERY = 100          # one in so many events must be rejected
PROGRESS_SECONDS = 0.1
DRAIN_SECONDS = 60
LOG_SECONDS = 60
CHANNEL = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 5000),
           ("grpc.max_reconnect_backoff_ms", 300), ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


class Messages:
    """The service's methods and messages, as a running service describes them."""

    def __init__(self, address):
        client = Client(address)
        service = client.service(SERVICE)
        factory = message_factory.MessageFactory(service.file.pool)
        self._methods = {method.name: (factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type))
                         for method in service.methods}
        file = service.file.pool.FindMessageTypeByName("milepost.v1.ProgressEvent")
        self.event = factory.GetPrototype(file)

    def request(self, method):
        return self._methods[method][0]

    def call(self, channel, method):
        request, response = self._methods[method]
        make = channel.stream_stream if method == "PublishStream" else channel.unary_unary
        return make(f"/{SERVICE}/{method}", request.SerializeToString, response.FromString)


class Journal:
    """One Writer for all producers."""

    def __init__(self, directory):
        self._lock = threading.Lock()
        self._writer = Writer(directory, "producers")

    def put(self, kind, **members):
        with self._lock:
            self._writer.put(kind, t=time.time(), **members)

    def close(self):
        with self._lock:
            self._writer.close()


class Producer(threading.Thread):
    """One producer over all its streams. Its thread reads answers; gRPC's thread takes requests from _requests."""

    def __init__(self, name, address, messages, journal, rate, jobs):
        super().__init__(daemon=True)
        self.name_, self._address, self._messages, self._journal = name, address, messages, journal
        self._rate, self._jobs = rate, jobs
        self._id = uuid.uuid4().hex
        self._changed = threading.Condition()
        self._unacked = collections.deque()  # (number, event); guarded by _changed, as all below
        self._made = 0                       # the newest number
        self._due_from = None                # when the events after _made began to fall due
        self._acked = 0
        self._credit = 0
        self._stopping = False
        self._stream = 0                     # the stream that may send; others end
        self.answered = False                # the stream's hello was answered
        self.failure = None

    # --- what to send ---

    def _make(self, number):
        """(mark, job, why it is wrong, event)."""
        mark = f"{self.name_}.{number}"
        job, wrong = self._jobs[number % len(self._jobs)], ""
        event = self._messages.event(correlation_id=mark)
        full = f"full:{self.name_}"  # a job with as many resources as one may have
        if number == 1:
            job = full
            event.notice.text = mark
            event.resources.extend(f"tag:{self.name_}.{n}" for n in range(JOB_RESOURCES))
        elif number % WRONG_EVERY == 0:
            # One that the service can refuse at sight, and one that only the job's state forbids.
            job, wrong = ("no job", "not a name") if number % (2 * WRONG_EVERY) else (full, "a resource too many")
            event.notice.text = mark
            event.resources.append("tag:another")
        elif number % 3:
            event.notice.text = mark
        else:
            event.progress.step = "work"
            event.progress.done = number
        event.job = job
        # Every fifth job also belongs to a user, whose readers get all jobs of that user.
        if job.startswith("job:") and (place := int(job[5:])) % 5 == 0 and not wrong:
            event.resources.append(f"user:{place // 17}")
        return mark, job, wrong, event

    def _due(self):
        """Makes what has fallen due and gives it as (first number, events), or None. Under _changed."""
        now = time.monotonic()
        if self._due_from is None:
            self._due_from = now
        count = int((now - self._due_from) * self._rate)
        room = min(BACKLOG_EVENTS, self._credit) - len(self._unacked)
        if self._stopping or count <= 0:
            return None
        if room <= 0:
            self._due_from = now  # what a worker could not say is not said later
            return None
        count = min(count, room, BATCH_EVENTS)
        self._due_from = max(self._due_from + count / self._rate, now - 1)
        made = [self._make(self._made + n) for n in range(1, count + 1)]
        first = self._made + 1
        self._journal.put("send", p=self.name_, first=first, events=[each[:3] for each in made])
        for at, (_, _, _, event) in enumerate(made):
            self._unacked.append((first + at, event))
        self._made += count
        return first, [each[3] for each in made]

    def _requests(self, stream, answered):
        """The requests of one stream: hello, after its answer what was not acked, then what falls due."""
        Request = self._messages.request("PublishStream")
        hello = Request()
        hello.hello.producer_id = self._id
        hello.hello.lease.seconds = LEASE_SECONDS
        yield hello
        while not answered.wait(TICK_SECONDS):
            if self._stream != stream:
                return
        with self._changed:
            again = list(self._unacked)
        for at in range(0, len(again), BATCH_EVENTS):
            part = again[at:at + BATCH_EVENTS]
            self._journal.put("resend", p=self.name_, first=part[0][0], count=len(part))
            yield self._batch(Request, part[0][0], [event for _, event in part])
        while True:
            with self._changed:
                if self._stream != stream or self._stopping and not self._unacked:
                    return
                due = self._due()
                if not due:
                    self._changed.wait(TICK_SECONDS)
                    continue
            yield self._batch(Request, *due)
            time.sleep(TICK_SECONDS)

    @staticmethod
    def _batch(Request, first, events):
        request = Request()
        request.batch.first_number = first
        request.batch.events.extend(events)
        return request

    # --- what is answered ---

    def _on_hello(self, acked):
        """The service has forgotten what it acked. Its mark would stay below what is never sent again, so the numbers go on
        under a new name. It has broken its promise, which the checker will find; here it only has to be lived with."""
        if 0 < acked < self._acked:
            self._id = uuid.uuid4().hex
            self._journal.put("forgotten", p=self.name_, to=acked)
            return True
        return False

    def _on_answer(self, answer, hello):
        for rejection in answer.rejections:
            self._journal.put("rejected", p=self.name_, number=rejection.number, code=rejection.code,
                              message=rejection.message)
        with self._changed:
            if answer.HasField("credit"):
                self._credit = answer.credit
            if answer.HasField("acked") and answer.acked > self._acked:
                self._acked = answer.acked
                self._journal.put("acked", p=self.name_, to=answer.acked, hello=hello)
                while self._unacked and self._unacked[0][0] <= answer.acked:
                    self._unacked.popleft()
            self._changed.notify_all()

    def _run_stream(self, channel):
        with self._changed:
            self._stream += 1
            stream = self._stream
        answered = threading.Event()
        self._journal.put("stream", p=self.name_)
        # A call that fails at once leaves nobody to poll the connection: gRPC's own look at it comes every 5 s.
        call = self._messages.call(channel, "PublishStream")(self._requests(stream, answered), wait_for_ready=True)
        try:
            for answer in call:
                if not answered.is_set() and self._on_hello(answer.acked):
                    call.cancel()
                    return
                self._on_answer(answer, hello=not answered.is_set())
                answered.set()
                self.answered = True
        except grpc.RpcError as error:
            self._journal.put("broken", p=self.name_, code=error.code().name)
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED,
                                    grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL):
                raise
        finally:
            self.answered = False
            with self._changed:
                self._stream += 1

    def run(self):
        try:
            with grpc.insecure_channel(self._address, CHANNEL) as channel:
                while not (self._stopping and not self._unacked):
                    self._run_stream(channel)
                    time.sleep(RETRY_SECONDS)
        except BaseException as error:  # reported by stop
            self.failure = error

    def progress(self):
        return self._acked

    def stop(self):
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def finish(self, deadline):
        """True if all was acked by then."""
        self.join(max(0, deadline - time.monotonic()))
        self._journal.put("done", p=self.name_, sent=self._made, acked=self._acked)
        return not self.is_alive() and self.failure is None


def run(address, directory, count, rate, jobs):
    messages, journal = Messages(address), Journal(directory)
    names = [f"job:r{n}" for n in range(int(jobs))]
    work([Producer(f"p{n}", address, messages, journal, float(rate) / int(count), names[n:] + names[:n])
          for n in range(int(count))], journal)


def work(producers, journal):
    """Until the end of standard input, and until all is acked; ends the process."""
    for producer in producers:
        producer.start()
    while not select.select([sys.stdin], [], [], PROGRESS_SECONDS)[0]:
        print("progress", sum(producer.progress() for producer in producers),
              sum(producer.answered for producer in producers), flush=True)
    for producer in producers:
        producer.stop()
    deadline = time.monotonic() + DRAIN_SECONDS
    finished = [producer.finish(deadline) for producer in producers]
    journal.close()
    for producer in producers:
        if producer.failure:
            print(f"producer {producer.name_}: {producer.failure!r}", file=sys.stderr)
    # Streams that did not end are left to the end of the process.
    os._exit(0 if all(finished) else 1)


def read(address, directory, members=lambda event: {}):
    """`members`: what an entry shall have beside the usual."""
    messages, out = Messages(address), Writer(directory, "log")
    with grpc.insecure_channel(address, CHANNEL) as channel:
        ask, Request = messages.call(channel, "Read"), messages.request("Read")
        after, more = "earliest", True
        while more:
            page = ask(Request(resources=["job:*", "full:*"], after=after), timeout=LOG_SECONDS, wait_for_ready=True)
            if page.HasField("reset"):
                sys.exit(f"the log cannot be read from {after}: {page.reset}")
            for event in page.events:
                out.put("entry", seq=event.seq, mark=event.correlation_id, job=event.job,
                        names=[event.job, *(name for name in event.resources if name != event.job)],
                        commit=event.commit_time.seconds + event.commit_time.nanos / 1e9,
                        notice=event.WhichOneof("event") == "notice", **members(event))
            after, more = page.position, page.more
    out.put("end", position=after)
    out.close()


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"run": run, "read": read}[command](*arguments)

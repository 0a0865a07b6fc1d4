"""The event service by gRPC, for tests: its calls with messages as JSON objects, in protobuf's own mapping.

Import grpc_python first.
"""
import time

import grpc
from google.protobuf import json_format, message_factory

from grpcurl import Client
from servers import patience

CALL_SECONDS = 20
SERVICES = ("milepost.v1.EventService", "milepost.v1.JobService")
# A test's service comes back soon, and at the same place.
CHANNEL = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 1000),
           ("grpc.max_reconnect_backoff_ms", 200), ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


def to_json(message):
    return json_format.MessageToDict(message)


def seq_of(cursor):
    return int(cursor.rpartition("-")[2])


class Service:
    """Safe from any thread. Asks a running service for its messages; afterwards it may be away for a while."""

    def __init__(self, address):
        client = Client(address)
        self._methods = {}
        for name in SERVICES:
            service = client.service(name)
            factory = message_factory.MessageFactory(service.file.pool)
            for method in service.methods:
                self._methods[method.name] = (f"/{name}/{method.name}", factory.GetPrototype(method.input_type),
                                              factory.GetPrototype(method.output_type))
        self.ProgressEvent = factory.GetPrototype(service.file.pool.FindMessageTypeByName("milepost.v1.ProgressEvent"))
        self.address = address
        self._channel = self.channel()

    def channel(self):
        """A connection of the caller's own."""
        return grpc.insecure_channel(self.address, CHANNEL)

    def close(self):
        self._channel.close()

    def request(self, method, **members):
        return json_format.ParseDict(members, self._methods[method][1]())

    def method(self, name, channel=None):
        """The method on a channel, to be called with messages."""
        path, request, response = self._methods[name]
        make = {"PublishStream": "stream_stream", "Subscribe": "unary_stream"}.get(name, "unary_unary")
        return getattr(channel or self._channel, make)(path, request.SerializeToString, response.FromString)

    def ask(self, name, **members):
        """One answer as a message; waits for a service that is away. Raises grpc.RpcError."""
        return self.method(name)(self.request(name, **members), timeout=patience(CALL_SECONDS), wait_for_ready=True)

    def ask_again(self, name, **members):
        """As `ask`, but asks again if the service went away meanwhile: for calls that change nothing."""
        deadline = time.monotonic() + patience(CALL_SECONDS)
        while True:
            try:
                return self.ask(name, **members)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def job(self, name):
        """JobState as JSON, or None if there is no such job."""
        try:
            return to_json(self.ask_again("GetJob", job=name).job)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return None

    def events(self, *resources, after="earliest"):
        """All events of the resources, as messages."""
        events, more = [], True
        while more:
            page = self.ask_again("Read", resources=list(resources), after=after)
            if page.HasField("reset"):
                raise AssertionError(f"the log cannot be read from {after}: {page.reset}")
            events += page.events
            after, more = page.position, page.more
        return events

    def publish(self, *events):
        """Sequences of the events, all of which must be taken."""
        results = self.ask("Publish", events=list(events)).results
        if errors := [str(result.error) for result in results if result.HasField("error")]:
            raise AssertionError(f"not published: {errors[:3]}")
        return [result.seq for result in results]

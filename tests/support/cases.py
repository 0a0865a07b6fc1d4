"""The base of process-level tests: one eventd and one edge a class or a test, readers and publishers that go away."""
import unittest

from clients import Fleet, Publisher, wait_ready
from servers import World


def skip(case, reason):
    """Skips a test and says so where tools/test counts it."""
    print(f"SKIPPED {case.id()}: {reason}", flush=True)
    case.skipTest(reason)


class MilepostCase(unittest.TestCase):
    """Each test has its own processes: self.eventd, self.edge."""

    eventd_flags = ()
    edge_flags = ()
    maxDiff = 2000

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.start()

    def start(self):
        self.eventd = self.world.eventd(*self.eventd_flags)
        self.edge = self.world.edge(self.eventd, *self.edge_flags)
        wait_ready(self.edge.port)
        self.publisher = self.new_publisher(self.edge)

    def new_publisher(self, edge):
        publisher = Publisher(edge.port)
        self.addCleanup(publisher.close)
        return publisher

    def stream(self, resources, query="", **options):
        return self.fleet.events(self.edge.port, resources, query, **options)

    def until(self, condition, seconds=10, what=""):
        self.fleet.run_until(condition, seconds, what)

    def connected(self, *streams):
        self.until(lambda: all(stream.connected for stream in streams), what="connected")
        return streams[0]


class SharedCase(MilepostCase):
    """The tests of a class share the processes; each uses resources of its own."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.eventd = cls.world.eventd(*cls.eventd_flags)
        cls.edge = cls.world.edge(cls.eventd, *cls.edge_flags)
        wait_ready(cls.edge.port)

    def setUp(self):
        self.fleet = Fleet()
        self.addCleanup(self.fleet.close)
        self.publisher = self.new_publisher(self.edge)

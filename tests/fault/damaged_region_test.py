"""A reader whose place lies in a damaged part of the store is told so, and goes on: never a silent wait.

The store is damaged after the service read what it needs to start, so that only readers of old events find it.
"""
import glob
import os
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from clients import Fleet, Publisher, notice, seq_of  # noqa: E402
from servers import World, free_port  # noqa: E402

EVENTS = 3000


class DamagedRegionTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.store = os.path.join(place.name, "store")
        self.port = free_port()

    def start(self):
        # Small segments: a start reads the newest one only.
        return self.world.eventd(f"--log=rocksdb:{self.store}", "--min_free_mib=0", "--retention_mib=1", "--durability=os",
                                 port=self.port)

    def stop(self, process):
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0)

    def test_the_reader_gets_a_reset_and_what_comes_after(self):
        eventd = self.start()
        edge = self.world.edge(eventd)
        publisher = Publisher(edge.port)
        self.addCleanup(publisher.close)
        cursors = []
        for begin in range(0, EVENTS, 100):
            cursors += publisher.publish([notice("job:1", f"event {i}") for i in range(begin, begin + 100)])
        self.stop(eventd)
        self.stop(self.start())  # what lay in RocksDB's log lies in a data file now
        largest = max(glob.glob(f"{self.store}/*.sst"), key=os.path.getsize)
        with open(largest, "r+b") as file:
            file.seek(os.path.getsize(largest) // 4)
            file.write(b"damaged!" * 8)
        self.start()
        fleet = Fleet()
        self.addCleanup(fleet.close)
        reader = fleet.events(edge.port, ["job:1"], last_event_id=cursors[5])
        fleet.run_until(lambda: any(frame.type == "snapshot" for frame in reader.frames), 20)
        resets = [frame.json for frame in reader.frames if frame.type == "reset"]
        self.assertEqual([reset["reason"] for reset in resets], ["expired"])
        late = fleet.events(edge.port, ["job:1"], last_event_id=cursors[-2])
        fleet.run_until(lambda: late.events, 20)
        self.assertEqual(seq_of(late.events[0][1]), seq_of(cursors[-1]), "undamaged parts are read as ever")
        cursor = publisher.publish([notice("job:1", "after the damage")])[0]
        fleet.run_until(lambda: reader.events and reader.events[-1][1] == cursor, 20)


if __name__ == "__main__":
    unittest.main()

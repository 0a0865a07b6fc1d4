"""Readers that come, read a little, go, and come again."""


class Visitor:
    """A browser that comes, reads `wanted` events, goes, and comes back `visits` times with its last event id."""

    def __init__(self, case, resources, wanted, visits, query="", first_id=None, covered=None):
        self.case, self.asked, self.wanted, self.visits, self.query = case, resources, wanted, visits, query
        self.resources = covered or resources  # `covered`: what the patterns among the resources stand for
        self.begin = first_id
        self.ids = []
        self.done = False
        self._come(first_id)

    def _come(self, last_event_id):
        self.visits -= 1
        self.here = 0
        self.stream = self.case.fleet.events(self.case.edge.port, self.asked, self.query,
                                             last_event_id=last_event_id, on_event=self._on_event)

    def _on_event(self, stream, event):
        if self.done or stream is not self.stream or self.here == self.wanted:
            return
        if self.begin is None:
            self.begin = stream.connected["cursor"]
        self.ids.append(event[1])
        self.here += 1
        if self.here == self.wanted:
            self.case.fleet._later(0, self._go)

    def _go(self):
        self.stream.close()
        if self.visits > 0:
            self._come(self.ids[-1])
        else:
            self.done = True

    def check(self, truth):
        wanted = truth.ids(self.resources, self.begin, len(self.ids))
        self.case.assertEqual(self.ids, wanted, f"{self.resources} from {self.begin}")

# SPDX-License-Identifier: MIT
"""SIGTERM of two nodes in turn while they send: nobody is unknown, nobody gets it twice."""
import dataclasses
import time

from checker import Checker
from points import LOG_OCTETS_PER_PERSON
from support.waiting import until

NODES = ("mx1", "mx2")
SETTINGS = ("close_ms=100ms", "workers=2")
# Messages a second of each of the two sources of a node: there is always something to stop.
RATE = 250
PATIENCE_S = 120
SLOW_PER_S = 1000  # what a machine with much else to do sends


@dataclasses.dataclass
class Stop:
    """One stop and the start after it."""
    node: str
    open: int  # connections to receivers when the signal came
    stop_ms: int
    start_ms: int


class Rolling:
    """Stops of nodes over one campaign."""

    def __init__(self, world, people, policy, *settings):
        self.world = world
        self.people = people
        for name in NODES:
            for _ in range(2):
                world.source(node=name, rate=RATE)
        self.campaign = world.campaign("rolling", world.people(people), unknown=policy)
        self.nodes = [world.node(*SETTINGS, *settings, name=name) for name in NODES]
        self.check = Checker(world, self.campaign)
        self.stops = []
        self.on_stop = None  # called with the number and the Stop

    def run(self, random, times):
        """So many stops, evenly over the campaign, and lets it finish; the states at the end."""
        for node in self.nodes:
            node.start()
        self.campaign.start()
        gap = self.people * LOG_OCTETS_PER_PERSON // (times + 1)
        for number in range(1, times + 1):
            self._until_logged(self._logged() + random.randint(1, gap))
            self.stops.append(self._restart(self.nodes[number % len(self.nodes)]))
            if self.on_stop:
                self.on_stop(number, self.stops[-1])
        self.campaign.wait_for("finished", PATIENCE_S + self.people // SLOW_PER_S)
        for node in self.nodes:
            node.stop()
        found = self.check.at_end()
        assert set(found.values()) == {"delivered"}, self.check.figures()
        assert not self.check.ambiguous()
        return found

    def _restart(self, node):
        stopped_at = time.monotonic()
        busy = self._connections()
        node.stop()
        started_at = time.monotonic()
        self._check_stopped(node)
        begun_at = time.monotonic()
        node.start()
        return Stop(node.name, busy, _ms(started_at - stopped_at),
                    _ms(time.monotonic() - begun_at))

    def _check_stopped(self, node):
        """It has nothing left: no lease, nobody unknown, everybody in one state."""
        held = self.world.database.value(
            "SELECT count(*) FROM chunk JOIN node USING (node_id)"
            " WHERE chunk.state = 1 AND node.name = %s", node.name)
        assert held == 0, f"{node.name} has stopped and holds {held} chunks"
        states = set(self.check.sums().values())
        assert states <= {"waiting", "leased", "delivered"}, states

    def _logged(self):
        return self.world.sink.log_file.stat().st_size

    def _until_logged(self, octets):
        until(lambda: self._logged() >= octets or self.campaign.state == "finished", PATIENCE_S,
              "the next moment to stop at")
        assert self.campaign.state != "finished", "it was over before the last stop"

    def _connections(self):
        opened = closed = 0
        for event in self.world.sink.events():
            opened += event["event"] == "connect"
            closed += event["event"] == "close"
        return opened - closed


def _ms(seconds):
    return int(seconds * 1000)

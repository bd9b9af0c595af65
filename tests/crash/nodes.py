# SPDX-License-Identifier: MIT
"""Three nodes on one database and what happens to machines, a round each: killed, frozen for longer
than its lease, lost for good, back late. The third has a clock that is an hour off.

In each round all nodes share two campaigns; somewhere in the middle something happens to one node,
and at the end everybody is held against what receivers saw.
"""
import dataclasses
import shutil
import time

from checker import Checker
from points import LOG_OCTETS_PER_PERSON
from support.clock import hour_ahead
from support.waiting import until

NAMES = ("mx1", "mx2", "mx3")
MAX_OPEN = 512  # U
SETTINGS = ("unknown.retry_after_ms=1s", "close_ms=100ms", "budget.sessions=300",
            f"ledger.max_open={MAX_OPEN}")
CAMPAIGNS = 2  # of a round
# Messages a second of each of the two sources of a node: a round is to last a while.
RATE = 250
PATIENCE_S = 180
FENCED = 4  # exit code


@dataclasses.dataclass
class Round:
    """What happened, and what became of it."""
    event: str
    node: str
    open: int  # its transactions when it happened
    in_doubt: int  # at the most
    unknown: int = 0
    seconds: float = 0


class Nodes:
    """Rounds of events with three nodes."""

    def __init__(self, world, people, policy, *settings):
        self.world = world
        self.people = people
        self.policy = policy
        self.settings = (*SETTINGS, *settings)
        self.nodes = []
        self.rounds = []
        self.checks = []  # of the round under way
        self.on_round = None  # called with each Round
        for name in NAMES:
            for _ in range(2):
                world.source(node=name, rate=RATE)
            clock = hour_ahead(world.build) if name == NAMES[-1] else {}
            self.nodes.append(world.node(*self.settings, name=name, **clock))

    def run(self, random, rounds):
        """So many rounds, each event in turn; nodes by the dice."""
        events = [self.killed, self.killed_and_late, self.frozen, self.lost, self.bereft]
        for node in self.nodes:
            node.start()
        for number in range(rounds):
            begun_at = time.monotonic()
            self._begin(number)
            node = random.choice(self.nodes)
            self._until_busy(node, random)
            one = events[number % len(events)](node)
            self._finish(one)
            one.seconds = round(time.monotonic() - begun_at, 1)
            self.rounds.append(one)
            if self.on_round:
                self.on_round(one)
        for node in self.nodes:
            node.stop()

    # ----------------------------------------------------------------------- a round

    def _begin(self, number):
        self.checks = []
        for i in range(number * CAMPAIGNS, (number + 1) * CAMPAIGNS):
            readers = self.world.people(self.people, name=f"readers{i}", first=i * self.people)
            campaign = self.world.campaign(f"round{i}", readers, unknown=self.policy)
            self.checks.append(Checker(self.world, campaign))
        for check in self.checks:
            check.campaign.start()

    def _until_busy(self, node, random):
        """Until the node sends, and a moment in the first half of it all."""
        log = self.world.sink.log_file
        at = log.stat().st_size + random.randint(
            1, self.people * CAMPAIGNS * LOG_OCTETS_PER_PERSON // 2)
        held = ("SELECT count(*) FROM chunk JOIN node USING (node_id)"
                " WHERE chunk.state = 1 AND node.name = %s")
        until(lambda: log.stat().st_size >= at, PATIENCE_S, "the moment for it to happen")
        until(lambda: self.world.database.value(held, node.name) > 0
              or all(check.campaign.state == "finished" for check in self.checks),
              PATIENCE_S, f"{node.name} is sending")

    def _finish(self, one):
        for check in self.checks:
            check.campaign.wait_for("finished", PATIENCE_S)
        self._tell_all()
        for check in self.checks:
            check.at_end()
        one.unknown = sum(sum(check.ambiguous().values()) for check in self.checks)
        most = max(one.open, one.in_doubt)
        assert one.unknown <= most, one

    def _tell_all(self):
        """Whoever has said that a campaign is finished may have more to say of what was in doubt:
        until all are of one mind."""
        for check in self.checks:
            until(lambda check=check: check.campaign.count("waiting", "leased", "deferred") == 0
                  and check.campaign.state == "finished",
                  PATIENCE_S, f"everybody is final: {check.campaign.counts()}")

    def _open(self, node):
        return sum(check.after_kill(node) for check in self.checks)

    def in_doubt(self):
        """People of whom a node that is gone may tell."""
        return self.world.database.value("SELECT coalesce(sum(bit_count(map)), 0)::int FROM doubt")

    def _until_reaped(self, node):
        """Until another has taken its chunks; how many people are in doubt since."""
        reaped = "SELECT reaped_at IS NOT NULL AND lease_until = '-infinity' FROM node" \
                 " WHERE name = %s"
        held = ("SELECT count(*) FROM chunk c JOIN node x USING (node_id)"
                " WHERE c.state = 1 AND x.name = %s")
        until(lambda: self.world.database.value(reaped, node.name)
              and self.world.database.value(held, node.name) == 0, PATIENCE_S,
              f"{node.name} is reaped")
        doubtful = self.in_doubt()
        assert doubtful <= MAX_OPEN, f"more in doubt than U: {doubtful}"
        return doubtful

    def _time_is_up(self, doubtful):
        """Nobody came back: all others are done, and the doubtful are unknown."""
        until(lambda: sum(check.campaign.count("waiting", "leased", "deferred")
                          for check in self.checks) == doubtful, PATIENCE_S,
              "only the doubtful are left")
        self.world.database.query("UPDATE doubt SET until = now() WHERE open")
        for check in self.checks:
            check.campaign.wait_for("finished", PATIENCE_S)

    # ------------------------------------------------------------------------ events

    def killed(self, node):
        """kill -9, and started again at once."""
        node.kill()
        was_open = self._open(node)
        node.start()
        return Round("killed", node.name, was_open, 0)

    def killed_and_late(self, node):
        """kill -9, and it comes back when others have its chunks."""
        node.kill()
        was_open = self._open(node)
        doubtful = self._until_reaped(node)
        node.start()
        return Round("killed, back late", node.name, was_open, doubtful)

    def frozen(self, node):
        """Stopped for longer than its lease; it wakes up fenced, and is started again."""
        node.freeze()
        doubtful = self._until_reaped(node)
        node.thaw()
        code = node.wait_for_end()
        assert code == FENCED, f"exit {code}:\n{node.tail()}"
        node.start()
        return Round("frozen", node.name, 0, doubtful)

    def lost(self, node):
        """kill -9, and its disk is gone: who is in doubt is unknown when the time is up."""
        node.kill()
        was_open = self._open(node)
        shutil.rmtree(node.program.data)
        doubtful = self._until_reaped(node)
        self._time_is_up(doubtful)
        node.start()
        return Round("lost with its journal", node.name, was_open, doubtful)

    def bereft(self, node):
        """kill -9, and its journal comes when the time is up: it sets right what it knows."""
        node.kill()
        was_open = self._open(node)
        doubtful = self._until_reaped(node)
        self._time_is_up(doubtful)
        node.start()
        return Round("back too late", node.name, was_open, doubtful)

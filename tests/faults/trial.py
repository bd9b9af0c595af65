# SPDX-License-Identifier: MIT
"""A campaign under way and a node at work on it, for a fault to harm, and the judgement after it.

    trial = Trial(world, people=3000)
    trial.begin()               # an eighth is delivered
    …                           # the harm
    trial.resumes("the harm")   # until there is a new delivery; the time is noted
    trial.end()                 # everybody is delivered, once, and the books agree
"""
import time

from checker import Checker
from support.waiting import until

# What a node says when it has lost something that none of these faults may cost it.
LOSSES = ("lease_lost", "node_fenced", "lane_blocked", "stopped_unflushed")
# Receivers slow enough for a fault to meet transactions at every step.
PROFILE = {"delay_ms": {"rcpt": [0, 5], "dot": [5, 50]}}


class Trial:
    """One campaign, one node; `rate` messages a second at most make it last."""

    def __init__(self, world, people=3000, rate=300, settings=(), url=None, env=None):
        self.world = world
        self.tool = None  # what the fault works with
        self.people = people
        self.server = world.database.server
        self.campaign = world.campaign("trial", world.people(people))
        world.program("limit", "set", f"rate={rate}/s")
        self.node = world.node(*settings, env=env)
        self.node.program.url = url or self.node.program.url
        self.check = Checker(world, self.campaign)
        self.resumed_s = []  # what resumes() measured
        self.may_be_unknown = 0  # whose reply the harm may have cost
        self.figures = {}  # the checker's, at the end

    @property
    def delivered(self):
        return self.campaign.count("delivered")

    @property
    def is_finished(self):
        return self.campaign.state == "finished"

    def begin(self):
        self.node.start()
        self.campaign.start()
        self.campaign.wait_for_count("delivered", self.people // 8)
        return self

    def resumes(self, after, within=60):
        """Waits for a delivery that the database did not have before; the seconds it took."""
        before, since = self.delivered, time.monotonic()
        until(lambda: self.delivered > before or self.is_finished or not self.node.is_alive,
              within, f"it goes on after {after}: {self.campaign.counts()}\n{self.node.tail()}")
        assert self.node.is_alive, f"it ended:\n{self.node.tail()}"
        self.resumed_s.append(time.monotonic() - since)
        return self.resumed_s[-1]

    def lets_pass(self, seconds):
        """The harm lasts that long; the node lives through it."""
        over_at = time.monotonic() + seconds
        until(lambda: time.monotonic() >= over_at or not self.node.is_alive, seconds + 5, "time")
        assert self.node.is_alive, f"it ended:\n{self.node.tail()}"

    def copies(self):
        """Accepted by receivers so far."""
        return len(self.world.sink.events("accepted"))

    def connections(self):
        """Open at the receivers."""
        return len(self.world.sink.events("connect")) - len(self.world.sink.events("close"))

    def _check_unknown(self):
        """Each is one whose reply was lost after the dot, and there are no more than can be."""
        unexplained = self.world.database.value(
            "SELECT count(*) FROM unknown u LEFT JOIN outcome o USING (campaign_id, rid)"
            " WHERE (o.class, o.cause, o.stage) IS DISTINCT FROM (8, 33, 11)")
        assert unexplained == 0
        assert self.campaign.count("unknown") <= self.may_be_unknown

    def end(self, seconds=600):
        """It finishes by itself: each is delivered, once."""
        until(lambda: self.is_finished or not self.node.is_alive, seconds,
              f"finished: {self.campaign.counts()}\n{self.node.tail()}")
        self.node.stop()
        assert self.is_finished, f"it ended before:\n{self.node.tail()}"
        assert self.campaign.count("delivered", "unknown") == self.people, self.campaign.counts()
        self._check_unknown()
        lost = [e["line"] for name in LOSSES for e in self.node.events(name, whole_life=True)]
        assert not lost, lost[:5]
        self.check.at_end()
        self.figures = self.check.figures()

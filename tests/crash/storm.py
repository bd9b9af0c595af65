# SPDX-License-Identifier: MIT
"""kill -9 at random moments of a campaign, and after each kill and at the end the checker.

A moment is a place in the sink's log, drawn from a seed: between any two steps of any conversation.
"""
import collections
import random
import time

from checker import Checker
from support.waiting import until

# Octets of the sink's log that a recipient makes, about: connect, MAIL, RCPT, DATA and accepted.
LOG_OCTETS_PER_PERSON = 130
# What makes conversations long enough to be hit in the middle.
PROFILE = {"delay_ms": {"rcpt": [0, 5], "dot": [2, 30]}}

Kill = collections.namedtuple("Kill", "at_octets open ambiguous restart_ms")


class Storm:
    """Kills of one node over one campaign; start() it, then run()."""

    def __init__(self, world, campaign, node, seed):
        self.world = world
        self.campaign = campaign
        self.node = node
        self.random = random.Random(seed)
        self.check = Checker(world, campaign)
        self.kills = []
        self.launched_us = 0  # wall time
        self.on_kill = None  # called with the number and the Kill

    def _logged(self):
        return self.world.sink.log_file.stat().st_size

    def _kill_at(self, octets):
        """Kills once the sink's log has grown to that; False when the campaign ended before."""
        until(lambda: self._logged() >= octets or self.campaign.state == "finished"
              or not self.node.is_alive, 120, "the next moment to kill at")
        assert self.node.is_alive, f"it ended by itself:\n{self.node.tail()}"
        if self._logged() < octets:
            return False
        self.node.kill()
        return True

    def _launch(self):
        self.launched_us = time.time_ns() // 1000
        self.node.start()

    def _first_delivery_ms(self):
        """From the last launch to the first copy accepted after it."""
        new = [int(e["time_us"]) for e in self.world.sink.events("accepted")
               if int(e["time_us"]) >= self.launched_us]
        return (min(new) - self.launched_us) // 1000 if new else None

    def run(self, kills, people):
        """Kills so often, evenly by chance over the campaign, and lets it finish."""
        self._launch()
        self.campaign.start()
        whole = people * LOG_OCTETS_PER_PERSON
        for octets in sorted(self.random.randrange(whole) for _ in range(kills)):
            # A moment that is past already is one right after the start.
            if not self._kill_at(max(octets, self._logged() + self.random.randrange(2000))):
                break
            open_now = self.check.after_kill(self.node)
            restart_ms = self._first_delivery_ms() if self.kills else None
            self._launch()
            ambiguous = sum(self.check.ambiguous().values())
            self.kills.append(Kill(octets, open_now, ambiguous, restart_ms))
            self._check_ambiguity()
            if self.on_kill:
                self.on_kill(len(self.kills), self.kills[-1])
        self.campaign.wait_for("finished", 120)
        self.node.stop()
        return self.check.at_end()

    def _check_ambiguity(self):
        """No more is unknown than was open when the node died."""
        was_open = sum(kill.open for kill in self.kills)
        assert self.kills[-1].ambiguous <= was_open, (self.kills[-1], was_open)

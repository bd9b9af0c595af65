# SPDX-License-Identifier: MIT
"""kill -9 of a node again and again while it sends, and after each kill and at the end the checker.

A storm goes through a list of wishes (points.py). The node is launched with the next wish and kills
itself there; at a random time it is killed from outside, at a place in the sink's log: between any
two steps of any conversation.
"""
import dataclasses
import signal
import time

from checker import Checker
from points import AT_STOP, RANDOM_TIME
from support.waiting import until

# What makes conversations long enough to be hit in the middle.
PROFILE = {"delay_ms": {"rcpt": [0, 5], "dot": [2, 30]}}
# What a node needs so that few people reach every point: a file of the journal is soon full.
SETTINGS = ("unknown.retry_after_ms=1s", "close_ms=100ms", "workers=2", "journal.segment=4K")
PATIENCE_S = 120


@dataclasses.dataclass
class Kill:
    """One kill, and what became of it; the last two once the node was killed again, or ended."""
    point: str
    number: int
    open: int  # transactions that were open
    unknown: int = 0  # of them: that became unknown
    restart_ms: int | None = None  # to the first delivery; None when there was none


class Storm:
    """Kills of one node over one campaign."""

    def __init__(self, world, campaign, node):
        self.world = world
        self.campaign = campaign
        self.node = node
        self.check = Checker(world, campaign)
        self.kills = []
        self.on_kill = None  # called with the number and the Kill
        self._launched_us = 0  # wall time
        self._ambiguous = 0  # attempts that ended as unknown, at the kill before

    def run(self, wishes):
        """A kill for each wish, as long as the campaign is not finished; lets it finish then. The
        states found at the end."""
        self._launch(wishes[0])
        self.campaign.start()
        for wish, following in zip(wishes, [*wishes[1:], None]):
            if not self._died(wish):
                break
            was_open = self.check.after_kill(self.node)
            self._close_account()
            self.kills.append(Kill(*wish, was_open))
            if self.on_kill:
                self.on_kill(len(self.kills), self.kills[-1])
            self._launch(following)
        self.campaign.wait_for("finished", PATIENCE_S)
        if self.node.is_alive:
            self.node.stop()
        found = self.check.at_end()
        self._close_account()
        return found

    def _launch(self, wish):
        self.node.env.pop("EDM_CRASH_AT", None)
        if wish and wish.point != RANDOM_TIME:
            number = 1 if wish.point in AT_STOP else wish.number
            self.node.env["EDM_CRASH_AT"] = f"{wish.point}:{number}"
        self._launched_us = time.time_ns() // 1000
        self._log_begins = self._logged()
        self.node.launch()

    def _logged(self):
        return self.world.sink.log_file.stat().st_size

    def _died(self, wish):
        """Waits for the kill; False when the campaign ended before."""
        is_timed = wish.point == RANDOM_TIME or wish.point in AT_STOP
        if is_timed and self._until_logged(self._log_begins + wish.number):
            if wish.point in AT_STOP:
                self.node.wait_for("node_running")
                self.node.terminate()
            else:
                self.node.kill()
        if not self._until(lambda: not self.node.is_alive, f"the kill at {wish}"):
            return False
        code = self.node.wait_for_end()
        assert code == -signal.SIGKILL, f"it ended by itself with {code}:\n{self.node.tail()}"
        return True

    def _until_logged(self, octets):
        return self._until(lambda: self._logged() >= octets or not self.node.is_alive,
                           "the next moment to kill at")

    def _until(self, is_met, what):
        """Whether that came before the end of the campaign."""
        until(lambda: is_met() or self.campaign.state == "finished", PATIENCE_S, what)
        return is_met()

    def _close_account(self):
        """What became of the kill before: no more is unknown than was open when it came."""
        ambiguous = self.check.check_doubts()
        unknown = ambiguous - self._ambiguous
        self._ambiguous = ambiguous
        if not self.kills:
            assert unknown == 0, f"unknown without a kill: {unknown}"
            return
        kill = self.kills[-1]
        kill.unknown = unknown
        kill.restart_ms = self._first_delivery_ms()
        assert unknown <= kill.open, kill

    def _first_delivery_ms(self):
        """From the last launch to the first copy accepted after it."""
        at_us = self.check.seen.first_after(self._launched_us)
        return (at_us - self._launched_us) // 1000 if at_us else None

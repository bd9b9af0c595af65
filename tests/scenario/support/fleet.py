# SPDX-License-Identifier: MIT
"""Several nodes on one database before one receiver, and how much they sent together.

    fleet = Fleet(mailing)                    # the fixture `fleet` makes one
    fleet.mailing.provider("big")
    node = fleet.node("mx1")                  # with a source of its own, started
    fleet.judge("both", cap=120)              # comes to use it, and no second held more
"""

import time

from support.mailing import peak
from support.node import Node
from support.program import Program
from support.waiting import until


class Fleet:
    def __init__(self, mailing):
        self.mailing = mailing
        self.nodes = {}
        self.clients = {}  # node -> address of its source

    def node(self, name, workers=1, **settings):
        """Starts a node; the first time it gets a source of its own, s-NAME."""
        self.mailing.open_world()
        if name not in self.nodes:
            self.source(name)
            program = Program(self.mailing.build, self.mailing.directory / name,
                              self.mailing.db.url)
            self.nodes[name] = Node(program, *self.mailing.settings(workers, settings), name=name)
        return self.nodes[name].start()

    def source(self, name):
        if name not in self.clients:
            self.clients[name] = self.mailing.source(f"s-{name}", node_name=name)

    def log(self):
        return self.mailing.log()

    def wait(self, condition, why, seconds=30):
        return until(condition, seconds, why)

    def wait_for_mail(self, name, count=10, seconds=30):
        """Until so many more messages came from that node."""
        client = self.clients[name]
        seen = len(self.log().mails(client=client))
        self.wait(lambda: len(self.log().mails(client=client)) >= seen + count,
                  f"{count} messages of {name}", seconds)

    def wait_for_reaped(self, name):
        """Until one of the others has found that the node is gone."""
        self.wait(lambda: self.mailing.db.value(
            "SELECT reaped_at IS NOT NULL FROM node WHERE name = %s", name), f"{name} reaped", 60)

    def mails(self):
        return self.log().mails()

    def connects(self):
        return self.log().connects()

    def judge(self, what, cap, times=None, period_s=1.0, of=0.9):
        """From now on most of the cap comes to be used, and no window ever held more than it.

        times() gives the times of what counts (default: of all MAILs); the use is told in windows
        of a second."""
        times = times or self.mails
        since, wanted = time.time(), of * cap / period_s

        def used():
            return peak([at for at in times() if at >= since], 1.0)

        until(lambda: used() >= wanted, 60, f"{what}: {wanted:.0f} a second, not {used()}")
        most = peak(times(), period_s)
        print(f"{what}: at most {most} of {cap}, used after {time.time() - since:.1f} s")
        assert most <= cap, f"{what}: {most} > {cap}"

    def judge_open(self, what, cap):
        """From now on all connections of the cap come to be used, and there are never more."""
        since = time.time()
        until(lambda: self.log().open_peak(since=since) >= cap, 60, f"{what}: {cap} open")
        assert self.log().open_peak() <= cap

    def let_pass(self, seconds):
        """Lets so many seconds of mail pass."""
        since = time.time()
        until(lambda: time.time() >= since + seconds, seconds + 10, "time passes")

    def close(self):
        for node in self.nodes.values():
            if node.is_alive:
                node.kill()


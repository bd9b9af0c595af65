# SPDX-License-Identifier: MIT
"""Several nodes on one database before one receiver, and how much they sent together.

    fleet = Fleet(mailing)                    # the fixture `fleet` makes one
    fleet.mailing.provider("big")
    node = fleet.node("mx1")                  # with a source of its own, started
    fleet.steady(6)                           # lets six seconds of mail pass: a Span
"""

import time

from support.mailing import peak
from support.node import Node
from support.program import Program
from support.waiting import until


class Span:
    """What the receiver saw between two times."""

    def __init__(self, log, since, until_):
        self.since, self.until = since, until_
        self.log = log

    def rate(self, times):
        """Events a second."""
        return sum(self.since <= at < self.until for at in times) / (self.until - self.since)

    def open_average(self, **wanted):
        """Connections open, on average over the span."""
        total = 0.0
        ends = {e["connection"]: float(e["time_us"]) / 1e6
                for e in self.log.events if e["event"] == "close"}
        for event in self.log.events:
            if event["event"] == "connect" and all(event[k] == v for k, v in wanted.items()):
                begin = max(self.since, float(event["time_us"]) / 1e6)
                end = min(self.until, ends.get(event["connection"], self.until))
                total += max(0.0, end - begin)
        return total / (self.until - self.since)


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

    def steady(self, seconds):
        """Lets so many seconds of mail pass."""
        since = time.time()
        self.wait(lambda: time.time() >= since + seconds, "time passes", seconds + 10)
        return Span(self.log(), since, since + seconds)

    def close(self):
        for node in self.nodes.values():
            if node.is_alive:
                node.kill()


def judge(what, span, times, cap, period_s, share=0.9):
    """The cap was kept in every window, and used well in the span."""
    most, rate = peak(times, period_s), span.rate(times) * period_s
    print(f"{what}: at most {most} of {cap}, used {rate / cap:.0%}")
    assert most <= cap, f"{what}: {most} > {cap}"
    assert rate >= share * cap, f"{what}: only {rate:.1f} of {cap}"

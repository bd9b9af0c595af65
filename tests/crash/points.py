# SPDX-License-Identifier: MIT
"""The crash points of engine/base/crash.h, and plans of kills that go through them.

A kill is asked for as Wish(point, number): at that pass of that point, or, at RANDOM_TIME, once the
sink's log has grown by that many octets.
"""
import collections
import pathlib
import re

LIST = pathlib.Path(__file__).resolve().parents[2] / "engine/base/crash.h"
ENTRY = re.compile(r'^\tX\([A-Z_]+, "([a-z_]+)"\)', re.M)
NAMES = ENTRY.findall(LIST.read_text())
RANDOM_TIME = "random time"

# Passed when a node stops in good order: it gets SIGTERM.
AT_STOP = {"leave", "left"}
# Passed when it starts.
A_START = {"registered": 1, "recovery_flushed": 1, "segment_discarded": 2, "segment_made": 2,
           "segment_started": 2}
# So many passes are sure to come within any 50 messages after a start.
SURE = {**A_START, "claim_sent": 1, "claim_answered": 1, "chunks_read": 1, "connect": 4,
        "connected": 4, "credit": 10, "flush_sent": 2, "flush_acknowledged": 2, "trim": 1,
        "trimmed": 1, "database_write": 40, "database_written": 40, "database_read": 40}
# What is left is passed for each message.
PER_MESSAGE = [name for name in NAMES if name not in SURE and name not in AT_STOP]
# Octets of the sink's log that a recipient makes, about: connect, MAIL, RCPT, DATA and accepted.
LOG_OCTETS_PER_PERSON = 130

Wish = collections.namedtuple("Wish", "point number")


def wish_at(point, random, messages):
    """A kill at that point at about so many messages after the start at most."""
    if point == RANDOM_TIME or point in AT_STOP:
        return Wish(point, random.randint(1, messages * LOG_OCTETS_PER_PERSON))
    if point in A_START:
        return Wish(point, random.randint(1, A_START[point]))
    return Wish(point, random.randint(1, SURE[point] if point in SURE else messages))


def _shuffled(names, random):
    """In the order of the dice; what a node passes when it starts comes after a kill that has left
    it something to settle."""
    starts = [name for name in names if name in A_START]
    others = [name for name in names if name not in A_START]
    random.shuffle(starts)
    random.shuffle(others)
    busy = [i for i, name in enumerate(others) if name in PER_MESSAGE or name == RANDOM_TIME]
    for i in sorted(random.sample(busy, len(starts)), reverse=True):
        others.insert(i + 1, starts.pop())
    return others


def plan(random, kills, messages, points=tuple(NAMES)):
    """So many kills, every second one at a random time and the others at each of the points in
    turn; none later than so many messages after a start. The first is while the audience is
    built."""
    names = [points[i // 2 % len(points)] if i % 2 else RANDOM_TIME for i in range(kills - 1)]
    return [Wish("database_read", random.randint(10, 60)),
            *(wish_at(name, random, messages) for name in _shuffled(names, random))]


def tour(random, messages, points=tuple(NAMES)):
    """One kill at each of the points."""
    return [wish_at(name, random, messages) for name in _shuffled(points, random)]

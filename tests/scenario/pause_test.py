# SPDX-License-Identifier: MIT
"""Pause and cancel: within a second no transaction begins any more, and nobody is forgotten.

A second is told by the transactions themselves, each of which takes DOT_MS at least: so a machine
that is short of time has as much of it as it needs.
"""
import collections
import time

from support.waiting import until

PEOPLE = 4000
DOT_MS = 60
SLOW = {"delay_ms": {"dot": DOT_MS}}
IN_A_SECOND = 1000 // DOT_MS


def under_way(make_world, name):
    """A world and its campaign with a quarter sent."""
    world = make_world(domains=8, sources=2, profile=SLOW)
    campaign = world.campaign(name, world.people(PEOPLE))
    world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 4)
    return world, campaign


def most_begun_after(world, wall_us):
    """Transactions begun since on the connection that has begun most."""
    counts = collections.Counter(e["connection"] for e in world.sink.events("mail")
                                 if int(e["time_us"]) > wall_us)
    return max(counts.values(), default=0)


def wait_until_nobody_is(campaign, *states):
    until(lambda: campaign.count(*states) == 0, 20, f"nobody {states}: {campaign.counts()}")


def test_pause_and_resume(make_world, check):
    world, campaign = under_way(make_world, "pause")
    campaign.pause()
    paused_us = time.time_ns() // 1000
    wait_until_nobody_is(campaign, "leased")
    assert most_begun_after(world, paused_us) <= IN_A_SECOND
    states = check(world, campaign).sums()
    assert set(states.values()) == {"delivered", "waiting"}
    campaign.resume()
    campaign.wait_for("finished")
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()


def test_cancel(make_world, check):
    world, campaign = under_way(make_world, "cancel")
    campaign.cancel()
    cancelled_us = time.time_ns() // 1000
    wait_until_nobody_is(campaign, "leased", "waiting")
    assert most_begun_after(world, cancelled_us) <= IN_A_SECOND
    assert set(check(world, campaign).at_end().values()) == {"delivered", "cancelled"}
    assert campaign.state == "cancelled"

# SPDX-License-Identifier: MIT
"""Pause and cancel: within a second no transaction begins any more, and nobody is forgotten."""
import time

from support.waiting import until

PEOPLE = 4000
SLOW = {"delay_ms": {"dot": 60}}
LAG_US = 1_000_000


def under_way(make_world, name):
    """A world and its campaign with a quarter sent."""
    world = make_world(domains=8, sources=2, profile=SLOW)
    campaign = world.campaign(name, world.people(PEOPLE))
    world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 4)
    return world, campaign


def begun_after(world, wall_us):
    return [e for e in world.sink.events("mail") if int(e["time_us"]) > wall_us]


def wait_until_nobody_is(campaign, *states):
    until(lambda: campaign.count(*states) == 0, 20, f"nobody {states}: {campaign.counts()}")


def test_pause_and_resume(make_world, check):
    world, campaign = under_way(make_world, "pause")
    campaign.pause()
    paused_us = time.time_ns() // 1000
    wait_until_nobody_is(campaign, "leased")
    assert begun_after(world, paused_us + LAG_US) == []
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
    assert begun_after(world, cancelled_us + LAG_US) == []
    assert set(check(world, campaign).at_end().values()) == {"delivered", "cancelled"}
    assert campaign.state == "cancelled"

# SPDX-License-Identifier: MIT
"""The database goes away under load and comes back: all goes on by itself, nothing is doubled."""
import signal

from support.waiting import until

PEOPLE = 4000


def under_way(make_world):
    world = make_world(domains=8, sources=2, profile={"delay_ms": {"dot": [20, 100]}})
    campaign = world.campaign("outage", world.people(PEOPLE))
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 8)
    return world, campaign, node


def wait_for_end(world, campaign, node):
    campaign.wait_for("finished")
    node.stop()
    assert campaign.counts() == {"delivered": PEOPLE}
    assert node.events("lease_lost") == node.events("node_fenced") == []


def test_crashes_of_the_database(make_world, check, postgres):
    world, campaign, node = under_way(make_world)
    for _ in range(3):
        postgres.stop(signal.SIGQUIT)
        postgres.start()
        world.database.reconnect()
        before = campaign.count("delivered")
        until(lambda: campaign.count("delivered") > before or campaign.state == "finished", 30,
              "it goes on")
        check(world, campaign).sums()
    wait_for_end(world, campaign, node)
    check(world, campaign).at_end()


def test_a_database_away_for_longer_than_a_lease(make_world, check, postgres):
    world, campaign, node = under_way(make_world)
    postgres.stop(signal.SIGQUIT)
    try:
        node.wait_for("lease_over", 30)
    finally:
        postgres.start()
        world.database.reconnect()
    node.wait_for("lease_held", 30)
    wait_for_end(world, campaign, node)
    assert node.events("attempt", **{"class": "unreached"}) == []
    check(world, campaign).at_end()


def test_a_stop_while_the_database_is_away(make_world, check, postgres):
    """The node ends all the same; the journal has what the database has not."""
    world, campaign, node = under_way(make_world)
    postgres.stop(signal.SIGQUIT)
    try:
        node.wait_for("database_away")
        node.terminate()
        node.stop(90)
    finally:
        postgres.start()
        world.database.reconnect()
    assert check(world, campaign).after_kill(node) == 0
    node.start()
    wait_for_end(world, campaign, node)
    check(world, campaign).at_end()

# SPDX-License-Identifier: MIT
"""SIGTERM under load: what is under way gets its reply, the rest is given back. The same at length:
tests/crash/run rolling."""
import random

from rolling import Rolling
from support.waiting import until

PEOPLE = 4000
SEED = 20261122


def test_a_stop_leaves_nothing_open(make_world, check):
    world = make_world(domains=8, sources=2, profile={"delay_ms": {"dot": [20, 100]}})
    campaign = world.campaign("stop", world.people(PEOPLE))
    node = world.node().start()
    campaign.start()
    for least in (PEOPLE // 8, PEOPLE // 4, PEOPLE // 2):
        campaign.wait_for_count("delivered", least)
        node.stop()
        states = check(world, campaign).sums()
        assert set(states.values()) == {"delivered", "waiting"}
        node.start()
    campaign.wait_for("finished")
    node.stop()
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()


def test_two_nodes_restarted_in_turn(make_world):
    """Nobody is unknown and nobody gets it twice (Rolling.run says so)."""
    world = make_world(domains=8, sources=0, profile={"delay_ms": {"dot": [20, 100]}})
    one = Rolling(world, PEOPLE, "hold")
    one.run(random.Random(SEED), 4)
    assert sum(stop.open for stop in one.stops) > 0


def test_a_stop_while_names_are_looked_up(make_world, check):
    """People who wait for DNS are given back too."""
    world = make_world(domains=8, sources=2)
    campaign = world.campaign("lost in DNS", world.people(200))
    world.dns.stop()
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("leased", 200)
    node.stop()
    assert set(check(world, campaign).sums().values()) <= {"waiting", "deferred"}


def test_a_refused_start_changes_nothing(make_world):
    """Nor does it rename the machine: the next plain start is the node that it was."""
    world = make_world(domains=1, sources=1)
    node = world.node(name="first").start()
    other = world.node(name="third")
    other.program = node.program
    other.launch()
    assert other.wait_for_end() == 4, other.tail()
    node.stop()
    node.name = None
    assert node.start().wait_for("node_running")["node"] == "first"
    assert world.database.query("SELECT name FROM node") == [("first",)]


def test_a_drained_node_does_not_start(make_world, check):
    """It still tells what its journal knew, and says who drained it."""
    world = make_world(domains=4, sources=1, profile={"delay_ms": {"dot": 20}})
    campaign = world.campaign("drained", world.people(400))
    node = world.node(name="n1").start()
    campaign.start()
    campaign.wait_for_count("delivered", 50)
    node.kill()
    world.program("node", "drain", "n1", "--because", "kernel update")
    node.launch()
    assert node.wait_for_end() == 4, node.tail()
    assert "edm: n1 is drained (tester: kernel update); edm node drain n1 --undo" in node.tail(1)
    assert campaign.count("leased") == 0
    assert world.database.value("SELECT lease_until <= now() FROM node")
    world.program("node", "drain", "n1", "--undo")
    node.start()
    campaign.wait_for("finished")
    check(world, campaign).at_end()


def test_a_drained_node_says_who_drained_it(make_world):
    """Its last words are the operator's; that the other node reaps it does not change its end."""
    world = make_world(domains=1, sources=1)
    world.short_lease()
    first, second = world.node(name="first").start(), world.node(name="second").start()
    world.program("node", "drain", "second", "--because", "kernel update")
    assert second.wait_for_end() == 0, second.tail()
    assert 'event=node_drained node=second by=tester because="kernel update"' in second.tail(1)
    until(lambda: world.database.value(
        "SELECT lease_until = '-infinity' FROM node WHERE name = 'second'"), 30, "second is reaped")
    assert listed(world, "second") == "drained"
    world.program("node", "drain", "second", "--undo")
    assert listed(world, "second") == "stopped"
    first.stop()


def listed(world, name):
    rows = [line.split() for line in world.program("node", "list").out.splitlines()]
    return next(row[1] for row in rows if row[0] == name)

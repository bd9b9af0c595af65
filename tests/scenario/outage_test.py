# SPDX-License-Identifier: MIT
"""The database goes away under load and comes back: all goes on by itself, nothing is doubled."""
import os
import signal

import pytest

from support.node import Node
from support.program import Program
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


@pytest.fixture
def private(build, tmp_path_factory):
    """The program with a private database, removed afterwards."""
    program = Program(build, tmp_path_factory.mktemp("d"))
    program("init")
    yield program
    program.run("down", "--purge", "--yes")


def kill_server(program):
    """Returns once process 1 has reaped it: PostgreSQL takes a zombie for a running server."""
    file = program.data / "postgres/data/postmaster.pid"
    pid = int(file.read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{pid}"), 60, f"{pid} is reaped")


def test_a_node_starts_its_private_database_again(private):
    """As any command would, but nobody has to type one."""
    node = Node(private, "dns.servers=127.0.0.1:9", "dns.allow=127.0.0.0/8")
    node.start()
    try:
        for count in (1, 2):
            kill_server(private)
            node.wait_for("database_away", count=count)
            node.wait_for("database_back", 60, count=count)
    finally:
        node.stop()


def test_a_command_right_after_the_server_was_killed(private):
    """What is left of the killed one still holds its memory."""
    for _ in range(3):
        kill_server(private)
        assert "1 row" in private("sql", "SELECT 1").out

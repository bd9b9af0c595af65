# SPDX-License-Identifier: MIT
"""A node dies for good and another one takes its chunks over; who it may have sent to is in doubt
until its journal tells, or their time is up."""
import shutil

import pytest

from support.clock import hour_ahead, hours_ahead
from support.waiting import until

PEOPLE = 3000
MAX_OPEN = 256  # U


@pytest.fixture
def bereft(make_world, check, build):
    """Of two nodes one was killed under load and is reaped, and the other, whose clock is an hour
    off, has sent all it may.

    World, campaign, the dead node, its open transactions."""
    world = make_world(domains=6, sources=0, profile={"delay_ms": {"dot": [20, 80]}})
    for name in ("mx1", "mx2"):
        for _ in range(2):
            world.source(node=name)
    campaign = world.campaign("takeover", world.people(PEOPLE))
    world.short_lease()
    dead = world.node(f"ledger.max_open={MAX_OPEN}", "budget.sessions=160", name="mx1").start()
    heir = world.node(name="mx2", **hour_ahead(build))
    campaign.start()
    until(lambda: sent_by(world, "mx1") > PEOPLE // 20, 60, "mx1 is sending")
    dead.kill()
    was_open = check(world, campaign).after_kill(dead)
    heir.start()
    heir.wait_for("node_reaped", 40, node="mx1")
    until(lambda: campaign.count("waiting", "deferred", "leased") == in_doubt(world), 60,
          f"only the doubtful are left: {campaign.counts()}")
    assert 0 < in_doubt(world) <= MAX_OPEN
    assert hours_ahead(heir.events("node_running")[0]) == 1
    assert minutes_off(world) < 1
    check(world, campaign).sums()
    return world, campaign, dead, was_open


def sent_by(world, node):
    return world.database.value(
        "SELECT count(*) FROM outcome JOIN source USING (source_id) WHERE node_name = %s", node)


def minutes_off(world):
    """How far from now the times of attempts are at the most."""
    return world.database.value(
        "SELECT max(abs(extract(epoch FROM now() - at))) / 60 FROM outcome")


def in_doubt(world):
    return world.database.value("SELECT coalesce(sum(bit_count(map)), 0)::int FROM doubt")


def test_the_journal_comes_back(bereft, check):
    world, campaign, dead, was_open = bereft
    dead.start()
    campaign.wait_for("finished")
    assert campaign.count("unknown") <= was_open
    check(world, campaign).at_end()


def test_the_journal_comes_too_late(bereft, check):
    """After its time who is in doubt is unknown; the journal still sets right what it knows."""
    world, campaign, dead, was_open = bereft
    doubtful = in_doubt(world)
    world.database.query("UPDATE doubt SET until = now()")
    campaign.wait_for("finished")
    assert campaign.count("unknown") == doubtful
    check(world, campaign).at_end()
    dead.start()
    until(lambda: campaign.count("deferred") == 0 and campaign.state == "finished", 60,
          f"who was never sent to is sent to now: {campaign.counts()}")
    assert campaign.count("unknown") <= was_open
    check(world, campaign).at_end()


def test_the_journal_never_comes(bereft, check):
    """Its disk is gone with it: whoever is in doubt is said to be, becomes unknown, and stays so
    when a new machine takes the name."""
    world, campaign, dead, _ = bereft
    doubtful = in_doubt(world)
    told = world.program("report", "campaign", "takeover", "--json").json
    assert told["in_doubt"] == doubtful and told["in_doubt_until"]
    shutil.rmtree(dead.program.data)
    world.database.query("UPDATE doubt SET until = now()")
    campaign.wait_for("finished")
    dead.start()
    dead.stop()
    assert campaign.count("unknown") == doubtful
    check(world, campaign).at_end()


def test_no_more_is_open_than_u(make_world):
    """Nor by what a claim opens at once, of each chunk some."""
    most = 32
    world = make_world(domains=PEOPLE // 1000)  # each so big that it is a group of its own
    campaign = world.campaign("open", world.people(PEOPLE))
    world.dns.stop()
    world.node(f"ledger.max_open={most}", f"budget.sessions={most // 2}").start()
    campaign.start()
    campaign.wait_for_count("leased", PEOPLE)
    opened = world.database.value("SELECT sum(bit_count(open_map & ~done_map))::int FROM chunk")
    assert 0 < opened <= most

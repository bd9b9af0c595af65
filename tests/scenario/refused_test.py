# SPDX-License-Identifier: MIT
"""PostgreSQL refuses to write what became of people: one of them, or all for a while. The others
are told, nobody is lost, and when the cause is mended all goes on by itself."""
import pytest

from pg_proxy import DONE, PgProxy
from support.waiting import until

PEOPLE = 600
POISON = "ALTER TABLE outcome ADD CONSTRAINT poison CHECK (rid <> {})"
CURE = "ALTER TABLE outcome DROP CONSTRAINT poison"
LIVE_REFUSED = "SELECT coalesce(live->>'refused', '') FROM node_live"
REFUSE_ALL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON attempts_delta EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def poisoned(make_world):
    """A node at work whose database does not take what became of one person."""
    world = make_world(domains=4, sources=2)
    campaign = world.campaign("refused", world.people(PEOPLE))
    address = "u77@d1.test"
    rid = world.database.value("SELECT rid FROM recipient WHERE address = %s", address)
    world.database.query(POISON.format(rid))
    node = world.node().start()
    campaign.start()
    node.wait_for("outcome_refused", 40)
    campaign.wait_for_count("delivered", PEOPLE - 1)
    return world, campaign, node, address


def says_why(text):
    return "cannot be written to the database" in text and "poison" in text


def test_one_person_does_not_hold_up_the_others(poisoned, check):
    world, campaign, node, address = poisoned
    assert campaign.counts() == {"delivered": PEOPLE - 1, "leased": 1}
    check(world, campaign).sums()
    until(lambda: says_why(world.program("why", address).out), 20, "why says it")
    assert len(node.events("outcome_refused")) == 1
    world.database.query(CURE)
    campaign.wait_for("finished", 60)
    assert campaign.counts() == {"delivered": PEOPLE}
    node.stop()
    check(world, campaign).at_end()


def test_it_is_kept_over_a_restart(poisoned, check):
    """A stop does not wait for it, a start is not prevented by it, and its record stays."""
    world, campaign, node, _ = poisoned
    node.stop()
    node.start()
    assert node.events("outcome_refused")
    assert campaign.counts() == {"delivered": PEOPLE - 1, "leased": 1}
    node.kill()
    world.database.query(CURE)
    node.start()
    campaign.wait_for("finished")
    assert campaign.counts() == {"delivered": PEOPLE}
    node.stop()
    check(world, campaign).at_end()


@pytest.mark.parametrize("sqlstate", ["53100", "23514"])
def test_a_database_that_takes_nothing_for_a_while(make_world, check, sqlstate):
    """A full disk (class 53), a missing partition (23514 for every row)."""
    world = make_world(domains=4, sources=2, profile={"delay_ms": {"dot": [20, 60]}})
    campaign = world.campaign("full", world.people(PEOPLE))
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 10)
    world.database.query(REFUSE_ALL.format(sqlstate))
    node.wait_for("flush_refused", 40)
    check(world, campaign).sums()
    world.database.query("DROP TRIGGER refuse ON attempts_delta")
    campaign.wait_for("finished", 90)
    assert len(node.events("flush_refused")) < 10, "said now and then, not with each try"
    assert campaign.counts() == {"delivered": PEOPLE}
    node.stop()
    check(world, campaign).at_end()


@pytest.fixture
def proxied(make_world, tmp_path):
    """A world and a node that reaches the database through a PgProxy."""
    world = make_world(domains=4, sources=2, profile={"delay_ms": {"dot": [20, 60]}})
    proxy = PgProxy(world.database.server, tmp_path / "proxy")
    node = world.node()
    node.program.url = proxy.url(world.database.name)
    yield world, proxy, node
    proxy.close()


def test_fences_that_cannot_be_read(proxied, check):
    """A flush was not accepted and what has become of its chunks is refused: said, once, and
    asked for until it is told."""
    world, proxy, node = proxied
    campaign = world.campaign("fences", world.people(PEOPLE))
    node.start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 10)
    proxy.refuse("ledger/read_fences")
    proxy.cut("ledger/flush", DONE, every=2)
    said = node.wait_for("fences_refused", 40)
    assert "no such statement" in said["error"]
    until(lambda: proxy.refusals["ledger/read_fences"] > 2, 20, "it is asked for again")
    until(lambda: "no such statement" in world.database.value(LIVE_REFUSED), 20, "shown live")
    proxy.spare()
    campaign.wait_for("finished", 60)
    assert len(node.events("fences_refused")) == 1
    assert campaign.counts() == {"delivered": PEOPLE}
    assert node.events("lease_lost") == []
    node.stop()
    check(world, campaign).at_end()

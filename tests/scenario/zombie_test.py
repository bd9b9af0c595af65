# SPDX-License-Identifier: MIT
"""A node that is frozen for longer than its lease and wakes up when another has its chunks: it
sends nothing more, and what it had sent is told through doubt. Its clock is an hour off."""
from support.clock import hour_ahead
from support.waiting import until

PEOPLE = 3000


def sent_by(world, node):
    return world.database.value(
        "SELECT count(*) FROM outcome JOIN source USING (source_id) WHERE node_name = %s", node)


def in_doubt(world):
    return world.database.value("SELECT coalesce(sum(bit_count(map)), 0)::int FROM doubt")


def test_a_node_that_wakes_up_fenced(make_world, check, build):
    world = make_world(domains=6, sources=0, profile={"delay_ms": {"dot": [20, 80]}})
    for name in ("mx1", "mx2"):
        for _ in range(2):
            world.source(node=name)
    campaign = world.campaign("zombie", world.people(PEOPLE))
    world.short_lease()
    zombie = world.node(name="mx1", **hour_ahead(build)).start()
    heir = world.node(name="mx2")
    campaign.start()
    until(lambda: sent_by(world, "mx1") > PEOPLE // 20, 60, "mx1 is sending")
    zombie.freeze()
    heir.start()
    heir.wait_for("node_reaped", 40, node="mx1")
    until(lambda: campaign.count("waiting", "deferred") == 0
          and campaign.count("leased") == in_doubt(world), 60, "the heir has sent the rest")
    zombie.thaw()
    zombie.wait_for("node_fenced")
    assert zombie.wait_for_end() == 4, "refused: it is to be started again"
    campaign.wait_for("finished")
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()

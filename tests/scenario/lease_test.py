# SPDX-License-Identifier: MIT
"""The settings of a node's lease and of its first credits are those in force."""
from support.waiting import until


def test_the_lease_is_as_long_as_it_is_set(make_world):
    world = make_world(domains=1, sources=1)
    world.short_lease()
    node = world.node().start()
    of_beat = "SELECT beat_at, (extract(epoch FROM lease_until - beat_at) * 1000)::int FROM node"
    beats = set()
    until(lambda: beats.update(world.database.query(of_beat)) or len(beats) >= 6, 20, "it beats")
    times = sorted(at for at, _ in beats)
    assert {ms for _, ms in beats} == {3000}
    assert (times[-1] - times[0]).total_seconds() < 10, "six beats of 2 s would take that long"
    node.freeze()
    until(lambda: world.database.value("SELECT lease_until < now() FROM node"), 10, "it runs out")
    node.thaw()
    until(lambda: world.database.value("SELECT lease_until > now() FROM node"), 10, "it revives")


def test_a_claim_opens_as_many_as_it_is_told(make_world):
    world = make_world(domains=1, sources=1, profile={"delay_ms": {"banner": [60000, 60000]}})
    campaign = world.campaign("credits", world.people(300))
    node = world.node("ledger.first_credits=200").start()
    campaign.start()
    opened = "SELECT bit_count(open_map)::int FROM chunk WHERE state = 1"
    assert until(lambda: world.database.query(opened), 30, "it is claimed")[0][0] >= 200
    node.kill()

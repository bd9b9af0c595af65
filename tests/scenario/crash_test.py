# SPDX-License-Identifier: MIT
"""kill -9 at random moments: nobody is lost, nobody gets two copies, unknown stays small."""
import pytest

from storm import PROFILE, Storm

PEOPLE = 3000
KILLS = 6
SEED = 20261122


@pytest.mark.parametrize("policy", ["hold", "retry"])
def test_kills_at_random_moments(make_world, policy):
    world = make_world(domains=10, profile=PROFILE)
    campaign = world.campaign("storm", world.people(PEOPLE), unknown=policy)
    node = world.node("unknown.retry_after_ms=1s", "close_ms=100ms")
    storm = Storm(world, campaign, node, SEED)
    found = storm.run(KILLS, PEOPLE)
    assert len(found) == PEOPLE
    assert len(storm.kills) >= KILLS // 2
    figures = storm.check.figures()
    assert figures["lost"] == 0
    assert figures["unknown"] <= sum(kill.open for kill in storm.kills)

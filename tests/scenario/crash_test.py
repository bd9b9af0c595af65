# SPDX-License-Identifier: MIT
"""kill -9 at every named point and at random moments: nobody is lost, nobody gets two copies, and
who is unknown was in the middle of it. The same at length: tests/crash/run kills."""
import random

import points
import pytest
import storm

SEED = 20261122
MESSAGES = 40  # between two kills at most
RATE = 100  # a second, of each source: people must last for all the kills
SOURCES = 4
PEOPLE = 2 * MESSAGES * len(points.NAMES)


@pytest.fixture
def run(make_world):
    """Runs a storm over a campaign; the Storm afterwards."""
    def run_storm(policy, people, wishes):
        world = make_world(domains=10, sources=0, profile=storm.PROFILE)
        for _ in range(SOURCES):
            world.source(rate=RATE)
        campaign = world.campaign("storm", world.people(people), unknown=policy)
        one = storm.Storm(world, campaign, world.node(*storm.SETTINGS))
        found = one.run(wishes)
        assert len(found) == people
        assert one.check.figures()["lost"] == 0
        return one
    return run_storm


def test_a_kill_at_every_point(run):
    tour = points.tour(random.Random(SEED), MESSAGES)
    one = run("hold", PEOPLE, tour)
    missed = {wish.point for wish in tour} - {kill.point for kill in one.kills}
    assert not missed, f"the campaign was over before: {missed}"
    assert one.check.figures()["twice"] == 0


def test_kills_at_random_moments(run):
    kills = 6
    wishes = points.plan(random.Random(SEED), kills, MESSAGES, ["dot", "dot_sent", "reply_read"])
    one = run("retry", MESSAGES * kills * 4, wishes)
    assert len(one.kills) == kills
    # There is one more try: only who was hit twice may stay unknown.
    hit_twice = sum(n > 1 for n in one.check.ambiguous().values())
    assert one.check.figures()["unknown"] <= hit_twice

# SPDX-License-Identifier: MIT
"""kill -9 at every named point and at random moments: nobody is lost, nobody gets two copies, and
who is unknown was in the middle of it. The same at length: tests/crash/run kills."""
import random
import signal
import socket

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


def test_a_receiver_that_still_counts_the_dead_is_tried_again_soon(mailing):
    """The rule for too many connections waits five minutes; those of the killed are gone sooner."""
    mailing.profiles["one"] = {"limits": {"connections": 1, "scope": "profile"}}
    mailing.listeners.append({"listen": f"127.1.0.77:{mailing.port}", "profile": "one"})
    mailing.dns.domain("one.test", mx=[(10, "mx.one.test", "127.1.0.77")])
    mailing.db.query("INSERT INTO recipient_domain(name) VALUES ('one.test')")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"one": 40})
    mailing.start()
    mailing.stop(signal.SIGKILL)
    with socket.create_connection(("127.1.0.77", mailing.port)) as left:
        assert left.recv(3) == b"220"  # the place that one of the dead would take
        mailing.start(park_ms="1s")
        mailing.launch(campaign)
        refused = "Too many connections"
        mailing.wait(lambda: refused in mailing.node_log.read_text(), "it is refused")
        mailing.wait(lambda: "deferred" in mailing.states(campaign), "they are put off")
    log = mailing.finished(campaign, seconds=40)
    assert len(log.accepted()) == 40

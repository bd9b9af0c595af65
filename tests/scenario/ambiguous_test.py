# SPDX-License-Identifier: MIT
"""The link dies between the final dot and its reply: the state of its own, and its two policies."""
import pytest

PEOPLE = 1000
# Some of those receivers have taken, others not: the sender cannot know.
PROFILE = {"dot": [{"regex": "^u[0-9]*13@", "first": 1, "then": "close", "accept": True},
                   {"regex": "^u[0-9]*31@", "first": 1, "then": "rst", "accept": False}]}


@pytest.fixture
def send(make_world):
    def send_with(policy):
        world = make_world(domains=5, sources=2, profile=PROFILE)
        campaign = world.campaign("ambiguous", world.people(PEOPLE), unknown=policy)
        node = world.node("unknown.retry_after_ms=1s").start()
        campaign.start()
        campaign.wait_for("finished", 90)
        node.stop()
        return world, campaign

    return send_with


def test_hold_sends_to_nobody_again(send, check):
    world, campaign = send("hold")
    states = check(world, campaign).at_end()
    copies = check(world, campaign).copies()
    unknown = {who for who, state in states.items() if state == "unknown"}
    assert set(states.values()) == {"delivered", "unknown"}
    taken = {who for who in unknown if copies[who] == 1}
    assert taken and unknown - taken, "both kinds are there"
    assert world.sink.stop()["silent"] == len(taken)


def test_retry_sends_once_more(send, check):
    world, campaign = send("retry")
    checker = check(world, campaign)
    assert set(checker.at_end().values()) == {"delivered"}
    tried_again, copies = checker.ambiguous(), checker.copies()
    assert set(tried_again.values()) == {1}
    assert {who for who, n in copies.items() if n == 2} <= set(tried_again)
    assert set(copies.values()) == {1, 2}

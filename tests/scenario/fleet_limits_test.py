# SPDX-License-Identifier: MIT
"""Limits that hold over all nodes: kept in sum, as the receiver counts, and used well, with even
and uneven work, when a node is killed and comes back, and when one sleeps and wakes up."""

import pytest

PEOPLE = 30_000
RATE = 120


def world(fleet, **profile):
    fleet.mailing.provider("big", profile={"delay_ms": {"dot": 20}}, **profile)
    campaign = fleet.mailing.campaign("c", {"big": PEOPLE})
    for name in ("mx1", "mx2"):
        fleet.source(name)
    return campaign


def start(fleet, campaign, *names, workers=1):
    for name in names:
        fleet.node(name, workers=workers)
    fleet.mailing.launch(campaign)
    for name in names:
        fleet.wait_for_mail(name)


SCOPES = [{"campaign": "c"}, {"provider": "big", "total": True},
          {"domain": "news.test", "provider": "big"}]  # fmt: skip
NAMES = ["campaign", "provider", "domain"]


def check_explained(fleet):
    """Operators see what each node has, and until when."""
    shares = fleet.mailing.edm("limit", "explain", "s-mx1/big", "--json").json["shares"]
    print([(s["scope"], s["node"], s["share"], s["left_ms"]) for s in shares])
    assert [s["node"] for s in shares] == ["mx1", "mx2"]
    assert sum(s["share"] for s in shares) <= RATE and min(s["share"] for s in shares) > 0
    for share in shares:
        assert (share["kind"], share["per"], share["limit"]) == ("rate", "s", RATE)
        assert share["origin"] == "slice" and 0 < share["left_ms"] <= 10_000
    text = fleet.mailing.edm("limit", "explain", "s-mx1/big").out
    assert f"rate={RATE}/s: mx1 has a share of" in text


@pytest.mark.parametrize("scope", SCOPES, ids=NAMES)
def test_messages_a_second(fleet, scope):
    """Even work; of the campaign also one node that can use little, then the other alone."""
    campaign = world(fleet)
    fleet.mailing.limit(**scope, rate=(RATE, "s"))
    start(fleet, campaign, "mx1", "mx2", workers=2 if "campaign" in scope else 1)
    fleet.judge("even", RATE)
    if "campaign" not in scope:
        check_explained(fleet)
        return
    fleet.mailing.limit(source="s-mx2", rate=(10, "s"))
    fleet.let_pass(1)
    fleet.judge("uneven", RATE)
    fleet.mailing.edm("pause", "--source", "s-mx2")
    fleet.let_pass(1)
    fleet.judge("one at work", RATE)


def test_connections(fleet):
    """Three nodes; one is killed: its connections come back only with itself."""
    campaign = world(fleet, connections=20)
    fleet.mailing.limit(provider="big", total=True, connections=12)
    start(fleet, campaign, "mx1", "mx2", "mx3")
    fleet.judge_open("three", 12)
    fleet.nodes["mx3"].kill()
    fleet.wait_for_reaped("mx3")
    fleet.wait_for_mail("mx1")
    open_now = fleet.log().open_now()
    print("without the dead", open_now)
    assert open_now < 12
    fleet.node("mx3")
    fleet.judge_open("with it again", 12)


def test_new_connections(fleet):
    campaign = world(fleet, messages_per_connection=1)
    fleet.mailing.limit(provider="big", total=True, new_connections=(20, "s"))
    start(fleet, campaign, "mx1", "mx2")
    fleet.judge("new connections", 20, fleet.connects)


def test_a_node_that_is_alone_and_a_second_that_joins(fleet):
    campaign = world(fleet)
    fleet.mailing.limit(provider="big", total=True, rate=(60, "s"))
    start(fleet, campaign, "mx1")
    fleet.judge("alone", 60)
    fleet.node("mx2")
    fleet.wait_for_mail("mx2")
    fleet.judge("with another", 60)
    fleet.nodes["mx1"].stop()
    fleet.judge("after it left", 60)


def test_sleepers(fleet):
    """One node sleeps longer than its lease and is reaped; then both do, and neither is."""
    campaign = world(fleet)
    fleet.mailing.limit(campaign="c", rate=(60, "s"))
    start(fleet, campaign, "mx1", "mx2")
    fleet.let_pass(10)  # a node reaps others only after a whole lease
    fleet.nodes["mx2"].freeze()
    fleet.wait_for_reaped("mx2")
    fleet.judge("one sleeps", 60)
    fleet.nodes["mx2"].thaw()
    assert fleet.nodes["mx2"].wait_for_end() == 4
    fleet.judge("it woke up", 60)
    fleet.node("mx2")
    fleet.wait_for_mail("mx2")
    for name in ("mx1", "mx2"):
        fleet.nodes[name].freeze()
    fleet.let_pass(13)
    fleet.nodes["mx1"].thaw()
    fleet.wait_for_mail("mx1", 150)  # it has the whole limit by now
    fleet.nodes["mx2"].thaw()
    fleet.wait_for_mail("mx2")
    fleet.judge("both slept", 60)
    assert not fleet.nodes["mx2"].events("node_fenced")


def test_a_minute_with_a_kill(fleet):
    """What the killed one may have sent counts for a minute; then all is used again."""
    campaign = world(fleet)
    fleet.mailing.limit(provider="big", total=True, rate=(600, "min"))
    start(fleet, campaign, "mx1", "mx2")
    fleet.nodes["mx1"].kill()
    fleet.node("mx1")
    fleet.wait_for_mail("mx1", seconds=90)
    fleet.judge("a minute", 600, period_s=60.0, of=0.8)

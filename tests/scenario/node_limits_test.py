# SPDX-License-Identifier: MIT
"""Limits, pauses and back-off of a running node, judged by the receiver's log alone."""

import time

import pytest

from support.mailing import peak

WORKERS = pytest.mark.parametrize("workers", [1, 2])
DRAINING, ACTIVE = 2, 1


def test_connections_and_messages_of_a_lane(mailing):
    mailing.provider("big", connections=5, messages_per_connection=7)
    client = mailing.source("s1")
    mailing.source("s2")
    campaign = mailing.campaign("c", {"big": 400})
    mailing.start()
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    assert len(log.accepted()) == 400
    assert log.open_peak(client=client) == 5
    assert log.open_peak() == 10
    assert log.messages_per_connection() == 7


@pytest.mark.parametrize("scope", [
    {"provider": "big"}, {"source": "s1"}, {"provider": "big", "total": True}, {"campaign": 1},
    {"domain": "news.test", "provider": "big"}, {},
], ids=["lane", "source", "provider", "campaign", "domain", "node"])  # fmt: skip
def test_messages_a_second(mailing, scope):
    mailing.provider("big")
    client = mailing.source("s1")
    if "source" not in scope:
        mailing.source("s2")
    campaign = mailing.campaign("c", {"big": 100})
    mailing.limit(**scope, rate=(20, "s"))
    mailing.start()
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    per_lane = scope == {"provider": "big"}
    seen = peak(log.mails(client=client) if per_lane else log.mails(), 1.0)
    print(scope, "max per second", seen)
    assert len(log.accepted()) == 100
    assert 15 <= seen <= 20


PROVIDERS = ["a", "b", "c", "d"]  # they fall to both of two workers


def spread(mailing, each, **limits):
    """A campaign over four providers from one source."""
    for name in PROVIDERS:
        mailing.provider(name, **limits)
    mailing.source("s1")
    return mailing.campaign("c", {name: each for name in PROVIDERS})


@pytest.mark.parametrize("scope", [{"source": "s1"}, {"campaign": 1}, {}], ids=["source", "campaign", "node"])
def test_messages_a_second_over_workers(mailing, scope):
    campaign = spread(mailing, 40)
    mailing.limit(**scope, rate=(30, "s"))
    mailing.start(workers=2)
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    times = log.mails()
    print(scope, "max per second", peak(times, 1.0), "in", round(max(times) - min(times), 2), "s")
    assert len(log.accepted()) == 160
    assert 20 <= peak(times, 1.0) <= 30


@WORKERS
def test_connections_over_workers(mailing, workers):
    campaign = spread(mailing, 300, profile={"delay_ms": {"dot": 20}})
    mailing.limit(source="s1", connections=7)
    mailing.start(workers=workers)
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    print("workers", workers, "open at most", log.open_peak())
    assert len(log.accepted()) == 1200
    assert log.open_peak() == 7


@WORKERS
def test_new_connections(mailing, workers):
    campaign = spread(mailing, 60, messages_per_connection=3)
    mailing.limit(source="s1", new_connections=(10, "s"))
    mailing.start(workers=workers)
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    print("workers", workers, "new connections a second at most", peak(log.connects(), 1.0))
    assert len(log.accepted()) == 240
    assert 5 <= peak(log.connects(), 1.0) <= 10

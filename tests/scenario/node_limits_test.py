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

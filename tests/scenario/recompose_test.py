# SPDX-License-Identifier: MIT
"""The connection is gone under a composed message: on another it is sent as it is if it has not
left, else composed again. It is the same letter, and everybody gets it once."""
import collections
import json

import pytest

PEOPLE = 200
# Nothing of it has left when its connection, new or used before, ends; of each person once.
AT_RCPT = {"rcpt": [{"match": "u*7", "first": 1, "then": "close"}]}
AT_MAIL = {"mail": [{"skip": after, "times": 3, "then": "rst"} for after in range(20, 140, 40)]}
# All of it has left: its host asks for another one.
AT_DOT = {"dot": [{"match": "u1?7", "first": 1, "reply": "451 4.3.2 ask my neighbour",
                   "then": "close"}]}
NEIGHBOUR = {"id": "mine.neighbour", "code": "451", "text": "ask my neighbour",
             "class": "deferred", "cause": "server-busy", "scope": "host",
             "actions": ["next-host", "close"], "en": "Another host of the site takes it.",
             "zh": "请改用该站点的其他主机。", "samples": ["451 4.3.2 ask my neighbour"]}


def letters(sink, event):
    """Message-IDs by recipient, one for each such event."""
    found = collections.defaultdict(list)
    for row in sink.events(event):
        found[row["rcpt"]].append(row["message_id"])
    return found


@pytest.mark.parametrize("profile", [AT_RCPT, AT_MAIL], ids=["rcpt", "mail"])
def test_before_it_left(make_world, check, profile):
    world = make_world(domains=4, sources=2, profile=profile)
    campaign = world.campaign("again", world.people(PEOPLE))
    node = world.node().start()
    campaign.start()
    campaign.wait_for("finished", 90)
    node.stop()
    check(world, campaign).at_end()
    assert campaign.counts() == {"delivered": PEOPLE}
    assert {len(sent) for sent in letters(world.sink, "accepted").values()} == {1}


def test_after_it_left(mailing):
    mailing.provider("big", profile=AT_DOT)
    hosts = [(10, f"mx{i}.big.test", mailing.addresses["big"]) for i in range(4)]
    mailing.dns.domain("big.test", mx=hosts)
    mailing.source("s1")
    mailing.db.query("INSERT INTO reply_rule(rule_id, body) VALUES (%s, %s)",
                     NEIGHBOUR["id"], json.dumps(NEIGHBOUR))
    campaign = mailing.campaign("again", {"big": PEOPLE})
    mailing.start()
    mailing.launch(campaign)
    mailing.finished(campaign)
    assert mailing.states(campaign) == {"delivered": PEOPLE}
    first, then = letters(mailing.sink, "deferred"), letters(mailing.sink, "accepted")
    assert len(first) == 10
    assert all(then[who] == sent for who, sent in first.items()), "another letter"
    assert {len(sent) for sent in then.values()} == {1}

# SPDX-License-Identifier: MIT
"""Which host mail goes to, through whose lane, and what becomes of it when hosts are down."""

import json

import pytest


def domain(mailing, name, **mx):
    """A domain with MX at several providers: domain(mailing, "mix", big=10, other=20)."""
    hosts = [(preference, f"mx.{provider}.test", mailing.addresses[provider])
             for provider, preference in mx.items()]
    mailing.dns.domain(f"{name}.test", mx=hosts)
    mailing.db.query("INSERT INTO recipient_domain(name) VALUES (%s)", f"{name}.test")


def test_a_backup_of_another_provider_is_left_alone(mailing):
    """While the best MX answers, even for some of the time, nobody goes elsewhere."""
    busy = {"limits": {"connections": 1}}
    mailing.provider("big", connections=2, profile={**busy, "delay_ms": {"dot": 20}})
    mailing.provider("other")
    domain(mailing, "mix", big=10, other=20)
    mailing.source("s1")
    campaign = mailing.campaign("c", {"mix": 100})
    mailing.start()
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    assert len(log.accepted(listener=mailing.addresses["big"])) == 100
    assert log.connects(listener=mailing.addresses["other"]) == []


def test_a_backup_of_another_provider_is_used_through_its_lane(mailing):
    """The best MX is dead: its people go to the next provider, within that one's limits."""
    mailing.provider("big", listens=False)
    mailing.provider("other", connections=2, profile={"delay_ms": {"dot": 5}})
    domain(mailing, "mix", big=10, other=20)
    mailing.source("s1")
    campaign = mailing.campaign("c", {"mix": 100, "other": 100})
    mailing.start(park_ms=1000)
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    other = mailing.addresses["other"]
    print("open at the backup at most", log.open_peak(listener=other), mailing.states(campaign))
    assert mailing.states(campaign) == {"delivered": 200}
    assert len(log.accepted(listener=other)) == 200
    assert log.open_peak(listener=other) == 2
    lanes = "SELECT DISTINCT provider FROM outcome WHERE campaign_id = %s AND mx = 'mx.other.test'"
    assert mailing.db.query(lanes, campaign) == [("other",)]


def test_one_of_four_hosts_refuses(mailing):
    """It is the best one: the other three carry the lane's full number of connections. Hosts of
    one preference are drawn by lot for each connection: of sixty, none is left out."""
    mailing.provider("big", connections=12, messages_per_connection=50,
                     profile={"delay_ms": {"dot": 20}})
    hosts = [(10, "mx0.big.test", "127.1.1.1")]
    hosts += [(20, f"mx{i}.big.test", f"127.1.1.{i + 1}") for i in (1, 2, 3)]
    mailing.listeners = [{"listen": f"127.1.1.{i}:{mailing.port}", "profile": "big"}
                         for i in (2, 3, 4)]
    mailing.dns.domain("four.test", mx=hosts)
    mailing.db.query("INSERT INTO recipient_domain(name) VALUES ('four.test')")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"four": 3000})
    mailing.start()
    mailing.launch(campaign)
    log = mailing.finished(campaign, seconds=60)
    assert len(log.accepted()) == 3000 and log.open_peak() == 12
    assert {e["listener"] for e in log.accepted()} == {"127.1.1.2", "127.1.1.3", "127.1.1.4"}
    assert "event=lane_slowed" not in mailing.node_log.read_text()


def test_people_of_a_dead_site_are_given_up(mailing):
    """By the time it was dead, with the host that refused as evidence; nobody was attempted."""
    mailing.provider("dead", listens=False)
    mailing.provider("big")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"dead": 50, "big": 50})
    mailing.db.query("UPDATE campaign SET give_up_after_s = 3 WHERE campaign_id = %s", campaign)
    mailing.start(park_ms=500, retry_schedule="1s", ledger_overdue_ms=100)
    mailing.launch(campaign)
    mailing.finished(campaign, seconds=60)
    assert mailing.states(campaign) == {"delivered": 50, "expired": 50}
    rows = mailing.db.query(
        "SELECT DISTINCT o.mx, o.provider, o.attempt, o.source_id, t.template FROM outcome o"
        " JOIN reply_template t ON t.hash = o.template WHERE o.state = 8")
    print(rows)
    assert len(rows) == 1
    mx, provider, attempt, source, template = rows[0]
    assert (mx, provider, attempt, source) == ("mx.dead.test", "dead", 0, 0)
    assert "no host of the site can be connected to" in template and "refused" in template


def test_people_whom_a_receiver_blocks_are_given_up(mailing):
    """One reply blocks the only lane for hours. Nobody else is attempted; all end as blocked."""
    reply = "554 5.7.1 Service unavailable; Client host [127.2.0.1] blocked using zen.spamhaus.org"
    mailing.provider("big", profile={"mail": [{"reply": reply}]})
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 3000})
    mailing.db.query("UPDATE campaign SET give_up_after_s = 4 WHERE campaign_id = %s", campaign)
    mailing.start(park_ms=500, retry_schedule="1s", ledger_overdue_ms=100)
    mailing.launch(campaign)
    log = mailing.finished(campaign, seconds=60)
    print("tried", len(log.mails()), mailing.states(campaign))
    assert mailing.states(campaign) == {"blocked": 3000} and len(log.mails()) <= 20
    untried = mailing.db.query(
        "SELECT DISTINCT o.code, o.rule, o.mx, t.template FROM outcome o"
        " JOIN reply_template t ON t.hash = o.template WHERE o.state = 7 AND o.attempt = 0")
    print(untried)
    assert [row[:3] for row in untried] == [(554, "any.dnsbl-name", "mx.big.test")]
    assert "blocked using" in untried[0][3]
    assert mailing.edm("report", "replies", "--unmatched").out.count("\n") <= 1
    volume = json.loads(mailing.edm("report", "replies", "--json").out)["replies"]
    assert sum(reply["n"] for reply in volume) == len(log.mails())


def greylisted(mailing, people):
    """A campaign whose people are all turned away once. Then s1 may send one message a minute:
    its people wait for it, those of s2 have been delivered."""
    mailing.provider("big", profile={"greylist": {"seconds": 1}, "delay_ms": {"rcpt": 5}})
    first, second = mailing.source("s1"), mailing.source("s2")
    campaign = mailing.campaign("c", {"big": people})
    mailing.rule_waits("any.greylist", "5s")
    mailing.start(retry_schedule="1s", ledger_overdue_ms=100, park_ms=600_000)
    mailing.launch(campaign)
    mailing.wait(lambda: len(turned_away(mailing.log())) == people, "all were turned away")
    mailing.limit(source="s1", rate=(1, "min"))
    mailing.wait(lambda: set(waiting(mailing.log()).values()) == {first}, "those of s1 wait")
    return campaign, first, second


def turned_away(log):
    """Who was, and by which of our addresses."""
    return {e["rcpt"]: e["client"] for e in log.events
            if e["event"] == "rcpt" and e["code"] != "250"}


def waiting(log):
    accepted = {e["rcpt"] for e in log.accepted()}
    return {rcpt: client for rcpt, client in turned_away(log).items() if rcpt not in accepted}


OPERATORS = [["pause", "--source", "s1"], ["source", "drain", "s1"], ["source", "remove", "s1"]]


@pytest.mark.parametrize("verb", OPERATORS, ids=lambda verb: "-".join(verb[:2]))
def test_a_source_that_leaves_keeps_nobody_waiting(mailing, verb):
    campaign, _, staying = greylisted(mailing, 60)
    left = set(waiting(mailing.log()))
    mailing.edm(*verb, *(["--yes"] if verb[1] == "remove" else []))
    log = mailing.finished(campaign, seconds=20)
    assert len({e["rcpt"] for e in log.accepted()}) == 60
    by_the_other = left & {e["rcpt"] for e in log.accepted(client=staying)}
    print("waited for the source that left", len(left), "went by the other", len(by_the_other))
    assert len(by_the_other) >= len(left) - 1 > 0


def test_who_prefers_a_source_is_in_nobodys_way(mailing):
    """Many wait for s1; people who come behind them go by s2."""
    campaign, _, staying = greylisted(mailing, 300)
    later = mailing.campaign("later", {"big": 50}, sender="later.test")
    mailing.launch(later)
    log = mailing.finished(later, seconds=20)
    assert len(log.accepted(client=staying, mail_from="news@later.test")) == 50
    assert mailing.states(later) == {"delivered": 50}
    assert mailing.states(campaign)["delivered"] < 300


def test_a_pause_names_a_routed_site_by_its_host(mailing):
    """… whose name has a port. It holds at once, and for that site alone."""
    mailing.provider("big", profile={"delay_ms": {"dot": 20}}, connections=2)
    mailing.provider("other")
    mailing.source("s1")
    host = mailing.addresses["big"]
    mailing.edm("route", "set", "big.test", f"{host}:{mailing.port}")
    mailing.edm("pause", "--provider", host)
    mailing.edm("limit", "set", "--provider", host, "connections=1")
    campaign = mailing.campaign("c", {"big": 50, "other": 50})
    mailing.start()
    mailing.launch(campaign)
    mailing.accepted(50, listener=mailing.addresses["other"])
    assert mailing.log().connects(listener=host) == []
    mailing.edm("resume", "--provider", host)
    log = mailing.finished(campaign)
    assert len(log.accepted(listener=host)) == 50 and log.open_peak(listener=host) == 1

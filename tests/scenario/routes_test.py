# SPDX-License-Identifier: MIT
"""Which host mail goes to, through whose lane, and what becomes of it when hosts are down."""


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
    """It is the best one: the other three carry the lane's full number of connections."""
    mailing.provider("big", connections=12, profile={"delay_ms": {"dot": 20}})
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

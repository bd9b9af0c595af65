# SPDX-License-Identifier: MIT
"""What lanes learn from receivers: where it is named, and how operators have it forgotten."""

import json
import signal
import time

import pytest

AWAY = "550 Ip frequency limited [MHtS4]."
MINUTE, HOUR = 60_000, 3_600_000


def windows(**more):
    return {"caps": [-1, -1, -1], "failed": [0, 0, 0], "ages_ms": [0, 0, 0], "away_ms": -1, **more}


HOUR_LEARNT = windows(caps=[-1, 900, -1], failed=[0, 1000, 0], ages_ms=[0, HOUR, 0],
                      learnt_ages_ms=[0, 3 * HOUR, 0], replies=["", AWAY, ""])
TURNED_AWAY = windows(away_ms=5 * MINUTE, probe_left_ms=8 * MINUTE, probe_wait_ms=10 * MINUTE,
                      probe_most_ms=HOUR, reply=AWAY)
RATE = {"rate": 1.5, "rate_ceiling": 3, "rate_cut_age_ms": 2 * HOUR, "rate_hold_ms": MINUTE,
        "rate_reply": "450 4.7.1 slow down"}
ASKED = {"rest_left_ms": 4 * MINUTE, "rests": 1, "rest_reply": "421 4.3.2 not now"}
DEAD = {"dead_for_ms": MINUTE, "dead_probe_left_ms": MINUTE}


@pytest.fixture
def lanes(edm, database):
    """lanes(qq={...}) saves what the lane mx1/qq had learnt."""
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.example.com")

    def save(**learnt):
        for target, state in learnt.items():
            database.query("INSERT INTO lane_state(source_id, target, learnt)"
                           " SELECT source_id, %s, %s FROM source", target,
                           json.dumps({"connections": 3, **state}))

    return save


def explain(edm, lane="mx1/qq"):
    return edm("limit", "explain", lane, "--json").json


def learnt(edm, lane="mx1/qq"):
    """(kind, per) to the entry of what the lane learnt."""
    caps = explain(edm, lane)["caps"]
    return {(cap["kind"], cap["per"]): cap for cap in caps if cap.get("reply")}


def test_a_learnt_window_is_named_with_its_reply(edm, lanes):
    lanes(qq={"windows": HOUR_LEARNT, **RATE}, gmail={})
    told = learnt(edm)
    assert told["rate", "h"]["count"] == 900 and told["rate", "h"]["reply"] == AWAY
    assert told["rate", "h"]["learnt_at"].endswith("Z")
    assert told["rate", "min"]["reply"] == "450 4.7.1 slow down"
    text = edm("limit", "explain", "mx1/qq").out
    (line,) = [x for x in text.splitlines() if "900 messages/h learnt from the receiver" in x]
    assert "learnt 20" in line and AWAY in line
    assert "edm limit forget mx1/qq has it forget" in text
    (entry,) = edm("limit", "show", "--json").json["learnt"]
    assert (entry["lane"], entry["count"], entry["per"]) == ("mx1/qq", 900, "h")
    assert entry["reply"] == AWAY and 3 * HOUR <= entry["learnt_ago_ms"] < 4 * HOUR
    text = edm("limit", "show").out
    assert "no limit is set" in text and "edm limit forget mx1/qq" in text and "3 h" in text
    assert "edm limit forget" not in edm("limit", "explain", "mx1/gmail").out


def test_setting_a_limit_says_what_still_binds(edm, lanes):
    lanes(qq={"windows": HOUR_LEARNT}, gmail={"windows": HOUR_LEARNT})
    said = edm("limit", "set", "--provider", "qq", "rate=2000/h").out.splitlines()
    assert said[1] == ("what lane mx1/qq learnt still holds: 900 messages/h learnt from the "
                       "receiver; edm limit forget mx1/qq has it forget that")
    told = edm("limit", "set", "--provider", "qq", "--total", "rate=2000/h", "--json").json
    assert [one["lane"] for one in told["still_learnt"]] == ["mx1/qq"]
    lanes(netease=ASKED)
    said = edm("limit", "set", "--provider", "netease", "rate=2000/h").out.splitlines()
    assert said[1].startswith("lane mx1/netease still rests because the receiver asked for it; ")
    # What is tighter than that is not in the way.
    assert len(edm("limit", "set", "--provider", "qq", "rate=800/h").out.splitlines()) == 1
    assert len(edm("limit", "set", "--source", "mx1", "rate=9000/h").out.splitlines()) == 1


def test_lanes_that_still_hold_are_counted_as_lanes(edm, lanes):
    edm("source", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "mx2.example.com")
    edm("source", "add", "127.0.0.12", "--name", "mx3", "--ehlo", "mx3.example.com")
    lanes(qq={"windows": HOUR_LEARNT, **RATE})

    def said(*scope):
        return edm("limit", "set", "--provider", "qq", *scope, "rate=2000/min", "rate=9000/h"
                   ).out.splitlines()[1]

    # Two numbers each.
    assert " (and of 2 more lanes); edm limit forget mx" in said()
    assert " (and 1 more such number); edm limit forget mx2/qq" in said("--source", "mx2")


def test_what_was_learnt_is_forgotten(edm, lanes, database):
    lanes(qq={"windows": HOUR_LEARNT, **RATE}, gmail={"windows": TURNED_AWAY})
    out = edm("limit", "forget", "mx1/qq", "--because", "they raised it").out
    assert "mx1/qq forgot: 900 messages/h learnt from the receiver" in out
    assert "mx1/qq forgot: 90 messages/min" in out
    assert "1 lane starts again from what is configured" in out
    assert learnt(edm) == {} and learnt(edm, "mx1/gmail") != {}
    assert database.query("SELECT actor, object, because, detail->'learnt'->>'rate' FROM event"
                          " WHERE verb = 'limit forget'") == [
        ("tester", "lane:mx1/qq", "they raised it", "1.5")]
    assert "had learnt nothing that was saved" in edm("limit", "forget", "mx1/qq").out
    told = edm("limit", "forget", "gmail", "--json").json
    assert told["lanes"] == 1 and told["forgot"][0]["reply"] == AWAY
    assert told["forgot"][0]["lane"] == "mx1/gmail"
    database.query("INSERT INTO node(name, journal, host, pid, version)"
                   " VALUES ('n1', gen_random_uuid(), 'here', 42, '0.1.0')")
    database.query("INSERT INTO party_state(node_id, target, domain, campaign_id, learnt)"
                   " SELECT node_id, 'gmail', 'shop.example', 0, %s FROM node", json.dumps(
                       {"rate": 0.2, "rate_ceiling": 0.2, "rate_cut_age_ms": 0,
                        "rate_hold_ms": 600000}))
    party, = edm("limit", "forget", "gmail", "--json").json["forgot"]
    assert party["lane"] is None
    assert (party["target"], party["domain"]) == ("gmail", "shop.example")
    assert edm("limit", "show", "--json").json["learnt"] == []


def test_what_cannot_be_forgotten_is_said(edm, lanes, database):
    lanes(qq={"is_blocked": True, **ASKED})
    database.query("INSERT INTO pause(scope, source_name, provider, origin, who, why)"
                   " VALUES (4, 'mx1', 'qq', 3, 'edm', 'blocked')")
    assert "mx1/qq stays blocked; edm resume --id 1" in edm("limit", "forget", "mx1/qq").out
    for code, words, name in (
        (3, "no source 'mx7'", "mx7/qq"),
        (3, "no provider 'qqq'", "mx1/qqq"),
        (3, "no provider 'qqq'", "qqq"),
        (3, "no lane 'mx1/mx.typo.example'", "mx1/mx.typo.example"),
        (3, "no lane to gmail has learnt anything", "gmail"),
        (2, "each site without a provider learns by itself", "tail"),
        (2, "is no lane", "mx1/"),
    ):
        assert words in edm.fails(code, "limit", "forget", name)


def test_a_rest_binds_until_it_ends(edm, lanes):
    lanes(qq=ASKED, gmail={"windows": TURNED_AWAY})
    for lane, reply, minutes in (("mx1/qq", "421 4.3.2 not now", 4), ("mx1/gmail", AWAY, 8)):
        told = explain(edm, lane)
        (rest,) = [cap for cap in told["caps"] if cap["binds"]]
        assert (rest["count"], rest["origin"], rest["reply"]) == (0, "back-off", reply)
        assert (minutes - 1) * MINUTE < rest["left_ms"] <= minutes * MINUTE
        assert told["binds"]["until"].endswith("Z") and told["next"][0]["at"].endswith("Z")
        assert told["next"][0]["what"] in ("rest", "probe")
        text = edm("limit", "explain", lane).out
        assert f"binds: waits {minutes} min: lane {lane} rests" in text
        (line,) = [x for x in text.splitlines() if "nothing: it rests" in x]
        assert " binds " in line and reply in line


def test_the_connections_are_those_the_node_has_now(edm, lanes, database):
    """Those saved are those of some time ago, and a start would begin below them."""
    edm("limit", "set", "--provider", "qq", "connections=10")
    lanes(qq={"connections": 9, "connections_cut_age_ms": HOUR, "connections_hold_ms": MINUTE})
    database.query("INSERT INTO node(node_id, name, journal, lease_until)"
                   " VALUES (1, 'n1', gen_random_uuid(), now() + interval '1 min')")
    database.query("INSERT INTO node_live(node_id, incarnation, live) VALUES (1, 0, '{}')")

    def shown(connections):
        lane = {"source": "mx1", "queue": "qq", "sessions": 2, "allowed": connections,
                "queued": 1, "sent_per_s": 1.0, "next": [], "learnt_connections": connections}
        database.query("UPDATE node_live SET live = %s", json.dumps({"lanes": [lane]}))
        (row,) = [cap for cap in explain(edm)["caps"]
                  if cap["origin"] == "learnt" and cap["kind"] == "connections"]
        return row["count"]

    assert [shown(2), shown(3), shown(7)] == [2, 3, 7]


def test_a_start_is_told_from_what_was_learnt(edm, lanes, database):
    """Nobody has objected to a lane that began with four connections and has eight by now."""
    edm("limit", "set", "--provider", "gmail", "connections=10")
    lanes(gmail={"connections": 8})
    database.query("INSERT INTO node(node_id, name, journal, lease_until)"
                   " VALUES (1, 'n1', gen_random_uuid(), now() + interval '1 min')")
    # A node that is older than this command calls it learnt.
    for origin in ("start", "learnt", "back-off"):
        binds = {"level": "lane", "kind": "connections", "count": 8, "origin": origin, "says": "x"}
        lane = {"source": "mx1", "queue": "gmail", "sessions": 8, "allowed": 8, "queued": 1,
                "sent_per_s": 1.0, "next": [], "learnt_connections": 8, "binds": binds}
        database.query("DELETE FROM node_live")
        database.query("INSERT INTO node_live(node_id, incarnation, live) VALUES (1, 0, %s)",
                       json.dumps({"lanes": [lane]}))
        (row,) = [cap for cap in explain(edm, "mx1/gmail")["caps"] if cap["binds"]]
        assert (row["kind"], row["count"], row["origin"]) == ("connections", 8, "start")
    text = edm("limit", "explain", "mx1/gmail").out
    assert "8 connections for now: it began low and feels its way up" in text
    assert "so far: 8.0 connections, and nobody has objected (saved" in text
    assert "learnt" not in text
    text = edm("limit", "explain", "mx1/gmail", "--lang", "zh").out
    assert "目前：8.0 个连接，收件方未限制" in text and "学" not in text


def test_lanes_that_rest_are_listed_with_the_pauses(edm, lanes, database):
    lanes(qq=ASKED, gmail={"windows": TURNED_AWAY}, netease={"is_blocked": True, **ASKED},
          outlook=DEAD, yahoo={"windows": HOUR_LEARNT})
    database.query("INSERT INTO pause(scope, source_name, provider, origin, who, why, until)"
                   " VALUES (4, 'mx1', 'netease', 3, 'edm', 'x', now() + interval '4 min')")
    told = edm("pauses", "--json").json
    rests = {rest["lane"]: rest for rest in told["rests"]}
    assert {lane: rest["why"] for lane, rest in rests.items()} == {
        "mx1/qq": "rest", "mx1/gmail": "turned-away", "mx1/netease": "blocked",
        "mx1/outlook": "does-not-answer"}
    assert rests["mx1/gmail"]["reply"] == AWAY
    assert 7 * MINUTE < rests["mx1/gmail"]["left_ms"] <= 8 * MINUTE
    assert {lane: rest["lift"] for lane, rest in rests.items()} == {
        "mx1/qq": "edm limit forget mx1/qq", "mx1/gmail": "edm limit forget mx1/gmail",
        "mx1/netease": "edm resume --id 1", "mx1/outlook": None}
    assert 0 < rests["mx1/outlook"]["left_ms"] <= MINUTE
    text = edm("pauses").out
    for words in ("rests because the receiver asked for it", "for another 4 min", AWAY,
                  "turned away: then one tries", "does not answer", "edm limit forget mx1/qq"):
        assert words in text
    edm("limit", "forget", "qq")
    edm("limit", "forget", "mx1/gmail")
    rests = edm("pauses", "--json").json["rests"]
    assert [rest["lane"] for rest in rests] == ["mx1/netease", "mx1/outlook"]


def test_a_rest_that_is_over_is_not_listed(edm, lanes, database):
    """What was saved tells of the time; who is tried again at once does not stand still."""
    lanes(qq=ASKED, gmail={"windows": TURNED_AWAY}, outlook=DEAD)
    assert len(edm("pauses", "--json").json["rests"]) == 3
    database.query("UPDATE lane_state SET saved_at = now() - interval '1 h'")
    assert edm("pauses", "--json").json["rests"] == []
    assert edm("pauses").out.strip() == "nothing is paused"


def test_explain_in_chinese(edm, lanes):
    lanes(qq={"windows": {**HOUR_LEARNT, "caps": [-1, 900, -1]}, **ASKED})
    edm("limit", "set", "--source", "mx1", "rate=50/s", "--for", "2h")
    edm("limit", "set", "--provider", "qq", "new-connections=30/min", "messages-per-connection=8")
    text = edm("limit", "explain", "mx1/qq", "--lang", "zh").out
    for words in ("通道 mx1/qq，发信源启用中", "没有运行中的节点", "受限于：等待 3 分",
                  "通道 mx1/qq 按收件方要求暂停发送", "接下来：收件方要求的暂停结束", "每小时 900 封（从收件方学到）",
                  "学于 20", AWAY, "每秒 50 封（人工设定，限制 1），剩余 1 小时",
                  "接下来：每秒 50 封（人工设定，限制 1） 到期", "每分钟 30 个新连接", "每个连接 8 封",
                  "edm limit forget mx1/qq 可清除学习到的限制", "适用于"):
        assert words in text, (words, text)
    for words in ("binds", "next:", "learnt", "applies to", " messages"):
        assert words not in text, text


def test_a_lane_goes_on_as_soon_as_it_forgets(mailing):
    """Turned away it rests for five minutes; told to forget that it sends within the second, and
    what it knew is not back after a kill."""
    mailing.provider("qq", profile={"mail": [{"reply": AWAY, "first": 1}]}, domain="qq.com",
                     mx="mx3.qq.com")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"qq": 60}, domains={"qq": "qq.com"})
    mailing.start(park_ms=600_000)
    mailing.launch(campaign)

    def rests():
        return mailing.edm("pauses", "--json").json["rests"]

    (rest,) = mailing.wait(rests, "the rest")
    assert (rest["lane"], rest["why"]) == ("s1/qq", "turned-away") and AWAY[:20] in rest["reply"]
    accepted = len(mailing.log().accepted())
    assert accepted < 60
    asked_at = time.time()
    out = mailing.edm("limit", "forget", "s1/qq").out
    assert "s1/qq forgot: the rest the receiver asked for" in out
    forgot_at = time.time()
    mailing.wait(lambda: len(mailing.log().accepted()) > accepted, "mail again", 10)
    first = min(at for at in mailing.log().mails() if at > asked_at)
    print("first MAIL", round(first - forgot_at, 3), "s after it was told to forget")
    assert first < forgot_at + 1
    mailing.wait(lambda: len(mailing.log().accepted()) >= 50, "the others")
    mailing.stop(signal.SIGKILL)
    assert rests() == []
    caps = mailing.edm("limit", "explain", "s1/qq", "--json").json["caps"]
    assert [cap for cap in caps if cap.get("reply") == AWAY] == []


FULL = "421 Max message per connection reached"


def test_messages_per_connection_are_learnt(mailing):
    """Conformance C-149: a few refusals at first, then no connection carries more."""
    mailing.provider("yahoo", domain="yahoo.com", mx="mx-a.mail.yahoodns.net", profile={
        "limits": {"messages_per_connection": 5, "messages_per_connection_reply": FULL}})
    mailing.source("s1")
    mailing.rule_waits("yahoo.messages-per-connection", "1s")
    campaign = mailing.campaign("c", {"yahoo": 400}, domains={"yahoo": "yahoo.com"})
    mailing.start()
    mailing.launch(campaign)
    mailing.finished(campaign)
    assert mailing.states(campaign) == {"delivered": 400}
    told = mailing.db.value("SELECT count(*) FROM outcome"
                            " WHERE rule = 'yahoo.messages-per-connection'")
    assert 0 < told <= 20, "one for each connection that was open when it was learnt"
    (cap,) = [cap for cap in explain(mailing.edm, "s1/yahoo")["caps"]
              if cap["kind"] == "messages-per-connection" and cap["origin"] == "learnt"]
    assert cap["count"] in (4, 5) and cap["binds"] is False and "Max message" in cap["reply"]
    assert "forgot: " in mailing.edm("limit", "forget", "s1/yahoo").out


def test_lanes_of_all_nodes_forget(fleet):
    """Told once of the provider, the lane of each node tries again within the second."""
    rates = [{"messages": 1, "per": "h", "at": "mail", "reply": AWAY}]
    fleet.mailing.provider("qq", profile={"limits": {"rates": rates}}, domain="qq.com",
                           mx="mx3.qq.com")
    campaign = fleet.mailing.campaign("c", {"qq": 3000}, domains={"qq": "qq.com"})
    for name in ("mx1", "mx2"):
        fleet.source(name)
    for name in ("mx1", "mx2"):
        fleet.node(name, park_ms=600_000)
    fleet.mailing.launch(campaign)
    fleet.wait(lambda: len(fleet.mailing.edm("pauses", "--json").json["rests"]) == 2, "two rests")
    asked_at = time.time()
    out = fleet.mailing.edm("limit", "forget", "qq").out
    assert "s-mx1/qq forgot" in out and "s-mx2/qq forgot" in out
    forgot_at = time.time()
    for name, client in fleet.clients.items():
        def tries(client=client):
            return [at for at in fleet.log().mails(client=client) if at > asked_at]

        first = min(fleet.wait(tries, f"a try of {name}", 10))
        print(name, "tried", round(first - forgot_at, 3), "s after it was told to forget")
        assert first < forgot_at + 1


def test_a_source_that_is_removed_and_added_again_is_one(edm, database):
    """What its namesake learnt, and where that was on its warm-up, stay with the namesake."""
    def begin(address):
        edm("source", "add", address, "--name", "mx1", "--ehlo", "mx1.example.com")
        edm("warmup", "plan", "mx1", "--target", 50000)
        edm("limit", "set", "--source", "mx1", "connections=5")
        database.query("INSERT INTO lane_state(source_id, target, learnt, warmup)"
                       " SELECT source_id, 'qq', %s, '{}' FROM source WHERE state <> 3",
                       json.dumps({"connections": 3, "windows": HOUR_LEARNT}))

    begin("127.0.0.10")
    for address in ("127.0.0.10", "127.0.0.11"):
        edm("source", "remove", "mx1", "--yes")
        begin(address)
    (source,) = edm("source", "show", "--json").json["sources"]
    assert source["address"] == "127.0.0.11"
    (lane,) = edm("warmup", "show", "--json").json["warmup"]
    assert (lane["source"], lane["target"]) == ("mx1", "qq")
    limits = edm("limit", "show", "--json").json
    assert [limit["source"] for limit in limits["limits"]] == ["mx1"]
    assert [entry["lane"] for entry in limits["learnt"]] == ["mx1/qq"]
    assert database.value("SELECT count(*) FROM source") == 3, "history keeps its rows"

# SPDX-License-Identifier: MIT
"""limit, pause, resume, warmup: what operators say while mail is flowing."""

import datetime
import re

import pytest


@pytest.fixture
def mx1(edm, database):
    """A database with one source and one campaign."""
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.example.com")
    database.query("INSERT INTO campaign(name, from_address) VALUES ('spring', 'news@example.com')")
    return edm


def limits(edm):
    return {
        rule["scope"] + ": " + rule["limit"]
        for rule in edm("limit", "show", "--json").json["limits"]
    }


def test_limits_of_every_scope(mx1, database):
    mx1(
        "limit",
        "set",
        "--provider",
        "qq",
        "--each-source",
        "connections=5",
        "rate=100/min",
        "--because",
        "asked",
    )
    mx1("limit", "set", "--provider", "qq", "--total", "rate=20000/day")
    mx1("limit", "set", "--provider", "qq", "--source", "mx1", "messages-per-connection=10")
    mx1("limit", "set", "--provider", "tail", "new-connections=30/min")
    mx1("limit", "set", "--source", "mx1", "rate=50/s")
    mx1("limit", "set", "--campaign", "spring", "rate=5000/h")
    mx1("limit", "set", "--domain", "Example.com", "--provider", "gmail", "rate=9/s")
    mx1("limit", "set", "connections=900")
    assert limits(mx1) == {
        "each lane to qq: connections=5",
        "each lane to qq: rate=100/min",
        "all lanes to qq together: rate=20000/day",
        "lane mx1/qq: messages-per-connection=10",
        "each lane to tail: new-connections=30/min",
        "source mx1: rate=50/s",
        "campaign spring: rate=5000/h",
        "mail from example.com to gmail: rate=9/s",
        "each node: connections=900",
    }
    first = mx1("limit", "show", "--json").json["limits"][0]
    assert first["set_by"] == "tester" and first["because"] == "asked" and first["left_ms"] is None
    assert database.query("SELECT actor, because FROM event WHERE verb = 'limit set' LIMIT 1") == [
        ("tester", "asked")
    ]


def test_a_name_that_nothing_goes_to_is_taken_with_a_warning(mx1, database):
    mx1("route", "set", "a.example", "127.0.0.9:2525")
    mx1("route", "set", "b.example", "relay:25")
    database.query("INSERT INTO recipient_domain(name, last_mx) VALUES ('c.example', 'mx.c.test')")
    for name in ("qq", "tail", "127.0.0.9", "127.0.0.9:2525", "relay", "MX.c.test"):
        assert mx1("limit", "set", "--provider", name, "rate=50/s").err == ""
        assert mx1("pause", "--provider", name).err == ""
    for name in ("typo.example", "127.0.0.9:252", "127.0.0"):
        warning = f"warning: {name} is no provider, no route leads there"
        assert warning in mx1("limit", "set", "--provider", name, "rate=50/s").err
        assert warning in mx1("pause", "--provider", name).err
        assert mx1("limit", "unset", "--provider", name).err == ""
        assert mx1("resume", "--provider", name).err == ""


def test_a_sender_or_a_node_that_is_not_there_is_a_warning(mx1, database):
    for option, name, words in (
        ("--domain", "nosuch.example", "nosuch.example is no sending domain (edm domain show)"),
        ("--node", "nosuch", "there is no node 'nosuch'"),
    ):
        told = mx1("limit", "set", option, name, "rate=1/s", "--json")
        (warning,) = told.json["warnings"]
        assert words in warning and f"warning: {warning}\n" == told.err
        assert mx1("limit", "unset", option, name).err == ""
    mx1("domain", "add", "news.example")
    for known in ("news.example", "example.com"):  # that of a campaign
        assert mx1("limit", "set", "--domain", known, "rate=1/s").err == ""


def test_changes_of_limits_as_json(mx1):
    set_ = ("limit", "set", "--provider", "qq", "connections=5", "--json")
    first, second = mx1(*set_).json, mx1(*set_, "--because", "again").json
    (limit,) = second["limits"]
    assert (limit["scope"], limit["limit"], limit["because"]) == (
        "each lane to qq", "connections=5", "again")
    assert first["replaced"] == [] and second["replaced"] == first["limits"]
    undone = mx1("limit", "undo", "--json").json
    assert [limit["id"] for limit in undone["taken_back"]] == [limit["id"]]
    (again,) = undone["holds_again"]
    assert again["id"] > limit["id"] and again["because"] is None
    assert mx1("limit", "unset", "--provider", "qq", "--json").json == {"ended": [again]}


def test_a_limit_for_two_hours(mx1):
    mx1("limit", "set", "--provider", "gmail", "rate=2/s", "--for", "2h")
    (rule,) = [r for r in mx1("limit", "show", "--json").json["limits"] if r["provider"] == "gmail"]
    assert 7_100_000 < rule["left_ms"] <= 7_200_000


def test_show_says_which_of_two_limits_holds(mx1):
    mx1("limit", "set", "--provider", "gmail", "rate=9/s")
    mx1("limit", "set", "--provider", "gmail", "rate=2/s", "--for", "2h")
    mx1("limit", "set", "--provider", "gmail", "connections=3")

    def superseded():
        rules = mx1("limit", "show", "--json").json["limits"]
        return {rule["id"]: rule["superseded_by"] for rule in rules}

    assert superseded() == {1: 2, 2: None, 3: None}
    mx1("limit", "set", "--provider", "gmail", "rate=5/s")
    assert superseded() == {2: 4, 3: None, 4: None}
    (line,) = [x for x in mx1("limit", "show").out.splitlines() if x.startswith("2 ")]
    assert ", but limit 4 holds" in line


def test_undo_takes_back_the_whole_last_change(mx1):
    mx1("limit", "set", "--provider", "qq", "connections=5")
    mx1("limit", "set", "--provider", "qq", "connections=7", "rate=100/min")
    assert mx1("limit", "undo").out.splitlines() == [
        "taken back: limit 2, each lane to qq: connections=7",
        "taken back: limit 3, each lane to qq: rate=100/min",
        "holds again: limit 4, each lane to qq: connections=5",
    ]
    assert limits(mx1) == {"each lane to qq: connections=5"}
    mx1("limit", "undo")
    assert limits(mx1) == {
        "each lane to qq: connections=7",
        "each lane to qq: rate=100/min",
    }, "undone twice"
    assert "2 limits ended" in mx1("limit", "unset", "--provider", "qq").out
    assert limits(mx1) == set()
    mx1("limit", "undo")
    assert limits(mx1) == {"each lane to qq: connections=7", "each lane to qq: rate=100/min"}
    mx1("limit", "unset", "--provider", "qq", "rate=1/min")
    assert limits(mx1) == {"each lane to qq: connections=7"}


def test_bad_limits_are_refused_and_change_nothing(mx1, database):
    for code, words, *args in (
        (2, "say what to limit", "set", "--provider", "qq"),
        (2, "say per what", "set", "--provider", "qq", "rate=100"),
        (2, "is no limit", "set", "--provider", "qq", "speed=100"),
        (2, "say it once", "set", "--provider", "qq", "connections=5", "connections=6"),
        (2, "from 1 to", "set", "--provider", "qq", "connections=5", "rate=0/s"),
        (
            2,
            "exclude each other",
            "set",
            "--provider",
            "qq",
            "--total",
            "--each-source",
            "connections=5",
        ),
        (2, "--each-source goes with --provider", "set", "--each-source", "connections=5"),
        (2, "sum over all sources", "set", "--total", "connections=5"),
        (2, "stands alone", "set", "--campaign", "spring", "--provider", "qq", "rate=1/s"),
        (2, "shared by campaigns", "set", "--campaign", "spring", "new-connections=5/min"),
        (2, "--for takes a time", "set", "--provider", "qq", "connections=5", "--for", "soon"),
        (2, "--for takes a time", "set", "--provider", "qq", "connections=5", "--for", "0s"),
        (2, "--domain 'a b'", "set", "--domain", "a b", "rate=1/s"),
        (3, "no provider 'qqq'", "set", "--provider", "qqq", "connections=5"),
        (3, "no source 'mx7'", "set", "--source", "mx7", "connections=5"),
        (3, "no campaign 'autumn'", "set", "--campaign", "autumn", "rate=1/s"),
        (3, "no such limit is set", "unset", "--provider", "qq"),
        (3, "no limit was ever set", "undo"),
        (3, "no limit 77", "undo", "77"),
        (2, "no number of a limit", "undo", "last"),
        (2, "is no lane", "explain", "mx1"),
        (3, "no source 'mx7'", "explain", "mx7/qq"),
        (3, "no provider 'qqq'", "explain", "mx1/qqq"),
    ):
        assert words in mx1.fails(code, "limit", *args)
    assert database.value("SELECT count(*) FROM limit_rule") == 0
    assert database.value("SELECT count(*) FROM event WHERE verb LIKE 'limit%%'") == 0


def test_explain_says_where_each_number_comes_from(mx1, database):
    mx1("limit", "set", "--provider", "qq", "connections=5", "--because", "their postmaster")
    mx1("limit", "set", "--provider", "qq", "--total", "rate=2000/h")
    mx1("limit", "set", "--source", "mx1", "rate=50/s", "--for", "2h")
    mx1("pause", "--provider", "qq", "--because", "550 Ip frequency limited")
    mx1("warmup", "plan", "mx1", "--steps", "50,100")
    database.query(
        "INSERT INTO node(node_id, name, journal, lease_until)"
        " VALUES (1, 'n1', gen_random_uuid(), now() + interval '1 min');"
        "INSERT INTO node_live(node_id, incarnation, live) VALUES (1, 0, %s)",
        '{"lanes": [{"source": "mx1", "queue": "qq", "sessions": 2, "allowed": 4, "queued": 17,'
        ' "waits": "waits until resumed: lane mx1/qq is paused"}]}',
    )
    told = mx1("limit", "explain", "mx1/qq", "--json").json
    caps = {(cap["level"], cap["kind"], cap["per"]): cap for cap in told["caps"]}
    assert caps["lane", "connections", None]["origin"] == "operator"
    assert caps["lane", "connections", None]["count"] == 5
    assert caps["lane", "connections", None]["because"] == "their postmaster"
    assert caps["lane", "messages-per-connection", None]["origin"] == "profile"
    assert caps["provider", "rate", "h"]["count"] == 2000
    assert caps["source", "rate", "s"]["left_ms"] > 0
    assert told["paused"]["who"] == "tester" and told["learnt"] is None
    assert told["warmup"] == {"step": 0, "steps": 2, "budget_a_day": 50, "held": False}
    assert told["live"]["node"] == "n1" and told["live"]["lane"]["queued"] == 17
    changes = {change["what"]: change for change in told["next"]}
    assert changes["limit"]["limit_id"] == caps["source", "rate", "s"]["limit_id"]
    assert changes["limit"]["at"].endswith("Z")
    assert (changes["warm-up"]["from"], changes["warm-up"]["to"]) == (50, 100)
    assert caps["lane", "rate", "day"]["origin"] == "warm-up"
    text = mx1("limit", "explain", "mx1/qq").out
    ends = r"next: 50 messages/s by operator \(limit \d+\) ends in (120 min|2 h 0 min) \(20"
    assert re.search(ends, text)
    assert re.search(r"next: the warm-up's budget 50 a day → 100 a day in \d+ h .* \(20", text)
    for words in (
        "5 connections by operator (limit ",
        "by the provider's profile",
        "paused by tester",
        "550 Ip frequency limited",
        "on node n1",
        "2 connections of 4, 17 queued; waits until resumed",
        "step 1 of 2, 50 messages a day",
    ):
        assert words in text
    tail = mx1("limit", "explain", "mx1/mx.example.org", "--json").json
    assert tail["tail"] and tail["live"] is None and tail["caps"][0]["origin"] == "default"
    assert "no node shows this lane" in mx1("limit", "explain", "mx1/mx.example.org").out


def test_explain_says_who_changed_a_profile_and_till_when(mx1):
    mx1("provider", "set", "qq", "connections=2", "--for", "2h", "--because", "their postmaster")
    caps = mx1("limit", "explain", "mx1/qq", "--json").json["caps"]
    told = {cap["kind"]: cap for cap in caps if cap["origin"] == "profile"}
    assert told["connections"]["count"] == 2 and told["connections"]["set_by"] == "tester"
    assert told["connections"]["because"] == "their postmaster"
    assert 7_100_000 < told["connections"]["left_ms"] <= 7_200_000
    assert told["messages-per-connection"]["left_ms"] is None
    assert told["messages-per-connection"]["set_by"] is None


def paused(edm):
    return {pause["scope"] for pause in edm("pauses", "--json").json["pauses"]}


def test_pause_and_resume_of_every_scope(mx1, database):
    mx1("pause", "--all", "--for", "10m", "--because", "fire drill")
    mx1("pause", "--provider", "qq")
    mx1("pause", "--source", "mx1")
    mx1("pause", "--source", "mx1", "--provider", "gmail")
    mx1("pause", "--campaign", "spring", "--provider", "qq")
    mx1("pause", "--provider", "mx.example.org")
    assert paused(mx1) == {
        "all mail",
        "mail to qq",
        "source mx1",
        "lane mx1/gmail",
        "campaign spring at qq",
        "mail to mx.example.org",
    }
    first = mx1("pauses", "--json").json["pauses"][0]
    assert (
        first["origin"] == "operator"
        and first["who"] == "tester"
        and first["because"] == "fire drill"
    )
    assert 0 < first["left_ms"] <= 600_000
    assert "until resumed" in mx1("pauses").out
    mx1("resume", "--provider", "qq", "--because", "they let us")
    mx1("resume", "--id", first["id"])
    assert paused(mx1) == {
        "source mx1",
        "lane mx1/gmail",
        "campaign spring at qq",
        "mail to mx.example.org",
    }
    database.query("INSERT INTO pause(scope, source_name, provider, origin, who, why)"
                   " VALUES (4, 'mx1', 'yahoo', 3, 'edm', '553 [BL21]')")
    out = mx1("resume", "--all").out
    assert "3 pauses lifted" in out
    assert "1 block of receivers stays; edm pauses says how it is lifted" in out
    assert paused(mx1) == {"campaign spring at qq", "lane mx1/yahoo"}
    mx1("resume", "--source", "mx1", "--provider", "yahoo")
    mx1("resume", "--campaign", "spring", "--provider", "qq")
    assert "nothing is paused" in mx1("pauses").out
    assert database.query(
        "SELECT actor, because FROM event WHERE verb = 'resume' ORDER BY event_id LIMIT 1"
    ) == [("tester", "they let us")]


def test_the_pause_that_was_said_last_holds(mx1):
    def left_ms():
        (pause,) = mx1("pauses", "--json").json["pauses"]
        return pause["left_ms"]

    first = mx1("pause", "--provider", "netease", "--because", "554 blocked", "--json").json
    assert (first["left_ms"], first["replaced"]) == (None, None)
    out = mx1("pause", "--provider", "netease", "--for", "30min").out
    assert out == ("mail to netease is paused for 30 min; that replaces the pause until resumed by "
                   "tester: 554 blocked\n")
    assert 1_700_000 < left_ms() <= 1_800_000
    second = mx1("pause", "--provider", "netease", "--for", "10min", "--json").json
    assert second["id"] == first["id"] and second["replaced"]["who"] == "tester"
    assert 1_700_000 < second["replaced"]["left_ms"] <= 1_800_000
    assert 500_000 < left_ms() <= 600_000
    lifted = mx1("resume", "--id", first["id"], "--json").json["lifted"]
    assert [(p["id"], p["scope"]) for p in lifted] == [(first["id"], "mail to netease")]
    assert mx1("resume", "--all").out == "nothing is paused\n"
    assert mx1("resume", "--all", "--json").json == {"lifted": []}
    said = mx1.fails(2, "resume")
    assert "--campaign C" in said and "--id N" in said


def test_bad_pauses_are_refused_and_change_nothing(mx1, database):
    for code, words, *args in (
        (2, "say what to pause", "pause"),
        (2, "--all stands alone", "pause", "--all", "--provider", "qq"),
        (2, "edm campaign pause spring", "pause", "--campaign", "spring"),
        (2, "not on one source", "pause", "--campaign", "spring", "--provider", "qq", "--source",
         "mx1"),
        (2, "--for takes a time", "pause", "--all", "--for", "later"),
        (3, "no provider", "pause", "--provider", "qqq"),
        (3, "no source", "pause", "--source", "mx7"),
        (3, "no campaign", "pause", "--campaign", "autumn", "--provider", "qq"),
        (2, "say what to resume", "resume"),
        (2, "--provider is empty", "pause", "--provider", ""),
        (2, "--source is empty", "pause", "--source", "", "--provider", "qq"),
        (2, "--node is empty", "limit", "set", "--node", "", "rate=5/s"),
        (3, "nothing is paused by exactly that", "resume", "--provider", "qq"),
        (3, "nothing is paused by exactly that", "resume", "--id", "9"),
    ):
        assert words in mx1.fails(code, *args)
    assert database.value("SELECT count(*) FROM pause") == 0


def test_explain_calls_a_campaign_by_its_name(mx1):
    mx1("limit", "set", "--campaign", "spring", "rate=5/min")
    told = mx1("limit", "explain", "mx1/qq", "--json").json
    assert [cap["scope"] for cap in told["caps"] if cap["level"] == "campaign"] == [
        "campaign spring"]
    assert "任务 spring" in mx1("limit", "explain", "mx1/qq", "--lang", "zh").out


def test_warmup_is_planned_held_and_moved_forward(mx1, database):
    assert "no source is warming up" in mx1("warmup", "show").out
    assert (
        "messages a day: 50, 100, 200, 500, 1000; then it is warm"
        in mx1("warmup", "plan", "mx1", "--target", 1000, "--because", "new address").out
    )
    (lane,) = mx1("warmup", "show", "--json").json["warmup"]
    assert lane["target"] is None and lane["budget_a_day"] == 50
    mx1("warmup", "advance", "mx1/qq", "--steps", 2, "--because", "they know us")
    mx1("warmup", "hold", "mx1/qq")
    (lane,) = mx1("warmup", "show", "mx1", "--json").json["warmup"]
    assert (lane["target"], lane["step"], lane["budget_a_day"], lane["held"]) == (
        "qq",
        2,
        200,
        True,
    )
    mx1("warmup", "hold", "mx1", "--release")
    assert mx1("warmup", "show", "--json").json["warmup"][0]["held"] is False
    assert database.query("SELECT object, because FROM event WHERE verb = 'warmup advance'") == [
        ("lane:mx1/qq", "they know us")
    ]
    assert "every lane begins at the first step" in mx1(
        "warmup", "plan", "mx1", "--steps", "50,100,200").out
    (lane,) = mx1("warmup", "show", "mx1", "--json").json["warmup"]
    assert (lane["step"], lane["budget_a_day"], lane["held"]) == (0, 50, False)
    mx1("warmup", "plan", "mx1", "--off")
    assert mx1("warmup", "show", "--json").json["warmup"] == []


def test_a_lane_that_used_its_day_up_says_what_it_sent_and_until_when_it_is_shut(mx1, database):
    """What counts is any 24 hours, whatever the lane's step has counted: a plan that is made anew,
    or a step taken by hand, begins to count at nothing, and its budget is used up all the same."""
    mx1("warmup", "plan", "mx1", "--steps", "50,100")
    mx1("warmup", "hold", "mx1/qq")
    mx1("warmup", "hold", "mx1/gmail")
    for target, n, ago in (("qq", 50, "2 h"), ("gmail", 9, "2 h"), ("netease", 60, "1 h")):
        database.query("INSERT INTO limit_usage SELECT now() - %s::interval, 1, 1, source_id, 0, 1,"
                       " %s, 0, %s FROM source", ago, n, target)
    told = mx1("warmup", "show", "--json").json
    lanes = {lane["target"]: lane for lane in told["warmup"]}
    assert {target: lane["sent_24h"] for target, lane in lanes.items()} == {
        "qq": 50, "gmail": 9, "netease": 60}
    assert lanes["gmail"]["shut_until"] is None
    now = database.value("SELECT now()")
    for target, hours in (("qq", 22), ("netease", 23)):
        until = datetime.datetime.fromisoformat(lanes[target]["shut_until"])
        assert abs((until - now).total_seconds() / 3600 - hours) < 0.6
    rows = [line.split() for line in mx1("warmup", "show").out.splitlines()]
    qq, gmail = ([row for row in rows if row[0] == lane][0] for lane in ("mx1/qq", "mx1/gmail"))
    assert qq[1:6] == ["1", "of", "2", "50", "50"] and qq[6].startswith("20"), qq
    assert gmail[4:7] == ["50", "9", "-"], gmail


def test_changes_of_warmups_as_json(mx1):
    plan = ("warmup", "plan", "mx1", "--steps", "50,100", "--json")
    assert mx1(*plan).json == {"source": "mx1", "messages_a_day": [50, 100], "warm": False}
    assert mx1("warmup", "advance", "mx1/qq", "--json").json == {
        "source": "mx1", "target": "qq", "lanes": 1, "steps": 1, "held": None}
    held = mx1("warmup", "hold", "mx1", "--json").json
    assert (held["target"], held["lanes"], held["held"]) == (None, 1, True)
    assert mx1("warmup", "hold", "mx1", "--release", "--json").json["held"] is False
    assert mx1("warmup", "plan", "mx1", "--off", "--json").json["warm"] is True


def test_bad_warmups_are_refused(mx1):
    for code, words, *args in (
        (2, "say one of --target", "plan", "mx1"),
        (2, "say one of --target", "plan", "mx1", "--target", 100, "--off"),
        (2, "", "plan", "mx1", "--steps", "100,50"),
        (3, "no source", "plan", "mx7", "--target", 100),
        (3, "no source", "hold", "mx7/qq"),
        (3, "no provider", "hold", "mx1/qqq"),
        (2, "--steps takes a whole number", "advance", "mx1/qq", "--steps", "0"),
        (3, "no source", "show", "mx7"),
    ):
        assert words in mx1.fails(code, "warmup", *args)
    assert mx1("warmup", "show", "--json").json["warmup"] == []


def test_a_warmup_without_a_plan_is_not_steered(mx1, database):
    for verb in ("hold", "advance"):
        assert "source mx1 is not warming up" in mx1.fails(4, "warmup", verb, "mx1/qq")
    assert database.value("SELECT count(*) FROM lane_state") == 0
    mx1("warmup", "plan", "mx1", "--steps", "50,100")
    assert "no lanes yet" in mx1.fails(3, "warmup", "advance", "mx1")
    mx1("warmup", "hold", "mx1/qq")
    assert mx1("limit", "explain", "mx1/qq", "--json").json["learnt"] is None
    assert "learnt" not in mx1("limit", "explain", "mx1/qq").out

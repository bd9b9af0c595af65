# SPDX-License-Identifier: MIT
"""What replies mean: operators' rules, replies no rule knows, and when a site is not believed."""

import json

import pytest

from support.ledger_rows import LedgerRows

RULE = {
    "id": "corp.full",
    "code": "552",
    "text": "my own words",
    "class": "deferred",
    "cause": "mailbox-full",
    "scope": "recipient",
    "en": "The mailbox is full.",
    "zh": "邮箱已满。",
    "samples": ["552 my own words"],
}
SUPPRESSED = "SELECT count(*) FROM suppression"


def test_a_site_that_knows_nobody_any_more_is_not_believed(mailing):
    """Its directory is down: few are suppressed before that is seen, the others come again later.
    A site with some dead addresses is believed all the while."""
    mailing.provider("big", profile={"rcpt": [{"reply": "550 5.1.1 User unknown"}]})
    mailing.provider("fine", profile={"rcpt": [{"reply": "550 5.1.1 User unknown", "share": 0.1}]})
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 300, "fine": 300})
    mailing.start()
    mailing.launch(campaign)
    tried = {"delivered", "bounced", "deferred"}
    mailing.wait(
        lambda: sum(mailing.states(campaign).get(state, 0) for state in tried) == 600,
        "everybody was tried",
    )
    states = mailing.states(campaign)
    assert 280 < states["deferred"] < 300 and 250 < states["delivered"] < 300
    mailing.wait(lambda: mailing.db.value(SUPPRESSED) == states["bounced"], "they are suppressed")
    assert states["bounced"] == 600 - states["deferred"] - states["delivered"] > 300 * 0.05
    waits = "SELECT min(due_at) > now() + interval '50 min' FROM retry"
    assert mailing.db.value(waits)
    (line,) = [at for at in mailing.node_log.read_text().splitlines() if "unknown_spike" in at]
    assert "big" in line and "on=yes" in line
    causes = mailing.edm("report", "bounces", "--json").json["causes"]
    assert {(cause["class"], cause["cause"]): cause["n"] for cause in causes} == {
        ("deferred", "user-unknown"): states["deferred"],
        ("bounced", "user-unknown"): states["bounced"]}


def test_judging_again_believes_no_spike(mailing):
    """Who was given up before their site came back was never found unknown."""
    mailing.provider("big", profile={"rcpt": [{"reply": "550 5.1.1 User unknown"}]})
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 90})
    mailing.db.query("UPDATE campaign SET give_up_after_s = 60 WHERE campaign_id = %s", campaign)
    mailing.start(ledger_overdue_ms=100)
    mailing.launch(campaign)
    tried = "SELECT count(*) FROM outcome"
    mailing.wait(lambda: mailing.db.value(tried) == 90, "everybody was tried")
    mailing.db.query("UPDATE retry SET due_at = now() - interval '10 s'")
    mailing.finished(campaign)
    states = mailing.states(campaign)
    assert states["expired"] > 60
    mailing.wait(lambda: mailing.db.value(SUPPRESSED) == states["bounced"], "they are suppressed")
    told = mailing.edm("rules", "apply", "--since", "2020-01-01 00:00", "--yes", "--json").json
    assert told["seen"] == 90 + states["expired"]
    assert told["changed"] == told["suppressed"] == 0
    assert mailing.db.value(SUPPRESSED) == states["bounced"]


@pytest.fixture
def rules(edm, tmp_path):
    """Adds rules from a file; with an error expected: its text, one line."""

    def add(*rules, error=None):
        file = tmp_path / "rules.json"
        file.write_text(json.dumps({"rules": rules}))
        args = ("rules", "add", file, "--because", "the help desk said so")
        if error is None:
            return edm(*args, "--json").json
        text = edm.fails(1, *args)
        assert len(text.strip().splitlines()) == 1
        return text

    return add


def meant(edm, reply, *options):
    told = edm("rules", "test", reply, *options, "--json").json
    return told["rule"], told["class"]


def test_a_rule_about_a_provider_that_is_not_there_is_refused(edm, tmp_path):
    """It would never match. One that operators made, and a site by its host, are fine."""
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [{**RULE, "provider": ["qq", "nosuch"]}]}))
    said = edm.fails(3, "rules", "add", file)
    assert "rule corp.full: there is no provider 'nosuch'" in said
    assert edm("rules", "list", "--own", "--json").json["rules"] == []
    edm("provider", "set", "nosuch", "--mx", ".nosuch.example", "connections=2")
    edm("rules", "add", file)
    assert edm("rules", "list", "--own", "--provider", "nosuch", "--json").json["rules"] != []
    assert "there is no provider 'nosuhc'" in edm.fails(3, "rules", "list", "--provider", "nosuhc")


def test_operators_rules_are_added_and_removed(edm, database, rules):
    assert rules(RULE) == {"added": 1, "replaced": 0}
    assert meant(edm, "552 my own words") == ("corp.full", "deferred")
    second = {**RULE, "id": "corp.other", "text": "other words", "samples": ["552 other words"]}
    assert rules({**RULE, "delay": "4h"}, second) == {"added": 1, "replaced": 1}
    assert edm("rules", "test", "552 my own words", "--json").json["delay_ms"] == 4 * 3600000
    own = edm("rules", "list", "--own", "--json").json["rules"]
    assert [rule["id"] for rule in own] == ["corp.full", "corp.other"]
    edm("rules", "remove", "corp.full", "--because", "gone")
    assert meant(edm, "552 my own words")[0] != "corp.full"
    assert "no rule" in edm.fails(3, "rules", "remove", "corp.full")
    events = database.query(
        "SELECT verb, object, because FROM event WHERE verb LIKE 'rules %%' AND actor <> ''"
    )
    said = "the help desk said so"
    assert sorted(map(tuple, events)) == [
        ("rules add", "rule:corp.full", said),
        ("rules add", "rule:corp.full", said),
        ("rules add", "rule:corp.other", said),
        ("rules remove", "rule:corp.full", "gone"),
    ]


def test_bad_rules_change_nothing(edm, database, rules):
    rules(RULE)
    before = database.query("SELECT * FROM reply_rule")
    good = {**RULE, "id": "good", "text": "fine", "samples": ["552 fine"]}
    for bad, words in (
        ({**RULE, "id": "b", "text": "("}, "b: \"text\""),
        ({**RULE, "id": "b", "text": "z", "actions": ["suppress"], "samples": ["552 z"]},
         "only class bounced"),
        # It would never win: corp.full stands before it.
        ({**RULE, "id": "b", "samples": ["552 my own words"]}, "won by corp.full"),
    ):
        assert words in rules(good, bad, error=True)
    assert "no rule to add" in rules(error=True)
    assert database.query("SELECT * FROM reply_rule") == before
    assert database.value("SELECT count(*) FROM event WHERE verb LIKE 'rules %%'") == 1


def test_built_in_rules_are_replaced_and_switched_off(edm, rules):
    reply = "550 5.1.1 User unknown"
    assert meant(edm, reply) == ("any.user-unknown", "bounced")
    edm("rules", "remove", "any.user-unknown", "--because", "their directory is down")
    assert meant(edm, reply)[0] != "any.user-unknown"
    assert "switched off already" in edm.fails(4, "rules", "remove", "any.user-unknown")
    (off,) = edm("rules", "diff", "--json").json["rules"]
    assert off["change"] == "off" and off["because"] == "their directory is down"
    edm("rules", "restore", "any.user-unknown")
    assert meant(edm, reply) == ("any.user-unknown", "bounced")
    assert "as it was shipped" in edm.fails(4, "rules", "restore", "any.user-unknown")
    rules({**RULE, "id": "any.user-unknown", "code": "550", "text": "user unknown",
           "samples": ["550 User unknown"]})
    assert meant(edm, reply) == ("any.user-unknown", "deferred")
    (replaced,) = edm("rules", "diff", "--json").json["rules"]
    assert replaced["change"] == "replaced" and {"class", "samples"} <= set(replaced["fields"])
    assert "any.user-unknown: replaced" in edm("rules", "diff").out
    assert "built-in one again" in edm("rules", "remove", "any.user-unknown").out
    assert meant(edm, reply) == ("any.user-unknown", "bounced")
    assert "as it was shipped" in edm("rules", "diff").out


def test_what_the_order_decides_is_listed(edm, rules):
    before = edm("rules", "check", "--json").json["overlaps"]
    rules({**RULE, "code": "550", "text": "user unknown", "samples": ["550 User unknown"]})
    (diff,) = edm("rules", "diff", "--json").json["rules"]
    assert diff["change"] == "added"
    assert "any.user-unknown" in {taken["rule"] for taken in diff["takes"]}
    after = edm("rules", "check", "--json").json["overlaps"]
    assert {one["rule"] for one in after} - {one["rule"] for one in before} == {"corp.full"}
    assert "corp.full before any.user-unknown" in edm("rules", "check", "--overlaps").out


def test_replies_no_rule_knows_become_a_rule(edm, database, rules):
    """Clusters by what varies, counted by provider; one command makes a rule with samples."""
    rows = LedgerRows(database, "spring")
    rows.chunk(0, "qq", [f"u{i}@qq.com" for i in range(4)])
    rows.chunk(1, "tail", [f"v{i}@example.org" for i in range(2)])
    words = {"code": 554, "template": "Qwertz ({ip}) for <{address}>: plugh."}
    for i in range(4):
        rows.settle(f"u{i}@qq.com", "rejected", "rejected", "unclassified", provider="qq",
                    vars=f"192.0.2.{i}\nu{i}@qq.com\n", **words)
    rows.settle("v0@example.org", "rejected", "rejected", "unclassified",
                vars="192.0.2.9\nv0@example.org\n", **words)
    (cluster,) = edm("report", "replies", "--unmatched", "--json").json["replies"]
    assert cluster["n"] == 5 and cluster["pattern"] == words["template"]
    assert cluster["providers"] == [{"provider": "qq", "n": 4}, {"provider": "", "n": 1}]
    assert "qq 4, tail 1" in edm("report", "replies", "--unmatched").out
    name = cluster["cluster"]
    meaning = ("--id", "our.plugh", "--class", "blocked", "--cause", "reputation")
    assert "no cluster" in edm.fails(2, "rules", "learn", "plugh", *meaning)
    assert "of cluster" in edm.fails(3, "rules", "learn", "1", *meaning)
    assert "--class is" in edm.fails(2, "rules", "learn", name, "--id", "x")
    shipped = ("--id", "any.full", *meaning[2:])
    assert "any.full is built in" in edm.fails(2, "rules", "learn", name, *shipped)
    assert "only class bounced" in edm.fails(1, "rules", "learn", name, *meaning, "--suppress")
    assert database.value("SELECT count(*) FROM reply_rule") == 0
    edm("rules", "learn", name, *meaning, "--because", "asked their postmaster")
    body = database.value("SELECT body FROM reply_rule")
    assert body["samples"][0].startswith("554 Qwertz (192.0.2.") and len(body["samples"]) == 5
    assert body["scope"] == "source" and body["zh"]
    reply = "554 Qwertz (198.51.100.77) for <who.else@example.com>: plugh."
    assert meant(edm, reply, "--stage", "dot") == ("our.plugh", "blocked")
    assert meant(edm, reply + " Or not", "--stage", "dot")[0] is None


def test_a_running_node_takes_new_rules(mailing, tmp_path):
    mailing.provider("big", profile={"rcpt": [{"reply": "451 my own words"}]})
    mailing.source("s1")
    first, second = mailing.campaign("a", {"big": 1}), mailing.campaign("b", {"big": 1})
    due = ("SELECT extract(epoch FROM max(due_at) - now()) FROM retry WHERE campaign_id = %s"
           " HAVING count(*) > 0")
    mailing.start()
    mailing.launch(first)
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due, first), "the first is deferred")
    assert wait_s < 3600
    file = tmp_path / "rules.json"
    rule = {**RULE, "code": "451", "samples": ["451 my own words"], "delay": "4h"}
    file.write_text(json.dumps({"rules": [rule]}))
    mailing.edm("rules", "add", file)
    mailing.wait(lambda: "what=rules" in mailing.node_log.read_text(), "the node has them")
    mailing.launch(second)
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due, second), "the second is deferred")
    assert wait_s > 3 * 3600


def test_a_rule_that_an_upgrade_made_unsound_is_left_out(mailing, tmp_path):
    """Its cause has another name by now, say. The node starts and reloads with the others, and says
    which it left out and why; so do doctor and the commands about rules."""
    mailing.provider("big", profile={"rcpt": [{"reply": "451 my own words"}]})
    mailing.source("s1")
    campaign = mailing.campaign("a", {"big": 1})
    mine = {**RULE, "code": "451", "samples": ["451 my own words"], "delay": "4h"}
    stale = {**mine, "id": "corp.stale", "cause": "box-full"}
    insert = "INSERT INTO reply_rule(rule_id, body) VALUES (%s, %s)"
    mailing.db.query(insert, "corp.full", json.dumps(mine))
    mailing.db.query(insert, "corp.stale", json.dumps(stale))
    mailing.start()
    mailing.launch(campaign)
    due = "SELECT extract(epoch FROM max(due_at) - now()) FROM retry HAVING count(*) > 0"
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due), "it is deferred")
    assert wait_s > 3 * 3600
    lines = mailing.node_log.read_text().splitlines()
    (told,) = [line for line in lines if "rule_left_out" in line]
    assert "level=error" in told and "rule=corp.stale" in told and "box-full" in told
    mailing.db.query(insert, "corp.torn", json.dumps({**stale, "id": "corp.torn", "text": "("}))
    mailing.wait(lambda: "rule=corp.torn" in mailing.node_log.read_text(), "it is left out, too")
    assert "identity_not_loaded" not in mailing.node_log.read_text()

    listed = mailing.edm("rules", "list", "--own", "--json").json
    assert [rule["id"] for rule in listed["rules"]] == ["corp.full"]
    out = {one["id"]: one["why"] for one in listed["left_out"]}
    assert "box-full" in out["corp.stale"] and set(out) == {"corp.stale", "corp.torn"}
    assert "corp.stale is left out" in mailing.edm("rules", "list").out
    said = mailing.edm.fails(1, "rules", "check")
    assert "corp.stale" in said and "corp.torn" in said and "edm rules remove" in said
    assert "corp.stale is left out" in mailing.edm("rules", "test", "451 my own words").err
    found = [f for f in json.loads(mailing.edm.run("doctor", "--json").out)["findings"]
             if f["check"] == "reply rules"]
    assert [f["level"] for f in found] == ["warn", "warn"]
    assert "corp.stale is left out" in found[0]["text"]

    # What is wrong already keeps nobody from adding, mending and removing.
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [
        {**mine, "id": "corp.stale", "text": "other words", "samples": ["451 other words"]}]}))
    mailing.edm("rules", "add", file)
    mailing.edm("rules", "remove", "corp.torn")
    listed = mailing.edm("rules", "list", "--own", "--json").json
    assert listed["left_out"] == [] and len(listed["rules"]) == 2
    assert mailing.edm("rules", "check").out.startswith("sound: ")


@pytest.mark.parametrize("reply", ["421 HL:ICC too many", "553 5.7.4 HELOIP REJECT of yours"])
def test_who_refuses_the_only_connection_is_not_asked_again_at_once(mailing, reply):
    """The rule says when; others are sent to meanwhile."""
    mailing.provider("big", profile={"banner": [{"reply": reply}]})
    mailing.provider("fine")
    mailing.source("s1")
    refused, other = mailing.campaign("a", {"big": 50}), mailing.campaign("b", {"fine": 500})
    mailing.start()
    mailing.launch(refused)
    mailing.wait(lambda: "lane_slowed" in mailing.node_log.read_text(), "it rests")
    mailing.launch(other)
    mailing.finished(other)
    assert mailing.states(other) == {"delivered": 500}
    log = mailing.node_log.read_text().splitlines()
    assert 1 <= sum("connection_failed" in line for line in log) <= 20
    states = mailing.states(refused)
    assert sum(states.values()) == 50 and set(states) <= {"leased", "deferred"}


def test_what_ends_with_the_receivers_day_ends_at_its_midnight(mailing):
    """NetEase counts what a sender sent today until midnight in China."""
    mailing.provider("big", profile={"rcpt": [{"reply": "550 MI:STC x"}]})
    mailing.source("s1")
    campaign = mailing.campaign("a", {"big": 5})
    mailing.start()
    mailing.launch(campaign)
    left = ("SELECT extract(epoch FROM due_at - now())::float, extract(epoch FROM date_trunc('day',"
            " now() AT TIME ZONE 'Asia/Shanghai') + interval '1 day 1 min'"
            " - now() AT TIME ZONE 'Asia/Shanghai')::float FROM retry")
    rows = mailing.wait(lambda: mailing.db.query(left), "they wait")
    assert all(abs(due_s - day_s) <= 0.15 * day_s + 30 for due_s, day_s in rows)
    said = mailing.edm("rules", "test", "550 MI:STC x", "--stage", "mail").out
    assert "until the day is over in UTC+8" in said


OUTCOMES = "SELECT class, cause, count(*)::int FROM outcome GROUP BY 1, 2 ORDER BY 1, 2"
ATTEMPTS = """
SELECT class, cause, sum(n)::int FROM (SELECT class, cause, n FROM attempts UNION ALL
                                       SELECT class, cause, n FROM attempts_delta) x
 GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2"""
ENDS = "SELECT state, count(*)::int FROM outcome WHERE state >= 4 GROUP BY 1 ORDER BY 1"
MOVES = """
SELECT state, sum(n)::int FROM (SELECT state, n FROM moves UNION ALL
                                SELECT state, n FROM moves_delta) x
 GROUP BY 1 HAVING sum(n) <> 0 ORDER BY 1"""


def adds_up(db):
    """Whatever happened, counters say the same as the outcomes."""
    assert db.query(ATTEMPTS) == db.query(OUTCOMES)
    assert db.query(MOVES) == db.query(ENDS)


def bounced_in_part(mailing):
    """A finished campaign of 100, and how many of it bounced."""
    mailing.provider("big", profile={"rcpt": [{"reply": "550 my own words", "share": 0.3}]})
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 100})
    mailing.start()
    mailing.launch(campaign)
    mailing.finished(campaign)
    states = mailing.states(campaign)
    bounced = states["bounced"]
    assert 10 < bounced < 60 and states == {"bounced": bounced, "delivered": 100 - bounced}
    return campaign, bounced


def test_the_past_is_judged_by_the_rules_of_today(mailing, tmp_path):
    """A wrong rule suppressed: what it did is shown, taken back, and done again, once each."""
    edm, db = mailing.edm, mailing.db
    file = tmp_path / "rules.json"
    wrong = {**RULE, "code": "550", "class": "bounced", "cause": "user-unknown",
             "actions": ["suppress"], "samples": ["550 my own words"]}
    right = {**wrong, "class": "blocked", "cause": "reputation", "scope": "source"}
    del right["actions"]

    def have(rule):
        file.write_text(json.dumps({"rules": [rule]}))
        edm("rules", "add", file)

    have(wrong)
    campaign, bounced = bounced_in_part(mailing)
    apply = ("rules", "apply", "--since", "2020-01-01 00:00")
    same = edm(*apply, "--yes", "--json").json
    assert same["done"] is False and same["changed"] == same["lifted"] == 0
    assert db.value(SUPPRESSED) == bounced, "what nodes found is in the table by now"
    adds_up(db)

    have(right)
    outcomes = db.query(OUTCOMES)
    told = edm(*apply, "--dry-run", "--json").json
    assert told["classes"] == [{"from": "bounced", "to": "blocked", "n": bounced}]
    assert told["states"] == {"bounced": -bounced, "blocked": bounced}
    assert (told["changed"], told["lifted"], told["suppressed"]) == (bounced, bounced, 0)
    assert "needs --yes" in edm.fails(4, *apply)
    assert edm(*apply, "--provider", "gmail", "--dry-run", "--json").json["seen"] == 0
    assert edm("rules", "apply", "--since", "2050-01-01 00:00", "--yes", "--json").json["seen"] == 0
    assert db.query(OUTCOMES) == outcomes and db.value(SUPPRESSED) == bounced
    done = edm(*apply, "--yes", "--because", "their filter said so", "--json").json
    assert done == {**told, "done": True}
    assert mailing.states(campaign) == {"blocked": bounced, "delivered": 100 - bounced}
    assert db.value(SUPPRESSED) == 0
    adds_up(db)
    lifted = "SELECT count(DISTINCT rid) FROM suppression_feed WHERE lifted"
    assert db.value(lifted) == bounced, "running nodes are told"
    detail = db.value("SELECT detail FROM event WHERE verb = 'rules apply' AND because <> ''")
    assert detail["changed"] == detail["lifted"] == bounced
    assert edm(*apply, "--yes", "--json").json["done"] is False

    have(wrong)
    again = edm(*apply, "--yes", "--json").json
    assert (again["changed"], again["suppressed"], again["lifted"]) == (bounced, bounced, 0)
    assert edm(*apply, "--yes", "--json").json["done"] is False
    assert db.value(SUPPRESSED) == bounced and mailing.states(campaign)["bounced"] == bounced
    adds_up(db)

    undone_by_cause(edm, db, bounced)


def undone_by_cause(edm, db, bounced):
    assert "which?" in edm.fails(2, "suppress", "undo")
    undo = ("suppress", "undo", "--cause", "bounced", "--since", "2020-01-01 00:00")
    assert (f"Taking {bounced} suppressions back, those since 2020-01-01 00:00:00 UTC needs --yes"
            in edm.fails(4, *undo))
    assert db.value(SUPPRESSED) == bounced
    assert edm(*undo, "--yes", "--json").json == {"removed": bounced}
    assert db.value(SUPPRESSED) == 0


def test_tries_that_others_followed_stay_tries(edm, database, rules):
    """They may mean another reason to come again, but nobody is bounced who is still on the way."""
    rows = LedgerRows(database, "spring")
    rows.chunk(0, "tail", ["ann@example.org", "bob@example.org"])
    said = {"code": 451, "template": "my own words"}
    for name in ("ann", "bob"):
        rows.settle(f"{name}@example.org", "deferred", "deferred", "unclassified", **said)
    apply = ("rules", "apply", "--since", "2020-01-01 00:00", "--yes", "--json")
    mine = {**RULE, "code": "451", "samples": ["451 my own words"]}
    rules({**mine, "class": "bounced", "cause": "user-unknown", "actions": ["suppress"]})
    told = edm(*apply).json
    assert (told["kept"], told["changed"], told["done"]) == (2, 0, False)
    rules({**mine, "class": "throttled", "cause": "rate-limit", "scope": "source"})
    told = edm(*apply).json
    assert told["classes"] == [{"from": "deferred", "to": "throttled", "n": 2}]
    assert told["states"] == {} and told["done"] is True
    assert database.query(ATTEMPTS) == database.query(OUTCOMES) == [(3, 13, 2)]
    assert database.value("SELECT count(*) FROM retry") == 2


def test_an_address_refused_in_many_campaigns_is_suppressed_once(edm, database, rules):
    """It is one suppression, and counted as one; whoever is suppressed already is not counted."""

    def refuse(*names):
        rows = LedgerRows(database, f"c{database.value('SELECT count(*) FROM campaign')}", state=5)
        people = [f"{name}@example.org" for name in names]
        rows.chunk(0, "tail", people)
        for address in people:
            rows.settle(address, "bounced", "bounced", "unclassified", code=550,
                        template="my own words")

    for _ in range(5):
        refuse("ann", "bob")
    apply = ("rules", "apply", "--since", "2020-01-01 00:00")
    rules({**RULE, "code": "550", "class": "bounced", "cause": "user-unknown",
           "actions": ["suppress"], "samples": ["550 my own words"]})
    told = edm(*apply, "--dry-run", "--json").json
    assert (told["changed"], told["suppressed"], told["lifted"]) == (10, 2, 0)
    assert "suppressions: 0 taken back, 2 added" in edm(*apply, "--yes").out
    detail = database.value("SELECT detail FROM event WHERE verb = 'rules apply'")
    assert (detail["changed"], detail["suppressed"]) == (10, 2)
    assert len(edm("suppress", "check", "ann@example.org", "--json").json["entries"]) == 1

    refuse("ann", "eve")
    told = edm(*apply, "--yes", "--json").json
    assert (told["changed"], told["suppressed"]) == (2, 1)
    assert database.value("SELECT count(*) FROM suppression_feed WHERE NOT lifted") == 3


def test_a_suppression_may_go_and_come_by_one_judgement(edm, database, rules):
    """Taken back for one reply, added for another: what is told before is what is done."""
    ann = "ann@example.org"
    for name, said in (("spring", "my own words"), ("summer", "other words")):
        rows = LedgerRows(database, name, state=5)
        rows.chunk(0, "tail", [ann])
        rows.settle(ann, "bounced", "bounced", "unclassified", code=550, template=said)
    database.query("INSERT INTO suppression(rid, cause, campaign_id, at)"
                   " SELECT rid, 1, campaign_id, at FROM outcome ORDER BY at LIMIT 1")
    rules({**RULE, "code": "550", "class": "bounced", "cause": "user-unknown", "id": "corp.other",
           "text": "other words", "samples": ["550 other words"], "actions": ["suppress"]})
    apply = ("rules", "apply", "--since", "2020-01-01 00:00")
    told = edm(*apply, "--dry-run", "--json").json
    assert (told["lifted"], told["suppressed"]) == (1, 1)
    assert edm(*apply, "--yes", "--json").json == {**told, "done": True}
    (found,) = edm("suppress", "check", ann, "--json").json["entries"]
    assert found["rule"] == "corp.other"


def test_what_was_judged_otherwise_is_in_no_report(edm, database, rules):
    """Its counters are 0 by then."""
    rows = LedgerRows(database, "spring")
    rows.chunk(0, "tail", ["ann@example.org"])
    rows.settle("ann@example.org", "bounced", "bounced", "unclassified", code=550,
                template="my own words")
    rules({**RULE, "code": "550", "class": "rejected", "cause": "policy", "scope": "message",
           "samples": ["550 my own words"]})
    edm("rules", "apply", "--since", "2020-01-01 00:00", "--yes")
    want = [("rejected", "policy", 1)]

    def told(list_of):
        return [(entry["class"], entry["cause"], entry["n"]) for entry in list_of]

    report = edm("report", "campaign", "spring", "--json").json
    assert told(report["bounces"]) == want
    assert [entry["by_class"] for entry in report["providers"]] == [{"rejected": 1}]
    assert [entry["by_class"] for entry in report["sources"]] == [{"rejected": 1}]
    report = edm("report", "bounces", "--by", "provider", "--json").json
    assert told(report["causes"]) == want
    assert [told(group["causes"]) for group in report["groups"]] == [want]


def test_flushes_of_two_campaigns_are_one_suppression(edm, database):
    """Both found it before what they said was folded into the table."""
    person = LedgerRows(database, "spring").person("ann@example.org")[0]
    for minutes in (3, 2):
        database.query(
            "INSERT INTO suppression_feed(rid, cause, folded, rule, at)"
            " VALUES (%s, 1, false, 'corp.full', now() - %s * interval '1 min')", person, minutes)
    (found,) = edm("suppress", "check", "ann@example.org", "--json").json["entries"]
    assert (found["cause"], found["rule"]) == ("bounced", "corp.full")


def much_was_said(database):
    """20,000 addresses refused twice, at length, and 45,000, some of them among those, that were
    suppressed for other words, as if over a quarter of an hour."""
    rows = LedgerRows(database, "spring", state=5)
    rows.chunk(0, "tail", ["ann@example.org", "bob@example.org"])
    for name, said in (("ann", "my own words"), ("bob", "other words")):
        rows.settle(f"{name}@example.org", "bounced", "bounced", "unclassified", code=550,
                    template=said)
    names = [name for name, in database.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'edm.outcome'::regclass"
        " AND attnum > 0 ORDER BY attnum")]
    new = {"at": "at - i * interval '20 ms'", "rid": "first + mod(i, people)",
           "vars": "repeat('x', long)"}
    for of in (("my own words", 100000, 20000, 40000, 400),
               ("other words", 115000, 45000, 45000, 0)):
        database.query(
            f"INSERT INTO outcome SELECT {', '.join(new.get(name, name) for name in names)}"
            " FROM outcome o JOIN (VALUES (%s, %s, %s, %s, %s)) x(said, first, people, n, long)"
            " ON o.template = (SELECT hash FROM reply_template t WHERE t.template = said),"
            " generate_series(1, n) i", *of)
    database.query("DELETE FROM outcome WHERE rid NOT BETWEEN 100000 AND 159999")
    database.query("TRUNCATE attempts_delta, moves_delta, attempts, moves")
    database.query("INSERT INTO moves_delta SELECT campaign_id, state, count(*) FROM outcome"
                   " GROUP BY 1, 2")
    database.query("INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n,"
                   " provider) SELECT campaign_id, date_bin('1 min', at, 'epoch'), source_id,"
                   " class, cause, count(*), provider FROM outcome GROUP BY 1, 2, 3, 4, 5, 7")
    database.query("INSERT INTO suppression(rid, cause, campaign_id, at)"
                   " SELECT rid, 1, campaign_id, at FROM outcome o JOIN reply_template t"
                   " ON hash = o.template WHERE t.template = 'other words'")


def test_a_large_past_is_judged_in_many_steps_and_each_may_be_the_last(edm, database, rules):
    """kill -9 at one call of the database after the other: what is there adds up each time, nobody
    who is suppressed before and after is written to in between, and the next run goes on."""
    much_was_said(database)
    adds_up(database)
    mine = {**RULE, "code": "550", "cause": "user-unknown", "samples": ["550 my own words"]}
    rules({**mine, "class": "bounced", "actions": ["suppress"]},
          {**mine, "id": "corp.other", "class": "blocked", "cause": "reputation", "scope": "source",
           "text": "other words", "samples": ["550 other words"]})
    apply = ("rules", "apply", "--since", "2020-01-01 00:00", "--yes", "--json")
    told = edm(*apply[:-2], "--dry-run", "--json").json
    assert (told["changed"], told["suppressed"], told["lifted"]) == (85000, 20000, 45000)
    exposed = ("SELECT count(*) FROM generate_series(115000, 119999) rid"
               " WHERE NOT EXISTS (SELECT FROM suppression s WHERE s.rid = rid.rid)"
               " AND NOT EXISTS (SELECT FROM suppression_feed f WHERE f.rid = rid.rid"
               " AND NOT f.lifted AND NOT f.folded)")
    seen, writes, code = set(), 15, -9
    while code == -9:
        code = edm.run(*apply, EDM_CRASH_AT=f"database_write:{writes}").code
        changed = database.value("SELECT count(*) FROM outcome WHERE rule <> ''")
        seen.add((changed, database.value(SUPPRESSED)))
        adds_up(database)
        assert database.value(exposed) == 0
        writes += 4
    assert code == 0 and writes > 30
    assert len({changed for changed, _ in seen} - {0, 85000}) >= 2, seen
    assert len({there for changed, there in seen if changed == 85000}) >= 2, seen
    assert edm(*apply).json["done"] is False
    assert database.value(SUPPRESSED) == 20000
    assert database.value("SELECT count(DISTINCT rid) FROM suppression") == 20000
    rest = "SELECT DISTINCT class, rule FROM outcome ORDER BY 1"
    assert database.query(rest) == [(4, "corp.other"), (5, "corp.full")]
    first, *_, last = [detail for detail, in database.query(
        "SELECT detail FROM event WHERE verb = 'rules apply' ORDER BY event_id")]
    assert (first["to_change"], first["to_suppress"], first["to_lift"]) == (85000, 20000, 45000)
    assert "changed" in last

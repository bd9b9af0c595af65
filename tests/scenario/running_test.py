# SPDX-License-Identifier: MIT
"""config, node, rules: what a running installation is steered by."""

import json
import re


def events(database, verb):
    return database.query(
        "SELECT actor, object, because, detail FROM event WHERE verb = %s ORDER BY event_id", verb
    )


def settings(edm, *options):
    return {key["key"]: key for key in edm("config", "--json", *options).json["settings"]}


def test_config_says_where_each_value_comes_from(edm, database):
    (edm.data / "edm.conf").write_text("# ours\npark_ms = 5s\n")
    edm("config", "set", "retry.schedule", "1min,2min", "--because", "short tests")
    edm("config", "set", "keep.outcomes_days=90")
    keys = settings(edm, "--set", "workers=3")
    assert keys["park_ms"]["value"] == "5s" and keys["park_ms"]["from"].endswith("edm.conf:2")
    assert keys["retry.schedule"]["from"] == "shared, set by tester"
    assert keys["workers"]["value"] == "3" and keys["workers"]["from"] == "--set"
    assert keys["smtp.port"]["is_default"] and keys["smtp.port"]["value"] == "25"
    only = settings(edm, "--only-set")
    assert set(only) == {"park_ms", "retry.schedule", "keep.outcomes_days"}
    assert "park_ms = 5s  # " in edm("config", "--only-set").out
    one = edm("config", "retry.schedule").out
    assert "retry.schedule = 1min,2min" in one and "Shared by all nodes" in one
    assert edm("config", "park_ms", "--json").json["scope"] == "node"
    assert events(database, "config set")[0] == (
        "tester",
        "setting:retry.schedule",
        "short tests",
        {"value": "1min,2min", "was": None},
    )
    edm("config", "unset", "keep.outcomes_days")
    assert settings(edm)["keep.outcomes_days"]["is_default"]
    assert events(database, "config unset")[0][3] == {"was": "90"}


def test_a_file_of_settings_that_is_missing_is_refused_by_every_command(edm, tmp_path):
    path = tmp_path / "nope.conf"
    for verb in (["events"], ["config"], ["limit", "show"], ["config", "set", "keep.outcomes_days",
                                                             "90"]):
        assert edm.fails(3, *verb, "--config", path) == f"edm: {path}: there is no such file\n"
    path.write_text("park_ms = 5s\n")
    edm("events", "--config", path)


def test_events_say_what_was_done_to_how_many(edm, database, tmp_path):
    def told():
        """what, about and detail of the newest event."""
        line = edm("events", "--rows", 1).out.splitlines()[1]
        _, who, what, about, because, detail = re.split(r"  +", line)
        assert who == "tester" and because == "-"
        return what, about, detail

    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.test")
    assert told() == ("source add", "source:mx1",
                      "ehlo mx1.test, pool default, weight 1, address 127.0.0.10")
    people = tmp_path / "people.csv"
    people.write_text("email\na@a.test\nb@a.test\nb@a.test\nnobody\n")
    edm("list", "import", people, "--list", "all", "--yes")
    what, about, detail = told()
    assert (what, about) == ("list import", "list:all")
    assert set(detail.split(", ")) == {
        "rows 4", "added 2", "refused 1", "duplicates 1", "import 1"}
    edm("suppress", "import", people, "--yes")
    assert set(told()[2].split(", ")) == {"rows 4", "added 2", "already 1", "refused 1", "import 2"}
    edm("suppress", "undo", "--import", 2, "--yes")
    assert told() == ("suppress undo", "suppression", "import 2, removed 2")
    edm("suppress", "add", "a@a.test")
    assert told() == ("suppress add", "suppression", "added 1")
    edm("suppress", "remove", "a@a.test", "--yes")
    assert told() == ("suppress remove", "suppression", "removed 1")
    edm("list", "undo", 1, "--yes")
    assert "removed 2" in told()[2]
    edm("warmup", "plan", "mx1", "--steps", "50,100")
    assert told() == ("warmup plan", "source:mx1", "plan 50 100")
    edm("warmup", "advance", "mx1/qq", "--steps", 2)
    assert told() == ("warmup advance", "lane:mx1/qq", "steps 2")
    edm("warmup", "hold", "mx1/qq")
    assert told() == ("warmup hold", "lane:mx1/qq", "-")
    edm("warmup", "plan", "mx1", "--off")
    assert told() == ("warmup plan", "source:mx1", "plan warm")
    edm("source", "set", "mx1", "--weight", 3)
    assert told() == ("source set", "source:mx1", "weight 3")
    edm("config", "set", "retry.schedule", "1min")
    assert told() == ("config set", "setting:retry.schedule", "1min")


def test_events_name_the_campaign(edm, database):
    """Its number says nothing to who reads."""
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.test")
    database.query("INSERT INTO campaign(campaign_id, name, from_address) OVERRIDING SYSTEM VALUE"
                   " VALUES (12, 'spring', 'a@b.test'), (121, 'other', 'a@b.test')")
    edm("limit", "set", "--campaign", "spring", "rate=5/min")
    edm("limit", "set", "--domain", "b.test", "rate=5/min")
    edm("limit", "set", "rate=5/min")
    edm("pause", "--campaign", "spring", "--provider", "qq")
    edm("resume", "--campaign", "spring", "--provider", "qq")
    told = edm("events", "--json").json["events"]
    assert [event["about"] for event in told[1:]] == [
        "limit:campaign spring", "limit:b.test", "limit:each node",
        "campaign:spring provider:qq", "pause:1"]
    assert told[-1]["detail"]["campaign"] == "spring"
    said = edm("events").out
    assert "campaign spring, provider qq" in said and "campaign 1" not in said
    assert len(edm("events", "--about", "spring", "--json").json["events"]) == 2
    said = edm("events", "--lang", "zh").out
    assert "任务 spring" in said and "限制：每个节点" in said


def test_a_changed_setting_is_told_to_the_nodes(edm, database):
    database.query("LISTEN edm")
    edm("config", "set", "smtp.pipelining", "off")
    database.query("SELECT 1")
    assert [note.payload for note in database.connection.notifies] == ["settings"]


def test_bad_settings_are_refused_and_change_nothing(edm, database):
    for code, words, *args in (
        (2, "the value is missing", "set", "retry.schedule"),
        (3, "no setting 'retry'", "set", "retry", "5min"),
        (4, "belongs to each node", "set", "park_ms", "5s"),
        (2, "no wait", "set", "retry.schedule", "soon"),
        (2, "a third of ledger.lease_ms", "set", "ledger.beat_ms", "9s"),
        (3, "is not set", "unset", "retry.schedule"),
        (3, "no setting 'nope'; edm config lists them", "unset", "nope"),
        (4, "park_ms belongs to each node: take it out of its edm.conf", "unset", "park_ms"),
        (3, "no setting 'retry'", "retry"),
    ):
        assert words in edm.fails(code, "config", *args)
    assert database.value("SELECT count(*) FROM setting") == 0
    assert events(database, "config set") == []


def add_node(database, name, lease):
    database.query(
        "INSERT INTO node(name, journal, host, pid, version, lease_until)"
        " VALUES (%s, gen_random_uuid(), 'here', 42, '0.1.0', now() + %s::interval)",
        name,
        lease,
    )


def test_nodes_are_listed_drained_and_removed(edm, database):
    assert "no node yet" in edm("node", "list").out
    add_node(database, "n1", "1 hour")
    add_node(database, "n2", "-1 hour")
    database.query(
        "INSERT INTO node_live(node_id, incarnation, live)"
        " SELECT node_id, 0, '{\"sessions\": 7}' FROM node"
    )
    n1, n2 = edm("node", "list", "--json").json["nodes"]
    assert (n1["name"], n1["running"], n1["connections"]) == ("n1", True, 7)
    assert (n2["name"], n2["running"], n2["connections"]) == ("n2", False, 0)
    assert n1["host"] == "here" and n1["pid"] == 42 and n1["state"] == "active"
    assert "running for" in edm("node", "show", "n1").out
    edm("node", "drain", "n1", "--because", "kernel update")
    assert edm("node", "show", "n1", "--json").json["nodes"][0]["state"] == "draining"
    assert "draining already" in edm.fails(4, "node", "drain", "n1")
    edm("node", "drain", "n1", "--undo")
    assert "stop it first" in edm.fails(4, "node", "remove", "n1", "--yes")
    assert "needs --yes" in edm.fails(4, "node", "remove", "n2")
    edm("node", "remove", "n2", "--yes")
    assert [n["name"] for n in edm("node", "list", "--json").json["nodes"]] == ["n1"]
    for verb in ("show", "drain", "remove"):
        assert "there is no node" in edm.fails(3, "node", verb, "n2")
    assert [event[:3] for event in events(database, "node drain")] == [
        ("tester", "node:n1", "kernel update")
    ]
    assert len(events(database, "node activate")) == len(events(database, "node remove")) == 1


def test_changes_of_nodes_as_json(edm, database):
    add_node(database, "n1", "1 hour")
    add_node(database, "n2", "-1 hour")
    told = edm("node", "drain", "n1", "--json").json
    assert (told["name"], told["state"], told["running"]) == ("n1", "draining", True)
    assert edm("node", "drain", "n1", "--undo", "--json").json["state"] == "active"
    assert edm("node", "remove", "n2", "--yes", "--json").json == {
        "name": "n2", "state": "removed"}


def test_a_setting_that_this_node_overrides_is_a_warning(edm):
    def set_schedule():
        return edm("config", "set", "retry.schedule", "1min,5min").err

    assert set_schedule() == ""
    (edm.data / "edm.conf").write_text("retry.schedule = 7min\n")
    warning = set_schedule()
    assert "warning: not on this node: its own setting is 7min" in warning and "edm.conf" in warning


def test_events_say_who_changed_what_and_why(edm, database):
    edm("limit", "set", "--provider", "qq", "connections=5", "--because", "asked")
    edm("limit", "unset", "--provider", "qq", EDM_ACTOR="ann")
    edm("pause", "--provider", "gmail")
    told = edm("events", "--json").json["events"]
    kinds = ["limit set", "limit unset", "pause"]
    assert [event["what"] for event in told if event["what"] != "init"] == kinds
    first = next(event for event in told if event["what"] == "limit set")
    assert (first["who"], first["about"], first["because"]) == (
        "tester", "limit:each lane to qq", "asked")
    assert first["detail"]["n"] == 5 and first["at"].endswith("Z")
    told = edm("events", "--kind", "limit", "--json").json["events"]
    assert [(event["what"], event["who"]) for event in told] == [
        ("limit set", "tester"), ("limit unset", "ann")]
    line = edm("events", "--kind", "limit set").out.splitlines()[1]
    assert "asked" in line and "connections=5, limit 1" in line and " UTC " in line
    # An undo says what it undid, also of what an undo brought back.
    for _ in range(2):
        edm("limit", "undo")
    undone = edm("events", "--kind", "limit undo", "--json").json["events"]
    assert {event["about"] for event in undone} == {"limit:each lane to qq"}
    assert [(e["detail"]["n"], e["detail"]["was_set"]) for e in undone] == [(5, False), (5, True)]
    said = edm("events", "--kind", "limit undo").out
    assert "undone: unsetting connections=5, limit 1; in force instead: limit 2" in said
    said = edm("events", "--lang", "zh").out
    assert "撤销限制改动" in said and "限制：发往 qq 的每个通道" in said and "暂停" in said
    assert [event["what"] for event in edm("events", "--about", "gmail", "--json").json["events"]
            ] == ["pause"]
    edm("source", "add", "127.0.0.77", "--name", "s77", "--ehlo", "s77.example.com")
    edm("pause", "--source", "s77", "--provider", "gmail")
    (pause,) = edm("events", "--about", "s77/gmail", "--json").json["events"]
    assert pause["what"] == "pause"
    newest = edm("events", "--rows", 1)
    assert "pause" in newest.out and "there may be more" in newest.out
    database.query("UPDATE event SET at = at - interval '2 h'")
    assert "nothing like that was changed" in edm("events", "--last", "1h").out
    assert edm("events", "--last", "1h", "--json").json == {"events": []}


def test_a_node_that_stopped_is_told_from_one_that_is_gone(edm, database):
    for name, ended in (("killed", "-1 minute"), ("stopped", "-7 minutes")):
        add_node(database, name, ended)
    add_node(database, "drained", "-1 hour")
    database.query("UPDATE node SET beat_at = lease_until WHERE name <> 'killed';"
                   "UPDATE node SET state = 2 WHERE name = 'drained';"
                   "INSERT INTO node_live(node_id, incarnation, live)"
                   " SELECT node_id, 0, '{\"sessions\": 84,"
                   " \"lanes\": [{\"source\": \"mx1\", \"queue\": \"qq\"}]}'"
                   " FROM node")
    nodes = {n["name"]: n for n in edm("node", "list", "--json").json["nodes"]}
    assert {name: n["stopped"] for name, n in nodes.items()} == {
        "killed": False, "stopped": True, "drained": True}
    rows = {line.split()[0]: line for line in edm("node", "list").out.splitlines()}
    assert rows["killed"].split()[1:4] == ["gone", "last", "heard"]
    assert rows["stopped"].split()[1:3] == ["stopped", "stopped"]
    assert rows["drained"].split()[1:3] == ["drained", "stopped"]
    top = edm("top", "--once").out
    assert "No lane is in use" in top
    assert {line.split()[1] for line in top.splitlines() if line.startswith("stopped")} == {
        "stopped"}
    assert [line.split()[0] for line in top.splitlines() if " 84 " in line] == ["killed"]


def test_a_node_that_holds_chunks_is_not_removed(edm, database):
    add_node(database, "n2", "-1 hour")
    database.query(
        "INSERT INTO chunk(campaign_id, chunk_no, n, state, node_id, first_domain, last_domain,"
        " first_rid, last_rid, done_map, open_map, group_name)"
        " SELECT 1, 1, 1, 1, node_id, 1, 1, 1, 1, B'0', B'0', 'qq' FROM node"
    )
    assert "still holds 1 chunk" in edm.fails(4, "node", "remove", "n2", "--yes")


def test_rules_are_checked(edm, database, tmp_path):
    assert edm("rules", "check", "--json").json["overrides"] == 0
    rule = {
        "id": "mine.full",
        "code": "552",
        "text": "my own words",
        "class": "deferred",
        "cause": "mailbox-full",
        "scope": "recipient",
        "en": "The mailbox is full.",
        "zh": "邮箱已满。",
        "samples": ["552 my own words"],
    }
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [rule]}))
    assert edm("rules", "check", file, "--json").json["overrides"] == 1
    file.write_text(json.dumps({"rules": [{**rule, "samples": ["550 other words"]}]}))
    assert f"{file}: rule mine.full" in edm.fails(1, "rules", "check", file)
    file.write_text(json.dumps({"rules": [{**rule, "cod": "552"}]}))
    for verb in ("check", "add"):
        said = edm.fails(1, "rules", verb, file)
        assert f'{file}: rule 1, mine.full: has a key "cod" that no rule has' in said
    file.write_text("{")
    assert f"{file}: line 1" in edm.fails(1, "rules", "check", file)
    assert "cannot open" in edm.fails(1, "rules", "check", tmp_path / "none")
    database.query(
        "INSERT INTO reply_rule(rule_id, body) VALUES ('mine.full', %s)", json.dumps(rule)
    )
    assert edm("rules", "check", "--json").json["overrides"] == 1
    told = edm("rules", "test", "552 my own words", "--json").json
    assert told["rule"] == "mine.full" and told["override"] and told["class"] == "deferred"


def test_a_reply_is_explained(edm):
    told = edm(
        "rules", "test", "550 Ip frequency limited", "--provider", "qq", "--stage", "dot", "--json"
    ).json
    assert told["rule"] == "qq.ip-frequency" and told["file"].endswith("10-tencent.json")
    assert told["class"] == "throttled" and told["persistence"] == "rate-signal"
    assert "suppress" not in told["actions"] and told["actions"]
    text = edm("rules", "test", "550 Ip frequency limited", "--provider", "qq", "--lang", "zh").out
    assert "规则：qq.ip-frequency" in text and "动作：降低速度、暂停通道；持续 1 小时" in text
    assert "分类：限速，原因：频率超限，对象：发信源，性质：频率过高" in text
    elsewhere = edm("rules", "test", "550 Ip frequency limited", "--json").json
    assert elsewhere["rule"] != "qq.ip-frequency"
    assert {"rule": "qq.ip-frequency", "miss": "is for another provider"}.items() <= next(
        near for near in elsewhere["near"] if near["rule"] == "qq.ip-frequency"
    ).items()
    # Who missed by more than one condition: those of the provider or the cause, or all.
    assert told["far"] and all(far["akin"] for far in told["far"]) and len(told["far"]) <= 8
    assert any("," in far["miss"] for far in elsewhere["far"]) and told["others"] > 200
    everyone = edm("rules", "test", "550 Ip frequency limited", "--provider", "qq", "--stage",
                   "dot", "--all", "--json").json
    rules = edm("rules", "list", "--json").json["rules"]
    said = [one["rule"] for one in everyone["near"] + everyone["far"]] + [everyone["rule"]]
    assert sorted(said) == sorted(rule["id"] for rule in rules) and everyone["others"] == 0
    assert f"others: {told['others']} rules missed" in edm(
        "rules", "test", "550 Ip frequency limited", "--provider", "qq", "--stage", "dot").out
    unknown = edm("rules", "test", "599 qwertz", "--json").json
    assert unknown["rule"] is None and "suppress" not in unknown["actions"]
    many = edm("rules", "test", "550-5.1.1 The account does\n550 5.1.1 not exist", "--json").json
    assert many["class"] == "bounced" and many["actions"] == ["suppress"]
    assert edm("rules", "test", "timed out", "--words", "tcp", "--stage", "connect", "--json").json[
        "class"
    ] in ("unreached", "deferred")


def test_bad_questions_about_rules_are_refused(edm):
    for code, words, *args in (
        (2, "is no SMTP reply", "user unknown"),
        (2, "is no SMTP reply", "550 user unknown\n550 5.1.1 again"),
        (2, "is no stage", "550 no", "--stage", "lunch"),
        (2, "--words is", "550 no", "--words", "mine"),
        (3, "no provider", "550 no", "--provider", "qqq"),
    ):
        assert words in edm.fails(code, "rules", "test", *args)

# SPDX-License-Identifier: MIT
"""edm report: what became of a campaign, from rows as the ledger writes them."""

import csv
import io
import json
import re
import time

import pytest

from support.ledger_rows import QUERIES, STATES, LedgerRows

UNKNOWN_USER = {
    "code": 550,
    "enhanced": 5001001,
    "template": "<{address}>: Recipient address rejected: User unknown in virtual mailbox table",
    "vars": "bob@qq.com\n",
    "rule": "any.user-unknown",
}
GREYLISTED = {
    "code": 451,
    "template": "Greylisted, please try again in {n} seconds",
    "vars": "300\n",
}
QQ = {"provider": "qq", "mx": "mx1.qq.com"}
GMAIL = {"source": "mx2", "provider": "gmail", "mx": "g.example"}


@pytest.fixture
def spring(database):
    """Twelve people at qq, gmail and in the tail, in every state a running campaign shows."""
    rows = LedgerRows(database, "spring")
    rows.chunk(0, "qq", [f"{name}@qq.com" for name in ("ann", "bob", "cai", "deng")])
    rows.chunk(1, "gmail", [f"{name}@gmail.com" for name in ("eve", "fay", "gus")])
    tail = [f"{name}@example.org" for name in ("hal", "ida", "joe", "=kim")]
    rows.chunk(2, "tail", tail, "leased", 1)
    rows.settle("ann@qq.com", "delivered", "delivered", code=250, **QQ)
    rows.settle("bob@qq.com", "bounced", "bounced", "user-unknown", **QQ, **UNKNOWN_USER)
    rows.settle("cai@qq.com", "deferred", "deferred", "greylisted", **QQ, **GREYLISTED)
    rows.roll_up()
    rows.settle("eve@gmail.com", "delivered", "delivered", **GMAIL)
    spam = {"code": 550, "enhanced": 5007001, "template": "No, =thanks", "rule": "gmail.spam"}
    rows.settle("fay@gmail.com", "rejected", "rejected", "spam-content", **GMAIL, **spam)
    rows.settle("gus@gmail.com", "deferred", "parked", due_min=1)
    rows.settle("hal@example.org", "unknown", "unknown", "reply-lost")
    no_service = {"code": 554, "template": "无此服务", "mx": "m.example"}
    rows.settle("ida@example.org", "bounced", "bounced", "unclassified", **no_service)
    rows.settle("lee@example.org", "suppressed", "suppressed", "suppressed", source=None)
    rows.doubt("joe@example.org", 1)
    return rows


def test_a_campaign_under_way_is_not_finished_yet(edm, spring, database):
    assert ", not finished yet; " in edm("report", "campaign", "spring").out
    assert "，尚未结束；" in edm("report", "campaign", "spring", "--lang", "zh").out
    database.query("UPDATE edm.campaign SET state = 5, finished_at = '2026-12-01 01:02Z'")
    assert ", finished 2026-12-01 01:02 UTC; " in edm("report", "campaign", "spring").out


def test_campaign_adds_up(edm, spring):
    report = edm("report", "campaign", "spring", "--json").json
    assert report["audience"] == 12 == sum(report[state] for state in STATES)
    assert {s: report[s] for s in STATES if report[s]} == {
        "waiting": 1, "leased": 2, "deferred": 2, "delivered": 2, "bounced": 2, "rejected": 1,
        "suppressed": 1, "unknown": 1,
    }  # fmt: skip
    assert report["state"] == "running" and report["complete"] and report["in_doubt"] == 1
    assert report["delivered_share"] == pytest.approx(2 / 6)
    providers = {p["provider"]: p["by_class"] for p in report["providers"]}
    assert providers == {
        "qq": {"delivered": 1, "bounced": 1, "deferred": 1},
        "gmail": {"delivered": 1, "rejected": 1},
        "tail": {"unknown": 1, "bounced": 1, "suppressed": 1},
    }
    assert {s["source"]: s["n"] for s in report["sources"]} == {"mx1": 5, "mx2": 2, "-": 1}
    assert {(d["class"], d["cause"]): d["n"] for d in report["deferrals"]} == {
        ("deferred", "greylisted"): 1,
        ("parked", "none"): 1,
    }
    assert all(d["next_due_at"].endswith("Z") for d in report["deferrals"])
    assert sum(b["n"] for b in report["bounces"]) == report["bounced"] + report["rejected"]


def test_campaign_in_words(edm, spring):
    english = edm("report", "campaign", "spring").out
    assert "spring is running: 33.3 % delivered, 2 of 6 with a result." in english
    assert "edm campaign resend spring --state unknown" in english
    assert "with a node that is gone" in english
    assert "A first try is refused on principle" in english
    chinese = edm("report", "campaign", "spring", "--lang", "zh").out
    assert "spring 发送中：送达率 33.3 %，送达 2 / 已有结果 6。" in chinese
    assert "受众合计  12" in chinese and "灰名单" in chinese


def test_a_campaign_that_is_not_there(edm):
    for verb in (["campaign", "x"], ["recipients", "x"], ["bounces", "--campaign", "x"]):
        assert "there is no campaign 'x'" in edm.fails(3, "report", *verb)
    assert "--by is some of cause" in edm.fails(2, "report", "bounces", "--by", "moon")
    assert "no recipient state 'x'" in edm.fails(2, "report", "recipients", "x", "--state", "x")
    assert "not both" in edm.fails(2, "report", "recipients", "x", "--csv", "--json")


def test_bounces_say_what_servers_said(edm, spring):
    report = edm("report", "bounces", "--campaign", "spring", "--json").json
    causes = {c["cause"]: c for c in report["causes"]}
    assert report["total"] == 3 and report["groups"] == []
    (sample,) = causes["user-unknown"]["samples"]
    assert sample["reply"] == (
        "550 5.1.1 <bob@qq.com>: Recipient address rejected: User unknown in virtual mailbox table"
    )
    assert sample["meaning"] == "No such user." and sample["rule"] == "any.user-unknown"
    assert (sample["enhanced"], sample["stage"], sample["words"]) == ("5.1.1", "rcpt", "remote")
    assert "add a rule" in causes["unclassified"]["advice"]
    chinese = edm("report", "bounces", "--lang", "zh").out
    assert "用户不存在。 [any.user-unknown]" in chinese and "请修改标题" in chinese


@pytest.mark.parametrize(
    ("by", "want"),
    [
        ("provider", {"qq": 1, "gmail": 1, "tail": 1}),
        ("source", {"mx1": 2, "mx2": 1}),
        ("campaign", {"spring": 3}),
    ],
)
def test_bounces_by(edm, spring, by, want):
    report = edm("report", "bounces", "--by", by, "--json").json
    assert {g["key"]: g["n"] for g in report["groups"]} == want
    assert all(g["n"] == sum(c["n"] for c in g["causes"]) for g in report["groups"])


def test_bounces_by_several_things_at_once(edm, spring):
    report = edm("report", "bounces", "--by", "provider, source,hour", "--json").json
    assert report["by"] == "provider, source,hour"
    found = {(g["provider"], g["source"]): g["n"] for g in report["groups"]}
    assert found == {("qq", "mx1"): 1, ("gmail", "mx2"): 1, ("tail", "mx1"): 1}
    for group in report["groups"]:
        assert group["key"] == f"{group['provider']} / {group['source']} / " + re.sub(
            ":00:00Z$", ":00Z", group["hour_at"])
    text = edm("report", "bounces", "--by", "source,provider").out
    assert re.search(r"^qq / mx1 +1 +bounced +unknown user$", text, re.M)
    none = edm("report", "bounces", "--samples", "0", "--json").json
    assert [c["samples"] for c in none["causes"]] == [[], [], []]
    assert "'qq'" in edm.fails(2, "report", "bounces", "--by", "provider,qq")


# What is no word of ours: commands, names, ids of rules and clusters, what servers said, addresses.
NO_WORDS = re.compile(
    r"edm( [a-z]+)+( --[a-z]+( unknown)?)?( ADDRESS)?|\[[a-z.-]+\]|\S+@\S+|^  \S+: .*$"
    r"|\b(spring|mx[12]|qq|gmail\.spam|[Gg]mail|any\.[a-z-]+|[0-9a-f]{16})\b"
    r"|\b(IP|DNS|PTR|SMTP|SPF|DKIM|DMARC|TLS)\b",
    re.M)


def test_chinese_reports_have_no_english_in_them(edm, spring, database):
    database.query("UPDATE edm.campaign SET state = 4, reason = 3, reason_text = 'its scheduled"
                   " start was missed by more than its grace'")
    replies = [r["reply"] for r in edm("report", "replies", "--json").json["replies"]]
    for verb in (["campaign", "spring"], ["bounces", "--by", "provider,source,hour,campaign"],
                 ["bounces"], ["replies"], ["recipients", "spring"]):
        text = edm("report", *verb, "--lang", "zh").out
        for reply in replies:
            text = text.replace(reply, "")
        left = NO_WORDS.sub("", text)
        assert not re.search("[A-Za-z]{2,}", left), left


def nodes_of(plan):
    """Every node of an EXPLAIN in JSON."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


def test_ten_million_outcomes_are_told_from_the_counters(edm, spring, database):
    """A campaign of ten hours at ten providers over four sources, with bounces of every cause."""
    database.query(
        "INSERT INTO edm.attempts(campaign_id, minute, provider, source_id, class, cause, n)"
        " SELECT %s, date_trunc('minute', now()) - m * interval '1 min', 'p' || p, s, k.class,"
        "        k.cause, k.n"
        "   FROM generate_series(1, 600) m, generate_series(0, 9) p, generate_series(1, 4) s,"
        "        (VALUES (1, 0, 400), (2, 16, 10), (5, 1, 4), (5, 2, 1), (4, 18, 1), (6, 23, 1))"
        "        k(class, cause, n)", spring.campaign)
    database.query("ANALYZE edm.attempts")
    total = database.value("SELECT sum(n) FROM edm.attempts")
    assert total > 10_000_000
    # No outcome is read, whatever is asked for.
    sql = (QUERIES / "report/bounces.sql").read_text().rstrip().rstrip(";")
    for by in ("{}", "{provider,source,campaign,hour}"):
        database.query("SET search_path = edm")
        plan = database.value(
            "EXPLAIN (FORMAT JSON) "
            + sql.replace("$1", "'spring'").replace("$2", "NULL").replace("$3", f"'{by}'::text[]"))
        read = {n["Relation Name"] for n in nodes_of((plan if isinstance(plan, list)
                                                     else json.loads(plan))[0]["Plan"])
                if "Relation Name" in n}
        assert "attempts" in read and not any(name.startswith("outcome") for name in read)
    began = time.monotonic()
    report = edm("report", "bounces", "--campaign", "spring", "--by", "provider,source", "--json")
    print(f"{total} outcomes: {time.monotonic() - began:.2f} s")
    assert report.json["total"] == 3 + 600 * 10 * 4 * 7
    assert len(report.json["groups"]) == 3 + 30, "two sources have names"


def test_bounces_by_hour_and_of_a_time(edm, spring, database):
    database.query("UPDATE edm.attempts SET minute = minute - interval '3 hours'")
    hours = edm("report", "bounces", "--by", "hour", "--json").json["groups"]
    assert [h["n"] for h in hours] == [1, 2] and hours[0]["key"] < hours[1]["key"]
    assert edm("report", "bounces", "--last", "2h", "--json").json["total"] == 2


def test_recipients_is_everybody_once(edm, spring):
    rows = edm("report", "recipients", "spring", "--json").json
    assert len({r["address"] for r in rows}) == len(rows) == 12
    states = {r["address"].split("@")[0]: r["state"] for r in rows}
    assert states == {
        "ann": "delivered", "bob": "bounced", "cai": "deferred", "deng": "waiting",
        "eve": "delivered", "fay": "rejected", "gus": "deferred", "hal": "unknown",
        "ida": "bounced", "joe": "leased", "=kim": "leased", "lee": "suppressed",
    }  # fmt: skip
    cai = next(r for r in rows if r["address"] == "cai@qq.com")
    assert cai["reply"] == "451 Greylisted, please try again in 300 seconds"
    assert cai["attempts"] == 1 and cai["until"] > cai["since"] and cai["cause"] == "greylisted"


def test_recipients_as_csv_is_safe_to_open(edm, spring):
    text = edm("report", "recipients", "spring", "--csv").out
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    assert text.startswith("\ufeff") and len(rows) == 12
    assert "'=kim@example.org" in [r["address"] for r in rows]
    assert not any(cell[:1] in "=+-@" for r in rows for cell in r.values() if cell)
    wanted = ["--state", "bounced,rejected", "--state", "sending"]
    some = edm("report", "recipients", "spring", *wanted, "--csv").out
    got = [r["state"] for r in csv.DictReader(io.StringIO(some.lstrip("\ufeff")))]
    assert sorted(got) == ["bounced", "bounced", "leased", "leased", "rejected"]


def test_recipients_stand_in_columns(edm, spring):
    for language, head in (("en", "STATE"), ("zh", "状态")):
        lines = edm("report", "recipients", "spring", "--lang", language).out.splitlines()
        assert len(lines) == 13

        def column(line, of):
            """Where it begins on a terminal, where Chinese takes two columns."""
            return sum(2 if c > "\u2e80" else 1 for c in line[:line.index(of)])

        states = {"en": ("delivered", "waiting", "sending"), "zh": ("已送达", "等待中", "发送中")}
        at = column(lines[0], head)
        for state in states[language]:
            assert [column(line, state) for line in lines if state in line] == [at] * sum(
                state in line for line in lines) != []


def test_settled_chunks_count_as_what_they_were_settled(edm, spring, database):
    database.query("UPDATE edm.chunk SET state = 3, settled_as = 10 WHERE chunk_no = 0")
    rows = edm("report", "recipients", "spring", "--state", "cancelled", "--json").json
    assert [r["address"] for r in rows] == ["deng@qq.com"]


def test_replies_by_volume(edm, spring):
    report = edm("report", "replies", "--json").json
    assert report["share"] == 1
    by_rule = {r["rule"]: r for r in report["replies"]}
    assert by_rule["gmail.spam"]["reply"] == "550 5.7.1 No, =thanks"
    unmatched = edm("report", "replies", "--unmatched", "--last", "1h", "--json").json["replies"]
    assert sorted(r["reply"] for r in unmatched) == [
        "451 Greylisted, please try again in 300 seconds",
        "554 无此服务",
    ]
    assert "any.user-unknown" in edm("report", "replies").out


def test_operators_rules_say_what_a_reply_means(edm, spring, database):
    database.query(
        "INSERT INTO edm.reply_rule(rule_id, body) VALUES ('ours', %s)",
        '{"id": "ours", "text": "无此服务", "class": "blocked", "cause": "policy", "scope": "source",'
        ' "en": "Ask Mr Li.", "zh": "请找李先生。", "samples": ["554 无此服务"]}',
    )
    database.query("UPDATE edm.outcome SET rule = 'ours' WHERE code = 554")
    assert "Ask Mr Li." in edm("report", "bounces").out
    assert "请找李先生。" in edm("report", "bounces", "--lang", "zh").out
    # One that is unsound costs none of the others its words.
    database.query("INSERT INTO edm.reply_rule(rule_id, body) VALUES ('torn', '{}')")
    assert "Ask Mr Li." in edm("report", "bounces").out


def test_every_command_shows_times_as_reports_do(edm, database, tmp_path):
    """In UTC, which it names; with --lang zh by the clock of Beijing."""
    rows = LedgerRows(database, "spring", state=5)
    rows.insert("content", campaign_id=rows.campaign, version=1, from_address="a@b.test",
                subject="s")
    people = tmp_path / "people.csv"
    people.write_text("email\na@a.test\n")
    edm("list", "import", people, "--list", "all", "--yes")
    edm("suppress", "add", "a@a.test", "--for", "30d")
    then = "'2026-11-21 23:58:03Z'"
    database.query(f"UPDATE campaign SET state_since = {then}, started_at = {then},"
                   f" finished_at = {then}; UPDATE import SET imported_at = {then};"
                   f" UPDATE suppression SET at = {then}; UPDATE event SET at = {then}")
    for verb in (["campaign", "show", "spring"], ["campaign", "show"], ["list", "show", "all"],
                 ["suppress", "check", "a@a.test"], ["events", "--last", "9999d"],
                 ["report", "campaign", "spring"]):
        english, chinese = (edm(*verb, "--lang", lang).out for lang in ("en", "zh"))
        assert "2026-11-21 23:58" in english and "UTC" in english, english
        assert "2026-11-22 07:58" in chinese and "23:58" not in chinese, chinese
        assert "UTC" not in chinese, chinese
    for verb in (["campaign", "show", "spring"], ["suppress", "check", "a@a.test"]):
        assert "2026-11-21T23:58:03Z" in edm(*verb, "--json", "--lang", "zh").out
    # So times are understood as they are shown.
    undone = edm("suppress", "undo", "--since", "2026-11-22 07:58", "--before", "2026-11-22 07:59",
                 "--yes", "--lang", "zh", "--json").json
    assert undone["removed"] == 1

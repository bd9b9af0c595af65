# SPDX-License-Identifier: MIT
"""Campaigns from the command line: made, checked, previewed, moved from state to state; what is
refused says why and changes nothing. No node runs here."""

import email
import email.policy
import json
import subprocess
from pathlib import Path

import pytest

from support.ledger_rows import rid_of

ROOT = Path(__file__).resolve().parents[2]
STATES = (
    "waiting leased deferred delivered bounced rejected blocked expired"
    " suppressed cancelled unknown"
).split()
PEOPLE = (("li@qq.com", {"name": "李雷", "city": "上海"}), ("bob@example.org", {"name": "Bob"}))


@pytest.fixture
def people(database):
    """List `customers` with two members, list `nobody` without."""
    database.query("INSERT INTO list(list_id, name) VALUES (101, 'customers'), (102, 'nobody')")
    for n, (address, attributes) in enumerate(PEOPLE, 1):
        domain = address.split("@")[1]
        database.query(
            "INSERT INTO recipient_domain(domain_id, name) VALUES (%s, %s)", n + 100, domain
        )
        database.query(
            "INSERT INTO recipient(rid, domain_id, address) VALUES (%s, %s, %s)",
            n,
            n + 100,
            address,
        )
        database.query(
            "INSERT INTO list_member(list_id, domain_id, rid, attributes) VALUES (101, %s, %s, %s)",
            n + 100,
            n,
            json.dumps(attributes),
        )
        database.query("INSERT INTO list_domain_count VALUES (101, %s, 1)", n + 100)


@pytest.fixture
def source(database):
    """One active source address."""
    database.query(
        "INSERT INTO source(name, address, ehlo) VALUES ('mx1', '127.0.0.1', 'mx1.example.com')"
    )


@pytest.fixture
def letter(tmp_path):
    """An HTML file with two variables."""
    path = tmp_path / "letter.html"
    path.write_text(
        "<html><body><p>你好 {{ name }}</p>{% if city %}<p>{{ city }}</p>{% endif %}</body></html>"
    )
    return path


@pytest.fixture
def spring(edm, people, letter):
    """A draft that only lacks a source."""
    edm(
        "campaign",
        "create",
        "spring",
        "--list",
        "customers",
        "--from",
        "商店 <news@shop.example>",
        "--subject",
        "春天 {{ name }}",
        "--html",
        letter,
        "--unsigned",
    )
    return edm


def show(edm, name="spring"):
    return edm("campaign", "show", name, "--json").json


def findings(edm, code=0, name="spring"):
    result = edm.run("campaign", "check", name, "--json")
    assert result.code == code, result.err
    return {f["name"]: f["level"] for f in result.json["findings"]}


def test_create_makes_a_draft_whose_states_sum_to_its_audience(spring):
    shown = show(spring)
    assert shown["state"] == "draft" and shown["reason"] is None and shown["complete"] is False
    assert shown["audience"] == 0 == sum(shown[state] for state in STATES)
    assert shown["rate"] == 0 and shown["eta"] is None and shown["started_at"] is None
    assert shown["lists"] == ["customers"] and shown["subject"] == "春天 {{ name }}"
    assert [c["name"] for c in spring("campaign", "show", "--json").json] == ["spring"]
    assert "spring" in spring("campaign", "show").out
    assert spring("campaign", "show", "spring").out.startswith("spring: draft since ")


@pytest.mark.parametrize(
    "code, options, words",
    [
        (2, [], "to whom?"),
        (
            3,
            ["--list", "nope", "--from", "a@b.example", "--subject", "s", "--html", "LETTER"],
            "no list 'nope'",
        ),
        (2, ["--list", "customers"], "--from"),
        (2, ["--list", "customers", "--from", "x"], "--from: 'x' is no address: there is no @"),
        (2, ["--list", "customers", "--from", "a@b.example"], "no subject"),
        (2, ["--list", "customers", "--from", "a@b.example", "--subject", "s"], "nothing to send"),
        (
            1,
            ["--list", "customers", "--from", "a@b.example", "--subject", "s", "--html", "/nope"],
            "cannot open /nope",
        ),
        (
            2,
            [
                "--list",
                "customers",
                "--from",
                "a@b.example",
                "--subject",
                "{{ x",
                "--text",
                "LETTER",
            ],
            "subject: line 1",
        ),
        (
            2,
            [
                "--list",
                "customers",
                "--exclude",
                "customers",
                "--from",
                "a@b.example",
                "--subject",
                "s",
                "--html",
                "LETTER",
            ],
            "both included and excluded",
        ),
        (
            2,
            ["--list", "customers", "--unknown", "maybe"],
            "--unknown is hold or retry, not 'maybe'",
        ),
        (2, ["--list", "customers", "--deadline", "2000-02-30 00:00"], "no such date"),
        (2, ["--audience-of", "spring", "--from", "a@b.example"], "--audience-of needs --state"),
        (2, ["--audience-of", "spring", "--state", "waiting"], "not 'waiting'"),
        (3, ["--audience-of", "nope", "--state", "bounced"], "no campaign 'nope'"),
    ],
)
def test_create_refuses_what_is_not_whole(edm, people, letter, database, code, options, words):
    options = [str(letter) if option == "LETTER" else option for option in options]
    assert words in edm.fails(code, "campaign", "create", "new", *options)
    assert database.value("SELECT count(*) FROM campaign") == 0
    assert database.value("SELECT count(*) FROM event WHERE verb = 'campaign create'") == 0


def test_a_name_is_taken_once(spring, letter):
    assert "already a campaign 'spring'" in spring.fails(
        4,
        "campaign",
        "create",
        "spring",
        "--list",
        "customers",
        "--from",
        "a@b.example",
        "--subject",
        "s",
        "--html",
        letter,
    )


def test_check_names_everything_that_is_wrong(spring, database):
    assert findings(spring, 4) == {
        "no-source": "error",
        "no-node": "warning",
        "unsigned": "warning",
        "no-unsubscribe": "warning",
    }
    database.query(
        "INSERT INTO source(name, address, ehlo, pool)"
        " VALUES ('mx1', '127.0.0.1', 'e.net', 'other')"
    )
    assert "no-source" not in findings(spring)
    spring("campaign", "edit", "spring", "--pool", "mine", "--signed", "--list", "nobody")
    assert {"pool-empty", "domain-unknown", "audience-empty"} <= set(findings(spring, 4))
    database.query("INSERT INTO sending_domain(name) VALUES ('shop.example')")
    assert "no-key" in findings(spring, 4)


@pytest.mark.parametrize("name", ["a@b.test", "mx1/qq", "two words", "tab\t", "-x", ""])
def test_a_name_that_means_something_else_is_refused(edm, people, letter, name):
    words = ("--list", "customers", "--from", "news@shop.example", "--subject", "x")
    edm.fails(2, "campaign", "create", name, *words, "--html", letter, "--unsigned")
    edm("campaign", "create", "春天", *words, "--html", letter, "--unsigned")


@pytest.mark.parametrize("content", [bytes(range(256)), b"<p>\xff</p>", b"<p>a\x01b</p>"])
def test_what_is_no_text_is_no_letter(edm, people, tmp_path, content):
    file = tmp_path / "letter.html"
    file.write_bytes(content)
    words = ("--list", "customers", "--from", "news@shop.example", "--subject", "x")
    edm.fails(1, "campaign", "create", "c", *words, "--html", file, "--unsigned")


def test_check_names_the_pause_that_stops_it(spring, source):
    spring("pause", "--all", "--because", "power cut")
    assert findings(spring)["paused"] == "warning"
    said = "all mail is paused by tester, power cut: edm pauses, edm resume"
    assert said in spring("campaign", "check", "spring").out
    spring("resume", "--all")
    spring("pause", "--provider", "qq")
    assert "paused" not in findings(spring), "a provider is not all of it"


def test_check_tells_unknown_variables_from_missing_ones(spring, source):
    assert "variable-unknown" not in findings(spring)
    spring(
        "campaign", "edit", "spring", "--subject", "{{ nmae }} {{ nick | default: 'x' }} {{ city }}"
    )
    found = findings(spring, 4)
    assert found["variable-unknown"] == "error" and found["variable-never"] == "warning"
    said = spring.run("campaign", "check", "spring").out
    assert "{{ nick }}: everybody gets its default, or what conditions leave, with a hole" in said
    assert found["variable-missing"] == "warning", "Bob has no city, and the subject shows it bare"
    assert (
        "error: no member has the attribute {{ nmae }}"
        in spring.run("campaign", "check", "spring").out
    )


def test_preview_says_who_would_not_be_mailed_and_why(spring, database):
    rids = [rid_of(address) for address, _ in PEOPLE]
    for table in ("recipient", "list_member"):
        database.query(f"UPDATE {table} SET rid = CASE rid WHEN 1 THEN %s ELSE %s END", *rids)

    def shown(address):
        args = ("campaign", "preview", "spring", "--for", address)
        return spring(*args).out.splitlines()[0], spring(*args, "--json").json["left_out"]

    assert shown("li@qq.com") == ("Envelope: news@shop.example → li@qq.com", None)
    database.query("INSERT INTO suppression(rid, cause, scope) VALUES (%s, 2, 101), (%s, 5, 102)",
                   *rids)
    assert shown("li@qq.com") == (
        "li@qq.com would not be mailed: suppressed for list customers, as they unsubscribed; edm "
        "suppress check li@qq.com tells more",
        {"reason": "suppressed", "cause": "unsubscribed", "list": "customers"})
    chinese = spring("campaign", "preview", "spring", "--for", "li@qq.com", "--lang", "zh").out
    assert chinese.startswith("li@qq.com 不会收到邮件：已抑制（名单 customers），原因：")
    # For a list that the campaign does not go to.
    assert shown("bob@example.org")[1] is None
    # A node has found it, and nobody has folded it yet.
    database.query("INSERT INTO suppression_feed(rid, cause, folded) VALUES (%s, 1, false)",
                   rids[1])
    assert shown("bob@example.org")[0].startswith(
        "bob@example.org would not be mailed: suppressed everywhere, as the receiver said")
    database.query("DELETE FROM suppression; DELETE FROM suppression_feed;"
                   "INSERT INTO campaign_list(campaign_id, list_id, excluded, position)"
                   " SELECT campaign_id, 102, true, 2 FROM campaign")
    database.query("INSERT INTO suppression(rid, cause, until) VALUES (%s, 4, now())", rids[0])
    database.query("INSERT INTO list_member(list_id, domain_id, rid) VALUES (102, 102, %s)",
                   rids[1])
    assert shown("li@qq.com")[1] is None, "that is over"
    assert shown("bob@example.org") == (
        "bob@example.org would not be mailed: a member of list nobody, which the campaign excludes",
        {"reason": "excluded", "cause": None, "list": "nobody"})


def test_preview_shows_the_message_of_one_member(spring, tmp_path):
    shown = spring(
        "campaign",
        "preview",
        "spring",
        "--json",
        "--eml",
        tmp_path / "m.eml",
        "--html",
        tmp_path / "m.html",
    ).json
    person = dict(PEOPLE)[shown["to"]]
    assert (
        shown["subject"] == f"春天 {person['name']}" and f"你好 {person['name']}" in shown["text"]
    )
    assert ("上海" in shown["text"]) == ("city" in person)
    assert f"你好 {person['name']}" in (tmp_path / "m.html").read_text()
    message = email.message_from_bytes(
        (tmp_path / "m.eml").read_bytes(), policy=email.policy.default
    )
    assert (
        message["Subject"] == shown["subject"]
        and message["From"].addresses[0].display_name == "商店"
    )
    assert "Subject: 春天" in spring("campaign", "preview", "spring").out
    assert "no subscribed member" in spring.fails(
        3, "campaign", "preview", "spring", "--for", "x@y.example"
    )
    assert "is no address" in spring.fails(2, "campaign", "preview", "spring", "--for", "x")


def test_attachments_are_in_the_message_and_cid_ones_in_place(spring, tmp_path):
    (tmp_path / "价目表.pdf").write_bytes(b"%PDF-1.4 \x00\xff")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    page = tmp_path / "page.html"
    page.write_bytes("<img src='cid:logo.png'>中文".encode("gb18030"))
    spring(
        "campaign",
        "edit",
        "spring",
        "--attach",
        tmp_path / "价目表.pdf",
        "--attach",
        tmp_path / "logo.png",
        "--html",
        page,
    )
    spring("campaign", "preview", "spring", "--eml", tmp_path / "m.eml")
    message = email.message_from_bytes(
        (tmp_path / "m.eml").read_bytes(), policy=email.policy.default
    )
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert parts["价目表.pdf"].get_content_type() == "application/pdf"
    assert parts["价目表.pdf"].get_content() == b"%PDF-1.4 \x00\xff"
    assert parts["logo.png"]["Content-ID"] == "<logo.png>"
    assert "中文" in message.get_body(("html",)).get_content()


def test_states_move_only_as_they_may(spring, source, database):
    assert "start, pause" not in spring.fails(4, "campaign", "pause", "spring")
    assert (
        "spring is draft: pause is not possible; possible: schedule, start, cancel, edit"
        in spring.fails(4, "campaign", "pause", "spring")
    )
    assert "needs --yes" in spring.fails(4, "campaign", "start", "spring")
    assert show(spring)["state"] == "draft"
    assert (
        "no node is running"
        in spring("campaign", "start", "spring", "--yes", "--because", "approved").out
    )
    assert show(spring)["state"] == "running" and show(spring)["started_at"]
    assert "is running: start is not possible" in spring.fails(
        4, "campaign", "start", "spring", "--yes"
    )
    assert "is running: edit is not possible" in spring.fails(
        4, "campaign", "edit", "spring", "--subject", "x"
    )
    spring("campaign", "pause", "spring", "--because", "wrong price")
    assert (show(spring)["reason"], show(spring)["reason_text"]) == ("operator", "wrong price")
    assert "audience is frozen" in spring.fails(4, "campaign", "edit", "spring", "--list", "nobody")
    assert (
        spring("campaign", "edit", "spring", "--subject", "x", "--json").json["content_version"]
        == 2
    )
    spring("campaign", "edit", "spring", "--subject", "x {{ nmae }}")
    assert "{{ nmae }}" in spring.fails(4, "campaign", "resume", "spring")
    assert show(spring)["state"] == "paused"
    spring("campaign", "edit", "spring", "--subject", "x")
    spring("campaign", "resume", "spring")
    assert "nobody in campaign spring has an unknown outcome" in spring.fails(
        4, "campaign", "resend", "spring", "--state", "unknown", "--yes"
    )
    assert "0 people still to be sent to" in spring.fails(4, "campaign", "cancel", "spring")
    spring("campaign", "cancel", "spring", "--yes")
    assert show(spring)["state"] == "cancelled" and show(spring)["finished_at"]
    assert "possible: nothing" in spring.fails(4, "campaign", "resume", "spring")
    events = database.query(
        "SELECT verb, because FROM event WHERE object = 'campaign:spring' ORDER BY event_id"
    )
    assert [
        verb.split()[1] for verb, _ in events
    ] == "create start pause edit edit edit resume cancel".split()
    assert events[1][1] == "approved"


def test_start_is_refused_while_a_check_fails(spring):
    result = spring.run("campaign", "start", "spring", "--yes")
    assert result.code == 4 and "error: there is no active source address" in result.out
    assert "not ready: 1 error above; nothing was changed" in result.err
    assert show(spring)["state"] == "draft"


def test_show_tells_all_that_was_said(spring, source, tmp_path, database):
    prices = tmp_path / "prices.pdf"
    prices.write_bytes(b"%PDF")
    spring("campaign", "edit", "spring", "--attach", prices, "--preheader", "fresh", "--reply-to",
           "help@shop.example", "--exclude", "nobody")
    spring("campaign", "schedule", "spring", "--at", "2030-12-01 09:00", "--tz", "Asia/Shanghai",
           "--grace", "2h")
    shown, out = show(spring), spring("campaign", "show", "spring").out
    assert {key: shown[key] for key in ("attachments", "preheader", "reply_to", "scheduled_tz",
                                        "grace_s", "excluded")} == {
        "attachments": ["prices.pdf"], "preheader": "fresh", "reply_to": "help@shop.example",
        "scheduled_tz": "Asia/Shanghai", "grace_s": 7200, "excluded": ["nobody"]}
    for line in ("reply to     help@shop.example", "preheader    fresh", "attached     prices.pdf",
                 "starts       2030-12-01 09:00:00 Asia/Shanghai, which is 2030-12-01 01:00:00 UTC",
                 "grace        at most 2 h 0 min late"):
        assert f"  {line}" in out, out
    spring("campaign", "edit", "spring", "--attach", "", "--exclude", "")
    shown = show(spring)
    assert (shown["attachments"], shown["excluded"], shown["lists"]) == ([], [], ["customers"])
    assert "--tz goes with --deadline or --window" in spring.fails(
        2, "campaign", "edit", "spring", "--tz", "UTC")
    assert "there is no list ''" in spring.fails(3, "campaign", "edit", "spring", "--list", "")
    spring("campaign", "create", "again", "--audience-of", "spring", "--state", "bounced,blocked",
           "--from", "a@shop.example", "--subject", "s", "--text", "-", "--unsigned", stdin="hi")
    assert show(spring, "again")["audience_states"] == ["bounced", "blocked"]
    assert "people of campaign spring that are bounced, blocked" in spring(
        "campaign", "show", "again").out
    spring("campaign", "edit", "spring", "--exclude", "nobody")
    database.query("UPDATE list SET removed_at = now() WHERE name = 'nobody'")
    assert "list nobody, whose people were to be left out, was removed" in spring.run(
        "campaign", "check", "spring").out


def test_schedule_in_a_zone(spring, source, database):
    def at(when, zone):
        return ("campaign", "schedule", "spring", "--at", when, "--tz", zone)

    out = spring(*at("2030-12-01 09:00", "asia/shanghai"), "--grace", "2h").out
    assert "2030-12-01 09:00:00 Asia/Shanghai, which is 2030-12-01 01:00:00 UTC" in out
    shown = show(spring)
    assert shown["state"] == "scheduled" and shown["scheduled_at"] == "2030-12-01T01:00:00Z"
    assert database.value("SELECT grace_s FROM campaign") == 7200
    assert "02:30:00 does not exist in Europe/Berlin" in spring.fails(
        2, *at("2030-03-31 02:30", "Europe/Berlin")
    )
    assert "no time zone 'CST'" in spring.fails(2, *at("2030-12-01 09:00", "CST"))
    assert "write it as '2026-12-01 09:00'" in spring.fails(2, *at("tomorrow", "UTC"))
    assert "is past" in spring.fails(2, *at("2020-01-01 00:00", "UTC"))
    assert (
        show(spring)["scheduled_at"] == "2030-12-01T01:00:00Z"
    ), "what was refused changed nothing"
    twice = spring(*at("2030-10-27 02:30", "Europe/Berlin")).out
    assert "which is 2030-10-27 00:30:00 UTC" in twice and "the first" in twice
    spring("campaign", "unschedule", "spring")
    assert show(spring)["state"] == "draft" and show(spring)["scheduled_at"] is None


def test_moves_as_json(spring, source):
    """One document each, without the words; what could not start is told with its findings."""
    def move(verb, *options):
        return spring("campaign", verb, "spring", *options, "--json").json

    told = move("schedule", "--at", "2030-12-01 09:00", "--tz", "Asia/Shanghai")
    assert (told["name"], told["state"], told["starts_at"], told["nodes_running"]) == (
        "spring", "scheduled", "2030-12-01T01:00:00Z", 0)
    assert told["people"] == 2 and told["id"] > 0
    assert move("unschedule")["state"] == "draft"
    assert move("start", "--yes")["people"] == 2
    assert move("pause", "--because", "typo")["in_hand"] == 0
    assert move("resume")["state"] in ("building", "running")
    assert (told := move("cancel", "--yes"))["state"] == "cancelled" and told["not_sent"] == 0
    spring("campaign", "create", "empty", "--list", "nobody", "--from", "a@shop.example",
           "--subject", "s", "--text", "-", "--unsigned", stdin="hi")
    refused = spring.run("campaign", "start", "empty", "--yes", "--json")
    assert refused.code == 4 and not refused.json["ready"]
    assert [f["level"] for f in refused.json["findings"]].count("error") > 0


def statement(database, name):
    """What the running node executes each second."""
    return database.query((ROOT / f"schemas/queries/campaign/{name}.sql").read_text())


def test_the_schedule_starts_what_is_due_and_pauses_what_is_late(spring, source, database):
    spring("campaign", "schedule", "spring", "--at", "2030-12-01 09:00", "--grace", "1h")
    assert statement(database, "start_due") == []
    database.query("UPDATE campaign SET scheduled_at = now() - interval '30 min'")
    assert [row[1:3] for row in statement(database, "start_due")] == [("spring", False)]
    assert show(spring)["state"] == "running"
    database.query(
        "UPDATE campaign SET state = 2, started_at = NULL, scheduled_at = now() - interval '2 h'"
    )
    assert [row[1:3] for row in statement(database, "start_due")] == [("spring", True)]
    assert (show(spring)["state"], show(spring)["reason"]) == ("paused", "late")


def test_a_campaign_finishes_when_everybody_is_final(spring, source, database):
    spring("campaign", "start", "spring", "--yes")
    campaign = show(spring)["id"]
    database.query(
        "INSERT INTO audience(campaign_id, batch_size, total) VALUES (%s, 1, 2)", campaign
    )
    database.query("INSERT INTO moves_delta VALUES (%s, 1, 2)", campaign)
    assert statement(database, "finish_done") == []
    database.query("UPDATE audience SET complete = true")
    assert statement(database, "finish_done") == [], "two are waiting"
    database.query(
        "INSERT INTO moves_delta VALUES (%s, 1, -2), (%s, 4, 1), (%s, 11, 1)", *[campaign] * 3
    )
    assert show(spring)["audience"] == 2 == sum(show(spring)[state] for state in STATES)
    assert [row[1] for row in statement(database, "finish_done")] == ["spring"]
    spring("campaign", "wait", "spring", "--timeout", "5")
    assert "delivered=1" in spring("campaign", "watch", "spring").out


def test_wait_fails_when_time_is_up_or_it_was_cancelled(spring):
    assert "not finished after 0 s" in spring.fails(
        1, "campaign", "wait", "spring", "--timeout", "0"
    )
    spring("campaign", "cancel", "spring", "--yes")
    assert "was cancelled" in spring.fails(1, "campaign", "wait", "spring", "--timeout", "0")
    assert "no campaign 'x'" in spring.fails(3, "campaign", "wait", "x")


def test_wait_tells_programs_how_it_ended(spring, database):
    waited = spring.run("campaign", "wait", "spring", "--timeout", "0", "--json")
    assert (waited.code, waited.json["state"]) == (1, "draft")
    assert waited.json["now"].endswith("Z") and "not finished after 0 s" in waited.err
    database.query("UPDATE campaign SET state = 5, finished_at = now()")
    finished = spring("campaign", "wait", "spring", "--json")
    assert (finished.json["name"], finished.json["state"]) == ("spring", "finished")
    assert finished.out.count("\n") == 1


def test_watch_tells_programs_an_object_a_line(spring):
    watch = subprocess.Popen(
        [spring.path, "campaign", "watch", "spring", "--json", "--database", spring.url, "--data",
         spring.data], stdout=subprocess.PIPE, text=True)
    first = json.loads(watch.stdout.readline())
    assert (first["state"], first["delivered"], first["eta"]) == ("draft", 0, None)
    spring("campaign", "cancel", "spring", "--yes")
    out, _ = watch.communicate(timeout=60)
    *_, last = map(json.loads, out.splitlines())
    assert last["state"] == "cancelled" and watch.returncode == 0


def test_a_campaign_to_the_people_of_another(spring, source, database, letter):
    options = ["--from", "a@shop.example", "--subject", "again", "--html", letter, "--unsigned"]
    spring(
        "campaign",
        "create",
        "again",
        "--audience-of",
        "spring",
        "--state",
        "blocked,expired",
        *options,
    )
    assert (
        show(spring, "again")["lists"] == ["customers"]
        and show(spring, "again")["audience_of"] == "spring"
    )
    assert findings(spring, 4, "again")["audience-not-sent"] == "error"
    spring("campaign", "start", "spring", "--yes")
    assert findings(spring, 4, "again")["audience-empty"] == "error"
    database.query("INSERT INTO moves_delta VALUES (%s, 7, 3)", show(spring)["id"])
    assert findings(spring, 0, "again")["audience-moves"] == "warning"
    assert database.value("SELECT audience_states FROM campaign WHERE name = 'again'") == [7, 8]


def test_a_test_message_needs_a_node(spring, source, database):
    assert "no node is running" in spring.fails(4, "campaign", "test", "spring", "me@example.org")
    assert database.value("SELECT count(*) FROM campaign") == 1
    assert database.value("SELECT count(*) FROM list WHERE hidden") == 0


def node_until(database, lease):
    database.query("DELETE FROM node")
    database.query(
        "INSERT INTO node(name, journal, lease_until)"
        f" VALUES ('n', gen_random_uuid(), clock_timestamp() + '{lease}')"
    )


def test_a_test_message_whose_node_is_gone_is_given_up(spring, source, database):
    """As after kill -9: the lease runs out, and nobody comes back."""
    node_until(database, "1 s")
    told = spring.run("campaign", "test", "spring", "me@example.org", "--timeout", "50")
    assert told.code == 4, told.err
    note, said = told.err.splitlines()
    assert note.startswith("note: no node is running any more (n was last heard of ")
    assert note.endswith("start one with edm run; waiting 10 s for it")
    assert said.startswith("edm: no node is running any more (n was last heard of ")
    assert said.endswith(" s ago), so nothing can be sent: start one with edm run")
    assert database.value("SELECT state FROM campaign WHERE hidden") == 6


def test_a_test_message_goes_on_when_a_node_comes_back(spring, source, database):
    node_until(database, "1 s")
    command = ["campaign", "test", "spring", "me@example.org", "--timeout", "6"]
    waiting = subprocess.Popen(
        list(map(str, [spring.path, *command, "--data", spring.data, "--database", spring.url])),
        stderr=subprocess.PIPE, text=True,
    )
    assert waiting.stderr.readline().startswith("note: no node is running any more")
    node_until(database, "1 h")
    assert waiting.stderr.readline() == "note: a node is running again; the test goes on\n"
    assert waiting.stderr.readline().startswith("edm: no reply within 6 s")
    assert waiting.wait() == 1


def test_a_test_message_leaves_nothing_behind(spring, source, database):
    database.query(
        "INSERT INTO node(name, journal, lease_until)"
        " VALUES ('n', gen_random_uuid(), now() + '1 h')"
    )
    assert "no reply within 1 s" in spring.fails(
        1, "campaign", "test", "spring", "me@example.org", "--timeout", "1"
    )
    assert database.value("SELECT state FROM campaign WHERE hidden") == 6
    assert database.value("SELECT priority FROM campaign WHERE hidden") == 32767
    assert (
        database.value(
            "SELECT count(*) FROM list_member m JOIN list l USING (list_id) WHERE l.hidden"
        )
        == 0
    )
    assert [c["name"] for c in spring("campaign", "show", "--json").json] == ["spring"]

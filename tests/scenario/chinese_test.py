# SPDX-License-Identifier: MIT
"""Everything people read is Chinese with --lang zh, and stands in columns; JSON stays as it is.

What may stay in Latin letters: names that were given, commands and options to type, numbers as they
are typed (connections=5), and the field's own abbreviations.
"""

import json
import pathlib
import re
import unicodedata

import pytest

from support.ledger_rows import LedgerRows
from support.program import Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPLY = "550 5.7.1 slow down"
RULE = {"id": "corp.full", "provider": "corp", "code": "552", "class": "deferred",
        "cause": "mailbox-full", "scope": "recipient", "persistence": "temporary", "delay": "4h",
        "en": "Full.", "zh": "邮箱已满。", "samples": ["552 full"]}
TOLD = {  # verbs that show something, and what is asked of them
    "pauses": [[]],
    "limit show": [[]],
    "warmup show": [[]],
    "node list": [[]],
    "node show": [["n1"]],
    "source show": [[], ["mx1"]],
    "list show": [[], ["customers"]],
    "campaign show": [[], ["spring"], ["autumn"], ["winter"]],
    "campaign check": [["spring"], ["autumn"]],
    "campaign forecast": [["spring"]],
    "provider list": [[]],
    "provider show": [["corp"]],
    "provider check": [[]],
    "route show": [[]],
    "rules list": [["--own"]],
    "rules check": [[]],
    "rules test": [["550 5.1.1 no such user", "--provider", "qq"], ["599 what"]],
    "rules diff": [[]],
    "domain show": [[], ["shop.example"]],
    "domain check": [["shop.example"]],
    "suppress check": [["li@qq.com"], ["an@corp.example"]],
    "doctor": [[]],
}
ELSEWHERE = {  # verbs whose Chinese a test of another file, or another test of this one, looks at
    "init": "chinese_test", "down": "chinese_test", "list export": "chinese_test",
    "limit forget": "chinese_test", "campaign resend": "chinese_test",
    "campaign test": "campaign_run_test", "campaign preview": "campaign_test",
    "limit explain": "learnt_test", "why": "why_test", "top": "why_test", "events": "running_test",
    "report campaign": "report_test", "report bounces": "report_test",
    "report replies": "report_test", "report recipients": "report_test",
}
UNTOLD = {  # verbs nobody looks at in Chinese, and why
    "config": "what a setting does is said in English only",
    "help": "the manual is English", "version": "a number", "sql": "psql speaks", "run": "logs",
    "campaign watch": "what campaign show prints", "campaign wait": "a state in one word",
    "rules learn": "what rules add prints",
}
NAMES = set("""default mx1 mx2 qq gmail corp spring autumn winter customers li tester here n1 n2
    n3 n4 tail edm1 edm2 email""".split())
TERMS = set("""IP IPv4 EHLO DNS SPF DKIM DMARC PTR MX TLS AUTH UTC HTML VERP SMTP CSV MiB NTP
    GB18030 UTF-8 List-Unsubscribe Gmail Yahoo Date
    chrony systemd-timesyncd MAIL Feedback-ID IN TXT RSA rsa""".split())
WORD = re.compile(r"[A-Za-z][A-Za-z0-9'’-]+")
PROFILES = json.loads((ROOT / "schemas/rules/providers.json").read_text())["providers"]
PROVIDERS = {word for profile in PROFILES
             for word in [profile["name"], *WORD.findall(profile["title"]["zh"])]}
GIVEN = re.compile(r"""
    \bedm\ [ -~]*                   # a command
  | --[a-z][a-z-]*                  # an option
  | [\w-]+=\S+                      # connections=5
  | [!-~]*[A-Za-z0-9][.@/][!-~]*    # a host, an address, a lane, a time
  | \{\{.*?\}\}                     # a variable
  | （[a-z]+）| \d[a-z]+            # as it is typed, a class of replies
  | "[^"]*"                         # strings of a DNS record
""", re.X)


def english_in(text):
    """Words that should have been said in Chinese."""
    left = GIVEN.sub(" ", text.replace(REPLY, ""))
    return [word for word in WORD.findall(left) if word not in NAMES | TERMS | PROVIDERS]


def on_terminal(line):
    """A character a column; of a wide one the second is empty."""
    shown = []
    for c in line:
        shown += [c, ""] if unicodedata.east_asian_width(c) in "WF" else [c]
    return shown


def assert_in_columns(caption, line):
    """Every cell of the line begins where that of the caption does, after two blanks."""
    head, shown = on_terminal(caption), on_terminal(line)
    for at in range(2, len(head)):
        if head[at - 2:at] == [" ", " "] and head[at] != " ":
            assert shown[at - 2:at] == [" ", " "] and shown[at] != " ", (caption, line)


def assert_tables_in_columns(text):
    for table in text.split("\n\n"):
        caption, *rows = [line for line in table.splitlines() if " IN TXT " not in line] or [""]
        for line in rows if re.match(r"\S+\s\s+\S", caption) else []:
            assert_in_columns(caption, line)


def save_lane(database, source, target, **learnt):
    database.query("INSERT INTO lane_state(source_id, target, learnt)"
                   " SELECT source_id, %s, %s FROM source WHERE name = %s", target,
                   json.dumps({"connections": 3, **learnt}), source)


def add_nodes(database):
    """One of each: at work, draining, stopped, drained, gone."""
    for name, state, lease, beat in (("n1", 1, "1 hour", "1 hour"), ("n2", 2, "1 hour", "1 hour"),
                                     ("n3", 1, "-1 hour", "-1 hour"),
                                     ("n4", 2, "-1 hour", "-1 hour"),
                                     ("here", 1, "-1 hour", "-2 hours")):
        database.query(
            "INSERT INTO node(name, state, journal, host, pid, version, lease_until, beat_at)"
            " VALUES (%s, %s, gen_random_uuid(), 'here', 42, '0.1.0', now() + %s::interval,"
            " now() + %s::interval)", name, state, lease, beat)


def add_limits(edm):
    for scope in (["--provider", "qq"], ["--provider", "qq", "--total"], ["--source", "mx1"],
                  ["--source", "mx1", "--provider", "gmail", "--for", "2h"],
                  ["--source", "mx1", "--provider", "gmail"], ["--node", "n1"], [],
                  ["--domain", "shop.example", "--provider", "qq"], ["--campaign", "spring"]):
        edm("limit", "set", *scope, "connections=5", "rate=100/min")


def add_pauses(edm, database):
    for scope in (["--all"], ["--provider", "qq"], ["--source", "mx1", "--for", "2h"],
                  ["--source", "mx1", "--provider", "gmail"],
                  ["--campaign", "spring", "--provider", "qq"]):
        edm("pause", *scope)
    for origin in (2, 3, 4):
        database.query("INSERT INTO pause(scope, source_name, provider, origin, who, why)"
                       " VALUES (4, 'mx2', %s, %s, 'li', %s)", f"n{origin}", origin, REPLY)


def add_lanes(database):
    hour = 3_600_000
    window = {"caps": [-1, 900, -1], "failed": [0, 1000, 0], "ages_ms": [0, hour, 0],
              "learnt_ages_ms": [0, 3 * hour, 0], "replies": ["", REPLY, ""], "away_ms": -1}
    away = {"caps": [-1, -1, -1], "failed": [0, 0, 0], "ages_ms": [0, 0, 0],
            "away_ms": 300_000, "probe_left_ms": 480_000, "probe_wait_ms": 600_000,
            "probe_most_ms": hour, "reply": REPLY}
    save_lane(database, "mx1", "qq", windows=window)
    save_lane(database, "mx1", "gmail", windows=away)
    save_lane(database, "mx1", "corp", rest_left_ms=240_000, rests=1, rest_reply=REPLY)
    save_lane(database, "mx1", "netease", dead_for_ms=60_000, dead_probe_left_ms=60_000)
    save_lane(database, "mx2", "n3", is_blocked=True, rest_left_ms=240_000, rest_reply=REPLY)


def add_campaigns(edm, database):
    """A draft, one in its braked course, one that waits."""
    create = ["campaign", "create", "--list", "customers", "--from", "li@shop.example",
              "--subject", "春天", "--text", "-"]
    edm(*create, "spring", "--unsigned", stdin="你好 {{ name }}")
    edm(*create, "autumn", "--window", "09:00-18:00", "--give-up-after", "2d", "--pool", "default",
        stdin="你好 {{ 城市 }} {{ unsubscribe_url }}")
    edm(*create, "winter", "--unsigned", stdin="你好")
    database.query(
        "UPDATE campaign SET state = 4, reason = 2, started_at = now(), reason_text ="
        " '412 of 4000 decided attempts at the tail (10.3 %) were blocked or rejected, above the"
        " limit of 5 % (brake.blocked_percent)' WHERE name = 'winter'")


def write(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def everything(edm, database, tmp_path):
    """Something of every kind to show."""
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.example.com")
    edm("source", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "mx2.example.com")
    edm("provider", "set", "corp", "--mx", ".mx.corp.example", "connections=2", "tls=verified")
    edm("provider", "set", "corp", "rate=9/min", "--for", "2h", "--because", "请慢一点")
    edm("list", "import", "-", "--list", "customers", "--yes",
        stdin="email,姓名\nli@qq.com,李\nan@corp.example,安\n")
    add_campaigns(edm, database)
    edm("rules", "add", write(tmp_path / "rules.json", json.dumps({"rules": [RULE]})))
    edm("route", "set", "*", "smtp.example.net:587", "--tls", "verified", "--auth", "li",
        "--password-file", write(tmp_path / "password", "secret"))
    edm("domain", "add", "shop.example")
    edm("domain", "key", "shop.example")
    edm("domain", "key", "shop.example", "--later")
    edm("suppress", "add", "li@qq.com", "--note", "电话", "--for", "30d")
    add_nodes(database)
    add_lanes(database)
    add_limits(edm)
    add_pauses(edm, database)
    edm("warmup", "plan", "mx1", "--target", "50000")
    edm("warmup", "plan", "mx2", "--steps", "50,100")
    edm("warmup", "hold", "mx1/qq")
    edm("source", "drain", "mx2")
    return edm


def test_what_people_read_is_chinese(everything):
    left = {}
    for verb, questions in TOLD.items():
        for question in questions:
            command = [*verb.split(), *question]
            chinese, english = everything.run(*command, "--lang", "zh"), everything.run(*command)
            print("$", *command, "\n" + chinese.out, chinese.err)
            said = chinese.out + chinese.err.removeprefix("edm: ")
            left[tuple(command)] = english_in(re.sub("no such user|what", "", said))
            assert chinese.code == english.code and english_in(english.out + english.err)
            assert_tables_in_columns(chinese.out)
    assert {command: words for command, words in left.items() if words} == {}


def test_json_does_not_speak_chinese(everything):
    """But for what rules say, which is asked for with --lang there, too."""
    for verb, questions in TOLD.items():
        for question in questions if verb not in ("rules test", "campaign forecast") else []:
            command = [*verb.split(), *question, "--json"]
            told = [re.sub(r"\d+", "0", everything.run(*command, "--lang", language).out)
                    for language in ("en", "zh")]
            assert told[0] == told[1] != "", command


def test_every_verb_is_looked_at_in_chinese(edm, tmp_path):
    """Each in one of the tables, and where the table says."""
    verbs = {line[6:27].strip() for line in edm("--help").out.splitlines()
             if line.startswith("  edm ")}
    words, lists = changes(tmp_path)
    commands = [" ".join(map(str, [*command, ""])) for command in
                [line.split() for line in words if line.strip()] + lists]
    changed = {max((verb for verb in verbs if command.startswith(verb + " ")), key=len)
               for command in commands}
    tables = [set(TOLD), changed, set(ELSEWHERE), set(UNTOLD)]
    assert len(verbs) > 70 and sum(map(len, tables)) == len(set().union(*tables))
    assert set().union(*tables) == verbs
    for verb, where in ELSEWHERE.items():
        text = (ROOT / f"tests/scenario/{where}.py").read_text()
        assert '"' + verb.split()[0] + '"' in text and '"zh"' in text, verb


def test_the_first_and_the_last_command_speak_chinese(build, tmp_path_factory):
    program = Program(build, tmp_path_factory.mktemp("d"))
    try:
        said = [program("init", "--lang", "zh").out.replace(str(program.data), ""),
                program("init", "--lang", "zh").out.replace(str(program.data), "")]
        assert "数据库：自带，位于数据目录中（已创建）" in said[0] and "已是最新" in said[1]
        assert [english_in(text) for text in said] == [[], []]
        refused = program.run("down", "--purge", "--lang", "zh").err
        assert refused.startswith("edm: 将删除 ") and "请加 --yes" in refused
    finally:
        assert program("down", "--purge", "--yes", "--lang", "zh").out == "自带的数据库已停止并删除\n"
    assert "中没有自带的数据库" in program.run("down", "--lang", "zh").err


def test_what_is_exported_and_forgotten_is_said_in_chinese(everything, tmp_path):
    said = everything("list", "export", "customers", "--output", tmp_path / "out", "--lang", "zh")
    assert said.out.endswith("：2 名成员，名单 customers\n")
    said = everything("limit", "forget", "mx1/qq", "--lang", "zh").out
    assert "mx1/qq 已清除：" in said and english_in(said) == []
    said = everything("limit", "forget", "mx1/corp", "--lang", "zh").out
    assert "mx1/corp 已清除：收件方要求的暂停发送" in said and english_in(said) == []


def test_sending_once_more_is_asked_in_chinese(edm, database):
    rows = LedgerRows(database, "spring", state=5)
    rows.insert("content", campaign_id=rows.campaign, version=1, from_address="a@example.com",
                subject="Hello")
    rows.chunk(0, "tail", ["ann@example.org"])
    rows.settle("ann@example.org", "unknown", "unknown", "reply-lost")
    resend = ["campaign", "resend", "spring", "--state", "unknown", "--lang", "zh"]
    assert edm.run(*resend).err.startswith("edm: 将向任务 spring 的 1 人再发一次，")
    assert english_in(edm(*resend, "--yes").out) == []
    assert "无需重发" in edm.run(*resend).err


def test_a_typed_time_is_asked_about_with_its_zone(everything):
    at = ["--since", "2026-01-01 09:00"]
    for more, en, zh in (
        ([], "Taking 1 suppression back, those since 2026-01-01 09:00:00 UTC needs --yes",
         "将撤销 1 条抑制（自 2026-01-01 09:00:00 Asia/Shanghai 起）"),
        (["--before", "2036-01-01 09:00"], "those since 2026-01-01 09:00:00 UTC and before 2036",
         "（自 2026-01-01 09:00:00 Asia/Shanghai 起，2036-01-01 09:00:00 Asia/Shanghai 之前）"),
    ):
        assert en in everything.run("suppress", "undo", *at, *more).err
        assert zh in everything.run("suppress", "undo", *at, *more, "--lang", "zh").err
        assert "09:00:00 Europe/Berlin" in everything.run(
            "suppress", "undo", *at, *more, "--tz", "Europe/Berlin").err


def test_there_is_nothing_to_show(edm):
    for verb in TOLD:
        if TOLD[verb][0] == [] and verb != "doctor":
            said = edm(*verb.split(), "--lang", "zh").out
            assert english_in(said) == [] and re.search("[\u4e00-\u9fff]", said), said


def test_refusals_questions_and_warnings_are_chinese(everything, tmp_path):
    for want, *command in (
        ("没有任务 'nobody'；edm campaign show 可列出全部", "campaign", "show", "nobody"),
        ("将移除名单 customers 及其 2 名成员：此处无法询问，请加 --yes", "list", "remove",
         "customers"),
        ("没有服务商配置改动 77", "provider", "undo", "77"),
        ("'qq' 不是服务商配置改动的编号；见 edm provider show", "provider", "undo", "qq"),
        ("'qq' 不是限制编号；见 edm limit show", "limit", "undo", "qq"),
        ("--reset 不能与 --for 同用：要恢复所取消的内容，请用 edm provider undo", "provider", "set", "qq",
         "--reset", "--for", "2h"),
        ("没有选项 --what；用法：edm pauses --help", "pauses", "--what"),
        ("resend 须加 --state unknown；", "campaign", "resend", "winter"),
        ("--map：没有列 \"foo\"；列有 邮箱", "list", "import", write(tmp_path / "map", "邮箱,名\na@b.c,d\n"),
         "--list", "l", "--map", "foo=email"),
        ("/nope：没有这个文件", "pauses", "--config", "/nope"),
        ("--unknown 应为 hold 或 retry，不是 'x'", "campaign", "edit", "spring", "--unknown", "x"),
        ("--state 须与 --audience-of OTHER 同用", "campaign", "create", "summer", "--state",
         "bounced", "--from", "li@shop.example", "--subject", "x", "--text", "-"),
        ("任务 winter 状态为已暂停：不能 start；可以：resume, cancel", "campaign", "start", "winter"),
    ):
        refused = everything.run(*command, "--lang", "zh")
        assert refused.code != 0 and refused.err.startswith(f"edm: {want}"), refused.err
    assert everything.run("pauses", "--what", LC_ALL="zh_CN.UTF-8").err.startswith("edm: 没有选项")
    warned = everything("limit", "set", "--node", "n9", "rate=1/s", "--lang", "zh").err
    assert warned == "警告：没有节点 'n9'（edm node list）；同名节点运行时才生效\n"


def test_names_of_files_and_reasons_are_told_as_they_are_given(edm, database, tmp_path):
    disk = write(tmp_path / "disk", "email\nli@qq.com\n")
    asked = edm.run("list", "import", disk, "--list", "customers", "--lang", "zh")
    assert asked.out.startswith("disk：") and "将把 disk 导入名单 customers" in asked.err
    edm("list", "import", disk, "--list", "customers", "--yes")
    asked = edm.run("list", "import", "-", "--list", "customers", "--lang", "zh",
                    stdin="email\nli@qq.com\n")
    assert asked.out.startswith("标准输入：") and "将把 标准输入 导入名单 customers" in asked.err
    edm("list", "import", "-", "--list", "customers", "--yes", stdin="email\nan@qq.com\n")
    shown = edm("list", "show", "customers", "--lang", "zh").out
    assert " disk " in shown and "标准输入" in shown and "standard input" not in shown
    edm("campaign", "create", "spring", "--list", "customers", "--from", "li@shop.example",
        "--subject", "春天", "--text", "-", "--unsigned", stdin="你好")
    database.query("UPDATE campaign SET state = 4, reason = 1, started_at = now(),"
                   " reason_text = 'database'")
    assert "：database" in edm("campaign", "show", "spring", "--lang", "zh").out


def changes(tmp_path):
    """A command of each verb that changes something, in an order in which they can be said."""
    rules = write(tmp_path / "rules.json", json.dumps({"rules": [RULE]}))
    people = write(tmp_path / "people.csv", "email,姓名\nli@qq.com,李\nwang@gmial.com,王\n坏,无\n")
    create = ["--from", "li@shop.example", "--subject", "春天", "--text", "-", "--unsigned"]
    return """
        source add 127.0.0.10 --name mx1 --ehlo mx1.example.com
        source set mx1 --weight 3 | source drain mx1 | source set mx1 --active
        limit set --provider qq connections=5 | limit set --provider qq rate=1/s --for 2h
        limit unset --provider qq | limit undo
        pause --provider qq --for 2h | pause --provider qq | resume --provider qq | resume --all
        warmup plan mx1 --target 5000 | warmup hold mx1/qq | warmup advance mx1/qq
        warmup hold mx1/qq --release | warmup plan mx1 --off
        provider set corp --mx .mx.corp.example connections=2 | provider set qq connections=3
        provider set qq connections=2 tls=required --for 2h | provider undo | provider undo
        provider set qq --reset | provider undo
        provider set corp tls=verified | provider undo
        route set a.test 192.0.2.10:25 | route set * 192.0.2.11:25 | route remove a.test
        domain add shop.example | domain set shop.example --feedback-id 7
        domain key shop.example --selector edm1 | domain key shop.example --retire edm1
        config set retry.schedule 5min | config unset retry.schedule
        suppress add li@qq.com | suppress remove li@qq.com --yes
        node drain n1 | node drain n1 --undo | node remove n3 --yes
    """.replace("\n", "|").split("|"), [
        ["rules", "add", rules], ["rules", "remove", "corp.full"],
        ["rules", "remove", "any.virus"], ["rules", "restore", "any.virus"],
        ["rules", "apply", "--since", "2026-01-01 09:00"],
        ["list", "import", people, "--list", "customers", "--dry-run"],
        ["list", "import", people, "--list", "customers", "--yes"],
        ["suppress", "import", people, "--yes"], ["suppress", "undo", "--import", "3", "--yes"],
        ["campaign", "create", "spring", "--list", "customers", *create],
        ["campaign", "edit", "spring", "--window", "09:00-18:00", "--text", "-"],
        ["campaign", "schedule", "spring", "--at", "2030-01-01 09:00", "--grace", "2h"],
        ["campaign", "unschedule", "spring"], ["campaign", "start", "spring", "--yes"],
        ["campaign", "pause", "spring"], ["campaign", "resume", "spring"],
        ["campaign", "cancel", "spring", "--yes"], ["list", "undo", "2", "--yes"],
        ["domain", "remove", "shop.example", "--yes"], ["source", "remove", "mx1", "--yes"],
        ["list", "remove", "customers", "--yes"]]


def test_what_was_changed_is_said_in_chinese(edm, database, tmp_path):
    add_nodes(database)
    words, lists = changes(tmp_path)
    left = {}
    for command in [line.split() for line in words if line.strip()] + lists:
        done = edm(*command, "--lang", "zh", stdin="你好")
        print("$", *command, "\n" + done.out, done.err)
        left[tuple(command)] = english_in(done.out + done.err)
    assert {command: words for command, words in left.items() if words} == {}

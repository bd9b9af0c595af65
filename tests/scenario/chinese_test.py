# SPDX-License-Identifier: MIT
"""Everything people read is Chinese with --lang zh, and stands in columns; JSON stays as it is.

What may stay in Latin letters: names that were given, commands and options to type, numbers as they
are typed (connections=5), and the field's own abbreviations.
"""

import json
import re
import unicodedata

import pytest

REPLY = "550 5.7.1 slow down"
TOLD = {  # the command of each verb that shows something, and what makes it worth reading
    "pauses": ["pauses"],
    "limit show": ["limit", "show"],
    "warmup show": ["warmup", "show"],
    "node list": ["node", "list"],
    "node show": ["node", "show", "n1"],
    "source show": ["source", "show"],
}
NAMES = set("""default mx1 mx2 qq gmail corp spring news customers li tester here news.shop.example n1 n2 n3
    n4""".split())
TERMS = set("""IP IPv4 EHLO DNS SPF DKIM DMARC PTR MX TLS AUTH UTC HTML VERP SMTP CSV MiB NTP
    GB18030 UTF""".split())
GIVEN = re.compile(r"""
    \bedm\ [ -~]*                   # a command
  | --[a-z][a-z-]*                  # an option
  | [\w-]+=\S+                      # connections=5
  | \S*[A-Za-z0-9][.@/]\S*          # a host, an address, a lane, a time
  | \{\{.*?\}\}                     # a variable
""", re.X)


def english_in(text):
    """Words that should have been said in Chinese."""
    left = GIVEN.sub(" ", text.replace(REPLY, ""))
    return [word for word in re.findall(r"[A-Za-z][A-Za-z0-9'’-]+", left)
            if word not in NAMES | TERMS]


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


@pytest.fixture
def everything(edm, database):
    """Something of every kind to show."""
    edm("source", "add", "127.0.0.10", "--name", "mx1", "--ehlo", "mx1.example.com")
    edm("source", "add", "127.0.0.11", "--name", "mx2", "--ehlo", "mx2.example.com")
    edm("provider", "set", "corp", "--mx", ".mx.corp.example", "connections=2")
    edm("list", "import", "-", "--list", "customers", "--yes",
        stdin="email,姓名\nli@qq.com,李\nan@corp.example,安\n")
    edm("campaign", "create", "spring", "--list", "customers", "--from", "li@shop.example",
        "--subject", "春天", "--text", "-", "--unsigned", stdin="你好 {{ 姓名 }}")
    add_nodes(database)
    add_lanes(database)
    add_limits(edm)
    add_pauses(edm, database)
    edm("warmup", "plan", "mx1", "--target", "50000")
    edm("warmup", "plan", "mx2", "--steps", "50,100")
    edm("warmup", "hold", "mx1/qq")
    edm("source", "drain", "mx2")
    return edm


@pytest.mark.parametrize("verb", TOLD)
def test_what_people_read_is_chinese_and_in_columns(everything, verb):
    out = everything(*TOLD[verb], "--lang", "zh").out
    assert english_in(out) == [], out
    for table in out.split("\n\n"):
        caption, *rows = table.splitlines()
        for line in rows:
            assert_in_columns(caption, line)
    english = everything(*TOLD[verb]).out
    assert not re.search(r"[\u4e00-\u9fff]", english.replace("姓名", "").replace("春天", ""))

# SPDX-License-Identifier: MIT
"""Campaigns from the command line with a node that runs and a receiver that answers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sink"))
from edm_sink import Sink  # noqa: E402

from support.waiting import until  # noqa: E402

PEOPLE = 120


@pytest.fixture
def sink(build, tmp_path, monkeypatch):
    """A receiver for everybody."""
    monkeypatch.setattr("edm_sink.PROGRAM", str(build / "bin/edm-sink"))
    receiver = Sink(tmp_path, config={"profiles": {"default": {
        "rcpt": [{"match": "mistyped", "reply": "550 5.1.1 User unknown"}]}}})
    yield receiver
    receiver.stop()


@pytest.fixture
def ready(edm, sink, tmp_path):
    """A source, a route to the sink, a list, and a draft called spring."""
    (tmp_path / "p.csv").write_text(
        "email,name\n" + "".join(f"u{i}@example.org,N{i}\n" for i in range(PEOPLE))
    )
    (tmp_path / "h.html").write_text("<p>hi {{ name }}</p>")
    host, port = sink.addresses[0]
    edm("source", "add", "127.0.0.1", "--name", "mx1", "--ehlo", "mx1.example.com")
    edm("route", "set", "*", f"{host}:{port}", "--tls", "none")
    edm("list", "import", tmp_path / "p.csv", "--list", "l", "--yes")
    edm(
        "campaign",
        "create",
        "spring",
        "--list",
        "l",
        "--from",
        "a@shop.example",
        "--subject",
        "v1",
        "--html",
        tmp_path / "h.html",
        "--unsigned",
    )
    return edm


@pytest.fixture
def node(ready, tmp_path):
    """A running node, registered."""
    command = [ready.path, "run", "--node", "n1", "--data", ready.data, "--database", ready.url]
    with open(tmp_path / "node.log", "wb") as log:
        process = subprocess.Popen(
            list(map(str, command)), stdout=log, stderr=log, env=dict(os.environ)
        )
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0, (tmp_path / "node.log").read_text()


def test_a_test_message_prints_the_reply_and_a_campaign_ends_by_itself(ready, node, sink, database):
    # The first verb waits for the node: no campaign starts before there is one to take it.
    ready("campaign", "start", "spring", "--yes")
    ready("campaign", "wait", "spring", "--timeout", "50")
    shown = ready("campaign", "show", "spring", "--json").json
    assert (shown["state"], shown["audience"], shown["delivered"]) == ("finished", PEOPLE, PEOPLE)
    assert shown["complete"] and shown["finished_at"]
    result = ready("campaign", "test", "spring", "me@example.net", "--json").json
    assert (result["state"], result["code"], result["stage"]) == ("delivered", 250, "dot")
    assert database.value("SELECT count(*) FROM campaign WHERE hidden") == 1


def test_a_test_shows_the_whole_reply_and_that_the_address_is_suppressed(
        ready, node, database, tmp_path):
    alive = "SELECT count(*) FROM node WHERE lease_until > now() AND state = 1"
    until(lambda: database.value(alive) == 1, 30, "the node")
    told = ready.run("campaign", "test", "spring", "mistyped@example.net")
    assert told.code == 1 and "  550 5.1.1 User unknown\n" in told.out
    assert ("mistyped@example.net is suppressed now, everywhere; if that is wrong: edm suppress "
            "remove mistyped@example.net --cause bounced\n") in told.out
    assert "enhanced=5.1.1" in (tmp_path / "node.log").read_text()
    ready("suppress", "remove", "mistyped@example.net", "--cause", "bounced", "--yes")
    told = ready.run("campaign", "test", "spring", "mistyped@example.net", "--json").json
    assert (told["code"], told["enhanced"], told["suppressed"]) == (550, "5.1.1", True)
    ready("suppress", "remove", "mistyped@example.net", "--cause", "bounced", "--yes")
    told = ready.run("campaign", "test", "spring", "mistyped@example.net", "--lang", "zh")
    assert told.out.startswith("mistyped@example.net：退信，主机 ") and "，阶段 rcpt，" in told.out
    assert "现已全局抑制" in told.out and "测试邮件未送达（退信）" in told.err
    told = ready("campaign", "test", "spring", "me@example.net", "--json").json
    assert (told["enhanced"], told["suppressed"]) == ("2.0.0", False)


def test_a_test_says_at_once_that_all_is_paused(ready, node, database):
    alive = "SELECT count(*) FROM node WHERE lease_until > now() AND state = 1"
    until(lambda: database.value(alive) == 1, 30, "the node")
    ready("pause", "--all")
    said = ready.fails(4, "campaign", "test", "spring", "me@example.net")
    assert "it cannot be sent: all mail is paused by " in said
    left = "SELECT count(*) FROM list WHERE hidden AND removed_at IS NULL"
    assert database.value(left) == 0


def test_pause_edit_resume_cancel_while_it_is_sent(ready, node):
    ready("limit", "set", "--source", "mx1", "rate=20/s")
    ready("campaign", "start", "spring", "--yes")
    shown = {"delivered": 0}
    until = time.monotonic() + 50
    while shown["delivered"] == 0 and time.monotonic() < until:
        shown = ready("campaign", "show", "spring", "--json").json
    ready("campaign", "pause", "spring", "--because", "typo")
    edited = ready("campaign", "edit", "spring", "--subject", "v2", "--json").json
    assert edited["content_version"] == 2 and edited["get_new"] > 0 and edited["keep_old"] == 0
    ready("campaign", "resume", "spring")
    ready("campaign", "pause", "spring")
    ready("campaign", "cancel", "spring", "--yes")
    shown = ready("campaign", "show", "spring", "--json").json
    assert shown["state"] == "cancelled" and shown["audience"] == PEOPLE

# SPDX-License-Identifier: MIT
"""init, down, sql, version, help: what a newcomer types first."""

import os
import subprocess
from pathlib import Path

import pytest

from support.program import Program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def private(build, tmp_path_factory):
    """The program with a private database, removed afterwards."""
    program = Program(build, tmp_path_factory.mktemp("d"))
    yield program
    program.run("down", "--purge", "--yes")


def test_init_makes_a_private_database_and_down_removes_it(private):
    assert "edm init" in private.fails(3, "sql", "SELECT 1")
    first = private("init", "--json").json
    assert first["private"] and first["created"] and first["migrations"] >= 5
    again = private("init", "--json").json
    assert not again["created"] and again["migrations"] == 0
    assert (private.data / "node.key").stat().st_mode & 0o777 == 0o600
    assert "tester" in private("sql", "SELECT actor FROM event").out
    private("down")
    assert "1 row" in private("sql", "SELECT 1").out, "any command starts it again"
    assert "needs --yes" in private.fails(4, "down", "--purge")
    private("down", "--purge", "--yes")
    assert "no private database" in private.fails(3, "down")


@pytest.mark.parametrize("url, code, words", [
    ("foo://x", 2, "'foo://x' is no URL of a database: it begins with postgresql://"),
    ("edm", 2, "'edm' is no URL of a database"),
    ("postgresql://edm@127.0.0.1:1/edm", 1, "does it run, and is postgresql://edm@127.0.0.1:1/edm"
     " right (--database, else EDM_DATABASE_URL)?"),
    ("host=127.0.0.1 port=1", 1, "does it run"),
])
def test_a_database_that_is_not_there(build, tmp_path, url, code, words):
    said = Program(build, tmp_path, url).fails(code, "node", "list")
    assert words in said and "\t" not in said and len(said.splitlines()) == 1


def test_a_data_directory_that_is_a_file(build, tmp_path, database):
    file = tmp_path / "file"
    file.write_text("")
    where = [["node", "list"], ["init"], ["down"], ["init", "--database", database.url]]
    for words in where:
        run = subprocess.run([build / "bin/edm", *words, "--data", file], capture_output=True,
                             text=True, timeout=20, cwd="/")
        assert run.returncode == 2 and f"{file} is no directory" in run.stderr, run.stderr


def test_a_data_directory_of_somebody_else(build, tmp_path):
    """Nobody may look into it: whether there is a database is not known."""
    data = tmp_path / "closed"
    data.mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    for words in (["node", "list"], ["down"]):
        run = subprocess.run([build / "bin/edm", *words, "--data", data], capture_output=True,
                             text=True, timeout=20, cwd="/", **user)
        assert run.returncode == 1 and "permission denied" in run.stderr, run.stderr
        assert str(data) in run.stderr and "edm init" not in run.stderr


def test_init_of_a_named_database(build, tmp_path, empty_database):
    program = Program(build, tmp_path, empty_database.url)
    assert program("init", "--json").json["private"] is False
    assert empty_database.value("SELECT count(*) FROM edm.installation") == 1
    assert "not edm's to stop" in program.fails(4, "down")


def test_down_refuses_while_a_node_runs(private):
    private("init")
    private(
        "sql",
        "INSERT INTO node(name, journal, host, pid, lease_until)"
        " VALUES ('mx1', gen_random_uuid(), 'here', 42, now() + interval '1 hour')",
    )
    assert "node mx1 is running on here (process 42)" in private.fails(4, "down")
    private("sql", "DELETE FROM node")
    private("down")


def test_help_lists_its_topics_and_every_page_opens(private):
    listing = private("help").out
    topics = [line.split()[0] for line in listing.splitlines() if line.startswith("  ")]
    assert "start" in topics
    for topic in topics:
        assert private("help", topic).out.startswith("# ")
    assert "edm help lists the topics" in private.fails(3, "help", "nothing")
    usage = private("help", "campaign", "create").out
    assert usage.startswith("Usage: edm campaign create NAME") and "--subject" in usage
    assert "edm campaign start" in private("help", "campaign").out
    assert private("help", "init").out.startswith("Usage: edm init")
    assert "there is no 'campaign destroy'" in private.fails(2, "help", "campaign", "destroy")
    assert private("version", "--json").json["version"]
    assert private("--version").out == private("version").out


@pytest.mark.parametrize("verb", ["build", "test", "demo"])
def test_the_launcher_says_what_its_verbs_do(verb):
    """… and does none of it: that would take minutes."""
    run = subprocess.run([ROOT / "edm", verb, "--help"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 0 and run.stderr == ""
    assert verb in run.stdout or "check" in run.stdout

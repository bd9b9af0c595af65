# SPDX-License-Identifier: MIT
"""README.md is true: its commands are run in their order, as they stand, by a shell in a directory
where ./edm is the launcher. Only the block of export lines is replaced: the addresses, domain and
database of the reader become loopback ones, and edm.conf in the data directory names their DNS and
port. Between two blocks we play the reader who publishes DNS rows.

A comment before each block says what becomes of it; one without is a mistake.
"""
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from support.campaign import NET, PORT
from support.nsd import Nsd
from support.waiting import until

import edm_sink  # support.campaign knows the way

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?```(?:sh|console|bash)\n(.*?)```", re.S)
PATH = re.compile(r"`((?:engine|ip-pool|lists|scheduler|schemas|tests|\.ci)/[\w./-]*)`")
DOMAIN = "news.readme.test"
SOURCES = {"mx1": f"{NET}.201", "mx2": f"{NET}.202"}
SECONDS = 120


def blocks():
    return [(mark, text) for mark, text in BLOCK.findall(README)]


class Reader:
    """Somebody who follows the README."""

    def __init__(self, directory, build, database_url):
        self.directory = directory
        self.yours = {
            "EDM_DATABASE_URL": database_url,
            "EDM_DATA": str(directory / "data"),
            "DOMAIN": DOMAIN,
            "FIRST": SOURCES["mx1"],
            "SECOND": SOURCES["mx2"],
            "ME": "me@one.readme.test",
            "FRIEND": "friend@two.readme.test",
        }
        self.environment = {**os.environ, **self.yours, "EDM_BUILD": str(build)}
        (directory / "edm").symlink_to(ROOT / "edm")
        self.dns = Nsd(directory / "nsd")
        self.sink = None
        self.second_terminal = None

    def prepare_world(self, build):
        for domain in ("one.readme.test", "two.readme.test"):
            self.dns.domain(domain, mx=[(10, f"mx.{domain}", f"{NET}.203")])
        self.dns.start()
        edm_sink.PROGRAM = str(build / "bin/edm-sink")
        self.sink = edm_sink.Sink(self.directory, "--verify-rcpt", listen=[f"{NET}.203:{PORT}"])
        data = self.directory / "data"
        data.mkdir()
        (data / "edm.conf").write_text(f"smtp.port = {PORT}\ndns.servers = {self.dns.servers}\n"
                                       "dns.allow = 127.0.0.0/8\n")

    def type(self, text):
        """Types a block into the terminal; what it printed."""
        done = subprocess.run(["bash", "-euc", text], cwd=self.directory, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout

    def publish(self):
        """The rows that domain check asks for, and those everybody's DNS has of the machine."""
        done = subprocess.run(["./edm", "domain", "check", DOMAIN, "--json"], cwd=self.directory,
                              env=self.environment, stdout=subprocess.PIPE, check=False,
                              timeout=SECONDS)
        for row in json.loads(done.stdout)["rows"]:
            if row["type"] == "TXT" and row["publish"]:
                strings = re.findall(".{1,255}", row["publish"])
                self.dns.record(row["name"], "TXT", " ".join(f'"{one}"' for one in strings))
        for name, address in SOURCES.items():
            reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
            self.dns.host(f"{name}.{DOMAIN}", address)
            self.dns.record(reverse, "PTR", f"{name}.{DOMAIN}.")
        self.dns.record(DOMAIN, "MX", f"10 mx1.{DOMAIN}.")
        self.dns.reload()

    def type_in_second_terminal(self, text):
        log = open(self.directory / "second.log", "wb")
        self.second_terminal = subprocess.Popen(["bash", "-euc", text], cwd=self.directory,
                                                env=self.environment, stdin=subprocess.DEVNULL,
                                                stdout=log, stderr=log, start_new_session=True)
        log.close()
        until(lambda: "event=node_running" in (self.directory / "second.log").read_text(),
              SECONDS, "the node runs")

    def leave(self):
        if self.second_terminal is not None:
            os.killpg(self.second_terminal.pid, signal.SIGTERM)
            self.second_terminal.wait(SECONDS)
        self.dns.stop()


@pytest.fixture
def reader(tmp_path, build, empty_database):
    reader = Reader(tmp_path, build, empty_database.url)
    reader.prepare_world(build)
    yield reader
    reader.leave()
    reader.sink.stop()


def test_the_first_campaign(reader):
    said = ""
    for mark, text in blocks():
        if mark.startswith("yours"):
            assert set(re.findall(r"^export (\w+)=", text, re.M)) == set(reader.yours)
        elif mark.startswith("tested: the second terminal"):
            reader.type_in_second_terminal(text)
        elif mark.startswith("tested"):
            if "after the rows are published" in mark:
                reader.publish()
            said += reader.type(text)
    assert "✗" not in said
    assert re.search(r"delivered +2 +100", said), said
    got = [event["rcpt"] for event in reader.sink.events("accepted")]
    me, friend = reader.yours["ME"], reader.yours["FRIEND"]
    assert sorted(got) == [friend, me, me]  # the trial letter, and everybody's


def test_every_block_says_how_it_is_tested():
    known = ("tested", "yours: ", "runs in tests/", "what .ci/run runs")
    assert len(blocks()) > 10
    for mark, text in blocks():
        assert mark.startswith(known), text


def test_what_it_names_is_there():
    named = set(PATH.findall(README))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []

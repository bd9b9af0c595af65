# SPDX-License-Identifier: MIT
"""Setting up: the private PostgreSQL, the migrations, and what doctor says about a machine."""
import json
import os
import pathlib
import signal
import subprocess
import time

import psycopg2
import pytest

from support.program import Program


class Setup:
    """The setup tool with a data directory of its own."""

    def __init__(self, build, data):
        self.program = str(build / "tools" / "edm_setup")
        self.data = data
        self.env = {"PATH": os.environ["PATH"], "EDM_DATA": str(data), "HOME": str(data)}

    def start(self, *arguments, **env):
        return subprocess.Popen([self.program, *arguments], env={**self.env, **env},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, want=0, **env):
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=90)
        assert process.returncode == want, err
        return out.strip() if want == 0 else err.strip()

    def doctor(self, *settings, **env):
        report = json.loads(self.run("doctor", *settings, **env))
        found = {}
        for finding in report["findings"]:
            found.setdefault(finding["check"], []).append((finding["level"], finding["text"]))
        return report["level"], found

    def query(self, sql):
        connection = psycopg2.connect(self.run("url"))
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def postmaster(self):
        home = (self.data / "postgres").resolve()
        return int((home / "data" / "postmaster.pid").read_text().splitlines()[0])


def wait_until_gone(pid, seconds=60):
    """Until process 1 has reaped it: PostgreSQL takes a zombie for a running server."""
    until = time.monotonic() + seconds
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < until, f"process {pid} is not reaped"
        os.sched_yield()


@pytest.fixture
def setup(build, tmp_path):
    one = Setup(build, tmp_path / "data")
    yield one
    if one.data.exists():
        one.run("purge")


def test_a_private_database_lives_and_ends(setup):
    assert "run edm init" in setup.run("start", want=3)
    setup.run("create")
    home = (setup.data / "postgres").resolve()
    pid = setup.postmaster()
    owner = pathlib.Path(f"/proc/{pid}").stat().st_uid
    assert owner != 0
    assert home.stat().st_uid == owner and home.stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert home.parent == pathlib.Path("/var/lib/edm")
        assert (setup.data / "postgres").is_symlink()
    assert setup.query("SELECT current_setting('listen_addresses')") == [("",)]
    setup.run("start")
    assert setup.postmaster() == pid, "a second start leaves it alone"
    setup.run("stop")
    assert not (home / "data" / "postmaster.pid").exists()
    setup.run("stop")
    setup.run("start")
    assert setup.query("SELECT current_database()") == [("edm",)]
    setup.run("purge")
    assert not home.exists()
    assert not os.path.lexists(setup.data / "postgres")
    assert "run edm init" in setup.run("start", want=3)


def test_concurrent_first_starts_make_one(setup):
    processes = [setup.start("create") for _ in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=90)
        assert process.returncode == 0, err
    assert setup.query("SELECT 1") == [(1,)]


def test_a_killed_server_is_started_again(setup):
    setup.run("create")
    connection = psycopg2.connect(setup.run("url"))
    connection.cursor().execute("CREATE TABLE kept (n int)")
    connection.commit()
    pid = setup.postmaster()
    os.kill(pid, signal.SIGKILL)
    connection.close()
    wait_until_gone(pid)
    setup.run("start")
    assert setup.postmaster() != pid
    assert setup.query("SELECT count(*) FROM kept") == [(0,)]


def test_migrations_once_however_many_try(setup, empty_database):
    url = {"EDM_DATABASE_URL": empty_database.url}
    processes = [setup.start("migrate", **url) for _ in range(3)]
    applied = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        applied.append(int(out))
    assert sorted(applied)[:2] == [0, 0]
    assert max(applied) == empty_database.value("SELECT count(*) FROM edm.migration")
    key = empty_database.value("SELECT rid_key::text FROM edm.installation")
    assert setup.run("migrate", **url) == "0"
    assert empty_database.value("SELECT rid_key::text FROM edm.installation") == key


def test_a_database_of_a_newer_engine_is_refused(setup, empty_database):
    url = {"EDM_DATABASE_URL": empty_database.url}
    setup.run("migrate", **url)
    empty_database.query("INSERT INTO edm.migration (version, name, min_engine)"
                         " VALUES (9999, 'later', '99.0.0')")
    assert "99.0.0" in setup.run("migrate", want=4, **url)


def test_a_migration_changed_after_it_was_applied_is_refused(setup, empty_database):
    url = {"EDM_DATABASE_URL": empty_database.url}
    setup.run("migrate", **url)
    assert empty_database.value("SELECT bool_and(length(checksum) = 64) FROM edm.migration")
    empty_database.query("UPDATE edm.migration SET checksum = repeat('0', 64) WHERE version = 2")
    assert "0002" in setup.run("migrate", want=4, **url)


def test_the_database_is_chosen_by_url_or_is_private(setup):
    assert setup.run("url").startswith("postgresql:///edm?")
    assert setup.run("url", EDM_DATABASE_URL="postgresql://") == "postgresql://"
    assert setup.run("url", EDM_DATABASE_URL="").startswith("postgresql:///edm?")


def test_doctor_before_anything_is_there(setup, dns):
    dns.start()
    level, found = setup.doctor(f"dns.servers={dns.servers}")
    assert level == "fail"
    assert found["database"][0][0] == "fail" and "edm init" in found["database"][0][1]
    assert found["disk"][0][0] == "fail"
    assert found["dns"][0][0] == "warn", "this server does not know the world"


def test_doctor_looks_at_sources_and_their_names(setup, dns, empty_database):
    dns.domain("gmail.com", mx=[(5, "mx.gmail.com", "127.0.0.9")])
    dns.record("2.0.0.127.in-addr.arpa", "PTR", "mx2.example.test.")
    dns.host("mx2.example.test", "127.0.0.2")
    dns.record("3.0.0.127.in-addr.arpa", "PTR", "other.example.test.")
    dns.host("other.example.test", "127.0.0.3")
    dns.record("4.0.0.127.in-addr.arpa", "PTR", "elsewhere.example.test.")
    dns.host("elsewhere.example.test", "127.0.0.99")
    dns.record("6.0.0.127.bl.test", "A", "127.0.0.3")
    dns.record("6.0.0.127.shy.test", "A", "127.255.255.254")
    dns.start()
    setup.data.mkdir()
    url = {"EDM_DATABASE_URL": empty_database.url}
    setup.run("migrate", **url)
    for n in (2, 3, 4, 5, 6):
        empty_database.query("INSERT INTO edm.source (name, address, ehlo)"
                             f" VALUES ('mx{n}', '127.0.0.{n}', 'mx{n}.example.test')")
    empty_database.query("INSERT INTO edm.source (name, address, ehlo)"
                         " VALUES ('gone', '192.0.2.1', 'gone.example.test')")
    settings = [f"dns.servers={dns.servers}", "dns.allow=127.0.0.0/8", "budget.sessions=10",
                "sources.dnsbl=bl.test, shy.test, gone.test"]
    level, found = setup.doctor(*settings, **url)
    assert level == "fail"
    (listed,) = [f for f in found["source mx6"] if "block list" in f[1]]
    assert listed[0] == "warn" and "127.0.0.6 is on the block list bl.test" in listed[1]
    (shy,) = found["block lists"]
    assert shy[0] == "warn" and shy[1].startswith("shy.test gives these name servers no answer")
    assert found["database"] == [("ok", found["database"][0][1])]
    assert found["dns"][0][0] == found["journal"][0][0] == found["open files"][0][0] == "ok"
    assert [f[0] for f in found["source gone"]] == ["fail"]
    assert [f[0] for f in found["source mx2"]] == ["ok", "ok"]
    wanted = {"mx3": "EHLO", "mx4": "does not lead back", "mx5": "no reverse name"}
    for name, words in wanted.items():
        levels = [f[0] for f in found[f"source {name}"]]
        assert levels == ["ok", "warn"] and words in found[f"source {name}"][1][1]
    assert list(setup.data.iterdir()) == []


def test_doctor_finds_dangers(setup, dns):
    dns.start()
    setup.data.mkdir()
    (setup.data / "node.key").write_bytes(b"k" * 32)
    (setup.data / "node.key").chmod(0o644)
    level, found = setup.doctor(f"dns.servers={dns.servers}", "timeout.dot_ms=1s",
                                "budget.sessions=200000", "ledger.max_open=300000")
    assert level == "fail"
    assert found["key file"][0][0] == "fail" and "chmod 600" in found["key file"][0][1]
    assert found["settings"][0][0] == "warn" and "5 minutes" in found["settings"][0][1]
    closed = "dns.servers=127.0.0.1:9"
    assert setup.doctor(closed, "dns.attempt_ms=50", "dns.total_ms=50")[1]["dns"][0][0] == "fail"


def test_settings_come_from_all_their_places(setup, empty_database):
    url = {"EDM_DATABASE_URL": empty_database.url}
    setup.run("migrate", **url)
    for key, value in (("retry.schedule", "1min,1h"), ("smtp.tls", "required"),
                       ("ledger.overdue_ms", "9s"), ("of.a.newer.engine", "1"), ("workers", "3")):
        empty_database.query("INSERT INTO edm.setting (key, value, set_by)"
                             f" VALUES ('{key}', '{value}', 'ann')")
    setup.data.mkdir()
    conf = setup.data / "edm.conf"
    conf.write_text("# this node\nworkers = 2\nsmtp.tls = none\nsmtp.port = 2525\n")
    assert setup.run("settings", "smtp.port=26", **url).splitlines() == [
        f"workers = 2  # {conf}:2",
        "smtp.port = 26  # --set",
        f"smtp.tls = none  # {conf}:3",
        "retry.schedule = 1min,1h  # shared, set by ann",
        "ledger.overdue_ms = 9s  # shared, set by ann",
    ]
    conf.write_text("workers = many\n")
    assert "edm.conf:1: workers = many" in setup.run("settings", want=1, **url)
    conf.write_text("ledger.beat_ms = 9s\n")
    assert "a third of" in setup.run("settings", want=1, **url)


def test_an_unreadable_configuration_is_an_error(setup):
    setup.data.mkdir()
    (setup.data / "edm.conf").mkdir()
    assert "edm.conf" in setup.run("doctor", want=1)


def test_the_verb_doctor(build, tmp_path, dns, empty_database):
    dns.domain("gmail.com", mx=[(5, "mx.gmail.com", "127.0.0.9")])
    dns.start()
    edm = Program(build, tmp_path / "data", empty_database.url)
    servers = f"dns.servers={dns.servers}"
    assert "edm init" in edm.run("doctor", "--set", servers).out
    edm("init")
    low = ("--set", servers, "--set", "budget.sessions=10")
    report = edm("doctor", "--json", *low).json
    assert report["level"] == "warn", "there is no source"
    text = edm("doctor", *low).out
    assert "ok    dns: the name servers answer" in text
    assert "warn  sources: " in text
    many = ("--set", "budget.sessions=200000", "--set", "ledger.max_open=300000")
    assert "fail" in edm.fails(1, "doctor", "--set", servers, *many)
    assert "workers" in edm.fails(2, "doctor", "--set", "workers=many")
    assert "no key foo" in edm.fails(2, "run", "--set", "foo=1")

# SPDX-License-Identifier: MIT
"""Fixtures of the scenarios: a private PostgreSQL for the session, a migrated database a test.

The server is real, on a Unix socket only, with fsync on. As root it runs as an unprivileged user,
because PostgreSQL refuses to be root. `database` gives each test a clone of a migrated template.
"""

import ctypes
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest

from support.nsd import Nsd
from support.program import Program

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "edm_template"
PR_SET_PDEATHSIG = 1


class PrivatePostgres:
    """One cluster in a directory of its own."""

    def __init__(self):
        self.bin = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.dir = Path(tempfile.mkdtemp(prefix="edm-pg-", dir=self._base()))
        self.user = self._unprivileged_user()
        if self.user:
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.process = None
        self.numbers = itertools.count(1)

    @staticmethod
    def _base():
        """In memory where possible: what a killed server leaves is the kernel's, not the disk's."""
        if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
        return None

    @staticmethod
    def _unprivileged_user():
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")

    def _before_exec(self):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        # The server dies with the test run, whatever kills that.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    def _spawn(self, program, *args):
        with open(self.dir / "log", "ab") as log:
            return subprocess.Popen(
                [self.bin / program, *args],
                stdout=log,
                stderr=log,
                cwd=self.dir,
                preexec_fn=self._before_exec,
            )

    def init(self):
        initdb = self._spawn(
            "initdb", "-D", self.dir / "data", "-A", "trust", "-U", "edm", "-E", "UTF8", "--locale=C", "-N"
        )
        assert initdb.wait() == 0, (self.dir / "log").read_text()

    def start(self):
        self.process = self._spawn(
            "postgres",
            "-D", self.dir / "data",
            "-c", f"unix_socket_directories={self.dir}",
            "-c", "listen_addresses=",
            "-c", "max_wal_size=4GB",
            "-c", "shared_buffers=256MB",
        )  # fmt: skip
        self.connect("postgres").close()

    def stop(self, how=signal.SIGINT):
        """SIGINT stops in order; SIGQUIT is a crash."""
        self.process.send_signal(how)
        self.process.wait()

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.dir)

    def url(self, database):
        return f"postgresql:///{database}?host={self.dir}&user=edm"

    def connect(self, database, wait_s=30):
        """An autocommit connection; waits while the server starts."""
        until = time.monotonic() + wait_s
        while True:
            try:
                connection = psycopg2.connect(self.url(database), options="-c search_path=edm,pg_catalog")
                connection.autocommit = True
                return connection
            except psycopg2.OperationalError:
                if time.monotonic() > until or self._died_within(0.02):
                    raise

    def _died_within(self, seconds):
        try:
            self.process.wait(timeout=seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def run(self, database, sql):
        connection = self.connect(database)
        try:
            connection.cursor().execute(sql)
        finally:
            connection.close()

    def create_database(self, template=TEMPLATE):
        name = f"test_{next(self.numbers)}"
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return name


@pytest.fixture(scope="session")
def postgres():
    """The session's cluster, with a migrated template."""
    server = PrivatePostgres()
    server.init()
    server.start()
    server.run("postgres", f"CREATE DATABASE {TEMPLATE}")
    for migration in sorted((ROOT / "schemas/migrations").glob("*.sql")):
        server.run(TEMPLATE, migration.read_text())
        number, name = migration.stem.split("_", 1)
        server.run(TEMPLATE, f"INSERT INTO edm.migration VALUES ({int(number)}, '{name}', '0.1.0')")
    server.run(TEMPLATE, "INSERT INTO edm.installation(rid_key) VALUES (decode(repeat('5a', 16), 'hex'))")
    yield server
    server.remove()


class Database:
    """One test's database: url for the program, query for the test."""

    def __init__(self, server, name):
        self.server = server
        self.url = server.url(name)
        self.connection = server.connect(name)

    def query(self, sql, *args):
        """All rows, as tuples; [] for a statement that returns none."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *args):
        """The one value of the one row."""
        ((value,),) = self.query(sql, *args)
        return value


@pytest.fixture
def database(postgres):
    """A clone of the migrated template."""
    db = Database(postgres, postgres.create_database())
    yield db
    db.connection.close()


@pytest.fixture
def empty_database(postgres):
    """A database with nothing in it, for init and migrations."""
    db = Database(postgres, postgres.create_database(template="template0"))
    yield db
    db.connection.close()


@pytest.fixture(scope="session")
def build():
    """The build directory whose programs are tested; EDM_BUILD, else that of the dev preset."""
    return Path(os.environ.get("EDM_BUILD", ROOT / "build/dev"))


@pytest.fixture
def edm(build, tmp_path, database):
    """The program on the test's database, ready: what init does is done."""
    program = Program(build, tmp_path, database.url)
    program("init")
    return program


@pytest.fixture
def dns(tmp_path):
    """An authoritative DNS server: add records, then start() it."""
    server = Nsd(tmp_path / "nsd")
    yield server
    server.stop()

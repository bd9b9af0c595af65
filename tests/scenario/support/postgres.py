# SPDX-License-Identifier: MIT
"""A PostgreSQL of the tests' own, and one test's database in it."""

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

TEMPLATE = "edm_template"
PR_SET_PDEATHSIG = 1


class PrivatePostgres:
    """One cluster in a directory of its own; below `base`, if one is named."""

    def __init__(self, base=None, **settings):
        self.bin = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.dir = Path(tempfile.mkdtemp(prefix="edm-pg-", dir=base or self._base()))
        self.settings = {"max_wal_size": "4GB", "shared_buffers": "256MB", **settings}
        self.env = {}  # what the server sees beside ours
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
                env={**os.environ, **self.env},
                preexec_fn=self._before_exec,
            )

    def init(self, *options):
        initdb = self._spawn(
            "initdb", "-D", self.dir / "data", "-A", "trust", "-U", "edm", "-E", "UTF8",
            "--locale=C", "-N", *options,
        )
        assert initdb.wait() == 0, (self.dir / "log").read_text()

    def start(self):
        settings = {"unix_socket_directories": self.dir, "listen_addresses": "", **self.settings}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self.process = self._spawn("postgres", "-D", self.dir / "data", *options)
        self.connect("postgres").close()

    def stop(self, how=signal.SIGINT):
        """SIGINT stops in order; SIGQUIT is a crash."""
        self.process.send_signal(how)
        self.process.wait()

    def signal(self, number):
        """To the server and each of its processes: SIGSTOP hangs it, SIGCONT lets it go on."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in [pid, *map(int, children)]:
            try:
                os.kill(each, number)
            except ProcessLookupError:
                pass  # it ended meanwhile

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
                connection = psycopg2.connect(
                    self.url(database), options="-c search_path=edm,pg_catalog"
                )
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


class Database:
    """One test's database: url for the program, query for the test."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.url = server.url(name)
        self.connection = server.connect(name)

    def reconnect(self):
        """After the server was away."""
        self.connection.close()
        self.connection = self.server.connect(self.name)

    def query(self, sql, *args):
        """All rows, as tuples; [] for a statement that returns none."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *args):
        """The one value of the one row."""
        ((value,),) = self.query(sql, *args)
        return value

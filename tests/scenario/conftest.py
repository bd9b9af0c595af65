# SPDX-License-Identifier: MIT
"""Fixtures of the scenarios: a private PostgreSQL for the session, a migrated database a test.

The server is real, on a Unix socket only, with fsync on. As root it runs as an unprivileged user,
because PostgreSQL refuses to be root. `database` gives each test a clone of a migrated template.
"""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "crash"), str(TESTS / "faults")]
from checker import Checker  # noqa: E402
from support.campaign import World  # noqa: E402
from support.fleet import Fleet  # noqa: E402
from support.mailing import Mailing  # noqa: E402
from support.nsd import Nsd  # noqa: E402
from support.postgres import TEMPLATE, Database, PrivatePostgres  # noqa: E402
from support.program import Program  # noqa: E402

ROOT = TESTS.parent


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
    key = "decode(repeat('5a', 16), 'hex')"
    server.run(TEMPLATE, f"INSERT INTO edm.installation(rid_key) VALUES ({key})")
    yield server
    server.remove()


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


@pytest.fixture
def make_world(build, tmp_path, database):
    """make_world(people=…) -> a World on the test's database, closed after the test."""
    worlds = []

    def make(**options):
        worlds.append(World(build, tmp_path, database, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def check():
    """check(world, campaign) -> the Checker of tests/crash."""
    return Checker


@pytest.fixture
def mailing(build, tmp_path, database, edm, dns):
    """A node at work before a scripted receiver (support/mailing.py)."""
    one = Mailing(build, tmp_path, database, edm, dns)
    yield one
    one.close()


@pytest.fixture
def fleet(mailing):
    """Several nodes in the world of `mailing`."""
    nodes = Fleet(mailing)
    yield nodes
    nodes.close()

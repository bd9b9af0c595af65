# SPDX-License-Identifier: MIT
"""Short runs of what can befall database, network and machine (tests/faults): whatever happens,
nobody is lost, nobody gets two copies, nobody is given up, and it goes on by itself."""
import os
import subprocess
import sys

import pytest

from faults import FAULTS, ISOLATED, perform
from support.campaign import World
from support.postgres import Database
from support.program import Program
from trial import PROFILE

PEOPLE, RATE = 1200, 150
OWN_CLUSTER = {"full_disk", "full_disk_and_log"}


@pytest.mark.parametrize("name", sorted(set(FAULTS) - OWN_CLUSTER - ISOLATED))
def test_a_harm(make_world, tmp_path, name):
    world = make_world(domains=8, profile=PROFILE)
    perform(name, world, tmp_path, small=True, people=PEOPLE, rate=RATE)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
@pytest.mark.parametrize("name", sorted(OWN_CLUSTER))
def test_a_full_disk(build, tmp_path, name):
    with FAULTS[name].cluster() as server:
        server.run("postgres", "CREATE DATABASE faults TEMPLATE template0")
        database = Database(server, "faults")
        Program(build, tmp_path, database.url)("init")
        world = World(build, tmp_path, database, domains=8, profile=PROFILE)
        try:
            perform(name, world, tmp_path, small=True, people=PEOPLE, rate=RATE)
        finally:
            world.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network")
def test_a_cut_network(build):
    run = next(path for path in sys.path if path.endswith("tests/faults")) + "/run"
    subprocess.run([run, "cut", "--small", "--people", str(PEOPLE), "--rate", str(RATE),
                    "--build", build], check=True, timeout=300)

# SPDX-License-Identifier: MIT
"""What can befall a machine: few descriptors, no memory, a clock that is wrong. See faults.py."""
import os
import pathlib
import resource
import struct
from contextlib import contextmanager

from support.preload import preloading
from support.waiting import until

DECADE_S = 10 * 365 * 86400
MAPPED = 8  # octets of the file that holds the offset


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def few_descriptors(trial, small):
    """So few that only some connections can be had, to the end of the campaign."""
    pid = trial.node.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = descriptors_of(pid) - 3
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, most))
    trial.lets_pass(5 if small else 30)
    assert descriptors_of(pid) <= few + 3
    trial.resumes("descriptors were few")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    trial.resumes("there are enough")


def no_memory(trial, small):
    """It ends for want of memory and is started again: what it knew is in the journal."""
    for _ in range(1 if small else 5):
        trial.node.stop()
        trial.node.start()  # it needs memory for what it claims now
        resource.prlimit(trial.node.process.pid, resource.RLIMIT_DATA, (1 << 20, 1 << 20))
        trial.node.wait_for_end()
        trial.check.after_kill(trial.node)
        trial.node.start()
        trial.resumes("an end without memory")


class WallClock:
    """The wall clock of processes that are started with `env`; steps while they run."""

    def __init__(self, world, directory):
        self.file = pathlib.Path(directory, "offset")
        self.file.write_bytes(bytes(MAPPED))
        self.env = preloading(world.build / "faults/wall_clock.so",
                              EDM_WALL_OFFSET=str(self.file))

    def step(self, seconds):
        """From now on it differs from the true one by so much."""
        with open(self.file, "r+b") as out:
            out.write(struct.pack("q", seconds))


@contextmanager
def clocked_node(world, directory):
    """The node has a WallClock."""
    clock = WallClock(world, directory)
    yield clock, {"env": clock.env}


@contextmanager
def clocked_server(world, directory):
    """The database has a WallClock, in a file where the server's own user can read it."""
    del directory
    server = world.database.server
    clock = WallClock(world, server.dir)
    server.env = clock.env
    server.stop()
    server.start()
    world.database.reconnect()
    try:
        yield clock, {}
    finally:
        clock.step(0)
        server.env = {}


def node_clock(trial, small):
    """The node's own clock is years off, either way: nothing goes by it."""
    del small
    for offset in (DECADE_S, -DECADE_S):
        trial.tool.step(offset)
        trial.resumes(f"its clock went {offset} s")


def database_clock(trial, small):
    """The clock that everything goes by is years off, and comes back."""
    del small
    database = trial.world.database
    true = database.value("SELECT extract(epoch FROM clock_timestamp())::bigint")
    for offset in (DECADE_S, 0, -DECADE_S, 0):
        trial.tool.step(offset)
        until(lambda: abs(database.value("SELECT extract(epoch FROM beat_at)::bigint FROM node")
                          - true - offset) < 600, 30, "the node hears of it")
        trial.resumes("its step")  # what was under way is told with the time before
        trial.resumes(f"the database's clock went to {offset} s")

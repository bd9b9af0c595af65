# SPDX-License-Identifier: MIT
"""What can befall the database while a campaign is sent: see faults.py."""
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from pg_proxy import DONE, SENT, UNSENT, PgProxy
from support.postgres import PrivatePostgres
from support.waiting import until

OURS = "application_name LIKE 'edm %%' AND pid <> pg_backend_pid()"
# What a node calls again and again, and how often the connection is cut at it.
OFTEN = {"ledger/flush": 7, "ledger/claim": 3, "ledger/read_chunks": 3, "ledger/heartbeat": 3,
         "node/campaigns": 5, "ledger/pack": 3, "ledger/roll_up": 3}
# What a build calls, and how its connection is cut there, each other time.
BUILDING = {"ledger/freeze": SENT, "ledger/export_snapshot": UNSENT, "ledger/build_plan": DONE,
            "ledger/build_batch": DONE, "ledger/build_lock": SENT, "ledger/build_complete": DONE}
LEASE_S = 10
REPLY_S = 60


def back(trial):
    """The server is there again: the test's own connection too."""
    trial.world.database.reconnect()


def restarts(trial, small):
    """Crashes of the server, one after the other."""
    for _ in range(2 if small else 12):
        if trial.is_finished:
            break
        trial.server.stop(signal.SIGQUIT)
        trial.server.start()
        back(trial)
        trial.resumes("a crash of the server")


def terminations(trial, small):
    """An administrator ends our connections."""
    for _ in range(3 if small else 30):
        if trial.is_finished:
            break
        trial.world.database.query(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
        trial.resumes("the end of its connections")


def hang(trial, small):
    """The server answers nothing: first for less than a lease, then for longer."""
    with frozen(trial.server):
        trial.lets_pass(LEASE_S / 2)
    trial.resumes("a short hang")
    if not small:
        with frozen(trial.server):
            silence(trial)
        trial.resumes("a long hang")


def hang_one(trial, small):
    """One of the node's server processes answers nothing; longer than the node waits for it."""
    for name in ("edm ledger", "edm work", "edm beat"):
        (pid,), = trial.world.database.query(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
            " AND datname = current_database()", name)
        os.kill(pid, signal.SIGSTOP)
        try:
            trial.lets_pass(4 if small else REPLY_S + 5)
        finally:
            os.kill(pid, signal.SIGCONT)
        trial.resumes(f"{name} hung")


@contextmanager
def frozen(server):
    """All its processes stand still."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def away(trial, small):
    """The server is gone for several leases; the node stops sending by itself."""
    trial.server.stop(signal.SIGQUIT)
    try:
        silence(trial, 0 if small else 5 * LEASE_S)
    finally:
        trial.server.start()
        back(trial)
    trial.resumes("the server was away")


def silence(trial, seconds=LEASE_S):
    """Until the lease is over, and from then on that long: nobody gets anything."""
    trial.node.wait_for("lease_over", 6 * LEASE_S)
    trial.lets_pass(2)  # what left before the end of the lease is answered
    before = trial.copies()
    trial.lets_pass(seconds)
    assert trial.copies() == before, "it sent without a lease"


def cuts(trial, small):
    """Connections are cut before, in and after their transactions."""
    proxy = trial.tool
    for when in (DONE, SENT, UNSENT):
        for statement, every in OFTEN.items():
            proxy.cut(statement, when, every)
        want = sum(proxy.cuts.values()) + (20 if small else 100)
        until(lambda: sum(proxy.cuts.values()) >= want or trial.is_finished, 120,
              f"{want} cuts: {dict(proxy.cuts)}")
    assert proxy.cuts["ledger/flush", DONE] > 0
    proxy.spare()
    trial.resumes("cuts")


def stalls(trial, small):
    """The path to the server swallows everything, without a word."""
    for seconds in [3] if small else [3, 25]:
        trial.tool.stall()
        trial.lets_pass(seconds)
        trial.tool.flow()
        trial.resumes(f"a path that was dead for {seconds} s")


@contextmanager
def proxied(world, directory):
    """The node speaks to the server through a PgProxy."""
    proxy = PgProxy(world.database.server, directory / "proxy")
    try:
        yield proxy, {"url": proxy.url(world.database.name)}
    finally:
        proxy.close()


@contextmanager
def proxied_build(world, directory):
    """The same, and the audience is built under cuts."""
    with proxied(world, directory) as (proxy, options):
        for statement, when in BUILDING.items():
            proxy.cut(statement, when, every=2)
            proxy.seen[statement] = 1
        yield proxy, options


def building(trial, small):
    """The audience was built while its connection was cut at each step: of some twenty tries one
    comes as far as a batch, and there is one a second."""
    until(lambda: BUILDING.keys() == {statement for statement, _ in trial.tool.cuts},
          60 if small else 240,
          f"each step was cut: {dict(trial.tool.cuts)}")
    trial.tool.spare()
    trial.resumes("a build under cuts")


def full_disk(trial, small):
    """No room any more, then there is; the server itself may fall over it."""
    ballast = trial.server.dir / "ballast"
    for seconds in [4] if small else [4, 25]:
        fill(ballast)
        trial.lets_pass(seconds)
        ballast.unlink()
        if trial.server.process.poll() is not None:
            trial.server.start()
        back(trial)
        trial.resumes(f"{seconds} s without room on the disk")


def fill(file):
    """A file that takes what is left of its file system."""
    with open(file, "wb", buffering=0) as out:
        block = bytes(1 << 16)
        try:
            while out.write(block) == len(block):
                pass
        except OSError:
            pass
    assert os.statvfs(file).f_bavail == 0


@contextmanager
def roomy_cluster():
    """A server on a disk like any other."""
    with started(PrivatePostgres()) as server:
        yield server


@contextmanager
def cramped_cluster(log_elsewhere=False):
    """A server on a disk of its own that full_disk can fill."""
    # Not below the caller's directory: the server's own user may not go there.
    directory = tempfile.mkdtemp(prefix="edm-disk-", dir="/dev/shm")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "none", directory],
                   check=True)
    try:
        small = {"max_wal_size": "64MB", "min_wal_size": "32MB"}
        with started(PrivatePostgres(directory, **small), log_elsewhere) as server:
            yield server
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
        Path(directory).rmdir()


@contextmanager
def cramped_data_cluster():
    """The same with the server's log elsewhere: only data find no room, and it stays up."""
    with cramped_cluster(log_elsewhere=True) as server:
        yield server


@contextmanager
def started(server, log_elsewhere=False):
    """The server, made and started."""
    options = []
    if log_elsewhere:
        log = tempfile.mkdtemp(prefix="edm-pg-log-", dir="/dev/shm")
        shutil.chown(log, server.user.pw_name)
        options = ["-X", log]
    server.init(*options)
    server.start()
    try:
        yield server
    finally:
        server.remove()
        for directory in options[1:]:
            shutil.rmtree(directory)

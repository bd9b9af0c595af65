# SPDX-License-Identifier: MIT
"""The journal and its disk: no room, a loss of power, damage. Nothing leaves without a record,
nobody is lost and nobody gets two copies."""
import contextlib
import os
import resource
import struct

import pytest

from journals import HEADER, INTENT, last_words
from support.preload import preloading
from support.waiting import until

PEOPLE = 1500
PROFILE = {"delay_ms": {"dot": [20, 80]}}
HEADER_BOOT = struct.calcsize(">4sI16s16si")
BYTE = 37  # of the first records


def segments(node):
    return sorted((node.program.data / "journal").glob("*.seg"))


def begin(make_world, *settings, env=None, people=PEOPLE):
    world = make_world(domains=6, profile=PROFILE)
    campaign = world.campaign("journal", world.people(people))
    node = world.node(*settings, env=env).start()
    campaign.start()
    campaign.wait_for_count("delivered", people // 10)
    return world, campaign, node


def finish(world, campaign, node, check, **want):
    campaign.wait_for("finished")
    node.stop()
    assert not want or campaign.counts() == want
    return check(world, campaign).at_end()


def test_small_segments_go_as_soon_as_they_are_flushed(make_world, check):
    """Two hundred of them fill in a second; what is in the database is not kept that long."""
    world = make_world(domains=6)
    campaign = world.campaign("journal", world.people(15000))
    world.program("limit", "set", "rate=5000/s")
    node = world.node("journal.segment=4096").start()
    campaign.start()
    most = 0

    def is_over():
        nonlocal most
        most = max(most, len(segments(node)))
        return campaign.state == "finished"

    until(is_over, 60, "finished")
    print("at most", most, "segments")
    assert most < 110
    finish(world, campaign, node, check, delivered=15000)


# ------------------------------------------------------------------------------------- no room

@contextlib.contextmanager
def no_room(node):
    """No file of the node may grow: what write(2) says of a full disk, with another number."""
    pid, hard = node.process.pid, resource.RLIM_INFINITY
    largest = max(path.stat().st_size for path in segments(node))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))
    yield
    if node.is_alive:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize("sync", ["process", "batch"])
def test_a_disk_without_room(make_world, check, sync):
    world, campaign, node = begin(make_world, f"journal.sync={sync}")
    with no_room(node):
        said = node.wait_for("sending_stopped")
        assert "cannot write the journal" in said["error"]
        until(lambda: world.database.value("SELECT max(live ->> 'stopped') FROM node_live"), 10,
              "node_live says it")
        # What was under way is told; then nothing more is sent.
        sessions = "SELECT max((live ->> 'sessions')::int) FROM node_live"
        until(lambda: world.database.value(sessions) == 0, 40, "all connections end")
        sent = len(world.sink.events("accepted"))
        campaign.wait_for_count("delivered", sent)
        assert sent < PEOPLE
        assert len(node.events("sending_stopped")) == 1
    node.wait_for("sending_resumed")
    finish(world, campaign, node, check, delivered=PEOPLE)


def test_killed_without_room(make_world, check):
    world, campaign, node = begin(make_world)
    with no_room(node):
        node.wait_for("sending_stopped")
        node.kill()
    was_open = check(world, campaign).after_kill(node)
    node.start()
    finish(world, campaign, node, check)
    assert campaign.count("unknown") <= was_open


# --------------------------------------------------------------------------------- loss of power

@pytest.fixture
def watched(build, tmp_path):
    """The environment of a node whose syncs are written down and can be held."""
    return preloading(build / "tools/libwatch_sync.so", EDM_SYNC_LOG=str(tmp_path / "sync.log"),
                      EDM_SYNC_GATE=str(tmp_path / "gate"))


def synced(env):
    """{segment: bytes that are surely on the disk}, and syncs that have begun."""
    sizes, begun = {}, 0
    with open(env["EDM_SYNC_LOG"]) as log:
        for line in log:
            phase, path, size = line.split()
            begun += phase == "begin"
            if phase == "done":
                sizes[path] = int(size)
    return sizes, begun


def test_a_terminator_waits_for_the_sync(make_world, check, watched):
    world = make_world(domains=6, profile=PROFILE)
    campaign = world.campaign("journal", world.people(50))
    node = world.node("journal.sync=batch", "workers=1", env=watched).start()
    begun = synced(watched)[1]
    os.mkfifo(watched["EDM_SYNC_GATE"])
    campaign.start()
    until(lambda: synced(watched)[1] > begun, 30, "a sync begins")
    beat = "SELECT beat_at FROM node"
    for _ in range(2):
        before = world.database.value(beat)
        until(lambda: world.database.value(beat) > before, 10, "time passes for the node")
    assert INTENT in last_words(node.program.data).values()
    assert world.sink.events("mail") and not world.sink.events("accepted")
    gate = os.open(watched["EDM_SYNC_GATE"], os.O_RDWR)
    os.unlink(watched["EDM_SYNC_GATE"])
    os.close(gate)
    finish(world, campaign, node, check, delivered=50)


def lose_power(node, env):
    """Of each segment only what was synced is there, and the machine has another boot."""
    sizes, _ = synced(env)
    lost = 0
    for path in segments(node):
        lost += path.stat().st_size - sizes[str(path)]
        os.truncate(path, sizes[str(path)])
        data = bytearray(path.read_bytes())
        data[HEADER_BOOT] ^= 1
        data[HEADER.size - 4:HEADER.size] = crc32c(data[:HEADER.size - 4]).to_bytes(4, "big")
        path.write_bytes(data)
    return lost


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_a_loss_of_power(make_world, check, watched):
    world, campaign, node = begin(make_world, "journal.sync=batch", env=watched)
    node.kill()
    lose_power(node, watched)
    was_open = check(world, campaign).after_kill(node)
    node.start()
    assert world.database.value("SELECT count(*) FROM doubt") == 0, "the journal counts"
    finish(world, campaign, node, check)
    assert campaign.count("unknown") <= was_open


def test_a_loss_of_power_without_batch(make_world, check, watched):
    """What the disk has proves nothing: all that were open are in doubt."""
    world, campaign, node = begin(make_world, env=watched)
    node.kill()
    sizes = {str(path): path.stat().st_size for path in segments(node)}
    with open(watched["EDM_SYNC_LOG"], "a") as log:
        log.writelines(f"done {path} {HEADER.size}\n" for path in sizes)
    lose_power(node, watched)
    node.start()
    end_doubt(world, campaign)
    finish(world, campaign, node, check)


# ---------------------------------------------------------------------------------------- damage

def end_doubt(world, campaign):
    until(lambda: world.database.value("SELECT count(*) FROM doubt") > 0, 30, "they are in doubt")
    until(lambda: not world.database.query("UPDATE doubt SET until = now() WHERE open RETURNING 1")
          and campaign.state == "finished", 60, f"their time is up: {campaign.counts()}")


def test_a_flipped_byte(make_world, check):
    world, campaign, node = begin(make_world)
    node.kill()
    for path in segments(node):
        data = bytearray(path.read_bytes())
        data[HEADER.size + BYTE] ^= 4
        path.write_bytes(data)
    node.start()
    end_doubt(world, campaign)
    finish(world, campaign, node, check)


def test_a_torn_tail(make_world, check):
    world, campaign, node = begin(make_world)
    node.kill()
    for path in segments(node):
        with open(path, "ab") as segment:
            segment.write(struct.pack(">HHI", 300, 0xFFFF ^ 300, 7) + bytes(range(40)))
    was_open = check(world, campaign).after_kill(node)
    node.start()
    assert world.database.value("SELECT count(*) FROM doubt") == 0, "the journal counts"
    finish(world, campaign, node, check)
    assert campaign.count("unknown") <= was_open

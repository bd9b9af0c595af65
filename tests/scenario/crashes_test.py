# SPDX-License-Identifier: MIT
"""Somebody whose message crashes the program each time is set aside, and the others get theirs."""
import struct

PEOPLE = 60
# The layout of scheduler/node/crashes.c: magic, slots, suspects.
MAGIC = 0x65646D6372617331
SLOTS, SUSPECTS = 64, 256
SLOT = struct.Struct("<i4xQiii4x")
SUSPECT = struct.Struct("<Qiii4xI4x")
CRASHED = 2


def crashes_file(campaign, rid, count, slot_state=0):
    """So many crashes stand against somebody; slot_state: of the process that has just died."""
    rid &= (1 << 64) - 1
    slots = SLOT.pack(slot_state, rid, campaign, 1, 0) + bytes(SLOT.size) * (SLOTS - 1)
    suspects = SUSPECT.pack(rid, campaign, 1, 0, count) + bytes(SUSPECT.size) * (SUSPECTS - 1)
    return struct.pack("<Q", MAGIC) + slots + suspects


def begin(make_world, count, slot_state):
    world = make_world(domains=2, sources=1)
    campaign = world.campaign("crashes", world.people(PEOPLE))
    address = "u7@d1.test"
    rid = world.database.value("SELECT rid FROM recipient WHERE address = %s", address)
    node = world.node()
    node.program.data.mkdir(parents=True, exist_ok=True)
    (node.program.data / "crashes").write_bytes(
        crashes_file(campaign.id, rid, count, slot_state))
    node.start()
    campaign.start()
    campaign.wait_for("finished")
    return world, campaign, node, address


def test_the_third_crash_sets_aside(make_world, check):
    world, campaign, node, address = begin(make_world, 2, CRASHED)
    assert len(node.events("recipient_set_aside")) == 1
    assert campaign.counts() == {"delivered": PEOPLE - 1, "rejected": 1}
    node.stop()
    check(world, campaign).at_end()
    assert "crashed" in world.program("why", address).out
    assert "crash" in world.program("report", "bounces", "--campaign", "crashes").out


def test_two_crashes_do_not(make_world, check):
    world, campaign, node, _ = begin(make_world, 1, CRASHED)
    assert len(node.events("crashed_on", crashes=2)) == 1
    assert campaign.counts() == {"delivered": PEOPLE}
    node.stop()
    check(world, campaign).at_end()

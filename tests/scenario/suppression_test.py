# SPDX-License-Identifier: MIT
"""Who is suppressed while a campaign is being sent gets nothing from a second later on.

A second is told by the transactions themselves, each of which takes DOT_MS at least: so a machine
that is short of time has as much of it as it needs.
"""
import collections
import time

PEOPLE = 2000
DOT_MS = 250
IN_A_SECOND = 1000 // DOT_MS + 1  # and the one that rode with a body before it was over


def latest_place(world, unwanted, wall_us):
    """How many transactions began since on a connection up to the last one for an unwanted."""
    begun, latest = collections.Counter(), 0
    for event in world.sink.events("rcpt"):
        if int(event["time_us"]) > wall_us:
            begun[event["connection"]] += 1
            if event["rcpt"] in unwanted:
                latest = max(latest, begun[event["connection"]])
    return latest


def test_suppressed_while_sending(make_world, check, tmp_path):
    world = make_world(domains=4, sources=1, profile={"delay_ms": {"dot": DOT_MS}})
    campaign = world.campaign("suppressed", world.people(PEOPLE))
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 8)
    unwanted = {f"u{i}@{world.domains[i % 4]}" for i in range(0, PEOPLE, 3)}
    file = tmp_path / "unwanted.txt"
    file.write_text("email\n" + "\n".join(sorted(unwanted)))
    node.program("suppress", "import", file, "--cause", "operator", "--yes")
    suppressed_us = time.time_ns() // 1000
    campaign.wait_for("finished")
    assert latest_place(world, unwanted, suppressed_us) <= IN_A_SECOND
    states = check(world, campaign).at_end()
    assert set(states.values()) == {"delivered", "suppressed"}
    assert {who for who, state in states.items() if state == "suppressed"} <= unwanted
    assert sum(state == "suppressed" for state in states.values()) > len(unwanted) // 4

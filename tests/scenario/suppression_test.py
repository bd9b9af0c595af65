# SPDX-License-Identifier: MIT
"""Who is suppressed while a campaign is being sent gets nothing from a second later on."""
import time

PEOPLE = 2000
LAG_US = 1_000_000


def test_suppressed_while_sending(make_world, check, tmp_path):
    world = make_world(domains=4, sources=1, profile={"delay_ms": {"dot": 250}})
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
    late = [e["rcpt"] for e in world.sink.events("rcpt")
            if e["rcpt"] in unwanted and int(e["time_us"]) > suppressed_us + LAG_US]
    assert late == []
    states = check(world, campaign).at_end()
    assert set(states.values()) == {"delivered", "suppressed"}
    assert {who for who, state in states.items() if state == "suppressed"} <= unwanted
    assert sum(state == "suppressed" for state in states.values()) > len(unwanted) // 4

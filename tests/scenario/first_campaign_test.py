# SPDX-License-Identifier: MIT
"""A first campaign: every recipient gets one copy, and the campaign ends."""


def test_a_first_campaign(make_world, check):
    world = make_world(domains=20, sources=4)
    campaign = world.campaign("first", world.people(2000))
    node = world.node().start()
    campaign.start()
    campaign.wait_for("finished")
    node.stop()
    assert campaign.counts() == {"delivered": 2000}
    check(world, campaign).at_end()
    stats = world.sink.stop()
    assert stats["mismatched"] == stats["bare_lf"] == stats["long_lines"] == 0
    assert {client["client"] for client in stats["clients"] if client["accepted"]} == world.sources

# SPDX-License-Identifier: MIT
"""A clean stop frees what there is. Built with the address sanitizer, a program ends with another
code when memory is lost: so does every node.stop() of the scenarios, and this one has a node do
much of what it can before."""
import os
import signal

import pytest

PEOPLE = 3000
PROFILE = {"extensions": ["PIPELINING", "STARTTLS", "8BITMIME", "SMTPUTF8"],
           "delay_ms": {"dot": [20, 100]},
           "rcpt": [{"match": "u*1", "reply": "550 5.1.1 User unknown"},
                    {"match": "u*2", "first": 1, "reply": "451 4.3.0 later"},
                    {"match": "u*3", "first": 1, "then": "rst"}],
           "dot": [{"match": "u*4", "first": 1, "then": "close"}]}


@pytest.fixture
def sanitized(build):
    if b"__asan_init" not in (build / "bin/edm").read_bytes():
        pytest.skip("built without the address sanitizer")
    assert "detect_leaks=0" not in os.environ.get("ASAN_OPTIONS", "")


def test_a_stop_frees_everything(sanitized, make_world, check, postgres):
    world = make_world(domains=6, sources=3, profile=PROFILE)
    campaign = world.campaign("leaks", world.people(PEOPLE), unknown="retry")
    other = world.campaign("unsent", world.people(50, name="others", first=PEOPLE))
    world.program("config", "set", "retry.schedule", "1s")
    node = world.node("smtp.tls=opportunistic", "workers=2", "unknown.retry_after_ms=1s").start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 8)
    world.program("limit", "set", "rate=300/s")
    world.program("pause", "--source", "s0", "--because", "a test")
    world.program("suppress", "add", f"u{PEOPLE - 1}@d{(PEOPLE - 1) % 6}.test")
    node.process.send_signal(signal.SIGHUP)
    node.wait_for("reloaded", 30, what="settings")
    other.start()
    other.pause()
    postgres.stop(signal.SIGQUIT)
    node.wait_for("database_away")
    postgres.start()
    world.database.reconnect()
    node.wait_for("database_back", 60)
    campaign.wait_for_count("delivered", PEOPLE // 3, 120)
    node.stop()
    check(world, campaign).sums()
    lost = [event["line"] for event in node.log if "Sanitizer" in event["line"]]
    assert not lost
    node.start()
    other.cancel()
    campaign.wait_for("finished", 180)
    node.stop()
    check(world, campaign).at_end()

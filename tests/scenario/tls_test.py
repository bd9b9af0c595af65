# SPDX-License-Identifier: MIT
"""How encrypted mail has to be, by provider: nothing goes in the clear where that is not enough."""

import time

CLEAR = ["PIPELINING", "8BITMIME"]
TLS = [*CLEAR, "STARTTLS"]


def ready(mailing, extensions, people=60, **profile):
    mailing.provider("big", profile={"extensions": extensions, **profile})
    mailing.source("s1")
    return mailing.campaign("c", {"big": people})


def reason(mailing):
    """What `edm why` says of the lane people wait for."""
    return mailing.edm("why", "s1/big").out


def test_nobody_is_sent_to_in_the_clear_where_tls_is_required(mailing):
    """They wait with the reason; once it need not be, they are delivered."""
    campaign = ready(mailing, CLEAR)
    mailing.edm("provider", "set", "big", "tls=required", "--because", "their rules")
    mailing.start(park_ms=500, retry_schedule="1s", ledger_overdue_ms=100)
    mailing.launch(campaign)
    mailing.wait(lambda: len(mailing.log().connects()) >= 2, "two tries")
    mailing.wait(lambda: "TLS is required" in reason(mailing), "no reason", 15)
    print(reason(mailing))
    assert mailing.log().mails() == []
    assert set(mailing.states(campaign)) <= {"waiting", "leased", "deferred"}
    mailing.edm("provider", "set", "big", "tls=opportunistic")
    log = mailing.finished(campaign)
    assert len(log.accepted()) == 60


def test_tls_of_a_provider_that_offers_it(mailing):
    """Whatever the certificate: that is not looked at. Everybody went encrypted."""
    campaign = ready(mailing, TLS)
    mailing.edm("provider", "set", "big", "tls=required")
    mailing.start()
    mailing.launch(campaign)
    log = mailing.finished(campaign)
    assert len(log.accepted()) == 60
    assert mailing.sink.stop()["tls"] == len(log.connects()) > 0


def test_verified_wants_a_certificate_that_is_right(mailing):
    campaign = ready(mailing, TLS)
    mailing.edm("provider", "set", "big", "tls=verified")
    mailing.start(park_ms=500, retry_schedule="1s", ledger_overdue_ms=100)
    mailing.launch(campaign)
    mailing.wait(lambda: len(mailing.log().connects()) >= 2, "two tries")
    mailing.wait(lambda: "certificate" in reason(mailing), "no reason", 15)
    assert mailing.log().mails() == []
    assert set(mailing.states(campaign)) <= {"waiting", "leased", "deferred"}


def test_tls_of_a_provider_is_required_from_now_on(mailing):
    """Within a second, for people in hand and connections that are open."""
    campaign = ready(mailing, CLEAR, people=20_000, delay_ms={"dot": 10})
    mailing.start()
    mailing.launch(campaign)
    mailing.accepted(100)
    mailing.edm("provider", "set", "big", "tls=required")
    set_at = time.time()
    mailing.wait(lambda: time.time() > set_at + 2.5, "two quiet seconds")
    last = max(mailing.log().mails())
    print("last MAIL", round(last - set_at, 3), "s after the change")
    assert last < set_at + 1
    seen = len(mailing.log().mails())
    mailing.edm("provider", "undo")
    mailing.wait(lambda: len(mailing.log().mails()) > seen + 50, "mail again", 5)


def test_a_route_says_otherwise(mailing):
    campaign = ready(mailing, CLEAR)
    mailing.edm("provider", "set", "big", "tls=required")
    address = f"{mailing.addresses['big']}:{mailing.port}"
    mailing.edm("route", "set", "big.test", address, "--tls", "none")
    mailing.start()
    mailing.launch(campaign)
    assert len(mailing.finished(campaign).accepted()) == 60


def test_a_built_in_profile_requires_it(mailing):
    """Also where the settings ask for less."""
    mailing.provider("qq", profile={"extensions": CLEAR}, domain="qq.com", mx="mx3.qq.com")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"qq": 20}, {"qq": "qq.com"})
    mailing.start(smtp_tls="none")
    mailing.launch(campaign)
    mailing.wait(lambda: len(mailing.log().connects()) >= 2, "two tries")
    assert mailing.log().mails() == []
    mailing.edm("provider", "set", "qq", "tls=none", "--because", "a test")
    assert len(mailing.finished(campaign).accepted()) == 20

# SPDX-License-Identifier: MIT
"""A receiver blocks one source: what waits for it goes by another of the pool, at once."""

BLOCK = "554 5.7.1 Service unavailable; Client host [127.2.0.1] blocked using zen.spamhaus.org"
PEOPLE = 3000
HELD_BACK = 10  # seconds


def test_traffic_moves_to_the_other_source(mailing):
    mailing.provider("big", profile={"mail": [{"reply": BLOCK, "skip": 300, "first": 1}],
                                     "delay_ms": {"dot": 20}})
    addresses = {name: mailing.source(name) for name in ("s1", "s2")}
    campaign = mailing.campaign("c", {"big": PEOPLE})
    mailing.limit(rate=(200, "s"))
    mailing.start()
    mailing.launch(campaign)
    mailing.wait(lambda: mailing.states(campaign).get("delivered", 0) >= PEOPLE - 1,
                 "everybody but the one refused")
    ((blocked, provider, why),) = mailing.db.query(
        "SELECT source_name, provider, why FROM pause WHERE lifted_at IS NULL")
    assert provider == "big" and "spamhaus" in why
    log = mailing.log()
    of_blocked = sorted(log.mails(client=addresses.pop(blocked)))
    (other,) = addresses.values()
    stopped_at = of_blocked[-1]
    after = [at for at in log.mails(client=other) if at > stopped_at]
    assert len(of_blocked) < PEOPLE / 2 and len(after) > PEOPLE / 2
    assert min(after) < stopped_at + HELD_BACK
    said = mailing.edm("events").out
    assert f"source:{blocked} provider:big" in said and "spamhaus" in said, said
    assert "bounced" not in mailing.states(campaign)

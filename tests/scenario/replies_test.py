# SPDX-License-Identifier: MIT
"""What replies mean while a campaign is being sent, and when the meaning was wrong."""

SUPPRESSED = "SELECT count(*) FROM suppression"


def test_a_site_that_knows_nobody_any_more_is_not_believed(mailing):
    """Its directory is down: few are suppressed before that is seen, the others come again later.
    A site with some dead addresses is believed all the while."""
    mailing.provider("big", profile={"rcpt": [{"reply": "550 5.1.1 User unknown"}]})
    mailing.provider("fine", profile={"rcpt": [{"reply": "550 5.1.1 User unknown", "share": 0.1}]})
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 300, "fine": 300})
    mailing.start()
    mailing.launch(campaign)
    tried = {"delivered", "bounced", "deferred"}
    mailing.wait(
        lambda: sum(mailing.states(campaign).get(state, 0) for state in tried) == 600,
        "everybody was tried",
    )
    states = mailing.states(campaign)
    assert 280 < states["deferred"] < 300 and 250 < states["delivered"] < 300
    mailing.wait(lambda: mailing.db.value(SUPPRESSED) == states["bounced"], "they are suppressed")
    assert states["bounced"] == 600 - states["deferred"] - states["delivered"] > 300 * 0.05
    waits = "SELECT min(due_at) > now() + interval '50 min' FROM retry"
    assert mailing.db.value(waits)
    (line,) = [at for at in mailing.node_log.read_text().splitlines() if "unknown_spike" in at]
    assert "big" in line and "on=yes" in line

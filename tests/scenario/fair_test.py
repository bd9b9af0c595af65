# SPDX-License-Identifier: MIT
"""Campaigns that share a provider: a small one behind a huge one, and the rate of one of them."""

from support.mailing import peak

SMALL = 400
HUGE = 20000
A_SECOND = 100  # messages the provider takes


def seconds_of(mailing, campaign):
    """From its start to its end, as the database tells."""
    return mailing.db.value(
        "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM campaign"
        " WHERE campaign_id = %s", campaign)


def test_a_small_campaign_behind_a_huge_one_takes_less_than_twice_its_time(mailing):
    mailing.provider("big")
    mailing.source("s1")
    alone = mailing.campaign("alone", {"big": SMALL})
    huge = mailing.campaign("huge", {"big": HUGE})
    behind = mailing.campaign("behind", {"big": SMALL})
    mailing.limit(provider="big", rate=(A_SECOND, "s"))
    mailing.start()
    mailing.launch(alone)
    mailing.finished(alone)
    mailing.launch(huge)
    mailing.accepted(SMALL + 2 * A_SECOND)
    mailing.launch(behind)
    log = mailing.finished(behind)
    assert peak(log.mails(), 1.0) <= A_SECOND
    took, took_alone = seconds_of(mailing, behind), seconds_of(mailing, alone)
    print(f"{took:.1f} s behind, {took_alone:.1f} s alone")
    assert took < 2 * took_alone
    assert mailing.states(huge)["delivered"] > 0, "and the huge one is not starved"


def test_a_rate_of_one_campaign_leaves_the_others_alone(mailing):
    mailing.provider("big")
    mailing.source("s1")
    slow = mailing.campaign("slow", {"big": 200})
    quick = mailing.campaign("quick", {"big": 600})
    mailing.limit(campaign="slow", rate=(20, "s"))
    mailing.start()
    mailing.launch(slow, quick)
    mailing.finished(quick)
    assert mailing.states(slow).get("delivered", 0) < 200, "the quick one is done first"
    log = mailing.finished(slow)
    assert seconds_of(mailing, slow) >= 200 / 20 - 1
    assert len(log.accepted()) == 800


def test_the_rate_told_is_that_of_the_last_seconds(mailing):
    mailing.provider("big")
    mailing.source("s1")
    campaign = mailing.campaign("spring", {"big": HUGE})
    mailing.limit(campaign="spring", rate=(200, "s"))
    mailing.start()
    mailing.launch(campaign)

    def rates():
        (top,) = mailing.edm("top", "--json").json["campaigns"]
        return [mailing.edm("campaign", "show", "spring", "--json").json["rate"],
                mailing.edm("report", "campaign", "spring", "--json").json["rate"], top["rate"]]

    mailing.wait(lambda: min(rates()) > 150, "three places say about 200 a second")
    mailing.accepted(2000)
    mailing.limit(campaign="spring", rate=(20, "s"))
    mailing.wait(lambda: 0 < max(rates()) < 40, "and then about 20")
    average = mailing.edm("report", "campaign", "spring", "--json").json["average_rate"]
    assert average > 40
    assert "spring" in mailing.edm("top", "--once").out
    mailing.edm("campaign", "pause", "spring")
    assert mailing.edm("campaign", "show", "spring", "--json").json["rate"] == 0

# SPDX-License-Identifier: MIT
"""A receiver too busy for one sending domain, or for one person, and what others get meanwhile."""

import signal

TOO_FAST = "451 4.7.1 You are sending too fast, slow down"
LOUD = {"mail": [{"match": "*@loud.test", "reply": TOO_FAST}], "delay_ms": {"dot": 20}}
BUSY = {"rcpt": [{"match": "u7", "first": 1,
                  "reply": "450 4.2.1 user is receiving mail too quickly"}]}


def lane_of(mailing, source):
    return next((lane for lane in mailing.edm("top", "--json").json["lanes"]
                 if lane["source"] == source), {})


def test_a_campaign_that_is_limited_leaves_the_lane_to_the_others(mailing):
    mailing.provider("big", profile=LOUD)
    mailing.source("s1")
    loud = mailing.campaign("loud", {"big": 2000}, sender="loud.test")
    quiet = mailing.campaign("quiet", {"big": 2000})
    mailing.start()
    mailing.launch(loud, quiet)
    mailing.finished(quiet)
    assert mailing.states(quiet) == {"delivered": 2000}
    lane = lane_of(mailing, "s1")
    assert lane["limit_about"] == "campaign"
    assert "learnt_per_s" not in lane, "the lane has its rate back"
    (limited,) = lane["limited"]
    assert (limited["name"], limited["level"]) == ("loud", "campaign")
    assert limited["origin"] == "back-off"

    (waiting,) = mailing.wait(lambda: mailing.edm("top", "--json").json["waiting"], "it waits")
    assert waiting["campaign"] == "loud" and waiting["target"] == "big"
    assert waiting["origin"] == "back-off" and waiting["until"].endswith("Z")
    says = "big limits its content: back-off to "
    for command in (("top",), ("why", "loud"), ("why", "s1/big"), ("limit", "explain", "s1/big")):
        mailing.wait(lambda: says in mailing.edm(*command).out, f"{command} says it")
    zh = mailing.edm("why", "loud", "--lang", "zh").out
    assert "big 对其内容限速：退避" in zh
    told = mailing.db.value("SELECT count(*) FROM outcome WHERE scope = 6")
    assert 0 < told < 50, "as evidence, and few people were needed for it"


def test_what_a_campaign_is_limited_to_outlives_a_kill(mailing):
    mailing.provider("big", profile=LOUD)
    mailing.source("s1")
    loud = mailing.campaign("loud", {"big": 2000}, sender="loud.test")
    quiet = mailing.campaign("quiet", {"big": 4000})
    mailing.start()
    mailing.launch(loud, quiet)

    def saved():
        return mailing.db.query("SELECT campaign_id FROM party_state"
                                " WHERE (learnt->>'rate')::float > 0")

    mailing.wait(lambda: (loud,) in saved(), "the rate is saved")
    mailing.stop(signal.SIGKILL)
    # A rate that no refusal of these would teach so soon.
    mailing.db.query("UPDATE party_state SET learnt = learnt || '{\"rate\": 0.2, "
                     "\"rate_ceiling\": 0.2, \"rate_cut_age_ms\": 0, \"rate_hold_ms\": 600000}'")
    mailing.start()

    def limited():
        return {one["name"]: one["per_s"] for one in lane_of(mailing, "s1").get("limited", [])}

    mailing.wait(lambda: 0 < limited().get("loud", 0) <= 0.2, "it is limited to that")
    out = mailing.edm("limit", "forget", "big").out
    assert "big forgot of campaign loud: " in out and "1 lane starts again" in out
    assert "loud" not in mailing.edm("limit", "forget", "big").out


def test_only_the_person_who_is_limited_comes_later(mailing):
    mailing.provider("big", profile=BUSY)
    mailing.source("s1")
    mailing.rule_waits("any.recipient-rate", "1s")
    campaign = mailing.campaign("c", {"big": 200})
    mailing.start()
    mailing.launch(campaign)
    mailing.finished(campaign)
    assert mailing.states(campaign) == {"delivered": 200}
    lane = lane_of(mailing, "s1")
    assert "learnt_per_s" not in lane and "limited" not in lane

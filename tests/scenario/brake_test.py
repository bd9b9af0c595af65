# SPDX-License-Identifier: MIT
"""A campaign of which too much comes back stops by itself, says why, and goes on when told to."""
import json

import pytest

BOUNCE = {"rcpt": [{"reply": "550 5.1.1 no such user"}]}
PEOPLE = 4000


def braked(mailing, name):
    """Waits until the campaign has stopped itself."""
    def look():
        shown = mailing.edm("campaign", "show", name, "--json").json
        return shown if shown["state"] == "paused" else None

    return mailing.wait(look, f"{name} is paused")


def refused(mailing, campaign):
    """Of so many their provider said that it does not know them; a spike of that is not believed at
    once, and they are tried again later."""
    states = mailing.states(campaign)
    return states.get("bounced", 0) + states.get("deferred", 0)


def test_a_bad_list_stops_the_campaign_until_it_is_resumed(mailing):
    alerts = mailing.directory / "alerts"
    mailing.provider("good")
    mailing.provider("bad", profile=BOUNCE)
    mailing.source("s1")
    campaign = mailing.campaign("spring", {"good": PEOPLE, "bad": PEOPLE})
    mailing.limit(provider="bad", rate=(100, "s"))
    mailing.start(alert_command=f"cat >> {alerts}")
    mailing.launch(campaign)

    shown = braked(mailing, "spring")
    assert shown["reason"] == "brake"
    assert 100 <= shown["bounced"] + shown["deferred"] < PEOPLE
    figures = mailing.db.value("SELECT settings -> 'braked' FROM campaign WHERE campaign_id = %s",
                               campaign)
    assert (figures["kind"], figures["provider"], figures["limit"]) == ("bounced", "bad", 0.1)
    assert figures["n"] == figures["of"] >= 100
    said = (f"{figures['of']} of {figures['of']} decided attempts at bad (100.0 %) bounced, "
            "unknown users not believed yet included, above the limit of 10 % "
            "(brake.bounced_percent)")
    assert shown["reason_text"] == said
    assert said in mailing.edm("why", "spring").out
    assert said in mailing.edm("report", "campaign", "spring").out
    of = figures["of"]
    chinese = f"bad 有结果的 {of} 次尝试中 {of} 次（100.0 %）退信（含尚未采信的“用户不存在”），超过上限 10 %"
    assert chinese in mailing.edm("why", "spring", "--lang", "zh").out
    assert chinese in mailing.edm("report", "campaign", "spring", "--lang", "zh").out
    # The report counts the same, and what was under way when it was stopped.
    mailing.wait(lambda: not mailing.states(campaign).get("leased"), "nothing is in hand")
    (bad,) = mailing.edm("report", "bounces", "--campaign", "spring", "--by", "provider",
                         "--json").json["groups"]
    assert (bad["provider"], bad["n"]) == ("bad", refused(mailing, campaign))
    assert bad["n"] >= of
    mailing.wait(alerts.exists, "the alert")
    alert = json.loads(mailing.wait(alerts.read_text, "its text"))
    assert (alert["alert"], alert["campaign"], alert["why"]) == ("campaign_braked", "spring", said)

    # Resumed, it is judged by what comes from now on: another canary is tried before it stops.
    mailing.wait(lambda: not mailing.states(campaign).get("leased"), "nothing is in hand")
    before = refused(mailing, campaign)
    told = mailing.edm("campaign", "resume", "spring").out
    assert "its brake judges what comes back from now on" in told
    mailing.wait(lambda: refused(mailing, campaign) > before, "it goes on")
    braked(mailing, "spring")
    assert refused(mailing, campaign) >= before + 100

    mailing.edm("config", "set", "brake.bounced_percent", "0")
    mailing.limit(provider="bad", rate=(5000, "s"))
    mailing.edm("campaign", "resume", "spring")
    mailing.wait(lambda: refused(mailing, campaign) == PEOPLE, "everybody is tried")
    assert mailing.edm("campaign", "show", "spring", "--json").json["state"] == "running"


def test_an_ordinary_share_of_bounces_stops_nothing(mailing):
    mailing.provider("good")
    mailing.provider("bad", profile=BOUNCE)
    mailing.source("s1")
    campaign = mailing.campaign("spring", {"good": 150, "bad": 15})
    mailing.start()
    mailing.launch(campaign)
    mailing.finished(campaign)
    assert mailing.states(campaign) == {"delivered": 150, "bounced": 15}


@pytest.mark.parametrize("kind, setting, reply", [
    ("blocked", "brake.blocked_percent", "554 5.7.1 Message rejected as spam"),
    ("unauthenticated", "brake.unauthenticated_percent",
     "550 5.7.26 Unauthenticated email from news.test is not accepted due to its DMARC policy"),
])
def test_refused_content_and_failed_authentication_stop_it_too(mailing, kind, setting, reply):
    mailing.provider("good")
    mailing.provider("bad", profile={"dot": [{"reply": reply}]})
    mailing.source("s1")
    campaign = mailing.campaign("spring", {"good": 400, "bad": PEOPLE})
    mailing.limit(provider="bad", rate=(100, "s"))
    mailing.start()
    mailing.launch(campaign)
    shown = braked(mailing, "spring")
    assert shown["reason"] == "brake" and setting in shown["reason_text"]
    figures = mailing.db.value("SELECT settings -> 'braked' FROM campaign WHERE campaign_id = %s",
                               campaign)
    assert (figures["kind"], figures["provider"]) == (kind, "bad")
    assert 100 <= figures["of"] < PEOPLE
    assert "bounced" not in mailing.states(campaign)
    assert mailing.db.value("SELECT count(*) FROM suppression") == 0

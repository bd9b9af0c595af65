# SPDX-License-Identifier: MIT
"""What the commands say of mail in hand that does not go: which limit, or whose host."""


def says(mailing, *words):
    """Waits until the command, its words and then what it must say, says so; returns all of it."""
    *command, wanted = words

    def look():
        said = mailing.edm(*command).out
        return said if wanted in said else print(said)

    return mailing.wait(look, f"{command} says {wanted!r}")


def test_a_limit_of_the_campaign_is_named(mailing):
    mailing.provider("big")
    mailing.source("s1")
    campaign = mailing.campaign("again", {"big": 50})
    mailing.limit(campaign="again", rate=(1, "min"))
    mailing.start()
    mailing.launch(campaign)
    mailing.accepted(1)
    wanted = "its limit of 1 message in 1 min (limit 1 by tester), until "
    text = says(mailing, "why", "again", wanted)
    assert text.count(wanted) == 2, "the sentence, and what holds the group"
    says(mailing, "why", "s1/big", "of campaign again: it waits for " + wanted)
    says(mailing, "top", "again: it waits for " + wanted)
    says(mailing, "limit", "explain", "s1/big", "campaign again: it waits for " + wanted)
    (waiting,) = mailing.edm("top", "--json").json["waiting"]
    assert waiting["queues"] == ["big"] and waiting["limit_id"] == 1
    assert (waiting["kind"], waiting["value"], waiting["period_ms"]) == ("rate", 1, 60000)
    mailing.edm("limit", "undo")
    mailing.finished(campaign)
    mailing.wait(lambda: not mailing.edm("top", "--json").json["waiting"], "it waits no more")


def test_a_host_that_takes_no_connection_is_named(mailing):
    mailing.provider("dead", listens=False)
    mailing.source("s1")
    campaign = mailing.campaign("c", {"dead": 5})
    mailing.start(park_ms="10min")
    mailing.launch(campaign)
    wanted = "mx.dead.test cannot be connected to (Connection refused"
    assert says(mailing, "why", "c", wanted).count(wanted) == 2, "the sentence, and the group"
    says(mailing, "why", "s1/dead", wanted)
    says(mailing, "top", wanted)
    says(mailing, "limit", "explain", "s1/dead", wanted)
    refused = mailing.edm("why", "s1/dead", "--json").json["refused"]
    assert refused["host"] == "mx.dead.test" and "refused" in refused["said"]
    assert refused["since"].endswith("Z")

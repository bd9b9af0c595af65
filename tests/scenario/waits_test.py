# SPDX-License-Identifier: MIT
"""What the commands say of mail in hand that does not go: which limit, or whose host."""


def says(mailing, *words):
    """Waits until the command, its words and then what it must say, says so; returns all of it.
    Of a host nobody has heard of yet it may say that there is no such lane."""
    *command, wanted = words

    def look():
        said = mailing.edm.run(*command).out
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


def test_what_binds_a_lane_and_what_changes_next(mailing):
    mailing.provider("big", initial=2, connections=3)
    mailing.source("s1")
    mailing.limit(source="s1", rate=(4, "min"))
    mailing.edm("limit", "set", "--domain", "news.test", "--provider", "big", "rate=500/h")
    campaign = mailing.campaign("c", {"big": 50})
    mailing.start()
    mailing.launch(campaign)
    mailing.accepted(1)
    says(mailing, "limit", "explain", "s1/big", "; binds: waits ")
    told = mailing.edm("limit", "explain", "s1/big", "--json").json
    assert told["binds"]["level"] == "source" and told["binds"]["limit_id"] == 1
    assert "source s1 has its 4 messages/min by operator (limit 1)" in told["binds"]["says"]
    (binding,) = [cap for cap in told["caps"] if cap["binds"]]
    assert (binding["level"], binding["count"], binding["per"]) == ("source", 4, "min")
    changes = {change["what"]: change for change in told["next"]}
    assert changes["refill"]["level"] == "source" and changes["refill"]["at"].endswith("Z")
    assert (changes["connections"]["from"], changes["connections"]["to"]) == (2, 3)
    assert changes["connections"]["messages"] >= 1
    assert told["sent_per_s"] >= 0
    domain = [cap for cap in told["caps"] if cap["level"] == "domain"]
    assert [(cap["scope"], cap["count"]) for cap in domain] == [("news.test at big", 500)]
    text = mailing.edm("limit", "explain", "s1/big").out
    assert "next: connections 2 → 3 after " in text and "next: the next message goes" in text


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


def test_a_dead_host_is_named_while_its_people_are_away(mailing):
    """They left the queue for the retry table; the lane has not become idle for that."""
    mailing.provider("dead", listens=False)
    mailing.dns.domain("gone.test", mx=[(10, "mx.gone.test", mailing.addresses["dead"])])
    mailing.db.query("INSERT INTO recipient_domain(name) VALUES ('gone.test')")
    mailing.source("s1")
    campaign = mailing.campaign("c", {"dead": 5, "gone": 5})
    mailing.start(park_ms="1s", timeout_connect_ms="1s")
    mailing.launch(campaign)
    mailing.wait(lambda: mailing.states(campaign) == {"deferred": 10}, "they are parked")
    lanes, wanted = ("s1/dead", "s1/mx.gone.test"), "cannot be connected to (Connection refused"
    for lane in lanes:
        says(mailing, "why", lane, wanted)
    later = mailing.db.value("SELECT now() + interval '25 s'")

    def says_so_for_long():
        for lane in lanes:
            said = mailing.edm("why", lane).out
            assert wanted in said, said
            assert "refused" in mailing.edm("why", lane, "--json").json
        return mailing.db.value("SELECT now()") > later

    mailing.wait(says_so_for_long, "queues that are idle are gone", 40)


def test_the_tail_names_lanes_of_the_campaign(mailing):
    """The people of both are in group tail, each at a site of their own."""
    mailing.provider("big")
    for name, address in (("gone", "127.1.0.200"), ("some", mailing.addresses["big"])):
        mailing.dns.domain(f"{name}.test", mx=[(10, f"mx.{name}.test", address)])
        mailing.db.query("INSERT INTO recipient_domain(name) VALUES (%s)", f"{name}.test")
    mailing.source("s1")
    mailing.limit(provider="mx.some.test", rate=(1, "min"))
    campaigns = mailing.campaign("a", {"gone": 5}), mailing.campaign("b", {"some": 5})
    mailing.start(park_ms="10min")
    mailing.launch(*campaigns)
    mailing.accepted(1)
    for lane in ("s1/mx.gone.test", "s1/mx.some.test"):
        says(mailing, "why", lane, "waits ")
    of_a, of_b = mailing.edm("why", "a").out, mailing.edm("why", "b").out
    assert "s1/mx.gone.test waits" in of_a and "mx.some.test" not in of_a
    assert "s1/mx.some.test waits" in of_b and "mx.gone.test" not in of_b


def write_to(mailing, name, people):
    """A campaign by the commands: people as {domain: how many}, u0@domain and so on."""
    audience, letter = mailing.directory / "people.csv", mailing.directory / "letter.txt"
    rows = [f"u{i}@{domain}" for domain, count in people.items() for i in range(count)]
    audience.write_text("\n".join(["email", *rows, ""]))
    letter.write_text("Hello")
    mailing.edm("list", "import", audience, "--list", "people", "--yes")
    mailing.edm("domain", "add", "news.test")
    mailing.edm("campaign", "create", name, "--list", "people", "--from", "news@news.test",
                "--subject", "Hello", "--text", letter, "--unsigned")


def test_each_of_the_tail_is_told_of_his_own_site(mailing):
    """Three sites of the tail, one campaign: one refuses, one is limited, one takes it slowly."""
    mailing.provider("big", profile={"delay_ms": {"dot": 300}})
    for name, address in (("gone", "127.1.0.200"), ("some", mailing.addresses["big"]),
                          ("slow", mailing.addresses["big"])):
        mailing.dns.domain(f"{name}.test", mx=[(10, f"mx.{name}.test", address)])
    mailing.source("s1")
    mailing.limit(provider="mx.some.test", rate=(1, "min"))
    mailing.limit(provider="mx.slow.test", connections=1)
    write_to(mailing, "c", {"gone.test": 20, "some.test": 20, "slow.test": 60})
    mailing.start(park_ms="10min")
    mailing.edm("campaign", "start", "c", "--yes")
    mailing.accepted(3)

    def cause_of(name):
        (entry,) = mailing.edm("why", f"u19@{name}.test", "--json").json["campaigns"]
        assert entry["group"] == "tail" and entry["queue"] == f"mx.{name}.test"
        return entry["sentence"]

    for lane in ("s1/mx.gone.test", "s1/mx.some.test"):
        says(mailing, "why", lane, "waits ")
    assert "s1/mx.gone.test waits" in cause_of("gone")
    assert "mx.gone.test cannot be connected to" in cause_of("gone")
    assert "has its 1 message/min by operator" in cause_of("some")
    assert "mx.some" not in cause_of("slow") and "mx.gone" not in cause_of("slow")


AWAY = "550 5.7.1 Ip frequency limited [MHtS4]."
BUSY = "421 4.7.0 Too many connections, please try later"


def test_the_reply_that_a_lane_rests_for_is_told(mailing):
    """With since when, until when, and what ends it: of the lane, the campaign, the person."""
    mailing.provider("qq", profile={"mail": [{"reply": AWAY, "then": "close"}]}, mx="mx3.qq.com",
                     domain="qq.com")
    mailing.source("s1")
    write_to(mailing, "c", {"qq.com": 20})
    mailing.start(park_ms="10min")
    mailing.edm("campaign", "start", "c", "--yes")
    wanted = f', after "{AWAY}" (edm limit forget s1/qq has it start again at once)'
    text = says(mailing, "why", "s1/qq", wanted)
    assert "s1/qq waits 5 min: " in text and ", since 20" in text and ", until 20" in text
    assert f"收件方回复“{AWAY}”" in mailing.edm("why", "s1/qq", "--lang", "zh").out
    says(mailing, "why", "c", wanted)
    people = [mailing.edm("why", f"u{i}@qq.com", "--json").json for i in range(20)]
    untried = next(one for one in people if not one["campaigns"][0]["history"])
    assert wanted in untried["sentence"]
    (entry,) = untried["campaigns"]
    (group,) = mailing.edm("why", "c", "--json").json["groups"]
    for held in (mailing.edm("why", "s1/qq", "--json").json["held"], group["held"], entry["held"]):
        assert (held["by"], held["reply"]) == ("lane", AWAY)
        assert held["change"] == "edm limit forget s1/qq"
        assert held["since"] < held["until"] and held["until"].endswith("Z")


def test_a_host_that_turns_every_connection_away_is_named(mailing):
    """Its greeting says why; that the database is behind with counting tries is no cause."""
    mailing.profiles["rest"] = {"banner": [{"reply": BUSY, "then": "close"}]}
    mailing.listeners.append({"listen": f"127.1.0.77:{mailing.port}", "profile": "rest"})
    mailing.dns.domain("rest.test", mx=[(10, "mx.rest.test", "127.1.0.77")])
    mailing.source("s1")
    write_to(mailing, "c", {"rest.test": 20})
    mailing.start(park_ms="10min")
    mailing.edm("campaign", "start", "c", "--yes")
    wanted = f'after "{BUSY}"'
    says(mailing, "why", "s1/mx.rest.test", wanted)
    later = mailing.db.value("SELECT now() + interval '4 s'")

    def says_so_for_long():
        for who in ("s1/mx.rest.test", "u7@rest.test"):
            assert wanted in mailing.edm("why", who).out
        held = mailing.edm("why", "s1/mx.rest.test", "--json").json["held"]
        assert held["reply"] == BUSY and held["since"].endswith("Z")
        return mailing.db.value("SELECT now()") > later

    mailing.wait(says_so_for_long, "it says so for four seconds")


def test_what_holds_most_people_of_a_campaign_is_named(mailing):
    """Those behind a lane that rests for minutes were put off; a few others go one by one."""
    mailing.provider("qq", profile={"mail": [{"reply": AWAY, "then": "close"}]}, mx="mx3.qq.com",
                     domain="qq.com")
    mailing.provider("big")
    mailing.source("s1")
    mailing.limit(provider="big", rate=(2, "min"))
    write_to(mailing, "c", {"qq.com": 50, "big.test": 30})
    mailing.start()
    mailing.edm("campaign", "start", "c", "--yes")
    mailing.accepted(1)
    mailing.wait(lambda: sum(place["people"] for place in
                             mailing.edm("why", "c", "--json").json["places"]) > 70,
                 "all of them are held")
    answer = mailing.edm("why", "c", "--json").json
    assert answer["sentence"].startswith("c is running: 50 of 7"), answer["sentence"]
    assert f'after "{AWAY}"' in answer["sentence"]
    assert "8 of 7" in answer["sentence"] or "9 of 7" in answer["sentence"]
    assert answer["sentence"].index("s1/qq") < answer["sentence"].index("s1/big")
    assert [place["queue"] for place in answer["places"]] == ["qq", "big"]
    assert "人中 50 人：s1/qq" in mailing.edm("why", "c", "--lang", "zh").out

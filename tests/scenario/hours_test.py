# SPDX-License-Identifier: MIT
"""Sending hours: outside of them nothing is begun, whoever asks is told until when, and a change
holds within a second."""
import datetime
import time
import zoneinfo

from support.waiting import until

PEOPLE = 3000
DOT_MS = 60
SLOW = {"delay_ms": {"dot": DOT_MS}}
IN_A_SECOND = 1000 // DOT_MS


def hour_at(now, hours):
    return (now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%d %H:00")


def hours_at(now, first, last):
    """Hours of the day that begin and end so many hours from that time."""
    return f"{hour_at(now, first)[-5:]}-{hour_at(now, last)[-5:]}"


def wait_until_nobody_is(campaign, *states):
    until(lambda: campaign.count(*states) == 0, 20, f"nobody {states}: {campaign.counts()}")


def is_quiet(world, wall_us):
    """On no connection more was begun since then than a second takes."""
    begun = {}
    for event in world.sink.events("mail"):
        if int(event["time_us"]) > wall_us:
            begun[event["connection"]] = begun.get(event["connection"], 0) + 1
    return max(begun.values(), default=0) <= IN_A_SECOND


def test_it_rests_outside_its_hours_and_goes_on_within(make_world, check):
    world = make_world(domains=8, sources=2, profile=SLOW)
    campaign = world.campaign("spring", world.people(PEOPLE))
    edm = world.program
    now = datetime.datetime.now(datetime.timezone.utc)
    closed, open_now, opens = hours_at(now, 2, 3), hours_at(now, -1, 2), hour_at(now, 2)
    told = edm("campaign", "edit", "spring", "--window", open_now, "--tz", "utc").out
    assert f"it is sent in these hours: {open_now} UTC" in told
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 6)

    edm("campaign", "edit", "spring", "--window", closed, "--tz", "UTC")
    closed_us = time.time_ns() // 1000
    wait_until_nobody_is(campaign, "leased")
    assert is_quiet(world, closed_us)
    assert campaign.state == "running"
    assert set(check(world, campaign).sums().values()) == {"delivered", "waiting"}
    said = f"outside its sending hours until {opens}"
    assert said in edm("why", "spring").out
    assert said in edm("campaign", "show", "spring").out
    assert said in edm("top", "--once").out
    assert "不在发送时段内" in edm("why", "spring", "--lang", "zh").out
    shown = edm("campaign", "show", "spring", "--json").json
    assert (shown["window"], shown["window_tz"], shown["is_open"]) == (closed, "UTC", False)
    assert shown["opens_at"] == opens.replace(" ", "T") + ":00Z"

    # Open by its own hours, it is closed by those of all campaigns.
    begun = len(world.sink.events("mail"))
    known = len(node.events("reloaded", what="settings"))
    edm("config", "set", "sending.hours", f"{closed} UTC")
    until(lambda: len(node.events("reloaded", what="settings")) > known, 5, "the setting known")
    edm("campaign", "edit", "spring", "--window", "none")
    assert said in edm("why", "spring").out
    edm("config", "set", "sending.hours", f"{open_now} UTC")
    node.wait_for("hours_open")
    assert len(node.events("hours_closed")) == 1
    until(lambda: len(world.sink.events("mail")) > begun, 10, "it goes on")
    edm("config", "unset", "sending.hours")
    campaign.wait_for("finished")
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()


def test_wrong_hours_are_refused_before_anything_changes(edm):
    hours = "Mon-Fri 09:00-18:00"
    for value in (hours, f"{hours} Asia/Nowhere", "Asia/Shanghai", "Mon 9-18 UTC"):
        edm.fails(2, "config", "set", "sending.hours", value)
    edm("config", "set", "sending.hours", f"{hours} asia/shanghai")
    for window, zone in (("Mon", "UTC"), (hours, "CST9"), ("09:00-09:00", "UTC")):
        edm.fails(2, "campaign", "create", "c", "--list", "l", "--from", "a@b.example",
                  "--subject", "s", "--window", window, "--tz", zone)


def test_only_hours_that_are_open_count_towards_giving_up(make_world):
    world = make_world(domains=1, hosts=1, sources=1,
                       profile={"rcpt": [{"reply": "451 4.3.0 later"}]})
    campaign = world.campaign("spring", world.people(1))
    now = datetime.datetime.now(datetime.timezone.utc)
    # They close long before the next try, which is due after five minutes or so.
    closes = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=2)
    begins = now - datetime.timedelta(hours=1)
    world.program("campaign", "edit", "spring", "--window", f"{begins:%H:%M}-{closes:%H:%M}")
    world.node().start()
    campaign.start()
    campaign.wait_for_count("deferred", 1)
    row = world.database.query(
        "SELECT r.age_s, extract(epoch FROM o.at)::float8, extract(epoch FROM r.due_at)::float8"
        "  FROM retry r JOIN outcome o USING (campaign_id, rid)")[0]
    age_s, tried, due = row
    assert due > closes.timestamp() + 60
    assert age_s == int(closes.timestamp() - tried)


def test_the_database_tells_the_offsets_of_zones(database):
    """As another reader of the zone database has them, near changes of clocks and far from them."""
    for zone in ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                 "Asia/Kathmandu", "UTC"):
        known = zoneinfo.ZoneInfo(zone)
        for at in ("2026-01-15 11:37", "2026-03-20 00:00", "2026-03-29 01:00", "2026-10-20 23:59",
                   "2026-04-04 15:00", "2026-10-31 05:00"):
            flat = database.value("SELECT edm.zone_offsets(%s, %s::timestamptz)", zone, at + "+00")
            pairs = list(zip(flat[::2], flat[1::2]))
            first = datetime.datetime.fromisoformat(at + "+00:00")
            for quarter in range(-4 * 24, 4 * 24 * 14):
                t = first + datetime.timedelta(minutes=15 * quarter)
                told = [offset for since, offset in pairs if since <= t.timestamp() * 1e6][-1]
                assert told == t.astimezone(known).utcoffset().total_seconds(), (zone, t)
    assert database.value("SELECT edm.zone_offsets('Mars/Olympus', now())") == []
    assert database.value("SELECT edm.zone_offsets('', now())") is None

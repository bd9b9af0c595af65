# SPDX-License-Identifier: MIT
"""What a running node loads when something changes, and what it keeps."""
import signal
import threading
import time

import psycopg2

from pg_proxy import PgProxy

SLOW = {"delay_ms": {"dot": 20}}

STORM_S, EVENTS_A_SECOND = 3, 1000
EVENT = "INSERT INTO event (actor, verb, object) VALUES ('tester', 'suppress add', 'x');"
# What is the most there is to load.
LIMIT = "UPDATE limit_rule SET because = now()::text;"


def running(mailing, people=20_000, **settings):
    mailing.provider("big", profile=SLOW)
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": people})
    mailing.limit(rate=(200, "s"))
    mailing.start(**settings)
    mailing.launch(campaign)
    mailing.accepted(100)
    return campaign


def noted(mailing, text, count=1):
    """Waits for a line of the node's log."""
    mailing.wait(lambda: mailing.node_log.read_text().count(text) >= count, f"no {text}", 10)
    return next(line for line in mailing.node_log.read_text().splitlines() if text in line)


def conf(mailing, text):
    """Another edm.conf; the node is told."""
    (mailing.directory / "edm.conf").write_text(text)
    mailing.node.send_signal(signal.SIGHUP)


def loads(mailing):
    return mailing.node_log.read_text().count("event=reloaded")


# ------------------------------------------------------------------------------------ what changed


def test_what_a_host_did_outlives_events(mailing):
    """The first of two hosts is broken: it is tried after ever longer pauses, whatever happens to
    campaigns, suppressions, limits or routes of others meanwhile."""
    mailing.provider("dead", profile={"banner": [{"then": "close"}]})
    mailing.provider("big", messages_per_connection=1, connections=1)
    mailing.dns.domain("big.test", mx=[(5, "mx0.big.test", mailing.addresses["dead"])])
    mailing.source("s1")
    campaign = mailing.campaign("c", {"big": 20_000})
    mailing.limit(rate=(50, "s"))
    mailing.start()
    mailing.launch(campaign)
    mailing.accepted(20)
    for i in range(40):
        mailing.edm("limit", "set", "--provider", "qq", "--each-source", f"connections={i + 1}")
        mailing.edm("route", "set", f"other{i}.test", "127.3.0.1:25")
    log = mailing.log()
    dead = mailing.addresses["dead"]
    tries = [e for e in log.events if e["event"] == "connect" and dead in e["listener"]]
    seconds = max(log.mails()) - min(log.mails())
    print("tries", len(tries), "in", round(seconds, 1), "s", "loads", loads(mailing))
    # After 1 s, 2 s, 4 s, 8 s.
    assert 1 <= len(tries) <= 5


def test_events_that_steer_nothing_load_nothing(mailing):
    running(mailing)
    before = loads(mailing)
    mailing.edm("suppress", "add", "somebody@else.test", "--because", "asked")
    for verb in ["pause", "resume"]:
        mailing.edm("campaign", verb, "c")
    mailing.edm("limit", "set", "--provider", "qq", "--each-source", "connections=3")
    noted(mailing, "event=reloaded", before + 1)
    mailing.edm("config", "set", "smtp.pipelining", "off")
    noted(mailing, "event=reloaded", before + 2)
    lines = [line for line in mailing.node_log.read_text().splitlines() if "event=reloaded" in line]
    assert [line.split("what=")[1] for line in lines[before:]] == ["limits", "settings"]


def storm(mailing, sql):
    """A thread with so many transactions a second, each with a NOTIFY, as commands write them."""
    def run():
        connection = mailing.db.server.connect(mailing.db.name)
        cursor = connection.cursor()
        cursor.execute("SET synchronous_commit = off")
        pause, begun = threading.Event(), time.monotonic()
        for i in range(STORM_S * EVENTS_A_SECOND):
            cursor.execute(sql + "NOTIFY edm, 'storm'")
            pause.wait(max(0, begun + i / EVENTS_A_SECOND - time.monotonic()))
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def longest_gap(times):
    times = sorted(times)
    return max(b - a for a, b in zip(times, times[1:], strict=False))


def weathers(mailing, sql):
    running(mailing)
    before = loads(mailing)
    begun_at = time.time()
    blowing = storm(mailing, sql)
    mailing.wait(lambda: time.time() > begun_at + 1, "a second of it")
    mailing.edm("limit", "set", "rate=20/s")
    set_at = time.time()
    mailing.wait(lambda: not blowing.is_alive(), "the end of the storm")
    ended_at = time.time()
    assert mailing.db.value("SELECT max(now() - beat_at) < interval '3 s' FROM node")
    mails = mailing.log().mails()
    early = [at for at in mails if begun_at < at < set_at]
    late = [at for at in mails if set_at + 1 < at < ended_at]
    loaded = loads(mailing) - before
    print("storm of", round(ended_at - begun_at, 1), "s, longest gap",
          round(longest_gap(early), 2), "loads", loaded, "after the limit", len(late))
    assert longest_gap(early) < 0.5
    assert len(late) <= 22 * (ended_at - set_at)
    assert loaded <= 6 * (ended_at - begun_at) + 3
    return loaded


def test_a_storm_of_events(mailing):
    assert weathers(mailing, EVENT) <= 2


def test_a_storm_of_changes(mailing):
    weathers(mailing, EVENT + LIMIT)


def test_settings_while_the_database_is_slow(mailing):
    """Nobody waits for the shared settings: what is asked of a table that is locked comes late, and
    neither beats nor mail wait for it."""
    running(mailing)
    locker = psycopg2.connect(mailing.db.url)
    locker.cursor().execute("LOCK edm.setting IN ACCESS EXCLUSIVE MODE")
    mailing.node.send_signal(signal.SIGHUP)
    asked_at = time.time()
    beat = "SELECT count(*) FROM node WHERE beat_at > to_timestamp(%s)"
    mailing.wait(lambda: mailing.db.value(beat, asked_at + 3), "no beat while settings wait", 8)
    locker.close()
    mails = [at for at in mailing.log().mails() if at > asked_at]
    print("longest gap", round(longest_gap(mails), 2))
    assert longest_gap(mails) < 1
    noted(mailing, "what=settings")


# ------------------------------------------------------------------------------------------ SIGHUP


def test_a_file_read_again(mailing):
    running(mailing)
    assert "level=debug" not in mailing.node_log.read_text()
    conf(mailing, "log.level = debug\ndns.total_ms = 9s\n")
    noted(mailing, "event=reloaded")
    assert "key=dns.total_ms" in noted(mailing, "event=setting_waits_for_restart")
    noted(mailing, "level=debug")
    conf(mailing, "budget.leased = 1000\nalert.command = true\n")
    noted(mailing, "event=reloaded", loads(mailing) + 1)


def test_shared_settings_arrive_by_themselves(mailing):
    """retry.schedule decides when a deferred recipient is due: the new one is in force."""
    mailing.provider("big", profile={"rcpt": [{"reply": "451 4.3.0 later"}]})
    mailing.source("s1")
    first = mailing.campaign("a", {"big": 1})
    second = mailing.campaign("b", {"big": 1})
    due = ("SELECT extract(epoch FROM max(due_at) - now()) FROM retry WHERE campaign_id = %s"
           " HAVING count(*) > 0")
    mailing.start()
    mailing.launch(first)
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due, first), "the first is deferred")
    assert 200 < wait_s < 400
    mailing.edm("config", "set", "retry.schedule", "4h")
    noted(mailing, "what=settings")
    mailing.launch(second)
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due, second), "the second is deferred")
    assert 3 * 3600 < wait_s < 5 * 3600


def test_the_keeper_takes_new_settings(mailing):
    """Few who are due again wait to be many, but not for longer than ledger.overdue_ms."""
    mailing.provider("big", profile={"rcpt": [{"reply": "451 4.3.0 later", "first": 1}]})
    mailing.source("s1")
    campaign = mailing.campaign("a", {"big": 3})
    mailing.edm("config", "set", "retry.schedule", "1s")
    mailing.edm("config", "set", "ledger.overdue_ms", "10min")
    mailing.start()
    mailing.launch(campaign)
    late = "SELECT count(*) FROM retry WHERE due_at < now() - interval '2 s'"
    mailing.wait(lambda: mailing.db.value(late) == 3, "three are overdue and wait")
    mailing.edm("config", "set", "ledger.overdue_ms", "10ms")
    mailing.finished(campaign, seconds=15)


def test_a_bad_file_changes_nothing(mailing):
    """What is wrong is said once; the values of before stay, and later changes are taken."""
    (mailing.directory / "edm.conf").write_text("retry.schedule = 2h\n")
    mailing.provider("big", profile={"rcpt": [{"reply": "451 4.3.0 later"}]})
    mailing.source("s1")
    campaign = mailing.campaign("a", {"big": 1})
    mailing.start()
    conf(mailing, "retry.schedule = 5min\nsmtp.idle_ms = soon\n")
    line = noted(mailing, "event=settings_not_reloaded")
    assert "edm.conf:2" in line and "smtp.idle_ms" in line
    before = mailing.node_log.read_text().count("what=settings")
    mailing.edm("config", "set", "smtp.pipelining", "off")
    noted(mailing, "what=settings", before + 1)
    assert mailing.node_log.read_text().count("event=settings_not_reloaded") == 1
    mailing.launch(campaign)
    due = "SELECT extract(epoch FROM max(due_at) - now()) FROM retry HAVING count(*) > 0"
    ((wait_s,),) = mailing.wait(lambda: mailing.db.query(due), "deferred")
    assert 5000 < wait_s < 9000


def test_a_bad_file_while_the_database_does_not_answer(make_world, tmp_path):
    """The file is judged when the rows are there; they are taken with the file of before."""
    world = make_world(domains=1, sources=1)
    proxy = PgProxy(world.database.server, tmp_path / "proxy")
    node = world.node()
    node.program.url = proxy.url(world.database.name)
    node.start()
    proxy.refuse("setup/settings")
    world.program("config", "set", "smtp.pipelining", "off")
    (node.program.data / "edm.conf").write_text("smtp.idle_ms = soon\n")
    node.process.send_signal(signal.SIGHUP)
    node.wait_for("settings_not_read")
    before = len(node.events("reloaded", what="settings"))
    proxy.spare()
    assert "edm.conf:1" in node.wait_for("settings_not_reloaded")["error"]
    node.wait_for("reloaded", what="settings", count=before + 1)
    node.stop()
    proxy.close()

# SPDX-License-Identifier: MIT
"""The schema moves on while a campaign is sent: expand, then contract. A node whose program is
still allowed goes on; one that is too old makes way for a newer one."""
import threading

from support.waiting import until

PEOPLE = 2000
ROOM_FOR_MORE = """
DO $$ DECLARE t regclass; BEGIN
	FOR t IN SELECT c.oid FROM pg_class c WHERE relnamespace = 'edm'::regnamespace
	            AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY c.oid LOOP
		EXECUTE format('ALTER TABLE %s ADD COLUMN newer text', t);
		COMMIT;
	END LOOP;
END $$
"""


# A step back: what is undone are triggers on tables in use.
A_STEP_BACK = """
DROP FUNCTION campaign_rate;
DROP FUNCTION zone_offsets;
DROP TABLE unclean_stop;
DROP FUNCTION clock_is_steady;
DROP TABLE change;
DROP FUNCTION count_change CASCADE;
DROP TABLE provider_past;
DROP TABLE party_state;
ALTER TABLE lane_state DROP COLUMN forgotten;
DROP TABLE provider_ended;
DROP FUNCTION profile_keys;
ALTER TABLE provider DROP COLUMN patch_id, DROP COLUMN until, DROP COLUMN because,
	DROP COLUMN begun_at, DROP COLUMN begun_in, ADD PRIMARY KEY (name);
DROP SEQUENCE provider_change;
DELETE FROM migration WHERE version >= 8;
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'source'::regclass"


def under_way(make_world, rate=300):
    world = make_world(domains=8, profile={"delay_ms": {"dot": [5, 50]}})
    campaign = world.campaign("upgrade", world.people(PEOPLE))
    world.program("limit", "set", f"rate={rate}/s")
    node = world.node().start()
    campaign.start()
    campaign.wait_for_count("delivered", PEOPLE // 8)
    return world, campaign, node


def migrated(database, min_engine):
    """As a newer program leaves it."""
    database.query("INSERT INTO migration(version, name, min_engine) VALUES (9999, 'later', %s)",
                   min_engine)


def test_tables_grow_under_a_running_node(make_world, check):
    world, campaign, node = under_way(make_world)
    world.database.query(ROOM_FOR_MORE)
    migrated(world.database, world.program("version", "--json").json["version"])
    before = campaign.count("delivered")
    until(lambda: campaign.count("delivered") > before, 30, "it goes on")
    campaign.wait_for("finished")
    node.stop()
    refused = [e["line"] for e in node.log if "SQLSTATE" in e["line"] or "refused" in e["line"]]
    assert refused == []
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()


def test_a_node_that_is_too_old_makes_way(make_world, check):
    """It drains in order, says why once, and does not come back; a newer one sends the rest."""
    world, campaign, node = under_way(make_world)
    migrated(world.database, "99.0.0")
    told = node.wait_for("node_outdated")
    assert "99.0.0" in told["error"], told
    assert node.wait_for_end() == 4
    assert len(node.events("node_outdated")) == 1
    assert set(check(world, campaign).sums().values()) <= {"delivered", "waiting"}
    node.launch()
    assert node.wait_for_end() == 4
    assert "upgrade this program" in node.tail()
    # This program stands for the newer one.
    world.database.query("DELETE FROM migration WHERE version = 9999")
    node.start()
    campaign.wait_for("finished")
    node.stop()
    assert campaign.counts() == {"delivered": PEOPLE}
    check(world, campaign).at_end()


def test_a_node_refuses_a_schema_that_is_behind(make_world):
    """It says which command mends that."""
    world = make_world(domains=1)
    world.database.query("DELETE FROM migration WHERE version = (SELECT max(version)"
                         " FROM migration)")
    node = world.node().launch()
    assert node.wait_for_end() == 3
    assert "run edm init" in node.tail()


def test_init_waits_for_another_that_migrates(edm, database):
    """Both may be asked for at once; the second finds nothing to do."""
    database.query("SELECT pg_advisory_lock(76410001)")
    done = threading.Event()
    other = threading.Thread(target=lambda: (edm("init"), done.set()))
    other.start()
    until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted"
                                 " AND locktype = 'advisory' AND objid = 76410001") == 1,
          30, "it waits for the lock")
    assert not done.is_set()
    database.query("SELECT pg_advisory_unlock(76410001)")
    other.join(30)
    assert done.is_set()


def test_a_busy_table_is_waited_for_and_nobody_waits_behind(database, edm):
    database.query(A_STEP_BACK)
    results = []
    busy = database.server.connect(database.name)
    busy.cursor().execute("BEGIN; LOCK edm.source IN ROW EXCLUSIVE MODE")
    step = threading.Thread(target=lambda: results.append(edm.run("init")))
    step.start()
    try:
        until(lambda: database.value(WAITING) > 0, 30, "it waits")
        database.query("SET statement_timeout = '10s'")
        database.query("UPDATE source SET weight = weight")
        assert results == []
    finally:
        busy.close()
        step.join()
    assert results[0].code == 0, results[0].err
    assert database.value("SELECT count(*) FROM change") > 0

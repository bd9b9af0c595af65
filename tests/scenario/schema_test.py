# SPDX-License-Identifier: MIT
"""The schema itself: what a migrated database promises before anything runs."""
import pathlib
import threading

import psycopg2
import pytest
from support.waiting import until

QUERIES = pathlib.Path(__file__).resolve().parents[2] / "schemas/queries"


def test_every_table_says_who_writes_it(database):
    silent = database.query(
        "SELECT relname FROM pg_class c"
        " WHERE relnamespace = 'edm'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND coalesce(obj_description(c.oid), '') !~ 'Written by'"
    )
    assert silent == []


def test_outcomes_have_a_partition_for_a_week(database):
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'edm.outcome'::regclass"
    assert database.value(partitions) >= 8
    assert database.value("SELECT outcome_partition_add(current_date + 3)") is False
    assert database.value("SELECT outcome_partition_add(current_date + 30)") is True


def test_a_flush_of_a_chunk_touches_no_index(database):
    """HOT updates: no index holds a column that a flush changes."""
    columns = database.value(
        "SELECT string_agg(pg_get_indexdef(indexrelid), ' ')"
        " FROM pg_index WHERE indrelid = 'edm.chunk'::regclass"
    )
    for column in ("done_map", "open_map", "flush_seq"):
        assert column not in columns


CHANGES = {
    "INSERT INTO source (name, address, ehlo) VALUES ('s', '127.0.0.1', 's.test')": "limits",
    "UPDATE source SET state = 2": "limits",
    "INSERT INTO limit_rule (kind, n) VALUES (1, 5)": "limits",
    "INSERT INTO pause (scope, who, why) VALUES (1, 'me', 'x')": "limits",
    "UPDATE pause SET lifted_at = now()": "limits",
    "UPDATE lane_state SET warmup_held = true": "limits",
    "UPDATE lane_state SET forgotten = 1": "limits",
    "INSERT INTO route (domain, host, port) VALUES ('*', '127.0.0.1', 25)": "routes",
    "DELETE FROM route": "routes",
    "INSERT INTO provider (name, overrides) VALUES ('p', '{}')": "routes",
    "INSERT INTO reply_rule (rule_id, body) VALUES ('r', '{}')": "rules",
    "INSERT INTO sending_domain (name) VALUES ('news.test')": "domains",
    "DELETE FROM dkim_key": "domains",
    "INSERT INTO setting (key, value, set_by) VALUES ('smtp.tls', 'none', 'me')": "settings",
}
STEERING_NOTHING = [
    "INSERT INTO lane_state (source_id, target) VALUES (1, 'p')",
    "UPDATE lane_state SET learnt = '{}', saved_at = now()",
    "INSERT INTO event (actor, verb, object) VALUES ('me', 'suppress add', 'x')",
    "INSERT INTO campaign (name, from_address) VALUES ('c', 'a@news.test')",
    "INSERT INTO suppression_feed (rid, cause) VALUES (1, 4)",
]


def test_what_steers_nodes_is_counted_by_its_kind(database):
    def versions():
        return dict(database.query("SELECT kind, version FROM change"))

    for statement, kind in {**CHANGES, **dict.fromkeys(STEERING_NOTHING)}.items():
        before = versions()
        database.query(statement)
        changed = [k for k, version in versions().items() if version != before[k]]
        assert changed == ([kind] if kind else []), statement


LANE_WRITERS = {
    "save_lanes": "'{1, 1}', '{b, a}', '{1, 2}', '{null, null}'",
    "forget_lanes": "NULL, NULL, 'me', ''",
    "steer_warmup": "'s', NULL, true, 0, 'warmup hold', 'me', ''",
    "set_source": "'s', NULL, NULL, NULL, NULL, NULL, 'null', 'me', ''",
}


@pytest.mark.parametrize("name", LANE_WRITERS)
def test_who_writes_several_lanes_takes_them_in_the_order_of_their_key(name, database):
    """The first is waited for before the second is held: two writers never wait for each other."""
    query = database.query
    query("INSERT INTO source (source_id, name, address, ehlo) VALUES (1, 's', '127.0.0.1', 's')")
    # The order they stand in is the other one.
    query("INSERT INTO lane_state (source_id, target) VALUES (1, 'b'), (1, 'a')")
    query("INSERT INTO pause (scope, source_name, provider, origin, who, why)"
          " VALUES (4, 's', 'a', 3, '', ''), (4, 's', 'b', 3, '', '')")
    writer = database.server.connect(database.name)
    text = (QUERIES / f"ip-pool/{name}.sql").read_text()

    done = []

    def write():
        with writer.cursor() as cursor:
            cursor.execute(f"PREPARE lanes AS {text}")
            cursor.execute(f"EXECUTE lanes({LANE_WRITERS[name]})")
        done.append(name)

    thread = threading.Thread(target=write, daemon=True)
    lock = "SELECT FROM lane_state WHERE target = %s FOR UPDATE NOWAIT"
    query("BEGIN")
    query(lock, "a")
    thread.start()
    until(lambda: database.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), 30, name)
    try:
        query(lock, "b")
        is_free = True
    except psycopg2.errors.LockNotAvailable:
        is_free = False
    query("ROLLBACK")
    thread.join(30)
    writer.close()
    assert is_free and done

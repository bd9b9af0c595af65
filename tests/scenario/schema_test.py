# SPDX-License-Identifier: MIT
"""The schema itself: what a migrated database promises before anything runs."""


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

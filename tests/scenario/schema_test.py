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

-- Retention of outcomes: detaches and drops the oldest partition that is too old. $1 days kept.
-- Returns how many it dropped.
SELECT count(*) FILTER (WHERE outcome_partition_drop(relname))
  FROM (SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'edm.outcome'::regclass AND clock_is_steady()
           AND c.relname < 'outcome_' ||
               to_char(now() AT TIME ZONE 'UTC' - $1::int * interval '1 day', 'YYYYMMDD')
         ORDER BY 1 LIMIT 1) x;

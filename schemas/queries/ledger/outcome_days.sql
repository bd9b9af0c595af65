-- The days of outcomes in a time, oldest first: from when, before when, and the blocks their
-- partition has. $1 from, $2 before (wall time).
SELECT greatest(day, $1::timestamptz), least(next, $2::timestamptz), blocks
  FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS day,
               (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' AS next,
               pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'edm.outcome'::regclass) d
 WHERE next > $1::timestamptz AND day < $2::timestamptz AND blocks > 0
 ORDER BY day;

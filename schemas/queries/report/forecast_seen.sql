-- What came of tries lately, by provider (empty: none) and whether it was a later one: of the
-- campaigns $1 and, apart, of all others. At most some 500 pages of outcomes of the last seven
-- days are read, of more a sample. deferred, throttled: put off; took_ms, put_off_ms: means of who
-- was not put off, and of who was. Then how long who was throttled last waits, in all, ms.
WITH size AS (
	SELECT greatest(sum(pg_relation_size(i.inhrelid)) / 8192.0, 1)::float8 AS pages
	  FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
	 WHERE i.inhparent = 'outcome'::regclass
	   AND p.relname >= to_char((now() - interval '7 days') AT TIME ZONE 'UTC',
	                            '"outcome_"YYYYMMDD')
), waits AS MATERIALIZED (
	SELECT coalesce(avg(extract(epoch FROM due_at - since) * 1000), 0)::bigint AS ms
	  FROM (SELECT due_at, since FROM retry WHERE class = 3 LIMIT 1000) r
)
SELECT o.campaign_id = ANY ($1::int[]) AS is_of_these, o.provider, o.attempt > 1 AS is_later,
       count(*) AS tries,
       count(*) FILTER (WHERE o.state = 3 AND o.class = 2) AS deferred,
       count(*) FILTER (WHERE o.state = 3 AND o.class <> 2) AS throttled,
       coalesce(avg(o.took_ms) FILTER (WHERE o.state <> 3), 0)::bigint AS took_ms,
       coalesce(avg(o.took_ms) FILTER (WHERE o.state = 3), 0)::bigint AS put_off_ms,
       (SELECT ms FROM waits) AS throttled_ms
  FROM outcome o TABLESAMPLE SYSTEM ((SELECT 100 * least(1, 500 / pages) FROM size))
 WHERE o.at >= now() - interval '7 days' AND o.attempt > 0
 GROUP BY 1, 2, 3;

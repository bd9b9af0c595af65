-- Replies by volume: a JSON document. $1 of the last so many milliseconds, $2 only those no rule
-- knows. At most some 2,000 pages of outcomes are read: of more, a sample, whose share is told;
-- n is then an estimate. "cluster" is the template's hash, "providers" how often each said it.
WITH size AS (
	SELECT greatest(sum(pg_relation_size(i.inhrelid)) / 8192.0, 1)::float8 AS pages
	  FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
	 WHERE i.inhparent = 'outcome'::regclass
	   AND p.relname >= to_char((now() - $1::bigint * interval '1 ms') AT TIME ZONE 'UTC',
	                            '"outcome_"YYYYMMDD')
), share AS MATERIALIZED (
	SELECT least(1, 2000 / pages) AS of FROM size
), by_provider AS MATERIALIZED (
	SELECT o.template, o.rule, o.class, o.cause, o.provider, count(*) AS n, max(o.at) AS at,
	       (array_agg(o.vars))[1] AS vars, max(o.code) AS code, max(o.enhanced) AS enhanced,
	       max(o.words) AS words, max(o.stage) AS stage
	  FROM outcome o TABLESAMPLE SYSTEM ((SELECT 100 * least(1, 2000 / pages) FROM size))
	 WHERE o.at >= now() - $1::bigint * interval '1 ms' AND o.template <> 0
	   AND o.attempt > 0 -- who was given up untried keeps the reply that was another's
	   AND (NOT $2::bool OR o.rule = '' AND o.words = 1 AND o.class <> 1)
	 GROUP BY 1, 2, 3, 4, 5
), said AS (
	SELECT b.template, b.rule, b.class, b.cause, sum(b.n) AS n, max(b.at) AS at,
	       (array_agg(b.vars ORDER BY b.n DESC))[1] AS vars, max(b.code) AS code,
	       max(b.enhanced) AS enhanced, max(b.words) AS words, max(b.stage) AS stage,
	       (array_agg(b.provider ORDER BY b.n DESC, b.provider))[1] AS provider,
	       jsonb_agg(jsonb_build_object('provider', b.provider, 'n',
	                                    round(b.n / (SELECT of FROM share))::bigint)
	                 ORDER BY b.n DESC, b.provider) AS providers
	  FROM by_provider b
	 GROUP BY 1, 2, 3, 4
	 ORDER BY 5 DESC LIMIT 100
)
SELECT jsonb_build_object(
	'share', (SELECT of FROM share),
	'replies', (SELECT jsonb_agg(jsonb_build_object(
			'n', round(s.n / share.of)::bigint, 'class', s.class, 'cause', s.cause,
			'rule', s.rule, 'code', s.code, 'enhanced', s.enhanced, 'words', s.words,
			'stage', s.stage, 'provider', s.provider, 'providers', s.providers,
			'cluster', lpad(to_hex(s.template), 16, '0'), 'last_at', time_us(s.at),
			'template', coalesce(t.template, ''), 'vars', s.vars)
			ORDER BY s.n DESC, s.template)
	              FROM said s CROSS JOIN share
	              LEFT JOIN reply_template t ON t.hash = s.template));

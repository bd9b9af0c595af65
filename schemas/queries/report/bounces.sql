-- Refusals (bounced, rejected, blocked) from the counters: a JSON document. $1 a campaign or NULL =
-- all that are not hidden, $2 of the last so many milliseconds or NULL, $3 grouped by: provider,
-- source, campaign, hour, or cause = not further. Up to three different replies are shown of each
-- class and cause, out of the last minute in which it was seen.
WITH c AS (
	SELECT campaign_id, name FROM campaign
	 WHERE removed_at IS NULL
	   AND CASE WHEN $1::text IS NULL
	            THEN NOT hidden AND started_at IS NOT NULL
	                 AND ($2::bigint IS NULL OR finished_at IS NULL
	                      OR finished_at >= now() - $2::bigint * interval '1 ms')
	            ELSE name = $1::text END
), refused AS MATERIALIZED (
	SELECT c.campaign_id, c.name, x.minute, x.provider, x.source_id, x.class, x.cause, x.n
	  FROM c JOIN (
		SELECT campaign_id, minute, provider, source_id, class, cause, n FROM attempts
		UNION ALL
		SELECT campaign_id, minute, provider, source_id, class, cause, n
		  FROM attempts_delta) x
	 USING (campaign_id)
	 WHERE x.class IN (4, 5, 6)
	   AND ($2::bigint IS NULL OR x.minute >= now() - $2::bigint * interval '1 ms')
), cause AS (
	SELECT class, cause, sum(n)::bigint AS n, max(minute) AS minute,
	       (array_agg(campaign_id ORDER BY minute DESC))[1] AS campaign_id
	  FROM refused GROUP BY 1, 2
), grouped AS (
	SELECT CASE $3::text WHEN 'provider' THEN coalesce(nullif(r.provider, ''), 'tail')
	                     WHEN 'source' THEN coalesce(s.name, '-')
	                     WHEN 'campaign' THEN r.name
	                     ELSE to_char(r.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00"Z"')
	       END AS key, r.class, r.cause, sum(r.n)::bigint AS n
	  FROM refused r LEFT JOIN source s USING (source_id)
	 WHERE $3::text <> 'cause'
	 GROUP BY 1, 2, 3
)
SELECT jsonb_build_object(
	'by', $3::text,
	'total', (SELECT coalesce(sum(n), 0) FROM cause),
	'causes', (SELECT jsonb_agg(jsonb_build_object(
			'class', g.class, 'cause', g.cause, 'n', g.n,
			'samples', coalesce(x.samples, '[]'))
			ORDER BY g.n DESC, g.class, g.cause)
	             FROM cause g LEFT JOIN LATERAL (
		SELECT jsonb_agg(jsonb_build_object(
			'code', o.code, 'enhanced', o.enhanced,
			'template', coalesce(t.template, ''), 'vars', o.vars,
			'rule', o.rule, 'provider', o.provider, 'mx', o.mx,
			'stage', o.stage, 'words', o.words, 'at', time_us(o.at))) AS samples
		  FROM (SELECT DISTINCT ON (m.template) m.* FROM (
				SELECT * FROM outcome o
				 WHERE o.at >= g.minute AND o.at < g.minute + interval '1 min'
				   AND o.campaign_id = g.campaign_id AND o.class = g.class
				   AND o.cause = g.cause
				 LIMIT 200) m
			 ORDER BY m.template LIMIT 3) o
		  LEFT JOIN reply_template t ON t.hash = o.template) x ON true),
	'groups', (SELECT jsonb_agg(to_jsonb(k) ORDER BY CASE WHEN $3::text = 'hour' THEN k.key END,
	                            k.n DESC, k.key)
	             FROM (SELECT key, sum(n)::bigint AS n, jsonb_agg(jsonb_build_object(
				'class', class, 'cause', cause, 'n', n)
				ORDER BY n DESC, class, cause) AS causes
	                     FROM grouped GROUP BY key) k));

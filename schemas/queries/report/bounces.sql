-- Refusals (bounced, rejected, blocked, and unknown users who are not believed yet: class deferred)
-- from the counters alone: a JSON document. $1 a campaign or
-- NULL = all that are not hidden, $2 of the last so many milliseconds or NULL, $3 grouped by these
-- of provider, source, campaign and hour (none: by cause only). Each class and cause comes with the
-- last minute it was seen in and a campaign of that, for samples (report/bounce_samples).
WITH c AS (
	SELECT campaign_id, name FROM campaign
	 WHERE removed_at IS NULL
	   AND CASE WHEN $1::text IS NULL
	            THEN NOT hidden AND started_at IS NOT NULL
	                 AND ($2::bigint IS NULL OR finished_at IS NULL
	                      OR finished_at >= now() - $2::bigint * interval '1 ms')
	            ELSE name = $1::text END
), refused AS MATERIALIZED (
	SELECT c.campaign_id, c.name, x.minute, x.provider, x.source_id, x.class, x.cause,
	       sum(x.n)::bigint AS n
	  FROM c JOIN (
		SELECT campaign_id, minute, provider, source_id, class, cause, n FROM attempts
		UNION ALL
		SELECT campaign_id, minute, provider, source_id, class, cause, n
		  FROM attempts_delta) x
	 USING (campaign_id)
	 WHERE (x.class IN (4, 5, 6) OR x.class = 2 AND x.cause = 1)
	   AND ($2::bigint IS NULL OR x.minute >= now() - $2::bigint * interval '1 ms')
	 GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(x.n) <> 0
), cause AS (
	SELECT class, cause, sum(n)::bigint AS n, max(minute) AS minute,
	       (array_agg(campaign_id ORDER BY minute DESC))[1] AS campaign_id
	  FROM refused GROUP BY 1, 2
), grouped AS (
	SELECT CASE WHEN 'provider' = ANY ($3::text[])
	            THEN coalesce(nullif(r.provider, ''), 'tail') END AS provider,
	       CASE WHEN 'source' = ANY ($3) THEN coalesce(s.name, '-') END AS source,
	       CASE WHEN 'campaign' = ANY ($3) THEN r.name END AS campaign,
	       CASE WHEN 'hour' = ANY ($3) THEN date_trunc('hour', r.minute, 'UTC') END AS hour,
	       r.class, r.cause, sum(r.n)::bigint AS n
	  FROM refused r LEFT JOIN source s USING (source_id)
	 WHERE cardinality($3) > 0
	 GROUP BY 1, 2, 3, 4, 5, 6
), groups AS (
	SELECT provider, source, campaign, hour, sum(n)::bigint AS n,
	       jsonb_agg(jsonb_build_object('class', class, 'cause', cause, 'n', n)
	                 ORDER BY n DESC, class, cause) AS causes
	  FROM grouped GROUP BY 1, 2, 3, 4
)
SELECT jsonb_build_object(
	'total', (SELECT coalesce(sum(n), 0) FROM cause),
	'causes', (SELECT jsonb_agg(jsonb_build_object(
			'class', class, 'cause', cause, 'n', n, 'campaign_id', campaign_id,
			'minute', time_us(minute)) ORDER BY n DESC, class, cause)
	             FROM cause),
	'groups', (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
			'key', concat_ws(' / ', provider, source, campaign,
			                 to_char(hour AT TIME ZONE 'UTC',
			                         'YYYY-MM-DD"T"HH24:00"Z"')),
			'provider', provider, 'source', source, 'campaign', campaign,
			'hour_at', time_us(hour), 'n', n, 'causes', causes))
			ORDER BY hour, n DESC, provider, source, campaign)
	             FROM groups));

-- What was decided of each running campaign at each provider ('' = the tail) since it began or was
-- resumed, at most $1 ms ago: from the counters, which are read from that minute on, less what the
-- minute of a resume had before it; who was given up untried (no source) tells nothing. Rows:
-- campaign, its version, provider, people there (0 = not known), delivered, bounced, blocked or
-- rejected, unauthenticated (cause 21). An unknown user (cause 1) counts as bounced also where that
-- is not believed yet and tried again. People are counted for the campaigns $2 only. A minute has
-- two bounds, so that the planner expects few.
WITH c AS MATERIALIZED (
	SELECT campaign_id, version, settings, date_trunc('minute', state_since) AS resumed,
	       greatest(date_trunc('minute', state_since),
	                date_trunc('minute', now() - $1::bigint * interval '1 ms')) AS since
	  FROM campaign WHERE state = 3 AND NOT hidden AND removed_at IS NULL
), seen AS (
	SELECT c.campaign_id, x.provider, x.class, x.cause, x.n
	  FROM c CROSS JOIN LATERAL (
		SELECT provider, class, cause, sum(n)::bigint AS n FROM attempts
		 WHERE campaign_id = c.campaign_id AND source_id <> 0
		   AND minute >= c.since AND minute <= c.since + interval '1 day'
		 GROUP BY 1, 2, 3) x
	UNION ALL
	SELECT c.campaign_id, x.provider, x.class, x.cause, x.n
	  FROM c JOIN attempts_delta x ON x.campaign_id = c.campaign_id AND x.minute >= c.since
	       AND x.source_id <> 0
	UNION ALL
	SELECT c.campaign_id, b.provider, b.class, b.cause, -b.n
	  FROM c, jsonb_to_recordset(c.settings -> 'judged')
	          AS b(provider text, class smallint, cause smallint, n bigint)
	 WHERE c.since = c.resumed
), people AS (
	SELECT campaign_id, group_name, sum(n)::bigint AS n
	  FROM chunk WHERE campaign_id = ANY ($2::int[]) GROUP BY 1, 2
), sums AS (
	SELECT campaign_id, provider,
	       coalesce(sum(n) FILTER (WHERE class = 1), 0)::bigint AS delivered,
	       coalesce(sum(n) FILTER (WHERE class = 5 AND cause <> 21
	                                  OR class = 2 AND cause = 1), 0)::bigint AS bounced,
	       coalesce(sum(n) FILTER (WHERE class IN (4, 6) AND cause <> 21), 0)::bigint
	       AS blocked,
	       coalesce(sum(n) FILTER (WHERE class BETWEEN 2 AND 7 AND cause = 21), 0)::bigint
	       AS unauthenticated
	  FROM seen GROUP BY 1, 2
)
SELECT c.campaign_id, c.version, s.provider, coalesce(p.n, 0), s.delivered, s.bounced, s.blocked,
       s.unauthenticated, c.campaign_id = ANY ($2::int[]) AS is_counted
  FROM sums s JOIN c USING (campaign_id)
  LEFT JOIN people p ON p.campaign_id = s.campaign_id
        AND p.group_name = coalesce(nullif(s.provider, ''), 'tail')
 ORDER BY c.campaign_id, s.provider

-- Limits and pauses that held in the last hour and hold no longer: what was sent under them tells
-- nothing of what will be. kind, n, period_ms: as of a limit; of a pause kind is 0. from_ms, to_ms:
-- how long ago it began and ended.
WITH over AS (
	SELECT provider, source_name, sending_domain, node_name, campaign_id, spread, kind, n,
	       period_ms, set_at AS since, least(ended_at, until) AS ended
	  FROM limit_rule
	UNION ALL
	SELECT coalesce(provider, site), source_name, NULL, NULL, campaign_id, 1, 0, 0, 0, since,
	       least(lifted_at, until)
	  FROM pause
)
SELECT coalesce(provider, ''), coalesce(source_name, ''), coalesce(sending_domain, ''),
       coalesce(node_name, ''), coalesce(campaign_id, 0), spread::int, kind::int, n::bigint,
       period_ms, (extract(epoch FROM now() - since) * 1000)::bigint AS from_ms,
       (extract(epoch FROM now() - ended) * 1000)::bigint AS to_ms
  FROM over
 WHERE ended > now() - interval '1 hour' AND ended <= now() AND ended > since;

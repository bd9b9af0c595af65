-- The campaign called $1, and those that may be sent beside it (running or scheduled): what a
-- forecast must know of them. audience, through: people in all so far, and those of them whose
-- state is final. Then, the same in every row: setting sending.hours with the offsets of its zone,
-- how many nodes are alive, and the time. Last, how many domains of the tail it goes to, its
-- results a second now, in hundredths, and its people who are put off.
WITH asked AS (
	SELECT * FROM campaign c WHERE c.removed_at IS NULL
	   AND (c.name = $1::text OR (c.state IN (2, 3) AND NOT c.hidden))
), counts AS (
	SELECT x.campaign_id, sum(x.n)::bigint AS audience,
	       coalesce(sum(x.n) FILTER (WHERE x.state > 3), 0)::bigint AS through,
	       coalesce(sum(x.n) FILTER (WHERE x.state = 3), 0)::bigint AS put_off
	  FROM asked
	  JOIN (SELECT campaign_id, state, n FROM moves
	        UNION ALL SELECT campaign_id, state, n FROM moves_delta) x USING (campaign_id)
	 GROUP BY 1
), h AS MATERIALIZED (
	SELECT value, zone_offsets(substring(rtrim(value) from '[^ ]+$'), now()) AS offsets
	  FROM setting WHERE key = 'sending.hours'
)
SELECT c.campaign_id, c.name, c.name = $1 AS is_asked, c.state::int, c.priority::int,
       coalesce(c.pool, ''), lower(split_part(c.from_address, '@', 2)), c.give_up_after_s,
       c.deadline, c.scheduled_at, greatest(c.started_at, c.state_since),
       a.campaign_id IS NOT NULL AS is_frozen,
       coalesce(k.audience, 0), coalesce(k.through, 0),
       coalesce(c.windows ->> 'hours', ''), zone_offsets(c.windows ->> 'zone', now()),
       CASE WHEN c.hidden THEN '' ELSE coalesce(h.value, '') END, h.offsets,
       (SELECT count(*) FROM node n WHERE n.lease_until > now() AND n.state = 1), now(),
       (SELECT count(*) FROM audience_domain d
         WHERE d.campaign_id = c.campaign_id AND d.group_name = 'tail'),
       round(100 * campaign_rate(c.campaign_id))::bigint, coalesce(k.put_off, 0)
  FROM asked c
  LEFT JOIN audience a USING (campaign_id)
  LEFT JOIN counts k USING (campaign_id)
  LEFT JOIN h ON true
 ORDER BY c.name = $1 DESC, c.campaign_id;

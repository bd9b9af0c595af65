-- Changes a campaign that is in draft, scheduled or paused, if it is still at the version seen and
-- (paused) no node holds a lease of it. NULL keeps a setting. $1 campaign, $2 version seen,
-- $3 pool ('' = any), $4 unsigned, $5 unknown policy, $6 give up after (s), $7 deadline
-- ('infinity' = none), $8 priority, $9 actor, $10 because; $11 true: a new content version of
-- $12 from, $13 from name, $14 reply to, $15 subject, $16 preheader, $17 html, $18 text;
-- attachments: $19 names, $20 types, $21 cids, $22 data; $23 lists and $24 lists excluded by name,
-- NULL = keep; $25 sending hours (NULL = keep, '' = always) by the clock of zone $26.
-- Returns the newest content version; no row: not as seen, or leased.
WITH c AS (
	UPDATE campaign SET
		version = version + 1,
		content_version = content_version + $11::bool::int,
		from_address = CASE WHEN $11 THEN $12 ELSE from_address END,
		pool = CASE WHEN $3::text IS NULL THEN pool ELSE nullif($3, '') END,
		unsigned = coalesce($4, unsigned),
		unknown_policy = coalesce($5, unknown_policy),
		give_up_after_s = coalesce($6, give_up_after_s),
		deadline = CASE WHEN $7::timestamptz IS NULL THEN deadline
		                ELSE nullif($7::timestamptz, 'infinity') END,
		priority = coalesce($8, priority),
		windows = CASE WHEN $25::text IS NULL THEN windows WHEN $25 <> ''
		               THEN jsonb_build_object('hours', $25::text, 'zone', $26::text) END
	 WHERE campaign_id = $1 AND version = $2 AND state IN (1, 2, 4)
	   AND NOT EXISTS (SELECT 1 FROM chunk k WHERE k.campaign_id = $1 AND k.state = 1)
	RETURNING campaign_id, name, content_version
), t AS (
	INSERT INTO content(campaign_id, version, from_address, from_name, reply_to, subject,
	                    preheader, html, text, created_by)
	SELECT campaign_id, content_version, $12, $13, $14, $15, $16, $17, $18, $9 FROM c WHERE $11
), f AS (
	INSERT INTO attachment(campaign_id, version, position, name, media_type, content_id, data)
	SELECT c.campaign_id, c.content_version, u.i, u.name, u.type, u.cid, u.data
	  FROM c, unnest($19::text[], $20::text[], $21::text[], $22::bytea[])
	          WITH ORDINALITY u(name, type, cid, data, i)
	 WHERE $11
), wanted AS (
	SELECT list.list_id, u.excluded, min(u.i) AS position
	  FROM (SELECT name, false, i FROM unnest($23::text[]) WITH ORDINALITY x(name, i)
	        UNION ALL
	        SELECT name, true, i FROM unnest($24::text[]) WITH ORDINALITY x(name, i)
	       ) u(name, excluded, i)
	  JOIN list ON list.name = u.name AND list.removed_at IS NULL
	 GROUP BY 1, 2
), gone AS (
	DELETE FROM campaign_list l USING c
	 WHERE l.campaign_id = c.campaign_id
	   AND CASE WHEN l.excluded THEN $24::text[] ELSE $23::text[] END IS NOT NULL
	   AND l.list_id NOT IN (SELECT list_id FROM wanted)
), l AS (
	INSERT INTO campaign_list(campaign_id, list_id, excluded, position)
	SELECT c.campaign_id, w.list_id, w.excluded, w.position FROM c, wanted w
	ON CONFLICT (campaign_id, list_id)
	DO UPDATE SET excluded = excluded.excluded, position = excluded.position
), e AS (
	INSERT INTO event(actor, verb, object, because, detail)
	SELECT $9, 'campaign edit', 'campaign:' || name, $10,
	       jsonb_build_object('content_version', content_version)
	  FROM c
)
SELECT content_version, pg_notify('edm', 'campaign')::text FROM c

-- A new campaign in state draft with the first version of its content, its lists and an event.
-- $1 name, $2 from, $3 pool (NULL: any), $4 unsigned, $5 unknown policy, $6 give up after (s),
-- $7 deadline or NULL, $8 priority, $9 audience of (campaign or NULL: its lists are taken over),
-- $10 in these states, $11 hidden, $12 actor, $13 because; content: $14 from name, $15 reply to,
-- $16 subject, $17 preheader, $18 html, $19 text; attachments: $20 names, $21 types, $22 cids,
-- $23 data; $24 lists, $25 lists excluded, by name, in this order; $26 sending hours ('' = always)
-- by the clock of zone $27.
WITH c AS (
	INSERT INTO campaign(name, from_address, pool, unsigned, unknown_policy, give_up_after_s,
	                     deadline, priority, audience_of, audience_states, hidden, created_by,
	                     state_by, windows)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12,
	        CASE WHEN $26::text <> ''
	             THEN jsonb_build_object('hours', $26::text, 'zone', $27::text) END)
	RETURNING campaign_id, name
), t AS (
	INSERT INTO content(campaign_id, version, from_address, from_name, reply_to, subject,
	                    preheader, html, text, created_by)
	SELECT campaign_id, 1, $2, $14, $15, $16, $17, $18, $19, $12 FROM c
), f AS (
	INSERT INTO attachment(campaign_id, version, position, name, media_type, content_id, data)
	SELECT c.campaign_id, 1, u.i, u.name, u.type, u.cid, u.data
	  FROM c, unnest($20::text[], $21::text[], $22::text[], $23::bytea[])
	          WITH ORDINALITY u(name, type, cid, data, i)
), l AS (
	INSERT INTO campaign_list(campaign_id, list_id, excluded, position)
	SELECT c.campaign_id, x.list_id, bool_or(x.excluded), min(x.position)
	  FROM c, (SELECT list.list_id, false AS excluded, u.i AS position
	             FROM unnest($24::text[]) WITH ORDINALITY u(name, i)
	             JOIN list ON list.name = u.name AND list.removed_at IS NULL
	           UNION ALL
	           SELECT list.list_id, true, u.i
	             FROM unnest($25::text[]) WITH ORDINALITY u(name, i)
	             JOIN list ON list.name = u.name AND list.removed_at IS NULL
	           UNION ALL
	           SELECT list_id, excluded, position FROM campaign_list WHERE campaign_id = $9) x
	 GROUP BY 1, 2
), e AS (
	INSERT INTO event(actor, verb, object, because)
	SELECT $12, 'campaign create', 'campaign:' || name, $13 FROM c
)
SELECT campaign_id FROM c

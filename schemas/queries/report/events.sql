-- What was changed, by whom and why, oldest first: a JSON document. $1 of the last so many
-- milliseconds, $2 what ('limit set', or 'limit' for all of limits; '' = anything), $3 a part of
-- what it was about ('' = anything; a lane, mx1/qq, finds its pauses, too), $4 at most so many, the
-- newest of them. Limits and pauses were written down with the number of their campaign: here it
-- has its name.
WITH named AS (
	SELECT e.event_id, e.at, e.actor, e.verb, e.because,
	       CASE WHEN c.name IS NULL THEN e.object
	            ELSE replace(e.object, n.word, left(n.word, 9) || c.name) END AS object,
	       CASE WHEN d.name IS NULL THEN e.detail
	            ELSE e.detail || jsonb_build_object('campaign', d.name) END AS detail
	  FROM event e
	 CROSS JOIN LATERAL (SELECT CASE
	           WHEN e.verb = 'pause' THEN substring(e.object FROM '^campaign:[0-9]{1,9}\M')
	           WHEN starts_with(e.verb, 'limit ')
	           THEN substring(e.object FROM '^limit:(campaign [0-9]{1,9})$') END AS word) n
	  LEFT JOIN campaign c ON c.campaign_id = substr(n.word, 10)::int
	  LEFT JOIN campaign d
	    ON e.verb = 'resume' AND d.campaign_id = (e.detail ->> 'campaign_id')::int
	 WHERE e.at >= now() - $1::bigint * interval '1 ms'
	   AND ($2::text = '' OR e.verb = $2 OR starts_with(e.verb, $2 || ' '))
)
SELECT jsonb_build_object('events', coalesce(jsonb_agg(jsonb_build_object(
		'id', event_id, 'at_us', time_us(at), 'who', actor, 'what', verb,
		'about', object, 'because', because, 'detail', detail) ORDER BY event_id), '[]'))
  FROM (SELECT * FROM named
         WHERE $3::text = '' OR strpos(object, $3) > 0
               OR strpos(object, 'source:' || replace($3, '/', ' provider:')) > 0
         ORDER BY event_id DESC LIMIT $4::int) e;

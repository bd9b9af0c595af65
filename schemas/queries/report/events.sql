-- What was changed, by whom and why, oldest first: a JSON document. $1 of the last so many
-- milliseconds, $2 what ('limit set', or 'limit' for all of limits; '' = anything), $3 a part of
-- what it was about ('' = anything; a lane, mx1/qq, finds its pauses, too), $4 at most so many, the
-- newest of them.
SELECT jsonb_build_object('events', coalesce(jsonb_agg(jsonb_build_object(
		'id', event_id, 'at_us', time_us(at), 'who', actor, 'what', verb,
		'about', object, 'because', because, 'detail', detail) ORDER BY event_id), '[]'))
  FROM (SELECT * FROM event
         WHERE at >= now() - $1::bigint * interval '1 ms'
           AND ($2::text = '' OR verb = $2 OR starts_with(verb, $2 || ' '))
           AND ($3::text = '' OR strpos(object, $3) > 0
                OR strpos(object, 'source:' || replace($3, '/', ' provider:')) > 0)
         ORDER BY event_id DESC LIMIT $4::int) e;

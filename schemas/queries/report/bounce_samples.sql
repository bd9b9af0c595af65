-- What servers said: for each class $1, cause $2 of campaign $3 in the minute $4 (µs) up to $5
-- different replies. A JSON list in the order of the arrays. Of each minute 50,000 outcomes of the
-- campaign are looked at, at most.
SELECT jsonb_agg(coalesce(x.samples, '[]') ORDER BY g.i)
  FROM unnest($1::smallint[], $2::smallint[], $3::int[], $4::bigint[]) WITH ORDINALITY
       g(class, cause, campaign_id, minute, i)
  LEFT JOIN LATERAL (
	SELECT jsonb_agg(jsonb_build_object(
		'code', o.code, 'enhanced', o.enhanced,
		'template', coalesce(t.template, ''), 'vars', o.vars,
		'rule', o.rule, 'provider', o.provider, 'mx', o.mx,
		'stage', o.stage, 'words', o.words, 'at', time_us(o.at))) AS samples
	  FROM (SELECT DISTINCT ON (m.template) m.* FROM (
			SELECT * FROM (
				SELECT * FROM outcome o
				 WHERE o.at >= to_timestamp(g.minute / 1e6)
				   AND o.at < to_timestamp(g.minute / 1e6) + interval '1 min'
				   AND o.campaign_id = g.campaign_id
				 LIMIT 50000) l
			 WHERE l.class = g.class AND l.cause = g.cause
			 LIMIT 200) m
		 ORDER BY m.template LIMIT $5::int) o
	  LEFT JOIN reply_template t ON t.hash = o.template) x ON true;

-- Everything that happened to one recipient, newest first. $1 rid, $2 campaign (0 = all), $3 rows.
SELECT o.campaign_id, o.at, o.chunk_no, o.position, o.attempt, o.content_version, o.state, o.class,
       o.cause, o.scope, o.words, o.stage, o.code, o.enhanced, o.source_id, o.provider, o.mx, o.tls,
       o.rule, o.took_ms, coalesce(t.template, '') AS template, o.vars
  FROM outcome o LEFT JOIN reply_template t ON t.hash = o.template
 WHERE o.rid = $1::bigint AND ($2::int = 0 OR o.campaign_id = $2::int)
 ORDER BY o.at DESC LIMIT $3::int;

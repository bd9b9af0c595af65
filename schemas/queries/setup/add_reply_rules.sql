-- Operators' reply rules, after the others or in the place of those of the same id. $1 actor,
-- $2 because, $3 a JSON array of rules. Tells how many are new and how many took a place.
WITH given AS (
	SELECT body ->> 'id' AS rule_id, body, n
	  FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY AS r (body, n)
), was AS (
	SELECT r.rule_id, r.body FROM reply_rule r JOIN given USING (rule_id)
	 WHERE NOT r.disabled
), last AS (
	SELECT coalesce(max(position), 0) AS position FROM reply_rule
), stated AS (
	INSERT INTO reply_rule (rule_id, provider, position, body, set_by, because)
	SELECT g.rule_id, CASE jsonb_typeof(g.body -> 'provider')
	                  WHEN 'string' THEN g.body ->> 'provider' END,
	       last.position + g.n, g.body, $1, $2
	  FROM given g, last
	ON CONFLICT (rule_id) DO UPDATE
	   SET provider = excluded.provider, body = excluded.body, disabled = false,
	       set_by = excluded.set_by, because = excluded.because, set_at = now()
	RETURNING rule_id, body
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $1, 'rules add', 'rule:' || s.rule_id, $2,
	       jsonb_build_object('rule', s.body, 'was', was.body)
	  FROM stated s LEFT JOIN was USING (rule_id)
)
SELECT count(*) - count(was.rule_id), count(was.rule_id)
  FROM stated LEFT JOIN was USING (rule_id)

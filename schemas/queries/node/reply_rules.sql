-- The operators' reply rules as one rule file (schemas/rules): their rules in their order, and the
-- built-in ones they switched off. Empty text when there are none.
SELECT CASE WHEN count(*) = 0 THEN '' ELSE jsonb_build_object(
	'rules', coalesce(jsonb_agg(body || jsonb_build_object('id', rule_id)
	                            ORDER BY position, rule_id) FILTER (WHERE NOT disabled), '[]'),
	'without', coalesce(jsonb_agg(rule_id) FILTER (WHERE disabled), '[]'))::text END
  FROM reply_rule

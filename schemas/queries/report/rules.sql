-- Operators' reply rules as a rule file, in their order; its "rules" are empty if there are none.
SELECT jsonb_build_object('about', 'operators'' rules', 'rules',
	coalesce(jsonb_agg(body || jsonb_build_object('id', rule_id)
	                   ORDER BY position, rule_id), '[]'))
  FROM reply_rule WHERE NOT disabled;

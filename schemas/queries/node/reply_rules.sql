-- The operators' reply rules as one rule file (schemas/rules), or empty text when there are none.
SELECT coalesce('{"rules":' || jsonb_agg(body ORDER BY position, rule_id)::text || '}', '')
FROM reply_rule WHERE NOT disabled

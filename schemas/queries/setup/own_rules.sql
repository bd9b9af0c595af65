-- What operators changed of the reply rules, in their order.
SELECT rule_id, body::text, disabled, set_by, because, time_us(set_at)
  FROM reply_rule ORDER BY position, rule_id

-- People suppressed in the last seconds. Taken twice without harm, so nothing is missed when
-- transactions commit out of order.
SELECT DISTINCT rid FROM suppression_feed
WHERE at > now() - interval '10 s' AND NOT lifted AND scope = 0

-- Ready chunks of running campaigns by (campaign, group), of those this node may take. $1 node.
SELECT k.campaign_id, k.group_name, count(*)
FROM chunk k JOIN campaign c USING (campaign_id)
WHERE k.state = 0 AND c.state = 3 AND (k.meant_for IS NULL OR k.meant_for = $1::int)
GROUP BY 1, 2

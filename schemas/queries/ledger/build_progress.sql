-- How far the build of a campaign is. $1 campaign. No row: not frozen yet.
SELECT a.complete, a.frozen_at, a.completed_at,
       (SELECT coalesce(sum(n), 0)::bigint FROM build_batch b
         WHERE b.campaign_id = a.campaign_id) AS built,
       (SELECT coalesce(sum(n), 0)::bigint FROM audience_domain d
         WHERE d.campaign_id = a.campaign_id) AS expected
  FROM audience a WHERE a.campaign_id = $1::int;

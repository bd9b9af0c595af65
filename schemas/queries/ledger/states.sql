-- Recipients of a campaign by state, as of one snapshot. $1 campaign.
SELECT state, sum(n)::bigint AS n
  FROM (SELECT state, n FROM moves WHERE campaign_id = $1::int
        UNION ALL
        SELECT state, n FROM moves_delta WHERE campaign_id = $1::int) x
 GROUP BY 1 ORDER BY 1;

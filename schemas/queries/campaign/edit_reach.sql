-- Whom an edit of a paused campaign reaches: people bound to the version they may have had, and the
-- others still to be sent to. $1 campaign.
SELECT b.bound, greatest(0, w.waiting - b.bound)::bigint AS newest
  FROM (SELECT (SELECT count(*) FROM retry WHERE campaign_id = $1::int AND content_version <> 0)
             + (SELECT coalesce(sum(bit_count(map)), 0)::bigint FROM doubt
                 WHERE campaign_id = $1::int AND open) AS bound) b,
       (SELECT coalesce(sum(n), 0)::bigint AS waiting
          FROM (SELECT state, n FROM moves WHERE campaign_id = $1::int
                UNION ALL SELECT state, n FROM moves_delta WHERE campaign_id = $1::int) x
         WHERE state IN (1, 2, 3)) w

-- How the last process of this name ended, before it is registered anew. A clean stop ends its
-- lease at once, so one that was left to run out was none; of a lease that was reaped (which are
-- all that are over, once another node is there) only the time of that is known, and when in doubt
-- the end was unclean. $1 name, $2 length of a lease in ms.
SELECT CASE WHEN isfinite(lease_until) THEN lease_until > beat_at
            ELSE reaped_at >= full_until END,
       greatest(0, (extract(epoch FROM now() - CASE WHEN isfinite(lease_until) THEN lease_until
                                                    ELSE full_until END) * 1000)::bigint)
  FROM node, LATERAL (SELECT beat_at + $2::bigint * interval '1 millisecond' AS full_until) f
 WHERE name = $1::text

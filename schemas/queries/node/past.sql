-- Unclean ends of a node that limits still count, oldest first, by minute for the last hour and by
-- quarter of an hour before: how many, and how many ms ago their processes were alive (the first
-- and the last of them) and the next one of the last began. $1 node.
SELECT count(*), greatest(0, (extract(epoch FROM now() - min(alive_at)) * 1000)::bigint),
       greatest(0, (extract(epoch FROM now() - max(alive_at)) * 1000)::bigint),
       greatest(0, (extract(epoch FROM now() - max(begun_at)) * 1000)::bigint)
  FROM unclean_stop
 WHERE node_id = $1::int AND begun_at > now() - interval '25 hours'
 GROUP BY date_bin(CASE WHEN begun_at > now() - interval '1 hour' THEN interval '1 minute'
                        ELSE interval '15 minutes' END, begun_at, 'epoch')
 ORDER BY max(begun_at);

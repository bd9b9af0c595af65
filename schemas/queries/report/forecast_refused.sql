-- Lanes whose connections fail, as nodes that are alive said in the last ten seconds: source,
-- queue, how, for how long (ms), and how soon (ms) the next one is tried (0: not known).
SELECT v.lane ->> 'source', v.lane ->> 'queue', v.lane -> 'refused' ->> 'said',
       greatest(0, (time_us(now()) - (v.lane -> 'refused' ->> 'since')::bigint) / 1000)::bigint,
       greatest(0, (coalesce((v.lane -> 'refused' ->> 'next_at')::bigint, 0) - time_us(now()))
                   / 1000)::bigint
  FROM node n JOIN node_live l USING (node_id, incarnation)
 CROSS JOIN LATERAL jsonb_array_elements(l.live -> 'lanes') v(lane)
 WHERE l.at > now() - interval '10 s' AND n.lease_until > now() AND v.lane ? 'refused';

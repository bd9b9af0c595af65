-- What stands in chunks, and the positions (from 0) whose people are suppressed by now.
-- LATERAL with LIMIT keeps the planner from hashing a whole table for a thousand probes.
-- $1 campaigns, $2 chunks.
SELECT d.campaign_id, d.chunk_no, d.rids, d.domains, d.addresses, d.attributes,
       d.attempts, d.ages_s, d.versions, d.sources, d.flags,
       ARRAY(SELECT (x.i - 1)::int
               FROM unnest(d.rids) WITH ORDINALITY x(rid, i)
               LEFT JOIN LATERAL (
                    SELECT true AS hit FROM suppression s
                     WHERE s.rid = x.rid AND (s.until IS NULL OR s.until > now())
                       AND (s.scope = 0 OR s.scope IN (
                           SELECT l.list_id FROM campaign_list l
                            WHERE l.campaign_id = d.campaign_id AND NOT l.excluded))
                     LIMIT 1) settled ON true
               LEFT JOIN LATERAL (
                    SELECT true AS hit FROM suppression_feed s
                     WHERE s.rid = x.rid AND NOT s.folded AND NOT s.lifted AND s.scope = 0
                     LIMIT 1) fresh ON true
              WHERE settled.hit OR fresh.hit) AS suppressed
  FROM unnest($1::int[], $2::int[]) w(campaign_id, chunk_no)
  JOIN chunk_data d USING (campaign_id, chunk_no);

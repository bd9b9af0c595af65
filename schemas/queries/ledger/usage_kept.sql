-- What a file of this node says of usage that the database had not taken, as ip-pool/load_usage
-- says what it has: ago_ms is from the end of the minute to now.
-- $1 minutes, $2 sources, $3 sending domains (0: the campaign's), $4 campaigns, $5 messages,
-- $6 connections, $7 targets
SELECT greatest(0, (extract(epoch FROM now() - u.minute - interval '1 minute') * 1000)::bigint)
         AS ago_ms,
       u.source_id, u.target, coalesce(d.name, lower(split_part(c.from_address, '@', 2)), ''),
       u.campaign_id, u.messages::bigint, u.connections::bigint
  FROM unnest($1::timestamptz[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::text[])
         u(minute, source_id, sending_domain_id, campaign_id, messages, connections, target)
  LEFT JOIN sending_domain d USING (sending_domain_id)
  LEFT JOIN campaign c USING (campaign_id)
 WHERE u.minute > now() - interval '25 hours';

-- Every source that is not removed, in the order of their ids.
SELECT source_id, name, host(address), ehlo, host(coalesce(public_address, address)), pool, weight,
       coalesce(node_name, ''), state, warmup
  FROM source
 WHERE state <> 3
 ORDER BY source_id;

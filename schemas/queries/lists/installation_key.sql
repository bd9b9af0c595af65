-- The key that makes rids.
SELECT rid_key FROM installation;

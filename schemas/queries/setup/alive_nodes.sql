-- Nodes whose lease holds.
SELECT name, host, pid, alive_since FROM node WHERE lease_until > now() AND state <> 3 ORDER BY name

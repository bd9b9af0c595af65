-- How the last process of this name ended, before it is registered anew. A clean stop ends its
-- lease at once, so one that was left to run out was none. $1 name, $2 length of a lease in ms.
SELECT lease_until >= beat_at + ($2::bigint - 1) * interval '1 millisecond',
       greatest(0, (extract(epoch FROM now() - lease_until) * 1000)::bigint)
  FROM node WHERE name = $1::text

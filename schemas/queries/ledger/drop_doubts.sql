-- Doubts nobody came back for. $1 days kept.
DELETE FROM doubt
 WHERE NOT open AND made_at < now() - $1::int * interval '1 day' AND clock_is_steady();

-- $1 campaign.
SELECT pg_advisory_unlock(hashtext('edm.build'), $1::int);

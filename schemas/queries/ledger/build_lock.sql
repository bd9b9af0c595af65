-- Makes this session the builder of a campaign, until it ends. $1 campaign.
SELECT pg_try_advisory_lock(hashtext('edm.build'), $1::int) AS ours;

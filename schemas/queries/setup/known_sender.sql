-- Whether mail leaves from domain $1, as far as is known: it is one of ours, or a campaign has an
-- address of it.
SELECT EXISTS (SELECT FROM sending_domain WHERE removed_at IS NULL AND name = $1::text)
    OR EXISTS (SELECT FROM campaign WHERE lower(split_part(from_address, '@', 2)) = $1)

-- min_engine: 0.1.0
-- Sending hours: what a node must know of a zone to tell them by itself.

CREATE FUNCTION edm.zone_offsets(zone text, at timestamptz) RETURNS bigint[]
	LANGUAGE plpgsql STABLE AS $$
DECLARE
	step interval := interval '24 hours';
	t timestamptz := date_trunc('hour', at, 'UTC') - interval '48 hours';
	finer timestamptz;
	offset_s bigint;
	was bigint;
	found bigint[];
BEGIN
	IF coalesce(zone, '') = '' THEN
		RETURN NULL;
	END IF;
	WHILE t < at + interval '20 days' LOOP
		offset_s := extract(epoch FROM (t AT TIME ZONE zone) - (t AT TIME ZONE 'UTC'));
		IF was IS NULL THEN
			found := ARRAY[edm.time_us(t), offset_s];
		ELSIF offset_s <> was THEN
			-- Clocks change at a quarter of an hour.
			finer := t - step;
			WHILE extract(epoch FROM (finer AT TIME ZONE zone)
			                         - (finer AT TIME ZONE 'UTC')) = was LOOP
				finer := finer + interval '15 min';
			END LOOP;
			found := found || ARRAY[edm.time_us(finer), offset_s];
		END IF;
		was := offset_s;
		t := t + step;
	END LOOP;
	RETURN found;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN '{}';
END $$;
COMMENT ON FUNCTION edm.zone_offsets IS
	'The offsets of a zone from UTC from two days before that time to three weeks after it, as '
	'pairs: from when (microseconds), seconds. NULL: no zone is named; empty: there is none '
	'of that name.';

COMMENT ON COLUMN edm.campaign.windows IS
	'sending hours: {"hours": "Mon-Fri 09:00-18:00", "zone": "Asia/Shanghai"}; NULL = always';

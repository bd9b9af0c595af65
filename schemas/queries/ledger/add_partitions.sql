-- Partitions of outcome from yesterday to a week ahead. Returns how many were added.
SELECT count(*) FILTER (WHERE outcome_partition_add((now() AT TIME ZONE 'UTC')::date + i))
  FROM generate_series(-1, 7) i;

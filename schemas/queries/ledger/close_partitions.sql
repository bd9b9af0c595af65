-- Days that are over for two hours get the index by rid that "what became of X" needs. Returns how
-- many partitions it indexed; one a run, the oldest first.
SELECT count(*) FILTER (WHERE outcome_partition_close(day))
  FROM (SELECT day::date
          FROM generate_series((now() AT TIME ZONE 'UTC' - interval '30 days')::date,
                               (now() AT TIME ZONE 'UTC' - interval '26 hours')::date,
                               interval '1 day') day
         WHERE to_regclass('edm.outcome_' || to_char(day, 'YYYYMMDD')) IS NOT NULL
           AND to_regclass('edm.outcome_' || to_char(day, 'YYYYMMDD') || '_rid') IS NULL
         ORDER BY 1 LIMIT 1) d;

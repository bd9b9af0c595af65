-- What servers said and what was made of it, by kind, as one text for many that differ only in what
-- names one mail. $1 from, $2 before (wall time), $3 provider, NULL = all. What is beyond the rules
-- (delivered, not tried) is left out.
SELECT g.template, coalesce(t.template, ''), g.vars, g.stage, g.code, g.enhanced, g.provider,
       g.class, g.cause, g.scope, g.rule, g.state, g.n
  FROM (SELECT template, min(vars) AS vars, stage, code, enhanced, provider, class, cause, scope,
               rule, state, count(*) AS n
          FROM outcome
         WHERE at >= $1::timestamptz AND at < $2::timestamptz AND words = 1
           AND class IN (2, 3, 4, 5, 6, 7, 9) AND code >= 400
           AND ($3::text IS NULL OR provider = $3::text)
         GROUP BY 1, 3, 4, 5, 6, 7, 8, 9, 10, 11) g
  LEFT JOIN reply_template t ON t.hash = g.template
 WHERE g.template = 0 OR t.hash IS NOT NULL
 ORDER BY g.n DESC, 1, 4, 5, 6, 7

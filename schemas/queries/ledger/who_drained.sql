-- If the node named $1 is drained: who did it, and why.
SELECT coalesce(e.actor, 'somebody'), coalesce(e.because, '')
  FROM node n
  LEFT JOIN LATERAL (SELECT actor, because FROM event
                      WHERE verb = 'node drain' AND object = 'node:' || n.name
                      ORDER BY event_id DESC LIMIT 1) e ON true
 WHERE n.name = $1::text AND n.state = 2

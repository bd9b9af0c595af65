-- $1 actor · $2 verb · $3 object · $4 because
INSERT INTO event (actor, verb, object, because) VALUES ($1, $2, $3, $4);

-- $1 actor · $2 verb · $3 object · $4 because · $5 detail, JSON
INSERT INTO event (actor, verb, object, because, detail) VALUES ($1, $2, $3, $4, $5::text::jsonb);

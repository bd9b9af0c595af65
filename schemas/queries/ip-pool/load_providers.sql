-- Operators' overrides of provider profiles.
SELECT name, overrides, set_by, set_at FROM provider ORDER BY name;

-- The domains of the staged rows that are new.
INSERT INTO recipient_domain (name)
SELECT DISTINCT domain FROM import_staging s
 WHERE NOT EXISTS (SELECT FROM recipient_domain d WHERE d.name = s.domain)
    ON CONFLICT (name) DO NOTHING;

-- The shared settings, for a node or a command that reads its configuration.
SELECT key, value, set_by FROM setting ORDER BY key

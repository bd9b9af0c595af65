-- Names of sources and nodes by id, removed ones too: what outcomes and leases refer to.
SELECT jsonb_build_object(
	'sources', (SELECT jsonb_object_agg(source_id, name) FROM source),
	'nodes', (SELECT jsonb_object_agg(node_id, name) FROM node));

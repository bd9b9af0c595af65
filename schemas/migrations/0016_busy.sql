-- min_engine: 0.1.0
-- A retry remembers how often in a row the receiver limited this very person.

COMMENT ON TABLE edm.retry IS
	'Who waits for another try, until when and why; inserted by a flush, deleted by the '
	'packer that puts them in a chunk. attempt: attempts made. class and cause: of what '
	'happened last, 0 = parked without a try. flags: 1 = resent after unknown; 2, 4, 8: how '
	'often in a row the receiver limited this very person; 16: the last try was throttled. '
	'source_id: '
	'preferred until prefer_until; node_id: the node of that source. Written by '
	'ledger/flush, recover, retry.';

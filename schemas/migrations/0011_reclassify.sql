-- min_engine: 0.1.0
-- Outcomes can be given another meaning.

COMMENT ON TABLE edm.outcome IS
	'Every attempt and every decision, one partition a day (UTC). Rows are appended; what '
	'was said and done stays, what it means (class, cause, scope, rule and, of a '
	'recipient''s last one, state) is changed by edm rules apply, and the counters with it. '
	'state: the recipient''s state after it. attempt: 1 = the first; 0 = decided without '
	'one. position −1: settled at the freeze. enhanced: class × 1,000,000 + subject × '
	'1,000 + detail. template and vars: the reply, see reply_template. tls: 0 plain, 12 or '
	'13 the version. took_ms: permit to final reply. provider: empty = of the tail. Written '
	'by ledger/build, flush, recover, settle, reclassify.';

/* SPDX-License-Identifier: MIT */
/* Shares of limits over all nodes. */
#include "ip-pool/store/share_store.h"

static const enum pg_type types[] = {PG_TEXT, PG_INT4, PG_INT8, PG_INT4,
				     PG_INT8, PG_INT8, PG_INT8, PG_INT4};

static int64_t grace_ms(int meter)
{
	return limit_meter_kind(meter) == LIMIT_CONNECTIONS
		       ? SHARE_CONNECTION_GRACE_MS
		       : limit_period_ms(limit_meter_period(meter));
}

void share_store_params(struct pg_params *p, const struct share_asker *asker,
			const struct share_ask *asks, size_t count)
{
	struct pg_array columns[ARRAY_LEN(types)];
	for (size_t c = 0; c < ARRAY_LEN(types); c++)
		pg_array_init(&columns[c], types[c]);
	for (size_t i = 0; i < count; i++) {
		pg_array_text(&columns[0], asks[i].scope);
		pg_array_int(&columns[1], asks[i].meter);
		pg_array_int(&columns[2], grace_ms(asks[i].meter));
		pg_array_int(&columns[3], asks[i].rule);
		pg_array_int(&columns[4], asks[i].limit);
		pg_array_int(&columns[5], asks[i].wanted);
		pg_array_int(&columns[6], asks[i].held);
		pg_array_int(&columns[7], asks[i].version);
	}
	pg_add_int4(p, asker->node);
	pg_add_int4(p, asker->incarnation);
	pg_add_int4(p, (int32_t)asker->known_rule);
	pg_add_bool(p, asker->is_leaving);
	for (size_t c = 0; c < ARRAY_LEN(types); c++) {
		pg_add_array(p, &columns[c]);
		pg_array_done(&columns[c]);
	}
}

struct share_given share_store_given(const struct pg_rows *rows, int row)
{
	return (struct share_given){.scope = pg_text(rows, row, 0),
				    .meter = (int)pg_int(rows, row, 1),
				    .part = pg_int(rows, row, 2),
				    .version = pg_int32(rows, row, 3)};
}

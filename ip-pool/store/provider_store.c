/* SPDX-License-Identifier: MIT */
/* Overrides of provider profiles in the database. Blocking; for the command line. */
#include "ip-pool/store/provider_store.h"

#include <stdlib.h>

#include "ip-pool/store/store_private.h"

/* The table as it would be with this override on top of those that stand. */
static int try_override(const struct pg_rows *rows, const struct provider_override *override,
			struct err *err)
{
	size_t count = (size_t)pg_rows_count(rows);
	struct provider_override *all = xcalloc(count + 1, sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[i] = (struct provider_override){pg_text(rows, (int)i, 0),
						    pg_text(rows, (int)i, 1)};
	all[count] = *override;
	struct provider_table *table = NULL;
	int status = provider_table_builtin(all, count + 1, &table, err);
	if (status == 0)
		status = provider_lint(table, provider_find(table, override->name), err);
	if (status != 0 && err != NULL)
		err->kind = ERR_USAGE; /* what stands stood the same checks */
	provider_table_free(table);
	free(all);
	return status;
}

static int put(struct pg_blocking *conn, const struct provider_override *override, bool is_gone,
	       const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, override->name);
	pg_add_text(&p, override->json);
	add_change(&p, change);
	pg_add_bool(&p, is_gone);
	return store_run(conn, "ip-pool/set_provider", &p, err);
}

int provider_store_set(struct pg_blocking *conn, const struct provider_override *override,
		       const struct change *change, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(conn, "ip-pool/load_providers", NULL, &rows, err) != 0)
		return -1;
	int status = try_override(rows, override, err);
	pg_rows_free(rows);
	if (status != 0)
		return -1;
	return put(conn, override, false, change, err) < 0 ? -1 : 0;
}

int provider_store_unset(struct pg_blocking *conn, struct str name, const struct change *change,
			 struct err *err)
{
	struct provider_override none = {name, STR("{}")};
	int rows = put(conn, &none, true, change, err);
	if (rows == 0)
		return err_set(err, ERR_NOT_FOUND, "nothing was set for provider \"%.*s\"",
			       STR_ARG(name));
	return rows < 0 ? -1 : 0;
}

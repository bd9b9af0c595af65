/* SPDX-License-Identifier: MIT */
/* Overrides of provider profiles in the database. Blocking; for the command line. */
#include "ip-pool/store/provider_store.h"

#include <stdlib.h>

#include "ip-pool/store/store_private.h"

/* A change of a profile: what is stated, and the connections it allowed before. */
struct profile_change {
	const struct provider_override *override;
	bool is_gone;		    /* what was stated ends instead */
	bool changes_connections;   /* … of a provider that there was */
	int64_t connections_before; /* LIMIT_NONE: any number */
};

/* The table of these rows and, unless it is NULL, one more override. */
static struct provider_table *table_of(const struct pg_rows *rows,
				       const struct provider_override *more, struct err *err)
{
	size_t count = (size_t)pg_rows_count(rows);
	struct provider_override *all = xcalloc(count + 1, sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[i] = (struct provider_override){pg_text(rows, (int)i, 0),
						    pg_text(rows, (int)i, 1)};
	if (more != NULL)
		all[count++] = *more;
	struct provider_table *table = NULL;
	int status = provider_table_builtin(all, count, &table, err);
	free(all);
	return status == 0 ? table : NULL;
}

/* The connections a profile allows; false: there is no such provider. */
static bool connections_of(const struct provider_table *table, struct str name, int64_t *out)
{
	const struct provider *p = table != NULL ? provider_find(table, name) : NULL;
	if (p != NULL)
		*out = p->limits.connections;
	return p != NULL;
}

/* Tries the table as it would be with the override on top of those that stand. */
static int try_change(const struct pg_rows *rows, struct profile_change *c, struct err *err)
{
	struct str name = c->override->name;
	struct err ignored;
	struct provider_table *before = table_of(rows, NULL, &ignored);
	bool was_there = connections_of(before, name, &c->connections_before);
	provider_table_free(before);
	c->changes_connections = was_there;
	if (c->is_gone)
		return 0;
	struct provider_table *table = table_of(rows, c->override, err);
	int64_t connections;
	int status = table != NULL ? provider_lint(table, provider_find(table, name), err) : -1;
	if (status != 0 && err != NULL)
		err->kind = ERR_USAGE; /* what stands stood the same checks */
	if (status == 0 && connections_of(table, name, &connections))
		c->changes_connections &= connections != c->connections_before;
	provider_table_free(table);
	return status;
}

static int put(struct pg_blocking *conn, const struct profile_change *c,
	       const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, c->override->name);
	pg_add_text(&p, c->override->json);
	add_change(&p, change);
	pg_add_bool(&p, c->is_gone);
	pg_add_bool(&p, c->changes_connections);
	if (!c->changes_connections || c->connections_before == LIMIT_NONE)
		pg_add_null(&p, PG_INT4);
	else
		pg_add_int4(&p, (int32_t)c->connections_before);
	return store_run(conn, "ip-pool/set_provider", &p, err);
}

/* How many rows it changed, or -1. */
static int change_profile(struct pg_blocking *conn, struct profile_change *c,
			  const struct change *change, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(conn, "ip-pool/load_providers", NULL, &rows, err) != 0)
		return -1;
	int status = try_change(rows, c, err);
	pg_rows_free(rows);
	return status == 0 ? put(conn, c, change, err) : -1;
}

int provider_store_set(struct pg_blocking *conn, const struct provider_override *override,
		       const struct change *change, struct err *err)
{
	struct profile_change c = {.override = override};
	return change_profile(conn, &c, change, err) < 0 ? -1 : 0;
}

int provider_store_unset(struct pg_blocking *conn, struct str name, const struct change *change,
			 struct err *err)
{
	const struct provider_override none = {name, STR("{}")};
	struct profile_change c = {.override = &none, .is_gone = true};
	int rows = change_profile(conn, &c, change, err);
	if (rows == 0)
		return err_set(err, ERR_NOT_FOUND, "nothing was set for provider \"%.*s\"",
			       STR_ARG(name));
	return rows < 0 ? -1 : 0;
}

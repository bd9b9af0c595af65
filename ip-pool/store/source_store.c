/* SPDX-License-Identifier: MIT */
/* Sources in the database. Blocking; for the command line. */
#include "ip-pool/store/source_store.h"

#include <unistd.h>

#include "ip-pool/lane_state.h"
#include "ip-pool/pool.h"
#include "ip-pool/store/store_private.h"

static int added(struct pg_blocking *conn, struct pg_params *p, const struct source *s,
		 uint32_t *id_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(conn, "ip-pool/add_source", p, &rows, err) != 0) {
		if (pg_err_is(err, "23505"))
			return err_set(
				err, ERR_REFUSED,
				"there is a source \"%.*s\" already; remove it first or take "
				"another name",
				STR_ARG(s->name));
		return -1;
	}
	int status = 0;
	if (pg_is_null(rows, 0, 0))
		status = err_set(err, ERR_REFUSED,
				 "source \"%.*s\" has this address already; limits would count "
				 "twice what the world sees as one (if NAT tells them apart, say "
				 "--public)",
				 STR_ARG(pg_text(rows, 0, 1)));
	else
		*id_out = (uint32_t)pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	return status;
}

int source_store_add(struct pg_blocking *conn, const struct source *s, const struct change *change,
		     uint32_t *id_out, struct err *err)
{
	struct source checked = *s;
	if (checked.weight == 0)
		checked.weight = 1;
	if (str_is_empty(checked.pool))
		checked.pool = STR(POOL_DEFAULT);
	if (source_check(&checked, err) != 0)
		return -1;
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, checked.name);
	pg_add_text(&p, checked.address);
	pg_add_text(&p, checked.ehlo);
	add_text_or_null(&p, checked.public_address);
	pg_add_text(&p, checked.pool);
	pg_add_int4(&p, checked.weight);
	add_text_or_null(&p, checked.node);
	add_change(&p, change);
	int status = added(conn, &p, &checked, id_out, err);
	pg_params_done(&p);
	return status;
}

/* Checks the new fields as those of a source that is sound otherwise. */
static int check_change(struct str name, const struct source_change *wanted, struct err *err)
{
	struct source s = {.name = name,
			   .address = STR("192.0.2.1"),
			   .ehlo = str_is_empty(wanted->ehlo) ? STR("mx.example.com")
							      : wanted->ehlo,
			   .public_address = wanted->public_address,
			   .pool = wanted->pool,
			   .weight = wanted->weight == 0 ? 1 : wanted->weight};
	return source_check(&s, err);
}

static void add_plan(struct pg_params *p, const struct warmup_plan *plan)
{
	if (plan == NULL) {
		pg_add_null(p, PG_TEXT);
		return;
	}
	struct buf json;
	buf_init(&json, 4096);
	if (plan->count == 0)
		buf_append_cstr(&json, "null");
	else
		warmup_plan_render_json(plan, &json);
	pg_add_text(p, buf_str(&json));
	buf_done(&json);
}

static int no_source(struct str name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no source '%.*s'; edm source show lists them",
		       STR_ARG(name));
}

int source_store_set(struct pg_blocking *conn, struct str name, const struct source_change *wanted,
		     const struct change *change, struct err *err)
{
	if (check_change(name, wanted, err) != 0)
		return -1;
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, name);
	add_text_or_null(&p, wanted->ehlo);
	add_text_or_null(&p, wanted->public_address);
	add_text_or_null(&p, wanted->pool);
	if (wanted->weight == 0)
		pg_add_null(&p, PG_INT4);
	else
		pg_add_int4(&p, wanted->weight);
	if (wanted->sets_node)
		pg_add_text(&p, wanted->node);
	else
		pg_add_null(&p, PG_TEXT);
	add_plan(&p, wanted->plan);
	add_change(&p, change);
	int rows = store_run(conn, "ip-pool/set_source", &p, err);
	if (rows == 0)
		return no_source(name, err);
	return rows < 0 ? -1 : 0;
}

static struct str verb_of(enum source_state state)
{
	switch (state) {
	case SOURCE_ACTIVE:
		return STR("source activate");
	case SOURCE_DRAINING:
		return STR("source drain");
	case SOURCE_REMOVED:
		return STR("source remove");
	}
	return STR("?");
}

int source_store_move(struct pg_blocking *conn, struct str name, enum source_state state,
		      const struct change *change, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, name);
	pg_add_int2(&p, (int16_t)state);
	pg_add_text(&p, verb_of(state));
	add_change(&p, change);
	int status = pg_run(conn, "ip-pool/move_source", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	if (pg_is_null(rows, 0, 0))
		status = no_source(name, err);
	else if (pg_int(rows, 0, 1) == 0)
		status = err_set(err, ERR_REFUSED, "source \"%.*s\" is %s already", STR_ARG(name),
				 source_state_name(state));
	pg_rows_free(rows);
	return status;
}

int source_store_steer(struct pg_blocking *conn, const struct warmup_steering *steering,
		       const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, steering->source);
	add_text_or_null(&p, steering->target);
	if (steering->held < 0)
		pg_add_null(&p, PG_BOOL);
	else
		pg_add_bool(&p, steering->held != 0);
	pg_add_int4(&p, steering->steps);
	pg_add_text(&p, steering->steps > 0  ? STR("warmup advance")
			: steering->held > 0 ? STR("warmup hold")
					     : STR("warmup release"));
	add_change(&p, change);
	int rows = store_run(conn, "ip-pool/steer_warmup", &p, err);
	if (rows == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no source '%.*s', or it has no lanes yet: name the "
			       "provider",
			       STR_ARG(steering->source));
	return rows;
}

bool source_is_bindable(struct str address)
{
	struct ip ip;
	struct sockaddr_storage local;
	if (ip_parse(address, &ip) != 0)
		return false;
	socklen_t size = ip_to_sockaddr(&ip, 0, &local);
	int fd = socket(local.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool is_bindable = bind(fd, (const struct sockaddr *)&local, size) == 0;
	(void)close(fd);
	return is_bindable;
}

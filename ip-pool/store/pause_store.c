/* SPDX-License-Identifier: MIT */
/* Pauses in the database. */
#include "ip-pool/store/pause_store.h"

#include "ip-pool/store/store_private.h"

/* pause.scope */
enum row_scope {
	ROW_ALL = 1,
	ROW_PROVIDER,
	ROW_SOURCE,
	ROW_LANE,
	ROW_CAMPAIGN,
	ROW_SITE,
	ROW_CAMPAIGN_PROVIDER
};

/* A provider's name has no dot, a site has one. */
static bool is_site(struct str place)
{
	return str_find_char(place, '.') >= 0;
}

static enum row_scope scope_of(const struct pause *p)
{
	bool has_place = !str_is_empty(p->provider);
	if (p->campaign != 0)
		return has_place ? ROW_CAMPAIGN_PROVIDER : ROW_CAMPAIGN;
	if (!str_is_empty(p->source))
		return has_place ? ROW_LANE : ROW_SOURCE;
	if (!has_place)
		return ROW_ALL;
	return is_site(p->provider) ? ROW_SITE : ROW_PROVIDER;
}

/* provider, source, site, campaign */
static void add_scope(struct pg_params *p, const struct pause *pause)
{
	struct str none = STR("");
	add_text_or_null(p, is_site(pause->provider) ? none : pause->provider);
	add_text_or_null(p, pause->source);
	add_text_or_null(p, is_site(pause->provider) ? pause->provider : none);
	if (pause->campaign == 0)
		pg_add_null(p, PG_INT4);
	else
		pg_add_int4(p, (int32_t)pause->campaign);
}

static void add_object(struct pg_params *p, const struct pause *pause)
{
	struct buf text;
	buf_init(&text, 1024);
	if (pause->campaign != 0)
		buf_appendf(&text, "campaign:%lld ", (long long)pause->campaign);
	if (!str_is_empty(pause->source))
		buf_appendf(&text, "source:%.*s ", STR_ARG(pause->source));
	if (!str_is_empty(pause->provider))
		buf_appendf(&text, "provider:%.*s ", STR_ARG(pause->provider));
	pg_add_text(p, text.len > 0 ? str_trim(buf_str(&text)) : STR("all"));
	buf_done(&text);
}

void pause_store_params(struct pg_params *p, const struct pause *pause, int64_t for_ms)
{
	pg_add_int2(p, (int16_t)scope_of(pause));
	add_scope(p, pause);
	pg_add_int2(p, (int16_t)(pause->origin != 0 ? pause->origin : PAUSE_OPERATOR));
	pg_add_text(p, pause->who);
	pg_add_text(p, pause->because);
	if (for_ms > 0)
		pg_add_int8(p, for_ms);
	else
		pg_add_null(p, PG_INT8);
	add_object(p, pause);
}

int pause_store_check(const struct pause *pause, struct err *err)
{
	if (pause->campaign != 0 && !str_is_empty(pause->source))
		return err_set(err, ERR_USAGE,
			       "a campaign can be paused as a whole or at a provider, not on one "
			       "source");
	return 0;
}

int pause_store_add(struct pg_blocking *conn, const struct pause *pause, int64_t for_ms,
		    struct err *err)
{
	if (pause_store_check(pause, err) != 0)
		return -1;
	struct pg_params p;
	pg_params_init(&p);
	pause_store_params(&p, pause, for_ms);
	return store_run(conn, PAUSE_STORE_ADD, &p, err) < 0 ? -1 : 0;
}

static int lift(struct pg_blocking *conn, const struct pause *pause, bool lifts_all,
		const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	if (pause->id == 0)
		pg_add_null(&p, PG_INT4);
	else
		pg_add_int4(&p, (int32_t)pause->id);
	add_scope(&p, pause);
	pg_add_bool(&p, lifts_all);
	add_change(&p, change);
	return store_run(conn, "ip-pool/lift_pause", &p, err);
}

int pause_store_lift(struct pg_blocking *conn, const struct pause *pause,
		     const struct change *change, struct err *err)
{
	return lift(conn, pause, false, change, err);
}

int pause_store_lift_all(struct pg_blocking *conn, const struct change *change, struct err *err)
{
	struct pause any = {.id = 0};
	return lift(conn, &any, true, change, err);
}

/* SPDX-License-Identifier: MIT */
/* Limit rules in the database: a row for each number. Blocking; for the command line. */
#include "ip-pool/store/limit_store.h"

#include "ip-pool/explain.h"
#include "ip-pool/store/store_private.h"

/* limit_rule.kind */
enum row_kind { ROW_CONNECTIONS = 1, ROW_NEW_CONNECTIONS, ROW_MESSAGES, ROW_PER_CONNECTION };

/* One number of a rule as a row. */
struct number {
	enum row_kind kind;
	int64_t count;
	int64_t period_ms;
};

#define NUMBERS_MAX (2 + 2 * LIMIT_PERIOD_COUNT)

static size_t numbers_of(const struct limit_values *v, struct number numbers[NUMBERS_MAX])
{
	size_t n = 0;
	if (v->connections != LIMIT_NONE)
		numbers[n++] = (struct number){ROW_CONNECTIONS, v->connections, 0};
	if (v->messages_per_connection != LIMIT_NONE)
		numbers[n++] = (struct number){ROW_PER_CONNECTION, v->messages_per_connection, 0};
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		int64_t period_ms = limit_period_ms((enum limit_period)p);
		if (v->new_connections[p] != LIMIT_NONE)
			numbers[n++] = (struct number){ROW_NEW_CONNECTIONS, v->new_connections[p],
						       period_ms};
		if (v->messages[p] != LIMIT_NONE)
			numbers[n++] = (struct number){ROW_MESSAGES, v->messages[p], period_ms};
	}
	return n;
}

static void add_scope(struct pg_params *p, const struct limit_rule *rule)
{
	add_text_or_null(p, rule->provider);
	add_text_or_null(p, rule->source);
	if (rule->campaign == 0)
		pg_add_null(p, PG_INT4);
	else
		pg_add_int4(p, (int32_t)rule->campaign);
	add_text_or_null(p, rule->domain);
	add_text_or_null(p, rule->node);
	pg_add_int2(p, rule->is_total ? 2 : 1);
}

/* "limit:lane mx1/qq", for the event. */
static void add_object(struct pg_params *p, const struct limit_rule *rule)
{
	struct limit_scope scope = {.level = limit_rule_level(rule),
				    .provider = rule->provider,
				    .source = rule->source,
				    .domain = rule->domain,
				    .node = rule->node,
				    .campaign = rule->campaign};
	struct buf text;
	buf_init(&text, 2048);
	buf_append_cstr(&text, "limit:");
	if (scope.level == LEVEL_LANE && str_is_empty(rule->source))
		buf_appendf(&text, "each lane to %.*s", STR_ARG(rule->provider));
	else
		explain_scope(&scope, &text);
	pg_add_text(p, buf_str(&text));
	buf_done(&text);
}

/* What one transaction sets. */
struct setting {
	struct pg_blocking *conn;
	const struct limit_rule *rule;
	int64_t for_ms;
	const struct change *change;
};

static int set_numbers(void *owner, struct err *err)
{
	const struct setting *s = owner;
	struct number numbers[NUMBERS_MAX];
	size_t count = numbers_of(&s->rule->values, numbers);
	for (size_t i = 0; i < count; i++) {
		struct pg_params p;
		pg_params_init(&p);
		add_scope(&p, s->rule);
		pg_add_int2(&p, (int16_t)numbers[i].kind);
		pg_add_int4(&p, (int32_t)numbers[i].count);
		pg_add_int8(&p, numbers[i].period_ms);
		if (s->for_ms > 0)
			pg_add_int8(&p, s->for_ms);
		else
			pg_add_null(&p, PG_INT8);
		add_object(&p, s->rule);
		add_change(&p, s->change);
		if (store_run(s->conn, "ip-pool/set_limit", &p, err) < 0)
			return -1;
	}
	return 0;
}

int limit_store_set(struct pg_blocking *conn, const struct limit_rule *rule, int64_t for_ms,
		    const struct change *change, struct err *err)
{
	if (limit_rule_check(rule, err) != 0)
		return -1;
	struct setting s = {conn, rule, for_ms, change};
	return pg_transaction(conn, set_numbers, &s, err);
}

/* Ends one number of the scope, or with number NULL all; how many, or -1. */
static int unset_number(const struct setting *s, const struct number *number, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	add_scope(&p, s->rule);
	if (number != NULL) {
		pg_add_int2(&p, (int16_t)number->kind);
		pg_add_int8(&p, number->period_ms);
	} else {
		pg_add_null(&p, PG_INT2);
		pg_add_null(&p, PG_INT8);
	}
	add_object(&p, s->rule);
	add_change(&p, s->change);
	return store_run(s->conn, "ip-pool/unset_limit", &p, err);
}

/* What one transaction ends. */
struct unsetting {
	struct setting setting;
	int ended;
};

static int unset_numbers(void *owner, struct err *err)
{
	struct unsetting *u = owner;
	struct number numbers[NUMBERS_MAX];
	size_t count = numbers_of(&u->setting.rule->values, numbers);
	if (count == 0) {
		u->ended = unset_number(&u->setting, NULL, err);
		return u->ended < 0 ? -1 : 0;
	}
	for (size_t i = 0; i < count; i++) {
		int n = unset_number(&u->setting, &numbers[i], err);
		if (n < 0)
			return -1;
		u->ended += n;
	}
	return 0;
}

int limit_store_unset(struct pg_blocking *conn, const struct limit_rule *rule,
		      const struct change *change, struct err *err)
{
	struct unsetting u = {.setting = {conn, rule, 0, change}};
	return pg_transaction(conn, unset_numbers, &u, err) == 0 ? u.ended : -1;
}

/* What one transaction undoes. */
struct undoing {
	struct pg_blocking *conn;
	const struct change *change;
	int64_t id; /* 0: all of the last change */
	int64_t undone;
};

static int undo_one(struct undoing *u, int64_t id, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_int4(&p, (int32_t)id);
	add_change(&p, u->change);
	int status = pg_run(u->conn, "ip-pool/undo_limit", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	if (pg_is_null(rows, 0, 0))
		status = err_set(err, ERR_NOT_FOUND, "there is no limit %lld", (long long)id);
	else
		u->undone = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return status;
}

static int undo(void *owner, struct err *err)
{
	struct undoing *u = owner;
	struct pg_rows *rows = NULL;
	if (u->id != 0)
		return undo_one(u, u->id, err);
	if (pg_run(u->conn, "ip-pool/last_limits", NULL, &rows, err) != 0)
		return -1;
	int status = 0;
	if (pg_rows_count(rows) == 0)
		status = err_set(
			err, ERR_NOT_FOUND,
			"no limit was ever set; edm provider undo takes back changes of profiles");
	for (int i = 0; i < pg_rows_count(rows) && status == 0; i++)
		status = undo_one(u, pg_int(rows, i, 0), err);
	pg_rows_free(rows);
	return status;
}

int limit_store_undo(struct pg_blocking *conn, int64_t id, const struct change *change,
		     int64_t *id_out, struct err *err)
{
	struct undoing u = {.conn = conn, .change = change, .id = id};
	if (pg_transaction(conn, undo, &u, err) != 0)
		return -1;
	*id_out = u.undone;
	return 0;
}

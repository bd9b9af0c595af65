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

int limit_store_unset(struct pg_blocking *conn, const struct limit_rule *rule,
		      const struct change *change, struct err *err)
{
	struct setting s = {conn, rule, 0, change};
	struct number numbers[NUMBERS_MAX];
	size_t count = numbers_of(&rule->values, numbers);
	if (count == 0)
		return unset_number(&s, NULL, err);
	int ended = 0;
	for (size_t i = 0; i < count; i++) {
		int n = unset_number(&s, &numbers[i], err);
		if (n < 0)
			return -1;
		ended += n;
	}
	return ended;
}

int limit_store_undo(struct pg_blocking *conn, int64_t id, const struct change *change,
		     int64_t *id_out, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	if (id == 0)
		pg_add_null(&p, PG_INT4);
	else
		pg_add_int4(&p, (int32_t)id);
	add_change(&p, change);
	int status = pg_run(conn, "ip-pool/undo_limit", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	if (pg_is_null(rows, 0, 0))
		status = err_set(err, ERR_NOT_FOUND,
				 id == 0 ? "no limit was ever set" : "there is no limit %lld",
				 (long long)id);
	else
		*id_out = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * Building and sending flushes; see flush.h. A flush is kept as the columns of its parameter
 * arrays, in the order of schemas/queries/ledger/flush.sql, so that sending it is copying them.
 */
#include "scheduler/ledger/flush.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

/* Longest fact, bytes: a dozen numbers, three names. */
#define FACT_MAX 4096u

/* X(column, element type), in the order of the statement's parameters from $2 on. */
#define FLUSH_COLUMNS(X)                                                                           \
	X(TARGET_INCARNATION, PG_INT4)                                                             \
	X(TARGET_CAMPAIGN, PG_INT4)                                                                \
	X(TARGET_CHUNK, PG_INT4)                                                                   \
	X(TARGET_EPOCH, PG_INT4)                                                                   \
	X(TARGET_SEQ, PG_INT4)                                                                     \
	X(TARGET_BITS, PG_BITS)                                                                    \
	X(TARGET_OPEN, PG_BITS)                                                                    \
	X(TARGET_RELEASE, PG_BOOL)                                                                 \
	X(TARGET_LATE, PG_BOOL)                                                                    \
	X(TARGET, PG_INT2)                                                                         \
	X(FACT, PG_INT2)                                                                           \
	X(POSITION, PG_INT2)                                                                       \
	X(RID, PG_INT8)                                                                            \
	X(DOMAIN, PG_INT4)                                                                         \
	X(VARS, PG_TEXT)                                                                           \
	X(AT, PG_TIME)                                                                             \
	X(TOOK, PG_INT4)                                                                           \
	X(AGE, PG_INT4)                                                                            \
	X(ATTEMPT, PG_INT2)                                                                        \
	X(VERSION, PG_INT4)                                                                        \
	X(STATE, PG_INT2)                                                                          \
	X(CLASS, PG_INT2)                                                                          \
	X(CAUSE, PG_INT2)                                                                          \
	X(SCOPE, PG_INT2)                                                                          \
	X(WORDS, PG_INT2)                                                                          \
	X(STAGE, PG_INT2)                                                                          \
	X(CODE, PG_INT2)                                                                           \
	X(ENHANCED, PG_INT4)                                                                       \
	X(TEMPLATE, PG_INT8)                                                                       \
	X(SOURCE, PG_INT4)                                                                         \
	X(PROVIDER, PG_TEXT)                                                                       \
	X(MX, PG_TEXT)                                                                             \
	X(TLS, PG_INT2)                                                                            \
	X(RULE, PG_TEXT)                                                                           \
	X(SUPPRESS, PG_BOOL)                                                                       \
	X(RETRY_TARGET, PG_INT2)                                                                   \
	X(RETRY_RID, PG_INT8)                                                                      \
	X(RETRY_DOMAIN, PG_INT4)                                                                   \
	X(RETRY_DUE, PG_TIME)                                                                      \
	X(RETRY_ATTEMPT, PG_INT2)                                                                  \
	X(RETRY_CLASS, PG_INT2)                                                                    \
	X(RETRY_CAUSE, PG_INT2)                                                                    \
	X(RETRY_FLAGS, PG_INT2)                                                                    \
	X(RETRY_AGE, PG_INT4)                                                                      \
	X(RETRY_VERSION, PG_INT4)                                                                  \
	X(RETRY_SOURCE, PG_INT4)                                                                   \
	X(RETRY_PREFER, PG_TIME)                                                                   \
	X(RETRY_NODE, PG_INT4)                                                                     \
	X(RETRY_ADDRESS, PG_TEXT)                                                                  \
	X(RETRY_ATTRIBUTES, PG_TEXT)                                                               \
	X(TEMPLATE_HASH, PG_INT8)                                                                  \
	X(TEMPLATE_TEXT, PG_TEXT)                                                                  \
	X(USAGE_MINUTE, PG_TIME)                                                                   \
	X(USAGE_SOURCE, PG_INT4)                                                                   \
	X(USAGE_DOMAIN, PG_INT4)                                                                   \
	X(USAGE_CAMPAIGN, PG_INT4)                                                                 \
	X(USAGE_MESSAGES, PG_INT4)                                                                 \
	X(USAGE_CONNECTIONS, PG_INT4)                                                              \
	X(USAGE_TARGET, PG_TEXT)

enum column {
#define X(column, type) COL_##column,
	FLUSH_COLUMNS(X)
#undef X
		COLUMNS
};

static const enum pg_type column_types[] = {
#define X(column, type) type,
	FLUSH_COLUMNS(X)
#undef X
};

/* What may still change of a target until it is sent. */
struct target {
	struct flush_target id;
	struct positions bits; /* newly settled */
	struct positions open;
	bool release;
};

struct seen_template {
	struct map_node node; /* flush.templates, by hash */
};

/* What many settlements have in common: it is sent once, and each of them names its number. */
struct fact {
	struct map_node node; /* flush.facts, by the hash of what it says */
	int number;	      /* from 1 */
	size_t len;
	char said[];
};

struct flush {
	struct pg_array columns[COLUMNS];
	struct target *targets;
	size_t count, cap;
	size_t people;
	struct map templates; /* struct seen_template: once a flush is enough */
	struct map facts;
	struct buf fact;	      /* what the one to find says */
	struct flush_answer *answers; /* of the last flush_run */
	/* While it is being sent: */
	flush_on_reply on_reply;
	void *owner;
};

struct flush *flush_new(void)
{
	struct flush *f = xcalloc(1, sizeof(*f));
	for (int i = 0; i < COLUMNS; i++)
		pg_array_init(&f->columns[i], column_types[i]);
	map_init(&f->templates);
	map_init(&f->facts);
	buf_init(&f->fact, FACT_MAX);
	return f;
}

static void forget_templates(struct flush *f)
{
	struct map_node *node = map_next(&f->templates, NULL);
	while (node != NULL) {
		struct seen_template *seen = CONTAINER_OF(node, struct seen_template, node);
		node = map_next(&f->templates, node);
		free(seen);
	}
	map_done(&f->templates);
	map_init(&f->templates);
}

static void forget_facts(struct flush *f)
{
	struct map_node *node = map_next(&f->facts, NULL);
	while (node != NULL) {
		struct fact *fact = CONTAINER_OF(node, struct fact, node);
		node = map_next(&f->facts, node);
		free(fact);
	}
	map_done(&f->facts);
	map_init(&f->facts);
}

void flush_free(struct flush *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < COLUMNS; i++)
		pg_array_done(&f->columns[i]);
	forget_templates(f);
	forget_facts(f);
	buf_done(&f->fact);
	free(f->targets);
	free(f->answers);
	free(f);
}

void flush_clear(struct flush *f)
{
	must(f->on_reply == NULL);
	for (int i = 0; i < COLUMNS; i++)
		pg_array_clear(&f->columns[i]);
	forget_templates(f);
	forget_facts(f);
	f->count = 0;
	f->people = 0;
	free(f->answers);
	f->answers = NULL;
}

bool flush_is_empty(const struct flush *f)
{
	return f->count == 0 && f->columns[COL_USAGE_MINUTE].count == 0;
}

size_t flush_people(const struct flush *f)
{
	return f->people;
}

size_t flush_targets(const struct flush *f)
{
	return f->count;
}

size_t flush_target(struct flush *f, const struct flush_target *target)
{
	must(f->on_reply == NULL && f->count < FLUSH_TARGETS_MAX);
	if (f->count == f->cap) {
		f->cap = f->cap == 0 ? 64 : f->cap * 2;
		f->targets = xrealloc(f->targets, f->cap * sizeof(f->targets[0]));
	}
	struct target *t = &f->targets[f->count];
	t->id = *target;
	t->release = false;
	positions_init(&t->bits, target->people);
	positions_init(&t->open, target->people);
	return f->count++;
}

static void put_int(struct flush *f, enum column column, int64_t v)
{
	pg_array_int(&f->columns[column], v);
}

static void put_text(struct flush *f, enum column column, struct str v)
{
	pg_array_text(&f->columns[column], v);
}

static void put_template(struct flush *f, int64_t hash, struct str text)
{
	if (hash == 0 || map_get(&f->templates, (uint64_t)hash, NULL, NULL) != NULL)
		return;
	struct seen_template *seen = xcalloc(1, sizeof(*seen));
	map_put(&f->templates, &seen->node, (uint64_t)hash);
	put_int(f, COL_TEMPLATE_HASH, hash);
	put_text(f, COL_TEMPLATE_TEXT, text);
}

static void put_retry(struct flush *f, size_t target, const struct settlement *s)
{
	const struct retry_order *r = &s->retry;
	put_int(f, COL_RETRY_TARGET, (int64_t)target + 1);
	put_int(f, COL_RETRY_RID, s->rid);
	put_int(f, COL_RETRY_DOMAIN, s->domain_id);
	pg_array_time(&f->columns[COL_RETRY_DUE], r->due_at_us);
	put_int(f, COL_RETRY_ATTEMPT, r->attempts);
	put_int(f, COL_RETRY_CLASS, s->klass);
	put_int(f, COL_RETRY_CAUSE, s->cause);
	put_int(f, COL_RETRY_FLAGS, r->flags);
	put_int(f, COL_RETRY_AGE, r->age_s);
	put_int(f, COL_RETRY_VERSION, r->version);
	put_int(f, COL_RETRY_SOURCE, r->source_id);
	if (r->prefer_until_us == 0)
		pg_array_null(&f->columns[COL_RETRY_PREFER]);
	else
		pg_array_time(&f->columns[COL_RETRY_PREFER], r->prefer_until_us);
	if (r->node == 0)
		pg_array_null(&f->columns[COL_RETRY_NODE]);
	else
		put_int(f, COL_RETRY_NODE, r->node);
	put_text(f, COL_RETRY_ADDRESS, r->address);
	put_text(f, COL_RETRY_ATTRIBUTES, r->attributes);
}

static void say_text(struct buf *fact, struct str v)
{
	buf_append_be32(fact, (uint32_t)v.len);
	buf_append_str(fact, v);
}

/* Everything put_fact sends, unambiguously. */
static struct str say_fact(struct buf *fact, const struct settlement *s)
{
	const int64_t numbers[] = {
		s->attempt, s->version,	      s->state,	    s->klass,	 s->cause,
		s->scope,   s->words,	      s->stage,	    s->code,	 s->enhanced,
		s->tls,	    s->template_hash, s->source_id, s->suppress,
	};
	buf_clear(fact);
	buf_append(fact, numbers, sizeof(numbers));
	say_text(fact, s->provider);
	say_text(fact, s->mx);
	say_text(fact, s->rule);
	must(!fact->is_truncated);
	return buf_str(fact);
}

static bool says(const struct map_node *node, const void *key)
{
	const struct fact *fact = CONTAINER_OF(node, const struct fact, node);
	return str_equals(str_of(fact->said, fact->len), *(const struct str *)key);
}

static void put_fact(struct flush *f, const struct settlement *s)
{
	put_int(f, COL_ATTEMPT, s->attempt);
	put_int(f, COL_VERSION, s->version);
	put_int(f, COL_STATE, s->state);
	put_int(f, COL_CLASS, s->klass);
	put_int(f, COL_CAUSE, s->cause);
	put_int(f, COL_SCOPE, s->scope);
	put_int(f, COL_WORDS, s->words);
	put_int(f, COL_STAGE, s->stage);
	put_int(f, COL_CODE, s->code);
	put_int(f, COL_ENHANCED, s->enhanced);
	put_int(f, COL_TEMPLATE, s->template_hash);
	put_int(f, COL_SOURCE, s->source_id);
	put_text(f, COL_PROVIDER, s->provider);
	put_text(f, COL_MX, s->mx);
	put_int(f, COL_TLS, s->tls);
	put_text(f, COL_RULE, s->rule);
	pg_array_bool(&f->columns[COL_SUPPRESS], s->suppress);
}

/* The number of what the settlement says of many. */
static int fact_of(struct flush *f, const struct settlement *s)
{
	struct str said = say_fact(&f->fact, s);
	uint64_t hash = hash_str(said);
	struct map_node *node = map_get(&f->facts, hash, says, &said);
	if (node != NULL)
		return CONTAINER_OF(node, struct fact, node)->number;
	struct fact *fact = xcalloc(1, sizeof(*fact) + said.len);
	fact->len = said.len;
	memcpy(fact->said, said.ptr, said.len);
	map_put(&f->facts, &fact->node, hash);
	fact->number = (int)f->facts.count;
	put_fact(f, s);
	return fact->number;
}

void flush_settle(struct flush *f, size_t target, const struct settlement *s)
{
	must(f->on_reply == NULL && target < f->count && f->people < FLUSH_PEOPLE_MAX);
	must(s->state == RECIPIENT_DEFERRED || recipient_state_is_final(s->state));
	must(s->klass != 0 || s->state == RECIPIENT_DEFERRED);
	struct target *t = &f->targets[target];
	must(!positions_has(&t->bits, s->position));
	positions_add(&t->bits, s->position);
	f->people++;
	put_int(f, COL_TARGET, (int64_t)target + 1);
	put_int(f, COL_FACT, fact_of(f, s));
	put_int(f, COL_POSITION, s->position);
	put_int(f, COL_RID, s->rid);
	put_int(f, COL_DOMAIN, s->domain_id);
	put_text(f, COL_VARS, s->vars);
	pg_array_time(&f->columns[COL_AT], s->at_us);
	put_int(f, COL_TOOK, s->took_ms);
	put_int(f, COL_AGE, s->age_s);
	put_template(f, s->template_hash, s->template_text);
	if (s->state == RECIPIENT_DEFERRED)
		put_retry(f, target, s);
}

void flush_open(struct flush *f, size_t target, const struct positions *open)
{
	must(target < f->count && open->size == f->targets[target].open.size);
	f->targets[target].open = *open;
}

void flush_release(struct flush *f, size_t target)
{
	must(target < f->count && !f->targets[target].id.is_late);
	f->targets[target].release = true;
}

void flush_usage(struct flush *f, const struct usage *usage)
{
	pg_array_time(&f->columns[COL_USAGE_MINUTE], usage->minute_us);
	put_int(f, COL_USAGE_SOURCE, usage->source_id);
	put_int(f, COL_USAGE_DOMAIN, usage->sending_domain_id);
	put_int(f, COL_USAGE_CAMPAIGN, usage->campaign);
	put_int(f, COL_USAGE_MESSAGES, usage->messages);
	put_int(f, COL_USAGE_CONNECTIONS, usage->connections);
	put_text(f, COL_USAGE_TARGET, usage->target);
}

/* The parameters of the statement; the columns of the targets are made now. */
static void fill_params(struct flush *f, struct member_id id, struct pg_params *params)
{
	for (int i = COL_TARGET_INCARNATION; i <= COL_TARGET_LATE; i++)
		pg_array_clear(&f->columns[i]);
	for (size_t i = 0; i < f->count; i++) {
		const struct target *t = &f->targets[i];
		put_int(f, COL_TARGET_INCARNATION, t->id.incarnation);
		put_int(f, COL_TARGET_CAMPAIGN, t->id.key.campaign);
		put_int(f, COL_TARGET_CHUNK, t->id.key.chunk);
		put_int(f, COL_TARGET_EPOCH, t->id.epoch);
		put_int(f, COL_TARGET_SEQ, t->id.flush_seq);
		pg_array_bits(&f->columns[COL_TARGET_BITS], positions_bits(&t->bits));
		pg_array_bits(&f->columns[COL_TARGET_OPEN], positions_bits(&t->open));
		pg_array_bool(&f->columns[COL_TARGET_RELEASE], t->release);
		pg_array_bool(&f->columns[COL_TARGET_LATE], t->id.is_late);
	}
	pg_params_init(params);
	pg_add_int4(params, id.node);
	for (int i = 0; i < COLUMNS; i++)
		pg_add_array(params, &f->columns[i]);
	pg_add_int4(params, id.incarnation);
}

static struct flush_answer *answers_load(const struct flush *f, const struct pg_rows *rows)
{
	struct flush_answer *answers = xcalloc(f->count, sizeof(*answers));
	for (int row = 0; row < pg_rows_count(rows); row++) {
		int64_t k = pg_int(rows, row, 0);
		must(k >= 1 && (size_t)k <= f->count);
		answers[k - 1] = (struct flush_answer){.accepted = true,
						       .people = (unsigned)pg_int(rows, row, 1),
						       .is_done = pg_int(rows, row, 2) == 2};
	}
	return answers;
}

static void on_flushed(void *owner, const struct pg_reply *reply)
{
	struct flush *f = owner;
	struct flush_reply out = {.fate = reply->fate, .err = reply->err, .count = f->count};
	struct flush_answer *answers = NULL;
	if (reply->fate == PG_DONE)
		answers = answers_load(f, reply->rows);
	out.answers = answers;
	flush_on_reply on_reply = f->on_reply;
	f->on_reply = NULL; /* the owner may send it again, or free it, at once */
	on_reply(f->owner, f, &out);
	free(answers);
}

void flush_send(struct flush *f, struct pg *pg, struct member_id id, flush_on_reply on_reply,
		void *owner)
{
	must(f->on_reply == NULL && on_reply != NULL);
	struct pg_params params;
	fill_params(f, id, &params);
	f->on_reply = on_reply;
	f->owner = owner;
	pg_call(pg, "ledger/flush", &params, on_flushed, f);
	pg_params_done(&params);
}

int flush_run(struct flush *f, struct pg_blocking *conn, struct member_id id,
	      const struct flush_answer **answers_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	fill_params(f, id, &params);
	int rc = pg_run(conn, "ledger/flush", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	free(f->answers);
	f->answers = answers_load(f, rows);
	*answers_out = f->answers;
	pg_rows_free(rows);
	return 0;
}

int32_t flush_enhanced(struct enhanced_code code)
{
	return code.klass * 1000000 + code.subject * 1000 + code.detail;
}

/* ---- fences ---- */

struct fence_request {
	ledger_on_fences on_fences;
	void *owner;
};

static void on_fence_rows(void *owner, const struct pg_reply *reply)
{
	struct fence_request *request = owner;
	size_t count = (size_t)pg_rows_count(reply->rows);
	struct fence *fences = xcalloc(count, sizeof(*fences));
	for (size_t i = 0; i < count; i++) {
		int row = (int)i;
		struct fence *fence = &fences[i];
		fence->key = (struct chunk_key){pg_int32(reply->rows, row, 0),
						pg_int32(reply->rows, row, 1)};
		fence->state = pg_int32(reply->rows, row, 2);
		fence->epoch = pg_int32(reply->rows, row, 3);
		fence->node = pg_int32(reply->rows, row, 4);
		fence->incarnation = pg_int32(reply->rows, row, 5);
		fence->flush_seq = pg_int32(reply->rows, row, 6);
		positions_load(&fence->done, pg_bits(reply->rows, row, 7));
		positions_load(&fence->open, pg_bits(reply->rows, row, 8));
	}
	const struct fence_reply answer = {reply->fate, reply->err, fences, count};
	request->on_fences(request->owner, &answer);
	free(fences);
	free(request);
}

void ledger_read_fences(struct pg *pg, const struct chunk_key *keys, size_t count,
			ledger_on_fences on_fences, void *owner)
{
	struct fence_request *request = xcalloc(1, sizeof(*request));
	*request = (struct fence_request){on_fences, owner};
	struct pg_params params;
	pg_params_init(&params);
	chunk_keys_params(&params, keys, count);
	pg_call(pg, "ledger/read_fences", &params, on_fence_rows, request);
	pg_params_done(&params);
}

/* SPDX-License-Identifier: MIT */
/* The document of a forecast; see forecast.h. */
#include "scheduler/report/forecast.h"

#include <math.h>

#include "ip-pool/explain.h"
#include "ip-pool/pool.h"
#include "scheduler/report/forecast_load.h"
#include "scheduler/report/forecast_say.h"

#define SENTENCE_MAX 4096

/* A played forecast, on its way into a document. */
struct played {
	const struct forecast_loaded *in;
	struct forecast_build build;
	struct forecast_span *crowds, *campaigns;
	enum language language;
	json_t *document;
};

static int64_t wall_us(const struct played *p, int64_t ms)
{
	const struct forecast_facts *f = &p->in->facts;
	return f->now_us + (ms - f->now_ms) * 1000;
}

/* Null when it never comes. */
static json_t *time_of(const struct played *p, int64_t ms)
{
	return ms == FORECAST_NEVER ? json_null() : json_integer(wall_us(p, ms));
}

static json_t *people(double n)
{
	return json_integer((json_int_t)(n + 0.5));
}

/* ---------------------------------------------------------------------------------------- binds */

static json_t *text_of(struct buf *text)
{
	json_t *value = json_stringn(text->data ? text->data : "", text->len);
	buf_done(text);
	return value;
}

/* How connections of the lane fail, if a node says so. */
static struct str said_of(const struct played *p, const struct forecast_bind *b)
{
	const struct forecast_facts *f = &p->in->facts;
	const struct limit_scope *lane = &p->build.model.lanes[b->lane].limits.limiter.scope;
	for (size_t i = 0; i < f->refused_count && b->kind == BIND_REST; i++)
		if (forecast_is_refused(&f->refused[i], lane))
			return f->refused[i].said;
	return STR("");
}

static struct forecast_saying saying_of(const struct played *p, size_t queue,
					const struct forecast_bind *b, struct buf *lane)
{
	const struct forecast_model *m = &p->build.model;
	bool has_lane = b->kind == BIND_LIMIT || b->kind == BIND_CONNECTIONS ||
			b->kind == BIND_PACE || b->kind == BIND_PAUSE || b->kind == BIND_REST;
	if (has_lane)
		explain_lane(&m->lanes[b->lane].limits.limiter.scope, lane);
	struct str pool = p->in->facts.jobs[0].pool;
	return (struct forecast_saying){.language = p->language,
					.now_ms = m->now_ms,
					.lane = buf_str(lane),
					.target = p->build.queue_names[queue],
					.said = has_lane ? said_of(p, b) : STR(""),
					.pool = pool.len > 0 ? pool : STR(POOL_DEFAULT)};
}

/* -------------------------------------------------------------------------------------- pauses */

#define PAUSES_MOST 8 /* named in one sentence */

/* Pauses that hold the lane for this campaign, or for everybody, the whole forecast. */
struct holding {
	const struct pause *items[PAUSES_MOST];
	size_t count;
};

static struct holding holding_of(const struct played *p, const struct forecast_bind *b)
{
	const struct ip_pool_snapshot *pool = p->in->facts.pool;
	const struct forecast_model *m = &p->build.model;
	struct holding h = {.count = 0};
	if (b->kind != BIND_PAUSE)
		return h;
	const struct limit_scope *lane = &m->lanes[b->lane].limits.limiter.scope;
	int64_t campaign = p->in->facts.jobs[0].campaign;
	int64_t end = m->now_ms + FORECAST_HORIZON_MS;
	for (size_t i = 0; i < pool->pause_count && h.count < PAUSES_MOST; i++) {
		const struct pause *pause = &pool->pauses[i];
		if (pause_of_lane(pause, 1, lane, end) != NULL ||
		    pause_of_campaign(pause, 1, campaign, lane, end) != NULL)
			h.items[h.count++] = pause;
	}
	return h;
}

static bool is_same_holding(const struct holding *a, const struct holding *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (a->items[i] != b->items[i])
			return false;
	return a->count == b->count;
}

/* Of a pause its number. */
static struct forecast_bind numbered(const struct played *p, const struct forecast_bind *b)
{
	struct holding h = holding_of(p, b);
	struct forecast_bind out = *b;
	if (b->kind == BIND_PAUSE)
		out.cap.rule = h.count > 0 ? h.items[0]->id : 0;
	return out;
}

/* ---------------------------------------------------------------------------------------- json */

static bool has_number(const struct forecast_bind *b)
{
	return b->kind == BIND_LIMIT || b->kind == BIND_CONNECTIONS;
}

static json_t *bind_json(const struct played *p, size_t queue, const struct forecast_bind *b)
{
	struct buf lane, says;
	if (b->kind == BIND_NOTHING)
		return json_null();
	buf_init(&lane, SENTENCE_MAX);
	buf_init(&says, SENTENCE_MAX);
	struct forecast_saying w = saying_of(p, queue, b, &lane);
	struct forecast_bind told = numbered(p, b);
	forecast_say_bind(&w, &told, &says);
	json_t *o = json_pack("{s:s, s:o, s:f}", "kind", forecast_bind_name(b->kind), "says",
			      text_of(&says), "part", round(b->part * 100) / 100);
	if (has_number(b)) {
		json_object_set_new(o, "level", json_string(limit_level_name(b->level)));
		json_object_set_new(o, "count", json_integer(b->cap.count));
		json_object_set_new(o, "each_site", json_boolean(b->is_of_each));
		json_object_set_new(o, "origin", json_string(limit_origin_name(b->cap.origin)));
		json_object_set_new(o, "limit_id",
				    b->cap.rule ? json_integer(b->cap.rule) : json_null());
	}
	if (b->kind == BIND_PAUSE)
		json_object_set_new(o, "pause_id",
				    told.cap.rule ? json_integer(told.cap.rule) : json_null());
	if (b->kind == BIND_RETRIES)
		json_object_set_new(o, "expected", json_boolean(b->is_expected));
	if (b->kind == BIND_LIMIT)
		json_object_set_new(o, "per", json_string(limit_period_name(b->period)));
	if (b->kind == BIND_PACE)
		json_object_set_new(o, "messages_a_second", json_real(round(b->per_s * 100) / 100));
	if (b->kind == BIND_CONNECTIONS)
		json_object_set_new(o, "message_ms", json_integer((json_int_t)b->service_ms));
	buf_done(&lane);
	return o;
}

/* ------------------------------------------------------------------------------------ providers */

static double left_of(const struct forecast_crowd *c)
{
	double left = c->fresh;
	for (size_t i = 0; i < c->retry_count; i++)
		left += c->retries[i].people;
	return left;
}

static void set_span(const struct played *p, json_t *o, const struct forecast_span *s)
{
	json_object_set_new(o, "earliest_at", time_of(p, s->earliest_ms));
	json_object_set_new(o, "likely_at", time_of(p, s->likely_ms));
	json_object_set_new(o, "latest_at", time_of(p, s->latest_ms));
}

static bool is_refused(const struct forecast_facts *f, const struct forecast_lane *lane)
{
	for (size_t i = 0; i < f->refused_count; i++)
		if (forecast_is_refused(&f->refused[i], &lane->limits.limiter.scope))
			return true;
	return false;
}

/* What holds the crowd. While nobody answers any of its lanes it is that, also of people who were
 * put off for it and are not due before it is thought to end. */
static struct forecast_bind bind_of(const struct played *p, size_t crowd)
{
	const struct forecast_model *m = &p->build.model;
	const struct forecast_crowd *c = &m->crowds[crowd];
	const struct forecast_queue *q = &m->queues[c->queue];
	const struct forecast_bind *played = &p->crowds[crowd].bind;
	struct forecast_bind refused = {.kind = BIND_NOTHING};
	if (played->kind != BIND_RETRIES && played->kind != BIND_NOTHING)
		return *played;
	for (size_t i = 0; i < q->count; i++) {
		if (c->lanes_from_ms[i] == FORECAST_NEVER)
			continue;
		if (!is_refused(&p->in->facts, &m->lanes[q->first + i]))
			return *played;
		refused = (struct forecast_bind){.kind = BIND_REST,
						 .lane = q->first + i,
						 .cap = {.origin = ORIGIN_DEAD},
						 .part = played->part};
	}
	return refused.kind == BIND_NOTHING ? *played : refused;
}

static json_t *provider_json(const struct played *p, size_t crowd)
{
	const struct forecast_crowd *c = &p->build.model.crowds[crowd];
	const struct forecast_span *s = &p->crowds[crowd];
	struct forecast_bind bind = bind_of(p, crowd);
	json_t *o = json_object();
	document_set_text(o, "provider", p->build.queue_names[c->queue]);
	json_object_set_new(o, "left", people(left_of(c)));
	set_span(p, o, s);
	json_object_set_new(o, "missed", people(s->missed));
	json_object_set_new(o, "bind", bind_json(p, c->queue, &bind));
	return o;
}

static double left_there(const json_t *provider)
{
	return json_number_value(json_object_get(provider, "left"));
}

/* Most people first. */
static void insert(json_t *providers, json_t *one)
{
	size_t i = 0;
	while (i < json_array_size(providers) &&
	       left_there(json_array_get(providers, i)) >= left_there(one))
		i++;
	json_array_insert_new(providers, i, one);
}

static bool is_ours(const struct played *p, size_t crowd)
{
	const struct forecast_crowd *c = &p->build.model.crowds[crowd];
	return c->campaign == 0 && left_of(c) > 0;
}

static void add_providers(struct played *p)
{
	json_t *providers = json_array();
	for (size_t i = 0; i < p->build.model.crowd_count; i++)
		if (is_ours(p, i))
			insert(providers, provider_json(p, i));
	json_object_set_new(p->document, "providers", providers);
}

/* ---------------------------------------------------------------------------------------- whole */

static bool is_stuck(const struct played *p, size_t crowd)
{
	return is_ours(p, crowd) && p->crowds[crowd].likely_ms == FORECAST_NEVER;
}

static void add_stuck_alone(struct played *p, size_t crowd, json_t *stuck)
{
	const struct forecast_bind *b = &p->crowds[crowd].bind;
	struct buf lane, says;
	buf_init(&lane, SENTENCE_MAX);
	buf_init(&says, SENTENCE_MAX);
	struct forecast_saying w = saying_of(p, p->build.model.crowds[crowd].queue, b, &lane);
	forecast_say_stuck(&w, b, &says);
	json_array_append_new(stuck, text_of(&says));
	buf_done(&lane);
}

/* Was the same said for an earlier crowd? */
static bool is_said(const struct played *p, size_t crowd, const struct holding *held)
{
	for (size_t i = 0; i < crowd; i++) {
		struct holding other = holding_of(p, &p->crowds[i].bind);
		if (is_stuck(p, i) && is_same_holding(held, &other))
			return true;
	}
	return false;
}

/* One sentence for all queues that stand still for the same pauses. */
static void add_paused(struct played *p, const struct holding *held, json_t *stuck)
{
	struct buf targets, says;
	buf_init(&targets, SENTENCE_MAX);
	buf_init(&says, SENTENCE_MAX + SENTENCE_MAX);
	for (size_t i = 0; i < p->build.model.crowd_count; i++) {
		struct holding other = holding_of(p, &p->crowds[i].bind);
		if (!is_stuck(p, i) || !is_same_holding(held, &other))
			continue;
		buf_append_cstr(&targets, targets.len > 0 ? ", " : "");
		buf_append_str(&targets, p->build.queue_names[p->build.model.crowds[i].queue]);
	}
	const struct forecast_saying w = {.language = p->language, .target = buf_str(&targets)};
	forecast_say_paused(&w, held->items, held->count, &says);
	json_array_append_new(stuck, text_of(&says));
	buf_done(&targets);
}

/* Sentences for the queues that are never through. */
static void add_stuck(struct played *p)
{
	json_t *stuck = json_array();
	for (size_t i = 0; i < p->build.model.crowd_count; i++) {
		if (!is_stuck(p, i))
			continue;
		struct holding held = holding_of(p, &p->crowds[i].bind);
		if (held.count == 0)
			add_stuck_alone(p, i, stuck);
		else if (!is_said(p, i, &held))
			add_paused(p, &held, stuck);
	}
	json_object_set_new(p->document, "stuck", stuck);
}

static void add_bind(struct played *p)
{
	size_t last = p->build.model.crowd_count;
	for (size_t i = 0; i < p->build.model.crowd_count; i++)
		if (is_ours(p, i) && (last == p->build.model.crowd_count ||
				      p->crowds[i].likely_ms > p->crowds[last].likely_ms))
			last = i;
	if (last == p->build.model.crowd_count) {
		json_object_set_new(p->document, "bind", json_null());
		return;
	}
	size_t queue = p->build.model.crowds[last].queue;
	json_object_set_new(p->document, "last_provider", json_null());
	document_set_text(p->document, "last_provider", p->build.queue_names[queue]);
	struct forecast_bind bind = bind_of(p, last);
	json_object_set_new(p->document, "bind", bind_json(p, queue, &bind));
}

/* What is taken to happen although nobody said so, as words for programs. */
static json_t *assumptions(const struct forecast_loaded *in)
{
	json_t *list = json_array();
	if (in->state == CAMPAIGN_DRAFT)
		json_array_append_new(list, json_string("started-now"));
	if (in->state == CAMPAIGN_PAUSED)
		json_array_append_new(list, json_string("resumed-now"));
	if (in->nodes == 0)
		json_array_append_new(list, json_string("node-runs"));
	if (!in->is_frozen)
		json_array_append_new(list, json_string("people-estimated"));
	return list;
}

static json_t *head(const struct forecast_loaded *in)
{
	json_t *o = json_object();
	document_set_text(o, "name", in->name);
	document_set_text(o, "state", str_from(campaign_state_name(in->state)));
	json_object_set_new(o, "now_at", json_integer(in->facts.now_us));
	json_object_set_new(o, "scheduled_at",
			    json_integer(in->state == CAMPAIGN_SCHEDULED ? in->scheduled_us : 0));
	json_object_set_new(o, "deadline_at", json_integer(in->deadline_us));
	json_object_set_new(o, "audience", people(in->audience));
	json_object_set_new(o, "left", people(in->left));
	json_object_set_new(o, "assumes", assumptions(in));
	return o;
}

static void play(struct played *p)
{
	forecast_build(&p->build, &p->in->facts);
	const struct forecast_model *m = &p->build.model;
	p->crowds = arena_alloc(&p->build.arena, (m->crowd_count + 1) * sizeof(p->crowds[0]));
	p->campaigns =
		arena_alloc(&p->build.arena, (m->campaign_count + 1) * sizeof(p->campaigns[0]));
	forecast_play(m, p->crowds, p->campaigns);
	const struct forecast_span *s = &p->campaigns[0];
	set_span(p, p->document, s);
	json_object_set_new(p->document, "most_at", time_of(p, s->most_ms));
	json_object_set_new(p->document, "missed", people(s->missed));
	add_bind(p);
	add_providers(p);
	add_stuck(p);
	forecast_build_done(&p->build);
}

static json_t *foretell(struct pg_blocking *db, const struct forecast_question *question,
			enum language language, struct err *err)
{
	struct forecast_loaded in;
	struct played p = {.in = &in, .language = language};
	if (forecast_load(db, question, &in, err) == 0) {
		p.document = head(&in);
		if (in.is_foretold)
			play(&p);
	}
	forecast_loaded_done(&in);
	return p.document;
}

json_t *forecast_campaign(struct pg_blocking *db, const char *name, struct str schedule,
			  enum language language, struct err *err)
{
	const struct forecast_question question = {.name = name, .schedule = schedule};
	return foretell(db, &question, language, err);
}

int forecast_likely_end(struct pg_blocking *db, const char *name, struct str schedule,
			int64_t *us_out, struct err *err)
{
	const struct forecast_question question = {
		.name = name, .schedule = schedule, .is_quick = true};
	/* All of it: to play is quick beside reading what is played. */
	json_t *document = foretell(db, &question, LANGUAGE_EN, err);
	if (document == NULL)
		return -1;
	bool assumes = json_array_size(json_object_get(document, "assumes")) > 0;
	*us_out = assumes ? 0 : document_int(document, "likely_at");
	json_decref(document);
	return 0;
}

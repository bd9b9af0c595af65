/* SPDX-License-Identifier: MIT */
/* The rows of a forecast; see forecast_load.h. */
#include "scheduler/report/forecast_load.h"

#include <string.h>

#include "engine/base/clock.h"
#include "scheduler/report/forecast.h"
#include "scheduler/settings.h"

#define PEOPLE_MORE 4096 /* rows are added as they are read; room for so many at first */
#define NAMED_MOST 16	 /* sites that limits or pauses name and that are told apart for it */
#define SITES_MOST 64

/* Columns of report/forecast_jobs.sql. */
enum column {
	COL_ID,
	COL_NAME,
	COL_IS_ASKED,
	COL_STATE,
	COL_PRIORITY,
	COL_POOL,
	COL_DOMAIN,
	COL_GIVE_UP_S,
	COL_DEADLINE,
	COL_SCHEDULED,
	COL_BEGAN,
	COL_IS_FROZEN,
	COL_AUDIENCE,
	COL_THROUGH,
	COL_HOURS,
	COL_OFFSETS,
	COL_COMMON_HOURS,
	COL_COMMON_OFFSETS,
	COL_NODES,
	COL_NOW,
	COL_TAIL_DOMAINS,
	COL_RATE,
	COL_PUT_OFF,
};

/* A part of the people of a group of the tail, those at one site. */
struct site_share {
	size_t job;
	struct str group; /* empty: all who are put off */
	struct str queue; /* the site, or the tail */
	double n;
};

/* Rows on their way into facts. */
struct loader {
	struct pg_blocking *db;
	struct forecast_loaded *out;
	struct err *err;
	struct forecast_job *jobs;
	bool *is_frozen; /* by job */
	struct forecast_people *people;
	size_t people_room;
	struct forecast_seen *seen;
	double tail_domains;
	struct str named[NAMED_MOST], sites[SITES_MOST]; /* sites with a queue of their own */
	size_t named_count, site_count;
	struct site_share *shares;
	size_t share_count;
	struct pg_array spread_domains, spread_people; /* of a sample, instead of lists */
	bool has_spread;
};

/* ----------------------------------------------------------------------------------------- jobs */

/* A wall time of the database by our clock. */
static int64_t moment(const struct forecast_facts *f, int64_t us)
{
	return f->now_ms + (us - f->now_us) / 1000;
}

static int64_t start_of(const struct forecast_facts *f, enum campaign_state state, int64_t at_us)
{
	if (state != CAMPAIGN_SCHEDULED || at_us <= f->now_us)
		return f->now_ms;
	return moment(f, at_us);
}

static void read_hours(const struct pg_rows *rows, int row, struct sending_hours *out)
{
	sending_hours_own(out, pg_text(rows, row, COL_HOURS), pg_items(rows, row, COL_OFFSETS));
	sending_hours_common(out, pg_text(rows, row, COL_COMMON_HOURS),
			     pg_items(rows, row, COL_COMMON_OFFSETS));
}

static void read_job(struct loader *l, const struct pg_rows *rows, int row)
{
	struct forecast_facts *f = &l->out->facts;
	struct forecast_job *job = &l->jobs[f->job_count];
	enum campaign_state state = (enum campaign_state)pg_int32(rows, row, COL_STATE);
	int64_t deadline_us = pg_time(rows, row, COL_DEADLINE);
	l->is_frozen[f->job_count++] = pg_bool(rows, row, COL_IS_FROZEN);
	*job = (struct forecast_job){
		.campaign = pg_int(rows, row, COL_ID),
		.priority = pg_int32(rows, row, COL_PRIORITY),
		.pool = arena_str(&l->out->arena, pg_text(rows, row, COL_POOL)),
		.domain = arena_str(&l->out->arena, pg_text(rows, row, COL_DOMAIN)),
		.starts_ms = start_of(f, state, pg_time(rows, row, COL_SCHEDULED)),
		.began_ms = state == CAMPAIGN_RUNNING ? moment(f, pg_time(rows, row, COL_BEGAN))
						      : FORECAST_NEVER,
		.deadline_ms = deadline_us == 0 ? LIMIT_FOREVER : moment(f, deadline_us),
		.give_up_ms = pg_int(rows, row, COL_GIVE_UP_S) * 1000,
		.per_s = (double)pg_int(rows, row, COL_RATE) / 100,
		.people = (double)pg_int(rows, row, COL_AUDIENCE)};
	read_hours(rows, row, &job->hours);
	l->tail_domains += (double)pg_int(rows, row, COL_TAIL_DOMAINS);
	l->out->put_off += pg_int(rows, row, COL_PUT_OFF);
}

static void read_asked(struct loader *l, const struct pg_rows *rows)
{
	struct forecast_loaded *out = l->out;
	out->name = arena_str(&out->arena, pg_text(rows, 0, COL_NAME));
	out->state = (enum campaign_state)pg_int32(rows, 0, COL_STATE);
	out->scheduled_us = pg_time(rows, 0, COL_SCHEDULED);
	out->deadline_us = pg_time(rows, 0, COL_DEADLINE);
	out->is_frozen = pg_bool(rows, 0, COL_IS_FROZEN);
	out->nodes = pg_int(rows, 0, COL_NODES);
	out->through = (double)pg_int(rows, 0, COL_THROUGH);
}

static int read_schedule(struct loader *l, struct str text)
{
	int64_t waits_ms[SETTINGS_RETRY_MAX];
	int count = settings_parse_schedule(text, waits_ms, l->err);
	if (count < 0)
		return -1;
	int32_t *delays_s = arena_alloc(&l->out->arena, (size_t)count * sizeof(delays_s[0]));
	for (int i = 0; i < count; i++)
		delays_s[i] = (int32_t)((waits_ms[i] + 999) / 1000);
	l->out->facts.delays_s = delays_s;
	l->out->facts.delay_count = (size_t)count;
	return 0;
}

static int load_jobs(struct loader *l, const char *name)
{
	struct forecast_facts *f = &l->out->facts;
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, str_from(name));
	int rc = pg_run(l->db, "report/forecast_jobs", &p, &rows, l->err);
	pg_params_done(&p);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	if (rc == 0 && (count == 0 || !pg_bool(rows, 0, COL_IS_ASKED)))
		rc = err_set(l->err, ERR_NOT_FOUND,
			     "there is no campaign '%s'; edm campaign show lists them", name);
	if (rc == 0) {
		f->now_us = pg_time(rows, 0, COL_NOW);
		l->jobs = arena_alloc(&l->out->arena, (size_t)count * sizeof(l->jobs[0]));
		l->is_frozen = arena_alloc(&l->out->arena, (size_t)count * sizeof(l->is_frozen[0]));
		f->jobs = l->jobs;
		read_asked(l, rows);
		for (int i = campaign_is_final(l->out->state) ? 1 : 0; i < count; i++)
			read_job(l, rows, i);
	}
	pg_rows_free(rows);
	return rc;
}

static size_t job_of(const struct loader *l, int64_t campaign)
{
	size_t i = 0;
	while (i < l->out->facts.job_count && l->jobs[i].campaign != campaign)
		i++;
	must(i < l->out->facts.job_count);
	return i;
}

/* --------------------------------------------------------------------------------------- people */

static bool is_route(const struct loader *l, struct str target)
{
	struct str host = target;
	struct str name = str_take_until(&host, ':');
	for (size_t i = 0; i < l->out->pool->route_count; i++)
		if (str_equals(l->out->pool->routes[i].host, name))
			return host.len > 0;
	return false;
}

/* The queue of a group, or of what usage was counted for. */
static struct str queue_of(const struct loader *l, struct str name)
{
	const struct provider *provider = provider_find(l->out->pool->providers, name);
	if (provider != NULL)
		return provider->name;
	for (size_t i = 0; i < l->site_count; i++)
		if (str_equals(l->sites[i], name))
			return l->sites[i];
	return is_route(l, name) ? name : STR(FORECAST_TAIL);
}

/* The queue of a site of the tail, which is told apart from now on; none: of all others. */
static struct str queue_of_site(struct loader *l, struct str site)
{
	struct str queue = queue_of(l, site);
	if (str_is_empty(site) || !str_equals(queue, STR(FORECAST_TAIL)) ||
	    l->site_count == SITES_MOST)
		return queue;
	return l->sites[l->site_count++] = arena_str(&l->out->arena, site);
}

static struct str lowered(struct loader *l, struct str name)
{
	char *text = arena_alloc(&l->out->arena, name.len + 1);
	for (size_t i = 0; i < name.len; i++)
		text[i] = ascii_lower(name.ptr[i]);
	return (struct str){text, name.len};
}

/* Somebody ruled about this place: if it is a site of the tail it is told apart. */
static void add_named(struct loader *l, struct str name)
{
	struct str rest = name;
	struct str host = str_take_until(&rest, ':');
	bool is_site = !str_is_empty(host) && !str_equals(host, STR(FORECAST_TAIL)) &&
		       provider_find(l->out->pool->providers, host) == NULL;
	for (size_t i = 0; i < l->named_count; i++)
		is_site &= !str_equals_nocase(l->named[i], host);
	if (is_site && l->named_count < NAMED_MOST)
		l->named[l->named_count++] = lowered(l, host);
}

static void find_named(struct loader *l)
{
	const struct ip_pool_snapshot *pool = l->out->pool;
	const struct forecast_facts *f = &l->out->facts;
	for (size_t i = 0; i < pool->limits.count; i++)
		add_named(l, pool->limits.rules[i].provider);
	for (size_t i = 0; i < pool->pause_count; i++)
		add_named(l, pool->pauses[i].provider);
	for (size_t i = 0; i < f->refused_count; i++)
		add_named(l, f->refused[i].queue);
}

static void add_named_sites(const struct loader *l, struct pg_params *p)
{
	struct pg_array sites;
	pg_array_init(&sites, PG_TEXT);
	for (size_t i = 0; i < l->named_count; i++)
		pg_array_text(&sites, l->named[i]);
	pg_add_array(p, &sites);
	pg_array_done(&sites);
}

static void add_people(struct loader *l, const struct forecast_people *row)
{
	struct forecast_facts *f = &l->out->facts;
	if (f->people_count == l->people_room) {
		size_t room = l->people_room > 0 ? 2 * l->people_room : PEOPLE_MORE;
		struct forecast_people *more = arena_alloc(&l->out->arena, room * sizeof(more[0]));
		if (f->people_count > 0)
			memcpy(more, l->people, f->people_count * sizeof(more[0]));
		f->people = l->people = more;
		l->people_room = room;
	}
	l->people[f->people_count++] = *row;
}

static void add_ids(const struct loader *l, bool frozen, struct pg_params *p)
{
	struct pg_array ids;
	pg_array_init(&ids, PG_INT4);
	for (size_t i = 0; i < l->out->facts.job_count; i++)
		if (l->is_frozen[i] == frozen)
			pg_array_int(&ids, l->jobs[i].campaign);
	pg_add_array(p, &ids);
	pg_array_done(&ids);
}

static int load_sites(struct loader *l)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	find_named(l);
	pg_params_init(&p);
	add_ids(l, true, &p);
	add_named_sites(l, &p);
	int rc = pg_run(l->db, "report/forecast_sites", &p, &rows, l->err);
	pg_params_done(&p);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	l->shares = arena_alloc(&l->out->arena, ((size_t)count + 1) * sizeof(l->shares[0]));
	for (int i = 0; i < count; i++) {
		struct site_share *s = &l->shares[l->share_count++];
		*s = (struct site_share){.job = job_of(l, pg_int(rows, i, 0)),
					 .group = arena_str(&l->out->arena, pg_text(rows, i, 1)),
					 .queue = queue_of_site(l, pg_text(rows, i, 2)),
					 .n = (double)pg_int(rows, i, 3)};
		if (s->group.len > 0 && !str_equals(s->queue, STR(FORECAST_TAIL)))
			l->tail_domains -= (double)pg_int(rows, i, 4);
	}
	pg_rows_free(rows);
	return rc;
}

static bool is_share_of(const struct site_share *s, size_t job, struct str group)
{
	return s->job == job && str_equals(s->group, group);
}

/* People of a group of the tail, over its sites as far as they are known. */
static void add_over_sites(struct loader *l, const struct forecast_people *row, struct str group)
{
	double whole = 0;
	for (size_t i = 0; i < l->share_count; i++)
		whole += is_share_of(&l->shares[i], row->job, group) ? l->shares[i].n : 0;
	if (whole <= 0)
		add_people(l, row);
	for (size_t i = 0; i < l->share_count && whole > 0; i++) {
		struct forecast_people part = *row;
		if (!is_share_of(&l->shares[i], row->job, group))
			continue;
		part.queue = l->shares[i].queue;
		part.people *= l->shares[i].n / whole;
		add_people(l, &part);
	}
}

static int load_people(struct loader *l)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	add_ids(l, true, &p);
	int rc = pg_run(l->db, "report/forecast_people", &p, &rows, l->err);
	pg_params_done(&p);
	for (int i = 0; rc == 0 && i < pg_rows_count(rows); i++) {
		struct str name = arena_str(&l->out->arena, pg_text(rows, i, 1));
		struct forecast_people row = {.job = job_of(l, pg_int(rows, i, 0)),
					      .queue = queue_of(l, name),
					      .attempts = pg_int32(rows, i, 2),
					      .due_ms = l->out->facts.now_ms + pg_int(rows, i, 3),
					      .people = (double)pg_int(rows, i, 4) / 100};
		bool is_put_off = pg_bool(rows, i, 5);
		if (str_equals(row.queue, STR(FORECAST_TAIL)))
			add_over_sites(l, &row, is_put_off ? STR("") : name);
		else
			add_people(l, &row);
	}
	pg_rows_free(rows);
	return rc;
}

/* Domains that providers are known for. */
static void add_known_domains(const struct loader *l, struct pg_params *p)
{
	struct pg_array domains, names;
	pg_array_init(&domains, PG_TEXT);
	pg_array_init(&names, PG_TEXT);
	for (size_t i = 0; i < provider_table_count(l->out->pool->providers); i++) {
		const struct provider *provider = provider_table_at(l->out->pool->providers, i);
		for (size_t k = 0; k < provider->domain_count; k++) {
			pg_array_text(&domains, provider->domains[k]);
			pg_array_text(&names, provider->name);
		}
	}
	pg_add_array(p, &domains);
	pg_add_array(p, &names);
	pg_array_done(&domains);
	pg_array_done(&names);
}

/* People of another campaign whose outcomes are kept no longer: where they are is not known. */
static void add_unknown(struct loader *l, double people)
{
	struct forecast_people row = {
		.queue = STR(FORECAST_TAIL), .due_ms = l->out->facts.now_ms, .people = people};
	l->jobs[0].people += people;
	add_people(l, &row);
}

/* Of the members of its lists, or of the sample that stands for them (has_spread), those the
 * campaign asked for would go to. Of others that are scheduled all count: what they have in common
 * is not worth looking for. */
static int load_overlap(struct loader *l, double *part_out)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	*part_out = 1;
	if (campaign_is_final(l->out->state) || l->out->is_frozen)
		return 0;
	pg_params_init(&p);
	pg_add_int4(&p, (int32_t)l->jobs[0].campaign);
	int rc = pg_run(l->db, "report/forecast_overlap", &p, &rows, l->err);
	pg_params_done(&p);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	if (count > 0 && pg_int(rows, 0, 0) > 0)
		*part_out = (double)pg_int(rows, 0, 1) / (double)pg_int(rows, 0, 0);
	l->has_spread = count > 0 && pg_bool(rows, 0, 2);
	if (l->has_spread && pg_int(rows, 0, 0) == 0 && pg_int(rows, 0, 1) > 0)
		add_unknown(l, (double)pg_int(rows, 0, 1));
	for (int i = 0; i < count && !pg_is_null(rows, i, 3); i++) {
		pg_array_int(&l->spread_domains, pg_int32(rows, i, 3));
		pg_array_int(&l->spread_people, pg_int(rows, i, 4));
	}
	pg_rows_free(rows);
	return rc;
}

static bool are_all_frozen(const struct loader *l)
{
	size_t i = 0;
	while (i < l->out->facts.job_count && l->is_frozen[i])
		i++;
	return i == l->out->facts.job_count;
}

static void read_lists(struct loader *l, const struct pg_rows *rows, int i, double part)
{
	size_t job = job_of(l, pg_int(rows, i, 0));
	struct str group = arena_str(&l->out->arena, pg_text(rows, i, 1));
	struct str queue = queue_of(l, group);
	if (str_equals(queue, STR(FORECAST_TAIL)))
		queue = queue_of_site(l, pg_text(rows, i, 2));
	struct forecast_people row = {.job = job,
				      .queue = queue,
				      .due_ms = l->out->facts.now_ms,
				      .people = (double)pg_int(rows, i, 3)};
	if (job == 0)
		row.people *= part;
	if (str_equals(row.queue, STR(FORECAST_TAIL)))
		l->tail_domains += (double)pg_int(rows, i, 4);
	l->jobs[job].people += row.people;
	add_people(l, &row);
}

static int load_members(struct loader *l, double part)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	add_ids(l, false, &p);
	add_known_domains(l, &p);
	pg_add_int4(&p, l->has_spread ? (int32_t)l->jobs[0].campaign : 0);
	pg_add_array(&p, &l->spread_domains);
	pg_add_array(&p, &l->spread_people);
	add_named_sites(l, &p);
	int rc = pg_run(l->db, "report/forecast_lists", &p, &rows, l->err);
	pg_params_done(&p);
	for (int i = 0; rc == 0 && i < pg_rows_count(rows); i++)
		read_lists(l, rows, i, part);
	pg_rows_free(rows);
	return rc;
}

static int load_lists(struct loader *l)
{
	double part;
	if (are_all_frozen(l))
		return 0;
	pg_array_init(&l->spread_domains, PG_INT4);
	pg_array_init(&l->spread_people, PG_INT8);
	int rc = load_overlap(l, &part);
	if (rc == 0)
		rc = load_members(l, part);
	pg_array_done(&l->spread_domains);
	pg_array_done(&l->spread_people);
	return rc;
}

/* ------------------------------------------------------------------------------------- the past */

static int load_usage(struct loader *l)
{
	struct forecast_facts *f = &l->out->facts;
	if (usage_load(l->db, 0, f->now_ms, &l->out->usage, l->err) != 0)
		return -1;
	size_t count = l->out->usage.count;
	struct past_usage *rows = arena_alloc(&l->out->arena, count * sizeof(rows[0]) + 1);
	for (size_t i = 0; i < count; i++) {
		rows[i] = l->out->usage.items[i];
		rows[i].target = queue_of(l, rows[i].target);
	}
	f->usage = rows;
	f->usage_count = count;
	return 0;
}

static struct forecast_seen *seen_at(struct loader *l, struct str queue)
{
	struct forecast_facts *f = &l->out->facts;
	for (size_t i = 0; i < f->seen_count; i++)
		if (str_equals(l->seen[i].queue, queue))
			return &l->seen[i];
	l->seen[f->seen_count] = (struct forecast_seen){.queue = queue};
	return &l->seen[f->seen_count++];
}

/* What these campaigns met counts; what others met, where they have not met much. */
#define ENOUGH_TRIES 200.0

static void read_seen(struct loader *l, const struct pg_rows *rows, int row)
{
	struct forecast_seen *s = seen_at(l, queue_of(l, pg_text(rows, row, 1)));
	int which = pg_bool(rows, row, 2);
	double tries = (double)pg_int(rows, row, 3);
	double put_off = (double)(pg_int(rows, row, 4) + pg_int(rows, row, 5));
	if (!pg_bool(rows, row, 0) && s->tries[which] >= ENOUGH_TRIES)
		return;
	s->tries[which] += tries;
	s->deferred[which] += (double)pg_int(rows, row, 4);
	s->throttled[which] += (double)pg_int(rows, row, 5);
	if (tries > put_off && (s->service_ms <= 0 || which == 0))
		s->service_ms = (double)pg_int(rows, row, 6);
	if (put_off > 0 && (s->put_off_ms <= 0 || which == 0))
		s->put_off_ms = (double)pg_int(rows, row, 7);
	s->throttled_ms = pg_int(rows, row, 8);
}

static int load_seen(struct loader *l)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	add_ids(l, true, &p);
	int rc = pg_run(l->db, "report/forecast_seen", &p, &rows, l->err);
	pg_params_done(&p);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	l->seen = arena_alloc(&l->out->arena, ((size_t)count + 1) * sizeof(l->seen[0]));
	/* Theirs first. */
	for (int turn = 0; turn < 2; turn++)
		for (int i = 0; i < count; i++)
			if (pg_bool(rows, i, 0) == (turn == 0))
				read_seen(l, rows, i);
	pg_rows_free(rows);
	if (rc == 0)
		seen_at(l, STR(FORECAST_TAIL))->sites = l->tail_domains > 0 ? l->tail_domains : 0;
	l->out->facts.seen = l->seen;
	return rc;
}

static int load_refused(struct loader *l)
{
	struct forecast_facts *f = &l->out->facts;
	struct pg_rows *rows = NULL;
	int rc = pg_run(l->db, "report/forecast_refused", NULL, &rows, l->err);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	struct forecast_refused *items =
		arena_alloc(&l->out->arena, ((size_t)count + 1) * sizeof(items[0]));
	for (int i = 0; i < count; i++) {
		int64_t probes_ms = pg_int(rows, i, 4);
		items[f->refused_count++] = (struct forecast_refused){
			.source = arena_str(&l->out->arena, pg_text(rows, i, 0)),
			.queue = arena_str(&l->out->arena, pg_text(rows, i, 1)),
			.said = arena_str(&l->out->arena, pg_text(rows, i, 2)),
			.since_ms = f->now_ms - pg_int(rows, i, 3),
			.probes_ms = probes_ms > 0 ? f->now_ms + probes_ms : 0};
	}
	f->refused = items;
	pg_rows_free(rows);
	return rc;
}

static bool read_over(struct loader *l, const struct pg_rows *rows, int i,
		      struct forecast_over *out)
{
	int64_t now = l->out->facts.now_ms;
	int kind = pg_int32(rows, i, 6);
	*out = (struct forecast_over){
		.rule = {.provider = arena_str(&l->out->arena, pg_text(rows, i, 0)),
			 .source = arena_str(&l->out->arena, pg_text(rows, i, 1)),
			 .domain = arena_str(&l->out->arena, pg_text(rows, i, 2)),
			 .node = arena_str(&l->out->arena, pg_text(rows, i, 3)),
			 .campaign = pg_int(rows, i, 4),
			 .is_total = pg_int32(rows, i, 5) == 2},
		.from_ms = now - pg_int(rows, i, 9),
		.to_ms = now - pg_int(rows, i, 10)};
	limit_values_init(&out->rule.values);
	int64_t *number =
		kind == 0 ? NULL : limit_values_at(&out->rule.values, kind, pg_int(rows, i, 8));
	if (number != NULL)
		*number = pg_int(rows, i, 7);
	return kind == 0 || number != NULL;
}

static int load_over(struct loader *l)
{
	struct forecast_facts *f = &l->out->facts;
	struct pg_rows *rows = NULL;
	int rc = pg_run(l->db, "report/forecast_over", NULL, &rows, l->err);
	int count = rc == 0 ? pg_rows_count(rows) : 0;
	struct forecast_over *over =
		arena_alloc(&l->out->arena, ((size_t)count + 1) * sizeof(over[0]));
	for (int i = 0; i < count; i++)
		f->over_count += read_over(l, rows, i, &over[f->over_count]);
	f->over = over;
	pg_rows_free(rows);
	return rc;
}

/* ---------------------------------------------------------------------------------------- whole */

static void add_up(struct loader *l)
{
	struct forecast_loaded *out = l->out;
	for (size_t i = 0; i < out->facts.people_count; i++)
		out->left += l->people[i].job == 0 ? l->people[i].people : 0;
	/* While it is built more are expected than there are. Read later, fewer are left. */
	out->audience = out->left + out->through;
	if (out->audience < l->jobs[0].people)
		out->audience = l->jobs[0].people;
	l->jobs[0].people = out->audience;
}

/* To read who is put off takes a second for a million. */
static bool is_quickly_told(const struct forecast_loaded *in)
{
	return in->nodes > 0 && in->is_frozen && in->put_off <= FORECAST_QUICK_PEOPLE;
}

/* All that is played. */
static int load_facts(struct loader *l)
{
	struct forecast_loaded *out = l->out;
	if (ip_pool_load(l->db, out->facts.now_ms, &out->pool, l->err) != 0)
		return -1;
	out->facts.pool = out->pool;
	if (load_refused(l) != 0 || load_sites(l) != 0 || load_people(l) != 0 ||
	    load_lists(l) != 0 || load_usage(l) != 0 || load_over(l) != 0 || load_seen(l) != 0)
		return -1;
	add_up(l);
	return 0;
}

int forecast_load(struct pg_blocking *db, const struct forecast_question *question,
		  struct forecast_loaded *out, struct err *err)
{
	struct loader l = {.db = db, .out = out, .err = err};
	*out = (struct forecast_loaded){.facts = {.now_ms = clock_now_ms()}};
	arena_init(&out->arena, 65536);
	if (read_schedule(&l, question->schedule) != 0 || load_jobs(&l, question->name) != 0)
		return -1;
	out->is_foretold =
		!campaign_is_final(out->state) && (!question->is_quick || is_quickly_told(out));
	return out->is_foretold ? load_facts(&l) : 0;
}

void forecast_loaded_done(struct forecast_loaded *l)
{
	ip_pool_snapshot_drop(l->pool);
	usage_done(&l->usage);
	arena_done(&l->arena);
}

/* SPDX-License-Identifier: MIT */
/* The checks before a start; see preflight.h. */
#include "scheduler/campaign/preflight.h"

#include <stdlib.h>

#include "scheduler/campaign/load.h"
#include "scheduler/campaign/personalise.h"

/* Columns of campaign/preflight.sql. */
enum column {
	COL_LISTS,
	COL_REMOVED_LISTS,
	COL_REMOVED_EXCLUDED,
	COL_AUDIENCE,
	COL_SOURCES,
	COL_POOL_SOURCES,
	COL_POOL,
	COL_FROM_DOMAIN,
	COL_DOMAIN_IS_KNOWN,
	COL_UNSIGNED,
	COL_SIGNING_KEYS,
	COL_UNSUBSCRIBE_BASE,
	COL_DEADLINE,
	COL_SCHEDULED,
	COL_NOW,
	COL_NODES,
	COL_OF_NAME,
	COL_OF_STATE,
	COL_OF_PEOPLE,
	COL_PAUSED_BY,
	COL_PAUSED_WHY,
	COL_PAUSED_WHAT,
};

void preflight_init(struct preflight *p)
{
	*p = (struct preflight){0};
	arena_init(&p->memory, 0);
}

void preflight_done(struct preflight *p)
{
	arena_done(&p->memory);
}

static void PRINTF_LIKE(4, 5)
	add(struct preflight *p, bool is_error, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	if (p->count == PREFLIGHT_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->findings[p->count++] =
		(struct preflight_finding){is_error, name, arena_cstr(&p->memory, str_from(text))};
	p->errors += is_error;
}

void preflight_warn(struct preflight *p, const char *name, struct str sentence)
{
	add(p, false, name, "%.*s", STR_ARG(sentence));
}

/* ----------------------------------------------------------------------------------- judgements */

static void judge_audience_of(struct preflight *p, const struct preflight_facts *f)
{
	if (f->of_state == CAMPAIGN_DRAFT || f->of_state == CAMPAIGN_SCHEDULED)
		add(p, true, "audience-not-sent",
		    "campaign %.*s, whose people this goes to, has not started yet",
		    STR_ARG(f->of_name));
	else if (f->of_people == 0)
		add(p, true, "audience-empty", "nobody of campaign %.*s is in the states asked for",
		    STR_ARG(f->of_name));
	else if (!campaign_is_final(f->of_state))
		add(p, false, "audience-moves",
		    "campaign %.*s is still %s: who reaches those states after the start of this "
		    "one is not in it",
		    STR_ARG(f->of_name), campaign_state_name(f->of_state));
}

static void judge_audience(struct preflight *p, const struct preflight_facts *f)
{
	struct pg_items removed = f->removed_lists;
	struct str name;
	while (pg_next_text(&removed, &name))
		add(p, true, "list-removed",
		    "list %.*s was removed: choose others with edm campaign edit --list",
		    STR_ARG(name));
	removed = f->removed_excluded;
	while (pg_next_text(&removed, &name))
		add(p, true, "list-removed",
		    "list %.*s, whose people were to be left out, was removed: leave others out "
		    "with "
		    "edm campaign edit --exclude L, or nobody with --exclude ''",
		    STR_ARG(name));
	if (f->of_name.len > 0)
		judge_audience_of(p, f);
	else if (f->lists == 0)
		add(p, true, "no-list",
		    "the campaign goes to no list: give one with edm campaign edit --list L");
	else if (f->audience == 0)
		add(p, true, "audience-empty",
		    "its lists have no subscribed member: import people with edm list import");
}

static void judge_sources(struct preflight *p, const struct preflight_facts *f)
{
	if (f->sources == 0)
		add(p, true, "no-source",
		    "there is no active source address to send from: edm source add ADDRESS --name "
		    "N --ehlo HOST");
	else if (f->pool_sources == 0)
		add(p, true, "pool-empty",
		    "pool %.*s has no active source: edm source show tells the pools there are",
		    STR_ARG(f->pool));
	if (f->nodes == 0)
		add(p, false, "no-node", "no node is running: nothing is sent until edm run");
	if (f->paused_what.len > 0)
		add(p, false, "paused", "%.*s is paused by %.*s%s%.*s: edm pauses, edm resume",
		    STR_ARG(f->paused_what), STR_ARG(f->paused_by),
		    f->paused_why.len > 0 ? ", " : "", STR_ARG(f->paused_why));
}

static void judge_domain(struct preflight *p, const struct preflight_facts *f)
{
	if (!f->is_unsigned && !f->domain_is_known)
		add(p, true, "domain-unknown",
		    "%.*s is no sending domain yet, so nothing could be signed: edm domain add "
		    "%.*s, or --unsigned",
		    STR_ARG(f->from_domain), STR_ARG(f->from_domain));
	else if (!f->is_unsigned && f->signing_keys == 0)
		add(p, true, "no-key",
		    "%.*s has no DKIM key in use: edm domain key %.*s, or --unsigned",
		    STR_ARG(f->from_domain), STR_ARG(f->from_domain));
	if (f->is_unsigned)
		add(p, false, "unsigned",
		    "messages are not signed: most receivers refuse bulk mail without DKIM");
	if (f->unsubscribe_base.len == 0)
		add(p, false, "no-unsubscribe",
		    "%.*s has no unsubscribe address, so messages carry no List-Unsubscribe: Gmail "
		    "and Yahoo ask for it from bulk senders",
		    STR_ARG(f->from_domain));
	if (f->unsubscribe_base.len == 0 && f->names_unsubscribe)
		add(p, true, "unsubscribe-empty",
		    "the content shows {{ unsubscribe_url }}, which is empty without an "
		    "unsubscribe address of %.*s",
		    STR_ARG(f->from_domain));
}

static void judge_times(struct preflight *p, const struct preflight_facts *f)
{
	int64_t start_us = p->start_us != 0 ? p->start_us : f->scheduled_us;
	if (f->deadline_us == 0)
		return;
	if (f->deadline_us <= f->now_us)
		add(p, true, "deadline-past",
		    "its deadline is past, so everybody would expire: change it with edm campaign "
		    "edit --deadline");
	else if (f->deadline_us <= start_us)
		add(p, true, "deadline-before-start",
		    "its deadline comes before its scheduled start");
}

/* Of a start now: of a later one the hours are another matter. */
static void judge_hours(struct preflight *p, const struct preflight_facts *f)
{
	int64_t wait_min = (f->opens_us - f->now_us) / 60000000;
	if (f->opens_us == 0)
		return;
	if (f->opens_us == CALENDAR_NEVER)
		add(p, true, "hours-never",
		    "its sending hours and those of all campaigns never meet: change one with edm "
		    "campaign edit --window or edm config set sending.hours");
	else if (f->deadline_us > f->now_us && f->deadline_us <= f->opens_us)
		add(p, true, "deadline-before-hours",
		    "its deadline comes before its sending hours begin");
	else if (p->start_us == 0 && f->scheduled_us == 0)
		add(p, false, "outside-hours",
		    "it is outside its sending hours, which begin in %lld h %lld min: nothing is "
		    "sent until then",
		    (long long)(wait_min / 60), (long long)(wait_min % 60));
}

static void judge_variables(struct preflight *p, const struct preflight_facts *f)
{
	for (size_t i = 0; i < f->variable_count; i++) {
		const struct preflight_variable *v = &f->variables[i];
		if (!v->is_known && v->is_needed)
			add(p, true, "variable-unknown",
			    "no member has the attribute {{ %.*s }}: correct the name, or write "
			    "{{ %.*s | default: \"…\" }}",
			    STR_ARG(v->name), STR_ARG(v->name));
		else if (!v->is_known)
			add(p, false, "variable-never",
			    "no member has the attribute {{ %.*s }}: everybody gets its default, "
			    "or what "
			    "conditions leave, with a hole where it is printed",
			    STR_ARG(v->name));
		else if (v->is_needed && v->lacking > 0)
			add(p, false, "variable-missing",
			    "%lld of %lld %s looked at %s a hole in the text for want of "
			    "{{ %.*s }}: add | default: \"…\"",
			    (long long)v->lacking, (long long)v->sampled,
			    plural(v->sampled, "member", "members"),
			    plural(v->lacking, "gets", "get"), STR_ARG(v->name));
	}
}

void preflight_judge(struct preflight *p, const struct preflight_facts *facts)
{
	p->audience = facts->of_name.len > 0 ? facts->of_people : facts->audience;
	judge_audience(p, facts);
	judge_sources(p, facts);
	judge_domain(p, facts);
	judge_times(p, facts);
	judge_hours(p, facts);
	if (p->audience > 0)
		judge_variables(p, facts);
}

/* ---------------------------------------------------------------------------------------- facts */

static void read_facts(struct preflight_facts *f, const struct pg_rows *rows)
{
	*f = (struct preflight_facts){
		.lists = pg_int(rows, 0, COL_LISTS),
		.removed_lists = pg_items(rows, 0, COL_REMOVED_LISTS),
		.removed_excluded = pg_items(rows, 0, COL_REMOVED_EXCLUDED),
		.audience = pg_int(rows, 0, COL_AUDIENCE),
		.sources = pg_int(rows, 0, COL_SOURCES),
		.pool_sources = pg_int(rows, 0, COL_POOL_SOURCES),
		.pool = pg_text(rows, 0, COL_POOL),
		.from_domain = pg_text(rows, 0, COL_FROM_DOMAIN),
		.domain_is_known = pg_bool(rows, 0, COL_DOMAIN_IS_KNOWN),
		.is_unsigned = pg_bool(rows, 0, COL_UNSIGNED),
		.signing_keys = pg_int(rows, 0, COL_SIGNING_KEYS),
		.unsubscribe_base = pg_text(rows, 0, COL_UNSUBSCRIBE_BASE),
		.deadline_us = pg_time(rows, 0, COL_DEADLINE),
		.scheduled_us = pg_time(rows, 0, COL_SCHEDULED),
		.now_us = pg_time(rows, 0, COL_NOW),
		.nodes = pg_int(rows, 0, COL_NODES),
		.of_name = pg_text(rows, 0, COL_OF_NAME),
		.of_state = (enum campaign_state)pg_int(rows, 0, COL_OF_STATE),
		.of_people = pg_int(rows, 0, COL_OF_PEOPLE),
		.paused_by = pg_text(rows, 0, COL_PAUSED_BY),
		.paused_why = pg_text(rows, 0, COL_PAUSED_WHY),
		.paused_what = pg_text(rows, 0, COL_PAUSED_WHAT),
	};
}

/* The content's variables that members must provide, those of our own left out. */
static size_t list_variables(const struct content *content, struct preflight_variable *out,
			     bool *names_unsubscribe_out)
{
	size_t count = 0;
	for (size_t i = 0; i < content_variable_count(content); i++) {
		struct str name = content_variable(content, i);
		if (str_equals(name, STR("unsubscribe_url")))
			*names_unsubscribe_out = content_variable_is_needed(content, i);
		if (!personalise_is_builtin(name))
			out[count++] = (struct preflight_variable){
				.name = name, .is_needed = content_variable_is_needed(content, i)};
	}
	return count;
}

static int look_up_variables(struct pg_blocking *db, int32_t campaign,
			     struct preflight_variable *variables, size_t count, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	struct pg_array names;
	pg_params_init(&params);
	pg_array_init(&names, PG_TEXT);
	for (size_t i = 0; i < count; i++)
		pg_array_text(&names, variables[i].name);
	pg_add_int4(&params, campaign);
	pg_add_array(&params, &names);
	pg_add_int4(&params, PREFLIGHT_SAMPLE);
	int result = pg_run(db, "campaign/missing_attributes", &params, &rows, err);
	for (size_t i = 0; result == 0 && i < count; i++) {
		variables[i].is_known = pg_bool(rows, (int)i, 0);
		variables[i].lacking = pg_int(rows, (int)i, 1);
		variables[i].sampled = pg_int(rows, (int)i, 2);
	}
	pg_rows_free(rows);
	pg_array_done(&names);
	pg_params_done(&params);
	return result;
}

/* The facts of the row and the content's variables, judged. */
static int judge_all(struct pg_blocking *db, const struct campaign_row *row,
		     struct preflight_facts *facts, struct preflight *p, struct err *err)
{
	struct content_source source;
	struct content *content = NULL;
	content_source_init(&source);
	int result = campaign_content_load(db, row, &source, err);
	if (result == 0 && content_source_compile(&source, &content, err) != 0) {
		add(p, true, "content", "%s", err->text);
		err_clear(err);
	}
	struct preflight_variable *variables = NULL;
	if (content != NULL) {
		variables = xcalloc(content_variable_count(content), sizeof(variables[0]));
		facts->variable_count =
			list_variables(content, variables, &facts->names_unsubscribe);
		facts->variables = variables;
		result = look_up_variables(db, row->id, variables, facts->variable_count, err);
	}
	if (result == 0)
		preflight_judge(p, facts);
	free(variables);
	content_free(content);
	content_source_done(&source);
	return result;
}

int preflight_run(struct pg_blocking *db, const struct campaign_row *row, struct preflight *p,
		  struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	int result = pg_run(db, "campaign/preflight", &params, &rows, err);
	if (result == 0) {
		struct preflight_facts facts;
		must(pg_rows_count(rows) == 1);
		read_facts(&facts, rows);
		facts.opens_us = row->opens_us;
		result = judge_all(db, row, &facts, p, err);
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

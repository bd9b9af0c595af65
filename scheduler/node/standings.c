/* SPDX-License-Identifier: MIT */
/*
 * How the node's sources stand: now and then their reverse names and block lists are looked up, and
 * what has changed is told: an alert when something is wrong that was not before, a line when all
 * is well again. What DNS does not say changes nothing. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/dns/standing.h"
#include "scheduler/node/node_private.h"

/* A node that has just started has better things to do. */
#define FIRST_MS 300000

/* What was last known of a source. */
struct source_standing {
	struct list node; /* node.standings */
	struct node *owner;
	uint32_t source;
	struct standing_check *check; /* under way, or NULL */
	struct buf wrong;	      /* what was last told; empty: nothing is wrong */
	struct standing known;	      /* by the questions last asked */
	struct ip address;
	char name[64], ehlo[256], reverse[DNS_NAME_MAX + 1];
	char lists[STANDING_LISTS_MAX][256];
	size_t list_count;
};

static struct source_standing *standing_of(struct node *n, const struct source *source)
{
	LIST_EACH (it, &n->standings) {
		struct source_standing *s = LIST_ITEM(it, struct source_standing, node);
		if (s->source == source->id)
			return s;
	}
	struct source_standing *s = xcalloc(1, sizeof(*s));
	list_init(&s->node);
	s->owner = n;
	s->source = source->id;
	s->known.reverse = STANDING_UNKNOWN;
	buf_init(&s->wrong, 4096);
	must(str_to_cstr(source->name, s->name, sizeof(s->name)) == 0);
	list_push_back(&n->standings, &s->node);
	return s;
}

static void on_known(void *owner, const struct standing_ask *ask, const struct standing *found)
{
	struct source_standing *s = owner;
	struct buf wrong;
	struct log_line l;
	s->check = NULL;
	standing_merge(ask, found, &s->known);
	if (found->reverse != STANDING_UNKNOWN) {
		must(str_to_cstr(found->name, s->reverse, sizeof(s->reverse)) == 0);
		s->known.name = str_from(s->reverse);
	}
	buf_init(&wrong, 4096);
	standing_render(ask, &s->known, &wrong);
	bool is_news = !str_equals(buf_str(&wrong), buf_str(&s->wrong));
	buf_done(&s->wrong);
	s->wrong = wrong;
	if (is_news && wrong.len > 0) {
		alert_source_standing(s->owner, str_from(s->name), buf_str(&wrong));
	} else if (is_news && log_begin(&l, LOG_INFO, "source_stands_well")) {
		log_cstr(&l, "source", s->name);
		log_end(&l);
	}
}

static bool is_looked_up(const struct node *n, const struct ip *address)
{
	const struct mx_policy *policy = &n->options.settings.dns.policy;
	bool is_public = !ip_is_special(address);
	for (size_t i = 0; i < policy->allowed_count; i++)
		is_public |= ip_in_range(address, &policy->allowed[i]);
	return is_public;
}

/* What is known is of the questions asked: it goes with the name of a list, and all of it with the
 * address or its EHLO name. */
static void keep_known(struct source_standing *s, const struct source *source,
		       const struct standing_ask *ask)
{
	const struct node_settings *settings = &s->owner->options.settings;
	bool was_listed[STANDING_LISTS_MAX] = {false};
	bool is_same = ip_equals(&s->address, &ask->address) &&
		       str_equals(str_from(s->ehlo), source->ehlo);
	for (size_t i = 0; i < settings->dnsbl_count; i++)
		for (size_t j = 0; j < s->list_count; j++)
			if (str_equals(settings->dnsbl[i], str_from(s->lists[j])))
				was_listed[i] = s->known.is_listed[j];
	if (!is_same)
		s->known = (struct standing){.reverse = STANDING_UNKNOWN};
	for (size_t i = 0; i < STANDING_LISTS_MAX; i++)
		s->known.is_listed[i] = is_same && was_listed[i];
	s->address = ask->address;
	s->list_count = settings->dnsbl_count;
}

/* The names are copied: identity and settings may be replaced while DNS is asked. */
static void start(struct node *n, const struct source *source)
{
	const struct node_settings *settings = &n->options.settings;
	struct standing_ask ask = {.list_count = settings->dnsbl_count};
	if (ip_parse(source->public_address, &ask.address) != 0 || !is_looked_up(n, &ask.address))
		return;
	struct source_standing *s = standing_of(n, source);
	if (s->check != NULL)
		return;
	keep_known(s, source, &ask);
	must(str_to_cstr(source->ehlo, s->ehlo, sizeof(s->ehlo)) == 0);
	ask.ehlo = str_from(s->ehlo);
	for (size_t i = 0; i < settings->dnsbl_count; i++) {
		must(str_to_cstr(settings->dnsbl[i], s->lists[i], sizeof(s->lists[i])) == 0);
		ask.lists[i] = str_from(s->lists[i]);
	}
	s->check = standing_start(n->resolver, &ask, on_known, s);
}

void standings_tick(struct node *n)
{
	int64_t now = loop_now_ms(n->loop);
	int64_t every_ms = n->options.settings.standing_ms;
	if (n->standings_due_ms == 0)
		n->standings_due_ms = now + (every_ms < FIRST_MS ? every_ms : FIRST_MS);
	if (every_ms == 0 || now < n->standings_due_ms || n->phase != NODE_RUNNING ||
	    n->identity == NULL)
		return;
	n->standings_due_ms = now + every_ms;
	const struct ip_pool_snapshot *pool = n->identity->pool;
	for (size_t i = 0; i < pool->source_count; i++)
		if (source_is_usable(&pool->sources[i], n->identity->node))
			start(n, &pool->sources[i]);
}

void standings_free(struct node *n)
{
	struct list *node;
	while ((node = list_pop_front(&n->standings)) != NULL) {
		struct source_standing *s = LIST_ITEM(node, struct source_standing, node);
		standing_cancel(s->check);
		buf_done(&s->wrong);
		free(s);
	}
}

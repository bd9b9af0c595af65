/* SPDX-License-Identifier: MIT */
/* Recipient domains to sites: static routes, then DNS, each domain asked for once. Control. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "scheduler/node/mx_sites.h"
#include "scheduler/node/node_private.h"

/* How long somebody waits whose domain could not be looked up. */
#define DNS_RETRY_MS 60000
#define PASSWORD_MAX 1024u
/* Sites kept with what their hosts did, used or not. */
#define SITES_MAX 20000u
/* Domains learnt and not yet told; what is above is learnt another time. */
#define LEARNT_MAX 5000u

static const struct route *route_of(const struct node *n, struct str domain)
{
	return route_find(n->identity->pool->routes, n->identity->pool->route_count, domain);
}

static bool is_domain(const struct map_node *node, const void *key)
{
	return str_equals(CONTAINER_OF(node, struct lookup, by_domain)->domain,
			  *(const struct str *)key);
}

static bool is_site(const struct map_node *node, const void *key)
{
	return str_equals(CONTAINER_OF(node, struct site, by_key)->key, *(const struct str *)key);
}

/* How hosts found by DNS are to be spoken to. */
static struct site_access access_by_dns(const struct node *n, const struct provider *provider)
{
	const struct site_access usual = {.port = n->options.settings.smtp_port,
					  .tls = n->options.settings.tls};
	return site_access_of_provider(provider, &usual);
}

/* How the site of a route is to be spoken to. A password that does not open leaves it without AUTH:
 * the receiver will say so, and the reply is everybody's to see. */
static struct site_access access_of(struct node *n, const struct route *route, struct buf *password)
{
	struct err err = {0};
	struct site_access access = site_access_of(route);
	if (access.user.len == 0)
		return access;
	const struct secret_opener *secrets = &n->options.secrets;
	if (secrets->open(secrets->context, route->sealed_password, password, &err) != 0) {
		log_error_event(LOG_ERROR, "route_password", &err);
		access.user = STR("");
		return access;
	}
	access.password = buf_str(password);
	return access;
}

/* The site called name, as routes and profiles say now. */
static struct site *make_site(struct node *n, struct str name, const struct mx_answer *answer,
			      const struct route *route)
{
	struct buf password;
	buf_init(&password, PASSWORD_MAX);
	struct str best = answer->hosts[0].name;
	const struct provider *provider =
		route ? NULL : provider_of_host(n->identity->pool->providers, best);
	struct site_access access =
		route ? access_of(n, route, &password) : access_by_dns(n, provider);
	struct str queue = provider ? provider->name : route ? name : best;
	struct site *site = site_new(name, queue, provider ? provider->name : STR(""), &access);
	site->takes_verp = provider == NULL || provider->verp;
	site->worker = hash_str(queue) % n->worker_count;
	site->is_routed = route != NULL;
	site->round = n->site_round;
	if (password.data != NULL)
		explicit_bzero(password.data, password.len);
	buf_done(&password);
	return site;
}

/* Held against the routes and profiles once after each change of them; replaced only if it differs
 * now. Workers hand back the jobs that routes have taken from the old one. */
static struct site *renew_site(struct node *n, struct site *known, struct site *fresh)
{
	if (site_is_like(known, fresh)) {
		site_drop(fresh);
		known->round = n->site_round;
		return known;
	}
	site_succeed(fresh, known);
	map_remove(&n->sites, &known->by_key);
	map_put(&n->sites, &fresh->by_key, hash_str(fresh->key));
	site_drop(known);
	return fresh;
}

static struct site *site_named(struct node *n, struct str name, const struct mx_answer *answer,
			       const struct route *route)
{
	struct map_node *node = map_get(&n->sites, hash_str(name), is_site, &name);
	struct site *known = node ? CONTAINER_OF(node, struct site, by_key) : NULL;
	if (known != NULL && known->round == n->site_round)
		return known;
	struct site *fresh = make_site(n, name, answer, route);
	if (known != NULL)
		return renew_site(n, known, fresh);
	map_put(&n->sites, &fresh->by_key, hash_str(fresh->key));
	return fresh;
}

static struct site *site_of(struct node *n, const struct mx_answer *answer,
			    const struct route *route)
{
	struct buf key;
	buf_init(&key, 16384);
	if (route != NULL)
		buf_appendf(&key, SITE_OF_ROUTE, SITE_OF_ROUTE_ARGS(route));
	else
		buf_append_str(&key, answer->site);
	struct site *site = site_named(n, buf_str(&key), answer, route);
	buf_done(&key);
	return site;
}

/* What DNS said, as an outcome; the rules know what it means. */
static void settle_unroutable(struct node *n, struct work_job *job, const struct mx_answer *answer)
{
	char text[512];
	/* The rules go by the name at the start. */
	snprintf(text, sizeof(text), "%s: %.*s", mx_result_name(answer->result),
		 STR_ARG(job->lease->people[job->position].domain));
	struct outcome facts = {
		.words = OUTCOME_WORDS_DNS, .stage = STAGE_DNS, .text = str_from(text)};
	int64_t now = loop_now_ms(n->loop);
	dispatch_settle(n, job, &facts,
			mx_result_is_lasting(answer->result) ? 0
							     : node_wall_us(n, now + DNS_RETRY_MS));
}

static void route_job(struct node *n, struct work_job *job, struct mx_answer *answer,
		      const struct route *route)
{
	if (answer->result != MX_OK) {
		settle_unroutable(n, job, answer);
		return;
	}
	if (route != NULL) {
		dispatch_to_worker(n, job, site_of(n, answer, route), answer);
		return;
	}
	const struct provider_table *providers = n->identity->pool->providers;
	struct mx_answer *part = mx_site(answer, providers, job->site_number, &job->has_other_site);
	if (part == NULL) { /* the domain has fewer than it had */
		job->site_number = 0;
		part = mx_site(answer, providers, 0, &job->has_other_site);
	}
	dispatch_to_worker(n, job, site_of(n, part, NULL), part);
	mx_answer_drop(part);
}

static void learn(struct node *n, struct str domain, const struct mx_answer *answer)
{
	if (answer->result != MX_OK || n->learnt.names.count >= LEARNT_MAX)
		return;
	struct str best = answer->hosts[0].name;
	const struct provider *provider = provider_of_host(n->identity->pool->providers, best);
	pg_array_text(&n->learnt.names, domain);
	if (provider != NULL)
		pg_array_text(&n->learnt.providers, provider->name);
	else
		pg_array_null(&n->learnt.providers);
	pg_array_text(&n->learnt.hosts, best);
}

static void on_told(void *owner, const struct pg_reply *reply)
{
	(void)owner;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_WARN, "domains_not_learnt", reply->err);
}

void lookups_tell(struct node *n)
{
	struct learnt_domains *l = &n->learnt;
	struct pg_params params;
	if (l->names.count == 0 || !pg_is_up(n->load))
		return;
	pg_params_init(&params);
	pg_add_array(&params, &l->names);
	pg_add_array(&params, &l->providers);
	pg_add_array(&params, &l->hosts);
	pg_call(n->load, "lists/learn_domains", &params, on_told, n);
	pg_params_done(&params);
	pg_array_clear(&l->names);
	pg_array_clear(&l->providers);
	pg_array_clear(&l->hosts);
}

void lookups_init(struct node *n)
{
	map_init(&n->lookups);
	pg_array_init(&n->learnt.names, PG_TEXT);
	pg_array_init(&n->learnt.providers, PG_TEXT);
	pg_array_init(&n->learnt.hosts, PG_TEXT);
}

static void on_mx(void *owner, struct mx_answer *answer)
{
	struct lookup *lookup = owner;
	struct node *n = lookup->node;
	struct list *node;
	if (!lookup->is_routed)
		learn(n, lookup->domain, answer);
	map_remove(&n->lookups, &lookup->by_domain);
	while ((node = list_pop_front(&lookup->jobs)) != NULL) {
		struct work_job *job =
			CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan);
		if (dispatch_may_go(n, job))
			route_job(n, job, answer, route_of(n, lookup->domain));
	}
	free((void *)(uintptr_t)lookup->domain.ptr);
	free(lookup);
}

void lookup_job(struct node *n, struct work_job *job)
{
	struct str domain = job->lease->people[job->position].domain;
	const struct route *route = route_of(n, domain);
	struct mx_answer *known = route ? NULL : resolver_cached_mx(n->resolver, domain);
	if (known != NULL) {
		route_job(n, job, known, NULL);
		return;
	}
	struct map_node *node = map_get(&n->lookups, hash_str(domain), is_domain, &domain);
	if (node != NULL) {
		list_push_back(&CONTAINER_OF(node, struct lookup, by_domain)->jobs,
			       &job->plan.node);
		return;
	}
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));
	lookup->node = n;
	lookup->domain = str_of(xstrndup(domain.ptr, domain.len), domain.len);
	list_init(&lookup->jobs);
	list_push_back(&lookup->jobs, &job->plan.node);
	map_put(&n->lookups, &lookup->by_domain, hash_str(domain));
	lookup->is_routed = route != NULL;
	lookup->request = route ? resolver_host(n->resolver, route->host, on_mx, lookup)
				: resolver_mx(n->resolver, lookup->domain, on_mx, lookup);
}

void lookups_give_back(struct node *n)
{
	struct map_node *m;
	struct list *node;
	while ((m = map_next(&n->lookups, NULL)) != NULL) {
		struct lookup *lookup = CONTAINER_OF(m, struct lookup, by_domain);
		resolver_cancel(lookup->request);
		map_remove(&n->lookups, m);
		while ((node = list_pop_front(&lookup->jobs)) != NULL)
			dispatch_return(n,
					CONTAINER_OF(LIST_ITEM(node, struct job, node),
						     struct work_job, plan),
					0);
		free((void *)(uintptr_t)lookup->domain.ptr);
		free(lookup);
	}
}

void lookups_free(struct node *n)
{
	must(n->lookups.count == 0);
	map_done(&n->lookups);
	pg_array_done(&n->learnt.names);
	pg_array_done(&n->learnt.providers);
	pg_array_done(&n->learnt.hosts);
}

void sites_renew(struct node *n)
{
	const struct provider_table *providers = n->identity->pool->providers;
	n->site_round++;
	for (struct map_node *m = map_next(&n->sites, NULL); m; m = map_next(&n->sites, m)) {
		struct site *site = CONTAINER_OF(m, struct site, by_key);
		struct site_access access =
			access_by_dns(n, provider_find(providers, site->provider));
		if (!site->is_routed && !site_has_access(site, &access))
			atomic_store(&site->is_past, true);
	}
}

void sites_evict(struct node *n)
{
	if (n->sites.count <= SITES_MAX)
		return;
	struct map_node *node = map_next(&n->sites, NULL);
	while (node != NULL) {
		struct site *site = CONTAINER_OF(node, struct site, by_key);
		node = map_next(&n->sites, node);
		/* Ours is the only reference, and only we hand out others. */
		if (atomic_load(&site->refs) > 1)
			continue;
		map_remove(&n->sites, &site->by_key);
		site_drop(site);
	}
}

void sites_free(struct node *n)
{
	struct map_node *node;
	while ((node = map_next(&n->sites, NULL)) != NULL) {
		map_remove(&n->sites, node);
		site_drop(CONTAINER_OF(node, struct site, by_key));
	}
	map_done(&n->sites);
}

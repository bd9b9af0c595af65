/* SPDX-License-Identifier: MIT */
/*
 * The cache of record sets and the questions behind it; see rrset_private.h.
 *
 * What c-ares reports is only noted, and judged by a timer that is due at once: nothing of ours
 * runs inside c-ares, and no owner is called from the function it called.
 */
#include "engine/dns/rrset_private.h"

#include <stdlib.h>
#include <string.h>

#include "engine/dns/cache.h"
#include "engine/dns/upstream_private.h"

/* A server that failed to answer this often in a row is asked last for REST_MS. */
#define FAILURES_MAX 3
#define REST_MS 5000
#define ALIASES_MAX 8

struct server {
	struct upstream *upstream;
	int failures; /* silent or unreachable, in a row */
	int64_t rests_until_ms;
};

struct rrsets {
	struct loop *loop;
	struct resolver_options options;
	struct server servers[RESOLVER_SERVERS_MAX];
	size_t server_count;
	struct cache cache;
	struct list line;     /* struct question: to be sent when one in flight is done */
	struct list flying;   /* struct question: at a server */
	struct list answered; /* struct question: to be judged by the timer */
	struct list ready;    /* struct rrset: fresh, its waiters to be called by the timer */
	struct timer due;
	size_t flying_count, line_count;
	struct resolver_stats stats;
	struct arena scratch; /* of one parse */
	bool is_closed;
};

/* A cached set: busy while it has a question or stands on `ready`, else settled. */
struct rrset {
	struct cache_entry entry;  /* kind = enum dns_type */
	struct dns_answer *answer; /* NULL before the first answer */
	size_t answer_size;
	struct question *question; /* NULL when none is on its way */
	struct list ready;
	struct list waiters; /* struct rrset_waiter */
	char name[];
};

/* The way from a wanted set to its answer: several tries, and several names if there are aliases
 * that the servers do not follow. */
struct question {
	struct list node; /* on line, flying or answered: that is its state */
	struct rrsets *rr;
	struct rrset *set;
	size_t server;	    /* asked now */
	unsigned asked;	    /* bit i: server i has been asked for this name */
	unsigned aliases;   /* followed so far */
	uint32_t alias_ttl; /* least TTL of those */
	int64_t give_up_at_ms;
	enum dns_status failure;  /* the most telling failure so far, or DNS_OK */
	struct dns_answer *reply; /* what came from server; NULL: nothing */
	size_t reply_size;
	char name[DNS_NAME_MAX + 1]; /* asked for now */
};

static void on_due(struct timer *t);
static void on_evict(struct cache *c, struct cache_entry *entry);

static int add_server(struct rrsets *rr, const struct ip_port *at, struct err *err)
{
	struct server *server = &rr->servers[rr->server_count];
	server->upstream = upstream_open(rr->loop, at, (int)rr->options.attempt_ms, err);
	if (server->upstream == NULL)
		return -1;
	rr->server_count++;
	return 0;
}

static int parse_servers(struct str list, struct ip_port *out, size_t *count, struct err *err)
{
	*count = 0;
	while (list.len > 0) {
		struct str one = str_trim(str_take_until(&list, ','));
		if (*count == RESOLVER_SERVERS_MAX)
			return err_set(err, ERR_CONFIG, "dns.servers: more than %d servers",
				       RESOLVER_SERVERS_MAX);
		if (ip_port_parse(one, 53, &out[*count]) != 0)
			return err_set(err, ERR_CONFIG,
				       "dns.servers: \"%.*s\" is not ADDRESS or ADDRESS:PORT",
				       STR_ARG(one));
		++*count;
	}
	return 0;
}

static int open_servers(struct rrsets *rr, struct err *err)
{
	struct ip_port list[RESOLVER_SERVERS_MAX];
	size_t count;
	if (parse_servers(rr->options.servers, list, &count, err) != 0)
		return -1;
	if (count == 0)
		count = upstream_system_servers(list, RESOLVER_SERVERS_MAX);
	if (count == 0)
		return err_set(err, ERR_CONFIG,
			       "no DNS server: set dns.servers or fill /etc/resolv.conf");
	for (size_t i = 0; i < count; i++) {
		if (add_server(rr, &list[i], err) != 0)
			return -1;
	}
	return 0;
}

struct rrsets *rrsets_open(struct loop *loop, const struct resolver_options *options,
			   struct err *err)
{
	struct rrsets *rr = xcalloc(1, sizeof(*rr));
	rr->loop = loop;
	rr->options = *options;
	rr->due = (struct timer){.on_due = on_due, .owner = rr};
	list_init(&rr->line);
	list_init(&rr->flying);
	list_init(&rr->answered);
	list_init(&rr->ready);
	cache_init(&rr->cache, options->cache_bytes / 2, on_evict);
	arena_init(&rr->scratch, 16 * 1024);
	if (open_servers(rr, err) == 0)
		return rr;
	rrsets_close(rr);
	rrsets_free(rr);
	return NULL;
}

static void wake(struct rrsets *rr)
{
	if (!rr->is_closed && !timer_is_set(&rr->due))
		timer_set(rr->loop, &rr->due, loop_now_ms(rr->loop));
}

static void move(struct question *q, struct list *to)
{
	list_remove(&q->node);
	list_push_back(to, &q->node);
}

/* Runs inside c-ares. */
static void on_reply(void *owner, struct str packet)
{
	struct question *q = owner;
	struct rrsets *rr = q->rr;
	if (packet.len > 0) {
		struct dns_answer answer =
			dns_parse(packet, str_from(q->name), q->set->entry.kind, &rr->scratch);
		q->reply = dns_answer_copy(&answer, &q->reply_size);
		arena_reset(&rr->scratch);
	}
	rr->flying_count--;
	move(q, &rr->answered);
	wake(rr);
}

/* The first server that was not asked yet, those that rest last; else the next in turn. */
static size_t choose_server(const struct rrsets *rr, const struct question *q)
{
	size_t best = (q->server + 1) % rr->server_count;
	bool found = false;
	for (size_t i = 0; i < rr->server_count; i++) {
		if (q->asked & 1u << i)
			continue;
		if (rr->servers[i].rests_until_ms <= loop_now_ms(rr->loop))
			return i;
		if (!found)
			best = i;
		found = true;
	}
	return best;
}

static void send_question(struct question *q)
{
	struct rrsets *rr = q->rr;
	q->server = choose_server(rr, q);
	q->asked |= 1u << q->server;
	if (q->give_up_at_ms == 0)
		q->give_up_at_ms = loop_now_ms(rr->loop) + rr->options.total_ms;
	rr->stats.questions++;
	rr->flying_count++;
	move(q, &rr->flying);
	upstream_ask(rr->servers[q->server].upstream, q->name, q->set->entry.kind, on_reply, q);
}

static void enter_line(struct question *q)
{
	struct rrsets *rr = q->rr;
	if (rr->flying_count < rr->options.in_flight_max) {
		send_question(q);
		return;
	}
	rr->line_count++;
	move(q, &rr->line);
}

static void serve_line(struct rrsets *rr)
{
	while (rr->line_count > 0 && rr->flying_count < rr->options.in_flight_max) {
		struct list *node = list_first(&rr->line);
		rr->line_count--;
		send_question(LIST_ITEM(node, struct question, node));
	}
}

static struct rrset *add_set(struct rrsets *rr, struct str name, enum dns_type type)
{
	struct rrset *set = xcalloc(1, sizeof(*set) + name.len + 1);
	memcpy(set->name, name.ptr, name.len);
	set->entry.kind = type;
	set->entry.name = str_of(set->name, name.len);
	list_init(&set->ready);
	list_init(&set->waiters);
	cache_add(&rr->cache, &set->entry, sizeof(*set) + name.len + 1);
	return set;
}

static void on_evict(struct cache *c, struct cache_entry *entry)
{
	(void)c;
	struct rrset *set = CONTAINER_OF(entry, struct rrset, entry);
	must(list_is_empty(&set->waiters));
	list_remove(&set->ready);
	free(set->question != NULL ? set->question->reply : NULL);
	free(set->question);
	free(set->answer);
	free(set);
}

static void start_question(struct rrsets *rr, struct rrset *set)
{
	struct question *q = xcalloc(1, sizeof(*q));
	q->rr = rr;
	q->set = set;
	q->server = rr->server_count - 1;
	q->alias_ttl = INT32_MAX;
	list_init(&q->node);
	memcpy(q->name, set->entry.name.ptr, set->entry.name.len);
	set->question = q;
	enter_line(q);
}

void rrsets_want(struct rrsets *rr, struct str name, enum dns_type type, struct rrset_waiter *w)
{
	struct cache_entry *entry = cache_find(&rr->cache, type, name);
	struct rrset *set =
		entry != NULL ? CONTAINER_OF(entry, struct rrset, entry) : add_set(rr, name, type);
	list_init(&w->node);
	list_push_back(&set->waiters, &w->node);
	if (set->question != NULL || !list_is_empty(&set->ready))
		return;
	cache_keep(&set->entry);
	if (set->answer == NULL || loop_now_ms(rr->loop) >= set->entry.expires_at_ms) {
		start_question(rr, set);
		return;
	}
	list_push_back(&rr->ready, &set->ready);
	wake(rr);
}

void rrsets_forget(struct rrset_waiter *w)
{
	if (w->node.next != NULL)
		list_remove(&w->node);
}

static void call_waiters(struct rrsets *rr, struct rrset *set)
{
	int64_t left_ms = set->entry.expires_at_ms - loop_now_ms(rr->loop);
	struct dns_answer answer = *set->answer;
	answer.ttl_s = left_ms > 1000 ? (uint32_t)(left_ms / 1000) : 1;
	struct list waiters;
	list_init(&waiters);
	list_splice(&waiters, &set->waiters);
	struct list *node;
	while ((node = list_pop_front(&waiters)) != NULL) {
		struct rrset_waiter *w = LIST_ITEM(node, struct rrset_waiter, node);
		if (!rr->is_closed)
			w->on_rrset(w, &answer);
	}
}

static int64_t keep_ms(const struct resolver_options *o, const struct dns_answer *answer)
{
	switch (answer->status) {
	case DNS_OK:
		return dns_keep_ms(answer->ttl_s, o->ttl_min_ms, o->ttl_max_ms);
	case DNS_NODATA:
	case DNS_NXDOMAIN:
	case DNS_ALIAS:
		return dns_keep_ms(answer->ttl_s, o->ttl_min_ms, o->negative_max_ms);
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
	case DNS_MALFORMED:
		return o->failure_ms;
	}
	return 0;
}

/* The set's answer is known; the timer calls who waits. */
static void settle(struct question *q, struct dns_answer *answer, size_t size)
{
	struct rrsets *rr = q->rr;
	struct rrset *set = q->set;
	if (q->alias_ttl < answer->ttl_s)
		answer->ttl_s = q->alias_ttl;
	list_remove(&q->node);
	if (answer != q->reply)
		free(q->reply);
	free(q);
	set->question = NULL;
	free(set->answer);
	set->answer = answer;
	set->answer_size = size;
	set->entry.expires_at_ms = loop_now_ms(rr->loop) + keep_ms(&rr->options, answer);
	list_push_back(&rr->ready, &set->ready);
}

static void settle_failure(struct question *q, enum dns_status status)
{
	struct dns_answer failure = {.status = status, .name = q->set->entry.name};
	size_t size;
	struct dns_answer *answer = dns_answer_copy(&failure, &size);
	settle(q, answer, size);
}

/* Another server, or the same again after silence, while there is time; else it has failed. */
static void try_again(struct question *q)
{
	struct rrsets *rr = q->rr;
	unsigned all = (1u << rr->server_count) - 1;
	bool was_silent = q->reply == NULL;
	free(q->reply);
	q->reply = NULL;
	bool has_time = loop_now_ms(rr->loop) < q->give_up_at_ms;
	if (has_time && (q->asked != all || was_silent)) {
		q->asked = q->asked == all ? 0 : q->asked;
		enter_line(q);
		return;
	}
	settle_failure(q, q->failure);
}

/* The answer was a bare CNAME: ask for its target. */
static void follow_alias(struct question *q)
{
	char name[DNS_NAME_MAX + 1];
	struct str normal;
	if (++q->aliases > ALIASES_MAX || dns_name_normalise(q->reply->name, name, &normal) != 0) {
		settle_failure(q, DNS_MALFORMED);
		return;
	}
	if (q->reply->ttl_s < q->alias_ttl)
		q->alias_ttl = q->reply->ttl_s;
	memcpy(q->name, name, normal.len + 1);
	q->asked = 0;
	free(q->reply);
	q->reply = NULL;
	enter_line(q);
}

static void note_health(struct rrsets *rr, const struct question *q)
{
	struct server *server = &rr->servers[q->server];
	if (q->reply != NULL) {
		server->failures = 0;
		server->rests_until_ms = 0;
		return;
	}
	rr->stats.timeouts++;
	if (++server->failures >= FAILURES_MAX)
		server->rests_until_ms = loop_now_ms(rr->loop) + REST_MS;
}

static void judge(struct question *q)
{
	struct rrsets *rr = q->rr;
	note_health(rr, q);
	enum dns_status status = q->reply == NULL ? DNS_TIMEOUT : q->reply->status;
	switch (status) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		settle(q, q->reply, q->reply_size);
		return;
	case DNS_ALIAS:
		follow_alias(q);
		return;
	case DNS_SERVFAIL:
	case DNS_MALFORMED:
		rr->stats.failures++;
		q->failure = status;
		try_again(q);
		return;
	case DNS_TIMEOUT:
		if (q->failure == DNS_OK)
			q->failure = DNS_TIMEOUT;
		try_again(q);
		return;
	}
}

/* Nobody wants it any more and nothing is on its way: it may be evicted. An MX set goes at once:
 * what came of it is kept with its domain (resolver.c), and is all that a hundred thousand domains
 * should cost. */
static void rest_set(struct rrsets *rr, struct rrset *set)
{
	if (set->question != NULL || !list_is_empty(&set->waiters))
		return;
	if (set->entry.kind == DNS_MX) {
		cache_remove(&rr->cache, &set->entry);
		return;
	}
	size_t bytes = sizeof(*set) + set->entry.name.len + 1 + set->answer_size;
	cache_settle(&rr->cache, &set->entry, bytes, set->entry.expires_at_ms);
}

/* Judges what came, then calls the waiters, who may want more, cancel, or close all of it. */
static void on_due(struct timer *t)
{
	struct rrsets *rr = t->owner;
	struct list now;
	list_init(&now);
	list_splice(&now, &rr->answered);
	struct list *node;
	while ((node = list_first(&now)) != NULL)
		judge(LIST_ITEM(node, struct question, node));
	serve_line(rr);
	while (!rr->is_closed && (node = list_pop_front(&rr->ready)) != NULL) {
		struct rrset *set = LIST_ITEM(node, struct rrset, ready);
		call_waiters(rr, set);
		if (!rr->is_closed)
			rest_set(rr, set);
	}
}

void rrsets_stats(const struct rrsets *rr, struct resolver_stats *stats)
{
	stats->questions = rr->stats.questions;
	stats->timeouts = rr->stats.timeouts;
	stats->failures = rr->stats.failures;
	stats->evicted += rr->cache.evicted;
	stats->in_flight = rr->flying_count;
	stats->in_line = rr->line_count;
	stats->cached += rr->cache.entries.count;
	stats->cached_bytes += rr->cache.bytes;
}

void rrsets_close(struct rrsets *rr)
{
	rr->is_closed = true;
	timer_clear(rr->loop, &rr->due);
	for (size_t i = 0; i < rr->server_count; i++)
		upstream_close(rr->servers[i].upstream);
}

void rrsets_free(struct rrsets *rr)
{
	cache_done(&rr->cache);
	arena_done(&rr->scratch);
	free(rr);
}

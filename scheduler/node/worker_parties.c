/* SPDX-License-Identifier: MIT */
/*
 * Whom refusals at a provider are about, and what follows: the lane is cut, or only the sending
 * domain or the campaign there, or only that person comes later. See worker_private.h,
 * ip-pool/scope.h, ip-pool/party.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "scheduler/node/worker_private.h"

/* Comparing costs more than an answer does. */
#define TELL_PAUSE_MS 500
/* A limit that was waited for so lately is what sets the pace. */
#define LATELY_MS 1000
#define PARTIES_SHOWN 8

/* --------------------------------------------------------------------------------------- parties
 */

static bool is_record_of(const struct party_record *r, const struct queue_party *p)
{
	return p->campaign != 0 ? r->campaign == p->campaign
				: r->campaign == 0 && str_equals(r->domain, p->name);
}

static struct queue_party *find_party(struct worker_queue *q, enum party_kind kind,
				      const struct campaign_snapshot *campaign)
{
	LIST_EACH (it, &q->parties) {
		struct queue_party *p = LIST_ITEM(it, struct queue_party, node);
		if (p->party.kind != kind)
			continue;
		if (kind == PARTY_CAMPAIGN ? p->campaign == campaign->id
					   : str_equals(p->name, campaign->from_domain))
			return p;
	}
	return NULL;
}

/* What an earlier process knew of it, while that still holds. */
static void remember(const struct worker_queue *q, struct queue_party *p)
{
	const struct ip_pool_snapshot *pool = q->worker->identity->pool;
	const struct party_record *r;
	size_t count = ip_pool_parties(pool, q->worker->identity->node, q->name, &r);
	int64_t now = loop_now_ms(q->worker->loop);
	for (size_t i = 0; i < count; i++)
		if (is_record_of(&r[i], p)) {
			party_load(&p->party, &r[i].state, r[i].age_ms + now - pool->loaded_ms,
				   now);
			memcpy(p->reply, r[i].state.reply, sizeof(p->reply));
		}
}

static struct party *party_at(struct worker_queue *q, enum party_kind kind,
			      const struct campaign_snapshot *campaign)
{
	struct queue_party *p = find_party(q, kind, campaign);
	if (p != NULL)
		return &p->party;
	struct str name = kind == PARTY_CAMPAIGN ? campaign->name : campaign->from_domain;
	p = xcalloc(1, sizeof(*p));
	list_init(&p->node);
	p->name = str_of(xstrndup(name.ptr ? name.ptr : "", name.len), name.len);
	p->campaign = kind == PARTY_CAMPAIGN ? campaign->id : 0;
	party_init(&p->party, kind, loop_now_ms(q->worker->loop));
	remember(q, p);
	list_push_back(&q->parties, &p->node);
	return &p->party;
}

void worker_parties_find(struct worker_queue *q, const struct campaign_snapshot *campaign,
			 struct permit_path *path)
{
	for (int kind = 0; kind < PARTY_KINDS; kind++)
		path->parties[kind] =
			q->watch ? party_at(q, (enum party_kind)kind, campaign) : NULL;
}

static void party_free(struct queue_party *p)
{
	list_remove(&p->node);
	free((void *)(uintptr_t)p->name.ptr);
	free(p);
}

void worker_parties_tick(struct worker_queue *q, int64_t now)
{
	LIST_EACH (it, &q->parties) {
		struct queue_party *p = LIST_ITEM(it, struct queue_party, node);
		if (!party_is_blank(&p->party, now))
			continue;
		party_free(p);
		q->worker->limits_round++; /* paths that were found name it */
	}
}

static void watch(struct worker_queue *q, int64_t now)
{
	q->watch = xcalloc(1, sizeof(*q->watch));
	scope_watch_init(q->watch, now);
	q->worker->limits_round++; /* paths are to name parties from now on */
}

/* Operators had it forget what it learnt. */
static void follow_forgetting(struct worker_queue *q, const struct party_record *r, int64_t now)
{
	LIST_EACH (it, &q->parties) {
		struct queue_party *p = LIST_ITEM(it, struct queue_party, node);
		struct log_line l;
		if (!is_record_of(r, p) || !party_forget(&p->party, r->forgotten, now) ||
		    !log_begin(&l, LOG_INFO, "party_forgot"))
			continue;
		log_str(&l, "queue", q->name);
		log_str(&l, p->campaign != 0 ? "campaign" : "domain", p->name);
		log_end(&l);
	}
}

void worker_parties_bind(struct worker_queue *q)
{
	const struct ip_pool_snapshot *pool = q->worker->identity->pool;
	int64_t now = loop_now_ms(q->worker->loop);
	const struct party_record *r;
	size_t count = ip_pool_parties(pool, q->worker->identity->node, q->name, &r);
	for (size_t i = 0; i < count; i++) {
		int64_t age_ms = r[i].age_ms + now - pool->loaded_ms;
		if (q->watch == NULL && party_state_holds(&r[i].state, age_ms))
			watch(q, now);
		follow_forgetting(q, &r[i], now);
	}
}

static size_t count_limited(const struct worker_queue *q, int64_t now)
{
	size_t count = 0;
	LIST_EACH (it, &q->parties)
		count += party_is_limited(&LIST_ITEM(it, struct queue_party, node)->party, now);
	return count;
}

static void keep_limited(const struct worker_queue *q, int64_t now, struct work_parties *out)
{
	LIST_EACH (it, &q->parties) {
		const struct queue_party *p = LIST_ITEM(it, struct queue_party, node);
		struct party_saved *saved = &out->parties[out->count];
		if (!party_is_limited(&p->party, now))
			continue;
		out->count++;
		saved->campaign = p->campaign;
		snprintf(saved->target, sizeof(saved->target), "%.*s", STR_ARG(q->name));
		if (p->campaign == 0)
			snprintf(saved->domain, sizeof(saved->domain), "%.*s", STR_ARG(p->name));
		party_save(&p->party, now, &saved->state);
		memcpy(saved->state.reply, p->reply, sizeof(p->reply));
	}
}

void worker_save_parties(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	size_t count = 0;
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		count += count_limited(CONTAINER_OF(n, struct worker_queue, by_name), now);
	if (count == 0)
		return;
	struct work_parties *s = xcalloc(1, sizeof(*s) + count * sizeof(s->parties[0]));
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		keep_limited(CONTAINER_OF(n, struct worker_queue, by_name), now, s);
	free(work_post(&w->posts, LETTER_PARTIES, s));
}

bool worker_parties_remember(const struct worker_queue *q, int64_t now)
{
	LIST_EACH (it, &q->parties)
		if (party_remembers(&LIST_ITEM(it, struct queue_party, node)->party, now))
			return true;
	return false;
}

void worker_parties_free(struct worker_queue *q)
{
	LIST_EACH (it, &q->parties)
		party_free(LIST_ITEM(it, struct queue_party, node));
	free(q->watch);
}

/* -------------------------------------------------------------------------------------- telling */

static void settle_doubt(struct lane *lane, int64_t now)
{
	enum outcome_scope about = lane->queue->told;
	if (about == SCOPE_SOURCE || about == SCOPE_SITE)
		lane_convict(&lane->limits);
	else
		lane_acquit(&lane->limits, now);
}

/* It is known now: cuts that lanes took while it was not were right, or are taken back. */
static void settle_doubts(struct worker_queue *q, int64_t now)
{
	if (q->told == 0)
		return;
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL)
			settle_doubt(q->lanes[i], now);
	LIST_EACH (it, &q->retired)
		settle_doubt(LIST_ITEM(it, struct lane, retired), now);
}

static void log_told(const struct worker_queue *q)
{
	struct log_line l;
	if (q->told == 0 || !log_begin(&l, LOG_INFO, "limit_about"))
		return;
	log_str(&l, "queue", q->name);
	log_cstr(&l, "about", outcome_scope_name(q->told));
	log_end(&l);
}

void worker_queue_tell(struct worker_queue *q, int64_t now)
{
	if (q->watch == NULL || now < q->told_ms + TELL_PAUSE_MS)
		return;
	enum outcome_scope before = q->told;
	q->told = scope_watch_tell(q->watch);
	q->told_ms = now;
	if (q->told != before)
		log_told(q);
	settle_doubts(q, now);
}

/* "Too fast", and the rule knows no better than that it is the source. Who is turned away for a
 * while is told why. */
static bool is_vague(const struct outcome *outcome)
{
	const struct verdict *v = &outcome->verdict;
	return outcome->words == OUTCOME_WORDS_REMOTE && v->klass == OUTCOME_THROTTLED &&
	       v->scope == SCOPE_SOURCE && (v->actions & ACTION_CUT_RATE) != 0 &&
	       (v->actions & ACTION_PAUSE_LANE) == 0;
}

/* While it cannot be told: who was limited lately is it again. */
static enum outcome_scope known_culprit(const struct permit_path *path, int64_t now)
{
	if (path->parties[PARTY_CAMPAIGN] && party_is_limited(path->parties[PARTY_CAMPAIGN], now))
		return SCOPE_CAMPAIGN;
	if (path->parties[PARTY_DOMAIN] && party_is_limited(path->parties[PARTY_DOMAIN], now))
		return SCOPE_DOMAIN;
	return 0;
}

/* So many pass between two refusals that are not about how much is sent. */
#define PASSES_LEAST 4

/* Whether cutting the rate helps, where nobody is known whom it would be about. */
static void look_at_cut(struct lane *lane, const struct lane_slot *slot, int64_t now)
{
	struct scope_watch *watch = lane->queue->watch;
	enum rate_refusal refusal =
		controller_look_at_refusal(&lane->limits.controller, slot->permit.at_ms, now);
	if (refusal == REFUSAL_OF_STEP ||
	    (refusal == REFUSAL_IN_VAIN && lane->passes < PASSES_LEAST))
		scope_watch_note_cut(watch, false, now);
	else if (refusal == REFUSAL_IN_VAIN)
		scope_watch_note_cut(watch, true, now);
}

static void aim(struct lane *lane, const struct lane_slot *slot, const struct scope_event *event,
		struct verdict *verdict)
{
	struct worker_queue *q = lane->queue;
	int64_t now = loop_now_ms(q->worker->loop);
	worker_queue_tell(q, now);
	enum outcome_scope about = q->told;
	bool is_party = about == SCOPE_DOMAIN || about == SCOPE_CAMPAIGN;
	if (is_party && !scope_watch_blames(q->watch, about, event))
		about = SCOPE_SOURCE;
	else if (about == 0)
		about = known_culprit(&slot->path, now);
	if (about == 0 || about == SCOPE_SITE)
		look_at_cut(lane, slot, now);
	if (about == 0)
		lane_doubt(&lane->limits, now);
	if (about != 0 && about != SCOPE_SITE)
		verdict->scope = about;
	if (about == SCOPE_RECIPIENT)
		verdict->actions &= (unsigned)~ACTION_CUT_RATE;
}

/* The lanes sent for a new one until now, this message too. */
static void join_new(struct worker_queue *q, struct party *party, int64_t now)
{
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL)
			party_learn_past(party, &q->lanes[i]->limits.controller, now);
	LIST_EACH (it, &q->retired)
		party_learn_past(party, &LIST_ITEM(it, struct lane, retired)->limits.controller,
				 now);
	party_on_join(party, now);
}

/* The first refusal makes the parties: its own message was sent without them. */
static void join_parties(struct worker_queue *q, struct lane_slot *slot, int64_t now)
{
	const struct campaign_snapshot *campaign = slot->job->campaign;
	for (int kind = 0; kind < PARTY_KINDS; kind++) {
		if (slot->path.parties[kind] != NULL)
			continue;
		bool is_new = find_party(q, (enum party_kind)kind, campaign) == NULL;
		struct party *party = party_at(q, (enum party_kind)kind, campaign);
		if (is_new)
			join_new(q, party, now);
		else
			party_on_send(party, now);
		slot->path.parties[kind] = party;
	}
}

void worker_aim(struct lane *lane, struct lane_slot *slot, struct outcome *outcome)
{
	struct worker_queue *q = lane->queue;
	const struct work_job *job = slot->job;
	int64_t now = loop_now_ms(q->worker->loop);
	int16_t flags = job->lease->people[job->position].flags;
	struct scope_event event = {.source = lane->source->id,
				    .domain = (int32_t)hash_str(job->campaign->from_domain),
				    .campaign = job->campaign->id,
				    .recipient = job->rid,
				    .is_throttled = outcome->verdict.klass == OUTCOME_THROTTLED,
				    .is_again = (flags & RETRY_THROTTLED) != 0};
	bool is_about_party = party_of_verdict(&outcome->verdict) >= 0;
	if (outcome->words != OUTCOME_WORDS_REMOTE ||
	    (q->watch == NULL && !event.is_throttled && !is_about_party))
		return;
	if (q->watch == NULL)
		watch(q, now);
	scope_watch_note(q->watch, &event, now);
	if (!event.is_throttled && !is_about_party) {
		lane->passes++;
		return;
	}
	join_parties(q, slot, now);
	if (is_vague(outcome))
		aim(lane, slot, &event, &outcome->verdict);
	lane->passes = 0;
}

/* -------------------------------------------------------------------------------------- showing */

void worker_note_party_wait(const struct permit_path *path, const struct limiter_wait *wait,
			    int64_t now)
{
	int kind = wait->level == LEVEL_DOMAIN ? PARTY_DOMAIN : PARTY_CAMPAIGN;
	struct party *party = path->parties[kind];
	must(party != NULL);
	CONTAINER_OF(party, struct queue_party, party)->waited_ms = now;
}

bool worker_is_party_wait(const struct permit_path *path, const struct limiter_wait *wait)
{
	int kind = wait->level == LEVEL_DOMAIN ? PARTY_DOMAIN : PARTY_CAMPAIGN;
	bool is_level = wait->level == LEVEL_DOMAIN || wait->level == LEVEL_CAMPAIGN;
	bool is_origin = wait->cap.origin == ORIGIN_LEARNT || wait->cap.origin == ORIGIN_BACKOFF;
	return is_level && is_origin && path->parties[kind] != NULL;
}

static void append_party(const struct worker_queue *q, const struct queue_party *p, struct buf *out)
{
	struct worker *w = q->worker;
	int64_t now = loop_now_ms(w->loop);
	struct cap cap = party_cap(&p->party, now);
	bool is_campaign = p->party.kind == PARTY_CAMPAIGN;
	buf_appendf(out,
		    "\"level\":\"%s\",\"kind\":\"rate\",\"value\":%lld,\"period_ms\":60000,"
		    "\"per_s\":%.2f,\"origin\":\"%s\",\"target\":",
		    limit_level_name(is_campaign ? LEVEL_CAMPAIGN : LEVEL_DOMAIN),
		    (long long)cap.count,
		    cap.count > 0 ? controller_rate(&p->party.controller) : 0.0,
		    limit_origin_name(cap.origin));
	buf_append_json(out, q->name);
	if (cap.until_ms != LIMIT_FOREVER)
		buf_appendf(out, ",\"until\":%lld", (long long)worker_wall_us(w, cap.until_ms));
	buf_appendf(out, ",\"since\":%lld", (long long)worker_wall_us(w, p->party.refused_ms));
	if (p->reply[0] == '\0')
		return;
	buf_append_cstr(out, ",\"reply\":");
	buf_append_json(out, str_from(p->reply));
}

void worker_append_parties(const struct worker_queue *q, struct buf *out)
{
	int64_t now = loop_now_ms(q->worker->loop);
	const char *before = ",\"limited\":[";
	size_t count = 0;
	LIST_EACH (it, &q->parties) {
		const struct queue_party *p = LIST_ITEM(it, struct queue_party, node);
		if (!party_is_limited(&p->party, now) || count++ >= PARTIES_SHOWN)
			continue;
		buf_appendf(out, "%s{\"name\":", before);
		buf_append_json(out, p->name);
		buf_append_char(out, ',');
		append_party(q, p, out);
		buf_append_char(out, '}');
		before = ",";
	}
	if (*before == ',' && before[1] == '\0')
		buf_append_char(out, ']');
}

/* Have people of the campaign to wait for what is learnt of it, or of its domain, here? */
static const struct queue_party *waited_for(struct worker_queue *q,
					    const struct campaign_snapshot *campaign, int64_t now)
{
	for (int kind = PARTY_KINDS; kind-- > 0;) {
		const struct queue_party *p = find_party(q, (enum party_kind)kind, campaign);
		struct limiter_wait wait;
		if (p == NULL || !party_is_limited(&p->party, now))
			continue;
		if (party_ready_at(&p->party, now, &wait) > now || p->waited_ms > now - LATELY_MS)
			return p;
	}
	return NULL;
}

static const struct campaign_snapshot *campaign_of(const struct share *share)
{
	const struct job *job = provider_queue_sample(share);
	return job ? CONTAINER_OF(job, struct work_job, plan)->campaign : NULL;
}

void worker_append_party_waits(struct worker_queue *q, struct buf *out)
{
	int64_t now = loop_now_ms(q->worker->loop);
	LIST_EACH (it, &q->jobs.shares) {
		const struct campaign_snapshot *campaign =
			campaign_of(LIST_ITEM(it, struct share, node));
		const struct queue_party *p = campaign ? waited_for(q, campaign, now) : NULL;
		size_t before = out->len;
		if (p == NULL)
			continue;
		buf_appendf(out, "%s{\"campaign_id\":%lld,\"queues\":[", before > 0 ? "," : "",
			    (long long)campaign->id);
		buf_append_json(out, q->name);
		buf_append_cstr(out, "],");
		append_party(q, p, out);
		buf_append_char(out, '}');
		if (out->is_truncated)
			out->len = before;
	}
}

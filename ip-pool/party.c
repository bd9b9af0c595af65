/* SPDX-License-Identifier: MIT */
/* Sending domains and campaigns that a receiver limits; see party.h. Pure; one owner. */
#include "ip-pool/party.h"

#define FORGET_MS INT64_C(7200000)
#define UNUSED_MS INT64_C(600000)
#define REST_MS INT64_C(300000) /* when the rule does not say how long */

static const enum limit_level level_of[PARTY_KINDS] = {
	[PARTY_DOMAIN] = LEVEL_DOMAIN, [PARTY_CAMPAIGN] = LEVEL_CAMPAIGN};

void party_init(struct party *p, enum party_kind kind, int64_t now)
{
	*p = (struct party){.kind = kind, .used_ms = now};
	controller_init(&p->controller, 1, now);
}

bool party_is_limited(const struct party *p, int64_t now)
{
	return p->rests_until_ms > now || controller_rate(&p->controller) > 0;
}

struct cap party_cap(const struct party *p, int64_t now)
{
	int64_t held = controller_held_until(&p->controller, now);
	double per_minute = controller_rate(&p->controller) * 60.0;
	if (p->rests_until_ms > now)
		return (struct cap){
			.count = 0, .until_ms = p->rests_until_ms, .origin = ORIGIN_BACKOFF};
	if (per_minute <= 0)
		return (struct cap){.count = LIMIT_NONE, .until_ms = LIMIT_FOREVER};
	return (struct cap){.count = per_minute < 1.0 ? 1 : (int64_t)per_minute,
			    .until_ms = held > now ? held : LIMIT_FOREVER,
			    .origin = held > now ? ORIGIN_BACKOFF : ORIGIN_LEARNT};
}

int64_t party_ready_at(const struct party *p, int64_t now, struct limiter_wait *wait_out)
{
	int64_t at = controller_ready_at(&p->controller, now);
	if (p->rests_until_ms > at)
		at = p->rests_until_ms;
	if (at > now)
		*wait_out = (struct limiter_wait){.at_ms = at,
						  .level = level_of[p->kind],
						  .kind = LIMIT_MESSAGES,
						  .period = LIMIT_MINUTE,
						  .cap = party_cap(p, now)};
	return at;
}

bool party_is_blank(const struct party *p, int64_t now)
{
	return now - p->used_ms > UNUSED_MS && !party_remembers(p, now);
}

bool party_remembers(const struct party *p, int64_t now)
{
	if (p->in_flight > 0 || p->rests_until_ms > now)
		return true;
	return party_is_limited(p, now) && now - p->refused_ms <= FORGET_MS;
}

void party_on_send(struct party *p, int64_t now)
{
	if (controller_rate(&p->controller) > 0 && now - p->refused_ms > FORGET_MS)
		controller_init(&p->controller, 1, now);
	controller_on_send(&p->controller, 0, now);
	p->in_flight++;
	p->used_ms = now;
}

void party_on_join(struct party *p, int64_t now)
{
	p->in_flight++;
	p->used_ms = now;
}

void party_learn_past(struct party *p, const struct controller *lane, int64_t now)
{
	controller_add_past(&p->controller, lane, now);
}

void party_on_end(struct party *p, bool was_answered, int64_t begun_ms, int64_t now)
{
	must(p->in_flight > 0);
	p->in_flight--;
	p->used_ms = now;
	if (was_answered)
		controller_on_answer(&p->controller, false, begun_ms, now);
}

void party_save(const struct party *p, int64_t now, struct party_state *state_out)
{
	*state_out = (struct party_state){.refused_age_ms = now - p->refused_ms,
					  .forgotten = p->forgotten};
	controller_save(&p->controller, now, &state_out->controller);
	if (p->rests_until_ms > now)
		state_out->rest_left_ms = p->rests_until_ms - now;
}

bool party_state_holds(const struct party_state *state, int64_t age_ms)
{
	bool has_rate = state->controller.rate > 0 && state->refused_age_ms + age_ms <= FORGET_MS;
	return has_rate || state->rest_left_ms > age_ms;
}

void party_load(struct party *p, const struct party_state *state, int64_t age_ms, int64_t now)
{
	p->forgotten = state->forgotten;
	if (!party_state_holds(state, age_ms))
		return;
	controller_load(&p->controller, &state->controller, age_ms, now);
	p->refused_ms = now - age_ms - state->refused_age_ms;
	if (state->rest_left_ms <= age_ms)
		return;
	p->rest_began_ms = now;
	p->rests_until_ms = now - age_ms + state->rest_left_ms;
}

bool party_forget(struct party *p, int64_t forgotten, int64_t now)
{
	if (forgotten <= p->forgotten)
		return false;
	p->forgotten = forgotten;
	controller_forget(&p->controller, now);
	p->rests_until_ms = 0;
	return true;
}

int party_of_verdict(const struct verdict *verdict)
{
	const unsigned asks = ACTION_CUT_RATE | ACTION_PAUSE_LANE | ACTION_PAUSE_CAMPAIGN;
	bool is_refusal = verdict->klass == OUTCOME_THROTTLED || verdict->klass == OUTCOME_BLOCKED;
	if (!is_refusal || (verdict->actions & asks) == 0)
		return -1;
	if (verdict->scope == SCOPE_DOMAIN)
		return PARTY_DOMAIN;
	return verdict->scope == SCOPE_CAMPAIGN ? PARTY_CAMPAIGN : -1;
}

static bool rest(struct party *p, int64_t delay_ms, int64_t begun_ms, int64_t now)
{
	if (p->rest_began_ms != 0 && begun_ms <= p->rest_began_ms)
		return false;
	p->rest_began_ms = now;
	p->rests_until_ms = now + (delay_ms > 0 ? delay_ms : REST_MS);
	return true;
}

bool party_refused(struct party *p, const struct verdict *verdict, int64_t begun_ms, int64_t now)
{
	bool was_cut = false;
	p->refused_ms = now;
	if (verdict->actions & ACTION_CUT_RATE)
		was_cut |= controller_cut_rate(&p->controller, begun_ms, now);
	if (verdict->actions & (ACTION_PAUSE_LANE | ACTION_PAUSE_CAMPAIGN))
		was_cut |= rest(p, verdict->delay_ms, begun_ms, now);
	if (was_cut && (verdict->actions & ACTION_CRAWL))
		controller_crawl(&p->controller, now);
	return was_cut;
}

/* SPDX-License-Identifier: MIT */
/* Warm-up: a curve of daily budgets and when a lane moves along it. Pure. */
#include "ip-pool/warmup.h"

#define DAY_MS INT64_C(86400000)
#define PATIENCE_MAX 3
/* A day is plainly bad after so many messages, if that is at least this part of its budget. */
#define FEW_MESSAGES 20
#define FEW_PART 10

void warmup_plan_default(struct warmup_plan *plan_out, int64_t target)
{
	static const int64_t mantissas[] = {1, 2, 5};
	plan_out->count = 0;
	int64_t budget = 50;
	int64_t decade = 10;
	for (size_t i = 2; budget < target && plan_out->count + 1 < WARMUP_STEPS_MAX; i++) {
		plan_out->budgets[plan_out->count++] = budget;
		if ((i + 1) % 3 == 0)
			decade *= 10;
		budget = mantissas[(i + 1) % 3] * decade;
	}
	plan_out->budgets[plan_out->count++] = target;
}

int warmup_plan_parse(struct str text, struct warmup_plan *plan_out, struct err *err)
{
	struct warmup_plan plan = {.count = 0};
	while (text.len > 0) {
		struct str part = str_trim(str_take_until(&text, ','));
		int64_t n;
		if (str_to_i64(part, &n) != 0 || n < 1)
			return err_set(err, ERR_USAGE, "\"%.*s\" is no number of messages a day",
				       STR_ARG(part));
		if (plan.count == WARMUP_STEPS_MAX)
			return err_set(err, ERR_USAGE, "a warm-up has at most %d steps",
				       WARMUP_STEPS_MAX);
		int64_t last = plan.count > 0 ? plan.budgets[plan.count - 1] : n;
		if (n < last)
			return err_set(err, ERR_USAGE, "a warm-up never falls: %lld after %lld",
				       (long long)n, (long long)last);
		if (n / 5 > last / 2)
			return err_set(err, ERR_USAGE,
				       "from %lld to %lld a day is too steep: at most 2.5 times",
				       (long long)last, (long long)n);
		plan.budgets[plan.count++] = n;
	}
	if (plan.count == 0)
		return err_set(err, ERR_USAGE, "a warm-up needs at least one daily budget");
	*plan_out = plan;
	return 0;
}

void warmup_init(struct warmup *w, const struct warmup_plan *plan, int64_t now)
{
	*w = (struct warmup){.plan = *plan, .day_began_ms = now};
}

void warmup_bind(struct warmup *w, const struct warmup_plan *plan, int64_t now)
{
	if (plan->begun_us != w->plan.begun_us) {
		warmup_init(w, plan, now);
		return;
	}
	w->plan = *plan;
	if (w->step > plan->count)
		w->step = plan->count;
}

int64_t warmup_budget(const struct warmup *w)
{
	return w->step < w->plan.count ? w->plan.budgets[w->step] : -1;
}

void warmup_on_answer(struct warmup *w, bool was_deferred, bool was_blocked)
{
	w->sent++;
	w->deferred += was_deferred;
	w->blocked += was_blocked;
}

static void new_day(struct warmup *w, int64_t now)
{
	w->day_began_ms = now;
	w->sent = w->deferred = w->blocked = 0;
}

static bool is_bad(const struct warmup *w)
{
	return w->blocked > 0 || w->deferred * 100 > w->sent * 15;
}

/* Before the day is over: of enough messages to tell. */
static bool is_plainly_bad(const struct warmup *w)
{
	return is_bad(w) && w->step > 0 && w->sent >= FEW_MESSAGES &&
	       w->sent * FEW_PART >= warmup_budget(w);
}

static enum warmup_move go_back(struct warmup *w, int64_t now)
{
	w->clean_days = 0;
	w->failed_step = (int64_t)w->step;
	if (w->patience < PATIENCE_MAX)
		w->patience++;
	w->step--;
	new_day(w, now);
	return WARMUP_BACK;
}

/* A clean day that was used: enough of them, and the lane moves on. */
static enum warmup_move end_clean_day(struct warmup *w)
{
	if ((int64_t)w->step >= w->failed_step)
		w->patience = 0;
	if (++w->clean_days < INT64_C(1) << w->patience || w->is_held)
		return WARMUP_STAYED;
	w->step++;
	w->clean_days = 0;
	return w->step == w->plan.count ? WARMUP_WARM : WARMUP_ADVANCED;
}

enum warmup_move warmup_tick(struct warmup *w, int64_t now)
{
	if (w->step >= w->plan.count)
		return WARMUP_WARM;
	if (is_plainly_bad(w))
		return go_back(w, now);
	if (now - w->day_began_ms < DAY_MS)
		return WARMUP_NOT_YET;
	enum warmup_move move = WARMUP_STAYED;
	bool was_clean = w->blocked == 0 && w->deferred * 100 < w->sent * 5;
	bool was_used = w->sent * 2 >= warmup_budget(w);
	if (is_bad(w) && w->step > 0)
		return go_back(w, now);
	if (was_clean && was_used)
		move = end_clean_day(w);
	new_day(w, now);
	return move;
}

void warmup_follow(struct warmup *w, int64_t advanced, bool is_held, int64_t now)
{
	w->is_held = is_held;
	if (advanced <= w->advanced)
		return;
	size_t steps = (size_t)(advanced - w->advanced);
	size_t left = w->plan.count - w->step;
	w->step += steps < left ? steps : left;
	w->advanced = advanced;
	new_day(w, now);
}

/* SPDX-License-Identifier: MIT */
/* Windows of a receiver, learnt from how long it turned us away. Pure; one owner. */
#include "ip-pool/windows.h"

#include <string.h>

#include "engine/base/must.h"
#include "engine/base/utf8.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)
#define PROBE_FIRST_MS (5 * MINUTE_MS)
#define PROBE_MOST_MS HOUR_MS
#define PROBE_LOST_MS INT64_C(30000) /* nobody answered the one that tried */
#define PATIENCE_MAX 5u
#define RISE_PERCENT 5
#define RISE_ABOVE_PERCENT 20
#define USED_PERCENT 97 /* of a cap that is used up */
/* Of a cap that may have been too high. One not proven may be twice too high: of a window that
 * begins with the clock's minute or hour we may have sent nearly two. */
#define NEAR_PERCENT 90
#define UNPROVEN_PERCENT 50
/* Turned away after fewer, it was not for how many they were. */
#define SENT_LEAST 10

static const struct {
	int64_t away_ms;  /* who is turned away for so long at most met this window */
	int64_t lived_ms; /* used up for so long, a cap is no more in doubt */
	int64_t rise_ms;  /* … and rises so long after it was set */
	int64_t safe_pct; /* of what was too much */
	int64_t gap_ms;	  /* between two answers it counts as used up for so long at most: a cap
			     that is used up leaves few answers, a quarter of the window apart */
} traits[WINDOW_COUNT] = {
	[WINDOW_MINUTE] = {20 * MINUTE_MS, 15 * MINUTE_MS, 15 * MINUTE_MS, 85, MINUTE_MS},
	[WINDOW_HOUR] = {5 * HOUR_MS, 4 * HOUR_MS, 6 * HOUR_MS, 90, 15 * MINUTE_MS},
	[WINDOW_DAY] = {INT64_MAX, 6 * HOUR_MS, DAY_MS, 95, 6 * HOUR_MS},
};

void windows_init(struct windows *w, int64_t now)
{
	*w = (struct windows){.let_in_ms = now};
	for (int i = 0; i < WINDOW_COUNT; i++)
		w->caps[i].count = -1;
}

int64_t windows_cap(const struct windows *w, enum window window)
{
	return w->caps[window].count;
}

int64_t windows_message_at(const struct windows *w, int64_t now)
{
	if (!w->is_away)
		return now;
	if (w->is_probing)
		return INT64_MAX;
	return w->probe_at_ms > now ? w->probe_at_ms : now;
}

bool windows_are_away(const struct windows *w)
{
	return w->is_away;
}

bool windows_are_learning(const struct windows *w)
{
	for (int i = 0; i < WINDOW_COUNT; i++)
		if (w->caps[i].count >= 0)
			return true;
	return w->is_away;
}

void windows_on_send(struct windows *w)
{
	w->is_probing = w->is_away;
}

/* -- turned away -- */

static void rest(struct windows *w, int64_t now)
{
	w->is_probing = false;
	w->probe_at_ms = now + w->probe_wait_ms;
}

bool windows_on_refusal(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t delay_ms,
			int64_t begun_ms, int64_t now)
{
	if (w->is_away && begun_ms <= w->away_since_ms)
		return false;
	if (w->is_away) {
		w->probe_wait_ms *= 2;
		if (w->probe_wait_ms > w->probe_most_ms)
			w->probe_wait_ms = w->probe_most_ms;
		rest(w, now);
		return true;
	}
	for (int i = 0; i < WINDOW_COUNT; i++)
		w->sent[i] = sent[i];
	w->is_away = true;
	w->away_since_ms = now;
	w->probe_most_ms = delay_ms > 0 ? delay_ms : PROBE_MOST_MS;
	if (w->probe_most_ms > PROBE_MOST_MS)
		w->probe_most_ms = PROBE_MOST_MS;
	w->probe_wait_ms = w->probe_most_ms < PROBE_FIRST_MS ? w->probe_most_ms : PROBE_FIRST_MS;
	rest(w, now);
	return true;
}

void windows_keep_reply(struct windows *w, struct str reply)
{
	struct str kept = utf8_clip(reply, WINDOWS_REPLY_MAX - 1);
	must(str_to_cstr(kept, w->reply, WINDOWS_REPLY_MAX) == 0);
}

void windows_on_loss(struct windows *w, int64_t begun_ms, int64_t now)
{
	if (!w->is_away || begun_ms <= w->away_since_ms)
		return;
	w->is_probing = false;
	w->probe_at_ms = now + PROBE_LOST_MS;
}

/* -- let in again -- */

/* May this window have been over? Not if its cap was far from used up, or was for long before. */
static bool is_in_doubt(const struct windows *w, enum window window)
{
	const struct window_cap *cap = &w->caps[window];
	int64_t percent = cap->is_proven ? NEAR_PERCENT : UNPROVEN_PERCENT;
	return cap->count < 0 || (w->sent[window] * 100 >= cap->count * percent &&
				  cap->used_ms < traits[window].lived_ms);
}

/* The shortest window that fits how long we were away; of those in doubt, if any is. */
static enum window guilty(const struct windows *w, int64_t now)
{
	enum window window = WINDOW_MINUTE;
	while (window < WINDOW_DAY && now - w->away_since_ms > traits[window].away_ms)
		window++;
	for (int i = (int)window; i < WINDOW_COUNT; i++)
		if (is_in_doubt(w, (enum window)i))
			return (enum window)i;
	return window;
}

static void learn(struct windows *w, enum window window, int64_t now)
{
	struct window_cap *cap = &w->caps[window];
	int64_t safe = w->sent[window] * traits[window].safe_pct / 100;
	if (w->sent[window] < SENT_LEAST)
		return;
	if (cap->count >= 0 && cap->patience < PATIENCE_MAX)
		cap->patience++;
	if (cap->count < 0 || safe < cap->count)
		cap->count = safe;
	cap->failed = w->sent[window];
	cap->since_ms = cap->looked_ms = cap->learnt_ms = now;
	cap->used_ms = 0;
	cap->is_proven = false;
	memcpy(cap->reply, w->reply, sizeof(cap->reply));
}

/* It takes more than it did: it has changed, or what failed was but a burst. */
static bool is_above(const struct window_cap *cap)
{
	return cap->count > cap->failed + cap->failed / 10;
}

static int64_t risen(const struct window_cap *cap)
{
	int64_t percent = is_above(cap) ? RISE_ABOVE_PERCENT : RISE_PERCENT;
	return cap->count + cap->count * percent / 100 + 1;
}

static void rise(struct window_cap *cap, int64_t now)
{
	bool was_above = is_above(cap);
	cap->count = risen(cap);
	cap->since_ms = now;
	cap->used_ms = 0;
	if (was_above)
		cap->patience = 0;
}

bool windows_next(const struct windows *w, enum window window, int64_t now, struct window_step *out)
{
	const struct window_cap *cap = &w->caps[window];
	int64_t at_ms = cap->since_ms + (traits[window].rise_ms << cap->patience);
	int64_t used_up_ms = now + traits[window].lived_ms - cap->used_ms;
	if (cap->count < 0 || w->is_away)
		return false;
	*out = (struct window_step){.from = cap->count,
				    .to = risen(cap),
				    .at_ms = at_ms > used_up_ms ? at_ms : used_up_ms};
	if (out->at_ms < now)
		out->at_ms = now;
	return true;
}

static void look_at(struct windows *w, enum window window, int64_t sent, int64_t now)
{
	struct window_cap *cap = &w->caps[window];
	int64_t passed_ms = now - cap->looked_ms;
	cap->looked_ms = now;
	if (cap->count < 0 || sent * 100 < cap->count * USED_PERCENT)
		return;
	cap->used_ms += passed_ms < traits[window].gap_ms ? passed_ms : traits[window].gap_ms;
	cap->is_proven |= cap->used_ms >= traits[window].lived_ms;
	if (cap->used_ms >= traits[window].lived_ms &&
	    now - cap->since_ms >= traits[window].rise_ms << cap->patience)
		rise(cap, now);
}

bool windows_on_answer(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t begun_ms,
		       int64_t now)
{
	if (!w->is_away) {
		for (int i = 0; i < WINDOW_COUNT; i++)
			look_at(w, (enum window)i, sent[i], now);
		return false;
	}
	if (begun_ms <= w->away_since_ms)
		return false;
	if (now - w->away_since_ms >= WINDOWS_LEAST_MS)
		learn(w, guilty(w, now), now);
	w->is_away = w->is_probing = false;
	w->let_in_ms = now;
	return true;
}

/* -- over a restart -- */

void windows_save(const struct windows *w, int64_t now, struct windows_state *state_out)
{
	*state_out = (struct windows_state){
		.away_ms = w->is_away ? now - w->away_since_ms : -1,
		.probe_left_ms = w->probe_at_ms > now ? w->probe_at_ms - now : 0,
		.probe_wait_ms = w->probe_wait_ms,
		.probe_most_ms = w->probe_most_ms,
		.let_in_ms = now - w->let_in_ms,
	};
	for (int i = 0; i < WINDOW_COUNT; i++) {
		state_out->caps[i] = w->caps[i].count;
		state_out->failed[i] = w->caps[i].failed;
		state_out->ages_ms[i] = now - w->caps[i].since_ms;
		state_out->patience[i] = w->caps[i].patience;
		state_out->used_ms[i] = w->caps[i].used_ms;
		state_out->proven[i] = w->caps[i].is_proven;
		state_out->sent[i] = w->sent[i];
		state_out->learnt_ages_ms[i] = now - w->caps[i].learnt_ms;
		memcpy(state_out->replies[i], w->caps[i].reply, WINDOWS_REPLY_MAX);
	}
	memcpy(state_out->reply, w->reply, WINDOWS_REPLY_MAX);
}

static int64_t within(int64_t value, int64_t least, int64_t most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

static struct window_cap loaded(const struct windows_state *state, int i, int64_t then, int64_t now)
{
	int64_t learnt_ms = state->learnt_ages_ms[i];
	struct window_cap cap = {.count = state->caps[i],
				 .failed = state->failed[i],
				 .looked_ms = now,
				 .since_ms = then - state->ages_ms[i],
				 .used_ms = within(state->used_ms[i], 0, state->ages_ms[i]),
				 .patience = (unsigned)within(state->patience[i], 0, PATIENCE_MAX),
				 .is_proven = state->proven[i] > 0,
				 .learnt_ms =
					 then - (learnt_ms >= 0 ? learnt_ms : state->ages_ms[i])};
	memcpy(cap.reply, state->replies[i], WINDOWS_REPLY_MAX);
	return cap;
}

void windows_load(struct windows *w, const struct windows_state *state, int64_t age_ms, int64_t now)
{
	int64_t then = now - age_ms;
	windows_init(w, then - state->let_in_ms);
	memcpy(w->reply, state->reply, WINDOWS_REPLY_MAX);
	for (int i = 0; i < WINDOW_COUNT; i++) {
		if (state->caps[i] > 0)
			w->caps[i] = loaded(state, i, then, now);
		w->sent[i] = state->sent[i];
	}
	if (state->away_ms < 0)
		return;
	w->is_away = true;
	w->away_since_ms = then - state->away_ms;
	w->probe_most_ms = within(state->probe_most_ms, 1, PROBE_MOST_MS);
	w->probe_wait_ms = within(state->probe_wait_ms, 1, w->probe_most_ms);
	w->probe_at_ms = then + within(state->probe_left_ms, 0, w->probe_most_ms);
}

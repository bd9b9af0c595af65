/* SPDX-License-Identifier: MIT */
/* One limiter: counters, caps and shares of one scope. Pure; owned by one worker. */
#include "ip-pool/limiter.h"

#include <stdlib.h>

#define SHARE_WAIT_MS 1000
#define TURN_MS 1000 /* between two calls of limiter_want_anew */

void limiter_init(struct limiter *l, const struct limit_scope *scope, int64_t now)
{
	*l = (struct limiter){.scope = *scope};
	caps_init(&l->caps);
	tally_init(&l->messages, now);
	tally_init(&l->connects, now);
	l->day_budget = LIMIT_NONE;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		l->learnt[p] = LIMIT_NONE;
}

void limiter_bind(struct limiter *l, const struct limit_rules *rules,
		  const struct limit_values *profile, int64_t now)
{
	l->rules = rules;
	l->profile = profile;
	limit_resolve(rules, &l->scope, profile, now, &l->caps);
	/* Where there is no limit, no share stands over from an earlier one. */
	for (int m = 0; m < LIMIT_METER_COUNT; m++)
		if (caps_of_meter(&l->caps, m)->count == LIMIT_NONE)
			l->shares[m] = (struct limiter_share){.part = 0};
}

/* A rule that ends by itself gives way to what stands below it. */
static void refresh(struct limiter *l, int64_t now)
{
	if (now >= l->caps.next_change_ms)
		limiter_bind(l, l->rules, l->profile, now);
}

const struct caps *limiter_caps(struct limiter *l, int64_t now)
{
	refresh(l, now);
	return &l->caps;
}

/* The cap of one meter as far as this worker goes. */
static struct cap own_cap(const struct limiter *l, int meter, int64_t now)
{
	struct cap cap = *caps_of_meter(&l->caps, meter);
	int64_t part = now < l->shares_until_ms ? l->shares[meter].part : 0;
	if (l->is_divided && cap.count != LIMIT_NONE)
		cap_tighten(&cap, part, ORIGIN_SLICE, l->shares_until_ms);
	return cap;
}

/* The caps the tally answers for: those of shares and warm-up, too. */
static void message_caps(const struct limiter *l, struct cap caps[LIMIT_PERIOD_COUNT], int64_t now)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		caps[p] = own_cap(l, limit_meter(LIMIT_MESSAGES, (enum limit_period)p), now);
		cap_tighten(&caps[p], l->learnt[p], ORIGIN_LEARNT, LIMIT_FOREVER);
	}
	cap_tighten(&caps[LIMIT_DAY], l->day_budget, ORIGIN_WARMUP, LIMIT_FOREVER);
}

static void connect_caps(const struct limiter *l, struct cap caps[LIMIT_PERIOD_COUNT], int64_t now)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		caps[p] = own_cap(l, limit_meter(LIMIT_NEW_CONNECTIONS, (enum limit_period)p), now);
}

/* A share may grow at any time: nobody waits for long before asking again. */
static void wait_for_share(struct limiter_wait *wait, int64_t now)
{
	if (wait->cap.origin == ORIGIN_SLICE && wait->at_ms > now + SHARE_WAIT_MS)
		wait->at_ms = now + SHARE_WAIT_MS;
}

/* What a process that was killed may have sent counts, whatever the share is: none is asked for
 * before that is over. */
static void note_killed(const struct limiter *l, const struct tally *t, struct limiter_wait *wait,
			int64_t now)
{
	int64_t over_ms = t->windows[wait->period].spent_until_ms;
	bool is_share = wait->cap.origin == ORIGIN_SLICE;
	if (!tally_is_spent(t, wait->period, now) || (!is_share && wait->at_ms > over_ms))
		return;
	wait->at_ms = over_ms;
	wait->cap = *caps_of_meter(&l->caps, limit_meter(wait->kind, wait->period));
	wait->cap.origin = ORIGIN_KILLED;
	wait->cap.until_ms = over_ms;
	wait->died_ms = l->died_ms;
}

/* Its connections are those that carry a message of it just now. */
static bool counts_carriers(const struct limiter *l)
{
	return l->scope.level == LEVEL_CAMPAIGN || l->scope.level == LEVEL_DOMAIN;
}

static bool carriers_allow(struct limiter *l, int64_t now, struct limiter_wait *wait)
{
	if (!counts_carriers(l))
		return true;
	struct cap cap = own_cap(l, limit_meter(LIMIT_CONNECTIONS, LIMIT_SECOND), now);
	if (cap.count == LIMIT_NONE || l->messages.in_flight < cap.count)
		return true;
	*wait = (struct limiter_wait){.at_ms = LIMITER_ON_EVENT,
				      .level = l->scope.level,
				      .kind = LIMIT_CONNECTIONS,
				      .cap = cap};
	wait_for_share(wait, now);
	return false;
}

int64_t limiter_message_ready_at(struct limiter *l, int64_t now, struct limiter_wait *wait_out)
{
	refresh(l, now);
	struct limiter_wait wait = {.level = l->scope.level, .kind = LIMIT_MESSAGES};
	if (!carriers_allow(l, now, wait_out))
		return wait_out->at_ms;
	struct cap caps[LIMIT_PERIOD_COUNT];
	message_caps(l, caps, now);
	wait.at_ms = tally_ready_at(&l->messages, caps, now, &wait.period);
	if (wait.at_ms > now) {
		wait.cap = caps[wait.period];
		note_killed(l, &l->messages, &wait, now);
		wait_for_share(&wait, now);
	} else {
		return now;
	}
	*wait_out = wait;
	return wait.at_ms;
}

void limiter_take_message(struct limiter *l, int64_t now)
{
	struct cap caps[LIMIT_PERIOD_COUNT];
	message_caps(l, caps, now);
	tally_begin(&l->messages, caps, now);
}

void limiter_end_message(struct limiter *l, int64_t now)
{
	tally_end(&l->messages, now);
}

/* Ghosts that still count; *until_out: when the first group goes. */
static int64_t ghosts(const struct limiter *l, int64_t now, int64_t *until_out)
{
	int64_t n = 0;
	*until_out = LIMITER_ON_EVENT;
	for (size_t i = 0; i < ARRAY_LEN(l->ghosts); i++) {
		if (l->ghosts[i].until_ms <= now)
			continue;
		n += l->ghosts[i].count;
		if (l->ghosts[i].until_ms < *until_out)
			*until_out = l->ghosts[i].until_ms;
	}
	return n;
}

int64_t limiter_open_connections(struct limiter *l, int64_t now)
{
	int64_t until;
	return l->open + ghosts(l, now, &until);
}

int64_t limiter_connection_ready_at(struct limiter *l, int64_t now, struct limiter_wait *wait_out)
{
	refresh(l, now);
	struct limiter_wait wait = {.level = l->scope.level, .kind = LIMIT_CONNECTIONS};
	struct cap cap = own_cap(l, limit_meter(LIMIT_CONNECTIONS, LIMIT_SECOND), now);
	int64_t ghosts_until;
	int64_t open = l->open + ghosts(l, now, &ghosts_until);
	if (cap.count != LIMIT_NONE && open >= cap.count) {
		wait.at_ms = ghosts_until;
		wait.cap = cap;
		*wait_out = wait;
		return wait.at_ms;
	}
	struct cap caps[LIMIT_PERIOD_COUNT];
	connect_caps(l, caps, now);
	wait.kind = LIMIT_NEW_CONNECTIONS;
	wait.at_ms = tally_ready_at(&l->connects, caps, now, &wait.period);
	if (wait.at_ms <= now)
		return now;
	wait.cap = caps[wait.period];
	note_killed(l, &l->connects, &wait, now);
	wait_for_share(&wait, now);
	*wait_out = wait;
	return wait.at_ms;
}

void limiter_take_connection(struct limiter *l, int64_t now)
{
	struct cap caps[LIMIT_PERIOD_COUNT];
	connect_caps(l, caps, now);
	l->open++;
	tally_begin(&l->connects, caps, now);
}

void limiter_settle_connection(struct limiter *l, int64_t now)
{
	tally_end(&l->connects, now);
}

void limiter_end_connection(struct limiter *l)
{
	must(l->open > 0);
	l->open--;
}

static void add_ghosts(struct limiter *l, int64_t count, int64_t until_ms, int64_t now)
{
	struct limiter_ghosts *oldest = &l->ghosts[0];
	for (size_t i = 1; i < ARRAY_LEN(l->ghosts); i++)
		if (l->ghosts[i].until_ms < oldest->until_ms)
			oldest = &l->ghosts[i];
	if (oldest->until_ms > now) { /* no group free: the oldest lasts as long as the new one */
		count += oldest->count;
		until_ms = until_ms > oldest->until_ms ? until_ms : oldest->until_ms;
	}
	*oldest = (struct limiter_ghosts){count, until_ms};
}

void limiter_distrust(struct limiter *l, int64_t connections, int64_t until_ms,
		      int64_t last_alive_ms, int64_t now)
{
	if (connections > 0) {
		add_ghosts(l, connections, until_ms, now);
		tally_add(&l->messages, until_ms, connections, now);
	}
	tally_distrust(&l->messages, last_alive_ms);
	tally_distrust(&l->connects, last_alive_ms);
}

void limiter_add_usage(struct limiter *l, int64_t at_ms, int64_t n, int64_t now)
{
	tally_add(&l->messages, at_ms, n, now);
}

void limiter_add_connects(struct limiter *l, int64_t at_ms, int64_t n, int64_t now)
{
	tally_add(&l->connects, at_ms, n, now);
}

void limiter_merge(struct limiter *l, struct limiter *other, int64_t now)
{
	tally_merge(&l->messages, &other->messages, now);
	tally_merge(&l->connects, &other->connects, now);
	for (size_t i = 0; i < ARRAY_LEN(other->ghosts); i++)
		if (other->ghosts[i].until_ms > now)
			add_ghosts(l, other->ghosts[i].count, other->ghosts[i].until_ms, now);
}

void limiter_adopt_message(struct limiter *l)
{
	tally_adopt(&l->messages);
}

void limiter_adopt_connection(struct limiter *l, bool is_settled, bool is_leaving)
{
	l->open++;
	l->leaving += is_leaving;
	if (!is_settled)
		tally_adopt(&l->connects);
}

void limiter_divide(struct limiter *l, int64_t until_ms)
{
	l->is_divided = true;
	l->shares_until_ms = until_ms;
}

void limiter_extend_shares(struct limiter *l, int64_t until_ms)
{
	l->shares_until_ms = until_ms;
}

static const struct tally *tally_of(const struct limiter *l, int meter)
{
	enum limit_kind kind = limit_meter_kind(meter);
	bool is_messages =
		kind == LIMIT_MESSAGES || (kind == LIMIT_CONNECTIONS && counts_carriers(l));
	return is_messages ? &l->messages : &l->connects;
}

static uint64_t begun_of(const struct limiter *l, int meter)
{
	return tally_of(l, meter)->begun;
}

void limiter_want_anew(struct limiter *l)
{
	for (int m = 0; m < LIMIT_METER_COUNT; m++) {
		struct limiter_share *share = &l->shares[m];
		share->is_short = false;
		uint64_t fresh = begun_of(l, m) - share->begun;
		uint64_t faded = share->pace - share->pace / 4;
		share->pace = fresh == 0 || fresh > faded ? fresh : faded;
		share->begun = begun_of(l, m);
	}
}

int64_t limiter_wanted(struct limiter *l, int meter, int64_t now)
{
	struct limiter_share *share = &l->shares[meter];
	int64_t counted = limiter_counted(l, meter, now);
	uint64_t fresh = begun_of(l, meter) - share->begun;
	int64_t need = (int64_t)(fresh > share->pace ? fresh : share->pace);
	share->was_short = share->is_short;
	/* What an earlier process may have sent is still over it: nothing could be used. */
	if (tally_is_spent(tally_of(l, meter), limit_meter_period(meter), now))
		return counted;
	if (limit_meter_kind(meter) != LIMIT_CONNECTIONS)
		need *= limit_period_ms(limit_meter_period(meter)) / TURN_MS;
	bool uses_it_up = counted >= share->part || need + need / 10 >= share->part;
	if (share->is_short && uses_it_up)
		return LIMIT_MAX_COUNT;
	if (need == 0)
		return counted;
	if (need < counted || limit_meter_kind(meter) == LIMIT_CONNECTIONS)
		need = counted;
	return need + need / 8 + 1;
}

void limiter_set_share(struct limiter *l, int meter, int64_t part, uint64_t version)
{
	l->shares[meter].part = part;
	l->shares[meter].version = version;
}

int64_t limiter_counted(struct limiter *l, int meter, int64_t now)
{
	switch (limit_meter_kind(meter)) {
	case LIMIT_NEW_CONNECTIONS:
		return tally_count(&l->connects, limit_meter_period(meter), now);
	case LIMIT_MESSAGES:
		return tally_count(&l->messages, limit_meter_period(meter), now);
	case LIMIT_CONNECTIONS:
	case LIMIT_MESSAGES_PER_CONNECTION:
		break;
	}
	return counts_carriers(l) ? l->messages.in_flight : limiter_open_connections(l, now);
}

/* Is anything counted, against these caps or (NULL) against any there may be? */
static bool counts(struct limiter *l, const struct cap *messages, const struct cap *connects,
		   int64_t now)
{
	return limiter_open_connections(l, now) > 0 ||
	       !tally_is_blank(&l->messages, messages, now) ||
	       !tally_is_blank(&l->connects, connects, now);
}

bool limiter_remembers(struct limiter *l, int64_t now)
{
	struct cap messages[LIMIT_PERIOD_COUNT], connects[LIMIT_PERIOD_COUNT];
	refresh(l, now);
	message_caps(l, messages, now);
	connect_caps(l, connects, now);
	return counts(l, messages, connects, now);
}

bool limiter_is_empty(struct limiter *l, int64_t now)
{
	return !counts(l, NULL, NULL, now);
}

bool limiter_is_blank(struct limiter *l, int64_t now)
{
	refresh(l, now);
	for (int m = 0; m < LIMIT_METER_COUNT; m++)
		if (caps_of_meter(&l->caps, m)->count != LIMIT_NONE)
			return false;
	return limiter_is_empty(l, now);
}

bool limiter_has_surplus(struct limiter *l, int64_t now)
{
	refresh(l, now);
	struct cap cap = own_cap(l, limit_meter(LIMIT_CONNECTIONS, LIMIT_SECOND), now);
	return cap.count != LIMIT_NONE && l->open - l->leaving > cap.count;
}

/* SPDX-License-Identifier: MIT */
/* Permits of a lane and of everything above it: asked together, taken together. Pure. */
#include "ip-pool/permit.h"

#include <string.h>

#include "engine/base/utf8.h"

/* Levels a connection asks above its lane; messages ask all of them. */
static const bool has_connections[LIMIT_LEVEL_COUNT] = {
	[LEVEL_SOURCE] = true, [LEVEL_PROVIDER] = true, [LEVEL_NODE] = true};

void lane_limits_init(struct lane_limits *l, const struct limit_scope *scope,
		      const struct provider *provider, int64_t now)
{
	must(scope->level == LEVEL_LANE);
	*l = (struct lane_limits){.warmup = NULL};
	limiter_init(&l->limiter, scope, now);
	controller_init(&l->controller,
			provider != NULL ? provider->initial_connections : LIMIT_DEFAULT_INITIAL,
			now);
	health_init(&l->health);
	windows_init(&l->windows, now);
	lane_limits_bind(l, NULL, provider, now);
}

void lane_limits_bind(struct lane_limits *l, const struct limit_rules *rules,
		      const struct provider *provider, int64_t now)
{
	limiter_bind(&l->limiter, rules, provider != NULL ? &provider->limits : NULL, now);
}

/* What the lane learnt about connections, or has begun with and got to. */
static struct cap learnt_connections(const struct lane_limits *l, int64_t now)
{
	const struct control *k = &l->controller.connections;
	int64_t held = k->has_signal ? k->cut_ms + k->hold_ms : now;
	return (struct cap){.count = controller_connections(&l->controller),
			    .until_ms = held > now ? held : LIMIT_FOREVER,
			    .origin = !k->has_signal ? ORIGIN_START
				      : held > now   ? ORIGIN_BACKOFF
						     : ORIGIN_LEARNT};
}

static struct cap learnt_rate(const struct lane_limits *l, int64_t now)
{
	const struct control *k = &l->controller.rate;
	int64_t held = k->has_signal ? k->cut_ms + k->hold_ms : now;
	double per_minute = controller_rate(&l->controller) * 60.0;
	return (struct cap){.count = per_minute < 1.0 ? 1 : (int64_t)per_minute,
			    .until_ms = held > now ? held : LIMIT_FOREVER,
			    .origin = held > now ? ORIGIN_BACKOFF : ORIGIN_LEARNT};
}

struct cap lane_connections_cap(struct lane_limits *l, int64_t now)
{
	struct cap cap = limiter_caps(&l->limiter, now)->connections;
	struct cap learnt = learnt_connections(l, now);
	cap_tighten(&cap, learnt.count, learnt.origin, learnt.until_ms);
	if (health_is_dead(&l->health))
		cap_tighten(&cap, 1, ORIGIN_DEAD, LIMIT_FOREVER);
	return cap;
}

struct cap lane_rate_cap(const struct lane_limits *l, int64_t now)
{
	if (controller_rate(&l->controller) > 0)
		return learnt_rate(l, now);
	return (struct cap){.count = LIMIT_NONE, .until_ms = LIMIT_FOREVER};
}

/* Then the receiver may take more again: one refusal shows. */
#define MESSAGES_CAP_MS INT64_C(86400000)

struct cap lane_learnt_messages_cap(const struct lane_limits *l, int64_t now)
{
	int64_t until_ms = l->messages_cap_ms + MESSAGES_CAP_MS;
	if (l->messages_cap == 0 || now >= until_ms)
		return (struct cap){.count = LIMIT_NONE, .until_ms = LIMIT_FOREVER};
	return (struct cap){
		.count = l->messages_cap, .until_ms = until_ms, .origin = ORIGIN_LEARNT};
}

int64_t lane_messages_per_connection(struct lane_limits *l, int64_t now)
{
	struct cap cap = limiter_caps(&l->limiter, now)->messages_per_connection;
	struct cap learnt = lane_learnt_messages_cap(l, now);
	if (learnt.count != LIMIT_NONE)
		cap_tighten(&cap, learnt.count, learnt.origin, learnt.until_ms);
	return cap.count;
}

/* A connection that carried nth messages was to carry no more. */
static bool learn_messages_cap(struct lane_limits *l, int64_t nth, int64_t now)
{
	struct cap known = lane_learnt_messages_cap(l, now);
	if (known.count != LIMIT_NONE && nth > known.count)
		return false;
	bool is_less = known.count == LIMIT_NONE || nth < known.count;
	l->messages_cap = nth;
	l->messages_cap_ms = now;
	return is_less;
}

/* Keeps the wait that ends last. */
static void wait_longer(struct limiter_wait *wait, const struct limiter_wait *other)
{
	if (other->at_ms > wait->at_ms)
		*wait = *other;
}

/* Pauses by people and rests, by health or because the receiver turns us away, hold both kinds of
 * permits. wait->at_ms is now at first. */
static void wait_for_lane(const struct lane_limits *l, enum limit_kind kind, int64_t health_at,
			  struct limiter_wait *wait)
{
	int64_t now = wait->at_ms;
	struct limiter_wait w = {.at_ms = l->paused_until_ms, .level = LEVEL_LANE, .kind = kind};
	w.cap = (struct cap){.count = 0, .until_ms = w.at_ms, .origin = ORIGIN_PAUSE};
	wait_longer(wait, &w);
	w.at_ms = windows_message_at(&l->windows, now);
	w.cap = (struct cap){.count = 0, .until_ms = w.at_ms, .origin = ORIGIN_BACKOFF};
	if (w.at_ms > now)
		wait_longer(wait, &w);
	w.at_ms = health_at;
	w.cap.until_ms = health_at;
	w.cap.origin = health_is_dead(&l->health) && l->health.rests_until_ms < health_at
			       ? ORIGIN_DEAD
			       : ORIGIN_BACKOFF;
	wait_longer(wait, &w);
}

static const enum limit_period period_of[WINDOW_COUNT] = {
	[WINDOW_MINUTE] = LIMIT_MINUTE, [WINDOW_HOUR] = LIMIT_HOUR, [WINDOW_DAY] = LIMIT_DAY};

static void refresh_windows(struct lane_limits *l)
{
	for (int i = 0; i < WINDOW_COUNT; i++)
		l->limiter.learnt[period_of[i]] = windows_cap(&l->windows, (enum window)i);
}

/* What the receiver may have counted in each window so far: messages that are answered. */
static void count_windows(struct lane_limits *l, int64_t now, int64_t sent_out[WINDOW_COUNT])
{
	for (int i = 0; i < WINDOW_COUNT; i++)
		sent_out[i] = limiter_counted(&l->limiter,
					      limit_meter(LIMIT_MESSAGES, period_of[i]), now) -
			      l->limiter.messages.in_flight;
}

static void refresh_warmup(struct lane_limits *l, int64_t now)
{
	if (l->warmup == NULL) {
		l->limiter.day_budget = LIMIT_NONE;
		return;
	}
	(void)warmup_tick(l->warmup, now);
	l->limiter.day_budget = warmup_budget(l->warmup);
}

int64_t lane_message_ready_at(const struct permit_path *path, int64_t now,
			      struct limiter_wait *wait_out)
{
	struct lane_limits *l = path->lane;
	struct limiter_wait wait = {.at_ms = now};
	struct limiter_wait other;
	wait_for_lane(l, LIMIT_MESSAGES, health_message_at(&l->health, now), &wait);
	refresh_warmup(l, now);
	refresh_windows(l);
	if (limiter_message_ready_at(&l->limiter, now, &other) > now)
		wait_longer(&wait, &other);
	int64_t learnt_at = controller_ready_at(&l->controller, now);
	if (learnt_at > now) {
		other = (struct limiter_wait){.at_ms = learnt_at,
					      .level = LEVEL_LANE,
					      .kind = LIMIT_MESSAGES,
					      .period = LIMIT_MINUTE,
					      .cap = learnt_rate(l, now)};
		wait_longer(&wait, &other);
	}
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (path->shared[i] != NULL &&
		    limiter_message_ready_at(path->shared[i], now, &other) > now)
			wait_longer(&wait, &other);
	for (int i = 0; i < PARTY_KINDS; i++)
		if (path->parties[i] != NULL && party_ready_at(path->parties[i], now, &other) > now)
			wait_longer(&wait, &other);
	if (wait.at_ms > now)
		*wait_out = wait;
	return wait.at_ms;
}

int64_t lane_connection_ready_at(const struct permit_path *path, int64_t now,
				 struct limiter_wait *wait_out)
{
	struct lane_limits *l = path->lane;
	struct limiter_wait wait = {.at_ms = now};
	struct limiter_wait other;
	int64_t open = limiter_open_connections(&l->limiter, now);
	wait_for_lane(l, LIMIT_CONNECTIONS, health_connection_at(&l->health, l->limiter.open, now),
		      &wait);
	if (limiter_connection_ready_at(&l->limiter, now, &other) > now)
		wait_longer(&wait, &other);
	struct cap learnt = learnt_connections(l, now);
	if (windows_are_away(&l->windows)) /* for the one message that tries */
		cap_tighten(&learnt, 1, ORIGIN_BACKOFF, LIMIT_FOREVER);
	if (open >= learnt.count) {
		other = (struct limiter_wait){.at_ms = LIMITER_ON_EVENT,
					      .level = LEVEL_LANE,
					      .kind = LIMIT_CONNECTIONS,
					      .cap = learnt};
		wait_longer(&wait, &other);
	}
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (has_connections[i] && path->shared[i] != NULL &&
		    limiter_connection_ready_at(path->shared[i], now, &other) > now)
			wait_longer(&wait, &other);
	if (wait.at_ms > now)
		*wait_out = wait;
	return wait.at_ms;
}

/* Calls one of the limiter verbs on the lane and on all that its connections ask. */
static void each_connection_limiter(const struct permit_path *path,
				    void (*verb)(struct limiter *l, int64_t now), int64_t now)
{
	verb(&path->lane->limiter, now);
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (has_connections[i] && path->shared[i] != NULL)
			verb(path->shared[i], now);
}

static void end_connection(struct limiter *l, int64_t now)
{
	(void)now;
	limiter_end_connection(l);
}

static void leave_connection(struct limiter *l, int64_t now)
{
	(void)now;
	l->leaving++;
}

static void end_leaving_connection(struct limiter *l, int64_t now)
{
	(void)now;
	l->leaving--;
	limiter_end_connection(l);
}

struct permit lane_take_connection(const struct permit_path *path, int64_t now)
{
	struct permit permit = {.is_granted = false};
	permit.at_ms = lane_connection_ready_at(path, now, &permit.wait);
	permit.is_granted = permit.at_ms <= now;
	if (permit.is_granted)
		each_connection_limiter(path, limiter_take_connection, now);
	return permit;
}

bool lane_greeted(const struct permit_path *path, int64_t now)
{
	each_connection_limiter(path, limiter_settle_connection, now);
	if (!health_on_greeting(&path->lane->health))
		return false;
	controller_restart(&path->lane->controller, now);
	return true;
}

/* The receiver counts what the source sends, and turns it away for a while. */
static bool is_turned_away(const struct verdict *verdict)
{
	const unsigned both = ACTION_CUT_RATE | ACTION_PAUSE_LANE;
	return verdict->klass == OUTCOME_THROTTLED && verdict->scope == SCOPE_SOURCE &&
	       (verdict->actions & both) == both && (verdict->actions & ACTION_CRAWL) == 0;
}

void lane_keep_reply(const struct outcome *outcome, char out[LANE_REPLY_MAX])
{
	struct buf text;
	const struct enhanced_code *e = &outcome->enhanced;
	buf_init(&text, 4096);
	if (outcome->code != 0)
		buf_appendf(&text, "%u ", outcome->code);
	if (e->klass != 0)
		buf_appendf(&text, "%u.%u.%u ", e->klass, e->subject, e->detail);
	buf_append_str(&text, utf8_clip(outcome->text, LANE_REPLY_MAX));
	struct str kept = utf8_clip(str_trim(buf_str(&text)), LANE_REPLY_MAX - 1);
	must(str_to_cstr(kept, out, LANE_REPLY_MAX) == 0);
	buf_done(&text);
}

/* What it counts is learnt by windows, not by the rate. */
static struct lane_reaction be_turned_away(struct lane_limits *l, const struct outcome *outcome,
					   int64_t begun_ms, int64_t now)
{
	const struct verdict *verdict = &outcome->verdict;
	char reply[LANE_REPLY_MAX];
	struct lane_reaction reaction = {.was_cut = false};
	int64_t sent[WINDOW_COUNT];
	count_windows(l, now, sent);
	reaction.was_cut = windows_on_refusal(&l->windows, sent, verdict->delay_ms, begun_ms, now);
	if (!reaction.was_cut)
		return reaction;
	lane_keep_reply(outcome, reply);
	windows_keep_reply(&l->windows, str_from(reply));
	reaction.rests_until_ms = l->windows.probe_at_ms;
	return reaction;
}

static bool note_cut(struct lane_limits *l, enum lane_lesson lesson, const struct outcome *outcome,
		     bool was_cut)
{
	if (was_cut)
		lane_keep_reply(outcome, l->replies[lesson]);
	return was_cut;
}

/* Does to the lane what the rules ask in reply to what was begun at begun_ms. */
static struct lane_reaction react(struct lane_limits *l, const struct outcome *outcome,
				  int64_t begun_ms, int64_t now)
{
	struct lane_reaction reaction = {.was_cut = false};
	const struct verdict *verdict = &outcome->verdict;
	if (is_turned_away(verdict))
		return be_turned_away(l, outcome, begun_ms, now);
	if (verdict->actions & ACTION_CUT_CONNECTIONS)
		reaction.was_cut |= note_cut(
			l, LESSON_CONNECTIONS, outcome,
			controller_cut_connections(&l->controller, begun_ms, l->limiter.open, now));
	if (verdict->actions & ACTION_CUT_RATE)
		reaction.was_cut |= note_cut(l, LESSON_RATE, outcome,
					     controller_cut_rate(&l->controller, begun_ms, now));
	if (!(verdict->actions & ACTION_PAUSE_LANE))
		return reaction;
	bool is_blocked = verdict->klass == OUTCOME_BLOCKED;
	/* Where the end is said, coming again soon after is no reason to wait longer. */
	if (verdict->until_day
		    ? !health_rest_once(&l->health, is_blocked, verdict->delay_ms, begun_ms, now)
		    : !health_rest(&l->health, is_blocked, verdict->delay_ms, begun_ms, now))
		return reaction;
	lane_keep_reply(outcome, l->replies[LESSON_REST]);
	controller_restart(&l->controller, now);
	if (verdict->actions & ACTION_CRAWL) {
		controller_crawl(&l->controller, now);
		lane_keep_reply(outcome, l->replies[LESSON_RATE]);
	}
	reaction.was_blocked = is_blocked;
	reaction.rests_until_ms = l->health.rests_until_ms;
	return reaction;
}

/* The receiver wants no connection of ours, and no pause is asked for. What is the host's or the
 * site's to mend has its own waits. */
static bool is_refused(const struct outcome *outcome)
{
	const struct verdict *verdict = &outcome->verdict;
	return outcome->words == OUTCOME_WORDS_REMOTE && verdict->klass != OUTCOME_UNREACHED &&
	       (verdict->actions & ACTION_PAUSE_LANE) == 0 && verdict->scope != SCOPE_HOST &&
	       verdict->scope != SCOPE_SITE;
}

/* So long a receiver may count connections of a process that was killed; most see at once that they
 * are gone. */
#define DEAD_COUNT_MS INT64_C(600000)

static bool may_count_the_dead(const struct lane_limits *l, const struct verdict *verdict,
			       int64_t now)
{
	int64_t died_ms = l->limiter.died_ms;
	return (verdict->actions & ACTION_CUT_CONNECTIONS) != 0 && died_ms != 0 &&
	       now - died_ms < DEAD_COUNT_MS;
}

/* With none left, no message and no cut keeps the lane from trying again at once. */
static void wait_to_connect(struct lane_limits *l, const struct outcome *outcome, int64_t begun_ms,
			    int64_t now, struct lane_reaction *io)
{
	int64_t delay_ms = outcome->verdict.delay_ms;
	bool is_new = may_count_the_dead(l, &outcome->verdict, now)
			      ? health_rest_briefly(&l->health, delay_ms, begun_ms, now)
			      : health_rest_once(&l->health, false, delay_ms, begun_ms, now);
	if (!is_new)
		return;
	lane_keep_reply(outcome, l->replies[LESSON_REST]);
	io->rests_until_ms = l->health.rests_until_ms;
}

struct lane_reaction lane_failed(const struct permit_path *path, const struct outcome *outcome,
				 bool is_alone, int64_t begun_ms, int64_t now)
{
	struct lane_limits *l = path->lane;
	each_connection_limiter(path, limiter_settle_connection, now);
	if (outcome->verdict.klass == OUTCOME_UNREACHED && is_alone)
		(void)health_on_failure(&l->health, l->limiter.open, begun_ms, now);
	struct lane_reaction reaction = react(l, outcome, begun_ms, now);
	if (is_refused(outcome) && l->limiter.open - l->limiter.leaving <= 1)
		wait_to_connect(l, outcome, begun_ms, now, &reaction);
	return reaction;
}

void lane_leave_connection(const struct permit_path *path)
{
	each_connection_limiter(path, leave_connection, 0);
}

void lane_end_connection(const struct permit_path *path, bool was_leaving)
{
	each_connection_limiter(path, was_leaving ? end_leaving_connection : end_connection, 0);
}

bool lane_has_surplus(const struct permit_path *path, int64_t now)
{
	struct limiter *own = &path->lane->limiter;
	if (own->open - own->leaving > controller_connections(&path->lane->controller) ||
	    limiter_has_surplus(own, now))
		return true;
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (has_connections[i] && path->shared[i] != NULL &&
		    limiter_has_surplus(path->shared[i], now))
			return true;
	return false;
}

bool lane_forget(struct lane_limits *l, int64_t forgotten, int64_t now)
{
	if (forgotten <= l->forgotten)
		return false;
	l->forgotten = forgotten;
	controller_forget(&l->controller, now);
	windows_init(&l->windows, now);
	l->messages_cap = 0;
	l->is_doubted = false;
	if (!l->health.is_blocked)
		health_resume(&l->health, now);
	for (int i = 0; i < LANE_LESSONS; i++)
		if (i != LESSON_REST || !l->health.is_blocked)
			l->replies[i][0] = '\0';
	return true;
}

/* A learnt rate lasts so long without mail. */
#define LEARNT_RATE_MS INT64_C(3600000)

static bool has_learnt_rate(const struct lane_limits *l, int64_t now)
{
	const struct controller *c = &l->controller;
	int64_t used_ms = c->last_send_ms;
	if (l->health.rests_until_ms > used_ms)
		used_ms = l->health.rests_until_ms;
	return controller_rate(c) > 0 && now - used_ms < LEARNT_RATE_MS;
}

bool lane_remembers(struct lane_limits *l, int64_t now)
{
	refresh_warmup(l, now);
	refresh_windows(l);
	if (has_learnt_rate(l, now) || lane_learnt_messages_cap(l, now).count != LIMIT_NONE)
		return true;
	return l->health.rests_until_ms > now || windows_are_away(&l->windows) ||
	       controller_held_until(&l->controller, now) > now ||
	       limiter_remembers(&l->limiter, now);
}

struct permit lane_take_message(const struct permit_path *path, int64_t now)
{
	struct permit permit = {.is_granted = false};
	permit.at_ms = lane_message_ready_at(path, now, &permit.wait);
	permit.is_granted = permit.at_ms <= now;
	if (!permit.is_granted)
		return permit;
	limiter_take_message(&path->lane->limiter, now);
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (path->shared[i] != NULL)
			limiter_take_message(path->shared[i], now);
	for (int i = 0; i < PARTY_KINDS; i++)
		if (path->parties[i] != NULL)
			party_on_send(path->parties[i], now);
	controller_on_send(&path->lane->controller, path->lane->limiter.open, now);
	windows_on_send(&path->lane->windows);
	return permit;
}

/* The receiver answered, and not to turn us away; or nobody did. */
static void tell_windows(struct lane_limits *l, const struct outcome *outcome, int64_t begun_ms,
			 int64_t now)
{
	int64_t sent[WINDOW_COUNT];
	if (!windows_are_learning(&l->windows) || is_turned_away(&outcome->verdict))
		return;
	if (outcome->words != OUTCOME_WORDS_REMOTE) {
		windows_on_loss(&l->windows, begun_ms, now);
		return;
	}
	count_windows(l, now, sent);
	bool was_short = now - l->windows.away_since_ms < WINDOWS_LEAST_MS;
	if (!windows_on_answer(&l->windows, sent, begun_ms, now))
		return;
	if (was_short && controller_cut_rate(&l->controller, begun_ms, now))
		memcpy(l->replies[LESSON_RATE], l->windows.reply, LANE_REPLY_MAX);
	if (!was_short)
		controller_restart(&l->controller, now);
}

/* Of the source or the site: a full mailbox, a greylist or a directory of theirs that is down says
 * nothing about how much we send, nor does a limit of a domain or a content about the source. */
static bool is_deferral(const struct verdict *verdict)
{
	return verdict->scope != SCOPE_RECIPIENT && verdict->cause != CAUSE_USER_UNKNOWN &&
	       party_of_verdict(verdict) < 0 &&
	       (verdict->klass == OUTCOME_DEFERRED || verdict->klass == OUTCOME_THROTTLED);
}

static struct lane_reaction react_to(const struct permit_path *path, const struct outcome *outcome,
				     int64_t begun_ms, int64_t now)
{
	struct lane_reaction reaction = {.was_cut = false};
	const struct verdict *verdict = &outcome->verdict;
	int kind = party_of_verdict(verdict);
	struct party *party = kind >= 0 ? path->parties[kind] : NULL;
	struct outcome others = *outcome;
	if (party == NULL)
		return react(path->lane, outcome, begun_ms, now);
	others.verdict.actions &= (unsigned)~(ACTION_CUT_RATE | ACTION_PAUSE_LANE | ACTION_CRAWL);
	reaction = react(path->lane, &others, begun_ms, now);
	if (party_refused(party, verdict, begun_ms, now))
		reaction.cut_party = party;
	return reaction;
}

/* The first message of a connection says nothing about how many it takes: then they are too many
 * connections. */
static bool cap_messages(struct lane_limits *l, const struct outcome *outcome,
			 const struct permit *permit, int64_t now)
{
	if (permit->nth == 0)
		return note_cut(l, LESSON_CONNECTIONS, outcome,
				controller_cut_connections(&l->controller, permit->at_ms,
							   l->limiter.open, now));
	return note_cut(l, LESSON_MESSAGES, outcome, learn_messages_cap(l, permit->nth, now));
}

struct lane_reaction lane_end_message(const struct permit_path *path, const struct permit *permit,
				      const struct outcome *outcome, int64_t now)
{
	must(permit->is_granted);
	struct lane_limits *l = path->lane;
	const struct verdict *verdict = &outcome->verdict;
	limiter_end_message(&l->limiter, now);
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (path->shared[i] != NULL)
			limiter_end_message(path->shared[i], now);
	if (l->warmup != NULL)
		warmup_on_answer(l->warmup, is_deferral(verdict),
				 verdict->klass == OUTCOME_BLOCKED &&
					 party_of_verdict(verdict) < 0);
	bool is_signal = party_of_verdict(verdict) >= 0 ||
			 verdict->actions & (ACTION_CUT_CONNECTIONS | ACTION_CUT_RATE |
					     ACTION_PAUSE_LANE | ACTION_CAP_MESSAGES);
	bool was_answered = outcome->words == OUTCOME_WORDS_REMOTE && !is_signal;
	if (was_answered)
		controller_on_answer(&l->controller, verdict->klass == OUTCOME_DELIVERED,
				     permit->at_ms, now);
	for (int i = 0; i < PARTY_KINDS; i++)
		if (path->parties[i] != NULL)
			party_on_end(path->parties[i], was_answered, permit->at_ms, now);
	tell_windows(l, outcome, permit->at_ms, now);
	struct lane_reaction reaction = react_to(path, outcome, permit->at_ms, now);
	if (verdict->actions & ACTION_CAP_MESSAGES)
		reaction.was_cut |= cap_messages(l, outcome, permit, now);
	return reaction;
}

/* So long cuts are in doubt; then they stand, and what stood before them is out of date. */
#define DOUBT_MS INT64_C(600000)

static bool is_in_doubt(const struct lane_limits *l, int64_t now)
{
	return l->is_doubted && now - l->doubted_ms <= DOUBT_MS;
}

void lane_doubt(struct lane_limits *l, int64_t now)
{
	if (is_in_doubt(l, now))
		return;
	l->rate_before = l->controller.rate;
	l->doubted_ms = now;
	l->is_doubted = true;
}

void lane_acquit(struct lane_limits *l, int64_t now)
{
	if (is_in_doubt(l, now))
		controller_restore_rate(&l->controller, &l->rate_before, now);
	l->is_doubted = false;
}

void lane_convict(struct lane_limits *l)
{
	l->is_doubted = false;
}

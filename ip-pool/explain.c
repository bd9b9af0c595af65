/* SPDX-License-Identifier: MIT */
/* Sentences about limits and waits. Pure. */
#include "ip-pool/explain.h"

void explain_duration(int64_t ms, struct buf *out)
{
	int64_t s = (ms + 999) / 1000;
	if (ms < 1000)
		buf_appendf(out, "%lld ms", (long long)(ms > 0 ? ms : 0));
	else if (s < 120)
		buf_appendf(out, "%lld s", (long long)s);
	else if (s < 7200)
		buf_appendf(out, "%lld min", (long long)((s + 59) / 60));
	else if (s < 172800)
		buf_appendf(out, "%lld h %lld min", (long long)(s / 3600),
			    (long long)(s % 3600 / 60));
	else
		buf_appendf(out, "%lld days", (long long)(s / 86400));
}

/* The provider's name, or the site of the tail. */
static struct str place(const struct limit_scope *scope)
{
	return str_is_empty(scope->provider) ? scope->site : scope->provider;
}

void explain_lane(const struct limit_scope *scope, struct buf *out)
{
	buf_appendf(out, "%.*s/%.*s", STR_ARG(scope->source), STR_ARG(place(scope)));
}

void explain_scope(const struct limit_scope *scope, struct buf *out)
{
	switch (scope->level) {
	case LEVEL_LANE:
		buf_append_cstr(out, "lane ");
		explain_lane(scope, out);
		return;
	case LEVEL_SOURCE:
		buf_appendf(out, "source %.*s", STR_ARG(scope->source));
		return;
	case LEVEL_PROVIDER:
		buf_appendf(out, "provider %.*s", STR_ARG(place(scope)));
		return;
	case LEVEL_DOMAIN:
		buf_append_str(out, scope->domain);
		if (place(scope).len > 0)
			buf_appendf(out, " at %.*s", STR_ARG(place(scope)));
		return;
	case LEVEL_CAMPAIGN:
		buf_appendf(out, "campaign %lld", (long long)scope->campaign);
		return;
	case LEVEL_NODE:
		if (str_is_empty(scope->node))
			buf_append_cstr(out, "each node");
		else
			buf_appendf(out, "node %.*s", STR_ARG(scope->node));
		return;
	}
}

static void say_number(const struct cap *cap, enum limit_kind kind, enum limit_period period,
		       struct buf *out)
{
	long long n = (long long)cap->count;
	const char *connections = plural(n, "connection", "connections");
	const char *messages = plural(n, "message", "messages");
	switch (kind) {
	case LIMIT_CONNECTIONS:
		buf_appendf(out, "%lld %s", n, connections);
		return;
	case LIMIT_NEW_CONNECTIONS:
		buf_appendf(out, "%lld new %s/%s", n, connections, limit_period_name(period));
		return;
	case LIMIT_MESSAGES:
		buf_appendf(out, "%lld %s/%s", n, messages, limit_period_name(period));
		return;
	case LIMIT_MESSAGES_PER_CONNECTION:
		buf_appendf(out, "%lld %s per connection", n, messages);
		return;
	}
}

static void say_left(const struct cap *cap, int64_t now, struct buf *out)
{
	if (cap->until_ms == LIMIT_FOREVER || cap->until_ms <= now)
		return;
	buf_append_cstr(out, ", for another ");
	explain_duration(cap->until_ms - now, out);
}

static void say_origin(const struct cap *cap, int64_t now, struct buf *out)
{
	switch (cap->origin) {
	case ORIGIN_OPERATOR:
		buf_appendf(out, " by operator (limit %lld)", (long long)cap->rule);
		break;
	case ORIGIN_DEFAULT:
		buf_append_cstr(out, " by default");
		break;
	case ORIGIN_PROFILE:
		buf_append_cstr(out, " by the provider's profile");
		break;
	case ORIGIN_WARMUP:
		buf_append_cstr(out, " by its warm-up");
		break;
	case ORIGIN_START:
		buf_append_cstr(out, " for now: it began low and feels its way up");
		break;
	case ORIGIN_LEARNT:
		buf_append_cstr(out, " learnt from the receiver");
		break;
	case ORIGIN_BACKOFF:
		buf_append_cstr(out, " backing off after a refusal");
		break;
	case ORIGIN_SLICE:
		buf_append_cstr(out, " as its share here");
		break;
	case ORIGIN_DEAD:
		buf_append_cstr(out, " while it does not answer");
		break;
	case ORIGIN_PAUSE:
	case ORIGIN_UNSAVED:
	case ORIGIN_KILLED:
	case ORIGIN_NONE:
		break;
	}
	say_left(cap, now, out);
}

void explain_cap(const struct cap *cap, enum limit_kind kind, enum limit_period period, int64_t now,
		 struct buf *out)
{
	if (cap->count == LIMIT_NONE) {
		buf_append_cstr(out, "no limit");
		return;
	}
	if (cap->count == 0 && cap->origin == ORIGIN_BACKOFF) {
		buf_append_cstr(out, "nothing: it rests because the receiver asked for it");
		say_left(cap, now, out);
		return;
	}
	say_number(cap, kind, period, out);
	say_origin(cap, now, out);
}

/* What it may have sent: all that could be. */
static void say_killed(const struct limiter_wait *wait, struct buf *out)
{
	buf_append_cstr(out, "counts its ");
	say_number(&wait->cap, wait->kind, wait->period, out);
	buf_append_cstr(out, " as used up by the process before, which was killed");
}

/* Waits that are no matter of a number. */
static bool say_standstill(const struct limiter_wait *wait, struct buf *out)
{
	if (wait->cap.origin == ORIGIN_PAUSE)
		buf_append_cstr(out, "is paused");
	else if (wait->cap.origin == ORIGIN_DEAD)
		buf_append_cstr(out, "does not answer and is probed by one connection");
	else if (wait->cap.origin == ORIGIN_BACKOFF && wait->cap.count == 0)
		buf_append_cstr(out, "rests because the receiver asked for it");
	else if (wait->cap.origin == ORIGIN_UNSAVED)
		buf_append_cstr(out, "opens none until the database has counted its last new ones");
	else if (wait->cap.origin == ORIGIN_KILLED)
		say_killed(wait, out);
	else
		return false;
	return true;
}

void explain_wait(const struct limiter_wait *wait, const struct limit_scope *scope, int64_t now,
		  struct buf *out)
{
	buf_append_cstr(out, "waits ");
	if (wait->cap.origin == ORIGIN_UNSAVED) {
		buf_append_cstr(out, "for new connections to be saved");
	} else if (wait->at_ms == LIMITER_ON_EVENT && wait->cap.origin == ORIGIN_PAUSE) {
		buf_append_cstr(out, "until resumed");
	} else if (wait->at_ms == LIMITER_ON_EVENT) {
		buf_append_cstr(out, wait->kind == LIMIT_CONNECTIONS ? "for a connection to end"
								     : "for a reply");
	} else {
		explain_duration(wait->at_ms - now, out);
	}
	buf_append_cstr(out, ": ");
	explain_scope(scope, out);
	buf_append_char(out, ' ');
	if (say_standstill(wait, out))
		return;
	buf_append_cstr(out, "has its ");
	explain_cap(&wait->cap, wait->kind, wait->period, now, out);
}

void explain_pause(const struct pause *pause, int64_t now, struct buf *out)
{
	buf_appendf(out, "paused by %.*s", STR_ARG(pause->who));
	if (pause->origin != PAUSE_OPERATOR)
		buf_appendf(out, " (%s)", pause_origin_name(pause->origin));
	if (!str_is_empty(pause->because))
		buf_appendf(out, " (%.*s)", STR_ARG(pause->because));
	if (pause->until_ms == LIMIT_FOREVER) {
		buf_append_cstr(out, " until resumed");
		return;
	}
	buf_append_cstr(out, ", for another ");
	explain_duration(pause->until_ms - now, out);
}

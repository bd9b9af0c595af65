/* SPDX-License-Identifier: MIT */
/*
 * Joins a dialog to a stream and a timer; see session.h. Decides nothing about SMTP: bytes go to
 * the dialog, its news go to the owner, its output to the stream, its deadline to the timer.
 *
 * pump() is the only place that calls the owner. What the owner calls does its work at once and,
 * if that made news, leaves them to the next pump: the one running, or one at the end of the turn.
 */
#include "engine/net/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/crash.h"
#include "engine/net/net_private.h"
#include "engine/net/stream.h"

/* Slices handed to the stream at once. */
#define SLICES_MAX 64u

enum phase {
	PHASE_CONNECTING,
	PHASE_TALKING,	 /* there is a dialog */
	PHASE_LINGERING, /* `why` is known; waits for the peer's end, or close_ms */
	PHASE_GONE,	 /* no more callbacks */
};

struct session {
	struct net *net;
	const struct session_events *events;
	void *owner;
	enum phase phase;
	bool is_pumping;
	bool has_ended;	       /* the stream has: nothing to wait for */
	struct stream *stream; /* NULL if it could not even be begun */
	struct dialog *dialog; /* NULL while connecting */
	struct timer timer;
	struct grave grave;
	struct session_facts facts;
	struct outcome why;
	struct buf why_text;
	/* Copies of the target's: */
	struct tls_context *tls_context;
	struct dialog_config config;
	in_port_t port;
	char *host_name;
	char *ehlo_name;
	char *user;
	char *password;
};

static void pump(struct session *s);
static void arm(struct session *s);

/* --- the end --- */

static void free_session(struct grave *grave)
{
	struct session *s = CONTAINER_OF(grave, struct session, grave);
	s->net->sessions--;
	dialog_free(s->dialog);
	buf_done(&s->why_text);
	free(s->host_name);
	free(s->ehlo_name);
	free(s->user);
	if (s->password != NULL)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	free(s);
}

void session_close(struct session *s)
{
	if (s == NULL || s->phase == PHASE_GONE)
		return;
	s->phase = PHASE_GONE;
	timer_clear(net_loop(s->net), &s->timer);
	stream_close(s->stream);
	net_bury(s->net, &s->grave);
}

/* The last callback. */
static void finish(struct session *s)
{
	void (*on_closed)(void *, struct session *, const struct outcome *) = s->events->on_closed;
	timer_clear(net_loop(s->net), &s->timer);
	s->is_pumping = true;
	on_closed(s->owner, s, &s->why);
	session_close(s);
}

/* Keeps why; on_closed comes at the peer's end, or after wait_ms, but not from within this. */
static void linger(struct session *s, const struct outcome *why, int64_t wait_ms)
{
	s->phase = PHASE_LINGERING;
	s->why = *why;
	buf_clear(&s->why_text);
	buf_append_str(&s->why_text, str_slice(why->text, 0, s->why_text.max));
	s->why.text = buf_str(&s->why_text);
	timer_set(net_loop(s->net), &s->timer, loop_now_ms(net_loop(s->net)) + wait_ms);
}

/* Why there was no conversation. */
static void linger_unconnected(struct session *s, enum outcome_words words, const char *text)
{
	struct outcome why = {.words = words, .stage = STAGE_CONNECT, .text = str_from(text)};
	linger(s, &why, 0);
}

static void on_dialog_over(struct session *s, const struct outcome *why)
{
	linger(s, why, s->has_ended ? 0 : s->config.timeouts.close_ms);
	if (!s->has_ended)
		stream_shutdown(s->stream);
}

/* --- the stream's callbacks --- */

static void on_connected(void *owner)
{
	struct session *s = owner;
	int64_t now = loop_now_ms(net_loop(s->net));
	if (s->phase != PHASE_CONNECTING)
		return;
	s->facts.connected_at_ms = now;
	s->phase = PHASE_TALKING;
	s->dialog = dialog_new(&s->config, now);
	pump(s);
}

static void on_refused(void *owner, const struct dial_failure *failure)
{
	struct session *s = owner;
	if (s->phase != PHASE_CONNECTING)
		return;
	s->facts.dial_errno = failure->code;
	linger_unconnected(s, failure->is_local ? OUTCOME_WORDS_LOCAL : OUTCOME_WORDS_TCP,
			   strerrordesc_np(failure->code));
	finish(s);
}

static void on_secure(void *owner)
{
	struct session *s = owner;
	if (s->phase != PHASE_TALKING)
		return;
	dialog_tls_ready(s->dialog, loop_now_ms(net_loop(s->net)));
	pump(s);
}

static void on_bytes(void *owner, struct str bytes)
{
	struct session *s = owner;
	if (s->phase != PHASE_TALKING)
		return;
	dialog_feed(s->dialog, bytes, loop_now_ms(net_loop(s->net)));
	pump(s);
}

/* A commit that the kernel did not take when it was given is stale now. */
static void on_writable(void *owner)
{
	struct session *s = owner;
	if (s->phase != PHASE_TALKING)
		return;
	dialog_lapse(s->dialog);
	pump(s);
}

static void on_ended(void *owner, enum outcome_words words, struct str text)
{
	struct session *s = owner;
	s->has_ended = true;
	s->facts.peer_closed_at_ms = loop_now_ms(net_loop(s->net));
	if (s->phase == PHASE_TALKING) {
		dialog_lost(s->dialog, words, text);
		pump(s);
	} else if (s->phase == PHASE_LINGERING && !s->is_pumping) {
		finish(s);
	}
}

static const struct stream_events stream_events = {
	.on_connected = on_connected,
	.on_refused = on_refused,
	.on_secure = on_secure,
	.on_bytes = on_bytes,
	.on_writable = on_writable,
	.on_ended = on_ended,
};

/* --- the pump --- */

/* Writes what the dialog has, as far as the kernel takes it. */
static void flush(struct session *s)
{
	struct str slices[SLICES_MAX];
	size_t count;
	while ((count = dialog_output(s->dialog, slices, SLICES_MAX)) > 0) {
		size_t total = 0;
		for (size_t i = 0; i < count; i++)
			total += slices[i].len;
		size_t n = stream_write(s->stream, slices, count);
		dialog_sent(s->dialog, n, loop_now_ms(net_loop(s->net)));
		if (n < total)
			break;
	}
}

static void start_tls(struct session *s)
{
	char key[512];
	snprintf(key, sizeof(key), "%s %s %u %s", s->host_name != NULL ? s->host_name : "",
		 s->facts.remote_ip, (unsigned)s->port, tls_mode_name(s->config.tls));
	stream_start_tls(s->stream, s->tls_context, s->config.tls, s->host_name, key);
}

static void tell(struct session *s, enum dialog_news news, const struct settled *settled)
{
	switch (news) {
	case DIALOG_QUIET:
		break;
	case DIALOG_OUTCOME:
		s->events->on_outcome(s->owner, s, settled->tag, &settled->outcome);
		break;
	case DIALOG_START_TLS:
		start_tls(s);
		break;
	case DIALOG_READY:
		if (s->facts.ready_at_ms == 0)
			s->facts.ready_at_ms = loop_now_ms(net_loop(s->net));
		s->events->on_ready(s->owner, s);
		break;
	case DIALOG_ROOM:
		if (s->events->on_room != NULL)
			s->events->on_room(s->owner, s);
		break;
	case DIALOG_WANTS_COMMIT:
		s->events->on_wants_commit(s->owner, s, settled->tag);
		break;
	case DIALOG_OVER:
		on_dialog_over(s, &settled->outcome);
		break;
	}
}

/* Tells the owner all news, writes, and goes on while that makes news. */
static void pump(struct session *s)
{
	struct settled settled = {0};
	enum dialog_news news;
	if (s->is_pumping)
		return;
	s->is_pumping = true;
	do {
		while (s->phase == PHASE_TALKING &&
		       (news = dialog_news(s->dialog, &settled)) != DIALOG_QUIET)
			tell(s, news, &settled);
		if (s->phase == PHASE_TALKING)
			flush(s);
	} while (s->phase == PHASE_TALKING && dialog_has_news(s->dialog));
	s->is_pumping = false;
	if (s->phase == PHASE_LINGERING && s->has_ended)
		finish(s);
	else
		arm(s);
}

/* A timer that is due too early is cheaper than one moved at every reply. */
static void arm(struct session *s)
{
	if (s->phase != PHASE_TALKING)
		return;
	int64_t at = dialog_deadline(s->dialog);
	if (at != INT64_MAX && (!timer_is_set(&s->timer) || s->timer.node.key > at))
		timer_set(net_loop(s->net), &s->timer, at);
}

static void on_due(struct timer *t)
{
	struct session *s = t->owner;
	if (s->phase == PHASE_LINGERING) {
		finish(s);
	} else if (s->phase == PHASE_CONNECTING) {
		s->facts.dial_errno = ETIMEDOUT;
		linger_unconnected(s, OUTCOME_WORDS_TCP, "timed out: no connection");
		finish(s);
	} else {
		dialog_expired(s->dialog, loop_now_ms(net_loop(s->net)));
		pump(s);
	}
}

/* After a call of the owner's: writes now, tells later. */
static void work(struct session *s)
{
	if (s->is_pumping)
		return;
	flush(s);
	if (dialog_has_news(s->dialog))
		timer_set(net_loop(s->net), &s->timer, loop_now_ms(net_loop(s->net)));
	else
		arm(s);
}

/* --- opening --- */

static char *copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void copy_target(struct session *s, const struct session_target *target)
{
	const struct smtp_timeouts *timeouts = target->timeouts;
	s->tls_context = target->tls_context;
	s->host_name = copy(target->host_name);
	s->ehlo_name = copy(target->ehlo_name);
	s->user = copy(target->user);
	s->password = copy(target->password);
	s->config = (struct dialog_config){
		.ehlo_name = str_from(s->ehlo_name),
		.tls = target->tls,
		.user = str_from(s->user),
		.password = str_from(s->password),
		.may_auth_in_clear = target->may_auth_in_clear,
		.may_pipeline = target->may_pipeline,
		.may_overlap = target->may_overlap,
		.timeouts = timeouts != NULL ? *timeouts : smtp_timeouts_default,
	};
}

static void keep_address(struct session *s, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;
	bool is_v6 = address->ss_family == AF_INET6;
	const void *octets = is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
	s->port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
	if (inet_ntop(address->ss_family, octets, s->facts.remote_ip, sizeof(s->facts.remote_ip)) ==
	    NULL)
		s->facts.remote_ip[0] = '\0';
}

struct session *session_open(struct net *n, const struct session_target *target,
			     const struct session_events *events, void *owner)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct dial_ends ends = {&target->address, &target->source};
	struct dial_failure failure;
	must(target->tls == TLS_NONE || target->tls_context != NULL);
	s->net = n;
	s->events = events;
	s->owner = owner;
	s->timer.on_due = on_due;
	s->timer.owner = s;
	s->grave.free = free_session;
	s->facts.opened_at_ms = loop_refresh_ms(n->loop);
	buf_init(&s->why_text, 1024);
	keep_address(s, &target->address);
	copy_target(s, target);
	n->sessions++;
	s->stream = stream_open(n, &ends, &stream_events, s, &failure);
	if (s->stream == NULL) {
		s->facts.dial_errno = failure.code;
		linger_unconnected(s, failure.is_local ? OUTCOME_WORDS_LOCAL : OUTCOME_WORDS_TCP,
				   strerrordesc_np(failure.code));
	} else {
		timer_set(n->loop, &s->timer,
			  s->facts.opened_at_ms + s->config.timeouts.connect_ms);
	}
	return s;
}

/* --- the owner's calls --- */

/* The owner may call long after the turn's clock was read. */
static int64_t clock_of(struct session *s)
{
	return loop_refresh_ms(net_loop(s->net));
}

bool session_can_send(const struct session *s)
{
	return s->phase == PHASE_TALKING && dialog_can_send(s->dialog);
}

bool session_send(struct session *s, const struct envelope *envelope)
{
	if (!session_can_send(s))
		return false;
	dialog_send(s->dialog, envelope, clock_of(s));
	work(s);
	return true;
}

bool session_commit(struct session *s)
{
	if (s->phase != PHASE_TALKING || !dialog_commit(s->dialog, clock_of(s)))
		return false;
	work(s);
	crash_point(CRASH_DOT_SENT);
	return true;
}

/* Before there is a conversation, giving up needs no words. */
static bool give_up_unconnected(struct session *s)
{
	if (s->phase == PHASE_CONNECTING)
		linger_unconnected(s, OUTCOME_WORDS_LOCAL, "given up");
	return s->phase != PHASE_TALKING;
}

bool session_is_written(const struct session *s)
{
	struct str next;
	return s->phase == PHASE_TALKING && dialog_output(s->dialog, &next, 1) == 0;
}

void session_abort(struct session *s)
{
	if (give_up_unconnected(s))
		return;
	dialog_lost(s->dialog, OUTCOME_WORDS_LOCAL, STR("given up"));
	work(s);
}

void session_quit(struct session *s)
{
	if (give_up_unconnected(s))
		return;
	dialog_quit(s->dialog, clock_of(s));
	work(s);
}

struct session_facts session_facts(const struct session *s)
{
	struct session_facts facts = s->facts;
	bool is_open = s->stream != NULL;
	if (s->dialog != NULL)
		facts.dialog = dialog_facts(s->dialog);
	facts.tls_version = is_open ? stream_tls_version(s->stream) : "";
	facts.tls_cipher = is_open ? stream_tls_cipher(s->stream) : "";
	facts.tls_verified = is_open && stream_is_verified(s->stream);
	facts.tls_resumed = is_open && stream_is_resumed(s->stream);
	return facts;
}

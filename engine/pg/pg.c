/* SPDX-License-Identifier: MIT */
/*
 * libpq in pipeline mode on libuv; see pg.h.
 *
 * Every call is sent as [prologue] [prepare] execute sync, so that an error stops at its own sync,
 * and is answered when its sync comes back: in a pipeline the server commits at the sync, after it
 * has already reported the statement as complete.
 *
 * libpq may close its socket and open another between two steps of connecting, even under the same
 * number, so each step gets a fresh poll handle.
 */
#include "engine/pg/pg.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/crash.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/pg/pg_private.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define CONNECT_TIMEOUT_MS 10000

enum pg_state {
	STATE_DOWN,	  /* waiting for the next attempt (timer) */
	STATE_CONNECTING, /* PQconnectPoll wants the socket */
	STATE_SETUP,	  /* PG_SETUP is being executed */
	STATE_UP,	  /* in pipeline mode */
	STATE_CLOSED,	  /* pg_close was called; only the memory is left */
};

struct poller {
	uv_poll_t handle;
	struct pg *pg; /* NULL once it is being closed */
};

struct prepared {
	struct map_node node; /* pg.prepared, by name */
	char *name;
};

struct call {
	struct list node;	 /* pg.waiting until sent, then pg.sent */
	char *prologue;		 /* utility statement executed first, or NULL */
	char *name;		 /* statement; NULL: text is one */
	char *text;		 /* command text, or NULL */
	struct pg_params params; /* copy; emptied when sent */
	pg_on_reply on_reply;
	void *owner;
	int64_t sent_ms;
	int prepare_at;	  /* which of its results is the prepare's, 0 = none */
	int results;	  /* good results so far */
	PGresult *result; /* the last good one */
	bool is_refused;
	struct err err; /* when refused */
};

struct pg {
	struct loop *loop;
	char *url, *name, *listen;
	char *prologue;		   /* of every call, or NULL */
	struct pg_options options; /* its strings point at the copies above */
	enum pg_state state;
	PGconn *conn;
	struct poller *poller; /* NULL while down */
	int events;	       /* what poller is armed for */
	struct timer timer;    /* down: next attempt; else: time-out */
	int64_t backoff_ms;
	bool is_broken;	     /* drop the connection at the next timer */
	struct list waiting; /* struct call, not sent: made while not up */
	struct list sent;    /* struct call, in the order sent: replies come in this order */
	size_t open;	     /* calls on both lists */
	struct map prepared; /* struct prepared: names this connection knows */
	uv_idle_t anchor;    /* never runs; its close callback frees the pg */
};

static void connection_start(struct pg *pg);
static void connection_drop(struct pg *pg, const struct err *err);
static void on_timer(struct timer *t);
static void arm(struct pg *pg, int events);

/* ---- open and close ---- */

struct pg *pg_open(struct loop *loop, const struct pg_options *options)
{
	struct pg *pg = xcalloc(1, sizeof(*pg));
	pg->loop = loop;
	pg->options = *options;
	pg->url = xstrdup(options->url);
	pg->name = xstrdup(options->name);
	pg->listen = options->listen == NULL ? NULL : xstrdup(options->listen);
	pg->options.url = pg->url;
	pg->options.name = pg->name;
	pg->options.listen = pg->listen;
	pg->backoff_ms = BACKOFF_MIN_MS;
	pg->timer = (struct timer){.on_due = on_timer, .owner = pg};
	list_init(&pg->waiting);
	list_init(&pg->sent);
	map_init(&pg->prepared);
	uv_idle_init(loop_uv(loop), &pg->anchor);
	uv_unref((uv_handle_t *)&pg->anchor);
	pg->anchor.data = pg;
	timer_set(loop, &pg->timer, loop_now_ms(loop));
	return pg;
}

static void call_free(struct call *call)
{
	free(call->prologue);
	free(call->name);
	free(call->text);
	pg_params_done(&call->params);
	PQclear(call->result);
	free(call);
}

static void calls_free(struct list *calls)
{
	struct list *node;
	while ((node = list_pop_front(calls)) != NULL)
		call_free(LIST_ITEM(node, struct call, node));
}

static void forget_prepared(struct pg *pg)
{
	struct map_node *node = map_next(&pg->prepared, NULL);
	while (node != NULL) {
		struct prepared *prepared = CONTAINER_OF(node, struct prepared, node);
		node = map_next(&pg->prepared, node);
		free(prepared->name);
		free(prepared);
	}
	map_done(&pg->prepared);
	map_init(&pg->prepared);
}

static void on_poller_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void disarm(struct pg *pg)
{
	if (pg->poller == NULL)
		return;
	pg->poller->pg = NULL;
	uv_poll_stop(&pg->poller->handle);
	uv_close((uv_handle_t *)&pg->poller->handle, on_poller_closed);
	pg->poller = NULL;
	pg->events = 0;
}

static void on_anchor_closed(uv_handle_t *handle)
{
	struct pg *pg = handle->data;
	free(pg->url);
	free(pg->name);
	free(pg->listen);
	free(pg->prologue);
	free(pg);
}

void pg_close(struct pg *pg)
{
	if (pg == NULL || pg->state == STATE_CLOSED)
		return;
	pg->state = STATE_CLOSED;
	timer_clear(pg->loop, &pg->timer);
	disarm(pg);
	PQfinish(pg->conn);
	pg->conn = NULL;
	calls_free(&pg->waiting);
	calls_free(&pg->sent);
	forget_prepared(pg);
	uv_ref((uv_handle_t *)&pg->anchor);
	uv_close((uv_handle_t *)&pg->anchor, on_anchor_closed);
}

bool pg_is_up(const struct pg *pg)
{
	return pg->state == STATE_UP && !pg->is_broken;
}

size_t pg_calls_open(const struct pg *pg)
{
	return pg->open;
}

/* ---- calls ---- */

/* Whether the connection knows name; remembers it as known otherwise. */
static bool was_prepared(struct pg *pg, const char *name)
{
	uint64_t hash = hash_str(str_from(name));
	if (map_get(&pg->prepared, hash, NULL, NULL) != NULL)
		return true;
	struct prepared *prepared = xcalloc(1, sizeof(*prepared));
	prepared->name = xstrdup(name);
	map_put(&pg->prepared, &prepared->node, hash);
	return false;
}

static void unprepare(struct pg *pg, const char *name)
{
	struct map_node *node = map_get(&pg->prepared, hash_str(str_from(name)), NULL, NULL);
	if (node == NULL)
		return;
	struct prepared *prepared = CONTAINER_OF(node, struct prepared, node);
	map_remove(&pg->prepared, node);
	free(prepared->name);
	free(prepared);
}

/* Hands the call to libpq; false when the connection is of no use any more. */
static bool send_parts(struct pg *pg, struct call *call)
{
	struct pg_wire wire;
	pg_wire_fill(&wire, &call->params);
	int parts = 0;
	if (call->prologue != NULL) {
		parts++;
		if (!PQsendQueryParams(pg->conn, call->prologue, 0, NULL, NULL, NULL, NULL, 1))
			return false;
	}
	if (call->name == NULL)
		return PQsendQueryParams(pg->conn, call->text, 0, NULL, NULL, NULL, NULL, 1) &&
		       PQpipelineSync(pg->conn);
	if (!was_prepared(pg, call->name)) {
		call->prepare_at = ++parts;
		if (!PQsendPrepare(pg->conn, call->name, statement_text(call->name), wire.count,
				   wire.types))
			return false;
	}
	return PQsendQueryPrepared(pg->conn, call->name, wire.count, wire.values, wire.lengths,
				   wire.formats, 1) &&
	       PQpipelineSync(pg->conn);
}

/* Breaks the connection from a place that must not call back: the timer does the rest. */
static void set_broken(struct pg *pg)
{
	pg->is_broken = true;
	timer_set(pg->loop, &pg->timer, loop_now_ms(pg->loop));
}

static void flush_out(struct pg *pg)
{
	crash_point(CRASH_DATABASE_WRITE);
	int rc = PQflush(pg->conn);
	crash_point(CRASH_DATABASE_WRITTEN);
	if (rc < 0)
		set_broken(pg);
	else
		arm(pg, rc > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void arm_reply_timeout(struct pg *pg)
{
	struct list *oldest = list_first(&pg->sent);
	if (pg->options.reply_timeout_ms == 0 || pg->is_broken)
		return;
	if (oldest == NULL)
		timer_clear(pg->loop, &pg->timer);
	else
		timer_set(pg->loop, &pg->timer,
			  LIST_ITEM(oldest, struct call, node)->sent_ms +
				  pg->options.reply_timeout_ms);
}

static void call_send(struct pg *pg, struct call *call)
{
	list_push_back(&pg->sent, &call->node);
	call->sent_ms = loop_now_ms(pg->loop);
	if (!send_parts(pg, call))
		set_broken(pg);
	pg_params_done(&call->params);
}

static void call_make(struct pg *pg, struct call *call)
{
	must(pg->state != STATE_CLOSED);
	pg->open++;
	list_init(&call->node);
	if (!pg_is_up(pg)) {
		list_push_back(&pg->waiting, &call->node);
		return;
	}
	call_send(pg, call);
	if (!pg->is_broken)
		flush_out(pg);
	arm_reply_timeout(pg);
}

void pg_set_prologue(struct pg *pg, const char *sql)
{
	free(pg->prologue);
	pg->prologue = sql == NULL ? NULL : xstrdup(sql);
}

void pg_call(struct pg *pg, const char *name, const struct pg_params *params, pg_on_reply on_reply,
	     void *owner)
{
	struct call *call = xcalloc(1, sizeof(*call));
	call->prologue = pg->prologue == NULL ? NULL : xstrdup(pg->prologue);
	call->name = xstrdup(name);
	call->on_reply = on_reply;
	call->owner = owner;
	pg_params_init(&call->params);
	if (params != NULL) {
		buf_append(&call->params.bytes, params->bytes.data, params->bytes.len);
		memcpy(call->params.items, params->items, sizeof(params->items));
		call->params.count = params->count;
	}
	call_make(pg, call);
}

void pg_command(struct pg *pg, const char *sql, pg_on_reply on_reply, void *owner)
{
	struct call *call = xcalloc(1, sizeof(*call));
	call->text = xstrdup(sql);
	call->on_reply = on_reply;
	call->owner = owner;
	pg_params_init(&call->params);
	call_make(pg, call);
}

/* ---- replies ---- */

static void answer(struct pg *pg, struct call *call, enum pg_fate fate, const struct err *err)
{
	struct pg_rows rows = {call->result};
	struct pg_reply reply = {.fate = fate,
				 .rows = fate == PG_DONE ? &rows : NULL,
				 .err = fate == PG_DONE ? NULL : err};
	must(pg->open > 0);
	pg->open--;
	if (call->on_reply != NULL)
		call->on_reply(call->owner, &reply);
	call_free(call);
}

static void on_sync(struct pg *pg, struct call *call)
{
	list_remove(&call->node);
	if (call->is_refused && call->prepare_at > call->results)
		unprepare(pg, call->name);
	answer(pg, call, call->is_refused ? PG_REFUSED : PG_DONE, &call->err);
}

static void on_result(struct call *call, PGresult *result)
{
	if (pg_is_good(result)) {
		PQclear(call->result);
		call->result = result;
		call->results++;
		return;
	}
	/* What follows an error up to its sync is "aborted" and tells nothing. */
	if (!call->is_refused)
		pg_result_err(&call->err, result, call->name != NULL ? call->name : call->text);
	call->is_refused = true;
	PQclear(result);
}

static void read_results(struct pg *pg)
{
	int nulls = 0; /* one ends each statement; two in a row: libpq has nothing more */
	while (pg->state == STATE_UP && nulls < 2 && !list_is_empty(&pg->sent) &&
	       !PQisBusy(pg->conn)) {
		struct call *call = LIST_ITEM(list_first(&pg->sent), struct call, node);
		PGresult *result = PQgetResult(pg->conn);
		if (result == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
			PQclear(result);
			on_sync(pg, call);
		} else {
			on_result(call, result);
		}
	}
}

static void read_notifies(struct pg *pg)
{
	PGnotify *notify;
	while (pg->state == STATE_UP && (notify = PQnotifies(pg->conn)) != NULL) {
		if (pg->options.on_notify != NULL)
			pg->options.on_notify(pg->options.owner, pg, str_from(notify->extra));
		PQfreemem(notify);
	}
}

/* ---- the connection ---- */

static void conn_failed(struct pg *pg)
{
	struct err err;
	pg_conn_err(&err, pg->conn, "database connection");
	connection_drop(pg, &err);
}

static void setup_start(struct pg *pg)
{
	char sql[512];
	struct buf text;
	buf_init(&text, sizeof(sql));
	buf_append_cstr(&text, PG_SETUP "; " PG_SETUP_NODE);
	if (pg->listen != NULL)
		buf_appendf(&text, "; LISTEN %s", pg->listen);
	must(!text.is_truncated);
	pg->state = STATE_SETUP;
	if (PQsetnonblocking(pg->conn, 1) != 0 || !PQsendQuery(pg->conn, text.data))
		set_broken(pg);
	else
		flush_out(pg);
	buf_done(&text);
}

static void now_up(struct pg *pg)
{
	if (!PQenterPipelineMode(pg->conn)) {
		conn_failed(pg);
		return;
	}
	pg->state = STATE_UP;
	pg->backoff_ms = BACKOFF_MIN_MS;
	timer_clear(pg->loop, &pg->timer);
	struct list *node;
	while (!pg->is_broken && (node = list_pop_front(&pg->waiting)) != NULL)
		call_send(pg, LIST_ITEM(node, struct call, node));
	if (!pg->is_broken)
		flush_out(pg);
	arm_reply_timeout(pg);
	if (pg->options.on_up != NULL)
		pg->options.on_up(pg->options.owner, pg);
}

static void setup_step(struct pg *pg)
{
	while (!PQisBusy(pg->conn)) {
		PGresult *result = PQgetResult(pg->conn);
		if (result == NULL) {
			now_up(pg);
			return;
		}
		struct err err;
		bool failed = PQresultStatus(result) != PGRES_COMMAND_OK;
		if (failed)
			pg_result_err(&err, result, "database connection");
		PQclear(result);
		if (failed) {
			connection_drop(pg, &err);
			return;
		}
	}
}

static void connect_step(struct pg *pg)
{
	disarm(pg);
	switch (PQconnectPoll(pg->conn)) {
	case PGRES_POLLING_READING:
		arm(pg, UV_READABLE);
		return;
	case PGRES_POLLING_WRITING:
		arm(pg, UV_WRITABLE);
		return;
	case PGRES_POLLING_OK:
		setup_start(pg);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		conn_failed(pg);
		return;
	}
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct pg *pg = ((struct poller *)handle->data)->pg;
	if (pg == NULL)
		return;
	/* On an error (a reset peer) libuv has stopped the handle; there may still be words to read
	 * before the end, so it is armed again below. */
	if (status < 0)
		pg->events = 0;
	if (pg->state == STATE_CONNECTING) {
		connect_step(pg);
		return;
	}
	/* Input first: while both sides have much to say, the server may wait for us to read. */
	if ((status < 0 || (events & UV_READABLE) != 0) && !PQconsumeInput(pg->conn)) {
		conn_failed(pg);
		return;
	}
	crash_point(CRASH_DATABASE_READ);
	if (pg->state == STATE_SETUP) {
		setup_step(pg);
	} else {
		read_results(pg);
		if (pg->state == STATE_UP)
			read_notifies(pg);
		if (pg->state == STATE_UP)
			arm_reply_timeout(pg);
	}
	if ((pg->state == STATE_UP || pg->state == STATE_SETUP) && !pg->is_broken)
		flush_out(pg);
}

/* (Re)arms the poll handle of the present socket. */
static void arm(struct pg *pg, int events)
{
	if (pg->poller == NULL) {
		struct poller *poller = xcalloc(1, sizeof(*poller));
		poller->pg = pg;
		poller->handle.data = poller;
		must(uv_poll_init(loop_uv(pg->loop), &poller->handle, PQsocket(pg->conn)) == 0);
		pg->poller = poller;
	}
	if (pg->events == events)
		return;
	pg->events = events;
	must(uv_poll_start(&pg->poller->handle, events, on_poll) == 0);
}

static void connection_start(struct pg *pg)
{
	static const char *const keys[] = {"dbname",	      "application_name", "client_encoding",
					   "keepalives_idle", "tcp_user_timeout", NULL};
	const char *values[] = {pg->url, pg->name, "UTF8", "10", "15000", NULL};
	pg->conn = PQconnectStartParams(keys, values, 1);
	must(pg->conn != NULL);
	PQsetNoticeReceiver(pg->conn, pg_ignore_notice, NULL);
	pg->is_broken = false;
	pg->state = STATE_CONNECTING;
	if (PQstatus(pg->conn) == CONNECTION_BAD) {
		conn_failed(pg);
		return;
	}
	arm(pg, UV_WRITABLE); /* libpq: behave as if the last step had said WRITING */
	timer_set(pg->loop, &pg->timer, loop_now_ms(pg->loop) + CONNECT_TIMEOUT_MS);
}

static void connection_drop(struct pg *pg, const struct err *err)
{
	struct list lost;
	list_init(&lost);
	list_splice(&lost, &pg->sent);
	disarm(pg);
	PQfinish(pg->conn);
	pg->conn = NULL;
	forget_prepared(pg);
	pg->state = STATE_DOWN;
	pg->is_broken = false;
	int64_t pause = pg->backoff_ms / 2 + (int64_t)(random_u64() % (uint64_t)pg->backoff_ms);
	pg->backoff_ms = pg->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : pg->backoff_ms * 2;
	timer_set(pg->loop, &pg->timer, loop_now_ms(pg->loop) + pause);
	struct list *node;
	while (pg->state != STATE_CLOSED && (node = list_pop_front(&lost)) != NULL)
		answer(pg, LIST_ITEM(node, struct call, node), PG_LOST, err);
	calls_free(&lost);
	if (pg->state != STATE_CLOSED && pg->options.on_down != NULL)
		pg->options.on_down(pg->options.owner, pg, err);
}

static void on_timer(struct timer *t)
{
	struct pg *pg = t->owner;
	struct err err;
	switch (pg->state) {
	case STATE_DOWN:
		connection_start(pg);
		break;
	case STATE_CONNECTING:
	case STATE_SETUP:
		err_set(&err, ERR_DATABASE, "database connection: no answer for %d s",
			CONNECT_TIMEOUT_MS / 1000);
		connection_drop(pg, &err);
		break;
	case STATE_UP:
		if (pg->is_broken) {
			conn_failed(pg);
			break;
		}
		err_set(&err, ERR_DATABASE, "database connection: no reply for %lld ms",
			(long long)pg->options.reply_timeout_ms);
		connection_drop(pg, &err);
		break;
	case STATE_CLOSED:
		break;
	}
}

/* SPDX-License-Identifier: MIT */
/* Registration and heartbeats; see member.h. Control thread, but for the two atomics. */
#include "scheduler/ledger/member.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/crash.h"
#include "engine/base/log.h"

#define US_PER_MS 1000
/* A beat that finds its connection down looks again this soon. */
#define LOOK_MS 20
/* A prime: squares below it do not overflow, and a sum of so many neither. */
#define MARKS INT64_C(2147483647)

enum { STATE_DRAINING = 2 };

struct member {
	struct loop *loop;
	struct pg *beat;
	struct member_id id;
	struct lease_times times;
	struct member_events events;
	struct timer timer; /* next heartbeat */
	int64_t sent_ms;    /* when the one in flight was sent */
	bool is_waiting;    /* one is in flight */
	bool is_fenced;
	bool is_draining;
	bool is_outdated;
	_Atomic int64_t holds_until; /* boot ms */
	_Atomic int64_t offset_us;   /* database time − boot time */
};

/* The sentence of a refused registration. */
static int refuse(struct pg_blocking *conn, const char *name, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_text(&params, str_from(name));
	int rc = pg_run(conn, "ledger/node_by_name", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	if (pg_rows_count(rows) == 0) {
		err_set(err, ERR_REFUSED, "node %s was removed while it registered; try again",
			name);
	} else {
		struct str host = pg_text(rows, 0, 4);
		err_set(err, ERR_REFUSED,
			"%s is alive on %.*s (process %d) with another data directory; choose "
			"another --node, or stop it first",
			name, STR_ARG(host), (int)pg_int32(rows, 0, 5));
	}
	pg_rows_free(rows);
	return -1;
}

int member_register(struct pg_blocking *conn, const struct registration *r, struct member_id *out,
		    struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_text(&params, str_from(r->name));
	pg_add_uuid(&params, r->journal);
	pg_add_text(&params, str_from(r->host));
	pg_add_int4(&params, r->pid);
	pg_add_text(&params, str_from(r->version));
	pg_add_int8(&params, r->lease_ms);
	int rc = pg_run(conn, "ledger/register", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	crash_point(CRASH_REGISTERED);
	if (pg_rows_count(rows) == 0) {
		pg_rows_free(rows);
		return refuse(conn, r->name, err);
	}
	*out = (struct member_id){pg_int32(rows, 0, 0), pg_int32(rows, 0, 1)};
	pg_rows_free(rows);
	return 0;
}

void member_held_add(struct member_held *held, struct chunk_key key, int32_t epoch)
{
	int64_t root =
		(key.campaign * INT64_C(2654435761) + key.chunk * INT64_C(40503) + epoch) % MARKS;
	held->count++;
	held->sum += root * root % MARKS;
}

/* ---- heartbeats ---- */

static void set_fenced(struct member *m)
{
	m->is_fenced = true;
	atomic_store(&m->holds_until, 0);
	timer_clear(m->loop, &m->timer);
	if (m->events.on_fenced != NULL)
		m->events.on_fenced(m->events.owner);
}

/* A heartbeat or registration that was sent then is good. */
static void hold_from(struct member *m, int64_t sent_ms)
{
	atomic_store(&m->holds_until, sent_ms + m->times.lease_ms - m->times.margin_ms);
}

static void on_good_beat(struct member *m, const struct pg_rows *rows)
{
	hold_from(m, m->sent_ms);
	/* The database read its clock between our sending and now; the middle halves the error. */
	int64_t middle_us = (m->sent_ms * US_PER_MS + clock_now_us()) / 2;
	atomic_store(&m->offset_us, pg_time(rows, 0, 1) - middle_us);
	bool draining = pg_int(rows, 0, 0) == STATE_DRAINING;
	if (draining && !m->is_draining && m->events.on_draining != NULL)
		m->events.on_draining(m->events.owner);
	m->is_draining = draining;
	if (!pg_is_null(rows, 0, 4) && !m->is_outdated) {
		m->is_outdated = true;
		if (m->events.on_outdated != NULL)
			m->events.on_outdated(m->events.owner, pg_text(rows, 0, 4));
	}
	const struct member_held held = {pg_int(rows, 0, 2), pg_int(rows, 0, 3)};
	if (m->events.on_beat != NULL)
		m->events.on_beat(m->events.owner, &held);
}

static void on_beat_reply(void *owner, const struct pg_reply *reply)
{
	struct member *m = owner;
	m->is_waiting = false;
	if (reply->fate == PG_DONE && pg_rows_count(reply->rows) == 0) {
		set_fenced(m);
		return;
	}
	if (reply->fate == PG_DONE)
		on_good_beat(m, reply->rows);
	else
		log_error_event(LOG_WARN, "heartbeat_failed", reply->err);
}

static void beat(struct timer *t)
{
	struct member *m = t->owner;
	int64_t wait_ms = pg_is_up(m->beat) ? m->times.beat_ms : LOOK_MS;
	timer_set(m->loop, t, loop_now_ms(m->loop) + wait_ms);
	/* One at a time; and one that waited for the connection would be good for less than it
	 * says. */
	if (m->is_waiting || !pg_is_up(m->beat))
		return;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, m->id.node);
	pg_add_int4(&params, m->id.incarnation);
	pg_add_int8(&params, m->times.lease_ms);
	pg_add_text(&params, STR(EDM_VERSION));
	m->is_waiting = true;
	m->sent_ms = clock_now_ms();
	pg_call(m->beat, "ledger/heartbeat", &params, on_beat_reply, m);
	pg_params_done(&params);
}

struct member *member_open(struct loop *loop, struct pg *beat_conn,
			   const struct member_options *options)
{
	struct member *m = xcalloc(1, sizeof(*m));
	m->loop = loop;
	m->beat = beat_conn;
	m->id = options->id;
	m->times = options->times;
	m->events = options->events;
	m->timer = (struct timer){.on_due = beat, .owner = m};
	hold_from(m, options->registered_at_ms);
	timer_set(loop, &m->timer, loop_now_ms(loop));
	return m;
}

void member_close(struct member *m)
{
	if (m == NULL)
		return;
	timer_clear(m->loop, &m->timer);
	free(m);
}

struct member_id member_id(const struct member *m)
{
	return m->id;
}

int64_t member_holds_until(const struct member *m)
{
	return atomic_load(&m->holds_until);
}

bool member_holds(const struct member *m, int64_t now_ms)
{
	return now_ms < member_holds_until(m);
}

int64_t member_database_us(const struct member *m, int64_t now_us)
{
	int64_t offset = atomic_load(&m->offset_us);
	return offset == 0 ? 0 : now_us + offset;
}

void membership_leave(struct pg *beat_conn, struct member_id id, pg_on_reply on_reply, void *owner)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, id.node);
	pg_add_int4(&params, id.incarnation);
	pg_call(beat_conn, "ledger/leave", &params, on_reply, owner);
	pg_params_done(&params);
}

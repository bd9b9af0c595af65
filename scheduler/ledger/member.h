/* SPDX-License-Identifier: MIT */
/*
 * Membership: a node takes its name, keeps its lease by heartbeats, and knows by its own clock when
 * it must stop.
 *
 * The lease holds until lease_ms after the last good heartbeat was *sent*, by
 * CLOCK_BOOTTIME: the node never relies on the database's clock agreeing with its own. Before every
 * terminator it asks member_holds, which is false a margin earlier. An expired lease revives with
 * the next good heartbeat while nobody has taken the incarnation away. Once fenced, always fenced:
 * the process settles what it still knows as late targets and registers anew.
 *
 * Heartbeats go over the beat connection, where nothing slow runs; the owner opens and closes it.
 * Database time is boot time plus an offset learnt at each heartbeat.
 */
#ifndef EDM_SCHEDULER_LEDGER_MEMBER_H
#define EDM_SCHEDULER_LEDGER_MEMBER_H

#include "engine/pg/blocking.h"
#include "engine/pg/pg.h"
#include "scheduler/ledger/ledger.h"

struct registration {
	const char *name;
	unsigned char journal[16]; /* uuid of the journal this process holds locked */
	const char *host;
	int32_t pid;
	const char *version;
	int64_t lease_ms;
};

/* Registers under a new incarnation, at start, before the loop runs: after the journal was settled
 * and before the first claim. ERR_REFUSED with the reason when the name is taken. */
int member_register(struct pg_blocking *conn, const struct registration *r, struct member_id *out,
		    struct err *err) NODISCARD;

/*
 * The chunks a node holds, in short, to be compared: how many, and the sum of a number made of each
 * one's campaign, chunk and epoch, so that a lost one and a stray one do not cancel out.
 * heartbeat.sql makes the same.
 */
struct member_held {
	int64_t count, sum;
};
void member_held_add(struct member_held *held, struct chunk_key key, int32_t epoch);

struct member;

struct member_events {
	/* A good heartbeat: what the database thinks is ours; valid during the call. */
	void (*on_beat)(void *owner, const struct member_held *held);
	/* The node row says draining: claim nothing more. Once. */
	void (*on_draining)(void *owner);
	/* The schema has been migrated for a newer engine, needed or later: claim nothing more and
	 * end. Once. needed is valid during the call. */
	void (*on_outdated)(void *owner, struct str needed);
	/* The incarnation is gone. Once; no more heartbeats are sent. */
	void (*on_fenced)(void *owner);
	void *owner;
};

struct member_options {
	struct member_id id;
	struct lease_times times;
	int64_t registered_at_ms; /* boot clock when the registration was sent */
	struct member_events events;
};

/* Starts heartbeats. */
struct member *member_open(struct loop *loop, struct pg *beat,
			   const struct member_options *options);
/* No callback runs any more. The beat connection must be closed first. NULL is fine. */
void member_close(struct member *m);
struct member_id member_id(const struct member *m);
/* Whether at now_ms (boot time) the node may still let a terminator go. Safe to read from any
 * thread through member_holds_until. */
bool member_holds(const struct member *m, int64_t now_ms);
/* The boot time in ms until which member_holds is true; any thread. */
int64_t member_holds_until(const struct member *m);
/* Database time at boot time now_us, in microseconds since 1970; any thread. 0 before the first
 * heartbeat was answered. */
int64_t member_database_us(const struct member *m, int64_t now_us);

/* An orderly stop: ends the lease now, so that the name is free at once. Everything must have been
 * flushed and released. */
void membership_leave(struct pg *beat, struct member_id id, pg_on_reply on_reply, void *owner);

#endif

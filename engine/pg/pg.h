/* SPDX-License-Identifier: MIT */
/*
 * An asynchronous connection to PostgreSQL on a loop, in pipeline mode.
 *
 * Calls name a statement ("ledger/claim"); it is prepared on its first use on each connection.
 * Calls are executed in the order made, each in a transaction of its own, and each is answered
 * exactly once by its callback with a fate: done      committed (the reply is held back until the
 * commit is confirmed) refused   the server said no and nothing of the call stands; err has the
 * SQLSTATE lost      the connection died after the call was sent: it may have been executed, it may
 * yet be, or never. Whoever cares asks the database again. The connection is re-opened for ever,
 * after a jittered, doubling pause (0.1 to 5 s). Calls made while it is down wait for it; they were
 * not sent, so they are never lost. A call that gets no answer for reply_timeout_ms takes the
 * connection down.
 *
 * NOTIFY is a hint: on_notify may miss some while the connection is down; on_up tells when to look.
 * A host name in the URL is resolved by libpq, which blocks; give hostaddr= where that hurts.
 * Everything here runs on the loop's thread. No callback runs before the starting call returned.
 */
#ifndef EDM_ENGINE_PG_PG_H
#define EDM_ENGINE_PG_PG_H

#include "engine/base/err.h"
#include "engine/loop/loop.h"
#include "engine/pg/params.h"
#include "engine/pg/rows.h"
#include "engine/pg/statement.h"

struct pg;

enum pg_fate { PG_DONE, PG_REFUSED, PG_LOST };

struct pg_reply {
	enum pg_fate fate;
	const struct pg_rows *rows; /* of a done call; never NULL then */
	const struct err *err;	    /* of a refused or lost one, else NULL */
};

/* Reply, rows and err are valid during the callback only. */
typedef void (*pg_on_reply)(void *owner, const struct pg_reply *reply);

struct pg_options {
	const char *url;	  /* postgresql://… or key=value; copied */
	const char *name;	  /* application_name: "edm mx1 beat"; copied */
	const char *listen;	  /* NOTIFY channel to LISTEN on, or NULL; an identifier; copied */
	int64_t reply_timeout_ms; /* 0 = wait for ever */
	/* Any may be NULL. on_up: connected and set up (each time). on_down: it was up, or a first
	 * attempt failed; err says why; calls in flight have been answered as lost before. */
	void (*on_up)(void *owner, struct pg *pg);
	void (*on_down)(void *owner, struct pg *pg, const struct err *err);
	void (*on_notify)(void *owner, struct pg *pg, struct str payload);
	void *owner;
};

/* Starts connecting; never fails by itself (on_down tells). */
struct pg *pg_open(struct loop *loop, const struct pg_options *options);
/* No callback runs any more, open calls included. Frees once its handles are closed: run the loop
 * afterwards. NULL is fine; may be called in a callback. */
void pg_close(struct pg *pg);

bool pg_is_up(const struct pg *pg);
/* Calls not answered yet, sent or waiting. */
size_t pg_calls_open(const struct pg *pg);

/* Executes the statement called name; params may be NULL and are not kept. */
void pg_call(struct pg *pg, const char *name, const struct pg_params *params, pg_on_reply on_reply,
	     void *owner);
/* From now on every pg_call executes this utility statement first, in the same transaction
 * ("SET TRANSACTION SNAPSHOT '…'"); NULL ends that. Copied. */
void pg_set_prologue(struct pg *pg, const char *sql);
/* Executes a statement without parameters given as text: for BEGIN, SET, COMMIT. */
void pg_command(struct pg *pg, const char *sql, pg_on_reply on_reply, void *owner);

#endif

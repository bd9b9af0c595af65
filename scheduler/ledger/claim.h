/* SPDX-License-Identifier: MIT */
/*
 * Claiming: ready chunks become this node's leases; then what stands in them is read. Also the
 * comparison of what the database thinks this node holds with what it knows it holds: after a claim
 * whose reply was lost they differ.
 *
 * Replies come on the loop of the connection; everything in them is valid during the callback only.
 */
#ifndef EDM_SCHEDULER_LEDGER_CLAIM_H
#define EDM_SCHEDULER_LEDGER_CLAIM_H

#include "engine/pg/pg.h"
#include "scheduler/ledger/positions.h"

/* One wish: up to n chunks of a group of a campaign. */
struct claim_want {
	int32_t campaign;
	struct str group;
	int32_t n;
};

struct claim_wants {
	const struct claim_want *wants;
	size_t count;
	int first_credits; /* people opened in each chunk (setting ledger.first_credits) */
};

struct lease {
	struct chunk_key key;
	int32_t epoch;
	int32_t flush_seq; /* the next flush names this one; 0 for a fresh lease */
	int32_t version;   /* content everything under this lease is made from */
	unsigned people;   /* in the chunk, done ones included */
	struct str group;  /* empty in a list of what is held */
	int32_t incarnation;
	struct positions done;
	struct positions open;
};

struct lease_reply {
	enum pg_fate fate;
	const struct err *err; /* unless done */
	const struct lease *leases;
	size_t count;
};

typedef void (*ledger_on_leases)(void *owner, const struct lease_reply *reply);

/* Leases chunks of running campaigns, committed durably. Fewer or none: nothing ready, the campaign
 * stopped, or the node is fenced or draining (the heartbeat tells which). Lost: chunks may be
 * leased that nobody here knows of; ledger_list_held finds them. */
void ledger_claim(struct pg *pg, struct member_id id, struct claim_wants wants,
		  ledger_on_leases on_leases, void *owner);

/* What the database thinks this node holds, under whatever incarnation. */
void ledger_list_held(struct pg *pg, struct member_id id, ledger_on_leases on_leases, void *owner);

struct lease_list {
	const struct lease *leases;
	size_t count;
};

/* Gives back leases under the epochs listed, of which nothing was ever sent. The reply lists the
 * keys given back (nothing else of a lease is filled in). A later claim reply that names one of
 * these epochs must be dropped. */
void ledger_release_stray(struct pg *pg, struct member_id id, struct lease_list strays,
			  ledger_on_leases on_leases, void *owner);

/* A recipient as it stands in its chunk. */
struct person {
	int64_t rid;
	int32_t domain_id;
	struct str address;
	struct str attributes; /* JSON */
	int16_t attempts;      /* made before */
	int32_t age_s;	       /* counted towards give-up */
	int32_t version;       /* content it is bound to, 0 = the lease's */
	int32_t source_id;     /* preferred, 0 = any */
	int16_t flags;	       /* RETRY_… */
	bool is_suppressed;    /* by now */
};

struct chunk_content {
	struct chunk_key key;
	unsigned count;
	const struct person *people; /* by position */
};

struct content_reply {
	enum pg_fate fate;
	const struct err *err;
	const struct chunk_content *chunks; /* in no set order; a chunk that is gone is absent */
	size_t count;
};

typedef void (*ledger_on_content)(void *owner, const struct content_reply *reply);

/* Reads what stands in chunks. Ask for few at a time: a thousand people are some 100 kB. */
void ledger_read_chunks(struct pg *pg, const struct chunk_key *keys, size_t count,
			ledger_on_content on_content, void *owner);

/* For callers with rows of their own (recover): the columns of ledger/held and read_chunks. */
struct arena;
void lease_load(struct lease *lease, const struct pg_rows *rows, int row);
void content_load(struct chunk_content *content, struct arena *arena, const struct pg_rows *rows,
		  int row);
void chunk_keys_params(struct pg_params *params, const struct chunk_key *keys, size_t count);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Suppression: who gets nothing, and why.
 *
 * An entry is (recipient, scope, cause): everywhere or in one list, once a cause, so that a cause
 * can be taken back alone. Only the recipient's keyed id is kept, never the address. Every change
 * also goes to the feed, from which running nodes learn it within a second. What nodes find
 * themselves (a reply that says the address is dead) they append to the feed; it counts at once and
 * is folded into the table later.
 *
 * Blocking; for the command line.
 */
#ifndef EDM_LISTS_SUPPRESSION_H
#define EDM_LISTS_SUPPRESSION_H

#include "lists/lists.h"
#include "lists/reading.h"

/* X(enumerator suffix, name, number in the table, the cause as a clause for a person) */
#define SUPPRESSION_CAUSES(X)                                                                      \
	X(BOUNCED, "bounced", 1, "the receiver said the address does not exist")                   \
	X(UNSUBSCRIBED, "unsubscribed", 2, "they unsubscribed")                                    \
	X(COMPLAINED, "complained", 3, "they reported mail as spam")                               \
	X(OPERATOR, "operator", 4, "an operator added it")                                         \
	X(IMPORTED, "imported", 5, "it stood in an imported file")                                 \
	X(ERASED, "erased", 6, "they asked to be erased")

enum suppression_cause {
	SUPPRESSION_ANY = 0, /* in a filter */
#define X(suffix, name, number, clause) SUPPRESSION_##suffix = number,
	SUPPRESSION_CAUSES(X)
#undef X
};

/* What to add. */
struct suppression_change {
	const struct str *addresses; /* whom; suppression_import takes them from the file */
	size_t address_count;
	const char *list; /* NULL = everywhere */
	enum suppression_cause cause;
	const char *note; /* or NULL */
	int64_t until_us; /* wall time; 0 = for good */
	struct lists_actor actor;
};

/* Which entries: those that fit everything that is set. */
struct suppression_filter {
	const struct str *addresses;
	size_t address_count; /* 0 = any address */
	const char *list;     /* NULL = any scope */
	enum suppression_cause cause;
	const char *rule;  /* NULL = any; the reply rule that caused it */
	int32_t import_id; /* 0 = any */
	int64_t since_us;  /* wall time, 0 = any */
	int64_t before_us; /* wall time, 0 = any */
};

struct suppression_entry {
	struct str list; /* empty = everywhere */
	enum suppression_cause cause;
	struct str rule;
	struct str note;
	struct str added_by;
	int64_t at_us;
	int64_t until_us;    /* 0 = for good */
	int32_t campaign_id; /* 0 = none */
	int32_t import_id;   /* 0 = none */
};

struct suppression_found {
	struct suppression_entry *entries;
	size_t count;	      /* 0: not suppressed */
	struct pg_rows *rows; /* what the slices live in */
};

struct suppression_import_request {
	struct reading *reading;
	const char *file; /* its name, for the record */
	struct suppression_change change;
	bool is_dry_run; /* everything but the commit */
};

/* rows = added + already + refused. */
struct suppression_import_result {
	int32_t import_id; /* for undo; 0 after a dry run */
	uint64_t rows;
	uint64_t added;
	uint64_t already; /* suppressed so before, or twice in the file */
	uint64_t refused;
};

/* The cause called name, or -1. Name and clause of a cause are constants. */
int suppression_cause_parse(struct str name, enum suppression_cause *out) NODISCARD;
const char *suppression_cause_name(enum suppression_cause cause);
const char *suppression_cause_clause(enum suppression_cause cause);

/* Suppresses the addresses; all or none. *added_out: who was not suppressed so before. INPUT when
 * one of them is no address. */
int suppression_add(struct pg_blocking *db, const struct suppression_change *change,
		    uint64_t *added_out, struct err *err) NODISCARD;
/* How many entries fit filter: to be shown before removing. */
int suppression_count(struct pg_blocking *db, const struct suppression_filter *filter,
		      uint64_t *count_out, struct err *err) NODISCARD;
/* Takes the entries that fit filter back (remove, undo by cause, rule, import or time). USAGE when
 * filter sets nothing. Members that unsubscribed stay unsubscribed. */
int suppression_remove(struct pg_blocking *db, const struct suppression_filter *filter,
		       const struct lists_actor *actor, uint64_t *removed_out,
		       struct err *err) NODISCARD;
/* Why address is suppressed, and where. End with suppression_found_done. */
int suppression_check(struct pg_blocking *db, struct str address, struct suppression_found *found,
		      struct err *err) NODISCARD;
void suppression_found_done(struct suppression_found *found);
/* Suppresses everybody in the file; all or none, refused rows go to the reading's refused file. */
int suppression_import(struct pg_blocking *db, const struct suppression_import_request *request,
		       struct suppression_import_result *result, struct err *err) NODISCARD;

#endif

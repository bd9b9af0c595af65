/* SPDX-License-Identifier: MIT */
/*
 * The reply rules that operators make, in table reply_rule: they stand before the built-in ones,
 * one with the id of a built-in rule in its place, and survive upgrades. Every change is looked at
 * together with all other rules before anything is written, notes an event and is told to the
 * nodes. Blocking; errors are sentences for people and leave everything as it was.
 */
#ifndef EDM_SCHEDULER_SETUP_OWN_RULES_H
#define EDM_SCHEDULER_SETUP_OWN_RULES_H

#include <jansson.h>

#include "engine/pg/blocking.h"
#include "engine/reply/rules.h"
#include "ip-pool/store/change.h"

struct own_rules_added {
	int64_t added, replaced;
};
/* The rules of a rule file are added after the own ones there are; those that have the id of one
 * take its place. */
int own_rules_add(struct pg_blocking *db, const struct rule_file *file, const struct change *change,
		  struct own_rules_added *out, struct err *err) NODISCARD;

enum own_rule_removed {
	OWN_RULE_REMOVED,   /* it was an operator's */
	OWN_RULE_UNCOVERED, /* ... and the built-in one of its id is in force again */
	OWN_RULE_OFF,	    /* it is built in: switched off */
};
int own_rules_remove(struct pg_blocking *db, struct str id, const struct change *change,
		     enum own_rule_removed *out, struct err *err) NODISCARD;
/* The built-in rule of that id is in force again as it was shipped. */
int own_rules_restore(struct pg_blocking *db, struct str id, const struct change *change,
		      struct err *err) NODISCARD;

/*
 * What operators changed, a new JSON document: {"rules": [{"id", "change": "added" | "replaced" |
 * "off", "fields": [those that differ from the built-in rule], "takes": [{"rule", "samples",
 * "sample"}] (built-in rules whose samples it wins), "by", "because", "at_us"}]}. NULL and err.
 */
json_t *own_rules_diff(struct pg_blocking *db, struct err *err) NODISCARD;

/* Replies that differ only in what names one mail, and what they are to mean. */
struct own_rule_lesson {
	int64_t cluster;	 /* hash of their template */
	int64_t last_ms;	 /* samples are taken from outcomes of the last so long */
	struct str id, provider; /* provider may be empty: any */
	enum outcome_class klass;
	enum outcome_cause cause;
	enum outcome_scope scope;
	bool suppresses;
	struct str delay; /* "15m"; empty = by the retry schedule */
	struct str en, zh;
};
/* A rule file with the one rule that says so; *json_out is initialised by the caller. */
int own_rules_learn(struct pg_blocking *db, const struct own_rule_lesson *lesson,
		    struct buf *json_out, struct err *err) NODISCARD;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A report as one document: what the database counted, in JSON.
 *
 * Statements of schemas/queries/report give one row with one JSON value, in which enums stand as
 * the ledger's numbers and times as microseconds; so the words can be chosen late, and the tables
 * for people and the JSON for programs come from the same numbers and cannot differ. Before it is
 * printed as JSON, document_publish puts names and RFC 3339 times in their place.
 *
 *   class, cause, stage, words, state   a number → its name; class 0 (no attempt yet) → "parked"
 *   by_class                            an object by number → by name
 *   at, since, until, …_at, …_since, …_until   microseconds → "2026-11-21T23:58:03Z"
 *
 * Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_REPORT_DOCUMENT_H
#define EDM_SCHEDULER_REPORT_DOCUMENT_H

#include <jansson.h>

#include "engine/pg/blocking.h"
#include "engine/reply/rules.h"
#include "scheduler/report/words.h"

/* The value of the statement's one row (params NULL = none); NULL and err if it fails, and
 * ERR_NOT_FOUND with an empty text when there is no row. */
json_t *document_load(struct pg_blocking *db, const char *statement, const struct pg_params *params,
		      struct err *err) NODISCARD;
void document_publish(json_t *document);

/* Members of an object; 0 and "" if they are missing or null. */
int64_t document_int(const json_t *object, const char *key);
const char *document_text(const json_t *object, const char *key);
/* Sets key to the text. */
void document_set_text(json_t *object, const char *key, struct str text);

/* The rules in force with operators' overrides before them; the built-in ones alone when those are
 * unsound (a node refuses them with the reason). Free with rule_set_free. */
struct rule_set *document_rules(struct pg_blocking *db, struct err *err) NODISCARD;
/*
 * Completes an entry that has code, enhanced, template, vars, rule and cause: template and vars
 * make way for "reply" (what the server said, as it said it) and "meaning" (the gloss of its rule,
 * or the cause's, in the language); enhanced becomes text.
 */
void document_explain(json_t *entry, const struct rule_set *rules, enum language language);

#endif

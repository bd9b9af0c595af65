/* SPDX-License-Identifier: MIT */
/* The reply rules in force: the built-in ones with the operators' of table reply_rule. Blocking. */
#ifndef EDM_SCHEDULER_SETUP_REPLY_RULES_H
#define EDM_SCHEDULER_SETUP_REPLY_RULES_H

#include "engine/pg/blocking.h"
#include "engine/reply/rules.h"

/* As a node has them: what is unsound of the operators' is left out (rule_set_left_out). db NULL:
 * the built-in ones alone. NULL and err when they cannot be read. */
struct rule_set *reply_rules_load(struct pg_blocking *db, struct err *err);
/* A sentence: which rule, what is wrong with it, and what to do. No full stop. */
void reply_rules_say_left_out(const struct rule_left_out *rule, struct buf *out);
/* The built-in rules with those of the file at path before them, as a trial. */
struct rule_set *reply_rules_try(const char *path, struct err *err);
/* The bytes of the file at path (up to what *out takes, initialised by the caller); no empty one.
 */
int reply_rules_read(const char *path, struct buf *out, struct err *err) NODISCARD;

/*
 * The facts of an outcome whose words are given: a whole reply ("550-a\n550 b") when they are
 * remote, else the text alone. *text holds what out->text points to: initialised by the caller and
 * ended after out was used. ERR_USAGE when remote words are no SMTP reply.
 */
int reply_facts(enum outcome_words words, struct str reply, struct buf *text, struct outcome *out,
		struct err *err) NODISCARD;

#endif

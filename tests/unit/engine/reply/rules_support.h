/* SPDX-License-Identifier: MIT */
/* The built-in rules, and what they make of a reply as it comes over the wire. */
#ifndef EDM_TESTS_UNIT_ENGINE_REPLY_RULES_SUPPORT_H
#define EDM_TESTS_UNIT_ENGINE_REPLY_RULES_SUPPORT_H

#include "engine/reply/rules.h"

/* Between load_builtin and free_builtin, the fixtures of a group. */
extern struct rule_set *builtin;
int load_builtin(void **state);
int free_builtin(void **state);

/* Parses one whole reply into the facts of a remote outcome at stage and applies set. */
struct verdict judge_reply(const struct rule_set *set, const char *provider,
			   enum outcome_stage stage, const char *reply);

#endif

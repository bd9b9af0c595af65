/* SPDX-License-Identifier: MIT */
/*
 * What numbers of the ledger are called, in English and Chinese: recipient states, classes of
 * outcome, and for every cause what it means and what to do about it. The meaning of a single reply
 * is its rule's (engine/reply/rules.h); a cause's is said where no rule spoke. Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_WORDS_H
#define EDM_SCHEDULER_REPORT_WORDS_H

#include "engine/reply/outcome.h"
#include "scheduler/campaign/campaign.h"
#include "scheduler/ledger/ledger.h"

enum language { LANGUAGE_EN, LANGUAGE_ZH };

/* States by their names, for tables: X(suffix or nothing, English, Chinese). */
#define WORDS_CAMPAIGN_STATES(X)                                                                   \
	X(DRAFT, "draft", "草稿")                                                                  \
	X(SCHEDULED, "scheduled", "已排期")                                                        \
	X(RUNNING, "running", "发送中")                                                            \
	X(PAUSED, "paused", "已暂停")                                                              \
	X(FINISHED, "finished", "已完成")                                                          \
	X(CANCELLED, "cancelled", "已取消")
/* Of sources and nodes. */
#define WORDS_STANDINGS(X)                                                                         \
	X("active", "启用中")                                                                      \
	X("draining", "正在排空")                                                                  \
	X("removed", "已移除")
/* Of keys of a sending domain. */
#define WORDS_KEY_STATES(X)                                                                        \
	X("later", "未启用")                                                                       \
	X("signing", "签名中")                                                                     \
	X("retired", "已停用")

/* All return constants; "?" for a number that has none. */
const char *words_state(enum recipient_state state, enum language language);
const char *words_class(enum outcome_class klass, enum language language);
const char *words_campaign_state(enum campaign_state state, enum language language);
/* Of what source_state_name, node_state_name or sending_key_state_name say; a name that has no
 * words is returned as it is. */
const char *words_named_state(const char *name, enum language language);
/* One or two words, for a column. */
const char *words_cause(enum outcome_cause cause, enum language language);
/* A sentence each. */
const char *words_cause_meaning(enum outcome_cause cause, enum language language);
/* By the class too: who bounced is not tried again, whoever is full is while it is deferred. */
const char *words_cause_advice(enum outcome_cause cause, enum outcome_class klass,
			       enum language language);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The brake of a campaign: does so much of it come back that going on does harm? Pure.
 *
 * What is judged are the decided attempts at each provider, and all of them together: delivered,
 * bounced (the address), blocked (blocked or rejected: we or the message) and unauthenticated (SPF,
 * DKIM or DMARC failed). Few messages tell little: a share counts as high once the lower bound of
 * its confidence interval (Wilson, one-sided at 3 standard deviations, because it is looked at
 * again and again) is above its limit, and not before the canary, the first part of a provider's
 * people, has been tried.
 */
#ifndef EDM_SCHEDULER_PLAN_BRAKE_H
#define EDM_SCHEDULER_PLAN_BRAKE_H

#include "engine/base/buf.h"

/* X(suffix, name, English, Chinese) */
#define BRAKE_KINDS(X)                                                                             \
	X(BOUNCED, "bounced", "bounced, unknown users not believed yet included",                  \
	  "退信（含尚未采信的“用户不存在”）")                                                      \
	X(BLOCKED, "blocked", "were blocked or rejected", "被拦截或拒收")                          \
	X(UNAUTHENTICATED, "unauthenticated", "failed authentication", "未通过身份验证")

enum brake_kind {
#define X(suffix, name, en, zh) BRAKE_##suffix,
	BRAKE_KINDS(X)
#undef X
		BRAKE_KIND_COUNT
};
const char *brake_kind_name(enum brake_kind kind);
int brake_kind_parse(struct str name, enum brake_kind *out) NODISCARD;

struct brake_policy {
	double limits[BRAKE_KIND_COUNT]; /* shares, 0 to 1; 0: not judged */
	double canary; /* share of a provider's people tried before it is judged */
	int64_t least; /* and at least so many attempts */
};

/* What was decided at one provider since the campaign began, or was resumed. */
struct brake_figures {
	struct str provider; /* empty: the tail */
	int64_t people;	     /* of the campaign there; 0 = not known */
	int64_t delivered;
	int64_t counts[BRAKE_KIND_COUNT];
};

struct brake_verdict {
	enum brake_kind kind;
	bool is_of_all;	     /* of all providers together */
	struct str provider; /* else of this one; the figures' */
	int64_t n, of;	     /* so many of these attempts */
	double limit;	     /* the share they are above */
};

/* Is the share of which n of `of` were seen above the limit, surely: is the lower bound of its
 * interval? */
bool brake_is_above(int64_t n, int64_t of, double limit);
/* True if the campaign is to be stopped; then *out is what is furthest above its limit. */
bool brake_judge(const struct brake_policy *policy, const struct brake_figures *figures,
		 size_t count, struct brake_verdict *out);
/* "84 of 200 decided attempts at qq (42.0 %) bounced, …, above the limit of 10 %
 * (brake.bounced_percent)". Attempts, as `report bounces` counts them, not people. */
void brake_say(const struct brake_verdict *v, bool is_chinese, struct buf *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The campaign as a running node sees it: an immutable, reference-counted snapshot of one content
 * version with everything needed to make its messages. An edit makes a new snapshot; what is under
 * a lease keeps the one its claim named.
 *
 * Threads: shared and read-only; the count is atomic. Whoever keeps a pointer holds a reference.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_SNAPSHOT_H
#define EDM_SCHEDULER_CAMPAIGN_SNAPSHOT_H

#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/mail/compose.h"

/* What becomes of people whose outcome is unknown. X(suffix, number, name) */
#define UNKNOWN_POLICIES(X)                                                                        \
	X(HOLD, 1, "hold")                                                                         \
	X(RETRY, 2, "retry")

#define X(suffix, number, name) UNKNOWN_##suffix = number,
enum unknown_policy { UNKNOWN_POLICIES(X) };
#undef X

struct campaign_snapshot {
	atomic_int refs;
	struct arena memory; /* every string below */
	int32_t id;
	int32_t version;  /* of the content */
	int32_t priority; /* higher goes first */
	struct str name;
	struct str pool; /* sources may be taken from this pool; empty: all */
	enum unknown_policy unknown;
	int64_t give_up_after_ms;
	int64_t deadline_us; /* database time, 0 = none */
	struct content *content;
	struct signer *signers[MESSAGE_KEYS_MAX]; /* owned; keys[] point to them */
	struct dkim_key keys[MESSAGE_KEYS_MAX];
	size_t key_count;	 /* 0: sent unsigned */
	struct str from_address; /* of the From header: the envelope sender without VERP */
	struct str from_domain;
	int32_t sending_domain;	       /* its id; 0 = not one of ours */
	struct str return_path_domain; /* VERP addresses are made under it; empty: none */
	struct str unsubscribe_base;   /* https://… without a slash at the end; empty: none */
	struct str unsubscribe_mailto; /* mailto:…; empty: none */
	struct str list_id, list_name;
	struct str feedback_id; /* the parts behind the campaign's; empty: none */
	struct hash_key token_key;
};

/* A blank one with one reference; the loader fills it in before anybody else sees it. */
struct campaign_snapshot *campaign_snapshot_new(void);
struct campaign_snapshot *campaign_snapshot_ref(struct campaign_snapshot *s);
/* Drops a reference; the last one frees it. NULL is fine. */
void campaign_snapshot_unref(struct campaign_snapshot *s);

const char *unknown_policy_name(enum unknown_policy policy);
int unknown_policy_parse(struct str name, enum unknown_policy *out) NODISCARD;

#endif

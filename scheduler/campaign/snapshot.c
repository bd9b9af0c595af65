/* SPDX-License-Identifier: MIT */
/* Life and death of campaign snapshots; see snapshot.h. */
#include "scheduler/campaign/snapshot.h"

#include <stdlib.h>

struct campaign_snapshot *campaign_snapshot_new(void)
{
	struct campaign_snapshot *s = xcalloc(1, sizeof(*s));
	atomic_init(&s->refs, 1);
	arena_init(&s->memory, 0);
	s->unknown = UNKNOWN_HOLD;
	return s;
}

struct campaign_snapshot *campaign_snapshot_ref(struct campaign_snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void campaign_snapshot_unref(struct campaign_snapshot *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	content_free(s->content);
	for (size_t i = 0; i < MESSAGE_KEYS_MAX; i++)
		signer_free(s->signers[i]);
	arena_done(&s->memory);
	free(s);
}

const char *unknown_policy_name(enum unknown_policy policy)
{
	switch (policy) {
#define X(suffix, number, name)                                                                    \
	case UNKNOWN_##suffix:                                                                     \
		return name;
		UNKNOWN_POLICIES(X)
#undef X
	}
	return "?";
}

int unknown_policy_parse(struct str name, enum unknown_policy *out)
{
#define X(suffix, number, text)                                                                    \
	if (str_equals(name, STR(text))) {                                                         \
		*out = UNKNOWN_##suffix;                                                           \
		return 0;                                                                          \
	}
	UNKNOWN_POLICIES(X)
#undef X
	return -1;
}

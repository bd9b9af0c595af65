/* SPDX-License-Identifier: MIT */
/* One person's memberships: seeing them, and leaving a list. Blocking; for the command line. */
#ifndef EDM_LISTS_MEMBER_H
#define EDM_LISTS_MEMBER_H

#include "lists/lists.h"

/* X(enumerator suffix, name, number in table list_member) */
#define MEMBER_STATUSES(X)                                                                         \
	X(SUBSCRIBED, "subscribed", 1)                                                             \
	X(UNSUBSCRIBED, "unsubscribed", 2)                                                         \
	X(COMPLAINED, "complained", 3)

enum member_status {
#define X(suffix, name, number) MEMBER_##suffix = number,
	MEMBER_STATUSES(X)
#undef X
};

struct membership {
	int32_t list_id;
	struct str list;
	enum member_status status;
	struct str consent;
	struct str attributes; /* JSON */
	int64_t added_at_us;
	int64_t changed_at_us;
	int32_t import_id; /* that wrote it last; 0 = none */
};

struct memberships {
	struct membership *items;
	size_t count;
	struct pg_rows *rows; /* what the slices live in */
};

const char *member_status_name(enum member_status status);

/* The lists address is in. INPUT when it is no address. End with memberships_done. */
int member_find(struct pg_blocking *db, struct str address, struct memberships *found,
		struct err *err) NODISCARD;
void memberships_done(struct memberships *found);

struct member_leaving {
	int32_t list_id;
	int64_t rid;
	enum member_status status; /* what they become: not MEMBER_SUBSCRIBED */
	const char *actor;
};

/* A person leaves a list: becomes unsubscribed or complained there and is suppressed for it, which
 * running nodes hear of. *changed_out: false when that was so already. */
int member_leave(struct pg_blocking *db, const struct member_leaving *leaving, bool *changed_out,
		 struct err *err) NODISCARD;

#endif

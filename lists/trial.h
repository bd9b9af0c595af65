/* SPDX-License-Identifier: MIT */
/* Hidden lists of one person, which `campaign test` sends to. Blocking; for the command line. */
#ifndef EDM_LISTS_TRIAL_H
#define EDM_LISTS_TRIAL_H

#include "engine/base/address.h"
#include "lists/lists.h"

struct trial_list {
	const struct address *address;
	int64_t rid;
	struct str name;       /* of the list; must be new */
	struct str attributes; /* a JSON object */
	struct str by;
};

/* Makes it; its id in *id_out. */
int trial_list_make(struct pg_blocking *db, const struct trial_list *list, int32_t *id_out,
		    struct err *err) NODISCARD;
/* Takes the membership away again. */
int trial_list_drop(struct pg_blocking *db, int32_t list_id, struct err *err) NODISCARD;

#endif

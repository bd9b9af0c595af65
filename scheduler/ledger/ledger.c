/* SPDX-License-Identifier: MIT */
/* Names of recipient states; see ledger.h. */
#include "scheduler/ledger/ledger.h"

static const struct {
	enum recipient_state state;
	const char *name;
} states[] = {
#define X(suffix, number, name) {RECIPIENT_##suffix, name},
	RECIPIENT_STATES(X)
#undef X
};

const char *recipient_state_name(enum recipient_state state)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (states[i].state == state)
			return states[i].name;
	return "?";
}

int recipient_state_parse(struct str name, enum recipient_state *out)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (str_equals(name, str_from(states[i].name))) {
			*out = states[i].state;
			return 0;
		}
	}
	return -1;
}

bool recipient_state_is_final(enum recipient_state state)
{
	return state >= RECIPIENT_DELIVERED;
}

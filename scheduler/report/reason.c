/* SPDX-License-Identifier: MIT */
/* Why a campaign is paused; see reason.h. */
#include "scheduler/report/reason.h"

#include "scheduler/plan/brake.h"

static bool say_brake(const json_t *braked, enum language language, struct buf *out)
{
	struct brake_verdict v = {
		.is_of_all = json_is_true(json_object_get(braked, "is_of_all")),
		.provider = str_from(document_text(braked, "provider")),
		.n = document_int(braked, "n"),
		.of = document_int(braked, "of"),
		.limit = json_number_value(json_object_get(braked, "limit")),
	};
	if (brake_kind_parse(str_from(document_text(braked, "kind")), &v.kind) != 0)
		return false;
	brake_say(&v, language == LANGUAGE_ZH, out);
	return true;
}

void reason_say(const struct pause_facts *facts, enum language language, struct buf *out)
{
	switch (facts->reason) {
	case PAUSED_BRAKE:
		if (say_brake(facts->braked, language, out))
			return;
		break;
	case PAUSED_LATE:
		if (language == LANGUAGE_ZH) {
			buf_append_cstr(out, "已超过计划开始时间及其宽限");
			return;
		}
		break;
	case PAUSED_NONE:
	case PAUSED_OPERATOR:
	case PAUSED_PREFLIGHT:
		break;
	}
	buf_append_cstr(out, facts->text);
}

/* SPDX-License-Identifier: MIT */
/* Normalising any text and putting it together again gives the sanitised text back; its plain text
 * stays within bounds. */
#include "engine/reply/normalise.h"
#include "engine/reply/plain.h"
#include "engine/reply/sanitise.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text, template, parts, again;
	buf_init(&text, TEXT_MAX);
	buf_init(&template, 8 * TEXT_MAX);
	buf_init(&parts, 8 * TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	sanitise_append(&text, str_of((const char *)data, size));
	struct str rest = buf_str(&text);
	struct str name = str_take_until(&rest, ' ');
	normalise(buf_str(&text), name, &template, &parts);
	must(!template.is_truncated && !parts.is_truncated);
	template_restore(buf_str(&template), buf_str(&parts), &again);
	must(str_equals(buf_str(&again), buf_str(&text)));
	buf_clear(&again);
	mask_addresses(buf_str(&text), &again);
	must(!again.is_truncated && again.len <= text.len);
	buf_clear(&template);
	plain_append(buf_str(&text), &template);
	must(!template.is_truncated && template.len <= 6 * text.len);
	buf_done(&text);
	buf_done(&template);
	buf_done(&parts);
	buf_done(&again);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Templates: the input is a source. Whatever compiles renders within its bounds, the same each
 * time, uses only the names it lists, and in HTML lets no value through unescaped unless the source
 * says raw or escape.
 */
#include <string.h>

#include "engine/mail/template.h"
#include "tests/fuzz/fuzz.h"

#define OUTPUT_MAX (1u << 20)

/* A byte that no source of this target holds and no filter makes: it marks values. */
#define MARK "\x01"

static bool find_value(const void *ctx, struct str name, struct str *value_out)
{
	const struct template *t = ctx;
	bool is_listed = false;
	for (size_t i = 0; i < template_variable_count(t) && !is_listed; i++)
		is_listed = str_equals(template_variable(t, i), name);
	must(is_listed);
	if (name.len % 4 == 0)
		return false;
	*value_out = name.len % 4 == 1	 ? STR(MARK "<\"'&>{{ x }}{% if %}\r\n.\r\n")
		     : name.len % 4 == 2 ? STR("2026-02-28")
					 : STR("张\xff三");
	return true;
}

static int render(const struct template *t, struct buf *out)
{
	struct template_values values = {find_value, t};
	struct template_scratch scratch;
	struct err err;
	template_scratch_init(&scratch);
	buf_init(out, OUTPUT_MAX);
	int failed = template_render(t, &values, &scratch, out, &err);
	must(failed == 0 || err.kind == ERR_INPUT);
	must(out->len <= OUTPUT_MAX);
	template_scratch_done(&scratch);
	return failed;
}

static void check(struct str source, enum template_mode mode)
{
	struct template *t;
	struct err err = {0};
	if (template_compile(source, mode, &t, &err) != 0) {
		must(err.kind == ERR_INPUT && err.text[0] != '\0');
		return;
	}
	struct buf once;
	struct buf again;
	must(render(t, &once) == render(t, &again));
	must(str_equals(buf_str(&once), buf_str(&again)));
	bool is_plain = str_find(source, STR("raw")) < 0 && str_find(source, STR("escape")) < 0 &&
			str_find(source, STR(MARK)) < 0;
	if (mode == TEMPLATE_HTML && is_plain)
		must(str_find(buf_str(&once), STR(MARK "<")) < 0);
	buf_done(&once);
	buf_done(&again);
	template_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str source = str_of((const char *)data, size);
	check(source, TEMPLATE_TEXT);
	check(source, TEMPLATE_HTML);
	return 0;
}

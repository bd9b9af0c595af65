/* SPDX-License-Identifier: MIT */
/*
 * Whole messages: the input is cut at its first NUL into an HTML source and a value. Whatever
 * compiles and composes obeys the rules of the wire.
 */
#include "engine/mail/compose.h"
#include "tests/fuzz/fuzz.h"

static bool find_value(const void *ctx, struct str name, struct str *value_out)
{
	(void)name;
	*value_out = *(const struct str *)ctx;
	return true;
}

/* Lines end with CRLF, are ASCII, at most 998 long and never start with a dot. */
static void check_wire(struct str text)
{
	must(str_ends_with(text, STR("\r\n")));
	while (text.len > 0) {
		struct str line = str_take_until(&text, '\n');
		must(line.len > 0 && line.len <= 999 && line.ptr[line.len - 1] == '\r');
		must(line.ptr[0] != '.');
		for (size_t i = 0; i + 1 < line.len; i++)
			must((line.ptr[i] >= ' ' && line.ptr[i] < 0x7F) || line.ptr[i] == '\t');
	}
}

static size_t count_boundaries(struct str text)
{
	size_t n = 0;
	ptrdiff_t at;
	for (; (at = str_find(text, STR("\n--=_edm_"))) >= 0; n++)
		text = str_slice(text, (size_t)at + 1, text.len);
	return n;
}

static void check_message(const struct content *content, struct str value)
{
	struct composer *composer = composer_new();
	struct compose_input in = {.to = {value, STR("a@example.com")},
				   .values = {find_value, &value},
				   .message_id = STR("1@example.com"),
				   .list_name = value,
				   .list_id = STR("list.example.com")};
	struct message message;
	struct err err;
	message_init(&message);
	if (compose(composer, content, &in, &message, &err) == 0) {
		check_wire(buf_str(&message.text));
		must(message.tail.len == 0 && count_boundaries(buf_str(&message.text)) == 3);
	} else {
		must(err.kind == ERR_INPUT);
	}
	message_done(&message);
	composer_free(composer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = str_of((const char *)data, size);
	struct str source = str_take_until(&value, '\0');
	struct content_spec spec = {
		.subject = source, .html = source, .from = {value, STR("news@example.com")}};
	struct content *content;
	struct err err;
	if (content_new(&spec, &content, &err) != 0)
		return 0;
	check_message(content, value);
	content_free(content);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Header fields: the input is a value of each kind. What comes out is one field of whole ASCII
 * lines within the hard limit, and it cannot be left.
 */
#include "engine/mail/header.h"
#include "engine/mail/mime.h"
#include "tests/fuzz/fuzz.h"

#define OUTPUT_MAX (4u << 20)

/* One field: CRLF at the end of each line, a space at the start of each but the first. */
static void check_field(struct buf *out)
{
	struct str rest = buf_str(out);
	must(!out->is_truncated && str_ends_with(rest, STR("\r\n")));
	for (bool is_first = true; rest.len > 0; is_first = false) {
		struct str line = str_take_until(&rest, '\n');
		must(line.len > 0 && line.ptr[line.len - 1] == '\r');
		line.len--;
		must(line.len > 0 && line.len <= HEADER_LINE_HARD);
		must((line.ptr[0] == ' ') == !is_first);
		must(str_trim(line).len > 0);
		for (size_t i = 0; i < line.len; i++)
			must(line.ptr[i] >= ' ' && line.ptr[i] < 0x7F);
	}
	buf_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = str_of((const char *)data, size);
	struct mailbox mailbox = {value, STR("a@example.com")};
	struct buf out;
	buf_init(&out, OUTPUT_MAX);
	header_text(&out, "Subject", value);
	check_field(&out);
	header_structured(&out, "X-Any", value);
	check_field(&out);
	header_mailbox(&out, "To", &mailbox);
	check_field(&out);
	header_list_id(&out, value, STR("list.example.com"));
	check_field(&out);
	mime_field_with_parameter(&out, "Content-Disposition", STR("attachment"), "filename",
				  value);
	check_field(&out);
	mailbox = (struct mailbox){STR("name"), value};
	if (header_address_is_safe(value)) {
		header_mailbox(&out, "To", &mailbox);
		check_field(&out);
	}
	if (header_message_id_is_valid(value))
		must(header_address_is_safe(value));
	buf_done(&out);
	return 0;
}

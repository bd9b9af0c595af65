/* SPDX-License-Identifier: MIT */
/*
 * The reply parser: whatever the bytes and however they are cut, it stays in its bounds, gives
 * valid UTF-8, and gives the same replies whole and byte by byte.
 */
#include "engine/base/utf8.h"
#include "engine/reply/reply.h"
#include "tests/fuzz/fuzz.h"

/* A number that depends on every reply in bytes, fed in pieces of at most step octets. */
static uint64_t digest_of(struct str bytes, size_t step)
{
	struct reply_parser p;
	uint64_t digest = 0;
	reply_parser_init(&p);
	while (bytes.len > 0) {
		size_t used;
		struct str piece = str_slice(bytes, 0, step);
		enum reply_progress progress = reply_parser_feed(&p, piece, &used);
		must(used <= piece.len);
		if (progress == REPLY_INVALID)
			break;
		bytes = str_slice(bytes, used, bytes.len);
		if (progress == REPLY_NEED_MORE) {
			must(used == piece.len);
			continue;
		}
		must(used > 0 && p.reply.line_count > 0 && p.reply.code <= 999);
		must(p.reply.text.len <= REPLY_TEXT_MAX && utf8_is_valid(p.reply.text));
		for (size_t i = 0; i < p.reply.line_count && i < REPLY_LINES_MAX; i++)
			must(utf8_is_valid(reply_line(&p, i)));
		for (size_t i = 0; i < p.reply.text.len; i++)
			digest = digest * 31 + (uint8_t)p.reply.text.ptr[i];
		digest = digest * 31 + p.reply.code + p.reply.enhanced.detail;
	}
	reply_parser_done(&p);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_of((const char *)data, size);
	must(digest_of(bytes, 1) == digest_of(bytes, size ? size : 1));
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, taken for a list: detected, converted, cut into rows, mapped, made into people. The
 * size of the pieces it arrives in changes nothing, all text is UTF-8, lines only go up. The first
 * byte is the size of the pieces.
 */
#include "engine/base/utf8.h"
#include "lists/convert.h"
#include "lists/person.h"
#include "tests/fuzz/fuzz.h"

struct reading {
	uint64_t digest; /* of all rows */
	uint64_t line;
	struct mapping *mapping;
	struct arena *arena;
	struct person person;
};

static int on_row(void *ctx, const struct csv_row *row)
{
	static const struct hash_key key = {{1}};
	struct reading *reading = ctx;
	must(row->line > reading->line && row->count > 0);
	reading->line = row->line;
	reading->digest = reading->digest * 31 + row->line;
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++) {
		must(utf8_is_valid(row->cells[i]));
		reading->digest = reading->digest * 31 + hash_keyed(&key, row->cells[i]);
	}
	if (reading->mapping->count == 0) {
		struct mapping_request request = {.rows = row, .row_count = 1};
		struct err err;
		if (mapping_build(reading->mapping, &request, reading->arena, &err) != 0)
			return row->line < 5 ? 0 : -1;
	}
	if (person_parse(&reading->person, row, reading->mapping, &key))
		must(utf8_is_valid(buf_str(&reading->person.attributes)));
	return 0;
}

static uint64_t read_all(struct str bytes, size_t piece)
{
	struct detector detector;
	struct converter converter;
	struct buf text;
	struct arena arena;
	struct mapping mapping = {0};
	struct reading reading = {.mapping = &mapping, .arena = &arena};
	detector_init(&detector);
	for (size_t at = 0; at < bytes.len; at += piece)
		detector_feed(&detector, str_slice(bytes, at, at + piece));
	struct detected found = detector_finish(&detector);
	if (found.encoding == ENCODING_UNKNOWN)
		found.encoding = ENCODING_UTF_8;
	bytes = str_slice(bytes, found.bom_len, bytes.len);

	must(converter_init(&converter, found.encoding, NULL, NULL) == 0);
	buf_init(&text, 4 * (bytes.len + 16) + 64);
	buf_append_cstr(&text, "");
	for (size_t at = 0; at < bytes.len; at += piece)
		converter_feed(&converter, str_slice(bytes, at, at + piece), false, &text);
	converter_feed(&converter, STR(""), true, &text);
	must(utf8_is_valid(buf_str(&text)));
	must(found.utf8_bad_line != 0 || found.encoding != ENCODING_UTF_8 ||
	     converter.bad_count == 0);

	arena_init(&arena, 0);
	person_init(&reading.person);
	struct csv_reader *reader =
		csv_reader_new(detect_delimiter(buf_str(&text)), on_row, &reading);
	struct str rest = buf_str(&text);
	int rc = 0;
	while (rc == 0 && rest.len > 0) {
		struct str head = utf8_clip(rest, piece < 4 ? 4 : piece);
		rest = str_slice(rest, head.len, rest.len);
		rc = csv_reader_feed(reader, head, NULL);
	}
	if (rc == 0)
		rc = csv_reader_finish(reader, NULL);
	csv_reader_free(reader);
	person_done(&reading.person);
	arena_done(&arena);
	buf_done(&text);
	converter_done(&converter);
	return rc == 0 ? reading.digest : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct str bytes = str_of((const char *)data + 1, size - 1);
	must(read_all(bytes, data[0] % 16 + 1u) == read_all(bytes, bytes.len));
	return 0;
}

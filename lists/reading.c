/* SPDX-License-Identifier: MIT */
/* Files read as people; see reading.h. */
#include "lists/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/refused.h"

#define HEAD_ROWS 50		 /* that the mapping is guessed from */
#define HEAD_BYTES (1024u << 10) /* of them together */

struct reading {
	struct sheet *sheet;
	struct arena arena; /* mapping, head and samples */
	struct csv_row head[HEAD_ROWS];
	size_t head_count;
	struct mapping mapping;
	struct reading_preview preview;
	struct refused refused;
	struct reading_counts counts;
	/* while people are given */
	const struct hash_key *key;
	reading_on_person on_person;
	void *ctx;
	struct person person;
	struct err err; /* of a callback */
	/* while lines are refused */
	const int64_t *lines;
	size_t line_count;
};

static int read_head(struct reading *r, const struct reading_request *request, struct err *err);
static int take_samples(struct reading *r, struct err *err);
static char *default_refused_path(const char *path);

int reading_open(struct reading **out, const struct reading_request *request, struct err *err)
{
	struct reading *r = xcalloc(1, sizeof(*r));
	struct sheet_request sheet = {.path = request->path,
				      .encoding = request->encoding,
				      .delimiter = request->delimiter};
	arena_init(&r->arena, 0);
	person_init(&r->person);
	char *refused_path = request->refused_path ? xstrdup(request->refused_path)
						   : default_refused_path(request->path);
	refused_init(&r->refused, refused_path);
	free(refused_path);
	if (sheet_open(&r->sheet, &sheet, err) != 0 || read_head(r, request, err) != 0 ||
	    take_samples(r, err) != 0) {
		reading_close(r);
		return -1;
	}
	r->preview.facts = sheet_facts(r->sheet);
	r->preview.mapping = &r->mapping;
	r->preview.refused_path = r->refused.path;
	*out = r;
	return 0;
}

void reading_close(struct reading *r)
{
	if (r == NULL)
		return;
	sheet_close(r->sheet);
	refused_done(&r->refused);
	person_done(&r->person);
	arena_done(&r->arena);
	free(r);
}

/* "lists/may.csv" → "lists/may.refused.csv" */
static char *default_refused_path(const char *path)
{
	if (strcmp(path, "-") == 0)
		path = "stdin";
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(path, '.');
	size_t stem = dot != NULL && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path)
								      : strlen(path);
	size_t size = stem + sizeof(".refused.csv");
	char *made = xmalloc(size);
	snprintf(made, size, "%.*s.refused.csv", (int)stem, path);
	return made;
}

static struct csv_row copy_row(struct arena *arena, const struct csv_row *row)
{
	size_t kept = row->count < CSV_CELLS_MAX ? row->count : CSV_CELLS_MAX;
	struct str *cells = arena_alloc(arena, kept * sizeof(*cells) + 1);
	for (size_t i = 0; i < kept; i++)
		cells[i] = arena_str(arena, row->cells[i]);
	return (struct csv_row){.line = row->line, .count = row->count, .cells = cells};
}

static int keep_head(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	r->head[r->head_count++] = copy_row(&r->arena, row);
	return r->head_count == HEAD_ROWS || r->arena.used > HEAD_BYTES ? -1 : 0;
}

static int read_head(struct reading *r, const struct reading_request *request, struct err *err)
{
	if (sheet_each(r->sheet, keep_head, r, err) < 0)
		return -1;
	struct mapping_request mapping = {.rows = r->head,
					  .row_count = r->head_count,
					  .overrides = request->overrides,
					  .override_count = request->override_count};
	if (mapping_build(&r->mapping, &mapping, &r->arena, err) != 0)
		return -1;
	size_t first = r->mapping.has_header ? 1 : 0;
	if (first == r->head_count)
		return err_set(err, ERR_INPUT, "the file holds a header and no rows");
	r->preview.first = r->head[first];
	return 0;
}

static bool is_ascii(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++)
		for (size_t at = 0; at < row->cells[i].len; at++)
			if ((unsigned char)row->cells[i].ptr[at] >= 0x80)
				return false;
	return true;
}

/* The header is no sample: it is shown anyway. */
static bool is_header(const struct reading *r, const struct csv_row *row)
{
	return r->mapping.has_header && row->line == r->head[0].line;
}

static int keep_sample(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	if (!is_header(r, row) && !is_ascii(row))
		r->preview.samples[r->preview.sample_count++] = copy_row(&r->arena, row);
	return r->preview.sample_count == READING_SAMPLES ? -1 : 0;
}

static int take_samples(struct reading *r, struct err *err)
{
	if (sheet_facts(r->sheet).is_ascii)
		return 0;
	return sheet_each(r->sheet, keep_sample, r, err) < 0 ? -1 : 0;
}

const struct reading_preview *reading_preview(const struct reading *r)
{
	return &r->preview;
}

void reading_report_to(struct reading *r, sheet_on_progress on_progress, void *ctx)
{
	sheet_report_to(r->sheet, on_progress, ctx);
}

static int refuse(struct reading *r, const struct csv_row *row)
{
	r->counts.refused++;
	return refused_write(&r->refused, &r->mapping, row, person_reason_sentence(&r->person),
			     &r->err);
}

static void note_hints(struct reading *r)
{
	const struct address *address = &r->person.address;
	struct str meant = address_typo_hint(address_domain(address));
	r->counts.smtputf8 += address->needs_smtputf8;
	if (str_is_empty(meant))
		return;
	if (r->counts.typos++ == 0) {
		memcpy(r->counts.typo, address->mailbox, sizeof(r->counts.typo));
		r->counts.typo_meant = meant.ptr; /* a constant, NUL-terminated */
	}
}

static int give_person(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	if (is_header(r, row))
		return 0;
	r->counts.rows++;
	if (!person_parse(&r->person, row, &r->mapping, r->key))
		return refuse(r, row);
	note_hints(r);
	return r->on_person(r->ctx, row->line, &r->person, &r->err);
}

/* A pass over the file whose callback may have failed. */
static int pass(struct reading *r, csv_on_row on_row, struct err *err)
{
	err_clear(&r->err);
	int rc = sheet_each(r->sheet, on_row, r, err);
	if (rc > 0 && r->err.kind == ERR_NONE)
		return 0; /* stopped because there was no more to do */
	if (rc > 0 && err != NULL)
		*err = r->err;
	return rc == 0 ? 0 : -1;
}

/* Nobody in it is anybody: another encoding or other columns, rather than people to leave out. */
static int refuse_all(struct reading *r, struct err *err)
{
	if (reading_commit_refused(r, err) != 0)
		return -1;
	return err_set(
		err, ERR_INPUT,
		"nothing was taken: all of the file was refused (%llu %s; the reasons are in "
		"%s); is --encoding right, and --map?",
		(unsigned long long)r->counts.rows, plural((int64_t)r->counts.rows, "row", "rows"),
		reading_preview(r)->refused_path);
}

int reading_people(struct reading *r, const struct hash_key *key, reading_on_person on_person,
		   void *ctx, struct err *err)
{
	r->key = key;
	r->on_person = on_person;
	r->ctx = ctx;
	if (pass(r, give_person, err) != 0)
		return -1;
	return r->counts.rows > 0 && r->counts.refused == r->counts.rows ? refuse_all(r, err) : 0;
}

static int refuse_listed(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	if (r->line_count == 0)
		return -1;
	if ((int64_t)row->line != r->lines[0])
		return 0;
	r->lines++;
	r->line_count--;
	return refuse(r, row);
}

int reading_refuse_lines(struct reading *r, const int64_t *lines, size_t count,
			 enum person_reason reason, struct err *err)
{
	r->lines = lines;
	r->line_count = count;
	r->person.reason = reason;
	return pass(r, refuse_listed, err);
}

int reading_commit_refused(struct reading *r, struct err *err)
{
	int result = refused_commit(&r->refused, err);
	r->preview.refused_path = r->refused.path;
	r->preview.kept_path = r->refused.kept_path;
	return result;
}

const struct reading_counts *reading_counts(const struct reading *r)
{
	return &r->counts;
}

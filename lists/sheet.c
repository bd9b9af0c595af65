/* SPDX-License-Identifier: MIT */
/* Files of rows: open, detect, convert, cut; see sheet.h. */
#include "lists/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lists/convert.h"
#include "lists/detect.h"

#define BLOCK_SIZE (64u << 10)

struct sheet {
	int fd;
	char *path; /* for messages */
	uint64_t size;
	enum encoding encoding;
	char *iconv_name; /* with ENCODING_OTHER */
	unsigned bom_len;
	bool is_ascii;
	char delimiter;
	sheet_on_progress on_progress;
	void *progress_ctx;
};

static int open_file(struct sheet *s, const char *path, struct err *err);
static int settle_encoding(struct sheet *s, const char *encoding, struct err *err);
static int settle_delimiter(struct sheet *s, char delimiter, struct err *err);

int sheet_open(struct sheet **out, const struct sheet_request *request, struct err *err)
{
	struct sheet *s = xcalloc(1, sizeof(*s));
	s->fd = -1;
	s->path = xstrdup(strcmp(request->path, "-") == 0 ? "standard input" : request->path);
	if (open_file(s, request->path, err) != 0 ||
	    settle_encoding(s, request->encoding, err) != 0 ||
	    settle_delimiter(s, request->delimiter, err) != 0) {
		sheet_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void sheet_close(struct sheet *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->iconv_name);
	free(s);
}

/* Up to size bytes at offset: how many, 0 at the end, -1. */
static ssize_t read_at(const struct sheet *s, uint64_t offset, char *to, size_t size,
		       struct err *err)
{
	ssize_t n;
	do
		n = pread(s->fd, to, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, errno, "cannot read %s", s->path);
	return n;
}

static int write_all(int fd, const char *from, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t n = write(fd, from, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot write a temporary file");
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Copies from into a file without a name; returns its descriptor. */
static int spool(int from, const char *path, struct err *err)
{
	const char *directory = getenv("TMPDIR");
	char name[4096], block[BLOCK_SIZE];
	snprintf(name, sizeof(name), "%s/edm-import-XXXXXX", directory ? directory : "/tmp");
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot make the temporary file %s", name);
	unlink(name);
	for (;;) {
		ssize_t n = read(from, block, sizeof(block));
		if (n == 0)
			return fd;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err_errno(err, errno, "cannot read %s", path);
		if (n < 0 || write_all(fd, block, (size_t)n, err) != 0)
			break;
	}
	close(fd);
	return -1;
}

static int open_file(struct sheet *s, const char *path, struct err *err)
{
	struct stat st;
	bool is_stdin = strcmp(path, "-") == 0;
	s->fd = is_stdin ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0)
		return err_errno(err, errno, "cannot open %s", s->path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INPUT, "%s is a directory", s->path);
	if (!S_ISREG(st.st_mode) || is_stdin) {
		int fd = spool(s->fd, s->path, err);
		close(s->fd);
		s->fd = fd;
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) != 0)
			return err_errno(err, errno, "cannot read a temporary file");
	}
	s->size = (uint64_t)st.st_size;
	if (s->size == 0)
		return err_set(err, ERR_INPUT, "%s is empty", s->path);
	return 0;
}

/* Spreadsheets' own formats begin so: ZIP (xlsx, ods, et) and OLE (xls). */
static bool is_workbook(struct str head)
{
	return str_starts_with(head, STR("PK\x03\x04")) ||
	       str_starts_with(head, STR("\xD0\xCF\x11\xE0"));
}

static int detect(struct sheet *s, struct err *err)
{
	struct detector detector;
	char block[BLOCK_SIZE];
	uint64_t offset = 0;
	detector_init(&detector);
	for (;;) {
		ssize_t n = read_at(s, offset, block, sizeof(block), err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		detector_feed(&detector, str_of(block, (size_t)n));
		offset += (uint64_t)n;
	}
	struct detected found = detector_finish(&detector);
	if (found.encoding == ENCODING_UNKNOWN)
		return err_set(
			err, ERR_INPUT,
			"%s is neither UTF-8 (see line %llu) nor GB18030 (see line %llu); name "
			"its encoding with --encoding",
			s->path, (unsigned long long)found.utf8_bad_line,
			(unsigned long long)found.gb18030_bad_line);
	s->encoding = found.encoding;
	s->bom_len = found.bom_len;
	s->is_ascii = found.is_ascii;
	return 0;
}

static int settle_encoding(struct sheet *s, const char *encoding, struct err *err)
{
	char bytes[4];
	ssize_t n = read_at(s, 0, bytes, sizeof(bytes), err);
	if (n < 0)
		return -1;
	struct str head = str_of(bytes, (size_t)n);
	if (is_workbook(head))
		return err_set(err, ERR_INPUT,
			       "%s is a workbook; save it as \"CSV UTF-8\" and import that",
			       s->path);
	if (encoding == NULL || encoding[0] == '\0')
		return detect(s, err);
	s->encoding = encoding_parse(str_from(encoding));
	if (s->encoding == ENCODING_UTF_16LE && bom_length(ENCODING_UTF_16BE, head) > 0)
		s->encoding = ENCODING_UTF_16BE;
	if (s->encoding == ENCODING_OTHER)
		s->iconv_name = xstrdup(encoding);
	s->bom_len = bom_length(s->encoding, head);
	return 0;
}

static int settle_delimiter(struct sheet *s, char delimiter, struct err *err)
{
	struct converter converter;
	struct buf text;
	char block[BLOCK_SIZE];
	s->delimiter = delimiter;
	/* Even when it is given, the conversion is tried: it knows whether the encoding exists. */
	if (converter_init(&converter, s->encoding, s->iconv_name, err) != 0)
		return -1;
	ssize_t n = read_at(s, s->bom_len, block, sizeof(block), err);
	buf_init(&text, 4 * (sizeof(block) + 16));
	if (n >= 0)
		converter_feed(&converter, str_of(block, (size_t)n), false, &text);
	if (delimiter == 0)
		s->delimiter = detect_delimiter(buf_str(&text));
	buf_done(&text);
	converter_done(&converter);
	return n < 0 ? -1 : 0;
}

struct sheet_facts sheet_facts(const struct sheet *s)
{
	return (struct sheet_facts){
		.encoding = s->iconv_name ? s->iconv_name : encoding_name(s->encoding),
		.delimiter = s->delimiter,
		.is_ascii = s->is_ascii,
		.size = s->size,
	};
}

void sheet_report_to(struct sheet *s, sheet_on_progress on_progress, void *ctx)
{
	s->on_progress = on_progress;
	s->progress_ctx = ctx;
}

/* The file through the converter into the reader. 0, 1 stopped, -1. */
static int pump(struct sheet *s, struct converter *converter, struct csv_reader *reader,
		struct err *err)
{
	char block[BLOCK_SIZE];
	struct buf text;
	uint64_t offset = s->bom_len;
	int rc = 0;
	buf_init(&text, 4 * (sizeof(block) + 16));
	while (rc == 0) {
		ssize_t n = read_at(s, offset, block, sizeof(block), err);
		rc = n < 0 ? -1 : 0;
		if (n < 0)
			break;
		offset += (uint64_t)n;
		buf_clear(&text);
		converter_feed(converter, str_of(block, (size_t)n), n == 0, &text);
		err_clear(err);
		rc = csv_reader_feed(reader, buf_str(&text), err);
		if (rc == 0 && n == 0)
			rc = csv_reader_finish(reader, err);
		if (s->on_progress != NULL)
			s->on_progress(s->progress_ctx, offset, s->size);
		if (n == 0)
			break;
	}
	buf_done(&text);
	return rc != 0 && err->kind == ERR_NONE ? 1 : rc;
}

int sheet_each(struct sheet *s, csv_on_row on_row, void *ctx, struct err *err)
{
	struct converter converter;
	struct err own;
	err_clear(&own);
	if (converter_init(&converter, s->encoding, s->iconv_name, err) != 0)
		return -1;
	struct csv_reader *reader = csv_reader_new(s->delimiter, on_row, ctx);
	int rc = pump(s, &converter, reader, &own);
	if (rc < 0 && err != NULL) {
		*err = own;
		err_prefix(err, "%s", s->path);
	}
	csv_reader_free(reader);
	converter_done(&converter);
	return rc;
}

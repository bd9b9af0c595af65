/* SPDX-License-Identifier: MIT */
/* Reads a campaign's content from files and options; see content.h. For the command line. */
#include "scheduler/campaign/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/address.h"
#include "engine/base/utf8.h"
#include "lists/convert.h"

void content_source_init(struct content_source *s)
{
	*s = (struct content_source){0};
	arena_init(&s->memory, 64u << 10);
	s->spec.attachments = s->attachments;
}

void content_source_done(struct content_source *s)
{
	arena_done(&s->memory);
}

void content_source_copy(struct content_source *s, const struct content_spec *stored)
{
	struct arena *arena = &s->memory;
	must(stored->attachment_count <= CONTENT_ATTACHMENTS_MAX);
	s->spec = (struct content_spec){
		.subject = arena_str(arena, stored->subject),
		.preheader = arena_str(arena, stored->preheader),
		.html = arena_str(arena, stored->html),
		.text = arena_str(arena, stored->text),
		.from = {arena_str(arena, stored->from.name),
			 arena_str(arena, stored->from.address)},
		.reply_to = {arena_str(arena, stored->reply_to.name),
			     arena_str(arena, stored->reply_to.address)},
		.attachments = s->attachments,
		.attachment_count = stored->attachment_count,
	};
	for (size_t i = 0; i < stored->attachment_count; i++) {
		const struct attachment *from = &stored->attachments[i];
		s->attachments[i] = (struct attachment){
			.name = arena_str(arena, from->name),
			.type = arena_str(arena, from->type),
			.cid = arena_str(arena, from->cid),
			.data = arena_str(arena, from->data),
		};
	}
}

bool content_request_is_empty(const struct content_request *r)
{
	return r->from == NULL && r->reply_to == NULL && r->subject == NULL &&
	       r->preheader == NULL && r->html_path == NULL && r->text_path == NULL &&
	       r->attachment_count == 0;
}

/* ----------------------------------------------------------------------------------- mailboxes */

int content_parse_mailbox(struct str text, struct arena *arena, struct mailbox *out,
			  struct err *err)
{
	struct address address;
	enum address_reason reason = address_parse(text, &address);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_USAGE, "'%.*s' is no address: %s", STR_ARG(text),
			       address_reason_sentence(reason));
	if (address.needs_smtputf8)
		return err_set(err, ERR_USAGE,
			       "'%.*s' cannot be a sender: before the @ there may only be ASCII, "
			       "or most receivers refuse it",
			       STR_ARG(text));
	ptrdiff_t open = str_find_char(text, '<');
	struct str name = str_trim(str_slice(text, 0, open > 0 ? (size_t)open : 0));
	if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
		name = str_slice(name, 1, name.len - 1);
	out->name = arena_str(arena, name);
	out->address = arena_str(arena, address_mailbox(&address));
	return 0;
}

static int take_from(struct content_source *s, const char *text, struct err *err)
{
	struct mailbox from;
	if (content_parse_mailbox(str_from(text), &s->memory, &from, err) != 0)
		return err_prefix(err, "--from");
	s->spec.from = from;
	return 0;
}

static int take_reply_to(struct content_source *s, const char *text, struct err *err)
{
	struct mailbox reply_to = {0};
	if (text[0] != '\0' &&
	    content_parse_mailbox(str_from(text), &s->memory, &reply_to, err) != 0)
		return err_prefix(err, "--reply-to");
	/* The header carries the address alone. */
	s->spec.reply_to = (struct mailbox){.address = reply_to.address};
	return 0;
}

/* --------------------------------------------------------------------------------------- files */

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
	for (;;) {
		char *room = buf_reserve(out, 64u << 10);
		if (room == NULL)
			return err_set(err, ERR_INPUT, "%s is larger than %u MiB", path,
				       CONTENT_FILE_MAX >> 20);
		ssize_t n = read(fd, room, 64u << 10);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read %s", path);
		if (n == 0)
			return 0;
		buf_add(out, (size_t)n);
	}
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", out, err);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	struct stat st;
	int result = 0;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		result = err_set(err, ERR_INPUT, "%s is a directory, not a file", path);
	if (result == 0)
		result = read_all(fd, path, out, err);
	close(fd);
	return result;
}

/* Bytes of a picture or the like may pass for some encoding, but have control characters. */
static bool is_text(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool is_space = c == '\t' || c == '\n' || c == '\r' || c == '\f';
		if ((c < ' ' && !is_space) || c == 0x7f)
			return false;
	}
	return true;
}

/* bytes as UTF-8 in the arena; a byte order mark goes. */
static int decode(struct str bytes, const char *path, struct arena *arena, struct str *out,
		  struct err *err)
{
	struct detector detector;
	struct converter converter;
	struct buf text;
	detector_init(&detector);
	detector_feed(&detector, bytes);
	struct detected found = detector_finish(&detector);
	if (found.encoding == ENCODING_UNKNOWN)
		return err_set(err, ERR_INPUT,
			       "%s is neither UTF-8 (line %llu) nor UTF-16 nor GB18030: save it "
			       "as UTF-8",
			       path, (unsigned long long)found.utf8_bad_line);
	if (converter_init(&converter, found.encoding, NULL, err) != 0)
		return -1;
	buf_init(&text, 4 * (bytes.len + 16));
	converter_feed(&converter, str_slice(bytes, found.bom_len, bytes.len), true, &text);
	converter_done(&converter);
	*out = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return 0;
}

static int take_text_file(struct content_source *s, const char *path, struct str *out,
			  struct err *err)
{
	struct buf bytes;
	struct str text = {0};
	buf_init(&bytes, CONTENT_FILE_MAX);
	int result = read_file(path, &bytes, err);
	if (result == 0)
		result = decode(buf_str(&bytes), path, &s->memory, &text, err);
	buf_done(&bytes);
	if (result == 0 && str_trim(text).len == 0)
		result = err_set(err, ERR_INPUT, "%s is empty", path);
	if (result == 0 && !is_text(text))
		result = err_set(err, ERR_INPUT, "%s has control characters: it is no text", path);
	if (result == 0)
		*out = text;
	return result;
}

struct str content_media_type(struct str file_name)
{
	static const struct {
		struct str end;
		struct str type;
	} types[] = {
		{STR_INIT(".pdf"), STR_INIT("application/pdf")},
		{STR_INIT(".png"), STR_INIT("image/png")},
		{STR_INIT(".jpg"), STR_INIT("image/jpeg")},
		{STR_INIT(".jpeg"), STR_INIT("image/jpeg")},
		{STR_INIT(".gif"), STR_INIT("image/gif")},
		{STR_INIT(".webp"), STR_INIT("image/webp")},
		{STR_INIT(".svg"), STR_INIT("image/svg+xml")},
		{STR_INIT(".txt"), STR_INIT("text/plain")},
		{STR_INIT(".csv"), STR_INIT("text/csv")},
		{STR_INIT(".html"), STR_INIT("text/html")},
		{STR_INIT(".ics"), STR_INIT("text/calendar")},
		{STR_INIT(".zip"), STR_INIT("application/zip")},
		{STR_INIT(".doc"), STR_INIT("application/msword")},
		{STR_INIT(".docx"), STR_INIT("application/vnd.openxmlformats-officedocument."
					     "wordprocessingml.document")},
		{STR_INIT(".xls"), STR_INIT("application/vnd.ms-excel")},
		{STR_INIT(".xlsx"), STR_INIT("application/vnd.openxmlformats-officedocument."
					     "spreadsheetml.sheet")},
		{STR_INIT(".ppt"), STR_INIT("application/vnd.ms-powerpoint")},
		{STR_INIT(".pptx"), STR_INIT("application/vnd.openxmlformats-officedocument."
					     "presentationml.presentation")},
		{STR_INIT(".mp4"), STR_INIT("video/mp4")},
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ends_with_nocase(file_name, types[i].end))
			return types[i].type;
	return STR("application/octet-stream");
}

static int take_attachment(struct content_source *s, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct str name = str_from(slash != NULL ? slash + 1 : path);
	struct buf bytes;
	if (s->spec.attachment_count == CONTENT_ATTACHMENTS_MAX)
		return err_set(err, ERR_USAGE, "at most %u files can be attached",
			       CONTENT_ATTACHMENTS_MAX);
	if (!utf8_is_valid(name))
		return err_set(err, ERR_USAGE, "the name of %s is not UTF-8", path);
	buf_init(&bytes, CONTENT_FILE_MAX);
	int result = read_file(path, &bytes, err);
	if (result == 0)
		s->attachments[s->spec.attachment_count++] = (struct attachment){
			.name = arena_str(&s->memory, name),
			.type = content_media_type(name),
			.data = arena_str(&s->memory, buf_str(&bytes)),
		};
	buf_done(&bytes);
	return result;
}

/* An attached file that the HTML shows as cid:NAME is shown in place. */
static void find_inline(struct content_source *s)
{
	for (size_t i = 0; i < s->spec.attachment_count; i++) {
		struct attachment *file = &s->attachments[i];
		const char *cid = arena_printf(&s->memory, "cid:%.*s", STR_ARG(file->name));
		bool is_shown = str_find(s->spec.html, str_from(cid)) >= 0;
		file->cid = is_shown ? file->name : (struct str){0};
	}
}

/* ----------------------------------------------------------------------------------- together */

static int take_line(struct content_source *s, const char *option, const char *value,
		     struct str *out, struct err *err)
{
	struct str text = str_from(value);
	if (!utf8_is_valid(text))
		return err_set(err, ERR_USAGE, "%s is not UTF-8 text", option);
	if (str_find_char(text, '\n') >= 0 || str_find_char(text, '\r') >= 0)
		return err_set(err, ERR_USAGE, "%s must be one line", option);
	*out = arena_str(&s->memory, text);
	return 0;
}

static int take_lines(struct content_source *s, const struct content_request *r, struct err *err)
{
	if (r->from != NULL && !utf8_is_valid(str_from(r->from)))
		return err_set(err, ERR_USAGE, "--from is not UTF-8 text");
	if (r->from != NULL && take_from(s, r->from, err) != 0)
		return -1;
	if (r->reply_to != NULL && take_reply_to(s, r->reply_to, err) != 0)
		return -1;
	if (r->subject != NULL && take_line(s, "--subject", r->subject, &s->spec.subject, err) != 0)
		return -1;
	if (r->preheader != NULL &&
	    take_line(s, "--preheader", r->preheader, &s->spec.preheader, err) != 0)
		return -1;
	return 0;
}

static int take_files(struct content_source *s, const struct content_request *r, struct err *err)
{
	if (r->html_path != NULL && r->text_path != NULL && strcmp(r->html_path, "-") == 0 &&
	    strcmp(r->text_path, "-") == 0)
		return err_set(err, ERR_USAGE, "--html and --text cannot both be standard input");
	if (r->html_path != NULL && take_text_file(s, r->html_path, &s->spec.html, err) != 0)
		return -1;
	if (r->text_path != NULL && take_text_file(s, r->text_path, &s->spec.text, err) != 0)
		return -1;
	if (r->attachment_count > 0)
		s->spec.attachment_count = 0;
	bool is_none = r->attachment_count == 1 && r->attachment_paths[0][0] == '\0';
	for (size_t i = 0; i < r->attachment_count && !is_none; i++)
		if (take_attachment(s, r->attachment_paths[i], err) != 0)
			return -1;
	find_inline(s);
	return 0;
}

int content_source_take(struct content_source *s, const struct content_request *request,
			struct err *err)
{
	if (take_lines(s, request, err) != 0 || take_files(s, request, err) != 0)
		return -1;
	if (s->spec.from.address.len == 0)
		return err_set(err, ERR_USAGE, "who is it from? Give --from 'Name <a@b>'");
	if (s->spec.subject.len == 0)
		return err_set(err, ERR_USAGE, "there is no subject: give --subject TEXT");
	if (s->spec.html.len == 0 && s->spec.text.len == 0)
		return err_set(err, ERR_USAGE,
			       "there is nothing to send: give --html FILE, --text FILE or both");
	return 0;
}

int content_source_compile(const struct content_source *s, struct content **out, struct err *err)
{
	int result = content_new(&s->spec, out, err);
	/* It was typed, or stands in a file that was named: wrong use, as a wrong option is. */
	if (result != 0 && err != NULL && err->kind == ERR_INPUT)
		err->kind = ERR_USAGE;
	return result;
}

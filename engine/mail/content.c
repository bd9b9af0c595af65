/* SPDX-License-Identifier: MIT */
/*
 * Compiles a content: templates, the MIME tree mixed(alternative(text, related(html, inline)),
 * attachments) with only the levels it needs, and all bytes that messages share.
 */
#include "engine/mail/content_private.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "engine/base/utf8.h"
#include "engine/mail/html_text.h"

#define FIELDS_MAX (64u << 10)
#define SOURCE_MAX (2u * TEMPLATE_SOURCE_MAX) /* with preheader, or made from HTML */

/* The tree under construction. */
struct builder {
	struct content *c;
	const struct content_spec *spec;
	struct part *text; /* NULL: the tree has no such leaf */
	struct part *html;
	struct buf top;	   /* MIME fields of the message */
	struct buf lines;  /* fixed lines since the last part */
	bool is_top;	   /* the next entity is the message itself */
	char boundary[40]; /* all but the level's digit */
};

/* ---- sources ---- */

static int compile_part(const char *what, struct str source, enum template_mode mode,
			struct template **out, struct err *err)
{
	return template_compile(source, mode, out, err) == 0 ? 0 : err_prefix(err, "%s", what);
}

/* The text of a template as HTML: escaped outside of its {{ }} and {% %}. */
static void append_escaped(struct buf *out, struct str source)
{
	while (source.len > 0) {
		bool is_output = str_starts_with(source, STR("{{"));
		bool is_tag = str_starts_with(source, STR("{%"));
		ptrdiff_t end = !is_output && !is_tag
					? -1
					: str_find(source, is_tag ? STR("%}") : STR("}}"));
		size_t n = end < 0 ? 1 : (size_t)end + 2;
		char c = source.ptr[0];
		if (c == '<' || c == '&')
			buf_append_cstr(out, c == '<' ? "&lt;" : "&amp;");
		else
			buf_append(out, source.ptr, n);
		source = str_slice(source, n, source.len);
	}
}

/* Offset in html where its body begins: behind <body …>, else 0. */
static size_t find_body(struct str html)
{
	for (size_t i = 0; i < html.len; i++) {
		struct str here = str_slice(html, i, html.len);
		ptrdiff_t end =
			str_starts_with_nocase(here, STR("<body")) ? str_find_char(here, '>') : -1;
		if (end > 0)
			return i + (size_t)end + 1;
	}
	return 0;
}

static void html_with_preheader(const struct content_spec *spec, struct buf *out)
{
	size_t at = spec->preheader.len > 0 ? find_body(spec->html) : 0;
	buf_append_str(out, str_slice(spec->html, 0, at));
	if (spec->preheader.len > 0) {
		buf_append_cstr(out, "<div style=\"display:none;max-height:0;overflow:hidden;"
				     "mso-hide:all\">");
		append_escaped(out, spec->preheader);
		buf_append_cstr(out, "</div>");
	}
	buf_append_str(out, str_slice(spec->html, at, spec->html.len));
}

static int compile_html(struct builder *b, struct err *err)
{
	struct template *t = NULL;
	struct buf source;
	if (b->spec->html.len == 0)
		return 0;
	/* errors are about what the author wrote, so the source is compiled as it is first */
	if (compile_part("html", b->spec->html, TEMPLATE_HTML, &t, err) != 0)
		return -1;
	if (b->spec->preheader.len > 0) {
		template_free(t);
		t = NULL;
		if (compile_part("preheader", b->spec->preheader, TEMPLATE_HTML, &t, err) != 0)
			return -1;
		template_free(t);
		t = NULL;
		buf_init(&source, SOURCE_MAX);
		html_with_preheader(b->spec, &source);
		int failed = compile_part("html with preheader", buf_str(&source), TEMPLATE_HTML,
					  &t, err);
		buf_done(&source);
		if (failed)
			return -1;
	}
	b->html = part_new(t);
	return 0;
}

static int compile_text(struct builder *b, struct err *err)
{
	struct template *t = NULL;
	struct buf made;
	bool is_made = b->spec->text.len == 0;
	buf_init(&made, SOURCE_MAX);
	if (is_made)
		text_from_html(b->spec->html, &made);
	int failed =
		compile_part(is_made ? "the text made from html (better give a text part)" : "text",
			     is_made ? buf_str(&made) : b->spec->text, TEMPLATE_TEXT, &t, err);
	buf_done(&made);
	if (failed)
		return -1;
	b->text = part_new(t);
	return 0;
}

/* ---- the tree ---- */

/* The buffer for the fields of the entity that begins: the message's own, or those of a part. */
static struct buf *begin_fields(struct builder *b)
{
	return b->is_top ? &b->top : &b->lines;
}

static void end_fields(struct builder *b)
{
	if (!b->is_top)
		buf_append_cstr(&b->lines, "\r\n");
	b->is_top = false;
}

static void begin_multipart(struct builder *b, const char *subtype, int level)
{
	buf_appendf(begin_fields(b), "Content-Type: multipart/%s;\r\n boundary=\"%s%d\"\r\n",
		    subtype, b->boundary, level);
	end_fields(b);
	buf_appendf(&b->lines, "--%s%d\r\n", b->boundary, level);
}

static void next_part(struct builder *b, int level)
{
	buf_appendf(&b->lines, "\r\n--%s%d\r\n", b->boundary, level);
}

static void end_multipart(struct builder *b, int level)
{
	buf_appendf(&b->lines, "\r\n--%s%d--\r\n", b->boundary, level);
}

/* Moves the fixed lines gathered so far into item. */
static void keep_lines(struct builder *b, struct body_item *item)
{
	struct arena *arena = &b->c->arena;
	struct buf canonical;
	buf_init(&canonical, b->lines.len);
	dkim_canonical_lines(buf_str(&b->lines), &canonical);
	item->lines = arena_str(arena, buf_str(&b->lines));
	bool is_same = str_equals(buf_str(&canonical), item->lines);
	item->canonical = is_same ? item->lines : arena_str(arena, buf_str(&canonical));
	buf_done(&canonical);
	buf_clear(&b->lines);
}

static void flush_lines(struct builder *b)
{
	if (b->lines.len == 0)
		return;
	must(b->c->item_count < CONTENT_ITEMS_MAX);
	keep_lines(b, &b->c->items[b->c->item_count++]);
}

static bool find_nothing(const void *ctx, struct str name, struct str *value_out)
{
	(void)ctx;
	(void)name;
	(void)value_out;
	return false;
}

/* A part without variables becomes fixed lines at once. */
static void add_fixed_part(struct builder *b, const struct part *part)
{
	struct template_values none = {find_nothing, NULL};
	struct template_scratch scratch;
	struct buf pending;
	struct err err;
	template_scratch_init(&scratch);
	buf_init(&pending, MESSAGE_TEXT_MAX);
	struct body_writer w = {&b->lines, NULL, &scratch, &pending, 0};
	if (part_render(part, &none, &w, &err) != 0)
		must(b->lines.is_truncated);
	buf_done(&pending);
	template_scratch_done(&scratch);
}

/* A text leaf; *part goes over to the content, or becomes fixed lines. */
static void add_leaf(struct builder *b, const char *subtype, struct part *part)
{
	buf_appendf(begin_fields(b),
		    "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n",
		    subtype, mime_encoding_name(part_encoding(part)));
	end_fields(b);
	if (template_is_static(part_template(part))) {
		add_fixed_part(b, part);
		return;
	}
	flush_lines(b);
	must(b->c->item_count < CONTENT_ITEMS_MAX);
	b->c->items[b->c->item_count++] = (struct body_item){.part = part};
}

static bool is_inline(const struct content_spec *spec, const struct attachment *attachment)
{
	return attachment->cid.len > 0 && spec->html.len > 0;
}

static size_t count_attachments(const struct content_spec *spec, bool wants_inline)
{
	size_t count = 0;
	for (size_t i = 0; i < spec->attachment_count; i++)
		count += is_inline(spec, &spec->attachments[i]) == wants_inline;
	return count;
}

static void add_attachment(struct builder *b, const struct attachment *attachment)
{
	char name[256];
	struct str type = attachment->type.len ? attachment->type : STR("application/octet-stream");
	struct str given = utf8_clip(attachment->name, sizeof(name));
	for (size_t i = 0; i < given.len; i++)
		name[i] = given.ptr[i] == '/' || given.ptr[i] == '\\' ? '_' : given.ptr[i];
	given = given.len ? str_of(name, given.len) : STR("attachment");
	mime_field_with_parameter(&b->lines, "Content-Type", type, "name", given);
	mime_field_with_parameter(&b->lines, "Content-Disposition",
				  is_inline(b->spec, attachment) ? STR("inline")
								 : STR("attachment"),
				  "filename", given);
	if (attachment->cid.len > 0)
		buf_appendf(&b->lines, "Content-ID: <%.*s>\r\n", STR_ARG(attachment->cid));
	buf_append_cstr(&b->lines, "Content-Transfer-Encoding: base64\r\n\r\n");
	mime_base64(attachment->data, &b->lines);
}

static void add_attachments(struct builder *b, bool wants_inline, int level)
{
	for (size_t i = 0; i < b->spec->attachment_count; i++) {
		if (is_inline(b->spec, &b->spec->attachments[i]) != wants_inline)
			continue;
		next_part(b, level);
		add_attachment(b, &b->spec->attachments[i]);
	}
	end_multipart(b, level);
}

static void add_html(struct builder *b)
{
	bool is_related = count_attachments(b->spec, true) > 0;
	if (is_related)
		begin_multipart(b, "related", 3);
	add_leaf(b, "html", b->html);
	if (is_related)
		add_attachments(b, true, 3);
}

static void add_tree(struct builder *b)
{
	bool is_mixed = count_attachments(b->spec, false) > 0;
	if (is_mixed)
		begin_multipart(b, "mixed", 1);
	if (b->html != NULL)
		begin_multipart(b, "alternative", 2);
	add_leaf(b, "plain", b->text);
	if (b->html != NULL) {
		next_part(b, 2);
		add_html(b);
		end_multipart(b, 2);
	}
	if (is_mixed)
		add_attachments(b, false, 1);
	if (b->spec->attachment_count > 0)
		keep_lines(b, &b->c->tail);
	else
		flush_lines(b);
}

/* ---- checks, names, hashes ---- */

static int check_attachment(const struct attachment *attachment, struct err *err)
{
	struct str type = attachment->type;
	struct str cid = attachment->cid;
	if (type.len > 0 &&
	    (!mime_type_is_valid(type) || str_starts_with_nocase(type, STR("multipart/")) ||
	     str_starts_with_nocase(type, STR("message/"))))
		return err_set(err, ERR_INPUT, "attachment '%.*s': '%.*s' is no type for a file",
			       STR_ARG(attachment->name), STR_ARG(type));
	if (cid.len > 0 && !header_list_id_is_valid(cid) && !header_message_id_is_valid(cid))
		return err_set(
			err, ERR_INPUT,
			"attachment '%.*s': the cid '%.*s' has characters other than letters, "
			"digits, '.', '-' and '@'",
			STR_ARG(attachment->name), STR_ARG(cid));
	return 0;
}

static int check_spec(const struct content_spec *spec, struct err *err)
{
	size_t encoded = 0;
	if (!header_address_is_safe(spec->from.address))
		return err_set(err, ERR_INPUT, "'%.*s' is no address to send from",
			       STR_ARG(spec->from.address));
	if (spec->reply_to.address.len > 0 && !header_address_is_safe(spec->reply_to.address))
		return err_set(err, ERR_INPUT, "'%.*s' is no address to reply to",
			       STR_ARG(spec->reply_to.address));
	if (spec->html.len == 0 && spec->text.len == 0)
		return err_set(err, ERR_INPUT, "the content has neither html nor text");
	for (size_t i = 0; i < spec->attachment_count; i++) {
		if (check_attachment(&spec->attachments[i], err) != 0)
			return -1;
		encoded += spec->attachments[i].data.len / 57 * 78 + 1024;
		if (encoded > CONTENT_BYTES_MAX)
			return err_set(err, ERR_INPUT,
				       "the attachments have more than %u MiB when encoded",
				       CONTENT_BYTES_MAX >> 20);
	}
	return 0;
}

static struct content_name *add_name(struct content *c, struct str name)
{
	for (size_t i = 0; i < c->name_count; i++)
		if (str_equals(c->names[i].text, name))
			return &c->names[i];
	c->names = xrealloc(c->names, (c->name_count + 1) * sizeof(*c->names));
	c->names[c->name_count] = (struct content_name){.text = arena_str(&c->arena, name)};
	return &c->names[c->name_count++];
}

static void add_names(struct content *c, const struct template *t)
{
	for (size_t i = 0; t != NULL && i < template_variable_count(t); i++) {
		struct content_name *name = add_name(c, template_variable(t, i));
		name->is_needed = name->is_needed || template_variable_is_needed(t, i);
	}
}

/* Boundaries differ from content to content, so that a forwarded message can hold another. */
static void make_boundary(struct builder *b)
{
	const struct content_spec *spec = b->spec;
	const struct str parts[] = {spec->subject, spec->preheader, spec->html, spec->text,
				    spec->from.address};
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	must(sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		must(EVP_DigestUpdate(sha, parts[i].ptr, parts[i].len) == 1);
	must(EVP_DigestFinal_ex(sha, digest, NULL) == 1);
	EVP_MD_CTX_free(sha);
	struct buf text;
	buf_init(&text, sizeof(b->boundary) - 1);
	buf_append_cstr(&text, "=_edm_");
	for (size_t i = 0; i < 12; i++)
		buf_appendf(&text, "%02x", digest[i]);
	buf_append_char(&text, '_');
	must(str_to_cstr(buf_str(&text), b->boundary, sizeof(b->boundary)) == 0);
	buf_done(&text);
}

static void hash_fixed(struct content *c)
{
	body_hash_init(&c->prefix);
	if (c->item_count > 0 && c->items[0].part == NULL)
		body_hash_update_canonical(&c->prefix, c->items[0].canonical);
	c->is_fixed = c->item_count == 0 || (c->item_count == 1 && c->items[0].part == NULL);
	if (c->is_fixed) {
		struct body_hash whole;
		body_hash_init(&whole);
		body_hash_begin_at(&whole, &c->prefix);
		body_hash_update_canonical(&whole, c->tail.canonical);
		c->fixed_body = body_hash_end(&whole);
		body_hash_done(&whole);
	}
}

static void keep_fields(struct builder *b)
{
	struct content *c = b->c;
	struct buf field;
	buf_init(&field, FIELDS_MAX);
	header_mailbox(&field, "From", &b->spec->from);
	c->from_field = arena_str(&c->arena, buf_str(&field));
	buf_clear(&field);
	if (b->spec->reply_to.address.len > 0)
		header_mailbox(&field, "Reply-To", &b->spec->reply_to);
	c->reply_to_field = arena_str(&c->arena, buf_str(&field));
	c->from = arena_str(&c->arena, b->spec->from.address);
	c->mime_fields = arena_str(&c->arena, buf_str(&b->top));
	buf_done(&field);
}

static size_t size_hint(const struct content *c)
{
	size_t size = 0;
	for (size_t i = 0; i < c->item_count; i++)
		size += c->items[i].part ? part_size_hint(c->items[i].part) : c->items[i].lines.len;
	return size < MESSAGE_TEXT_MAX / 2 ? size : MESSAGE_TEXT_MAX / 2;
}

static int build(struct builder *b, struct err *err)
{
	struct content *c = b->c;
	int failed = compile_part("subject", b->spec->subject, TEMPLATE_TEXT, &c->subject, err);
	failed = failed || compile_html(b, err) != 0;
	c->html = b->html;
	failed = failed || compile_text(b, err) != 0;
	c->text = b->text;
	if (failed)
		return -1;
	make_boundary(b);
	buf_append_cstr(&b->top, "MIME-Version: 1.0\r\n");
	add_tree(b);
	if (b->lines.is_truncated)
		return err_set(err, ERR_INPUT, "the message has more than %u MiB",
			       CONTENT_BYTES_MAX >> 20);
	keep_fields(b);
	add_names(c, c->subject);
	add_names(c, part_template(c->text));
	add_names(c, c->html ? part_template(c->html) : NULL);
	c->size_hint = size_hint(c);
	return 0;
}

int content_new(const struct content_spec *spec, struct content **out, struct err *err)
{
	if (check_spec(spec, err) != 0)
		return -1;
	struct content *c = xcalloc(1, sizeof(*c));
	arena_init(&c->arena, 0);
	struct builder b = {.c = c, .spec = spec, .is_top = true};
	buf_init(&b.top, FIELDS_MAX);
	buf_init(&b.lines, (size_t)CONTENT_BYTES_MAX + MESSAGE_TEXT_MAX);
	int failed = build(&b, err);
	buf_done(&b.top);
	buf_done(&b.lines);
	if (failed) {
		content_free(c);
		return -1;
	}
	hash_fixed(c);
	*out = c;
	return 0;
}

void content_free(struct content *c)
{
	if (c == NULL)
		return;
	template_free(c->subject);
	part_free(c->text);
	part_free(c->html);
	if (c->prefix.sha != NULL)
		body_hash_done(&c->prefix);
	free(c->names);
	arena_done(&c->arena);
	free(c);
}

size_t content_variable_count(const struct content *c)
{
	return c->name_count;
}

struct str content_variable(const struct content *c, size_t index)
{
	must(index < c->name_count);
	return c->names[index].text;
}

bool content_variable_is_needed(const struct content *c, size_t index)
{
	must(index < c->name_count);
	return c->names[index].is_needed;
}

size_t content_shared_size(const struct content *c)
{
	return c->tail.lines.len;
}

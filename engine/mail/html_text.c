/* SPDX-License-Identifier: MIT */
/*
 * One pass over the HTML, no tree. White space and line breaks are owed, and paid only when text
 * comes, so that nested and empty blocks leave no holes; {% … %} goes out at once and does not
 * count as text.
 */
#include "engine/mail/html_text.h"

#include "engine/base/utf8.h"

#define LIST_DEPTH_MAX 8
#define LIQUID_MAX 4096u /* bytes of a {{ … }} or {% … %}; keeps hostile input linear */
#define ENTITY_MAX 10	 /* bytes between & and ; */

struct html {
	struct str rest;
	struct buf *out;
	int breaks_due;	   /* line ends owed before the next text */
	int breaks_done;   /* line ends written since the last text */
	bool has_text;	   /* anything visible was written */
	bool is_at_bullet; /* a list item's first text: on the line of its bullet */
	bool space_due;	   /* white space owed before the next text of the line */
	struct str href;   /* of the open link; empty: none */
	size_t link_text;  /* where its text starts in out */
	unsigned list_items[LIST_DEPTH_MAX]; /* per open list: 0 = bullets, else the next number */
	size_t list_depth;
};

enum element_kind {
	ELEMENT_INLINE,
	ELEMENT_LINE,	   /* on lines of its own */
	ELEMENT_PARAGRAPH, /* with an empty line on both sides */
	ELEMENT_CELL,
	ELEMENT_DROPPED, /* with what it contains */
};

static enum element_kind element_kind(struct str name)
{
	static const struct {
		struct str name;
		enum element_kind kind;
	} elements[] = {
		{STR_INIT("p"), ELEMENT_PARAGRAPH},
		{STR_INIT("h1"), ELEMENT_PARAGRAPH},
		{STR_INIT("h2"), ELEMENT_PARAGRAPH},
		{STR_INIT("h3"), ELEMENT_PARAGRAPH},
		{STR_INIT("h4"), ELEMENT_PARAGRAPH},
		{STR_INIT("h5"), ELEMENT_PARAGRAPH},
		{STR_INIT("h6"), ELEMENT_PARAGRAPH},
		{STR_INIT("ul"), ELEMENT_PARAGRAPH},
		{STR_INIT("ol"), ELEMENT_PARAGRAPH},
		{STR_INIT("table"), ELEMENT_PARAGRAPH},
		{STR_INIT("blockquote"), ELEMENT_PARAGRAPH},
		{STR_INIT("hr"), ELEMENT_PARAGRAPH},
		{STR_INIT("pre"), ELEMENT_PARAGRAPH},
		{STR_INIT("div"), ELEMENT_LINE},
		{STR_INIT("tr"), ELEMENT_LINE},
		{STR_INIT("li"), ELEMENT_LINE},
		{STR_INIT("section"), ELEMENT_LINE},
		{STR_INIT("header"), ELEMENT_LINE},
		{STR_INIT("footer"), ELEMENT_LINE},
		{STR_INIT("article"), ELEMENT_LINE},
		{STR_INIT("center"), ELEMENT_LINE},
		{STR_INIT("td"), ELEMENT_CELL},
		{STR_INIT("th"), ELEMENT_CELL},
		{STR_INIT("style"), ELEMENT_DROPPED},
		{STR_INIT("script"), ELEMENT_DROPPED},
		{STR_INIT("title"), ELEMENT_DROPPED},
	};
	for (size_t i = 0; i < ARRAY_LEN(elements); i++)
		if (str_equals_nocase(name, elements[i].name))
			return elements[i].kind;
	return ELEMENT_INLINE;
}

static struct str take(struct html *h, size_t n)
{
	struct str taken = str_slice(h->rest, 0, n);
	h->rest = str_slice(h->rest, n, h->rest.len);
	return taken;
}

/* Pays the breaks and the space owed, then writes visible bytes. */
static void put(struct html *h, struct str text)
{
	if (h->has_text)
		while (h->breaks_done < h->breaks_due) {
			buf_append_char(h->out, '\n');
			h->breaks_done++;
		}
	if (h->space_due && h->has_text && h->breaks_done == 0 && !h->is_at_bullet)
		buf_append_char(h->out, ' ');
	h->breaks_due = h->breaks_done = 0;
	h->space_due = h->is_at_bullet = false;
	h->has_text = true;
	buf_append_str(h->out, text);
}

static void owe_breaks(struct html *h, int count)
{
	if (h->breaks_due < count && !h->is_at_bullet)
		h->breaks_due = count;
}

/* Bytes of the {{ … }} or {% … %} that s starts with; 0 if it does not. */
static size_t liquid_len(struct str s)
{
	bool is_output = str_starts_with(s, STR("{{"));
	if (!is_output && !str_starts_with(s, STR("{%")))
		return 0;
	s = str_slice(s, 0, LIQUID_MAX);
	ptrdiff_t end = str_find(s, is_output ? STR("}}") : STR("%}"));
	return end < 0 ? 0 : (size_t)end + 2;
}

/* Writes the {% … %} in s, which itself is dropped. */
static void keep_controls(struct html *h, struct str s)
{
	while (s.len > 0) {
		ptrdiff_t open = str_find(s, STR("{%"));
		if (open < 0)
			return;
		s = str_slice(s, (size_t)open, s.len);
		size_t n = liquid_len(s);
		if (n == 0)
			return;
		buf_append_str(h->out, str_slice(s, 0, n));
		s = str_slice(s, n, s.len);
	}
}

/* The code point of &name; without & and ;, or 0. */
static uint32_t entity_scalar(struct str name)
{
	static const struct {
		struct str name;
		uint32_t scalar;
	} entities[] = {
		{STR_INIT("amp"), '&'},	     {STR_INIT("lt"), '<'},
		{STR_INIT("gt"), '>'},	     {STR_INIT("quot"), '"'},
		{STR_INIT("apos"), '\''},    {STR_INIT("nbsp"), ' '},
		{STR_INIT("ensp"), ' '},     {STR_INIT("emsp"), ' '},
		{STR_INIT("copy"), 0xA9},    {STR_INIT("reg"), 0xAE},
		{STR_INIT("trade"), 0x2122}, {STR_INIT("mdash"), 0x2014},
		{STR_INIT("ndash"), 0x2013}, {STR_INIT("hellip"), 0x2026},
		{STR_INIT("lsquo"), 0x2018}, {STR_INIT("rsquo"), 0x2019},
		{STR_INIT("ldquo"), 0x201C}, {STR_INIT("rdquo"), 0x201D},
		{STR_INIT("bull"), 0x2022},  {STR_INIT("middot"), 0xB7},
		{STR_INIT("euro"), 0x20AC},  {STR_INIT("yen"), 0xA5},
		{STR_INIT("pound"), 0xA3},   {STR_INIT("times"), 0xD7},
		{STR_INIT("laquo"), 0xAB},   {STR_INIT("raquo"), 0xBB},
		{STR_INIT("larr"), 0x2190},  {STR_INIT("rarr"), 0x2192},
		{STR_INIT("zwnj"), 0x200C},  {STR_INIT("zwj"), 0x200D},
		{STR_INIT("shy"), 0xAD},     {STR_INIT("deg"), 0xB0},
		{STR_INIT("sect"), 0xA7},
	};
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		if (str_equals(name, entities[i].name))
			return entities[i].scalar;
	return 0;
}

/* "#" 1*DIGIT / "#x" 1*HEXDIG; 0 when it is neither, or no scalar value. */
static uint32_t numeric_scalar(struct str name)
{
	bool is_hex = name.len > 2 && (name.ptr[1] == 'x' || name.ptr[1] == 'X');
	uint32_t scalar = 0;
	for (size_t i = is_hex ? 2 : 1; i < name.len && scalar <= 0x10FFFF; i++) {
		char c = ascii_lower(name.ptr[i]);
		bool is_letter = is_hex && c >= 'a' && c <= 'f';
		if (!is_letter && !ascii_is_digit(c))
			return 0;
		uint32_t digit = (uint32_t)(is_letter ? c - 'a' + 10 : c - '0');
		scalar = scalar * (is_hex ? 16 : 10) + digit;
	}
	bool is_surrogate = scalar >= 0xD800 && scalar <= 0xDFFF;
	return scalar > 0x10FFFF || is_surrogate ? 0 : scalar;
}

/* Reads the entity s starts with: its code point and length; 0 when it is none. */
static uint32_t read_entity(struct str s, size_t *len_out)
{
	ptrdiff_t end = str_find_char(str_slice(s, 0, ENTITY_MAX + 2), ';');
	if (end < 2)
		return 0;
	struct str name = str_slice(s, 1, (size_t)end);
	*len_out = (size_t)end + 1;
	return name.ptr[0] == '#' ? numeric_scalar(name) : entity_scalar(name);
}

static bool is_invisible(uint32_t scalar)
{
	return scalar == 0xAD || scalar == 0x34F || (scalar >= 0x200B && scalar <= 0x200F) ||
	       scalar == 0xFEFF;
}

/* One character of text. A brace that was an entity must not begin a tag of the result. */
static void put_scalar(struct html *h, uint32_t scalar)
{
	char bytes[4];
	if (scalar == ' ' || scalar == '\t' || scalar == '\n' || scalar == '\r' || scalar == 0xA0)
		h->space_due = true;
	else if (scalar == '{')
		put(h, STR("{{ '{' }}"));
	else if (!is_invisible(scalar) && scalar >= ' ')
		put(h, str_of(bytes, utf8_encode(scalar, bytes)));
}

/* An attribute's value as text: entities decoded, {{ }} untouched. */
static void put_attribute(struct html *h, struct str value)
{
	while (value.len > 0) {
		size_t n = liquid_len(value);
		uint32_t scalar = value.ptr[0] == '&' ? read_entity(value, &n) : 0;
		if (scalar != 0) {
			put_scalar(h, scalar);
		} else {
			n = n > 0 && value.ptr[0] == '{' ? n : 1;
			put(h, str_slice(value, 0, n));
		}
		value = str_slice(value, n, value.len);
	}
}

/* Takes an attribute's value off *tag, which starts behind its "="; quotes are taken away. */
static struct str take_value(struct str *tag)
{
	while (tag->len > 0 && ascii_is_space(tag->ptr[0]))
		*tag = str_slice(*tag, 1, tag->len);
	char quote = tag->len > 0 ? tag->ptr[0] : '\0';
	bool is_quoted = quote == '"' || quote == '\'';
	*tag = str_slice(*tag, is_quoted, tag->len);
	size_t n = 0;
	while (n < tag->len && (is_quoted ? tag->ptr[n] != quote : !ascii_is_space(tag->ptr[n]))) {
		size_t liquid = liquid_len(str_slice(*tag, n, tag->len));
		n += liquid ? liquid : 1;
	}
	struct str value = str_slice(*tag, 0, n);
	*tag = str_slice(*tag, n + is_quoted, tag->len);
	return value;
}

/* The value of attribute name in the inside of a tag; empty when it has none. */
static struct str attribute(struct str tag, struct str name)
{
	ptrdiff_t equals;
	while ((equals = str_find_char(tag, '=')) >= 0) {
		struct str before = str_trim(str_slice(tag, 0, (size_t)equals));
		tag = str_slice(tag, (size_t)equals + 1, tag.len);
		struct str value = take_value(&tag);
		bool is_whole = before.len == name.len ||
				(before.len > name.len &&
				 ascii_is_space(before.ptr[before.len - name.len - 1]));
		if (is_whole && str_ends_with_nocase(before, name))
			return str_trim(value);
	}
	return STR("");
}

static void close_link(struct html *h)
{
	struct str href = h->href;
	struct str text = str_slice(buf_str(h->out), h->link_text, h->out->len);
	h->href = STR("");
	if (str_starts_with_nocase(href, STR("mailto:")))
		href = str_slice(href, 7, href.len);
	if (href.len == 0 || href.ptr[0] == '#' || str_find(text, href) >= 0)
		return;
	bool had_text = str_trim(text).len > 0;
	h->space_due = had_text;
	h->breaks_due = had_text ? 0 : h->breaks_due;
	put(h, had_text ? STR("(") : STR(""));
	put_attribute(h, href);
	put(h, had_text ? STR(")") : STR(""));
}

static void open_link(struct html *h, struct str tag)
{
	close_link(h);
	h->href = attribute(tag, STR("href"));
	h->link_text = h->out->len;
}

static void put_bullet(struct html *h)
{
	struct buf line;
	if (h->list_depth == 0 || h->list_depth > LIST_DEPTH_MAX)
		return;
	buf_init(&line, 64);
	for (size_t i = 1; i < h->list_depth; i++)
		buf_append_cstr(&line, "  ");
	unsigned *number = &h->list_items[h->list_depth - 1];
	if (*number > 0)
		buf_appendf(&line, "%u. ", (*number)++);
	else
		buf_append_cstr(&line, "- ");
	put(h, buf_str(&line));
	h->is_at_bullet = true;
	buf_done(&line);
}

static void open_or_close_list(struct html *h, bool is_close, bool is_numbered)
{
	if (is_close) {
		h->list_depth -= h->list_depth > 0;
		return;
	}
	if (h->list_depth < LIST_DEPTH_MAX)
		h->list_items[h->list_depth] = is_numbered ? 1 : 0;
	h->list_depth++;
}

/* Drops what comes before "</name", but for its {% … %}. */
static void drop_element(struct html *h, struct str name)
{
	size_t n = 0;
	while (n < h->rest.len) {
		struct str here = str_slice(h->rest, n, h->rest.len);
		if (str_starts_with(here, STR("</")) &&
		    str_starts_with_nocase(str_slice(here, 2, here.len), name))
			break;
		n++;
	}
	keep_controls(h, take(h, n));
}

static void apply_break(struct html *h, struct str name, bool is_close)
{
	enum element_kind kind = element_kind(name);
	bool is_inner_list = h->list_depth > 1 && (str_equals_nocase(name, STR("ul")) ||
						   str_equals_nocase(name, STR("ol")));
	if (kind == ELEMENT_LINE || is_inner_list)
		owe_breaks(h, 1);
	else if (kind == ELEMENT_PARAGRAPH)
		owe_breaks(h, 2);
	else if (kind == ELEMENT_CELL)
		h->space_due = true;
	else if (kind == ELEMENT_DROPPED && !is_close)
		drop_element(h, name);
}

static void apply_element(struct html *h, struct str name, bool is_close, struct str tag)
{
	bool is_numbered = str_equals_nocase(name, STR("ol"));
	bool is_link = str_equals_nocase(name, STR("a"));
	if (is_numbered || str_equals_nocase(name, STR("ul")))
		open_or_close_list(h, is_close, is_numbered);
	apply_break(h, name, is_close);
	if (is_link && is_close)
		close_link(h);
	else if (is_link)
		open_link(h, tag);
	else if (str_equals_nocase(name, STR("br")))
		h->breaks_due = h->breaks_due < 2 ? h->breaks_due + 1 : 2;
	else if (str_equals_nocase(name, STR("li")) && !is_close)
		put_bullet(h);
	else if (str_equals_nocase(name, STR("hr")))
		put(h, STR("----------"));
	else if (str_equals_nocase(name, STR("img")))
		put_attribute(h, attribute(tag, STR("alt")));
	if (str_equals_nocase(name, STR("hr")))
		owe_breaks(h, 2);
}

/* Bytes of the tag that rest starts with, ">" included, quotes and template tags respected. */
static size_t tag_len(struct str rest)
{
	char quote = '\0';
	for (size_t i = 1; i < rest.len;) {
		char c = rest.ptr[i];
		size_t liquid = c == '{' ? liquid_len(str_slice(rest, i, rest.len)) : 0;
		if (liquid == 0 && quote == '\0' && c == '>')
			return i + 1;
		if (liquid == 0 && (c == '"' || c == '\''))
			quote = quote == '\0' ? c : quote == c ? '\0' : quote;
		i += liquid ? liquid : 1;
	}
	return rest.len;
}

static void read_tag(struct html *h)
{
	if (str_starts_with(h->rest, STR("<!--"))) {
		ptrdiff_t end = str_find(h->rest, STR("-->"));
		keep_controls(h, take(h, end < 0 ? h->rest.len : (size_t)end + 3));
		return;
	}
	struct str tag = take(h, tag_len(h->rest));
	struct str inside = str_slice(tag, 1, tag.len - (tag.ptr[tag.len - 1] == '>'));
	bool is_close = inside.len > 0 && inside.ptr[0] == '/';
	inside = str_slice(inside, is_close, inside.len);
	size_t n = 0;
	while (n < inside.len && ascii_is_alnum(inside.ptr[n]))
		n++;
	struct str attributes = str_slice(inside, n, inside.len);
	struct str href = attribute(attributes, STR("href"));
	struct str alt = attribute(attributes, STR("alt"));
	/* what is shown later keeps its own blocks; those of the rest must stay balanced too */
	struct str shown = href.len > 0 ? href : alt;
	size_t at = shown.len > 0 ? (size_t)(shown.ptr - attributes.ptr) : attributes.len;
	keep_controls(h, str_slice(attributes, 0, at));
	keep_controls(h, str_slice(attributes, at + shown.len, attributes.len));
	apply_element(h, str_slice(inside, 0, n), is_close, attributes);
}

static void read_text(struct html *h)
{
	size_t n = 0;
	uint32_t scalar = h->rest.ptr[0] == '&' ? read_entity(h->rest, &n) : 0;
	if (scalar != 0) {
		put_scalar(h, scalar);
		take(h, n);
		return;
	}
	n = utf8_decode(h->rest, &scalar);
	if (n == 0 || !is_invisible(scalar))
		put(h, str_slice(h->rest, 0, n ? n : 1));
	take(h, n ? n : 1);
}

void text_from_html(struct str html, struct buf *out)
{
	struct html h = {.rest = html, .out = out};
	while (h.rest.len > 0) {
		size_t liquid = liquid_len(h.rest);
		char next = h.rest.len > 1 ? h.rest.ptr[1] : '\0';
		if (liquid > 0 && next == '%')
			buf_append_str(out, take(&h, liquid));
		else if (liquid > 0)
			put(&h, take(&h, liquid));
		else if (h.rest.ptr[0] == '<' &&
			 (ascii_is_alpha(next) || next == '/' || next == '!'))
			read_tag(&h);
		else if (ascii_is_space(h.rest.ptr[0]))
			h.space_due = take(&h, 1).len > 0;
		else
			read_text(&h);
	}
	close_link(&h);
	if (h.has_text)
		buf_append_char(out, '\n');
}

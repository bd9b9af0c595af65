/* SPDX-License-Identifier: MIT */
/* Columns and their meaning; see mapping.h. */
#include "lists/mapping.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/address.h"
#include "engine/base/buf.h"
#include "engine/base/utf8.h"

#define COLUMNS_SHOWN 12 /* in the sentence that lists them */

/* Headers, cleaned by mapping_clean_name and without their underscores, and what they mean. */
static const struct {
	struct str header;
	struct str name;
} known_headers[] = {
	{STR_INIT("email"), STR_INIT("email")},
	{STR_INIT("mail"), STR_INIT("email")},
	{STR_INIT("emailaddress"), STR_INIT("email")},
	{STR_INIT("mailaddress"), STR_INIT("email")},
	{STR_INIT("emailaddr"), STR_INIT("email")},
	{STR_INIT("useremail"), STR_INIT("email")},
	{STR_INIT("recipient"), STR_INIT("email")},
	{STR_INIT("邮箱"), STR_INIT("email")},
	{STR_INIT("电子邮箱"), STR_INIT("email")},
	{STR_INIT("邮箱地址"), STR_INIT("email")},
	{STR_INIT("电子邮箱地址"), STR_INIT("email")},
	{STR_INIT("电子邮件"), STR_INIT("email")},
	{STR_INIT("电子邮件地址"), STR_INIT("email")},
	{STR_INIT("邮件"), STR_INIT("email")},
	{STR_INIT("邮件地址"), STR_INIT("email")},
	{STR_INIT("电邮"), STR_INIT("email")},
	{STR_INIT("电邮地址"), STR_INIT("email")},
	{STR_INIT("收件人"), STR_INIT("email")},
	{STR_INIT("收件人邮箱"), STR_INIT("email")},
	{STR_INIT("收件邮箱"), STR_INIT("email")},
	{STR_INIT("用户邮箱"), STR_INIT("email")},
	{STR_INIT("客户邮箱"), STR_INIT("email")},
	{STR_INIT("email地址"), STR_INIT("email")},
	{STR_INIT("電子郵件"), STR_INIT("email")},
	{STR_INIT("信箱"), STR_INIT("email")},
	{STR_INIT("name"), STR_INIT("name")},
	{STR_INIT("fullname"), STR_INIT("name")},
	{STR_INIT("username"), STR_INIT("name")},
	{STR_INIT("contactname"), STR_INIT("name")},
	{STR_INIT("customername"), STR_INIT("name")},
	{STR_INIT("姓名"), STR_INIT("name")},
	{STR_INIT("名字"), STR_INIT("name")},
	{STR_INIT("名称"), STR_INIT("name")},
	{STR_INIT("称呼"), STR_INIT("name")},
	{STR_INIT("联系人"), STR_INIT("name")},
	{STR_INIT("客户姓名"), STR_INIT("name")},
	{STR_INIT("用户名"), STR_INIT("name")},
	{STR_INIT("昵称"), STR_INIT("name")},
	{STR_INIT("名"), STR_INIT("first_name")},
	{STR_INIT("firstname"), STR_INIT("first_name")},
	{STR_INIT("givenname"), STR_INIT("first_name")},
	{STR_INIT("姓"), STR_INIT("last_name")},
	{STR_INIT("姓氏"), STR_INIT("last_name")},
	{STR_INIT("lastname"), STR_INIT("last_name")},
	{STR_INIT("surname"), STR_INIT("last_name")},
	{STR_INIT("familyname"), STR_INIT("last_name")},
	{STR_INIT("手机"), STR_INIT("phone")},
	{STR_INIT("手机号"), STR_INIT("phone")},
	{STR_INIT("手机号码"), STR_INIT("phone")},
	{STR_INIT("电话"), STR_INIT("phone")},
	{STR_INIT("mobile"), STR_INIT("phone")},
	{STR_INIT("公司"), STR_INIT("company")},
	{STR_INIT("公司名称"), STR_INIT("company")},
	{STR_INIT("单位"), STR_INIT("company")},
	{STR_INIT("城市"), STR_INIT("city")},
	/* Added by the file of refused rows and by exports: left out when they come back. */
	{STR_INIT("refusedline"), STR_INIT("-")},
	{STR_INIT("refusedreason"), STR_INIT("-")},
	{STR_INIT("edmstatus"), STR_INIT("-")},
	{STR_INIT("edmconsent"), STR_INIT("-")},
};

static int make_columns(struct mapping *m, const struct mapping_request *request,
			struct arena *arena, struct err *err);
static void guess_names(struct mapping *m, struct arena *arena);
static int apply_overrides(struct mapping *m, const struct mapping_request *request,
			   struct arena *arena, struct err *err);
static int settle_email(struct mapping *m, const struct mapping_request *request, struct err *err);
static void make_names_unique(struct mapping *m, struct arena *arena);

int mapping_build(struct mapping *m, const struct mapping_request *request, struct arena *arena,
		  struct err *err)
{
	struct mapping built = {0};
	if (make_columns(&built, request, arena, err) != 0)
		return -1;
	guess_names(&built, arena);
	if (apply_overrides(&built, request, arena, err) != 0)
		return -1;
	if (settle_email(&built, request, err) != 0)
		return -1;
	make_names_unique(&built, arena);
	*m = built;
	return 0;
}

static bool is_address(struct str cell)
{
	struct address parsed;
	return address_parse(cell, &parsed) == ADDRESS_OK;
}

static bool row_has_address(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++)
		if (is_address(row->cells[i]))
			return true;
	return false;
}

static int make_columns(struct mapping *m, const struct mapping_request *request,
			struct arena *arena, struct err *err)
{
	if (request->row_count == 0)
		return err_set(err, ERR_INPUT, "the file holds no rows");
	m->has_header = !row_has_address(&request->rows[0]);
	for (size_t i = 0; i < request->row_count; i++)
		if (request->rows[i].count > m->count && (i == 0 || !m->has_header))
			m->count = request->rows[i].count;
	if (m->count > CSV_CELLS_MAX) {
		err_set(err, ERR_INPUT, "the file has %zu columns; at most %d are taken", m->count,
			CSV_CELLS_MAX);
		return -1;
	}
	m->columns = arena_alloc(arena, m->count * sizeof(*m->columns));
	for (size_t i = 0; i < m->count; i++) {
		struct str header = {0};
		if (m->has_header)
			header = mapping_clean_cell(request->rows[0].cells[i]);
		if (str_is_empty(header))
			header = str_from(arena_printf(arena, "column %zu", i + 1));
		m->columns[i].header = arena_str(arena, header);
	}
	return 0;
}

static bool is_wide_blank(uint32_t code)
{
	return code == 0xA0 || code == 0x3000 || code == 0xFEFF ||
	       (code >= 0x2000 && code <= 0x200F);
}

/* ASCII and its full-width twin, in lower case. */
static uint32_t plain(uint32_t code)
{
	if (code >= 0xFF01 && code <= 0xFF5E)
		code -= 0xFEE0;
	return code < 0x80 ? (unsigned char)ascii_lower((char)code) : code;
}

/* Ideographic and general punctuation, which no template could write in a name. */
static bool is_punctuation(uint32_t code)
{
	return is_wide_blank(code) || (code >= 0x2010 && code <= 0x206F) ||
	       (code >= 0x3001 && code <= 0x3020) || code == 0xB7 || code == 0xFFFD;
}

struct str mapping_clean_name(struct str header, struct arena *arena)
{
	struct buf name;
	buf_init(&name, MAPPING_NAME_MAX + 8);
	while (header.len > 0 && name.len < MAPPING_NAME_MAX) {
		uint32_t code;
		char bytes[4];
		size_t n = utf8_decode(header, &code);
		header = str_slice(header, n > 0 ? n : 1, header.len);
		code = n > 0 ? plain(code) : ' ';
		bool is_letter = code < 0x80 ? ascii_is_alnum((char)code) : !is_punctuation(code);
		if (is_letter && name.len == 0 && ascii_is_digit((char)code) && code < 0x80)
			buf_append_char(&name, '_');
		if (is_letter)
			buf_append(&name, bytes, utf8_encode(code, bytes));
		else if (name.len > 0 && name.data[name.len - 1] != '_')
			buf_append_char(&name, '_');
	}
	struct str cleaned = buf_str(&name);
	while (str_ends_with(cleaned, STR("_")))
		cleaned.len--;
	cleaned = arena_str(arena, cleaned);
	buf_done(&name);
	return cleaned;
}

struct str mapping_clean_cell(struct str text)
{
	size_t before;
	do {
		before = text.len;
		text = str_trim(text);
		uint32_t code;
		size_t n = utf8_decode(text, &code);
		if (n > 0 && is_wide_blank(code))
			text = str_slice(text, n, text.len);
		for (n = 2; n <= 3 && n <= text.len; n++) {
			struct str last = str_slice(text, text.len - n, text.len);
			if (utf8_decode(last, &code) == n && is_wide_blank(code))
				text = str_slice(text, 0, text.len - n);
		}
	} while (text.len != before);
	if (text.len > 1 && text.ptr[0] == '\'' && text.ptr[1] != '\0' &&
	    strchr("=+-@", text.ptr[1]) != NULL)
		text = str_slice(text, 1, text.len);
	return text;
}

/* The name known_headers gives, or the cleaned one itself. */
static struct str known_name(struct str cleaned)
{
	char squeezed[MAPPING_NAME_MAX + 8];
	size_t len = 0;
	for (size_t i = 0; i < cleaned.len && len < sizeof(squeezed); i++)
		if (cleaned.ptr[i] != '_')
			squeezed[len++] = cleaned.ptr[i];
	for (size_t i = 0; i < ARRAY_LEN(known_headers); i++)
		if (str_equals(str_of(squeezed, len), known_headers[i].header))
			return known_headers[i].name;
	return cleaned;
}

static void set_name(struct mapping_column *column, struct str name)
{
	bool is_ignored = str_equals(name, STR("-"));
	column->name = is_ignored ? STR("") : name;
	column->role = is_ignored			? COLUMN_IGNORED
		       : str_equals(name, STR("email")) ? COLUMN_EMAIL
							: COLUMN_ATTRIBUTE;
}

/* The part of a header before what explains it: "邮箱（必填）" is 邮箱. */
static struct str without_brackets(struct str header)
{
	ptrdiff_t ascii = str_find_char(header, '(');
	ptrdiff_t wide = str_find(header, STR("（"));
	ptrdiff_t at = ascii > 0 && (wide <= 0 || ascii < wide) ? ascii : wide;
	return at > 0 ? str_slice(header, 0, (size_t)at) : header;
}

static void guess_names(struct mapping *m, struct arena *arena)
{
	for (size_t i = 0; i < m->count; i++) {
		struct str header = m->columns[i].header;
		struct str name = known_name(mapping_clean_name(without_brackets(header), arena));
		if (!str_equals(name, STR("email")))
			name = known_name(mapping_clean_name(header, arena));
		if (str_is_empty(name))
			name = str_from(arena_printf(arena, "column_%zu", i + 1));
		set_name(&m->columns[i], name);
	}
}

/* "邮箱, 姓名, …" for a sentence. */
static void list_columns(const struct mapping *m, char *text, size_t size)
{
	struct buf names;
	buf_init(&names, size - 8);
	for (size_t i = 0; i < m->count && i < COLUMNS_SHOWN; i++) {
		buf_append_cstr(&names, i > 0 ? ", " : "");
		buf_append_str(&names, utf8_clip(m->columns[i].header, 40));
	}
	if (m->count > COLUMNS_SHOWN || names.is_truncated)
		snprintf(text, size, "%s, …", names.data);
	else
		snprintf(text, size, "%s", names.data);
	buf_done(&names);
}

/* The column an override means: by header, else by its place. NULL: none. */
static struct mapping_column *find_column(struct mapping *m, struct str wanted)
{
	uint64_t place;
	for (size_t i = 0; i < m->count; i++)
		if (str_equals_nocase(m->columns[i].header, mapping_clean_cell(wanted)))
			return &m->columns[i];
	if (str_to_u64(wanted, &place) == 0 && place >= 1 && place <= m->count)
		return &m->columns[place - 1];
	return NULL;
}

/* *column_out: the one it is about. */
static int apply_override(struct mapping *m, const struct mapping_override *o, struct arena *arena,
			  struct mapping_column **column_out, struct err *err)
{
	struct mapping_column *column = *column_out = find_column(m, o->column);
	if (column == NULL) {
		char names[300];
		list_columns(m, names, sizeof(names));
		return err_set(err, ERR_USAGE,
			       "--map: there is no column \"%.*s\"; the columns are %s",
			       STR_ARG(utf8_clip(o->column, 60)), names);
	}
	struct str name = o->name;
	if (!str_equals(name, STR("-")))
		name = known_name(mapping_clean_name(name, arena));
	if (str_is_empty(name))
		return err_set(err, ERR_USAGE,
			       "--map: \"%.*s\" is no name for an attribute; use letters, digits "
			       "and _, or - to leave the column out",
			       STR_ARG(utf8_clip(o->name, 60)));
	if (str_equals(name, STR("email")))
		for (size_t i = 0; i < m->count; i++)
			if (m->columns[i].role == COLUMN_EMAIL)
				m->columns[i].role = COLUMN_ATTRIBUTE;
	set_name(column, name);
	return 0;
}

/* Of two columns that are to have one name, one would get another that nobody asked for. */
static int check_twice(struct mapping_column *const *columns, size_t last, struct err *err)
{
	const struct mapping_column *c = columns[last];
	for (size_t i = 0; i < last; i++) {
		if (columns[i] == c)
			return err_set(err, ERR_USAGE, "--map names column \"%.*s\" twice",
				       STR_ARG(utf8_clip(c->header, 60)));
		if (c->role != COLUMN_IGNORED && str_equals(columns[i]->name, c->name))
			return err_set(err, ERR_USAGE,
				       "--map makes both \"%.*s\" and \"%.*s\" %.*s: only one "
				       "column can be",
				       STR_ARG(utf8_clip(columns[i]->header, 60)),
				       STR_ARG(utf8_clip(c->header, 60)), STR_ARG(c->name));
	}
	return 0;
}

static int apply_overrides(struct mapping *m, const struct mapping_request *request,
			   struct arena *arena, struct err *err)
{
	size_t count = request->override_count;
	struct mapping_column **columns = arena_alloc(arena, count * sizeof(columns[0]) + 1);
	for (size_t i = 0; i < count; i++) {
		if (apply_override(m, &request->overrides[i], arena, &columns[i], err) != 0 ||
		    check_twice(columns, i, err) != 0)
			return -1;
	}
	return 0;
}

static bool has_address(const struct mapping_request *request, size_t column)
{
	for (size_t i = 0; i < request->row_count; i++)
		if (column < request->rows[i].count && is_address(request->rows[i].cells[column]))
			return true;
	return false;
}

static size_t called_email(const struct mapping *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->columns[i].role == COLUMN_EMAIL)
			return i;
	return m->count;
}

/* From column from on, the first that holds an address and was not left out; else m->count. */
static size_t with_addresses(const struct mapping *m, const struct mapping_request *request,
			     size_t from)
{
	for (size_t i = from; i < m->count; i++)
		if (m->columns[i].role != COLUMN_IGNORED && has_address(request, i))
			return i;
	return m->count;
}

static int refuse_email(const struct mapping *m, const char *what, struct err *err)
{
	char names[300];
	list_columns(m, names, sizeof(names));
	return err_set(err, ERR_INPUT,
		       "%s; the columns are %s: name the right one with --map COLUMN=email", what,
		       names);
}

/* The first column called so, else the only one that holds addresses. */
static int find_email(const struct mapping *m, const struct mapping_request *request,
		      size_t *email_out, struct err *err)
{
	size_t email = called_email(m);
	if (email == m->count) {
		email = with_addresses(m, request, 0);
		if (email == m->count)
			return refuse_email(m, "no column holds e-mail addresses", err);
		if (with_addresses(m, request, email + 1) != m->count)
			return refuse_email(m, "more than one column holds e-mail addresses", err);
	}
	*email_out = email;
	return 0;
}

static int settle_email(struct mapping *m, const struct mapping_request *request, struct err *err)
{
	if (find_email(m, request, &m->email, err) != 0)
		return -1;
	for (size_t i = 0; i < m->count; i++)
		if (m->columns[i].role == COLUMN_EMAIL)
			m->columns[i].role = COLUMN_ATTRIBUTE;
	set_name(&m->columns[m->email], STR("email"));
	return 0;
}

static bool name_is_taken(const struct mapping *m, size_t before, struct str name)
{
	if (str_equals(name, STR("email")))
		return true;
	for (size_t i = 0; i < before; i++)
		if (m->columns[i].role == COLUMN_ATTRIBUTE && str_equals(m->columns[i].name, name))
			return true;
	return false;
}

static void make_names_unique(struct mapping *m, struct arena *arena)
{
	for (size_t i = 0; i < m->count; i++) {
		struct mapping_column *column = &m->columns[i];
		struct str name = column->name;
		if (column->role != COLUMN_ATTRIBUTE)
			continue;
		for (size_t n = 2; name_is_taken(m, i, column->name); n++)
			column->name = str_from(arena_printf(arena, "%.*s_%zu", STR_ARG(name), n));
	}
}

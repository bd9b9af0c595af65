/* SPDX-License-Identifier: MIT */
/*
 * Parsing and folding of addresses: clean the text, cut it at the @, check each side, join.
 * RFC 5321 sections 4.1.2 and 4.5.3.1, RFC 6531 section 3.3, RFC 5891; see address.h.
 */
#include "engine/base/address.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"

#define LABEL_MAX 63
#define DOMAIN_TEXT_MAX 1024

/* The cleaned text, and the slices being cut from it. */
struct cleaned {
	char text[ADDRESS_TEXT_MAX];
	size_t len;
};

static enum address_reason clean(struct str text, struct cleaned *out);
static enum address_reason unwrap(struct str *text);
static enum address_reason split(struct str text, struct str *local_out, struct str *domain_out);
static enum address_reason check_local(struct str local, bool *needs_smtputf8_out);
static enum address_reason fold_domain(struct str domain, char out[ADDRESS_DOMAIN_MAX + 1]);
static size_t least_quoted(struct str local, char *out);

enum address_reason address_parse(struct str text, struct address *out)
{
	struct cleaned cleaned;
	enum address_reason reason = clean(text, &cleaned);
	if (reason != ADDRESS_OK)
		return reason;
	struct str rest = str_trim(str_of(cleaned.text, cleaned.len));
	reason = unwrap(&rest);
	if (reason != ADDRESS_OK)
		return reason;
	struct str local, domain_text;
	reason = split(rest, &local, &domain_text);
	if (reason != ADDRESS_OK)
		return reason;
	bool needs_smtputf8 = false;
	reason = check_local(local, &needs_smtputf8);
	if (reason != ADDRESS_OK)
		return reason;
	char domain[ADDRESS_DOMAIN_MAX + 1];
	reason = fold_domain(domain_text, domain);
	if (reason != ADDRESS_OK)
		return reason;
	size_t domain_len = strlen(domain);
	if (local.len + 1 + domain_len > ADDRESS_MAX)
		return ADDRESS_TOO_LONG;

	size_t local_len = least_quoted(local, out->mailbox);
	out->mailbox[local_len] = '@';
	memcpy(out->mailbox + local_len + 1, domain, domain_len + 1);
	out->local_len = (uint8_t)local_len;
	out->len = (uint8_t)(local_len + 1 + domain_len);
	for (size_t i = 0; i <= out->len; i++)
		out->key[i] = ascii_lower(out->mailbox[i]);
	out->needs_smtputf8 = needs_smtputf8;
	return ADDRESS_OK;
}

/* Characters nobody sees, which editors and spreadsheets leave in cells. */
static bool is_invisible(uint32_t code)
{
	return code == 0xFEFF || code == 0x00AD || (code >= 0x200B && code <= 0x200F) ||
	       (code >= 0x202A && code <= 0x202E) || (code >= 0x2060 && code <= 0x2064) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static bool is_wide_space(uint32_t code)
{
	return code == 0x00A0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
	       code == 0x202F || code == 0x205F || code == 0x3000;
}

/* What an input method meant: full-width ASCII and both ideographic full stops. */
static uint32_t narrowed(uint32_t code)
{
	if (code >= 0xFF01 && code <= 0xFF5E)
		return code - 0xFEE0;
	if (code == 0x3002 || code == 0xFF61)
		return '.';
	return is_wide_space(code) ? ' ' : code;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/* Trims, narrows, drops the invisible; refuses controls and malformed UTF-8. */
static enum address_reason clean(struct str text, struct cleaned *out)
{
	text = str_trim(text);
	out->len = 0;
	if (text.len > ADDRESS_TEXT_MAX)
		return ADDRESS_TOO_LONG;
	for (size_t at = 0; at < text.len;) {
		uint32_t code;
		size_t n = utf8_decode(str_slice(text, at, text.len), &code);
		if (n == 0)
			return ADDRESS_NOT_UTF8;
		at += n;
		if (is_invisible(code))
			continue;
		code = narrowed(code);
		if (is_control(code))
			return ADDRESS_CONTROL;
		out->len += utf8_encode(code, out->text + out->len); /* never longer than read */
	}
	return ADDRESS_OK;
}

/* Index just after the quoted string that begins at from, or s.len + 1 when it does not end. */
static size_t skip_quoted(struct str s, size_t from)
{
	for (size_t i = from + 1; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			return i + 1;
	}
	return s.len + 1;
}

/* Index of the first of set outside quotes, or s.len. */
static size_t find_unquoted(struct str s, const char *set)
{
	size_t i = 0;
	while (i < s.len && strchr(set, s.ptr[i]) == NULL)
		i = s.ptr[i] == '"' ? skip_quoted(s, i) : i + 1;
	return i < s.len ? i : s.len;
}

/* Takes `Name <a@b>`, `<a@b>` and mailto: off. */
static enum address_reason unwrap(struct str *text)
{
	size_t open = find_unquoted(*text, "<>");
	if (open < text->len) {
		struct str inner = str_slice(*text, open + 1, text->len);
		size_t close = find_unquoted(inner, "<>");
		if (text->ptr[open] != '<' || close == inner.len || inner.ptr[close] != '>')
			return ADDRESS_BRACKETS;
		if (close + 1 != inner.len)
			return find_unquoted(str_slice(inner, close + 1, inner.len), "@") <
					       inner.len - close - 1
				       ? ADDRESS_MANY
				       : ADDRESS_BRACKETS;
		*text = str_trim(str_slice(inner, 0, close));
	}
	if (str_starts_with_nocase(*text, STR("mailto:")))
		*text = str_trim(str_slice(*text, 7, text->len));
	return text->len == 0 ? ADDRESS_EMPTY : ADDRESS_OK;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static enum address_reason split(struct str text, struct str *local_out, struct str *domain_out)
{
	size_t at = find_unquoted(text, "@");
	if (at == text.len)
		return str_find_char(text, '@') < 0 ? ADDRESS_NO_AT : ADDRESS_QUOTE;
	struct str domain = str_slice(text, at + 1, text.len);
	if (str_find_char(domain, '@') >= 0)
		return ADDRESS_MANY;
	struct str local = str_slice(text, 0, at);
	if (local.len == 0)
		return ADDRESS_NO_LOCAL;
	if (domain.len == 0)
		return ADDRESS_NO_DOMAIN;
	if (find_unquoted(local, " ") < local.len || str_find_char(domain, ' ') >= 0)
		return ADDRESS_SPACE;
	*local_out = local;
	*domain_out = domain;
	return ADDRESS_OK;
}

/* atext of RFC 5322 section 3.2.3, and UTF8-non-ascii of RFC 6531 section 3.3. */
static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL) ||
	       (unsigned char)c >= 0x80;
}

/* Dot-string = Atom *("." Atom) */
static enum address_reason check_dot_string(struct str local)
{
	for (size_t i = 0; i < local.len; i++)
		if (local.ptr[i] != '.' && !is_atext(local.ptr[i]))
			return local.ptr[i] == '"' ? ADDRESS_QUOTE : ADDRESS_LOCAL_CHAR;
	if (local.ptr[0] == '.' || local.ptr[local.len - 1] == '.' ||
	    str_find(local, STR("..")) >= 0)
		return ADDRESS_LOCAL_DOT;
	return ADDRESS_OK;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE
 * Angle brackets are legal in it, but no mailbox has them and a careless receiver would read the
 * rest as parameters of the command: refused. */
static enum address_reason check_quoted_string(struct str local)
{
	if (skip_quoted(local, 0) != local.len)
		return ADDRESS_QUOTE;
	if (local.len == 2)
		return ADDRESS_NO_LOCAL;
	for (size_t i = 1; i + 1 < local.len; i++)
		if (local.ptr[i] == '<' || local.ptr[i] == '>')
			return ADDRESS_LOCAL_CHAR;
	return ADDRESS_OK;
}

/* Local-part = Dot-string / Quoted-string */
static enum address_reason check_local(struct str local, bool *needs_smtputf8_out)
{
	if (local.len > ADDRESS_LOCAL_MAX)
		return ADDRESS_LOCAL_TOO_LONG;
	for (size_t i = 0; i < local.len; i++)
		if ((unsigned char)local.ptr[i] >= 0x80)
			*needs_smtputf8_out = true;
	return local.ptr[0] == '"' ? check_quoted_string(local) : check_dot_string(local);
}

/* Writes the form with the least quoting that means the same (RFC 5321 section 4.1.2): no quotes
 * around a Dot-string, no backslash but before a quote or a backslash. Returns its length, never
 * more than that of local. */
static size_t least_quoted(struct str local, char *out)
{
	memcpy(out, local.ptr, local.len);
	if (local.ptr[0] != '"')
		return local.len;
	size_t bare = 0, quoted = 1;
	char plain[ADDRESS_LOCAL_MAX];
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.ptr[i] == '\\')
			i++;
		if (local.ptr[i] == '"' || local.ptr[i] == '\\')
			out[quoted++] = '\\';
		out[quoted++] = plain[bare++] = local.ptr[i];
	}
	out[quoted++] = '"';
	if (check_dot_string(str_of(plain, bare)) != ADDRESS_OK)
		return quoted;
	memcpy(out, plain, bare);
	return bare;
}

/* Let-dig [Ldh-str], at most 63 octets (RFC 1035 section 2.3.1) */
static enum address_reason check_label(struct str label)
{
	if (label.len == 0)
		return ADDRESS_DOMAIN_LABEL;
	if (label.len > LABEL_MAX)
		return ADDRESS_DOMAIN_TOO_LONG;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
			return ADDRESS_DOMAIN_CHAR;
	if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return ADDRESS_DOMAIN_LABEL;
	return ADDRESS_OK;
}

static bool is_all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]))
			return false;
	return true;
}

/* Domain = sub-domain *("." sub-domain), here with two labels at least and no address in it. */
static enum address_reason check_ascii_domain(struct str domain)
{
	if (domain.len > ADDRESS_DOMAIN_MAX)
		return ADDRESS_DOMAIN_TOO_LONG;
	struct str rest = domain, label = domain;
	while (rest.len > 0) {
		label = str_take_until(&rest, '.');
		enum address_reason reason = check_label(label);
		if (reason != ADDRESS_OK)
			return reason;
	}
	return is_all_digits(label) ? ADDRESS_LITERAL : ADDRESS_OK;
}

/* IDNA work is needed: something is not ASCII, or claims to be an A-label. */
static bool is_international(struct str domain)
{
	for (size_t i = 0; i < domain.len; i++)
		if ((unsigned char)domain.ptr[i] >= 0x80)
			return true;
	for (struct str rest = domain; rest.len > 0;)
		if (str_starts_with_nocase(str_take_until(&rest, '.'), STR("xn--")))
			return true;
	return false;
}

/* out: the domain as lower-case A-labels. */
static enum address_reason to_a_labels(struct str domain, char out[ADDRESS_DOMAIN_MAX + 1])
{
	char text[DOMAIN_TEXT_MAX + 1];
	uint8_t *ascii = NULL;
	if (str_to_cstr(domain, text, sizeof(text)) != 0)
		return ADDRESS_DOMAIN_TOO_LONG;
	int rc = idn2_lookup_u8((const uint8_t *)text, &ascii,
				IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc == IDN2_TOO_BIG_DOMAIN || rc == IDN2_TOO_BIG_LABEL)
		return ADDRESS_DOMAIN_TOO_LONG;
	if (rc != IDN2_OK)
		return ADDRESS_DOMAIN_IDN;
	rc = str_to_cstr(str_from((const char *)ascii), out, ADDRESS_DOMAIN_MAX + 1);
	idn2_free(ascii);
	return rc == 0 ? ADDRESS_OK : ADDRESS_DOMAIN_TOO_LONG;
}

static enum address_reason fold_domain(struct str domain, char out[ADDRESS_DOMAIN_MAX + 1])
{
	if (domain.ptr[0] == '[')
		return ADDRESS_LITERAL;
	if (domain.ptr[domain.len - 1] == '.')
		return ADDRESS_DOMAIN_END_DOT;
	if (str_find_char(domain, '.') < 0)
		return ADDRESS_DOMAIN_NO_DOT;
	if (is_international(domain)) {
		enum address_reason reason = to_a_labels(domain, out);
		if (reason != ADDRESS_OK)
			return reason;
	} else if (str_to_cstr(domain, out, ADDRESS_DOMAIN_MAX + 1) != 0) {
		return ADDRESS_DOMAIN_TOO_LONG;
	}
	enum address_reason reason = check_ascii_domain(str_from(out));
	for (char *c = out; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return reason;
}

enum address_reason address_fold_domain(struct str text, char out[ADDRESS_DOMAIN_MAX + 1])
{
	struct cleaned cleaned;
	enum address_reason reason = clean(text, &cleaned);
	if (reason != ADDRESS_OK)
		return reason;
	struct str domain = str_trim(str_of(cleaned.text, cleaned.len));
	if (domain.len == 0)
		return ADDRESS_NO_DOMAIN;
	char folded[ADDRESS_DOMAIN_MAX + 1];
	reason = fold_domain(domain, folded);
	if (reason == ADDRESS_OK)
		memcpy(out, folded, strlen(folded) + 1);
	return reason;
}

struct str address_mailbox(const struct address *a)
{
	return str_of(a->mailbox, a->len);
}

struct str address_key(const struct address *a)
{
	return str_of(a->key, a->len);
}

struct str address_domain(const struct address *a)
{
	return str_slice(address_mailbox(a), a->local_len + 1u, a->len);
}

struct str address_local(const struct address *a)
{
	return str_of(a->mailbox, a->local_len);
}

void address_display_domain(struct str domain, char *dst, size_t size)
{
	char text[ADDRESS_DOMAIN_MAX + 1];
	char *unicode = NULL;
	must(size > ADDRESS_DOMAIN_MAX);
	if (str_to_cstr(domain, text, sizeof(text)) != 0)
		text[0] = '\0';
	if (idn2_to_unicode_8z8z(text, &unicode, 0) != IDN2_OK ||
	    str_to_cstr(str_from(unicode), dst, size) != 0)
		memcpy(dst, text, strlen(text) + 1);
	idn2_free(unicode);
}

struct str address_typo_hint(struct str domain)
{
	static const struct {
		struct str typo;
		struct str meant;
	} typos[] = {
		{STR_INIT("gmial.com"), STR_INIT("gmail.com")},
		{STR_INIT("gmai.com"), STR_INIT("gmail.com")},
		{STR_INIT("gmal.com"), STR_INIT("gmail.com")},
		{STR_INIT("gamil.com"), STR_INIT("gmail.com")},
		{STR_INIT("gnail.com"), STR_INIT("gmail.com")},
		{STR_INIT("gmaill.com"), STR_INIT("gmail.com")},
		{STR_INIT("gmail.con"), STR_INIT("gmail.com")},
		{STR_INIT("gmail.cn"), STR_INIT("gmail.com")},
		{STR_INIT("hotmial.com"), STR_INIT("hotmail.com")},
		{STR_INIT("hotmai.com"), STR_INIT("hotmail.com")},
		{STR_INIT("hotmail.con"), STR_INIT("hotmail.com")},
		{STR_INIT("outlok.com"), STR_INIT("outlook.com")},
		{STR_INIT("outlook.con"), STR_INIT("outlook.com")},
		{STR_INIT("yaho.com"), STR_INIT("yahoo.com")},
		{STR_INIT("yahooo.com"), STR_INIT("yahoo.com")},
		{STR_INIT("yahoo.con"), STR_INIT("yahoo.com")},
		{STR_INIT("icoud.com"), STR_INIT("icloud.com")},
		{STR_INIT("qq.con"), STR_INIT("qq.com")},
		{STR_INIT("qq.cn"), STR_INIT("qq.com")},
		{STR_INIT("qq.co"), STR_INIT("qq.com")},
		{STR_INIT("qqq.com"), STR_INIT("qq.com")},
		{STR_INIT("163.con"), STR_INIT("163.com")},
		{STR_INIT("163.cn"), STR_INIT("163.com")},
		{STR_INIT("126.con"), STR_INIT("126.com")},
		{STR_INIT("126.cn"), STR_INIT("126.com")},
		{STR_INIT("yeah.com"), STR_INIT("yeah.net")},
		{STR_INIT("sina.con"), STR_INIT("sina.com")},
		{STR_INIT("foxmial.com"), STR_INIT("foxmail.com")},
		{STR_INIT("foxmail.con"), STR_INIT("foxmail.com")},
	};
	for (size_t i = 0; i < ARRAY_LEN(typos); i++)
		if (str_equals_nocase(domain, typos[i].typo))
			return typos[i].meant;
	return STR("");
}

const char *address_reason_name(enum address_reason reason)
{
	static const char *const names[] = {
#define X(suffix, name, sentence) name,
		ADDRESS_REASONS(X)
#undef X
	};
	must((size_t)reason < ARRAY_LEN(names));
	return names[reason];
}

const char *address_reason_sentence(enum address_reason reason)
{
	static const char *const sentences[] = {
#define X(suffix, name, sentence) sentence,
		ADDRESS_REASONS(X)
#undef X
	};
	must((size_t)reason < ARRAY_LEN(sentences));
	return sentences[reason];
}

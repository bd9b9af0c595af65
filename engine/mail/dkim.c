/* SPDX-License-Identifier: MIT */
/*
 * The DKIM-Signature field (RFC 6376 3.5) and the DNS record (3.6.1). The field goes first in the
 * message; h= names every field that is there, then once more those nobody may add.
 */
#include "engine/mail/dkim.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define FIELD_START "DKIM-Signature"
#define LINE_MAX_LEN 76u
#define BODY_HASH_LEN 44u /* base64 of 32 bytes */
#define SIGNATURE_LINE 72u
#define TXT_STRING_MAX 255u /* RFC 1035 3.3 */
#define PEM_MAX (16u << 10)

static const struct str oversigned[] = {
	STR_INIT("From"),
	STR_INIT("To"),
	STR_INIT("Subject"),
	STR_INIT("Date"),
	STR_INIT("Message-ID"),
	STR_INIT("Cc"),
	STR_INIT("Reply-To"),
	STR_INIT("Sender"),
	STR_INIT("MIME-Version"),
	STR_INIT("Content-Type"),
	STR_INIT("Content-Transfer-Encoding"),
	STR_INIT("List-Unsubscribe"),
	STR_INIT("List-Unsubscribe-Post"),
};

/* Appends "name" to the colon-separated h= list, folding. */
static void add_signed_name(struct buf *out, size_t *column, struct str name)
{
	bool is_first = out->data[out->len - 1] == '=';
	if (!is_first && *column + 1 + name.len > LINE_MAX_LEN) {
		buf_append_cstr(out, "\r\n\t");
		*column = 1;
	}
	if (!is_first)
		buf_append_char(out, ':');
	buf_append_str(out, name);
	*column += name.len + (is_first ? 0 : 1);
}

/* Cuts the first field off *fields, continuation lines included, with its CRLF. */
static struct str take_field(struct str *fields)
{
	size_t n = 0;
	do {
		ptrdiff_t end = str_find_char(str_slice(*fields, n, fields->len), '\n');
		n = end < 0 ? fields->len : n + (size_t)end + 1;
	} while (n < fields->len && (fields->ptr[n] == ' ' || fields->ptr[n] == '\t'));
	struct str field = str_slice(*fields, 0, n);
	*fields = str_slice(*fields, n, fields->len);
	return field;
}

static struct str field_name(struct str field)
{
	ptrdiff_t colon = str_find_char(field, ':');
	must(colon > 0);
	return str_slice(field, 0, (size_t)colon);
}

static void append_blank(struct buf *out, size_t n)
{
	char *to = buf_reserve(out, n);
	if (to == NULL)
		return;
	memset(to, ' ', n);
	buf_add(out, n);
}

/* Characters of b= as written: base64 in lines of SIGNATURE_LINE with CRLF TAB between. */
static size_t written_signature_len(size_t signature_len)
{
	size_t chars = (signature_len + 2) / 3 * 4;
	return chars + 3 * ((chars - 1) / SIGNATURE_LINE);
}

void dkim_begin(const struct dkim_key *key, struct str fields, int64_t signed_at_s, struct buf *out,
		struct dkim_slot *slot)
{
	*slot = (struct dkim_slot){.signer = key->signer, .start = out->len};
	buf_appendf(out,
		    FIELD_START
		    ": v=1; a=%s; c=relaxed/relaxed;\r\n\td=%.*s; s=%.*s; t=%lld;\r\n\th=",
		    signer_algorithm_name(signer_algorithm(key->signer)), STR_ARG(key->domain),
		    STR_ARG(key->selector), (long long)signed_at_s);
	size_t column = 3;
	while (fields.len > 0 && !out->is_truncated)
		add_signed_name(out, &column, field_name(take_field(&fields)));
	for (size_t i = 0; i < ARRAY_LEN(oversigned) && !out->is_truncated; i++)
		add_signed_name(out, &column, oversigned[i]);
	buf_append_cstr(out, ";\r\n\tbh=");
	slot->body_hash = out->len;
	append_blank(out, BODY_HASH_LEN);
	buf_append_cstr(out, ";\r\n\tb=");
	slot->signature = out->len;
	append_blank(out, written_signature_len(signer_signature_len(key->signer)));
	buf_append_cstr(out, "\r\n");
	slot->end = out->len;
}

/* Relaxed header canonicalisation (RFC 6376 3.4.2), without the CRLF at the end. It only shortens,
 * so room is made once: this runs over the whole header of every message. */
static void append_canonical_field(struct str field, struct buf *out)
{
	size_t name_len = field_name(field).len;
	char *start = buf_reserve(out, field.len);
	if (start == NULL)
		return;
	char *to = start;
	for (size_t i = 0; i < name_len; i++)
		*to++ = ascii_lower(field.ptr[i]);
	*to++ = ':';
	struct str value = str_trim(str_slice(field, name_len + 1, field.len));
	bool had_space = false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		bool is_space = c <= ' ' && ascii_is_space(c);
		if (!is_space && had_space)
			*to++ = ' ';
		if (!is_space)
			*to++ = c;
		had_space = is_space;
	}
	buf_add(out, (size_t)(to - start));
}

void dkim_finish(struct dkim_slot *slot, struct digest body, struct str fields, struct buf *text,
		 struct buf *scratch)
{
	char bh[BODY_HASH_LEN + 1];
	EVP_EncodeBlock((unsigned char *)bh, body.bytes, sizeof(body.bytes));
	memcpy(text->data + slot->body_hash, bh, BODY_HASH_LEN);
	buf_clear(scratch);
	while (fields.len > 0) {
		append_canonical_field(take_field(&fields), scratch);
		buf_append_cstr(scratch, "\r\n");
	}
	/* b= is blank, so the field as it stands is what is signed (RFC 6376 3.5, 3.7) */
	append_canonical_field(str_slice(buf_str(text), slot->start, slot->end), scratch);
	must(!scratch->is_truncated);
	must(EVP_Digest(scratch->data, scratch->len, slot->digest.bytes, NULL, EVP_sha256(),
			NULL) == 1);
}

void dkim_put_signature(const struct dkim_slot *slot, const struct signature *signature,
			struct buf *text)
{
	char chars[(SIGNER_SIGNATURE_MAX + 2) / 3 * 4 + 1];
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)chars, signature->bytes,
					     (int)signature->len);
	char *to = text->data + slot->signature;
	must(slot->signature + written_signature_len(signature->len) + 2 == slot->end);
	for (size_t at = 0; at < len; at += SIGNATURE_LINE) {
		size_t n = len - at < SIGNATURE_LINE ? len - at : SIGNATURE_LINE;
		if (at > 0) {
			memcpy(to, "\r\n\t", 3);
			to += 3;
		}
		memcpy(to, chars + at, n);
		to += n;
	}
}

int dkim_key_generate(enum signer_algorithm algorithm, struct buf *pem_out, struct buf *txt_out,
		      struct err *err)
{
	struct buf pem;
	struct signer *signer = NULL;
	buf_init(&pem, PEM_MAX);
	int failed = signer_generate(algorithm, &pem, err);
	if (!failed)
		failed = signer_load(buf_str(&pem), &signer, err);
	if (!failed) {
		buf_append_str(pem_out, buf_str(&pem));
		dkim_txt_value(signer, txt_out);
	}
	signer_free(signer);
	OPENSSL_cleanse(pem.data, pem.len);
	buf_done(&pem);
	return failed;
}

void dkim_txt_value(const struct signer *signer, struct buf *out)
{
	buf_appendf(out, "v=DKIM1; k=%s; p=", signer_key_type(signer_algorithm(signer)));
	signer_public_key(signer, out);
}

void dkim_txt_strings(struct str value, struct buf *out)
{
	for (bool is_first = true; is_first || value.len > 0; is_first = false) {
		struct str part = str_slice(value, 0, TXT_STRING_MAX);
		buf_append_cstr(out, is_first ? "\"" : " \"");
		for (size_t i = 0; i < part.len; i++) {
			if (part.ptr[i] == '"' || part.ptr[i] == '\\')
				buf_append_char(out, '\\');
			buf_append_char(out, part.ptr[i]);
		}
		buf_append_char(out, '"');
		value = str_slice(value, part.len, value.len);
	}
}

/* The value of tag in a tag-list (RFC 6376 3.2); false when it is not there. */
static bool find_tag(struct str list, char tag, struct str *value_out)
{
	while (list.len > 0) {
		struct str value = str_take_until(&list, ';');
		struct str name = str_trim(str_take_until(&value, '='));
		if (name.len == 1 && name.ptr[0] == tag) {
			*value_out = str_trim(value);
			return true;
		}
	}
	return false;
}

/* True when item is one of the colon-separated items of list. */
static bool list_has(struct str list, struct str item)
{
	while (list.len > 0)
		if (str_equals_nocase(str_trim(str_take_until(&list, ':')), item))
			return true;
	return false;
}

/* Compares base64 texts, white space left out. */
static bool is_same_key(struct str published, struct str ours)
{
	size_t at = 0;
	for (size_t i = 0; i < published.len; i++) {
		if (ascii_is_space(published.ptr[i]))
			continue;
		if (at == ours.len || published.ptr[i] != ours.ptr[at])
			return false;
		at++;
	}
	return at == ours.len;
}

enum dkim_txt_verdict dkim_txt_check(const struct signer *signer, struct str value)
{
	struct str version = STR("DKIM1");
	struct str type = STR("rsa");
	struct str hashes = STR("sha256");
	struct str services = STR("*");
	struct str flags = STR("");
	struct str key;
	find_tag(value, 'v', &version);
	find_tag(value, 'k', &type);
	find_tag(value, 'h', &hashes);
	find_tag(value, 's', &services);
	find_tag(value, 't', &flags);
	if (!find_tag(value, 'p', &key) || !str_equals(version, STR("DKIM1")) ||
	    !list_has(hashes, STR("sha256")) ||
	    (!list_has(services, STR("*")) && !list_has(services, STR("email"))))
		return DKIM_TXT_INVALID;
	if (key.len == 0)
		return DKIM_TXT_REVOKED;
	struct buf ours;
	buf_init(&ours, PEM_MAX);
	signer_public_key(signer, &ours);
	const char *our_type = signer_key_type(signer_algorithm(signer));
	bool is_ours =
		str_equals_nocase(type, str_from(our_type)) && is_same_key(key, buf_str(&ours));
	buf_done(&ours);
	if (!is_ours)
		return DKIM_TXT_DIFFERS;
	return list_has(flags, STR("y")) ? DKIM_TXT_TESTING : DKIM_TXT_MATCHES;
}

/* SPDX-License-Identifier: MIT */
/*
 * One message: fields into scratch, then signature fields, fields and body into the message in one
 * pass, the body hashed on the way. Runs on composer threads.
 */
#include "engine/mail/compose.h"

#include <stdlib.h>

#include "engine/mail/content_private.h"

#define FIELDS_MAX (64u << 10) /* Gmail: 552 5.3.4 beyond */
#define CANONICAL_MAX (2u * FIELDS_MAX)
#define SUBJECT_MAX (4u << 10)
#define URL_MAX 900u /* leaves room on a line of 998 */
#define EXTRA_MAX 32u
#define BATCH_MAX 32u
#define SIGNATURE_FIELD_HINT 1280u

struct composer {
	struct template_scratch scratch;
	struct buf subject;
	struct buf fields;    /* the header block but for signatures and the blank line */
	struct buf canonical; /* what a header hash is over */
	struct buf pending;   /* base64 parts */
	struct body_hash hash;
};

struct composer *composer_new(void)
{
	struct composer *c = xcalloc(1, sizeof(*c));
	template_scratch_init(&c->scratch);
	buf_init(&c->subject, SUBJECT_MAX);
	buf_init(&c->fields, FIELDS_MAX);
	buf_init(&c->canonical, CANONICAL_MAX);
	buf_init(&c->pending, MESSAGE_TEXT_MAX);
	body_hash_init(&c->hash);
	return c;
}

void composer_free(struct composer *c)
{
	if (c == NULL)
		return;
	template_scratch_done(&c->scratch);
	buf_done(&c->subject);
	buf_done(&c->fields);
	buf_done(&c->canonical);
	buf_done(&c->pending);
	body_hash_done(&c->hash);
	free(c);
}

void message_init(struct message *m)
{
	*m = (struct message){0};
	buf_init(&m->text, MESSAGE_TEXT_MAX);
}

void message_done(struct message *m)
{
	if (m == NULL)
		return;
	buf_done(&m->text);
	message_init(m);
}

size_t message_size(const struct message *m)
{
	return m->text.len + m->tail.len;
}

/* ---- what a caller may put in ---- */

/* Fields that compose writes, that a transport writes, or that would mean something else here. */
static bool is_reserved(struct str name)
{
	static const struct str names[] = {
		STR_INIT("From"),
		STR_INIT("To"),
		STR_INIT("Cc"),
		STR_INIT("Bcc"),
		STR_INIT("Subject"),
		STR_INIT("Date"),
		STR_INIT("Message-ID"),
		STR_INIT("Reply-To"),
		STR_INIT("Sender"),
		STR_INIT("Return-Path"),
		STR_INIT("Received"),
		STR_INIT("DKIM-Signature"),
		STR_INIT("List-Id"),
		STR_INIT("MIME-Version"),
		STR_INIT("List-Unsubscribe"),
		STR_INIT("Feedback-ID"),
		STR_INIT("Precedence"),
		STR_INIT("List-Unsubscribe-Post"),
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equals_nocase(name, names[i]))
			return true;
	return str_starts_with_nocase(name, STR("Content-")) ||
	       str_starts_with_nocase(name, STR("Resent-")) ||
	       str_starts_with_nocase(name, STR("ARC-"));
}

static int check_extra(const struct compose_input *in, struct err *err)
{
	if (in->extra_count > EXTRA_MAX)
		return err_set(err, ERR_INPUT, "there are more than %u extra fields", EXTRA_MAX);
	for (size_t i = 0; i < in->extra_count; i++) {
		struct str name = in->extra[i].name;
		if (!header_name_is_valid(name) || is_reserved(name))
			return err_set(err, ERR_INPUT, "'%.*s' can not be an extra header field",
				       (int)(name.len < 80 ? name.len : 80), name.ptr);
		for (size_t j = 0; j < i; j++)
			if (str_equals_nocase(name, in->extra[j].name))
				return err_set(err, ERR_INPUT, "the field '%.*s' is given twice",
					       STR_ARG(name));
	}
	return 0;
}

/* A URI that fits between < > as it is. */
static bool is_uri(struct str uri, struct str scheme)
{
	for (size_t i = 0; i < uri.len; i++) {
		char c = uri.ptr[i];
		if (c <= ' ' || c >= 0x7F || c == '<' || c == '>' || c == '"')
			return false;
	}
	return uri.len <= URL_MAX && str_starts_with_nocase(uri, scheme) && uri.len > scheme.len;
}

static bool is_feedback_id(struct str id)
{
	size_t colons = 0;
	for (size_t i = 0; i < id.len; i++) {
		if (id.ptr[i] <= ' ' || id.ptr[i] >= 0x7F)
			return false;
		colons += id.ptr[i] == ':';
	}
	return id.len <= URL_MAX && colons <= 3;
}

static int check_input(const struct compose_input *in, struct err *err)
{
	if (!header_address_is_safe(in->to.address))
		return err_set(err, ERR_INPUT, "the recipient's address is not fit for a header");
	if (!header_message_id_is_valid(in->message_id))
		return err_set(err, ERR_INPUT, "the message id is not of the form local@domain");
	if (in->unsubscribe_url.len > 0 && !is_uri(in->unsubscribe_url, STR("https://")))
		return err_set(err, ERR_INPUT, "the unsubscribe link is no https URL");
	if (in->unsubscribe_mailto.len > 0 && !is_uri(in->unsubscribe_mailto, STR("mailto:")))
		return err_set(err, ERR_INPUT, "the unsubscribe address is no mailto URL");
	if (in->list_id.len > 0 && !header_list_id_is_valid(in->list_id))
		return err_set(err, ERR_INPUT, "the list id is not of the form list.domain");
	if (!is_feedback_id(in->feedback_id))
		return err_set(err, ERR_INPUT,
			       "the feedback id has more than four fields, or spaces");
	must(in->key_count <= MESSAGE_KEYS_MAX);
	for (size_t i = 0; i < in->key_count; i++)
		if (!header_list_id_is_valid(in->keys[i].domain) ||
		    !header_list_id_is_valid(in->keys[i].selector))
			return err_set(err, ERR_INPUT,
				       "the domain or selector of a DKIM key is no domain name");
	return check_extra(in, err);
}

/* ---- fields ---- */

static int add_subject(struct composer *c, const struct content *content,
		       const struct compose_input *in, struct err *err)
{
	buf_clear(&c->subject);
	if (template_render(content->subject, &in->values, &c->scratch, &c->subject, err) != 0)
		return err_prefix(err, "subject");
	header_text(&c->fields, "Subject", buf_str(&c->subject));
	return 0;
}

/* RFC 2369 3.2, RFC 8058 3.1 */
static void add_unsubscribe(struct buf *out, const struct compose_input *in)
{
	bool has_url = in->unsubscribe_url.len > 0;
	bool has_mailto = in->unsubscribe_mailto.len > 0;
	struct buf value;
	if (!has_url && !has_mailto)
		return;
	buf_init(&value, 2 * (size_t)URL_MAX + 8);
	if (has_url)
		buf_appendf(&value, "<%.*s>", STR_ARG(in->unsubscribe_url));
	if (has_mailto)
		buf_appendf(&value, "%s<%.*s>", has_url ? ", " : "",
			    STR_ARG(in->unsubscribe_mailto));
	header_structured(out, "List-Unsubscribe", buf_str(&value));
	if (has_url)
		buf_append_cstr(out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
	buf_done(&value);
}

static void add_extra(struct buf *out, const struct compose_input *in)
{
	char name[HEADER_LINE_MAX + 1];
	for (size_t i = 0; i < in->extra_count; i++) {
		must(str_to_cstr(in->extra[i].name, name, sizeof(name)) == 0);
		header_text(out, name, in->extra[i].value);
	}
}

static int add_fields(struct composer *c, const struct content *content,
		      const struct compose_input *in, struct err *err)
{
	struct buf *out = &c->fields;
	buf_clear(out);
	buf_append_str(out, content->from_field);
	header_mailbox(out, "To", &in->to);
	if (add_subject(c, content, in, err) != 0)
		return -1;
	header_date(out, in->date_s, in->zone_minutes);
	buf_appendf(out, "Message-ID: <%.*s>\r\n", STR_ARG(in->message_id));
	buf_append_str(out, content->reply_to_field);
	add_unsubscribe(out, in);
	if (in->list_id.len > 0)
		header_list_id(out, in->list_name, in->list_id);
	if (in->feedback_id.len > 0)
		header_structured(out, "Feedback-ID", in->feedback_id);
	buf_append_cstr(out, "Precedence: bulk\r\n");
	add_extra(out, in);
	buf_append_str(out, content->mime_fields);
	if (out->is_truncated)
		return err_set(err, ERR_INPUT, "the header has more than %u bytes", FIELDS_MAX);
	return 0;
}

/* ---- body ---- */

static int add_body(struct composer *c, const struct content *content,
		    const struct compose_input *in, struct message *m, struct err *err)
{
	bool is_hashed = m->slot_count > 0 && !content->is_fixed;
	struct body_writer w = {&m->text, is_hashed ? &c->hash : NULL, &c->scratch, &c->pending, 0};
	if (is_hashed)
		body_hash_begin_at(&c->hash, &content->prefix);
	for (size_t i = 0; i < content->item_count; i++) {
		const struct body_item *item = &content->items[i];
		if (item->part != NULL) {
			if (part_render(item->part, &in->values, &w, err) != 0)
				return -1;
			continue;
		}
		buf_append_str(&m->text, item->lines);
		if (is_hashed && i > 0) /* the first is in the prefix */
			body_hash_update_canonical(&c->hash, item->canonical);
	}
	if (is_hashed)
		body_hash_update_canonical(&c->hash, content->tail.canonical);
	m->tail = content->tail.lines;
	if (m->text.is_truncated)
		return err_set(err, ERR_INPUT, "the message has more than %zu bytes", m->text.max);
	return 0;
}

int compose(struct composer *c, const struct content *content, const struct compose_input *in,
	    struct message *out, struct err *err)
{
	buf_clear(&out->text);
	*out = (struct message){.text = out->text};
	if (check_input(in, err) != 0 || add_fields(c, content, in, err) != 0)
		return -1;
	struct str fields = buf_str(&c->fields);
	buf_reserve(&out->text,
		    fields.len + in->key_count * SIGNATURE_FIELD_HINT + content->size_hint);
	for (size_t i = 0; i < in->key_count; i++)
		dkim_begin(&in->keys[i], fields, in->date_s, &out->text, &out->slots[i]);
	out->slot_count = in->key_count;
	buf_append_str(&out->text, fields);
	buf_append_cstr(&out->text, "\r\n");
	if (add_body(c, content, in, out, err) != 0)
		return -1;
	if (out->slot_count > 0) {
		struct digest body =
			content->is_fixed ? content->fixed_body : body_hash_end(&c->hash);
		for (size_t i = 0; i < out->slot_count; i++)
			dkim_finish(&out->slots[i], body, fields, &out->text, &c->canonical);
	}
	out->is_signed = out->slot_count == 0;
	return 0;
}

/* ---- signatures ---- */

/* Signs slot of the messages from the first on that share its key; returns how many, -1 on error.
 */
static ptrdiff_t sign_run(struct message *const *messages, size_t n, size_t slot, struct err *err)
{
	struct digest digests[BATCH_MAX];
	struct signature signatures[BATCH_MAX];
	const struct signer *signer = messages[0]->slots[slot].signer;
	size_t count = 0;
	while (count < n && count < BATCH_MAX && messages[count]->slots[slot].signer == signer) {
		digests[count] = messages[count]->slots[slot].digest;
		count++;
	}
	/* a message without this slot has no signer there */
	if (signer == NULL)
		return (ptrdiff_t)count;
	if (signer_sign_batch(signer, digests, count, signatures, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		dkim_put_signature(&messages[i]->slots[slot], &signatures[i], &messages[i]->text);
	return (ptrdiff_t)count;
}

int compose_sign(struct message *const *messages, size_t n, struct err *err)
{
	for (size_t slot = 0; slot < MESSAGE_KEYS_MAX; slot++)
		for (size_t at = 0; at < n;) {
			ptrdiff_t done = sign_run(messages + at, n - at, slot, err);
			if (done < 0)
				return -1;
			at += (size_t)done;
		}
	for (size_t i = 0; i < n; i++)
		messages[i]->is_signed = true;
	return 0;
}

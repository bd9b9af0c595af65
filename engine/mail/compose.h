/* SPDX-License-Identifier: MIT */
/*
 * From content and one recipient to the bytes of a message.
 *
 * struct content is compiled once per content version and immutable: templates, attachments encoded
 * beforehand, every literal segment of the bodies transfer-encoded (and made DKIM-canonical)
 * beforehand. compose fills in one recipient; compose_sign signs many messages at a time. The same
 * content and input give the same bytes, boundaries included.
 *
 * On the wire: every line ends with CRLF, has at most 998 characters, and **no line starts with a
 * dot**. So the composed bytes are their own dot-stuffed form (RFC 5321 4.5.2): a sender may write
 * them as they are and end them with ".\r\n". NUL and bytes above 127 never occur.
 *
 * Threads: content is shared; a composer (scratch) belongs to one thread; a message has one owner.
 */
#ifndef EDM_ENGINE_MAIL_COMPOSE_H
#define EDM_ENGINE_MAIL_COMPOSE_H

#include "engine/mail/dkim.h"
#include "engine/mail/header.h"
#include "engine/mail/template.h"

#define CONTENT_BYTES_MAX (36u << 20) /* encoded attachments of one content */
#define MESSAGE_TEXT_MAX (8u << 20)   /* bytes of a message without its attachments */
#define MESSAGE_KEYS_MAX 2	      /* DKIM signatures of one message */

struct attachment {
	struct str name; /* file name, UTF-8; path separators become '_' */
	struct str type; /* "application/pdf"; empty: application/octet-stream */
	struct str cid;	 /* not empty: shown inside the HTML as cid:…, dot-atom characters */
	struct str data; /* the bytes of the file */
};

/* Sources of a content, borrowed during content_new only. Text is UTF-8. */
struct content_spec {
	struct str subject; /* template */
	struct str
		preheader; /* template; preview text put invisibly before the HTML; may be empty */
	struct str html;   /* template; may be empty if text is not */
	struct str text;   /* template; empty: made from html */
	struct mailbox from;
	struct mailbox reply_to; /* address empty: none */
	const struct attachment *attachments;
	size_t attachment_count;
};

struct content;

/* Compiles spec. err (ERR_INPUT) names the part: "html: line 3, column 14: …". */
int content_new(const struct content_spec *spec, struct content **out, struct err *err) NODISCARD;
void content_free(struct content *c);
/* The names its templates use, each once. The slices live as long as c. */
size_t content_variable_count(const struct content *c);
struct str content_variable(const struct content *c, size_t index);
/* As template_variable_is_needed, in any of its templates. */
bool content_variable_is_needed(const struct content *c, size_t index);
/* Bytes of the attachments and all else that every message of c shares (struct message, tail). */
size_t content_shared_size(const struct content *c);

struct header_field {
	struct str name;
	struct str value; /* free text */
};

/* One recipient. All slices are borrowed during compose only; "none" = empty. */
struct compose_input {
	struct mailbox to;
	struct template_values values;
	struct str message_id;	       /* local@domain without < >, the same in every attempt */
	int64_t date_s;		       /* Date and t=, seconds since 1970 UTC */
	int zone_minutes;	       /* of Date, minutes east of UTC */
	struct str unsubscribe_url;    /* https, one-click (RFC 8058), or none */
	struct str unsubscribe_mailto; /* "mailto:…", or none */
	struct str list_id;	       /* "list.domain", or none */
	struct str list_name;	       /* phrase before it, or none */
	struct str feedback_id;	       /* "a:b:c:sender", or none */
	const struct header_field
		*extra; /* more fields; none of those compose writes, none twice */
	size_t extra_count;
	const struct dkim_key *keys; /* 0 … MESSAGE_KEYS_MAX; 0: the message is not signed */
	size_t key_count;
};

/* A composed message: text followed by tail. */
struct message {
	struct buf text; /* owned */
	struct str
		tail; /* the shared end (attachments), lives as long as the content; may be empty */
	struct dkim_slot slots[MESSAGE_KEYS_MAX];
	size_t slot_count;
	bool is_signed; /* all signatures are in (or none was asked for): ready to send */
};

struct composer;
struct composer *composer_new(void);
void composer_free(struct composer *c);

void message_init(struct message *m);
void message_done(struct message *m);
/* Bytes on the wire, without the ending dot. */
size_t message_size(const struct message *m);

/* Writes the message into *out (initialised; emptied first, its memory reused). ERR_INPUT: an
 * address, id or extra field is not fit for a header, or the output passes a limit. */
int compose(struct composer *c, const struct content *content, const struct compose_input *input,
	    struct message *out, struct err *err) NODISCARD;
/* Signs messages[0 .. n-1] and sets is_signed; those that share a key go to the signer as one
 * batch. After an error (ERR_CRYPTO) some may be signed, others not. */
int compose_sign(struct message *const *messages, size_t n, struct err *err) NODISCARD;

#endif

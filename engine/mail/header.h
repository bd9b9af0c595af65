/* SPDX-License-Identifier: MIT */
/*
 * Header fields (RFC 5322), encoded-words (RFC 2047) and mailboxes.
 *
 * Each header_ function appends one whole field, "Name: value" CRLF, folded so that lines hold at
 * most 76 characters where the syntax has a place to fold and never more than 998. A value can not
 * leave its field: CR, LF and other control characters become spaces before anything else happens,
 * bytes that are not UTF-8 become U+FFFD. No line starts with a dot. Names are our constants, or
 * have passed header_name_is_valid. Pure; any thread.
 */
#ifndef EDM_ENGINE_MAIL_HEADER_H
#define EDM_ENGINE_MAIL_HEADER_H

#include "engine/base/buf.h"

#define HEADER_LINE_MAX 76u   /* RFC 2047 2; RFC 5322 recommends 78 */
#define HEADER_LINE_HARD 998u /* RFC 5322 2.1.1 */

/* Who: a display name in UTF-8, may be empty, and an addr-spec (RFC 5322 3.4.1). */
struct mailbox {
	struct str name;
	struct str address;
};

/* ASCII free text stays as it is; anything else becomes encoded-words, B or Q, whichever is
 * shorter, and no character is split between two. Text with words too long to fold, or that looks
 * like an encoded-word, is encoded as well. Space at both ends goes. */
void header_text(struct buf *out, const char *name, struct str value);
/* Structured values, already in the syntax of their field: ASCII, folded at spaces, never encoded.
 * Bytes that are not ASCII become '?', words are cut where a line would pass the hard limit. */
void header_structured(struct buf *out, const char *name, struct str value);
/* name <address>, the name bare, quoted or encoded; the address alone when there is no name. The
 * address has passed header_address_is_safe. */
void header_mailbox(struct buf *out, const char *name, const struct mailbox *mailbox);
/* List-Id (RFC 2919): name as a phrase, then <id>, which has passed header_list_id_is_valid. */
void header_list_id(struct buf *out, struct str name, struct str id);
/* RFC 5322 3.3, English names, zone as minutes east of UTC (-1439 … 1439). */
void header_date(struct buf *out, int64_t unix_s, int zone_minutes);

/* 1*ftext (RFC 5322 3.6.8), at most 76 characters. */
bool header_name_is_valid(struct str name);
/* local@domain of printable ASCII that fits inside < > as it is: no space, control character,
 * angle bracket, comma, semicolon or parenthesis, except inside a quoted local part. At most 320
 * bytes. It is not a check that mail can be sent there. */
bool header_address_is_safe(struct str address);
/* A message-id without its angle brackets: dot-atom-text@dot-atom-text, at most 200 bytes. */
bool header_message_id_is_valid(struct str id);
/* The identifier of List-Id without its angle brackets: dot-atom-text, at most 200 bytes. */
bool header_list_id_is_valid(struct str id);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The content of a campaign before it is stored: read from files and options, checked, whole.
 *
 * A source starts empty or from a stored version, takes what the operator gave over it, and is
 * compiled once for its errors; only then is it stored as a new, immutable version. Texts are
 * UTF-8; files may also be UTF-16 or GB18030 (lists/detect decides, strictly over the whole file).
 * Blocking file access in content_source_take; the rest is pure.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_CONTENT_H
#define EDM_SCHEDULER_CAMPAIGN_CONTENT_H

#include "engine/base/arena.h"
#include "engine/mail/compose.h"

#define CONTENT_ATTACHMENTS_MAX 32u
#define CONTENT_FILE_MAX (26u << 20) /* bytes of one file */

/* What the operator gave; NULL = not given. */
struct content_request {
	const char *from;      /* "Name <a@b>" or "a@b" */
	const char *reply_to;  /* "a@b" */
	const char *subject;   /* template */
	const char *preheader; /* template */
	const char *html_path; /* "-" = standard input */
	const char *text_path; /* likewise; one of the two at most */
	const char *const *attachment_paths;
	size_t attachment_count; /* not 0: they replace those there were; one alone, "": by none */
};

struct content_source {
	struct arena memory; /* every string below */
	struct content_spec spec;
	struct attachment attachments[CONTENT_ATTACHMENTS_MAX];
};

void content_source_init(struct content_source *s);
void content_source_done(struct content_source *s);
/* Starts from a stored version (campaign_content_of_rows, load.h). */
void content_source_copy(struct content_source *s, const struct content_spec *stored);
/* Takes what request gives over what is there. Errors: USAGE or INPUT, one sentence that names the
 * option or the file. */
int content_source_take(struct content_source *s, const struct content_request *request,
			struct err *err) NODISCARD;
/* Compiles it: whole and without an error of a template, else USAGE. The content is the caller's.
 */
int content_source_compile(const struct content_source *s, struct content **out,
			   struct err *err) NODISCARD;
/* True if nothing of a content was given. */
bool content_request_is_empty(const struct content_request *request);

/* "Name <a@b>", with or without quotes round the name, or "a@b": name and address in the arena. */
int content_parse_mailbox(struct str text, struct arena *arena, struct mailbox *out,
			  struct err *err) NODISCARD;
/* The media type a file's name tells ("a.PDF": application/pdf). */
struct str content_media_type(struct str file_name);

#endif

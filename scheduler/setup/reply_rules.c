/* SPDX-License-Identifier: MIT */
/* Loading and trying reply rules; see reply_rules.h. */
#include "scheduler/setup/reply_rules.h"

#include <errno.h>
#include <stdio.h>

#include "engine/reply/reply.h"

#define FILE_MAX (1u << 20)

struct rule_set *reply_rules_load(struct pg_blocking *db, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (db == NULL)
		return rule_set_load((struct str){0}, err);
	if (pg_run(db, "node/reply_rules", NULL, &rows, err) != 0)
		return NULL;
	struct rule_set *set = rule_set_load_sound(pg_text(rows, 0, 0), err);
	pg_rows_free(rows);
	return set;
}

void reply_rules_say_left_out(const struct rule_left_out *rule, struct buf *out)
{
	buf_appendf(out,
		    "rule %s is left out: %s; mend it (edm rules add FILE) or take it away (edm "
		    "rules remove %s)",
		    rule->id, rule->why, rule->id);
}

int reply_rules_read(const char *path, struct buf *out, struct err *err)
{
	char chunk[8192];
	size_t got;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return err_errno(err, errno, "cannot open %s", path);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(out, chunk, got);
	bool has_failed = ferror(file) != 0;
	(void)fclose(file);
	if (has_failed || out->is_truncated || out->len == 0)
		return err_set(err, ERR_INPUT, "%s %s", path,
			       has_failed	   ? "cannot be read"
			       : out->is_truncated ? "is larger than 1 MiB"
						   : "is empty");
	return 0;
}

struct rule_set *reply_rules_try(const char *path, struct err *err)
{
	struct buf json;
	struct rule_set *set = NULL;
	buf_init(&json, FILE_MAX);
	if (reply_rules_read(path, &json, err) == 0) {
		struct rule_file file = {path, buf_str(&json), true};
		set = rule_set_try(&file, err);
	}
	buf_done(&json);
	return set;
}

/* Does text begin as a line of a reply does? */
static bool is_reply_line(struct str text)
{
	for (size_t i = 0; i < 3; i++)
		if (text.len < 3 || !ascii_is_digit(text.ptr[i]))
			return false;
	return text.len == 3 || text.ptr[3] == ' ' || text.ptr[3] == '-';
}

/* Octets of a line end that is spelt out, as "\\r\\n", before another line or the end; 0: none. */
static size_t spelt_end(struct str text)
{
	size_t len = str_starts_with(text, STR("\\r\\n")) ? 4
		     : str_starts_with(text, STR("\\n"))  ? 2
							  : 0;
	struct str rest = str_slice(text, len, text.len);
	return len > 0 && (rest.len == 0 || is_reply_line(rest)) ? len : 0;
}

/* A reply as logs have it and people paste it: line ends spelt out, cut off after some line. */
static void append_whole(struct str reply, struct buf *out)
{
	size_t line = 0; /* where the last one begins */
	for (size_t i = 0; i < reply.len; i++) {
		size_t end = spelt_end(str_slice(reply, i, reply.len));
		bool is_end = end > 0 || reply.ptr[i] == '\n';
		buf_append(out, is_end ? "\n" : &reply.ptr[i], 1);
		i += end > 0 ? end - 1 : 0;
		if (is_end && i + 1 < reply.len)
			line = out->len;
	}
	if (line + 3 < out->len && is_reply_line(str_slice(buf_str(out), line, out->len)))
		out->data[line + 3] = ' ';
}

static int parse_whole(struct reply_parser *parser, struct str reply, struct err *err)
{
	size_t used;
	if (reply_parser_feed(parser, reply, &used) == REPLY_NEED_MORE && used == reply.len &&
	    reply_parser_feed(parser, STR("\r\n"), &used) == REPLY_COMPLETE)
		return 0;
	return err_set(
		err, ERR_USAGE,
		"\"%.*s\" is no SMTP reply: it begins with three digits, as in \"550 5.1.1 no "
		"such user\" (for words that are not a receiver's say --words)",
		STR_ARG(str_slice(reply, 0, 200)));
}

static int parse_remote(struct reply_parser *parser, struct str reply, struct err *err)
{
	struct buf whole;
	buf_init(&whole, FILE_MAX);
	append_whole(reply, &whole);
	int result = parse_whole(parser, str_trim(buf_str(&whole)), err);
	buf_done(&whole);
	return result;
}

int reply_facts(enum outcome_words words, struct str reply, struct buf *text, struct outcome *out,
		struct err *err)
{
	struct outcome facts = {.words = words};
	if (words != OUTCOME_WORDS_REMOTE) {
		size_t taken = enhanced_parse(reply, &facts.enhanced);
		buf_append_str(text, str_slice(reply, taken, reply.len));
		facts.text = buf_str(text);
		*out = facts;
		return 0;
	}
	struct reply_parser parser;
	reply_parser_init(&parser);
	int result = parse_remote(&parser, str_trim(reply), err);
	if (result == 0) {
		facts.code = parser.reply.code;
		facts.enhanced = parser.reply.enhanced;
		buf_append_str(text, parser.reply.text);
		facts.text = buf_str(text);
		*out = facts;
	}
	reply_parser_done(&parser);
	return result;
}

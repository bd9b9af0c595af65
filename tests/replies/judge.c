/* SPDX-License-Identifier: MIT */
/*
 * How well the built-in rules understand replies they were not written from.
 *
 *     replies_judge FILE [--list | --every]
 *
 * FILE has a reply a line: provider (or -) TAB stage TAB class TAB cause TAB kind of source TAB
 * reply. class is what the engine should make of it and cause why, alternatives separated by /
 * where the words allow more than one; "\n" in a reply separates its lines; lines beginning with #
 * are comments. A reply of several lines that a log has put into one ("550-a 550 b") is taken apart
 * again.
 *
 * Prints the figures and fails when one of the bars does not hold: CLASSIFIED_MIN of the replies
 * are given the right class by a rule; UNKNOWN_MIN of those taken for "no such user" are that;
 * nobody is suppressed by a reply that is not about a bad address; no line is a sample of a rule;
 * all lines could be read (one that could not is named). --list names the lines that were missed.
 *
 * --every asks for more and for less: each line must be of its class and cause, samples or not, and
 * what is to be done about it must be what the line asks for. It is for tables of replies that the
 * rules were written from, whose lines have three fields more before the reply:
 *
 *   scope    who is at fault, alternatives separated by /; * = not said
 *   actions  separated by commas: NAME must be there, A/B one of them, (NAME) may; - = none. None
 *            but alert, close and next-host may be there unasked. ~WORDS is what the table asks for
 *            and no rule can say yet: it is listed, so that it is not forgotten
 *   delay    "1h", "1h..4h", "1h..", "day+8" as in a rule; - = by the retry schedule; * = not said
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/reply/reply.h"
#include "engine/reply/rules.h"
#include "tests/replies/reaction.h"

#define CLASSIFIED_MIN 0.95
#define UNKNOWN_MIN 0.99
#define LINE_MAX 4096

struct line {
	struct str provider, classes, cause, reply; /* reply with its \n in place */
	enum outcome_stage stage;
	struct reaction reaction; /* --every */
};

struct figures {
	unsigned replies;
	unsigned classified;	/* by a rule, to the right class */
	unsigned unmatched;	/* by no rule */
	unsigned same_cause;	/* and the cause is that of the file, too */
	unsigned said_unknown;	/* the verdict is "no such user" */
	unsigned were_unknown;	/* and it is true, or the words allow it */
	unsigned found_unknown; /* and the file knows nothing else */
	unsigned unknown;	/* "no such user" by the file */
	unsigned harmed;	/* suppressed by a reply that is not about a bad address */
	unsigned samples;	/* is a sample of a rule */
	unsigned missed;	/* --every: not all as the file has it */
	unsigned beyond;	/* --every: lines that ask for more than rules can say */
	unsigned unread;	/* lines that are none */
};

static bool is_one_of(struct str name, struct str names)
{
	while (names.len > 0)
		if (str_equals(str_take_until(&names, '/'), name))
			return true;
	return false;
}

/* Where a log put the lines of a reply into one, puts them apart again; the last line ends it. */
static void take_apart(char *reply)
{
	char *last = reply, *end = reply + strlen(reply);
	if (end - reply < 4 || reply[3] != '-' || strchr(reply, '\n') != NULL)
		return;
	for (char *p = reply + 4; end - p > 4; p++) {
		bool is_line = p[-1] == ' ' && p - last > 4 && memcmp(p, reply, 3) == 0 &&
			       (p[3] == '-' || p[3] == ' ');
		if (!is_line)
			continue;
		p[-1] = '\n';
		last[3] = '-';
		last = p;
	}
	last[3] = ' ';
}

/* Puts line feeds where the file has \n; in place. */
static struct str unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from != 0; from++) {
		bool is_escape = from[0] == '\\' && from[1] == 'n';
		*to++ = is_escape ? '\n' : *from;
		from += is_escape;
	}
	return str_of(text, (size_t)(to - text));
}

enum mode { MODE_PLAIN, MODE_LIST, MODE_EVERY };

#define FIELDS 6
#define FIELDS_EVERY 9

static int parse_line(char *text, enum mode mode, struct line *out)
{
	char *field[FIELDS_EVERY];
	size_t count = mode == MODE_EVERY ? FIELDS_EVERY : FIELDS;
	for (size_t i = 0; i < count; i++) {
		field[i] = text;
		text += strcspn(text, "\t\n");
		if ((*text == '\t') != (i + 1 < count))
			return -1;
		*text++ = 0;
	}
	char *reply = field[count - 1];
	out->provider = str_from(strcmp(field[0], "-") == 0 ? "" : field[0]);
	out->classes = str_from(field[2]);
	out->cause = str_from(field[3]);
	if (mode == MODE_EVERY) {
		out->reaction = (struct reaction){str_from(field[5]), str_from(field[6]),
						  str_from(field[7])};
		if (!reaction_is_sound(&out->reaction))
			return -1;
	}
	out->reply = unescape(reply);
	reply[out->reply.len] = 0;
	take_apart(reply);
	return outcome_stage_parse(str_from(field[1]), &out->stage);
}

static int judge(const struct rule_set *set, const struct line *line, struct verdict *out)
{
	struct reply_parser parser;
	size_t used;
	reply_parser_init(&parser);
	bool is_whole = reply_parser_feed(&parser, line->reply, &used) == REPLY_NEED_MORE &&
			reply_parser_feed(&parser, STR("\n"), &used) == REPLY_COMPLETE;
	struct outcome outcome = {.words = OUTCOME_WORDS_REMOTE,
				  .stage = line->stage,
				  .code = parser.reply.code,
				  .enhanced = parser.reply.enhanced,
				  .text = parser.reply.text};
	if (is_whole)
		rules_apply(set, line->provider, &outcome);
	reply_parser_done(&parser);
	*out = outcome.verdict;
	return is_whole ? 0 : -1;
}

static bool is_sample(const struct rule_set *set, struct str reply)
{
	for (size_t i = 0; i < rule_set_count(set); i++) {
		struct str sample;
		for (size_t k = 0; (sample = rule_sample(rule_set_at(set, i), k)).len > 0; k++)
			if (str_equals(sample, reply))
				return true;
	}
	return false;
}

static void list(const char *what, const struct line *line, const struct verdict *verdict)
{
	printf("%-10s %s/%s by %s, not %.*s/%.*s: %.*s (%.*s, %s)\n", what,
	       outcome_class_name(verdict->klass), outcome_cause_name(verdict->cause),
	       verdict->rule[0] ? verdict->rule : "no rule", STR_ARG(line->classes),
	       STR_ARG(line->cause), STR_ARG(line->reply), STR_ARG(line->provider),
	       outcome_stage_name(line->stage));
}

static void count(const struct line *line, const struct verdict *verdict, struct figures *f)
{
	bool is_right = is_one_of(str_from(outcome_class_name(verdict->klass)), line->classes);
	bool has_rule = verdict->rule[0] != 0;
	struct str cause = str_from(outcome_cause_name(verdict->cause));
	bool is_unknown = str_equals(line->cause, STR("user-unknown")) &&
			  str_equals(line->classes, STR("bounced"));
	bool may_be_unknown = is_one_of(STR("user-unknown"), line->cause) &&
			      is_one_of(STR("bounced"), line->classes);
	bool says_unknown =
		verdict->klass == OUTCOME_BOUNCED && verdict->cause == CAUSE_USER_UNKNOWN;
	bool is_harmed =
		verdict->actions & ACTION_SUPPRESS && !is_one_of(STR("bounced"), line->classes);
	f->replies++;
	f->classified += is_right && has_rule;
	f->unmatched += !has_rule;
	f->same_cause += is_one_of(cause, line->cause);
	f->unknown += is_unknown;
	f->said_unknown += says_unknown;
	f->were_unknown += says_unknown && may_be_unknown;
	f->found_unknown += says_unknown && is_unknown;
	f->harmed += is_harmed;
	if (is_harmed)
		list("HARM", line, verdict);
	else if (says_unknown && !may_be_unknown)
		list("false", line, verdict);
}

/* --every: class, cause, and what is done. */
static void judge_all(const struct line *line, const struct verdict *verdict, struct figures *f)
{
	struct buf differs, beyond;
	buf_init(&differs, 1024);
	buf_init(&beyond, 1024);
	if (!is_one_of(str_from(outcome_class_name(verdict->klass)), line->classes) ||
	    !str_equals(str_from(outcome_cause_name(verdict->cause)), line->cause))
		buf_append_cstr(&differs, "class or cause; ");
	reaction_compare(&line->reaction, verdict, &differs);
	reaction_beyond(&line->reaction, &beyond);
	f->missed += differs.len > 0;
	f->beyond += beyond.len > 0;
	if (differs.len > 0) {
		list("missed", line, verdict);
		printf("           %s\n", differs.data);
	}
	if (beyond.len > 0)
		printf("beyond     %s: %.*s\n", beyond.data + 2, STR_ARG(line->reply));
	buf_done(&differs);
	buf_done(&beyond);
}

static void list_miss(const struct rule_set *set, const struct line *line,
		      const struct verdict *verdict, enum mode mode)
{
	bool is_class = is_one_of(str_from(outcome_class_name(verdict->klass)), line->classes);
	if (is_sample(set, line->reply))
		list("sample", line, verdict);
	else if (mode == MODE_LIST && verdict->rule[0] == 0)
		list("unmatched", line, verdict);
	else if (mode == MODE_LIST && !is_class)
		list("wrong", line, verdict);
}

static void run(const struct rule_set *set, FILE *file, enum mode mode, struct figures *f)
{
	char text[LINE_MAX];
	unsigned number = 0;
	while (fgets(text, sizeof(text), file) != NULL) {
		struct line line;
		struct verdict verdict;
		number++;
		if (text[0] == '#')
			continue;
		if (parse_line(text, mode, &line) != 0 || judge(set, &line, &verdict) != 0) {
			fprintf(stderr, "line %u cannot be read\n", number);
			f->unread++;
			continue;
		}
		count(&line, &verdict, f);
		f->samples += is_sample(set, line.reply);
		if (mode == MODE_EVERY)
			judge_all(&line, &verdict, f);
		else
			list_miss(set, &line, &verdict, mode);
	}
}

static bool has_passed(const struct figures *f, enum mode mode)
{
	if (mode == MODE_EVERY)
		return f->missed == 0 && f->harmed == 0 && f->unread == 0;
	return f->classified >= CLASSIFIED_MIN * f->replies &&
	       f->were_unknown >= UNKNOWN_MIN * f->said_unknown && f->harmed == 0 &&
	       f->samples == 0 && f->unread == 0;
}

static double percent(unsigned part, unsigned whole)
{
	return whole == 0 ? 100.0 : 100.0 * part / whole;
}

static void print(const struct figures *f, enum mode mode)
{
	printf("%u replies: %.1f %% given the right class by a rule, %.1f %% matched by none, "
	       "%.1f %% with the cause of the file\n",
	       f->replies, percent(f->classified, f->replies), percent(f->unmatched, f->replies),
	       percent(f->same_cause, f->replies));
	printf("no such user: precision %.1f %% (%u of %u), recall %.1f %% (of %u)\n",
	       percent(f->were_unknown, f->said_unknown), f->were_unknown, f->said_unknown,
	       percent(f->found_unknown, f->unknown), f->unknown);
	printf("suppressed by a reply that is not about a bad address: %u; samples of rules: %u\n",
	       f->harmed, f->samples);
	if (mode == MODE_EVERY)
		printf("not all as the table has it: %u; asking for what no rule can say: %u\n",
		       f->missed, f->beyond);
}

static enum mode mode_of(const char *argument)
{
	if (argument == NULL)
		return MODE_PLAIN;
	return strcmp(argument, "--every") == 0 ? MODE_EVERY : MODE_LIST;
}

int main(int argc, char **argv)
{
	struct err err;
	struct figures figures = {0};
	if (argc < 2)
		return 2;
	struct rule_set *set = rule_set_load((struct str){0}, &err);
	FILE *file = fopen(argv[1], "re");
	if (set == NULL || file == NULL) {
		fprintf(stderr, "%s\n", set == NULL ? err.text : "cannot open the file");
		return 2;
	}
	run(set, file, mode_of(argv[2]), &figures);
	fclose(file);
	rule_set_free(set);
	print(&figures, mode_of(argv[2]));
	return has_passed(&figures, mode_of(argv[2])) ? 0 : 1;
}

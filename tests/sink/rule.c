/* SPDX-License-Identifier: MIT */
/* Scripted answers; see rule.h. */
#include "tests/sink/rule.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"

#define REPLY_MAX (1u << 20)
#define SUBJECT_MAX 1024u

static const char *const step_names[] = {
#define X(suffix, name) [STEP_##suffix] = name,
	SINK_STEPS(X)
#undef X
};

static const char *const then_names[] = {
#define X(suffix, name) [THEN_##suffix] = name,
	SINK_THENS(X)
#undef X
};

const char *step_name(enum step step)
{
	return step_names[step];
}

int step_parse(struct str name, enum step *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(step_names); i++) {
		if (str_equals(name, str_from(step_names[i]))) {
			*out = (enum step)i;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "no step is called \"%.*s\"", STR_ARG(name));
}

static int then_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct rule *rule = to;
	(void)arena;
	const char *name = json_string_value(value);
	for (size_t i = 0; name != NULL && i < ARRAY_LEN(then_names); i++) {
		if (strcmp(name, then_names[i]) == 0) {
			rule->then = (enum then)i;
			rule->has_then = true;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG,
		       "one of go, close, rst, half-close, hang, stall, tls is wanted");
}

static int tristate_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	bool is_true;
	if (field_bool(&is_true, value, arena, err) != 0)
		return -1;
	*(enum tristate *)to = is_true ? TRISTATE_TRUE : TRISTATE_FALSE;
	return 0;
}

static int regex_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	(void)arena;
	regex_t *regex = xcalloc(1, sizeof(*regex));
	const char *text = json_string_value(value);
	if (text == NULL || regcomp(regex, text, REG_EXTENDED | REG_NOSUB) != 0) {
		free(regex);
		return err_set(err, ERR_CONFIG, "a POSIX extended expression is wanted");
	}
	*(regex_t **)to = regex;
	return 0;
}

int reply_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct str text;
	if (field_text(&text, value, arena, err) != 0)
		return -1;
	struct buf lines;
	buf_init(&lines, REPLY_MAX);
	do {
		buf_append_str(&lines, str_take_until(&text, '\n'));
		buf_append_cstr(&lines, "\r\n");
	} while (text.len > 0);
	*(struct str *)to = arena_str(arena, buf_str(&lines));
	bool fits = !lines.is_truncated;
	buf_done(&lines);
	return fits ? 0 : err_set(err, ERR_CONFIG, "the reply is over 1 MiB");
}

static int hex_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const char digits[] = "0123456789abcdef";
	struct str text;
	if (field_text(&text, value, arena, err) != 0)
		return -1;
	char *out = arena_alloc(arena, text.len / 2 + 1);
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = strchr(digits, ascii_lower(text.ptr[i]));
		if (digit == NULL || text.len % 2 != 0)
			return err_set(err, ERR_CONFIG, "pairs of hexadecimal digits are wanted");
		out[i / 2] = (char)(out[i / 2] * 16 + (digit - digits));
	}
	*(struct str *)to = str_of(out, text.len / 2);
	return 0;
}

static const struct field rule_fields[] = {
	FIELD(struct rule, share, "share", field_real),
	FIELD(struct rule, match, "match", field_text),
	FIELD(struct rule, regex, "regex", regex_load),
	FIELD(struct rule, secure, "secure", tristate_load),
	FIELD(struct rule, first, "first", field_int),
	FIELD(struct rule, skip, "skip", field_int),
	FIELD(struct rule, times, "times", field_int),
	FIELD(struct rule, say, "reply", reply_load),
	FIELD(struct rule, say, "hex", hex_load),
	FIELD(struct rule, repeat, "repeat", field_int),
	FIELD(struct rule, delay_ms, "delay_ms", field_int),
	{"then", 0, then_load}, /* fills two members */
	FIELD(struct rule, accept, "accept", tristate_load),
	FIELD(struct rule, after_bytes, "after_bytes", field_int),
};

int rules_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct rules *rules = to;
	if (!json_is_array(value))
		return err_set(err, ERR_CONFIG, "a list of rules is wanted");
	size_t count = json_array_size(value);
	rules->items = arena_alloc(arena, count * sizeof(*rules->items));
	rules->count = count;
	for (size_t i = 0; i < count; i++) {
		struct rule *rule = &rules->items[i];
		rule->share = 1.0;
		rule->repeat = 1;
		if (fields_load(FIELD_TABLE(rule_fields), rule, json_array_get(value, i), arena,
				err) != 0)
			return err_prefix(err, "rule %zu", i + 1);
		if (rule->after_bytes == 0)
			rule->after_bytes = 1;
		if (!rule->has_then && reply_code(rule->say) == 421)
			rule->then = THEN_CLOSE;
	}
	return 0;
}

void rules_done(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];
		seen_done(&rule->subjects);
		if (rule->regex != NULL)
			regfree(rule->regex);
		free(rule->regex);
	}
	*rules = (struct rules){0};
}

static uint64_t subject_hash(const struct situation *where)
{
	struct hash_key key = {0};
	memcpy(key.bytes, &where->seed, sizeof(where->seed));
	return hash_keyed(&key, where->subject);
}

static bool is_in_share(const struct rule *rule, const struct situation *where)
{
	if (rule->share >= 1.0)
		return true;
	return (double)(subject_hash(where) >> 11) * 0x1p-53 < rule->share;
}

static bool is_about(const struct rule *rule, struct str subject)
{
	char text[SUBJECT_MAX];
	if (rule->match.len == 0 && rule->regex == NULL)
		return true;
	if (str_to_cstr(subject, text, sizeof(text)) != 0)
		return false;
	if (rule->regex != NULL && regexec(rule->regex, text, 0, NULL, 0) != 0)
		return false;
	if (rule->match.len == 0)
		return true;
	char *at = strrchr(text, '@');
	if (at != NULL && str_find_char(rule->match, '@') < 0)
		*at = '\0';
	return fnmatch(rule->match.ptr, text, 0) == 0;
}

static bool fires(struct rule *rule, const struct situation *where)
{
	if (rule->secure != TRISTATE_UNSET && (rule->secure == TRISTATE_TRUE) != where->is_secure)
		return false;
	if (!is_in_share(rule, where) || !is_about(rule, where->subject))
		return false;
	if (++rule->matched <= rule->skip)
		return false;
	if (rule->times > 0 && rule->fired >= rule->times)
		return false;
	if (rule->first > 0 &&
	    (int64_t)seen_add(&rule->subjects, subject_hash(where), 0)->times > rule->first)
		return false;
	rule->fired++;
	return true;
}

const struct rule *rules_pick(struct rules *rules, const struct situation *where)
{
	for (size_t i = 0; i < rules->count; i++)
		if (fires(&rules->items[i], where))
			return &rules->items[i];
	return NULL;
}

int reply_code(struct str reply)
{
	uint64_t code = 0;
	if (reply.len < 3 || str_to_u64(str_slice(reply, 0, 3), &code) != 0)
		return 0;
	return (int)code;
}

/* SPDX-License-Identifier: MIT */
/*
 * Parses what stands inside the braces.
 *
 *	output    = operand *( "|" filter )
 *	filter    = name [ ":" operand *( "," operand ) ]
 *	condition = comparison [ ( "and" / "or" ) condition ]
 *	comparison = operand [ ( "==" / "!=" / "<" / ">" / "<=" / ">=" / "contains" ) operand ]
 *	operand   = name / string / number / "true" / "false" / "nil" / "empty" / "blank"
 *	name      = ( ALPHA / "_" / byte above 127 ) *( ALPHA / DIGIT / "_" / "-" / "." / byte above
 *127 )
 */
#include "engine/mail/template_private.h"

struct scanner {
	const struct lexer *lexer; /* for positions */
	struct str rest;
};

static bool is_name_start(char c)
{
	return ascii_is_alpha(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c)
{
	return is_name_start(c) || ascii_is_digit(c) || c == '-' || c == '.';
}

static void skip_space(struct scanner *s)
{
	while (s->rest.len > 0 && ascii_is_space(s->rest.ptr[0]))
		s->rest = str_slice(s->rest, 1, s->rest.len);
}

static struct str take(struct scanner *s, size_t n)
{
	struct str taken = str_slice(s->rest, 0, n);
	s->rest = str_slice(s->rest, n, s->rest.len);
	return taken;
}

/* Takes text if it comes next. */
static bool accept(struct scanner *s, struct str text)
{
	skip_space(s);
	if (!str_starts_with(s->rest, text))
		return false;
	take(s, text.len);
	return true;
}

static struct str take_name(struct scanner *s)
{
	size_t n = 0;
	skip_space(s);
	if (s->rest.len > 0 && is_name_start(s->rest.ptr[0]))
		while (n < s->rest.len && is_name_char(s->rest.ptr[n]))
			n++;
	return take(s, n);
}

/* Takes the word if the next name is exactly that. */
static bool accept_word(struct scanner *s, struct str word)
{
	struct scanner before = *s;
	if (str_equals(take_name(s), word))
		return true;
	*s = before;
	return false;
}

/* -1: how the rest looks is put into the sentence. */
static int fail_expected(const struct scanner *s, const char *what, struct err *err)
{
	if (s->rest.len == 0)
		return lexer_error(s->lexer, s->rest.ptr, err, "%s is missing here", what);
	size_t shown = s->rest.len < 20 ? s->rest.len : 20;
	while (shown < s->rest.len && ((unsigned char)s->rest.ptr[shown] & 0xC0) == 0x80)
		shown++;
	return lexer_error(s->lexer, s->rest.ptr, err, "%s is expected instead of '%.*s'", what,
			   (int)shown, s->rest.ptr);
}

static int parse_string(struct scanner *s, struct operand *out, struct err *err)
{
	struct str inside = str_slice(s->rest, 1, s->rest.len);
	ptrdiff_t end = str_find_char(inside, s->rest.ptr[0]);
	if (end < 0)
		return lexer_error(s->lexer, s->rest.ptr, err, "this quote is not closed");
	*out = (struct operand){OPERAND_STRING, str_slice(inside, 0, (size_t)end)};
	take(s, (size_t)end + 2);
	return 0;
}

/* number = [ "-" ] 1*DIGIT [ "." 1*DIGIT ] */
static int parse_number(struct scanner *s, struct operand *out, struct err *err)
{
	size_t n = s->rest.ptr[0] == '-' ? 1 : 0;
	size_t digits = 0;
	for (; n < s->rest.len && ascii_is_digit(s->rest.ptr[n]); n++)
		digits++;
	if (digits > 0 && n + 1 < s->rest.len && s->rest.ptr[n] == '.' &&
	    ascii_is_digit(s->rest.ptr[n + 1]))
		for (n++; n < s->rest.len && ascii_is_digit(s->rest.ptr[n]);)
			n++;
	if (digits == 0)
		return fail_expected(s, "a number", err);
	*out = (struct operand){OPERAND_NUMBER, take(s, n)};
	return 0;
}

static struct operand operand_of_name(struct str name)
{
	static const struct str empties[] = {STR_INIT("nil"), STR_INIT("empty"), STR_INIT("blank"),
					     STR_INIT("false")};
	if (str_equals(name, STR("true")))
		return (struct operand){OPERAND_TRUE, name};
	for (size_t i = 0; i < ARRAY_LEN(empties); i++)
		if (str_equals(name, empties[i]))
			return (struct operand){OPERAND_EMPTY, STR("")};
	return (struct operand){OPERAND_NAME, name};
}

static int parse_operand(struct scanner *s, struct operand *out, struct err *err)
{
	skip_space(s);
	char c = s->rest.len > 0 ? s->rest.ptr[0] : '\0';
	if (c == '"' || c == '\'')
		return parse_string(s, out, err);
	if (ascii_is_digit(c) || c == '-')
		return parse_number(s, out, err);
	struct str name = take_name(s);
	if (name.len == 0)
		return fail_expected(s, "a name, a number or a text in quotes", err);
	*out = operand_of_name(name);
	return 0;
}

static int check_args(const struct scanner *s, const struct filter_call *call, struct err *err)
{
	const struct filter_spec *spec = call->spec;
	if (call->arg_count < spec->min_args)
		return lexer_error(s->lexer, s->rest.ptr, err,
				   "the filter %.*s needs %zu argument(s), as in '%.*s: …'",
				   STR_ARG(spec->name), spec->min_args, STR_ARG(spec->name));
	if (spec->takes_number && call->arg_count > 0 && call->args[0].kind != OPERAND_NUMBER &&
	    call->args[0].kind != OPERAND_NAME)
		return lexer_error(s->lexer, s->rest.ptr, err,
				   "the first argument of %.*s is a number", STR_ARG(spec->name));
	return 0;
}

static int parse_args(struct scanner *s, struct filter_call *call, struct err *err)
{
	if (accept(s, STR(":"))) {
		do {
			if (call->arg_count == call->spec->max_args)
				return lexer_error(s->lexer, s->rest.ptr, err,
						   "the filter %.*s takes at most %zu argument(s)",
						   STR_ARG(call->spec->name), call->spec->max_args);
			if (parse_operand(s, &call->args[call->arg_count], err) != 0)
				return -1;
			call->arg_count++;
		} while (accept(s, STR(",")));
	}
	return check_args(s, call, err);
}

static int parse_filter(struct scanner *s, struct filter_call *call, struct err *err)
{
	struct str name = take_name(s);
	if (name.len == 0)
		return fail_expected(s, "the name of a filter", err);
	call->spec = filter_find(name);
	if (call->spec == NULL) {
		char names[200];
		filter_names(names, sizeof(names));
		return lexer_error(s->lexer, name.ptr, err,
				   "there is no filter '%.*s'; there are %s",
				   (int)(name.len < 40 ? name.len : 40), name.ptr, names);
	}
	return parse_args(s, call, err);
}

struct output *parse_output(struct lexer *lexer, struct str body, struct arena *arena,
			    struct err *err)
{
	struct scanner s = {lexer, body};
	struct output *output = arena_alloc(arena, sizeof(*output));
	output->is_escaped = true;
	if (parse_operand(&s, &output->base, err) != 0)
		return NULL;
	struct filter_call **tail = &output->filters;
	while (accept(&s, STR("|"))) {
		struct filter_call *call = arena_alloc(arena, sizeof(*call));
		if (parse_filter(&s, call, err) != 0)
			return NULL;
		if (call->spec->ends_escaping)
			output->is_escaped = false;
		*tail = call;
		tail = &call->next;
	}
	skip_space(&s);
	if (s.rest.len > 0) {
		fail_expected(&s, "'|' or the end", err);
		return NULL;
	}
	return output;
}

static enum comparison take_comparison(struct scanner *s)
{
	static const struct {
		struct str text;
		enum comparison comparison;
	} operators[] = {
		{STR_INIT("=="), COMPARE_EQUAL},   {STR_INIT("!="), COMPARE_UNEQUAL},
		{STR_INIT("<="), COMPARE_AT_MOST}, {STR_INIT(">="), COMPARE_AT_LEAST},
		{STR_INIT("<"), COMPARE_LESS},	   {STR_INIT(">"), COMPARE_MORE},
	};
	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (accept(s, operators[i].text))
			return operators[i].comparison;
	return accept_word(s, STR("contains")) ? COMPARE_CONTAINS : COMPARE_TRUTH;
}

static int parse_comparison(struct scanner *s, struct condition *condition, struct err *err)
{
	if (parse_operand(s, &condition->left, err) != 0)
		return -1;
	condition->comparison = take_comparison(s);
	if (condition->comparison == COMPARE_TRUTH)
		return 0;
	return parse_operand(s, &condition->right, err);
}

struct condition *parse_condition(struct lexer *lexer, struct str body, struct arena *arena,
				  struct err *err)
{
	struct scanner s = {lexer, body};
	struct condition *first = NULL;
	struct condition **tail = &first;
	bool goes_on = true;
	while (goes_on) {
		struct condition *condition = arena_alloc(arena, sizeof(*condition));
		if (parse_comparison(&s, condition, err) != 0)
			return NULL;
		*tail = condition;
		tail = &condition->next;
		condition->is_or = accept_word(&s, STR("or"));
		goes_on = condition->is_or || accept_word(&s, STR("and"));
	}
	skip_space(&s);
	if (s.rest.len > 0) {
		fail_expected(&s, "a comparison, 'and', 'or' or the end", err);
		return NULL;
	}
	return first;
}

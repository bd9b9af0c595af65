/* SPDX-License-Identifier: MIT */
/*
 * Rendering: walks the operations, which only jump forward. Filters write alternately into the two
 * buffers of the scratch, so that a filter never reads what it writes.
 */
#include "engine/mail/template_private.h"

struct walk {
	const struct template_values *values;
	struct template_scratch *scratch;
	size_t next_buffer; /* the one that does not hold the current value */
};

static struct str value_of(const struct walk *w, const struct operand *operand)
{
	struct str value = STR("");
	switch (operand->kind) {
	case OPERAND_NAME:
		if (!w->values->find(w->values->ctx, operand->text, &value))
			return STR("");
		return value;
	case OPERAND_STRING:
	case OPERAND_NUMBER:
	case OPERAND_TRUE:
		return operand->text;
	case OPERAND_EMPTY:
		break;
	}
	return value;
}

/* Applies one function; -1 when its result is too long. */
static int apply(struct walk *w, const struct filter_spec *spec, const struct str *args,
		 size_t arg_count, struct str *value)
{
	struct buf *out = &w->scratch->values[w->next_buffer];
	buf_clear(out);
	*value = spec->apply(*value, args, arg_count, out);
	if (out->is_truncated)
		return -1;
	if (value->ptr == out->data && out->data != NULL)
		w->next_buffer = 1 - w->next_buffer;
	return 0;
}

static int run_filters(struct walk *w, const struct output *output, struct str *value)
{
	static const struct filter_spec escaping = {.apply = filter_escape};
	for (const struct filter_call *f = output->filters; f != NULL; f = f->next) {
		struct str args[FILTER_ARGS_MAX];
		for (size_t i = 0; i < f->arg_count; i++)
			args[i] = value_of(w, &f->args[i]);
		if (apply(w, f->spec, args, f->arg_count, value) != 0)
			return -1;
	}
	return output->is_escaped ? apply(w, &escaping, NULL, 0, value) : 0;
}

/* Millionths; false when s is no number of the form of a literal, or too large. */
static bool parse_decimal(struct str s, int64_t *out)
{
	s = str_trim(s);
	bool is_negative = s.len > 0 && s.ptr[0] == '-';
	struct str fraction = str_slice(s, is_negative ? 1 : 0, s.len);
	struct str whole = str_take_until(&fraction, '.');
	uint64_t units;
	uint64_t millionths = 0;
	if (str_to_u64(whole, &units) != 0 || units > INT64_MAX / 1000000 - 1)
		return false;
	if (whole.ptr + whole.len < s.ptr + s.len && fraction.len == 0)
		return false;
	fraction = str_slice(fraction, 0, 6);
	if (fraction.len > 0 && str_to_u64(fraction, &millionths) != 0)
		return false;
	for (size_t i = fraction.len; i < 6; i++)
		millionths *= 10;
	int64_t value = (int64_t)(units * 1000000 + millionths);
	*out = is_negative ? -value : value;
	return true;
}

/* <0, 0, >0 as left is less than, equal to or more than right. */
static int compare(struct str left, struct str right)
{
	int64_t a, b;
	if (parse_decimal(left, &a) && parse_decimal(right, &b))
		return (a > b) - (a < b);
	return str_compare(left, right);
}

/* Only a number written in the template makes equality numeric: a code 007 is not a code 7. */
static bool is_equal(const struct condition *c, struct str left, struct str right)
{
	if (c->left.kind == OPERAND_NUMBER || c->right.kind == OPERAND_NUMBER)
		return compare(left, right) == 0;
	return str_equals(left, right);
}

static bool holds(const struct walk *w, const struct condition *c)
{
	struct str left = value_of(w, &c->left);
	struct str right = value_of(w, &c->right);
	switch (c->comparison) {
	case COMPARE_TRUTH:
		return left.len > 0;
	case COMPARE_EQUAL:
		return is_equal(c, left, right);
	case COMPARE_UNEQUAL:
		return !is_equal(c, left, right);
	case COMPARE_LESS:
		return left.len > 0 && compare(left, right) < 0;
	case COMPARE_MORE:
		return left.len > 0 && compare(left, right) > 0;
	case COMPARE_AT_MOST:
		return left.len > 0 && compare(left, right) <= 0;
	case COMPARE_AT_LEAST:
		return left.len > 0 && compare(left, right) >= 0;
	case COMPARE_CONTAINS:
		return right.len > 0 && str_find(left, right) >= 0;
	}
	return false;
}

/* a or (b and (c …)): from right to left, so the first that decides, decides. */
static bool all_holds(const struct walk *w, const struct condition *c)
{
	for (; c->next != NULL; c = c->next) {
		bool result = holds(w, c);
		if (result == c->is_or)
			return result;
	}
	return holds(w, c);
}

static int put_output(struct walk *w, const struct output *output, const struct template_sink *sink,
		      struct err *err)
{
	struct str value = value_of(w, &output->base);
	if (run_filters(w, output, &value) != 0 || value.len > TEMPLATE_VALUE_MAX)
		return err_set(err, ERR_INPUT, "the value of '%.*s' has more than %u bytes",
			       (int)(output->base.text.len < 80 ? output->base.text.len : 80),
			       output->base.text.len ? output->base.text.ptr : "",
			       TEMPLATE_VALUE_MAX);
	if (value.len > 0)
		sink->value(sink->ctx, value);
	return 0;
}

int template_walk(const struct template *t, const struct template_values *values,
		  struct template_scratch *scratch, const struct template_sink *sink,
		  struct err *err)
{
	struct walk w = {values, scratch, 0};
	for (size_t at = 0; at < t->op_count;) {
		const struct op *op = &t->ops[at++];
		switch (op->kind) {
		case OP_SEGMENT:
			sink->segment(sink->ctx, op->index);
			break;
		case OP_OUTPUT:
			if (put_output(&w, op->output, sink, err) != 0)
				return -1;
			break;
		case OP_JUMP:
			at = op->index;
			break;
		case OP_JUMP_UNLESS:
			at = all_holds(&w, op->condition) ? at : op->index;
			break;
		}
	}
	return 0;
}

struct plain {
	const struct template *t;
	struct buf *out;
};

static void plain_segment(void *ctx, size_t index)
{
	struct plain *plain = ctx;
	buf_append_str(plain->out, plain->t->segments[index]);
}

static void plain_value(void *ctx, struct str value)
{
	struct plain *plain = ctx;
	buf_append_str(plain->out, value);
}

int template_render(const struct template *t, const struct template_values *values,
		    struct template_scratch *scratch, struct buf *out, struct err *err)
{
	struct plain plain = {t, out};
	struct template_sink sink = {plain_segment, plain_value, &plain};
	if (template_walk(t, values, scratch, &sink, err) != 0)
		return -1;
	if (out->is_truncated)
		return err_set(err, ERR_INPUT, "the text has more than %zu bytes", out->max);
	return 0;
}

void template_scratch_init(struct template_scratch *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->values); i++)
		buf_init(&s->values[i], TEMPLATE_VALUE_MAX);
}

void template_scratch_done(struct template_scratch *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->values); i++)
		buf_done(&s->values[i]);
}

size_t template_variable_count(const struct template *t)
{
	return t->name_count;
}

struct str template_variable(const struct template *t, size_t index)
{
	must(index < t->name_count);
	return t->names[index].text;
}

bool template_variable_is_needed(const struct template *t, size_t index)
{
	must(index < t->name_count);
	return t->names[index].is_bare && !t->names[index].is_tested;
}

size_t template_segment_count(const struct template *t)
{
	return t->segment_count;
}

struct str template_segment(const struct template *t, size_t index)
{
	must(index < t->segment_count);
	return t->segments[index];
}

bool template_is_static(const struct template *t)
{
	return t->segment_count == t->op_count;
}

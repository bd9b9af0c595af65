/* SPDX-License-Identifier: MIT */
/*
 * Compiles a template source to operations: blocks become forward jumps, names are collected.
 */
#include "engine/mail/template_private.h"

#include <stdlib.h>

#include "engine/base/utf8.h"

#define NO_OP SIZE_MAX

/* An open if or unless. */
struct block {
	struct str tag;	     /* the tag that opened it, for messages */
	size_t condition_at; /* its JUMP_UNLESS that has no target yet, or NO_OP after else */
	size_t last_jump;    /* the last JUMP to the block's end; each holds the one before */
	bool is_unless;
};

struct compiler {
	struct template *t;
	struct lexer lexer;
	struct token token;
	struct block blocks[TEMPLATE_NESTING_MAX];
	size_t depth;
};

/* Room for one more element of size bytes in items. */
static void *grow(void *items, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return items;
	*cap = *cap ? *cap * 2 : 8;
	return xrealloc(items, *cap * size);
}

static struct op *add_op(struct template *t, enum op_kind kind)
{
	t->ops = grow(t->ops, t->op_count, &t->op_cap, sizeof(*t->ops));
	struct op *op = &t->ops[t->op_count++];
	*op = (struct op){.kind = kind};
	return op;
}

/* The entry of the name, new or not; NULL for a literal. */
static struct template_name *add_name(struct template *t, const struct operand *operand)
{
	if (operand->kind != OPERAND_NAME)
		return NULL;
	for (size_t i = 0; i < t->name_count; i++)
		if (str_equals(t->names[i].text, operand->text))
			return &t->names[i];
	t->names = grow(t->names, t->name_count, &t->name_cap, sizeof(*t->names));
	t->names[t->name_count] = (struct template_name){.text = operand->text};
	return &t->names[t->name_count++];
}

static void add_bare(struct template *t, const struct operand *operand)
{
	struct template_name *name = add_name(t, operand);
	if (name != NULL)
		name->is_bare = true;
}

static void add_tested(struct template *t, const struct operand *operand)
{
	struct template_name *name = add_name(t, operand);
	if (name != NULL)
		name->is_tested = true;
}

static bool has_default(const struct output *output)
{
	for (const struct filter_call *f = output->filters; f != NULL; f = f->next)
		if (str_equals(f->spec->name, STR("default")))
			return true;
	return false;
}

static void add_text(struct template *t, struct str text)
{
	t->segments = grow(t->segments, t->segment_count, &t->segment_cap, sizeof(*t->segments));
	t->segments[t->segment_count] = text;
	add_op(t, OP_SEGMENT)->index = t->segment_count++;
}

static int add_output(struct compiler *c, struct err *err)
{
	struct template *t = c->t;
	struct output *output = parse_output(&c->lexer, c->token.body, &t->arena, err);
	if (output == NULL)
		return -1;
	output->is_escaped = output->is_escaped && t->mode == TEMPLATE_HTML;
	if (has_default(output))
		add_name(t, &output->base);
	else
		add_bare(t, &output->base);
	for (const struct filter_call *f = output->filters; f != NULL; f = f->next)
		for (size_t i = 0; i < f->arg_count; i++)
			add_bare(t, &f->args[i]);
	add_op(t, OP_OUTPUT)->output = output;
	return 0;
}

/* A JUMP_UNLESS whose target comes later; `unless` jumps over a JUMP instead. */
static int add_condition(struct compiler *c, struct str body, struct block *block, struct err *err)
{
	struct template *t = c->t;
	struct condition *condition = parse_condition(&c->lexer, body, &t->arena, err);
	if (condition == NULL)
		return -1;
	for (const struct condition *it = condition; it != NULL; it = it->next) {
		add_tested(t, &it->left);
		add_tested(t, &it->right);
	}
	add_op(t, OP_JUMP_UNLESS)->condition = condition;
	block->condition_at = t->op_count - 1;
	if (block->is_unless) {
		add_op(t, OP_JUMP);
		t->ops[block->condition_at].index = t->op_count;
		block->condition_at = t->op_count - 1;
		block->is_unless = false; /* an elsif of it is an ordinary one */
	}
	return 0;
}

static int open_block(struct compiler *c, struct str condition, bool is_unless, struct err *err)
{
	if (c->depth == TEMPLATE_NESTING_MAX)
		return lexer_error(&c->lexer, c->token.body.ptr, err,
				   "blocks are nested more than %d deep", TEMPLATE_NESTING_MAX);
	struct block *block = &c->blocks[c->depth++];
	*block = (struct block){c->token.body, NO_OP, NO_OP, is_unless};
	return add_condition(c, condition, block, err);
}

/* Ends a branch: what is rendered jumps to the block's end, the failed condition lands here. */
static void end_branch(struct compiler *c, struct block *block)
{
	struct op *jump = add_op(c->t, OP_JUMP);
	jump->index = block->last_jump;
	block->last_jump = c->t->op_count - 1;
	c->t->ops[block->condition_at].index = c->t->op_count;
	block->condition_at = NO_OP;
}

static void close_block(struct compiler *c)
{
	struct template *t = c->t;
	struct block *block = &c->blocks[--c->depth];
	if (block->condition_at != NO_OP)
		t->ops[block->condition_at].index = t->op_count;
	for (size_t at = block->last_jump; at != NO_OP;) {
		size_t before = t->ops[at].index;
		t->ops[at].index = t->op_count;
		at = before;
	}
}

/* else, elsif: the word continues the innermost block. */
static int continue_block(struct compiler *c, struct str word, struct str rest, struct err *err)
{
	struct block *block = c->depth > 0 ? &c->blocks[c->depth - 1] : NULL;
	if (block == NULL || block->condition_at == NO_OP)
		return lexer_error(&c->lexer, word.ptr, err, "this %.*s has no if before it",
				   STR_ARG(word));
	end_branch(c, block);
	if (str_equals(word, STR("elsif")))
		return add_condition(c, rest, block, err);
	if (str_trim(rest).len > 0)
		return lexer_error(&c->lexer, rest.ptr, err,
				   "else takes no condition; write elsif");
	return 0;
}

static int end_block(struct compiler *c, struct str word, struct err *err)
{
	struct str opener = str_equals(word, STR("endif")) ? STR("if") : STR("unless");
	if (c->depth == 0)
		return lexer_error(&c->lexer, word.ptr, err, "this %.*s has no %.*s before it",
				   STR_ARG(word), STR_ARG(opener));
	struct str tag = c->blocks[c->depth - 1].tag;
	if (!str_equals(str_take_until(&tag, ' '), opener))
		return lexer_error(&c->lexer, word.ptr, err,
				   "this %.*s does not end the block opened last", STR_ARG(word));
	close_block(c);
	return 0;
}

static int add_tag(struct compiler *c, struct err *err)
{
	struct str rest = c->token.body;
	size_t n = 0;
	while (n < rest.len && ascii_is_alpha(rest.ptr[n]))
		n++;
	struct str word = str_slice(rest, 0, n);
	rest = str_slice(rest, n, rest.len);
	if (str_equals(word, STR("if")) || str_equals(word, STR("unless")))
		return open_block(c, rest, word.ptr[0] == 'u', err);
	if (str_equals(word, STR("else")) || str_equals(word, STR("elsif")))
		return continue_block(c, word, rest, err);
	if (str_equals(word, STR("endif")) || str_equals(word, STR("endunless")))
		return end_block(c, word, err);
	return lexer_error(&c->lexer, c->token.body.ptr, err,
			   "there is no tag '%.*s'; there are if, elsif, else, unless, raw, "
			   "comment",
			   (int)(n < 40 ? n : 40), word.ptr);
}

static int compile_all(struct compiler *c, struct err *err)
{
	for (;;) {
		if (lexer_next(&c->lexer, &c->token, err) != 0)
			return -1;
		int done = 0;
		switch (c->token.kind) {
		case TOKEN_TEXT:
			add_text(c->t, c->token.body);
			break;
		case TOKEN_OUTPUT:
			done = add_output(c, err);
			break;
		case TOKEN_TAG:
			done = add_tag(c, err);
			break;
		case TOKEN_END:
			if (c->depth == 0)
				return 0;
			return lexer_error(&c->lexer, c->blocks[c->depth - 1].tag.ptr, err,
					   "this block has no end");
		}
		if (done != 0)
			return -1;
	}
}

/* A copy with LF line ends and without a byte order mark. */
static struct str normal_source(struct str source, struct arena *arena)
{
	if (str_starts_with(source, STR("\xEF\xBB\xBF")))
		source = str_slice(source, 3, source.len);
	char *copy = arena_alloc(arena, source.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < source.len; i++) {
		bool is_crlf =
			source.ptr[i] == '\r' && i + 1 < source.len && source.ptr[i + 1] == '\n';
		if (!is_crlf)
			copy[n++] = source.ptr[i] == '\r' ? '\n' : source.ptr[i];
	}
	return str_of(copy, n);
}

static int check_source(struct str source, struct err *err)
{
	if (source.len > TEMPLATE_SOURCE_MAX)
		return err_set(err, ERR_INPUT, "the template has more than %u bytes",
			       TEMPLATE_SOURCE_MAX);
	if (!utf8_is_valid(source) || str_find_char(source, '\0') >= 0)
		return err_set(err, ERR_INPUT,
			       "the template is not UTF-8 text; save it in that encoding");
	return 0;
}

int template_compile(struct str source, enum template_mode mode, struct template **out,
		     struct err *err)
{
	if (check_source(source, err) != 0)
		return -1;
	struct template *t = xcalloc(1, sizeof(*t));
	arena_init(&t->arena, 0);
	t->mode = mode;
	struct compiler c = {.t = t, .lexer = {.source = normal_source(source, &t->arena)}};
	if (compile_all(&c, err) != 0) {
		template_free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void template_free(struct template *t)
{
	if (t == NULL)
		return;
	arena_done(&t->arena);
	free(t->ops);
	free(t->segments);
	free(t->names);
	free(t);
}

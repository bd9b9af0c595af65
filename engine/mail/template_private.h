/* SPDX-License-Identifier: MIT */
/*
 * Inside of a template: what the lexer, the compiler, the filters and the renderer share.
 *
 * A compiled template is a list of operations. Blocks became jumps: `if` is a JUMP_UNLESS to its
 * next branch, the end of a branch a JUMP behind the block. Jumps only go forward, so rendering
 * ends.
 */
#ifndef EDM_ENGINE_MAIL_TEMPLATE_PRIVATE_H
#define EDM_ENGINE_MAIL_TEMPLATE_PRIVATE_H

#include "engine/base/arena.h"
#include "engine/mail/template.h"

/* ---- lexer: text, outputs and tags ---- */

enum token_kind {
	TOKEN_TEXT,
	TOKEN_OUTPUT, /* {{ … }} */
	TOKEN_TAG,    /* {% … %}, but raw and comment, which the lexer resolves */
	TOKEN_END,
};

struct token {
	enum token_kind kind;
	struct str body; /* the text, or what stands inside the braces without dashes */
};

struct lexer {
	struct str source; /* the whole, for positions */
	size_t at;	   /* offset of what was not read yet */
	bool eats_space;   /* the last tag ended with a dash */
};

int lexer_next(struct lexer *lexer, struct token *token_out, struct err *err) NODISCARD;
/* Fills err with the position of at, a pointer into source, and a sentence; returns -1. */
int lexer_error(const struct lexer *lexer, const char *at, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* ---- expressions ---- */

enum operand_kind {
	OPERAND_EMPTY, /* nil, empty, blank, false: no value */
	OPERAND_NAME,
	OPERAND_STRING,
	OPERAND_NUMBER,
	OPERAND_TRUE,
};

struct operand {
	enum operand_kind kind;
	struct str text; /* the name, or the literal's bytes */
};

#define FILTER_ARGS_MAX 2

/* What a filter does: returns in, an argument, or what it wrote to out (empty at first). */
typedef struct str (*filter_function)(struct str in, const struct str *args, size_t arg_count,
				      struct buf *out);

struct filter_spec {
	struct str name;
	filter_function apply;
	size_t min_args;
	size_t max_args;
	bool takes_number;  /* the first argument is a number */
	bool ends_escaping; /* its presence turns the escaping of TEMPLATE_HTML off */
};

/* The filter called name, or NULL. */
const struct filter_spec *filter_find(struct str name);
/* All names, ", " between, NUL-terminated in out. */
void filter_names(char *out, size_t size);
/* in as HTML text; in itself when nothing needs it. */
struct str filter_escape(struct str in, const struct str *args, size_t arg_count, struct buf *out);
/* The date filter: in is YYYY-MM-DD (or with /), optionally followed by T or a space and
 * HH:MM[:SS]; args[0] is a strftime-like format (%Y %y %m %-m %d %-d %B %b %A %a %H %M %S %%). What
 * is no date comes back as it is. */
struct str filter_date(struct str in, const struct str *args, size_t arg_count, struct buf *out);

struct filter_call {
	const struct filter_spec *spec;
	struct operand args[FILTER_ARGS_MAX];
	size_t arg_count;
	struct filter_call *next;
};

struct output {
	struct operand base;
	struct filter_call *filters;
	bool is_escaped; /* escape the result */
};

enum comparison {
	COMPARE_TRUTH, /* left alone */
	COMPARE_EQUAL,
	COMPARE_UNEQUAL,
	COMPARE_LESS,
	COMPARE_MORE,
	COMPARE_AT_MOST,
	COMPARE_AT_LEAST,
	COMPARE_CONTAINS,
};

/* One comparison and what follows it: left op right [and|or next]. */
struct condition {
	struct operand left;
	enum comparison comparison;
	struct operand right;
	bool is_or;
	struct condition *next;
};

/* Parses the inside of {{ }}, resp. the condition of an if or unless. In the arena. */
struct output *parse_output(struct lexer *lexer, struct str body, struct arena *arena,
			    struct err *err) NODISCARD;
struct condition *parse_condition(struct lexer *lexer, struct str body, struct arena *arena,
				  struct err *err) NODISCARD;

/* ---- the compiled form ---- */

/* A name a template uses, and where. */
struct template_name {
	struct str text;
	bool is_bare;	/* printed, or given to a filter, where nothing stands in for it */
	bool is_tested; /* in a condition */
};

enum op_kind {
	OP_SEGMENT,
	OP_OUTPUT,
	OP_JUMP,
	OP_JUMP_UNLESS,
};

struct op {
	enum op_kind kind;
	size_t index; /* OP_SEGMENT: of the segment; jumps: of the operation to go to */
	const struct output *output;
	const struct condition *condition;
};

struct template
{
	struct arena arena; /* source and expressions */
	enum template_mode mode;
	struct op *ops;
	size_t op_count;
	size_t op_cap;
	struct str *segments;
	size_t segment_count;
	size_t segment_cap;
	struct template_name *names;
	size_t name_count;
	size_t name_cap;
};

#endif

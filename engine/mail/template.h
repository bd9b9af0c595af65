/* SPDX-License-Identifier: MIT */
/*
 * Templates: a subset of Liquid, compiled once, rendered for every recipient.
 *
 *	{{ name | default: "friend" | upcase }}              output, through filters
 *	{% if a == "x" and b contains "y" %} … {% elsif c %} … {% else %} … {% endif %}
 *	{% unless vip %} … {% endunless %}
 *	{% raw %} {{ as is }} {% endraw %}   {% comment %} … {% endcomment %}
 *	{{- x -}}  {%- if y -%}                             a dash eats the white space on its side
 *
 * Filters: default upcase downcase capitalize strip truncate escape url_encode date append prepend
 * replace size raw. Comparisons: == != < > <= >= contains; `and` and `or` bind from right to left,
 * as in Liquid. < and > compare two numbers as numbers, == and != do when one side is a number in
 *the template; all else compares as bytes. A name that has no value, or an empty one, is false and
 *prints nothing; `nil`, `empty` and `blank` stand for it in comparisons.
 *
 * Segment: a stretch of literal text, numbered from 0 in the order of the source. A mail part keeps
 * every segment encoded beforehand and asks render to name segments instead of copying them.
 *
 * Values are data, never source: nothing in a value is parsed, and in TEMPLATE_HTML each output is
 * escaped (& < > " ') unless a filter `raw` or `escape` stands in its chain. Line ends of the
 *source become LF. Output, nesting and every filter result are bounded. upcase, downcase and
 *capitalize change ASCII letters only; truncate and size count characters.
 *
 * A template is immutable after compiling: any number of threads render it at once, each with a
 * scratch of its own. Pure.
 */
#ifndef EDM_ENGINE_MAIL_TEMPLATE_H
#define EDM_ENGINE_MAIL_TEMPLATE_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define TEMPLATE_SOURCE_MAX (4u << 20) /* bytes of one source */
#define TEMPLATE_NESTING_MAX 32	       /* blocks inside each other */
#define TEMPLATE_VALUE_MAX (64u << 10) /* bytes of a value after any filter */

enum template_mode {
	TEMPLATE_TEXT, /* outputs as they are: subjects, text parts */
	TEMPLATE_HTML, /* outputs escaped */
};

struct template;

/* Where the names of a template get their values from, for one recipient. */
struct template_values {
	/* Sets *value_out (valid until render returns) and returns true; false: no such value. */
	bool (*find)(const void *ctx, struct str name, struct str *value_out);
	const void *ctx;
};

/* Buffers that rendering reuses; one a thread. */
struct template_scratch {
	struct buf values[2];
};

/* Receives the output in order. */
struct template_sink {
	void (*segment)(void *ctx, size_t index);
	void (*value)(void *ctx, struct str value);
	void *ctx;
};

/*
 * Compiles source, which is copied. On failure *out is untouched and err (ERR_INPUT) says
 * "line L, column C: " (both from 1, columns in characters) and one sentence.
 */
int template_compile(struct str source, enum template_mode mode, struct template **out,
		     struct err *err) NODISCARD;
void template_free(struct template *t);

/* The names used, each once, in the order of first use. The slices live as long as t. */
size_t template_variable_count(const struct template *t);
struct str template_variable(const struct template *t, size_t index);
/* True when the template prints it and provides for its absence neither by `default` nor by a
 * condition: who has no value gets a hole in the text. */
bool template_variable_is_needed(const struct template *t, size_t index);

size_t template_segment_count(const struct template *t);
struct str template_segment(const struct template *t, size_t index);
/* True when every rendering is all segments in order: no output, no block. */
bool template_is_static(const struct template *t);

void template_scratch_init(struct template_scratch *s);
void template_scratch_done(struct template_scratch *s);

/* Walks t with these values into sink. -1 (ERR_INPUT) when a value passes
 * TEMPLATE_VALUE_MAX; the sink has then had a part of the output. */
int template_walk(const struct template *t, const struct template_values *values,
		  struct template_scratch *scratch, const struct template_sink *sink,
		  struct err *err) NODISCARD;
/* Appends the output to out; -1 also when it does not fit in out's maximum. */
int template_render(const struct template *t, const struct template_values *values,
		    struct template_scratch *scratch, struct buf *out, struct err *err) NODISCARD;

#endif

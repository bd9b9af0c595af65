/* SPDX-License-Identifier: MIT */
/*
 * Plain text from HTML, for the text part of campaigns that bring none.
 *
 * Works on template sources: {{ … }} and {% … %} pass through unchanged wherever they stand (in
 * what is dropped, {% … %} still does, so that blocks stay balanced), so the result is a template
 * again. Paragraphs and headings become blocks with an empty line between, list items "- " or
 * "1. ", table cells are separated by spaces, links become "text (url)", images their alt text;
 * entities are decoded; script, style, head and comments are dropped. Pure; any thread.
 */
#ifndef EDM_ENGINE_MAIL_HTML_TEXT_H
#define EDM_ENGINE_MAIL_HTML_TEXT_H

#include "engine/base/buf.h"

/* Appends the text of html, lines ended by LF. Any input gives some output. */
void text_from_html(struct str html, struct buf *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Calls this project does not make, each with what to call instead. tests/lint/banned reads this
 * table (lines of the form "ban NAME: reason") and refuses any use in our sources.
 *
 * ban strcpy: use struct buf or snprintf
 * ban strcat: use struct buf
 * ban strncpy: use struct buf or memcpy with a checked length
 * ban sprintf: use snprintf or buf_appendf
 * ban vsprintf: use vsnprintf or buf_appendfv
 * ban strtok: use str_take_until
 * ban gets: never
 * ban atoi: use str_to_i64
 * ban atol: use str_to_i64
 * ban strtol: use str_to_i64
 * ban strtoul: use str_to_u64
 * ban gmtime: use gmtime_r
 * ban localtime: use localtime_r
 * ban ctime: use strftime
 * ban rand: use random_u64
 * ban srand: use random_u64
 * ban assert: use must
 * ban malloc: use xmalloc
 * ban calloc: use xcalloc
 * ban realloc: use xrealloc
 * ban strdup: use xstrdup
 * ban alloca: use an arena
 */
#ifndef EDM_ENGINE_BASE_BANNED_H
#define EDM_ENGINE_BASE_BANNED_H
#endif

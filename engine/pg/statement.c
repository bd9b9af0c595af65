/* SPDX-License-Identifier: MIT */
/* Embedded statements, and libpq's errors as ours; see statement.h. */
#include "engine/pg/statement.h"

#include <stdio.h>
#include <string.h>

#include "engine/pg/pg_private.h"
#include "schemas/embedded.h"

const char *statement_text(const char *name)
{
	char path[160];
	int n = snprintf(path, sizeof(path), "schemas/queries/%s.sql", name);
	must(n > 0 && (size_t)n < sizeof(path));
	const struct embedded_file *file = embedded_find(path);
	if (file == NULL)
		fprintf(stderr, "no statement %s\n", path);
	must(file != NULL);
	return file->data;
}

int pg_sqlstate_pack(const char *sqlstate)
{
	if (sqlstate == NULL || strlen(sqlstate) != 5)
		return 0;
	int packed = 0;
	for (int i = 0; i < 5; i++) {
		char c = sqlstate[i];
		if (!ascii_is_alnum(c))
			return 0;
		packed = packed * 36 + (ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
	}
	return packed;
}

bool pg_err_is(const struct err *err, const char *sqlstate)
{
	return err->kind == ERR_DATABASE && err->code == pg_sqlstate_pack(sqlstate);
}

bool pg_err_is_of(const struct err *err, const char *klass)
{
	char first[] = {klass[0], klass[1], '0', '0', '0', '\0'};
	const int rest = 36 * 36 * 36;
	return err->kind == ERR_DATABASE && err->code != 0 &&
	       err->code / rest == pg_sqlstate_pack(first) / rest;
}

void pg_wire_fill(struct pg_wire *w, const struct pg_params *p)
{
	w->count = p == NULL ? 0 : p->count;
	for (int i = 0; i < w->count; i++) {
		const struct pg_param *item = &p->items[i];
		/* libpq takes a NULL pointer for SQL NULL, so an empty value needs some pointer. */
		const char *bytes = p->bytes.data == NULL ? "" : p->bytes.data + item->offset;
		w->values[i] = item->size < 0 ? NULL : bytes;
		w->lengths[i] = item->size < 0 ? 0 : (int)item->size;
		w->formats[i] = 1;
		w->types[i] = item->type;
	}
}

void pg_ignore_notice(void *owner, const PGresult *result)
{
	(void)owner;
	(void)result;
}

bool pg_is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Line ends and tabs, which libpq puts between its sentences, become one space each. */
static void make_one_line(char *text)
{
	char *end = text;
	for (const char *c = text; *c != '\0'; c++) {
		bool is_blank = *c == '\n' || *c == '\t' || *c == ' ';
		if (!is_blank)
			*end++ = *c;
		else if (end > text && end[-1] != ' ')
			*end++ = ' ';
	}
	*end = '\0';
}

/* A libpq message as one line without its severity. */
static int message_err(struct err *err, const char *message, const char *what)
{
	struct str text = str_trim(str_from(message));
	if (str_starts_with(text, STR("ERROR:")))
		text = str_trim(str_slice(text, 6, text.len));
	err_set(err, ERR_DATABASE, "%s: %.*s", what, STR_ARG(text));
	if (err != NULL)
		make_one_line(err->text);
	return -1;
}

int pg_result_err(struct err *err, const PGresult *result, const char *what)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorMessage(result);
	/* libpq's own: it had no room for a reply. That is no error of the database. */
	must(sqlstate != NULL || !str_starts_with(str_from(message), STR("out of memory")));
	message_err(err, message, what);
	if (err != NULL)
		err->code = pg_sqlstate_pack(sqlstate);
	return -1;
}

int pg_conn_err(struct err *err, const PGconn *conn, const char *what)
{
	return message_err(err, PQerrorMessage(conn), what);
}

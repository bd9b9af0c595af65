/* SPDX-License-Identifier: MIT */
/* Sending domains in the database; see sending_domain.h. */
#include "scheduler/setup/sending_domain.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/address.h"

#define KEY_MAX 16384
#define URL_MAX 512
#define FEEDBACK_MAX 200

/* dkim_key.algorithm */
#define ROW_RSA 1
#define ROW_ED25519 2

const char *sending_key_state_name(enum sending_key_state state)
{
	switch (state) {
#define X(suffix, number, name)                                                                    \
	case SENDING_KEY_##suffix:                                                                 \
		return name;
		SENDING_KEY_STATES(X)
#undef X
	}
	return "?";
}

/* ----------------------------------------------------------------------------------------- load
 */

static void read_key(struct arena *arena, const struct pg_rows *rows, int row,
		     struct sending_key *key)
{
	*key = (struct sending_key){
		.selector = arena_str(arena, pg_text(rows, row, 1)),
		.algorithm = pg_int(rows, row, 2) == ROW_ED25519 ? SIGNER_ED25519 : SIGNER_RSA,
		.state = (enum sending_key_state)pg_int32(rows, row, 3),
		.public_key = arena_str(arena, pg_text(rows, row, 4)),
		.sealed = arena_str(arena, pg_bytes(rows, row, 5))};
}

static int load_keys(struct pg_blocking *db, struct arena *arena, struct sending_domain *d,
		     struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_int4(&p, d->id);
	int result = pg_run(db, "setup/dkim_keys", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	d->key_count = (size_t)pg_rows_count(rows);
	d->keys = arena_alloc(arena, d->key_count * sizeof(d->keys[0]) + 1);
	for (size_t i = 0; i < d->key_count; i++)
		read_key(arena, rows, (int)i, &d->keys[i]);
	pg_rows_free(rows);
	return 0;
}

static void read_domains(const struct pg_rows *rows, struct sending_domains *out)
{
	out->count = (size_t)pg_rows_count(rows);
	out->items = arena_alloc(&out->arena, out->count * sizeof(out->items[0]) + 1);
	for (size_t i = 0; i < out->count; i++)
		out->items[i] = (struct sending_domain){
			.id = pg_int32(rows, (int)i, 0),
			.name = arena_str(&out->arena, pg_text(rows, (int)i, 1)),
			.return_path = arena_str(&out->arena, pg_text(rows, (int)i, 2)),
			.feedback_id = arena_str(&out->arena, pg_text(rows, (int)i, 3)),
			.unsubscribe_base = arena_str(&out->arena, pg_text(rows, (int)i, 4))};
}

static int no_domain(struct str name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND,
		       "there is no sending domain '%.*s'; edm domain add makes it", STR_ARG(name));
}

static int fold(struct str name, const char *what, char out[ADDRESS_DOMAIN_MAX + 1],
		struct err *err)
{
	enum address_reason reason = address_fold_domain(name, out);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_USAGE, "%s\"%.*s\": %s", what, STR_ARG(name),
			       address_reason_sentence(reason));
	return 0;
}

int sending_domains_load(struct pg_blocking *db, struct str name, struct sending_domains *out,
			 struct err *err)
{
	char folded[ADDRESS_DOMAIN_MAX + 1] = "";
	struct pg_params p;
	struct pg_rows *rows = NULL;
	if (!str_is_empty(name) && fold(name, "", folded, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, str_from(folded));
	int result = pg_run(db, "setup/domains", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	*out = (struct sending_domains){0};
	arena_init(&out->arena, 0);
	read_domains(rows, out);
	pg_rows_free(rows);
	for (size_t i = 0; i < out->count && result == 0; i++)
		result = load_keys(db, &out->arena, &out->items[i], err);
	if (result == 0 && !str_is_empty(name) && out->count == 0)
		result = no_domain(name, err);
	if (result != 0)
		sending_domains_done(out);
	return result;
}

void sending_domains_done(struct sending_domains *d)
{
	arena_done(&d->arena);
	*d = (struct sending_domains){0};
}

/* ---------------------------------------------------------------------------- add, set, remove
 */

/* Visible ASCII without spaces: nothing that could end a header. */
static bool is_visible(struct str s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	return s.len <= max;
}

static int check_texts(const struct sending_domain *d, struct err *err)
{
	struct str url = d->unsubscribe_base;
	if (!str_is_empty(url) &&
	    ((!str_starts_with(url, STR("https://")) && !str_starts_with(url, STR("http://"))) ||
	     !is_visible(url, URL_MAX)))
		return err_set(err, ERR_USAGE,
			       "--unsubscribe-base \"%.*s\" is no URL: it begins with https:// "
			       "and has no spaces",
			       STR_ARG(url));
	if (!is_visible(d->feedback_id, FEEDBACK_MAX))
		return err_set(err, ERR_USAGE,
			       "--feedback-id \"%.*s\": only visible ASCII, at most %d characters",
			       STR_ARG(d->feedback_id), FEEDBACK_MAX);
	return 0;
}

/* The return path's domain in folded; "" takes it away. */
static int fold_return_path(const struct sending_domain *d, char folded[ADDRESS_DOMAIN_MAX + 1],
			    struct err *err)
{
	folded[0] = '\0';
	if (str_is_empty(d->return_path))
		return 0;
	return fold(d->return_path, "--return-path ", folded, err);
}

static void add_change(struct pg_params *p, const struct change *change)
{
	pg_add_text(p, change->actor);
	pg_add_text(p, change->because);
}

/* A text, or NULL when it was not given. */
static void add_if_given(struct pg_params *p, struct str given, struct str value)
{
	if (given.ptr == NULL)
		pg_add_null(p, PG_TEXT);
	else
		pg_add_text(p, value);
}

/* Runs a statement of "name, return path, feedback id, unsubscribe base, actor, because" and
 * returns the number of rows, or -1. */
static int run_domain(struct pg_blocking *db, const char *statement, const struct sending_domain *d,
		      const struct change *change, struct err *err)
{
	char name[ADDRESS_DOMAIN_MAX + 1], return_path[ADDRESS_DOMAIN_MAX + 1];
	struct pg_params p;
	struct pg_rows *rows = NULL;
	if (fold(d->name, "", name, err) != 0 || fold_return_path(d, return_path, err) != 0 ||
	    check_texts(d, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, str_from(name));
	add_if_given(&p, d->return_path, str_from(return_path));
	add_if_given(&p, d->feedback_id, d->feedback_id);
	add_if_given(&p, d->unsubscribe_base, d->unsubscribe_base);
	add_change(&p, change);
	int result = pg_run(db, statement, &p, &rows, err);
	pg_params_done(&p);
	int count = pg_rows_count(rows);
	pg_rows_free(rows);
	return result == 0 ? count : -1;
}

int sending_domain_add(struct pg_blocking *db, const struct sending_domain *d,
		       const struct change *change, struct err *err)
{
	int rows = run_domain(db, "setup/add_domain", d, change, err);
	if (rows == 0)
		return err_set(err, ERR_REFUSED,
			       "there is a sending domain \"%.*s\" already; edm domain set "
			       "changes it",
			       STR_ARG(d->name));
	return rows < 0 ? -1 : 0;
}

int sending_domain_set(struct pg_blocking *db, const struct sending_domain *d,
		       const struct change *change, struct err *err)
{
	int rows = run_domain(db, "setup/set_domain", d, change, err);
	if (rows == 0)
		return no_domain(d->name, err);
	return rows < 0 ? -1 : 0;
}

int sending_domain_remove(struct pg_blocking *db, struct str name, const struct change *change,
			  struct err *err)
{
	char folded[ADDRESS_DOMAIN_MAX + 1];
	struct pg_params p;
	struct pg_rows *rows = NULL;
	if (fold(name, "", folded, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, str_from(folded));
	add_change(&p, change);
	int result = pg_run(db, "setup/remove_domain", &p, &rows, err);
	pg_params_done(&p);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = no_domain(name, err);
	pg_rows_free(rows);
	return result;
}

/* ------------------------------------------------------------------------------------------ keys
 */

const struct sending_key *sending_key_find(const struct sending_domain *domain, struct str selector)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (str_equals_nocase(domain->keys[i].selector, selector))
			return &domain->keys[i];
	return NULL;
}

void sending_key_record_name(const struct sending_domain *domain, const struct sending_key *key,
			     struct buf *out)
{
	buf_appendf(out, "%.*s._domainkey.%.*s", STR_ARG(key->selector), STR_ARG(domain->name));
}

void sending_key_record_value(const struct sending_key *key, struct buf *out)
{
	buf_appendf(out, "v=DKIM1; k=%s; p=%.*s", signer_key_type(key->algorithm),
		    STR_ARG(key->public_key));
}

/* RFC 6376 3.1: selector = sub-domain *( "." sub-domain ); one label is enough for us. */
static bool is_selector(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	return s.len > 0 && s.len <= SENDING_SELECTOR_MAX && s.ptr[0] != '-' &&
	       s.ptr[s.len - 1] != '-';
}

static int choose_selector(const struct sending_key_order *order,
			   char selector_out[SENDING_SELECTOR_MAX + 1], struct err *err)
{
	if (str_is_empty(order->selector)) {
		for (unsigned n = 1;; n++) {
			snprintf(selector_out, SENDING_SELECTOR_MAX + 1, "edm%u", n);
			if (sending_key_find(order->domain, str_from(selector_out)) == NULL)
				return 0;
		}
	}
	if (!is_selector(order->selector))
		return err_set(err, ERR_USAGE,
			       "--selector \"%.*s\" is none: letters, digits and \"-\", at most %d",
			       STR_ARG(order->selector), SENDING_SELECTOR_MAX);
	if (sending_key_find(order->domain, order->selector) != NULL)
		return err_set(err, ERR_REFUSED,
			       "%.*s has a key with the selector \"%.*s\" already; a selector is "
			       "used once, take another",
			       STR_ARG(order->domain->name), STR_ARG(order->selector));
	must(str_to_cstr(order->selector, selector_out, SENDING_SELECTOR_MAX + 1) == 0);
	for (char *c = selector_out; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return 0;
}

/* Appends the sealed private key and the public one. */
static int make_key(const struct sending_key_order *order, struct buf *sealed_out,
		    struct buf *public_out, struct err *err)
{
	struct signer *signer = NULL;
	struct buf pem;
	buf_init(&pem, KEY_MAX);
	int result = signer_generate(order->algorithm, &pem, err);
	if (result == 0)
		result = signer_load(buf_str(&pem), &signer, err);
	if (result == 0)
		result = secrets_seal(order->secrets, buf_str(&pem), sealed_out, err);
	if (result == 0)
		signer_public_key(signer, public_out);
	signer_free(signer);
	secrets_forget(&pem);
	return result;
}

/* A new key as its row has it. */
struct key_row {
	struct str selector, sealed, public_key;
};

static int store_key(struct pg_blocking *db, const struct sending_key_order *order,
		     const struct key_row *row, const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_int4(&p, order->domain->id);
	pg_add_text(&p, row->selector);
	pg_add_int2(&p, order->algorithm == SIGNER_ED25519 ? ROW_ED25519 : ROW_RSA);
	pg_add_bytea(&p, row->sealed);
	pg_add_text(&p, row->public_key);
	pg_add_int2(&p, (int16_t)order->state);
	pg_add_text(&p, order->domain->name);
	add_change(&p, change);
	int result = pg_run(db, "setup/add_dkim_key", &p, NULL, err);
	pg_params_done(&p);
	return result;
}

int sending_key_make(struct pg_blocking *db, const struct sending_key_order *order,
		     const struct change *change, char selector_out[SENDING_SELECTOR_MAX + 1],
		     struct err *err)
{
	struct buf sealed, public_key;
	if (choose_selector(order, selector_out, err) != 0)
		return -1;
	buf_init(&sealed, KEY_MAX);
	buf_init(&public_key, KEY_MAX);
	int result = make_key(order, &sealed, &public_key, err);
	struct key_row row = {str_from(selector_out), buf_str(&sealed), buf_str(&public_key)};
	if (result == 0)
		result = store_key(db, order, &row, change, err);
	buf_done(&sealed);
	buf_done(&public_key);
	return result;
}

int sending_key_move(struct pg_blocking *db, const struct sending_domain *domain,
		     const struct sending_key *moved, const struct change *change, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_int4(&p, domain->id);
	pg_add_text(&p, moved->selector);
	pg_add_int2(&p, (int16_t)moved->state);
	pg_add_text(&p, domain->name);
	pg_add_text(&p, str_from(sending_key_state_name(moved->state)));
	add_change(&p, change);
	int result = pg_run(db, "setup/move_dkim_key", &p, &rows, err);
	pg_params_done(&p);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = err_set(err, ERR_REFUSED, "key %.*s of %.*s is %s already",
				 STR_ARG(moved->selector), STR_ARG(domain->name),
				 sending_key_state_name(moved->state));
	pg_rows_free(rows);
	return result;
}

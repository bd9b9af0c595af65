/* SPDX-License-Identifier: MIT */
/* Static routes in the database. Blocking; for the command line. */
#include "ip-pool/store/route_store.h"

#include "ip-pool/store/store_private.h"

#define DOMAIN_MAX 253

/* The domain in lower case, in buffer; -1 with a sentence. */
static int fold(struct str domain, char buffer[DOMAIN_MAX], struct str *out, struct err *err)
{
	bool is_any = str_equals(domain, STR("*"));
	bool is_valid = domain.len > 0 && domain.len <= DOMAIN_MAX &&
			(is_any || str_find_char(domain, '.') > 0);
	for (size_t i = 0; is_valid && i < domain.len; i++) {
		char c = ascii_lower(domain.ptr[i]);
		is_valid = is_any || ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
		buffer[i] = c;
	}
	if (!is_valid)
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no domain; write example.com (a Chinese domain in its "
			       "xn-- form) or *",
			       STR_ARG(domain));
	*out = str_of(buffer, domain.len);
	return 0;
}

int route_store_set(struct pg_blocking *conn, const struct route *route,
		    const struct change *change, struct err *err)
{
	char buffer[DOMAIN_MAX];
	struct str domain = STR("");
	if (fold(route->domain, buffer, &domain, err) != 0)
		return -1;
	if (!str_is_empty(route->auth_user) && route->tls == ROUTE_TLS_NONE)
		return err_set(err, ERR_REFUSED,
			       "--auth with --tls none would send the password in the clear");
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, domain);
	pg_add_text(&p, route->host);
	pg_add_int4(&p, route->port);
	pg_add_int2(&p, (int16_t)route->tls);
	add_text_or_null(&p, route->auth_user);
	if (str_is_empty(route->sealed_password))
		pg_add_null(&p, PG_BYTEA);
	else
		pg_add_bytea(&p, route->sealed_password);
	add_change(&p, change);
	return store_run(conn, "ip-pool/set_route", &p, err) < 0 ? -1 : 0;
}

int route_store_remove(struct pg_blocking *conn, struct str domain, const struct change *change,
		       struct err *err)
{
	char buffer[DOMAIN_MAX];
	struct str folded = STR("");
	if (fold(domain, buffer, &folded, err) != 0)
		return -1;
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, folded);
	add_change(&p, change);
	int rows = store_run(conn, "ip-pool/remove_route", &p, err);
	if (rows == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no route for \"%.*s\"",
			       STR_ARG(domain));
	return rows < 0 ? -1 : 0;
}

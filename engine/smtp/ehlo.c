/* SPDX-License-Identifier: MIT */
/* Extensions offered in the reply to EHLO; see ehlo.h. */
#include "engine/smtp/ehlo.h"

#include "engine/smtp/dialog.h"

static const struct {
	struct str keyword;
	unsigned bit;
} extensions[] = {
#define X(suffix, number, keyword) {STR_INIT(keyword), EXTENSION_##suffix},
	SMTP_EXTENSIONS(X)
#undef X
};

/* size-param: [ SP 1*20DIGIT ] (RFC 1870 4). What does not fit 64 bits limits nothing. */
static void parse_size(struct ehlo *e, struct str params)
{
	uint64_t limit;
	if (str_to_u64(str_take_until(&params, ' '), &limit) == 0)
		e->size_limit = limit;
}

/* auth-param: SP sasl-mech *( SP sasl-mech ) (RFC 4954 3). */
static void parse_auth(struct ehlo *e, struct str params)
{
	while (params.len > 0) {
		struct str mechanism = str_take_until(&params, ' ');
		if (str_equals_nocase(mechanism, STR("PLAIN")))
			e->mechanisms |= AUTH_PLAIN;
		else if (str_equals_nocase(mechanism, STR("LOGIN")))
			e->mechanisms |= AUTH_LOGIN;
	}
}

/* limits-param: SP limit-name-value *( SP limit-name-value ), "MAILMAX=" 1*6DIGIT (RFC 9422 3). */
static void parse_limits(struct ehlo *e, struct str params)
{
	while (params.len > 0) {
		struct str value = str_take_until(&params, ' ');
		struct str name = str_take_until(&value, '=');
		uint64_t limit;
		if (str_equals_nocase(name, STR("MAILMAX")) && str_to_u64(value, &limit) == 0)
			e->mail_limit = limit;
	}
}

void ehlo_parse_line(struct ehlo *e, struct str line)
{
	struct str params = str_trim(line);
	if (str_starts_with_nocase(params, STR("AUTH="))) {
		e->extensions |= EXTENSION_AUTH;
		parse_auth(e, str_slice(params, 5, params.len));
		return;
	}
	struct str keyword = str_take_until(&params, ' ');
	unsigned bit = 0;
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (str_equals_nocase(keyword, extensions[i].keyword))
			bit = extensions[i].bit;
	e->extensions |= bit;
	if (bit == EXTENSION_SIZE)
		parse_size(e, params);
	else if (bit == EXTENSION_AUTH)
		parse_auth(e, params);
	else if (bit == EXTENSION_LIMITS)
		parse_limits(e, params);
}

/* SPDX-License-Identifier: MIT */
/* AUTH PLAIN (RFC 4616) and LOGIN against the profile's users (RFC 4954). */
#include <openssl/evp.h>

#include "tests/sink/smtpd_private.h"

#define AUTH_MAX 1024u

/* Decodes base64 into out, which is emptied first. */
static int decode(struct str text, struct buf *out)
{
	buf_clear(out);
	char *to = buf_reserve(out, text.len);
	if (to == NULL || text.len % 4 != 0 || text.len == 0)
		return -1;
	int n = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)text.ptr,
				(int)text.len);
	size_t padding = text.ptr[text.len - 2] == '=' ? 2 : text.ptr[text.len - 1] == '=' ? 1 : 0;
	if (n < 0 || (size_t)n < padding)
		return -1;
	buf_add(out, (size_t)n - padding);
	return 0;
}

static bool is_user(const struct profile *p, struct str name, struct str password)
{
	for (size_t i = 0; i < p->user_count; i++)
		if (str_equals(p->users[i].name, name))
			return str_equals(p->users[i].password, password);
	return false;
}

static void finish(struct smtpd *s, struct str name, struct str password)
{
	bool is_right = is_user(s->place->profile, name, password);
	s->mode = MODE_COMMAND;
	struct answer answer =
		answer_choose(s, STEP_AUTH, name,
			      is_right ? STR("235 2.7.0 Authentication successful\r\n")
				       : STR("535 5.7.8 Authentication credentials invalid\r\n"));
	s->is_authenticated = answer_give(s, STEP_AUTH, &answer);
}

static void refuse(struct smtpd *s)
{
	s->mode = MODE_COMMAND;
	answer_say(s, STEP_AUTH, STR("501 5.5.2 Cannot decode\r\n"));
}

/* message = [authzid] NUL authcid NUL passwd */
static void hear_plain(struct smtpd *s, struct str line)
{
	if (decode(line, &s->auth) != 0) {
		refuse(s);
		return;
	}
	struct str rest = buf_str(&s->auth);
	str_take_until(&rest, '\0');
	struct str name = str_take_until(&rest, '\0');
	finish(s, name, rest);
}

static void hear_name(struct smtpd *s, struct str line)
{
	if (decode(line, &s->auth) != 0) {
		refuse(s);
		return;
	}
	s->mode = MODE_AUTH_PASSWORD;
	answer_say(s, STEP_AUTH, STR("334 UGFzc3dvcmQ6\r\n"));
}

static void hear_password(struct smtpd *s, struct str line)
{
	struct buf password;
	buf_init(&password, AUTH_MAX);
	if (decode(line, &password) != 0)
		refuse(s);
	else
		finish(s, buf_str(&s->auth), buf_str(&password));
	buf_done(&password);
}

void auth_begin(struct smtpd *s, struct str arguments)
{
	struct str mechanism = str_take_until(&arguments, ' ');
	if (s->is_authenticated) {
		answer_say(s, STEP_AUTH, STR("503 5.5.1 Already authenticated\r\n"));
	} else if (str_equals_nocase(mechanism, STR("PLAIN")) && arguments.len > 0) {
		hear_plain(s, arguments);
	} else if (str_equals_nocase(mechanism, STR("PLAIN"))) {
		s->mode = MODE_AUTH_PLAIN;
		answer_say(s, STEP_AUTH, STR("334 \r\n"));
	} else if (str_equals_nocase(mechanism, STR("LOGIN")) && arguments.len > 0) {
		hear_name(s, arguments);
	} else if (str_equals_nocase(mechanism, STR("LOGIN"))) {
		s->mode = MODE_AUTH_NAME;
		answer_say(s, STEP_AUTH, STR("334 VXNlcm5hbWU6\r\n"));
	} else {
		answer_say(s, STEP_AUTH, STR("504 5.5.4 Mechanism not known\r\n"));
	}
}

void auth_hear(struct smtpd *s, struct str line)
{
	if (str_equals(line, STR("*"))) { /* the client cancels */
		refuse(s);
		return;
	}
	if (s->mode == MODE_AUTH_PLAIN) {
		hear_plain(s, line);
	} else if (s->mode == MODE_AUTH_NAME) {
		hear_name(s, line);
	} else {
		must(s->mode == MODE_AUTH_PASSWORD);
		hear_password(s, line);
	}
}

/* SPDX-License-Identifier: MIT */
/* SASL PLAIN and LOGIN; see auth.h. */
#include "engine/smtp/auth.h"

#include <string.h>

static void append_quartet(struct buf *out, const unsigned char *in, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = (uint32_t)in[0] << 16;
	if (n > 1)
		bits |= (uint32_t)in[1] << 8;
	if (n > 2)
		bits |= in[2];
	buf_append_char(out, digits[bits >> 18]);
	buf_append_char(out, digits[bits >> 12 & 63]);
	buf_append_char(out, n > 1 ? digits[bits >> 6 & 63] : '=');
	buf_append_char(out, n > 2 ? digits[bits & 63] : '=');
}

bool auth_is_sound(struct str user, struct str password)
{
	return str_find_char(user, '\0') < 0 && str_find_char(password, '\0') < 0 &&
	       (user.len + password.len + 2) * 4 / 3 + 16 < AUTH_LINE_MAX;
}

void auth_render_plain(struct buf *out, struct str user, struct str password)
{
	struct buf secret;
	buf_init(&secret, AUTH_LINE_MAX);
	buf_append_char(&secret, '\0');
	buf_append_str(&secret, user);
	buf_append_char(&secret, '\0');
	buf_append_str(&secret, password);
	auth_render_base64(out, buf_str(&secret));
	explicit_bzero(secret.data, secret.len);
	buf_done(&secret);
}

void auth_render_base64(struct buf *out, struct str s)
{
	const unsigned char *in = (const unsigned char *)s.ptr;
	for (size_t i = 0; i < s.len; i += 3)
		append_quartet(out, in + i, s.len - i);
}

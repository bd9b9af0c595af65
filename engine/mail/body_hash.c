/* SPDX-License-Identifier: MIT */
/*
 * Relaxed body canonicalisation (RFC 6376 3.4.4) while hashing, without a copy: runs of white space
 * become one space, those at line ends vanish, empty lines are held back until something follows.
 */
#include "engine/mail/dkim.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define CRLFS_AT_ONCE 16u

static void sha_add(struct body_hash *h, const char *ptr, size_t len)
{
	must(EVP_DigestUpdate(h->sha, ptr, len) == 1);
}

static void sha_add_line_ends(struct body_hash *h, size_t n)
{
	static const char crlfs[2 * CRLFS_AT_ONCE + 1] =
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	while (n > 0) {
		size_t now = n < CRLFS_AT_ONCE ? n : CRLFS_AT_ONCE;
		sha_add(h, crlfs, 2 * now);
		n -= now;
	}
}

void body_hash_init(struct body_hash *h)
{
	*h = (struct body_hash){.sha = EVP_MD_CTX_new()};
	must(h->sha != NULL);
	body_hash_begin(h);
}

void body_hash_done(struct body_hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->sha);
	*h = (struct body_hash){0};
}

void body_hash_begin(struct body_hash *h)
{
	*h = (struct body_hash){.sha = h->sha};
	/* NULL keeps the fetched algorithm of the last time, which is cheaper */
	const EVP_MD *md = EVP_MD_CTX_get0_md(h->sha) ? NULL : EVP_sha256();
	must(EVP_DigestInit_ex(h->sha, md, NULL) == 1);
}

void body_hash_begin_at(struct body_hash *h, const struct body_hash *from)
{
	struct evp_md_ctx_st *sha = h->sha;
	*h = *from;
	h->sha = sha;
	must(EVP_MD_CTX_copy_ex(h->sha, from->sha) == 1);
}

/* Text comes: pays the lines and the white space held back. */
static void settle(struct body_hash *h)
{
	sha_add_line_ends(h, h->empty_lines);
	h->empty_lines = 0;
	if (h->has_space)
		sha_add(h, " ", 1);
	h->has_space = false;
	h->is_line_begun = true;
}

/* A line ends: its end counts if it had text, else it is one more empty line held back. */
static void end_line(struct body_hash *h)
{
	if (h->is_line_begun)
		sha_add_line_ends(h, 1);
	else
		h->empty_lines++;
	h->is_line_begun = h->has_space = h->has_cr = false;
}

/* Bytes at the start of s that are hashed as they are: no CR, no white space but single spaces
 * between other bytes. */
static size_t span(struct str s)
{
	size_t i = 0;
	while (i < s.len && s.ptr[i] != '\r' && s.ptr[i] != '\t') {
		if (s.ptr[i] == ' ' && (i + 1 == s.len || ascii_is_space(s.ptr[i + 1])))
			break;
		i++;
	}
	return i;
}

void body_hash_update(struct body_hash *h, struct str bytes)
{
	while (bytes.len > 0) {
		char c = bytes.ptr[0];
		size_t n = 1;
		if (h->has_cr && c == '\n') {
			end_line(h);
		} else if (h->has_cr) { /* a CR alone is text */
			h->has_cr = false;
			settle(h);
			sha_add(h, "\r", 1);
			n = 0;
		} else if (c == '\r') {
			h->has_cr = true;
		} else if (c == ' ' || c == '\t') {
			h->has_space = true;
		} else {
			n = span(bytes);
			settle(h);
			sha_add(h, bytes.ptr, n);
		}
		bytes = str_slice(bytes, n, bytes.len);
	}
}

void body_hash_update_canonical(struct body_hash *h, struct str lines)
{
	must(!h->is_line_begun && !h->has_space && !h->has_cr);
	size_t held = 0;
	while (str_ends_with(lines, STR("\r\n\r\n"))) {
		lines.len -= 2;
		held++;
	}
	if (str_equals(lines, STR("\r\n"))) {
		lines.len = 0;
		held++;
	}
	if (lines.len > 0) {
		sha_add_line_ends(h, h->empty_lines);
		h->empty_lines = 0;
		sha_add(h, lines.ptr, lines.len);
	}
	h->empty_lines += held;
}

struct digest body_hash_end(struct body_hash *h)
{
	struct digest digest;
	unsigned len = 0;
	if (h->has_cr) {
		settle(h);
		sha_add(h, "\r", 1);
	}
	if (h->is_line_begun)
		sha_add_line_ends(h, 1);
	must(EVP_DigestFinal_ex(h->sha, digest.bytes, &len) == 1 && len == sizeof(digest.bytes));
	return digest;
}

void dkim_canonical_lines(struct str lines, struct buf *out)
{
	while (lines.len > 0) {
		struct str line = str_take_until(&lines, '\n');
		while (line.len > 0 && ascii_is_space(line.ptr[line.len - 1]))
			line.len--;
		for (size_t i = 0; i < line.len; i++) {
			bool is_space = line.ptr[i] == ' ' || line.ptr[i] == '\t';
			bool is_next = i > 0 && (line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t');
			if (!is_space)
				buf_append_char(out, line.ptr[i]);
			else if (!is_next)
				buf_append_char(out, ' ');
		}
		buf_append_cstr(out, "\r\n");
	}
}

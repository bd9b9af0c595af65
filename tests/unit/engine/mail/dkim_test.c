/* SPDX-License-Identifier: MIT */
/* DKIM: canonicalisation vectors of RFC 6376, the field, keys, DNS records. Whole messages are
 * verified by other implementations in tests/scenario/dkim_verify_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <openssl/evp.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/mail/dkim.h"

static struct digest sha256(struct str s)
{
	struct digest digest;
	assert_int_equal(EVP_Digest(s.ptr, s.len, digest.bytes, NULL, EVP_sha256(), NULL), 1);
	return digest;
}

static struct digest hash_in_steps(struct str body, size_t step)
{
	struct body_hash h;
	body_hash_init(&h);
	while (body.len > 0) {
		body_hash_update(&h, str_slice(body, 0, step));
		body = str_slice(body, step, body.len);
	}
	struct digest digest = body_hash_end(&h);
	body_hash_done(&h);
	return digest;
}

static void relaxed_body(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		const char *want; /* what is hashed */
	} cases[] = {
		{"", ""},
		{"\r\n\r\n", ""},
		{" \t\r\n", ""},
		{" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"}, /* RFC 6376 3.4.5 */
		{"no end", "no end\r\n"},
		{"a\r\n\r\n \r\nb  c\r\n", "a\r\n\r\n\r\nb c\r\n"},
		{"a\rb\r\n", "a\rb\r\n"},
		{"a \r b\r", "a \r b\r\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct digest want = sha256(str_from(cases[i].want));
		for (size_t step = 1; step < 8; step++) {
			struct digest got = hash_in_steps(str_from(cases[i].body), step);
			assert_memory_equal(got.bytes, want.bytes, sizeof(want.bytes));
		}
	}
}

/* Random bodies: streaming in any cut, and canonical lines piece by piece, give one hash. */
static void ways_to_hash_agree(void **state)
{
	(void)state;
	static const char *const atoms[] = {" ", "\t", "\r\n", "\r\n\r\n", "x", "words here", "."};
	uint64_t seed = 7;
	for (int round = 0; round < 200; round++) {
		struct buf body, canonical;
		struct body_hash h, resumed;
		buf_init(&body, 1 << 16);
		buf_init(&canonical, 1 << 16);
		body_hash_init(&h);
		for (int piece = 0; piece < 4; piece++) {
			size_t start = body.len;
			for (uint64_t n = prng_next(&seed) % 20; n > 0; n--)
				buf_append_cstr(&body, atoms[prng_next(&seed) % ARRAY_LEN(atoms)]);
			buf_append_cstr(&body, "\r\n");
			buf_clear(&canonical);
			dkim_canonical_lines(str_slice(buf_str(&body), start, body.len),
					     &canonical);
			body_hash_update_canonical(&h, buf_str(&canonical));
		}
		body_hash_init(&resumed);
		body_hash_begin_at(&resumed, &h);
		struct digest want = hash_in_steps(buf_str(&body), 1);
		struct digest whole = hash_in_steps(buf_str(&body), body.len);
		struct digest pieces = body_hash_end(&h);
		struct digest copy = body_hash_end(&resumed);
		assert_memory_equal(whole.bytes, want.bytes, sizeof(want.bytes));
		assert_memory_equal(pieces.bytes, want.bytes, sizeof(want.bytes));
		assert_memory_equal(copy.bytes, want.bytes, sizeof(want.bytes));
		body_hash_done(&h);
		body_hash_done(&resumed);
		buf_done(&body);
		buf_done(&canonical);
	}
}

static struct signer *new_signer(enum signer_algorithm algorithm)
{
	struct buf pem;
	struct signer *signer = NULL;
	struct err err;
	buf_init(&pem, 1 << 14);
	assert_int_equal(signer_generate(algorithm, &pem, &err), 0);
	assert_int_equal(signer_load(buf_str(&pem), &signer, &err), 0);
	buf_done(&pem);
	return signer;
}

static void the_field(void **state)
{
	(void)state;
	static const char fields[] = "From: a@b.cn\r\nSubject: =?UTF-8?B?5byg5LiJ?=\r\n"
				     " =?UTF-8?B?5byg5LiJ?=\r\nX-Id:  1\t 2 \r\n";
	static const char canonical[] =
		"from:a@b.cn\r\nsubject:=?UTF-8?B?5byg5LiJ?= =?UTF-8?B?5byg5LiJ?=\r\nx-id:1 2\r\n"
		"dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=b.cn; s=s1; "
		"t=1700000000; h=From:Subject:X-Id:From:To:Subject:Date:Message-ID:Cc:Reply-To:"
		"Sender :MIME-Version:Content-Type:Content-Transfer-Encoding:List-Unsubscribe :"
		"List-Unsubscribe-Post; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=";
	struct signer *signer = new_signer(SIGNER_ED25519);
	struct dkim_key key = {STR("b.cn"), STR("s1"), signer};
	struct dkim_slot slot;
	struct signature signature;
	struct buf text, scratch;
	struct err err;
	buf_init(&text, 1 << 14);
	buf_init(&scratch, 1 << 14);
	dkim_begin(&key, STR(fields), 1700000000, &text, &slot);
	dkim_finish(&slot, sha256(STR("")), STR(fields), &text, &scratch);
	assert_string_equal(scratch.data, canonical);
	struct digest want = sha256(STR(canonical));
	assert_memory_equal(slot.digest.bytes, want.bytes, sizeof(want.bytes));
	assert_int_equal(signer_sign_batch(signer, &slot.digest, 1, &signature, &err), 0);
	dkim_put_signature(&slot, &signature, &text);
	struct str rest = buf_str(&text);
	assert_int_equal(slot.end, text.len);
	while (rest.len > 0) {
		struct str line = str_take_until(&rest, '\n');
		assert_true(line.len <= 79 && line.ptr[line.len - 1] == '\r');
		assert_false(ascii_is_space(line.ptr[line.len - 2]));
	}
	buf_done(&text);
	buf_done(&scratch);
	signer_free(signer);
}

static void keys_and_records(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		enum signer_algorithm algorithm = i ? SIGNER_ED25519 : SIGNER_RSA;
		struct signer *signer = NULL, *other = new_signer(algorithm);
		struct buf pem, txt, strings;
		struct err err;
		buf_init(&pem, 1 << 14);
		buf_init(&txt, 1 << 14);
		buf_init(&strings, 1 << 14);
		assert_int_equal(dkim_key_generate(algorithm, &pem, &txt, &err), 0);
		assert_int_equal(signer_load(buf_str(&pem), &signer, &err), 0);
		assert_int_equal(signer_algorithm(signer), algorithm);
		assert_int_equal(signer_signature_len(signer), i ? 64 : 256);
		assert_int_equal(dkim_txt_check(signer, buf_str(&txt)), DKIM_TXT_MATCHES);
		assert_int_equal(dkim_txt_check(other, buf_str(&txt)), DKIM_TXT_DIFFERS);
		buf_append_cstr(&txt, " ; t=s:y");
		assert_int_equal(dkim_txt_check(signer, buf_str(&txt)), DKIM_TXT_TESTING);
		buf_append_cstr(&txt, "; h=sha1");
		assert_int_equal(dkim_txt_check(signer, buf_str(&txt)), DKIM_TXT_INVALID);
		assert_int_equal(dkim_txt_check(signer, STR("v=DKIM1; p=")), DKIM_TXT_REVOKED);
		assert_int_equal(dkim_txt_check(signer, STR("v=spf1 -all")), DKIM_TXT_INVALID);
		assert_int_equal(dkim_txt_check(signer, STR("v=DKIM1; s=web; p=AA")),
				 DKIM_TXT_INVALID);
		dkim_txt_strings(buf_str(&txt), &strings);
		assert_int_equal(strings.data[0], '"');
		assert_int_equal(str_find(buf_str(&strings), STR("\" \"")), i ? -1 : 256);
		signer_free(signer);
		signer_free(other);
		buf_done(&pem);
		buf_done(&txt);
		buf_done(&strings);
	}
}

/* RFC 8463 A: the key pair of "brisbane". */
static void ed25519_vector(void **state)
{
	(void)state;
	static const char pem[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		"-----END PRIVATE KEY-----\n";
	struct signer *signer = NULL;
	struct buf txt;
	struct err err;
	buf_init(&txt, 1000);
	assert_int_equal(signer_load(STR(pem), &signer, &err), 0);
	dkim_txt_value(signer, &txt);
	assert_string_equal(txt.data,
			    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	buf_done(&txt);
	signer_free(signer);
}

static void signatures_verify(void **state)
{
	(void)state;
	struct signer *signer = new_signer(SIGNER_RSA);
	struct digest digests[5];
	struct signature signatures[5], again;
	struct err err;
	for (size_t i = 0; i < 5; i++)
		memset(digests[i].bytes, (int)i, sizeof(digests[i].bytes));
	assert_int_equal(signer_sign_batch(signer, digests, 5, signatures, &err), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(signatures[i].len, 256);
		assert_int_equal(signer_sign_batch(signer, &digests[i], 1, &again, &err), 0);
		assert_memory_equal(again.bytes, signatures[i].bytes, 256); /* PKCS #1 v1.5 */
	}
	assert_int_equal(signer_sign_batch(signer, digests, 0, NULL, &err), 0);
	signer_free(signer);
	signer_free(NULL);
}

static void unfit_keys_are_refused(void **state)
{
	(void)state;
	static const char ec[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
		"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
		"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
		"-----END PRIVATE KEY-----\n";
	static const char *const pems[] = {"", "junk", "-----BEGIN PRIVATE KEY-----\nAAAA\n", ec};
	for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
		struct signer *signer = NULL;
		struct err err = {0};
		assert_int_equal(signer_load(str_from(pems[i]), &signer, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_null(signer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relaxed_body),
		cmocka_unit_test(ways_to_hash_agree),
		cmocka_unit_test(the_field),
		cmocka_unit_test(keys_and_records),
		cmocka_unit_test(ed25519_vector),
		cmocka_unit_test(signatures_verify),
		cmocka_unit_test(unfit_keys_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Sealed secrets: round trip, every changed byte is noticed, the key file is ours alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/setup/secrets.h"

static char dir[] = "/tmp/edm-secrets-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/edm-secrets-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/node.key", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void what_is_sealed_opens_again(void **state)
{
	(void)state;
	static const char *const plains[] = {"", "x", "-----BEGIN PRIVATE KEY-----\n"};
	struct secrets key, again;
	struct err err;
	assert_int_equal(secrets_load(dir, true, &key, &err), 0);
	assert_int_equal(secrets_load(dir, false, &again, &err), 0);
	assert_memory_equal(key.key, again.key, sizeof(key.key));
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		struct buf sealed, other, opened;
		struct str plain = str_from(plains[i]);
		buf_init(&sealed, 4096);
		buf_init(&other, 4096);
		buf_init(&opened, 4096);
		assert_int_equal(secrets_seal(&key, plain, &sealed, &err), 0);
		assert_int_equal(secrets_seal(&key, plain, &other, &err), 0);
		assert_false(str_equals(buf_str(&sealed), buf_str(&other))); /* fresh nonce */
		assert_int_equal(secrets_open(&again, buf_str(&sealed), &opened, &err), 0);
		assert_true(str_equals(buf_str(&opened), plain));
		buf_done(&sealed);
		buf_done(&other);
		buf_done(&opened);
	}
}

static void every_changed_byte_is_noticed(void **state)
{
	(void)state;
	struct secrets key;
	struct err err;
	struct buf sealed, opened;
	buf_init(&sealed, 4096);
	buf_init(&opened, 4096);
	assert_int_equal(secrets_load(dir, true, &key, &err), 0);
	assert_int_equal(secrets_seal(&key, STR("secret"), &sealed, &err), 0);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(secrets_open(&key, buf_str(&sealed), &opened, &err), -1);
		assert_int_equal(err.kind, ERR_CRYPTO);
		assert_int_equal(opened.len, 0);
		sealed.data[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(secrets_open(&key, str_of(sealed.data, len), &opened, &err), -1);
	key.key[0] ^= 1;
	assert_int_equal(secrets_open(&key, buf_str(&sealed), &opened, &err), -1);
	buf_done(&sealed);
	buf_done(&opened);
}

static void a_key_file_others_may_read_is_refused(void **state)
{
	(void)state;
	static const struct {
		mode_t mode;
		int want;
	} cases[] = {{0600, 0}, {0400, 0}, {0640, -1}, {0604, -1}, {0620, -1}};
	struct secrets key;
	struct err err;
	assert_int_equal(secrets_load(dir, true, &key, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(secrets_load(dir, true, &key, &err), cases[i].want);
	}
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "chmod 600"));
}

static void a_missing_or_short_key_file_is_an_error(void **state)
{
	(void)state;
	struct secrets key;
	struct err err;
	assert_int_equal(secrets_load(dir, false, &key, &err), -1);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("short", file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(secrets_load(dir, true, &key, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sealed_opens_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_key_file_others_may_read_is_refused, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_missing_or_short_key_file_is_an_error, make_dir,
						remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

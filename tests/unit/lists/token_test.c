/* SPDX-License-Identifier: MIT */
/* Tokens come back as what they were made of, and forged ones do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/token.h"

static const struct hash_key key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void tokens_survive_and_case_does_not_matter(void **state)
{
	(void)state;
	static const struct token tokens[] = {
		{0, 0}, {1, 1}, {-1, INT32_MAX}, {INT64_MIN, 7}, {INT64_MAX, 123456}};
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		char text[TOKEN_LEN + 1];
		struct token got;
		token_render(&key, TOKEN_BOUNCE, &tokens[i], text);
		assert_int_equal(strlen(text), TOKEN_LEN);
		assert_int_equal(token_parse(&key, TOKEN_BOUNCE, str_from(text), &got), 0);
		assert_int_equal(got.rid, tokens[i].rid);
		assert_int_equal(got.campaign_id, tokens[i].campaign_id);
		for (char *c = text; *c != '\0'; c++)
			if (ascii_is_alpha(*c))
				*c = (char)(*c - 32);
		assert_int_equal(token_parse(&key, TOKEN_BOUNCE, str_from(text), &got), 0);
	}
}

static void every_change_is_noticed(void **state)
{
	(void)state;
	const struct token token = {-42, 7};
	struct token got;
	char text[TOKEN_LEN + 1];
	token_render(&key, TOKEN_UNSUBSCRIBE, &token, text);
	assert_int_equal(token_parse(&key, TOKEN_BOUNCE, str_from(text), &got), -1);
	for (size_t i = 0; i < TOKEN_LEN; i++) {
		char was = text[i];
		text[i] = was == 'a' ? 'b' : 'a';
		assert_int_equal(token_parse(&key, TOKEN_UNSUBSCRIBE, str_from(text), &got), -1);
		text[i] = '1';
		assert_int_equal(token_parse(&key, TOKEN_UNSUBSCRIBE, str_from(text), &got), -1);
		text[i] = was;
	}
	assert_int_equal(token_parse(&key, TOKEN_UNSUBSCRIBE, str_of(text, TOKEN_LEN - 1), &got),
			 -1);
	struct hash_key other = key;
	other.bytes[0] ^= 1;
	assert_int_equal(token_parse(&other, TOKEN_UNSUBSCRIBE, str_from(text), &got), -1);
	assert_int_equal(token_parse(&key, TOKEN_UNSUBSCRIBE, str_from(text), &got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_survive_and_case_does_not_matter),
		cmocka_unit_test(every_change_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

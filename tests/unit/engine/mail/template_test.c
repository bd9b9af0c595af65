/* SPDX-License-Identifier: MIT */
/* Templates: what compiles, what it prints, what is refused, and what hostile values can not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/mail/template.h"

/* name, value, name, value, …, NULL */
static bool find_pair(const void *ctx, struct str name, struct str *value_out)
{
	for (const char *const *pair = ctx; pair[0] != NULL; pair += 2)
		if (str_equals(str_from(pair[0]), name)) {
			*value_out = str_from(pair[1]);
			return true;
		}
	return false;
}

static const char *const people[] = {
	"name",	      "张三",
	"nick",	      "anna MARIA",
	"blank_name", "",
	"vip",	      "yes",
	"score",      "9",
	"when",	      "2026-02-03",
	"city",	      "北京市朝阳区",
	"html",	      "<b>&'\"",
	"tmpl",	      "{{ name }}",
	"姓名",	      "李四",
	"at",	      "2026-12-01 09:05",
	NULL,
};

static void check(const char *source, enum template_mode mode, const char *want)
{
	struct template *t = NULL;
	struct err err = {0};
	if (template_compile(str_from(source), mode, &t, &err) != 0)
		fail_msg("%s: %s", source, err.text);
	struct template_values values = {find_pair, people};
	struct template_scratch scratch;
	template_scratch_init(&scratch);
	struct buf out;
	buf_init(&out, 1 << 20);
	assert_int_equal(template_render(t, &values, &scratch, &out, &err), 0);
	assert_string_equal(out.data ? out.data : "", want);
	buf_done(&out);
	template_scratch_done(&scratch);
	template_free(t);
}

static void outputs_and_filters(void **state)
{
	(void)state;
	static const struct {
		const char *source;
		const char *want;
	} cases[] = {
		{"", ""},
		{"plain { text } % }}", "plain { text } % }}"},
		{"你好，{{ name }}！", "你好，张三！"},
		{"{{姓名}}", "李四"},
		{"{{ missing }}|{{ blank_name }}", "|"},
		{"{{ missing | default: \"friend\" }}", "friend"},
		{"{{ blank_name | default: '朋友' | append: \"们\" }}", "朋友们"},
		{"{{ missing | default: nick }}", "anna MARIA"},
		{"{{ nick | upcase }} {{ nick | downcase }} {{ nick | capitalize }}",
		 "ANNA MARIA anna maria Anna maria"},
		{"{{ '  x ' | strip | prepend: '<' | append: '>' }}", "<x>"},
		{"{{ city | truncate: 5 }}", "北京..."},
		{"{{ city | truncate: 4, '…' }}", "北京市…"},
		{"{{ city | truncate: 6 }}", "北京市朝阳区"},
		{"{{ city | truncate: 1 }}", "..."},
		{"{{ city | size }}", "6"},
		{"{{ name | url_encode }}?a b&c", "%E5%BC%A0%E4%B8%89?a b&c"},
		{"{{ 'a b&c/d~' | url_encode }}", "a%20b%26c%2Fd~"},
		{"{{ html | escape }}", "&lt;b&gt;&amp;&#39;&quot;"},
		{"{{ html }}", "<b>&'\""},
		{"{{ 'a-b-c' | replace: '-', '+' }}", "a+b+c"},
		{"{{ 'a-b' | replace: '', 'x' }}{{ 'a-b' | replace: '-' }}", "a-bab"},
		{"{{ when | date: '%Y年%-m月%-d日 %A %a %b %B %y' }}",
		 "2026年2月3日 Tuesday Tue Feb February 26"},
		{"{{ at | date: \"%d/%m/%Y %H:%M:%S %%%q\" }}", "01/12/2026 09:05:00 %%q"},
		{"{{ '2000-02-29' | date: '%a' }}{{ '2024/01/01' | date: '%a' }}", "TueMon"},
		{"{{ 'soon' | date: '%Y' }}{{ '2026-13-01' | date: '%Y' }}", "soon2026-13-01"},
		{"{{ \"}}\" }}{{ '%}' }}", "}}%}"},
		{"{{ 42 }} {{ -1.5 }} {{ true }}{{ nil }}", "42 -1.5 true"},
		{"{{ tmpl }}", "{{ name }}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].source, TEMPLATE_TEXT, cases[i].want);
}

static void blocks(void **state)
{
	(void)state;
	static const struct {
		const char *source;
		const char *want;
	} cases[] = {
		{"{% if vip %}V{% endif %}", "V"},
		{"{% if missing %}V{% endif %}.", "."},
		{"{% if blank_name %}V{% else %}E{% endif %}", "E"},
		{"{% unless vip %}a{% else %}b{% endunless %}", "b"},
		{"{% unless missing %}a{% else %}b{% endunless %}", "a"},
		{"{% unless vip %}a{% elsif score == 9 %}b{% else %}c{% endunless %}", "b"},
		{"{% if score == '1' %}1{% elsif score == 9.0 %}9{% else %}x{% endif %}", "9"},
		{"{% if score < 10 %}less{% endif %}{% if score > 10 %}more{% endif %}", "less"},
		{"{% if score <= 9 and score >= 9 %}ok{% endif %}", "ok"},
		{"{% if missing < 1 %}x{% else %}none{% endif %}", "none"},
		{"{% if when < '2026-03-01' %}before{% endif %}", "before"},
		{"{% if '007' == '7' %}x{% endif %}{% if '007' == 7 %}ok{% endif %}", "ok"},
		{"{% if city contains '朝阳' %}in{% endif %}", "in"},
		{"{% if city contains '' %}in{% else %}no{% endif %}", "no"},
		{"{% if name != 'x' and missing == nil %}ok{% endif %}", "ok"},
		{"{% if blank_name == empty %}ok{% endif %}", "ok"},
		/* right to left: vip or (missing and missing) */
		{"{% if vip or missing and missing %}ok{% endif %}", "ok"},
		/* missing and (missing or vip) */
		{"{% if missing and missing or vip %}x{% else %}ok{% endif %}", "ok"},
		{"{% if vip %}a{% if missing %}b{% else %}c{% endif %}d{% endif %}e", "acde"},
		{"{% raw %}{{ name }}{% if %}{% endraw %}.", "{{ name }}{% if %}."},
		{"a{% comment %} {{ broken {% x {% endcomment %}b", "ab"},
		{"a {%- if vip -%} b {%- endif -%} c", "abc"},
		{"a {{- ' x ' -}} b", "a x b"},
		{"a {%- raw -%} b {%- endraw -%} c", "abc"},
		{"a\r\nb\rc", "a\nb\nc"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].source, TEMPLATE_TEXT, cases[i].want);
}

static void html_is_escaped_once(void **state)
{
	(void)state;
	check("<p>{{ html }}</p>", TEMPLATE_HTML, "<p>&lt;b&gt;&amp;&#39;&quot;</p>");
	check("{{ html | escape }}", TEMPLATE_HTML, "&lt;b&gt;&amp;&#39;&quot;");
	check("{{ html | raw }}", TEMPLATE_HTML, "<b>&'\"");
	check("{{ html | raw | append: '<i>' }}", TEMPLATE_HTML, "<b>&'\"<i>");
	check("{{ missing | default: '<i>' }}", TEMPLATE_HTML, "&lt;i&gt;");
	check("{{ tmpl }}", TEMPLATE_HTML, "{{ name }}");
}

static void errors_name_the_place(void **state)
{
	(void)state;
	static const struct {
		const char *source;
		const char *want; /* start of the text */
	} cases[] = {
		{"a\n  {{ name", "line 2, column 3: this {{ is not closed by }}"},
		{"{{ }}", "line 1, column 4: a name, a number or a text in quotes is missing"},
		{"中文{{ name | upcas }}",
		 "line 1, column 13: there is no filter 'upcas'; there are d"},
		{"{{ name upcase }}",
		 "line 1, column 9: '|' or the end is expected instead of 'upc"},
		{"{{ name | default }}", "line 1, column 18: the filter default needs 1 argument"},
		{"{{ name | upcase: 1 }}", "line 1, column 18: the filter upcase takes at most 0"},
		{"{{ name | truncate: 'x' }}", "line 1, column 24: the first argument of truncate"},
		{"{{ 'open }}", "line 1, column 1: this {{ is not closed by }}"},
		{"{% if a %}x", "line 1, column 4: this block has no end"},
		{"x{% endif %}", "line 1, column 5: this endif has no if before it"},
		{"{% if a %}{% endunless %}", "line 1, column 14: this endunless does not end"},
		{"{% else %}", "line 1, column 4: this else has no if before it"},
		{"{% if a %}{% else %}{% else %}{% endif %}",
		 "line 1, column 24: this else has no"},
		{"{% if a %}{% else b %}{% endif %}", "line 1, column 18: else takes no condition"},
		{"{% for x in y %}", "line 1, column 4: there is no tag 'for'"},
		{"{% if %}{% endif %}", "line 1, column 6: a name, a number"},
		{"{% if a = b %}{% endif %}", "line 1, column 9: a comparison, 'and', 'or' or the"},
		{"{% raw %}x", "line 1, column 10: {% endraw %} is missing"},
		{"\xff", "the template is not UTF-8 text"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct template *t = NULL;
		struct err err = {0};
		int failed = template_compile(str_from(cases[i].source), TEMPLATE_TEXT, &t, &err);
		assert_int_equal(failed, -1);
		assert_null(t);
		err.text[strlen(cases[i].want)] = '\0';
		assert_string_equal(err.text, cases[i].want);
	}
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	struct buf source;
	buf_init(&source, 1 << 16);
	for (int i = 0; i < TEMPLATE_NESTING_MAX; i++)
		buf_append_cstr(&source, "{% if a %}");
	size_t deepest = source.len;
	for (int i = 0; i < TEMPLATE_NESTING_MAX; i++)
		buf_append_cstr(&source, "{% endif %}");
	struct template *t = NULL;
	struct err err = {0};
	assert_int_equal(template_compile(buf_str(&source), TEMPLATE_TEXT, &t, &err), 0);
	template_free(t);
	source.len = deepest;
	buf_append_cstr(&source, "{% if a %}");
	assert_int_equal(template_compile(buf_str(&source), TEMPLATE_TEXT, &t, &err), -1);
	assert_non_null(strstr(err.text, "nested"));
	buf_done(&source);
}

static void output_is_bounded(void **state)
{
	(void)state;
	static const char bomb[] = "{{ 'aaaaaaaaaaaaaaaa' | replace: 'a', x | replace: 'x', x "
				   "| replace: 'x', x }}";
	char value[1025];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	const char *pairs[] = {"x", value, NULL};
	struct template_values values = {find_pair, pairs};
	struct template_scratch scratch;
	template_scratch_init(&scratch);
	struct buf out;
	buf_init(&out, 1000);
	struct template *t = NULL;
	struct err err = {0};
	assert_int_equal(template_compile(STR(bomb), TEMPLATE_TEXT, &t, &err), 0);
	assert_int_equal(template_render(t, &values, &scratch, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	template_free(t);
	assert_int_equal(template_compile(STR("{{ x }}"), TEMPLATE_TEXT, &t, &err), 0);
	buf_clear(&out);
	assert_int_equal(template_render(t, &values, &scratch, &out, &err), -1);
	assert_string_equal(err.text, "the text has more than 1000 bytes");
	template_free(t);
	buf_done(&out);
	template_scratch_done(&scratch);
}

static void variables_are_listed_once(void **state)
{
	(void)state;
	static const char source[] = "{{ a | default: b }}{% if c == d and a %}{{ 'e' | append: f "
				     "}}{% elsif g %}{% endif %}{{ true }}{{ 姓名 }}";
	static const char *const want[] = {"a", "b", "c", "d", "f", "g", "姓名"};
	struct template *t = NULL;
	struct err err = {0};
	assert_int_equal(template_compile(STR(source), TEMPLATE_HTML, &t, &err), 0);
	assert_int_equal(template_variable_count(t), ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_true(str_equals(template_variable(t, i), str_from(want[i])));
	assert_false(template_is_static(t));
	template_free(t);
	assert_int_equal(
		template_compile(STR("a{% comment %}{% endcomment %}b"), TEMPLATE_HTML, &t, &err),
		0);
	assert_true(template_is_static(t));
	assert_int_equal(template_segment_count(t), 2);
	template_free(t);
}

static void variables_are_needed_where_nothing_stands_in(void **state)
{
	(void)state;
	static const struct {
		const char *source; /* its first variable is asked about */
		bool want_needed;
	} cases[] = {
		{"{{ a }}", true},
		{"{{ a | upcase }}", true},
		{"{{ a | default: 'x' }}", false},
		{"{{ a | upcase | default: 'x' }}", false},
		{"{% if a %}{% endif %}", false},
		{"{% if a %}{{ a }}{% endif %}", false},
		{"{{ a }}{% unless b == a %}{% endunless %}", false},
		{"{{ a | default: 'x' }}{{ a }}", true},
		{"{{ 'x' | append: a }}", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct template *t = NULL;
		struct err err = {0};
		assert_int_equal(
			template_compile(str_from(cases[i].source), TEMPLATE_TEXT, &t, &err), 0);
		assert_int_equal(template_variable_is_needed(t, 0), cases[i].want_needed);
		template_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_and_filters),
		cmocka_unit_test(blocks),
		cmocka_unit_test(html_is_escaped_once),
		cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(variables_are_listed_once),
		cmocka_unit_test(variables_are_needed_where_nothing_stands_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

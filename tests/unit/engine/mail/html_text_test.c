/* SPDX-License-Identifier: MIT */
/* Plain text from HTML: layout, links, entities, and template tags that stay a template. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/mail/html_text.h"

static void pages(void **state)
{
	(void)state;
	static const struct {
		const char *html;
		const char *want;
	} cases[] = {
		{"", ""},
		{"<p></p>", ""},
		{"plain  text\n here", "plain text here\n"},
		{"<h1>你好</h1>\n<p>第一段，\n<b>重点</b>。</p><p>第二段</p>",
		 "你好\n\n第一段， 重点。\n\n第二段\n"},
		{"a<br>b<br/><br>c", "a\nb\n\nc\n"},
		{"<div>a</div><div><div>b</div></div>c", "a\nb\nc\n"},
		{"<ul><li>a<li><p>b</p></ul>c", "- a\n- b\n\nc\n"},
		{"<ol><li>a</li><li>b<ul><li>c</li></ul></li></ol>", "1. a\n2. b\n  - c\n"},
		{"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"},
		{"<a href=\"https://x.cn/?a=1&amp;b=2\">看这里</a>。",
		 "看这里 (https://x.cn/?a=1&b=2)。\n"},
		{"<a href='https://x.cn'>https://x.cn</a>", "https://x.cn\n"},
		{"<a href=\"mailto:a@b.cn\">a@b.cn</a> <a href='#top'>up</a>", "a@b.cn up\n"},
		{"<a href=\"https://x.cn\"><img src=\"i.png\" alt=\"图片\"></a>",
		 "图片 (https://x.cn)\n"},
		{"&lt;b&gt; &amp; &#20013;&#x6587; &unknown; &copy;&nbsp;x &",
		 "<b> & 中文 &unknown; © x &\n"},
		{"a<style>p { color: red }</style><script>if (a<b) x()</script><!-- no -->b",
		 "ab\n"},
		{"<title>t</title><p>x</p><hr>y", "x\n\n----------\n\ny\n"},
		{"1 < 2 and 3 > 2", "1 < 2 and 3 > 2\n"},
		{"a\u200b&zwnj;&shy;b", "ab\n"},
		{"<a href=\"x", "x\n"},
		{"<p>你好 {{ name | default: \"<b>\" }}，</p>",
		 "你好 {{ name | default: \"<b>\" }}，\n"},
		{"<p>a</p>{% if x %}<p>b</p>{% endif %}<p>c</p>",
		 "a{% if x %}\n\nb{% endif %}\n\nc\n"},
		{"<a {% if x > 1 %}class=\"y\"{% endif %} href=\"{{ url }}\">go</a>",
		 "{% if x > 1 %}{% endif %}go ({{ url }})\n"},
		{"<style>{% if x %}a{% endif %}</style>b", "{% if x %}{% endif %}b\n"},
		{"&#123;&#123; x }}", "{{ '{' }}{{ '{' }} x }}\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		buf_init(&out, 1 << 16);
		text_from_html(str_from(cases[i].html), &out);
		assert_string_equal(out.data ? out.data : "", cases[i].want);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pages)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

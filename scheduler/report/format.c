/* SPDX-License-Identifier: MIT */
/* How things are written for people; see format.h. */
#include "scheduler/report/format.h"

#include <stdio.h>
#include <time.h>

#include "lists/csv.h"

#define US_PER_S 1000000
#define BEIJING_S (8 * 3600)
#define TENTHS 1000
#define WAN 10000

static struct tm parts_of(int64_t us, int64_t offset_s)
{
	/* Whole seconds, rounded down before 1970 too. */
	time_t seconds = (time_t)(us / US_PER_S - (us % US_PER_S < 0) + offset_s);
	struct tm tm;
	must(gmtime_r(&seconds, &tm) != NULL);
	return tm;
}

void format_time(int64_t us, enum language language, struct buf *out)
{
	char text[64];
	bool is_chinese = language == LANGUAGE_ZH;
	if (us == 0) {
		buf_append_char(out, '-');
		return;
	}
	if (us == INT64_MAX || us == INT64_MIN) {
		buf_append_cstr(out, is_chinese ? "永不" : "never");
		return;
	}
	struct tm tm = parts_of(us, is_chinese ? BEIJING_S : 0);
	strftime(text, sizeof(text), is_chinese ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M UTC", &tm);
	buf_append_cstr(out, text);
}

void format_iso(int64_t us, struct buf *out)
{
	char text[64];
	struct tm tm = parts_of(us, 0);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_append_cstr(out, text);
}

void format_span(int64_t ms, enum language language, struct buf *out)
{
	static const struct {
		int64_t seconds;
		const char *names[2]; /* by language */
	} units[] = {{86400, {"d", "天"}},
		     {3600, {"h", "小时"}},
		     {60, {"min", "分钟"}},
		     {1, {"s", "秒"}}};
	int64_t left = (ms > 0 ? ms : 0) / 1000;
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && left < units[i].seconds)
		i++;
	buf_appendf(out, "%lld %s", (long long)(left / units[i].seconds), units[i].names[language]);
	left %= units[i].seconds;
	if (i + 1 == ARRAY_LEN(units) || left < units[i + 1].seconds)
		return;
	buf_appendf(out, " %lld %s", (long long)(left / units[i + 1].seconds),
		    units[i + 1].names[language]);
}

static void append_grouped(int64_t n, struct buf *out)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu",
			   n < 0 ? -(unsigned long long)n : (unsigned long long)n);
	if (n < 0)
		buf_append_char(out, '-');
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_append_char(out, ',');
		buf_append_char(out, digits[i]);
	}
}

void format_people(int64_t n, enum language language, struct buf *out)
{
	append_grouped(n, out);
	if (language == LANGUAGE_ZH && n >= WAN)
		buf_appendf(out, "（%lld.%lld 万）", (long long)(n / WAN),
			    (long long)(n % WAN / (WAN / 10)));
}

void format_share(int64_t part, int64_t whole, struct buf *out)
{
	if (whole <= 0) {
		buf_append_char(out, '-');
		return;
	}
	int64_t tenths = (int64_t)(((__int128)part * 2000 + whole) / 2 / whole);
	format_tenths(tenths == TENTHS && part < whole ? TENTHS - 1 : tenths, part, out);
}

void format_tenths(int64_t tenths, int64_t part, struct buf *out)
{
	if (tenths == 0 && part > 0)
		buf_append_cstr(out, "<0.1 %");
	else
		buf_appendf(out, "%lld.%lld %%", (long long)(tenths / 10),
			    (long long)(tenths % 10));
}

/* Which part is to have the next tenth: the one that is furthest below what is its due. */
static size_t most_short(const int64_t *parts, size_t count, int64_t whole, const int64_t *tenths)
{
	size_t best = count;
	__int128 most = 0;
	for (size_t i = 0; i < count; i++) {
		__int128 lacks = (__int128)parts[i] * TENTHS - (__int128)tenths[i] * whole;
		bool would_be_all = tenths[i] == TENTHS - 1 && parts[i] < whole;
		if (parts[i] > 0 && !would_be_all && (best == count || lacks > most)) {
			best = i;
			most = lacks;
		}
	}
	return best;
}

void share_tenths(const int64_t *parts, size_t count, int64_t *tenths_out)
{
	int64_t whole = 0, left = TENTHS;
	for (size_t i = 0; i < count; i++)
		whole += parts[i];
	for (size_t i = 0; i < count; i++) {
		tenths_out[i] = whole > 0 ? (int64_t)((__int128)parts[i] * TENTHS / whole) : 0;
		left -= tenths_out[i];
	}
	for (; whole > 0 && left > 0; left--) {
		size_t next = most_short(parts, count, whole, tenths_out);
		must(next < count);
		tenths_out[next]++;
	}
}

void format_reply(int code, int32_t enhanced, struct str text, struct buf *out)
{
	size_t before = out->len;
	if (code > 0)
		buf_appendf(out, "%d", code);
	if (enhanced > 0)
		buf_appendf(out, "%s%d.%d.%d", out->len > before ? " " : "", enhanced / 1000000,
			    enhanced / 1000 % 1000, enhanced % 1000);
	if (text.len > 0 && out->len > before)
		buf_append_char(out, ' ');
	buf_append_str(out, text);
}

/* Spreadsheets take a cell for a formula by its first character that is no blank. */
static bool is_formula(struct str cell)
{
	static const struct str wide[] = {STR_INIT("＝"), STR_INIT("＋"), STR_INIT("－"),
					  STR_INIT("＠")};
	size_t i = 0;
	if (cell.len > 0 && ascii_is_space(cell.ptr[0]) && cell.ptr[0] != ' ')
		return true;
	while (i < cell.len && cell.ptr[i] == ' ')
		i++;
	struct str rest = str_slice(cell, i, cell.len);
	for (size_t k = 0; k < ARRAY_LEN(wide); k++)
		if (str_starts_with(rest, wide[k]))
			return true;
	return rest.len > 0 && str_find_char(STR("=+-@"), rest.ptr[0]) >= 0;
}

void format_csv_cell(struct str cell, struct buf *out)
{
	if (!is_formula(cell)) {
		csv_write_cell(out, cell);
		return;
	}
	struct buf guarded;
	buf_init(&guarded, cell.len + 1);
	buf_append_char(&guarded, '\'');
	buf_append_str(&guarded, cell);
	csv_write_cell(out, buf_str(&guarded));
	buf_done(&guarded);
}

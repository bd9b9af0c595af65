/* SPDX-License-Identifier: MIT */
/* The date filter: an ISO 8601 date or time, written anew; no clock, no zone, no locale. */
#include "engine/mail/template_private.h"

struct civil {
	uint64_t year, month, day, hour, minute, second;
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
					  "May",       "June",	   "July",     "August",
					  "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
					"Thursday", "Friday", "Saturday"};

/* Takes exactly digits digits off *s. */
static bool take_number(struct str *s, size_t digits, uint64_t *out)
{
	if (s->len < digits || str_to_u64(str_slice(*s, 0, digits), out) != 0)
		return false;
	*s = str_slice(*s, digits, s->len);
	return true;
}

static bool take_char(struct str *s, char a, char b)
{
	if (s->len == 0 || (s->ptr[0] != a && s->ptr[0] != b))
		return false;
	*s = str_slice(*s, 1, s->len);
	return true;
}

/* 4DIGIT ("-" / "/") 2DIGIT ("-" / "/") 2DIGIT */
static bool take_date(struct str *s, struct civil *c)
{
	return take_number(s, 4, &c->year) && take_char(s, '-', '/') &&
	       take_number(s, 2, &c->month) && take_char(s, '-', '/') && take_number(s, 2, &c->day);
}

/* 2DIGIT ":" 2DIGIT [ ":" 2DIGIT ]; what follows (fractions, a zone) is not looked at */
static bool take_time(struct str *s, struct civil *c)
{
	if (!take_number(s, 2, &c->hour) || !take_char(s, ':', ':') ||
	    !take_number(s, 2, &c->minute))
		return false;
	return !take_char(s, ':', ':') || take_number(s, 2, &c->second);
}

/* date [ ("T" / SP) time ] */
static bool parse_civil(struct str s, struct civil *c)
{
	*c = (struct civil){0};
	s = str_trim(s);
	if (!take_date(&s, c))
		return false;
	if (take_char(&s, 'T', ' ') ? !take_time(&s, c) : s.len > 0)
		return false;
	return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= 31 && c->hour < 24 &&
	       c->minute < 60 && c->second <= 60;
}

/* 0 = Sunday; Gregorian, by Zeller's congruence. */
static size_t weekday(const struct civil *c)
{
	uint64_t month = c->month < 3 ? c->month + 12 : c->month;
	uint64_t year =
		c->month < 3 ? c->year + 399 : c->year + 400; /* 400 years are whole weeks */
	uint64_t zeller = c->day + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400;
	return (size_t)((zeller + 6) % 7);
}

static void append_number(struct buf *out, uint64_t n, bool is_bare)
{
	buf_appendf(out, is_bare ? "%llu" : "%02llu", (unsigned long long)n);
}

/* One conversion; false if there is none of that letter. */
static bool append_field(struct buf *out, const struct civil *c, char letter, bool is_bare)
{
	switch (letter) {
	case 'Y':
		buf_appendf(out, "%04llu", (unsigned long long)c->year);
		return true;
	case 'y':
		append_number(out, c->year % 100, is_bare);
		return true;
	case 'm':
		append_number(out, c->month, is_bare);
		return true;
	case 'd':
		append_number(out, c->day, is_bare);
		return true;
	case 'H':
		append_number(out, c->hour, is_bare);
		return true;
	case 'M':
		append_number(out, c->minute, is_bare);
		return true;
	case 'S':
		append_number(out, c->second, is_bare);
		return true;
	case 'B':
		buf_append_cstr(out, month_names[c->month - 1]);
		return true;
	case 'b':
		buf_append(out, month_names[c->month - 1], 3);
		return true;
	case 'A':
		buf_append_cstr(out, day_names[weekday(c)]);
		return true;
	case 'a':
		buf_append(out, day_names[weekday(c)], 3);
		return true;
	case '%':
		buf_append_char(out, '%');
		return true;
	default:
		return false;
	}
}

struct str filter_date(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)n;
	struct civil c;
	if (!parse_civil(in, &c))
		return in;
	struct str format = args[0];
	while (format.len > 0) {
		bool is_bare = str_starts_with(format, STR("%-"));
		size_t letter = is_bare ? 2 : 1;
		if (format.ptr[0] == '%' && letter < format.len &&
		    append_field(out, &c, format.ptr[letter], is_bare)) {
			format = str_slice(format, letter + 1, format.len);
			continue;
		}
		buf_append_char(out, format.ptr[0]);
		format = str_slice(format, 1, format.len);
	}
	return buf_str(out);
}

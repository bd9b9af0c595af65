/* SPDX-License-Identifier: MIT */
/* When a campaign is stopped by what comes back of it; see brake.h. */
#include "scheduler/plan/brake.h"

#define DEVIATIONS 3.0

static const char *const names[BRAKE_KIND_COUNT] = {
#define X(suffix, name, en, zh) name,
	BRAKE_KINDS(X)
#undef X
};

const char *brake_kind_name(enum brake_kind kind)
{
	return names[kind];
}

int brake_kind_parse(struct str name, enum brake_kind *out)
{
	for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++) {
		if (str_equals(name, str_from(names[kind]))) {
			*out = (enum brake_kind)kind;
			return 0;
		}
	}
	return -1;
}

/*
 * E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927): the
 * bound is the limit at which what was seen lies just so many standard deviations off. So whether
 * the bound is above a limit is asked of the limit itself, without solving for the bound.
 */
bool brake_is_above(int64_t n, int64_t of, double limit)
{
	if (of <= 0)
		return false;
	double over = (double)n / (double)of - limit;
	return over > 0 && over * over * (double)of > DEVIATIONS * DEVIATIONS * limit * (1 - limit);
}

static int64_t decided(const struct brake_figures *f)
{
	int64_t sum = f->delivered;
	for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++)
		sum += f->counts[kind];
	return sum;
}

static bool is_past_canary(const struct brake_policy *policy, const struct brake_figures *f)
{
	int64_t of = decided(f);
	return of >= policy->least && (double)of >= policy->canary * (double)f->people;
}

/* Looks at one provider (or at all); *worst is how many times its limit the worst share is. */
static void judge_one(const struct brake_policy *policy, const struct brake_figures *f,
		      bool is_of_all, double *worst, struct brake_verdict *out)
{
	if (!is_past_canary(policy, f))
		return;
	for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++) {
		double limit = policy->limits[kind];
		if (limit <= 0 || !brake_is_above(f->counts[kind], decided(f), limit))
			continue;
		double times = (double)f->counts[kind] / (double)decided(f) / limit;
		if (times <= *worst)
			continue;
		*worst = times;
		*out = (struct brake_verdict){.kind = (enum brake_kind)kind,
					      .is_of_all = is_of_all,
					      .provider = f->provider,
					      .n = f->counts[kind],
					      .of = decided(f),
					      .limit = limit};
	}
}

bool brake_judge(const struct brake_policy *policy, const struct brake_figures *figures,
		 size_t count, struct brake_verdict *out)
{
	struct brake_figures all = {.people = 0};
	double worst = 1;
	for (size_t i = 0; i < count; i++) {
		judge_one(policy, &figures[i], false, &worst, out);
		all.people += figures[i].people;
		all.delivered += figures[i].delivered;
		for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++)
			all.counts[kind] += figures[i].counts[kind];
	}
	judge_one(policy, &all, true, &worst, out);
	return worst > 1;
}

static const char *words_of(enum brake_kind kind, bool is_chinese)
{
	static const char *const words[BRAKE_KIND_COUNT][2] = {
#define X(suffix, name, en, zh) {en, zh},
		BRAKE_KINDS(X)
#undef X
	};
	return words[kind][is_chinese];
}

static void append_place(const struct brake_verdict *v, bool is_chinese, struct buf *out)
{
	if (v->is_of_all)
		buf_append_cstr(out, is_chinese ? "所有服务商" : "all providers");
	else if (v->provider.len == 0)
		buf_append_cstr(out, is_chinese ? "其他服务商" : "the tail");
	else
		buf_append_str(out, v->provider);
}

void brake_say(const struct brake_verdict *v, bool is_chinese, struct buf *out)
{
	double percent = v->of > 0 ? 100.0 * (double)v->n / (double)v->of : 0;
	if (is_chinese) {
		append_place(v, true, out);
		buf_appendf(out, " 有结果的 %lld 次尝试中 %lld 次（%.1f %%）%s", (long long)v->of,
			    (long long)v->n, percent, words_of(v->kind, true));
		buf_appendf(out, "，超过上限 %.4g %%（brake.%s_percent）", 100 * v->limit,
			    brake_kind_name(v->kind));
		return;
	}
	buf_appendf(out, "%lld of %lld decided attempts at ", (long long)v->n, (long long)v->of);
	append_place(v, false, out);
	buf_appendf(out, " (%.1f %%) %s, above the limit of %.4g %% (brake.%s_percent)", percent,
		    words_of(v->kind, false), 100 * v->limit, brake_kind_name(v->kind));
}

/* SPDX-License-Identifier: MIT */
/* What is told of a reply rule, in the language in force; the names are those of --json. */
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/rules_private.h"

const char *rules_class_words(const struct cli *cli, enum outcome_class klass)
{
	return REPORT_SAY(cli, outcome_class_name(klass), words_class(klass, LANGUAGE_ZH));
}

const char *rules_cause_words(const struct cli *cli, enum outcome_cause cause)
{
	return REPORT_SAY(cli, outcome_cause_name(cause), words_cause(cause, LANGUAGE_ZH));
}

const char *rules_scope_words(const struct cli *cli, enum outcome_scope scope)
{
	static const char *const names_zh[] = {
		[SCOPE_RECIPIENT] = "收件人", [SCOPE_MESSAGE] = "邮件",
		[SCOPE_SOURCE] = "发信源",    [SCOPE_DOMAIN] = "发信域名",
		[SCOPE_SITE] = "收件方站点",  [SCOPE_CAMPAIGN] = "任务",
		[SCOPE_HOST] = "收件方主机",  [SCOPE_SESSION] = "会话"};
	return REPORT_NAMED(cli, outcome_scope_name(scope), names_zh, scope);
}

const char *rules_persistence_words(const struct cli *cli, enum rule_persistence persistence)
{
	static const char *const names_zh[] = {[PERSISTENCE_PERMANENT] = "永久",
					       [PERSISTENCE_TEMPORARY] = "暂时",
					       [PERSISTENCE_RATE_SIGNAL] = "频率过高"};
	return REPORT_NAMED(cli, rule_persistence_name(persistence), names_zh, persistence);
}

const char *rules_miss_words(const struct cli *cli, enum rule_miss miss)
{
	static const char *const phrases_zh[] = {
		[MISS_NONE] = "匹配",
		[MISS_LATER] = "匹配，但前面的规则优先",
		[MISS_WORDS] = "针对其他来源的错误（收件方/DNS/TCP/TLS/本机）",
		[MISS_PROVIDER] = "针对其他服务商",
		[MISS_STAGE] = "针对其他阶段",
		[MISS_CODE] = "要求其他回复码",
		[MISS_ENHANCED] = "要求其他增强状态码",
		[MISS_TEXT] = "要求其他文本",
		[MISS_UNLESS] = "排除了该文本",
	};
	const char *phrase = rule_miss_phrase(miss);
	return cli->wants_json ? phrase : REPORT_NAMED(cli, phrase, phrases_zh, miss);
}

void rules_say_actions(const struct cli *cli, unsigned actions, struct buf *out)
{
	/* By the bit. */
	static const char *const names_zh[] = {
		"抑制该地址", "降低速度", "减少连接",	  "暂停通道",	    "暂停任务", "挂起",
		"告警",	      "断开连接", "换下一台主机", "限制每连接封数", "缓慢恢复"};
	const char *separator = "";
#define X(suffix, bit, name)                                                                       \
	if (actions & ACTION_##suffix) {                                                           \
		buf_appendf(out, "%s%s", separator, REPORT_NAMED(cli, name, names_zh, bit));       \
		separator = REPORT_SAY(cli, ", ", "、");                                           \
	}
	OUTCOME_ACTIONS(X)
#undef X
	if (separator[0] == '\0')
		buf_append_cstr(out, REPORT_SAY(cli, "none", "无"));
}

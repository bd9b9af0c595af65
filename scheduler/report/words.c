/* SPDX-License-Identifier: MIT */
/* Words for people; see words.h. */
#include "scheduler/report/words.h"

struct pair {
	const char *en, *zh;
};

struct cause_words {
	struct pair name, meaning, advice;
};

static const struct pair state_words[] = {
	[RECIPIENT_WAITING] = {"waiting", "等待中"},
	[RECIPIENT_LEASED] = {"sending", "发送中"},
	[RECIPIENT_DEFERRED] = {"deferred", "延迟重试"},
	[RECIPIENT_DELIVERED] = {"delivered", "已送达"},
	[RECIPIENT_BOUNCED] = {"bounced", "退信"},
	[RECIPIENT_REJECTED] = {"rejected", "内容被拒"},
	[RECIPIENT_BLOCKED] = {"blocked", "被拦截"},
	[RECIPIENT_EXPIRED] = {"expired", "已过期"},
	[RECIPIENT_SUPPRESSED] = {"suppressed", "已抑制"},
	[RECIPIENT_CANCELLED] = {"cancelled", "已取消"},
	[RECIPIENT_UNKNOWN] = {"unknown", "结果未知"},
};

static const struct pair class_words[] = {
	[0] = {"parked", "暂放"},
	[OUTCOME_DELIVERED] = {"delivered", "送达"},
	[OUTCOME_DEFERRED] = {"deferred", "延迟"},
	[OUTCOME_THROTTLED] = {"throttled", "限速"},
	[OUTCOME_BLOCKED] = {"blocked", "拦截"},
	[OUTCOME_BOUNCED] = {"bounced", "退信"},
	[OUTCOME_REJECTED] = {"rejected", "拒收"},
	[OUTCOME_HELD] = {"held", "挂起"},
	[OUTCOME_UNKNOWN] = {"unknown", "未知"},
	[OUTCOME_UNREACHED] = {"unreached", "未连通"},
	[OUTCOME_SUPPRESSED] = {"suppressed", "抑制"},
	[OUTCOME_EXPIRED] = {"expired", "过期"},
	[OUTCOME_CANCELLED] = {"cancelled", "取消"},
};

static const struct pair campaign_words[] = {
#define X(suffix, en, zh) [CAMPAIGN_##suffix] = {en, zh},
	WORDS_CAMPAIGN_STATES(X)
#undef X
};

static const struct pair named_states[] = {
#define X(en, zh) {en, zh},
	WORDS_STANDINGS(X) WORDS_KEY_STATES(X)
#undef X
};

static const struct cause_words cause_words[] = {
	[CAUSE_NONE] = {{"no cause", "无"},
			{"Nothing was wrong.", "一切正常。"},
			{"Nothing to do.", "无需处理。"}},
	[CAUSE_USER_UNKNOWN] = {{"unknown user", "用户不存在"},
				{"There is no such mailbox.", "收件邮箱不存在。"},
				{"It is suppressed; ask where the list is from if there are many.",
				 "地址已抑制；如数量多，请核实名单来源。"}},
	[CAUSE_USER_DISABLED] = {{"disabled user", "邮箱停用"},
				 {"The mailbox was closed or frozen.", "收件邮箱已停用或冻结。"},
				 {"Take people who have not been active for long off the list.",
				  "请清理长期不活跃的收件人。"}},
	[CAUSE_USER_MOVED] = {{"moved user", "邮箱变更"},
			      {"The person has another address now.", "收件人已更换邮箱。"},
			      {"The reply may name the new address; ask the person.",
			       "回复中可能有新地址，请与本人确认。"}},
	[CAUSE_MAILBOX_FULL] = {{"mailbox full", "邮箱已满"},
				{"The mailbox is full.", "收件邮箱已满。"},
				{"Tried again by itself; full for weeks means abandoned.",
				 "系统会自动重试；长期已满多为弃用邮箱。"}},
	[CAUSE_USER_BUSY] = {{"user busy", "收件人限流"},
			     {"This mailbox gets too much mail at the moment.",
			      "该邮箱短时间内收信过多。"},
			     {"Tried again by itself.", "系统会自动重试。"}},
	[CAUSE_RECIPIENT_REFUSES] = {{"refused by recipient", "收件人拒收"},
				     {"The recipient does not want mail from this sender.",
				      "收件人拒收该发件人的邮件。"},
				     {"Treat it as an unsubscription.", "请按退订处理。"}},
	[CAUSE_DOMAIN_UNKNOWN] = {{"unknown domain", "域名不存在"},
				  {"The domain does not exist or takes no mail.",
				   "收件域名不存在或不收邮件。"},
				  {"Look for misspelt domains in the list.",
				   "请检查名单中是否有拼写错误的域名。"}},
	[CAUSE_DOMAIN_MISCONFIGURED] = {{"broken domain", "域名配置错误"},
					{"The domain's mail set-up is broken.",
					 "收件域名的邮件配置有误。"},
					{"Theirs to mend; it is tried again.",
					 "需收件方修复；系统会重试。"}},
	[CAUSE_DNS_FAILURE] = {{"DNS failure", "DNS 故障"},
			       {"The domain's name servers do not answer.",
				"收件域名的 DNS 没有应答。"},
			       {"If many domains: check this machine's resolver (edm doctor).",
				"若涉及多个域名，请检查本机 DNS（edm doctor）。"}},
	[CAUSE_CONNECT_FAILED] = {{"no connection", "无法连接"},
				  {"The host cannot be reached.", "无法连接收件方服务器。"},
				  {"If many hosts: check that port 25 is open from the source.",
				   "若涉及多个主机，请检查源 IP 的 25 端口出口。"}},
	[CAUSE_TLS_FAILED] = {{"TLS failed", "TLS 失败"},
			      {"No secure connection could be made.", "加密连接建立失败。"},
			      {"Check the TLS policy of that route or provider.",
			       "请检查该线路或服务商的 TLS 策略。"}},
	[CAUSE_CONNECTION_LIMIT] = {{"connection limit", "连接数超限"},
				    {"Too many connections from this address.",
				     "来自本 IP 的连接过多。"},
				    {"The lane slows down by itself; lower the limit if it lasts.",
				     "通道会自动降速；如持续出现请下调连接上限。"}},
	[CAUSE_RATE_LIMIT] = {{"rate limit", "频率超限"},
			      {"We send faster than the provider takes.",
			       "发送频率超过收件方限制。"},
			      {"The lane slows down by itself; see edm limit explain.",
			       "通道会自动降速；详见 edm limit explain。"}},
	[CAUSE_RATE_LIMIT_DOMAIN] = {{"domain rate limit", "域名频率超限"},
				     {"The provider limits our sending domain.",
				      "收件方对本发信域名限速。"},
				     {"Spread the volume over more time.", "请拉长发送时间。"}},
	[CAUSE_RATE_LIMIT_CONTENT] = {{"content rate limit", "同内容限流"},
				      {"Too much of the same content.", "相同内容发送过多。"},
				      {"Vary or personalise the text; send slower.",
				       "请增加内容差异并降低速度。"}},
	[CAUSE_GREYLISTED] = {{"greylisted", "灰名单"},
			      {"A first try is refused on principle; a later one is taken.",
			       "灰名单：首次投递会被暂时拒绝。"},
			      {"Tried again by itself from the same address.",
			       "系统会自动以同一 IP 重试。"}},
	[CAUSE_SERVER_BUSY] = {{"server busy", "服务器忙"},
			       {"The server has a trouble of its own.", "收件方服务器繁忙或故障。"},
			       {"Tried again by itself.", "系统会自动重试。"}},
	[CAUSE_REPUTATION] =
		{{"bad reputation", "信誉度低"},
		 {"The provider mistrusts our address or domain.",
		  "收件方对本 IP 或域名的信誉评价低。"},
		 {"Send less, to people who read; look at complaints and list quality.",
		  "请减量，只发活跃用户，并检查投诉率和名单质量。"}},
	[CAUSE_BLOCKLISTED] =
		{{"block list", "黑名单"},
		 {"Our address is on a block list.", "本 IP 在黑名单中。"},
		 {"Find the cause, then ask the list named in the reply to remove it.",
		  "请先排查原因，再向回复中的黑名单申请解除。"}},
	[CAUSE_PTR_MISSING] = {{"no PTR", "缺少反向解析"},
			       {"Our address has no valid reverse name.",
				"本 IP 缺少有效的 PTR 记录。"},
			       {"Set the PTR of the public address to the EHLO name.",
				"请将公网 IP 的 PTR 设为 EHLO 域名。"}},
	[CAUSE_AUTH_FAILED] = {{"SPF/DKIM failed", "SPF/DKIM 未通过"},
			       {"SPF, DKIM or DMARC did not pass.", "SPF、DKIM 或 DMARC 未通过。"},
			       {"Run edm domain check and publish what is missing.",
				"请运行 edm domain check 并补全 DNS 记录。"}},
	[CAUSE_SENDER_REFUSED] = {{"sender refused", "发件人被拒"},
				  {"The provider does not take this sender.",
				   "收件方拒绝该发件地址或域名。"},
				  {"Check From and return path (edm domain check).",
				   "请检查发件人与退信域名（edm domain check）。"}},
	[CAUSE_SPAM_CONTENT] = {{"taken for spam", "疑似垃圾邮件"},
				{"The content was taken for spam.", "内容被判为垃圾邮件。"},
				{"Change subject, text and links, then test again.",
				 "请修改标题、正文和链接后重新测试。"}},
	[CAUSE_URL_BLOCKED] = {{"blocked link", "链接被封"},
			       {"A link in the message is on a block list.",
				"邮件中的链接在黑名单中。"},
			       {"Replace the link's domain.", "请更换链接域名。"}},
	[CAUSE_VIRUS] = {{"virus", "病毒"},
			 {"The message was taken for malware.", "邮件被判为含有病毒。"},
			 {"Check the attachments.", "请检查附件。"}},
	[CAUSE_TOO_LARGE] = {{"too large", "邮件过大"},
			     {"The message is larger than the server takes.",
			      "邮件超过收件方的大小限制。"},
			     {"Make it smaller: images by link, no attachment.",
			      "请缩小邮件：图片用链接，不带附件。"}},
	[CAUSE_POLICY] = {{"policy", "策略拒绝"},
			  {"A policy of the receiver forbids it.", "被收件方的收信策略拒绝。"},
			  {"Read the reply; ask the provider's postmaster.",
			   "请查看原始回复，并联系收件方邮件管理员。"}},
	[CAUSE_PROTOCOL] = {{"protocol", "协议错误"},
			    {"The server did not keep to SMTP.", "收件方服务器不符合 SMTP 协议。"},
			    {"If it is one host, it is theirs; else tell us.",
			     "若仅个别主机，属收件方问题；否则请反馈。"}},
	[CAUSE_TOO_MANY_RECIPIENTS] = {{"too many recipients", "收件人过多"},
				       {"Too many recipients in one go.", "单次收件人过多。"},
				       {"Tried again by itself.", "系统会自动重试。"}},
	[CAUSE_EXPIRED] = {{"expired", "超时放弃"},
			   {"Its time was over before it was taken.", "超过放弃时限仍未投递成功。"},
			   {"See what deferred it; give it more time next time.",
			    "请查看延迟原因，下次可放宽时限。"}},
	[CAUSE_CANCELLED] = {{"cancelled", "已取消"},
			     {"The campaign was cancelled.", "任务已取消。"},
			     {"Nothing to do.", "无需处理。"}},
	[CAUSE_SUPPRESSED] = {{"suppressed", "已抑制"},
			      {"The address is suppressed.", "该地址在抑制名单中。"},
			      {"edm suppress check ADDRESS says why.",
			       "edm suppress check ADDRESS 可查看原因。"}},
	[CAUSE_REPLY_LOST] = {{"reply lost", "回复丢失"},
			      {"The message was sent and the answer never came.",
			       "邮件已发出，但未收到最终回复。"},
			      {"edm campaign resend NAME --state unknown tries once more.",
			       "可用 edm campaign resend NAME --state unknown 再发一次。"}},
	[CAUSE_CONNECTION_LOST] = {{"connection lost", "连接中断"},
				   {"The connection broke before the message was sent.",
				    "邮件发出前连接中断。"},
				   {"Tried again by itself.", "系统会自动重试。"}},
	[CAUSE_CREDENTIALS] = {{"bad credentials", "认证失败"},
			       {"The smarthost refused our user or password.",
				"中继服务器拒绝了账号或密码。"},
			       {"Set them again with edm route set.",
				"请用 edm route set 重新设置。"}},
	[CAUSE_UNCLASSIFIED] = {{"not classified", "未归类"},
				{"No rule knows this reply.", "没有规则能识别该回复。"},
				{"See edm report replies --unmatched and add a rule.",
				 "请查看 edm report replies --unmatched 并添加规则。"}},
	[CAUSE_CRASHES_ENGINE] = {{"set aside", "已隔离"},
				  {"Making this message crashed the program; it was set aside.",
				   "生成该邮件导致程序崩溃，已隔离。"},
				  {"Please report it with this person's attributes.",
				   "请连同该收件人的属性一并反馈。"}},
	[CAUSE_BAD_ADDRESS] = {{"malformed address", "地址格式错误"},
			       {"The server says the address is not written correctly.",
				"收件方服务器认为收件地址格式不正确。"},
			       {"Correct the address in the list and import it again.",
				"请在名单中更正地址后重新导入。"}},
};

/* What there is to do where nobody is tried again: of the causes whose advice above is of tries. */
static const struct pair final_advice[] = {
	[CAUSE_MAILBOX_FULL] = {"Not tried again; full for weeks means abandoned.",
				"不再重试；长期已满多为弃用邮箱。"},
	[CAUSE_USER_BUSY] = {"Not tried again in this campaign.", "本次任务不再重试。"},
	[CAUSE_DOMAIN_MISCONFIGURED] = {"Theirs to mend; not tried again in this campaign.",
					"需收件方修复；本次任务不再重试。"},
	[CAUSE_GREYLISTED] = {"Not tried again in this campaign.", "本次任务不再重试。"},
	[CAUSE_SERVER_BUSY] = {"Not tried again in this campaign.", "本次任务不再重试。"},
	[CAUSE_TOO_MANY_RECIPIENTS] = {"Not tried again in this campaign.", "本次任务不再重试。"},
	[CAUSE_CONNECTION_LOST] = {"Not tried again in this campaign.", "本次任务不再重试。"},
};

static const struct pair not_believed_advice = {
	"Not believed yet: tried again by itself, then suppressed.",
	"暂不采信，重试确认后才会抑制。"};

static const char *say(const struct pair *pair, enum language language)
{
	const char *text = language == LANGUAGE_ZH ? pair->zh : pair->en;
	return text != NULL ? text : "?";
}

static const struct cause_words *cause_of(enum outcome_cause cause)
{
	static const struct cause_words none;
	return (size_t)cause < ARRAY_LEN(cause_words) ? &cause_words[cause] : &none;
}

#define SAY(table, number, language)                                                               \
	((size_t)(number) < ARRAY_LEN(table) ? say(&(table)[number], language) : "?")

const char *words_state(enum recipient_state state, enum language language)
{
	return SAY(state_words, state, language);
}

const char *words_class(enum outcome_class klass, enum language language)
{
	return SAY(class_words, klass, language);
}

const char *words_campaign_state(enum campaign_state state, enum language language)
{
	return SAY(campaign_words, state, language);
}

const char *words_named_state(const char *name, enum language language)
{
	for (size_t i = 0; i < ARRAY_LEN(named_states); i++)
		if (str_equals(str_from(name), str_from(named_states[i].en)))
			return say(&named_states[i], language);
	return name;
}

const char *words_cause(enum outcome_cause cause, enum language language)
{
	return say(&cause_of(cause)->name, language);
}

const char *words_cause_meaning(enum outcome_cause cause, enum language language)
{
	return say(&cause_of(cause)->meaning, language);
}

const char *words_cause_advice(enum outcome_cause cause, enum outcome_class klass,
			       enum language language)
{
	bool is_final = klass == OUTCOME_BOUNCED || klass == OUTCOME_REJECTED;
	if (is_final && (size_t)cause < ARRAY_LEN(final_advice) && final_advice[cause].en != NULL)
		return say(&final_advice[cause], language);
	if (klass == OUTCOME_DEFERRED && cause == CAUSE_USER_UNKNOWN)
		return say(&not_believed_advice, language);
	return say(&cause_of(cause)->advice, language);
}

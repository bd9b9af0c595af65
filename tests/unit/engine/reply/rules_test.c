/* SPDX-License-Identifier: MIT */
/* The built-in rules on replies they were not written from, the fallback, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/engine/reply/rules_support.h"

#define S ACTION_SUPPRESS

static const struct {
	const char *provider;
	enum outcome_stage stage;
	const char *reply;
	enum outcome_class want_class;
	enum outcome_cause want_cause;
	unsigned want_suppress;
} replies[] = {
	/* QQ throttles with 550; nobody is lost */
	{"qq", STAGE_RCPT, "550 Ip frequency limited [x IP: 203.0.113.9]. http://x/57",
	 OUTCOME_THROTTLED, CAUSE_RATE_LIMIT, 0},
	{"qq", STAGE_BANNER, "550 Connection frequency limited", OUTCOME_THROTTLED,
	 CAUSE_CONNECTION_LIMIT, 0},
	{"qq", STAGE_MAIL, "550 Domain frequency limited [m IP: 1.2.3.4]", OUTCOME_THROTTLED,
	 CAUSE_RATE_LIMIT_DOMAIN, 0},
	{"qq", STAGE_RCPT, "550 Mailbox unavailable or access denied", OUTCOME_THROTTLED,
	 CAUSE_USER_BUSY, 0},
	{"qq", STAGE_RCPT, "550 Mailbox not found. http://x", OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN,
	 S},
	{"qq", STAGE_DOT, "550 Mail content denied. http://x", OUTCOME_REJECTED, CAUSE_SPAM_CONTENT,
	 0},
	{"qq", STAGE_RCPT, "550 SPF check failed", OUTCOME_HELD, CAUSE_AUTH_FAILED, 0},
	/* the same words from a host that is no provider of ours */
	{"", STAGE_RCPT, "550 Ip frequency limited", OUTCOME_THROTTLED, CAUSE_RATE_LIMIT, 0},
	{"", STAGE_RCPT, "550 Connection frequency limited", OUTCOME_THROTTLED,
	 CAUSE_CONNECTION_LIMIT, 0},
	/* NetEase: the tag decides, 4yz and 5yz differ for DT:SPM */
	{"netease", STAGE_DOT, "554 DT:SPM 163 smtp5,D9xpCgD3 please see http://x",
	 OUTCOME_REJECTED, CAUSE_SPAM_CONTENT, 0},
	{"netease", STAGE_DOT, "451 DT:SPM 163 smtp5, please try again", OUTCOME_DEFERRED,
	 CAUSE_SPAM_CONTENT, 0},
	{"netease", STAGE_BANNER, "554 IP<192.0.2.77> is rejected, see http://x", OUTCOME_BLOCKED,
	 CAUSE_REPUTATION, 0},
	{"netease", STAGE_DOT, "554 DT:SUM 163 smtp5", OUTCOME_HELD, CAUSE_AUTH_FAILED, 0},
	{"netease", STAGE_RCPT, "550 RP:TRC 163 mx1", OUTCOME_THROTTLED, CAUSE_RATE_LIMIT_DOMAIN,
	 0},
	{"netease", STAGE_RCPT, "550 User not found: nobody@163.com", OUTCOME_BOUNCED,
	 CAUSE_USER_UNKNOWN, S},
	{"", STAGE_RCPT, "421 HL:ICC coremail.example.cn", OUTCOME_THROTTLED,
	 CAUSE_CONNECTION_LIMIT, 0},
	/* Chinese text */
	{"", STAGE_RCPT,
	 "550 5.1.1 \xE8\xAF\xA5\xE7\x94\xA8\xE6\x88\xB7\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8",
	 OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN, S},
	/* the same in GBK bytes */
	{"", STAGE_RCPT, "550 \xB8\xC3\xD3\xC3\xBB\xA7\xB2\xBB\xB4\xE6\xD4\xDA", OUTCOME_BOUNCED,
	 CAUSE_USER_UNKNOWN, S},
	/* Gmail */
	{"gmail", STAGE_RCPT,
	 "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\n"
	 "550-5.2.1 prevents additional messages from being delivered. For more\n"
	 "550 5.2.1 information - gsmtp",
	 OUTCOME_REJECTED, CAUSE_USER_BUSY, 0},
	{"gmail", STAGE_DOT,
	 "550-5.7.26 This message does not have authentication information or fails to\n"
	 "550 5.7.26 pass authentication checks. - gsmtp",
	 OUTCOME_HELD, CAUSE_AUTH_FAILED, 0},
	{"gmail", STAGE_RCPT, "452 4.2.2 The email account is over quota - gsmtp", OUTCOME_DEFERRED,
	 CAUSE_MAILBOX_FULL, 0},
	/* Outlook: "access denied" means three things */
	{"m365", STAGE_RCPT,
	 "550 5.4.1 Recipient address rejected: Access denied. [CO1NAM11FT012.eop-nam11]",
	 OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN, S},
	{"outlook", STAGE_MAIL, "451 4.7.550 Access denied, please try again later",
	 OUTCOME_BLOCKED, CAUSE_REPUTATION, 0},
	{"outlook", STAGE_DOT,
	 "550 5.7.515 Access denied, sending domain x.com doesn't meet the required level",
	 OUTCOME_HELD, CAUSE_AUTH_FAILED, 0},
	{"m365", STAGE_RCPT, "550 5.2.121 Recipient's per hour message receive limit",
	 OUTCOME_THROTTLED, CAUSE_USER_BUSY, 0},
	/* Yahoo: a 4yz that is a block, a dead user at the dot */
	{"yahoo", STAGE_MAIL,
	 "421 4.7.1 [TS03] All messages from 192.0.2.7 will be permanently deferred; Retrying will "
	 "NOT succeed",
	 OUTCOME_BLOCKED, CAUSE_REPUTATION, 0},
	{"yahoo", STAGE_DOT, "552 1 Requested mail action aborted, mailbox not found",
	 OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN, S},
	{"icloud", STAGE_DOT, "550 5.7.1 [CS02] Message rejected due to local policy",
	 OUTCOME_REJECTED, CAUSE_SPAM_CONTENT, 0},
	/* a text that beats its enhanced code */
	{"orange", STAGE_RCPT, "552 5.1.1 Boite pleine. Recipient overquota. OFR_417 [417]",
	 OUTCOME_BOUNCED, CAUSE_MAILBOX_FULL, 0},
	/* a 5yz about our address never suppresses, whatever the stage */
	{"", STAGE_BANNER, "554 5.7.1 blocked using zen.spamhaus.org", OUTCOME_BLOCKED,
	 CAUSE_BLOCKLISTED, 0},
	{"", STAGE_RCPT,
	 "550 5.1.1 Mail from 192.0.2.1 refused: blocked using bl.example.net, user unknown",
	 OUTCOME_BLOCKED, CAUSE_BLOCKLISTED, 0},
	{"", STAGE_BANNER, "550 Too many invalid recipients", OUTCOME_BLOCKED, CAUSE_REPUTATION, 0},
	/* a greeting means what its first digit says (RFC 5321 3.1) */
	{"", STAGE_BANNER, "554 qwerty", OUTCOME_BLOCKED, CAUSE_POLICY, 0},
	{"", STAGE_BANNER, "450 qwerty", OUTCOME_UNREACHED, CAUSE_SERVER_BUSY, 0},
	{"", STAGE_RCPT, "550 Your account has been suspended", OUTCOME_BLOCKED,
	 CAUSE_SENDER_REFUSED, 0},
	/* a recipient's name is not what the server says */
	{"", STAGE_RCPT, "550 5.1.1 <no-spam@example.com>: User unknown", OUTCOME_BOUNCED,
	 CAUSE_USER_UNKNOWN, S},
	{"", STAGE_RCPT, "451 4.3.0 <virus.spamhaus@example.com>: Temporary lookup failure",
	 OUTCOME_DEFERRED, CAUSE_SERVER_BUSY, 0},
	{"", STAGE_RCPT, "550 5.1.1 User unknown; see http://example.com/spam/help",
	 OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN, S},
	{"", STAGE_RCPT, "550 <a@b.c>: does not exist", OUTCOME_BOUNCED, CAUSE_USER_UNKNOWN, S},
	{"", STAGE_RCPT, "550 the recipient address has been blocked", OUTCOME_REJECTED,
	 CAUSE_POLICY, 0},
	/* the words of RFC 5321 for "no such user" and for a refusal, too */
	{"", STAGE_RCPT, "550 Requested action not taken: mailbox unavailable", OUTCOME_BOUNCED,
	 CAUSE_USER_UNKNOWN, 0},
	/* what only sounds like a dead address */
	{"", STAGE_RCPT, "550 5.1.1 Refused due to recipient preferences, see http://x.example/",
	 OUTCOME_REJECTED, CAUSE_RECIPIENT_REFUSES, 0},
	{"", STAGE_RCPT, "550 5.1.1 <a@b.c> - 192.0.2.1 has sent to too many recipients this hour",
	 OUTCOME_THROTTLED, CAUSE_RATE_LIMIT, 0},
	{"", STAGE_DOT, "550 Messages without To: fields are not accepted here", OUTCOME_HELD,
	 CAUSE_PROTOCOL, 0},
	{"", STAGE_RCPT, "550 5.7.1 User temporarily locked, try again", OUTCOME_DEFERRED,
	 CAUSE_USER_DISABLED, 0},
	{"", STAGE_RCPT, "554 5.7.1 Your IP 192.0.2.1 is temporarily blocked", OUTCOME_BLOCKED,
	 CAUSE_REPUTATION, 0},
	{"", STAGE_RCPT, "550 Sender address rejected: User unknown", OUTCOME_BLOCKED,
	 CAUSE_SENDER_REFUSED, 0},
	/* 4yz stays soft */
	{"", STAGE_RCPT, "450 4.1.1 <a@b.c>: Recipient address rejected: User unknown",
	 OUTCOME_DEFERRED, CAUSE_USER_UNKNOWN, 0},
	{"", STAGE_RCPT, "452 4.5.3 Too many recipients", OUTCOME_DEFERRED,
	 CAUSE_TOO_MANY_RECIPIENTS, 0},
	{"", STAGE_RCPT, "450 4.2.0 <a@b.c>: Recipient address rejected: Greylisted",
	 OUTCOME_DEFERRED, CAUSE_GREYLISTED, 0},
	{"", STAGE_RCPT, "554 5.7.1 <a@b.c>: Relay access denied", OUTCOME_DEFERRED,
	 CAUSE_DOMAIN_MISCONFIGURED, 0},
	{"", STAGE_MAIL, "550 5.1.1 User unknown", OUTCOME_BLOCKED, CAUSE_SENDER_REFUSED, 0},
	{"", STAGE_RCPT, "556 5.1.10 Recipient domain has a null MX", OUTCOME_BOUNCED,
	 CAUSE_DOMAIN_UNKNOWN, 0},
	{"", STAGE_DOT, "552 5.3.4 Message size exceeds limit", OUTCOME_REJECTED, CAUSE_TOO_LARGE,
	 0},
	{"", STAGE_AUTH, "535 5.7.8 Error: authentication failed", OUTCOME_HELD, CAUSE_CREDENTIALS,
	 0},
	{"", STAGE_BANNER, "421 4.7.0 too many connections", OUTCOME_THROTTLED,
	 CAUSE_CONNECTION_LIMIT, 0},
	{"", STAGE_DATA, "503 5.5.1 Error: need RCPT command", OUTCOME_DEFERRED, CAUSE_PROTOCOL, 0},
};

static void judges_replies_of_the_world(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		struct verdict got = judge_reply(builtin, replies[i].provider, replies[i].stage,
						 replies[i].reply);
		if (got.klass != replies[i].want_class || got.cause != replies[i].want_cause)
			fail_msg("%s: %s %s by %s", replies[i].reply, outcome_class_name(got.klass),
				 outcome_cause_name(got.cause), got.rule);
		assert_int_equal(got.actions & ACTION_SUPPRESS, replies[i].want_suppress);
	}
}

static void what_no_rule_knows_is_judged_by_stage_and_never_suppresses(void **state)
{
	(void)state;
	static const struct {
		enum outcome_stage stage;
		const char *reply;
		enum outcome_class want_class;
	} cases[] = {
		{STAGE_DOT, "250 2.0.0 queued as 1", OUTCOME_DELIVERED},
		{STAGE_DOT, "299 odd", OUTCOME_DELIVERED},
		{STAGE_DOT, "850 NONSENSE", OUTCOME_UNKNOWN},
		{STAGE_DOT, "354 again", OUTCOME_UNKNOWN},
		{STAGE_DATA, "250 ok", OUTCOME_DEFERRED},
		{STAGE_RCPT, "850 NONSENSE", OUTCOME_DEFERRED},
		{STAGE_RCPT, "479 qwerty", OUTCOME_DEFERRED},
		{STAGE_RCPT, "599 qwerty", OUTCOME_REJECTED},
		{STAGE_RCPT, "550", OUTCOME_REJECTED},
		{STAGE_DOT, "450 qwerty", OUTCOME_DEFERRED},
		{STAGE_DOT, "550 qwerty", OUTCOME_REJECTED},
		{STAGE_MAIL, "450 qwerty", OUTCOME_DEFERRED},
		{STAGE_MAIL, "550 qwerty", OUTCOME_BLOCKED},
		{STAGE_BANNER, "250 qwerty", OUTCOME_UNREACHED},
		{STAGE_STARTTLS, "454 qwerty", OUTCOME_UNREACHED},
		{STAGE_AUTH, "550 qwerty", OUTCOME_HELD},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict got = judge_reply(builtin, "", cases[i].stage, cases[i].reply);
		assert_string_equal(outcome_class_name(got.klass),
				    outcome_class_name(cases[i].want_class));
		assert_string_equal(got.rule, "");
		assert_int_equal(got.actions & ACTION_SUPPRESS, 0);
	}
	assert_true(judge_reply(builtin, "", STAGE_RCPT, "421 qwerty").actions & ACTION_CLOSE);
	assert_true(judge_reply(builtin, "qq", STAGE_RCPT, "421 SPF check failed").actions &
		    ACTION_CLOSE);
}

static void words_that_are_not_a_servers(void **state)
{
	(void)state;
	static const struct {
		enum outcome_words words;
		enum outcome_stage stage;
		const char *text;
		enum outcome_class want_class;
		enum outcome_cause want_cause;
	} cases[] = {
		{OUTCOME_WORDS_DNS, STAGE_DNS, "nxdomain: x.invalid", OUTCOME_BOUNCED,
		 CAUSE_DOMAIN_UNKNOWN},
		{OUTCOME_WORDS_DNS, STAGE_DNS, "null-mx: x.example", OUTCOME_BOUNCED,
		 CAUSE_DOMAIN_UNKNOWN},
		{OUTCOME_WORDS_DNS, STAGE_DNS, "servfail: nxdomain.example", OUTCOME_UNREACHED,
		 CAUSE_DNS_FAILURE},
		{OUTCOME_WORDS_DNS, STAGE_DNS, "", OUTCOME_UNREACHED, CAUSE_DNS_FAILURE},
		{OUTCOME_WORDS_TCP, STAGE_CONNECT, "connection refused", OUTCOME_UNREACHED,
		 CAUSE_CONNECT_FAILED},
		{OUTCOME_WORDS_TCP, STAGE_RCPT, "reset", OUTCOME_UNREACHED, CAUSE_CONNECTION_LOST},
		{OUTCOME_WORDS_TCP, STAGE_BODY, "reset", OUTCOME_UNREACHED, CAUSE_CONNECTION_LOST},
		{OUTCOME_WORDS_TCP, STAGE_DOT, "reset", OUTCOME_UNKNOWN, CAUSE_REPLY_LOST},
		{OUTCOME_WORDS_TLS, STAGE_DOT, "alert", OUTCOME_UNKNOWN, CAUSE_REPLY_LOST},
		{OUTCOME_WORDS_LOCAL, STAGE_DOT, "timeout", OUTCOME_UNKNOWN, CAUSE_REPLY_LOST},
		{OUTCOME_WORDS_TLS, STAGE_STARTTLS, "handshake", OUTCOME_UNREACHED,
		 CAUSE_TLS_FAILED},
		{OUTCOME_WORDS_LOCAL, STAGE_CONNECT, "bind: cannot assign requested address",
		 OUTCOME_HELD, CAUSE_CONNECT_FAILED},
		{OUTCOME_WORDS_LOCAL, STAGE_LOCAL, "?", OUTCOME_HELD, CAUSE_UNCLASSIFIED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct outcome o = {.words = cases[i].words,
				    .stage = cases[i].stage,
				    .text = str_from(cases[i].text)};
		rules_apply(builtin, (struct str){0}, &o);
		assert_string_equal(outcome_class_name(o.verdict.klass),
				    outcome_class_name(cases[i].want_class));
		assert_string_equal(outcome_cause_name(o.verdict.cause),
				    outcome_cause_name(cases[i].want_cause));
		assert_int_equal(o.verdict.actions & ACTION_SUPPRESS, 0);
	}
}

static void a_verdict_that_is_there_stays(void **state)
{
	(void)state;
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_DOT,
			    .code = 250,
			    .verdict = {.klass = OUTCOME_UNKNOWN, .rule = "dialog"}};
	rules_apply(builtin, (struct str){0}, &o);
	assert_int_equal(o.verdict.klass, OUTCOME_UNKNOWN);
	assert_string_equal(o.verdict.rule, "dialog");
}

static void only_bounces_about_the_recipient_suppress(void **state)
{
	(void)state;
	size_t suppressing = 0;
	assert_true(rule_set_count(builtin) > 150);
	for (size_t i = 0; i < rule_set_count(builtin); i++) {
		const struct rule *rule = rule_set_at(builtin, i);
		assert_true(rule_sample(rule, 0).len > 0);
		assert_ptr_equal(rule_set_find(builtin, str_from(rule->id)), rule);
		if ((rule->actions & ACTION_SUPPRESS) == 0)
			continue;
		suppressing++;
		assert_int_equal(rule->klass, OUTCOME_BOUNCED);
		assert_int_equal(rule->scope, SCOPE_RECIPIENT);
		assert_int_equal(rule->persistence, PERSISTENCE_PERMANENT);
	}
	assert_true(suppressing > 10);
}

static void a_server_may_say_when_to_come_back(void **state)
{
	(void)state;
	static const struct {
		const char *reply;
		int64_t want_delay_ms;
	} cases[] = {
		{"451 Greylisted, try again in 300 seconds", 300000},
		{"451 Greylisted, try again in 5 seconds", 5000},
		{"451 Greylisted, try again in 0 seconds", 1000},
		{"451 Greylisted, try again in 99999 seconds", 3600000},
		{"451 4.7.1 Please try again in 10 minutes", 600000},
		{"451 Greylisted", 300000},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict got = judge_reply(builtin, "", STAGE_RCPT, cases[i].reply);
		assert_int_equal(got.cause, CAUSE_GREYLISTED);
		assert_int_equal(got.delay_ms, cases[i].want_delay_ms);
	}
}

/* A rule with the members every rule has; more comes before them. */
#define RULE(id, more, meaning, samples)                                                           \
	"{\"id\": \"" id "\", " more " " meaning ", \"en\": \"e\", \"zh\": \"z\", \"samples\": "   \
	"[" samples "]}"
#define FILE_OF(rules) "{\"rules\": [" rules "]}"
#define DEFER "\"class\": \"deferred\", \"cause\": \"policy\", \"scope\": \"message\""
#define BOUNCE(scope)                                                                              \
	"\"class\": \"bounced\", \"cause\": \"user-unknown\", \"scope\": \"" scope "\""
#define SUPPRESS ", \"actions\": [\"suppress\"]"

static const struct {
	const char *json;
	const char *want; /* part of the error; NULL = it loads */
} refusals[] = {
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "\"450 x\"")), NULL},
	{FILE_OF(RULE("a", "\"stage\": \"rcpt\", \"text\": \"x\",", BOUNCE("recipient") SUPPRESS,
		      "\"550 x\"")),
	 NULL},
	{"{", "line 1"},
	{"[]", "must be"},
	{"{\"rules\": [], \"x\": 1}", "key \"x\""},
	{"{\"rules\": [], \"without\": [\"a\"]}", "operator's file"},
	{FILE_OF("1"), "no JSON object"},
	{FILE_OF("{}"), "has no \"id\""},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "")), "list of strings"},
	{FILE_OF(RULE("a", "\"text\": \"x\", \"txet\": 1,", DEFER, "\"450 x\"")),
	 "rule 1, a: has a key \"txet\" that no rule has"},
	{"{\"about\": \"a\", \"ruels\": [], \"rules\": []}",
	 "test.json: has a key \"ruels\" that no rule file has"},
	{FILE_OF(RULE("a", "\"text\": \"(x\",", DEFER, "\"450 x\"")), "text pattern"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "\"450 y\"")), "won by no rule"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER,
		      "\"450 x\"") "," RULE("b", "\"text\": \"xy\",", DEFER, "\"450 xy\"")),
	 "won by a"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "\"450 x\"") "," RULE("a", "\"text\": \"y\",",
									    DEFER, "\"450 y\"")),
	 "stands twice"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "\"250 x\"")), "no 4yz or 5yz"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER, "\"x\"")), "no 4yz or 5yz"},
	{FILE_OF(RULE("a", "\"code\": \"250\",", DEFER, "\"250 x\"")), "dead"},
	{FILE_OF(RULE("a", "\"code\": \"55\",", DEFER, "\"550 x\"")), "unknown"},
	{FILE_OF(RULE("a", "\"enhanced\": \"5.x\",", DEFER, "\"550 x\"")), "unknown"},
	{FILE_OF(RULE("a", "\"stage\": \"rctp\", \"text\": \"x\",", DEFER, "\"450 x\"")),
	 "\"rctp\" is unknown"},
	{FILE_OF(RULE("a", "\"provider\": \"qqq\", \"text\": \"x\",", DEFER, "\"450 x\"")),
	 "\"qqq\" is unknown"},
	{FILE_OF(RULE("a", "\"text\": \"x\", \"delay\": \"5\",", DEFER, "\"450 x\"")),
	 "must be like"},
	{FILE_OF(RULE("a", "", DEFER, "\"450 x\"")), "needs a text"},
	{FILE_OF(RULE("a", "\"says\": \"no <who>\",", DEFER, "\"450 no user\"")), NULL},
	{FILE_OF(RULE("a", "\"says\": \"<nonsense>\",", DEFER, "\"450 x\"")), "no word <nonsense>"},
	{FILE_OF(RULE("a", "\"says\": \"x ~ \",", DEFER, "\"450 x\"")), "empty pattern"},
	{FILE_OF(RULE("a", "\"says\": \"(x\",", DEFER, "\"450 x\"")), "text pattern"},
	{FILE_OF(RULE("a", "\"says\": [],", DEFER, "\"450 x\"")), "list of strings"},
	{FILE_OF(RULE("a", "\"unless\": \"x\",", DEFER, "\"450 x\"")), "needs a text"},
	{FILE_OF(RULE("a", "\"text\": \"x\", \"unless\": \"y\",", DEFER, "\"450 x y\"")),
	 "won by no rule"},
	{FILE_OF(RULE("a", "\"says\": \"late*\",", DEFER, "\"450 later\"") "," RULE(
		 "b", "\"says\": \"later\",", DEFER, "\"450 later\"")),
	 "won by a"},
	{FILE_OF(RULE("a", "\"text\": \"x\",",
		      "\"class\": \"delayed\", \"cause\": \"policy\", \"scope\": \"message\"",
		      "\"450 x\"")),
	 "\"delayed\" is unknown"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER ", \"actions\": [\"shout\"]", "\"450 x\"")),
	 "\"shout\" is unknown"},
	{FILE_OF(RULE("a", "\"text\": \"x\",",
		      "\"class\": \"delivered\", \"cause\": \"none\", \"scope\": \"message\"",
		      "\"450 x\"")),
	 "not a rule's to give"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER SUPPRESS, "\"450 x\"")), "suppress"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", BOUNCE("source") SUPPRESS, "\"550 x\"")),
	 "suppress"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", BOUNCE("domain") SUPPRESS, "\"550 x\"")),
	 "suppress"},
	{FILE_OF(RULE("a", "\"words\": \"dns\", \"stage\": \"dot\", \"text\": \"x\",", DEFER,
		      "\"x\"")),
	 "dead"},
	{FILE_OF(RULE("a", "\"words\": \"dns\", \"code\": \"550\",", DEFER, "\"x\"")), "dead"},
	{FILE_OF(RULE("a", "\"text\": \"x\",", DEFER ", \"persistence\": \"rate-signal\"",
		      "\"450 x\"")),
	 "go together"},
};

static void refuses_rules_that_are_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct rule_file file = {"test.json", str_from(refusals[i].json), false};
		struct err err;
		err_clear(&err);
		struct rule_set *set = rule_set_parse(&file, 1, &err);
		if (refusals[i].want == NULL)
			assert_non_null(set);
		else if (set != NULL || strstr(err.text, refusals[i].want) == NULL)
			fail_msg("%s: want \"%s\", got \"%s\"", refusals[i].json, refusals[i].want,
				 err.text);
		rule_set_free(set);
	}
}

/* One rule that goes by meaning, and what it takes for its own. */
static void rules_go_by_meaning(void **state)
{
	(void)state;
	static const struct {
		const char *says;
		const char *text;
		bool want;
	} says[] = {
		{"<who> ~ <missing>", "User unknown", true},
		{"<who> ~ <missing>", "unknown: <user@example.com>", true},
		{"<who> ~ <missing>", "Benutzer existiert nicht", true},
		{"<who> ~ <missing>",
		 "\xE7\x94\xA8\xE6\x88\xB7\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8", true},
		{"<who> ~ <missing>", "The user is busy. The command is unknown", false},
		{"<who> ~ <missing>",
		 "user is what this long sentence speaks of until the very end when it is unknown",
		 false},
		{"quota*", "quotas", true},
		{"quota*", "aliquota", false},
		{"quota", "quotas", false},
		{"no (such )?<who>", "no such mailbox", true},
		{"(?<!not )listed", "not listed", false},
		{"(?<!not )listed", "is listed", true},
		{"x ~ y", "y of x", true},
		{"x ~ y", "x. y", false},
		{"{i} ~ blocked", "192.0.2.1 is blocked", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		char json[512];
		struct err err;
		snprintf(json, sizeof(json),
			 FILE_OF(RULE("z", "\"code\": \"499\",", DEFER, "\"499 z\"") "," RULE(
				 "a", "\"says\": \"%s\",", DEFER, "\"450 %s\"")),
			 says[i].says, says[i].text);
		struct rule_file file = {"test.json", str_from(json), false};
		struct rule_set *set = rule_set_parse(&file, 1, &err);
		if ((set != NULL) != says[i].want)
			fail_msg("%s: %s %s", says[i].says, says[i].text,
				 set == NULL ? err.text : "is taken");
		if (set == NULL)
			assert_non_null(strstr(err.text, "is won by no rule"));
		rule_set_free(set);
	}
}

static void an_exclusion_is_named_when_it_was_all_that_missed(void **state)
{
	(void)state;
	struct rule_near_miss near[RULE_NEAR_MAX];
	size_t count;
	struct err err;
	struct rule_file file = {
		"test.json",
		STR(FILE_OF(RULE("a", "\"says\": \"<who> ~ <missing>\", \"unless\": \"<sender>\",",
				 DEFER, "\"450 user unknown\""))),
		false};
	struct rule_set *set = rule_set_parse(&file, 1, &err);
	assert_non_null(set);
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_RCPT,
			    .code = 450,
			    .text = STR("sender rejected: user unknown")};
	assert_null(rules_explain(set, STR(""), &o, near, &count));
	assert_int_equal(count, 1);
	assert_int_equal(near[0].miss, MISS_UNLESS);
	rule_set_free(set);
}

static void overrides_win(void **state)
{
	(void)state;
	struct err err;
	struct rule_set *set = rule_set_load(
		STR(FILE_OF(
			RULE("any.user-unknown",
			     "\"provider\": \"our-partner\", \"text\": \"no such user\",", DEFER,
			     "\"550 no such user\"") "," RULE("mine", "\"text\": \"no such user\",",
							      DEFER, "\"550 no such user\""))),
		&err);
	assert_non_null(set);
	struct rule_set *second = rule_set_ref(set);
	rule_set_free(set);
	struct verdict got = judge_reply(second, "our-partner", STAGE_RCPT, "550 no such user");
	assert_int_equal(got.klass, OUTCOME_DEFERRED);
	assert_string_equal(got.rule, "any.user-unknown");
	got = judge_reply(second, "", STAGE_RCPT, "550 no such user");
	assert_string_equal(got.rule, "mine");
	assert_true(rule_set_find(second, STR("any.user-unknown"))->is_override);
	rule_set_free(second);
	assert_null(rule_set_load(STR("{\"rules\": 1}"), &err));
	assert_non_null(strstr(err.text, "overrides"));
	/* A file is called by its name. */
	struct rule_file mine = {"mine.json", STR("{\"rules\": 1}"), true};
	assert_null(rule_set_try(&mine, &err));
	assert_true(str_starts_with(str_from(err.text), STR("mine.json: ")));
}

static struct rule_set *with(const char *overrides)
{
	struct err err;
	struct rule_set *set = rule_set_load(str_from(overrides), &err);
	if (set == NULL)
		fail_msg("%s", err.text);
	return set;
}

static void an_override_stands_in_the_place_of_the_rule_whose_id_it_has(void **state)
{
	(void)state;
	const char *reply = "550 5.1.1 no such user";
	struct rule_set *set = with(FILE_OF(
		RULE("any.user-unknown", "\"text\": \"our words\",", DEFER, "\"550 our words\"")));
	assert_int_equal(rule_set_count(set), rule_set_count(builtin));
	assert_string_not_equal(judge_reply(set, "", STAGE_RCPT, reply).rule, "any.user-unknown");
	rule_set_free(set);
	set = with("{\"rules\": [], \"without\": [\"any.user-unknown\", \"no.more\"]}");
	assert_int_equal(rule_set_count(set), rule_set_count(builtin) - 1);
	assert_null(rule_set_find(set, STR("any.user-unknown")));
	assert_string_not_equal(judge_reply(set, "", STAGE_RCPT, reply).rule, "any.user-unknown");
	rule_set_free(set);
}

struct overlaps {
	size_t count, by_mine;
	const char *other;
};

static void count_overlap(void *owner, const struct rule_overlap *overlap)
{
	struct overlaps *seen = owner;
	seen->count++;
	if (strcmp(overlap->winner->id, "mine") != 0)
		return;
	seen->by_mine++;
	if (!overlap->other->is_override)
		seen->other = overlap->other->id;
}

static void what_the_order_decides_is_told(void **state)
{
	(void)state;
	struct overlaps before = {0}, after = {0}, mine = {0};
	rule_set_overlaps(builtin, false, count_overlap, &before);
	assert_int_equal(before.by_mine, 0);
	/* It takes a sample of its own from a built-in rule. */
	struct rule_set *set =
		with(FILE_OF(RULE("mine", "\"provider\": \"qq\", \"text\": \"^Mailbox not found\",",
				  DEFER, "\"550 Mailbox not found\"")));
	rule_set_overlaps(set, false, count_overlap, &after);
	assert_true(after.by_mine > 0 && after.other != NULL);
	assert_int_equal(after.count, before.count + after.by_mine);
	rule_set_overlaps(set, true, count_overlap, &mine);
	assert_int_equal(mine.by_mine, after.by_mine);
	assert_int_equal(mine.count, mine.by_mine);
	rule_set_free(set);
}

static void explains_what_nearly_matched(void **state)
{
	(void)state;
	struct rule_near_miss near[RULE_NEAR_MAX];
	size_t count;
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_RCPT,
			    .code = 550,
			    .text = STR("Mailbox not found")};
	const struct rule *winner = rules_explain(builtin, STR("qq"), &o, near, &count);
	assert_string_equal(winner->id, "qq.user-unknown");
	bool has_later = false, has_provider = false;
	for (size_t i = 0; i < count; i++) {
		has_later |= near[i].miss == MISS_LATER &&
			     strcmp(near[i].rule->id, "any.user-unknown") == 0;
		has_provider |= near[i].miss == MISS_PROVIDER &&
				strcmp(near[i].rule->id, "yahoo.user-unknown") == 0;
	}
	assert_true(has_later && has_provider);
	o.stage = STAGE_MAIL;
	winner = rules_explain(builtin, STR("qq"), &o, near, &count);
	assert_string_equal(winner->id, "any.sender-unknown");
	assert_true(count > 0);
	assert_string_equal(near[0].rule->id, "qq.user-unknown");
	assert_int_equal(near[0].miss, MISS_STAGE);
	assert_string_equal(rule_miss_phrase(near[0].miss), "is for another stage");
}

static void hostile_text_is_judged_within_bounds(void **state)
{
	(void)state;
	static char text[8192];
	static const char *const units[] = {
		"a",	     "mailbox ", "user sender ", "\xE9\x82\xAE\xE7\xAE\xB1",
		"too many ", "@a ",	 "spf "};
	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		size_t n = strlen(units[u]), len = 0;
		for (; len + n < sizeof(text); len += n)
			memcpy(text + len, units[u], n);
		struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
				    .stage = STAGE_RCPT,
				    .code = 550,
				    .text = str_of(text, len)};
		rules_apply(builtin, (struct str){0}, &o);
		assert_int_not_equal(o.verdict.klass, 0);
		assert_int_equal(o.verdict.actions & ACTION_SUPPRESS, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_replies_of_the_world),
		cmocka_unit_test(what_no_rule_knows_is_judged_by_stage_and_never_suppresses),
		cmocka_unit_test(words_that_are_not_a_servers),
		cmocka_unit_test(a_verdict_that_is_there_stays),
		cmocka_unit_test(only_bounces_about_the_recipient_suppress),
		cmocka_unit_test(a_server_may_say_when_to_come_back),
		cmocka_unit_test(refuses_rules_that_are_wrong),
		cmocka_unit_test(rules_go_by_meaning),
		cmocka_unit_test(an_exclusion_is_named_when_it_was_all_that_missed),
		cmocka_unit_test(overrides_win),
		cmocka_unit_test(an_override_stands_in_the_place_of_the_rule_whose_id_it_has),
		cmocka_unit_test(what_the_order_decides_is_told),
		cmocka_unit_test(explains_what_nearly_matched),
		cmocka_unit_test(hostile_text_is_judged_within_bounds),
	};
	return cmocka_run_group_tests(tests, load_builtin, free_builtin);
}

/* SPDX-License-Identifier: MIT */
/* Replies that only sound like "no such user": none of them costs an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/engine/reply/rules_support.h"

/* Words for a missing or closed mailbox in a reply that is about something else. */
static const char *const doubtful[] = {
	"550 Unable to verify user, LDAP server unavailable",
	"550 5.1.1 User lookup failed: database error",
	"550 /home/bob/Maildir: No such file or directory for user",
	"550 5.1.1 unknown error while delivering to recipient",
	"550 user cannot be verified at this time", "550 5.1.1 Recipient rejected your mail",
	"550 return address is unknown", "550 The address you sent from does not exist",
	"550 You are not a registered user", "550 no user by that name may send here",
	"550 smtp service for this account is disabled", "550 message expired for recipient",
	"550 mailbox is locked, delivering another message",
	"550 blocked, please try <abuse@example.com>", "550 Invalid user authentication",
	"550 5.2.1 Mailbox not available", "550 5.7.1 mailbox unavailable",
	"550 수신자에게 메일을 보낼 수 없습니다", "550 このアカウントには送信権限がありません",
	"550 收件人未知错误",
	/* about our sender: what a server heard when it called back */
	"550-Verification failed for <b-1@example.com>\r\n550-Called:   192.0.2.1\r\n"
	"550-Sent:     RCPT TO:<b-1@example.com>\r\n"
	"550-Response: 550 5.1.1 User unknown\r\n550 Sender verify failed",
	"550-Verification failed for <b-1@example.com>\r\n550-Unrouteable address\r\n"
	"550 Sender verify failed",
	"550 5.1.7 <b@example.com>: Sender address rejected: undeliverable address: host "
	"mx.example.com[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO)",
	"550 callback to <b-1@example.com> gave: 550 User unknown",
	"550 we cannot reply to b-1@example.com: user unknown", "550 Message from unknown user",
	"550 bounce address user unknown", "550 unknown from user <b-1@example.com>",
	"550 unknown to the recipient, please fill in the form",
	/* about our login or account */
	"550 Invalid SMTP AUTH user", "550 Invalid user: login first",
	"550 invalid rcptto: authentication needed", "550 5.7.1 User not found in SASL database",
	"550 your user is not found", "550 您的账号已停用", "550 登录失败：用户不存在",
	"550 Ihr Konto wurde deaktiviert", "550 Votre compte est suspendu",
	"550 Su cuenta esta suspendida", "550 Ваша учетная запись отключена",
	"550 5.7.1 user suspended: outgoing mail not allowed",
	/* about a command, a host, an address of the network */
	"555 5.5.4 Unknown RCPT TO parameter", "550 Invalid address literal",
	"550 unknown address 192.0.2.1", "550 SSL error: unknown protocol for user",
	"550 Message blocked: invalid network for user", "550 Serveur inconnu, adresse refusee",
	"550 Неизвестный хост, адрес не принят", "550 服务器地址无效",
	/* about the domain, the server's own set-up, the form of an address */
	"550 5.1.1 Bad destination mailbox address: this server is not configured for mail",
	"550 5.1.1 We are not configured to handle mail for this user",
	"550 RCPT address has non-existant domain", "550 5.1.1 The email address domain is invalid",
	"550 user unknown; domain parked, no mail",
	"550 5.1.1 user not found: MX record does not point to this server",
	"550 Invalid recipient: the server has been moved", "550 Domain des Empfängers unbekannt",
	"550 Serveur non configuré, destinataire inconnu", "550 收件人不存在：该域名已过期",
	"550 адрес недействителен: домен не найден",
	"550 Can't find destination (To:<bob> had no @)",
	"550 5.1.1 Recipient address invalid: contains spaces",
	"550 5.1.1 Invalid recipient: quoted local part", "550 Ungültige Adresse: kein @ enthalten",
	/* about what the server has for the user, or wants of the message */
	"550 mailbox store not found", "550 No such object (32) while looking up user",
	"550 sieve script of user not found",
	"550 message contains unknown or invalid address in body", "550 delivery to user cancelled",
	"550 rejecting mail with invalid recipients in To:",
	"550 domain of forward path is not allowed",
	/* 5.1.1 with a text of its own */
	"550 5.1.1 message id unknown to our filter",
	"550 5.1.1 unauthorized: see http://example.com/",
	"550 5.1.1 Rechazado por política: servidor desconocido"};

static void what_only_sounds_like_no_such_user_costs_no_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(doubtful); i++) {
		struct verdict got = judge_reply(builtin, "", STAGE_RCPT, doubtful[i]);
		if (got.actions & ACTION_SUPPRESS || got.cause == CAUSE_USER_UNKNOWN)
			fail_msg("%s, by %s", doubtful[i], got.rule);
	}
}

/* Rules of one provider know its words for a missing mailbox; around others they mean another. */
static const struct {
	const char *provider, *reply;
	bool want_suppress;
} providers_words[] = {
	{"gmx",
	 "550-Requested action not taken: mailbox unavailable\r\n"
	 "550 For explanation visit https://postmaster.gmx.net/en/case?c=r1601&i=ip",
	 true},
	{"gmx",
	 "550-Requested action not taken: mailbox unavailable\r\n"
	 "550 Failure sending mail. Try again later",
	 false},
	{"gmx",
	 "550-Requested action not taken: mailbox unavailable\r\n"
	 "550 For explanation visit https://postmaster.web.de/de/case?c=r0602&i=ip",
	 false},
	{"outlook", "550 5.5.0 Requested action not taken: mailbox unavailable. [x.y.z]", true},
	{"outlook",
	 "550 5.5.0 Requested action not taken: mailbox unavailable. Your message was "
	 "blocked by policy",
	 false},
	{"outlook", "550 5.7.1 Recipient address rejected: Access denied, banned IP", false},
	{"yahoo", "552 1 Requested mail action aborted, mailbox not found", true},
	{"yahoo", "554 mailbox not found: server error, please retry", false},
	{"icloud", "550 5.1.1 <bob@icloud.com>: user does not exist", true},
	{"icloud", "550 5.7.1 Sender domain does not exist", false},
	{"qq", "550 Mailbox not found or access denied: Ip frequency limited", false},
	{"netease", "550 Invalid user: too many attempts, rate limit", false},
};

static void a_providers_words_for_no_such_user_count_only_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(providers_words); i++) {
		struct verdict got = judge_reply(builtin, providers_words[i].provider, STAGE_RCPT,
						 providers_words[i].reply);
		if (((got.actions & ACTION_SUPPRESS) != 0) != providers_words[i].want_suppress)
			fail_msg("%s, by %s", providers_words[i].reply, got.rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_only_sounds_like_no_such_user_costs_no_address),
		cmocka_unit_test(a_providers_words_for_no_such_user_count_only_alone),
	};
	return cmocka_run_group_tests(tests, load_builtin, free_builtin);
}

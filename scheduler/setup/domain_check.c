/* SPDX-License-Identifier: MIT */
/* The DNS rows of a sending domain; see domain_check.h. */
#include "scheduler/setup/domain_check.h"

#include <stdlib.h>

#include "engine/mail/dkim.h"
#include "scheduler/setup/spf.h"

#define KEY_MAX 16384
#define SPF_ADVICE_MAX 400

struct check {
	struct lookup *lookup;
	const struct domain_question *q;
	struct domain_report *report;
};

static void add(struct check *c, const struct domain_finding *finding)
{
	if (c->report->count < DOMAIN_FINDINGS_MAX)
		c->report->findings[c->report->count++] = *finding;
}

static char *keep(struct check *c, struct str text)
{
	return arena_cstr(&c->report->arena, text);
}

/* DNS did not say: nothing is known to be wrong. */
static bool is_unknown(struct domain_finding *f, enum dns_status status)
{
	if (lookup_is_known(status))
		return false;
	f->level = DOCTOR_WARN;
	f->text = status == DNS_TIMEOUT ? "the name servers did not answer in time"
					: "the name servers could not say";
	return true;
}

/* ------------------------------------------------------------------------------------------ DKIM
 */

static enum dkim_txt_verdict best_verdict(const struct signer *signer,
					  const struct dns_answer *answer)
{
	enum dkim_txt_verdict best = DKIM_TXT_INVALID;
	for (size_t i = 0; i < answer->count; i++) {
		enum dkim_txt_verdict verdict = dkim_txt_check(signer, answer->records[i].name);
		if (verdict == DKIM_TXT_MATCHES || best == DKIM_TXT_INVALID)
			best = verdict;
	}
	return best;
}

static void judge_record(struct domain_finding *f, enum dkim_txt_verdict verdict)
{
	switch (verdict) {
	case DKIM_TXT_MATCHES:
		f->level = DOCTOR_OK;
		f->text = "the published key is ours";
		return;
	case DKIM_TXT_TESTING:
		f->level = DOCTOR_WARN;
		f->text = "the published key is ours, but t=y tells receivers to ignore it: take "
			  "t=y out";
		return;
	case DKIM_TXT_DIFFERS:
		f->text = "another key is published under this name";
		break;
	case DKIM_TXT_REVOKED:
		f->text = "the record is there, but its key is empty, which means revoked";
		break;
	case DKIM_TXT_INVALID:
		f->text = "what is published is no DKIM key for mail";
		break;
	}
	f->level = DOCTOR_FAIL;
}

/* The key as a signer; NULL and a sentence in the finding when this machine cannot open it. */
static struct signer *open_key(struct check *c, const struct sending_key *key,
			       struct domain_finding *f)
{
	struct signer *signer = NULL;
	struct buf pem;
	struct err err;
	f->level = DOCTOR_FAIL;
	if (c->q->secrets == NULL) {
		f->text = "this machine has no node.key, so it cannot sign: copy the file from "
			  "where the key was made";
		return NULL;
	}
	buf_init(&pem, KEY_MAX);
	if (secrets_open(c->q->secrets, key->sealed, &pem, &err) != 0 ||
	    signer_load(buf_str(&pem), &signer, &err) != 0)
		f->text = "this machine's node.key does not open the private key: copy the file "
			  "from where the key was made";
	secrets_forget(&pem);
	return signer;
}

static void check_key(struct check *c, const struct sending_key *key)
{
	struct buf name, value;
	struct domain_finding f = {.type = "TXT"};
	buf_init(&name, DNS_NAME_MAX + SENDING_SELECTOR_MAX + 16);
	buf_init(&value, KEY_MAX);
	sending_key_record_name(c->q->domain, key, &name);
	sending_key_record_value(key, &value);
	f.name = keep(c, buf_str(&name));
	f.check = arena_printf(&c->report->arena, "DKIM %.*s", STR_ARG(key->selector));
	struct dns_answer *answer = lookup_records(c->lookup, buf_str(&name), DNS_TXT);
	struct signer *signer = open_key(c, key, &f);
	if (signer != NULL && !is_unknown(&f, answer->status)) {
		if (answer->count == 0)
			f.text = "the key is not published";
		else
			judge_record(&f, best_verdict(signer, answer));
		if (f.level == DOCTOR_FAIL)
			f.publish = keep(c, buf_str(&value));
	}
	if (key->state == SENDING_KEY_LATER && f.level == DOCTOR_FAIL)
		f.level = DOCTOR_WARN;
	add(c, &f);
	signer_free(signer);
	free(answer);
	buf_done(&name);
	buf_done(&value);
}

static void check_keys(struct check *c)
{
	size_t signing = 0;
	for (size_t i = 0; i < c->q->domain->key_count; i++) {
		const struct sending_key *key = &c->q->domain->keys[i];
		if (key->state == SENDING_KEY_RETIRED)
			continue;
		signing += key->state == SENDING_KEY_SIGNING;
		check_key(c, key);
	}
	if (signing > 0)
		return;
	add(c, &(struct domain_finding){
		       .level = DOCTOR_FAIL,
		       .check = "DKIM",
		       .name = keep(c, c->q->domain->name),
		       .type = "TXT",
		       .text = "no key signs this domain's mail: edm domain key makes one"});
}

/* ------------------------------------------------------------------------------------------- SPF
 */

/* "v=spf1 ip4:203.0.113.10 ip6:… -all": lets exactly our sources send. */
static const char *spf_advice(struct check *c)
{
	struct buf record;
	char text[IP_TEXT_SIZE];
	buf_init(&record, SPF_ADVICE_MAX);
	buf_append_cstr(&record, "v=spf1");
	for (size_t i = 0; i < c->q->sender_count; i++) {
		const struct ip *ip = &c->q->senders[i].ip;
		buf_appendf(&record, " %s:%s", ip->family == IP_V6 ? "ip6" : "ip4",
			    ip_format(ip, text, sizeof(text)));
	}
	buf_append_cstr(&record, " -all");
	const char *kept = record.is_truncated ? NULL : keep(c, buf_str(&record));
	buf_done(&record);
	return kept;
}

/* The worst of what the record says about our sources, in a sentence. */
static void judge_spf(struct check *c, struct str domain, struct domain_finding *f)
{
	char text[IP_TEXT_SIZE];
	for (size_t i = 0; i < c->q->sender_count; i++) {
		const struct domain_sender *sender = &c->q->senders[i];
		enum spf_result result = spf_check(c->lookup, domain, &sender->ip);
		if (result == SPF_PASS)
			continue;
		f->level = result == SPF_TEMPERROR ? DOCTOR_WARN : DOCTOR_FAIL;
		f->text = arena_printf(
			&c->report->arena, "the record does not let source %.*s send from %s (%s)",
			STR_ARG(sender->name), ip_format(&sender->ip, text, sizeof(text)),
			spf_result_name(result));
		if (f->level == DOCTOR_FAIL)
			return;
	}
}

static bool has_spf(const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++)
		if (str_starts_with_nocase(answer->records[i].name, STR("v=spf1")))
			return true;
	return false;
}

static void check_spf(struct check *c)
{
	const struct sending_domain *d = c->q->domain;
	struct str domain = str_is_empty(d->return_path) ? d->name : d->return_path;
	struct domain_finding f = {
		.level = DOCTOR_OK, .check = "SPF", .name = keep(c, domain), .type = "TXT"};
	struct dns_answer *answer = lookup_records(c->lookup, domain, DNS_TXT);
	if (!is_unknown(&f, answer->status)) {
		f.text = c->q->sender_count > 0 ? "the record lets every source send"
						: "there is a record; no source to check it with";
		if (has_spf(answer)) {
			judge_spf(c, domain, &f);
		} else {
			f.level = DOCTOR_FAIL;
			f.text = "there is no SPF record";
		}
	}
	if (f.level == DOCTOR_FAIL)
		f.publish = spf_advice(c);
	add(c, &f);
	free(answer);
}

/* ----------------------------------------------------------------------------------------- DMARC
 */

/* Whether the answer holds a DMARC record; its p= in *policy_out. */
static bool find_dmarc(struct check *c, const struct dns_answer *answer, const char **policy_out)
{
	for (size_t i = 0; i < answer->count; i++) {
		struct str rest = answer->records[i].name;
		if (!str_equals_nocase(str_trim(str_take_until(&rest, ';')), STR("v=DMARC1")))
			continue;
		while (rest.len > 0) {
			struct str value = str_trim(str_take_until(&rest, ';'));
			struct str tag = str_trim(str_take_until(&value, '='));
			if (str_equals_nocase(tag, STR("p")))
				*policy_out = keep(c, str_trim(value));
		}
		return true;
	}
	return false;
}

/* A record of the domain, or of one above it (RFC 7489 6.6.3; without the public suffix list, so
 * any above with a dot in it). */
static void check_dmarc(struct check *c)
{
	struct str domain = c->q->domain->name;
	struct domain_finding f = {.check = "DMARC", .type = "TXT"};
	const char *policy = NULL;
	bool is_found = false;
	f.name = arena_printf(&c->report->arena, "_dmarc.%.*s", STR_ARG(domain));
	while (!is_found && f.text == NULL && str_find_char(domain, '.') > 0) {
		const char *name = arena_printf(&c->report->arena, "_dmarc.%.*s", STR_ARG(domain));
		struct dns_answer *answer = lookup_records(c->lookup, str_from(name), DNS_TXT);
		if (!is_unknown(&f, answer->status))
			is_found = find_dmarc(c, answer, &policy);
		free(answer);
		str_take_until(&domain, '.');
	}
	if (is_found && policy != NULL) {
		f.level = DOCTOR_OK;
		f.text = arena_printf(&c->report->arena, "the policy is p=%s", policy);
	} else if (f.text == NULL) {
		f.level = DOCTOR_WARN;
		f.text = is_found ? "the record has no p=, so it counts for nothing"
				  : "there is no policy; Gmail and Yahoo want one of who sends in "
				    "bulk";
		f.publish = "v=DMARC1; p=none";
	}
	add(c, &f);
}

/* ------------------------------------------------------------------------------------- MX, bounces
 */

/* Can the domain take mail: an MX that is not null (RFC 7505), or an address? */
static void check_mx(struct check *c, const char *check, struct str domain,
		     enum doctor_level when_missing)
{
	struct domain_finding f = {
		.level = DOCTOR_OK, .check = check, .name = keep(c, domain), .type = "MX"};
	struct dns_answer *answer = lookup_records(c->lookup, domain, DNS_MX);
	struct dns_answer *address = NULL;
	if (is_unknown(&f, answer->status)) {
	} else if (answer->count > 0 && str_equals(answer->records[0].name, STR("."))) {
		f.level = when_missing;
		f.text = "its MX says that it takes no mail";
	} else if (answer->count > 0) {
		f.text = arena_printf(&c->report->arena, "mail to it goes to %.*s",
				      STR_ARG(answer->records[0].name));
	} else {
		address = lookup_records(c->lookup, domain, DNS_A);
		f.level = address->count > 0 ? DOCTOR_OK : when_missing;
		f.text = address->count > 0 ? "it has no MX, mail to it goes to its address"
					    : "it has neither MX nor address: mail to it is lost";
	}
	add(c, &f);
	free(address);
	free(answer);
}

/* ------------------------------------------------------------------------------------------ all
 */

void domain_check(struct lookup *lookup, const struct domain_question *q, struct domain_report *out)
{
	struct check c = {lookup, q, out};
	out->count = 0;
	arena_init(&out->arena, 0);
	check_keys(&c);
	check_spf(&c);
	check_dmarc(&c);
	if (!str_is_empty(q->domain->return_path))
		check_mx(&c, "return path", q->domain->return_path, DOCTOR_FAIL);
	check_mx(&c, "MX", q->domain->name, DOCTOR_WARN);
}

void domain_check_spf(struct lookup *lookup, const struct domain_question *q,
		      struct domain_report *out)
{
	struct check c = {lookup, q, out};
	out->count = 0;
	arena_init(&out->arena, 0);
	check_spf(&c);
}

enum domain_keys domain_check_keys(struct lookup *lookup, const struct sending_domain *domain,
				   struct buf *name_out)
{
	for (size_t i = 0; i < domain->key_count; i++) {
		if (domain->keys[i].state != SENDING_KEY_SIGNING)
			continue;
		size_t before = name_out->len;
		sending_key_record_name(domain, &domain->keys[i], name_out);
		struct str name = str_of(name_out->data + before, name_out->len - before);
		struct dns_answer *answer = lookup_records(lookup, name, DNS_TXT);
		bool is_known = lookup_is_known(answer->status), is_there = answer->count > 0;
		free(answer);
		if (!is_known || !is_there)
			return is_known ? DOMAIN_KEYS_LACKING : DOMAIN_KEYS_UNKNOWN;
		name_out->len = before;
	}
	return DOMAIN_KEYS_PUBLISHED;
}

void domain_report_done(struct domain_report *report)
{
	arena_done(&report->arena);
	report->count = 0;
}

enum doctor_level domain_report_worst(const struct domain_report *report)
{
	enum doctor_level worst = DOCTOR_OK;
	for (size_t i = 0; i < report->count; i++)
		if (report->findings[i].level > worst)
			worst = report->findings[i].level;
	return worst;
}

json_t *domain_report_json(const struct domain_report *report, struct str domain)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < report->count; i++) {
		const struct domain_finding *f = &report->findings[i];
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "level",
						      doctor_level_name(f->level), "check",
						      f->check, "name", f->name, "type", f->type,
						      "text", f->text, "publish", f->publish));
	}
	return json_pack("{s:s%, s:s, s:o}", "domain", domain.ptr, domain.len, "level",
			 doctor_level_name(domain_report_worst(report)), "rows", rows);
}

/* SPDX-License-Identifier: MIT */
/* The verbs about sending domains: their settings, keys and DNS rows. */
#include <stdlib.h>

#include "engine/mail/dkim.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/settings_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/domain_check.h"
#include "scheduler/setup/sending_domain.h"

#define RECORD_MAX 16384

/* ----------------------------------------------------------------------------------------- as JSON
 */

static json_t *key_json(const struct sending_domain *d, const struct sending_key *key)
{
	struct buf name, value;
	buf_init(&name, RECORD_MAX);
	buf_init(&value, RECORD_MAX);
	sending_key_record_name(d, key, &name);
	sending_key_record_value(key, &value);
	json_t *json =
		json_pack("{s:o, s:s, s:s, s:o, s:s, s:o}", "selector", json_of_str(key->selector),
			  "algorithm", signer_algorithm_name(key->algorithm), "state",
			  sending_key_state_name(key->state), "name", json_of_str(buf_str(&name)),
			  "type", "TXT", "value", json_of_str(buf_str(&value)));
	buf_done(&name);
	buf_done(&value);
	return json;
}

static json_t *domain_json(const struct sending_domain *d)
{
	json_t *keys = json_array();
	for (size_t i = 0; i < d->key_count; i++)
		json_array_append_new(keys, key_json(d, &d->keys[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", json_of_str(d->name), "return_path",
			 json_of_text_or_null(d->return_path), "feedback_id",
			 json_of_text_or_null(d->feedback_id), "unsubscribe_base",
			 json_of_text_or_null(d->unsubscribe_base), "keys", keys);
}

/* The domain as it is now, and what was warned of. */
static int print_now(struct cli *cli, struct str name, json_t *warnings, struct err *err)
{
	struct sending_domains found;
	if (sending_domains_load(cli->db, name, &found, err) != 0)
		return -1;
	json_t *json = domain_json(&found.items[0]);
	json_object_set(json, "warnings", warnings);
	sending_domains_done(&found);
	return cli_print_json(cli, json);
}

/* -------------------------------------------------------------------------------------- add, set
 */

static struct sending_domain domain_of(const struct cli *cli)
{
	return (struct sending_domain){.name = str_from(cli_arg(cli, 0)),
				       .return_path = steer_option(cli, "return-path"),
				       .feedback_id = steer_option(cli, "feedback-id"),
				       .unsubscribe_base = steer_option(cli, "unsubscribe-base")};
}

/* Warns of what was given; with --json, prints the domain as it is now. */
static int report(struct cli *cli, const struct sending_domain *d, struct err *err)
{
	int result = 0;
	json_t *warnings = json_array();
	if (str_starts_with(d->unsubscribe_base, STR("http://")))
		steer_warn(cli, warnings,
			   "receivers follow one-click unsubscribe links over https only (RFC "
			   "8058)");
	if (cli->wants_json)
		result = print_now(cli, d->name, warnings, err);
	json_decref(warnings);
	return result;
}

static int run_add(struct cli *cli, struct err *err)
{
	struct sending_domain d = domain_of(cli);
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domain_add(db, &d, &change, err) != 0)
		return -1;
	if (report(cli, &d, err) != 0)
		return -1;
	if (!cli->wants_json)
		cli_printf(cli,
			   REPORT_SAY(cli, "sending domain %.*s; next: edm domain key %.*s\n",
				      "发信域名 %.*s；下一步：edm domain key %.*s\n"),
			   STR_ARG(d.name), STR_ARG(d.name));
	return 0;
}

static int run_set(struct cli *cli, struct err *err)
{
	struct sending_domain d = domain_of(cli);
	struct change change = steer_change(cli);
	if (d.return_path.ptr == NULL && d.feedback_id.ptr == NULL &&
	    d.unsubscribe_base.ptr == NULL)
		return err_set(err, ERR_USAGE,
			       "say what to change: --return-path, --feedback-id or "
			       "--unsubscribe-base");
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domain_set(db, &d, &change, err) != 0)
		return -1;
	if (report(cli, &d, err) != 0)
		return -1;
	if (!cli->wants_json)
		cli_printf(cli,
			   REPORT_SAY(cli, "sending domain %.*s is changed\n",
				      "发信域名 %.*s 已更改\n"),
			   STR_ARG(d.name));
	return 0;
}

static int count_in_use(const struct sending_domain *d)
{
	int count = 0;
	for (size_t i = 0; i < d->key_count; i++)
		count += d->keys[i].state != SENDING_KEY_RETIRED;
	return count;
}

static int run_remove(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct sending_domains found;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domains_load(db, str_from(cli_arg(cli, 0)), &found, err) != 0)
		return -1;
	const struct sending_domain *d = &found.items[0];
	int result = cli_confirm(cli, err, "Removing sending domain %.*s and retiring its %zu %s",
				 STR_ARG(d->name), d->key_count,
				 plural((int64_t)d->key_count, "key", "keys"));
	if (result == 0)
		result = sending_domain_remove(db, d->name, &change, err);
	if (result == 0 && cli->wants_json)
		result = cli_print_json(cli, json_pack("{s:o, s:s, s:i}", "name",
						       json_of_str(d->name), "state", "removed",
						       "keys_retired", count_in_use(d)));
	else if (result == 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "sending domain %.*s is removed\n",
				      "发信域名 %.*s 已移除\n"),
			   STR_ARG(d->name));
	sending_domains_done(&found);
	return result;
}

/* ------------------------------------------------------------------------------------------- key
 */

/* The row as a zone file has it. */
static void print_record(struct cli *cli, const struct sending_domain *d,
			 const struct sending_key *key)
{
	struct buf name, value, strings;
	buf_init(&name, RECORD_MAX);
	buf_init(&value, RECORD_MAX);
	buf_init(&strings, RECORD_MAX);
	sending_key_record_name(d, key, &name);
	sending_key_record_value(key, &value);
	dkim_txt_strings(buf_str(&value), &strings);
	cli_printf(cli, "%s. IN TXT %s\n", name.data, strings.data);
	buf_done(&name);
	buf_done(&value);
	buf_done(&strings);
}

/* What the options ask for: up to two keys to make. */
struct making {
	struct cli *cli;
	struct sending_domain *domain;
	struct secrets secrets;
	json_t *made;
};

static int make_one(struct making *m, enum signer_algorithm algorithm, struct str selector,
		    struct err *err)
{
	char made[SENDING_SELECTOR_MAX + 1];
	struct change change = steer_change(m->cli);
	struct sending_domains now;
	struct sending_key_order order = {.domain = m->domain,
					  .selector = selector,
					  .algorithm = algorithm,
					  .state = cli_flag(m->cli, "later") ? SENDING_KEY_LATER
									     : SENDING_KEY_SIGNING,
					  .secrets = &m->secrets};
	if (sending_key_make(m->cli->db, &order, &change, made, err) != 0 ||
	    sending_domains_load(m->cli->db, m->domain->name, &now, err) != 0)
		return -1;
	const struct sending_key *key = sending_key_find(&now.items[0], str_from(made));
	must(key != NULL);
	json_array_append_new(m->made, key_json(m->domain, key));
	if (!m->cli->wants_json)
		print_record(m->cli, m->domain, key);
	sending_domains_done(&now);
	return 0;
}

static bool has_rsa(const struct sending_domain *d)
{
	for (size_t i = 0; i < d->key_count; i++)
		if (d->keys[i].algorithm == SIGNER_RSA && d->keys[i].state != SENDING_KEY_RETIRED)
			return true;
	return false;
}

/* Ed25519 stands beside RSA, which more receivers check: without an RSA key both are made. */
static int make_keys(struct making *m, struct err *err)
{
	struct str selector = steer_option(m->cli, "selector");
	char beside[SENDING_SELECTOR_MAX + 8] = "";
	bool wants_both = !has_rsa(m->domain);
	if (!cli_flag(m->cli, "ed25519"))
		return make_one(m, SIGNER_RSA, selector, err);
	if (!wants_both)
		return make_one(m, SIGNER_ED25519, selector, err);
	if (str_is_empty(selector))
		selector = STR("edm1");
	snprintf(beside, sizeof(beside), "%.*se", STR_ARG(str_slice(selector, 0, 62)));
	if (make_one(m, SIGNER_RSA, selector, err) != 0)
		return -1;
	return make_one(m, SIGNER_ED25519, str_from(beside), err);
}

static int run_making(struct cli *cli, struct sending_domain *d, struct err *err)
{
	struct making m = {.cli = cli, .domain = d};
	if (secrets_load(cli->place.data_dir, true, &m.secrets, err) != 0)
		return -1;
	m.made = json_array();
	int result = make_keys(&m, err);
	secrets_wipe(&m.secrets);
	if (result == 0 && cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:o}", "domain", json_of_str(d->name),
						     "keys", m.made));
	json_decref(m.made);
	if (result == 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "; publish it, then: edm domain check %.*s\n"
				      "; other nodes need a copy of %s/node.key\n",
				      "; 请发布该记录，然后：edm domain check %.*s\n"
				      "; 其他节点需要 %s/node.key 的副本\n"),
			   STR_ARG(d->name), cli->place.data_dir);
	return result;
}

static const char *key_state_words(const struct cli *cli, enum sending_key_state state)
{
	return words_named_state(sending_key_state_name(state), report_language(cli));
}

static int move_key(struct cli *cli, struct sending_domain *d, struct str selector,
		    enum sending_key_state state, struct err *err)
{
	struct change change = steer_change(cli);
	const struct sending_key *key = sending_key_find(d, selector);
	if (key == NULL)
		return err_set(err, ERR_NOT_FOUND, "%.*s has no key with the selector \"%.*s\"",
			       STR_ARG(d->name), STR_ARG(selector));
	struct sending_key moved = *key;
	moved.state = state;
	if (sending_key_move(cli->db, d, &moved, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:[o]}", "domain", json_of_str(d->name),
						     "keys", key_json(d, &moved)));
	cli_printf(cli, REPORT_SAY(cli, "key %.*s of %.*s is %s\n", "密钥 %.*s（%.*s）：%s\n"),
		   STR_ARG(key->selector), STR_ARG(d->name), key_state_words(cli, state));
	return 0;
}

static int run_key(struct cli *cli, struct err *err)
{
	struct str sign = steer_option(cli, "sign");
	struct str retire = steer_option(cli, "retire");
	struct sending_domains found;
	bool makes =
		cli_option(cli, "selector") || cli_flag(cli, "ed25519") || cli_flag(cli, "later");
	if (!str_is_empty(sign) + !str_is_empty(retire) + makes > 1)
		return err_set(err, ERR_USAGE,
			       "--sign and --retire stand alone: they are about a key that is "
			       "there");
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domains_load(db, str_from(cli_arg(cli, 0)), &found, err) != 0)
		return -1;
	struct sending_domain *d = &found.items[0];
	int result;
	if (!str_is_empty(sign))
		result = move_key(cli, d, sign, SENDING_KEY_SIGNING, err);
	else if (!str_is_empty(retire))
		result = move_key(cli, d, retire, SENDING_KEY_RETIRED, err);
	else
		result = run_making(cli, d, err);
	sending_domains_done(&found);
	return result;
}

/* ------------------------------------------------------------------------------------------ show
 */

static void domain_row(const struct cli *cli, struct table *t, const struct sending_domain *d)
{
	struct buf keys;
	buf_init(&keys, 4096);
	for (size_t i = 0; i < d->key_count; i++)
		buf_appendf(&keys, "%s%.*s %s %s", i > 0 ? ", " : "", STR_ARG(d->keys[i].selector),
			    signer_key_type(d->keys[i].algorithm),
			    key_state_words(cli, d->keys[i].state));
	table_str(t, d->name);
	table_str_or_dash(t, buf_str(&keys));
	table_str_or_dash(t, d->return_path);
	table_str_or_dash(t, d->feedback_id);
	table_str_or_dash(t, d->unsubscribe_base);
	buf_done(&keys);
}

static void print_records(struct cli *cli, const struct sending_domain *d)
{
	for (size_t i = 0; i < d->key_count; i++)
		print_record(cli, d, &d->keys[i]);
}

static int run_show(struct cli *cli, struct err *err)
{
	struct sending_domains found;
	struct table t;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domains_load(db, str_from(cli_arg(cli, 0)), &found, err) != 0)
		return -1;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "domain|keys|return path|feedback id|unsubscribe base",
				  "发信域名|密钥|退信域名|Feedback-ID|退订地址"));
	for (size_t i = 0; i < found.count; i++) {
		json_array_append_new(list, domain_json(&found.items[i]));
		domain_row(cli, &t, &found.items[i]);
	}
	if (cli->wants_json) {
		table_done(&t);
		cli_print_json(cli, json_pack("{s:o}", "domains", list));
	} else {
		json_decref(list);
		table_print(&t, cli,
			    REPORT_SAY(cli, "no sending domain yet: edm domain add example.com",
				       "还没有发信域名：edm domain add example.com"));
		if (cli_arg(cli, 0) != NULL)
			print_records(cli, &found.items[0]);
	}
	sending_domains_done(&found);
	return 0;
}

/* ----------------------------------------------------------------------------------------- check
 */

static const char *tick(enum doctor_level level)
{
	switch (level) {
	case DOCTOR_OK:
		return "✓";
	case DOCTOR_WARN:
		return "!";
	case DOCTOR_FAIL:
		return "✗";
	}
	return "?";
}

static void print_report(struct cli *cli, const struct domain_report *report)
{
	struct buf check, text;
	buf_init(&check, RECORD_MAX);
	buf_init(&text, RECORD_MAX);
	for (size_t i = 0; i < report->count; i++) {
		const struct domain_finding *f = &report->findings[i];
		cli_printf(cli, REPORT_SAY(cli, "%s %s  (%s %s): %s\n", "%s %s（%s %s）：%s\n"),
			   tick(f->level), report_sentence(cli, f->check, &check), f->name, f->type,
			   report_sentence(cli, f->text, &text));
		if (f->publish != NULL) {
			struct buf strings;
			buf_init(&strings, RECORD_MAX);
			dkim_txt_strings(str_from(f->publish), &strings);
			cli_printf(cli,
				   REPORT_SAY(cli, "    publish: %s. IN %s %s\n",
					      "    请发布：%s. IN %s %s\n"),
				   f->name, f->type, strings.data);
			buf_done(&strings);
		}
	}
	buf_done(&check);
	buf_done(&text);
}

static struct lookup *open_lookup(const struct cli *cli, struct err *err)
{
	struct conf *conf = cli_settings(cli, err);
	struct lookup *lookup = conf ? lookup_open(conf, LOOKUP_PATIENT, err) : NULL;
	conf_drop(conf);
	return lookup;
}

/* The addresses mail comes from: those of the sources in use. */
static size_t senders_of(const struct ip_pool_snapshot *s, struct domain_sender *out)
{
	size_t count = 0;
	for (size_t i = 0; i < s->source_count; i++)
		if (ip_parse(s->sources[i].public_address, &out[count].ip) == 0)
			out[count++].name = s->sources[i].name;
	return count;
}

static int check_domain(struct cli *cli, const struct sending_domain *d,
			const struct ip_pool_snapshot *s, struct err *err)
{
	struct secrets secrets;
	struct err no_key;
	struct domain_sender *senders = xcalloc(s->source_count + 1, sizeof(senders[0]));
	struct domain_report *report = xcalloc(1, sizeof(*report));
	bool has_key = secrets_load(cli->place.data_dir, false, &secrets, &no_key) == 0;
	struct domain_question q = {.domain = d,
				    .secrets = has_key ? &secrets : NULL,
				    .senders = senders,
				    .sender_count = senders_of(s, senders)};
	struct lookup *lookup = open_lookup(cli, err);
	int result = lookup == NULL ? -1 : 0;
	if (lookup != NULL) {
		domain_check(lookup, &q, report);
		if (cli->wants_json)
			cli_print_json(cli, domain_report_json(report, d->name));
		else
			print_report(cli, report);
		if (domain_report_worst(report) == DOCTOR_FAIL)
			result = err_set(err, ERR_CONFIG,
					 "the DNS of %.*s is not ready: publish what is marked ✗",
					 STR_ARG(d->name));
		domain_report_done(report);
	}
	lookup_close(lookup);
	secrets_wipe(&secrets);
	free(report);
	free(senders);
	return result;
}

static int run_check(struct cli *cli, struct err *err)
{
	struct sending_domains found;
	struct ip_pool_snapshot *s = NULL;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || sending_domains_load(db, str_from(cli_arg(cli, 0)), &found, err) != 0)
		return -1;
	int result = steer_load(cli, &s, err);
	if (result == 0)
		result = check_domain(cli, &found.items[0], s, err);
	ip_pool_snapshot_drop(s);
	sending_domains_done(&found);
	return result;
}

/* ----------------------------------------------------------------------------------------- verbs
 */

static const struct arg_option domain_options[] = {
	{"return-path", "DOMAIN", "domain bounces come back to (default: the From address)"},
	{"feedback-id", "TEXT", "sender part of Feedback-ID, as Gmail's postmaster tools show it"},
	{"unsubscribe-base", "URL", "where unsubscribe links lead; without it there are none"},
	{NULL, NULL, NULL},
};

static const struct arg_option key_options[] = {
	{"selector", "S", "name of the key's record (default: edm1, edm2, …)"},
	{"ed25519", NULL, "an Ed25519 key, beside RSA, which more receivers check"},
	{"later", NULL, "do not sign with it yet (then: --sign S)"},
	{"sign", "S", "sign with the key S that is there"},
	{"retire", "S", "sign no more with the key S"},
	{NULL, NULL, NULL},
};

static const struct arg_option check_options[] = {
	{"set", "KEY=VALUE …", "a setting for this run, as in dns.servers=127.0.0.1"},
	{NULL, NULL, NULL},
};

const struct cli_verb domain_verbs[] = {
	{.noun = "domain",
	 .verb = "add",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = domain_options,
	 .summary = "Add a domain to send from",
	 .examples = "    edm domain add example.com --return-path bounce.example.com",
	 .takes_json = true,
	 .changes = true,
	 .run = run_add},
	{.noun = "domain",
	 .verb = "set",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = domain_options,
	 .summary = "Change a sending domain; an empty value takes one away",
	 .examples = "    edm domain set example.com --unsubscribe-base https://example.com/u",
	 .takes_json = true,
	 .changes = true,
	 .run = run_set},
	{.noun = "domain",
	 .verb = "key",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = key_options,
	 .summary = "Make a DKIM key and print the row to publish; or begin or end its use",
	 .examples = "    edm domain key example.com\n"
		     "    edm domain key example.com --selector s2027 --later\n"
		     "    edm domain key example.com --sign s2027\n"
		     "    edm domain key example.com --retire edm1",
	 .takes_json = true,
	 .changes = true,
	 .run = run_key},
	{.noun = "domain",
	 .verb = "show",
	 .synopsis = "[NAME]",
	 .max_args = 1,
	 .summary = "Show the sending domains, or one with its rows",
	 .examples = "    edm domain show\n"
		     "    edm domain show example.com --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "domain",
	 .verb = "check",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = check_options,
	 .summary = "Check the DNS rows of a domain: DKIM, SPF, DMARC, return path, MX",
	 .examples = "    edm domain check example.com",
	 .takes_json = true,
	 .run = run_check},
	{.noun = "domain",
	 .verb = "remove",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Stop sending from a domain and retire its keys",
	 .examples = "    edm domain remove example.com --yes",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_remove},
	{0},
};

/* SPDX-License-Identifier: MIT */
/* Command line; see options.h. */
#include "tests/sink/options.h"

#include <string.h>

#define LOOPBACK_NET 127u

const char options_help[] =
	"edm-sink: a scripted SMTP receiver on loopback addresses\n"
	"\n"
	"  --listen A.B.C.D[-E]:PORT  listen there (repeatable; 127.0.0.0/8 only; port 0 = any "
	"free)\n"
	"  --config FILE    profiles and more listeners (JSON; tests/sink/profile.h, rule.h)\n"
	"  --log FILE       one tab-separated line an event (tests/sink/events.h)\n"
	"  --stats FILE     JSON at the end and on SIGUSR1 (tests/sink/stats.h)\n"
	"  --count N        end after N accepted copies\n"
	"  --idle-exit S    end after S seconds without input\n"
	"  --save-dir DIR   keep accepted messages as DIR/QUEUE-ID.eml\n"
	"  --save-every K   but only each K-th (default 1)\n"
	"  --verify-rcpt    count copies whose To: does not name the recipient\n"
	"  --seed N         for shares and delays (default 1)\n"
	"\n"
	"A listener of --listen has the profile \"default\" of the file, else a plain one. SIGHUP\n"
	"reads the file again: profiles change at once, listeners do not. When it listens it "
	"prints\n"
	"\"ready ADDRESS:PORT ...\" on standard output.\n";

static int take_number(const char *text, uint64_t *out, struct err *err)
{
	if (str_to_u64(str_from(text), out) != 0)
		return err_set(err, ERR_USAGE, "\"%s\" is not a number", text);
	return 0;
}

static int take_value(struct options *o, const char *name, const char *value, struct err *err)
{
	const struct {
		const char *name;
		const char **text;
		uint64_t *number;
	} known[] = {
		{"--log", &o->log, NULL},
		{"--stats", &o->stats, NULL},
		{"--config", &o->config, NULL},
		{"--save-dir", &o->save_dir, NULL},
		{"--save-every", NULL, &o->save_every},
		{"--count", NULL, &o->count},
		{"--idle-exit", NULL, &o->idle_exit_s},
		{"--seed", NULL, &o->seed},
		{"--listen", o->listen_count < LISTENS_MAX ? &o->listens[o->listen_count] : NULL,
		 NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		if (value == NULL)
			return err_set(err, ERR_USAGE, "%s wants a value", name);
		if (known[i].number != NULL)
			return take_number(value, known[i].number, err);
		if (known[i].text == NULL)
			return err_set(err, ERR_USAGE, "more than %u %s", LISTENS_MAX, name);
		o->listen_count += known[i].text == &o->listens[o->listen_count];
		*known[i].text = value;
		return 0;
	}
	return err_set(err, ERR_USAGE, "unknown option %s; try --help", name);
}

int options_parse(struct options *o, int argc, char **argv, struct err *err)
{
	*o = (struct options){.save_every = 1, .seed = 1};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			o->wants_help = true;
		} else if (strcmp(argv[i], "--verify-rcpt") == 0) {
			o->verify_rcpt = true;
		} else {
			if (take_value(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err) != 0)
				return -1;
			i++;
		}
	}
	if (o->listen_count == 0 && o->config == NULL && !o->wants_help)
		return err_set(err, ERR_USAGE, "--listen or --config is wanted; try --help");
	if (o->save_every == 0)
		return err_set(err, ERR_USAGE, "--save-every 0 saves nothing");
	return 0;
}

static int take_octet(struct str text, uint32_t *out)
{
	uint64_t value;
	if (str_to_u64(text, &value) != 0 || value > 255)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int parse_range(struct str text, struct address_range *out)
{
	uint32_t address = 0, octet = 0, last;
	uint64_t port;
	struct str part, host = str_take_until(&text, ':');
	if (str_to_u64(text, &port) != 0 || port > UINT16_MAX)
		return -1;
	for (int i = 0; i < 4; i++) {
		part = i < 3 ? str_take_until(&host, '.') : str_take_until(&host, '-');
		if (take_octet(part, &octet) != 0)
			return -1;
		address = address << 8 | octet;
	}
	last = octet;
	if (host.len > 0 && take_octet(host, &last) != 0)
		return -1;
	if (last < octet)
		return -1;
	*out = (struct address_range){address, last - octet + 1, (uint16_t)port};
	return 0;
}

int address_range_parse(struct str text, struct address_range *out, struct err *err)
{
	struct address_range range;
	if (parse_range(text, &range) != 0)
		return err_set(err, ERR_USAGE, "\"%.*s\" is not A.B.C.D[-E]:PORT", STR_ARG(text));
	if (range.first >> 24 != LOOPBACK_NET)
		return err_set(err, ERR_USAGE, "%.*s: only addresses in 127.0.0.0/8",
			       STR_ARG(text));
	*out = range;
	return 0;
}

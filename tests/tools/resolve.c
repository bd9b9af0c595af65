/* SPDX-License-Identifier: MIT */
/*
 * resolve: drives engine/dns for the scenarios. Commands on standard input, a line each:
 *
 *	mx DOMAIN · host HOST · txt NAME · ptr ADDRESS	ask; all lines up to "sync" are in flight at
 *once cancel DOMAIN	ask for its MX and cancel at once sync		wait for everything asked so
 *far stats		print the counters
 *
 * Options: key=value of servers, allow (one range), attempt_ms, total_ms, ttl_min_ms, failure_ms,
 * stale_ms, in_flight, ipv6. Each answer is a line of JSON on standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/dns/resolver.h"

struct driver {
	struct loop *loop;
	struct resolver *resolver;
	size_t open;	   /* requests not answered */
	bool is_waiting;   /* in "sync" */
	struct list asked; /* struct asked: those requests */
};

struct asked {
	struct list node;
	struct driver *driver;
	char *name;
};

static struct asked *ask(struct driver *d, struct str name)
{
	struct asked *asked = xcalloc(1, sizeof(*asked));
	asked->driver = d;
	list_init(&asked->node);
	list_push_back(&d->asked, &asked->node);
	asked->name = xstrndup(name.ptr, name.len);
	d->open++;
	return asked;
}

static void done(struct asked *asked)
{
	struct driver *d = asked->driver;
	if (--d->open == 0 && d->is_waiting)
		loop_stop(d->loop);
	list_remove(&asked->node);
	free(asked->name);
	free(asked);
}

static void on_mx(void *owner, struct mx_answer *answer)
{
	struct asked *asked = owner;
	printf("{\"asked\": \"%s\", \"result\": \"%s\", \"site\": \"%s\", \"implicit\": %s, "
	       "\"hosts\": [",
	       asked->name, mx_result_name(answer->result), answer->site.ptr,
	       answer->is_implicit ? "true" : "false");
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct mx_host *host = &answer->hosts[i];
		printf("%s{\"name\": \"%s\", \"preference\": %u, \"addresses\": [", i ? ", " : "",
		       host->name.ptr, host->preference);
		for (size_t k = 0; k < host->address_count; k++) {
			char ip[IP_TEXT_SIZE];
			printf("%s\"%s\"", k ? ", " : "",
			       ip_format(&host->addresses[k], ip, sizeof(ip)));
		}
		printf("]}");
	}
	printf("]}\n");
	done(asked);
}

static void on_records(void *owner, const struct dns_answer *answer)
{
	struct asked *asked = owner;
	printf("{\"asked\": \"%s\", \"result\": \"%s\", \"ttl\": %u, \"records\": [", asked->name,
	       dns_status_name(answer->status), answer->ttl_s);
	for (size_t i = 0; i < answer->count; i++)
		printf("%s\"%.*s\"", i ? ", " : "", STR_ARG(answer->records[i].name));
	printf("]}\n");
	done(asked);
}

static void print_stats(struct driver *d)
{
	struct resolver_stats s;
	resolver_stats(d->resolver, &s);
	printf("{\"requests\": %ju, \"hits\": %ju, \"questions\": %ju, \"timeouts\": %ju, "
	       "\"failures\": %ju, \"stale_used\": %ju, \"in_flight\": %zu, \"cached\": %zu, "
	       "\"bytes\": %zu}\n",
	       (uintmax_t)s.requests, (uintmax_t)s.hits, (uintmax_t)s.questions,
	       (uintmax_t)s.timeouts, (uintmax_t)s.failures, (uintmax_t)s.stale_used, s.in_flight,
	       s.cached, s.cached_bytes);
}

static void ask_ptr(struct driver *d, struct str address)
{
	struct ip ip;
	char name[DNS_NAME_MAX + 1];
	must(ip_parse(address, &ip) == 0);
	must(resolver_query(d->resolver, dns_reverse_name(&ip, name), DNS_PTR, on_records,
			    ask(d, address)) != NULL);
}

static void run_command(struct driver *d, struct str line)
{
	struct str verb = str_take_until(&line, ' ');
	if (str_equals(verb, STR("mx"))) {
		resolver_mx(d->resolver, line, on_mx, ask(d, line));
	} else if (str_equals(verb, STR("host"))) {
		resolver_host(d->resolver, line, on_mx, ask(d, line));
	} else if (str_equals(verb, STR("txt"))) {
		must(resolver_query(d->resolver, line, DNS_TXT, on_records, ask(d, line)) != NULL);
	} else if (str_equals(verb, STR("ptr"))) {
		ask_ptr(d, line);
	} else if (str_equals(verb, STR("cancel"))) {
		struct asked *asked = ask(d, line);
		resolver_cancel(resolver_mx(d->resolver, line, on_mx, asked));
		done(asked);
	} else if (str_equals(verb, STR("stats"))) {
		print_stats(d);
	} else {
		must(str_equals(verb, STR("sync")));
		d->is_waiting = d->open > 0;
		if (d->is_waiting)
			loop_run(d->loop);
		d->is_waiting = false;
	}
	fflush(stdout);
}

static void set_number(struct str key, struct str value, struct resolver_options *o)
{
	int64_t number;
	must(str_to_i64(value, &number) == 0);
	if (str_equals(key, STR("attempt_ms")))
		o->attempt_ms = number;
	else if (str_equals(key, STR("total_ms")))
		o->total_ms = number;
	else if (str_equals(key, STR("ttl_min_ms")))
		o->ttl_min_ms = number;
	else if (str_equals(key, STR("failure_ms")))
		o->failure_ms = number;
	else if (str_equals(key, STR("stale_ms")))
		o->stale_ms = number;
	else if (str_equals(key, STR("in_flight")))
		o->in_flight_max = (size_t)number;
	else if (str_equals(key, STR("ipv6")))
		o->policy.uses_ipv6 = number != 0;
	else
		must(false && "a known option");
}

int main(int argc, char **argv)
{
	struct resolver_options options = resolver_options_default();
	struct ip_range allowed;
	struct err err;
	for (int i = 1; i < argc; i++) {
		struct str value = str_from(argv[i]);
		struct str key = str_take_until(&value, '=');
		if (str_equals(key, STR("servers"))) {
			options.servers = value;
		} else if (str_equals(key, STR("allow"))) {
			must(ip_range_parse(value, &allowed) == 0);
			options.policy.allowed = &allowed;
			options.policy.allowed_count = 1;
		} else {
			set_number(key, value, &options);
		}
	}
	struct driver d = {.loop = loop_new()};
	list_init(&d.asked);
	d.resolver = resolver_open(d.loop, &options, &err);
	if (d.resolver == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	char line[1024];
	while (fgets(line, sizeof(line), stdin) != NULL)
		run_command(&d, str_trim(str_from(line)));
	resolver_close(d.resolver);
	LIST_EACH (it, &d.asked)
		done(LIST_ITEM(it, struct asked, node));
	loop_turn(d.loop, false);
	loop_turn(d.loop, false);
	loop_free(d.loop);
	return 0;
}

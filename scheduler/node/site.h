/* SPDX-License-Identifier: MIT */
/*
 * A site at run time: the hosts of one provider behind a recipient domain (mx_sites.h), and how
 * each of them is doing.
 *
 * Made by control's dispatch when a domain's MX set is known (or a route names its host), shared by
 * all jobs that go there. Key, provider and worker never change. What a host has done to us lives
 * with the worker that owns the provider; it survives a refresh of the addresses. Marks, which last
 * for long, go with the site to another worker.
 *
 * Threads: the count is atomic, and so are marks, which two workers may share while a site moves;
 * hosts belong to the owning worker.
 */
#ifndef EDM_SCHEDULER_NODE_SITE_H
#define EDM_SCHEDULER_NODE_SITE_H

#include <stdatomic.h>

#include "engine/base/list.h"
#include "engine/base/map.h"
#include "engine/dns/mx.h"
#include "engine/smtp/dialog.h"
#include "ip-pool/provider.h"

/* One host of a site as its worker sees it: hosts[i] of the answer. */
struct site_host {
	int64_t down_until_ms; /* no connection before; doubles while it fails */
	int64_t down_for_ms;   /* the present step of that doubling, 0 = it is up */
	bool is_probed;	       /* one connection tries whether it is up again */
	unsigned next_address; /* turns through its addresses */
	unsigned connections;  /* picked and not left yet */
};

/* What is not to be tried with a host for a while. */
enum site_mark {
	SITE_MARK_PLAIN,   /* its TLS is broken: without */
	SITE_MARK_IN_TURN, /* an overlapped session was lost or odd: no other */
	SITE_MARK_COUNT
};

/* Of the hosts of a site and of those that take its place. */
struct site_marks;

/* How a static route or the default wants it. Immutable. */
struct site_access {
	uint16_t port;
	enum tls_mode tls;
	struct str user, password; /* AUTH when user is not empty */
	struct str sealed;	   /* the password as the route has it */
};

struct site {
	struct map_node by_key; /* control's table */
	atomic_int refs;
	struct str key;	     /* the sorted MX set at its provider, or host:port of a route */
	struct str queue;    /* name of its provider queue: the provider, else the key */
	struct str provider; /* empty: of the tail */
	bool takes_verp;
	bool is_routed; /* named by a static route, not by DNS */
	size_t worker;	/* index of the owner */
	struct site_access access;
	uint64_t round;	      /* control's: of the routes and profiles it was last held against */
	_Atomic bool is_past; /* by DNS, and its hosts are to be spoken to in another way now */
	_Atomic(struct site_marks *) marks; /* a reference; NULL until there are some */

	/* The owning worker's. */
	struct site *before; /* whose place it took, until its own first addresses; a reference */
	struct mx_answer *answer; /* newest addresses; NULL before the first job */
	struct site_host *hosts;  /* answer->host_count of them */
	size_t opening;		  /* connections on their way up */
	uint64_t shuffle;	  /* seed of the next order of equals */
	struct list dead;	  /* worker_queue.dead_sites while it is dead */
	int64_t dead_since_ms;	  /* 0 = it is not */
	char last_host[256];	  /* the host that failed last … */
	char last_text[128];	  /* … and what it said or did */
};

/* The name of the site that a static route leads to. */
#define SITE_OF_ROUTE "%.*s:%u"
#define SITE_OF_ROUTE_ARGS(route) STR_ARG((route)->host), (unsigned)(route)->port

/* What a static route asks for; the password is not opened yet. Borrows the route's strings. */
struct site_access site_access_of(const struct route *route);
/* The same of a provider's hosts, and with NULL of others: usual is what the settings say. The
 * stricter word of profile and setting counts for TLS, but an operator's of a profile always. */
struct site_access site_access_of_provider(const struct provider *p,
					   const struct site_access *usual);
/* Whether the site, one by DNS, is still spoken to so. */
bool site_has_access(const struct site *s, const struct site_access *access);
/* Copies the strings; one reference. */
struct site *site_new(struct str key, struct str queue, struct str provider,
		      const struct site_access *access);
/* Whether both are the same but for what hosts did. */
bool site_is_like(const struct site *s, const struct site *other);
/* Whether mail of a domain with this route (NULL: by DNS) still belongs to the site. */
bool site_fits(const struct site *s, const struct route *route);
/* s takes the place of before, which had its key: marks pass on at once, and what else is known of
 * hosts with the first addresses if the worker is the same. What failed with another password or
 * another kind of TLS says nothing. */
void site_succeed(struct site *s, struct site *before);
struct site *site_hold(struct site *s);
void site_drop(struct site *s);

/* Takes the addresses of a job that just came in (worker). Marks of known hosts stay. */
void site_refresh(struct site *s, struct mx_answer *answer);
/* What is known of the host called name; NULL when it is not of this site any more. */
struct site_host *site_host_named(struct site *s, struct str name);

struct site_pick {
	struct str name; /* of the host; valid until the next refresh */
	struct ip ip;
	bool is_plain; /* its TLS is broken: go without */
	bool may_overlap;
	bool is_probe; /* nobody else tries this host meanwhile: site_probe_over follows */
};

/* When a host may be connected to: now, or when the first is tried again; INT64_MAX when the probes
 * under way must end first. */
int64_t site_opens_at(const struct site *s, int64_t now);
/* The host to connect to next and its address: by preference, those that are down left out, among
 * equals the one with the fewest connections, any of those (RFC 5321 section 5.1 wants the load
 * spread); one that was down is tried by one connection at a time. site_opens_at must have said
 * now; site_left follows. */
void site_pick_host(struct site *s, int64_t now, struct site_pick *out);
/* The connection to a host that was picked is no more; NULL is fine. */
void site_left(struct site_host *h);
/* The connection to a host picked as a probe ended, greeted or not; NULL is fine. */
void site_probe_over(struct site_host *h);
/* A connection to host failed, of which text tells; true if the site is dead of it: every host has
 * failed, and none was greeted since. A host that left the site does not count. */
bool site_failed(struct site *s, struct str host, struct str text, int64_t now);
/* A connection was good; true if the site was dead. */
bool site_greeted(struct site *s, struct str host);
bool site_is_dead(const struct site *s);
/* Marks the host until then; the owning worker. */
void site_mark(struct site *s, struct str host, enum site_mark mark, int64_t until_ms);
bool site_is_marked(struct site *s, struct str host, enum site_mark mark, int64_t now);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A site at run time: the hosts behind a recipient domain, and how each of them is doing.
 *
 * Made by control's dispatch when a domain's MX set is known (or a route names its host), shared by
 * all jobs that go there. Key, provider and worker never change. What a host has done to us lives
 * with the worker that owns the provider; it survives a refresh of the addresses.
 *
 * Threads: the count is atomic; hosts and marks belong to the owning worker.
 */
#ifndef EDM_SCHEDULER_NODE_SITE_H
#define EDM_SCHEDULER_NODE_SITE_H

#include <stdatomic.h>

#include "engine/base/map.h"
#include "engine/dns/mx.h"
#include "engine/smtp/dialog.h"

/* One host of a site as its worker sees it: hosts[i] of the answer. */
struct site_host {
	int64_t down_until_ms;	     /* no connection before; doubles while it fails */
	int64_t down_for_ms;	     /* the present step of that doubling, 0 = it is up */
	int64_t plain_until_ms;	     /* its TLS is broken: without, until then */
	int64_t no_overlap_until_ms; /* an overlapped session was lost or odd */
	unsigned next_address;	     /* turns through its addresses */
};

/* How a static route or the default wants it. Immutable. */
struct site_access {
	uint16_t port;
	enum tls_mode tls;
	struct str user, password; /* AUTH when user is not empty */
};

struct site {
	struct map_node by_key; /* control's table */
	atomic_int refs;
	struct str key;	     /* the sorted MX set, or host:port of a route */
	struct str queue;    /* name of its provider queue: the provider, else the key */
	struct str provider; /* empty: of the tail */
	bool takes_verp;
	size_t worker; /* index of the owner */
	struct site_access access;

	/* The owning worker's. */
	struct mx_answer *answer; /* newest addresses; NULL before the first job */
	struct site_host *hosts;  /* answer->host_count of them */
	size_t opening;		  /* connections on their way up */
	uint64_t shuffle;	  /* seed of the next order of equals */
};

/* Copies the strings; one reference. */
struct site *site_new(struct str key, struct str queue, struct str provider,
		      const struct site_access *access);
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
};

/* The host to connect to next and its address: by preference, those that are down left out. -1 and
 * *until_ms when all are. */
int site_pick_host(struct site *s, int64_t now, struct site_pick *out, int64_t *until_ms) NODISCARD;
/* True when every host is down. */
bool site_is_down(const struct site *s, int64_t now);
/* A connection failed, or was good; NULL is fine. */
void site_host_failed(struct site_host *h, int64_t now);
void site_host_greeted(struct site_host *h);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Providers: named groups of mail exchangers, with the numbers known to be tolerated there.
 *
 * The built-in table is schemas/rules/providers.json; operators' overrides win field by field. A
 * host belongs to the provider with the longest suffix that ends at a label boundary; what belongs
 * to none is of the tail, and each such site is limited by itself. A suffix ".qq.com" and "qq.com"
 * mean the same: that name and every name below it. Immutable after loading; any thread.
 */
#ifndef EDM_IP_POOL_PROVIDER_H
#define EDM_IP_POOL_PROVIDER_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "ip-pool/limit.h"
#include "ip-pool/route.h"

#define PROVIDER_HOST_MAX 255

/* How encrypted mail to a provider has to be, in the words of routes. */
struct provider_tls {
	bool is_stated;	   /* else the setting smtp.tls says */
	bool is_operators; /* stated by an operator: it wins, also when the setting is stricter */
	enum route_tls mode;
};

struct provider {
	struct str name;
	struct str title_en, title_zh;
	struct str *mx_suffixes; /* normalised: lower case, no dot at either end */
	size_t mx_suffix_count;
	struct str *domains; /* recipient domains known to live there: a guess before DNS */
	size_t domain_count;
	bool verp; /* takes an envelope sender that differs from From */
	struct provider_tls tls;
	struct limit_values limits;
	int64_t initial_connections;
};

struct provider_table;

/* Operators' changes to one provider, in the shape of its profile: keys that stand there win, key
 * by key inside "limits". A name the table does not have is a provider of its own. */
struct provider_override {
	struct str name;
	struct str json; /* {"limits":{"connections":5}, …} */
};

/* What an operator's command said of a profile, and till when. */
struct provider_change {
	struct provider_override override;
	int64_t number;	  /* of the command */
	int64_t until_ms; /* LIMIT_FOREVER, or when it ends by itself */
	struct str set_by, because;
};

struct provider_changes {
	struct provider_change *items; /* of those about one provider the later one wins */
	size_t count;
};

/* A number of a profile: its key in the profile's JSON, how it is typed (before and after the
 * number), and the most it may be. */
struct provider_number {
	const char *key, *typed, *per;
	int64_t max;
	enum limit_kind kind;
	enum limit_period period; /* of kinds that have one */
	size_t offset;		  /* in struct limit_values */
};

#define PROVIDER_NUMBERS 6
extern const struct provider_number provider_numbers[PROVIDER_NUMBERS];
/* Where number i stands. */
int64_t *provider_number_at(struct limit_values *v, size_t i);

/* Parses, checks and lints a table of the shape {"providers":[…]}. -1 with a sentence (ERR_INPUT).
 */
int provider_table_parse(struct str json, struct provider_table **table_out,
			 struct err *err) NODISCARD;
/* The built-in table with overrides put in force; -1 with a sentence if that makes no sense. Of a
 * name that two providers have the later one, an operator's own, has it: an override that was sound
 * when it was made must not keep a newer version, which knows more names, from starting. */
int provider_table_builtin(const struct provider_override *overrides, size_t count,
			   struct provider_table **table_out, struct err *err) NODISCARD;
/* The built-in table with those of the changes in force that have not ended at now (ms, of the
 * clock of until_ms). */
int provider_table_made(const struct provider_changes *changes, int64_t now,
			struct provider_table **table_out, struct err *err) NODISCARD;
/* When the next of them ends by itself after now; LIMIT_FOREVER: none does. name: of that provider
 * alone; empty: of any. */
int64_t provider_changes_end(const struct provider_changes *changes, struct str name, int64_t now);
void provider_table_free(struct provider_table *t);
/*
 * Refuses what could never work: a provider without a suffix, two of one name, more connections to
 * start with than there may be. Loading a table calls it.
 */
int provider_table_check(const struct provider_table *t, struct err *err) NODISCARD;
/*
 * Refuses what would do nothing, of one provider of the table or of all, with a sentence that names
 * it (ERR_INPUT): wildcards, addresses, top-level domains and whatever else can be no host name; a
 * suffix or domain that stands twice, in one provider or two; a suffix another of the same provider
 * covers; a rate that the others keep from ever being met. For who makes or changes a profile.
 */
int provider_lint(const struct provider_table *t, const struct provider *p,
		  struct err *err) NODISCARD;
int provider_table_lint(const struct provider_table *t, struct err *err) NODISCARD;

size_t provider_table_count(const struct provider_table *t);
const struct provider *provider_table_at(const struct provider_table *t, size_t index);
/* By name; NULL if there is none. */
const struct provider *provider_find(const struct provider_table *t, struct str name);
/* The provider of an MX host, in any case, with or without a final dot; NULL: tail. */
const struct provider *provider_of_host(const struct provider_table *t, struct str host);
/* The provider a recipient domain is known to use, before DNS was asked; NULL: not known. */
const struct provider *provider_of_domain(const struct provider_table *t, struct str domain);

/* What a profile says, in the shape that operators' overrides have, every key; the caller's. NULL:
 * there is no such provider, an empty object. */
json_t *provider_profile_json(const struct provider *p);
/* The change whose word for a number of that provider's profile counts at now; NULL: the embedded
 * profile's. */
const struct provider_change *provider_change_of(const struct provider_changes *changes,
						 struct str provider, enum limit_kind kind,
						 enum limit_period period, int64_t now);
/* Keys of a profile as they are typed: "connections=5 rate=100/min verp=off"; "-" is what is not
 * said. */
void provider_keys_render(const json_t *keys, struct buf *out);
/* What a change made of a profile, as {"set": {…}, "was": {…}}: the keys that differ between before
 * and after, and those of named (NULL: none). What one of them does not say is null. Borrows; the
 * result is the caller's. */
json_t *provider_difference(const json_t *before, const json_t *after, const json_t *named);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Loads one content version of a campaign from the database as an immutable snapshot.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_LOAD_H
#define EDM_SCHEDULER_CAMPAIGN_LOAD_H

#include "engine/pg/pg.h"
#include "scheduler/campaign/content.h"
#include "scheduler/campaign/snapshot.h"

/* Opens what is sealed under the node's key file (scheduler/setup/secrets), which this layer does
 * not know. Appends the plain bytes to out. */
struct secret_opener {
	int (*open)(void *context, struct str sealed, struct buf *out, struct err *err);
	void *context;
};

struct campaign_load;

/* snapshot: one reference, the callee's; NULL with err when it cannot be made (no such version, a
 * template that does not compile, a key that does not open). */
typedef void (*campaign_on_loaded)(void *owner, struct campaign_snapshot *snapshot,
				   const struct err *err);

/* The content in a row of campaign/snapshot.sql; slices live as long as rows. */
void campaign_content_of_rows(const struct pg_rows *rows,
			      struct attachment attachments[CONTENT_ATTACHMENTS_MAX],
			      struct content_spec *spec_out);
/* The snapshot of a row of campaign/snapshot.sql, for those who ran it themselves (previews); NULL
 * and err when it cannot be made. secrets NULL: its messages are not signed, whatever the campaign
 * says. */
struct campaign_snapshot *campaign_snapshot_of_rows(const struct pg_rows *rows, int32_t campaign,
						    int32_t version,
						    const struct secret_opener *secrets,
						    struct err *err);
/* Which one. */
struct content_key {
	int32_t campaign;
	int32_t version;
};

/* secrets is borrowed until the callback. */
struct campaign_load *campaign_load(struct pg *pg, struct content_key key,
				    const struct secret_opener *secrets,
				    campaign_on_loaded on_loaded, void *owner);
/* No callback; NULL is fine. */
void campaign_load_cancel(struct campaign_load *load);

#endif

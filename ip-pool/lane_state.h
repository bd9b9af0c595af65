/* SPDX-License-Identifier: MIT */
/*
 * What a lane keeps over a restart, as JSON (table lane_state): what its controller learnt, its
 * health, and its place on the warm-up curve; and what a party keeps (table party_state). Unknown
 * keys are ignored, missing ones are as if nothing had been learnt, so that versions may differ.
 * Pure.
 */
#ifndef EDM_IP_POOL_LANE_STATE_H
#define EDM_IP_POOL_LANE_STATE_H

#include "engine/base/buf.h"
#include "ip-pool/permit.h"

struct lane_state {
	struct controller_state controller;
	struct health_state health;
	struct windows_state windows;
	int64_t messages_cap, messages_cap_age_ms;
	char replies[LANE_LESSONS][LANE_REPLY_MAX];
	int64_t forgotten; /* of the times it was told to forget, those it has heard of */
};

/* A place on a warm-up curve. */
struct warmup_state {
	size_t step;
	int64_t advanced;   /* operators' steps forward already taken */
	int64_t day_age_ms; /* since the present day began */
	int64_t sent, deferred, blocked;
	int64_t failed_step, patience, clean_days;
	int64_t plan_us; /* the plan it stands on was made then; 0: not known */
};

void lane_state_save(const struct lane_limits *l, int64_t now, struct lane_state *state_out);
/* l must be initialised; age_ms: how long ago it was saved. */
void lane_state_load(struct lane_limits *l, const struct lane_state *state, int64_t age_ms,
		     int64_t now);
void lane_state_render(const struct lane_state *state, struct buf *out);
/* Of a fresh lane where the text says nothing. -1 if it is no JSON object. */
int lane_state_parse(struct str json, struct lane_state *state_out) NODISCARD;
/* As lane_forget, of what was saved before the lane heard of it. */
void lane_state_forget(struct lane_state *state, int64_t forgotten);

/* As those of a lane. */
void party_state_render(const struct party_state *state, struct buf *out);
int party_state_parse(struct str json, struct party_state *state_out) NODISCARD;
/* As party_forget, of what was saved before the party heard of it. */
void party_state_forget(struct party_state *state, int64_t forgotten);

/* A state of another plan than this one is at its first step. */
void warmup_state_save(const struct warmup *w, int64_t now, struct warmup_state *state_out);
void warmup_state_load(struct warmup *w, const struct warmup_plan *plan,
		       const struct warmup_state *state, int64_t age_ms, int64_t now);
void warmup_state_render(const struct warmup_state *state, struct buf *out);
int warmup_state_parse(struct str json, struct warmup_state *state_out) NODISCARD;
/* {"plan":[50,100]} of a source; -1 if it is none. */
int warmup_plan_parse_json(struct str json, struct warmup_plan *plan_out) NODISCARD;
void warmup_plan_render_json(const struct warmup_plan *plan, struct buf *out);

#endif

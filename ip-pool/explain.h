/* SPDX-License-Identifier: MIT */
/*
 * Sentences: why a lane waits, and where a number comes from. English; the durations are relative
 * to now, because pure code knows no wall clock. Pure; any thread.
 */
#ifndef EDM_IP_POOL_EXPLAIN_H
#define EDM_IP_POOL_EXPLAIN_H

#include "engine/base/buf.h"
#include "ip-pool/limiter.h"
#include "ip-pool/pause.h"

/* "mx1/qq", "mx1/mx.example.com". */
void explain_lane(const struct limit_scope *scope, struct buf *out);
/* "lane mx1/qq", "source mx1", "provider qq", "example.com at qq", "campaign 7", "node n1"; of
 * no place "example.com", of no node "each node". */
void explain_scope(const struct limit_scope *scope, struct buf *out);
/* "100 messages/min by operator (rule 12), for another 1 h 20 min". */
void explain_cap(const struct cap *cap, enum limit_kind kind, enum limit_period period, int64_t now,
		 struct buf *out);
/* "waits 12 s: lane mx1/qq has its 100 messages/min by operator (rule 12)". */
void explain_wait(const struct limiter_wait *wait, const struct limit_scope *scope, int64_t now,
		  struct buf *out);
/* "paused by li@ops (complaints at qq), for another 2 h 0 min", "paused by … until resumed". */
void explain_pause(const struct pause *pause, int64_t now, struct buf *out);
/* "1 h 20 min", "12 s", "350 ms". */
void explain_duration(int64_t ms, struct buf *out);

#endif

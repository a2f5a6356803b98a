/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timers - which sleeping session is due next: a heap by wake_ns.
 *
 * Threads: belongs to the run. Owns its array, not the sessions.
 */
#ifndef MAILREEVE_LOAD_TIMERS_H
#define MAILREEVE_LOAD_TIMERS_H

#include "session.h"

struct timers {
	struct session **heap;
	size_t n, size;
};

/* A session is in it at most once, and its wake_ns stays as it is meanwhile. */
void timers_add(struct timers *timers, struct session *session);

/* When the next one is due; INT64_MAX: none. */
int64_t timers_next(const struct timers *timers);

/* Take out the one that is due at `now_ns`; NULL: none. */
struct session *timers_take(struct timers *timers, int64_t now_ns);

void timers_close(struct timers *timers);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reload - which configuration new workers are started with, and how another one takes its place.
 *
 * The new configuration is tried by a worker of its own, the candidate. Before it serves, every fault leaves all as it
 * was: the reload is refused. Once it serves, the others leave the shared socket, and the reload is finished when they
 * have.
 *
 * Threads: the supervisor's only one. Owns: configurations that came by a reload; the first one stays its caller's.
 */
#ifndef MAILREEVE_DAEMON_RELOAD_H
#define MAILREEVE_DAEMON_RELOAD_H

#include <stdbool.h>

#include "base/clock.h"
#include "daemon/supervisor.h"
#include "daemon/workers.h"

struct reload {
	const struct supervisor_start *start;
	struct workers *workers;
	const struct setup *setup; /* what new workers are started with */
	struct setup *owned;       /* the same, when it came by a reload */
	struct setup *candidate;   /* of the reload that is under way */
	clock_ms takeover_until; /* the candidate serves, the others are about to leave the socket; or WORKERS_NEVER */
	bool wanted;             /* by its user, perhaps while another one is under way */
};

/* `start` and `workers` stay the caller's, and have to outlive it. */
void reload_open(struct reload *reload, const struct supervisor_start *start, struct workers *workers);
void reload_close(struct reload *reload);

/* Is one wanted, and none under way? */
bool reload_is_due(const struct reload *reload);

/*
 * Read the configuration, and start its worker by `launch` (called with `context`; NULL with err: it could not). false:
 * that failed, the reload is refused.
 */
bool reload_begin(struct reload *reload,
                  struct worker_entry *(*launch)(void *context, const struct setup *setup, struct err *err),
                  void *context);

/* The candidate serves: it takes over, everybody else drains. */
void reload_take_over(struct reload *reload, struct worker_entry *candidate);

/* Finish the reload if the others have left the shared socket, or their time for that is over. */
void reload_finish(struct reload *reload, clock_ms now);

/* The candidate did not become ready: the reload is refused. */
void reload_fail(struct reload *reload, const char *why);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver - all sessions of a run on one thread: when each begins, and what its socket says.
 *
 * Owns the sessions. The lists and options must outlive it.
 */
#ifndef MAILREEVE_LOAD_DRIVER_H
#define MAILREEVE_LOAD_DRIVER_H

#include "session.h"

struct driver;

/* Returns NULL with a reason when the address is none or the machine refuses. */
struct driver *driver_open(const struct load_options *options, const struct load_lists *lists, struct err *err);

/* How long something runs. */
struct driver_limits {
	uint64_t messages; /* 0: no limit */
	double seconds;    /* 0: no limit */
	double rate;       /* messages a second by a schedule; 0: the next begins when one has ended */
};

/*
 * Run messages until a limit is reached and those that began have ended; what it saw is added to `stats`. With a
 * schedule the messages whose time has come begin as soon as a connection is free, and count from their time.
 * Returns the nanoseconds that it took.
 */
int64_t driver_run(struct driver *driver, const struct driver_limits *limits, struct load_stats *stats);

/* Open idle sessions and bring them to options->idle_at; returns how many are held. */
unsigned driver_hold(struct driver *driver, unsigned n, struct load_stats *stats);

/* Hold them for so long; returns how many are left. A filter that leaves one, or speaks to it, is an error. */
unsigned driver_wait(struct driver *driver, double seconds, struct load_stats *stats);

void driver_close(struct driver **driver);

int64_t driver_now_ns(void);

#endif

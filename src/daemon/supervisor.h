/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervisor - keeps a worker serving on the socket: starts, replaces, exchanges and stops it.
 *
 * Threads: the process has only this one; everything happens in its poll() loop.
 */
#ifndef MAILREEVE_DAEMON_SUPERVISOR_H
#define MAILREEVE_DAEMON_SUPERVISOR_H

#include "base/counters.h"
#include "daemon/listener.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/settings.h"

struct supervisor_start {
	const struct options *options;
	const struct setup *setup;  /* the first configuration: what a reload cannot change stays as it says */
	struct listener **listener; /* closed when the stop begins to refuse */
	struct notify *notify;
	struct counters *counters;
	struct metrics *metrics;          /* prepared for the first configuration */
	void (*ready)(void *context);     /* called once, when the first worker serves */
	void (*in_worker)(void *context); /* called in every new worker: drop what is the supervisor's own */
	void *context;
};

/*
 * Serve until told to stop. EXIT_FINE, or why it could not begin: EXIT_TRY_AGAIN when the first worker did not become
 * ready (err says why), EXIT_OS_TROUBLE.
 */
enum exit_code supervisor_run(const struct supervisor_start *start, struct err *err);

#endif

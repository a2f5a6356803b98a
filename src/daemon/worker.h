/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker - the process that serves. It does what the supervisor says through the control socket, and ends when there is
 * no supervisor.
 *
 * Threads: the one that calls worker_run() obeys the supervisor; libmilter runs in a second one, with all that it
 * starts. Signals: SIGHUP, SIGTERM, SIGINT and SIGUSR1 are ignored here, whoever sends them (a terminal to its process
 * group, systemd to every process of the unit): they are the supervisor's, and libmilter would stop at them.
 */
#ifndef MAILREEVE_DAEMON_WORKER_H
#define MAILREEVE_DAEMON_WORKER_H

#include <stdbool.h>

#include "base/counters.h"
#include "daemon/settings.h"

struct worker_start {
	const struct setup *setup;
	int listen_fd; /* the shared socket */
	int control_fd;
	bool no_kick, no_fd_conn;
	struct tally tally; /* where it counts */
};

/* In the new process, directly after fork(): serve, and end the process. */
_Noreturn void worker_run(const struct worker_start *start);

#endif

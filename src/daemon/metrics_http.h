/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics_http - the process that serves GET /metrics and GET /health (libmicrohttpd).
 *
 * Processes, threads: one process of one thread, which does nothing else and has nothing but the counters: whatever a
 * client sends, no session and no supervisor notices. It ends with the supervisor.
 */
#ifndef MAILREEVE_DAEMON_METRICS_HTTP_H
#define MAILREEVE_DAEMON_METRICS_HTTP_H

#include <stdbool.h>

#include "base/counters.h"

struct metrics_http_start {
	const struct counters *counters;
	int listen_fd; /* bound, listening, non-blocking */
	bool confined; /* ask of the kernel only what serving needs */
	int alive_fd;  /* readable when the supervisor is gone */
};

/* In the new process, directly after fork(): close every other descriptor, serve, and end the process. */
_Noreturn void metrics_http_run(const struct metrics_http_start *start);

#endif

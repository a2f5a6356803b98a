/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter - the MTA's side of the conversation, through libmilter. Its callbacks translate, nothing more.
 *
 * Threads: milter_open() and milter_run() once in a process (libmilter cannot run twice); milter_run() in a thread of
 * its own; the others from any thread. libmilter knows no context of ours at negotiation, so the one instance is a
 * static of callbacks.c.
 */
#ifndef MAILREEVE_MILTER_MILTER_H
#define MAILREEVE_MILTER_MILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "engine/engine.h"
#include "headers/headers.h"

struct milter_start {
	struct engine *engine;
	const struct headers_settings *headers;
	int listen_fd;           /* bound, listening, non-blocking; stays the caller's */
	bool no_kick;            /* hidden option: leave libmilter's worker pool to itself (to show the difference) */
	bool no_fd_conn;         /* hidden option: behave as if libmilter did not know "fd:N" */
	const char *private_dir; /* where a private socket may be made for a libmilter without "fd:N" */
	int idle_timeout_s;      /* how long the MTA may be silent */
	struct tally tally;      /* where sessions are counted */
};

/* Register with libmilter and open its listener on our socket. 0 or -1. */
int milter_open(const struct milter_start *start, struct err *err);

/* Serve until libmilter stops. Returns 0, or -1 when it failed. */
int milter_run(void);

/*
 * Stop accepting from the shared socket: libmilter goes on listening on a private one. Running sessions go on. 0 or -1.
 */
int milter_detach(struct err *err);

/* MTA connections alive: negotiated sessions, and those accepted but not negotiated yet. */
unsigned milter_sessions(void);

/* Are there connections waiting in the shared socket's backlog? */
bool milter_backlog_pending(void);

#endif

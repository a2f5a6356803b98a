/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics - the supervisor's part of serving the counters: the options, the socket, and the process that serves on it,
 * started again when it dies.
 *
 * Threads: the supervisor's only one. Owns: the socket, and its path. Never waits for the process.
 */
#ifndef MAILREEVE_DAEMON_METRICS_H
#define MAILREEVE_DAEMON_METRICS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/counters.h"
#include "config/config.h"
#include "daemon/listener.h"

struct metrics_settings {
	const char *listen; /* "off", or as listener_parse() reads it */
	int socket_mode;
	bool allow_remote;
	struct listener_address address; /* of `listen`, by metrics_check(); length 0: off */
	bool confined;                   /* the daemon's option "seccomp" */
};

#define METRICS_ROWS 3
extern const struct config_row metrics_rows[METRICS_ROWS];

/* Beyond types and ranges. 0, or -1 with err. */
int metrics_check(struct metrics_settings *settings, struct config *config, struct err *err);

struct metrics;

/* Serves nothing yet. `counters` stays the caller's. */
struct metrics *metrics_open(struct counters *counters);

/* Stop serving; NULL is accepted. */
void metrics_close(struct metrics **metrics);

/*
 * Make the socket of a new configuration, and keep it aside: metrics_change() lets it take the place of the one that is
 * served on, metrics_keep() throws it away. The same address again, or "off", makes none. `uid`, `gid`: who is to own a
 * unix socket, (uid_t)-1 and (gid_t)-1: as it comes. 0, or -1 with err; then nothing is kept aside.
 */
int metrics_prepare(struct metrics *metrics, const struct metrics_settings *settings, uid_t uid, gid_t gid,
                    struct err *err);
void metrics_change(struct metrics *metrics);
void metrics_keep(struct metrics *metrics);

/* Start the process, where there is a socket and it is time. `in_child` as for workers_start(). */
void metrics_run(struct metrics *metrics, void (*in_child)(void *context), void *context);

/* When metrics_run() has something to do; INT64_MAX: nothing. */
clock_ms metrics_next(const struct metrics *metrics);

/* Was it ours? Then its death (`status` is waitpid's) is dealt with. */
bool metrics_died(struct metrics *metrics, pid_t pid, int status);

/* In a new worker: it is to hold none of our descriptors. */
void metrics_drop(const struct metrics *metrics);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers - the supervisor's table of its workers: started, spoken to, buried. What should happen next is
 * supervisor.c's affair.
 *
 * Threads: the supervisor's only one.
 */
#ifndef MAILREEVE_DAEMON_WORKERS_H
#define MAILREEVE_DAEMON_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/counters.h"
#include "daemon/control.h"
#include "daemon/worker.h"

#define WORKERS_MAX   32
#define WORKERS_NEVER INT64_MAX

enum worker_state {
	WORKER_NONE, /* a free place in the table */
	WORKER_STARTING,
	WORKER_SERVING,
	WORKER_DRAINING,
};

struct worker_entry {
	enum worker_state state;
	bool candidate; /* it starts with a new configuration, and will take over from the others */
	bool hurried;   /* while draining it was told a shorter limit */
	bool left;      /* the shared socket: it accepts no connection any more */
	bool killed;    /* by us: its death is no news */
	pid_t pid;
	int control_fd;    /* -1: it is gone, or this is a free place */
	uint16_t digest;   /* of its configuration */
	unsigned sessions; /* as last told */
	clock_ms started_ms;
	clock_ms draining_ms; /* since when */
	clock_ms kill_at;     /* it must have become ready, or ended, by then; or WORKERS_NEVER */
};

struct workers {
	struct worker_entry entries[WORKERS_MAX]; /* the place is the worker's seat in the counters */
	struct counters *counters;
};

/* An empty table. `counters` stays the caller's. */
void workers_open(struct workers *workers, struct counters *counters);

/*
 * Fork a worker; `in_child` drops in it what is the supervisor's own (called with `context`); the control ends of the
 * other workers are closed here. start->control_fd and start->tally are filled in. NULL with err: the table is full, or
 * the system refused.
 */
struct worker_entry *workers_start(struct workers *workers, struct worker_start *start, void (*in_child)(void *context),
                                   void *context, struct err *err);

/* How many are in this state. */
size_t workers_count(const struct workers *workers, enum worker_state state);

/* How many serve, or are about to. */
size_t workers_active(const struct workers *workers);

/*
 * How long to wait before a worker is replaced when so many died in a row, each within a second of its start: not at
 * all for the first, then 100 ms, 200 ms, ... 5 s.
 */
clock_ms workers_respawn_delay_ms(unsigned quick_deaths);

/* Have all that drain left the shared socket? */
bool workers_have_left(const struct workers *workers);

/*
 * Sessions may outlast many reloads, and their workers' memory may not add up without end: of more than eight draining
 * workers the oldest is told to finish within `limit_s`.
 */
void workers_hurry_oldest(struct workers *workers, int limit_s);

/* Tell a worker to finish within `limit_ms` (CONTROL_DRAIN, _STOP or _CLOSE); it is killed when it is still there some
 * seconds after that. */
void workers_tell(struct worker_entry *entry, enum control_kind kind, clock_ms limit_ms);

/* End it at once. Its place stays until its death has been seen. */
void workers_kill(struct worker_entry *entry);

/* The worker with this process id; NULL: none. */
struct worker_entry *workers_find(struct workers *workers, pid_t pid);

/* Say who is still finishing sessions: those that drain, and, while the daemon stops, all. */
void workers_log_progress(const struct workers *workers, bool stopping);

/*
 * Its death has been seen (`status` is waitpid's): say how it ended, when that is news; what it counted as under way is
 * over; free its place.
 */
void workers_bury(struct workers *workers, struct worker_entry *entry, int status);

/* Kill and bury all that are left, at once. */
void workers_end(struct workers *workers);

/* Tell the counters how things stand. */
void workers_publish(const struct workers *workers, enum counters_life life, uint16_t digest);

/* The next point at which workers_kill_late() has something to do. */
clock_ms workers_next_late(const struct workers *workers);

/* Kill those whose time is over; each is logged. */
void workers_kill_late(struct workers *workers);

#endif

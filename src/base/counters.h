/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters - what the daemon counts, in memory that all its processes share; so that a count survives the worker that
 * made it.
 *
 * Threads, processes: counters_open() and counters_name_fact() are the supervisor's, before it forks whoever is to know
 * of it; the rest from any thread of any process that was forked later. Each number is added to and read by itself,
 * relaxed and without a lock: nothing that a dying process could hold, and no two numbers are exactly of the same
 * moment.
 * Owns: the mapping, until counters_close().
 *
 * Counts only grow. What can sink (sessions that are open) is a gauge: each worker has gauges of its own, a seat, which
 * the supervisor clears when the worker is dead. What it means for the outside is told by daemon/metrics_families.c.
 */
#ifndef MAILREEVE_BASE_COUNTERS_H
#define MAILREEVE_BASE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_SEATS          32   /* workers at the same time */
#define COUNTERS_STAGES         6    /* enum stage */
#define COUNTERS_ACTIONS        5    /* enum action */
#define COUNTERS_PROBE_OUTCOMES 9    /* enum probe_outcome */
#define COUNTERS_CHECKS         32   /* the checks' table */
#define COUNTERS_FACTS_MAX      2048 /* names of facts over all reloads; what is above is counted as one */
#define COUNTERS_NAME_MAX       64   /* octets of a fact's name */

/* How a message ends: by an action (the first five are enum action), or without one. */
enum counters_end {
	COUNTERS_END_ABANDONED = COUNTERS_ACTIONS, /* the client or the MTA broke it off */
	COUNTERS_END_LOST,                         /* its worker died */
	COUNTERS_ENDS
};

/* Why something is unsure: the log line's word. */
enum counters_cause {
	COUNTERS_CAUSE_TIMEOUT,
	COUNTERS_CAUSE_SERVFAIL,
	COUNTERS_CAUSE_BOGUS,
	COUNTERS_CAUSE_LIMIT,
	COUNTERS_CAUSE_ERROR,        /* a block list answered with an error code */
	COUNTERS_CAUSE_UNKNOWN_CODE, /* or with one that nobody has explained */
	COUNTERS_CAUSE_OTHER,
	COUNTERS_CAUSES
};

enum counters_probe { /* what became of the wish for a reverse greeting */
	              COUNTERS_PROBE_CONNECTED,
	              COUNTERS_PROBE_REMEMBERED,
	              COUNTERS_PROBE_JOINED,
	              COUNTERS_PROBE_LIMITED,
	              COUNTERS_PROBE_FORBIDDEN,
	              COUNTERS_PROBES
};

enum counter {
	COUNTER_SESSIONS,
	COUNTER_KICKS,
	COUNTER_MESSAGES,
	COUNTER_MESSAGES_ENDED,                                                /* + enum counters_end */
	COUNTER_VERDICTS = COUNTER_MESSAGES_ENDED + COUNTERS_ENDS,             /* + stage * COUNTERS_ACTIONS + action */
	COUNTER_WOULD = COUNTER_VERDICTS + COUNTERS_STAGES * COUNTERS_ACTIONS, /* the same */
	COUNTER_FAULTS = COUNTER_WOULD + COUNTERS_STAGES * COUNTERS_ACTIONS,
	COUNTER_UNSURE, /* + enum counters_cause */
	COUNTER_DNS_HIT = COUNTER_UNSURE + COUNTERS_CAUSES,
	COUNTER_DNS_MISS,
	COUNTER_DNS_COALESCED,
	COUNTER_DNS_LIMITED,
	COUNTER_DNS_FOUND,
	COUNTER_DNS_NONE,
	COUNTER_DNS_TIMEOUT,
	COUNTER_DNS_SERVFAIL,
	COUNTER_DNS_BOGUS,
	COUNTER_DNS_ABANDONED,
	COUNTER_DNS_STALE,
	COUNTER_DNS_LATE,
	COUNTER_DNS_EVICTED,
	COUNTER_PROBES,                                            /* + enum counters_probe */
	COUNTER_PROBE_OUTCOMES = COUNTER_PROBES + COUNTERS_PROBES, /* + enum probe_outcome */
	COUNTER_WORKERS_STARTED = COUNTER_PROBE_OUTCOMES + COUNTERS_PROBE_OUTCOMES,
	COUNTER_WORKERS_RESTARTED,
	COUNTER_WORKERS_DIED, /* of a signal, or with an exit status that is not 0 */
	COUNTER_RELOADS,
	COUNTER_RELOADS_REFUSED,
	COUNTER_SERVERS_RESTARTED, /* of the process that serves the metrics */
	COUNTERS
};

enum gauge { GAUGE_SESSIONS, GAUGE_MESSAGES, GAUGE_DNS_OUTSTANDING, GAUGE_DNS_CACHE, GAUGE_PROBES, GAUGES };

enum histogram {
	HISTOGRAM_DNS_NETWORK,                                   /* microseconds */
	HISTOGRAM_DNS_CHECK,                                     /* + number of the check: microseconds */
	HISTOGRAM_DELAY = HISTOGRAM_DNS_CHECK + COUNTERS_CHECKS, /* microseconds */
	HISTOGRAM_ARENA,                                         /* octets */
	HISTOGRAMS
};
#define COUNTERS_BUCKETS_MAX 16

/* What the supervisor says of the whole. */
enum counters_life {
	COUNTERS_LIFE_STARTING,
	COUNTERS_LIFE_SERVING,
	COUNTERS_LIFE_REPLACING, /* the worker died; the next one starts */
	COUNTERS_LIFE_WAITING,   /* several died quickly: the next one waits */
	COUNTERS_LIFE_STOPPING,  /* the socket is given up */
	COUNTERS_LIVES
};
struct counters_state {
	enum counters_life life;
	unsigned starting, serving, draining; /* workers */
	unsigned digest;                      /* of the configuration */
};

struct counters;

/* A mapping with nothing counted yet. NULL: the system has no memory for it. */
struct counters *counters_open(void);
void counters_close(struct counters **counters);

/*
 * Where a process counts: `counters` NULL counts nothing, so that tools and tests need none; `seat` is the worker's,
 * below COUNTERS_SEATS.
 */
struct tally {
	struct counters *counters;
	unsigned seat;
};

void counters_add(const struct tally *tally, unsigned counter, uint64_t n);
void counters_gauge(const struct tally *tally, enum gauge gauge, int64_t by);
void counters_observe(const struct tally *tally, unsigned histogram, uint64_t value);

/* One more of a fact. `slot`: from counters_name_fact(). */
void counters_add_fact(const struct tally *tally, unsigned slot);

/*
 * The slot of a fact of this name, a new one where there is none; the slot for all others (COUNTERS_FACTS_MAX) when
 * there is no room. The supervisor's alone.
 */
unsigned counters_name_fact(struct counters *counters, const char *name);

/* The worker of this seat is dead: its messages count as lost, its gauges are cleared. The supervisor's alone. */
void counters_clear_seat(struct counters *counters, unsigned seat);

/* ---- reading ---- */

uint64_t counters_get(const struct counters *counters, unsigned counter);
/* Summed over the seats. Never below 0. */
uint64_t counters_get_gauge(const struct counters *counters, enum gauge gauge);

/* How many facts have names: slots 0 to n - 1. */
unsigned counters_facts(const struct counters *counters);
const char *counters_fact_name(const struct counters *counters, unsigned slot);
uint64_t counters_get_fact(const struct counters *counters, unsigned slot);

struct counters_reading {
	const uint64_t *bounds; /* the upper ones, included; n - 1 of them */
	size_t n;               /* buckets; the last one is for whatever is above */
	uint64_t buckets[COUNTERS_BUCKETS_MAX];
	uint64_t count, sum; /* count is the sum of the buckets */
};
void counters_read_histogram(const struct counters *counters, unsigned histogram, struct counters_reading *reading);

/* How many seconds after the epoch it was opened. */
int64_t counters_opened_s(const struct counters *counters);

void counters_set_state(struct counters *counters, const struct counters_state *state);
struct counters_state counters_get_state(const struct counters *counters);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - what a run saw.
 *
 * Threads: belongs to the run. Owns nothing.
 * Every message that is started ends as exactly one outcome at one stage.
 */
#ifndef MAILREEVE_LOAD_STATS_H
#define MAILREEVE_LOAD_STATS_H

#include <stdbool.h>

#include "histogram.h"
#include "stage.h"

enum load_error {
	LOAD_E_CONNECT,  /* the socket takes no connection */
	LOAD_E_CLOSED,   /* the filter closed the connection */
	LOAD_E_PROTOCOL, /* it said what the protocol does not allow */
	LOAD_E_PATIENCE, /* it did not answer in time */
	LOAD_ERRORS
};

#define LOAD_WHY_MAX 160

struct load_stats {
	struct histogram stages[LOAD_STAGES]; /* from a command's first octet to its reply */
	struct histogram wait;                /* of a message: its stages added up */
	struct histogram lag;                 /* from its place in the schedule to its begin */
	struct histogram wait_from_schedule;  /* lag and wait */
	uint64_t started, outcomes[LOAD_STAGES][LOAD_OUTCOMES];
	uint64_t sessions, recipients, recipients_refused, changes, octets_sent;
	uint64_t errors[LOAD_ERRORS];
	char why[LOAD_ERRORS][LOAD_WHY_MAX]; /* the first of each kind */
};

const char *load_error_name(enum load_error error);

uint64_t load_stats_outcome(const struct load_stats *stats, enum load_outcome outcome);

/* Is every message that was started exactly one outcome? */
bool load_stats_add_up(const struct load_stats *stats);

#endif

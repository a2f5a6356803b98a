/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - the figures of a run, for people and as JSON.
 */
#ifndef MAILREEVE_LOAD_REPORT_H
#define MAILREEVE_LOAD_REPORT_H

#include <stdio.h>

#include "options.h"
#include "process.h"
#include "stats.h"

struct load_report {
	const struct load_options *options;
	const struct load_stats *stats, *idle_stats;
	int64_t elapsed_ns;
	uint64_t own_cpu_ns;
	/* the daemon: at first, with the idle sessions held, and behind the messages */
	struct process_usage first, held, last;
	unsigned idle_held, idle_left;
};

void load_report_table(FILE *out, const struct load_report *report);
void load_report_json(FILE *out, const struct load_report *report);

#endif

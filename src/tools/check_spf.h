/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_spf - mailreeve-check --spf: one evaluation, and how it came to its result.
 *
 * Threads: one thread uses it. Owns nothing: all is the caller's.
 */
#ifndef MAILREEVE_TOOLS_CHECK_SPF_H
#define MAILREEVE_TOOLS_CHECK_SPF_H

#include <stdio.h>

#include "base/err.h"
#include "spf/spf.h"
#include "tools/check_dns.h"
#include "tools/check_options.h"

/* What was asked, and what was found. */
struct spf_report {
	const struct spf_query *query;
	const struct spf_limits *limits;
	const struct spf_result *result;
	const struct tool_options *options;
};

/* The mode: evaluate, print to `out`. Anything but TOOL_DONE comes with err. */
enum tool_exit tool_spf(const struct tool_options *options, FILE *out, struct err *err);

/*
 * What --ip, --helo, --from and the rest of the command line ask; texts live in the arena. 0, or -1 with err: usage.
 */
int tool_spf_query(struct spf_query *query, const struct tool_options *options, struct arena *arena, struct err *err);

/* Ask until it is done, or until `deadline`. The result lives in the arena of `dns`. */
const struct spf_result *tool_spf_evaluate(const struct spf_query *query, const struct spf_limits *limits,
                                           struct tool_dns *dns, clock_ms deadline);

/* The report for people, who see nothing raw, and as one JSON object. 0, or -1: it cannot be written. */
int spf_report_print(const struct spf_report *report, FILE *out);
int spf_report_print_json(const struct spf_report *report, FILE *out);

/* "helo", "mailfrom": as in Received-SPF. */
const char *spf_identity_name(enum spf_identity identity);

#endif

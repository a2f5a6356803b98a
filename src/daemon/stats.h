/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - what was counted, as a log line.
 */
#ifndef MAILREEVE_DAEMON_STATS_H
#define MAILREEVE_DAEMON_STATS_H

#include "base/counters.h"

/* Log the counts of all workers since the daemon started: see mailreeve(8), Statistics. */
void stats_log(const struct counters *counters);

#endif

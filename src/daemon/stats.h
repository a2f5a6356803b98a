/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - a worker's counters as a log line.
 */
#ifndef MAILREEVE_DAEMON_STATS_H
#define MAILREEVE_DAEMON_STATS_H

#include "engine/engine.h"

/* Log one line with what this worker has done: sessions, messages, actions, DNS. */
void stats_log(const struct engine *engine);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics_text - the counters in Prometheus' text format (version 0.0.4), and the daemon's health in words.
 *
 * Threads, processes: reads the counters only; from any.
 */
#ifndef MAILREEVE_DAEMON_METRICS_TEXT_H
#define MAILREEVE_DAEMON_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/counters.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_HEALTH_MAX   128

/* Every metric, with HELP and TYPE. mailreeve(8), METRICS, explains them. */
void metrics_write(FILE *out, const struct counters *counters);

/* Does a worker serve new sessions? `text` gets a line that says so, or why not. */
bool metrics_health(const struct counters *counters, char text[METRICS_HEALTH_MAX]);

#endif

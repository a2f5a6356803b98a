/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - points and spans of the monotonic clock.
 *
 * Every wait of the program states its end as a clock_ms, never as a span.
 */
#ifndef MAILREEVE_BASE_CLOCK_H
#define MAILREEVE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef int64_t clock_ms; /* milliseconds of CLOCK_MONOTONIC */

clock_ms clock_now(void);

/* The same point as a timespec, for pthread_cond_timedwait on a CLOCK_MONOTONIC condition. */
struct timespec clock_timespec(clock_ms point);

/* The earlier of two points. */
clock_ms clock_min(clock_ms a, clock_ms b);

#endif

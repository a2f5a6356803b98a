/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram - spans of time by size, for percentiles.
 *
 * Threads: belongs to its caller. Owns nothing.
 * Buckets grow with what they hold: a percentile is wrong by less than 1 %, from a nanosecond to five hours.
 */
#ifndef MAILREEVE_LOAD_HISTOGRAM_H
#define MAILREEVE_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE    128 /* buckets for each power of two: half of them */
#define HISTOGRAM_POWERS  38
#define HISTOGRAM_BUCKETS (HISTOGRAM_FINE + HISTOGRAM_POWERS * HISTOGRAM_FINE / 2)

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t n, sum_ns, max_ns;
};

/* Negative spans count as zero; one beyond the range counts in the last bucket. */
void histogram_add(struct histogram *histogram, int64_t span_ns);

/* The span that `per_mille` of 1,000 do not exceed (0..1000); 0 when there are none. Never more than the largest. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned per_mille);

/* 0 when there are none. */
uint64_t histogram_mean(const struct histogram *histogram);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "histogram.h"

#include <stddef.h>

#define HALF (HISTOGRAM_FINE / 2)

static size_t bucket_of(uint64_t span_ns)
{
	unsigned power = 0;

	while (span_ns >= HISTOGRAM_FINE) {
		span_ns >>= 1;
		power++;
	}
	size_t bucket = power ? HISTOGRAM_FINE + (power - 1) * HALF + (size_t)(span_ns - HALF) : (size_t)span_ns;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t span_of(size_t bucket)
{
	if (bucket < HISTOGRAM_FINE)
		return bucket;
	const unsigned power = (unsigned)((bucket - HISTOGRAM_FINE) / HALF + 1);
	const uint64_t low = (uint64_t)((bucket - HISTOGRAM_FINE) % HALF + HALF) << power;

	return low + ((uint64_t)1 << power) / 2;
}

void histogram_add(struct histogram *histogram, int64_t span_ns)
{
	const uint64_t span = span_ns > 0 ? (uint64_t)span_ns : 0;

	histogram->counts[bucket_of(span)]++;
	histogram->n++;
	histogram->sum_ns += span;
	if (span > histogram->max_ns)
		histogram->max_ns = span;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t rank = (histogram->n * per_mille + 999) / 1000, seen = 0;

	if (histogram->n == 0)
		return 0;
	if (per_mille >= 1000)
		return histogram->max_ns;
	if (rank == 0)
		rank = 1;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= rank)
			return span_of(i) < histogram->max_ns ? span_of(i) : histogram->max_ns;
	}
	return histogram->max_ns;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->n ? histogram->sum_ns / histogram->n : 0;
}

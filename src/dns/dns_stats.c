/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>

#include "base/base.h"
#include "dns/dns_internal.h"

static const unsigned bucket_ms[DNS_LATENCY_BUCKETS - 1] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 };

void dns_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void dns_count_outcome(struct dns_counters *counters, const struct question_outcome *outcome)
{
	if (outcome->stale)
		dns_count(&counters->stale, 1);
	if (outcome->block.answer != NULL) {
		dns_count(outcome->block.answer->status == DNS_FOUND ? &counters->found : &counters->none, 1);
		return;
	}
	switch (outcome->why) {
	case DNS_WHY_BAD_NAME:
		dns_count(&counters->none, 1);
		break;
	case DNS_WHY_TIMEOUT:
		dns_count(&counters->unsure_timeout, 1);
		break;
	case DNS_WHY_BOGUS:
		dns_count(&counters->unsure_bogus, 1);
		break;
	case DNS_WHY_LIMIT:
		dns_count(&counters->limited, 1);
		break;
	default:
		dns_count(&counters->unsure_servfail, 1);
	}
}

void dns_count_latency(struct dns_counters *counters, uint64_t us)
{
	size_t bucket = 0;

	while (bucket < COUNT(bucket_ms) && us > bucket_ms[bucket] * UINT64_C(1000))
		bucket++;
	dns_count(&counters->latency_bucket[bucket], 1);
	dns_count(&counters->latency_us_sum, us);
	dns_count(&counters->latency_n, 1);
}

uint64_t dns_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void dns_get_stats(const struct dns *dns, struct dns_stats *stats)
{
	const struct dns_counters *counters = &dns->counters;

	*stats = (struct dns_stats){
		.hit = get(&counters->hit),
		.miss = get(&counters->miss),
		.coalesced = get(&counters->coalesced),
		.stale = get(&counters->stale),
		.late = get(&counters->late),
		.abandoned = get(&counters->abandoned),
		.limited = get(&counters->limited),
		.found = get(&counters->found),
		.none = get(&counters->none),
		.unsure_timeout = get(&counters->unsure_timeout),
		.unsure_servfail = get(&counters->unsure_servfail),
		.unsure_bogus = get(&counters->unsure_bogus),
		.evicted = get(&counters->evicted),
		.outstanding = get(&counters->outstanding),
		.latency_us_sum = get(&counters->latency_us_sum),
		.latency_n = get(&counters->latency_n),
	};
	stats->asked = stats->hit + stats->miss + stats->coalesced + stats->limited;
	for (size_t i = 0; i < DNS_LATENCY_BUCKETS; i++)
		stats->latency_bucket[i] = get(&counters->latency_bucket[i]);
}

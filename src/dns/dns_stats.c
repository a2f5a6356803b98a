/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>

#include "base/base.h"
#include "dns/dns_internal.h"

void dns_count(const struct dns *dns, enum counter counter, uint64_t n)
{
	counters_add(&dns->settings.tally, counter, n);
}

static enum counter counter_of(const struct question_outcome *outcome)
{
	if (outcome->block.answer != NULL)
		return outcome->block.answer->status == DNS_FOUND ? COUNTER_DNS_FOUND : COUNTER_DNS_NONE;
	switch (outcome->why) {
	case DNS_WHY_BAD_NAME:
		return COUNTER_DNS_NONE;
	case DNS_WHY_TIMEOUT:
		return COUNTER_DNS_TIMEOUT;
	case DNS_WHY_BOGUS:
		return COUNTER_DNS_BOGUS;
	case DNS_WHY_LIMIT:
		return COUNTER_DNS_LIMITED;
	default:
		return COUNTER_DNS_SERVFAIL;
	}
}

void dns_count_outcome(const struct dns *dns, const struct question_outcome *outcome)
{
	if (outcome->stale)
		dns_count(dns, COUNTER_DNS_STALE, 1);
	dns_count(dns, counter_of(outcome), 1);
}

void dns_count_waited(const struct dns_question *question)
{
	const struct dns_session *session = question->session;

	counters_observe(&session->dns->settings.tally, HISTOGRAM_DNS_CHECK + question->asker,
	                 dns_now_us() - question->asked_us);
}

uint64_t dns_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void get_latency(const struct counters *counters, struct dns_stats *stats)
{
	struct counters_reading reading;

	counters_read_histogram(counters, HISTOGRAM_DNS_NETWORK, &reading);
	for (size_t i = 0; i < COUNT(stats->latency_bucket) && i < reading.n; i++)
		stats->latency_bucket[i] = reading.buckets[i];
	stats->latency_us_sum = reading.sum;
	stats->latency_n = reading.count;
}

void dns_get_stats(const struct dns *dns, struct dns_stats *stats)
{
	const struct counters *counters = dns->settings.tally.counters;

	*stats = (struct dns_stats){ 0 };
	if (counters == NULL)
		return;
	*stats = (struct dns_stats){
		.hit = counters_get(counters, COUNTER_DNS_HIT),
		.miss = counters_get(counters, COUNTER_DNS_MISS),
		.coalesced = counters_get(counters, COUNTER_DNS_COALESCED),
		.stale = counters_get(counters, COUNTER_DNS_STALE),
		.late = counters_get(counters, COUNTER_DNS_LATE),
		.abandoned = counters_get(counters, COUNTER_DNS_ABANDONED),
		.limited = counters_get(counters, COUNTER_DNS_LIMITED),
		.found = counters_get(counters, COUNTER_DNS_FOUND),
		.none = counters_get(counters, COUNTER_DNS_NONE),
		.unsure_timeout = counters_get(counters, COUNTER_DNS_TIMEOUT),
		.unsure_servfail = counters_get(counters, COUNTER_DNS_SERVFAIL),
		.unsure_bogus = counters_get(counters, COUNTER_DNS_BOGUS),
		.evicted = counters_get(counters, COUNTER_DNS_EVICTED),
		.outstanding = atomic_load_explicit(&dns->outstanding, memory_order_relaxed),
	};
	stats->asked = stats->hit + stats->miss + stats->coalesced + stats->limited;
	get_latency(counters, stats);
}

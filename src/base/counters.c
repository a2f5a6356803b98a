/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/counters.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/base.h"

#define LINE_OCTETS 64 /* of the processors' caches */

struct histogram_cells {
	_Atomic uint64_t buckets[COUNTERS_BUCKETS_MAX];
	_Atomic uint64_t sum;
};

/* Two workers at the same time are rare: seats need no cache lines of their own. What is only read has some. */
struct counters {
	_Atomic uint64_t counts[COUNTERS];
	_Atomic uint64_t facts[COUNTERS_FACTS_MAX + 1];
	struct histogram_cells histograms[HISTOGRAMS];
	_Atomic int64_t gauges[COUNTERS_SEATS][GAUGES];
	_Alignas(LINE_OCTETS) _Atomic unsigned state[5];
	int64_t opened_s;
	_Atomic unsigned n_facts; /* released when the name is written */
	char names[COUNTERS_FACTS_MAX + 1][COUNTERS_NAME_MAX + 1];
};

struct counters *counters_open(void)
{
	struct counters *counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                                 -1, 0);

	if (counters == MAP_FAILED)
		return NULL;
	counters->opened_s = (int64_t)time(NULL);
	snprintf(counters->names[COUNTERS_FACTS_MAX], sizeof(counters->names[0]), "other");
	return counters;
}

void counters_close(struct counters **counters)
{
	if (*counters)
		(void)munmap(*counters, sizeof(**counters));
	*counters = NULL;
}

/* ---- counting ---- */

static void add(_Atomic uint64_t *cell, uint64_t n)
{
	atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void counters_add(const struct tally *tally, unsigned counter, uint64_t n)
{
	if (tally->counters && counter < COUNTERS)
		add(&tally->counters->counts[counter], n);
}

void counters_gauge(const struct tally *tally, enum gauge gauge, int64_t by)
{
	if (tally->counters && tally->seat < COUNTERS_SEATS)
		atomic_fetch_add_explicit(&tally->counters->gauges[tally->seat][gauge], by, memory_order_relaxed);
}

void counters_add_fact(const struct tally *tally, unsigned slot)
{
	if (tally->counters && slot <= COUNTERS_FACTS_MAX)
		add(&tally->counters->facts[slot], 1);
}

/* ---- histograms ---- */

#define MS UINT64_C(1000)

static const uint64_t dns_bounds[] = { 1 * MS,   2 * MS,   5 * MS,   10 * MS,   20 * MS,  50 * MS,
	                               100 * MS, 200 * MS, 500 * MS, 1000 * MS, 5000 * MS };
static const uint64_t delay_bounds[] = { 1 * MS,   5 * MS,    20 * MS,   50 * MS,   100 * MS,   200 * MS,
	                                 500 * MS, 1000 * MS, 2000 * MS, 5000 * MS, 10000 * MS, 20000 * MS };
static const uint64_t arena_bounds[] = { 1024, 4096, 16384, 65536, 262144, 1048576, 4194304 };

_Static_assert(COUNT(dns_bounds) < COUNTERS_BUCKETS_MAX && COUNT(delay_bounds) < COUNTERS_BUCKETS_MAX &&
                       COUNT(arena_bounds) < COUNTERS_BUCKETS_MAX,
               "one more bucket is for what lies above");

static const uint64_t *bounds_of(unsigned histogram, size_t *n)
{
	if (histogram < HISTOGRAM_DELAY) {
		*n = COUNT(dns_bounds);
		return dns_bounds;
	}
	*n = histogram == HISTOGRAM_DELAY ? COUNT(delay_bounds) : COUNT(arena_bounds);
	return histogram == HISTOGRAM_DELAY ? delay_bounds : arena_bounds;
}

void counters_observe(const struct tally *tally, unsigned histogram, uint64_t value)
{
	size_t n, bucket = 0;
	const uint64_t *bounds = bounds_of(histogram, &n);

	if (!tally->counters || histogram >= HISTOGRAMS)
		return;
	while (bucket < n && value > bounds[bucket])
		bucket++;
	add(&tally->counters->histograms[histogram].buckets[bucket], 1);
	add(&tally->counters->histograms[histogram].sum, value);
}

void counters_read_histogram(const struct counters *counters, unsigned histogram, struct counters_reading *reading)
{
	const struct histogram_cells *cells = &counters->histograms[histogram];

	*reading = (struct counters_reading){ 0 };
	reading->bounds = bounds_of(histogram, &reading->n);
	reading->n++;
	reading->sum = atomic_load_explicit(&cells->sum, memory_order_relaxed);
	for (size_t i = 0; i < reading->n; i++) {
		reading->buckets[i] = atomic_load_explicit(&cells->buckets[i], memory_order_relaxed);
		reading->count += reading->buckets[i];
	}
}

/* ---- the names of facts ---- */

unsigned counters_name_fact(struct counters *counters, const char *name)
{
	const unsigned n = atomic_load_explicit(&counters->n_facts, memory_order_relaxed);

	for (unsigned slot = 0; slot < n; slot++)
		if (strcmp(counters->names[slot], name) == 0)
			return slot;
	if (n == COUNTERS_FACTS_MAX || strlen(name) > COUNTERS_NAME_MAX)
		return COUNTERS_FACTS_MAX;
	memcpy(counters->names[n], name, strlen(name) + 1);
	atomic_store_explicit(&counters->n_facts, n + 1, memory_order_release);
	return n;
}

unsigned counters_facts(const struct counters *counters)
{
	return atomic_load_explicit(&counters->n_facts, memory_order_acquire);
}

const char *counters_fact_name(const struct counters *counters, unsigned slot)
{
	return counters->names[slot];
}

uint64_t counters_get_fact(const struct counters *counters, unsigned slot)
{
	return atomic_load_explicit(&counters->facts[slot], memory_order_relaxed);
}

/* ---- reading ---- */

uint64_t counters_get(const struct counters *counters, unsigned counter)
{
	return atomic_load_explicit(&counters->counts[counter], memory_order_relaxed);
}

uint64_t counters_get_gauge(const struct counters *counters, enum gauge gauge)
{
	int64_t sum = 0;

	for (size_t seat = 0; seat < COUNTERS_SEATS; seat++)
		sum += atomic_load_explicit(&counters->gauges[seat][gauge], memory_order_relaxed);
	return sum > 0 ? (uint64_t)sum : 0;
}

int64_t counters_opened_s(const struct counters *counters)
{
	return counters->opened_s;
}

/* ---- the supervisor's ---- */

void counters_clear_seat(struct counters *counters, unsigned seat)
{
	const int64_t lost = atomic_load_explicit(&counters->gauges[seat][GAUGE_MESSAGES], memory_order_relaxed);

	if (lost > 0)
		add(&counters->counts[COUNTER_MESSAGES_ENDED + COUNTERS_END_LOST], (uint64_t)lost);
	for (size_t gauge = 0; gauge < GAUGES; gauge++)
		atomic_store_explicit(&counters->gauges[seat][gauge], 0, memory_order_relaxed);
}

void counters_set_state(struct counters *counters, const struct counters_state *state)
{
	const unsigned cells[] = { (unsigned)state->life, state->starting, state->serving, state->draining,
		                   state->digest };

	for (size_t i = 0; i < COUNT(cells); i++)
		atomic_store_explicit(&counters->state[i], cells[i], memory_order_relaxed);
}

struct counters_state counters_get_state(const struct counters *counters)
{
	unsigned cells[COUNT(counters->state)];

	for (size_t i = 0; i < COUNT(cells); i++)
		cells[i] = atomic_load_explicit(&counters->state[i], memory_order_relaxed);
	return (struct counters_state){ (enum counters_life)cells[0], cells[1], cells[2], cells[3], cells[4] };
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats.h"

const char *load_error_name(enum load_error error)
{
	static const char *const names[LOAD_ERRORS] = { "connect", "closed", "protocol", "patience" };

	return names[error];
}

uint64_t load_stats_outcome(const struct load_stats *stats, enum load_outcome outcome)
{
	uint64_t n = 0;

	for (int i = 0; i < LOAD_STAGES; i++)
		n += stats->outcomes[i][outcome];
	return n;
}

bool load_stats_add_up(const struct load_stats *stats)
{
	uint64_t n = 0;

	for (int i = 0; i < LOAD_OUTCOMES; i++)
		n += load_stats_outcome(stats, (enum load_outcome)i);
	return n == stats->started;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"

clock_ms clock_now(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (clock_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec clock_timespec(clock_ms point)
{
	if (point < 0) /* a negative tv_nsec would be refused, not taken as "long ago" */
		point = 0;
	return (struct timespec){ .tv_sec = (time_t)(point / 1000), .tv_nsec = (long)(point % 1000) * 1000000 };
}

clock_ms clock_min(clock_ms a, clock_ms b)
{
	return a < b ? a : b;
}

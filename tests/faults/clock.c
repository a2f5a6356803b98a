/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - for LD_PRELOAD: a wall clock that a test moves by hand, while the program runs. The monotonic clock is left
 * alone, as the kernel leaves it alone.
 *
 *     cc -shared -fPIC -o clock.so clock.c -ldl
 *
 * Environment CLOCK_OFFSET: a file of eight octets, the seconds that the wall clock is ahead.
 */
#define _GNU_SOURCE 1 /* as configure writes it, should it be on the command line as well */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int clock_gettime_function(clockid_t clock, struct timespec *now);

static volatile const int64_t *offset_s;
static clock_gettime_function *real_clock_gettime;

__attribute__((constructor)) static void clock_open(void)
{
	const char *path = getenv("CLOCK_OFFSET");
	const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *memory = fd >= 0 ? mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	real_clock_gettime = (clock_gettime_function *)dlsym(RTLD_NEXT, "clock_gettime");
	if (memory != MAP_FAILED)
		offset_s = memory;
	if (fd >= 0)
		close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (real_clock_gettime == NULL)
		clock_open();
	const int result = real_clock_gettime(clock, now);
	if (result == 0 && offset_s != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += (time_t)*offset_s;
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
		return -1;
	*now = (struct timeval){ .tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *where)
{
	struct timespec exact = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &exact);
	if (where != NULL)
		*where = exact.tv_sec;
	return exact.tv_sec;
}

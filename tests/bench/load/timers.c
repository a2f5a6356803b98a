/* SPDX-License-Identifier: BSD-2-Clause */
#include "timers.h"

#include <stdlib.h>

static void swap(struct timers *timers, size_t a, size_t b)
{
	struct session *kept = timers->heap[a];

	timers->heap[a] = timers->heap[b];
	timers->heap[b] = kept;
}

static bool earlier(const struct timers *timers, size_t a, size_t b)
{
	return timers->heap[a]->wake_ns < timers->heap[b]->wake_ns;
}

void timers_add(struct timers *timers, struct session *session)
{
	if (timers->n == timers->size) {
		timers->size = 2 * timers->size + 64;
		timers->heap = load_memory(timers->heap, timers->size * sizeof(*timers->heap));
	}
	size_t at = timers->n++;
	timers->heap[at] = session;
	for (; at > 0 && earlier(timers, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(timers, at, (at - 1) / 2);
}

int64_t timers_next(const struct timers *timers)
{
	return timers->n ? timers->heap[0]->wake_ns : INT64_MAX;
}

struct session *timers_take(struct timers *timers, int64_t now_ns)
{
	if (timers_next(timers) > now_ns)
		return NULL;
	struct session *taken = timers->heap[0];
	timers->heap[0] = timers->heap[--timers->n];
	for (size_t at = 0;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < timers->n && earlier(timers, child, least))
				least = child;
		}
		if (least == at)
			return taken;
		swap(timers, at, least);
		at = least;
	}
}

void timers_close(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}

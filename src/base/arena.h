/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - memory that is given back all at once.
 *
 * Threads: an arena belongs to one session; only one thread uses it at a time.
 * Owns: every chunk it handed out, until arena_reset() or arena_close().
 *
 * A session has one quota, shared by its arenas (connection, HELO, message).
 * The quota is soft: arena_alloc() never fails (out of memory ends the process,
 * the MTA's default action covers it), but once the quota is used up
 * arena_full() is true and those who gather for a stranger stop gathering.
 */
#ifndef MAILREEVE_BASE_ARENA_H
#define MAILREEVE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_quota {
	size_t used_octets;
	size_t max_octets;
};

struct arena_chunk;
struct arena_deferred;

struct arena {
	struct arena_quota *quota;
	struct arena_chunk *chunks;      /* newest first */
	size_t chunk_used;               /* octets used of the newest chunk */
	struct arena_deferred *deferred; /* newest first */
};

/* An empty arena costs nothing: the first chunk comes with the first arena_alloc(). */
void arena_open(struct arena *arena, struct arena_quota *quota);

/* Zeroed memory, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t octets);

/* A terminated copy of `length` octets (of a terminated string). NULL gives NULL. */
char *arena_copy(struct arena *arena, const char *text, size_t length);
char *arena_strdup(struct arena *arena, const char *text);

/*
 * Call undo(context) when the arena is reset or closed, the newest first, its memory still intact: for what a library
 * allocates and an arena cannot hold.
 */
void arena_defer(struct arena *arena, void (*undo)(void *context), void *context);

/* True once the quota shared with the session's other arenas is used up. */
bool arena_full(const struct arena *arena);

/* Give everything back; the arena stays usable. close and reset are the same for an arena in place. */
void arena_reset(struct arena *arena);
void arena_close(struct arena *arena);

/* malloc/calloc/strdup that end the process when there is no memory: the one place where that happens. */
void *memory_new(size_t octets);
void *memory_grow(void *old, size_t octets);
char *memory_strdup(const char *text);

#endif

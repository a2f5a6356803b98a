/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/*
 * Octets of a chunk, its header included. Each is 8 below a multiple of 16, because malloc adds a word of its own and
 * rounds up. An idle connection has several arenas and little to say: hence the small first chunk, and the slow growth,
 * which leaves no more than a third unused.
 */
#define CHUNK_MIN (192 - 8)
#define CHUNK_MAX (16384 - 8)

struct arena_chunk {
	struct arena_chunk *next;
	size_t octets; /* of the whole chunk, this header included */
	max_align_t space[];
};

struct arena_deferred {
	struct arena_deferred *next;
	void (*undo)(void *context);
	void *context;
};

#define CHUNK_HEADER offsetof(struct arena_chunk, space)

static _Noreturn void out_of_memory(size_t octets)
{
	log_error("out of memory: %zu octets were asked for", octets);
	abort();
}

void arena_open(struct arena *arena, struct arena_quota *quota)
{
	*arena = (struct arena){ .quota = quota };
}

static struct arena_chunk *new_chunk(struct arena *arena, size_t octets)
{
	struct arena_chunk *chunk = malloc(octets);

	if (chunk == NULL)
		out_of_memory(octets);
	chunk->octets = octets;
	if (arena->quota != NULL)
		arena->quota->used_octets += octets;
	return chunk;
}

static size_t next_chunk_octets(const struct arena *arena)
{
	size_t octets = CHUNK_MIN;

	if (arena->chunks != NULL)
		octets = (arena->chunks->octets + 8) * 3 / 2 / 16 * 16 - 8;
	return octets < CHUNK_MAX ? octets : CHUNK_MAX;
}

static void *chunk_at(struct arena_chunk *chunk, size_t offset)
{
	return (char *)chunk->space + offset;
}

/* What is too large for the next chunk gets one of its own, behind the newest, which stays in use. */
static void *take_own_chunk(struct arena *arena, size_t octets)
{
	struct arena_chunk *chunk;

	if (octets > SIZE_MAX / 2)
		out_of_memory(octets);
	chunk = new_chunk(arena, CHUNK_HEADER + octets);
	if (arena->chunks == NULL) {
		chunk->next = NULL;
		arena->chunks = chunk;
		arena->chunk_used = octets;
	} else {
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	}
	return chunk_at(chunk, 0);
}

/* `alignment`: a power of 2. */
static void *take(struct arena *arena, size_t octets, size_t alignment)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t offset = (arena->chunk_used + alignment - 1) & ~(alignment - 1);
	size_t size;

	if (chunk != NULL) {
		size = chunk->octets - CHUNK_HEADER;
		if (offset <= size && octets <= size - offset) {
			arena->chunk_used = offset + octets;
			return chunk_at(chunk, offset);
		}
	}
	size = next_chunk_octets(arena);
	if (octets > size - CHUNK_HEADER)
		return take_own_chunk(arena, octets);
	chunk = new_chunk(arena, size);
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->chunk_used = octets;
	return chunk_at(chunk, 0);
}

void *arena_alloc(struct arena *arena, size_t octets)
{
	void *memory = take(arena, octets, _Alignof(max_align_t));

	return memset(memory, 0, octets);
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
	char *copy;

	if (text == NULL)
		return NULL;
	if (length == SIZE_MAX)
		out_of_memory(length);
	copy = take(arena, length + 1, 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text != NULL ? arena_copy(arena, text, strlen(text)) : NULL;
}

void arena_defer(struct arena *arena, void (*undo)(void *context), void *context)
{
	struct arena_deferred *deferred = arena_alloc(arena, sizeof(*deferred));

	deferred->next = arena->deferred;
	deferred->undo = undo;
	deferred->context = context;
	arena->deferred = deferred;
}

bool arena_full(const struct arena *arena)
{
	return arena->quota != NULL && arena->quota->used_octets >= arena->quota->max_octets;
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	while (arena->deferred != NULL) {
		const struct arena_deferred *deferred = arena->deferred;
		arena->deferred = deferred->next;
		deferred->undo(deferred->context);
	}
	for (chunk = arena->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		if (arena->quota != NULL)
			arena->quota->used_octets -= chunk->octets;
		free(chunk);
	}
	arena->chunks = NULL;
	arena->chunk_used = 0;
}

void arena_close(struct arena *arena)
{
	arena_reset(arena);
}

void *memory_new(size_t octets)
{
	void *memory = calloc(1, octets > 0 ? octets : 1);

	if (memory == NULL)
		out_of_memory(octets);
	return memory;
}

void *memory_grow(void *old, size_t octets)
{
	void *memory = realloc(old, octets > 0 ? octets : 1);

	if (memory == NULL)
		out_of_memory(octets);
	return memory;
}

char *memory_strdup(const char *text)
{
	char *copy;

	if (text == NULL)
		return NULL;
	copy = strdup(text);
	if (copy == NULL)
		out_of_memory(strlen(text) + 1);
	return copy;
}

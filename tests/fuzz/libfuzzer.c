/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libfuzzer - the entry points that libFuzzer calls, for the target that the environment's FUZZ_TARGET names.
 *
 * A session is lines, each one step of it: new ones are made from old ones by whole lines as well, so that what is
 * tried stays a session. Everything else is left to libFuzzer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "fuzz.h"

#define LINES_MAX 512

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length);
size_t LLVMFuzzerCustomMutator(uint8_t *octets, size_t length, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *octets, size_t length, size_t max);

/* libFuzzer passes no context of ours. */
static const struct fuzz_row *the_target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	the_target = name ? fuzz_find(name) : NULL;
	if (the_target)
		return 0;
	fprintf(stderr, "FUZZ_TARGET must be one of:");
	for (size_t i = 0; i < fuzz_n_rows; i++)
		fprintf(stderr, " %s", fuzz_rows[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length)
{
	if (length <= the_target->octets_max)
		the_target->run(octets, length);
	return 0;
}

/* ---- sessions ---- */

struct line {
	const uint8_t *at;
	size_t octets; /* the newline included */
};

static size_t cut_lines(const uint8_t *octets, size_t length, struct line *lines)
{
	size_t n = 0;

	while (length > 0 && n < LINES_MAX) {
		const uint8_t *end = memchr(octets, '\n', length);
		const size_t used = end ? (size_t)(end - octets) + 1 : length;
		lines[n++] = (struct line){ octets, used };
		octets += used;
		length -= used;
	}
	return n;
}

/* Small, fast, and the same everywhere. */
static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Repeat, drop or move a line. */
static size_t change_order(struct line *lines, size_t n, unsigned *random)
{
	const size_t from = next_random(random) % n, to = next_random(random) % n;
	const struct line moved = lines[from];

	switch (next_random(random) % 3) {
	case 0:
		if (n == LINES_MAX)
			return n;
		memmove(&lines[to + 1], &lines[to], (n - to) * sizeof(*lines));
		lines[to] = moved;
		return n + 1;
	case 1:
		memmove(&lines[from], &lines[from + 1], (n - from - 1) * sizeof(*lines));
		return n - 1;
	default:
		lines[from] = lines[to];
		lines[to] = moved;
		return n;
	}
}

static size_t join_lines(uint8_t *octets, size_t max, const struct line *lines, size_t n)
{
	uint8_t *joined = memory_new(max + 1);
	size_t length = 0;

	for (size_t i = 0; i < n && length + lines[i].octets <= max; i++) {
		memcpy(joined + length, lines[i].at, lines[i].octets);
		length += lines[i].octets;
	}
	memcpy(octets, joined, length);
	free(joined);
	return length;
}

/* Another argument for one of the lines: what stands behind its first two octets. */
static size_t change_argument(uint8_t *octets, size_t length, size_t max, const struct line *line)
{
	const size_t begin = (size_t)(line->at - octets) + 2;
	const size_t end = (size_t)(line->at - octets) + line->octets - 1;

	if (line->octets < 3 || end <= begin)
		return LLVMFuzzerMutate(octets, length, max);
	const size_t room = end - begin + (max - length), rest = length - end;
	uint8_t *argument = memory_new(room), *tail = memory_new(rest + 1);
	memcpy(argument, octets + begin, end - begin);
	memcpy(tail, octets + end, rest);
	const size_t changed = LLVMFuzzerMutate(argument, end - begin, room);
	memcpy(octets + begin, argument, changed);
	memcpy(octets + begin + changed, tail, rest);
	free(argument);
	free(tail);
	return begin + changed + rest;
}

size_t LLVMFuzzerCustomMutator(uint8_t *octets, size_t length, size_t max, unsigned seed)
{
	struct line lines[LINES_MAX];
	unsigned random = seed;
	size_t n;

	if (strcmp(the_target->name, "session") != 0 || next_random(&random) % 8 == 0)
		return LLVMFuzzerMutate(octets, length, max);
	n = cut_lines(octets, length, lines);
	if (n == 0)
		return LLVMFuzzerMutate(octets, length, max);
	if (next_random(&random) % 3 > 0)
		return change_argument(octets, length, max, &lines[next_random(&random) % n]);
	n = change_order(lines, n, &random);
	return join_lines(octets, max, lines, n);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay - runs every fuzz target over its seeds and over every input that was ever found to break something.
 *
 * Usage: replay [TARGET [FILE...]]       all targets over SRCDIR/tests/fuzz/corpus, or one target over these files
 * Prints a line a target. Needs no fuzzer: this is the part of the fuzzing that `make check` does with any compiler.
 * Each seed is also tried cut off, and with an octet changed, at some places: cheap, and the same in every run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "fuzz.h"

#define SEED_OCTETS_MAX (1 << 20)
#define VARIANTS        24 /* of each kind, for each seed */

/* What is running, for the one who reads that it has crashed. */
static void announce(const struct fuzz_row *row, const char *path)
{
	printf("# %s %s\n", row->name, path);
	(void)fflush(stdout);
}

static void run(const struct fuzz_row *row, const uint8_t *octets, size_t length)
{
	uint8_t *copy = fuzz_copy(octets, length);

	row->run(copy, length);
	free(copy);
}

static void run_variants(const struct fuzz_row *row, uint8_t *octets, size_t length)
{
	const size_t step = length / VARIANTS + 1;

	for (size_t at = 0; at < length; at += step) {
		const uint8_t before = octets[at];
		run(row, octets, at);
		octets[at] ^= (uint8_t)(1u << at % 8);
		run(row, octets, length);
		octets[at] = before;
	}
}

static int run_file(const struct fuzz_row *row, const char *path, bool variants)
{
	uint8_t *octets = memory_new(SEED_OCTETS_MAX);
	FILE *file = fopen(path, "rb");

	if (!file) {
		printf("not ok - fuzz %s: %s cannot be read\n", row->name, path);
		free(octets);
		return -1;
	}
	const size_t length = fread(octets, 1, SEED_OCTETS_MAX, file);
	(void)fclose(file);
	announce(row, path);
	run(row, octets, length);
	if (variants)
		run_variants(row, octets, length);
	free(octets);
	return 0;
}

/* Not "." and "..", nor what an editor leaves behind. */
static int is_seed(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_corpus(const struct fuzz_row *row, const char *srcdir)
{
	char folder[4096], path[sizeof(folder) + 256];
	struct dirent **seeds;
	int failed = 0;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir, row->name);
	const int n = scandir(folder, &seeds, is_seed, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, seeds[i]->d_name);
		failed |= run_file(row, path, true);
		free(seeds[i]);
	}
	if (n >= 0)
		free((void *)seeds);
	if (n <= 0)
		printf("not ok - fuzz %s: there are no seeds in %s\n", row->name, folder);
	else if (!failed)
		printf("ok - fuzz %s: %d seeds\n", row->name, n);
	return n <= 0 || failed ? -1 : 0;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("SRCDIR");
	int failed = 0;

	if (argc > 1 && !fuzz_find(argv[1])) {
		fprintf(stderr, "there is no target %s\n", argv[1]);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		failed |= run_file(fuzz_find(argv[1]), argv[i], false);
	for (size_t i = 0; i < fuzz_n_rows && argc <= 2; i++)
		if (argc < 2 || strcmp(argv[1], fuzz_rows[i].name) == 0)
			failed |= run_corpus(&fuzz_rows[i], srcdir ? srcdir : ".");
	return failed ? 1 : 0;
}

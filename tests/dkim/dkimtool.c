/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkimtool - for corpus.py and differential.py: verifies messages with the real code and a zone in memory, and prints
 * a line a signature.
 *
 *   dkimtool ZONE < LIST     each line of LIST: NOW TAB MESSAGE; or NOW TAB MESSAGE TAB ZONE
 *
 * Each message is verified with its body cut in several ways. Lines: "message FILE", then "INDEX TAB CODE TAB DOMAIN
 * TAB SELECTOR TAB ALGORITHM TAB BITS TAB TRAITS TAB REASON" for each signature, "found N", and "differs CUT" where a
 * cut changes anything.
 */
#include "../unit/dkim_world.h"

#include "base/base.h"
#include "base/strbuf.h"
#include "mail/suffix.h"

#define FILE_OCTETS_MAX (64 * 1024 * 1024)
#define TEXT_OCTETS_MAX 65536

static char *read_file(const char *path, size_t *octets)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(FILE_OCTETS_MAX + 1);

	if (file == NULL || text == NULL) {
		fprintf(stderr, "dkimtool: %s cannot be read\n", path);
		exit(1);
	}
	*octets = fread(text, 1, FILE_OCTETS_MAX, file);
	text[*octets] = '\0';
	fclose(file);
	return text;
}

static void describe(const struct dkim_results *results, char *text, size_t size)
{
	struct strbuf buf;

	strbuf_open(&buf, text, size);
	for (size_t i = 0; i < results->n; i++) {
		const struct dkim_result *result = &results->results[i];
		strbuf_addf(&buf, "%u\t%s\t%s\t%s\t%s\t%u\t%u\t%s\n", result->index, dkim_code_name(result->code),
		            result->domain, result->selector, result->algorithm, result->key_bits, result->traits,
		            result->reason);
	}
	strbuf_addf(&buf, "found %zu\n", results->n_found);
}

static void verify(const char *path, const char *zone_path, uint64_t now_s)
{
	static const size_t cuts[] = { 0, 1, 2, 7, 1000, 65535 };
	static char first[TEXT_OCTETS_MAX], text[TEXT_OCTETS_MAX];
	size_t octets, zone_octets;
	char *message = read_file(path, &octets), *zone = read_file(zone_path, &zone_octets);
	struct world world;

	world_open(&world, zone);
	printf("message %s\n", path);
	for (size_t i = 0; i < COUNT(cuts); i++) {
		struct arena arena;
		arena_open(&arena, NULL);
		describe(world_verify(&world, message, octets, cuts[i], now_s, &arena), text, sizeof(text));
		arena_close(&arena);
		if (i == 0)
			memcpy(first, text, sizeof(first));
		else if (strcmp(first, text) != 0)
			printf("differs %zu\n", cuts[i]);
	}
	fputs(first, stdout);
	world_close(&world);
	free(message);
	free(zone);
}

int main(int argc, char **argv)
{
	char line[4096];

	if (argc != 2) {
		fprintf(stderr, "usage: dkimtool ZONE < LIST\n");
		return 2;
	}
	suffix_open();
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *end = NULL, *message, *zone;
		unsigned long long now_s = strtoull(line, &end, 10);
		line[strcspn(line, "\n")] = '\0';
		if (*end != '\t')
			continue;
		message = end + 1;
		zone = strchr(message, '\t');
		if (zone != NULL)
			*zone++ = '\0';
		verify(message, zone != NULL ? zone : argv[1], now_s);
	}
	suffix_close();
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_signature_fixture - a signature that is right, and what the parser makes of others. Include after <cmocka.h>.
 */
#ifndef MAILREEVE_DKIM_SIGNATURE_FIXTURE_H
#define MAILREEVE_DKIM_SIGNATURE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "dkim/signature.h"

#define BH32 "bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define BH20 "bh=AAECAwQFBgcICQoLDA0ODxAREhM="
#define B64  "b=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define REST "v=1; a=rsa-sha256; d=example.org; s=sel; h=from; " BH32 "; " B64

struct parsed {
	struct dkim_signature signature;
	struct arena arena;
	char problem[200];
	int result;
};

/* From memory of exactly its size, without a terminator. parsed_close() is the caller's. */
static inline void parse_octets(struct parsed *parsed, const char *value, size_t octets)
{
	char *copy = malloc(octets > 0 ? octets : 1);
	struct strbuf problem;

	assert_non_null(copy);
	memcpy(copy, value, octets);
	arena_open(&parsed->arena, NULL);
	strbuf_open(&problem, parsed->problem, sizeof(parsed->problem));
	parsed->result = dkim_signature_parse(&parsed->signature, copy, octets, &parsed->arena, &problem);
	free(copy); /* nothing of the result points into it */
	assert_int_equal(parsed->result == 0, parsed->problem[0] == '\0');
	for (const char *c = parsed->problem; *c != '\0'; c++)
		assert_in_range(*c, 0x20, 0x7e);
}

static inline void parsed_close(struct parsed *parsed)
{
	arena_close(&parsed->arena);
}

static inline void expect_problem(const char *value, const char *problem)
{
	struct parsed parsed;

	parse_octets(&parsed, value, strlen(value));
	if (strcmp(parsed.problem, problem) != 0)
		fail_msg("\"%s\": \"%s\" instead of \"%s\"", value, parsed.problem, problem);
	parsed_close(&parsed);
}

#endif

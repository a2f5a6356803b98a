/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_keyrecord - key records of DKIM taken apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "dkim/key.h"

#define KEY32 "p=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* From memory of exactly its size. */
static int parse(struct dkim_key_record *record, const char *text, size_t octets, char problem[200])
{
	uint8_t *copy = malloc(octets > 0 ? octets : 1);
	struct strbuf buf;
	int result;

	assert_non_null(copy);
	memcpy(copy, text, octets);
	strbuf_open(&buf, problem, 200);
	result = dkim_key_parse(record, copy, octets, &buf);
	free(copy);
	assert_int_equal(result == 0, problem[0] == '\0');
	for (const char *c = problem; *c != '\0'; c++)
		assert_in_range(*c, 0x20, 0x7e);
	return result;
}

/* What is expected, in one line: e(d25519) 1 2(56) m(ail) y s r(evoked). */
static const char *describe(const struct dkim_key_record *record, char text[16])
{
	snprintf(text, 16, "%s%s%s%s%s%s%s", record->ed25519 ? "e" : "", record->sha1 ? "1" : "",
	         record->sha256 ? "2" : "", record->email ? "m" : "", record->testing ? "y" : "",
	         record->strict ? "s" : "", record->revoked ? "r" : "");
	return text;
}

static const struct {
	const char *text, *expected;
	size_t key_octets;
} accepted[] = {
	{ "v=DKIM1; k=rsa; " KEY32, "12m", 32 },
	{ "v=DKIM1;k=rsa;" KEY32 ";", "12m", 32 },
	{ KEY32, "12m", 32 },
	{ "k=rsa; t=y; " KEY32 "; ", "12my", 32 },
	{ "v = DKIM1 ; k = ed25519 ; " KEY32, "e12m", 32 },
	{ "v=DKIM1; k=ED25519; " KEY32, "e12m", 32 },
	{ "v=DKIM1; p=AAEC AwQF Bg==", "12m", 7 },
	{ "v=DKIM1; p=", "12mr", 0 },
	{ "v=DKIM1; k=ed25519; p= ; n=gone", "e12mr", 0 },
	{ "v=DKIM1; n=; " KEY32, "12m", 32 },
	{ "v=DKIM1; n=send=20mail; x1 = extra ; P=zzz; " KEY32, "12m", 32 },
	{ "v=DKIM1; n=Schl\xc3\xbcssel; " KEY32, "12m", 32 },
	{ "v=DKIM1; g=; " KEY32, "12m", 32 },
	{ "v=DKIM1; g=jl*g; " KEY32, "12m", 32 },
	{ "v=DKIM1; h=sha256; " KEY32, "2m", 32 },
	{ "v=DKIM1; h=sha1; " KEY32, "1m", 32 },
	{ "v=DKIM1; h=sha1:sha256:sha512; " KEY32, "12m", 32 },
	{ "v=DKIM1; h = foo : SHA256; " KEY32, "2m", 32 },
	{ "v=DKIM1; h=foo; " KEY32, "m", 32 },
	{ "v=DKIM1; h=; " KEY32, "m", 32 },
	{ "v=DKIM1; h=sha2567; " KEY32, "m", 32 },
	{ "v=DKIM1; s=email; " KEY32, "12m", 32 },
	{ "v=DKIM1; s=*; " KEY32, "12m", 32 },
	{ "v=DKIM1; s=x:*; " KEY32, "12m", 32 },
	{ "v=DKIM1; s=email:web:fine; " KEY32, "12m", 32 },
	{ "v=DKIM1; s=other; " KEY32, "12", 32 },
	{ "v=DKIM1; s=tlsrpt; " KEY32, "12", 32 },
	{ "v=DKIM1; s=; " KEY32, "12", 32 },
	{ "v=DKIM1; t=s; " KEY32, "12ms", 32 },
	{ "v=DKIM1; t=y:s; " KEY32, "12mys", 32 },
	{ "v=DKIM1; t = y:n:extra; " KEY32, "12my", 32 },
	{ "v=DKIM1; t=; " KEY32, "12m", 32 },
	{ "v=DKIM1; t=yes:ss; " KEY32, "12m", 32 },
};

static void records_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct dkim_key_record record;
		char problem[200], text[16];
		if (parse(&record, accepted[i].text, strlen(accepted[i].text), problem) != 0)
			fail_msg("\"%s\": %s", accepted[i].text, problem);
		if (strcmp(describe(&record, text), accepted[i].expected) != 0)
			fail_msg("\"%s\": %s instead of %s", accepted[i].text, text, accepted[i].expected);
		assert_int_equal(record.key_octets, accepted[i].key_octets);
		for (size_t k = 0; k < record.key_octets; k++)
			assert_int_equal(record.key[k], k);
	}
}

static const struct {
	const char *text, *problem;
} refused[] = {
	{ "", "a tag is empty" },
	{ "bogus", "\"=\" is missing after the tag bogus" },
	{ "v=DKIM1; k=rsa;", "p= is missing" },
	{ "v=DKIM1; P=AAEC", "p= is missing" },
	{ "x=a263adeb", "p= is missing" },
	{ "v=spf1 -all", "v= is not DKIM1" },
	{ "v=DMARC1; p=none", "v= is not DKIM1" },
	{ "v=DKIM2; " KEY32, "v= is not DKIM1" },
	{ "v=dkim1; " KEY32, "v= is not DKIM1" },
	{ "v=DKIM10; " KEY32, "v= is not DKIM1" },
	{ "v=DKIM1: g=*; " KEY32, "v= is not DKIM1" },
	{ "v=; " KEY32, "v= is not DKIM1" },
	{ "k=rsa; v=DKIM1; " KEY32, "v= is not the first tag" },
	{ "v=DKIM1; k=dsa; " KEY32, "k= names no known type of key" },
	{ "v=DKIM1; k=ed25519-sha256; " KEY32, "k= names no known type of key" },
	{ "v=DKIM1; k=; " KEY32, "k= names no known type of key" },
	{ "k=rsa; t; " KEY32, "\"=\" is missing after the tag t" },
	{ "v=DKIM1;; " KEY32, "a tag is empty" },
	{ "v=DKIM1; " KEY32 "; p=AAEC", "the list repeats the tag p" },
	{ "v=DKIM1; p=@@@@", "p= is no base64, or too long" },
	{ "v=DKIM1; p=\"AAEC\"", "p= is no base64, or too long" },
	{ "v=DKIM1; p=AAECA", "p= is no base64, or too long" },
	{ "v=DKIM1; p==", "p= is no base64, or too long" },
	{ "v=DKIM1; n=\xfc; " KEY32, "an octet that is not allowed in the value of the tag n" },
	{ "v=DKIM1; k=ed25519; p=AAEC", "p= has 3 octets, a key of Ed25519 has 32" },
	{ "v=DKIM1; k=ed25519; p=MCowBQYDK2VwAyEAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	  "p= has 44 octets, a key of Ed25519 has 32" },
};

static void what_is_no_key_record_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct dkim_key_record record;
		char problem[200];
		assert_int_equal(parse(&record, refused[i].text, strlen(refused[i].text), problem), -1);
		if (strcmp(problem, refused[i].problem) != 0)
			fail_msg("\"%s\": \"%s\" instead of \"%s\"", refused[i].text, problem, refused[i].problem);
	}
}

static void row_9_what_the_record_allows_is_told(void **state)
{
	struct dkim_key_record record;
	char problem[200];

	(void)state;
	/* a key for SHA-256 alone must not serve rsa-sha1, and one for other services no mail */
	assert_int_equal(parse(&record, "v=DKIM1; h=sha256; s=tlsrpt; " KEY32,
	                       strlen("v=DKIM1; h=sha256; s=tlsrpt; " KEY32), problem),
	                 0);
	assert_true(record.sha256);
	assert_false(record.sha1 || record.email);
}

static void fill(struct strbuf *text, char octet, size_t octets)
{
	while (octets-- > 0)
		strbuf_add_octets(text, &octet, 1);
}

static void row_15_keys_of_any_size_are_bounded(void **state)
{
	static const size_t key_octets[] = { 2046, 2048, 2049, 4134, 48000 };
	static const char *const ends[] = { "", "AA==", "AAA=" };
	static char memory[80000];

	(void)state;
	for (size_t i = 0; i < COUNT(key_octets); i++) {
		bool fits = key_octets[i] <= DKIM_KEY_OCTETS_MAX;
		struct dkim_key_record record;
		struct strbuf text;
		char problem[200];
		strbuf_open(&text, memory, sizeof(memory));
		strbuf_add(&text, "v=DKIM1; p=");
		fill(&text, 'A', key_octets[i] / 3 * 4);
		strbuf_add(&text, ends[key_octets[i] % 3]);
		assert_int_equal(parse(&record, memory, text.length, problem), fits ? 0 : -1);
		assert_int_equal(record.key_octets, fits ? key_octets[i] : 0);
	}
}

static void row_15_notes_of_any_size_do_no_harm(void **state)
{
	static char memory[80000];

	(void)state;
	for (int before = 0; before < 2; before++) {
		struct dkim_key_record record;
		struct strbuf text;
		char problem[200];
		strbuf_open(&text, memory, sizeof(memory));
		strbuf_add(&text, before ? "v=DKIM1; n=" : "v=DKIM1; " KEY32 "; n=");
		fill(&text, 'x', 60000);
		strbuf_add(&text, before ? "; " KEY32 : ";");
		assert_int_equal(parse(&record, memory, text.length, problem), 0);
		assert_int_equal(record.key_octets, 32);
	}
}

static void mutated_records_keep_the_invariants(void **state)
{
	static const char sample[] = "v=DKIM1; k=ed25519; h=sha256:sha1; s=email:*; t=y:s; n=n\xc3\xb6tes;\n " KEY32
				     "; ";
	static const char odd[] = ";:= \t\r\n\"*0aZ\x7f\x80\xc3\xff";
	unsigned right = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct dkim_key_record record;
		char text[sizeof(sample)], problem[200];
		size_t octets = round % 4 == 0 ? random_below(sizeof(sample)) : sizeof(sample) - 1;
		memcpy(text, sample, sizeof(sample));
		for (uint32_t n = random_below(3); n > 0; n--)
			text[random_below(sizeof(sample) - 1)] = round % 2 == 0 ? (char)random_below(256)
			                                                        : odd[random_below(sizeof(odd))];
		if (parse(&record, text, octets, problem) == 0) {
			right++;
			assert_true(record.key_octets <= DKIM_KEY_OCTETS_MAX);
			assert_int_equal(record.revoked, record.key_octets == 0);
			assert_true(!record.ed25519 || record.revoked || record.key_octets == 32);
		}
	}
	assert_true(right > 1000 && right < 15000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(what_is_no_key_record_is_refused),
		cmocka_unit_test(row_9_what_the_record_allows_is_told),
		cmocka_unit_test(row_15_keys_of_any_size_are_bounded),
		cmocka_unit_test(row_15_notes_of_any_size_do_no_harm),
		cmocka_unit_test(mutated_records_keep_the_invariants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

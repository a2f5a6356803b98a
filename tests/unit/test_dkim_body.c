/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_body - both canonicalisations against RFC 6376, against a slow implementation that is plainly right, and
 * cut in every way.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dkim/body.h"
#include "dkim_body_fixture.h"

/* A text with its length: NUL is an octet like any other. */
#define TEXT(text) (const uint8_t *)(text), sizeof(text) - 1

/* ---- comparing ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15U;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

#define CUT_RANDOM 0

/* Every piece in memory of its own, so that a sanitizer sees who reads beyond it. */
static void add_cut(struct dkim_body *body, const uint8_t *octets, size_t n, size_t cut)
{
	while (n > 0) {
		size_t step = cut != CUT_RANDOM ? cut : random_below(200);
		if (step > n)
			step = n;
		uint8_t *piece = memory_new(step);
		memcpy(piece, octets, step);
		dkim_body_add(body, piece, step);
		free(piece);
		octets += step;
		n -= step;
	}
	dkim_body_finish(body);
}

static size_t hash_of(const uint8_t *octets, size_t n, bool sha1, uint8_t hash[DKIM_HASH_OCTETS_MAX])
{
	struct dkim_digest *digest = dkim_digest_open(sha1);

	dkim_digest_add(digest, octets, n);
	size_t length = dkim_digest_get(digest, hash);
	dkim_digest_close(&digest);
	assert_int_equal(length, sha1 ? 20 : 32);
	return length;
}

static void expect(const struct dkim_body *body, int want, const struct octets *canonical, bool sha1, uint64_t length)
{
	uint64_t covered = length < canonical->n ? length : canonical->n;
	struct dkim_body_result result;
	uint8_t hash[DKIM_HASH_OCTETS_MAX];

	dkim_body_get(body, want, &result);
	assert_int_equal(result.octets, canonical->n);
	assert_int_equal(result.covered, covered);
	assert_int_equal(result.hash_octets, hash_of(canonical->at, (size_t)covered, sha1, hash));
	assert_memory_equal(result.hash, hash, result.hash_octets);
}

/* Each canonicalisation finds it by itself. */
static void expect_damage(const uint8_t *octets, size_t n, size_t cut)
{
	bool damaged = is_damaged_slowly(octets, n);
	struct arena arena;

	for (enum dkim_canon canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
		arena_open(&arena, NULL);
		struct dkim_body *body = dkim_body_open(&arena);
		dkim_body_want(body, canon, false, false, 0);
		add_cut(body, octets, n, cut);
		assert_int_equal(dkim_body_is_damaged(body), damaged);
		arena_close(&arena);
	}
}

/* Both canonicalisations of a body that comes in pieces of `cut` octets, whole and with two lengths. */
static void compare(const uint8_t *octets, size_t n, size_t cut)
{
	struct octets simple = { memory_new(n + 2), 0 }, relaxed = { memory_new(n + 2), 0 };
	uint64_t some = random_below((uint32_t)n + 3);
	struct arena arena;

	canonise_slowly(&simple, octets, n, false);
	canonise_slowly(&relaxed, octets, n, true);
	arena_open(&arena, NULL);
	struct dkim_body *body = dkim_body_open(&arena);
	int simple_256 = dkim_body_want(body, DKIM_SIMPLE, false, false, 0);
	int relaxed_some = dkim_body_want(body, DKIM_RELAXED, false, true, some);
	int relaxed_256 = dkim_body_want(body, DKIM_RELAXED, false, false, 0);
	int simple_some = dkim_body_want(body, DKIM_SIMPLE, false, true, some);
	add_cut(body, octets, n, cut);
	expect(body, simple_256, &simple, false, UINT64_MAX);
	expect(body, relaxed_256, &relaxed, false, UINT64_MAX);
	expect(body, simple_some, &simple, false, some);
	expect(body, relaxed_some, &relaxed, false, some);
	arena_close(&arena);
	expect_damage(octets, n, cut);
	free(simple.at);
	free(relaxed.at);
}

static const size_t cuts[] = { 1, 2, 7, 1000, 65535, CUT_RANDOM };

static void compare_all_cuts(const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < COUNT(cuts); i++)
		compare(octets, n, cuts[i]);
}

/* ---- tests ---- */

static const struct {
	const uint8_t *body;
	size_t body_octets;
	const uint8_t *simple;
	size_t simple_octets;
	const uint8_t *relaxed;
	size_t relaxed_octets;
} bodies[] = {
	/* RFC 6376 3.4.5, examples 1 and 2 */
	{ TEXT(" C \r\nD \t E\r\n\r\n\r\n"), TEXT(" C \r\nD \t E\r\n"), TEXT(" C\r\nD E\r\n") },
	/* nothing, or nothing but empty lines */
	{ TEXT(""), TEXT("\r\n"), TEXT("") },
	{ TEXT("\r\n"), TEXT("\r\n"), TEXT("") },
	{ TEXT("\r\n\r\n\r\n"), TEXT("\r\n"), TEXT("") },
	{ TEXT(" "), TEXT(" \r\n"), TEXT("") },
	{ TEXT(" \r\n"), TEXT(" \r\n"), TEXT("") },
	{ TEXT("\t \r\n \r\n"), TEXT("\t \r\n \r\n"), TEXT("") },
	{ TEXT("\r\n \r\n\r\n"), TEXT("\r\n \r\n"), TEXT("") },
	/* without the last CRLF */
	{ TEXT("a"), TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("a\r\nb"), TEXT("a\r\nb\r\n"), TEXT("a\r\nb\r\n") },
	{ TEXT("a \t"), TEXT("a \t\r\n"), TEXT("a\r\n") },
	{ TEXT("a\r\n "), TEXT("a\r\n \r\n"), TEXT("a\r\n") },
	/* empty lines at the beginning and between stay */
	{ TEXT("\r\n\r\na\r\n"), TEXT("\r\n\r\na\r\n"), TEXT("\r\n\r\na\r\n") },
	{ TEXT("a\r\n\r\n\r\nb\r\n\r\n"), TEXT("a\r\n\r\n\r\nb\r\n"), TEXT("a\r\n\r\n\r\nb\r\n") },
	{ TEXT("a\r\n \t\r\nb\r\n"), TEXT("a\r\n \t\r\nb\r\n"), TEXT("a\r\n\r\nb\r\n") },
	/* white space */
	{ TEXT("\ta\r\n"), TEXT("\ta\r\n"), TEXT(" a\r\n") },
	{ TEXT("  a  b\t\r\n"), TEXT("  a  b\t\r\n"), TEXT(" a b\r\n") },
	{ TEXT("a\tb \tc\t d\r\n"), TEXT("a\tb \tc\t d\r\n"), TEXT("a b c d\r\n") },
	{ TEXT("a \r\n\r\n\t\r\n"), TEXT("a \r\n\r\n\t\r\n"), TEXT("a\r\n") },
	{ TEXT("a\v\f \x7f\x80\xff\r\n"), TEXT("a\v\f \x7f\x80\xff\r\n"), TEXT("a\v\f \x7f\x80\xff\r\n") },
	/* octets that make it a damaged body are hashed all the same, as ordinary ones */
	{ TEXT("\r"), TEXT("\r\r\n"), TEXT("\r\r\n") },
	{ TEXT("\n"), TEXT("\n\r\n"), TEXT("\n\r\n") },
	{ TEXT("a\0b\r\n"), TEXT("a\0b\r\n"), TEXT("a\0b\r\n") },
	{ TEXT("a\r\r\n"), TEXT("a\r\r\n"), TEXT("a\r\r\n") },
	{ TEXT("a \r \n\n\r\n\r"), TEXT("a \r \n\n\r\n\r\r\n"), TEXT("a \r \n\n\r\n\r\r\n") },
};

static void odd_bodies_have_the_canonical_form_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct octets simple = { memory_new(bodies[i].body_octets + 2), 0 },
			      relaxed = { memory_new(bodies[i].body_octets + 2), 0 };
		canonise_slowly(&simple, bodies[i].body, bodies[i].body_octets, false);
		canonise_slowly(&relaxed, bodies[i].body, bodies[i].body_octets, true);
		/* first, that the slow implementation is right */
		assert_int_equal(simple.n, bodies[i].simple_octets);
		assert_memory_equal(simple.at, bodies[i].simple, simple.n);
		assert_int_equal(relaxed.n, bodies[i].relaxed_octets);
		assert_memory_equal(relaxed.at, bodies[i].relaxed, relaxed.n);
		free(simple.at);
		free(relaxed.at);
		compare_all_cuts(bodies[i].body, bodies[i].body_octets);
	}
}

/* As other implementations print them in bh=. */
static void an_empty_body_has_the_well_known_hashes(void **state)
{
	static const uint8_t crlf[] = { 0x7e, 0xb7, 0x02, 0x57 }, nothing[] = { 0xe3, 0xb0, 0xc4, 0x42 };
	struct dkim_body_result result;
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	struct dkim_body *body = dkim_body_open(&arena);
	int simple = dkim_body_want(body, DKIM_SIMPLE, false, false, 0);
	int relaxed = dkim_body_want(body, DKIM_RELAXED, false, false, 0);
	dkim_body_add(body, NULL, 0);
	dkim_body_finish(body);
	dkim_body_get(body, simple, &result);
	assert_memory_equal(result.hash, crlf, sizeof(crlf));
	dkim_body_get(body, relaxed, &result);
	assert_memory_equal(result.hash, nothing, sizeof(nothing));
	assert_int_equal(result.octets, 0);
	assert_false(dkim_body_is_damaged(body));
	arena_close(&arena);
}

#define ALPHABET "a \t\r\n"

/* The n-th text over the alphabet. */
static void spell(uint8_t *text, size_t octets, unsigned n)
{
	for (size_t i = 0; i < octets; i++, n /= (unsigned)sizeof(ALPHABET) - 1)
		text[i] = (uint8_t)ALPHABET[n % (sizeof(ALPHABET) - 1)];
}

static void every_short_body_is_right(void **state)
{
	uint8_t body[6];
	unsigned n = 1;

	(void)state;
	for (size_t octets = 0; octets <= sizeof(body); octets++, n *= (unsigned)sizeof(ALPHABET) - 1) {
		for (unsigned i = 0; i < n; i++) {
			spell(body, octets, i);
			compare(body, octets, 65535);
			compare(body, octets, 1);
		}
	}
}

/* The loops look at many octets together: every short text at every place among them. */
static void every_short_text_in_a_long_line_is_right(void **state)
{
	uint8_t body[200];

	(void)state;
	for (unsigned i = 0; i < 625; i++) {
		for (size_t place = 1; place <= 130; place += 1 + random_below(5)) {
			memset(body, 'x', sizeof(body));
			spell(body + place, 4, i);
			compare(body, sizeof(body), 65535);
			compare(body, place + 4, 65535);
			compare(body, sizeof(body), 64);
		}
	}
}

static const struct {
	const char *piece; /* NULL: a long one of plain letters */
	size_t octets;
} pieces[] = {
	{ "a", 1 },
	{ " ", 1 },
	{ "  ", 2 },
	{ "\t", 1 },
	{ "\r\n", 2 },
	{ "\r\n", 2 },
	{ "\r\n\r\n", 4 },
	{ " \r\n", 3 },
	{ "word ", 5 },
	{ "\xc3\xa9", 2 },
	{ "\x01", 1 },
	{ NULL, 0 },
	/* from here on: damage */
	{ "\r", 1 },
	{ "\n", 1 },
	{ "\0", 1 },
};

static size_t random_body(uint8_t *body, size_t max, uint32_t n_pieces)
{
	size_t n = 0, length;

	for (;;) {
		uint32_t i = random_below(n_pieces);
		length = pieces[i].piece != NULL ? pieces[i].octets : random_below(random_below(20) > 0 ? 150 : 5000);
		if (length > max - n)
			return n;
		if (pieces[i].piece != NULL)
			memcpy(body + n, pieces[i].piece, length);
		else
			memset(body + n, 'l', length);
		n += length;
	}
}

static void random_bodies_are_right(void **state)
{
	static uint8_t body[100000];

	(void)state;
	for (int i = 0; i < 600; i++) {
		size_t max = i % 50 == 0 ? sizeof(body) : random_below(2000);
		size_t n = random_body(body, max, (uint32_t)(i % 3 == 0 ? COUNT(pieces) : COUNT(pieces) - 3));
		compare(body, n, 65535);
		compare(body, n, CUT_RANDOM);
		compare(body, n, cuts[(size_t)i % COUNT(cuts)]);
	}
}

static void many_empty_lines_are_counted_not_stored(void **state)
{
	enum { LINES = 100000 };
	static uint8_t body[2 * LINES + 1];

	(void)state;
	for (size_t i = 0; i < LINES; i++) {
		body[2 * i] = '\r';
		body[2 * i + 1] = '\n';
	}
	body[sizeof(body) - 1] = 'a';
	compare(body, sizeof(body), 1000);
	compare(body, sizeof(body) - 1, 1000);
	compare(body, sizeof(body), 65535);
}

static void equal_wants_are_one_and_too_many_are_refused(void **state)
{
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	struct dkim_body *body = dkim_body_open(&arena);
	assert_int_equal(dkim_body_want(body, DKIM_SIMPLE, false, false, 0), 0);
	assert_int_equal(dkim_body_want(body, DKIM_SIMPLE, true, false, 0), 1);
	assert_int_equal(dkim_body_want(body, DKIM_RELAXED, false, false, 0), 2);
	assert_int_equal(dkim_body_want(body, DKIM_SIMPLE, false, false, 7), 0); /* there is no length */
	assert_int_equal(dkim_body_want(body, DKIM_SIMPLE, false, true, 7), 3);
	assert_int_equal(dkim_body_want(body, DKIM_SIMPLE, false, true, 7), 3);
	for (uint64_t length = 0; length < 4; length++)
		assert_int_equal(dkim_body_want(body, DKIM_RELAXED, false, true, length), 4 + (int)length);
	assert_int_equal(dkim_body_want(body, DKIM_RELAXED, true, false, 0), -1);
	assert_int_equal(dkim_body_want(body, DKIM_RELAXED, false, true, 3), 7);
	arena_close(&arena);
}

/* Lengths that fall on the same octet, beyond the end, on 0, and into a CRLF; SHA-1 beside SHA-256. */
static void lengths_count_canonical_octets(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 9, 10, 11, 5000, UINT64_MAX };
	static const uint8_t text[] = "a  b \r\n\r\n \tc\t\r\nd\r\n\r\n";
	uint8_t memory[sizeof(text) + 2];
	struct octets canonical = { memory, 0 };
	struct arena arena;
	int wants[COUNT(lengths)];

	(void)state;
	canonise_slowly(&canonical, text, sizeof(text) - 1, true);
	assert_int_equal(canonical.n, 14);
	for (size_t cut = 0; cut < COUNT(cuts); cut++) {
		arena_open(&arena, NULL);
		struct dkim_body *body = dkim_body_open(&arena);
		for (size_t i = 0; i < COUNT(lengths); i++)
			wants[i] = dkim_body_want(body, DKIM_RELAXED, false, true, lengths[i]);
		int sha1 = dkim_body_want(body, DKIM_RELAXED, true, true, 10);
		add_cut(body, text, sizeof(text) - 1, cuts[cut]);
		for (size_t i = 0; i < COUNT(lengths); i++)
			expect(body, wants[i], &canonical, false, lengths[i]);
		expect(body, sha1, &canonical, true, 10);
		arena_close(&arena);
	}
}

/* Around every border: of a block, of what is gathered, of what is hashed at once, of a piece. */
static void damage_is_seen_wherever_it_is(void **state)
{
	static const size_t borders[] = { 1, 64, 66, 1000, 1024, 4096, 16384, 2 * 16384, 40000 };
	static const uint8_t damage[] = { '\0', '\r', '\n' };
	static uint8_t body[40000];

	(void)state;
	memset(body, 'l', sizeof(body));
	for (size_t i = 0; i < COUNT(borders); i++) {
		for (size_t at = borders[i] - 1; at <= borders[i] + 1 && at < sizeof(body); at++) {
			for (size_t j = 0; j < COUNT(damage); j++) {
				body[at] = damage[j];
				expect_damage(body, sizeof(body), 65535);
				expect_damage(body, sizeof(body), 1000);
				body[at] = 'l';
			}
			if (at + 1 < sizeof(body)) { /* and a line end there is none */
				body[at] = '\r';
				body[at + 1] = '\n';
				compare(body, sizeof(body), 65535);
				compare(body, sizeof(body), 1000);
				body[at] = body[at + 1] = 'l';
			}
		}
	}
}

static void damage_is_seen_when_nothing_is_wanted(void **state)
{
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	struct dkim_body *body = dkim_body_open(&arena);
	dkim_body_add(body, TEXT("a\r"));
	assert_false(dkim_body_is_damaged(body));
	dkim_body_add(body, TEXT("b"));
	dkim_body_finish(body);
	assert_true(dkim_body_is_damaged(body));
	arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_bodies_have_the_canonical_form_of_the_rfc),
		cmocka_unit_test(an_empty_body_has_the_well_known_hashes),
		cmocka_unit_test(every_short_body_is_right),
		cmocka_unit_test(every_short_text_in_a_long_line_is_right),
		cmocka_unit_test(random_bodies_are_right),
		cmocka_unit_test(many_empty_lines_are_counted_not_stored),
		cmocka_unit_test(equal_wants_are_one_and_too_many_are_refused),
		cmocka_unit_test(lengths_count_canonical_octets),
		cmocka_unit_test(damage_is_seen_wherever_it_is),
		cmocka_unit_test(damage_is_seen_when_nothing_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lines - what is wrong with lines, against a reference that looks at one octet after the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/lines.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* Without a terminator. */
static void put(uint8_t *to, const char *text)
{
	while (*text != '\0')
		*to++ = (uint8_t)*text++;
}

/* ---- the reference ---- */

static void reference(struct lines *lines, const uint8_t *octets, size_t length)
{
	size_t begin = 0;

	memset(lines, 0, sizeof(*lines));
	for (size_t i = 0; i <= length; i++) {
		const bool after_cr = i > 0 && octets[i - 1] == '\r';
		if (after_cr && (i == length || octets[i] != '\n'))
			lines->bare_cr = true;
		if (i < length && octets[i] == 0)
			lines->nul = true;
		if (i < length && octets[i] >= 128)
			lines->eight_bit = true;
		if (i < length && octets[i] != '\n')
			continue;
		if (i < length && !after_cr)
			lines->bare_lf = true;
		const size_t line = i - begin - (i < length && after_cr);
		if (line > LINES_OCTETS_MAX && line > lines->longest_octets)
			lines->longest_octets = line;
		begin = i + 1;
	}
}

/* Every piece in memory of exactly its size. `piece` 0: random pieces. */
static void in_pieces(struct lines *lines, const uint8_t *octets, size_t length, size_t piece)
{
	lines_open(lines);
	for (size_t at = 0; at < length;) {
		size_t n = piece > 0 ? piece : random_below(1500);
		if (n > length - at)
			n = length - at;
		uint8_t *copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, octets + at, n);
		lines_add(lines, copy, n);
		free(copy);
		at += n;
	}
	lines_end(lines);
}

static void assert_same(const uint8_t *octets, size_t length, size_t piece)
{
	struct lines want, lines;

	reference(&want, octets, length);
	in_pieces(&lines, octets, length, piece);
	assert_int_equal(lines.longest_octets, want.longest_octets);
	assert_int_equal(lines.bare_cr, want.bare_cr);
	assert_int_equal(lines.bare_lf, want.bare_lf);
	assert_int_equal(lines.nul, want.nul);
	assert_int_equal(lines.eight_bit, want.eight_bit);
}

static void assert_same_however_cut(const uint8_t *octets, size_t length)
{
	static const size_t pieces[] = { 1, 2, 7, 1000, 65535, 0 };

	for (size_t i = 0; i < COUNT(pieces); i++)
		assert_same(octets, length, pieces[i]);
}

/* ---- tests ---- */

static void nothing_wrong(void **unused)
{
	static const char text[] = "Dear Bob,\r\n\r\nthe lines of this are all right.\r\n.\r\nno end";
	struct lines lines;

	(void)unused;
	in_pieces(&lines, (const uint8_t *)text, sizeof(text) - 1, 1000);
	assert_int_equal(lines.longest_octets, 0);
	assert_false(lines.bare_cr || lines.bare_lf || lines.nul || lines.eight_bit);
	assert_same_however_cut((const uint8_t *)text, sizeof(text) - 1);
	assert_same_however_cut((const uint8_t *)text, 0);
}

/* One octet that does not belong there, at every place of a text that is longer than a block. */
static void one_octet(void **unused)
{
	static const char wrong[] = { '\r', '\n', '\0', (char)0x80, (char)0xff };
	uint8_t text[100];

	(void)unused;
	for (size_t i = 0; i < sizeof(text); i++) {
		for (size_t w = 0; w < sizeof(wrong); w++) {
			struct lines lines;
			memset(text, 'x', sizeof(text));
			put(text + 40, "\r\n");
			text[i] = (uint8_t)wrong[w];
			assert_same_however_cut(text, sizeof(text));
			in_pieces(&lines, text, sizeof(text), 100);
			assert_true(lines.bare_cr || lines.bare_lf || lines.nul || lines.eight_bit || i == 40 ||
			            i == 41);
		}
	}
}

/* Around the limit, behind lines of all lengths, with either line end and without one. */
static void around_the_limit(void **unused)
{
	static const char *const ends[] = { "\r\n", "\n", "", "\r", "\r\r\n", "\r\nmore\r\n" };
	static const size_t before[] = { 0, 1, 2, 500, 997, 998, 999, 1000 };
	uint8_t text[3000];

	(void)unused;
	for (size_t b = 0; b < COUNT(before); b++) {
		for (size_t octets = 990; octets < 1010; octets++) {
			for (size_t e = 0; e < COUNT(ends); e++) {
				memset(text, 'x', sizeof(text));
				size_t length = before[b];
				if (length > 1)
					put(text + length - 2, "\r\n");
				length += octets;
				put(text + length, ends[e]);
				assert_same_however_cut(text, length + strlen(ends[e]));
			}
		}
	}
}

static void exactly_998(void **unused)
{
	uint8_t text[1001];
	struct lines lines;

	(void)unused;
	memset(text, 'x', sizeof(text));
	put(text + 998, "\r\n");
	in_pieces(&lines, text, 1000, 1000);
	assert_int_equal(lines.longest_octets, 0);
	text[998] = 'x';
	put(text + 999, "\r\n");
	in_pieces(&lines, text, 1001, 1000);
	assert_int_equal(lines.longest_octets, 999);
}

static void random_texts(void **unused)
{
	static const char common[] = "abcdefghijklmnopqrstuvwxyz0123456789 =-";
	static const char odd[] = "\r\n\n\r\0\x80";
	enum { OCTETS_MAX = 6000 };
	uint8_t *text = malloc(OCTETS_MAX);

	(void)unused;
	assert_non_null(text);
	for (int round = 0; round < 400; round++) {
		const uint32_t line = 1 + random_below(2500), odds = random_below(3) * 400;
		size_t length = 0, wanted = random_below(OCTETS_MAX - 1);
		while (length < wanted) {
			if (random_below(line) == 0) {
				put(text + length, "\r\n");
				length += 2;
			} else if (odds > 0 && random_below(odds) == 0) {
				text[length++] = (uint8_t)odd[random_below(6)];
			} else {
				text[length++] = (uint8_t)common[random_below(sizeof(common) - 1)];
			}
		}
		assert_same_however_cut(text, length);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong), cmocka_unit_test(one_octet),    cmocka_unit_test(around_the_limit),
		cmocka_unit_test(exactly_998),   cmocka_unit_test(random_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

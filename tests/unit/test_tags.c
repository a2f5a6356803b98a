/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tags - lists of tag=value, lists within values, numbers and base64.
 */
#include <regex.h>
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
#include "mail/tags.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* The text without a terminator in memory of exactly its size: reading beyond it is noticed. */
static char *exact_copy(const char *text, size_t octets)
{
	char *copy = malloc(octets > 0 ? octets : 1);

	assert_non_null(copy);
	memcpy(copy, text, octets);
	return copy;
}

static int parse(struct tag_list *list, const char *text, size_t octets, bool utf8, char problem[200])
{
	struct strbuf buf;
	int result;

	strbuf_open(&buf, problem, 200);
	result = tags_parse(list, text, octets, utf8, &buf);
	assert_int_equal(result == 0, buf.length == 0);
	return result;
}

static bool has(const struct tag_list *list, const char *name, const char *value)
{
	const struct tag *tag = tags_find(list, name);

	return tag != NULL && tag->value_octets == strlen(value) && memcmp(tag->value, value, tag->value_octets) == 0;
}

static void lists_are_taken_apart(void **state)
{
	const char *text = "v=1; a =\r\n rsa-sha256;c\t= relaxed;\n\tempty=;b=ab\r\n\tc d ;Z_9=\"x=y\" ; ";
	struct tag_list list;
	char problem[200];

	(void)state;
	assert_int_equal(parse(&list, text, strlen(text), false, problem), 0);
	assert_int_equal(list.n, 6);
	assert_true(has(&list, "v", "1"));
	assert_true(has(&list, "a", "rsa-sha256"));
	assert_true(has(&list, "c", "relaxed"));
	assert_true(has(&list, "empty", ""));
	assert_true(has(&list, "b", "ab\r\n\tc d"));
	assert_true(has(&list, "Z_9", "\"x=y\""));
	assert_null(tags_find(&list, "z_9"));
	assert_null(tags_find(&list, "em"));
	assert_null(tags_find(&list, "emptyx"));
}

static const struct {
	const char *text;
	bool ascii_right, utf8_right;
} grammar[] = {
	{ "a=1", true, true },
	{ "a=1;", true, true },
	{ "a=1; ", true, true },
	{ "a=1;\r\n ", true, true },
	{ "a=", true, true },
	{ " a=1", true, true },
	{ "a=1\r\n \r\n ", true, true },
	{ "a=1;A=2", true, true },
	{ "a=b=c", true, true },
	{ "", false, false },
	{ " ", false, false },
	{ ";", false, false },
	{ "a=1;;", false, false },
	{ "a=1;;b=2", false, false },
	{ ";a=1", false, false },
	{ "a", false, false },
	{ "a;b=1", false, false },
	{ "a=1;b", false, false },
	{ "=1", false, false },
	{ "1a=1", false, false },
	{ "_a=1", false, false },
	{ "a-b=1", false, false },
	{ "a b=1", false, false },
	{ "a=1;a=1", false, false },
	{ "a=1;b=2;a =3", false, false },
	{ "a=1\r\n", false, false },     /* a line end that no line follows */
	{ "a=1\r\n;b=2", false, false }, /* the line does not go on with white space */
	{ "a=x\ny", false, false },
	{ "a=x\ry", false, false },
	{ "a=x\r \ny", false, false },
	{ "a=x\vy", false, false },
	{ "a=x\x7f", false, false },
	{ "a=\x01", false, false },
	{ "a=\xc3\xbc", false, true },
	{ "a=\xe2\x82\xac.\xf0\x9f\x98\x80", false, true },
	{ "a=\xf4\x8f\xbf\xbf", false, true },
	{ "\xc3\xbc=1", false, false },
	{ "a=\xff", false, false },
	{ "a=\xc3", false, false },
	{ "a=\xc3(", false, false },
	{ "a=\xc0\xaf", false, false },         /* overlong */
	{ "a=\xe0\x80\xaf", false, false },     /* overlong */
	{ "a=\xed\xa0\x80", false, false },     /* a surrogate */
	{ "a=\xf4\x90\x80\x80", false, false }, /* beyond U+10FFFF */
	{ "a=\xe2\x82", false, false },
	{ "a=\xbc", false, false },
};

static void the_grammar_is_strict(void **state)
{
	struct tag_list list;
	char problem[200];

	(void)state;
	for (size_t i = 0; i < COUNT(grammar); i++) {
		size_t octets = strlen(grammar[i].text);
		char *text = exact_copy(grammar[i].text, octets);
		if ((parse(&list, text, octets, false, problem) == 0) != grammar[i].ascii_right ||
		    (parse(&list, text, octets, true, problem) == 0) != grammar[i].utf8_right)
			fail_msg("case %zu: \"%s\": %s", i, grammar[i].text, problem);
		free(text);
	}
	assert_int_equal(parse(&list, "a=x\0y", 5, true, problem), -1);
}

static void errors_are_words_and_keep_what_came_before(void **state)
{
	struct tag_list list;
	char problem[200];

	(void)state;
	assert_int_equal(parse(&list, "d=example.org; d=example.net", 28, false, problem), -1);
	assert_string_equal(problem, "the list repeats the tag d");
	assert_int_equal(list.n, 1);
	assert_true(has(&list, "d", "example.org"));
	assert_int_equal(parse(&list, "synerr", 6, false, problem), -1);
	assert_string_equal(problem, "\"=\" is missing after the tag synerr");
	assert_int_equal(parse(&list, "n=\x1b[2J", 6, false, problem), -1);
	assert_string_equal(problem, "an octet that is not allowed in the value of the tag n");
	assert_int_equal(parse(&list, "abcdefghijklmnopqrstuvwxyzabcdefghijk", 37, false, problem), -1);
	assert_string_equal(problem, "\"=\" is missing after the tag abcdefghijklmnopqrstuvwxyzabcdef...");
}

static void no_more_tags_than_the_cap(void **state)
{
	char text[8 * (TAGS_MAX + 1)], problem[200];
	struct tag_list list;
	size_t octets = 0;

	(void)state;
	for (int i = 0; i < TAGS_MAX; i++)
		octets += (size_t)snprintf(text + octets, sizeof(text) - octets, "t%d=1;", i);
	assert_int_equal(parse(&list, text, octets, false, problem), 0);
	assert_int_equal(list.n, TAGS_MAX);
	octets += (size_t)snprintf(text + octets, sizeof(text) - octets, "x=1");
	assert_int_equal(parse(&list, text, octets, false, problem), -1);
	assert_string_equal(problem, "too many tags, from the tag x");
}

/* ---- values ---- */

static struct tag tag_of(const char *value)
{
	return (struct tag){ .name = "x", .name_octets = 1, .value = value, .value_octets = strlen(value) };
}

static const struct {
	const char *value;
	size_t digits_max;
	bool right;
	uint64_t number;
} numbers[] = {
	{ "0", 12, true, 0 },
	{ "1795225539", 12, true, 1795225539 },
	{ "999999999999", 12, true, 999999999999 },
	{ "000000000007", 12, true, 7 },
	{ "0000000000007", 12, false, 0 },
	{ "1000000000000", 12, false, 0 },
	{ "18446744073709551615", 76, true, UINT64_MAX },
	{ "18446744073709551616", 76, false, 0 },
	{ "99999999999999999999", 76, false, 0 },
	{ "000000000000000000000000000000000000000000000000000000000000000000000000000042", 78, true, 42 },
	{ "000000000000000000000000000000000000000000000000000000000000000000000000000042", 76, false, 0 },
	{ "", 12, false, 0 },
	{ "-1", 12, false, 0 },
	{ "+1", 12, false, 0 },
	{ "0x10", 12, false, 0 },
	{ "1 2", 12, false, 0 },
	{ "1.5", 12, false, 0 },
	{ "12a", 12, false, 0 },
};

static void numbers_are_digits_within_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct tag tag = tag_of(numbers[i].value);
		uint64_t number = 4711;
		if (tag_number(&tag, numbers[i].digits_max, &number) != numbers[i].right)
			fail_msg("\"%s\"", numbers[i].value);
		assert_true(number == (numbers[i].right ? numbers[i].number : 4711));
	}
}

static void lists_within_values(void **state)
{
	static const struct {
		const char *value, *joined;
	} cases[] = {
		{ "", "<>" },
		{ "from", "<from>" },
		{ "from : to :\r\n\tsubject\r\n : date", "<from><to><subject><date>" },
		{ "a::b", "<a><><b>" },
		{ ":", "<><>" },
		{ "a:", "<a><>" },
		{ "a:b c:d", "<a><b c><d>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *value = exact_copy(cases[i].value, strlen(cases[i].value));
		struct tag tag = { .value = value, .value_octets = strlen(cases[i].value) };
		char memory[100];
		struct strbuf joined;
		struct tag_item item;
		size_t offset = 0;
		strbuf_open(&joined, memory, sizeof(memory));
		while (tag_next_item(&tag, &offset, &item))
			strbuf_addf(&joined, "<%.*s>", (int)item.octets, item.text);
		assert_string_equal(memory, cases[i].joined);
		assert_false(tag_next_item(&tag, &offset, &item));
		free(value);
	}
}

static void values_are_compared_ignoring_case(void **state)
{
	struct tag tag = tag_of("Dns/Txt");
	struct tag_item item = { .text = "YES", .octets = 1 };

	(void)state;
	assert_true(tag_is(&tag, "dns/txt"));
	assert_false(tag_is(&tag, "dns/tx"));
	assert_false(tag_is(&tag, "dns/txt2"));
	assert_true(tag_item_is(&item, "y"));
	assert_false(tag_item_is(&item, "yes"));
}

/* ---- base64 ---- */

static const struct {
	const char *text;
	long octets; /* -1: refused */
	const char *decoded;
} base64_cases[] = {
	{ "", 0, "" },
	{ "Zg==", 1, "f" },
	{ "Zm8=", 2, "fo" },
	{ "Zm9v", 3, "foo" },
	{ "Zm9vYg==", 4, "foob" },
	{ "Zm9vYmFy", 6, "foobar" },
	{ "Zm\r\n 9v\tYm\n Fy", 6, "foobar" },
	{ "Zg = \r\n =", 1, "f" },
	{ "Zh==", 1, "f" }, /* unused bits */
	{ "+/+/", 3, "\xfb\xff\xbf" },
	{ "Z", -1, NULL },
	{ "Zg", -1, NULL },
	{ "Zg=", -1, NULL },
	{ "Zg===", -1, NULL },
	{ "Zm8", -1, NULL },
	{ "Zm8==", -1, NULL },
	{ "Zm9v=", -1, NULL },
	{ "Zm9vY===", -1, NULL },
	{ "=", -1, NULL },
	{ "====", -1, NULL },
	{ "Zg==Zg==", -1, NULL },
	{ "Z=g=", -1, NULL },
	{ "Zm9-", -1, NULL },
	{ "Zm9_", -1, NULL },
	{ "Zm9v\r\nYmFy", -1, NULL },
	{ "Zm9v\r\n", -1, NULL },
	{ "%%%%", -1, NULL },
	{ "!!!", -1, NULL },
};

static void base64_is_strict_about_its_alphabet_and_padding(void **state)
{
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(base64_cases); i++) {
		size_t octets = strlen(base64_cases[i].text);
		char *text = exact_copy(base64_cases[i].text, octets);
		long n = base64_decode(text, octets, out, sizeof(out));
		if (n != base64_cases[i].octets)
			fail_msg("\"%s\" gives %ld", base64_cases[i].text, n);
		if (n > 0)
			assert_memory_equal(out, base64_cases[i].decoded, (size_t)n);
		free(text);
	}
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 6), 6);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 5), -1);
	assert_int_equal(base64_decode("Zg==", 4, out, 0), -1);
}

static void encode_folded(const uint8_t *octets, size_t n, struct strbuf *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char *const folds[] = { "", "", "", " ", "\r\n\t", "\n " };

	for (size_t i = 0; i < (n + 2) / 3 * 4; i++) {
		size_t bit = i / 4 * 24 + i % 4 * 6, at = bit / 8;
		uint32_t pair = (uint32_t)(at < n ? octets[at] << 8 : 0) | (at + 1 < n ? octets[at + 1] : 0u);
		strbuf_add_octets(text, at < n ? &alphabet[pair >> (10 - bit % 8) & 63] : "=", 1);
		strbuf_add(text, folds[random_below((uint32_t)COUNT(folds))]);
	}
	assert_false(text->truncated);
}

static void any_octets_survive_base64_however_folded(void **state)
{
	uint8_t octets[40];
	char memory[40 * 8];

	(void)state;
	for (int round = 0; round < 4000; round++) {
		size_t n = random_below(sizeof(octets) + 1), length;
		struct strbuf folded;
		for (size_t i = 0; i < n; i++)
			octets[i] = (uint8_t)random_below(256);
		strbuf_open(&folded, memory, sizeof(memory));
		encode_folded(octets, n, &folded);
		length = folded.length;
		char *text = exact_copy(memory, length);
		uint8_t *room = malloc(n > 0 ? n : 1);
		assert_non_null(room);
		assert_int_equal(base64_decode(text, length, room, n), (long)n);
		assert_memory_equal(room, octets, n);
		if (length > 0) { /* whatever becomes of a mutated text: it stays within its bounds */
			text[random_below((uint32_t)length)] = (char)random_below(256);
			assert_true(base64_decode(text, length, room, n) <= (long)n);
		}
		free(room);
		free(text);
	}
}

/* ---- properties ---- */

#define F     "((\r\n|\n)?[ \t])*"
#define VALUE "[^\x01- ;\x7f-\xff]"
#define SPEC  F "[A-Za-z][A-Za-z0-9_]*" F "=" F "(" VALUE "(" F VALUE ")*)?" F

static void check_bounds(const struct tag_list *list, const char *text, size_t octets)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tag *tag = &list->tags[i];
		assert_true(tag->name >= text && tag->name_octets > 0 && tag->name + tag->name_octets < text + octets);
		assert_true(tag->value > tag->name && tag->value + tag->value_octets <= text + octets);
		if (tag->value_octets > 0)
			assert_null(memchr(" \t\r\n;", tag->value[0], 5));
		if (tag->value_octets > 0)
			assert_null(memchr(" \t\r\n;", tag->value[tag->value_octets - 1], 5));
		for (size_t k = 0; k < i; k++)
			assert_false(list->tags[k].name_octets == tag->name_octets &&
			             memcmp(list->tags[k].name, tag->name, tag->name_octets) == 0);
	}
}

static void short_texts_parse_exactly_when_the_grammar_says_so(void **state)
{
	static const char *const pieces[] = { "a", "b", "=", "=", ";", ";", " ", "\t", "\r\n ", "\n", "\r", "1", "_" };
	unsigned right = 0;
	regex_t list_grammar;

	(void)state;
	assert_int_equal(regcomp(&list_grammar, "^" SPEC "(;" SPEC ")*(;" F ")?$", REG_EXTENDED | REG_NOSUB), 0);
	for (int round = 0; round < 60000; round++) {
		char text[40], problem[200];
		struct tag_list list;
		struct strbuf buf;
		strbuf_open(&buf, text, sizeof(text));
		strbuf_add(&buf, "a=");
		for (uint32_t n = random_below(9); n > 0; n--)
			strbuf_add(&buf, pieces[random_below((uint32_t)COUNT(pieces))]);
		char *copy = exact_copy(text, strlen(text));
		bool parsed = parse(&list, copy, strlen(text), false, problem) == 0;
		bool expected = regexec(&list_grammar, text, 0, NULL, 0) == 0;
		/* the grammar knows nothing of repeated names; that none gets through is seen in the list */
		if (parsed != expected && strncmp(problem, "the list repeats", strlen("the list repeats")) != 0)
			fail_msg("\"%s\": %s", text, parsed ? "parsed" : problem);
		check_bounds(&list, copy, strlen(text));
		right += parsed;
		free(copy);
	}
	regfree(&list_grammar);
	assert_true(right > 1000); /* the texts were not all nonsense */
}

static void any_octets_stay_within_bounds(void **state)
{
	static const char sample[] = "v=1; d=b\xc3\xbc"
				     "cher.example;\r\n\th=from : to;b=Zm9v\r\n YmFy; n=";

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[sizeof(sample)], problem[200];
		size_t octets = 1 + random_below(sizeof(sample) - 1);
		struct tag_list list;
		memcpy(text, sample, sizeof(sample));
		for (uint32_t n = random_below(4); n > 0; n--)
			text[random_below((uint32_t)octets)] = (char)random_below(256);
		char *copy = exact_copy(text, octets);
		(void)parse(&list, copy, octets, round % 2 == 0, problem);
		check_bounds(&list, copy, octets);
		for (const char *c = problem; *c != '\0'; c++)
			assert_in_range(*c, 0x20, 0x7e);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(the_grammar_is_strict),
		cmocka_unit_test(errors_are_words_and_keep_what_came_before),
		cmocka_unit_test(no_more_tags_than_the_cap),
		cmocka_unit_test(numbers_are_digits_within_bounds),
		cmocka_unit_test(lists_within_values),
		cmocka_unit_test(values_are_compared_ignoring_case),
		cmocka_unit_test(base64_is_strict_about_its_alphabet_and_padding),
		cmocka_unit_test(any_octets_survive_base64_however_folded),
		cmocka_unit_test(short_texts_parse_exactly_when_the_grammar_says_so),
		cmocka_unit_test(any_octets_stay_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

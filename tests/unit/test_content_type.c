/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_content_type - Content-Type fields as they come: good ones, sloppy ones, damaged ones.
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
#include "mail/content_type.h"

#define B70 "0123456789012345678901234567890123456789012345678901234567890123456789"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* In memory of exactly its size. */
static void parse(struct content_type *type, const char *value, size_t octets)
{
	char *copy = malloc(octets > 0 ? octets : 1);

	assert_non_null(copy);
	memcpy(copy, value, octets);
	content_type_parse(type, copy, octets);
	free(copy);
	assert_int_equal(strlen(type->boundary), type->boundary_octets);
	assert_true(type->boundary_octets <= BOUNDARY_OCTETS_MAX);
	assert_true(type->boundary_state != BOUNDARY_FINE || type->boundary_octets > 0);
}

/* A boundary: there is a usable one. "-": there is none; "!": an unusable one. */
static const struct {
	const char *value;
	bool valid, multipart;
	const char *boundary;
} cases[] = {
	{ " text/plain", true, false, "-" },
	{ " text/plain; charset=utf-8", true, false, "-" },
	{ " text/plain; charset=\"utf-8\"; format=flowed;", true, false, "-" },
	{ " (a comment) text (in between) / plain (here) ; (and) charset = utf-8 (too)", true, false, "-" },
	{ " application/pdf;\n\tname=\"a;b=\\\"c\\\".pdf\"", true, false, "-" },
	{ " message/rfc822", true, false, "-" },
	{ " multipart/mixed; boundary=abc", true, true, "abc" },
	{ " Multipart/Mixed; BOUNDARY=\"a b\"", true, true, "a b" },
	{ " multipart/mixed;\n boundary=\"----=_Part_1_2.3\"", true, true, "----=_Part_1_2.3" },
	{ " multipart/mixed; boundary=----=_Part_1:2/3?4", true, true, "----=_Part_1:2/3?4" }, /* should be quoted */
	{ " multipart/mixed; boundary=\"a\\\"b\\\\c\"", true, true, "a\"b\\c" },
	{ " multipart/mixed; boundary=\"" B70 "\"", true, true, B70 },
	{ " multipart/mixed; boundary=\"abc  \"", true, true, "abc" },
	{ " multipart/mixed; charset=\"boundary=no\"; boundary=yes (comment)", true, true, "yes" },
	{ " multipart/mixed; boundary=one; boundary=two", true, true, "one" },
	{ " multipart/mixed;; boundary=abc;", true, true, "abc" },
	/* RFC 2231 */
	{ " multipart/mixed; boundary*0=\"abc\"; boundary*1=def", true, true, "abcdef" },
	{ " multipart/mixed; boundary*1=def; boundary*0=\"abc\"", true, true, "abcdef" },
	{ " multipart/mixed; boundary*=us-ascii'en'a%20b", true, true, "a b" },
	{ " multipart/mixed; boundary*0*=us-ascii''a%3D; boundary*1=b%3D; boundary*2*=%7e", true, true, "a=b%3D~" },
	{ " multipart/mixed; boundary*0=a; boundary*2=c", true, true, "a" },
	{ " multipart/mixed; boundary*1=b", true, true, "-" },
	{ " multipart/mixed; boundary*12=b; boundary*x=c; boundaryy=d; boundary*1x=e", true, true, "-" },
	{ " multipart/mixed; boundary*=x; boundary=plain", true, true, "plain" },
	{ " multipart/mixed; boundary*=%zz%4", true, true, "%zz%4" },
	/* no use */
	{ " multipart/mixed", true, true, "-" },
	{ " multipart/mixed; charset=utf-8", true, true, "-" },
	{ " multipart/mixed; boundary=\"\"", true, true, "!" },
	{ " multipart/mixed; boundary=\"   \"", true, true, "!" },
	{ " multipart/mixed; boundary=\"" B70 "x\"", true, true, "!" },
	{ " multipart/mixed; boundary=\"a\xc3\xbc\"", true, true, "!" },
	{ " multipart/mixed; boundary*=utf-8''a%0Db", true, true, "!" },
	/* damaged */
	{ "", false, false, "-" },
	{ " ", false, false, "-" },
	{ " text", false, false, "-" },
	{ " /plain", false, false, "-" },
	{ " text/", false, false, "-" },
	{ " text/plain charset=utf-8", false, false, "-" },
	{ " text/plain; charset", false, false, "-" },
	{ " text/plain; =utf-8", false, false, "-" },
	{ " text/plain; charset=", false, false, "-" },
	{ " text/plain; charset=\"utf-8", false, false, "-" },
	{ " text/plain; charset=utf-8 (never closed", false, false, "-" },
	{ " multipart/mixed; x=y (never closed; boundary=abc", false, true, "-" },
	{ " text/plain, text/html", false, false, "-" },
	{ " multipart boundary=abc", false, true, "abc" },
	{ " multipart/mixed boundary=abc", false, true, "abc" },
	{ " multipart/mixed; x; boundary=abc", false, true, "abc" },
	{ " multipart/mixed; boundary=\"abc", false, true, "abc" },
	{ " multipart/mixed; boundary", false, true, "-" },
	{ " multipart/mixed; boundary=", false, true, "!" },
	{ " multipart/mixed; boundary=\"abc\"def", false, true, "abc" },
	{ " multipart/mixed; \x01\x02 boundary=abc", false, true, "abc" },
};

static void test_cases(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static const char *const marks[] = { [BOUNDARY_NONE] = "-", [BOUNDARY_UNUSABLE] = "!" };
		struct content_type type;
		parse(&type, cases[i].value, strlen(cases[i].value));
		const char *boundary = type.boundary_state == BOUNDARY_FINE ? type.boundary
		                                                            : marks[type.boundary_state];
		if (type.valid != cases[i].valid || type.multipart != cases[i].multipart ||
		    strcmp(boundary, cases[i].boundary) != 0)
			fail_msg("%s: valid %d, multipart %d, %s", cases[i].value, type.valid, type.multipart,
			         boundary);
	}
}

/* What costs much to read, or is too long, costs no more than its length. */
static void test_large(void **unused)
{
	static const char *const fills[] = { "(", ";(", "\"", ";a=", ";a=\"", "((()", "\\", ";boundary*0=x", "\n " };
	enum { OCTETS = 60000 };
	char *text = malloc(OCTETS);
	struct content_type type;

	(void)unused;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(fills); i++) {
		const char begin[] = "multipart/mixed; boundary=abc; ";
		for (size_t k = 0; k < OCTETS; k++)
			text[k] = fills[i][k % strlen(fills[i])];
		memcpy(text, begin, sizeof(begin) - 1);
		parse(&type, text, OCTETS);
		assert_false(type.valid);
		assert_true(type.multipart);
		assert_string_equal(type.boundary, "abc");
	}
	free(text);
}

static void test_mutated(void **unused)
{
	static const char octets[] = ";=\"\\*'%()/ \n012aF\x80";

	(void)unused;
	for (int round = 0; round < 50000; round++) {
		char text[] = "multipart/mixed; boundary*0*=us-ascii''ab%20c; boundary*1=\"de\\\"f\" (x)";
		struct content_type type;
		for (uint32_t n = random_below(6); n > 0; n--)
			text[random_below(sizeof(text) - 1)] = octets[random_below(sizeof(octets))];
		parse(&type, text, random_below(sizeof(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_mutated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "spf/macro.h"
#include "spf_macro_reference.h"

/* `length` octets `c`. */
static char *run_of(char *at, char c, size_t length)
{
	memset(at, c, length);
	at[length] = '\0';
	return at + length;
}

static void test_uses(void **state)
{
	static const struct {
		const char *text;
		char letter;
		bool uses;
	} cases[] = {
		{ "%{p}", 'p', true },
		{ "%{P}", 'p', true },
		{ "%{p}", 'P', true },
		{ "a.%{d}.%{p2r-}", 'p', true },
		{ "%{d}.example.org", 'p', false },
		{ "%%{p}", 'p', false },
		{ "%%%{p}", 'p', true },
		{ "%_{p}", 'p', false },
		{ "pp", 'p', false },
		{ "", 'p', false },
		{ "%{d", 'd', false },
		{ "%", 'p', false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(spf_macro_uses(cases[i].text, cases[i].letter), cases[i].uses);
}

#define NO_LABEL " does not end in a top-level label: "
#define STRAY    ": after the letter come digits, \"r\", delimiters (. - + , / _ =) and \"}\""

static void test_problems(void **state)
{
	static const struct {
		const char *text;
		const char *domain_spec, *explanation; /* the problem as the one and as the other */
	} cases[] = {
		{ "example.org", "", "" },
		{ "example.org.", "", "" },
		{ ".com", "", "" },
		{ "..com", "", "" },
		{ "mail.example...com", "", "" },
		{ "foo.example.xn--zckzah", "", "" },
		{ "foo.1-2", "", "" },
		{ "foo.1a2", "", "" },
		{ "example.com:8080.org", "", "" },
		{ "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~.org", "", "" },
		{ "%{d}", "", "" },
		{ "x%{D2R.-+,/_=}", "", "" },
		{ "%{i}%{h}%{p}%{s}%{l}%{o}%{v}", "", "" },
		{ "%%", "", "" },
		{ "a%_", "", "" },
		{ "a%-", "", "" },
		{ "%{d.}.com", "", "" },
		{ "", "the domain name is empty", "" },
		{ ".", "\".\"" NO_LABEL "there is no dot before its last label", "" },
		{ "museum", "\"museum\"" NO_LABEL "there is no dot before its last label", "" },
		{ "museum.", "\"museum.\"" NO_LABEL "there is no dot before its last label", "" },
		{ "%{d}.", "\"%{d}.\"" NO_LABEL "there is no dot before its last label", "" },
		{ "%{d}com", "\"%{d}com\"" NO_LABEL "there is no dot before its last label", "" },
		{ "a.%{d}com", "\"a.%{d}com\"" NO_LABEL "there is no dot before its last label", "" },
		{ "%{d.}com", "\"%{d.}com\"" NO_LABEL "there is no dot before its last label", "" },
		{ "example.org..", "\"example.org..\"" NO_LABEL "its last label is empty", "" },
		{ "192.0.2.1", "\"192.0.2.1\"" NO_LABEL "\"1\" is a number (an address needs \"ip4:\")", "" },
		{ "abc.123.", "\"abc.123.\"" NO_LABEL "\"123\" is a number (an address needs \"ip4:\")", "" },
		{ "example.-com",
		  "\"example.-com\"" NO_LABEL "\"-com\" is not made of letters, digits and inner hyphens", "" },
		{ "example.com-",
		  "\"example.com-\"" NO_LABEL "\"com-\" is not made of letters, digits and inner hyphens", "" },
		{ "example.-", "\"example.-\"" NO_LABEL "\"-\" is not made of letters, digits and inner hyphens", "" },
		{ "example.com:80",
		  "\"example.com:80\"" NO_LABEL "\"com:80\" is not made of letters, digits and inner hyphens", "" },
		{ "a b.org", "a space cannot stand there: write \"%_\" for one", "" },
		{ "%{c}.org", "the macro letter \"c\" is allowed in explanations only", "" },
		{ "%{R}.org", "the macro letter \"r\" is allowed in explanations only", "" },
		{ "%{t2r}", "the macro letter \"t\" is allowed in explanations only", "" },
#define BOTH(problem) problem, problem
		{ "%{z}.org", BOTH("there is no macro letter \"z\"") },
		{ "%{A}", BOTH("there is no macro letter \"A\"") },
		{ "%{}.org", BOTH("\"%{}\" has no macro letter") },
		{ "%{\xc3", BOTH("there is no macro letter \"\\xc3\"") },
		{ "%{d", BOTH("\"%{d\" has no \"}\"") },
		{ "a.%{", BOTH("\"%{\" has no \"}\"") },
		{ "%{d2r-", BOTH("\"%{d2r-\" has no \"}\"") },
		{ "%(ir).org", BOTH("\"%(\" is none of \"%{\", \"%%\", \"%_\", \"%-\"") },
		{ "foo%", BOTH("\"%\" is none of \"%{\", \"%%\", \"%_\", \"%-\"") },
		{ "foo%%%.org", BOTH("\"%.\" is none of \"%{\", \"%%\", \"%_\", \"%-\"") },
		{ "%\"", BOTH("\"%\\x22\" is none of \"%{\", \"%%\", \"%_\", \"%-\"") },
		{ "%{d0}", BOTH("\"%{d0\" keeps 0 parts: the number must be 1 or more") },
		{ "%{d000r}", BOTH("\"%{d0\" keeps 0 parts: the number must be 1 or more") },
		{ "%{d-2}", BOTH("\"2\" cannot follow \"%{d-\"" STRAY) },
		{ "%{dr2}", BOTH("\"2\" cannot follow \"%{dr\"" STRAY) },
		{ "%{drr}", BOTH("\"r\" cannot follow \"%{dr\"" STRAY) },
		{ "%{d;}", BOTH("\";\" cannot follow \"%{d\"" STRAY) },
		{ "%{d }", BOTH("\" \" cannot follow \"%{d\"" STRAY) },
		{ "%{d%{d}}", BOTH("\"%\" cannot follow \"%{d\"" STRAY) },
		{ "%{+d}", BOTH("there is no macro letter \"+\"") },
		{ "caf\xc3\xa9.org", BOTH("the octet \\xc3 is not ASCII") },
		{ "a\tb.org", BOTH("the octet \\x09 is a control character") },
		{ "a\x7f.org", BOTH("the octet \\x7f is a control character") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = strlen(cases[i].text);
		assert_string_equal(problem_of(cases[i].text, length, true), cases[i].domain_spec);
		assert_string_equal(problem_of(cases[i].text, length, false), cases[i].explanation);
	}
	assert_string_equal(problem_of("a\0b.org", 7, true), "the octet \\x00 is a control character");
	assert_string_equal(problem_of("%{\0}", 4, true), "there is no macro letter \"\\x00\"");
	assert_string_equal(problem_of("%{d\0}", 5, true), "\"\\x00\" cannot follow \"%{d\"" STRAY);
}

static void test_problems_are_short(void **state)
{
	char text[3000];

	(void)state;
	run_of(stpcpy(text, "%{d"), '.', 2900);
	assert_true(strlen(problem_of(text, strlen(text), true)) < 100);
	stpcpy(run_of(text, 'a', 2900), "\".");
	assert_true(strlen(problem_of(text, strlen(text), true)) < 200);
	stpcpy(run_of(stpcpy(text, "%{d"), '9', 2900), ";");
	assert_true(strlen(problem_of(text, strlen(text), true)) < 200);
}

/* Garbage: what the check refuses is expanded by nobody, but must not hurt either. */
static void test_property_garbage(void **state)
{
	static const char alphabet[] = "%%%{{}}}dlsipz019r.-+ _=/a";
	char text[64], name[DNS_NAME_TEXT_MAX];
	char memory[200];
	struct strbuf result;
	struct spf_macros macros = { .local = "a.b-c", .sender_domain = "example.org", .domain = "example.net" };
	uint64_t seed = 77;
	int good = 0;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		size_t length = (size_t)draw(&seed, 20);
		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[draw(&seed, sizeof(alphabet) - 1)];
		text[length] = '\0';
		bool domain_spec = problem_of(text, length, true)[0] == '\0';
		bool explanation = problem_of(text, length, false)[0] == '\0';
		assert_true(explanation || !domain_spec);
		assert_int_equal(explanation, reference_is_macro_string(text));
		good += domain_spec;
		assert_int_equal(spf_macro_domain(text, &macros, name), SPF_EXPANDED);
		strbuf_open(&result, memory, sizeof(memory));
		assert_int_equal(spf_macro_text(text, &macros, &result), SPF_EXPANDED);
		(void)spf_macro_uses(text, 'p');
	}
	assert_in_range(good, 100, 90000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_problems_are_short),
		cmocka_unit_test(test_property_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

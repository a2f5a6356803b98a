/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_suffix - public suffixes: the same answers from the list that is built in and from the installed one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/suffix.h"

static const struct {
	const char *domain;
	bool public;
	const char *organisation; /* NULL: none */
} cases[] = {
	{ "com", true, NULL },
	{ "example.com", false, "example.com" },
	{ "a.b.example.com", false, "example.com" },
	{ "co.uk", true, NULL },
	{ "example.co.uk", false, "example.co.uk" },
	{ "mail.example.co.uk", false, "example.co.uk" },
	{ "example", true, NULL }, /* unknown: the default rule "*" */
	{ "a.b.example", false, "b.example" },
	{ "test.ck", true, NULL }, /* *.ck */
	{ "a.test.ck", false, "a.test.ck" },
	{ "www.ck", false, "www.ck" },   /* !www.ck */
	{ "github.io", false, NULL },    /* private section: a hoster, who may write mail of his own */
	{ "xn--55qx5d.cn", true, NULL }, /* an A-label */
	{ "a.xn--55qx5d.cn", false, "a.xn--55qx5d.cn" },
	/* no names */
	{ "", false, NULL },
	{ ".", false, NULL },
	{ ".com", false, NULL },
	{ "a..com", false, NULL },
	{ "192.0.2.1", false, NULL },
	{ "[192.0.2.1]", false, NULL },
	{ "7", false, NULL },
};

static void assert_cases(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *domain = cases[i].domain, *organisation = suffix_organisation(domain);
		if (suffix_is_public(domain) != cases[i].public)
			fail_msg("%s", domain);
		if (cases[i].organisation == NULL) {
			assert_null(organisation);
			continue;
		}
		assert_non_null(organisation);
		assert_string_equal(organisation, cases[i].organisation);
		assert_ptr_equal(organisation, domain + strlen(domain) - strlen(organisation));
	}
}

static void both_lists_agree(void **state)
{
	(void)state;
	assert_cases();
	suffix_open();
	suffix_open();
	assert_cases();
	suffix_close();
	suffix_close();
	assert_cases();
}

static void organisations_are_compared(void **state)
{
	(void)state;
	assert_true(suffix_same_organisation("a.example.co.uk", "b.c.example.co.uk"));
	assert_true(suffix_same_organisation("example.org", "example.org"));
	assert_false(suffix_same_organisation("a.co.uk", "b.co.uk"));
	assert_false(suffix_same_organisation("a.test.ck", "b.test.ck"));
	assert_true(suffix_same_organisation("github.io", "github.io"));
	assert_false(suffix_same_organisation("github.io", "a.github.io"));
	assert_false(suffix_same_organisation("a.github.io", "b.github.io"));
	assert_false(suffix_same_organisation("com", "com"));
	assert_false(suffix_same_organisation("", "example.org"));
}

static void strange_names_do_no_harm(void **state)
{
	char many[600], octets[260];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < 250; i++)
		many[i] = i % 2 == 0 ? 'a' : '.';
	many[251] = '\0';
	many[250] = 'b';
	assert_string_equal(suffix_organisation(many), "a.b");
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	assert_null(suffix_organisation(many));
	assert_false(suffix_is_public(many));
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + (seed >> 20) % 255;
		for (size_t k = 0; k < n; k++) {
			seed = seed * 1664525u + 1013904223u;
			octets[k] = (seed >> 29) == 0 ? '.' : (char)(1 + (seed >> 16) % 255);
		}
		octets[n] = '\0';
		const char *organisation = suffix_organisation(octets);
		assert_true(organisation == NULL || (organisation >= octets && organisation < octets + n));
		(void)suffix_is_public(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_lists_agree),
		cmocka_unit_test(organisations_are_compared),
		cmocka_unit_test(strange_names_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

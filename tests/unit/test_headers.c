/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_headers - which fields are removed, and which Authentication-Results claim to be ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "headers/headers.h"
#include "mail/idn.h"

#define OURS "mx.example.org"

static void claims_follow_the_grammar(void **state)
{
	static const struct {
		const char *value;
		bool claims;
	} cases[] = {
		{ " mx.example.org; spf=pass", true },
		{ " MX.Example.ORG; spf=pass", true },
		{ "mx.example.org;none", true },
		{ " mx.example.org 1; spf=pass", true },
		{ " mx.example.org/1; spf=pass", true },
		{ " mx.example.org.; spf=pass", true },
		{ " (hello) mx.example.org (again); spf=pass", true },
		{ " ((nested) comment \\) still)\r\n\tmx.example.org; spf=pass", true },
		{ " \"mx.example.org\"; spf=pass", true },
		{ " \"mx.exam\\ple.org\"; spf=pass", true },
		{ "mx.example.org", true },
		{ " mx.example.org(comment); none", true },
		{ " (never ends mx.example.org; spf=pass", true },
		{ " \"never ends mx.example.org; spf=pass", true },
		{ " ; mx.example.org spf=pass", true },
		{ " mx.example.net; spf=pass", false },
		{ " mx.example.org.example.net; spf=pass", false },
		{ " amx.example.org; spf=pass", false },
		{ " (mx.example.org) other.example.net; spf=pass", false },
		{ " other.example.net; spf=pass (mx.example.org)", false },
		{ " (never ends; spf=pass", false },
		{ "", false },
		{ " ", false },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (authres_claims(cases[i].value, OURS) != cases[i].claims)
			fail_msg("\"%s\" should %sclaim %s", cases[i].value, cases[i].claims ? "" : "not ", OURS);
}

static void a_labels_are_u_labels(void **state)
{
	(void)state;
	assert_true(authres_claims(" mx.b\xc3\xbc"
	                           "cher.example; none",
	                           "mx.xn--bcher-kva.example"));
	assert_true(authres_claims(" mx.xn--bcher-kva.example; none", "mx.b\xc3\xbc"
	                                                              "cher.example"));
	assert_false(authres_claims(" mx.b\xc3\xbc"
	                            "cher.example; none",
	                            "mx.bucher.example"));
	assert_true(idn_equal("EXAMPLE.org.", "example.ORG"));
	assert_false(idn_equal("\xff\xfe.example", "example"));
}

static void domains_have_one_ascii_form_or_none(void **state)
{
	static const struct {
		const char *domain, *ascii; /* NULL: none */
	} cases[] = {
		{ "Example.ORG.", "example.org" },
		{ "b\xc3\xbc"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ "", NULL },
		{ ".", NULL },
		{ "\xc2\xad", NULL }, /* a soft hyphen stands for nothing */
		{ "\xc2\xad.", NULL },
		{ "a.\xc2\xad.example", NULL },
		{ "example.\xc2\xad.", NULL },
		{ "\xc2\xad.example", NULL },
		{ "a\xc2\xad.example", "a.example" },
		{ "\xff\xfe.example", NULL },
	};
	char ascii[IDN_DOMAIN_OCTETS_MAX], longest[260];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(idn_to_ascii(cases[i].domain, ascii), cases[i].ascii != NULL);
		if (cases[i].ascii)
			assert_string_equal(ascii, cases[i].ascii);
	}
	/* What is cut would be another domain. */
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + 245, ".example.net", 13);
	assert_false(idn_to_ascii(longest, ascii));
	memcpy(longest + 245, ".example", 9);
	assert_true(idn_to_ascii(longest, ascii));
	assert_string_equal(ascii, longest);
	memcpy(longest + 245, ".example.", 10);
	assert_true(idn_to_ascii(longest, ascii));
}

struct fixture {
	struct arena_quota quota;
	struct arena arena;
	struct headers_settings settings;
};

static void fixture_open(struct fixture *fixture)
{
	*fixture = (struct fixture){ .quota = { .max_octets = 1 << 20 }, .settings = { .strip_x_spam = true } };
	arena_open(&fixture->arena, &fixture->quota);
}

/* The deletions as "NAME:INDEX NAME:INDEX ..." */
static void deletions(const struct header_scan *scan, char *text, size_t size)
{
	struct header_cursor cursor = { 0 };
	const char *name;
	unsigned index;
	size_t n = 0;

	*text = '\0';
	while (header_scan_next(scan, &cursor, &name, &index) && n < size)
		n += (size_t)snprintf(text + n, size - n, "%s%s:%u", n ? " " : "", name, index);
}

static void forged_fields_go_from_the_highest_index_down(void **state)
{
	struct fixture fixture;
	char text[512];

	(void)state;
	fixture_open(&fixture);
	struct header_scan *scan = header_scan_open(&fixture.settings, OURS, &fixture.arena);
	header_scan_field(scan, "Authentication-Results", " mx.example.org; spf=pass");
	header_scan_field(scan, "Subject", " mx.example.org; spf=pass");
	header_scan_field(scan, "authentication-results", " other.example.net; spf=pass");
	header_scan_field(scan, "X-Spam-Flag", " NO");
	header_scan_field(scan, "AUTHENTICATION-RESULTS", " mx.example.org; dkim=pass");
	header_scan_field(scan, "x-spam-flag", " NO");
	header_scan_field(scan, "X-Spam-Report", " fine");
	deletions(scan, text, sizeof(text));
	assert_string_equal(
		text, "Authentication-Results:3 Authentication-Results:1 X-Spam-Flag:2 X-Spam-Flag:1 X-Spam-Report:1");
	arena_close(&fixture.arena);
}

static void former_names_are_stripped_too(void **state)
{
	static const char *former[] = { "old.example.org" };
	struct fixture fixture;
	char text[512];

	(void)state;
	fixture_open(&fixture);
	fixture.settings.also_strip = (struct config_array){ .n = 1, .items = former };
	fixture.settings.strip_x_spam = false;
	struct header_scan *scan = header_scan_open(&fixture.settings, OURS, &fixture.arena);
	header_scan_field(scan, "Authentication-Results", " old.example.org; spf=pass");
	header_scan_field(scan, "X-Spam-Flag", " NO");
	deletions(scan, text, sizeof(text));
	assert_string_equal(text, "Authentication-Results:1");
	arena_close(&fixture.arena);
}

static void beyond_the_cap_every_field_goes(void **state)
{
	struct fixture fixture;
	struct header_cursor cursor = { 0 };
	const char *name;
	unsigned index, n = 0;

	(void)state;
	fixture_open(&fixture);
	struct header_scan *scan = header_scan_open(&fixture.settings, OURS, &fixture.arena);
	for (unsigned i = 0; i < 100000; i++)
		header_scan_field(scan, "Authentication-Results", " other.example.net; none");
	while (header_scan_next(scan, &cursor, &name, &index))
		n++;
	assert_int_equal(n, 100000 - HEADER_AUTHRES_TRACKED_MAX);
	assert_true(fixture.quota.used_octets < 4096);
	arena_close(&fixture.arena);
}

static void our_own_names_are_never_crowded_out(void **state)
{
	struct fixture fixture;
	char name[32], text[4096];

	(void)state;
	fixture_open(&fixture);
	struct header_scan *scan = header_scan_open(&fixture.settings, OURS, &fixture.arena);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "X-Spam-N%u", i);
		header_scan_field(scan, name, " 1");
	}
	header_scan_field(scan, "X-Spam-Status", " No");
	deletions(scan, text, sizeof(text));
	assert_non_null(strstr(text, "X-Spam-Status:1"));
	arena_close(&fixture.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_follow_the_grammar),
		cmocka_unit_test(domains_have_one_ascii_form_or_none),
		cmocka_unit_test(a_labels_are_u_labels),
		cmocka_unit_test(forged_fields_go_from_the_highest_index_down),
		cmocka_unit_test(former_names_are_stripped_too),
		cmocka_unit_test(beyond_the_cap_every_field_goes),
		cmocka_unit_test(our_own_names_are_never_crowded_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block and allow lists: code patterns, what the addresses of an answer mean, zones with keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "checks/dnsbl_list.h"

static struct ip address(const char *text)
{
	struct ip ip;

	ip_parse(&ip, text);
	return ip;
}

static void test_patterns_match(void **unused)
{
	static const struct {
		const char *pattern, *address;
		bool matches;
	} cases[] = {
		{ "127.0.0.2", "127.0.0.2", true },       { "127.0.0.2", "127.0.0.3", false },
		{ "127.0.0.2", "127.0.1.2", false },      { "127.0.0.4-7", "127.0.0.3", false },
		{ "127.0.0.4-7", "127.0.0.4", true },     { "127.0.0.4-7", "127.0.0.7", true },
		{ "127.0.0.4-7", "127.0.0.8", false },    { "127.0.0.4-4", "127.0.0.4", true },
		{ "127.0.*.3", "127.0.15.3", true },      { "127.0.*.3", "127.0.255.3", true },
		{ "127.0.*.3", "127.0.15.2", false },     { "*.*.*.*", "192.0.2.1", true },
		{ "127.0.0.&8", "127.0.0.8", true },      { "127.0.0.&8", "127.0.0.9", true },
		{ "127.0.0.&8", "127.0.0.255", true },    { "127.0.0.&8", "127.0.0.7", false },
		{ "127.0.0.&8", "127.0.0.16", false },    { "127.0.0.&12", "127.0.0.8", false },
		{ "127.0.0.&12", "127.0.0.14", true },    { "127.0.0.&255", "127.0.0.255", true },
		{ "127.0.1-2.&1", "127.0.2.3", true },    { "127.0.1-2.&1", "127.0.2.2", false },
		{ "127.0.1.0/24", "127.0.1.0", true },    { "127.0.1.0/24", "127.0.1.255", true },
		{ "127.0.1.0/24", "127.0.2.0", false },   { "127.0.0.0/8", "127.255.3.4", true },
		{ "127.0.0.0/8", "126.0.0.1", false },    { "127.0.0.16/28", "127.0.0.15", false },
		{ "127.0.0.16/28", "127.0.0.16", true },  { "127.0.0.16/28", "127.0.0.31", true },
		{ "127.0.0.16/28", "127.0.0.32", false }, { "127.0.0.2/32", "127.0.0.2", true },
		{ "127.0.0.2/32", "127.0.0.3", false },   { "0.0.0.0/0", "192.0.2.1", true },
		{ "*.*.*.*", "2001:db8::1", false },      { "*.*.*.*", "none", false },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dnsbl_pattern pattern;
		struct ip ip = address(cases[i].address);
		if (!dnsbl_pattern_parse(&pattern, cases[i].pattern))
			fail_msg("%s: not understood", cases[i].pattern);
		if (dnsbl_pattern_matches(&pattern, &ip) != cases[i].matches)
			fail_msg("%s and %s", cases[i].pattern, cases[i].address);
	}
}

static void test_patterns_refused(void **unused)
{
	static const char *const bad[] = {
		"",
		".",
		"127",
		"127.0.0",
		"127.0.0.",
		"127.0.0.2.",
		"127.0.0.2.1",
		"127.0..2",
		".127.0.0.2",
		"127.0.0.256",
		"127.0.0.02",
		"127.0.0.-1",
		"127.0.0.7-4",
		"127.0.0.4-",
		"127.0.0.-",
		"127.0.0.4-7-9",
		"127.0.0.4-256",
		"127.0.0.&",
		"127.0.0.&0",
		"127.0.0.&256",
		"127.0.0.&x",
		"127.0.0.**",
		"127.0.0.*2",
		"127.0.0.2*",
		"127.0.0.x",
		" 127.0.0.2",
		"127.0.0.2 ",
		"127.0.0.2/",
		"127.0.0.0/33",
		"127.0.0.2/24",
		"127.0.0.0/x",
		"2001:db8::/32",
		"::1",
		"127.0.0.+2",
		"127.0.0.0002",
		"127,0,0,2",
		"127.0.0.99999999999999999999",
		"a.b.c.d",
		"*",
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct dnsbl_pattern pattern;
		if (dnsbl_pattern_parse(&pattern, bad[i]))
			fail_msg("\"%s\" was taken for a pattern", bad[i]);
	}
}

static void test_patterns_can_list(void **unused)
{
	static const struct {
		const char *pattern;
		bool can;
	} cases[] = {
		{ "127.0.0.2", true },         { "*.0.0.2", true },        { "120-130.0.0.2", true },
		{ "&127.0.0.2", true },        { "127.255.254.1", true },  { "127.254.255.1", true },
		{ "127.255.*.1", true },       { "127.0.0.0/8", true },    { "127.255.255.254", false },
		{ "127.255.255.0/24", false }, { "127.255.255.*", false }, { "192.0.2.1", false },
		{ "128-130.0.0.2", false },    { "&128.0.0.2", false },    { "10.0.0.0/8", false },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dnsbl_pattern pattern;
		assert_true(dnsbl_pattern_parse(&pattern, cases[i].pattern));
		if (dnsbl_pattern_can_list(&pattern) != cases[i].can)
			fail_msg("%s", cases[i].pattern);
	}
}

static void test_meaning(void **unused)
{
	static const char *const patterns[] = { "127.0.0.2", "127.0.0.4-7", "127.0.0.&4", "*.*.*.77" };
	static const struct {
		const char *address;
		enum dnsbl_meaning meaning;
		uint64_t codes;
	} cases[] = {
		{ "127.0.0.2", DNSBL_LISTED, 1 },
		{ "127.0.0.4", DNSBL_LISTED, 2 | 4 }, /* both codes match: both are stated */
		{ "127.0.0.12", DNSBL_LISTED, 4 },
		{ "127.0.0.3", DNSBL_UNKNOWN, 0 },
		{ "127.0.0.99", DNSBL_UNKNOWN, 0 },
		{ "127.0.1.2", DNSBL_UNKNOWN, 0 },
		{ "127.3.3.77", DNSBL_LISTED, 8 },
		{ "127.0.0.255", DNSBL_ERROR, 0 },     /* configured as an error, though a code matches too */
		{ "127.255.255.252", DNSBL_ERROR, 0 }, /* built in */
		{ "127.255.255.254", DNSBL_ERROR, 0 },
		{ "127.255.255.77", DNSBL_ERROR, 0 },
		{ "192.0.2.77", DNSBL_ERROR, 0 }, /* outside 127.0.0.0/8 nothing is a listing, whatever is configured */
		{ "0.0.0.0", DNSBL_ERROR, 0 },
		{ "126.0.0.2", DNSBL_ERROR, 0 },
		{ "128.0.0.2", DNSBL_ERROR, 0 },
		{ "2001:db8::2", DNSBL_ERROR, 0 },
	};
	struct dnsbl_code codes[COUNT(patterns)];
	struct dnsbl_pattern error;
	const struct dnsbl_list list = { .codes = codes, .n_codes = COUNT(codes), .errors = &error, .n_errors = 1 };

	(void)unused;
	for (size_t i = 0; i < COUNT(patterns); i++)
		assert_true(dnsbl_pattern_parse(&codes[i].pattern, patterns[i]));
	assert_true(dnsbl_pattern_parse(&error, "127.0.0.255"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip = address(cases[i].address);
		uint64_t found = 99;
		if (dnsbl_list_meaning(&list, &ip, &found) != cases[i].meaning || found != cases[i].codes)
			fail_msg("%s", cases[i].address);
	}
}

static void test_all_codes_have_a_bit(void **unused)
{
	struct dnsbl_code codes[DNSBL_CODES_MAX];
	const struct dnsbl_list list = { .codes = codes, .n_codes = COUNT(codes) };
	struct ip ip = address("127.0.0.2");
	uint64_t found;

	(void)unused;
	for (size_t i = 0; i < COUNT(codes); i++)
		assert_true(dnsbl_pattern_parse(&codes[i].pattern, "127.0.0.2"));
	assert_int_equal(dnsbl_list_meaning(&list, &ip, &found), DNSBL_LISTED);
	assert_true(found == UINT64_MAX);
}

static void test_targets(void **unused)
{
	struct dnsbl_list list = { .enabled = true, .ipv6 = true, .over = DNSBL_CLIENT | DNSBL_SENDER };
	const struct ip v4 = address("192.0.2.1"), v6 = address("2001:db8::1"), none = { 0 };
	const struct ip mapped = address("::ffff:192.0.2.1");

	(void)unused;
	assert_true(dnsbl_list_is_over(&list, DNSBL_CLIENT, &v4));
	assert_true(dnsbl_list_is_over(&list, DNSBL_CLIENT, &v6));
	assert_false(dnsbl_list_is_over(&list, DNSBL_CLIENT, &none));
	assert_true(dnsbl_list_is_over(&list, DNSBL_SENDER, &none));
	assert_false(dnsbl_list_is_over(&list, DNSBL_HELO, &v4));
	list.ipv6 = false;
	assert_false(dnsbl_list_is_over(&list, DNSBL_CLIENT, &v6));
	assert_true(dnsbl_list_is_over(&list, DNSBL_CLIENT, &mapped));
	assert_true(dnsbl_list_is_over(&list, DNSBL_SENDER, &v6));
	list.enabled = false;
	assert_false(dnsbl_list_is_over(&list, DNSBL_CLIENT, &v4));
	assert_false(dnsbl_list_is_over(&list, DNSBL_SENDER, &v4));
}

static void test_zones(void **unused)
{
	char text[DNS_NAME_TEXT_MAX], label[64], zone[DNS_NAME_TEXT_MAX], key[DNS_NAME_TEXT_MAX];

	(void)unused;
	assert_true(dnsbl_zone_expand("bl.example.org", "", text));
	assert_string_equal(text, "bl.example.org");
	assert_true(dnsbl_zone_expand("bl.example.org.", "unused", text));
	assert_string_equal(text, "bl.example.org");
	assert_true(dnsbl_zone_expand("{key}.bl.example.org", "abc123", text));
	assert_string_equal(text, "abc123.bl.example.org");
	assert_true(dnsbl_zone_expand("x-{key}.{key}.example", "k", text));
	assert_string_equal(text, "x-k.k.example");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_false(dnsbl_zone_expand("{key}.bl.example.org", key, text));

	assert_true(dnsbl_zone_has_room("bl.example.org"));
	memset(label, 'a', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	snprintf(zone, sizeof(zone), "%s.%s", label, label);
	assert_true(dnsbl_zone_has_room(zone));
	snprintf(zone, sizeof(zone), "%s.%s.%s", label, label, label);
	assert_false(dnsbl_zone_has_room(zone));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_match),
		cmocka_unit_test(test_patterns_refused),
		cmocka_unit_test(test_patterns_can_list),
		cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_all_codes_have_a_bit),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_zones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

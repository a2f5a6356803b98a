/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "dns/name.h"

static void test_to_wire_and_back(void **state)
{
	static const struct {
		const char *text;
		size_t octets; /* 0: no name */
		const char *again;
	} cases[] = {
		{ "", 1, "." },
		{ ".", 1, "." },
		{ "example.org", 13, "example.org" },
		{ "Example.ORG.", 13, "example.org" },
		{ "a\\.b.example", 13, "a\\046b.example" },
		{ "a\\\\b", 5, "a\\092b" },
		{ "\\000x.example", 12, "\\000x.example" },
		{ "\\065.example", 11, "a.example" },
		{ "white space", 13, "white\\032space" },
		{ "\xc3\xa9.example", 12, "\\195\\169.example" },
		{ "_dmarc.example", 16, "_dmarc.example" },
		{ "..", 0, NULL },
		{ ".example", 0, NULL },
		{ "a..b", 0, NULL },
		{ "a.b..", 0, NULL },
		{ "a\\", 0, NULL },
		{ "a\\25", 0, NULL },
		{ "a\\256", 0, NULL },
		{ "a\\1x2", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t wire[DNS_WIRE_MAX];
		char text[DNS_NAME_TEXT_MAX];
		size_t octets = dns_name_to_wire(cases[i].text, wire);
		assert_int_equal(octets, cases[i].octets);
		if (octets == 0)
			continue;
		assert_true(dns_name_from_wire(wire, octets, text));
		assert_string_equal(text, cases[i].again);
	}
}

/* `labels` labels of `length` times `c`, and one of `last`. */
static void build(char *text, int labels, int length, int last, const char *c)
{
	for (int label = 0; label <= labels; label++) {
		for (int i = 0; i < (label < labels ? length : last); i++)
			text = stpcpy(text, c);
		text = stpcpy(text, label < labels ? "." : "");
	}
}

static void test_lengths(void **state)
{
	char text[2048], again[DNS_NAME_TEXT_MAX];
	uint8_t wire[DNS_WIRE_MAX];

	(void)state;
	build(text, 0, 0, 63, "a");
	assert_int_equal(dns_name_to_wire(text, wire), 65);
	build(text, 0, 0, 64, "a");
	assert_int_equal(dns_name_to_wire(text, wire), 0);
	build(text, 3, 63, 61, "a"); /* 253 characters: 255 octets */
	assert_int_equal(strlen(text), 253);
	assert_int_equal(dns_name_to_wire(text, wire), 255);
	stpcpy(text + 253, ".");
	assert_int_equal(dns_name_to_wire(text, wire), 255);
	build(text, 3, 63, 62, "a");
	assert_int_equal(dns_name_to_wire(text, wire), 0);
	build(text, 126, 1, 1, "a"); /* as many labels as there can be */
	assert_int_equal(dns_name_to_wire(text, wire), 255);
	build(text, 127, 1, 1, "a");
	assert_int_equal(dns_name_to_wire(text, wire), 0);
	build(text, 3, 63, 61, "\\255"); /* the longest text */
	size_t octets = dns_name_to_wire(text, wire);
	assert_int_equal(octets, 255);
	assert_true(dns_name_from_wire(wire, octets, again));
	assert_string_equal(again, text);
}

static void test_malformed_wire(void **state)
{
	static const struct {
		const char *wire;
		size_t octets;
	} cases[] = {
		{ "", 0 },           /* nothing */
		{ "\1a", 2 },        /* no root */
		{ "\5ab\0", 4 },     /* label beyond the end */
		{ "\1a\0\1b\0", 6 }, /* more behind the root */
		{ "\300\0", 2 },     /* compression */
		{ "\100abc\0", 5 },  /* label over 63 */
		{ "\1", 1 },
	};
	char text[DNS_NAME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		strcpy(text, "unchanged");
		assert_false(dns_name_from_wire((const uint8_t *)cases[i].wire, cases[i].octets, text));
		assert_string_equal(text, "");
	}
}

static void test_reversed(void **state)
{
	char text[DNS_NAME_TEXT_MAX];
	struct ip ip;

	(void)state;
	assert_true(ip_parse(&ip, "203.0.113.7"));
	dns_name_reverse_ptr(&ip, text);
	assert_string_equal(text, "7.113.0.203.in-addr.arpa");
	assert_true(ip_parse(&ip, "::ffff:203.0.113.7"));
	dns_name_reverse_ptr(&ip, text);
	assert_string_equal(text, "7.113.0.203.in-addr.arpa");
	assert_true(ip_parse(&ip, "2001:db8::c0de"));
	dns_name_reverse_ptr(&ip, text);
	assert_string_equal(text, "e.d.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	ip.family = 0;
	dns_name_reverse_ptr(&ip, text);
	assert_string_equal(text, "");
}

static void test_lists(void **state)
{
	char text[DNS_NAME_TEXT_MAX], zone[DNS_NAME_TEXT_MAX];
	struct ip ip;

	(void)state;
	assert_true(ip_parse(&ip, "203.0.113.7"));
	assert_true(dns_name_list_address(&ip, "dnsbl.example", text));
	assert_string_equal(text, "7.113.0.203.dnsbl.example");
	assert_true(dns_name_list_address(&ip, "DNSBL.example.", text));
	assert_string_equal(text, "7.113.0.203.dnsbl.example");
	assert_false(dns_name_list_address(&ip, "", text));
	assert_false(dns_name_list_address(&ip, "a..example", text));
	assert_string_equal(text, "");
	assert_true(ip_parse(&ip, "2001:db8::1"));
	assert_true(dns_name_list_address(&ip, "dnsbl.example", text));
	assert_string_equal(text, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.dnsbl.example");
	build(zone, 2, 63, 62, "z"); /* 64 octets of nibbles and 190 + 2 are one too many */
	assert_false(dns_name_list_address(&ip, zone, text));
	build(zone, 2, 63, 61, "z");
	assert_true(dns_name_list_address(&ip, zone, text));
	ip.family = 0;
	assert_false(dns_name_list_address(&ip, "dnsbl.example", text));

	assert_true(dns_name_list_domain("Spam.Example.", "dbl.example", text));
	assert_string_equal(text, "spam.example.dbl.example");
	assert_false(dns_name_list_domain("", "dbl.example", text));
	assert_false(dns_name_list_domain(".", "dbl.example", text));
	assert_false(dns_name_list_domain("a..b", "dbl.example", text));
	/* a stranger's backslash does not swallow the dot between domain and zone */
	assert_false(dns_name_list_domain("evil\\", "dbl.example", text));
	assert_true(dns_name_list_domain("evil\\.", "dbl.example", text));
	assert_string_equal(text, "evil\\046.dbl.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_wire_and_back),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_malformed_wire),
		cmocka_unit_test(test_reversed),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

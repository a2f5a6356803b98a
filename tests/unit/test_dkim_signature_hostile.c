/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_signature_hostile - DKIM-Signature fields made to harm. The rows are those of the table of what libopendkim
 * does wrong: what would harm it must not get through here.
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
#include "dkim/signature.h"
#include "dkim_signature_fixture.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static void row_2_long_or_badly_encoded_identities_are_refused(void **state)
{
	char value[1500], local[400];

	(void)state;
	memset(local, 'a', sizeof(local));
	for (int octets = 1; octets < 390; octets++) {
		struct parsed parsed;
		snprintf(value, sizeof(value), "i=%.*s@example.org; %s", octets, local, REST);
		parse_octets(&parsed, value, strlen(value));
		assert_int_equal(parsed.result == 0, octets + 12 <= 254);
		parsed_close(&parsed);
	}
	/* white space counts too: the library does not skip it */
	snprintf(value, sizeof(value), "i=a%260s@example.org; %s", "", REST);
	expect_problem(value, "i= is too long");
	expect_problem("i=alice@example.org=; " REST, "i= is not encoded as it must be");
	expect_problem("i=alice@example.org=4; " REST, "i= is not encoded as it must be");
	expect_problem("i=alice@example.org=\r\n ; " REST, "i= is not encoded as it must be");
	expect_problem("i=al=\r\n ice@example.org; " REST, "i= is not encoded as it must be");
	expect_problem("i=al=4 1ice@example.org; " REST, "i= is not encoded as it must be");
	expect_problem("i=al=G1ice@example.org; " REST, "i= is not encoded as it must be");
	expect_problem("i=al=00ice@example.org; " REST, "i= is not encoded as it must be");
	expect_problem("i=al=0D=0Aice@example.org; " REST, "i= is not encoded as it must be");
}

static void row_2_identities_are_decoded_and_cleaned(void **state)
{
	static const struct {
		const char *i, *identity, *domain;
	} cases[] = {
		{ "=61lice@example.org", "alice@example.org", "example.org" },
		{ "alice=40example.org", "alice@example.org", "example.org" },
		{ "alice=3d=3D@example.org", "alice==@example.org", "example.org" },
		{ "al\r\n ice@ example.org", "alice@example.org", "example.org" },
		{ "@EXAMPLE.org", "@EXAMPLE.org", "example.org" },
		{ "\"a@b\"@sub.example.org", "\"a@b\"@sub.example.org", "sub.example.org" },
		{ "m\xc3\xb8x@example.org", "m\\xc3\\xb8x@example.org", "example.org" },
		{ "=FF@example.org", "\\xff@example.org", "example.org" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed parsed;
		char value[1000];
		snprintf(value, sizeof(value), "i=%s; %s", cases[i].i, REST);
		parse_octets(&parsed, value, strlen(value));
		assert_string_equal(parsed.problem, "");
		assert_string_equal(parsed.signature.identity, cases[i].identity);
		assert_string_equal(parsed.signature.identity_domain, cases[i].domain);
		parsed_close(&parsed);
	}
}

static void row_3_a_domain_is_nothing_but_a_domain(void **state)
{
	(void)state;
	expect_problem("v=1; a=rsa-sha256; d=example.org(.attacker.example; s=sel; h=from; " BH32 "; " B64,
	               "d= is no domain name");
	expect_problem("i=@notmail.example; v=1; a=rsa-sha256; d=mail.example; s=sel; h=from; " BH32 "; " B64,
	               "i= is not within d=");
	expect_problem("v=1; a=rsa-sha256; d=example.org; s=sel._domainkey.example.net(; h=from; " BH32 "; " B64,
	               "s= is no selector");
}

static void row_7_an_empty_name_in_h_is_refused(void **state)
{
	static const char *const empty[] = { "", ":", "from:", ":from", "from::to", "from: :to", "from:\r\n :to" };

	(void)state;
	for (size_t i = 0; i < COUNT(empty); i++) {
		char value[1000];
		snprintf(value, sizeof(value), "v=1; a=rsa-sha256; d=example.org; s=sel; h=%s; " BH32 "; " B64,
		         empty[i]);
		expect_problem(value, "h= has an empty or wrong field name");
	}
}

static void row_7_the_names_in_h_are_bounded(void **state)
{
	(void)state;
	for (int names = DKIM_FIELDS_MAX; names <= DKIM_FIELDS_MAX + 1; names++) {
		char text[3 * DKIM_FIELDS_MAX + 1000];
		struct strbuf value;
		struct parsed parsed;
		strbuf_open(&value, text, sizeof(text));
		strbuf_add(&value, "v=1; a=rsa-sha256; d=example.org; s=sel; " BH32 "; " B64 "; h=from");
		for (int i = 1; i < names; i++)
			strbuf_add(&value, ":x");
		parse_octets(&parsed, text, value.length);
		assert_string_equal(parsed.problem, names > DKIM_FIELDS_MAX ? "h= names too many header fields" : "");
		parsed_close(&parsed);
	}
}

static void row_9_algorithms_are_told_apart(void **state)
{
	static const struct {
		const char *tags;
		enum dkim_algorithm algorithm;
		const char *problem;
	} cases[] = {
		{ "a=rsa-sha1; " BH20 "; " B64, DKIM_RSA_SHA1, "" }, /* refused later, as policy */
		{ "a=rsa-sha256; " BH32 "; " B64, DKIM_RSA_SHA256, "" },
		{ "a=RSA-SHA256; " BH32 "; " B64, DKIM_RSA_SHA256, "" },
		{ "a=ed25519-sha256; " BH32 "; " B64, DKIM_ED25519_SHA256, "" },
		{ "a=rsa-sha1; " BH32 "; " B64, DKIM_RSA_SHA1, "bh= is no hash of the right length in base64" },
		{ "a=ed25519-sha256; " BH20 "; " B64, DKIM_RSA_SHA1, "bh= is no hash of the right length in base64" },
		{ "a=ed25519-sha256; " BH32 "; b=AAEC", DKIM_RSA_SHA1, "b= has not the 64 octets of Ed25519" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed parsed;
		char value[1000];
		snprintf(value, sizeof(value), "v=1; d=example.org; s=sel; h=from; %s", cases[i].tags);
		parse_octets(&parsed, value, strlen(value));
		assert_string_equal(parsed.problem, cases[i].problem);
		if (parsed.result == 0)
			assert_int_equal(parsed.signature.algorithm, cases[i].algorithm);
		parsed_close(&parsed);
	}
}

static void row_12_huge_fields_are_read_and_bounded(void **state)
{
	static const char *const tags[] = {
		"z=", "n=", "i=", "d=", "s=", "b=", "bh=", "h=", "l=", "t=", "c=", "q=", ""
	};
	size_t octets = 300 * 1024;
	char *value = malloc(octets);

	(void)state;
	assert_non_null(value);
	for (size_t i = 0; i < COUNT(tags); i++) {
		struct parsed parsed;
		int length = snprintf(value, octets, "%s; %s", REST, tags[i]);
		memset(value + length, 'A', octets - (size_t)length);
		parse_octets(&parsed, value, octets);
		/* tags that mean nothing may be as long as they like; no other, and none that is there twice */
		assert_int_equal(parsed.result == 0, tags[i][0] == 'z' || tags[i][0] == 'n');
		assert_string_equal(parsed.signature.domain, "example.org");
		parsed_close(&parsed);
	}
	free(value);
}

static void row_14_times_are_digits_in_order(void **state)
{
	static const struct {
		const char *tags, *problem;
	} cases[] = {
		{ "t=0", "" },
		{ "t=1700000000; x=1700000001", "" },
		{ "x=1", "" },
		{ "x=999999999999; t=1700000000", "" },
		{ "t=1700000000; x=1700000000", "x= is not after t=" },
		{ "x=1699999999; t=1700000000", "x= is not after t=" },
		{ "x=0", "x= is not after t=" },
		{ "t=-1", "t= is no time of 1 to 12 digits" },
		{ "t=", "t= is no time of 1 to 12 digits" },
		{ "t=1e9", "t= is no time of 1 to 12 digits" },
		{ "t=1700 000000", "t= is no time of 1 to 12 digits" },
		{ "t=1000000000000", "t= is no time of 1 to 12 digits" },
		{ "x=18446744073709551614", "x= is no time of 1 to 12 digits" },
		{ "x=never", "x= is no time of 1 to 12 digits" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char value[1000];
		snprintf(value, sizeof(value), "%s; %s", cases[i].tags, REST);
		expect_problem(value, cases[i].problem);
	}
}

/* ---- properties ---- */

static void check_name(const char *name, bool empty_allowed)
{
	assert_non_null(name);
	assert_true(empty_allowed || name[0] != '\0');
	assert_true(strlen(name) < 254);
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_."), strlen(name));
}

static void check_invariants(const struct parsed *parsed)
{
	const struct dkim_signature *signature = &parsed->signature;
	bool from = false;

	check_name(signature->domain, parsed->result != 0);
	check_name(signature->selector, parsed->result != 0);
	assert_true(strlen(signature->b) <= 8);
	if (parsed->result != 0)
		return;
	check_name(signature->identity_domain, false);
	for (const char *c = signature->identity; *c != '\0'; c++)
		assert_in_range(*c, 0x20, 0x7e);
	assert_in_range(signature->n_fields, 1, DKIM_FIELDS_MAX);
	for (size_t i = 0; i < signature->n_fields; i++) {
		assert_true(signature->fields[i][0] != '\0');
		from = from || strcmp(signature->fields[i], "from") == 0;
	}
	assert_true(from);
	assert_int_equal(signature->body_hash_octets, signature->algorithm == DKIM_RSA_SHA1 ? 20 : 32);
	assert_in_range(signature->signature_octets, 1, DKIM_SIGNED_OCTETS_MAX);
}

static void mutated_signatures_keep_the_invariants(void **state)
{
	static const char sample[] = "v=1; a=rsa-sha256; c=relaxed/simple; d=b\xc3\xbc"
				     "cher.example; s=sel; t=1700000000;\r\n"
				     "\tx=1700600000; l=42; q=dns/txt; i=a=20b@n.b\xc3\xbc"
				     "cher.example; h=From : to;"
				     " " BH32 ";\n " B64;
	static const char odd[] = ";:=@.\\ \t\r\n\"-_%0aZ\x7f\x80\xc3\xbc\xff";
	unsigned right = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char value[sizeof(sample)];
		size_t octets = round % 4 == 0 ? random_below(sizeof(sample)) : sizeof(sample) - 1;
		struct parsed parsed;
		memcpy(value, sample, sizeof(sample));
		for (uint32_t n = random_below(3); n > 0; n--)
			value[random_below(sizeof(sample) - 1)] = round % 2 == 0 ? (char)random_below(256)
			                                                         : odd[random_below(sizeof(odd))];
		parse_octets(&parsed, value, octets);
		check_invariants(&parsed);
		right += parsed.result == 0;
		parsed_close(&parsed);
	}
	assert_true(right > 1000 && right < 15000);
}

static void random_octets_are_refused_without_harm(void **state)
{
	(void)state;
	for (int round = 0; round < 5000; round++) {
		char value[64];
		size_t octets = random_below(sizeof(value));
		struct parsed parsed;
		for (size_t i = 0; i < octets; i++)
			value[i] = (char)(round % 2 == 0 ? random_below(256) : 9 + random_below(118));
		parse_octets(&parsed, value, octets);
		assert_int_equal(parsed.result, -1);
		check_invariants(&parsed);
		parsed_close(&parsed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_2_long_or_badly_encoded_identities_are_refused),
		cmocka_unit_test(row_2_identities_are_decoded_and_cleaned),
		cmocka_unit_test(row_3_a_domain_is_nothing_but_a_domain),
		cmocka_unit_test(row_7_an_empty_name_in_h_is_refused),
		cmocka_unit_test(row_7_the_names_in_h_are_bounded),
		cmocka_unit_test(row_9_algorithms_are_told_apart),
		cmocka_unit_test(row_12_huge_fields_are_read_and_bounded),
		cmocka_unit_test(row_14_times_are_digits_in_order),
		cmocka_unit_test(mutated_signatures_keep_the_invariants),
		cmocka_unit_test(random_octets_are_refused_without_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

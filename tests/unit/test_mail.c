/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The layer mail/: addresses as strangers send them, domains, stages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "mail/address.h"
#include "mail/stage.h"
#include "mail/utf8.h"

#define X10     "xxxxxxxxxx"
#define X60     X10 X10 X10 X10 X10 X10
#define LABEL63 X60 "xxx"
#define LOCAL64 X60 "xxxx"

/* 253 octets with the longest labels, and one more: too long. */
#define DOMAIN253 LABEL63 "." LABEL63 "." LABEL63 "." X60 "x"
#define DOMAIN254 DOMAIN253 "x"

/* 254 octets in all is the longest address, 255 one too many. */
#define DOMAIN189 LABEL63 "." LABEL63 "." X60 "x"

enum kind { INVALID, VALID, NULL_PATH };

static const struct {
	const char *argument;
	const char *text, *local, *domain;
	enum kind kind;
} cases[] = {
	/* what the RFC shows */
	{ "<user@example.org>", "user@example.org", "user", "example.org", VALID },
	{ "user@example.org", "user@example.org", "user", "example.org", VALID },
	{ "<User.Name+tag@Mail.EXAMPLE.org>", "User.Name+tag@Mail.EXAMPLE.org", "User.Name+tag", "mail.example.org",
	  VALID },
	{ "<>", "", "", "", NULL_PATH },
	{ "", "", "", "", NULL_PATH }, /* a local submission without brackets */
	{ " <> ", "", "", "", NULL_PATH },
	{ "<postmaster>", "postmaster", "postmaster", "", VALID },
	{ "<PostMaster>", "PostMaster", "PostMaster", "", VALID },
	{ "<postmaster@>", "postmaster@", "postmaster", "", INVALID },
	{ "root", "root", "root", "", INVALID },
	{ "<a!#$%&'*+-/=?^_`{|}~@example.org>", "a!#$%&'*+-/=?^_`{|}~@example.org", "a!#$%&'*+-/=?^_`{|}~",
	  "example.org", VALID },
	/* some carriers hand them out */
	{ "<.a..b.@example.org>", ".a..b.@example.org", ".a..b.", "example.org", VALID },
	{ "<user@localhost>", "user@localhost", "user", "localhost", VALID },
	{ "<user@a_b.example.org>", "user@a_b.example.org", "user", "a_b.example.org", VALID },
	/* final dots */
	{ "<user@example.org.>", "user@example.org.", "user", "example.org", VALID },
	{ "<user@example.org..>", "user@example.org..", "user", "", INVALID },
	{ "<user@.>", "user@.", "user", "", INVALID },
	{ "<user@.example.org>", "user@.example.org", "user", "", INVALID },
	{ "<user@mail..example.org>", "user@mail..example.org", "user", "", INVALID },
	/* address literals */
	{ "<user@[192.0.2.1]>", "user@[192.0.2.1]", "user", "[192.0.2.1]", VALID },
	{ "<user@[IPv6:2001:DB8::1]>", "user@[IPv6:2001:DB8::1]", "user", "[ipv6:2001:db8::1]", VALID },
	{ "<user@[192.0.2.999]>", "user@[192.0.2.999]", "user", "", INVALID },
	{ "<user@[192.0.2.1>", "user@[192.0.2.1", "user", "", INVALID },
	{ "<user@[]>", "user@[]", "user", "", INVALID },
	{ "<user@[example.org]>", "user@[example.org]", "user", "", INVALID },
	/* source routes */
	{ "<@relay.example.net:user@example.org>", "user@example.org", "user", "example.org", VALID },
	{ "@a.example,@b.example:user@example.org", "user@example.org", "user", "example.org", VALID },
	{ "<@[IPv6:2001:db8::1]:user@example.org>", "user@example.org", "user", "example.org", VALID },
	{ "<@relay.example.net:>", "", "", "", INVALID },
	{ "<@relay.example.net>", "@relay.example.net", "", "relay.example.net", INVALID },
	{ "<@\"x:y\":user@example.org>", "@\"x:y\":user@example.org", "@\"x:y\":user", "example.org", INVALID },
	{ "<@@:@>", "@", "", "", INVALID },
	/* quoted local-parts: nothing in the quotes ends or splits the address */
	{ "<\"a b\"@example.org>", "\"a b\"@example.org", "\"a b\"", "example.org", VALID },
	{ "<\"x@example.net\"@example.org>", "\"x@example.net\"@example.org", "\"x@example.net\"", "example.org",
	  VALID },
	{ "<\"x@example.net>\"@example.org>", "\"x@example.net>\"@example.org", "\"x@example.net>\"", "example.org",
	  VALID },
	{ "<\"x>, <y@example.net>\"@example.org>", "\"x>, <y@example.net>\"@example.org", "\"x>, <y@example.net>\"",
	  "example.org", VALID },
	{ "<\"\\\"@example.net\"@example.org>", "\"\\\"@example.net\"@example.org", "\"\\\"@example.net\"",
	  "example.org", VALID },
	{ "<\"a\\\\\"@example.org>", "\"a\\\\\"@example.org", "\"a\\\\\"", "example.org", VALID },
	{ "<\"user@example.org\">", "\"user@example.org\"", "\"user@example.org\"", "", INVALID },
	{ "<\"user@example.org>", "\"user@example.org>", "\"user@example.org>", "", INVALID },
	{ "<us\"er@example.org>", "us\"er@example.org>", "us\"er@example.org>", "", INVALID },
	{ "<\"a\"b@example.org>", "\"a\"b@example.org", "\"a\"b", "example.org", INVALID },
	{ "<\"a\\", "\"a\\", "\"a\\", "", INVALID },
	{ "\"", "\"", "\"", "", INVALID },
	/* brackets that do not fit */
	{ "<user@example.org", "user@example.org", "user", "example.org", INVALID },
	{ "user@example.org>", "user@example.org>", "user", "", INVALID },
	{ "<<user@example.org>>", "<user@example.org", "<user", "example.org", INVALID },
	{ "<user@example.org> SIZE=1", "user@example.org", "user", "example.org", INVALID },
	{ "<user@example.org><x@example.net>", "user@example.org", "user", "example.org", INVALID },
	{ "Name <user@example.org>", "Name <user@example.org>", "Name <user", "", INVALID },
	{ "<", "", "", "", INVALID },
	{ ">", ">", ">", "", INVALID },
	{ "<<>>", "<", "<", "", INVALID },
	/* no addresses */
	{ "<@>", "@", "", "", INVALID },
	{ "<@example.org>", "@example.org", "", "example.org", INVALID },
	{ "<user@>", "user@", "user", "", INVALID },
	{ "<a@b@example.org>", "a@b@example.org", "a@b", "example.org", INVALID },
	{ "<a b@example.org>", "a b@example.org", "a b", "example.org", INVALID },
	{ "<user@exa mple.org>", "user@exa mple.org", "user", "", INVALID },
	{ "<user@example.org/x>", "user@example.org/x", "user", "", INVALID },
	{ "<user,other@example.org>", "user,other@example.org", "user,other", "example.org", INVALID },
	{ "< user@example.org>", " user@example.org", " user", "example.org", INVALID },
	/* control characters and 8-bit */
	{ "<us\r\ner@example.org>", "us\r\ner@example.org", "us\r\ner", "example.org", INVALID },
	{ "<user@example.org\r\nX: y>", "user@example.org\r\nX: y", "user", "", INVALID },
	{ "<\"\x1b[2J\"@example.org>", "\"\x1b[2J\"@example.org", "\"\x1b[2J\"", "example.org", INVALID },
	{ "<us\x7f"
	  "er@example.org>",
	  "us\x7f"
	  "er@example.org",
	  "us\x7f"
	  "er",
	  "example.org", INVALID },
	{ "<us\xe9r@example.org>", "us\xe9r@example.org", "us\xe9r", "example.org", INVALID }, /* Latin-1 */
	{ "<\xc3\xbcser@example.org>", "\xc3\xbcser@example.org", "\xc3\xbcser", "example.org", VALID },
	{ "<\xe7\x94\xa8\xe6\x88\xb7@example.org>", "\xe7\x94\xa8\xe6\x88\xb7@example.org", "\xe7\x94\xa8\xe6\x88\xb7",
	  "example.org", VALID },
	{ "<\xf0\x9f\x93\xac@example.org>", "\xf0\x9f\x93\xac@example.org", "\xf0\x9f\x93\xac", "example.org", VALID },
	{ "<user@b\xc3\xbc"
	  "cher.Example>",
	  "user@b\xc3\xbc"
	  "cher.Example",
	  "user", "xn--bcher-kva.example", VALID },
	{ "<user@b\xfc"
	  "cher.example>",
	  "user@b\xfc"
	  "cher.example",
	  "user", "", INVALID },
	{ "<\xc0\xafx@example.org>", "\xc0\xafx@example.org", "\xc0\xafx", "example.org", INVALID }, /* overlong */
	{ "<\xe0\x80\xafx@example.org>", "\xe0\x80\xafx@example.org", "\xe0\x80\xafx", "example.org", INVALID },
	/* surrogate */
	{ "<\xed\xa0\x80@example.org>", "\xed\xa0\x80@example.org", "\xed\xa0\x80", "example.org", INVALID },
	{ "<\xf4\x90\x80\x80@example.org>", "\xf4\x90\x80\x80@example.org", "\xf4\x90\x80\x80", "example.org",
	  INVALID },
	{ "<\xc2\x9bx@example.org>", "\xc2\x9bx@example.org", "\xc2\x9bx", "example.org", INVALID }, /* C1 */
	/* cut sequence */
	{ "<user@example.org\xe7\x94>", "user@example.org\xe7\x94", "user", "", INVALID },
	{ "<us\0er@example.org>", "us", "us", "", INVALID }, /* a milter's argument ends at NUL */
	/* sizes */
	{ "<" LOCAL64 "@example.org>", LOCAL64 "@example.org", LOCAL64, "example.org", VALID },
	{ "<" LOCAL64 "x@example.org>", LOCAL64 "x@example.org", LOCAL64 "x", "example.org", INVALID },
	{ "<u@" LABEL63 ".example>", "u@" LABEL63 ".example", "u", LABEL63 ".example", VALID },
	{ "<u@x" LABEL63 ".example>", "u@x" LABEL63 ".example", "u", "", INVALID },
	{ "<u@" DOMAIN253 ">", "u@" DOMAIN253, "u", DOMAIN253, INVALID }, /* a domain that may be, a path too long */
	{ "<u@" DOMAIN254 ">", "u@" DOMAIN254, "u", "", INVALID },
	{ "<" LOCAL64 "@" DOMAIN189 ">", LOCAL64 "@" DOMAIN189, LOCAL64, DOMAIN189, VALID },
	{ "<" LOCAL64 "@" DOMAIN189 "x>", LOCAL64 "@" DOMAIN189 "x", LOCAL64, DOMAIN189 "x", INVALID },
};

static void addresses_are_taken_apart(void **state)
{
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address address;
		address_parse(&address, cases[i].argument, &arena);
		if (address.valid != (cases[i].kind == VALID) || address.null != (cases[i].kind == NULL_PATH))
			print_error("case %zu: %s\n", i, cases[i].argument);
		assert_string_equal(address.text, cases[i].text);
		assert_string_equal(address.local, cases[i].local);
		assert_string_equal(address.domain, cases[i].domain);
		assert_int_equal(address.valid, cases[i].kind == VALID);
		assert_int_equal(address.null, cases[i].kind == NULL_PATH);
	}
	arena_close(&arena);
}

static void address_survives_its_argument(void **state)
{
	char argument[] = "<user@example.org>";
	struct address address;
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	address_parse(&address, argument, &arena);
	memset(argument, 'z', sizeof(argument) - 1);
	assert_string_equal(address.text, "user@example.org");
	assert_string_equal(address.local, "user");
	assert_string_equal(address.domain, "example.org");
	address_parse(&address, NULL, &arena);
	assert_string_equal(address.text, "");
	assert_false(address.null);
	assert_false(address.valid);
	arena_close(&arena);
}

static void very_long_arguments_are_cut(void **state)
{
	static char argument[100000];
	static const char fills[] = "x@<>\".:[ \\";
	struct arena_quota quota = { 0, 1 << 20 };
	struct address address;
	struct arena arena;

	(void)state;
	arena_open(&arena, &quota);
	for (size_t i = 0; i < COUNT(fills) - 1; i++) {
		memset(argument, fills[i], sizeof(argument) - 1);
		address_parse(&address, argument, &arena);
		assert_true(strlen(address.text) <= ADDRESS_OCTETS_MAX);
		assert_string_equal(address.domain, "");
		assert_false(address.valid);
		assert_false(address.null);
	}
	/* the cut must not turn one domain into another */
	memset(argument, 'x', sizeof(argument) - 1);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the text goes on behind it */
	memcpy(argument + ADDRESS_OCTETS_MAX - 12, "@example.organisation", 21);
	address_parse(&address, argument, &arena);
	assert_string_equal(address.text + ADDRESS_OCTETS_MAX - 12, "@example.org");
	assert_string_equal(address.domain, "");
	assert_false(address_matches(&address, "example.org"));
	assert_true(quota.used_octets < 32 * 1024);
	arena_close(&arena);
}

/* Random text of the octets that matter: the parts keep their promises whatever comes. */
static void any_text_keeps_the_promises(void **state)
{
	static const char octets[] = "ab.@<>\"\\:,[] \xc3\xbc\n-1";
	uint32_t random = 20;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		char argument[24];
		size_t n = 0;
		struct address address;
		struct arena arena;
		for (random = random * 1664525U + 1013904223U; n < (size_t)round % sizeof(argument); n++) {
			random = random * 1664525U + 1013904223U;
			argument[n] = octets[(random >> 16) % (sizeof(octets) - 1)];
		}
		argument[n] = '\0';
		arena_open(&arena, NULL);
		address_parse(&address, argument, &arena);
		assert_true(strlen(address.text) <= n);
		assert_null(strpbrk(address.domain, "@<>\"\\, \nAB"));
		assert_true(!address.valid || (address.local[0] != '\0' && strchr(address.text, '\n') == NULL));
		assert_true(!address.valid || address.domain[0] != '\0');
		assert_true(!address.null || (!address.valid && address.text[0] == '\0'));
		if (address.valid) { /* what is valid reads the same when it is read again */
			struct address again;
			address_parse(&again, address.text, &arena);
			assert_true(again.valid);
			assert_string_equal(again.text, address.text);
			assert_string_equal(again.domain, address.domain);
		}
		arena_close(&arena);
	}
}

static const struct {
	const char *argument, *pattern;
	bool want;
} matches[] = {
	{ "<user@example.org>", "user@example.org", true },
	{ "<USER@Example.ORG>", "user@example.org", true },
	{ "<user@example.org>", "USER@EXAMPLE.ORG.", true },
	{ "<user@example.org>", "user@", true },
	{ "<user@b\xc3\xbc"
	  "cher.example>",
	  "b\xc3\xbc"
	  "cher.example",
	  true },
	{ "<user@xn--bcher-kva.example>",
	  "@B\xc3\xbc"
	  "CHER.example",
	  true },
	{ "<user@mx.b\xc3\xbc"
	  "cher.example>",
	  ".b\xc3\xbc"
	  "cher.example",
	  true },
	{ "<user@bucher.example>",
	  "b\xc3\xbc"
	  "cher.example",
	  false },
	{ "<user@example.org>", "@example.org", true },
	{ "<user@example.org>", "example.org", true },
	{ "<user@example.org>", ".example.org", false },
	{ "<user@mail.example.org>", ".example.org", true },
	{ "<user@a.b.example.org>", ".Example.Org", true },
	{ "<user@mail.example.org>", "example.org", false },
	{ "<user@badexample.org>", ".example.org", false },
	{ "<user@badexample.org>", "example.org", false },
	{ "<user@example.org.example.net>", "example.org", false },
	{ "<other@example.org>", "user@example.org", false },
	{ "<user@example.net>", "user@example.org", false },
	{ "<xuser@example.org>", "user@", false },
	{ "<userx@example.org>", "user@", false },
	{ "<user@example.org>", "other@", false },
	{ "<postmaster>", "postmaster@", true },
	{ "<postmaster>", "postmaster@example.org", false },
	{ "<Postmaster@example.org>", "postmaster@", true },
	{ "<\"postmaster\"@example.org>", "postmaster@", true },
	{ "<\"post\\master\"@example.org>", "postmaster@example.org", true },
	{ "<\"a b\"@example.org>", "\"a b\"@example.org", true },
	{ "<\"a@example.net\"@example.org>", "example.net", false },
	{ "<\"a@example.net\"@example.org>", "\"A@example.net\"@example.org", true },
	{ "<postmaster@x@example.org>", "postmaster@", false },
	{ "<user@[192.0.2.1]>", "[192.0.2.1]", true },
	{ "<user@[192.0.2.1]>", "user@[192.0.2.1]", true },
	{ "<@example.org:user@example.net>", "example.org", false },
	{ "<>", "", false },
	{ "<>", "@", false },
	{ "<>", "example.org", false },
	{ "<>", "\"\"@", false },
	{ "<user@example.org>", "", false },
	{ "<user@example.org>", "@", false },
	{ "<user@example.org>", ".", false },
	{ "<user@example.org>", "user", false },
	{ "root", "root@", true },
};

static void addresses_match_patterns(void **state)
{
	struct address nothing = { 0 };
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	for (size_t i = 0; i < COUNT(matches); i++) {
		struct address address;
		address_parse(&address, matches[i].argument, &arena);
		if (address_matches(&address, matches[i].pattern) != matches[i].want)
			print_error("case %zu: %s, %s\n", i, matches[i].argument, matches[i].pattern);
		assert_int_equal(address_matches(&address, matches[i].pattern), matches[i].want);
	}
	assert_false(address_matches(&nothing, "example.org")); /* outside RCPT there is no recipient */
	assert_false(address_matches(&nothing, "user@"));
	arena_close(&arena);
}

static const struct {
	const char *name;
	bool want;
} hostnames[] = {
	{ "mail.example.org", true },
	{ "MAIL.Example.ORG", true },
	{ "a.b", true },
	{ "3com.example", true },
	{ "192-0-2-1.example.net", true },
	{ "xn--bcher-kva.example", true },
	{ "mail.xn--bcher-kva", true },
	{ LABEL63 ".example", true },
	{ DOMAIN253, true },
	{ DOMAIN254, false },
	{ "x" LABEL63 ".example", false },
	{ "localhost", false },
	{ "mail.example.org.", false },
	{ ".example.org", false },
	{ "mail..example.org", false },
	{ "-mail.example.org", false },
	{ "mail-.example.org", false },
	{ "mail.-example.org", false },
	{ "mail.example.org-", false },
	{ "ma_il.example.org", false },
	{ "mail example.org", false },
	{ "mail.example.org\n", false },
	{ "b\xc3\xbc"
	  "cher.example",
	  false },
	{ "192.0.2.1", false },
	{ "[192.0.2.1]", false },
	{ "mail.example.1", false },
	{ "2001:db8::1", false },
	{ ".", false },
	{ "-", false },
	{ "", false },
	{ NULL, false },
};

static void hostnames_are_told_from_the_rest(void **state)
{
	static char huge[100000];

	(void)state;
	for (size_t i = 0; i < COUNT(hostnames); i++) {
		if (domain_is_hostname(hostnames[i].name) != hostnames[i].want)
			print_error("case %zu: %s\n", i, hostnames[i].name != NULL ? hostnames[i].name : "NULL");
		assert_int_equal(domain_is_hostname(hostnames[i].name), hostnames[i].want);
	}
	for (size_t i = 0; i < sizeof(huge) - 1; i++)
		huge[i] = i % 2 == 0 ? 'a' : '.';
	assert_false(domain_is_hostname(huge));
}

static const struct {
	const char *name;
	size_t max;
	const char *want;
} lowers[] = {
	{ "Mail.EXAMPLE.org", 255, "mail.example.org" },
	{ "mail.example.org.", 255, "mail.example.org" },
	{ "mail.example.org..", 255, "mail.example.org." },
	{ "mail.example.org", 7, "mail.ex" },
	{ "mail.example.org", 5, "mail" },
	{ "mail.example.org", 0, "" },
	{ ".", 255, "" },
	{ "", 255, "" },
	{ "\xc3\x84X", 255, "\xc3\x84x" },
	{ "[IPv6:2001:DB8::1]", 255, "[ipv6:2001:db8::1]" },
};

static void domains_become_lower_case(void **state)
{
	struct arena arena;

	(void)state;
	arena_open(&arena, NULL);
	for (size_t i = 0; i < COUNT(lowers); i++)
		assert_string_equal(domain_lower(&arena, lowers[i].name, lowers[i].max), lowers[i].want);
	assert_null(domain_lower(&arena, NULL, 255));
	arena_close(&arena);
}

static void stages_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(stage_name(STAGE_CONNECT), "connect");
	assert_string_equal(stage_name(STAGE_HELO), "helo");
	assert_string_equal(stage_name(STAGE_MAIL), "mail");
	assert_string_equal(stage_name(STAGE_RCPT), "rcpt");
	assert_string_equal(stage_name(STAGE_HEADERS), "headers");
	assert_string_equal(stage_name(STAGE_EOM), "eom");
	for (int stage = 0; stage < STAGES; stage++)
		assert_non_null(stage_name((enum stage)stage));
}

/* Any number as UTF-8 would have it, well-formed or not; its octets. */
static size_t encode(uint32_t c, size_t octets, char text[4])
{
	static const uint8_t first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = octets - 1; i > 0; i--, c >>= 6)
		text[i] = (char)(0x80 | (c & 0x3f));
	text[0] = (char)(first[octets] | c);
	return octets;
}

/* RFC 3629: every character beyond ASCII in its shortest form, and nothing else. */
static void utf8_is_well_formed_or_not(void **state)
{
	static const uint32_t end[] = { 0, 0, 0x800, 0x10000, 0x200000 };
	char text[4];

	(void)state;
	for (size_t octets = 2; octets <= 4; octets++) {
		for (uint32_t c = 0; c < end[octets]; c++) {
			const bool is_short = c >= (octets == 2 ? 0x80 : end[octets - 1]);
			const bool good = is_short && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
			encode(c, octets, text);
			assert_int_equal(utf8_any_octets(text, text + 4), good ? octets : 0);
			assert_int_equal(utf8_octets(text, text + octets), good && c >= 0xa0 ? octets : 0);
			assert_int_equal(utf8_any_octets(text, text + octets - 1), 0);
		}
	}
	assert_int_equal(utf8_any_octets(text, text), 0);
	static const char no[] = "a\x80\xbf\xff\xc3!";
	for (const char *at = no; *at != '\0'; at++)
		assert_int_equal(utf8_any_octets(at, no + strlen(no)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken_apart),   cmocka_unit_test(address_survives_its_argument),
		cmocka_unit_test(very_long_arguments_are_cut), cmocka_unit_test(any_text_keeps_the_promises),
		cmocka_unit_test(addresses_match_patterns),    cmocka_unit_test(hostnames_are_told_from_the_rest),
		cmocka_unit_test(domains_become_lower_case),   cmocka_unit_test(stages_have_their_names),
		cmocka_unit_test(utf8_is_well_formed_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

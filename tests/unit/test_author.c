/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_author - whom From names: valid values, hostile ones, and properties that hold for any.
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
#include "mail/author.h"
#include "mail/utf8.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* The addresses as "local|domain local|domain ...", and "+N" for those that were not kept. */
static void show(const struct author *author, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < author->n; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s|%s", i > 0 ? " " : "", author->addresses[i].local,
		                      author->addresses[i].domain);
	if (author->n_found > author->n)
		snprintf(text + n, size - n, " +%zu", author->n_found - author->n);
}

static const struct {
	const char *value;
	bool valid;
	const char *found;
} cases[] = {
	/* RFC 5322 3.4, and its appendices' kinds */
	{ "a@example.org", true, "a|example.org" },
	{ " a@example.org", true, "a|example.org" },
	{ "<a@example.org>", true, "a|example.org" },
	{ "A.B+c@EXAMPLE.org", true, "A.B+c|example.org" },
	{ "Ann Example <a@example.org>", true, "a|example.org" },
	{ "\"Ann, Example\" <a@example.org>", true, "a|example.org" },
	{ "\"Ann \\\"x\\\" Example\" <a@example.org>", true, "a|example.org" },
	{ "Ann (x) Example <a(y)@(z)example.org(w)> (v)", true, "a|example.org" },
	{ "a@example.org (Ann Example)", true, "a|example.org" },
	{ "a@example.org (Ann (x \\) y) Example)", true, "a|example.org" },
	{ "(<b@example.net>) a@example.org", true, "a|example.org" },
	{ "\"<b@example.net>\" <a@example.org>", true, "a|example.org" },
	{ "\"b@example.net\" <a@example.org>", true, "a|example.org" },
	{ "\"a b\"@example.org", true, "a b|example.org" },
	{ "\"a\\\"b\\\\\"@example.org", true, "a\"b\\|example.org" },
	{ "\"a@b\"@example.org", true, "a@b|example.org" },
	{ "\"\"@example.org", true, "|example.org" },
	{ "a@[192.0.2.1]", true, "a|[192.0.2.1]" },
	{ "a@[IPv6:2001:DB8::1]", true, "a|[ipv6:2001:db8::1]" },
	{ "a@localhost", true, "a|localhost" },
	{ "=?utf-8?q?Ann_Example?= <a@example.org>", true, "a|example.org" },
	{ "=?utf-8?B?YkBleGFtcGxlLm5ldA==?= <a@example.org>", true, "a|example.org" },
	{ "a@example.org, b@example.net", true, "a|example.org b|example.net" },
	{ "Ann <a@example.org>,\r\n Bob <b@example.net>", true, "a|example.org b|example.net" },
	{ "Team: a@example.org, Bob <b@example.net>;", true, "a|example.org b|example.net" },
	{ "Team:;", true, "" },
	{ "\"T: x\" y: a@example.org;, b@example.net", true, "a|example.org b|example.net" },
	/* folding */
	{ "Ann\r\n\tExample\n <a@example.org>", true, "a|example.org" },
	{ "\"Ann\r\n Example\" <a@example.org>", true, "a|example.org" },
	{ "\"a\r\n b\"@example.org\r\n", true, "a b|example.org" },
	{ "<\n a@example.org\n >", true, "a|example.org" },
	/* obsolete forms (RFC 5322 4.4) */
	{ "a . b @ example . org", true, "a.b|example.org" },
	{ "\"a\".b@example.org", true, "a.b|example.org" },
	{ "John Q. Public <a@example.org>", true, "a|example.org" },
	{ "<@example.net,@example.com:a@example.org>", true, "a|example.org" },
	{ "<,@example.net , , @example.com :a@example.org>", true, "a|example.org" },
	{ ", a@example.org,, b@example.net,", true, "a|example.org b|example.net" },
	{ "T:,a@example.org,;", true, "a|example.org" },
	{ "a@[192.0.2.1\\\r\n ]", true, "a|[192.0.2.1 ]" },
	/* RFC 6532 */
	{ "J\xc3\xb6rg <j\xc3\xb6rg@example.org>", true, "j\xc3\xb6rg|example.org" },
	{ "a@B\xc3\x9c"
	  "cher.example",
	  true, "a|xn--bcher-kva.example" },
	{ "a@b\xc3\xbc"
	  "cher\xe3\x80\x82"
	  "example",
	  true, "a|xn--bcher-kva.example" },
	{ "a@xn--bcher-kva.example", true, "a|xn--bcher-kva.example" },

	/* nobody */
	{ "", false, "" },
	{ " \r\n ", false, "" },
	{ ",", false, "" },
	{ "Ann Example", false, "" },
	{ "<>", false, "" },
	{ "Ann <>", false, "" },
	{ "a@", false, "" },
	{ "a@.", false, "" },
	{ "@", false, "" },
	{ "(a@example.org)", false, "" },
	{ "\"a@example.org\"", false, "" },
	/* two voices: both are found */
	{ "a@example.org <b@example.net>", false, "a|example.org b|example.net" },
	{ "<a@example.org> <b@example.net>", false, "a|example.org b|example.net" },
	{ "<a@example.org <b@example.net>", false, "a|example.org b|example.net" },
	{ "<<a@example.org>>", false, "a|example.org" },
	{ "Ann <a@example.org", false, "a|example.org" },
	{ "Ann <a@example.org, b@example.net", false, "a|example.org b|example.net" },
	{ "a@example.org>", false, "a|example.org" },
	{ "a@example.org b@example.net", false, "a|example.org b|example.net" },
	{ "a@example.org; b@example.net", false, "a|example.org b|example.net" },
	{ "a@b@example.org", false, "a|b |example.org" },
	{ "<a@example.org> trailing", false, "a|example.org" },
	{ "<a@example.org>\\", false, "a|example.org" },
	{ "Ann a@example.org", false, "a|example.org" },
	{ "=?utf-8?q?b@example.net?= <a@example.org>", false, "=?utf-8?q?b|example.net?= a|example.org" },
	/* dots */
	{ "a..b@example.org", false, "a..b|example.org" },
	{ ".a@example.org", false, ".a|example.org" },
	{ "a.@example.org", false, "a.|example.org" },
	{ "a@example.org.", false, "a|example.org" },
	{ "a@.example.org", false, "a|.example.org" },
	{ "a@example..org", false, "a|example..org" },
	{ ". <a@example.org>", false, "a|example.org" },
	{ "a\"b\"@example.org", false, "b|example.org" },
	/* local-part or domain missing */
	{ "@example.org", false, "|example.org" },
	{ "<@example.org>", false, "|example.org" },
	{ "<@example.net:>", false, "" },
	{ "<@example.net:a@>", false, "" },
	{ "<@example.net,a@example.org>", false, "|example.net a|example.org" },
	{ "a@\"example.org\"", false, "" },
	{ "Bob, a@example.org", false, "a|example.org" },
	/* never closed */
	{ "\"Ann <a@example.org>", false, "a|example.org" },
	{ "(Ann <a@example.org>", false, "a|example.org" },
	{ "((Ann) <a@example.org>", false, "a|example.org" },
	{ "Ann) <a@example.org>", false, "a|example.org" },
	{ "a@[192.0.2.1, b@example.org", false, "b|example.org" },
	{ "a@[192.0.2.1[]", false, "a|[192.0.2.1[]" },
	{ "a@example.org (x\\)", false, "a|example.org" },
	{ "a@example.org \"\\", false, "a|example.org" },
	{ "T: a@example.org", false, "a|example.org" },
	{ "T: U: a@example.org;;", false, "a|example.org" },
	{ ": a@example.org;", false, "a|example.org" },
	{ "T: a@example.org; b@example.net", false, "a|example.org b|example.net" },
	/* octets */
	{ "J\xf6rg <a@example.org>", false, "a|example.org" },
	{ "(J\xf6rg) a@example.org", false, "a|example.org" },
	{ "j\xf6rg@example.org", false, "j?rg|example.org" },
	{ "a@b\xfc.example.org", false, "a|b?.example.org" },
	{ "A\x01 <a@example.org>", false, "a|example.org" },
	{ "\"a\x7f\"@example.org", false, "a?|example.org" },
	{ "a@exa\x1bmple.org", false, "a|exa" },
	{ "A\rB <a@example.org>", false, "a|example.org" },
	{ "A\nB <a@example.org>", false, "a|example.org" },
	{ "a@\xef\xbc\x9c.example.org", false, "a|???.example.org" },
};

static void values_are_parsed(void **state)
{
	struct arena_quota quota = { 0, SIZE_MAX };
	char found[1000];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct author author;
		struct arena arena;
		arena_open(&arena, &quota);
		author_parse(&author, cases[i].value, &arena);
		show(&author, found, sizeof(found));
		if (author.valid != cases[i].valid || strcmp(found, cases[i].found) != 0)
			fail_msg("\"%s\": %s, \"%s\" instead of \"%s\"", cases[i].value,
			         author.valid ? "valid" : "invalid", found, cases[i].found);
		arena_close(&arena);
	}
}

/* ---- size ---- */

static void append_times(char *text, const char *what, size_t times)
{
	size_t n = strlen(text), octets = strlen(what);

	for (size_t i = 0; i < times; i++)
		memcpy(text + n + i * octets, what, octets);
	text[n + times * octets] = '\0';
}

static void parse_big(const char *before, const char *what, size_t times, const char *after, bool valid,
                      const char *found)
{
	struct arena_quota quota = { 0, SIZE_MAX };
	char *text = calloc(1, strlen(before) + strlen(what) * times + strlen(after) + 1), shown[2000];
	struct author author;
	struct arena arena;

	assert_non_null(text);
	append_times(text, before, 1);
	append_times(text, what, times);
	append_times(text, after, 1);
	arena_open(&arena, &quota);
	author_parse(&author, text, &arena);
	show(&author, shown, sizeof(shown));
	assert_int_equal(author.valid, valid);
	if (found != NULL)
		assert_string_equal(shown, found);
	arena_close(&arena);
	free(text);
}

static void sizes_are_bounded(void **state)
{
	(void)state;
	/* nested comments */
	parse_big("", "(", 8000, "<a@example.org>", false, "a|example.org");
	parse_big("a@example.org ", "()", 8000, "", true, "a|example.org");
	parse_big("a@example.org ", "((((((((((()))))))))))", 700, "", true, "a|example.org");
	parse_big("a@example.org ", "(", 10000, ")))", false, "a|example.org");
	/* what is never closed is looked for once, not once each time */
	parse_big("", "@[", 8000, "", false, "");
	parse_big("", "<@[", 5000, "", false, "");
	parse_big("", "<(", 8000, "", false, "");
	parse_big("", "<\"", 8000, "", false, NULL);
	parse_big("", "<@a,", 4000, "", false, NULL);
	parse_big("", "\\(", 8000, "", false, "");
	/* the field is cut, and says so */
	parse_big("", "(x)", 5459, "a@b.xyz", true, "a|b.xyz");
	parse_big("", "(x)", 5459, "a@b.example", false, "");
	parse_big("a@b, ", "(x)", 5456, "a@b.c.example", false, "a|b");
	parse_big("", "x", 16390, "@example.org", false, "");
	parse_big("a@example.org, b@example.net (", "x", 20000, ")", false, "a|example.org b|example.net");
	/* the addresses that are kept */
	parse_big("", "a@b,", 16, "", true, "a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b");
	parse_big("", "a@b,", 17, "", true, "a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b +1");
	parse_big("", "a@b,", 4096, "", true, "a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b a|b +4080");
}

/* Parents of what cannot be a domain are still there to be looked at; no cut makes another domain of it. */
static void long_domains_stay_whole(void **state)
{
	struct arena_quota quota = { 0, SIZE_MAX };
	struct author author;
	struct arena arena;
	char text[2000] = "a@";

	(void)state;
	append_times(text, "label.", 300);
	append_times(text, "example.org", 1);
	arena_open(&arena, &quota);
	author_parse(&author, text, &arena);
	assert_string_equal(author.addresses[0].domain, text + 2);
	memcpy(text + 2, "\xc3\xb6", 2);
	author_parse(&author, text, &arena);
	assert_false(author.valid);
	assert_string_equal(author.addresses[0].domain + 2, text + 4);
	arena_close(&arena);
}

/* ---- properties ---- */

static const char *const pieces[] = {
	"a",
	"b.c",
	"@",
	"@example.org",
	"a@example.org",
	"<",
	">",
	"<b@example.net>",
	"\"",
	"(",
	")",
	"[",
	"]",
	"\\",
	",",
	";",
	":",
	".",
	" ",
	"\r\n ",
	"\n\t",
	"\n",
	"\r",
	"\xc3\xbc",
	"\xfc",
	"\xe2\x82",
	"=?utf-8?q?x?=",
	"\x01",
	"\"q s\"",
	"(c)",
	"[192.0.2.1]",
	"T:",
	"@r:",
	"\x7f",
	"\xc2\x85",
	"xn--",
	"-",
	"\xef\xbc\xa0",
	"\xe3\x80\x82",
};

static void random_value(char *text, size_t size)
{
	size_t n = 0;

	for (uint32_t left = random_below(25); left > 0; left--)
		n += (size_t)snprintf(text + n, size - n, "%s", pieces[random_below(COUNT(pieces))]);
	text[n] = '\0';
	if (n > 0 && random_below(3) == 0)
		text[random_below((uint32_t)n)] = (char)(1 + random_below(255));
}

static void assert_printable(const char *text, bool utf8)
{
	const char *end = text + strlen(text);

	while (text < end) {
		size_t octets = *text >= ' ' && *text <= '~' ? 1 : utf8 ? utf8_octets(text, end) : 0;
		assert_true(octets > 0);
		text += octets;
	}
}

static void assert_sound(const struct author *author)
{
	assert_true(author->n <= AUTHOR_ADDRESSES_MAX && author->n <= author->n_found);
	for (size_t i = 0; i < author->n; i++) {
		const char *domain = author->addresses[i].domain;
		assert_printable(author->addresses[i].local, true);
		assert_printable(domain, false);
		assert_true(*domain != '\0');
		for (; *domain != '\0'; domain++)
			assert_false(*domain >= 'A' && *domain <= 'Z');
	}
}

/* The value ends where its memory does, and the copy is at another place: nothing beyond it is read. */
static void parse_exact(struct author *author, const char *text, struct arena *arena)
{
	size_t octets = strlen(text) + 1;
	char *copy = malloc(octets);

	assert_non_null(copy);
	memcpy(copy, text, octets);
	author_parse(author, copy, arena);
	free(copy);
}

static void any_value_is_sound(void **state)
{
	struct arena_quota quota = { 0, SIZE_MAX };
	char text[600], listed[1300], before[8000], after[8000];

	(void)state;
	for (int i = 0; i < 60000; i++) {
		struct author author, two;
		struct arena arena;
		arena_open(&arena, &quota);
		random_value(text, sizeof(text));
		parse_exact(&author, text, &arena);
		assert_sound(&author);
		/* A valid list and a valid mailbox behind it are a valid list (the space: a line may end here). */
		snprintf(listed, sizeof(listed), "%s , z@example.com", text);
		parse_exact(&two, listed, &arena);
		assert_sound(&two);
		if (author.valid)
			assert_true(two.valid && two.n_found == author.n_found + 1);
		/* white space around changes nothing */
		snprintf(listed, sizeof(listed), "\r\n %s \r\n ", text);
		parse_exact(&two, listed, &arena);
		show(&author, before, sizeof(before));
		show(&two, after, sizeof(after));
		if (author.valid) {
			assert_true(two.valid);
			assert_string_equal(before, after);
		}
		arena_close(&arena);
	}
}

/* Whatever is wrong before it: a mailbox in angle brackets behind a comma or a bracket is never lost. */
static void damage_hides_no_address(void **state)
{
	static const char *const broken[] = {
		"Ann <a@example.org", "((",    "\"",  "a@[",  "<@x,", "@@", "a@b@c",
		"T: U: V:",           "<<<",   ">>>", "\\",   "[",    "]",  "\"\"\"",
		"=?x?q?a@b?=",        "a@\"b", "a@(", "<@x:", "\xff",
	};
	struct arena_quota quota = { 0, SIZE_MAX };
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct author author;
		struct arena arena;
		bool found = false;
		snprintf(text, sizeof(text), "%s <z@example.com>", broken[i]);
		arena_open(&arena, &quota);
		author_parse(&author, text, &arena);
		assert_false(author.valid);
		for (size_t k = 0; k < author.n; k++)
			found = found || strcmp(author.addresses[k].domain, "example.com") == 0;
		if (!found)
			fail_msg("%s", text);
		arena_close(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_parsed),       cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(long_domains_stay_whole), cmocka_unit_test(any_value_is_sound),
		cmocka_unit_test(damage_hides_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

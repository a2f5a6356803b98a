/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pra - which address of a header is responsible for the message (RFC 4407 2), field by field.
 *
 * A header is a text as it would be sent, a field a line; a line that begins with a space continues the one above. The
 * answer is "FIELD LOCAL DOMAIN", or "FIELD: WHY" where there is none.
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
#include "base/strbuf.h"
#include "mail/address.h"
#include "mail/author.h"
#include "mail/pra.h"

#define TEXT_MAX 2048

/* Of the first field, without the line end behind it. */
static size_t field_octets(const char *header)
{
	size_t octets = strcspn(header, "\n");

	while (header[octets] == '\n' && header[octets + 1] == ' ')
		octets += 1 + strcspn(header + octets + 1, "\n");
	return octets;
}

/* As the MTA gives them: folded lines with "\n" between them. */
static void add_fields(struct pra *pra, char *header)
{
	while (*header != '\0') {
		const size_t octets = field_octets(header), name = strcspn(header, ":");
		assert_true(name < octets && header[octets] == '\n');
		header[name] = header[octets] = '\0';
		pra_add(pra, header, header + name + 1);
		memset(header, 'x', octets); /* nothing of the MTA's memory is kept */
		header += octets + 1;
	}
}

static const char *find(struct arena *arena, const char *header, char text[TEXT_MAX])
{
	char *copy = strdup(header);
	struct pra_result result;
	struct strbuf buf;
	struct pra pra;

	assert_non_null(copy);
	pra_open(&pra, arena);
	add_fields(&pra, copy);
	free(copy);
	pra_find(&pra, &result);
	strbuf_open(&buf, text, TEXT_MAX);
	if (result.state == PRA_FOUND) {
		strbuf_addf(&buf, "%s %s %s", result.field, result.local, result.domain);
		assert_string_equal(result.why, "");
	} else {
		strbuf_addf(&buf, "%s: %s", result.field, result.state == PRA_UNSURE ? "unsure" : result.why);
		assert_string_equal(result.local, "");
		assert_string_equal(result.domain, "");
	}
	return text;
}

/* A case is read best in as few lines as it fits. */
/* clang-format off */
#define RS(n)    "Resent-Sender: s" n "@example.net\n"
#define RF(n)    "Resent-From: f" n "@example.net\n"
#define SENDER   "Sender: sender@example.com\n"
#define FROM     "From: Alice <alice@example.org>\n"
#define RECEIVED "Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0000\n"
#define RETURN   "Return-Path: <bounce@example.org>\n"

static const struct {
	const char *what, *header, *want;
} cases[] = {
	/* steps 3 and 4: no resent block */
	{ "From alone", FROM, "From alice example.org" },
	{ "Sender before From", FROM SENDER, "Sender sender example.com" },
	{ "Sender above", SENDER FROM, "Sender sender example.com" },
	{ "nothing", "", ": missing" },
	{ "other fields", "To: bob@example.org\nReply-To: x@example.org\nX-Sender: a@b.example\nSender-X: a@b.example\n",
	  ": missing" },
	{ "two From", FROM "From: carol@example.com\n", "From: several fields" },
	{ "three From", FROM FROM FROM, "From: several fields" },
	{ "two Sender", SENDER SENDER FROM, "Sender: several fields" },
	{ "one Sender makes up for two From", FROM FROM SENDER, "Sender sender example.com" },
	{ "no From, but Sender", SENDER, "Sender sender example.com" },

	/* step 2 */
	{ "Resent-From before Sender", SENDER FROM RF("1"), "Resent-From f1 example.net" },
	{ "the first Resent-From", RF("1") RF("2") FROM, "Resent-From f1 example.net" },
	{ "the first of two blocks", RF("1") RECEIVED RF("2") FROM, "Resent-From f1 example.net" },
	{ "two Sender do no harm", RF("1") SENDER SENDER, "Resent-From f1 example.net" },

	/* step 1 */
	{ "Resent-Sender", RS("1") FROM, "Resent-Sender s1 example.net" },
	{ "above its Resent-From", RS("1") RF("1") FROM, "Resent-Sender s1 example.net" },
	{ "below its Resent-From", RF("1") RS("1") FROM, "Resent-Sender s1 example.net" },
	{ "the first Resent-Sender", RS("1") RS("2") FROM, "Resent-Sender s1 example.net" },
	{ "Received between: of an older hop", RF("1") RECEIVED RS("2") RF("2") FROM, "Resent-From f1 example.net" },
	{ "Return-Path between", RF("1") RETURN RS("2") FROM, "Resent-From f1 example.net" },
	{ "several between", RF("1") RECEIVED RETURN RECEIVED RS("2") FROM, "Resent-From f1 example.net" },
	{ "Received above both", RECEIVED RETURN RF("1") RS("1") FROM, "Resent-Sender s1 example.net" },
	{ "Received below both", RF("1") RS("1") RECEIVED FROM, "Resent-Sender s1 example.net" },
	{ "Received between, the other way round", RS("1") RECEIVED RF("2") FROM, "Resent-Sender s1 example.net" },
	{ "Received between, and another Resent-From", RF("1") RECEIVED RF("2") RS("2") FROM,
	  "Resent-From f1 example.net" },
	{ "another Resent-Sender behind Received", RF("1") RS("1") RECEIVED RS("2") FROM, "Resent-Sender s1 example.net" },
	{ "other fields between", RF("1") "Resent-Date: today\nX-Received: x\n" SENDER RS("1"),
	  "Resent-Sender s1 example.net" },
	{ "an older Resent-Sender, and the first Resent-From is malformed",
	  "Resent-From: nobody\n" RECEIVED RS("2") FROM, "Resent-From: malformed" },

	/* fields of white space are not there */
	{ "empty Resent-Sender", "Resent-Sender: \n" RF("1"), "Resent-From f1 example.net" },
	{ "empty Resent-Sender, and a full one", "Resent-Sender:\nResent-Sender: \t\n \t\n" RS("1"),
	  "Resent-Sender s1 example.net" },
	{ "empty Resent-From", "Resent-From:  \n" FROM, "From alice example.org" },
	{ "Received below an empty Resent-From", "Resent-From:\n" RECEIVED RS("1") FROM, "Resent-Sender s1 example.net" },
	{ "empty Received", RF("1") "Received: \nReturn-Path:\n" RS("1"), "Resent-Sender s1 example.net" },
	{ "empty Sender", "Sender: \n" FROM, "From alice example.org" },
	{ "empty Sender, and a full one", "Sender: \n" SENDER FROM, "Sender sender example.com" },
	{ "empty From, and a full one", "From:\n" FROM, "From alice example.org" },
	{ "nothing but empty ones", "From: \nSender: \nResent-From:\nResent-Sender:\n", ": missing" },
	{ "a comment is not empty", "Sender: (nobody)\n" FROM, "Sender: malformed" },

	/* names */
	{ "any case", "fROM: a@example.org\n", "From a example.org" },
	{ "obsolete space", "From \t: a@example.org\n", "From a example.org" },
	{ "obsolete space in a trace", RF("1") "Received : x\n" RS("1"), "Resent-From f1 example.net" },
	{ "a longer name", "Fromm: a@example.org\n", ": missing" },
	{ "a shorter name", "Fro: a@example.org\n", ": missing" },
	{ "another word", "From x: a@example.org\n", ": missing" },

	/* step 5 */
	{ "folded", "From: Alice\n \"of\" Example\n <alice@example.org>\n", "From alice example.org" },
	{ "capitals", "From: Alice@EXAMPLE.Org\n", "From Alice example.org" },
	{ "a final dot", "From: alice@example.org.\n", "From: malformed" },
	{ "quoted local-part", "From: \"a b\"@example.org\n", "From a b example.org" },
	{ "a U-label", "From: a@b\xc3\xbc" "cher.example\n", "From a xn--bcher-kva.example" },
	{ "a group of one", "From: Friends: a@example.org;\n", "From a example.org" },
	{ "two addresses", "From: a@example.org, b@example.org\n", "From: several addresses" },
	{ "the same address twice", "From: a@example.org, a@example.org\n", "From: several addresses" },
	{ "two addresses in Sender", "Sender: a@example.org, b@example.org\n" FROM, "Sender: several addresses" },
	{ "two addresses in Resent-From", "Resent-From: a@example.org, b@example.org\n" FROM,
	  "Resent-From: several addresses" },
	{ "two addresses in Resent-Sender, and no way on", "Resent-Sender: a@example.org, b@example.org\n" RF("1") FROM,
	  "Resent-Sender: several addresses" },
	{ "two addresses in From do not matter", "From: a@example.org, b@example.org\n" SENDER,
	  "Sender sender example.com" },
	{ "an empty group", "From: Undisclosed:;\n", "From: no address" },
	{ "no domain", "From: alice\n", "From: malformed" },
	{ "words", "From: Alice of Example\n", "From: malformed" },
	{ "a literal", "From: a@[192.0.2.1]\n", "From: no domain name" },
	{ "half an address", "From: a@\n", "From: malformed" },
	{ "damage around an address", "From: Alice <a@example.org\n", "From: malformed" },
	{ "an address in the display name", "From: a@example.com <b@example.org>\n", "From: malformed" },
	{ "control octets", "From: \x01 <a@example.org>\n", "From: malformed" },
	{ "not UTF-8", "From: \xff <a@example.org>\n", "From: malformed" },
	{ "an encoded-word", "From: =?utf-8?q?a=40example=2Ecom?= <b@example.org>\n", "From b example.org" },
};
/* clang-format on */

static void each_header_has_its_address(void **state)
{
	char text[TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena;
		arena_open(&arena, NULL);
		if (strcmp(find(&arena, cases[i].header, text), cases[i].want) != 0) {
			print_error("%s: \"%s\"; must be: \"%s\"\n", cases[i].what, text, cases[i].want);
			wrong++;
		}
		arena_close(&arena);
	}
	assert_int_equal(wrong, 0);
}

/* `octets` octets before the address. */
static const char *find_behind(size_t octets, const char *end, char text[TEXT_MAX])
{
	static char header[4 * AUTHOR_OCTETS_MAX];
	struct arena arena;

	memset(header, 'a', sizeof(header));
	memcpy(header, "From:", 5);
	memcpy(header + 5 + octets, end, strlen(end) + 1);
	arena_open(&arena, NULL);
	find(&arena, header, text);
	arena_close(&arena);
	return text;
}

static void what_is_too_long_is_malformed(void **state)
{
	const char *const address = " <a@example.org>\n";
	const size_t room = AUTHOR_OCTETS_MAX - (strlen(address) - 1);
	char text[TEXT_MAX];

	(void)state;
	assert_string_equal(find_behind(room, address, text), "From a example.org");
	assert_string_equal(find_behind(room + 1, address, text), "From: malformed");
	assert_string_equal(find_behind(room, " <a@example.org>,\n", text), "From: malformed"); /* what is cut off */
	assert_string_equal(find_behind(2 * AUTHOR_OCTETS_MAX, address, text), "From: malformed");
	assert_memory_equal(find_behind(ADDRESS_OCTETS_MAX, "@example.org\n", text), "From aaaa", 9);
	assert_string_equal(find_behind(ADDRESS_OCTETS_MAX + 1, "@example.org\n", text), "From: malformed");
}

/* Whatever a stranger repeats, four values are kept. */
static void repeated_fields_cost_nothing(void **state)
{
	static const char *const names[] = { "From", "Sender", "Resent-From", "Resent-Sender", "Received" };
	struct arena_quota quota = { .max_octets = 1u << 20 };
	struct pra_result result;
	struct arena arena;
	struct pra pra;
	size_t once;

	(void)state;
	arena_open(&arena, &quota);
	pra_open(&pra, &arena);
	for (size_t i = 0; i < COUNT(names); i++)
		pra_add(&pra, names[i], " a@example.org");
	once = quota.used_octets;
	for (size_t i = 0; i < 100000; i++)
		pra_add(&pra, names[i % COUNT(names)], " b@example.org");
	assert_int_equal(quota.used_octets, once);
	pra_find(&pra, &result);
	assert_int_equal(result.state, PRA_FOUND);
	assert_string_equal(result.field, "Resent-Sender");
	assert_string_equal(result.local, "a");
	arena_close(&arena);
}

/* Without memory nobody can say; but what needs none is known. */
static void no_memory_is_unsure(void **state)
{
	struct arena_quota quota = { .max_octets = 1 };
	char text[TEXT_MAX];
	struct arena arena;

	(void)state;
	arena_open(&arena, &quota);
	arena_alloc(&arena, 1);
	assert_true(arena_full(&arena));
	assert_string_equal(find(&arena, FROM, text), "From: unsure");
	assert_string_equal(find(&arena, FROM RS("1"), text), "Resent-Sender: unsure");
	assert_string_equal(find(&arena, FROM FROM, text), "From: several fields");
	assert_string_equal(find(&arena, "To: bob@example.org\n", text), ": missing");
	arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_header_has_its_address),
		cmocka_unit_test(what_is_too_long_is_malformed),
		cmocka_unit_test(repeated_fields_cost_nothing),
		cmocka_unit_test(no_memory_is_unsure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

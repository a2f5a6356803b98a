/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_helo_name - what the argument of HELO is by its form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "checks/helo_name.h"

#define LABEL63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

struct parse_case {
	const char *said;
	enum helo_kind kind;
	const char *name; /* NULL: none */
	const char *ip;   /* NULL: none */
};

/* clang-format off */
static const struct parse_case cases[] = {
	/* names */
	{ "mail.example.org", HELO_NAME, "mail.example.org", NULL },
	{ "MAIL.Example.ORG", HELO_NAME, "mail.example.org", NULL },
	{ "mail.example.org.", HELO_NAME, "mail.example.org", NULL },
	{ "xn--bcher-kva.example", HELO_NAME, "xn--bcher-kva.example", NULL },
	{ "1and2.example.org", HELO_NAME, "1and2.example.org", NULL },
	{ "203-0-113-7.example.org", HELO_NAME, "203-0-113-7.example.org", NULL },
	{ "mail_1.example.org", HELO_NAME, "mail_1.example.org", NULL },
	{ "_.example.org", HELO_NAME, "_.example.org", NULL },
	{ LABEL63 ".example.org", HELO_NAME, LABEL63 ".example.org", NULL },
	{ "localhost.localdomain", HELO_NAME, "localhost.localdomain", NULL },

	/* one label */
	{ "localhost", HELO_UNQUALIFIED, "localhost", NULL },
	{ "WIN-0123456789A", HELO_UNQUALIFIED, "win-0123456789a", NULL },
	{ "my_pc", HELO_UNQUALIFIED, "my_pc", NULL },
	{ "friend.", HELO_UNQUALIFIED, "friend", NULL },

	/* address literals */
	{ "[192.0.2.1]", HELO_LITERAL, NULL, "192.0.2.1" },
	{ "[IPv6:2001:db8::1]", HELO_LITERAL, NULL, "2001:db8::1" },
	{ "[ipv6:2001:DB8::1]", HELO_LITERAL, NULL, "2001:db8::1" },
	{ "[IPv6:::ffff:192.0.2.1]", HELO_LITERAL, NULL, "192.0.2.1" },
	{ "[2001:db8::1]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[IPv6:192.0.2.1]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[192.0.2]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[192.0.2.256]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[192.0.2.1", HELO_BAD_LITERAL, NULL, NULL },
	{ "[192.0.2.1].", HELO_BAD_LITERAL, NULL, NULL },
	{ "[[192.0.2.1]]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[mail.example.org]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[", HELO_BAD_LITERAL, NULL, NULL },
	{ "[]", HELO_BAD_LITERAL, NULL, NULL },
	{ "[IPv6:]", HELO_BAD_LITERAL, NULL, NULL },

	/* addresses without brackets */
	{ "192.0.2.1", HELO_BARE_ADDRESS, NULL, "192.0.2.1" },
	{ "2001:db8::1", HELO_BARE_ADDRESS, NULL, "2001:db8::1" },
	{ "IPv6:2001:db8::1", HELO_BARE_ADDRESS, NULL, "2001:db8::1" },
	{ "::ffff:192.0.2.1", HELO_BARE_ADDRESS, NULL, "192.0.2.1" },

	/* nothing of all that */
	{ "", HELO_INVALID, NULL, NULL },
	{ ".", HELO_INVALID, NULL, NULL },
	{ "..", HELO_INVALID, NULL, NULL },
	{ ".example.org", HELO_INVALID, NULL, NULL },
	{ "mail..example.org", HELO_INVALID, NULL, NULL },
	{ "mail.example.org..", HELO_INVALID, NULL, NULL },
	{ "-mail.example.org", HELO_INVALID, NULL, NULL },
	{ "mail-.example.org", HELO_INVALID, NULL, NULL },
	{ "192.0.2", HELO_INVALID, NULL, NULL },
	{ "192.0.2.1.", HELO_INVALID, NULL, NULL },
	{ "192.0.2.300", HELO_INVALID, NULL, NULL },
	{ "mail example.org", HELO_INVALID, NULL, NULL },
	{ "<mail.example.org>", HELO_INVALID, NULL, NULL },
	{ "alice@example.org", HELO_INVALID, NULL, NULL },
	{ "mail.example.org/x", HELO_INVALID, NULL, NULL },
	{ "*", HELO_INVALID, NULL, NULL },
	{ "b\xc3\xbc" "cher.example", HELO_INVALID, NULL, NULL },
	{ "mail\x01.example.org", HELO_INVALID, NULL, NULL },
	{ "mail.example.org\r\nX: y", HELO_INVALID, NULL, NULL },
	{ LABEL63 "x.example.org", HELO_INVALID, NULL, NULL },
	{ LABEL63 "x", HELO_INVALID, NULL, NULL },
};
/* clang-format on */

static bool is_wrong(const struct parse_case *test)
{
	struct helo_name found;
	char text[IP_TEXT_MAX];

	helo_name_parse(&found, test->said);
	if (found.kind != test->kind || strcmp(found.name, test->name != NULL ? test->name : "") != 0)
		return true;
	if (test->ip == NULL)
		return found.ip.family != 0;
	return strcmp(ip_format(&found.ip, text), test->ip) != 0;
}

static void each_form_is_told_from_the_others(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (!is_wrong(&cases[i]))
			continue;
		print_error("\"%s\" was taken for something else\n", cases[i].said);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void an_underscore_is_remembered(void **state)
{
	struct helo_name name;

	(void)state;
	helo_name_parse(&name, "mail_1.example.org");
	assert_true(name.underscore);
	helo_name_parse(&name, "mail-1.example.org");
	assert_false(name.underscore);
	helo_name_parse(&name, "mail_1 example.org");
	assert_false(name.underscore);
}

/* The engine cuts at 255 octets; a name has 253 at most. */
static void length_is_bounded(void **state)
{
	char said[1024];
	struct helo_name name;

	(void)state;
	for (size_t octets = 1; octets < sizeof(said); octets++) {
		for (size_t i = 0; i < octets; i++)
			said[i] = i % 50 == 49 && i + 1 < octets ? '.' : 'a';
		said[octets] = '\0';
		helo_name_parse(&name, said);
		if (octets > DOMAIN_OCTETS_MAX) {
			assert_int_equal(name.kind, HELO_INVALID);
		} else {
			assert_int_equal(name.kind, octets > 50 ? HELO_NAME : HELO_UNQUALIFIED);
			assert_string_equal(name.name, said);
		}
	}
}

/* Whatever comes: no name with anything but the octets of names. */
static void hostile_octets_never_become_a_name(void **state)
{
	char said[] = "ma?il.example.org";
	struct helo_name name;

	(void)state;
	for (int octet = 1; octet < 256; octet++) {
		said[2] = (char)octet;
		helo_name_parse(&name, said);
		assert_int_equal(strspn(name.name, "abcdefghijklmnopqrstuvwxyz0123456789-_."), strlen(name.name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_told_from_the_others),
		cmocka_unit_test(an_underscore_is_remembered),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(hostile_octets_never_become_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_msgid - which Message-ID is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/msgid.h"

static bool is_valid(const char *text)
{
	char *copy = strdup(text);
	bool valid;

	assert_non_null(copy);
	valid = msgid_is_valid(copy);
	free(copy);
	return valid;
}

static const char *const good[] = {
	"<a@b>",
	" <20261120100000.4F2A1@mail.example.org>",
	" <CAB+x=Yz_1-2/3@mail.example.org>\n",
	"\n <5e1f$7c$@example.org>",
	"<a@[192.0.2.1]>",
	"<a@[IPv6:2001:db8::1]>",
	"<\"quoted left\"@example.org>",
	"<\"a\\\"b\"@example.org>",
	"<a . b @ example . org>", /* obsolete */
	"(made by) <a@example.org> (a (nested) comment)",
	"<j\xc3\xbcrgen@m\xc3\xbcller.example>",
};

static const char *const bad[] = {
	"",
	" ",
	"<>",
	"<@>",
	"<a>",
	"<a@>",
	"<@b>",
	"a@b",
	"<a@b",
	"a@b>",
	"<<a@b>>",
	"<a@b> <c@d>",
	"<a@b>, <c@d>",
	"<a@b>x",
	"<a@b@c>",
	"<a..b@c>",
	"<.a@b>",
	"<a.@b>",
	"<a@b.>",
	"<a@.b>",
	"<a@b..c>",
	"<a b@c>",
	"<a@b c>",
	"<a@b:c>",
	"<a@[192.0.2.1>",
	"<a@[192.0.2.1]x>",
	"<\"a@b>",
	"<\"a\"b@c>",
	"<a@\"b\">",
	"<a@b> (never closed",
	"<a\x01@b>",
	"<a\xff@b>",
	"<a\\b@c>",
};

static void test_good(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!is_valid(good[i]))
			fail_msg("%s is refused", good[i]);
	}
}

static void test_bad(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (is_valid(bad[i]))
			fail_msg("%s is taken", bad[i]);
	}
}

static void test_mutated(void **unused)
{
	static const char octets[] = "<>@.\"\\[]() \n\x80\xc3\xbc"
				     "a";
	uint64_t seed = 1;

	(void)unused;
	for (int round = 0; round < 50000; round++) {
		char text[24];
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		const size_t length = (size_t)(seed >> 33) % (sizeof(text) - 1);
		for (size_t i = 0; i < length; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = octets[(seed >> 33) % (sizeof(octets) - 1)];
		}
		text[length] = '\0';
		if (is_valid(text))
			assert_true(strchr(text, '<') != NULL && strchr(text, '@') != NULL &&
			            strchr(text, '>') != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_mutated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_encoded_word - which encoded-words are whole (RFC 2047).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "mail/encoded_word.h"

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* In memory of exactly its size. */
static const char *fault_of(const char *text, size_t octets)
{
	char *copy = malloc(octets > 0 ? octets : 1);
	const char *fault;

	assert_non_null(copy);
	memcpy(copy, text, octets);
	fault = encoded_word_fault(copy, octets);
	free(copy);
	return fault;
}

static const struct {
	const char *text;
	const char *fault; /* NULL: it is fine */
} cases[] = {
	{ "", NULL },
	{ " Hello, world", NULL },
	{ " =?utf-8?B?R3LDvMOfZQ==?=", NULL },
	{ " =?UTF-8?b?R3LDvMOfZSE=?=", NULL },
	{ " =?utf-8?B?R3LDvMOfZSE=?=\n =?utf-8?B?R3LDvMOfZSE=?=", NULL },
	{ " =?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?= <a@example.org>", NULL },
	{ " =?iso-8859-1?q?Gr=fc=dfe?=", NULL },
	{ " =?us-ascii*en?Q?hello?=", NULL },
	{ " \"=?utf-8?Q?quoted?=\" <a@example.org>", NULL },
	{ " =?UTF-8?Q?\?=", NULL },
	{ " =?UTF-8?B?\?=", NULL },
	{ " =?utf-8?Q?a=3F=3Db?=", NULL },
	/* what only looks like one */
	{ " x=?y", NULL },
	{ " is 2=?3 or =?=?=?", NULL },
	{ " https://example.org/?a=?b?c?d", NULL },
	{ " =?", NULL },
	{ " =?utf-8", NULL },
	{ " =?utf-8?", NULL },
	{ " =?utf-8?B", NULL },
	{ " =?utf 8?B?YQ==?=", NULL },
	{ " =?1?B?YQ==?=", NULL },
	{ " =??B?YQ==?=", NULL },
	/* broken */
	{ " =?utf-8?B?R3LDvMOfZQ", "it is never closed" },
	{ " =?utf-8?Q?a", "it is never closed" },
	{ " =?utf-8?Q?", "it is never closed" },
	{ " =?utf-8?B?R3LDvMOfZQ==?", "it is never closed" },
	{ " =?utf-8?Q?an apple?=", "it has white space inside" },
	{ " =?utf-8?B?R3LD\n vMOf?=", "it has white space inside" },
	{ " =?utf-8?Q?one =?utf-8?Q?two?=", "it has white space inside" },
	{ " =?utf-8?Q?Gr\xc3\xbc\xc3\x9f"
	  "e?=",
	  "it has octets that are not printable" },
	{ " =?utf-8?Q?a\x07?=", "it has octets that are not printable" },
	{ " =?utf-8?Q?why?\?=", "it has a question mark inside" },
	{ " =?utf-8?Q?a=?=", "it is not quoted-printable" },
	{ " =?utf-8?Q?a=4?=", "it is not quoted-printable" },
	{ " =?utf-8?Q?a=GG?=", "it is not quoted-printable" },
	{ " =?utf-8?Q?100%=sure?=", "it is not quoted-printable" },
	{ " =?utf-8?B?R3LDvMOfZQ?=", "it is not base64" },
	{ " =?utf-8?B?R3L?=", "it is not base64" },
	{ " =?utf-8?B?R3LDvMOfZQ=?=", "it is not base64" },
	{ " =?utf-8?B?====?=", "it is not base64" },
	{ " =?utf-8?B?R=LD?=", "it is not base64" },
	{ " =?utf-8?B?R3_-?=", "it is not base64" },
	{ " =?utf-8?X?hello?=", "its encoding is neither B nor Q" },
	{ " =?utf-8?8?hello?=", "its encoding is neither B nor Q" },
	{ " =?utf-8?Q?fine?= =?utf-8?Q?=?=", "it is not quoted-printable" },
};

static void test_cases(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *fault = fault_of(cases[i].text, strlen(cases[i].text));
		if ((fault == NULL) != (cases[i].fault == NULL) ||
		    (fault != NULL && strcmp(fault, cases[i].fault) != 0))
			fail_msg("%s: %s", cases[i].text, fault != NULL ? fault : "fine");
	}
}

static size_t encode_q(char *to, const uint8_t *octets, size_t n)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++)
		length += (size_t)sprintf(to + length, "=%02X", octets[i]);
	return length;
}

static size_t encode_b(char *to, const uint8_t *octets, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = 0;

	for (size_t i = 0; i < n; i += 3) {
		const uint32_t bits = (uint32_t)octets[i] << 16 | (i + 1 < n ? (uint32_t)octets[i + 1] << 8 : 0) |
		                      (i + 2 < n ? octets[i + 2] : 0);
		to[length++] = digits[bits >> 18];
		to[length++] = digits[bits >> 12 & 63];
		to[length++] = i + 1 < n ? digits[bits >> 6 & 63] : '=';
		to[length++] = i + 2 < n ? digits[bits & 63] : '=';
	}
	return length;
}

/* Whatever is encoded as it should be is fine; the same text with its end cut off is not. */
static void test_encoded(void **unused)
{
	(void)unused;
	for (int round = 0; round < 20000; round++) {
		uint8_t octets[20];
		char text[128];
		const size_t n = random_below(sizeof(octets) + 1);
		const bool q = random_below(2) == 0;

		for (size_t i = 0; i < n; i++)
			octets[i] = (uint8_t)random_below(256);
		size_t length = (size_t)snprintf(text, sizeof(text), " x =?utf-8?%c?", q ? 'Q' : 'B');
		length += q ? encode_q(text + length, octets, n) : encode_b(text + length, octets, n);
		assert_string_equal(fault_of(text, length), "it is never closed");
		snprintf(text + length, sizeof(text) - length, "?= y");
		assert_null(fault_of(text, length + 4));
		assert_string_equal(fault_of(text, length + 1), "it is never closed");
	}
}

static void test_mutated(void **unused)
{
	static const char octets[] = "=?QqBb_ \n8-uA\x80\x00";

	(void)unused;
	for (int round = 0; round < 50000; round++) {
		char text[] = " =?utf-8?B?R3LDvMOfZQ==?= and =?utf-8?Q?Gr=C3=BC=C3=9Fe?=";
		for (uint32_t n = random_below(5); n > 0; n--)
			text[random_below(sizeof(text) - 1)] = octets[random_below(sizeof(octets))];
		const char *fault = fault_of(text, random_below(sizeof(text)));
		assert_true(fault == NULL || fault[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_mutated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

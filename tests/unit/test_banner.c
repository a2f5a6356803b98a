/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_banner - replies of mail servers, and of what is none: code, name, and where a reply ends; in pieces of every
 * size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "net/banner.h"

#define OCTETS_MAX 8192
#define LABEL63    "a23456789-123456789-123456789-123456789-123456789-123456789-abc"
#define NAME253                             \
	LABEL63 "." LABEL63 "." LABEL63 "." \
		"a23456789-123456789-123456789-123456789-123456789-123456789-x"
#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *said;
	size_t octets;
	enum banner_state state;
	int code;
	const char *name;
	size_t rest; /* octets behind the reply */
} cases[] = {
	{ TEXT("220 mail.example.org ESMTP\r\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220 mail.example.org\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220 MAIL.Example.ORG. hello\r\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220 mail.example.org, hello\r\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220   \t mail.example.org\ttab\r\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220 " NAME253 "\r\n"), BANNER_COMPLETE, 220, NAME253, 0 },
	{ TEXT("220 " NAME253 ".\r\n"), BANNER_COMPLETE, 220, NAME253, 0 },
	{ TEXT("220 " NAME253 "y\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 " NAME253 "yyy\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 ESMTP ready\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 ***************\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 [192.0.2.1] ready\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 192.0.2.1 ready\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 localhost ready\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 mail.example.org\0.example.net x\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 \x80\xff\x00\x1b[2J\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 mail\r.example.org\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 mail.example.org\r\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 \r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("220 .\r\n"), BANNER_COMPLETE, 220, "", 0 },
	{ TEXT("554 mail.example.org No\r\n"), BANNER_COMPLETE, 554, "mail.example.org", 0 },
	{ TEXT("421 4.3.2 Later\r\n"), BANNER_COMPLETE, 421, "", 0 },
	{ TEXT("559 x\r\n"), BANNER_COMPLETE, 559, "", 0 },
	/* several lines */
	{ TEXT("220-mail.example.org ESMTP\r\n220-We do not\r\n220 authorize this.\r\n"), BANNER_COMPLETE, 220,
	  "mail.example.org", 0 },
	{ TEXT("220-Welcome\r\n220-\r\n220 mail.example.org\r\n"), BANNER_COMPLETE, 220, "mail.example.org", 0 },
	{ TEXT("220-a.example.org\r\n220 b.example.org\r\n"), BANNER_COMPLETE, 220, "a.example.org", 0 },
	{ TEXT("220-a.example.org\r\n220\r\n"), BANNER_COMPLETE, 220, "a.example.org", 0 },
	{ TEXT("220-mail.example.org\r\n521 5.3.2 No\r\n"), BANNER_COMPLETE, 521, "mail.example.org", 0 },
	{ TEXT("220 a.example.org\r\n250 b.example.org\r\n"), BANNER_COMPLETE, 220, "a.example.org", 19 },
	/* not complete */
	{ TEXT(""), BANNER_MORE, 0, "", 0 },
	{ TEXT("22"), BANNER_MORE, 22, "", 0 },
	{ TEXT("220 mail.example.org"), BANNER_MORE, 220, "", 0 },
	{ TEXT("220-mail.example.org\r\n"), BANNER_MORE, 220, "mail.example.org", 0 },
	{ TEXT("220-mail.example.org\r\n220"), BANNER_MORE, 220, "mail.example.org", 0 },
	/* no mail server */
	{ TEXT("SSH-2.0-server\r\n"), BANNER_NOT_SMTP, 0, "", 15 },
	{ TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), BANNER_NOT_SMTP, 0, "", 27 },
	{ TEXT("+OK POP3\r\n"), BANNER_NOT_SMTP, 0, "", 9 },
	{ TEXT("* OK IMAP4\r\n"), BANNER_NOT_SMTP, 0, "", 11 },
	{ TEXT("\x16\x03\x01\x00\xa5"), BANNER_NOT_SMTP, 0, "", 4 },
	{ TEXT("\0\0\0"), BANNER_NOT_SMTP, 0, "", 2 },
	{ TEXT("\r\n"), BANNER_NOT_SMTP, 0, "", 1 },
	{ TEXT("22\r\n"), BANNER_NOT_SMTP, 22, "", 1 },
	{ TEXT("22\n"), BANNER_NOT_SMTP, 22, "", 0 },
	{ TEXT("120 x\r\n"), BANNER_NOT_SMTP, 0, "", 6 },
	{ TEXT("620 x\r\n"), BANNER_NOT_SMTP, 0, "", 6 },
	{ TEXT("260 x\r\n"), BANNER_NOT_SMTP, 2, "", 5 },
	{ TEXT("2200 x\r\n"), BANNER_NOT_SMTP, 220, "", 4 },
	{ TEXT("220mail.example.org\r\n"), BANNER_NOT_SMTP, 220, "", 17 },
	{ TEXT("220\rmail.example.org\r\n"), BANNER_NOT_SMTP, 220, "", 17 },
	{ TEXT("220-mail.example.org\r\nhello\r\n"), BANNER_NOT_SMTP, 220, "mail.example.org", 6 },
};

/* Feed in pieces; returns the octets that were not used. */
static size_t feed(struct banner *banner, const char *said, size_t octets, size_t piece)
{
	size_t used, at = 0;

	while (at < octets && banner->state == BANNER_MORE) {
		/* memory of its own, so that a sanitizer sees what is read behind it */
		const size_t n = octets - at < piece ? octets - at : piece;
		uint8_t *copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, said + at, n);
		banner_feed(banner, copy, n, &used);
		free(copy);
		at += used;
	}
	return octets - at;
}

static void test_replies(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t piece = 1; piece <= cases[i].octets + 1; piece++) {
			struct banner banner;
			size_t rest;
			banner_open(&banner, OCTETS_MAX, false);
			rest = feed(&banner, cases[i].said, cases[i].octets, piece);
			if (banner.state != cases[i].state || banner.code != cases[i].code ||
			    strcmp(banner.name, cases[i].name) != 0 || rest != cases[i].rest)
				fail_msg("\"%s\" in pieces of %zu: state %d, code %d, name \"%s\", rest %zu",
				         cases[i].said, piece, banner.state, banner.code, banner.name, rest);
		}
	}
}

/* In the reply to EHLO the first line has the name, the others have keywords. */
static void test_first_line_only(void **unused)
{
	static const struct {
		const char *said, *name;
	} replies[] = {
		{ "250-mail.example.org Hello\r\n250-SIZE 1000\r\n250 HELP\r\n", "mail.example.org" },
		{ "250-Hello\r\n250-x.example.org\r\n250 HELP\r\n", "" },
		{ "250 mail.example.org\r\n", "mail.example.org" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(replies); i++) {
		struct banner banner;
		banner_open(&banner, OCTETS_MAX, true);
		assert_int_equal(feed(&banner, replies[i].said, strlen(replies[i].said), 7), 0);
		assert_int_equal(banner.state, BANNER_COMPLETE);
		assert_int_equal(banner.code, 250);
		assert_string_equal(banner.name, replies[i].name);
	}
}

static const uint8_t start[] = { '2', '2', '0', ' ' };

static void test_limits(void **unused)
{
	struct banner banner;
	uint8_t octets[512];
	size_t used = 0, all = 0;

	(void)unused;
	/* a line that never ends */
	memset(octets, 'x', sizeof(octets));
	memcpy(octets, start, sizeof(start));
	banner_open(&banner, 4096, false);
	while (banner_feed(&banner, octets, sizeof(octets), &used) == BANNER_MORE) {
		all += used;
		assert_true(all <= 4096);
	}
	assert_int_equal(banner.state, BANNER_TOO_LONG);
	assert_int_equal(all + used, 4097);
	assert_string_equal(banner.name, "");
	/* the state stays */
	assert_int_equal(banner_feed(&banner, (const uint8_t *)"\r\n220 x\r\n", 9, &used), BANNER_TOO_LONG);
	assert_int_equal(used, 0);
	/* lines without end; the name is known all the same */
	banner_open(&banner, 1u << 20, false);
	for (unsigned lines = 0; banner.state == BANNER_MORE; lines++) {
		static const uint8_t line[] = "220-mail.example.org\r\n";
		assert_true(lines < BANNER_LINES_MAX);
		banner_feed(&banner, line, sizeof(line) - 1, &used);
	}
	assert_int_equal(banner.state, BANNER_TOO_LONG);
	assert_int_equal(banner.lines, BANNER_LINES_MAX);
	assert_string_equal(banner.name, "mail.example.org");
}

/* Noise, in which what matters to a parser is more frequent than by chance. */
static void test_noise(void **unused)
{
	static const char liked[] = "2250 -\r\n.aZ";
	uint32_t seed = 1;

	(void)unused;
	for (int round = 0; round < 20000; round++) {
		uint8_t octets[64];
		struct banner banner;
		size_t used;
		for (size_t i = 0; i < sizeof(octets); i++) {
			seed = seed * 1664525 + 1013904223;
			octets[i] = (seed >> 24) < 200 ? (uint8_t)liked[(seed >> 8) % (sizeof(liked) - 1)]
			                               : (uint8_t)(seed >> 8);
		}
		if (round % 2 == 0)
			memcpy(octets, start, sizeof(start));
		banner_open(&banner, 48, round % 3 == 0);
		banner_feed(&banner, octets, sizeof(octets), &used);
		assert_true(used <= sizeof(octets));
		assert_int_not_equal(banner.state, BANNER_MORE); /* 48 octets at most */
		assert_true(banner.name[0] == '\0' || domain_is_hostname(banner.name));
		assert_int_equal(banner.name[strspn(banner.name, "abcdefghijklmnopqrstuvwxyz0123456789-.")], '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_first_line_only),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

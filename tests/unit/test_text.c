/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_text - bounded strings, and addresses and networks as text.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/siphash.h"
#include "base/strbuf.h"

static void strbuf_never_overflows(void **state)
{
	char memory[9];
	struct strbuf buf;

	(void)state;
	memory[8] = '#';
	strbuf_open(&buf, memory, 8);
	assert_string_equal(memory, "");
	strbuf_add(&buf, "abc");
	strbuf_addf(&buf, "%d", 42);
	strbuf_add(&buf, NULL);
	assert_string_equal(memory, "abc42");
	assert_false(buf.truncated);
	strbuf_add_octets(&buf, "xyz", 2);
	assert_string_equal(memory, "abc42xy"); /* full to the last octet */
	assert_false(buf.truncated);
	strbuf_addf(&buf, "%s", "");
	assert_false(buf.truncated);
	strbuf_addf(&buf, "%s", "more");
	assert_true(buf.truncated);
	assert_string_equal(memory, "abc42xy");
	assert_int_equal(memory[8], '#');

	strbuf_open(&buf, memory, 8);
	strbuf_addf(&buf, "%s", "0123456789");
	assert_string_equal(memory, "0123456");
	assert_int_equal(buf.length, 7);
	assert_true(buf.truncated);

	strbuf_open(&buf, memory, 1);
	strbuf_add(&buf, "a");
	strbuf_add_points(&buf, 1000);
	strbuf_add_quoted(&buf, "a b", 100);
	strbuf_add_clean(&buf, "a", NULL, 100);
	assert_string_equal(memory, "");
	assert_true(buf.truncated);
}

static const struct {
	bool quoted;
	const char *text, *special;
	size_t max, size;
	const char *want;
	bool truncated;
} clean_cases[] = {
	{ false, "mail.example.org", NULL, 100, 100, "mail.example.org", false },
	{ false, "two words", NULL, 100, 100, "two words", false },
	{ false, "", NULL, 100, 100, "", false },
	{ false, NULL, NULL, 100, 100, "", false },
	{ false, "a\r\nX-Forged: b", NULL, 100, 100, "a\\x0d\\x0aX-Forged: b", false },
	{ false, "a\\b\x7f\x80\xff\x1b", NULL, 100, 100, "a\\x5cb\\x7f\\x80\\xff\\x1b", false },
	{ false, "a(b)\"c\"", "()\"", 100, 100, "a\\x28b\\x29\\x22c\\x22", false },
	{ false, "0123456789", NULL, 10, 100, "0123456789", false },
	{ false, "0123456789x", NULL, 10, 100, "0123456...", false },
	{ false, "01234567\n", NULL, 10, 100, "0123456...", false },
	{ false, "012345\n", NULL, 10, 100, "012345\\x0a", false },
	{ false, "\n\n\n\n", NULL, 10, 100, "\\x0a...", false }, /* an escape is never split */
	{ false, "01234", NULL, 2, 100, "..", false },
	{ false, "01234", NULL, 0, 100, "", false },
	{ false, "0123456789", NULL, 100, 8, "0123...", true },
	{ false, "\n\n", NULL, 100, 6, "...", true },
	{ true, "mail.example.org", NULL, 100, 100, "mail.example.org", false },
	{ true, "<a+b@[192.0.2.1]>", NULL, 100, 100, "<a+b@[192.0.2.1]>", false },
	{ true, "", NULL, 100, 100, "\"\"", false },
	{ true, NULL, NULL, 100, 100, "\"\"", false },
	{ true, "a b", NULL, 100, 100, "\"a b\"", false },
	{ true, "x\" action=accept", NULL, 100, 100, "\"x\\x22 action=accept\"", false },
	{ true, "a\\b", NULL, 100, 100, "\"a\\x5cb\"", false },
	{ true, "\xd0\xbf@example.org", NULL, 100, 100, "\"\\xd0\\xbf@example.org\"", false },
	{ true, "0123456789x", NULL, 10, 100, "0123456...", false },
	{ true, "a 23456789x", NULL, 10, 100, "\"a 234...\"", false },
	{ true, "a b", NULL, 5, 100, "\"a b\"", false },
	{ true, "a b", NULL, 1, 100, ".", false }, /* nothing is shown that would need quotes */
	{ true, " ab", NULL, 1, 100, "", false },
	/* the quote is closed even when the buffer is full */
	{ true, "a b c d e f", NULL, 100, 10, "\"a b ...\"", true },
};

static void strbuf_renders_hostile_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(clean_cases); i++) {
		char memory[100];
		struct strbuf buf;
		strbuf_open(&buf, memory, clean_cases[i].size);
		if (clean_cases[i].quoted)
			strbuf_add_quoted(&buf, clean_cases[i].text, clean_cases[i].max);
		else
			strbuf_add_clean(&buf, clean_cases[i].text, clean_cases[i].special, clean_cases[i].max);
		assert_string_equal(memory, clean_cases[i].want);
		assert_int_equal(buf.truncated, clean_cases[i].truncated);
	}
}

/* Whatever the octets, the maximum and the room: bounded, printable, quotes balanced. */
static void strbuf_is_safe_for_any_octets(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed < 5000; seed++) {
		char text[40], memory[64];
		struct strbuf buf;
		size_t max = seed % 37, size = 1 + seed % 61, quotes = 0;
		uint32_t random = seed * 2654435761U;
		for (size_t i = 0; i < sizeof(text); i++) {
			random = random * 1664525U + 1013904223U;
			text[i] = (char)(random >> 24);
		}
		text[seed % sizeof(text)] = '\0';
		strbuf_open(&buf, memory, size);
		strbuf_add_quoted(&buf, text, max);
		assert_int_equal(buf.length, strlen(memory));
		assert_true(buf.length <= max && buf.length < size);
		for (size_t i = 0; i < buf.length; i++) {
			assert_in_range(memory[i], 0x20, 0x7e);
			quotes += memory[i] == '"';
		}
		assert_true(quotes == 0 || (quotes == 2 && memory[0] == '"' && memory[buf.length - 1] == '"'));
	}
}

static const struct {
	int milli;
	const char *want;
} points_cases[] = {
	{ 0, "0.0" },
	{ 9200, "9.2" },
	{ 1250, "1.25" },
	{ -1250, "-1.25" },
	{ -50, "-0.05" },
	{ 10000, "10.0" },
	{ 1, "0.001" },
	{ -1, "-0.001" },
	{ 100, "0.1" },
	{ 1010, "1.01" },
	{ INT_MAX, "2147483.647" },
	{ INT_MIN, "-2147483.648" },
};

static void strbuf_writes_points(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(points_cases); i++) {
		char memory[32];
		struct strbuf buf;
		strbuf_open(&buf, memory, sizeof(memory));
		strbuf_add_points(&buf, points_cases[i].milli);
		assert_string_equal(memory, points_cases[i].want);
	}
}

static const struct {
	const char *text;
	int family;
	const char *want;
} ip_cases[] = {
	{ "192.0.2.1", 4, "192.0.2.1" },
	{ "[192.0.2.1]", 4, "192.0.2.1" },
	{ "2001:DB8:0:0:0:0:0:1", 6, "2001:db8::1" },
	{ "IPv6:2001:db8::1", 6, "2001:db8::1" },
	{ "ipv6:2001:db8::1", 6, "2001:db8::1" },
	{ "[IPv6:2001:db8::1]", 6, "2001:db8::1" },
	{ "[2001:db8::1]", 6, "2001:db8::1" },
	{ "2001:db8:0:1:0:0:0:1", 6, "2001:db8:0:1::1" },      /* RFC 5952 4.2.3: the longer run */
	{ "2001:db8:0:1:1:1:1:1", 6, "2001:db8:0:1:1:1:1:1" }, /* 4.2.2: not a single group */
	{ "2001:db8:1:0:0:1:0:0", 6, "2001:db8:1::1:0:0" },    /* 4.2.3: the first of two */
	{ "::", 6, "::" },
	{ "::1", 6, "::1" },
	{ "::ffff:192.0.2.1", 4, "192.0.2.1" },
	{ "[IPv6:::ffff:c000:0201]", 4, "192.0.2.1" },
	{ "IPv6:192.0.2.1", 0, "unknown" },
	{ "192.0.2.1]", 0, "unknown" },
	{ "[192.0.2.1", 0, "unknown" },
	{ "[[192.0.2.1]]", 0, "unknown" },
	{ "192.0.2", 0, "unknown" },
	{ "192.0.2.256", 0, "unknown" },
	{ "192.0.02.1", 0, "unknown" },
	{ "192.0.2.1 ", 0, "unknown" },
	{ "0xc0.0.2.1", 0, "unknown" },
	{ "3221225985", 0, "unknown" },
	{ "2001:db8::1::2", 0, "unknown" },
	{ "fe80::1%lo", 0, "unknown" },
	{ "mail.example.org", 0, "unknown" },
	{ "[]", 0, "unknown" },
	{ "[", 0, "unknown" },
	{ "", 0, "unknown" },
	{ NULL, 0, "unknown" },
	{ "0000000000000000000000000000000000000000000000000000000000001", 0, "unknown" },
};

static void ip_reads_and_writes_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ip_cases); i++) {
		char text[IP_TEXT_MAX];
		struct ip ip, again;
		assert_int_equal(ip_parse(&ip, ip_cases[i].text), ip_cases[i].family != 0);
		assert_int_equal(ip.family, ip_cases[i].family);
		assert_string_equal(ip_format(&ip, text), ip_cases[i].want);
		assert_int_equal(ip_parse(&again, text), ip.family != 0);
		assert_true(ip_equal(&ip, &again));
	}
}

static void ip_writes_every_octet(void **state)
{
	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		const uint8_t octets[4] = { (uint8_t)octet, (uint8_t)(255 - octet), 0, (uint8_t)octet };
		const struct ip ip = ip_from_octets(4, octets);
		char text[IP_TEXT_MAX], want[32];
		snprintf(want, sizeof(want), "%u.%u.0.%u", octet, 255 - octet, octet);
		assert_string_equal(ip_format(&ip, text), want);
	}
}

static void ip_comes_from_sockets_and_octets(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc6336407) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr.s6_addr = { 0x20, 1, 0xd, 0xb8, [15] = 7 } };
	struct sockaddr local = { .sa_family = AF_UNIX };
	const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 203, [13] = 0, [14] = 113, [15] = 9 };
	char text[IP_TEXT_MAX];
	struct ip ip, other;

	(void)state;
	ip = ip_from_sockaddr((const struct sockaddr *)&in);
	assert_string_equal(ip_format(&ip, text), "198.51.100.7");
	other = ip;
	ip = ip_from_sockaddr((const struct sockaddr *)&in6);
	assert_string_equal(ip_format(&ip, text), "2001:db8::7");
	assert_false(ip_equal(&ip, &other));
	assert_int_equal(ip_from_sockaddr(&local).family, 0);
	assert_int_equal(ip_from_sockaddr(NULL).family, 0);
	ip = ip_from_octets(6, mapped);
	assert_int_equal(ip.family, 4);
	assert_string_equal(ip_format(&ip, text), "203.0.113.9");
	memcpy(&in6.sin6_addr, mapped, sizeof(mapped));
	other = ip_from_sockaddr((const struct sockaddr *)&in6);
	assert_true(ip_equal(&ip, &other));
	assert_int_equal(ip_from_octets(0, mapped).family, 0);
	assert_int_equal(ip_from_octets(AF_INET, mapped).family, 0);
}

static const struct {
	const char *text;
	const char *want; /* NULL: not a network */
	const char *inside, *outside;
} net_cases[] = {
	{ "192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
	{ "192.0.2.128/25", "192.0.2.128/25", "192.0.2.128", "192.0.2.127" },
	{ "192.0.2.8/29", "192.0.2.8/29", "192.0.2.15", "192.0.2.16" },
	{ "192.0.2.1", "192.0.2.1/32", "::ffff:192.0.2.1", "192.0.2.0" },
	{ "0.0.0.0/0", "0.0.0.0/0", "203.0.113.1", "2001:db8::1" },
	{ "::/0", "::/0", "2001:db8::1", "192.0.2.1" },
	{ "2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
	{ "2001:db8::/33", "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
	{ "[2001:db8::]/64", "2001:db8::/64", "2001:db8::1", "2001:db8:0:1::" },
	{ "2001:db8::1", "2001:db8::1/128", "2001:db8::1", "2001:db8::2" },
	{ "::ffff:192.0.2.0/120", "192.0.2.0/24", "192.0.2.77", "192.0.3.1" },
	{ "::ffff:0.0.0.0/96", "0.0.0.0/0", "192.0.2.1", "2001:db8::1" },
	{ "::ffff:0.0.0.0/95", NULL, NULL, NULL },
	{ "192.0.2.1/24", NULL, NULL, NULL }, /* host bits */
	{ "192.0.2.128/24", NULL, NULL, NULL },
	{ "2001:db8::1/64", NULL, NULL, NULL },
	{ "192.0.2.0/33", NULL, NULL, NULL },
	{ "2001:db8::/129", NULL, NULL, NULL },
	{ "192.0.2.0/", NULL, NULL, NULL },
	{ "192.0.2.0/-1", NULL, NULL, NULL },
	{ "192.0.2.0/+24", NULL, NULL, NULL },
	{ "192.0.2.0/024", NULL, NULL, NULL },
	{ "192.0.2.0/24 ", NULL, NULL, NULL },
	{ "192.0.2.0/24/24", NULL, NULL, NULL },
	{ "192.0.2.0/4294967320", NULL, NULL, NULL },
	{ "192.0.2.0/255.255.255.0", NULL, NULL, NULL },
	{ "192.0.2/24", NULL, NULL, NULL },
	{ "/24", NULL, NULL, NULL },
	{ "example.org", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

static void net_reads_and_contains(void **state)
{
	const struct ip none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(net_cases); i++) {
		char text[NET_TEXT_MAX];
		struct ip inside, outside;
		struct net net;
		assert_int_equal(net_parse(&net, net_cases[i].text), net_cases[i].want != NULL);
		assert_false(net_contains(&net, &none));
		if (net_cases[i].want == NULL)
			continue;
		assert_string_equal(net_format(&net, text), net_cases[i].want);
		assert_true(ip_parse(&inside, net_cases[i].inside));
		assert_true(ip_parse(&outside, net_cases[i].outside));
		assert_true(net_contains(&net, &inside));
		assert_false(net_contains(&net, &outside));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strbuf_never_overflows),           cmocka_unit_test(strbuf_renders_hostile_text),
		cmocka_unit_test(strbuf_is_safe_for_any_octets),    cmocka_unit_test(strbuf_writes_points),
		cmocka_unit_test(ip_reads_and_writes_addresses),    cmocka_unit_test(ip_writes_every_octet),
		cmocka_unit_test(ip_comes_from_sockets_and_octets), cmocka_unit_test(net_reads_and_contains),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

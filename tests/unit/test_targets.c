/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_targets - how often an address and its network are asked, what is remembered for how long, and how much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/targets.h"

#define HOUR ((clock_ms)3600 * 1000)
#define NAME "mail.example.org"

static const struct targets_limits limits = {
	.max = 64, .address_hour_max = 2, .net_hour_max = 5, .match_ttl_s = 86400, .other_ttl_s = 3600
};

static struct ip address(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(&ip, text));
	return ip;
}

static bool admit(struct targets *targets, const char *text, clock_ms now)
{
	const struct ip ip = address(text);

	return targets_admit(targets, &ip, now);
}

static void test_hourly_limits(void **unused)
{
	struct targets *targets = targets_open(&limits);

	(void)unused;
	assert_true(admit(targets, "192.0.2.1", 1000));
	assert_true(admit(targets, "192.0.2.1", 2000));
	assert_false(admit(targets, "192.0.2.1", 3000));
	assert_true(admit(targets, "192.0.2.2", 3000));
	assert_true(admit(targets, "192.0.2.2", 3000));
	assert_true(admit(targets, "192.0.2.3", 3000));
	assert_false(admit(targets, "192.0.2.3", 3000)); /* the network */
	assert_false(admit(targets, "192.0.2.200", 3000));
	assert_true(admit(targets, "192.0.3.1", 3000)); /* another one */
	assert_false(admit(targets, "192.0.2.3", 1000 + HOUR - 1));
	assert_true(admit(targets, "192.0.2.3", 1000 + HOUR));
	assert_true(admit(targets, "192.0.2.1", 1000 + HOUR));
	targets_close(&targets);
	assert_null(targets);
}

static void test_ipv6_network(void **unused)
{
	struct targets *targets = targets_open(&limits);
	char text[64];

	(void)unused;
	for (int i = 0; i < limits.net_hour_max; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x:1", i);
		assert_true(admit(targets, text, 0));
	}
	assert_false(admit(targets, "2001:db8:0:0:ffff::1", 0));
	assert_true(admit(targets, "2001:db8:0:1::1", 0));
	targets_close(&targets);
}

static void test_memory(void **unused)
{
	const struct probe_reply greeted = { .outcome = PROBE_GREETED, .greeting = NAME, .ehlo = "a.example.net" };
	const struct probe_reply silent = { .outcome = PROBE_SILENT, .why = "timeout" };
	const struct ip one = address("192.0.2.1"), two = address("2001:db8::1");
	struct targets *targets = targets_open(&limits);

	(void)unused;
	targets_keep(targets, &one, &greeted, 0); /* was never admitted */
	assert_null(targets_find(targets, &one, NAME, 0));
	assert_true(targets_admit(targets, &one, 0));
	assert_true(targets_admit(targets, &two, 0));
	assert_null(targets_find(targets, &one, NAME, 0));
	targets_keep(targets, &one, &greeted, 0);
	targets_keep(targets, &two, &silent, 0);
	assert_string_equal(targets_find(targets, &one, NAME, 24 * HOUR - 1)->greeting, NAME);
	assert_non_null(targets_find(targets, &one, "a.example.net", 24 * HOUR - 1));
	assert_non_null(targets_find(targets, &one, "b.example.net", HOUR - 1));
	assert_null(targets_find(targets, &one, "b.example.net", HOUR));
	assert_null(targets_find(targets, &one, NAME, 24 * HOUR));
	assert_int_equal(targets_find(targets, &two, NAME, HOUR - 1)->outcome, PROBE_SILENT);
	assert_null(targets_find(targets, &two, NAME, HOUR));
	targets_keep(targets, &one, &silent, 2 * HOUR);
	assert_int_equal(targets_find(targets, &one, NAME, 2 * HOUR)->outcome, PROBE_SILENT);
	targets_close(&targets);
}

/* However many addresses a stranger names, memory stays, and so does what was counted. */
static void test_full(void **unused)
{
	struct targets *targets = targets_open(&limits);
	size_t admitted = 0;
	char text[64];

	(void)unused;
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "198.%d.%d.1", 18 + i / 256, i % 256);
		admitted += admit(targets, text, i);
		assert_true(targets_count(targets) <= limits.max);
	}
	assert_int_equal(admitted, limits.max / 2);      /* two entries each */
	assert_true(admit(targets, "198.18.0.1", 2000)); /* known, and not at its limit */
	assert_false(admit(targets, "198.18.0.1", 2000));
	/* the hour of the first ones is over: they make room, one by one */
	for (int i = 0; i < 32; i++) {
		snprintf(text, sizeof(text), "203.0.%d.1", i);
		assert_true(admit(targets, text, 2 * HOUR + i));
		assert_true(targets_count(targets) <= limits.max);
	}
	assert_false(admit(targets, "203.0.200.1", 2 * HOUR + 100));
	targets_close(&targets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hourly_limits),
		cmocka_unit_test(test_ipv6_network),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

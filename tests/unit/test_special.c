/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_special - to which addresses a stranger's name may lead us: the registries, what is hidden in other addresses,
 * and the rules that come before them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "net/own.h"
#include "net/special.h"

#define PERMITTED "permitted"

static const struct {
	const char *address, *why; /* NULL: permitted */
} cases[] = {
	/* each range of IPv4: its first, its last, and its neighbours where they are unicast */
	{ "0.0.0.0", "this network" },
	{ "0.255.255.255", "this network" },
	{ "1.0.0.0", NULL },
	{ "9.255.255.255", NULL },
	{ "10.0.0.0", "private" },
	{ "10.0.0.1", "private" },
	{ "10.255.255.255", "private" },
	{ "11.0.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.64.0.0", "shared" },
	{ "100.127.255.255", "shared" },
	{ "100.128.0.0", NULL },
	{ "126.255.255.255", NULL },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.255", "loopback" },
	{ "128.0.0.0", NULL },
	{ "169.253.255.255", NULL },
	{ "169.254.169.254", "link-local" },
	{ "169.255.0.0", NULL },
	{ "172.15.255.255", NULL },
	{ "172.16.0.0", "private" },
	{ "172.31.255.255", "private" },
	{ "172.32.0.0", NULL },
	{ "191.255.255.255", NULL },
	{ "192.0.0.0", "protocol assignment" },
	{ "192.0.0.9", "protocol assignment" },
	{ "192.0.1.0", NULL },
	{ "192.0.2.1", "documentation" },
	{ "192.0.3.0", NULL },
	{ "192.31.196.1", "anycast service" },
	{ "192.52.193.1", "anycast service" },
	{ "192.88.99.1", "6to4" },
	{ "192.167.255.255", NULL },
	{ "192.168.0.0", "private" },
	{ "192.168.255.255", "private" },
	{ "192.169.0.0", NULL },
	{ "192.175.48.1", "anycast service" },
	{ "198.17.255.255", NULL },
	{ "198.18.0.0", "benchmarking" },
	{ "198.19.255.255", "benchmarking" },
	{ "198.20.0.0", NULL },
	{ "198.51.100.255", "documentation" },
	{ "198.51.101.0", NULL },
	{ "203.0.112.255", NULL },
	{ "203.0.113.0", "documentation" },
	{ "203.0.114.0", NULL },
	{ "223.255.255.255", NULL },
	{ "224.0.0.1", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.0", "reserved" },
	{ "255.255.255.255", "reserved" },
	/* IPv6: only 2000::/3 can be right */
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::2", "unspecified" },
	{ "::10.0.0.1", "unspecified" },
	{ "100::1", "discard-only" },
	{ "100:0:0:1::1", "reserved" },
	{ "1fff:ffff::1", "reserved" },
	{ "2000::1", NULL },
	{ "2001:0:ffff::1", "Teredo" },
	{ "2001:1::1", "protocol assignment" },
	{ "2001:2::1", "protocol assignment" },
	{ "2001:20::1", "protocol assignment" },
	{ "2001:1ff:ffff::1", "protocol assignment" },
	{ "2001:200::1", NULL },
	{ "2001:db7:ffff::1", NULL },
	{ "2001:db8::1", "documentation" },
	{ "2001:db9::1", NULL },
	{ "2002:808:808::1", "6to4" },
	{ "2002:a00:1::1", "6to4" },
	{ "2003::1", NULL },
	{ "2620:4f:7fff::1", NULL },
	{ "2620:4f:8000::1", "anycast service" },
	{ "2a00::1", NULL },
	{ "3ffe:ffff::1", NULL },
	{ "3fff::1", "documentation" },
	{ "3fff:1000::1", NULL },
	{ "4000::1", "reserved" },
	{ "5f00::1", "reserved" },
	{ "fc00::1", "private" },
	{ "fdff::1", "private" },
	{ "fe80::1", "link-local" },
	{ "febf::1", "link-local" },
	{ "fec0::1", "site-local" },
	{ "ff02::1", "multicast" },
	/* IPv4 in IPv6 */
	{ "::ffff:10.0.0.1", "private" },
	{ "::ffff:127.0.0.1", "loopback" },
	{ "::ffff:128.66.4.4", NULL },
	{ "64:ff9b::a00:1", "private" },
	{ "64:ff9b::7f00:1", "loopback" },
	{ "64:ff9b::c000:201", "documentation" },
	{ "64:ff9b::8042:404", NULL },
	{ "64:ff9b:0:0:0:1:808:404", "reserved" }, /* beyond the /96 */
	{ "64:ff9b:1::808:404", "local translation" },
	{ "64:ff9b:1:ffff::1", "local translation" },
	{ "64:ff9b:2::1", "reserved" },
};

static void assert_why(const char *address, const struct special_rules *rules, const char *why)
{
	struct ip ip;
	const char *got;

	assert_true(ip_parse(&ip, address));
	got = special_why(&ip, rules);
	got = got != NULL ? got : PERMITTED;
	why = why != NULL ? why : PERMITTED;
	if (strcmp(got, why) != 0)
		fail_msg("%s: %s; must be: %s", address, got, why);
}

static void test_registries(void **unused)
{
	static const struct special_rules none;

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_why(cases[i].address, &none, cases[i].why);
}

/* base/ip makes IPv4 of a mapped address when it reads one; nothing relies on that here. */
static void test_mapped_as_ipv6(void **unused)
{
	static const struct special_rules none;
	struct ip ip = { 6, { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } };
	const struct ip nothing = { 0 };

	(void)unused;
	assert_string_equal(special_why(&ip, &none), "private");
	ip.octets[12] = 8;
	assert_null(special_why(&ip, &none));
	assert_string_equal(special_why(&nothing, &none), "no address");
}

static void parse(struct net *net, const char *text)
{
	assert_true(net_parse(net, text));
}

static void test_rules(void **unused)
{
	struct net denied[2], tested[3], own[2];
	const struct special_rules rules = {
		.denied = { denied, COUNT(denied) },
		.tested = { tested, COUNT(tested) },
		.own = { own, COUNT(own) },
	};

	(void)unused;
	parse(&denied[0], "128.66.8.0/24");
	parse(&denied[1], "127.0.0.53");
	parse(&tested[0], "127.0.0.0/24");
	parse(&tested[1], "64:ff9b:1::/48");
	parse(&tested[2], "128.66.9.10");
	parse(&own[0], "128.66.9.0/24");
	parse(&own[1], "2a00:1::/64");
	assert_why("128.66.8.8", &rules, "denied");
	assert_why("64:ff9b::8042:808", &rules, "denied");
	assert_why("128.66.7.8", &rules, NULL);
	assert_why("127.0.0.53", &rules, "denied"); /* before the test networks */
	assert_why("127.0.0.1", &rules, NULL);
	assert_why("127.0.1.1", &rules, "loopback");
	assert_why("64:ff9b:1::1", &rules, NULL);
	assert_why("64:ff9b::7f00:1", &rules, NULL); /* leads into a test network */
	assert_why("128.66.9.9", &rules, "our own");
	assert_why("128.66.9.10", &rules, NULL);
	assert_why("64:ff9b::8042:909", &rules, "our own");
	assert_why("2a00:1::25", &rules, "our own");
	assert_why("2a00:1:0:1::25", &rules, NULL);
}

static void test_embedded(void **unused)
{
	struct ip ip, four;

	(void)unused;
	assert_true(ip_parse(&ip, "64:ff9b::102:304"));
	assert_true(ip_parse(&four, "1.2.3.4"));
	ip = special_embedded(&ip);
	assert_true(ip_equal(&ip, &four));
	ip = special_embedded(&ip);
	assert_true(ip_equal(&ip, &four));
	assert_true(ip_parse(&ip, "64:ff9b:1::102:304"));
	ip = special_embedded(&ip);
	assert_int_equal(ip.family, 6);
}

/* Whatever this machine has: every network is one, and the addresses are in it. */
static void test_own_nets(void **unused)
{
	struct err err = { "" };
	struct own_nets own;
	char text[NET_TEXT_MAX];
	struct net again;

	(void)unused;
	assert_int_equal(own_nets_open(&own, &err), 0);
	for (size_t i = 0; i < own.n; i++) {
		net_format(&own.nets[i], text);
		if (!net_parse(&again, text)) /* host bits that are set */
			fail_msg("%s is no network", text);
		assert_true(own.nets[i].bits >= 8);
	}
	own_nets_close(&own);
	assert_int_equal(own.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registries), cmocka_unit_test(test_mapped_as_ipv6), cmocka_unit_test(test_rules),
		cmocka_unit_test(test_embedded),   cmocka_unit_test(test_own_nets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which names are generic, which dynamic, which neither: the shapes that access providers, hosters and mail servers
 * use, judged with the words that the program ships.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/rdns_name.h"

#define WORDS_MAX 200
#define PLAIN     0
#define GENERIC   RDNS_NAME_GENERIC
#define DYNAMIC   RDNS_NAME_DYNAMIC
#define BOTH      (RDNS_NAME_GENERIC | RDNS_NAME_DYNAMIC)

struct name_case {
	const char *address;
	const char *name;
	unsigned traits;
};

static const struct name_case cases[] = {
	/* access networks: the address and a word */
	{ "203.0.113.7", "203-0-113-7.dyn.example.net", BOTH },
	{ "203.0.113.7", "203.0.113.7.dynamic.example.net", BOTH },
	{ "203.0.113.7", "7.113.0.203.dynamic.dsl.example.net", BOTH },
	{ "203.0.113.7", "dsl-203-0-113-7.example.net", BOTH },
	{ "203.0.113.7", "adsl-7-113-0-203.city.example.net", BOTH },
	{ "203.0.113.7", "adsl203-0-113-7.example.net", BOTH },
	{ "203.0.113.7", "host-203-0-113-7.pool.example.net", BOTH },
	{ "203.0.113.7", "pool-203-0-113-7.city.fios.example.net", BOTH },
	{ "203.0.113.7", "pcb007107.dip0.isp.example.net", BOTH },
	{ "203.0.113.7", "cpe-203-0-113-7.res.example.com", BOTH },
	{ "203.0.113.7", "c-203-0-113-7.hsd1.xy.example.net", BOTH },
	{ "203.0.113.7", "cable-203-0-113-7.example.net", BOTH },
	{ "203.0.113.7", "ppp203-0-113-7.example.net", BOTH },
	{ "203.0.113.7", "ppp-113-7.bras1.example.net", BOTH },
	{ "203.0.113.7", "pppoe.203.0.113.7.example.net", BOTH },
	{ "203.0.113.7", "dhcp-203-0-113-7.campus.example.org", BOTH },
	{ "203.0.113.7", "dialup-203.0.113.7.dial1.city.example.net", BOTH },
	{ "203.0.113.7", "203x0x113x7.ap203.ftth.example.net", BOTH },
	{ "203.0.113.7", "ip-203-0-113-7.wimax.example.net", BOTH },
	{ "203.0.113.7", "203-0-113-7.mobile.example.net", BOTH },
	{ "203.0.113.7", "203-0-113-7.ftth.example.co.example", BOTH },
	{ "203.0.113.7", "dynamic-203-000-113-007.example.net", BOTH },
	{ "203.0.113.7", "203.000.113.007.adsl.example.net", BOTH },
	{ "203.0.113.7", "dyn203000113007.example.net", BOTH },
	{ "203.0.113.7", "dsl007113000203.example.net", BOTH },
	{ "203.0.113.7", "broadband-203-0-113-7.example.net", BOTH },
	{ "203.0.113.7", "203-0-113-7.broadband.city.example.net", BOTH },
	{ "203.0.113.7", "d-203-0-113-7.catv.example.net", BOTH },
	{ "203.0.113.7", "dyn-7.113.example.net", BOTH },
	{ "203.0.113.7", "203-0-113-7.lte.example.net", BOTH },
	{ "203.0.113.7", "203-0-113-7.4g.example.net", BOTH },
	{ "203.0.113.7", "modem-7.113.dialup.example.net", BOTH },
	{ "203.0.113.7", "x1-6-cb-00-71-07.cpe.example.net", BOTH },
	{ "203.0.113.7", "cb007107.cable.example.net", BOTH },
	{ "203.0.113.7", "0xcb007107.city.adsl.example.net", BOTH },
	{ "203.0.113.7", "cb00-7107.vdsl.example.net", BOTH },
	{ "203.0.113.7", "CB007107.DSL.EXAMPLE.NET", BOTH },
	{ "203.0.113.7", "077100cb.pppoe.example.net", BOTH },
	{ "198.51.100.24", "p24-ipngn100.city.ocn.example.net", PLAIN },
	{ "198.51.100.24", "softbank198051100024.bbtec.example.net", GENERIC },
	{ "198.51.100.24", "198-51-100-24.rev.home.example.net", GENERIC },
	{ "198.51.100.24", "24.100.51.198.in-addr.xdsl.example.net", BOTH },
	{ "198.51.100.24", "100-24.dynamic.example.net", BOTH },
	{ "198.51.100.24", "h24n100-dynip.example.net", DYNAMIC },
	{ "198.51.100.24", "user-24.100.51.198.dialin.example.net", BOTH },
	{ "198.51.100.24", "isdn-24-100.example.net", BOTH },

	/* a word without the address */
	{ "203.0.113.7", "dsl-7.example.net", DYNAMIC },
	{ "203.0.113.7", "adsl7.example.net", DYNAMIC },
	{ "203.0.113.7", "pool12.city.example.net", DYNAMIC },
	{ "203.0.113.7", "dhcp42.campus.example.org", DYNAMIC },
	{ "203.0.113.7", "dyn.city.example.net", DYNAMIC },
	{ "203.0.113.7", "bras1-ppp.example.net", DYNAMIC },
	{ "203.0.113.7", "abcd.resi.example.net", DYNAMIC },
	{ "203.0.113.7", "customer_dsl_a.example.net", DYNAMIC },
	{ "203.0.113.7", "a1b2c3.cm.docsis.example.net", DYNAMIC },
	{ "203.0.113.7", "gprs-gw.example.net", DYNAMIC },
	{ "203.0.113.7", "n1.3g.example.net", DYNAMIC },
	{ "203.0.113.7", "dial-in.example.net", DYNAMIC },
	{ "2001:db8::7", "dsl-7.example.net", DYNAMIC },

	/* the address, and no word, or one that says otherwise */
	{ "203.0.113.7", "203-0-113-7.example.net", GENERIC },
	{ "203.0.113.7", "203.0.113.7.example.net", GENERIC },
	{ "203.0.113.7", "7.113.0.203.example.net", GENERIC },
	{ "203.0.113.7", "ip-203-0-113-7.region-1.compute.example.com", GENERIC },
	{ "203.0.113.7", "ec2-203-0-113-7.compute-1.example.com", GENERIC },
	{ "203.0.113.7", "7.113.0.203.bc.cloud.example.com", GENERIC },
	{ "203.0.113.7", "ip7.ip-203-0-113.example.net", GENERIC },
	{ "203.0.113.7", "vps-cb007107.vps.example.net", GENERIC },
	{ "203.0.113.7", "static-203-0-113-7.example.net", GENERIC },
	{ "203.0.113.7", "203-0-113-7.static.dsl.example.net", GENERIC },
	{ "203.0.113.7", "203-0-113-7-business.cable.example.net", GENERIC },
	{ "203.0.113.7", "static.7.113.0.203.clients.hoster.example", GENERIC },
	{ "203.0.113.7", "host7.113.0.203.isp.example.net", GENERIC },
	{ "203.0.113.7", "customer-203-0-113-7.example.net", GENERIC },
	{ "203.0.113.7", "unassigned.203.0.113.7.example.net", GENERIC },
	{ "203.0.113.7", "203_0_113_7.example.net", GENERIC },
	{ "203.0.113.7", "203--0--113--7.example.net", GENERIC },
	{ "203.0.113.7", "mail-203-0-113-7.example.net", GENERIC },
	{ "203.0.113.7", "mx.203-0-113-7.pool.example.net", GENERIC },
	{ "203.0.113.7", "h113-7.example.net", GENERIC },
	{ "203.0.113.7", "7-113.example.net", GENERIC },
	{ "203.0.113.7", "203-0.city.example.net", GENERIC },
	{ "203.0.113.7", "0-113-7.city.example.net", GENERIC },
	{ "203.0.113.7", "h113007.example.net", GENERIC },
	{ "203.0.113.7", "20301137.example.net", GENERIC },
	{ "203.0.113.7", "71130203.example.net", GENERIC },
	{ "203.0.113.7", "3405803783.example.net", GENERIC },
	{ "203.0.113.7", "cb007107.example.net", GENERIC },
	{ "203.0.113.7", "srv-077100cb.example.net", GENERIC },
	{ "203.0.113.7", "cb.00.71.07.example.net", GENERIC },
	{ "203.0.113.7", "fixed-203-0-113-7.example.net", GENERIC },
	{ "203.0.113.7", "203-0-113-7.colo.example.net", GENERIC },
	{ "198.51.100.24", "198-51-100-24.example.net", GENERIC },
	{ "198.51.100.24", "c6336418.example.net", GENERIC },
	{ "192.0.2.25", "li192-25.members.example.com", PLAIN },
	{ "192.0.2.25", "192.0.2.25.hosted.example.com", GENERIC },
	{ "192.0.2.25", "vm-2-25.example.com", GENERIC },

	/* IPv6 */
	{ "2001:db8:1:2::7", "2001-db8-1-2--7.example.net", GENERIC },
	{ "2001:db8:1:2::7", "2001-db8-1-2--7.dyn.example.net", BOTH },
	{ "2001:db8::7", "2001-db8--7.example.net", GENERIC },
	{ "2001:db8::7", "ip6-2001-db8--7.dynamic.example.net", BOTH },
	{ "2001:db8:1:2::7", "2001-0db8-0001-0002-0000-0000-0000-0007.example.net", GENERIC },
	{ "2001:db8:1:2::7", "20010db8000100020000000000000007.example.net", GENERIC },
	{ "2001:db8:1:2::7", "p20010DB8000100020000000000000007.dip0.example.net", BOTH },
	{ "2001:db8:1:2::7", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.example.net",
	  GENERIC },
	{ "2001:db8:1:2:21a:2bff:fe3c:4d5e", "021a2bfffe3c4d5e.example.net", GENERIC },
	{ "2001:db8:1:2:21a:2bff:fe3c:4d5e", "21a-2bff-fe3c-4d5e.cpe.example.net", BOTH },
	{ "2001:db8:1:2:21a:2bff:fe3c:4d5e", "2001.db8.1.2.customer.example.net", GENERIC },
	{ "2001:db8:1:2:21a:2bff:fe3c:4d5e", "2-1-db8-2001.customer.example.net", GENERIC },
	{ "2001:db8:1:2::7", "host-20010db800010002.example.net", GENERIC },
	{ "2001:db8::25", "mail.example.org", PLAIN },
	{ "2001:db8::25", "mx6-25.example.org", PLAIN },
	{ "2001:db8::25", "v6.mail.example.org", PLAIN },
	{ "2001:db8::1", "0-0-0-1.example.org", PLAIN },
	{ "2001:db8::1", "0000000000000001.example.org", PLAIN },
	{ "2001:db8::25", "mx--1.example.org", PLAIN },
	{ "2001:db8:1:2::7", "2001-db8-1-2--8.example.net", GENERIC }, /* its network's groups are enough */
	{ "2001:db8::7", "2001-db8--8.example.net", PLAIN },

	/* mail servers and other names somebody chose */
	{ "203.0.113.7", "mx1.example.org", PLAIN },
	{ "203.0.113.7", "mail-7.example.net", PLAIN },
	{ "203.0.113.7", "mail7.example.net", PLAIN },
	{ "203.0.113.7", "out-3.smtp.example.com", PLAIN },
	{ "203.0.113.7", "out-7.smtp.example.com", PLAIN },
	{ "203.0.113.7", "example.org", PLAIN },
	{ "203.0.113.7", "mail.example.org", PLAIN },
	{ "203.0.113.7", "smtp-out-113.example.org", PLAIN },
	{ "203.0.113.7", "mta203.example.org", PLAIN },
	{ "203.0.113.7", "o7.ptr203.example.com", PLAIN },
	{ "203.0.113.7", "a7-113.mail.region.example.com",
	  GENERIC }, /* two octets, side by side: made from the address */
	{ "203.0.113.7", "mail-lf1-f113.example.com", PLAIN },
	{ "203.0.113.7", "mail-ed1-x7.example.com", PLAIN },
	{ "203.0.113.7", "mail-db8eur05olkn2007.outbound.example.com", PLAIN },
	{ "203.0.113.7", "headsling.example.org", PLAIN },
	{ "203.0.113.7", "headsling.list.example.org", PLAIN },
	{ "203.0.113.7", "poolside.hotel.example.org", PLAIN },
	{ "203.0.113.7", "carpool.city.example.org", PLAIN },
	{ "203.0.113.7", "dynamo.club.example.org", PLAIN },
	{ "203.0.113.7", "cabled.example.org", PLAIN },
	{ "203.0.113.7", "dialogue.example.org", PLAIN },
	{ "203.0.113.7", "hippp.example.org", PLAIN },
	{ "203.0.113.7", "www.dsl.example", PLAIN },
	{ "203.0.113.7", "gate.pool.example", PLAIN },
	{ "203.0.113.7", "host.dynamic.example", PLAIN },
	{ "203.0.113.7", "203-0-113-7.example", PLAIN }, /* registered like that: nothing stands in front */
	{ "203.0.113.7", "mx-pool1.example.org", PLAIN },
	{ "203.0.113.7", "pool-out-3.mail.example.com", PLAIN },
	{ "203.0.113.7", "smtp.cable.example.net", PLAIN },
	{ "203.0.113.7", "mail.dsl.example.net", PLAIN },
	{ "203.0.113.7", "relay2.dialup.example.net", PLAIN },
	{ "203.0.113.7", "static-7.dsl.example.net", PLAIN },
	{ "203.0.113.7", "server7.dyn.example.net", PLAIN },
	{ "203.0.113.7", "srv113.example.net", PLAIN },
	{ "203.0.113.7", "web7.hosting113.example.net", PLAIN },
	{ "203.0.113.7", "node-7-eu-113.example.net", PLAIN },
	{ "203.0.113.7", "vps7.example.net", PLAIN },
	{ "203.0.113.7", "s20240113.example.net", PLAIN },
	{ "203.0.113.7", "mail.2030113.example.net", PLAIN },
	{ "203.0.113.7", "cb0071.example.net", PLAIN },
	{ "203.0.113.7", "198-51-100-24.example.net", PLAIN }, /* somebody else's address */
	{ "203.0.113.7", "113.203.7.0.example.net", PLAIN },
	{ "203.0.113.7", "1203-0.example.net", PLAIN },
	{ "203.0.113.7", "203-01.example.net", PLAIN },
	{ "192.0.2.1", "mx2-1.example.org", PLAIN },
	{ "192.0.2.1", "mx-2-1.example.org", PLAIN },
	{ "192.0.2.1", "out2.1.example.org", PLAIN },
	{ "192.0.2.1", "mail-0-2.example.org", PLAIN },
	{ "192.0.2.1", "ns1.example.org", PLAIN },
	{ "192.0.2.10", "mx10.example.org", PLAIN },
	{ "192.0.2.10", "mail10.dc2.example.org", PLAIN },
	{ "192.0.2.25", "a25.smtp-out.region-2.example.com", PLAIN },
	{ "198.51.100.24", "mail24.example.org", PLAIN },
	{ "198.51.100.24", "mx24-100.example.org", GENERIC }, /* so it is called, but so are access lines */
	{ "198.51.100.24", "e100.example.org", PLAIN },

	/* nothing a stranger can write may do harm */
	{ "203.0.113.7", "", PLAIN },
	{ "203.0.113.7", ".", PLAIN },
	{ "203.0.113.7", "...", PLAIN },
	{ "203.0.113.7", "-", PLAIN },
	{ "203.0.113.7", "\\203\\000\\113\\007.a.example.net", PLAIN },
	{ "203.0.113.7", "a\\032dsl\\032b.example.net", DYNAMIC },
	{ "203.0.113.7", "\\", PLAIN },
	{ "203.0.113.7", "\\20", PLAIN },
	{ "203.0.113.7", "203-0-113-7.dsl.example.net.", BOTH },
	{ "2001:db8::7", "----------------.--.--.example.net", PLAIN },
	{ "unknown", "203-0-113-7.dsl.example.net", DYNAMIC },
};

/* The strings of an option's default, as it would stand in the file. */
static size_t words_of(const char *option, const char **words, char *memory, size_t size)
{
	const struct check *check = NULL;
	size_t n = 0;

	for (const struct check *const *at = checks_table; *at != NULL; at++) {
		if (strcmp((*at)->name, "rdns") == 0)
			check = *at;
	}
	assert_non_null(check);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): assert_non_null() does not return */
	for (size_t i = 0; i < check->n_options; i++) {
		if (strcmp(check->options[i].name, option) == 0)
			snprintf(memory, size, "%s", check->options[i].fallback);
	}
	char *rest = NULL;
	strtok_r(memory, "\"", &rest);
	for (char *word; n < WORDS_MAX && (word = strtok_r(NULL, "\"", &rest)) != NULL;) {
		if (rdns_word_is_valid(word))
			words[n++] = word;
	}
	return n;
}

static void test_names(void **unused)
{
	const char *dynamic[WORDS_MAX], *fixed[WORDS_MAX];
	char dynamic_memory[4096], fixed_memory[4096];
	struct rdns_words words = { .dynamic = dynamic, .fixed = fixed };
	size_t wrong = 0;

	(void)unused;
	words.n_dynamic = words_of("words", dynamic, dynamic_memory, sizeof(dynamic_memory));
	words.n_fixed = words_of("static_words", fixed, fixed_memory, sizeof(fixed_memory));
	assert_true(words.n_dynamic > 40);
	assert_true(words.n_fixed > 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip ip;
		unsigned traits;
		ip_parse(&ip, cases[i].address);
		traits = rdns_name_traits(cases[i].name, &ip, &words);
		if (traits == cases[i].traits)
			continue;
		print_error("%s for %s: traits %u, must be %u\n", cases[i].name, cases[i].address, traits,
		            cases[i].traits);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_long_names(void **unused)
{
	static const char *const word[] = { "dsl" };
	const struct rdns_words words = { .dynamic = word, .n_dynamic = 1 };
	struct ip ip4, ip6;
	char name[2 * DNS_NAME_TEXT_MAX];

	(void)unused;
	ip_parse(&ip4, "203.0.113.7");
	ip_parse(&ip6, "2001:db8::7");
	for (const char *octet = "1-.\\a0x: \xff"; *octet != '\0'; octet++) {
		memset(name, *octet, sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		assert_int_equal(rdns_name_traits(name, &ip4, &words), 0);
		assert_int_equal(rdns_name_traits(name, &ip6, &words), 0);
	}
	for (size_t i = 0; i + 5 < sizeof(name); i += 4)
		memcpy(name + i, "\\255", 5);
	assert_int_equal(rdns_name_traits(name, &ip4, &words), 0);
	for (size_t i = 0; i + 3 < sizeof(name); i += 2)
		memcpy(name + i, "7-", 3);
	assert_int_equal(rdns_name_traits(name, &ip4, &words), 0);
	assert_int_equal(rdns_name_traits(name, &ip6, &words), 0);
}

static void test_word_shapes(void **unused)
{
	static const char *const word[] = { "dial-in", "3g", "ab" };
	const struct rdns_words words = { .dynamic = word, .n_dynamic = COUNT(word) };
	static const struct {
		const char *name;
		unsigned traits;
	} shapes[] = {
		{ "x.dial-in.example.org", DYNAMIC },
		{ "xdial-in.example.org", PLAIN },
		{ "dial-in7.example.org", DYNAMIC },
		{ "n3g.example.org", DYNAMIC },
		{ "13g.example.org", PLAIN },
		{ "3gs.example.org", PLAIN },
		{ "abc-ab.example.org", DYNAMIC },
		{ "abab.example.org", PLAIN },
		{ "cab.ab1.example.org", DYNAMIC },
		{ "1ab2.example.org", DYNAMIC },
		{ "ab.example", PLAIN },
	};
	struct ip ip;

	(void)unused;
	ip_parse(&ip, "203.0.113.7");
	for (size_t i = 0; i < COUNT(shapes); i++) {
		if (rdns_name_traits(shapes[i].name, &ip, &words) != shapes[i].traits)
			fail_msg("%s", shapes[i].name);
	}
	assert_true(rdns_word_is_valid("dsl"));
	assert_true(rdns_word_is_valid("dial-in"));
	assert_true(rdns_word_is_valid("3g"));
	assert_false(rdns_word_is_valid(""));
	assert_false(rdns_word_is_valid("DSL"));
	assert_false(rdns_word_is_valid("-dsl"));
	assert_false(rdns_word_is_valid("dsl-"));
	assert_false(rdns_word_is_valid("a.b"));
	assert_false(rdns_word_is_valid("aaaaaaaaaabbbbbbbbbbccccccccccddd"));
}

static void test_names_take(void **unused)
{
	const struct dns_record records[] = {
		{ .name = "c.example.org" }, { .name = "a.example.org" }, { .name = NULL },
		{ .name = "b.example.org" }, { .name = "a.example.org" },
	};
	const struct dns_answer answer = { .status = DNS_FOUND, .records = records, .n_records = COUNT(records) };
	const struct dns_answer none = { .status = DNS_FOUND };
	const char *names[3];
	bool more;

	(void)unused;
	assert_int_equal(rdns_names_take(&answer, names, 3, &more), 3);
	assert_false(more);
	assert_string_equal(names[0], "a.example.org");
	assert_string_equal(names[1], "b.example.org");
	assert_string_equal(names[2], "c.example.org");
	assert_int_equal(rdns_names_take(&answer, names, 2, &more), 2);
	assert_true(more);
	assert_int_equal(rdns_names_take(&none, names, 3, &more), 0);
	assert_false(more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_word_shapes),
		cmocka_unit_test(test_names_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

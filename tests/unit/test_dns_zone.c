/* SPDX-License-Identifier: BSD-2-Clause */
/* The zone file: its format, its errors, and the backend that answers from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base.h"
#include "dns/dns.h"
#include "dns/name.h"
#include "dns/zone_file.h"

/* A service over a zone given as text. */
struct world {
	char path[64];
	struct dns *dns;
	struct dns_session *session;
	struct arena_quota quota;
	struct arena arena;
};

static void open_world(struct world *w, const char *text, int question_ms)
{
	struct dns_settings settings = dns_default_settings();
	struct err err = { "" };

	*w = (struct world){ .path = "/tmp/mailreeve-test-zone-XXXXXX", .quota.max_octets = 1 << 24 };
	int fd = mkstemp(w->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	settings.mode = DNS_MODE_ZONE;
	settings.zone_file = w->path;
	settings.question_ms = question_ms;
	settings.failure_ttl_s = 0;
	int checked = dns_check(&settings, &err);
	if (checked == 0)
		w->dns = dns_open(&settings, &err);
	unlink(w->path);
	if (w->dns == NULL)
		fail_msg("%s", err.text);
	w->session = dns_session_open(w->dns);
	arena_open(&w->arena, &w->quota);
}

static void close_world(struct world *w)
{
	dns_session_close(&w->session);
	dns_close(&w->dns);
	arena_close(&w->arena);
}

static const struct dns_answer *ask(struct world *w, const char *name, enum dns_type type)
{
	const struct dns_answer *answer = NULL;

	dns_wait(dns_ask(w->session, &w->arena, name, type, DNS_FLAG_NONE), clock_now() + 60000, &answer);
	assert_non_null(answer);
	return answer;
}

static void expect(struct world *w, const char *name, enum dns_type type, enum dns_status status, enum dns_why why)
{
	const struct dns_answer *answer = ask(w, name, type);

	if (answer->status != status || answer->why != why)
		fail_msg("%s %s: status %d, why \"%s\"", name, dns_type_name(type), (int)answer->status,
		         dns_why_name(answer->why));
}

static const char zone_text[] = "; a comment, and an empty line\n"
				"\n"
				"$TTL 120\n"
				"Mail.Example.ORG. IN A 192.0.2.25 ; with its final dot\n"
				"mail.example.org 60 IN AAAA 2001:db8::25\n"
				"mail.example.org IN 60 A 192.0.2.26\n"
				"25.2.0.192.in-addr.arpa PTR mail.example.org\n"
				"example.org MX 10 mail.example.org.\n"
				"            MX 0 .\n"
				"\t\tNS ns.example.org\n"
				"example.org SOA ns.example.org hostmaster.example.org (\n"
				"\t2026010100 ; serial\n"
				"\t3600 600 86400 45 )\n"
				"txt.example.org TXT \"v=spf1 ip4:192.0.2.0/24\" \" -all\"\n"
				"txt.example.org txt bare\\ word \"semi;colon \\\"quoted\\\"\" \\000\\255\\; \"\"\n"
				"www.example.org CNAME web.example.org\n"
				"web.example.org CNAME mail.example.org\n"
				"dangling.example.org CNAME nothing.example.net\n"
				"loop.example.net CNAME pool.example.net\n"
				"pool.example.net CNAME loop.example.net\n"
				"*.wild.example.net A 192.0.2.99\n"
				"*.wild.example.net TXT wild\n"
				"host.wild.example.net A 192.0.2.98\n"
				"a.deep.wild.example.net A 192.0.2.97\n"
				"*.alias.example.net CNAME mail.example.org\n"
				"esc\\046aped.example.net A 192.0.2.96\n";

static void test_records(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, zone_text, 60000);
	const struct dns_answer *answer = ask(&w, "mail.example.org", DNS_A);
	assert_int_equal(answer->status, DNS_FOUND);
	assert_int_equal(answer->n_records, 2);
	assert_int_equal(answer->ttl_s, 60);
	assert_int_equal(answer->records[0].ip.octets[3], 25);
	assert_int_equal(answer->records[1].ip.octets[3], 26);
	answer = ask(&w, "MAIL.example.org.", DNS_AAAA);
	assert_int_equal(answer->records[0].ip.family, 6);
	answer = ask(&w, "25.2.0.192.in-addr.arpa", DNS_PTR);
	assert_string_equal(answer->records[0].name, "mail.example.org");
	assert_int_equal(answer->ttl_s, 120);
	answer = ask(&w, "example.org", DNS_MX);
	assert_int_equal(answer->n_records, 2);
	assert_int_equal(answer->records[0].preference, 10);
	assert_string_equal(answer->records[1].name, ".");
	assert_string_equal(ask(&w, "example.org", DNS_NS)->records[0].name, "ns.example.org");
	assert_int_equal(ask(&w, "example.org", DNS_SOA)->n_records, 1);
	answer = ask(&w, "txt.example.org", DNS_TXT);
	assert_int_equal(answer->n_records, 2);
	assert_string_equal((const char *)answer->records[0].data, "v=spf1 ip4:192.0.2.0/24 -all");
	assert_int_equal(answer->records[0].n_strings, 2);
	assert_int_equal(answer->records[0].string_octets[0], 23);
	static const char second[] = "bare wordsemi;colon \"quoted\"\0\377;";
	assert_int_equal(answer->records[1].octets, sizeof second - 1);
	assert_memory_equal(answer->records[1].data, second, sizeof second);
	assert_int_equal(answer->records[1].n_strings, 4);
	assert_int_equal(answer->records[1].string_octets[3], 0);
	assert_int_equal(ask(&w, "esc\\.aped.example.net", DNS_A)->status, DNS_FOUND);
	close_world(&w);
}

static void test_absence(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, zone_text, 60000);
	expect(&w, "mail.example.org", DNS_TXT, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "none.example.org", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(&w, "example.net", DNS_A, DNS_NONE, DNS_WHY_NODATA); /* there are names below it */
	expect(&w, "in-addr.arpa", DNS_PTR, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "x.mail.example.org", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(&w, "nothing.at.all", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	/* RFC 2308 5: the SOA of the zone, else the general one */
	assert_int_equal(ask(&w, "none.example.org", DNS_A)->ttl_s, 45);
	assert_int_equal(ask(&w, "none.example.net", DNS_A)->ttl_s, ZONE_TTL_S);
	close_world(&w);
}

static void test_chains_and_wildcards(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, zone_text, 60000);
	const struct dns_answer *answer = ask(&w, "www.example.org", DNS_A);
	assert_int_equal(answer->n_records, 2);
	assert_string_equal(answer->canonical, "mail.example.org");
	assert_string_equal(ask(&w, "www.example.org", DNS_CNAME)->records[0].name, "web.example.org");
	expect(&w, "www.example.org", DNS_TXT, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "dangling.example.org", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(&w, "loop.example.net", DNS_A, DNS_UNSURE, DNS_WHY_SERVFAIL);
	/* RFC 4592: only below the closest name that exists, at any depth */
	assert_int_equal(ask(&w, "x.wild.example.net", DNS_A)->records[0].ip.octets[3], 99);
	assert_int_equal(ask(&w, "x.y.z.wild.example.net", DNS_A)->records[0].ip.octets[3], 99);
	assert_int_equal(ask(&w, "host.wild.example.net", DNS_A)->records[0].ip.octets[3], 98);
	expect(&w, "x.wild.example.net", DNS_MX, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "host.wild.example.net", DNS_TXT, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "x.host.wild.example.net", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(&w, "deep.wild.example.net", DNS_A, DNS_NONE, DNS_WHY_NODATA);
	expect(&w, "x.deep.wild.example.net", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	expect(&w, "wild.example.net", DNS_A, DNS_NONE, DNS_WHY_NODATA);
	assert_int_equal(ask(&w, "*.wild.example.net", DNS_A)->records[0].ip.octets[3], 99);
	assert_string_equal(ask(&w, "x.alias.example.net", DNS_A)->canonical, "mail.example.org");
	close_world(&w);
}

static void test_faults(void **state)
{
	struct world w;

	(void)state;
	open_world(&w,
	           "a.example * !servfail\n"
	           "b.example TXT !bogus\n"
	           "b.example A 192.0.2.1\n"
	           "c.example * !servfail\n"
	           "c.example A !slow=1\n"
	           "c.example A 192.0.2.2\n"
	           "*.broken.example * !timeout\n"
	           "broken.example A 192.0.2.3\n"
	           "to-broken.example CNAME x.broken.example\n"
	           "to-bogus.example CNAME b.example\n"
	           "slow.example A !SLOW=30\n"
	           "slow.example A 192.0.2.4\n"
	           "slow-nothing.example * !slow=30\n",
	           150);
	expect(&w, "a.example", DNS_A, DNS_UNSURE, DNS_WHY_SERVFAIL);
	expect(&w, "a.example", DNS_TXT, DNS_UNSURE, DNS_WHY_SERVFAIL);
	expect(&w, "b.example", DNS_TXT, DNS_UNSURE, DNS_WHY_BOGUS);
	expect(&w, "b.example", DNS_A, DNS_FOUND, DNS_WHY_NOTHING);
	expect(&w, "c.example", DNS_MX, DNS_UNSURE, DNS_WHY_SERVFAIL);
	expect(&w, "to-bogus.example", DNS_TXT, DNS_UNSURE, DNS_WHY_BOGUS);
	expect(&w, "broken.example", DNS_A, DNS_FOUND, DNS_WHY_NOTHING);
	expect(&w, "x.broken.example", DNS_A, DNS_UNSURE, DNS_WHY_TIMEOUT);
	expect(&w, "x.y.broken.example", DNS_PTR, DNS_UNSURE, DNS_WHY_TIMEOUT);
	expect(&w, "to-broken.example", DNS_A, DNS_UNSURE, DNS_WHY_TIMEOUT);
	close_world(&w); /* with three questions that were never answered */
}

static void test_slow(void **state)
{
	struct world w;

	(void)state;
	open_world(&w,
	           "slow.example A !slow=40\n"
	           "slow.example A 192.0.2.4\n"
	           "slow.example TXT quick\n"
	           "nothing.example * !slow=20\n"
	           "alias.example CNAME slow.example\n"
	           "never.example * !slow=600000\n",
	           60000);
	clock_ms before = clock_now();
	struct dns_question *slow = dns_ask(w.session, &w.arena, "slow.example", DNS_A, DNS_FLAG_NONE);
	struct dns_question *nothing = dns_ask(w.session, &w.arena, "nothing.example", DNS_MX, DNS_FLAG_NONE);
	struct dns_question *never = dns_ask(w.session, &w.arena, "never.example", DNS_MX, DNS_FLAG_NONE);
	expect(&w, "slow.example", DNS_TXT, DNS_FOUND, DNS_WHY_NOTHING);
	expect(&w, "alias.example", DNS_A, DNS_FOUND, DNS_WHY_NOTHING);
	assert_int_equal(dns_wait(slow, clock_now() + 60000, NULL), DNS_FOUND);
	assert_true(clock_now() - before >= 40);
	assert_int_equal(dns_wait(nothing, clock_now() + 60000, NULL), DNS_NONE);
	assert_int_equal(dns_poll(never, NULL), DNS_PENDING);
	close_world(&w);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* part of the message */
	} cases[] = {
		{ "a.example A 192.0.2.1\nb.example SPF x\n",
		  "zone:2: \"SPF\" is no type known here: known are A, AAAA" },
		{ "\n\na.example A 192.0.2\n", "zone:3: \"192.0.2\" is not an IPv4 address such as 192.0.2.1" },
		{ "a.example A 2001:db8::1\n", "is not an IPv4 address" },
		{ "a.example AAAA 192.0.2.1\n", "is not an IPv6 address such as" },
		{ "a.example A\n", "zone:1: the line ends where an IPv4 address such as 192.0.2.1 should be" },
		{ "a.example\n", "the line ends where a type should be" },
		{ "a.example 60 IN\n", "the line ends where a type should be" },
		{ "a.example 99999999999 A 192.0.2.1\n", "is no TTL: a number of seconds" },
		{ "a.example 1h A 192.0.2.1\n", "\"1h\" is no TTL" },
		{ "a.example A 192.0.2.1 192.0.2.2\n", "\"192.0.2.2\" is too much on this line" },
		{ "a..example A 192.0.2.1\n", "\"a..example\" is no name: an absolute name" },
		{ "@ A 192.0.2.1\n", "\"@\" is no name" },
		{ " A 192.0.2.1\n",
		  "zone:1: a line that begins with a blank continues the name before it, but there is none" },
		{ "$ORIGIN example.\n", "\"$ORIGIN\" is not known: $TTL is the only directive" },
		{ "$TTL soon\n", "$TTL needs a number of seconds" },
		{ "$TTL\n", "$TTL needs a number of seconds" },
		{ "a.example MX mail.example\n",
		  "\"mail.example\" is no MX preference: a number from 0 to 65535 is right" },
		{ "a.example MX 65536 mail.example\n", "is no MX preference" },
		{ "a.example PTR b..example\n", "\"b..example\" is no name" },
		{ "a.example TXT\n", "the line ends where a string should be" },
		{ "a.example TXT \"open\n", "zone:1: a string without its closing quote" },
		{ "a.example TXT \\300\n", "is no TXT string" },
		{ "a.example SOA a. b. 1 2 3 4\n", "the line ends where SOA minimum should be" },
		{ "a.example SOA (a. b. 1 2\n\n3 4 x)\n", "zone:1: \"x\" is no SOA minimum" },
		{ "a.example TXT ( x\n", "the file ends before the closing parenthesis" },
		{ "a.example TXT x )\n", "a closing parenthesis without an opening one" },
		{ "a.example A !late\n",
		  "\"!late\" is no fault: right are !timeout, !servfail, !bogus, !slow=MILLISECONDS" },
		{ "a.example A !slow=\n", "is no fault" },
		{ "a.example A !slow=600001\n", "(up to 600000)" },
		{ "a.example A !slow=1.5\n", "is no fault" },
		{ "a.example * 192.0.2.1\n", "after the type * a fault is right" },
		{ "a.example *\n", "after the type * a fault is right" },
		{ "a.example A !bogus\na.example A !timeout\n", "zone:2: this name and type have a fault already" },
		{ "a.example A !bogus now\n", "\"now\" is too much on this line" },
		{ "a.example A 192.0.2.1\na.example CNAME b.example\n",
		  "zone:2: a name with a CNAME can have no other record" },
		{ "a.example CNAME b.example\na.example A 192.0.2.1\n",
		  "zone:2: a name with a CNAME can have no other record" },
		{ "a.example CNAME b.example\na.example CNAME c.example\n", "can have no other record" },
		{ "a.example TY\x1b[2JPE x\n", "\"TY\\x1B[2JPE\" is no type" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { "" };
		struct zone *zone = zone_file_parse(cases[i].text, strlen(cases[i].text), "zone", &err);
		if (zone != NULL || strcasestr(err.text, cases[i].want) == NULL)
			fail_msg("%s\n gave \"%s\",\n not  \"%s\"", cases[i].text, err.text, cases[i].want);
		for (const char *c = err.text; *c != '\0'; c++)
			assert_true(*c >= ' ' && *c < 0x7f);
	}
	struct err err = { "" };
	assert_null(zone_file_parse("a\0b", 3, "zone", &err));
	assert_non_null(strstr(err.text, "NUL"));
	assert_null(zone_file_open("/nonexistent/zone", &err));
	assert_non_null(strstr(err.text, "zone file /nonexistent/zone: No such file"));
	assert_null(zone_file_open("/", &err));
	assert_non_null(strstr(err.text, "directory"));
}

static void test_lengths(void **state)
{
	struct err err = { "" };
	char text[5000];

	(void)state;
	for (int octets = 255; octets <= 256; octets++) {
		int used = snprintf(text, sizeof text, "a.example TXT \"%0*d\"\n", octets, 0);
		struct zone *zone = zone_file_parse(text, (size_t)used, "zone", &err);
		assert_int_equal(zone != NULL, octets == 255);
		zone_file_close(&zone);
	}
	assert_non_null(strstr(err.text, "at most 255 octets"));
	int used = snprintf(text, sizeof text, "a.example TXT \"%04000d\"\n", 0);
	assert_null(zone_file_parse(text, (size_t)used, "zone", &err));
	assert_non_null(strstr(err.text, "a word of more than"));
	/* without an end of line, with a line of Windows, and nothing at all */
	struct zone *zone = zone_file_parse("a.example A 192.0.2.1\r\nb.example A 192.0.2.2", 44, "zone", &err);
	assert_non_null(zone);
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets = dns_name_to_wire("b.example", wire);
	assert_non_null(zone_find(zone, wire, octets));
	zone_file_close(&zone);
	zone = zone_file_parse("", 0, "zone", &err);
	assert_non_null(zone);
	zone_file_close(&zone);
}

/* An answer larger than a message can be is no answer. */
static void test_too_large(void **state)
{
	size_t size = 2000000;
	char *text = memory_new(size);
	size_t used = 0;
	struct world w;

	(void)state;
	for (int i = 0; i < 300; i++)
		used += (size_t)snprintf(text + used, size - used, "big.example TXT \"%0250d\"\n", i);
	for (int i = 0; i < 5000; i++)
		used += (size_t)snprintf(text + used, size - used, "n%d.many.example A 192.0.2.1\n", i);
	open_world(&w, text, 60000);
	expect(&w, "big.example", DNS_TXT, DNS_UNSURE, DNS_WHY_SERVFAIL);
	expect(&w, "n4999.many.example", DNS_A, DNS_FOUND, DNS_WHY_NOTHING);
	expect(&w, "n5000.many.example", DNS_A, DNS_NONE, DNS_WHY_NXDOMAIN);
	close_world(&w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_absence),
		cmocka_unit_test(test_chains_and_wildcards),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

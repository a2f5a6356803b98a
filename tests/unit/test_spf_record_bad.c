/* SPDX-License-Identifier: BSD-2-Clause */
/* SPF records taken apart: what is not in the grammar (RFC 7208 12) is named. */
#include "spf_record_fixture.h"

static struct reading reading; /* too large for the stack */

/* --- what is not in the grammar --- */

struct bad {
	const char *terms, *problem; /* problem: a piece of the text */
};

static void check_bad(const struct bad *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		read_text(&reading, cases[i].terms);
		if (reading.status == 0)
			fail_msg("\"%s\" was taken: \"%s\"", cases[i].terms, reading.dump);
		if (strstr(reading.problem, cases[i].problem) == NULL)
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].terms, reading.problem, cases[i].problem);
	}
}

static void test_bad_terms(void **state)
{
	static const char toplabel[] = "does not end in a top-level label";
	static const struct bad cases[] = {
		{ "foo", "term 1 \"foo\": there is no mechanism \"foo\"" },
		{ "a mx foo:example.org", "term 3 \"foo:example.org\": there is no mechanism \"foo\"" },
		{ "-all moo", "term 2 \"moo\": there is no mechanism \"moo\"" },
		{ "all -all.", "there is no mechanism \"all.\"" },
		{ "moo.cow/far_out=man:dog/cat", "there is no mechanism \"moo.cow\"" },
		{ "moo.cow:far_out=man:dog/cat", "there is no mechanism \"moo.cow\"" },
		{ "a.example.org", "there is no mechanism \"a.example.org\"" },
		{ "192.0.2.1", "there is no mechanism \"192.0.2.1\"" },
		{ "aa", "there is no mechanism" },
		{ "m", "there is no mechanism" },
		{ "al", "there is no mechanism" },
		{ "alll", "there is no mechanism" },
		{ "ip5:192.0.2.1", "there is no mechanism \"ip5\"" },
		{ "ipv4:192.0.2.1", "there is no mechanism \"ipv4\"; \"ip4:\" may be meant" },
		{ "IP:192.0.2.1", "there is no mechanism \"IP\"; \"ip4:\" may be meant" },
		{ "ipv6:2001:db8::1", "\"ip6:\" may be meant" },
		{ "redirect:example.org", "there is no mechanism \"redirect\"; \"redirect=\" may be meant" },
		{ "exp:example.org", "\"exp=\" may be meant" },
		{ "redirect", "there is no mechanism \"redirect\"" },
		{ "-", "term 1 \"-\": the name of a mechanism is missing" },
		{ "- all", "the name of a mechanism is missing" },
		{ ":", "the name of a mechanism is missing" },
		{ "+:example.org", "the name of a mechanism is missing" },
		{ "/24", "the name of a mechanism is missing" },
		{ "--all", "there is no mechanism \"-all\"" },
		{ "+-all", "there is no mechanism \"-all\"" },
		{ "!all", "there is no mechanism \"!all\"" },
		{ "*all", "there is no mechanism" },
		{ "a,mx", "there is no mechanism \"a,mx\"" },
		{ "a;", "there is no mechanism \"a;\"" },
		{ "\"a\"", "there is no mechanism \"\\x22a\\x22\"" },
		{ "a\\", "there is no mechanism \"a\\x5c\"" },
		{ "%{d}", "there is no mechanism" },
		{ "all:", "all takes no argument" },
		{ "all:example.org", "term 1 \"all:example.org\": all takes no argument" },
		{ "-all/8", "all takes no argument" },
		{ "all//8", "all takes no argument" },
		{ "include", "include needs a domain" },
		{ "-include/24", "include needs a domain" },
		{ "include:", "term 1 \"include:\": a domain is missing" },
		{ "a include: -all", "term 2 \"include:\": a domain is missing" },
		{ "include:example", toplabel },
		{ "include:example.", toplabel },
		{ "include:.", toplabel },
		{ "include:..", toplabel },
		{ "include:example.org..", toplabel },
		{ "include:example.-org", toplabel },
		{ "include:example.org-", toplabel },
		{ "include:example.o_g", toplabel },
		{ "include:example.org:25", toplabel },
		{ "include:192.0.2.1", toplabel },
		{ "include:example.123", toplabel },
		{ "include:example.123.", toplabel },
		{ "include:%{d}x", toplabel },
		{ "include:%{d}.", toplabel },
		{ "include:%{d}.1", toplabel },
		{ "include:example.org/24", "include takes no prefix length" },
		{ "include:%{d}//64", "include takes no prefix length" },
		{ "include:%{d}/", "include takes no prefix length" },
		{ "exists", "exists needs a domain" },
		{ "exists:", "a domain is missing" },
		{ "exists/24", "exists needs a domain" },
		{ "exists:example.org/24", "exists takes no prefix length" },
		{ "exists:%{z}.example.org", "there is no macro letter \"z\"" },
		{ "a exists:%{z}.example.org", "term 2 \"exists:%{z}.example.org\": there is no macro letter \"z\"" },
		{ "exists:%(ir).example.org", "%(" },
		{ "exists:foo%.example.org", "%." },
		{ "exists:example.org%", "%" },
		{ "exists:%{d.example.org", "\"e\" cannot follow \"%{d.\"" },
		{ "exists:%{d", "\"%{d\" has no \"}\"" },
		{ "exists:%{", "term 1 \"exists:%{\":" },
		{ "exists:%{}.example.org", "term 1" },
		{ "exists:%{d2d}.example.org", "term 1" },
		{ "exists:%{drr}.example.org", "term 1" },
		{ "exists:%{dr2}.example.org", "term 1" },
		{ "exists:%{d-2}.example.org", "term 1" },
		{ "exists:%{d:}.example.org", "term 1" },
		{ "exists:%{d0}.example.org", "term 1" },
		{ "exists:%{c}.example.org", "term 1" },
		{ "exists:%{R}.example.org", "term 1" },
		{ "exists:%{t}.example.org", "term 1" },
		{ "ptr:", "a domain is missing" },
		{ "ptr/0", "ptr takes no prefix length" },
		{ "ptr//64", "ptr takes no prefix length" },
		{ "ptr:example.org/24", "ptr takes no prefix length" },
		{ "ptr:example", toplabel },
		{ "a:", "a domain is missing" },
		{ "mx:", "a domain is missing" },
		{ "a:/24", "a domain is missing" },
		{ "mx://64", "a domain is missing" },
		{ "a:example", toplabel },
		{ "a:example/24", toplabel },
		{ "a:192.0.2.1/24", toplabel },
		{ "a:example.org:8080", toplabel },
		{ "a:example.org/abc", toplabel },
		{ "a:example.org/-1", toplabel },
		{ "a:example.org/24x", toplabel },
		{ "a:example.org/24.", toplabel },
		{ "a:%{d/24", "has no \"}\"" },
		{ "a:%{d2/24}x", "cannot follow" },
		{ "a:%{d2/}x/24", toplabel },
	};

	(void)state;
	check_bad(cases, COUNT(cases));
}

static void test_bad_prefixes(void **state)
{
	static const struct bad cases[] = {
		{ "a/", "a number is missing after \"/\"" },
		{ "a//", "a number is missing after \"/\"" },
		{ "a///", "a number is missing" },
		{ "a///64", "a number is missing" },
		{ "a/24/", "is no prefix length" },
		{ "a/24//", "a number is missing" },
		{ "a/24/64", "\"/24/64\" is no prefix length; right are \"/24\", \"//64\", \"/24//64\"" },
		{ "a/24///64", "a number is missing" },
		{ "a//64/24", "is no prefix length" },
		{ "a//64//64", "is no prefix length" },
		{ "a/24//64/", "is no prefix length" },
		{ "a/33", "the prefix length \"33\" is above 32" },
		{ "a/99", "is above 32" },
		{ "a//129", "the prefix length \"129\" is above 128" },
		{ "a/24//999", "is above 128" },
		{ "a/4294967296", "is above 32" },
		{ "a/18446744073709551616", "is above 32" },
		{ "a/00", "the prefix length \"00\" has a leading zero" },
		{ "a/024", "has a leading zero" },
		{ "mx//064", "has a leading zero" },
		{ "mx/-1", "a number is missing" },
		{ "mx/+8", "a number is missing" },
		{ "mx/8x", "is no prefix length" },
		{ "mx/x", "a number is missing" },
		{ "mx:example.org/33", "is above 32" },
		{ "mx:example.org/24/64", "is no prefix length" },
		{ "mx:example.org/", "a number is missing" },
		{ "mx:%{d}/024", "has a leading zero" },
		{ "ip4:192.0.2.0/", "a number is missing" },
		{ "ip4:192.0.2.0/33", "the prefix length \"33\" is above 32" },
		{ "ip4:192.0.2.0/032", "has a leading zero" },
		{ "ip4:192.0.2.0//32", "a number is missing" },
		{ "ip4:192.0.2.0/24/", "\"/\" after the prefix length is too much" },
		{ "ip4:192.0.2.0/24x", "\"x\" after the prefix length is too much" },
		{ "ip4:192.0.2.0/24//64", "is too much" },
		{ "ip6:2001:db8::/", "a number is missing" },
		{ "ip6:2001:db8::/129", "the prefix length \"129\" is above 128" },
		{ "ip6:2001:db8::/064", "has a leading zero" },
		{ "ip6:2001:db8:://64", "a number is missing" },
		{ "ip6:2001:db8::/64/64", "is too much" },
	};

	(void)state;
	check_bad(cases, COUNT(cases));
}

static void test_bad_networks(void **state)
{
	static const char no4[] = "is no IPv4 address", no6[] = "is no IPv6 address";
	static const struct bad cases[] = {
		{ "ip4", "ip4 needs an IPv4 address" },
		{ "ip4:", "ip4 needs an IPv4 address" },
		{ "ip4/24", "ip4 needs an IPv4 address" },
		{ "ip4:/24", no4 },
		{ "a mx ip4:192.0.2.300", "term 3 \"ip4:192.0.2.300\": \"192.0.2.300\" is no IPv4 address" },
		{ "ip4:192.0.2", no4 },
		{ "ip4:192.0.2.", no4 },
		{ "ip4:.192.0.2.1", no4 },
		{ "ip4:192..0.2.1", no4 },
		{ "ip4:192.0.2.1.", no4 },
		{ "ip4:192.0.2.1.1", no4 },
		{ "ip4:192.0.2.256", no4 },
		{ "ip4:192.0.2.01", no4 },
		{ "ip4:192.0.2.00", no4 },
		{ "ip4:0192.0.2.1", no4 },
		{ "ip4:192.0.2.0x1", no4 },
		{ "ip4:192.0.2.-1", no4 },
		{ "ip4:192.0.2.1:25", no4 },
		{ "ip4:[192.0.2.1]", no4 },
		{ "ip4:3221225985", no4 },
		{ "ip4:192.0.2.*", no4 },
		{ "ip4:192.0.2.1-192.0.2.9", no4 },
		{ "ip4:192.0.2.1,192.0.2.2", no4 },
		{ "ip4:example.org", no4 },
		{ "ip4:%{i}", no4 },
		{ "ip4:2001:db8::1", no4 },
		{ "ip4::192.0.2.1", no4 },
		{ "ip4:192.0.2.1111111111111111111111111111111111111111111111111111111111", no4 },
		{ "ip6", "ip6 needs an IPv6 address" },
		{ "ip6:", "ip6 needs an IPv6 address" },
		{ "-all ip6", "term 2 \"ip6\": ip6 needs an IPv6 address" },
		{ "ip6:/64", no6 },
		{ "ip6::", no6 },
		{ "ip6:::::", no6 },
		{ "ip6::2001:db8::1", no6 },
		{ "ip6:2001:db8::1:", no6 },
		{ "ip6:2001::db8::1", no6 },
		{ "ip6:2001:db8:::1", no6 },
		{ "ip6:1:2:3:4:5:6:7", no6 },
		{ "ip6:1:2:3:4:5:6:7:8:9", no6 },
		{ "ip6:1:2:3:4::5:6:7:8", no6 },
		{ "ip6:::1:2:3:4:5:6:7:8", no6 },
		{ "ip6:1:2:3:4:5:6:7:8::", no6 },
		{ "ip6:2001:0db80::1", no6 },
		{ "ip6:2001:dbg::1", no6 },
		{ "ip6:fe80::1%eth0", no6 },
		{ "ip6:fe80::1%251", no6 },
		{ "ip6:[2001:db8::1]", no6 },
		{ "ip6:IPv6:2001:db8::1", no6 },
		{ "ip6:192.0.2.1", no6 },
		{ "ip6:::192.0.2.1:1", no6 },
		{ "ip6:::192.0.2.01", no6 },
		{ "ip6:::192.0.2.256", no6 },
		{ "ip6:::192.0.2", no6 },
		{ "ip6:1:2:3:4:5:6:7:192.0.2.1", no6 },
		{ "ip6:::1:2:3:4:5:6:192.0.2.1", no6 },
		{ "ip6:%{i}", no6 },
		{ "ip6:0000:0000:0000:0000:0000:ffff:255.255.255.2555", no6 },
		{ "ip6:0000:0000:0000:0000:0000:00ff:0255.255.255.255", no6 },
		{ "ip6:0000000000000000000000000000000000000000000001", no6 },
	};

	(void)state;
	check_bad(cases, COUNT(cases));
}

static void test_bad_modifiers(void **state)
{
	static const char toplabel[] = "does not end in a top-level label";
	static const struct bad cases[] = {
		{ "exp=e.example exp=e.example", "term 2 \"exp=e.example\": exp= occurs twice" },
		{ "exp=e.example -all EXP=f.example", "term 3 \"EXP=f.example\": exp= occurs twice" },
		{ "redirect=r.example redirect=r.example", "redirect= occurs twice" },
		{ "redirect=r.example -all Redirect=r.example",
		  "term 3 \"Redirect=r.example\": redirect= occurs twice" },
		{ "exp=", "term 1 \"exp=\": a domain is missing" },
		{ "?all redirect=", "term 2 \"redirect=\": a domain is missing" },
		{ "exp=-all", toplabel },
		{ "redirect=-all ?all", toplabel },
		{ "redirect=example", toplabel },
		{ "redirect=example.org/24", toplabel },
		{ "exp=e.example/", toplabel },
		{ "exp=%{r}.example.org", "term 1" },
		{ "exp=%{c}.example.org", "term 1" },
		{ "redirect=%{t}.example.org", "term 1" },
		{ "redirect=%{x}.example.org", "there is no macro letter \"x\"" },
		{ "=all", "a name is missing before \"=\"" },
		{ "-=all", "a name is missing before \"=\"" },
		{ "1up=foo", "\"1up\" is no name of a modifier" },
		{ ".up=foo", "\".up\" is no name of a modifier" },
		{ "_up=foo", "\"_up\" is no name of a modifier" },
		{ "f%o=foo", "\"f%o\" is no name of a modifier" },
		{ "a+b=foo", "\"a+b\" is no name of a modifier" },
		{ "-exp=e.example", "a modifier takes no qualifier" },
		{ "+redirect=r.example", "a modifier takes no qualifier" },
		{ "?foo=bar", "a modifier takes no qualifier" },
		{ "-a=b", "a modifier takes no qualifier" },
		{ "+all=b", "a modifier takes no qualifier" },
		{ "-all foo=%abc", "term 2 \"foo=%abc\": " },
		{ "foo=%", "term 1 \"foo=%\": " },
		{ "foo=%{z}", "there is no macro letter \"z\"" },
		{ "foo=%{d", "has no \"}\"" },
		{ "foo=50%", "term 1" },
		{ "foo = bar", "there is no mechanism \"foo\"" },
	};

	(void)state;
	check_bad(cases, COUNT(cases));
}

/* Any octet but the printable ones is an error wherever it stands; the problem names it. */
static void test_octets(void **state)
{
	static const char *const places[] = { "a \x01 b", "foo=\x01", "\x01_", "-all\x01", "include:\x01.example" };

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		for (unsigned int octet = 0; octet < 256; octet++) {
			char record[64], expected[32];
			size_t length = (size_t)snprintf(record, sizeof(record), "v=spf1 %s", places[i]);
			*(char *)memchr(record, '\x01', length) = (char)octet;
			if (octet >= 0x20 && octet <= 0x7e)
				continue;
			read_octets(&reading, record, length);
			assert_int_equal(reading.status, -1);
			snprintf(expected, sizeof(expected), "the octet \\x%02x is", octet);
			assert_non_null(strstr(reading.problem, expected));
		}
	}
	read_text(&reading, "a mx\tptr -all");
	assert_string_equal(reading.problem, "term 2: the octet \\x09 is a tab; only spaces stand between terms");
	read_text(&reading, "a mx ptr \xe9ll");
	assert_string_equal(reading.problem, "term 4: the octet \\xe9 is not ASCII");
	read_text(&reading, "-all\r\n");
	assert_string_equal(reading.problem, "term 1: the octet \\x0d is a control character");
	read_octets(&reading, "v=spf1 a\0 -all", 14);
	assert_string_equal(reading.problem, "term 1: the octet \\x00 is a control character");
}

/* Every prefix length there is, and some that are not. */
static void test_every_prefix_length(void **state)
{
	static const struct {
		const char *term;
		unsigned int max;
	} cases[] = {
		{ "a/", 32 },   { "mx:x.example/", 32 },      { "ip4:192.0.2.1/", 32 },
		{ "a//", 128 }, { "mx:x.example/24//", 128 }, { "ip6:2001:db8::1/", 128 },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (unsigned int bits = 0; bits <= 300; bits++) {
			snprintf(text, sizeof(text), "%s%u", cases[i].term, bits);
			read_text(&reading, text);
			assert_int_equal(reading.status, bits <= cases[i].max ? 0 : -1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_terms),    cmocka_unit_test(test_bad_prefixes),
		cmocka_unit_test(test_bad_networks), cmocka_unit_test(test_bad_modifiers),
		cmocka_unit_test(test_octets),       cmocka_unit_test(test_every_prefix_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Macro expansion: what each letter, transformer and delimiter gives (RFC 7208 7). */
#include "spf_macro_fixture.h"

static void test_rfc_examples(void **state)
{
	static const struct {
		const char *client, *spec, *name;
	} cases[] = {
		{ "192.0.2.3", "%{s}", "strong-bad@email.example.com" },
		{ "192.0.2.3", "%{o}", "email.example.com" },
		{ "192.0.2.3", "%{d}", "email.example.com" },
		{ "192.0.2.3", "%{d4}", "email.example.com" },
		{ "192.0.2.3", "%{d3}", "email.example.com" },
		{ "192.0.2.3", "%{d2}", "example.com" },
		{ "192.0.2.3", "%{d1}", "com" },
		{ "192.0.2.3", "%{dr}", "com.example.email" },
		{ "192.0.2.3", "%{d2r}", "example.email" },
		{ "192.0.2.3", "%{l}", "strong-bad" },
		{ "192.0.2.3", "%{l-}", "strong.bad" },
		{ "192.0.2.3", "%{lr}", "strong-bad" },
		{ "192.0.2.3", "%{lr-}", "bad.strong" },
		{ "192.0.2.3", "%{l1r-}", "strong" },
		{ "192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
		{ "192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
		{ "192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
		{ "192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com" },
		{ "192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net" },
		{ "2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
		  "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com" },
		{ "192.0.2.3", "%{p}", "mx.example.org" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spf_macros macros = rfc_macros(cases[i].client);
		assert_string_equal(problem_of(cases[i].spec, strlen(cases[i].spec), true), "");
		assert_string_equal(domain_of(cases[i].spec, &macros), cases[i].name);
	}
}

static void test_letters(void **state)
{
	static const struct {
		const char *client, *text, *result;
	} cases[] = {
		{ "192.0.2.3", "", "" },
		{ "192.0.2.3", "%{s} %{l} %{o} %{d}",
		  "strong-bad@email.example.com strong-bad email.example.com email.example.com" },
		{ "192.0.2.3", "%{i} %{c} %{v}", "192.0.2.3 192.0.2.3 in-addr" },
		{ "2001:db8::cb01", "%{c} %{v}", "2001:db8::cb01 ip6" },
		{ "2001:db8::cb01", "%{i}", "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1" },
		{ "::ffff:192.0.2.3", "%{i} %{c} %{v}", "192.0.2.3 192.0.2.3 in-addr" },
		{ "192.0.2.3", "%{h}, %{p}", "mail.example.com, mx.example.org" },
		{ "192.0.2.3", "%{r} %{t}", "mx.example.net 1700000000" },
		{ "192.0.2.3", "100%%%_%-.", "100% %20." },
		{ "192.0.2.3", "%%{d} %%%{d1}", "%{d} %com" },
		{ "192.0.2.3", "%{S} %{C} %{H}", "strong-bad%40email.example.com 192.0.2.3 mail.example.com" },
		{ "2001:db8::cb01", "%{C}", "2001%3Adb8%3A%3Acb01" },
		{ "192.0.2.3", "This ends in a dot.", "This ends in a dot." },
		{ "192.0.2.3", "%{d1r}..%{D1}", "email..com" },
		{ "192.0.2.3", "back\\slash", "back\\slash" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spf_macros macros = rfc_macros(cases[i].client);
		assert_string_equal(problem_of(cases[i].text, strlen(cases[i].text), false), "");
		assert_string_equal(text_of(cases[i].text, &macros), cases[i].result);
	}
}

static void test_values_absent(void **state)
{
	struct spf_macros none = { .local = NULL };
	struct spf_macros empty = { .local = "", .sender_domain = "", .domain = "", .helo = "", .receiver = "" };

	(void)state;
	assert_string_equal(text_of("<%{s}|%{l}|%{o}|%{d}|%{h}|%{r}|%{p}>", &none), "<@|||||unknown|unknown>");
	assert_string_equal(text_of("<%{s}|%{l}|%{o}|%{d}|%{h}|%{r}|%{p}>", &empty), "<@|||||unknown|unknown>");
	assert_string_equal(text_of("<%{sr}|%{l1r}|%{o2}|%{d9-}|%{H}>", &none), "<@||||>");
	assert_string_equal(text_of("%{c}", &none), "unknown");
	assert_string_equal(domain_of("%{h}", &none), "..");
}

static void test_transformers(void **state)
{
	static const struct {
		const char *local, *text, *result;
	} cases[] = {
		{ "a.b.c", "%{l1}", "c" },
		{ "a.b.c", "%{l2}", "b.c" },
		{ "a.b.c", "%{l3}", "a.b.c" },
		{ "a.b.c", "%{l4}", "a.b.c" },
		{ "a.b.c", "%{l127}", "a.b.c" },
		{ "a.b.c", "%{l0002}", "b.c" },
		{ "a.b.c", "%{l18446744073709551615}", "a.b.c" },
		{ "a.b.c", "%{l18446744073709551616}", "a.b.c" },
		{ "a.b.c", "%{l18446744073709551617}", "a.b.c" },
		{ "a.b.c", "%{l4294967297}", "a.b.c" },
		{ "a.b.c", "%{l99999999999999999999}", "a.b.c" },
		{ "a.b.c", "%{l99999999999999999999r}", "c.b.a" },
		{ "a.b.c", "%{lr}", "c.b.a" },
		{ "a.b.c", "%{lR}", "c.b.a" },
		{ "a.b.c", "%{l1r}", "a" },
		{ "a.b.c", "%{l2r}", "b.a" },
		{ "a.b.c", "%{L2R}", "b.a" },
		{ "a.b.c", "%{l1-}", "a.b.c" },
		{ "a.b.c", "%{lr-}", "a.b.c" },
		{ "a.b-c", "%{lr-}", "c.a.b" },
		{ "a.b-c", "%{l1-}", "c" },
		{ "a.b-c", "%{l2r.-}", "b.a" },
		{ "a-b", "%{l-}", "a.b" },
		{ "a+b", "%{l+}", "a.b" },
		{ "a,b", "%{l,}", "a.b" },
		{ "a/b", "%{l/}", "a.b" },
		{ "a_b", "%{l_}", "a.b" },
		{ "a=b", "%{l=}", "a.b" },
		{ "a.b-c+d,e/f_g=h", "%{l.-+,/_=}", "a.b.c.d.e.f.g.h" },
		{ "a.b-c+d,e/f_g=h", "%{lr.-+,/_=}", "h.g.f.e.d.c.b.a" },
		{ "a.b-c+d,e/f_g=h", "%{l3r=_/,+-.}", "c.b.a" },
		{ "a.b-c+d,e/f_g=h", "%{l--++--}", "a.b.c.d,e/f_g=h" },
		{ "a.b-c+d,e/f_g=h", "%{L=}", "a.b-c%2Bd%2Ce%2Ff_g.h" },
		{ "-a--b-", "%{l-}", ".a..b." },
		{ "-a--b-", "%{lr-}", ".b..a." },
		{ "-a--b-", "%{l1-}", "" },
		{ "-a--b-", "%{l2-}", "b." },
		{ "-a--b-", "%{l3-}", ".b." },
		{ "-a--b-", "%{l4-}", "a..b." },
		{ "-a--b-", "%{l5-}", ".a..b." },
		{ "-a--b-", "%{l1r-}", "" },
		{ "-a--b-", "%{l2r-}", "a." },
		{ "-a--b-", "%{l4r-}", "b..a." },
		{ "-a--b-", "%{l5r-}", ".b..a." },
		{ "-", "%{l-}", "." },
		{ "-", "%{l1r-}", "" },
		{ "..", "%{l2}", "." },
		{ "philip-gladstone-test", "%{l2r-}", "gladstone.philip" },
		{ "foo-bar+zip+quux", "%{l2r+-}", "bar.foo" },
		{ "a-b", "%{s1-}", "b@email.example.com" },
		{ "a.b", "%{s3}", "b@email.example.com" },
		{ "a.b", "%{s3r}", "example.b@email.a" },
		{ "~jack&jill=up-a_b3.c", "%{L}", "~jack%26jill%3Dup-a_b3.c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spf_macros macros = rfc_macros("192.0.2.3");
		macros.local = cases[i].local;
		assert_string_equal(problem_of(cases[i].text, strlen(cases[i].text), false), "");
		assert_string_equal(text_of(cases[i].text, &macros), cases[i].result);
	}
}

/* Every printable octet, URL-escaped or not, in texts and in names. */
static void test_url_escapes(void **state)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	(void)state;
	for (int octet = 1; octet < 256; octet++) {
		struct spf_macros macros = rfc_macros("192.0.2.3");
		char local[] = { 'x', (char)octet, 'y', '\0' };
		char plain[16], name[32];
		bool shown = octet > 0x20 && octet < 0x7f && octet != '\\';

		macros.local = local;
		assert_string_equal(text_of("%{l}", &macros), local);
		snprintf(plain, sizeof(plain), strchr(unreserved, octet) != NULL ? "x%cy" : "x%%%02Xy", octet);
		assert_string_equal(text_of("%{L}", &macros), plain);
		snprintf(name, sizeof(name), shown ? "x%cy.example.org" : "x\\%03dy.example.org", octet);
		assert_string_equal(domain_of("%{l}.example.org", &macros), name);
		assert_false(is_bad_name(name));
		snprintf(name, sizeof(name), "%s.example.org", plain);
		assert_string_equal(domain_of("%{L}.example.org", &macros), name);
	}
}

static void test_hostile_values(void **state)
{
	static const struct {
		const char *local, *spec, *name;
		bool bad;
	} cases[] = {
		{ "a\\", "%{l}.example.org", "a\\092.example.org", false },
		{ "\\", "%{l}.example.org", "\\092.example.org", false },
		{ "\\046", "%{l}.example.org", "\\092046.example.org", false },
		{ "a b", "%{l}.example.org", "a\\032b.example.org", false },
		{ "a\r\nb", "%{l}.example.org", "a\\013\\010b.example.org", false },
		{ "\x01\x7f\x80\xff", "%{l}.example.org", "\\001\\127\\128\\255.example.org", false },
		{ "\"a b\"", "%{l}.example.org", "\"a\\032b\".example.org", false },
		{ "%{d}", "%{l}.example.org", "%{d}.example.org", false }, /* a value is not expanded again */
		{ "%n%s", "%{l}.example.org", "%n%s.example.org", false },
		{ "a.b", "%{l}.example.org", "a.b.example.org", false },
		{ ".", "%{l}.example.org", "..example.org", true },
		{ "a..b", "%{l}.example.org", "a..b.example.org", true },
		{ ".a", "%{l}.example.org", ".a.example.org", true },
		{ "a.", "%{l}.example.org", "a..example.org", true },
		{ "", "%{l}.example.org", ".example.org", true },
		{ "", "example.org%{l}", "example.org", false },
		{ "", "%{l}", "..", true },
		{ ".", "%{l}", "..", true },
		{ "..", "%{l}", "..", true },
		{ "...", "%{l}", "...", true },
		{ "a.", "%{l}", "a", false },
		{ "a..", "%{l}", "a..", true },
		{ "a.", "%{l}.", "a..", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spf_macros macros = rfc_macros("192.0.2.3");
		macros.local = cases[i].local;
		assert_string_equal(domain_of(cases[i].spec, &macros), cases[i].name);
		assert_int_equal(is_bad_name(cases[i].name), cases[i].bad);
	}
}

static const char *validated_with_escape(void *context)
{
	(void)context;
	return "m\\255x.example.org";
}

/* The current domain may come from an expansion: its escapes mean octets, and are not escaped again. */
static void test_names_with_escapes(void **state)
{
	static const struct {
		const char *domain, *name;
	} cases[] = {
		{ "a\\032b.example.org", "x.a\\032b.example.org" },
		{ "a\\092b.example.org.", "x.a\\092b.example.org" },
		{ "a\\000b.example.org", "x.a\\000b.example.org" },
		{ "a\\bb.example.org", "x.abb.example.org" },
		{ "a\\999.example.org", "x.a\\092999.example.org" }, /* no name: its octets as they are */
		{ "a\\", "x.a\\092" },
	};
	struct spf_macros macros = rfc_macros("192.0.2.3");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		macros.domain = cases[i].domain;
		assert_string_equal(domain_of("x.%{d}", &macros), cases[i].name);
		assert_string_equal(text_of("%{d}", &macros), cases[i].domain);
	}
	macros.domain = "a\\032b.example.org";
	assert_string_equal(domain_of("%{dr}", &macros), "org.example.a\\032b");
	assert_string_equal(domain_of("%{D}", &macros), "a%20b.example.org");
	macros.validated_name = validated_with_escape;
	assert_string_equal(domain_of("%{p}", &macros), "m\\255x.example.org");
	assert_string_equal(text_of("%{p}", &macros), "m\\255x.example.org");
}

static void test_spec_literals(void **state)
{
	static const struct {
		const char *spec, *name;
	} cases[] = {
		{ "example.org", "example.org" },
		{ "example.org.", "example.org" },
		{ "Example.ORG", "Example.ORG" },
		{ "mail.example...com", "mail.example...com" },
		{ "foo:bar/baz.example.com", "foo:bar/baz.example.com" },
		{ "macro%%percent%_%_space%-url-space.example.com",
		  "macro%percent\\032\\032space%20url-space.example.com" },
		{ "back\\slash.example.org", "back\\092slash.example.org" },
		{ "%{d}.d.spf.example.com.", "email.example.com.d.spf.example.com" },
		{ "_spfh.%{d2}", "_spfh.example.com" },
		{ "%%%{d}", "%email.example.com" },
	};
	struct spf_macros macros = rfc_macros("192.0.2.3");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(domain_of(cases[i].spec, &macros), cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_examples),       cmocka_unit_test(test_letters),
		cmocka_unit_test(test_values_absent),      cmocka_unit_test(test_transformers),
		cmocka_unit_test(test_url_escapes),        cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_names_with_escapes), cmocka_unit_test(test_spec_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* SPF records taken apart: what is in the grammar (RFC 7208 12), and which records are SPF records. */
#include "spf_record_fixture.h"

static struct reading reading; /* too large for the stack */

/* --- what is in the grammar --- */

struct good {
	const char *terms, *dump;
};

static void check_good(const struct good *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		read_text(&reading, cases[i].terms);
		if (reading.status != 0)
			fail_msg("\"%s\" was refused: %s", cases[i].terms, reading.problem);
		if (strcmp(reading.dump, cases[i].dump) != 0)
			fail_msg("\"%s\" is \"%s\", not \"%s\"", cases[i].terms, reading.dump, cases[i].dump);
	}
}

static void test_good_terms(void **state)
{
	static const struct good cases[] = {
		/* record = version terms *SP */
		{ "", "" },
		{ " ", "" },
		{ "      ", "" },
		{ "-all", "-all" },
		{ "   -all", "-all" },
		{ "-all    ", "-all" },
		{ "a   mx", "+a +mx" },
		/* qualifier, any case */
		{ "all", "+all" },
		{ "+all", "+all" },
		{ "?all", "?all" },
		{ "~ALL", "~all" },
		{ "-aLl", "-all" },
		{ "+A -MX ~PTR ?Ip4:192.0.2.1", "+a -mx ~ptr ?ip4(192.0.2.1/32)" },
		{ "InClUdE:Example.ORG EXISTS:Example.NET", "+include(Example.ORG) +exists(Example.NET)" },
		{ "A:A.Example/24//64", "+a(A.Example)/24//64" },
		/* what follows all is checked and left out */
		{ "-all a mx ip4:192.0.2.1", "-all" },
		{ "a ?all -all", "+a ?all" },
		{ "all exp=e.example.org", "+all exp(e.example.org)" },
		/* domain-spec */
		{ "include:example.org", "+include(example.org)" },
		{ "include:example.org.", "+include(example.org.)" },
		{ "include:.example", "+include(.example)" },
		{ "include:_spf.example.org", "+include(_spf.example.org)" },
		{ "include:a..b.example", "+include(a..b.example)" },
		{ "include:x.1-1", "+include(x.1-1)" },
		{ "include:x.1a1", "+include(x.1a1)" },
		{ "include:x.a", "+include(x.a)" },
		{ "include:x.a-b--c", "+include(x.a-b--c)" },
		{ "include:x.xn--zckzah", "+include(x.xn--zckzah)" },
		{ "include:%{d}", "+include(%{d})" },
		{ "include:%{d2}", "+include(%{d2})" },
		{ "include:%{D2R.-+,/_=}", "+include(%{D2R.-+,/_=})" },
		{ "include:x%%", "+include(x%%)" },
		{ "include:x%_", "+include(x%_)" },
		{ "include:x%-", "+include(x%-)" },
		{ "include:!\"#$&'()*+,-/:;<=>?@[]^_`{|}~.example",
		  "+include(!\"#$&'()*+,-/:;<=>?@[]^_`{|}~.example)" },
		{ "include:\\.example", "+include(\\.example)" },
		{ "exists:%{ir}.%{v}._spf.%{d2}", "+exists(%{ir}.%{v}._spf.%{d2})" },
		{ "exists:%{s}.%{l}.%{o}.%{d}.%{i}.%{p}.%{v}.%{h}",
		  "+exists(%{s}.%{l}.%{o}.%{d}.%{i}.%{p}.%{v}.%{h})" },
		{ "exists:%{l1r-}.%{d}", "+exists(%{l1r-}.%{d})" },
		{ "ptr", "+ptr" },
		{ "ptr:example.org", "+ptr(example.org)" },
		{ "ptr:%{d}", "+ptr(%{d})" },
		/* a and mx with dual-cidr-length */
		{ "a/0", "+a/0" },
		{ "a/1 a/9 a/10 a/31 a/32", "+a/1 +a/9 +a/10 +a/31 +a" },
		{ "a//0 a//9 a//99 a//127 a//128", "+a//0 +a//9 +a//99 +a//127 +a" },
		{ "mx/24//64", "+mx/24//64" },
		{ "mx/0//0", "+mx/0//0" },
		{ "a:example.org", "+a(example.org)" },
		{ "a:example.org/24", "+a(example.org)/24" },
		{ "a:example.org//64", "+a(example.org)//64" },
		{ "a:example.org/24//64", "+a(example.org)/24//64" },
		{ "a:example.org./24//64", "+a(example.org.)/24//64" },
		{ "a:x.1a1/24", "+a(x.1a1)/24" },
		{ "a:x.1-1//64", "+a(x.1-1)//64" },
		{ "a:foo:bar/baz.example.org", "+a(foo:bar/baz.example.org)" },
		{ "a:foo/24.example.org", "+a(foo/24.example.org)" },
		{ "a:foo/24//64.example.org/25//65", "+a(foo/24//64.example.org)/25//65" },
		{ "a:/24.example.org", "+a(/24.example.org)" },
		{ "a://64.example.org", "+a(//64.example.org)" },
		{ "a:%{d}/24", "+a(%{d})/24" },
		{ "a:%{d}//64", "+a(%{d})//64" },
		{ "a:%{d/}", "+a(%{d/})" },
		{ "a:%{d2/}/24", "+a(%{d2/})/24" },
		{ "a:%{l2r/}.%{d2/}/24//64", "+a(%{l2r/}.%{d2/})/24//64" },
		{ "a:%{l/}/24.example.org//48", "+a(%{l/}/24.example.org)//48" },
		{ "a:x%%/24", "+a(x%%)/24" },
		{ "a:x%-//24", "+a(x%-)//24" },
		{ "mx:a=b.example.org", "+mx(a=b.example.org)" },
		{ "mx:mx.example.org/26 -all", "+mx(mx.example.org)/26 -all" },
		{ "a:all.example", "+a(all.example)" },
	};

	(void)state;
	check_good(cases, COUNT(cases));
}

static void test_good_networks(void **state)
{
	static const struct good cases[] = {
		{ "ip4:0.0.0.0", "+ip4(0.0.0.0/32)" },
		{ "ip4:0.0.0.0/0", "+ip4(0.0.0.0/0)" },
		{ "ip4:255.255.255.255/32", "+ip4(255.255.255.255/32)" },
		{ "ip4:255.255.255.255/0", "+ip4(0.0.0.0/0)" },
		{ "ip4:255.255.255.255/1", "+ip4(128.0.0.0/1)" },
		{ "ip4:255.255.255.255/31", "+ip4(255.255.255.254/31)" },
		{ "ip4:192.0.2.129/24", "+ip4(192.0.2.0/24)" },
		{ "ip4:192.0.2.129/25", "+ip4(192.0.2.128/25)" },
		{ "ip4:9.10.99.100 ip4:199.200.249.250", "+ip4(9.10.99.100/32) +ip4(199.200.249.250/32)" },
		{ "ip6:::", "+ip6(::/128)" },
		{ "ip6:::/0", "+ip6(::/0)" },
		{ "ip6:::1", "+ip6(::1/128)" },
		{ "ip6:2001:db8::", "+ip6(2001:db8::/128)" },
		{ "ip6:2001:DB8::Cafe/128", "+ip6(2001:db8::cafe/128)" },
		{ "ip6:2001:db8:ffff:ffff::1/33", "+ip6(2001:db8:8000::/33)" },
		{ "ip6:2001:db8:ffff:ffff::1/9", "+ip6(2000::/9)" },
		{ "ip6:2001:db8:1:2:3:4:5:6", "+ip6(2001:db8:1:2:3:4:5:6/128)" },
		{ "ip6:2001:0db8:0001:0002:0003:0004:0005:0006/127", "+ip6(2001:db8:1:2:3:4:5:6/127)" },
		{ "ip6:2001:db8:1:2:3:4:5::", "+ip6(2001:db8:1:2:3:4:5:0/128)" },
		{ "ip6:::2:3:4:5:6:7:8", "+ip6(0:2:3:4:5:6:7:8/128)" },
		{ "ip6:2001:db8::192.0.2.1", "+ip6(2001:db8::c000:201/128)" },
		{ "ip6:1:2:3:4:5:6:192.0.2.1", "+ip6(1:2:3:4:5:6:c000:201/128)" },
		{ "ip6:1:2:3:4:5::192.0.2.1", "+ip6(1:2:3:4:5:0:c000:201/128)" },
		{ "ip6:0000:0000:0000:0000:0000:ffff:255.255.255.255", "+ip6(::ffff:255.255.255.255/128)" },
		{ "ip6:::ffff:192.0.2.1", "+ip6(::ffff:192.0.2.1/128)" },
		{ "ip6:::ffff:192.0.2.1/120", "+ip6(::ffff:192.0.2.0/120)" },
		{ "ip6:::FFFF:192.0.2.1/96", "+ip6(::ffff:0.0.0.0/96)" },
	};

	(void)state;
	check_good(cases, COUNT(cases));
}

static void test_good_modifiers(void **state)
{
	static const struct good cases[] = {
		{ "redirect=example.org", " redirect(example.org)redirect=example.org" },
		{ "ReDirect=Example.Org.", " redirect(Example.Org.)ReDirect=Example.Org." },
		{ "redirect=%{d}.example.org", " redirect(%{d}.example.org)redirect=%{d}.example.org" },
		{ "redirect=example.org a", "+a redirect(example.org)redirect=example.org" },
		{ "redirect=example.org all", "+all" },
		{ "-all redirect=example.org", "-all" },
		{ "exp=e.example.org -all", "-all exp(e.example.org)" },
		{ "EXP=%{i}.example.org", " exp(%{i}.example.org)" },
		{ "a exp=e.example redirect=r.example mx",
		  "+a +mx redirect(r.example)redirect=r.example exp(e.example)" },
		{ "foo=", "" },
		{ "foo=bar", "" },
		{ "f=bar", "" },
		{ "foo=bar foo=bar", "" },
		{ "default=pass default=+", "" },
		{ "moo.cow-far_out=man:dog/cat a", "+a" },
		{ "a1-_.=%{d}%%%_%-%{s2r}x a", "+a" },
		{ "a=b mx=/24 all=x ip4=300 include=", "" },
		{ "v=spf1 a", "+a" },
		{ "exps=x redirects=y redirec=z ex=w", "" },
		{ "foo=a=b==c a", "+a" },
		{ "foo=!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "" },
		{ "-all foo=bar a", "-all" },
	};

	(void)state;
	check_good(cases, COUNT(cases));
}

/* The text and what a term points to are kept as written. */
static void test_term_texts(void **state)
{
	static const char record[] = "v=spf1 +A:Mail.Example.ORG/24//64 -ip4:192.0.2.77/24  ?all  redirect=r.example";
	struct arena arena;
	struct spf_record parsed;
	struct strbuf problem;
	char memory[SPF_PROBLEM_OCTETS_MAX];

	(void)state;
	arena_open(&arena, NULL);
	strbuf_open(&problem, memory, sizeof(memory));
	assert_int_equal(spf_record_parse(&parsed, (const uint8_t *)record, strlen(record), &arena, &problem), 0);
	assert_int_equal(parsed.n_terms, 3);
	assert_string_equal(parsed.terms[0].text, "+A:Mail.Example.ORG/24//64");
	assert_string_equal(parsed.terms[0].domain, "Mail.Example.ORG");
	assert_int_equal(parsed.terms[0].cidr4, 24);
	assert_int_equal(parsed.terms[0].cidr6, 64);
	assert_string_equal(parsed.terms[1].text, "-ip4:192.0.2.77/24");
	assert_int_equal(parsed.terms[1].qualifier, '-');
	assert_null(parsed.terms[1].domain);
	assert_int_equal(parsed.terms[1].net.ip.family, 4);
	assert_string_equal(parsed.terms[2].text, "?all");
	arena_close(&arena);
}

/* An IPv4-mapped network is one of IPv6: no client has such an address (it is IPv4 by then). */
static void test_mapped_network(void **state)
{
	static const char record[] = "v=spf1 ip6:::ffff:192.0.2.0/120";
	struct arena arena;
	struct spf_record parsed;
	struct strbuf problem;
	char memory[SPF_PROBLEM_OCTETS_MAX];
	struct ip client;

	(void)state;
	arena_open(&arena, NULL);
	strbuf_open(&problem, memory, sizeof(memory));
	assert_int_equal(spf_record_parse(&parsed, (const uint8_t *)record, strlen(record), &arena, &problem), 0);
	assert_int_equal(parsed.terms[0].net.ip.family, 6);
	assert_int_equal(parsed.terms[0].net.bits, 120);
	assert_true(ip_parse(&client, "192.0.2.1"));
	assert_false(net_contains(&parsed.terms[0].net, &client));
	assert_true(ip_parse(&client, "::ffff:192.0.2.1"));
	assert_false(net_contains(&parsed.terms[0].net, &client));
	arena_close(&arena);
}

/* --- which records are SPF records --- */

static bool is_record(const char *octets, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	bool result;

	assert_non_null(copy);
	memcpy(copy, octets, length);
	result = spf_is_record(copy, length);
	free(copy);
	return result;
}

static void test_is_record(void **state)
{
	static const struct {
		const char *octets;
		size_t length;
		bool is_record;
	} cases[] = {
		{ "v=spf1", 6, true },      { "V=SpF1", 6, true },           { "v=spf1 ", 7, true },
		{ "v=spf1 \xff", 8, true }, { "v=spf1 \0", 8, true },        { "v=spf1 foo", 10, true },
		{ "", 0, false },           { "v=spf", 5, false },           { "v=spf10", 7, false },
		{ "v=spf1\0", 7, false },   { "v=spf1\t-all", 11, false },   { "v=spf1-all", 10, false },
		{ " v=spf1", 7, false },    { "v=spf2 -all", 11, false },    { "v= spf1", 7, false },
		{ "\"v=spf1\"", 8, false }, { "v=spf1\xa0-all", 11, false }, { "v=spf1,a", 8, false },
		{ "v=spf1.", 7, false },    { "v\0spf1", 6, false },         { "spf2.0/mfrom", 12, false },
		{ "v=spfl ", 7, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (is_record(cases[i].octets, cases[i].length) != cases[i].is_record)
			fail_msg("\"%s\" (%zu)", cases[i].octets, cases[i].length);
	}
}

static bool is_record2(const char *text, const char *scope)
{
	size_t length = strlen(text);
	uint8_t *copy = malloc(length > 0 ? length : 1);
	bool result;

	assert_non_null(copy);
	memcpy(copy, text, length);
	result = spf_is_record2(copy, length, scope);
	free(copy);
	return result;
}

static void test_is_record2(void **state)
{
	static const struct {
		const char *text;
		bool mfrom, pra;
	} cases[] = {
		{ "spf2.0/mfrom", true, false },
		{ "SPF2.0/MFrom -all", true, false },
		{ "spf2.0/pra ", false, true },
		{ "spf2.0/mfrom,pra -all", true, true },
		{ "spf2.0/pra,mfrom", true, true },
		{ "spf2.0/x-y,pra a", false, true },
		{ "spf2.0/x -all", false, false },
		{ "spf2.0/mfro", false, false },
		{ "spf2.0/mfrom2", false, false },
		{ "spf2.0/xmfrom,prax", false, false },
		{ "spf2.0/", false, false },
		{ "spf2.0/ mfrom", false, false },
		{ "spf2.0/,mfrom", false, false },
		{ "spf2.0/mfrom,", false, false },
		{ "spf2.0/mfrom,,pra", false, false },
		{ "spf2.0/mfrom, pra", false, false },
		{ "spf2.0/mfrom\t-all", false, false },
		{ "spf2.0 mfrom", false, false },
		{ "spf2.0", false, false },
		{ "spf2.1/mfrom", true, false },
		{ "spf2.10/pra", false, true },
		{ "spf2./mfrom", false, false },
		{ "spf2.x/mfrom", false, false },
		{ "spf2.0x/mfrom", false, false },
		{ "spf2/mfrom", false, false },
		{ "spf2.", false, false },
		{ "spf2.0mfrom", false, false },
		{ "v=spf2.0/mfrom", false, false },
		{ "v=spf1", false, false },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (is_record2(cases[i].text, "mfrom") != cases[i].mfrom ||
		    is_record2(cases[i].text, "pra") != cases[i].pra)
			fail_msg("\"%s\"", cases[i].text);
	}
}

/* The version of Sender ID is skipped as that of SPF is. */
static void test_record2_terms(void **state)
{
	static const char record[] = "spf2.0/mfrom,pra ip4:192.0.2.1 -all";

	(void)state;
	read_octets(&reading, record, strlen(record));
	assert_int_equal(reading.status, 0);
	assert_string_equal(reading.dump, "+ip4(192.0.2.1/32) -all");
	read_octets(&reading, "spf2.0/pra", 10);
	assert_int_equal(reading.status, 0);
	assert_string_equal(reading.dump, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_terms),     cmocka_unit_test(test_good_networks),
		cmocka_unit_test(test_good_modifiers), cmocka_unit_test(test_term_texts),
		cmocka_unit_test(test_mapped_network), cmocka_unit_test(test_is_record),
		cmocka_unit_test(test_is_record2),     cmocka_unit_test(test_record2_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

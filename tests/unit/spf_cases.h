/* SPDX-License-Identifier: BSD-2-Clause */
/* spf_cases - what test_spf.c evaluates: worlds (spf_world.h), and what must come out of each. */
#ifndef MAILREEVE_TESTS_SPF_CASES_H
#define MAILREEVE_TESTS_SPF_CASES_H

#include "spf_world.h"

struct spf_case {
	const char *name;
	const char *world;
	enum spf_code code;
	const char *mechanism;
	const char *problem;     /* NULL: "" */
	const char *explanation; /* NULL: "" */
	const char *client;      /* NULL: 192.0.2.1 */
	const char *sender;      /* NULL: user@example.org; "": the null reverse-path; a name alone: HELO identity */
	const char *helo;        /* NULL: mail.example.org */
	unsigned terms, voids;
	bool guess, guessed;
};

#define D10       "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
#define D127      D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 "%{d}%{d}%{d}%{d}%{d}%{d}%{d}"
#define C60       "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define REVERSED6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
#define NET6(n)   "ip6:2001:db8:" #n "::/48 "
/* clang-format off */
#define NETS25 \
	NET6(1) NET6(2) NET6(3) NET6(4) NET6(5) NET6(6) NET6(7) NET6(8) NET6(9) NET6(10) NET6(11) NET6(12) NET6(13) \
	NET6(14) NET6(15) NET6(16) NET6(17) NET6(18) NET6(19) NET6(20) NET6(21) NET6(22) NET6(23) NET6(24) NET6(25)
/* clang-format on */

static const struct spf_case spf_cases[] = {
	/* results (RFC 7208 2.6, 4.6) */
	{ "pass", ORG("ip4:192.0.2.0/24 -all"), .code = SPF_PASS, .mechanism = "ip4:192.0.2.0/24" },
	{ "fail", ORG("ip4:198.51.100.0/24 -all"), .code = SPF_FAIL, .mechanism = "-all" },
	{ "softfail", ORG("~all"), .code = SPF_SOFTFAIL, .mechanism = "~all" },
	{ "neutral", ORG("?all"), .code = SPF_NEUTRAL, .mechanism = "?all" },
	{ "nothing matches", ORG("ip4:198.51.100.1"), .code = SPF_NEUTRAL, .mechanism = "default" },
	{ "an empty record", "example.org TXT v=spf1\n", .code = SPF_NEUTRAL, .mechanism = "default" },
	{ "no such domain", "other.example A 192.0.2.1\n", .code = SPF_NONE, .mechanism = "" },
	{ "no TXT record", "example.org A 192.0.2.1\n", .code = SPF_NONE, .mechanism = "" },
	{ "another TXT record", "example.org TXT v=spf10 -all\n", .code = SPF_NONE, .mechanism = "" },
	{ "timeout of the record", "example.org TXT !timeout\n", .code = SPF_TEMPERROR, .mechanism = "",
	  "TXT of example.org: timeout" },
	{ "servfail of the record", "example.org TXT !servfail\n", .code = SPF_TEMPERROR, .mechanism = "",
	  "TXT of example.org: servfail" },
	{ "two records", ORG("-all") ORG("+all"), .code = SPF_PERMERROR, .mechanism = "",
	  "example.org: 2 SPF records, where one is allowed" },
	{ "a record beside others", "example.org TXT hello\n" ORG("-all") "example.org TXT \\xff\\x00\n",
	  .code = SPF_FAIL, .mechanism = "-all" },

	/* who is checked (2.3, 2.4, 4.3) */
	{ "null sender", "mail.example.org TXT v=spf1 exists:%{l}.%{o} -all\npostmaster.mail.example.org A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "exists:%{l}.%{o}", .sender = "", .terms = 1 },
	{ "helo", "mail.example.org TXT v=spf1 exists:%{l}.%{o} -all\npostmaster.mail.example.org A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "exists:%{l}.%{o}", .sender = "helo", .terms = 1 },
	{ "no local-part", ORG("exists:%{l}.%{o} -all") "postmaster.example.org A 192.0.2.1\n", .code = SPF_PASS,
	  .mechanism = "exists:%{l}.%{o}", .sender = "@example.org", .terms = 1 },
	{ "helo of one label", "mail TXT v=spf1 -all\n", .code = SPF_NONE, .mechanism = "", .sender = "helo",
	  .helo = "mail" },
	{ "helo literal", "[192.0.2.1] TXT v=spf1 -all\n", .code = SPF_NONE, .mechanism = "", .sender = "helo",
	  .helo = "[192.0.2.1]" },
	{ "a bare address as helo", "192.0.2.1 TXT v=spf1 -all\n", .code = SPF_NONE, .mechanism = "", .sender = "helo",
	  .helo = "192.0.2.1" },
	{ "an empty label", ORG("-all"), .code = SPF_NONE, .mechanism = "", .sender = "user@a..example.org" },
	{ "a label of 64", ORG("-all"), .code = SPF_NONE, .mechanism = "", .sender = "user@" C60 "abcd.example.org" },
	{ "a domain of 300", ORG("-all"), .code = SPF_NONE, .mechanism = "",
	  .sender = "user@" C60 "." C60 "." C60 "." C60 "." C60 },
	{ "hostile octets in the domain", ORG("-all"), .code = SPF_NONE, .mechanism = "",
	  .sender = "user@ex\n\x01\xff.example.org" },
	{ "a backslash in the helo", ORG("-all"), .code = SPF_NONE, .mechanism = "", .sender = "helo",
	  .helo = "a\\046.example.org" },
	{ "upper case and a final dot", ORG("-all"), .code = SPF_FAIL, .mechanism = "-all",
	  .sender = "user@EXAMPLE.org." },

	/* addresses */
	{ "IPv6 client", ORG("ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"), .code = SPF_PASS,
	  .mechanism = "ip6:2001:db8::/32", .client = "2001:db8::1" },
	{ "mapped client", ORG("ip6:::ffff:192.0.2.1 ip4:192.0.2.1 -all"), .code = SPF_PASS,
	  .mechanism = "ip4:192.0.2.1", .client = "::ffff:192.0.2.1" },
	{ "a", ORG("a -all") "example.org A 198.51.100.1\nexample.org A 192.0.2.1\n", .code = SPF_PASS,
	  .mechanism = "a", .terms = 1 },
	{ "a, IPv6", ORG("a -all") "example.org A 192.0.2.1\nexample.org AAAA 2001:db8::1\n", .code = SPF_PASS,
	  .mechanism = "a", .client = "2001:db8::1", .terms = 1 },
	{ "a, of the other family only", ORG("a -all") "example.org A 192.0.2.1\n", .code = SPF_FAIL,
	  .mechanism = "-all", .client = "2001:db8::1", .terms = 1, .voids = 1 },
	{ "a with prefixes", ORG("a:x.example/24//64 -all") "x.example A 192.0.2.77\n", .code = SPF_PASS,
	  .mechanism = "a:x.example/24//64", .terms = 1 },
	{ "a with prefixes, IPv6", ORG("a:x.example/24//64 -all") "x.example AAAA 2001:db8::7\n", .code = SPF_PASS,
	  .mechanism = "a:x.example/24//64", .client = "2001:db8::1", .terms = 1 },
	{ "a with a prefix, just outside", ORG("a:x.example/25 -all") "x.example A 192.0.2.129\n", .code = SPF_FAIL,
	  .mechanism = "-all", .terms = 1 },
	{ "mx", ORG("mx -all") "example.org MX 10 a.example\nexample.org MX 20 b.example\nb.example A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "mx", .terms = 1 },
	{ "null mx", ORG("mx -all") "example.org MX 0 .\n", .code = SPF_FAIL, .mechanism = "-all", .terms = 1 },
	{ "exists is always A", ORG("exists:x.example -all") "x.example A 127.0.0.2\n", .code = SPF_PASS,
	  .mechanism = "exists:x.example", .client = "2001:db8::1", .terms = 1 },
	{ "all kinds of qualifiers",
	  ORG("?a:n.example ~a:n.example -a:y.example +all") "n.example A 198.51.100.1\n"
	                                                     "y.example A 192.0.2.1\n",
	  .code = SPF_FAIL, .mechanism = "-a:y.example", .terms = 3 },

	/* ptr and %{p} (5.5, 7.3) */
	{ "ptr", ORG("ptr -all") "1.2.0.192.in-addr.arpa PTR mail.example.org\nmail.example.org A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "ptr", .terms = 1 },
	{ "ptr, not confirmed",
	  ORG("ptr -all") "1.2.0.192.in-addr.arpa PTR mail.example.org\nmail.example.org A 192.0.2.2\n",
	  .code = SPF_FAIL, .mechanism = "-all", .terms = 1 },
	{ "ptr, of a name like it",
	  ORG("ptr -all") "1.2.0.192.in-addr.arpa PTR badexample.org\nbadexample.org A 192.0.2.1\n", .code = SPF_FAIL,
	  .mechanism = "-all", .terms = 1 },
	{ "two ptr terms tell their names apart",
	  ORG("?ptr:a.example -ptr:b.example +all") "1.2.0.192.in-addr.arpa PTR x.b.example\nx.b.example A 192.0.2.1\n",
	  .code = SPF_FAIL, .mechanism = "-ptr:b.example", .terms = 2 },
	{ "ptr errors are no errors", ORG("ptr -all") "1.2.0.192.in-addr.arpa PTR !timeout\n", .code = SPF_FAIL,
	  .mechanism = "-all", .terms = 1 },
	{ "ptr skips a name that fails",
	  ORG("ptr -all") "1.2.0.192.in-addr.arpa PTR a.example.org\n"
	                  "1.2.0.192.in-addr.arpa PTR b.example.org\n"
	                  "a.example.org A !servfail\n"
	                  "b.example.org A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "ptr", .terms = 1 },
	{ "%{p}: nearest name",
	  ORG("exists:%{p}.x.example -all") "1.2.0.192.in-addr.arpa PTR far.example\n"
	                                    "1.2.0.192.in-addr.arpa PTR near.example.org\n"
	                                    "far.example A 192.0.2.1\n"
	                                    "near.example.org A 192.0.2.1\n"
	                                    "near.example.org.x.example A 127.0.0.1\n",
	  .code = SPF_PASS, .mechanism = "exists:%{p}.x.example", .terms = 1 },
	{ "%{p}: unknown", ORG("exists:%{p}.x.example -all") "unknown.x.example A 127.0.0.1\n", .code = SPF_PASS,
	  .mechanism = "exists:%{p}.x.example", .terms = 1 },
	{ "ptr, IPv6",
	  ORG("ptr:example.org -all") REVERSED6 " PTR m.example.org\n"
	                                        "m.example.org AAAA 2001:db8::1\n",
	  .code = SPF_PASS, .mechanism = "ptr:example.org", .client = "2001:db8::1", .terms = 1 },

	/* include and redirect (5.2, 6.1) */
	{ "include passes", ORG("include:x.example -all") "x.example TXT v=spf1 +all\n", .code = SPF_PASS,
	  .mechanism = "include:x.example", .terms = 1 },
	{ "include, with another qualifier",
	  ORG("~include:x.example -all") "x.example TXT v=spf1 a:y.example\n"
	                                 "y.example A 192.0.2.1\n",
	  .code = SPF_SOFTFAIL, .mechanism = "~include:x.example", .terms = 2 },
	{ "include fails, softfails, is neutral",
	  ORG("include:x.example include:y.example include:z.example -all") "x.example TXT v=spf1 -all\n"
	                                                                    "y.example TXT v=spf1 ~all\n"
	                                                                    "z.example TXT v=spf1\n",
	  .code = SPF_FAIL, .mechanism = "-all", .terms = 3 },
	{ "include without a record", ORG("include:x.example -all"), .code = SPF_PERMERROR, .mechanism = "",
	  "no SPF record at x.example, which example.org includes", .terms = 1 },
	{ "include of an erroneous record", ORG("include:x.example -all") "x.example TXT v=spf1 ip4:192.0.2.300\n",
	  .code = SPF_PERMERROR, .mechanism = "", "x.example: term 1 \"ip4:192.0.2.300\": ", .terms = 1 },
	{ "include that times out", ORG("include:x.example -all") "x.example TXT !timeout\n", .code = SPF_TEMPERROR,
	  .mechanism = "", "TXT of x.example: timeout", .terms = 1 },
	{ "nested includes",
	  ORG("include:x.example -all") "x.example TXT v=spf1 include:y.example\n"
	                                "y.example TXT v=spf1 -include:z.example a:n.example +all\n"
	                                "z.example TXT v=spf1 ip4:192.0.2.1\n",
	  .code = SPF_FAIL, .mechanism = "-all", .terms = 3 },
	{ "redirect", ORG("redirect=x.example") "x.example TXT v=spf1 ~all\n", .code = SPF_SOFTFAIL,
	  .mechanism = "~all", .terms = 1 },
	{ "redirect beside all", ORG("redirect=x.example -all"), .code = SPF_FAIL, .mechanism = "-all" },
	{ "redirect without a record", ORG("redirect=x.example"), .code = SPF_PERMERROR, .mechanism = "",
	  "no SPF record at x.example, which example.org redirects to", .terms = 1 },
	{ "redirect in an include, pass",
	  ORG("?include:x.example -all") "x.example TXT v=spf1 redirect=y.example\n"
	                                 "y.example TXT v=spf1 +all\n",
	  .code = SPF_NEUTRAL, .mechanism = "?include:x.example", .terms = 2 },
	{ "redirect in an include, fail",
	  ORG("?include:x.example ~all") "x.example TXT v=spf1 redirect=y.example\n"
	                                 "y.example TXT v=spf1 -all\n",
	  .code = SPF_SOFTFAIL, .mechanism = "~all", .terms = 2 },
	{ "redirect in an include, no record",
	  ORG("?include:x.example ~all") "x.example TXT v=spf1 redirect=y.example\n", .code = SPF_PERMERROR,
	  .mechanism = "", "no SPF record at y.example, which x.example redirects to", .terms = 2 },
	{ "a record that includes itself", ORG("include:example.org -all"), .code = SPF_PERMERROR, .mechanism = "",
	  "more than 10 terms that need DNS (at term \"include:example.org\" of example.org)", .terms = 11 },
	{ "redirects in a ring", ORG("redirect=x.example") "x.example TXT v=spf1 redirect=example.org\n",
	  .code = SPF_PERMERROR, .mechanism = "",
	  "more than 10 terms that need DNS (at term \"redirect=x.example\" of example.org)", .terms = 11 },

	/* limits (4.6.4) */
	{ "ten terms", ORG("a a a a a a a a a a -all") "example.org A 198.51.100.1\n", .code = SPF_FAIL,
	  .mechanism = "-all", .terms = 10 },
	{ "eleven terms", ORG("a a a a a a a a a a mx -all") "example.org A 198.51.100.1\n", .code = SPF_PERMERROR,
	  .mechanism = "", "more than 10 terms that need DNS (at term \"mx\" of example.org)", .terms = 11 },
	{ "a match before the eleventh",
	  ORG("a a a a a a a a a a:y.example mx -all") "example.org A 198.51.100.1\n"
	                                               "y.example A 192.0.2.1\n",
	  .code = SPF_PASS, .mechanism = "a:y.example", .terms = 10 },
	{ "libspf2: the limit starts again in each include",
	  ORG("include:x.example include:x.example include:x.example -all") "x.example TXT v=spf1 a a a\n"
	                                                                    "x.example A 198.51.100.1\n",
	  .code = SPF_PERMERROR, .mechanism = "", "more than 10 terms that need DNS (at term \"a\" of x.example)",
	  .terms = 11 },
	{ "two voids", ORG("a:v.example exists:w.example -all"), .code = SPF_FAIL, .mechanism = "-all", .terms = 2,
	  .voids = 2 },
	{ "three voids", ORG("a:v.example exists:w.example mx -all"), .code = SPF_PERMERROR, .mechanism = "",
	  "more than 2 void look-ups (at term \"mx\" of example.org)", .terms = 3, .voids = 3 },
	{ "ten exchanges",
	  ORG("mx -all") TEN("m.example", " A 198.51.100.1")
	          TEN("m.example", " MX 1 x.example") "example.org MX 1 a.m.example\n"
	                                              "example.org MX 1 b.m.example\n"
	                                              "example.org MX 1 c.m.example\n"
	                                              "example.org MX 1 d.m.example\n"
	                                              "example.org MX 1 e.m.example\n"
	                                              "example.org MX 1 f.m.example\n"
	                                              "example.org MX 1 g.m.example\n"
	                                              "example.org MX 1 h.m.example\n"
	                                              "example.org MX 1 i.m.example\n"
	                                              "example.org MX 1 j.m.example\n",
	  .code = SPF_FAIL, .mechanism = "-all", .terms = 1 },
	{ "eleven exchanges",
	  ORG("mx -all") "example.org MX 1 a.m.example\nexample.org MX 1 b.m.example\nexample.org MX 1 c.m.example\n"
	                 "example.org MX 1 d.m.example\nexample.org MX 1 e.m.example\nexample.org MX 1 f.m.example\n"
	                 "example.org MX 1 g.m.example\nexample.org MX 1 h.m.example\nexample.org MX 1 i.m.example\n"
	                 "example.org MX 1 j.m.example\nexample.org MX 1 k.m.example\n",
	  .code = SPF_PERMERROR, .mechanism = "", "more than 10 MX records (at term \"mx\" of example.org)",
	  .terms = 1 },
	{ "temperror at an exchange", ORG("mx -all") "example.org MX 10 a.example\na.example A !timeout\n",
	  .code = SPF_TEMPERROR, .mechanism = "", "A of a.example: timeout", .terms = 1 },
	{ "temperror at an a", ORG("a:x.example -all") "x.example A !servfail\n", .code = SPF_TEMPERROR,
	  .mechanism = "", "A of x.example: servfail", .terms = 1 },
	{ "temperror after a match", ORG("ip4:192.0.2.1 a:x.example -all") "x.example A !servfail\n", .code = SPF_PASS,
	  .mechanism = "ip4:192.0.2.1" },

	/* hostile records */
	{ "an octet that is no ASCII", "example.org TXT v=spf1 a:\\xe9.example -all\n", .code = SPF_PERMERROR,
	  .mechanism = "", "example.org: term 1: the octet \\xe9 is not ASCII" },
	{ "NUL in a record", "example.org TXT v=spf1 \\x00 -all\n", .code = SPF_PERMERROR, .mechanism = "",
	  "example.org: term " },
	{ "a bad macro letter", ORG("a:%{z}.example.org -all"), .code = SPF_PERMERROR, .mechanism = "",
	  "example.org: term 1 \"a:%{z}.example.org\": there is no macro letter \"z\"" },
	{ "CVE-2023-42118: exp", ORG("exp=" D127 C60 ".example -all"), .code = SPF_FAIL, .mechanism = "-all" },
	{ "CVE-2023-42118: exists", ORG("exists:" D127 C60 ".example -all"), .code = SPF_FAIL, .mechanism = "-all",
	  .terms = 1, .voids = 1 },

	/* libspf2's faults, one by one */
	{ "libspf2: mechanisms over 511 octets lose the rest", ORG(NETS25 NETS25 NETS25 NETS25 "-all"),
	  .code = SPF_FAIL, .mechanism = "-all", .client = "2001:db8:ffff::1" },
	{ "libspf2: %{d2} on two labels", ORG("exists:%{d2}.x.example -all") "example.org.x.example A 127.0.0.1\n",
	  .code = SPF_PASS, .mechanism = "exists:%{d2}.x.example", .terms = 1 },
	{ "libspf2: %{iR}", ORG("exists:%{iR}.x.example -all") "1.2.0.192.x.example A 127.0.0.1\n", .code = SPF_PASS,
	  .mechanism = "exists:%{iR}.x.example", .terms = 1 },
	{ "libspf2: the delimiter /", ORG("exists:%{l1r/}.x.example -all") "a.x.example A 127.0.0.1\n",
	  .code = SPF_PASS, .mechanism = "exists:%{l1r/}.x.example", .sender = "a/b@example.org", .terms = 1 },
	{ "libspf2: /0", ORG("a:x.example/0 -all") "x.example A 203.0.113.1\n", .code = SPF_PASS,
	  .mechanism = "a:x.example/0", .terms = 1 },
	{ "libspf2: //0", ORG("a:x.example//0 -all") "x.example AAAA 2001:db8:ffff::1\n", .code = SPF_PASS,
	  .mechanism = "a:x.example//0", .client = "2001:db8::1", .terms = 1 },
	{ "libspf2: mx/0", ORG("mx:x.example/0 -all") "x.example MX 1 m.example\nm.example A 203.0.113.1\n",
	  .code = SPF_PASS, .mechanism = "mx:x.example/0", .terms = 1 },
	{ "libspf2: ip4 /0", ORG("ip4:0.0.0.0/0 -all"), .code = SPF_PASS, .mechanism = "ip4:0.0.0.0/0" },
	{ "libspf2: the toplabel rule", ORG("a:localhost.0 -all"), .code = SPF_PERMERROR, .mechanism = "",
	  "example.org: term 1 \"a:localhost.0\"" },
	{ "libspf2: loopback always passes", ORG("-all"), .code = SPF_FAIL, .mechanism = "-all",
	  .client = "127.0.0.1" },
	{ "libspf2: ::1 always passes", ORG("-all"), .code = SPF_FAIL, .mechanism = "-all", .client = "::1" },
	{ "libspf2: exp of a softfail", ORG("~all exp=x.example") "x.example TXT no\n", .code = SPF_SOFTFAIL,
	  .mechanism = "~all" },
	{ "libspf2: exp inside of an include",
	  ORG("include:x.example -all") "x.example TXT v=spf1 -all exp=y.example\n"
	                                "y.example TXT no\n",
	  .code = SPF_FAIL, .mechanism = "-all", .terms = 1 },
	{ "libspf2: spaces in the explanation", ORG("-all exp=x.example") "x.example TXT See %{i} for %{s}, 100%%!\n",
	  .code = SPF_FAIL, .mechanism = "-all", NULL, "See 192.0.2.1 for user@example.org, 100%!" },

	/* exp (6.2) */
	{ "exp of the redirect's target",
	  ORG("redirect=x.example exp=n.example") "x.example TXT v=spf1 -all exp=y.example\n"
	                                          "y.example TXT %{d} says no\nn.example TXT wrong\n",
	  .code = SPF_FAIL, .mechanism = "-all", NULL, "x.example says no", .terms = 1 },
	{ "exp without a record", ORG("-all exp=x.example"), .code = SPF_FAIL, .mechanism = "-all" },
	{ "exp that fails", ORG("-all exp=x.example") "x.example TXT !timeout\n", .code = SPF_FAIL,
	  .mechanism = "-all" },
	{ "exp with two records", ORG("-all exp=x.example") "x.example TXT a\nx.example TXT b\n", .code = SPF_FAIL,
	  .mechanism = "-all" },
	{ "exp with an error", ORG("-all exp=x.example") "x.example TXT %{z}\n", .code = SPF_FAIL,
	  .mechanism = "-all" },
	{ "exp that is no ASCII", ORG("-all exp=x.example") "x.example TXT \\xe9\n", .code = SPF_FAIL,
	  .mechanism = "-all" },
	{ "exp with the name of the client",
	  ORG("-all exp=x.example") "x.example TXT %{p} is not ours\n"
	                            "1.2.0.192.in-addr.arpa PTR m.example\nm.example A 192.0.2.1\n",
	  .code = SPF_FAIL, .mechanism = "-all", NULL, "m.example is not ours" },
	{ "exp after ten terms and two voids",
	  ORG("a a a a a a a a a:v.example a:w.example -all exp=x.example") "example.org A 198.51.100.1\n"
	                                                                    "x.example TXT no\n",
	  .code = SPF_FAIL, .mechanism = "-all", NULL, "no", .terms = 10, .voids = 2 },
	{ "exp of a local-part that is no ASCII", ORG("-all exp=x.example") "x.example TXT not %{l}\n",
	  .code = SPF_FAIL, .mechanism = "-all", NULL, "not ??", .sender = "\xc3\xa9@example.org" },

	/* the best guess */
	{ "guess: a", "example.org A 192.0.2.99\n", .code = SPF_PASS, .mechanism = "a/24", .guess = true,
	  .guessed = true, .terms = 1 },
	{ "guess: nothing", "example.org A 198.51.100.99\nexample.org MX 1 m.example\n", .code = SPF_NEUTRAL,
	  .mechanism = "default", .guess = true, .guessed = true, .terms = 3 },
	{ "guess: an error is none", "example.org A !timeout\n", .code = SPF_NONE, .mechanism = "", .guess = true,
	  .terms = 1 },
	{ "guess: not where there is a record", ORG("-all") "example.org A 192.0.2.99\n", .code = SPF_FAIL,
	  .mechanism = "-all", .guess = true },
	{ "guess: not for a malformed domain", "example.org A 192.0.2.99\n", .code = SPF_NONE, .mechanism = "",
	  .sender = "helo", .helo = "mail", .guess = true },
};

/* Fills the query from a case's words; `parts` holds the sender's. */
static inline struct spf_query spf_case_query(const struct spf_case *c, char parts[2048])
{
	struct spf_query query = { .identity = SPF_MAIL_FROM, .receiver = "mx.example.net", .now_s = 1000000000 };
	const char *sender = c->sender != NULL ? c->sender : "user@example.org";
	char *at;

	assert_true(ip_parse(&query.client, c->client != NULL ? c->client : "192.0.2.1"));
	query.helo = c->helo != NULL ? c->helo : "mail.example.org";
	query.guess = c->guess;
	query.local = query.domain = "";
	snprintf(parts, 2048, "%s", sender);
	at = strrchr(parts, '@');
	if (at != NULL) {
		*at = '\0';
		query.local = parts;
		query.domain = at + 1;
	} else if (sender[0] != '\0') {
		query.identity = SPF_HELO;
	}
	return query;
}

#endif

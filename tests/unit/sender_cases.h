/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender_cases - what test_checks_sender tries at MAIL FROM: a sender, a world of DNS, and the facts that must be
 * stated.
 */
#ifndef MAILREEVE_TEST_SENDER_CASES_H
#define MAILREEVE_TEST_SENDER_CASES_H

#include <stddef.h>

#define CLIENT "203.0.113.7"
#define PTR7   "7.113.0.203.in-addr.arpa PTR "
#define OWN    "sender.own_domains=[ \"example.org\", \".corp.example.org\" ]"

static const char zone[] =
	/* where mail goes */
	"good.example.net MX 10 mx.good.example.net\n"
	"mx.good.example.net A 192.0.2.25\n"
	"six.example.net MX 10 mx.six.example.net\n"
	"mx.six.example.net AAAA 2001:db8::25\n"
	"host.example.net A 192.0.2.26\n"
	"host6.example.net AAAA 2001:db8::26\n"
	"null.example.net MX 0 .\n"
	"null.example.net A 192.0.2.27\n"
	"almostnull.example.net MX 0 .\n"
	"almostnull.example.net MX 10 mx.good.example.net\n"
	"text.example.net TXT \"nothing else\"\n"
	"nowhere.example.net MX 10 gone.example.net\n"
	"nowhere.example.net MX 20 text.example.net\n"
	"alias.example.net CNAME good.example.net\n"
	"mxalias.example.net MX 10 alias-of-mx.example.net\n"
	"alias-of-mx.example.net CNAME mx.good.example.net\n"
	"second.example.net MX 10 gone.example.net\n"
	"second.example.net MX 20 mx.good.example.net\n"
	"loop.example.net MX 10 mx.loop.example.net\n"
	"mx.loop.example.net A 127.0.0.1\n"
	"mx.loop.example.net AAAA ::1\n"
	"ten.example.net A 10.1.2.3\n"
	"carrier.example.net A 100.64.0.1\n"
	"benchmark.example.net A 100.128.0.1\n"
	"private172.example.net A 172.31.255.255\n"
	"public172.example.net A 172.32.0.1\n"
	"local192.example.net A 192.168.0.1\n"
	"linklocal.example.net A 169.254.0.1\n"
	"zero.example.net A 0.0.0.0\n"
	"multicast.example.net A 224.0.0.1\n"
	"broadcast.example.net A 255.255.255.255\n"
	"unique.example.net AAAA fd00::1\n"
	"link6.example.net AAAA fe80::1\n"
	"multicast6.example.net AAAA ff02::1\n"
	"nat64.example.net AAAA 64:ff9b::a00:1\n"
	"nat64public.example.net AAAA 64:ff9b::c000:21c\n"
	"site6.example.net AAAA fec0::1\n"
	"mixed.example.net A 10.0.0.1\n"
	"mixed.example.net A 192.0.2.28\n"
	"mixed6.example.net A 10.0.0.1\n"
	"mixed6.example.net AAAA 2001:db8::28\n"
	"literal.example.net MX 10 192.0.2.29\n"
	"literal2.example.net MX 10 192.0.2.29\n"
	"literal2.example.net MX 20 mx.good.example.net\n"
	"literal3.example.net MX 10 192.0.2.29\n"
	"literal3.example.net MX 20 gone.example.net\n"
	"literal4.example.net MX 10 192.0.2.29\n"
	"literal4.example.net MX 20 ten.example.net\n"
	"name_.example.net MX 10 mx.good.example.net\n"
	/* who does not answer */
	"servfail.example.net * !servfail\n"
	"nomx.example.net MX !servfail\n"
	"nomx.example.net A 192.0.2.30\n"
	"noa.example.net A !servfail\n"
	"noa.example.net TXT \"no MX\"\n"
	"noa6.example.net A 10.0.0.1\n"
	"noa6.example.net AAAA !servfail\n"
	"deadmx.example.net MX 10 servfail.example.net\n"
	"deadmx.example.net MX 20 gone.example.net\n"
	"halfdead.example.net MX 10 servfail.example.net\n"
	"halfdead.example.net MX 20 mx.good.example.net\n"
	"six-of-them.example.net MX 1 gone1.example.net\n"
	"six-of-them.example.net MX 2 gone2.example.net\n"
	"six-of-them.example.net MX 3 gone3.example.net\n"
	"six-of-them.example.net MX 4 gone4.example.net\n"
	"six-of-them.example.net MX 5 gone5.example.net\n"
	"six-of-them.example.net MX 6 mx.good.example.net\n"
	"silent.example.net * !timeout\n"
	"silentmx.example.net MX 10 silent.example.net\n"
	"silentmx.example.net MX 20 mx.good.example.net\n"
	/* ours */
	"example.org MX 10 mx.example.org\n"
	"mx.example.org A 192.0.2.1\n"
	"example.org TXT \"v=spf1 ip4:203.0.113.7 -all\"\n"
	"pc.corp.example.org A 192.0.2.2\n"
	"other.corp.example.org A 192.0.2.2\n"
	"other.corp.example.org TXT !servfail\n"
	"mute.corp.example.org A 192.0.2.2\n"
	"mute.corp.example.org TXT !timeout\n"
	"good.example.net TXT \"v=spf1 ip4:203.0.113.7 -all\"\n"
	"lists.example.com A 192.0.2.3\n"
	"lists.example.com TXT \"v=spf1 ip4:203.0.113.7 -all\"\n";

struct scenario {
	const char *what;
	const char *overrides[4];
	const char *client; /* NULL: CLIENT; "": none */
	const char *mail_from;
	const char *more_zone;
	const char *want;
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	/* a domain to which mail can go */
	{ .what = "MX", .mail_from = "<a@good.example.net>", .want = "" },
	{ .what = "upper case and a dot", .mail_from = "<a@GOOD.example.NET.>", .want = "" },
	{ .what = "MX with IPv6 only", .mail_from = "<a@six.example.net>", .want = "" },
	{ .what = "no MX, A", .mail_from = "<a@host.example.net>", .want = "" },
	{ .what = "no MX, AAAA", .mail_from = "<a@host6.example.net>", .want = "" },
	{ .what = "CNAME", .mail_from = "<a@alias.example.net>", .want = "" },
	{ .what = "MX to a CNAME", .mail_from = "<a@mxalias.example.net>", .want = "" },
	{ .what = "the second MX", .mail_from = "<a@second.example.net>", .want = "" },
	{ .what = "underscore", .mail_from = "<a@name_.example.net>", .want = "" },
	{ .what = "a bounce", .mail_from = "<>", .want = "" },
	{ .what = "submitted here", .client = "", .mail_from = "<a@gone.example.net>", .want = "" },

	/* no address, no domain */
	{ .what = "no domain", .mail_from = "<alice>", .want = "sender.unqualified(alice)" },
	{ .what = "postmaster", .mail_from = "<postmaster>", .want = "sender.unqualified(postmaster)" },
	{ .what = "one label", .mail_from = "<root@localhost>", .want = "sender.unqualified(root@localhost)" },
	{ .what = "no domain can be made of it", .mail_from = "<a@b c.example.net>",
	  .want = "sender.unqualified(a@b c.example.net)" },
	{ .what = "literal", .mail_from = "<a@[192.0.2.1]>", .want = "sender.literal([192.0.2.1])" },
	{ .what = "literal of IPv6", .mail_from = "<a@[IPv6:2001:db8::1]>", .want = "sender.literal([ipv6:2001:db8::1])" },
	{ .what = "address without brackets", .mail_from = "<a@192.0.2.1>", .want = "sender.literal(192.0.2.1)" },

	/* a domain to which no mail can go */
	{ .what = "NXDOMAIN", .mail_from = "<a@gone.example.net>", .want = "sender.unknown(gone.example.net)" },
	{ .what = "neither MX nor address", .mail_from = "<a@text.example.net>", .want = "sender.no_mail(text.example.net)" },
	{ .what = "null MX", .mail_from = "<a@null.example.net>", .want = "sender.null_mx(null.example.net)" },
	{ .what = "a null MX that is not the only one", .mail_from = "<a@almostnull.example.net>", .want = "" },
	{ .what = "MX that are not there", .mail_from = "<a@nowhere.example.net>",
	  .want = "sender.nowhere(nowhere.example.net mx=gone.example.net)" },
	{ .what = "loopback", .mail_from = "<a@loop.example.net>",
	  .want = "sender.private(loop.example.net mx=mx.loop.example.net)" },
	{ .what = "10/8", .mail_from = "<a@ten.example.net>", .want = "sender.private(ten.example.net)" },
	{ .what = "100.64/10", .mail_from = "<a@carrier.example.net>", .want = "sender.private(carrier.example.net)" },
	{ .what = "beside 100.64/10", .mail_from = "<a@benchmark.example.net>", .want = "" },
	{ .what = "172.16/12", .mail_from = "<a@private172.example.net>", .want = "sender.private(private172.example.net)" },
	{ .what = "beside 172.16/12", .mail_from = "<a@public172.example.net>", .want = "" },
	{ .what = "192.168/16", .mail_from = "<a@local192.example.net>", .want = "sender.private(local192.example.net)" },
	{ .what = "169.254/16", .mail_from = "<a@linklocal.example.net>", .want = "sender.private(linklocal.example.net)" },
	{ .what = "0.0.0.0", .mail_from = "<a@zero.example.net>", .want = "sender.private(zero.example.net)" },
	{ .what = "224/4", .mail_from = "<a@multicast.example.net>", .want = "sender.private(multicast.example.net)" },
	{ .what = "255.255.255.255", .mail_from = "<a@broadcast.example.net>",
	  .want = "sender.private(broadcast.example.net)" },
	{ .what = "fc00::/7", .mail_from = "<a@unique.example.net>", .want = "sender.private(unique.example.net)" },
	{ .what = "fe80::/10", .mail_from = "<a@link6.example.net>", .want = "sender.private(link6.example.net)" },
	{ .what = "ff00::/8", .mail_from = "<a@multicast6.example.net>", .want = "sender.private(multicast6.example.net)" },
	{ .what = "10/8 behind 64:ff9b::/96", .mail_from = "<a@nat64.example.net>",
	  .want = "sender.private(nat64.example.net)" },
	{ .what = "192.0.2/24 behind 64:ff9b::/96", .mail_from = "<a@nat64public.example.net>", .want = "" },
	{ .what = "fec0::/10", .mail_from = "<a@site6.example.net>", .want = "sender.private(site6.example.net)" },
	{ .what = "private and public", .mail_from = "<a@mixed.example.net>", .want = "" },
	{ .what = "private, and public by IPv6", .mail_from = "<a@mixed6.example.net>", .want = "" },
	{ .what = "MX to an address", .mail_from = "<a@literal.example.net>",
	  .want = "sender.mx_literal(literal.example.net mx=192.0.2.29)" },
	{ .what = "MX to an address, another to a host", .mail_from = "<a@literal2.example.net>", .want = "" },
	{ .what = "MX to an address, another to nothing", .mail_from = "<a@literal3.example.net>",
	  .want = "sender.mx_literal(literal3.example.net mx=192.0.2.29)" },
	{ .what = "MX to an address, another to a private one", .mail_from = "<a@literal4.example.net>",
	  .want = "sender.private(literal4.example.net mx=ten.example.net)" },

	/* unsure is never "no" */
	{ .what = "servfail", .mail_from = "<a@servfail.example.net>", .want = "sender.unsure(servfail)" },
	{ .what = "MX unsure, and an address", .mail_from = "<a@nomx.example.net>", .want = "sender.unsure(servfail)" },
	{ .what = "no MX, A unsure", .mail_from = "<a@noa.example.net>", .want = "sender.unsure(servfail)" },
	{ .what = "no MX, A private, AAAA unsure", .mail_from = "<a@noa6.example.net>", .want = "sender.unsure(servfail)" },
	{ .what = "one MX unsure, the other gone", .mail_from = "<a@deadmx.example.net>",
	  .want = "sender.unsure(servfail)" },
	{ .what = "one MX unsure, the other good", .mail_from = "<a@halfdead.example.net>", .want = "" },
	{ .what = "more MX than are looked at", .mail_from = "<a@six-of-them.example.net>", .want = "sender.unsure(limit)" },
	{ .what = "all of them", .overrides = { "sender.mx_max=6" }, .mail_from = "<a@six-of-them.example.net>", .want = "" },

	/* the organisation of the PTR name */
	{ .what = "PTR of the same organisation", .mail_from = "<a@good.example.net>",
	  .more_zone = PTR7 "out7.example.net\n", .want = "" },
	{ .what = "PTR of another one", .mail_from = "<a@good.example.net>", .more_zone = PTR7 "out7.example.com\n",
	  .want = "sender.ptr_other(out7.example.com)" },
	{ .what = "one of two PTR", .mail_from = "<a@good.example.net>",
	  .more_zone = PTR7 "out7.example.com\n" PTR7 "out7.example.net\n", .want = "" },
	{ .what = "PTR unsure", .mail_from = "<a@good.example.net>", .more_zone = PTR7 "!servfail\n", .want = "" },

	/* in our name */
	{ .what = "our domain", .overrides = { OWN }, .mail_from = "<a@example.org>",
	  .want = "sender.own_mail_from(example.org)" },
	{ .what = "below our domain", .overrides = { OWN }, .mail_from = "<a@pc.corp.example.org>",
	  .want = "sender.own_mail_from(pc.corp.example.org)" },
	{ .what = "below, but not ours", .overrides = { OWN }, .mail_from = "<a@mx.example.org>", .want = "" },
	{ .what = "not our domain", .overrides = { OWN }, .mail_from = "<a@good.example.net>", .want = "" },
	{ .what = "a bounce with own domains", .overrides = { OWN }, .mail_from = "<>", .want = "" },
	{ .what = "ours and bad at once", .overrides = { OWN }, .mail_from = "<a@gone.corp.example.org>",
	  .want = "sender.unknown(gone.corp.example.org) sender.own_mail_from(gone.corp.example.org)" },
};
/* clang-format on */

#endif

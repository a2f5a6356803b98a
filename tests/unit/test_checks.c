/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks exempt, rdns and dnsbl against a world of DNS in a zone file: which facts are stated, with which details.
 */
#include "check_rig.h"

#define PTR7 "7.113.0.203.in-addr.arpa PTR "
#define PTR6 "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR "
#define ZEN7 "7.113.0.203.bl.example.org "
#define GENERIC7 PTR7 "203-0-113-7.example.net\n203-0-113-7.example.net A 203.0.113.7\n"
#define MAIL "mail.example.org"
#define X CODE("127.0.0.2", "x", "1.0")

struct scenario {
	const char *what;
	const char *check;
	const char *overrides[3];
	const char *client; /* NULL: 203.0.113.7; "": none */
	const char *helo, *mail_from, *auth_user, *rcpt;
	int question_ms;    /* 0: no deadline comes near; else the world does not answer, and the time passes */
	const char *zone;
	const char *want;
};

static const struct scenario scenarios[] = {
	/* exempt */
	{ .what = "a stranger", .check = "exempt", .mail_from = "<a@example.net>", .rcpt = "<b@example.org>", .want = "" },
	{ .what = "this machine", .check = "exempt", .client = "127.0.0.1", .want = "exempt.network(127.0.0.0/8)" },
	{ .what = "this machine, IPv6", .check = "exempt", .client = "::1", .want = "exempt.network(::1/128)" },
	{ .what = "a network", .check = "exempt",
	  .overrides = { "exempt.networks=[ \"192.0.2.0/24\", \"203.0.113.0/28\" ]" },
	  .want = "exempt.network(203.0.113.0/28)" },
	{ .what = "networks replace the default", .check = "exempt",
	  .overrides = { "exempt.networks=[ \"192.0.2.0/24\" ]" }, .client = "127.0.0.1", .want = "" },
	{ .what = "local submission", .check = "exempt", .client = "", .want = "exempt.local" },
	{ .what = "authenticated", .check = "exempt", .auth_user = "alice", .want = "exempt.authenticated(alice)" },
	{ .what = "an empty name is nobody", .check = "exempt", .auth_user = "", .want = "" },
	{ .what = "authenticated, switched off", .check = "exempt", .overrides = { "exempt.authenticated=false" },
	  .auth_user = "alice", .want = "" },
	{ .what = "hostile name", .check = "exempt", .auth_user = "a\"\n(b)\x01",
	  .want = "exempt.authenticated(a\\x22\\x0a\\x28b\\x29\\x01)" },
	{ .what = "sender", .check = "exempt", .overrides = { "exempt.senders=[ \"example.net\", \"a@example.com\" ]" },
	  .mail_from = "<A@Example.Com>", .want = "exempt.sender(a@example.com)" },
	{ .what = "another sender", .check = "exempt", .overrides = { "exempt.senders=[ \".example.net\" ]" },
	  .mail_from = "<a@example.net>", .want = "" },
	{ .what = "null sender", .check = "exempt", .overrides = { "exempt.senders=[ \"a@\", \"example.net\" ]" },
	  .mail_from = "<>", .want = "" },
	{ .what = "what is no address", .check = "exempt", .overrides = { "exempt.senders=[ \"example.net\" ]" },
	  .mail_from = "<a b@example.net>", .rcpt = "<abuse>", .want = "" },
	{ .what = "postmaster", .check = "exempt", .rcpt = "<PostMaster@example.org>",
	  .want = "exempt.recipient(postmaster@)" },
	{ .what = "bare postmaster", .check = "exempt", .rcpt = "<Postmaster>", .want = "exempt.recipient(postmaster@)" },
	{ .what = "abuse", .check = "exempt", .rcpt = "<abuse@example.net>", .want = "exempt.recipient(abuse@)" },
	{ .what = "almost postmaster", .check = "exempt", .rcpt = "<postmaster-x@example.org>", .want = "" },
	{ .what = "recipients switched off", .check = "exempt", .overrides = { "exempt.recipients=[ ]" },
	  .rcpt = "<postmaster@example.org>", .want = "" },

	/* rdns */
	{ .what = "no address", .check = "rdns", .client = "", .want = "" },
	{ .what = "no PTR", .check = "rdns", .want = "rdns.none" },
	{ .what = "TXT, no PTR", .check = "rdns", .zone = "7.113.0.203.in-addr.arpa TXT x\n", .want = "rdns.none" },
	{ .what = "confirmed", .check = "rdns", .zone = PTR7 MAIL "\n" MAIL " A 203.0.113.7\n",
	  .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "confirmed, in any case", .check = "rdns", .zone = PTR7 "MAIL.Example.ORG\n" MAIL " A 203.0.113.7\n",
	  .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "confirmed by one address of several", .check = "rdns",
	  .zone = PTR7 MAIL "\n" MAIL " A 192.0.2.1\n" MAIL " A 203.0.113.7\n", .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "confirmed through CNAMEs", .check = "rdns",
	  .zone = "7.113.0.203.in-addr.arpa CNAME 7.rev.example.org\n7.rev.example.org PTR " MAIL "\n" MAIL
	          " CNAME a.example.org\na.example.org A 203.0.113.7\n",
	  .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "IPv6", .check = "rdns", .client = "2001:db8::7", .zone = PTR6 MAIL "\n" MAIL " AAAA 2001:db8::7\n",
	  .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "IPv6, but only an IPv4 address", .check = "rdns", .client = "2001:db8::7",
	  .zone = PTR6 MAIL "\n" MAIL " A 203.0.113.7\n", .want = "rdns.unconfirmed(" MAIL ")" },
	{ .what = "IPv4-mapped is IPv4", .check = "rdns", .client = "::ffff:203.0.113.7",
	  .zone = PTR7 MAIL "\n" MAIL " A 203.0.113.7\n", .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "unconfirmed: the name does not exist", .check = "rdns", .zone = PTR7 MAIL "\n",
	  .want = "rdns.unconfirmed(" MAIL ")" },
	{ .what = "unconfirmed: another address", .check = "rdns", .zone = PTR7 MAIL "\n" MAIL " A 203.0.113.8\n",
	  .want = "rdns.unconfirmed(" MAIL ")" },
	{ .what = "one of several names confirms", .check = "rdns",
	  .zone = PTR7 "a.example.org\n" PTR7 "b.example.org\n" PTR7 "c.example.org\nb.example.org A 203.0.113.7\n",
	  .want = "rdns.confirmed(b.example.org)" },
	{ .what = "hostile octets never confirm", .check = "rdns",
	  .zone = PTR7 "a\\034\\010b.example.org\na\\034\\010b.example.org A 203.0.113.7\n",
	  .want = "rdns.unconfirmed(a\\x22\\x5c010b.example.org)" },
	{ .what = "a bare label never confirms", .check = "rdns", .zone = PTR7 "localhost\nlocalhost A 203.0.113.7\n",
	  .want = "rdns.unconfirmed(localhost)" },
	{ .what = "generic", .check = "rdns",
	  .zone = PTR7 "host-203-0-113-7.example.net\nhost-203-0-113-7.example.net A 203.0.113.7\n",
	  .want = "rdns.generic(host-203-0-113-7.example.net) rdns.confirmed(host-203-0-113-7.example.net)" },
	{ .what = "dynamic", .check = "rdns", .zone = PTR7 "dsl-7.example.net\ndsl-7.example.net A 203.0.113.7\n",
	  .want = "rdns.dynamic(dsl-7.example.net) rdns.confirmed(dsl-7.example.net)" },
	{ .what = "both, unconfirmed", .check = "rdns", .zone = PTR7 "203-0-113-7.dyn.example.net\n",
	  .want = "rdns.unconfirmed(203-0-113-7.dyn.example.net) rdns.dynamic(203-0-113-7.dyn.example.net) "
	          "rdns.generic(203-0-113-7.dyn.example.net)" },
	{ .what = "a plain confirmed name wins over a generic one", .check = "rdns",
	  .zone = GENERIC7 PTR7 MAIL "\n" MAIL " A 203.0.113.7\n",
	  .want = "rdns.confirmed(" MAIL ")" },
	{ .what = "a plain name that does not confirm does not", .check = "rdns",
	  .zone = PTR7 "203-0-113-7.example.net\n203-0-113-7.example.net A 203.0.113.7\n" PTR7 MAIL "\n",
	  .want = "rdns.generic(203-0-113-7.example.net) rdns.confirmed(203-0-113-7.example.net)" },
	{ .what = "a plain name that is not answered: nobody knows", .check = "rdns",
	  .zone = GENERIC7 PTR7 MAIL "\n" MAIL " A !servfail\n",
	  .want = "rdns.unsure(servfail) rdns.confirmed(203-0-113-7.example.net)" },
	{ .what = "words of one's own", .check = "rdns",
	  .overrides = { "rdns.words=[ \"line\" ]", "rdns.static_words=[ ]" }, .zone = PTR7 "mail.line.example.net\n",
	  .want = "rdns.unconfirmed(mail.line.example.net) rdns.dynamic(mail.line.example.net)" },
	{ .what = "PTR: SERVFAIL", .check = "rdns", .zone = PTR7 "!servfail\n", .want = "rdns.unsure(servfail)" },
	{ .what = "PTR: bogus", .check = "rdns", .zone = PTR7 "!bogus\n", .want = "rdns.unsure(bogus)" },
	{ .what = "PTR: timeout", .check = "rdns", .question_ms = 50, .zone = PTR7 "!timeout\n",
	  .want = "rdns.unsure(timeout)" },
	{ .what = "forward: SERVFAIL", .check = "rdns", .zone = PTR7 MAIL "\n" MAIL " A !servfail\n",
	  .want = "rdns.unsure(servfail)" },
	{ .what = "forward: timeout", .check = "rdns", .question_ms = 50, .zone = PTR7 MAIL "\n" MAIL " A !timeout\n",
	  .want = "rdns.unsure(timeout)" },
	{ .what = "forward: one unanswered, one refuted", .check = "rdns",
	  .zone = PTR7 "a.example.org\n" PTR7 "b.example.org\na.example.org A 192.0.2.1\nb.example.org A !servfail\n",
	  .want = "rdns.unsure(servfail)" },
	{ .what = "forward: one unanswered, one confirmed", .check = "rdns",
	  .zone = PTR7 "a.example.org\n" PTR7 "b.example.org\na.example.org A 203.0.113.7\nb.example.org A !timeout\n",
	  .want = "rdns.confirmed(a.example.org)" },
	{ .what = "a generic name is generic, confirmed or not", .check = "rdns",
	  .zone = PTR7 "203-0-113-7.example.net\n203-0-113-7.example.net A !servfail\n",
	  .want = "rdns.generic(203-0-113-7.example.net) rdns.unsure(servfail)" },
	{ .what = "too many names, none good: who knows what the others are", .check = "rdns",
	  .overrides = { "rdns.names_max=2" },
	  .zone = PTR7 "a.example.org\n" PTR7 "b.example.org\n" PTR7 "c.example.org\n",
	  .want = "rdns.many_names(3 names) rdns.unsure(limit)" },
	{ .what = "too many names, a good one among those looked up", .check = "rdns", .overrides = { "rdns.names_max=2" },
	  .zone = PTR7 "c.example.org\n" PTR7 "b.example.org\n" PTR7 "a.example.org\nb.example.org A 203.0.113.7\n",
	  .want = "rdns.many_names(3 names) rdns.confirmed(b.example.org)" },

	/* dnsbl */
	{ .what = "no lists", .check = "dnsbl", .helo = MAIL, .mail_from = "<a@example.net>", .want = "" },
	{ .what = "not listed", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .want = "" },
	{ .what = "listed", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .zone = ZEN7 "A 127.0.0.2\n",
	  .want = "dnsbl.zen.sbl(127.0.0.2)" },
	{ .what = "listed twice", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = ZEN7 "A 127.0.0.4\n" ZEN7 "A 127.0.0.10\n",
	  .want = "dnsbl.zen.xbl(127.0.0.4) dnsbl.zen.pbl(127.0.0.10)" },
	{ .what = "somebody else's listing", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = "8.113.0.203.bl.example.org A 127.0.0.2\n203.0.113.7.bl.example.org A 127.0.0.2\n", .want = "" },
	{ .what = "a code that nobody configured", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = ZEN7 "A 127.0.0.99\n", .want = "dnsbl.zen.unsure(unknown code 127.0.0.99)" },
	{ .what = "a known and an unknown code", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = ZEN7 "A 127.0.0.99\n" ZEN7 "A 127.0.0.2\n",
	  .want = "dnsbl.zen.sbl(127.0.0.2) dnsbl.zen.unsure(unknown code 127.0.0.99)" },
	{ .what = "an error code", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .zone = ZEN7 "A 127.255.255.254\n",
	  .want = "dnsbl.zen.unsure(error 127.255.255.254)" },
	{ .what = "an error of this list", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .zone = ZEN7 "A 127.0.0.255\n",
	  .want = "dnsbl.zen.unsure(error 127.0.0.255)" },
	{ .what = "a listing and an error: no vote", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = ZEN7 "A 127.0.0.2\n" ZEN7 "A 127.255.255.255\n", .want = "dnsbl.zen.unsure(error 127.255.255.255)" },
	{ .what = "outside 127.0.0.0/8", .check = "dnsbl", .overrides = { LISTS(BLOCK) },
	  .zone = "*.bl.example.org A 192.0.2.80\n", .want = "dnsbl.zen.unsure(error 192.0.2.80)" },
	{ .what = "SERVFAIL", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .zone = ZEN7 "A !servfail\n",
	  .want = "dnsbl.zen.unsure(servfail)" },
	{ .what = "bogus", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .zone = ZEN7 "A !bogus\n",
	  .want = "dnsbl.zen.unsure(bogus)" },
	{ .what = "timeout of one, answer of the other", .check = "dnsbl", .overrides = { LISTS(BLOCK "," ALLOW) },
	  .question_ms = 50, .zone = "*.bl.example.org * !timeout\n7.113.0.203.wl.example.org A 127.0.9.3\n",
	  .want = "dnsbl.zen.unsure(timeout) dnsbl.wl.high(127.0.9.3)" },
	{ .what = "bit masks", .check = "dnsbl", .overrides = { LISTS(MASKS) },
	  .zone = "7.113.0.203.mask.example.org A 127.0.0.10\n",
	  .want = "dnsbl.mask.proxy(127.0.0.10) dnsbl.mask.bot(127.0.0.10)" },
	{ .what = "a bit that is not known", .check = "dnsbl", .overrides = { LISTS(MASKS) },
	  .zone = "7.113.0.203.mask.example.org A 127.0.0.4\n", .want = "dnsbl.mask.unsure(unknown code 127.0.0.4)" },
	{ .what = "two codes of one name", .check = "dnsbl",
	  .overrides = { LISTS(LIST("name = \"two\"; zone = \"bl.example.org\";", X "," CODE("127.0.0.3", "x", "1.0"))) },
	  .zone = ZEN7 "A 127.0.0.3\n", .want = "dnsbl.two.x(127.0.0.3)" },
	{ .what = "the key is asked", .check = "dnsbl", .overrides = { LISTS(KEYED) },
	  .zone = "7.113.0.203.k3yk3yk3yk3yk3yk3yk3.dq.example.org A 127.0.0.2\n", .want = "dnsbl.keyed.hit(127.0.0.2)" },
	{ .what = "IPv6", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .client = "2001:db8::7",
	  .zone = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.org A 127.0.0.2\n",
	  .want = "dnsbl.zen.sbl(127.0.0.2)" },
	{ .what = "IPv4-mapped", .check = "dnsbl", .overrides = { LISTS(BLOCK) }, .client = "::ffff:203.0.113.7",
	  .zone = ZEN7 "A 127.0.0.2\n", .want = "dnsbl.zen.sbl(127.0.0.2)" },
	{ .what = "a list without IPv6", .check = "dnsbl",
	  .overrides = { LISTS(LIST("name = \"v4\"; zone = \"bl.example.org\"; ipv6 = false;", X)) },
	  .client = "2001:db8::7", .zone = "*.bl.example.org A 127.0.0.2\n", .want = "" },
	{ .what = "a list that is switched off", .check = "dnsbl",
	  .overrides = { LISTS(LIST("name = \"off\"; zone = \"{key}.example.org\"; enabled = false;", X)) },
	  .zone = "*.example.org A 127.0.0.2\n", .want = "" },
	{ .what = "no address", .check = "dnsbl", .overrides = { LISTS(BLOCK "," DOMAINS) }, .client = "",
	  .zone = "*.bl.example.org A 127.0.0.2\n", .want = "" },
	{ .what = "HELO name", .check = "dnsbl", .overrides = { LISTS(DOMAINS) }, .helo = "Bad.Example.Net",
	  .zone = "bad.example.net.dbl.example.org A 127.0.1.2\n",
	  .want = "dnsbl.dbl.low(127.0.1.2 helo=bad.example.net)" },
	{ .what = "HELO literal, address, label: no names", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .helo = "[203.0.113.7]", .mail_from = "<a@[203.0.113.7]>", .zone = "*.dbl.example.org A 127.0.1.2\n",
	  .want = "" },
	{ .what = "HELO address", .check = "dnsbl", .overrides = { LISTS(DOMAINS) }, .helo = "203.0.113.7",
	  .mail_from = "<>", .zone = "*.dbl.example.org A 127.0.1.2\n", .want = "" },
	{ .what = "HELO hostile", .check = "dnsbl", .overrides = { LISTS(DOMAINS) }, .helo = "a b\\.example.net\x01",
	  .mail_from = "<a>", .zone = "*.dbl.example.org A 127.0.1.2\n", .want = "" },
	{ .what = "sender", .check = "dnsbl", .overrides = { LISTS(DOMAINS) }, .helo = MAIL,
	  .mail_from = "<a@Bad.Example.Net>", .zone = "bad.example.net.dbl.example.org A 127.0.1.4\n",
	  .want = "dnsbl.dbl.phish(127.0.1.4 sender=bad.example.net)" },
	{ .what = "an address was asked, says the list", .check = "dnsbl", .overrides = { LISTS(DOMAINS) }, .helo = MAIL,
	  .zone = "*.dbl.example.org A 127.0.1.255\n", .want = "dnsbl.dbl.unsure(error 127.0.1.255)" },
	{ .what = "PTR names", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .zone = PTR7 "a.example.net\n" PTR7 "bad.example.com\n" PTR7 "x\\000y.example.net\n"
	          "bad.example.com.dbl.example.org A 127.0.1.2\n",
	  .want = "dnsbl.dbl.low(127.0.1.2 ptr=bad.example.com)" },
	{ .what = "hostile PTR names are not asked", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .zone = PTR7 "x\\000y.example.net\n" PTR7 "localhost\n*.dbl.example.org A 127.0.1.2\n", .want = "" },
	{ .what = "no PTR names", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .zone = "*.dbl.example.org A 127.0.1.2\n", .want = "" },
	{ .what = "PTR unanswered: the list could not be asked", .check = "dnsbl",
	  .overrides = { LISTS(DOMAINS "," BLOCK) }, .zone = PTR7 "!servfail\n", .want = "dnsbl.dbl.unsure(servfail)" },
	{ .what = "PTR names: five at most", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .zone = PTR7 "a.example.net\n" PTR7 "b.example.net\n" PTR7 "c.example.net\n" PTR7 "d.example.net\n"
	          PTR7 "e.example.net\n" PTR7
	          "f.example.net\nf.example.net.dbl.example.org A 127.0.1.2\n",
	  .want = "" },
	{ .what = "one fact, whatever led to it", .check = "dnsbl", .overrides = { LISTS(DOMAINS) },
	  .helo = "bad.example.net", .mail_from = "<a@bad.example.com>",
	  .zone = "bad.example.net.dbl.example.org A 127.0.1.2\nbad.example.com.dbl.example.org A 127.0.1.2\n",
	  .want = "dnsbl.dbl.low(127.0.1.2 helo=bad.example.net)" },
	{ .what = "address and domain, one list", .check = "dnsbl", .overrides = { LISTS(MIXED) },
	  .mail_from = "<a@bad.example.net>", .zone = "bad.example.net.mix.example.org A 127.0.0.2\n",
	  .want = "dnsbl.mix.bad(127.0.0.2 sender=bad.example.net)" },
};

static void set_subject(struct rig *rig, const struct scenario *scenario)
{
	const char *client = scenario->client != NULL ? scenario->client : "203.0.113.7";

	if (client[0] != '\0')
		assert_true(ip_parse(&rig->subject.client_ip, client));
	rig->subject.helo = scenario->helo;
	rig->subject.auth_user = scenario->auth_user;
	address_parse(&rig->subject.mail_from, scenario->mail_from != NULL ? scenario->mail_from : "<>", &rig->arena);
	if (scenario->rcpt != NULL)
		address_parse(&rig->subject.rcpt, scenario->rcpt, &rig->arena);
}

enum pace { FINISH_EACH_STAGE, FINISH_AT_THE_END, CLOSE_AT_ONCE };

static void play(struct rig *rig, const struct scenario *scenario, enum pace pace)
{
	const char *const checks[] = { scenario->check, NULL };
	struct err err = { "" };

	if (rig_configure(rig, checks, scenario->overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	rig_prepare(rig, scenario->zone != NULL ? scenario->zone : "");
	if (scenario->question_ms > 0)
		rig->dns_settings.question_ms = scenario->question_ms;
	rig_open_dns(rig);
	set_subject(rig, scenario);
	for (int stage = STAGE_CONNECT; stage <= STAGE_RCPT; stage++) {
		rig_start(rig, (enum stage)stage);
		if (pace == FINISH_EACH_STAGE)
			rig_finish(rig);
	}
	if (pace == CLOSE_AT_ONCE)
		rig_collect(rig, true);
	else
		rig_finish(rig);
}

static void test_scenarios(void **unused)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)unused;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		for (int pace = FINISH_EACH_STAGE; pace <= CLOSE_AT_ONCE; pace++) {
			struct rig rig;
			play(&rig, &scenarios[i], (enum pace)pace);
			if (strcmp(rig_text(&rig, text), scenarios[i].want) != 0) {
				print_error("%s, %s: %s; must be: %s\n", scenarios[i].check, scenarios[i].what, text,
				            scenarios[i].want);
				wrong++;
			}
			rig_close(&rig);
		}
	}
	assert_int_equal(wrong, 0);
}

static void assert_facts(const struct scenario *scenario, enum pace pace, const char *want)
{
	char text[RIG_TEXT_MAX];
	struct rig rig;

	play(&rig, scenario, pace);
	assert_string_equal(rig_text(&rig, text), want);
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

/* Nothing is answered, and the engine gives up: every list and every name is unsure, none is "no". */
static void test_closing(void **unused)
{
	static const struct scenario silence = {
		.what = "silence", .check = "dnsbl", .overrides = { LISTS(BLOCK "," ALLOW "," DOMAINS) },
		.helo = MAIL, .mail_from = "<a@example.net>",
		.zone = "*.bl.example.org * !timeout\n*.wl.example.org * !timeout\n*.dbl.example.org * !timeout\n",
	};
	static const struct scenario names = {
		.what = "names", .check = "rdns",
		.zone = GENERIC7 PTR7 MAIL "\n" MAIL " A !timeout\n",
	};
	static const struct scenario no_name = { .what = "no name", .check = "rdns", .zone = PTR7 "!timeout\n" };

	(void)unused;
	assert_facts(&silence, CLOSE_AT_ONCE,
	             "dnsbl.zen.unsure(timeout) dnsbl.wl.unsure(timeout) dnsbl.dbl.unsure(timeout)");
	assert_facts(&names, CLOSE_AT_ONCE, "rdns.unsure(timeout) rdns.confirmed(203-0-113-7.example.net)");
	assert_facts(&no_name, CLOSE_AT_ONCE, "rdns.unsure(timeout)");
}

/* Answers in another order than they were asked: the rig watches what is announced after each of them. */
static void test_slow_answers(void **unused)
{
	static const struct scenario names = {
		.what = "slow names", .check = "rdns",
		.zone = "7.113.0.203.in-addr.arpa * !slow=1\n" PTR7 "a.example.org\n" PTR7 "203-0-113-7.example.net\n" PTR7
		        "dsl-1.example.net\n" PTR7 "b.example.org\na.example.org * !slow=30\na.example.org A 192.0.2.1\n"
		        "b.example.org * !slow=10\nb.example.org A 192.0.2.2\n203-0-113-7.example.net * !slow=20\n"
		        "203-0-113-7.example.net A 203.0.113.7\ndsl-1.example.net * !slow=5\ndsl-1.example.net A 203.0.113.7\n",
	};
	static const struct scenario lists = {
		.what = "slow lists", .check = "dnsbl", .overrides = { LISTS(BLOCK "," ALLOW "," DOMAINS "," MIXED) },
		.helo = MAIL, .mail_from = "<a@example.net>",
		.zone = PTR7 "a.example.org\n7.113.0.203.in-addr.arpa * !slow=10\n*.bl.example.org * !slow=20\n"
		        "*.bl.example.org A 127.0.0.4\n*.wl.example.org * !slow=5\n*.wl.example.org A 127.0.3.9\n"
		        "a.example.org.dbl.example.org * !slow=5\na.example.org.dbl.example.org A 127.0.1.2\n"
		        "example.net.mix.example.org A 127.0.0.2\nexample.net.mix.example.org * !slow=1\n",
	};

	(void)unused;
	for (int pace = FINISH_EACH_STAGE; pace <= FINISH_AT_THE_END; pace++) {
		assert_facts(&names, (enum pace)pace,
		             "rdns.generic(203-0-113-7.example.net) rdns.confirmed(203-0-113-7.example.net)");
		assert_facts(&lists, (enum pace)pace,
		             "dnsbl.zen.xbl(127.0.0.4) dnsbl.wl.unsure(unknown code 127.0.3.9) "
		             "dnsbl.dbl.low(127.0.1.2 ptr=a.example.org) dnsbl.mix.bad(127.0.0.2 sender=example.net)");
	}
}

/* A session that has used up its memory asks no more. */
static void test_no_memory_left(void **unused)
{
	static const char *const checks[] = { "dnsbl", NULL };
	static const char *const overrides[] = { LISTS(BLOCK), NULL };
	struct err err = { "" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, overrides, &err), 0);
	rig_prepare(&rig, ZEN7 "A 127.0.0.2\n");
	rig.quota.max_octets = 0;
	rig_open_dns(&rig);
	assert_true(ip_parse(&rig.subject.client_ip, "203.0.113.7"));
	rig_start(&rig, STAGE_CONNECT);
	assert_string_equal(rig_text(&rig, text), "dnsbl.zen.unsure(limit)");
	rig_close(&rig);
}

/* What may still be stated shrinks as answers come: that is what ends a wait early. */
static void test_may_state_shrinks(void **unused)
{
	static const char *const checks[] = { "rdns", "dnsbl", NULL };
	static const char *const overrides[] = { LISTS(BLOCK "," ALLOW), NULL };
	struct err err = { "" };
	struct factset may;
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, overrides, &err), 0);
	rig_prepare(&rig, PTR7 MAIL "\n" MAIL " A !timeout\n*.wl.example.org * !timeout\n");
	rig_open_dns(&rig);
	rig_may_state(&rig, &may);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		assert_true(factset_has(&may, id));
	assert_true(ip_parse(&rig.subject.client_ip, "203.0.113.7"));
	rig_start(&rig, STAGE_CONNECT);
	rig_may_state(&rig, &may);
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "rdns.none")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "rdns.generic")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "rdns.dynamic")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "rdns.unconfirmed")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "rdns.confirmed")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "dnsbl.zen.xbl")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "dnsbl.zen.unsure")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "dnsbl.wl.high")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "dnsbl.wl.unsure")));
	rig_collect(&rig, true);
	rig_may_state(&rig, &may);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		assert_false(factset_has(&may, id));
	rig_close(&rig);
}

static void test_exempt_may_state_is_exact(void **unused)
{
	static const char *const checks[] = { "exempt", NULL };
	static const char *const off[] = {
		"exempt.networks=[ ]", "exempt.authenticated=false", "exempt.recipients=[ ]", NULL,
	};
	struct err err = { "" };
	struct factset may;
	struct rig rig;

	(void)unused;
	assert_int_equal(rig_configure(&rig, checks, NULL, &err), 0);
	rig_prepare(&rig, "");
	rig_open_dns(&rig);
	rig_may_state(&rig, &may);
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "exempt.authenticated")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "exempt.sender")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "exempt.recipient")));
	assert_true(ip_parse(&rig.subject.client_ip, "203.0.113.7"));
	rig_start(&rig, STAGE_HELO);
	rig_may_state(&rig, &may);
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "exempt.network")));
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "exempt.local")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "exempt.authenticated")));
	rig_start(&rig, STAGE_MAIL);
	rig_may_state(&rig, &may);
	assert_false(factset_has(&may, catalogue_find(rig.catalogue, "exempt.authenticated")));
	assert_true(factset_has(&may, catalogue_find(rig.catalogue, "exempt.recipient")));
	rig_close(&rig);

	assert_int_equal(rig_configure(&rig, checks, off, &err), 0);
	rig_prepare(&rig, "");
	rig_open_dns(&rig);
	rig_may_state(&rig, &may);
	for (fact_id id = 0; id < catalogue_count(rig.catalogue); id++)
		assert_int_equal(factset_has(&may, id), id == catalogue_find(rig.catalogue, "exempt.local"));
	rig_close(&rig);
}

#define MANY 100

/* Many lists and little room in a session: all are asked, one after the other, and rdns still gets its turn. */
static void test_many_lists(void **unused)
{
	static const char *const checks[] = { "dnsbl", "rdns", NULL };
	static const int room[] = { 8, 64 };
	char lists[MANY * 160];
	const char *const overrides[] = { lists, NULL };
	struct strbuf buf;

	(void)unused;
	strbuf_open(&buf, lists, sizeof(lists));
	strbuf_add(&buf, "dnsbl.lists=( ");
	for (int i = 0; i < MANY; i++)
		strbuf_addf(&buf, "%s" LIST("name = \"l%d\"; zone = \"z%d.bl.example.org\";", CODE("127.0.0.2", "hit", "1.0")),
		            i > 0 ? "," : "", i, i);
	strbuf_add(&buf, " )");
	assert_false(buf.truncated);
	for (size_t i = 0; i < COUNT(room); i++) {
		struct err err = { "" };
		struct factset facts;
		struct rig rig;
		if (rig_configure(&rig, checks, overrides, &err) != 0)
			fail_msg("%s", err.text);
		rig_prepare(&rig, "*.bl.example.org * !slow=5\n*.bl.example.org A 127.0.0.2\n"
		                  PTR7 MAIL "\n" MAIL " A 203.0.113.7\n"
		                  "7.113.0.203.in-addr.arpa * !slow=2\n");
		rig.dns_settings.session_outstanding_max = room[i];
		rig_open_dns(&rig);
		assert_true(ip_parse(&rig.subject.client_ip, "203.0.113.7"));
		rig_start(&rig, STAGE_CONNECT);
		rig_finish(&rig);
		rig_facts(&rig, &facts);
		for (int list = 0; list < MANY; list++) {
			char name[32];
			snprintf(name, sizeof(name), "dnsbl.l%d.hit", list);
			assert_true(factset_has(&facts, catalogue_find(rig.catalogue, name)));
			snprintf(name, sizeof(name), "dnsbl.l%d.unsure", list);
			assert_false(factset_has(&facts, catalogue_find(rig.catalogue, name)));
		}
		if (room[i] == 64) /* the room that dnsbl leaves */
			assert_true(factset_has(&facts, catalogue_find(rig.catalogue, "rdns.confirmed")));
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_slow_answers),
		cmocka_unit_test(test_no_memory_left),
		cmocka_unit_test(test_may_state_shrinks),
		cmocka_unit_test(test_exempt_may_state_is_exact),
		cmocka_unit_test(test_many_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

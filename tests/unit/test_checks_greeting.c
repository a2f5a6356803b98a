/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_greeting - the check greeting against names in a zone file and servers on loopback addresses: which fact
 * follows, whose address is asked first, what is never asked, and that a session sleeps until it is told.
 */
#include "check_rig.h"
#include "probe_peers.h"

#define MAIL  "mail.example.org"
#define OTHER "other.example.net"

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct peer servers[] = {
	{ .kind = PEER_TALKS, PEER_GOOD(MAIL) },              /* 127.0.0.10 */
	{ .kind = PEER_TALKS, PEER_GOOD(OTHER) },             /* 127.0.0.11 */
	{ .kind = PEER_TALKS, PEER_GOOD("mx7.example.org") }, /* 127.0.0.12 */
	{ .kind = PEER_TALKS, PEER_BANNER("220 ****\r\n"), .ehlo = "250 ok\r\n" },
	{ .kind = PEER_TALKS, PEER_BANNER("554 No\r\n") },    /* 127.0.0.14 */
	{ .kind = PEER_TALKS, PEER_BANNER("SSH-2.0-server\r\n") },
	{ .kind = PEER_CLOSES },                              /* 127.0.0.16 */
	{ .kind = PEER_ABSENT },                              /* 127.0.0.17 */
	{ .kind = PEER_TALKS, PEER_BANNER("220 gate.example.net\r\n"), .ehlo = "250 " MAIL "\r\n" },
	{ .kind = PEER_GATED, PEER_GOOD(MAIL) },              /* 127.0.0.19 */
	{ .kind = PEER_TALKS, PEER_GOOD("third.example.com") },
	{ .kind = PEER_TALKS, PEER_BANNER("220 gate.example.net\r\n"), .ehlo = "250 relay.example.org\r\n" },
	{ .kind = PEER_TALKS, PEER_BANNER("220 **\r\n"), .ehlo = "250 " OTHER "\r\n" }, /* 127.0.0.22 */
};

#define GATED 9

struct scenario {
	const char *what;
	const char *overrides[3];
	const char *client; /* NULL: 203.0.113.7 */
	const char *helo;   /* NULL: MAIL; "": none */
	const char *zone;
	const char *want;
};

#define A(address) MAIL " A " address "\n"

static const struct scenario scenarios[] = {
	/* one address */
	{ .what = "match", .zone = A("127.0.0.10"), .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "match, the client itself", .client = "127.0.0.10", .zone = A("127.0.0.10"),
	  .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "match, however it is written", .helo = "MAIL.Example.ORG.", .zone = A("127.0.0.10"),
	  .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "match through a CNAME", .helo = "www.example.org", .zone = "www.example.org CNAME " MAIL "\n" A("127.0.0.10"),
	  .want = "greeting.same_organisation(mail.example.org 127.0.0.10)" },
	{ .what = "match in the answer to EHLO", .zone = A("127.0.0.18"), .want = "greeting.match(mail.example.org 127.0.0.18)" },
	{ .what = "same organisation", .zone = A("127.0.0.12"),
	  .want = "greeting.same_organisation(mx7.example.org 127.0.0.12)" },
	{ .what = "same organisation in the answer to EHLO", .zone = A("127.0.0.21"),
	  .want = "greeting.same_organisation(relay.example.org 127.0.0.21)" },
	{ .what = "mismatch", .zone = A("127.0.0.11"), .want = "greeting.mismatch(other.example.net 127.0.0.11)" },
	{ .what = "mismatch in the answer to EHLO", .zone = A("127.0.0.22"),
	  .want = "greeting.mismatch(other.example.net 127.0.0.22)" },
	{ .what = "no name", .zone = A("127.0.0.13"), .want = "greeting.no_name(127.0.0.13)" },
	{ .what = "554", .zone = A("127.0.0.14"), .want = "greeting.refused_by_peer(554 127.0.0.14)" },
	{ .what = "SSH", .zone = A("127.0.0.15"), .want = "greeting.not_smtp(127.0.0.15)" },
	{ .what = "closes at once", .zone = A("127.0.0.16"), .want = "greeting.silent(127.0.0.16 closed)" },
	{ .what = "nobody there", .zone = A("127.0.0.17"), .want = "greeting.refused(127.0.0.17)" },

	/* several: the best answer counts, and the client's own address comes first */
	{ .what = "one of them matches", .zone = A("127.0.0.11") A("127.0.0.17") A("127.0.0.10"),
	  .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "none of them matches", .zone = A("127.0.0.17") A("127.0.0.11") A("127.0.0.13"),
	  .want = "greeting.mismatch(other.example.net 127.0.0.11)" },
	{ .what = "the client itself is another one", .client = "127.0.0.11", .zone = A("127.0.0.10") A("127.0.0.11"),
	  .want = "greeting.mismatch(other.example.net 127.0.0.11)" },
	{ .what = "the client itself matches", .client = "127.0.0.10", .overrides = { "greeting.addresses_max=1" },
	  .zone = A("127.0.0.11") A("127.0.0.10"), .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "the client itself does not listen", .client = "127.0.0.17", .zone = A("127.0.0.17") A("127.0.0.10"),
	  .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "no more than one is asked", .overrides = { "greeting.addresses_max=1" },
	  .zone = A("127.0.0.11") A("127.0.0.20"), .want = "greeting.unsure(more addresses)" },
	{ .what = "no more than one is asked: the client", .client = "127.0.0.20",
	  .overrides = { "greeting.addresses_max=1" }, .zone = A("127.0.0.11") A("127.0.0.20"),
	  .want = "greeting.mismatch(third.example.com 127.0.0.20)" },
	{ .what = "no more than one is asked, and it has no name", .overrides = { "greeting.addresses_max=1" },
	  .zone = A("127.0.0.13") A("10.0.0.1"), .want = "greeting.no_name(127.0.0.13)" },

	/* DNS does not answer */
	{ .what = "no A", .zone = MAIL " A !servfail\n", .want = "greeting.unsure(servfail)" },
	{ .what = "no AAAA, and it matches", .zone = A("127.0.0.10") MAIL " AAAA !servfail\n",
	  .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "no AAAA, and it does not match", .zone = A("127.0.0.11") MAIL " AAAA !servfail\n",
	  .want = "greeting.unsure(servfail)" },
	{ .what = "no AAAA, and the client does not match", .client = "127.0.0.11",
	  .zone = A("127.0.0.11") MAIL " AAAA !servfail\n", .want = "greeting.mismatch(other.example.net 127.0.0.11)" },

	/* nobody is asked */
	{ .what = "no such name", .zone = "", .want = "greeting.not_asked(no address)" },
	{ .what = "no address", .zone = MAIL " TXT \"x\"\n", .want = "greeting.not_asked(no address)" },
	{ .what = "no HELO", .helo = "", .zone = "", .want = "greeting.not_asked(no host name)" },
	{ .what = "a literal", .helo = "[127.0.0.10]", .zone = "", .want = "greeting.not_asked(no host name)" },
	{ .what = "an address", .helo = "127.0.0.10", .zone = "", .want = "greeting.not_asked(no host name)" },
	{ .what = "a word", .helo = "localhost", .zone = "localhost A 127.0.0.10\n", .want = "greeting.not_asked(no host name)" },
	{ .what = "no name", .helo = "a b.example.org", .zone = "", .want = "greeting.not_asked(no host name)" },
	{ .what = "skipped", .overrides = { "greeting.skip_names=[ \"x.example.org\", \"MAIL.example.org\" ]" },
	  .zone = A("127.0.0.10"), .want = "greeting.not_asked(skipped)" },
	{ .what = "skipped, below", .overrides = { "greeting.skip_names=[ \".example.org\" ]" }, .zone = A("127.0.0.10"),
	  .want = "greeting.not_asked(skipped)" },
	{ .what = "not skipped", .overrides = { "greeting.skip_names=[ \".mail.example.org\", \"ail.example.org\" ]" },
	  .zone = A("127.0.0.10"), .want = "greeting.match(mail.example.org 127.0.0.10)" },
	{ .what = "private", .zone = A("10.0.0.1"), .want = "greeting.not_asked(private)" },
	{ .what = "denied", .overrides = { "greeting.deny_networks=[ \"127.0.0.10\" ]" }, .zone = A("127.0.0.10"),
	  .want = "greeting.not_asked(denied)" },
	{ .what = "one is denied", .overrides = { "greeting.deny_networks=[ \"127.0.0.10\" ]" },
	  .zone = A("127.0.0.10") A("127.0.0.11"), .want = "greeting.mismatch(other.example.net 127.0.0.11)" },
};
/* clang-format on */

static const char *const greeting_only[] = { "greeting", NULL };

static void open_peers(struct peers *peers, struct peer list[COUNT(servers)])
{
	memcpy(list, servers, sizeof(servers));
	peers_open(peers, list, COUNT(servers));
}

static void open_rig(struct rig *rig, const struct scenario *scenario, int port, const char *tested)
{
	const char *overrides[RIG_OVERRIDES_MAX] = { NULL };
	const char *helo = scenario->helo != NULL ? scenario->helo : MAIL;
	char port_option[64], tested_option[64];
	struct err err = { "" };
	size_t n = 0;

	snprintf(port_option, sizeof(port_option), "greeting.port=%d", port);
	snprintf(tested_option, sizeof(tested_option), "greeting.test_networks=[ %s ]", tested);
	overrides[n++] = port_option;
	overrides[n++] = tested_option;
	overrides[n++] = "greeting.total_ms=60000";
	overrides[n++] = "greeting.step_ms=60000";
	for (size_t i = 0; i < COUNT(scenario->overrides) && scenario->overrides[i] != NULL; i++)
		overrides[n++] = scenario->overrides[i];
	if (rig_configure(rig, greeting_only, overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	rig_prepare(rig, scenario->zone);
	rig_open_dns(rig);
	assert_true(ip_parse(&rig->subject.client_ip, scenario->client != NULL ? scenario->client : "203.0.113.7"));
	rig->subject.helo = helo[0] != '\0' ? helo : NULL;
	rig->subject.mta_name = "mx.example.com";
}

static void test_scenarios(void **unused)
{
	struct peer list[COUNT(servers)];
	char text[RIG_TEXT_MAX];
	struct peers peers;
	size_t wrong = 0;

	(void)unused;
	open_peers(&peers, list);
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig rig;
		open_rig(&rig, &scenarios[i], peers.port, "\"127.0.0.0/24\"");
		rig_start(&rig, STAGE_RCPT);
		rig_finish(&rig);
		if (strcmp(rig_text(&rig, text), scenarios[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", scenarios[i].what, text, scenarios[i].want);
			wrong++;
		}
		rig_close(&rig);
	}
	peers_close(&peers);
	assert_int_equal(wrong, 0);
}

static int connections(const struct peers *peers)
{
	int all = 0;

	for (size_t i = 0; i < peers->n; i++)
		all += atomic_load(&peers->peers[i].accepted);
	return all;
}

static void assert_facts(struct rig *rig, const char *want)
{
	char text[RIG_TEXT_MAX];

	assert_string_equal(rig_text(rig, text), want);
}

/* Names that lead into our own network: nobody knocks at any door. */
static void test_inward(void **unused)
{
	static const struct scenario inward = {
		.what = "inward",
		.client = "127.0.0.10",
		.zone = A("127.0.0.10") A("10.0.0.1") MAIL " AAAA ::1\n" MAIL " AAAA 64:ff9b::a00:1\n" MAIL
							   " AAAA 64:ff9b::7f00:a\n",
	};
	struct peer list[COUNT(servers)];
	const struct evidence_item *item;
	struct peers peers;
	struct rig rig;

	(void)unused;
	open_peers(&peers, list);
	open_rig(&rig, &inward, peers.port, "");
	rig_start(&rig, STAGE_RCPT);
	rig_finish(&rig);
	item = evidence_find(&rig.scopes[3], catalogue_find(rig.catalogue, "greeting.not_asked"));
	assert_non_null(item);
	assert_true(strcmp(item->detail, "private") == 0 || strcmp(item->detail, "loopback") == 0);
	rig_close(&rig);
	assert_int_equal(connections(&peers), 0);
	peers_close(&peers);
}

/* A name with many addresses: no more than a few are asked. */
static void test_many_addresses(void **unused)
{
	static const struct scenario many = {
		.what = "many",
		.zone = A("127.0.0.11") A("127.0.0.13") A("127.0.0.14") A("127.0.0.15") A("127.0.0.20") A("127.0.0.22"),
	};
	struct peer list[COUNT(servers)];
	struct factset facts;
	struct peers peers;
	struct rig rig;

	(void)unused;
	open_peers(&peers, list);
	open_rig(&rig, &many, peers.port, "\"127.0.0.0/24\"");
	rig_start(&rig, STAGE_RCPT);
	rig_finish(&rig);
	rig_facts(&rig, &facts);
	assert_false(factset_has(&facts, catalogue_find(rig.catalogue, "greeting.mismatch")));
	rig_close(&rig);
	assert_int_equal(connections(&peers), 3);
	peers_close(&peers);
}

/* Until the peer is connected to; it does not greet yet, so one run stays open. */
static void await_connection(struct rig *rig, struct peer *peer)
{
	for (int i = 0; atomic_load(&peer->accepted) == 0; i++) {
		assert_true(i < 6000);
		assert_int_equal(rig_collect(rig, false), 1);
		dns_session_wait(rig->session, clock_now() + 10);
	}
}

/* A conversation goes on with the peer that waits at the gate before it greets. */
static void begin_conversation(struct peers *peers, struct peer *list, struct rig *rig)
{
	static const struct scenario gated = { .what = "gated", .zone = A("127.0.0.19") };

	open_peers(peers, list);
	open_rig(rig, &gated, peers->port, "\"127.0.0.0/24\"");
	rig_start(rig, STAGE_RCPT);
	await_connection(rig, &list[GATED]);
}

/* The engine gives up: unsure. The next message of the session is answered by what was heard in the meantime. */
static void test_closing(void **unused)
{
	static const struct scenario no_answer = { .what = "no answer", .zone = MAIL " A !timeout\n" };
	struct peer list[COUNT(servers)];
	struct peers peers;
	struct rig rig;

	(void)unused;
	begin_conversation(&peers, list, &rig);
	rig_collect(&rig, true);
	assert_facts(&rig, "greeting.unsure(timeout)");
	evidence_open(&rig.scopes[2], &rig.scopes[1]);
	rig.n_runs = 0;
	rig.stage = STAGE_HELO;
	atomic_store(&peers.gate, 1);
	rig_start(&rig, STAGE_MAIL);
	rig_finish(&rig);
	assert_facts(&rig, "greeting.match(mail.example.org 127.0.0.19)");
	rig_close(&rig);
	assert_int_equal(atomic_load(&list[GATED].accepted), 1);

	open_rig(&rig, &no_answer, peers.port, "\"127.0.0.0/24\"");
	rig_start(&rig, STAGE_RCPT);
	rig_collect(&rig, true);
	assert_facts(&rig, "greeting.unsure(timeout)");
	rig_close(&rig);
	peers_close(&peers);
}

/* The session ends, or HELO comes again, while a conversation goes on. */
static void test_forgotten(void **unused)
{
	struct peer list[COUNT(servers)];
	struct peers peers;
	struct rig rig;

	(void)unused;
	begin_conversation(&peers, list, &rig);
	for (size_t i = 0; i < rig.n_runs; i++)
		rig_work_over(&rig, &rig.work[i]);
	assert_true(dns_session_wait(rig.session, clock_now() + 60000)); /* nothing is waited for any more */
	atomic_store(&peers.gate, 1);
	rig_close(&rig);
	peers_close(&peers);
}

static void test_hourly_limit(void **unused)
{
	static const struct scenario limited = {
		.what = "limited",
		.overrides = { "greeting.address_hour_max=1", "greeting.match_ttl_s=0", "greeting.other_ttl_s=0" },
		.zone = A("127.0.0.11"),
	};
	struct peer list[COUNT(servers)];
	char heard[PEER_HEARD_MAX];
	struct peers peers;
	struct rig rig;

	(void)unused;
	open_peers(&peers, list);
	open_rig(&rig, &limited, peers.port, "\"127.0.0.0/24\"");
	rig_start(&rig, STAGE_RCPT);
	rig_finish(&rig);
	assert_facts(&rig, "greeting.mismatch(other.example.net 127.0.0.11)");
	assert_string_equal(peer_heard(&list[1], 1, heard), "EHLO mx.example.com\r\nQUIT\r\n");
	evidence_open(&rig.scopes[2], &rig.scopes[1]);
	rig.n_runs = 0;
	rig.stage = STAGE_HELO;
	rig_start(&rig, STAGE_MAIL);
	rig_finish(&rig);
	assert_facts(&rig, "greeting.not_asked(limit)");
	rig_close(&rig);
	assert_int_equal(connections(&peers), 1);
	peers_close(&peers);
}

static bool never(void *context)
{
	++*(int *)context;
	return false;
}

/* Where nothing can change the verdict nobody is bothered. */
static void test_not_worth_asking(void **unused)
{
	static const struct scenario slow = { .what = "slow", .zone = MAIL " * !slow=20\n" A("127.0.0.10") };
	struct peer list[COUNT(servers)];
	struct peers peers;
	struct rig rig;
	int asked = 0;

	(void)unused;
	open_peers(&peers, list);
	open_rig(&rig, &slow, peers.port, "\"127.0.0.0/24\"");
	rig_start(&rig, STAGE_RCPT);
	for (size_t i = 0; i < rig.n_runs; i++) {
		rig.runs[i].worth_asking = never;
		rig.runs[i].worth_context = &asked;
	}
	rig_finish(&rig);
	assert_facts(&rig, "greeting.not_asked(decided)");
	assert_int_equal(asked, 1);
	rig_close(&rig);
	assert_int_equal(connections(&peers), 0);
	peers_close(&peers);
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

/* What may still come is known as soon as it can be: only a mismatch costs anything. */
static void test_may_state(void **unused)
{
	static const struct scenario gated = {
		.what = "more",
		.overrides = { "greeting.addresses_max=1" },
		.zone = A("127.0.0.19") A("127.0.0.10"),
	};
	static const struct scenario literal = { .what = "literal", .helo = "[192.0.2.1]", .zone = "" };
	struct peer list[COUNT(servers)];
	struct peers peers;
	struct rig rig;

	(void)unused;
	open_peers(&peers, list);
	open_rig(&rig, &gated, peers.port, "\"127.0.0.0/24\"");
	assert_true(may(&rig, "greeting.mismatch"));
	rig_start(&rig, STAGE_HELO);
	assert_true(may(&rig, "greeting.mismatch"));
	rig_start(&rig, STAGE_MAIL);
	for (int i = 0; may(&rig, "greeting.mismatch"); i++) {
		assert_true(i < 6000);
		dns_session_wait(rig.session, clock_now() + 10);
		rig_collect(&rig, false);
	}
	atomic_store(&peers.gate, 1);
	rig_finish(&rig);
	assert_false(may(&rig, "greeting.unsure"));
	rig_close(&rig);

	open_rig(&rig, &literal, peers.port, "");
	rig_start(&rig, STAGE_HELO);
	assert_false(may(&rig, "greeting.mismatch"));
	assert_true(may(&rig, "greeting.not_asked"));
	rig_close(&rig);
	peers_close(&peers);
}

/* Only a mismatch may cost points, and not many. */
static void test_points(void **unused)
{
	const struct check *check = rig_find_check("greeting");

	(void)unused;
	for (size_t i = 0; i < check->n_facts; i++) {
		const struct fact *fact = &check->facts[i];
		const bool costs = strcmp(fact->name, "mismatch") == 0;
		assert_int_equal(fact->kind == FACT_EVIDENCE, costs);
		assert_true(costs ? fact->points_milli > 0 && fact->points_milli <= 2000 : fact->points_milli == 0);
	}
}

static void test_bad_settings(void **unused)
{
	static const struct {
		const char *override, *error;
	} bad[] = {
		{ "greeting.ehlo_name=\"a b\"", "must be a host name" },
		{ "greeting.ehlo_name=\"localhost\"", "must be a host name" },
		{ "greeting.skip_names=[ \"*.example.org\" ]", "no wildcards" },
		{ "greeting.skip_names=[ \"\" ]", "no wildcards" },
		{ "greeting.skip_names=[ \".\" ]", "no wildcards" },
		{ "greeting.skip_names=[ \"a..b\" ]", "no wildcards" },
		{ "greeting.probes_max=0", "between 1 and 1024" },
		{ "greeting.port=70000", "between 1 and 65535" },
		{ "greeting.deny_networks=[ \"10.0.0.1/8\" ]", "greeting.deny_networks" },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(bad); i++)
		rig_refuses(greeting_only, bad[i].override, bad[i].error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),        cmocka_unit_test(test_inward),
		cmocka_unit_test(test_many_addresses),   cmocka_unit_test(test_closing),
		cmocka_unit_test(test_forgotten),        cmocka_unit_test(test_hourly_limit),
		cmocka_unit_test(test_not_worth_asking), cmocka_unit_test(test_may_state),
		cmocka_unit_test(test_points),           cmocka_unit_test(test_bad_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_engine - a session through its stages: what is asked when, when it waits, and what becomes of the recipients.
 */
#include "engine_world.h"

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n"
			   "2.2.0.192.bl.example A 127.0.0.2\n"
			   "2.2.0.192.allow.example A !slow=800\n"
			   "2.2.0.192.allow.example A 127.0.0.9\n"
			   "3.2.0.192.bl.example A 127.0.0.2\n"
			   "3.2.0.192.dead.example * !timeout\n"
			   "5.2.0.192.in-addr.arpa * !timeout\n"
			   "listed.example.net.bl.example A 127.0.0.2\n"
			   "forged.example TXT \"v=spf1 -all exp=why.forged.example\"\n"
			   "why.forged.example TXT \"Ask \\\"us\\\" first\"\n"
			   "pass.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
			   "silent.example * !timeout\n";

#define BLOCK_LIST                                                                                                             \
	"{ name = \"bl\"; zone = \"bl.example\"; over = [ \"client\", \"sender\" ]; codes = ( { code = \"127.0.0.2\"; name = " \
	"\"yes\"; points = 12.0; } ); }"
#define ALLOW_LIST                                                                                                            \
	"{ name = \"allow\"; kind = \"allow\"; zone = \"allow.example\"; codes = ( { code = \"127.0.0.9\"; name = \"good\"; " \
	"points = -5.0; } ); }"
#define DEAD_LIST \
	"{ name = \"dead\"; zone = \"dead.example\"; codes = ( { code = \"127.0.0.2\"; name = \"yes\"; points = 2.0; } ); }"

static void world_open(struct world *world, const char *const *overrides)
{
	world_open_on(world, zone, overrides);
}

static void good_mail_is_accepted(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, NULL);
	begin(&world, "192.0.2.1", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_true(decision->final);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "4F2A1: sid=");
	assert_line_has(&world, decision,
	                " action=accept stage=eom score=0.0 threshold=5.0 decided_by=score client=unknown[192.0.2.1] ");
	assert_line_has(&world, decision, " helo=<client.example.net> from=<a@example.net> to=<b@example.org> ");
	world_close(&world);
}

static void a_listed_client_is_refused_at_rcpt(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	const struct decision *decision = rcpt(&world, "<b@example.org>");
	assert_true(decision->final);
	assert_int_equal(decision->action, ACTION_REJECT);
	assert_string_equal(decision->reply.code, "550");
	assert_line_has(&world, decision, "NOQUEUE: sid=");
	assert_line_has(&world, decision, "action=reject stage=rcpt score=12.0 threshold=10.0 decided_by=score");
	assert_line_has(&world, decision, "dnsbl.bl.yes=12.0(127.0.0.2");
	assert_non_null(strstr(decision->reply.text, engine_subject(world.session)->sid));
	world_close(&world);
}

/* A list that could still change nothing is not waited for; one that could is. */
static void waits_only_for_what_matters(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST "," DEAD_LIST ")", "wait.rcpt_ms=200",
	                                     "wait.eom_ms=200", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	assert_int_equal(rcpt(&world, "<b@example.org>")->action, ACTION_REJECT);
	assert_int_equal(world.waits, 0);
	world_close(&world);

	/* at RCPT only a refusal matters */
	for (int i = 0; i < 2; i++) {
		world_open(&world,
		           (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", i ? "policy.reject=2.0" : "policy.tag=2.0",
		                             "wait.rcpt_ms=60", "wait.eom_ms=60", NULL });
		begin(&world, "192.0.2.3", "<a@example.net>");
		assert_false(rcpt(&world, "<b@example.org>")->final);
		assert_int_equal(world.waits > 0, i);
		world_close(&world);
	}

	world_open(&world, (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", "policy.tag=2.0", "wait.rcpt_ms=60",
	                                     "wait.eom_ms=60", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_true(world.waits > 0);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "unsure=\"dnsbl.dead(timeout");
	world_close(&world);
}

/* The allow list answers after the wait at RCPT: its points count at the end of the message. */
static void what_comes_late_counts_at_the_end(void **state)
{
	struct world world;

	(void)state;
	world_open(&world,
	           (const char *[]){ "dnsbl.lists=(" BLOCK_LIST "," ALLOW_LIST ")", "wait.rcpt_ms=50",
	                             "wait.eom_ms=20000", "wait.session_ms=60000", "dns.question_ms=20000", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_TAG);
	assert_int_equal(decision->verdict.score_milli, 7000);
	world_close(&world);
}

/*
 * Nothing that is open can change what becomes of the message, but it is delivered with a score: what comes soon is in
 * it, and what does not is unsure, never left out.
 */
static void a_delivered_message_tells_the_whole_story(void **state)
{
	static const char *harmless = "{ name = \"allow\"; zone = \"allow.example\"; codes = ( { code = \"127.0.0.9\"; "
				      "name = \"seen\"; points = 0.5; } ); }";
	char lists[256];
	struct world world;

	(void)state;
	snprintf(lists, sizeof(lists), "dnsbl.lists=(%s)", harmless);
	world_open(&world, (const char *[]){ lists, "wait.complete_ms=20000", "wait.session_ms=60000",
	                                     "dns.question_ms=20000", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_int_equal(world.waits, 0);
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_int_equal(decision->verdict.score_milli, 500);
	assert_line_has(&world, decision, "dnsbl.allow.seen=0.5(127.0.0.9)");
	world_close(&world);

	world_open(&world, (const char *[]){ lists, "wait.complete_ms=50", "dns.question_ms=20000", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	decision = eom(&world);
	assert_int_equal(decision->verdict.score_milli, 0);
	assert_line_has(&world, decision, "unsure=\"dnsbl.allow(timeout");
	world_close(&world);

	world_open(&world, (const char *[]){ lists, "wait.complete_ms=60000", "wait.session_ms=0",
	                                     "dns.question_ms=20000", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_line_has(&world, eom(&world), "unsure=\"dnsbl.allow(timeout");
	assert_int_equal(world.waits, 0);
	world_close(&world);
}

/* Whoever is exempt is not kept waiting for what nobody judges by. */
static void exempt_messages_are_not_kept_for_the_story(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", "wait.complete_ms=60000", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	assert_false(rcpt(&world, "<postmaster@example.org>")->final);
	assert_string_equal(eom(&world)->decided_by, "exempt.recipient");
	assert_int_equal(world.waits, 0);
	world_close(&world);
}

static void the_wait_at_rcpt_is_for_all_recipients(void **state)
{
	struct world world;
	char to[32];

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", "policy.reject=2.0", "wait.rcpt_ms=60",
	                                     "wait.eom_ms=0", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	unsigned waits = world.waits;
	assert_true(waits > 0);
	for (int i = 0; i < 100; i++) {
		snprintf(to, sizeof(to), "<b%d@example.org>", i);
		assert_false(rcpt(&world, to)->final);
	}
	assert_int_equal(world.waits, waits);
	world_close(&world);
}

static void postmaster_is_reached_beside_a_refused_recipient(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_int_equal(rcpt(&world, "<b@example.org>")->action, ACTION_REJECT);
	assert_false(rcpt(&world, "<Postmaster@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_string_equal(decision->decided_by, "exempt.recipient");
	assert_line_has(&world, decision, "to=<Postmaster@example.org>");
	world_close(&world);
}

/* At the end of the message a refusal needs all recipients: one of them is exempt, so the message is tagged. */
static void recipients_who_differ_get_a_tagged_message(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", "policy.decide_from=eom", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_false(rcpt(&world, "<abuse@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_TAG);
	assert_string_equal(decision->decided_by, "recipients");
	assert_line_has(&world, decision, "nrcpt=2");
	engine_message_end(world.session);

	engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_false(rcpt(&world, "<c@example.org>")->final);
	assert_int_equal(eom(&world)->action, ACTION_REJECT);
	world_close(&world);
}

static void an_exempt_recipient_beyond_the_cap_still_counts(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", "policy.decide_from=eom", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	for (int i = 0; i < ENGINE_RECIPIENTS_MAX; i++)
		assert_false(rcpt(&world, "<b@example.org>")->final);
	rcpt(&world, "<postmaster@example.org>");
	assert_int_equal(eom(&world)->action, ACTION_TAG);
	world_close(&world);
}

static void nothing_sticks_to_the_next_message(void **state)
{
	struct world world;
	char sid[SUBJECT_SID_SIZE];

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", NULL });
	begin(&world, "192.0.2.1", "<a@listed.example.net>");
	assert_int_equal(rcpt(&world, "<b@example.org>")->action, ACTION_REJECT);
	memcpy(sid, engine_subject(world.session)->sid, sizeof(sid));
	/* MAIL without RSET, as Sendmail may send it */
	engine_mail(world.session, "<a@example.net>", "user", "PLAIN", NULL);
	assert_string_not_equal(engine_subject(world.session)->sid, sid);
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_string_equal(eom(&world)->decided_by, "exempt.authenticated");
	engine_message_end(world.session);
	engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_string_equal(eom(&world)->decided_by, "score");
	world_close(&world);
}

static void exempt_clients_cost_no_question(void **state)
{
	struct world world;
	struct dns_stats stats;

	(void)state;
	world_open(&world,
	           (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", "exempt.networks=[ \"192.0.2.0/24\" ]", NULL });
	begin(&world, "192.0.2.2", "<a@listed.example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_string_equal(eom(&world)->decided_by, "exempt.network");
	dns_get_stats(engine_dns(world.engine), &stats);
	assert_int_equal(stats.asked, 0);
	world_close(&world);
}

/* With no exempt recipient nothing can save the client: it is refused where that becomes certain. */
static void decide_from_connect_is_only_for_the_certain(void **state)
{
	static const char *certain[] = { "dnsbl.lists=(" BLOCK_LIST ")", "policy.decide_from=connect",
		                         "exempt.recipients=[ ]", "exempt.authenticated=false", NULL };
	static const char *uncertain[] = { "dnsbl.lists=(" BLOCK_LIST ")", "policy.decide_from=connect", NULL };
	struct world world;

	(void)state;
	world_open(&world, certain);
	const struct decision *decision = connect_from(&world, "192.0.2.2");
	assert_true(decision->final);
	assert_int_equal(decision->action, ACTION_REJECT);
	assert_int_equal(decision->stage, STAGE_CONNECT);
	world_close(&world);

	world_open(&world, uncertain);
	assert_false(connect_from(&world, "192.0.2.2")->final);
	world_close(&world);
}

static void monitor_mode_does_nothing(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", "mode=monitor", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	const struct decision *decision = rcpt(&world, "<b@example.org>");
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "action=accept would=reject stage=rcpt");
	decision = eom(&world);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "action=accept would=reject stage=eom");
	world_close(&world);
}

/* Connect, HELO with this name, MAIL. */
static void begin_as(struct world *world, const char *helo, const char *from)
{
	connect_from(world, "192.0.2.1");
	engine_helo(world->session, helo, NULL);
	engine_mail(world->session, from, NULL, NULL, NULL);
}

/* Forwarders break SPF: what it says alone, for both identities at once, marks a message and does not refuse it. */
static void spf_alone_tags(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, NULL);
	begin_as(&world, "www.forged.example", "<a@forged.example>");
	rcpt(&world, "<b@example.org>");
	assert_line_has(&world, eom(&world), "action=tag stage=eom score=5.0 ");
	begin_as(&world, "forged.example", "<>");
	rcpt(&world, "<b@example.org>");
	const struct decision *decision = eom(&world);
	assert_line_has(&world, decision, "action=tag stage=eom score=5.0 ");
	assert_line_has(&world, decision, " facts=\"spf.fail=5.0(forged.example -all)\"");
	begin_as(&world, "forged.example", "<a@why.forged.example>");
	rcpt(&world, "<b@example.org>");
	decision = eom(&world);
	assert_line_has(&world, decision, "action=accept stage=eom score=2.0 ");
	assert_line_has(&world, decision, " facts=\"spf.helo_fail=2.0(forged.example -all)\"");
	begin_as(&world, "pass.example", "<a@pass.example>");
	rcpt(&world, "<b@example.org>");
	assert_line_has(&world, eom(&world),
	                " score=0.0 threshold=5.0 decided_by=score client=unknown[192.0.2.1] "
	                "helo=<pass.example> from=<a@pass.example> to=<b@example.org> facts=\"\"");
	world_close(&world);
}

/* The HELO's result holds for each message until the next HELO, the sender's for one. */
static void findings_live_as_long_as_their_scope(void **state)
{
	struct world world;
	const struct findings *findings;

	(void)state;
	world_open(&world, NULL);
	findings = engine_findings(world.session);
	begin_as(&world, "forged.example", "<a@pass.example>");
	rcpt(&world, "<b@example.org>");
	eom(&world);
	assert_int_equal(findings->spf[SPF_HELO]->code, SPF_FAIL);
	assert_int_equal(findings->spf[SPF_MAIL_FROM]->code, SPF_PASS);
	engine_message_end(world.session);
	assert_int_equal(findings->spf[SPF_HELO]->code, SPF_FAIL);
	assert_null(findings->spf[SPF_MAIL_FROM]);
	engine_mail(world.session, "<a@pass.example>", NULL, NULL, NULL);
	rcpt(&world, "<b@example.org>");
	assert_line_has(&world, eom(&world), " facts=\"spf.helo_fail=2.0(forged.example -all)\"");
	engine_helo(world.session, "silent.example", NULL);
	assert_null(findings->spf[SPF_HELO]);
	assert_null(findings->spf[SPF_MAIL_FROM]);
	world_close(&world);
}

/* Both names have one key in the log line, so the second says whose it is. */
static void unsure_spf_says_whose(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "wait.rcpt_ms=100", "wait.eom_ms=200", "wait.complete_ms=100", NULL });
	begin_as(&world, "silent.example", "<a@www.silent.example>");
	rcpt(&world, "<b@example.org>");
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "spf(timeout helo)");
	world_close(&world);
}

/* The end of the message may turn a deferral into a refusal for good: the sender comes back with it. */
static void a_deferral_is_given_at_rcpt(void **state)
{
	struct world world;

	(void)state;
	world_open(&world,
	           (const char *[]){ "dnsbl.lists=(" BLOCK_LIST ")", "policy.defer=12.0", "policy.reject=15.0", NULL });
	begin(&world, "192.0.2.2", "<a@example.net>");
	const struct decision *decision = rcpt(&world, "<b@example.org>");
	assert_true(decision->final);
	assert_int_equal(decision->action, ACTION_DEFER);
	world_close(&world);
}

static void hostile_text_stays_in_its_place(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, NULL);
	connect_from(&world, "192.0.2.1");
	engine_helo(world.session, "x\" action=reject\r\nfake: \xff\x1b[31m", NULL);
	engine_mail(world.session, "<a b\"=\n@example.net>", NULL, NULL, NULL);
	rcpt(&world, "<b@example.org> to=<c>");
	const char *line = line_of(&world, eom(&world));
	for (const char *c = line; *c; c++)
		assert_true(*c >= ' ' && *c < 0x7f);
	assert_null(strstr(line, "\" action=reject"));
	assert_non_null(strstr(line, "helo=\"<x\\x22 action=reject\\x0d\\x0afake: \\xff\\x1b[31m>\""));
	world_close(&world);
}

static void dead_dns_accepts_and_says_so(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, (const char *[]){ "wait.rcpt_ms=50", "wait.eom_ms=50", "rdns.points.unsure=0.0",
	                                     "policy.tag=1.0", NULL });
	begin(&world, "192.0.2.5", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	const struct decision *decision = eom(&world);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_line_has(&world, decision, "unsure=\"rdns(timeout)\"");
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_mail_is_accepted),
		cmocka_unit_test(a_listed_client_is_refused_at_rcpt),
		cmocka_unit_test(waits_only_for_what_matters),
		cmocka_unit_test(what_comes_late_counts_at_the_end),
		cmocka_unit_test(a_delivered_message_tells_the_whole_story),
		cmocka_unit_test(exempt_messages_are_not_kept_for_the_story),
		cmocka_unit_test(the_wait_at_rcpt_is_for_all_recipients),
		cmocka_unit_test(postmaster_is_reached_beside_a_refused_recipient),
		cmocka_unit_test(recipients_who_differ_get_a_tagged_message),
		cmocka_unit_test(an_exempt_recipient_beyond_the_cap_still_counts),
		cmocka_unit_test(nothing_sticks_to_the_next_message),
		cmocka_unit_test(exempt_clients_cost_no_question),
		cmocka_unit_test(decide_from_connect_is_only_for_the_certain),
		cmocka_unit_test(monitor_mode_does_nothing),
		cmocka_unit_test(spf_alone_tags),
		cmocka_unit_test(findings_live_as_long_as_their_scope),
		cmocka_unit_test(unsure_spf_says_whose),
		cmocka_unit_test(a_deferral_is_given_at_rcpt),
		cmocka_unit_test(hostile_text_stays_in_its_place),
		cmocka_unit_test(dead_dns_accepts_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

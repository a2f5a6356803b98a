/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_engine - a session through its stages: what is asked when, when it waits, and what becomes of the recipients.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "engine/engine.h"
#include "headers/headers.h"

#define OVERRIDES_MAX 16

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n"
			   "2.2.0.192.bl.example A 127.0.0.2\n"
			   "2.2.0.192.allow.example A !slow=800\n"
			   "2.2.0.192.allow.example A 127.0.0.9\n"
			   "3.2.0.192.bl.example A 127.0.0.2\n"
			   "3.2.0.192.dead.example * !timeout\n"
			   "5.2.0.192.in-addr.arpa * !timeout\n"
			   "listed.example.net.bl.example A 127.0.0.2\n";

#define BLOCK_LIST                                                                                                             \
	"{ name = \"bl\"; zone = \"bl.example\"; over = [ \"client\", \"sender\" ]; codes = ( { code = \"127.0.0.2\"; name = " \
	"\"yes\"; points = 12.0; } ); }"
#define ALLOW_LIST                                                                                                            \
	"{ name = \"allow\"; kind = \"allow\"; zone = \"allow.example\"; codes = ( { code = \"127.0.0.9\"; name = \"good\"; " \
	"points = -5.0; } ); }"
#define DEAD_LIST \
	"{ name = \"dead\"; zone = \"dead.example\"; codes = ( { code = \"127.0.0.2\"; name = \"yes\"; points = 2.0; } ); }"

struct world {
	char zone_file[64], override_zone[96];
	struct engine_config *settings;
	struct config *config;
	struct engine *engine;
	struct engine_session *session;
	unsigned waits;
};

static void count_wait(void *context)
{
	((struct world *)context)->waits++;
}

/* An engine on the zone above, with further overrides (NULL-terminated), and one session. */
static void world_open(struct world *world, const char *const *overrides)
{
	const char *all[OVERRIDES_MAX] = { "dns.mode=zone", world->override_zone, "rdns.points.none=0.0" };
	struct config_section sections[ENGINE_SECTIONS_MAX];
	struct err err = { "" };
	size_t n = 3;

	*world = (struct world){ .zone_file = "/tmp/mailreeve-test-engine-XXXXXX" };
	int fd = mkstemp(world->zone_file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, zone, sizeof(zone) - 1), sizeof(zone) - 1);
	close(fd);
	snprintf(world->override_zone, sizeof(world->override_zone), "dns.zone_file=\"%s\"", world->zone_file);
	while (overrides && *overrides && n < OVERRIDES_MAX)
		all[n++] = *overrides++;
	world->settings = engine_config_open();
	world->config = config_open(NULL, all, n, sections, engine_config_sections(world->settings, sections), &err);
	if (!world->config)
		fail_msg("%s", err.text);
	world->engine = engine_open(world->settings, world->config, &err);
	if (!world->engine || engine_start(world->engine, &err))
		fail_msg("%s", err.text);
	world->session = engine_session_open(world->engine, &(struct engine_hooks){ count_wait, world });
}

static void world_close(struct world *world)
{
	engine_session_close(&world->session);
	engine_close(&world->engine);
	config_close(&world->config);
	engine_config_close(&world->settings);
	unlink(world->zone_file);
}

static const struct decision *connect_from(struct world *world, const char *address)
{
	struct engine_client client = { .name = "unknown", .mta_name = "mx.example.org" };

	ip_parse(&client.ip, address);
	return engine_connect(world->session, &client);
}

/* Connect, HELO, MAIL. */
static void begin(struct world *world, const char *address, const char *from)
{
	connect_from(world, address);
	engine_helo(world->session, "client.example.net", NULL);
	engine_mail(world->session, from, NULL, NULL, NULL);
}

static const struct decision *rcpt(struct world *world, const char *to)
{
	return engine_rcpt(world->session, to, NULL);
}

static const struct decision *eom(struct world *world)
{
	engine_headers(world->session);
	return engine_eom(world->session, "4F2A1");
}

static const char *line_of(struct world *world, const struct decision *decision)
{
	static char memory[8192];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	engine_log_line(&line, world->session, decision);
	return memory;
}

static void assert_line_has(struct world *world, const struct decision *decision, const char *text)
{
	const char *line = line_of(world, decision);

	if (!strstr(line, text))
		fail_msg("\"%s\" is not in: %s", text, line);
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

	world_open(&world, (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", "policy.tag=2.0", "wait.rcpt_ms=60",
	                                     "wait.eom_ms=60", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_true(world.waits > 0);
	const struct decision *decision = eom(&world);
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
	world_open(&world, (const char *[]){ "dnsbl.lists=(" DEAD_LIST ")", "policy.tag=2.0", "wait.rcpt_ms=60",
	                                     "wait.eom_ms=0", NULL });
	begin(&world, "192.0.2.3", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	unsigned waits = world.waits;
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

static void an_idle_session_is_small(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, NULL);
	assert_true(engine_session_octets(world.session) < 1600);
	begin(&world, "192.0.2.1", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	assert_true(engine_session_octets(world.session) < 4096);
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
		cmocka_unit_test(hostile_text_stays_in_its_place),
		cmocka_unit_test(dead_dns_accepts_and_says_so),
		cmocka_unit_test(an_idle_session_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

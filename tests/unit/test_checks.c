/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks exempt, rdns and dnsbl against a world of DNS in a zone file: which facts are stated, with which details.
 */
#include "check_cases.h"
#include "check_rig.h"

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
		.what = "silence",
		.check = "dnsbl",
		.overrides = { LISTS(BLOCK "," ALLOW "," DOMAINS) },
		.helo = MAIL,
		.mail_from = "<a@example.net>",
		.zone = "*.bl.example.org * !timeout\n*.wl.example.org * !timeout\n*.dbl.example.org * !timeout\n",
	};
	static const struct scenario names = {
		.what = "names",
		.check = "rdns",
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
		.what = "slow names",
		.check = "rdns",
		.zone = "7.113.0.203.in-addr.arpa * !slow=1\n" PTR7 "a.example.org\n" PTR7
			"203-0-113-7.example.net\n" PTR7 "dsl-1.example.net\n" PTR7
			"b.example.org\na.example.org * !slow=30\na.example.org A 192.0.2.1\n"
			"b.example.org * !slow=10\nb.example.org A 192.0.2.2\n203-0-113-7.example.net * !slow=20\n"
			"203-0-113-7.example.net A 203.0.113.7\ndsl-1.example.net * !slow=5\ndsl-1.example.net A 203.0.113.7\n",
	};
	static const struct scenario lists = {
		.what = "slow lists",
		.check = "dnsbl",
		.overrides = { LISTS(BLOCK "," ALLOW "," DOMAINS "," MIXED) },
		.helo = MAIL,
		.mail_from = "<a@example.net>",
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
		"exempt.networks=[ ]",
		"exempt.authenticated=false",
		"exempt.recipients=[ ]",
		NULL,
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
		strbuf_addf(
			&buf,
			"%s" LIST("name = \"l%d\"; zone = \"z%d.bl.example.org\";", CODE("127.0.0.2", "hit", "1.0")),
			i > 0 ? "," : "", i, i);
	strbuf_add(&buf, " )");
	assert_false(buf.truncated);
	for (size_t i = 0; i < COUNT(room); i++) {
		struct err err = { "" };
		struct factset facts;
		struct rig rig;
		if (rig_configure(&rig, checks, overrides, &err) != 0)
			fail_msg("%s", err.text);
		rig_prepare(&rig, "*.bl.example.org * !slow=5\n*.bl.example.org A 127.0.0.2\n" PTR7 MAIL "\n" MAIL
		                  " A 203.0.113.7\n"
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
		cmocka_unit_test(test_scenarios),         cmocka_unit_test(test_closing),
		cmocka_unit_test(test_slow_answers),      cmocka_unit_test(test_no_memory_left),
		cmocka_unit_test(test_may_state_shrinks), cmocka_unit_test(test_exempt_may_state_is_exact),
		cmocka_unit_test(test_many_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

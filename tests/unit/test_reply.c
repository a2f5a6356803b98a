/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a refused sender is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "policy/reply.h"

#define SMTP_REPLY_LINE_MAX 512 /* RFC 5321 4.5.3.1.5, CRLF included */
#define LONG                                                                                                        \
	"a text that goes on and on, for a list whose administrator had much to say about its purpose, its policy " \
	"and its history"

static const struct {
	const char *check, *name;
	enum fact_kind kind;
	int points_milli;
	const char *text;
} facts[] = {
	{ "exempt", "auth", FACT_EXEMPT, 99000, "the client is authenticated" },
	{ "rdns", "ok", FACT_NORMAL, 99000, "reverse DNS is in order" },
	{ "rdns", "none", FACT_EVIDENCE, 3000, "the client address has no PTR record" },
	{ "rdns", "generic", FACT_EVIDENCE, 2000, "the client name looks generic" },
	{ "dnsbl", "zen.xbl", FACT_EVIDENCE, 2500, "the client address is on the block list zen (xbl)" },
	{ "dnsbl", "zen.sbl", FACT_EVIDENCE, 9000, "the client address is on the block list zen (sbl)" },
	{ "dnsbl", "other.x", FACT_EVIDENCE, 2500, "the client address is on the block list other (x)" },
	{ "dnsbl", "white.x", FACT_EVIDENCE, -9000, "the client address is on the allow list white" },
	{ "dnsbl", "zen.unsure", FACT_UNSURE, 0, "the block list zen did not answer" },
	{ "odd", "a", FACT_EVIDENCE, 20000, LONG },
	{ "odd", "b", FACT_EVIDENCE, 20000, LONG },
	{ "odd", "c", FACT_EVIDENCE, 20000, LONG },
	{ "odd", "d", FACT_EVIDENCE, 30000, "bad \r\n250 ok \xff\\ 100%" },
	{ "odd", "zero", FACT_EVIDENCE, 0, "nothing to see" },
	{ "spf", "fail", FACT_EVIDENCE, 5000, "the sender's domain does not permit this client" },
	{ "spf", "softfail", FACT_EVIDENCE, 1500, "the sender's domain probably does not permit this client" },
	{ "spf", "permerror", FACT_EVIDENCE, 1000, "the SPF record has an error" },
	{ "spf", "temperror", FACT_UNSURE, 1000, "the SPF record could not be looked up" },
	{ "spf", "wide", FACT_EVIDENCE, 1000, "the SPF record permits far too many" },
	{ "spf", "none", FACT_QUIET, 0, "there is no SPF record" },
	{ "spf", "neutral", FACT_QUIET, 500, "the domain does not say" },
	{ "spf", "helo_fail", FACT_EVIDENCE, 2000, "the HELO name does not permit this client" },
	{ "dkim", "none", FACT_QUIET, 100, "there is no signature" },
	{ "dkim", "fail", FACT_EVIDENCE, 100, "no signature is valid" },
	{ "dkim", "weak_key", FACT_EVIDENCE, 100, "the key is too short" },
	{ "dkim", "partial", FACT_EVIDENCE, 100, "the body is not covered" },
	{ "dkim", "pass", FACT_QUIET, 100, "no signature is the author's" },
	{ "dkim", "temperror", FACT_UNSURE, 100, "the key could not be looked up" },
	{ "dmarc", "fail_reject", FACT_EVIDENCE, 10000, "nothing speaks for the author" },
	{ "dmarc", "from_several", FACT_EVIDENCE, 5500, "several authors" },
};

struct world {
	struct catalogue *catalogue;
	struct config *config;
	struct policy_settings settings, unused;
	struct policy_rule_settings rule;
	const char *all[2], *cancels[1];
	struct policy *policy;
	struct arena arena;
	struct evidence connection, message;
	struct subject subject;
};

/* `cancels` NULL: the rule gives points; else it takes those of this fact or pattern away. */
static void world_open_cancelling(struct world *world, const char *cancels)
{
	struct config_section section = { "policy", "", policy_rows, policy_n_rows, &world->unused };
	struct err err = { "" };

	memset(world, 0, sizeof(*world));
	world->catalogue = catalogue_open();
	for (size_t i = 0; i < COUNT(facts); i++)
		assert_int_equal(catalogue_add(world->catalogue, facts[i].check, facts[i].name, facts[i].kind,
		                               facts[i].points_milli, facts[i].text, &err),
		                 i);
	world->config = config_open(NULL, NULL, 0, &section, 1, &err);
	assert_non_null(world->config);
	world->all[0] = "rdns.generic";
	world->all[1] = "odd.zero";
	world->rule = (struct policy_rule_settings){ .name = "pair", .all = { 2, world->all }, .points_milli = 4000 };
	if (cancels != NULL) {
		world->cancels[0] = cancels;
		world->rule.cancels = (struct config_array){ 1, world->cancels };
		world->rule.points_milli = 0;
	}
	world->settings.rules = (struct config_array){ 1, &world->rule };
	for (int i = ACTION_TAG; i < ACTIONS; i++)
		world->settings.threshold_milli[i] = CONFIG_OFF;
	world->policy = policy_open(&world->settings, world->catalogue, world->config, &err);
	assert_non_null(world->policy);
	arena_open(&world->arena, NULL);
	evidence_open(&world->connection, NULL);
	evidence_open(&world->message, &world->connection);
	snprintf(world->subject.sid, sizeof(world->subject.sid), "k3x9");
	world->subject.helo = "evil.example\r\nX";
}

static void world_open(struct world *world)
{
	world_open_cancelling(world, NULL);
}

static void world_close(struct world *world)
{
	arena_close(&world->arena);
	policy_close(&world->policy);
	config_close(&world->config);
	catalogue_close(&world->catalogue);
}

/* Facts named before " / " are stated of the connection, those behind it of the message; each with a hostile detail. */
static void state_facts(struct world *world, const char *names)
{
	struct evidence *scope = &world->connection;
	char name[FACT_NAME_MAX + 1];
	int used;

	for (; sscanf(names, " %64s%n", name, &used) == 1; names += used) {
		if (strcmp(name, "/") == 0) {
			scope = &world->message;
			continue;
		}
		evidence_add(scope, &world->arena, catalogue_find(world->catalogue, name), STAGE_RCPT,
		             "secretkey.zen.example");
	}
}

static struct reply reply_quoting(const struct reply_quote *quote, const char *names, enum action action,
                                  int score_milli, int threshold_milli)
{
	struct verdict verdict = { action, score_milli, threshold_milli, FACT_NO_ID };
	struct world world;
	struct reply reply;

	world_open(&world);
	state_facts(&world, names);
	memset(&reply, 'x', sizeof(reply));
	reply_make(&reply, &verdict, &world.message, world.policy, world.catalogue, &world.subject, quote);
	world_close(&world);
	return reply;
}

static struct reply reply_to(const char *names, enum action action, int score_milli, int threshold_milli)
{
	return reply_quoting(NULL, names, action, score_milli, threshold_milli);
}

static void replies_by_table(void **state)
{
	static const struct {
		const char *facts;
		enum action action;
		int score, threshold;
		const char *code, *enhanced, *text;
	} cases[] = {
		{ "rdns.none / dnsbl.zen.xbl", ACTION_REJECT, 12000, 10000, "550", "5.7.25",
		  "Message refused: the client address has no PTR record; the client address is on "
		  "the block list zen (xbl) "
		  "[score 12.0 of 10.0, id k3x9]" },
		{ "rdns.none dnsbl.zen.sbl", ACTION_REJECT, 12000, 10000, "550", "5.7.1",
		  "Message refused: the client address is on the block list zen (sbl); "
		  "the client address has no PTR record "
		  "[score 12.0 of 10.0, id k3x9]" },
		{ "rdns.none", ACTION_DEFER, 3000, 2500, "451", "4.7.25",
		  "Message deferred, try again later: "
		  "the client address has no PTR record [score 3.0 of 2.5, id k3x9]" },
		{ "dnsbl.zen.xbl", ACTION_DEFER, 3001, 3001, "451", "4.7.1",
		  "Message deferred, try again later: "
		  "the client address is on the block list zen (xbl) [score 3.001 of 3.001, id k3x9]" },
		/* at most three; equal ones as in the catalogue; what speaks for the client is not told */
		{ "/ dnsbl.other.x dnsbl.white.x rdns.generic dnsbl.zen.xbl rdns.none "
		  "rdns.ok exempt.auth dnsbl.zen.unsure",
		  ACTION_REJECT, 1000, 1000, "550", "5.7.25",
		  "Message refused: the client address has no PTR record; the client address is on "
		  "the block list zen (xbl); "
		  "the client address is on the block list other (x) [score 1.0 of 1.0, id k3x9]" },
		/* a rule is a reason too */
		{ "rdns.generic odd.zero", ACTION_REJECT, 6000, 6000, "550", "5.7.1",
		  "Message refused: several findings together (rule pair); "
		  "the client name looks generic [score 6.0 of 6.0, id k3x9]" },
		/* no reason with points: a threshold of 0 */
		{ "odd.zero dnsbl.white.x", ACTION_REJECT, -9000, -9500, "550", "5.7.1",
		  "Message refused by local policy [score -9.0 of -9.5, id k3x9]" },
		{ "", ACTION_DEFER, 0, CONFIG_OFF, "451", "4.7.1",
		  "Message deferred by local policy, try again later [score 0.0, id k3x9]" },
		/* a text from the configuration cannot break the line */
		{ "odd.d", ACTION_REJECT, 30000, 10000, "550", "5.7.1",
		  "Message refused: bad \\x0d\\x0a250 ok \\xff\\x5c 100% [score 30.0 of 10.0, id k3x9]" },
		/* RFC 7372: SPF's verdict, and its errors, by the weightiest fact */
		{ "spf.fail rdns.none", ACTION_REJECT, 8000, 8000, "550", "5.7.23",
		  "Message refused: the sender's domain does not permit this client; "
		  "the client address has no PTR record [score 8.0 of 8.0, id k3x9]" },
		{ "spf.softfail", ACTION_REJECT, 1500, 1000, "550", "5.7.23",
		  "Message refused: the sender's domain probably does not permit this client [score 1.5 of 1.0, id k3x9]" },
		{ "spf.helo_fail spf.permerror", ACTION_REJECT, 3000, 1000, "550", "5.7.23",
		  "Message refused: the HELO name does not permit this client; "
		  "the SPF record has an error [score 3.0 of 1.0, id k3x9]" },
		{ "spf.permerror", ACTION_REJECT, 1000, 1000, "550", "5.7.24",
		  "Message refused: the SPF record has an error [score 1.0 of 1.0, id k3x9]" },
		{ "spf.temperror", ACTION_DEFER, 1000, 1000, "451", "4.7.24",
		  "Message deferred, try again later: the SPF record could not be looked up [score 1.0 of 1.0, id k3x9]" },
		{ "spf.wide", ACTION_REJECT, 1000, 1000, "550", "5.7.1",
		  "Message refused: the SPF record permits far too many [score 1.0 of 1.0, id k3x9]" },
		/* what is nothing wrong is a reason where it has points */
		{ "spf.none spf.neutral", ACTION_REJECT, 500, 500, "550", "5.7.1",
		  "Message refused: the domain does not say [score 0.5 of 0.5, id k3x9]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply reply = reply_to(cases[i].facts, cases[i].action, cases[i].score, cases[i].threshold);
		assert_string_equal(reply.code, cases[i].code);
		assert_string_equal(reply.enhanced, cases[i].enhanced);
		assert_string_equal(reply.text, cases[i].text);
	}
}

/* RFC 7372 3: by what weighs most, and by how many of the mechanisms have failed. */
static void authentication_has_its_codes(void **state)
{
	static const struct {
		const char *facts, *enhanced;
	} cases[] = {
		{ "dkim.none", "5.7.20" },
		{ "dkim.fail", "5.7.20" },
		{ "dkim.temperror", "5.7.20" },
		{ "dkim.weak_key", "5.7.21" },
		{ "dkim.partial", "5.7.21" },
		{ "dkim.pass", "5.7.22" },
		{ "dmarc.fail_reject", "5.7.1" },
		{ "dmarc.fail_reject spf.fail", "5.7.26" },
		{ "dmarc.fail_reject dkim.fail", "5.7.26" },
		{ "spf.fail dkim.fail", "5.7.26" },
		{ "spf.fail spf.helo_fail", "5.7.23" },
		{ "dmarc.fail_reject spf.wide", "5.7.1" },
		{ "dmarc.fail_reject spf.none", "5.7.1" },       /* no points */
		{ "dnsbl.zen.sbl spf.fail dkim.fail", "5.7.1" }, /* it is something else that weighs most */
		{ "dmarc.from_several spf.fail dkim.fail", "5.7.1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply reply = reply_quoting(NULL, cases[i].facts, ACTION_REJECT, 10000, 10000);
		if (strcmp(reply.enhanced, cases[i].enhanced) != 0)
			fail_msg("%s: %s, must be %s", cases[i].facts, reply.enhanced, cases[i].enhanced);
	}
}

/* What a rule has cancelled is no reason for anything. */
static void cancelled_facts_are_no_reason(void **state)
{
	const struct verdict verdict = { ACTION_REJECT, 10000, 10000, FACT_NO_ID };
	struct world world;
	struct reply reply;

	(void)state;
	world_open_cancelling(&world, "spf.*");
	state_facts(&world, "spf.fail rdns.generic odd.zero dmarc.fail_reject");
	reply_make(&reply, &verdict, &world.message, world.policy, world.catalogue, &world.subject, NULL);
	assert_string_equal(reply.enhanced, "5.7.1");
	assert_null(strstr(reply.text, "does not permit"));
	assert_non_null(strstr(reply.text, "nothing speaks for the author; the client name looks generic ["));
	world_close(&world);
}

static void the_longest_reply_fits_a_line(void **state)
{
	static const enum action actions[] = { ACTION_REJECT, ACTION_DEFER };

	(void)state;
	for (size_t i = 0; i < COUNT(actions); i++) {
		struct verdict verdict = { actions[i], -2147483647, -2147483647, FACT_NO_ID };
		struct world world;
		struct reply reply;
		size_t length;
		world_open(&world);
		state_facts(&world, "odd.a odd.b odd.c rdns.none");
		memset(world.subject.sid, '9', sizeof(world.subject.sid) - 1);
		reply_make(&reply, &verdict, &world.message, world.policy, world.catalogue, &world.subject, NULL);
		length = strlen(reply.code) + 1 + strlen(reply.enhanced) + 1 + strlen(reply.text) + 2;
		assert_true(length <= SMTP_REPLY_LINE_MAX);
		/* the end, by which the administrator finds the log line, is always there */
		assert_string_equal(reply.text + strlen(reply.text) - 20, " id 999999999999999]");
		assert_non_null(strstr(reply.text, "its pu"));
		assert_non_null(strstr(reply.text, "...; a text"));
		for (const char *at = reply.text; *at != '\0'; at++)
			assert_true(*at >= 0x20 && *at <= 0x7e);
		world_close(&world);
	}
}

static void details_and_input_stay_out(void **state)
{
	struct reply reply = reply_to("rdns.none dnsbl.zen.xbl", ACTION_REJECT, 12000, 10000);

	(void)state;
	assert_null(strstr(reply.text, "secretkey"));
	assert_null(strstr(reply.text, "evil"));
}

static void an_explanation_is_quoted(void **state)
{
	static const struct {
		const char *facts, *domain, *text, *reply;
	} cases[] = {
		{ "spf.fail", "example.net", "See https://example.net/why?ip=192.0.2.1",
		  "Message refused: the sender's domain does not permit this client; "
		  "example.net explains: \"See https://example.net/why?ip=192.0.2.1\" [score 5.0 of 5.0, id k3x9]" },
		/* only to the reason that it explains */
		{ "spf.softfail", "example.net", "no",
		  "Message refused: the sender's domain probably does not permit this client [score 5.0 of 5.0, id k3x9]" },
		{ "spf.fail dnsbl.zen.sbl odd.a odd.b", "example.net", "no", NULL },
		{ "spf.fail", "example.net", "",
		  "Message refused: the sender's domain does not permit this client [score 5.0 of 5.0, id k3x9]" },
		/* nobody else's words get out of the quotes */
		{ "spf.fail", "a\" b.example", "x\"\r\n250 ok\xff\\ 100%",
		  "Message refused: the sender's domain does not permit this client; "
		  "a\\x22 b.example explains: \"x\\x22\\x0d\\x0a250 ok\\xff\\x5c 100%\" [score 5.0 of 5.0, id k3x9]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct reply_quote quote = { "spf.fail", cases[i].domain, cases[i].text };
		struct reply reply = reply_quoting(&quote, cases[i].facts, ACTION_REJECT, 5000, 5000);
		if (cases[i].reply != NULL)
			assert_string_equal(reply.text, cases[i].reply);
		else
			assert_null(strstr(reply.text, "explains"));
	}
}

/* However long the words and the name, the reply keeps its limit, its closing quote and its end. */
static void a_long_explanation_is_cut(void **state)
{
	char domain[300], text[3000];

	(void)state;
	for (size_t length = 1; length < sizeof(text); length += length < 600 ? 1 : 500) {
		const struct reply_quote quote = { "spf.fail", domain, text };
		struct reply reply;
		size_t octets;
		memset(domain, 'd', sizeof(domain) - 1);
		domain[length < sizeof(domain) - 1 ? length : sizeof(domain) - 1] = '\0';
		memset(text, length % 2 != 0 ? '"' : 'x', length);
		text[length] = '\0';
		reply = reply_quoting(&quote, "spf.fail rdns.none odd.d", ACTION_REJECT, 38000, 10000);
		octets = strlen(reply.code) + 1 + strlen(reply.enhanced) + 1 + strlen(reply.text) + 2;
		assert_true(octets <= SMTP_REPLY_LINE_MAX);
		assert_non_null(strstr(reply.text, "explains: \""));
		assert_string_equal(strrchr(reply.text, '"'), "\" [score 38.0 of 10.0, id k3x9]");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_by_table),
		cmocka_unit_test(the_longest_reply_fits_a_line),
		cmocka_unit_test(details_and_input_stay_out),
		cmocka_unit_test(an_explanation_is_quoted),
		cmocka_unit_test(a_long_explanation_is_cut),
		cmocka_unit_test(authentication_has_its_codes),
		cmocka_unit_test(cancelled_facts_are_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

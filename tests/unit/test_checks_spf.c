/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_spf - the check spf against a world of DNS in a zone file: which facts each result states, what counts of
 * the HELO name, and what may still come.
 */
#include "check_rig.h"

#define CLIENT "192.0.2.7"

static const char zone[] = "pass.example.net TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
			   "fail.example.net TXT \"v=spf1 ip4:198.51.100.0/24 -all exp=why.example.net\"\n"
			   "why.example.net TXT \"Ask the postmaster\"\n"
			   "mute.example.net TXT \"v=spf1 -all\"\n"
			   "softfail.example.net TXT \"v=spf1 ip4:198.51.100.0/24 ~all\"\n"
			   "neutral.example.net TXT \"v=spf1 ?all\"\n"
			   "default.example.net TXT \"v=spf1 ip4:198.51.100.0/24\"\n"
			   "broken.example.net TXT \"v=spf1 ip4:192.0.2.0/24 bad -all\"\n"
			   "servfail.example.net TXT !servfail\n"
			   "dead.example.net TXT !timeout\n"
			   "slow.example.net * !slow=20\n"
			   "slow.example.net TXT \"v=spf1 -all\"\n"
			   "none.example.net A 198.51.100.9\n"
			   "guess.example.net A 192.0.2.99\n"
			   "open.example.net TXT \"v=spf1 +all\"\n"
			   "wide.example.net TXT \"v=spf1 ip4:192.0.0.0/2 ip4:192.0.2.7 -all\"\n"
			   "roomy.example.net TXT \"v=spf1 ip4:192.0.0.0/16 ip4:192.0.2.7 -all\"\n";

struct scenario {
	const char *what;
	const char *overrides[2];
	const char *client; /* NULL: CLIENT; "": none */
	const char *helo;   /* NULL: none was said */
	const char *mail_from;
	const char *want;
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	/* each result, for the sender's domain */
	{ .what = "pass", .mail_from = "<a@pass.example.net>", .want = "spf.pass(pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "fail", .mail_from = "<a@fail.example.net>", .want = "spf.fail(fail.example.net -all)" },
	{ .what = "softfail", .mail_from = "<a@softfail.example.net>", .want = "spf.softfail(softfail.example.net ~all)" },
	{ .what = "neutral", .mail_from = "<a@neutral.example.net>", .want = "spf.neutral(neutral.example.net ?all)" },
	{ .what = "nothing matches", .mail_from = "<a@default.example.net>",
	  .want = "spf.neutral(default.example.net default)" },
	{ .what = "temperror", .mail_from = "<a@servfail.example.net>", .want = "spf.temperror(servfail)" },
	{ .what = "none, and the guess finds nothing", .mail_from = "<a@none.example.net>",
	  .want = "spf.none(none.example.net) spf.guess_neutral(none.example.net)" },
	{ .what = "no guess", .overrides = { "spf.guess=false" }, .mail_from = "<a@none.example.net>",
	  .want = "spf.none(none.example.net)" },
	{ .what = "upper case", .mail_from = "<a@PASS.Example.NET.>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24)" },

	/* over-wide records */
	{ .what = "+all", .mail_from = "<a@open.example.net>",
	  .want = "spf.pass(open.example.net +all) spf.wide(open.example.net +all)" },
	{ .what = "a quarter of the world", .mail_from = "<a@wide.example.net>",
	  .want = "spf.pass(wide.example.net ip4:192.0.0.0/2) "
	          "spf.wide(wide.example.net ip4:192.0.0.0/2, 1073741825 addresses)" },
	{ .what = "a /16", .mail_from = "<a@roomy.example.net>", .want = "spf.pass(roomy.example.net ip4:192.0.0.0/16)" },
	{ .what = "a /16 is too much", .overrides = { "spf.wide_addresses=65536" }, .mail_from = "<a@roomy.example.net>",
	  .want = "spf.pass(roomy.example.net ip4:192.0.0.0/16) "
	          "spf.wide(roomy.example.net ip4:192.0.0.0/16, 65537 addresses)" },

	/* the HELO name */
	{ .what = "HELO passes", .helo = "pass.example.net", .mail_from = "<a@mute.example.net>",
	  .want = "spf.fail(mute.example.net -all) spf.helo_pass(pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "HELO fails", .helo = "mute.example.net", .mail_from = "<a@pass.example.net>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24) spf.helo_fail(mute.example.net -all)" },
	{ .what = "HELO softfails", .helo = "softfail.example.net", .mail_from = "<a@pass.example.net>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24) spf.helo_softfail(softfail.example.net ~all)" },
	{ .what = "HELO is neutral", .helo = "neutral.example.net", .mail_from = "<a@pass.example.net>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24) spf.helo_neutral(neutral.example.net ?all)" },
	{ .what = "HELO has no record, and no guess is made for it", .helo = "guess.example.net",
	  .mail_from = "<a@pass.example.net>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24) spf.helo_none(guess.example.net)" },
	{ .what = "HELO is unsure", .helo = "servfail.example.net", .mail_from = "<a@servfail.example.net.>",
	  .want = "spf.temperror(servfail)" },
	{ .what = "both are unsure", .helo = "servfail.example.net", .mail_from = "<a@dead.example.net>",
	  .overrides = { "spf.guess=false" }, .want = "spf.temperror(timeout) spf.helo_temperror(servfail helo)" },
	{ .what = "HELO is a word", .helo = "localhost", .mail_from = "<a@pass.example.net>",
	  .want = "spf.pass(pass.example.net ip4:192.0.2.0/24) spf.helo_none(localhost)" },
	{ .what = "HELO switched off", .overrides = { "spf.helo=false" }, .helo = "mute.example.net",
	  .mail_from = "<a@pass.example.net>", .want = "spf.pass(pass.example.net ip4:192.0.2.0/24)" },

	/* a domain is heard once */
	{ .what = "null reverse-path", .helo = "mute.example.net", .mail_from = "<>",
	  .want = "spf.fail(mute.example.net -all)" },
	{ .what = "null reverse-path without HELO evaluation", .overrides = { "spf.helo=false" },
	  .helo = "mute.example.net", .mail_from = "<>", .want = "spf.fail(mute.example.net -all)" },
	{ .what = "the sender's domain is the HELO name", .helo = "MUTE.example.net.",
	  .mail_from = "<a@mute.example.net>", .want = "spf.fail(mute.example.net -all)" },

	/* what is no domain */
	{ .what = "bare postmaster", .helo = "pass.example.net", .mail_from = "<postmaster>",
	  .want = "spf.none spf.helo_pass(pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "a space in the domain", .mail_from = "<a@b c.example.net>", .want = "spf.none" },
	{ .what = "no client address", .client = "", .helo = "mute.example.net", .mail_from = "<a@mute.example.net>",
	  .want = "" },
};
/* clang-format on */

static const char *const spf_only[] = { "spf", NULL };

static void open_rig(struct rig *rig, const struct scenario *scenario)
{
	const char *client = scenario->client != NULL ? scenario->client : CLIENT;
	struct err err = { "" };

	if (rig_configure(rig, spf_only, scenario->overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	rig_prepare(rig, zone);
	rig->dns_settings.question_ms = 2000;
	rig_open_dns(rig);
	if (client[0] != '\0')
		assert_true(ip_parse(&rig->subject.client_ip, client));
	rig->subject.helo = scenario->helo;
	rig->subject.mta_name = "mx.example.org";
}

/* HELO only where one was said; the sender is known from MAIL on. */
static void play(struct rig *rig, const struct scenario *scenario, bool step_by_step)
{
	rig_start(rig, STAGE_CONNECT);
	if (scenario->helo != NULL)
		rig_start(rig, STAGE_HELO);
	else
		rig->stage = STAGE_HELO;
	if (step_by_step)
		rig_finish(rig);
	address_parse(&rig->subject.mail_from, scenario->mail_from, &rig->arena);
	rig_start(rig, STAGE_MAIL);
	rig_finish(rig);
}

static void each_result_is_a_fact(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i / 2];
		struct rig rig;
		open_rig(&rig, scenario);
		play(&rig, scenario, i % 2 == 0);
		if (strcmp(rig_text(&rig, text), scenario->want) != 0) {
			print_error("%s: %s; must be: %s\n", scenario->what, text, scenario->want);
			wrong++;
		}
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

static void an_error_names_its_place(void **state)
{
	static const struct scenario broken = { .what = "permerror",
		                                .helo = "broken.example.net",
		                                .mail_from = "<a@broken.example.net>" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &broken);
	play(&rig, &broken, true);
	rig_text(&rig, text);
	assert_memory_equal(text, "spf.permerror(broken.example.net: ", 34);
	assert_non_null(strstr(text, "'bad'"));
	assert_null(strstr(text, "\\x22"));
	assert_non_null(strstr(rig.findings.spf[SPF_MAIL_FROM]->problem, "\"bad\""));
	rig_close(&rig);
}

static void a_guess_that_finds_the_client_is_a_fact_of_its_own(void **state)
{
	static const struct scenario guess = { .what = "guess", .mail_from = "<a@guess.example.net>" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &guess);
	play(&rig, &guess, true);
	rig_text(&rig, text);
	assert_non_null(strstr(text, "spf.none(guess.example.net"));
	assert_non_null(strstr(text, "spf.guess_pass(guess.example.net "));
	assert_null(strstr(text, "spf.pass"));
	assert_true(rig.findings.spf[SPF_MAIL_FROM]->guessed);
	rig_close(&rig);
}

/* What nobody answers is unsure, and states no more than that. */
static void closing_is_unsure(void **state)
{
	static const struct scenario silence = { .what = "silence",
		                                 .helo = "dead.example.net",
		                                 .mail_from = "<a@slow.example.net>" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &silence);
	rig_start(&rig, STAGE_HELO);
	address_parse(&rig.subject.mail_from, silence.mail_from, &rig.arena);
	rig_start(&rig, STAGE_MAIL);
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "spf.temperror(timeout) spf.helo_temperror(timeout helo)");
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

/* That is what ends a wait early. */
static void what_may_come_shrinks_with_each_result(void **state)
{
	static const struct scenario early = { .what = "early", .helo = "mute.example.net" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &early);
	assert_true(may(&rig, "spf.fail") && may(&rig, "spf.wide") && may(&rig, "spf.guess_pass"));
	assert_true(may(&rig, "spf.helo_fail") && may(&rig, "spf.helo_pass"));
	rig_start(&rig, STAGE_HELO);
	rig_finish(&rig);
	assert_string_equal(rig_text(&rig, text), ""); /* the sender may be null: not known before MAIL */
	assert_true(may(&rig, "spf.helo_fail") && may(&rig, "spf.fail"));
	assert_false(may(&rig, "spf.helo_pass") || may(&rig, "spf.helo_temperror"));
	address_parse(&rig.subject.mail_from, "<a@dead.example.net>", &rig.arena);
	rig_start(&rig, STAGE_MAIL);
	assert_string_equal(rig_text(&rig, text), "spf.helo_fail(mute.example.net -all)");
	assert_false(may(&rig, "spf.helo_fail"));
	assert_true(may(&rig, "spf.fail") && may(&rig, "spf.temperror"));
	rig_collect(&rig, true);
	assert_false(may(&rig, "spf.fail") || may(&rig, "spf.temperror"));
	rig_close(&rig);
}

static void what_is_switched_off_is_not_announced(void **state)
{
	static const struct scenario off = { .what = "off", .overrides = { "spf.guess=false", "spf.helo=false" } };
	struct rig rig;

	(void)state;
	open_rig(&rig, &off);
	assert_false(may(&rig, "spf.guess_pass") || may(&rig, "spf.helo_fail"));
	assert_true(may(&rig, "spf.fail"));
	rig_close(&rig);
}

static void the_results_are_kept_for_the_headers(void **state)
{
	static const struct scenario both = { .what = "both",
		                              .helo = "softfail.example.net",
		                              .mail_from = "<a@fail.example.net>" };
	struct rig rig;

	(void)state;
	open_rig(&rig, &both);
	play(&rig, &both, true);
	assert_int_equal(rig.findings.spf[SPF_HELO]->code, SPF_SOFTFAIL);
	assert_int_equal(rig.findings.spf[SPF_MAIL_FROM]->code, SPF_FAIL);
	assert_null(rig.findings.explained); /* nobody asked for it */
	rig_close(&rig);
}

static void an_explanation_must_be_wanted(void **state)
{
	static const struct scenario wanted = { .what = "wanted",
		                                .overrides = { "spf.explanation=true" },
		                                .mail_from = "<a@fail.example.net>" };
	static const struct scenario mute = { .what = "mute",
		                              .overrides = { "spf.explanation=true" },
		                              .mail_from = "<a@mute.example.net>" };
	struct rig rig;

	(void)state;
	open_rig(&rig, &wanted);
	play(&rig, &wanted, true);
	assert_non_null(rig.findings.explained);
	assert_string_equal(rig.findings.explained->explanation, "Ask the postmaster");
	rig_close(&rig);
	open_rig(&rig, &mute);
	play(&rig, &mute, true);
	assert_null(rig.findings.explained);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_is_a_fact),
		cmocka_unit_test(an_error_names_its_place),
		cmocka_unit_test(a_guess_that_finds_the_client_is_a_fact_of_its_own),
		cmocka_unit_test(closing_is_unsure),
		cmocka_unit_test(what_may_come_shrinks_with_each_result),
		cmocka_unit_test(what_is_switched_off_is_not_announced),
		cmocka_unit_test(the_results_are_kept_for_the_headers),
		cmocka_unit_test(an_explanation_must_be_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

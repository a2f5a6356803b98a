/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_pra - the check pra against a world of DNS in a zone file: which fact each result states, what may still
 * come, and that nothing of it reaches the findings that headers and other checks read.
 */
#include "check_rig.h"

#define CLIENT "192.0.2.7"

static const char zone[] = "pass.example.net TXT \"spf2.0/pra ip4:192.0.2.0/24 -all\"\n"
			   "pass.example.net TXT \"v=spf1 -all\"\n"
			   "fail.example.net TXT \"spf2.0/pra,mfrom -all\"\n"
			   "softfail.example.net TXT \"spf2.0/mfrom,pra ip4:198.51.100.0/24 ~all\"\n"
			   "neutral.example.net TXT \"spf2.0/pra ?all\"\n"
			   "v1.example.net TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
			   "mfrom.example.net TXT \"spf2.0/mfrom -all\"\n"
			   "broken.example.net TXT \"spf2.0/pra bad -all\"\n"
			   "twice.example.net TXT \"spf2.0/pra -all\"\n"
			   "twice.example.net TXT \"spf2.0/pra +all\"\n"
			   "servfail.example.net TXT !servfail\n"
			   "dead.example.net TXT !timeout\n"
			   "slow.example.net * !slow=20\n"
			   "slow.example.net TXT \"spf2.0/pra a:host.slow.example.net -all\"\n"
			   "host.slow.example.net A 192.0.2.7\n"
			   "macro.example.net TXT \"spf2.0/pra exists:%{l}.%{h}.who.example.net -all\"\n"
			   "alice.mail.example.net.who.example.net A 127.0.0.2\n"
			   "guess.example.net A 192.0.2.7\n";

struct field {
	const char *name, *value;
};

struct scenario {
	const char *what;
	const char *client; /* NULL: CLIENT; "": none */
	struct field fields[5];
	const char *want;
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	/* each result */
	{ .what = "pass", .fields = { { "From", " Alice <a@pass.example.net>" } },
	  .want = "pra.pass(From: pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "fail", .fields = { { "From", " a@fail.example.net" } }, .want = "pra.fail(From: fail.example.net -all)" },
	{ .what = "softfail", .fields = { { "From", " a@softfail.example.net" } },
	  .want = "pra.softfail(From: softfail.example.net ~all)" },
	{ .what = "neutral", .fields = { { "From", " a@neutral.example.net" } },
	  .want = "pra.neutral(From: neutral.example.net ?all)" },
	{ .what = "v=spf1 stands in", .fields = { { "From", " a@v1.example.net" } },
	  .want = "pra.pass(From: v1.example.net ip4:192.0.2.0/24)" },
	{ .what = "a record of the other scope", .fields = { { "From", " a@mfrom.example.net" } },
	  .want = "pra.none(From: mfrom.example.net)" },
	{ .what = "no domain of that name", .fields = { { "From", " a@gone.example.net" } },
	  .want = "pra.none(From: gone.example.net)" },
	{ .what = "no guess is made", .fields = { { "From", " a@guess.example.net" } },
	  .want = "pra.none(From: guess.example.net)" },
	{ .what = "permerror", .fields = { { "From", " a@broken.example.net" } },
	  .want = "pra.permerror(From: broken.example.net: term 1 'bad': there is no mechanism 'bad')" },
	{ .what = "two records", .fields = { { "From", " a@twice.example.net" } },
	  .want = "pra.permerror(From: twice.example.net: 2 SPF records, where one is allowed)" },
	{ .what = "temperror", .fields = { { "From", " a@servfail.example.net" } }, .want = "pra.temperror(servfail)" },
	{ .what = "slow", .fields = { { "From", " a@slow.example.net" } },
	  .want = "pra.pass(From: slow.example.net a:host.slow.example.net)" },
	{ .what = "macros see the address, and HELO", .fields = { { "Sender", " alice@macro.example.net" } },
	  .want = "pra.pass(Sender: macro.example.net exists:%{l}.%{h}.who.example.net)" },
	{ .what = "one label", .fields = { { "From", " root@localhost" } }, .want = "pra.none(From: localhost)" },
	{ .what = "an address without brackets", .fields = { { "From", " a@192.0.2.7" } },
	  .want = "pra.none(From: 192.0.2.7)" },

	/* whose domain it is */
	{ .what = "Sender", .fields = { { "From", " a@fail.example.net" }, { "Sender", " b@pass.example.net" } },
	  .want = "pra.pass(Sender: pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "sent on by hand",
	  .fields = { { "Resent-From", " c@pass.example.net" }, { "Received", " x" }, { "From", " a@fail.example.net" },
	              { "Sender", " b@fail.example.net" } },
	  .want = "pra.pass(Resent-From: pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "sent on twice",
	  .fields = { { "Resent-From", " c@pass.example.net" }, { "Received", " x" },
	              { "Resent-Sender", " d@fail.example.net" }, { "From", " a@fail.example.net" } },
	  .want = "pra.pass(Resent-From: pass.example.net ip4:192.0.2.0/24)" },
	{ .what = "sent on by another", .fields = { { "Resent-From", " c@fail.example.net" },
	              { "Resent-Sender", " d@pass.example.net" }, { "From", " a@fail.example.net" } },
	  .want = "pra.pass(Resent-Sender: pass.example.net ip4:192.0.2.0/24)" },

	/* nobody's */
	{ .what = "nothing", .want = "pra.undetermined(missing)" },
	{ .what = "two From", .fields = { { "From", " a@pass.example.net" }, { "From", " a@pass.example.net" } },
	  .want = "pra.undetermined(From: several fields)" },
	{ .what = "two Sender", .fields = { { "Sender", " a@pass.example.net" }, { "Sender", " a@pass.example.net" },
	              { "From", " a@pass.example.net" } },
	  .want = "pra.undetermined(Sender: several fields)" },
	{ .what = "two authors", .fields = { { "From", " a@pass.example.net, b@pass.example.net" } },
	  .want = "pra.undetermined(From: several addresses)" },
	{ .what = "malformed", .fields = { { "From", " nobody" } }, .want = "pra.undetermined(From: malformed)" },

	{ .what = "no client address", .client = "", .fields = { { "From", " a@fail.example.net" } }, .want = "" },
};
/* clang-format on */

static const char *const pra_only[] = { "pra", NULL };

static void open_rig(struct rig *rig, const struct scenario *scenario)
{
	const char *client = scenario->client != NULL ? scenario->client : CLIENT;
	struct err err = { "" };

	if (rig_configure(rig, pra_only, NULL, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	rig_prepare(rig, zone);
	rig_open_dns(rig);
	if (client[0] != '\0')
		assert_true(ip_parse(&rig->subject.client_ip, client));
	rig->subject.helo = "mail.example.net";
	rig->subject.mta_name = "mx.example.org";
	address_parse(&rig->subject.mail_from, "<a@fail.example.net>", &rig->arena);
}

static void send_fields(struct rig *rig, const struct scenario *scenario)
{
	rig_start(rig, STAGE_HEADERS);
	for (size_t i = 0; i < COUNT(scenario->fields) && scenario->fields[i].name != NULL; i++)
		rig_header(rig, scenario->fields[i].name, scenario->fields[i].value);
	rig_headers_end(rig);
}

static void assert_no_findings(const struct rig *rig)
{
	static const struct findings nothing;

	assert_memory_equal(&rig->findings, &nothing, sizeof(nothing));
}

static void each_result_is_a_fact(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig rig;
		open_rig(&rig, &scenarios[i]);
		send_fields(&rig, &scenarios[i]);
		rig_finish(&rig);
		if (strcmp(rig_text(&rig, text), scenarios[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", scenarios[i].what, text, scenarios[i].want);
			wrong++;
		}
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		assert_no_findings(&rig);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

static void no_fact_has_points(void **state)
{
	const struct check *check = rig_find_check("pra");

	(void)state;
	assert_true(check->opt_in);
	for (size_t i = 0; i < check->n_facts; i++) {
		assert_true(fact_has_points(check->facts[i].kind)); /* but somebody may want some */
		assert_int_equal(check->facts[i].points_milli, 0);
	}
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

static void silence_is_unsure(void **state)
{
	static const struct scenario silence = { .what = "silence", .fields = { { "From", " a@dead.example.net" } } };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &silence);
	assert_true(may(&rig, "pra.fail") && may(&rig, "pra.undetermined"));
	send_fields(&rig, &silence);
	assert_string_equal(rig_text(&rig, text), "");
	assert_true(may(&rig, "pra.fail") && may(&rig, "pra.temperror"));
	assert_false(may(&rig, "pra.undetermined")); /* its domain is known */
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "pra.temperror(timeout)");
	assert_false(may(&rig, "pra.fail") || may(&rig, "pra.temperror"));
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

static void a_message_that_is_cut_off_states_nothing(void **state)
{
	static const struct scenario cut = { .what = "cut" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &cut);
	rig_start(&rig, STAGE_HEADERS);
	rig_header(&rig, "From", " a@fail.example.net");
	assert_int_equal(rig_collect(&rig, false), 1);
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "");
	rig_close(&rig);
}

static void used_up_memory_is_unsure(void **state)
{
	static const struct scenario full = { .what = "full", .fields = { { "From", " a@fail.example.net" } } };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, &full);
	rig_start(&rig, STAGE_MAIL);
	rig.quota.max_octets = 1;
	send_fields(&rig, &full);
	rig_finish(&rig);
	assert_string_equal(rig_text(&rig, text), "pra.temperror(limit)");
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_is_a_fact),    cmocka_unit_test(no_fact_has_points),
		cmocka_unit_test(silence_is_unsure),        cmocka_unit_test(a_message_that_is_cut_off_states_nothing),
		cmocka_unit_test(used_up_memory_is_unsure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_sender - the check sender against a world of DNS in a zone file: where mail for the sender's domain would
 * go, who may write in our own name, and what may still come.
 */
#include "check_rig.h"
#include "sender_cases.h"

static const char *const sender_only[] = { "sender", NULL };
static const char *const with_spf[] = { "spf", "sender", NULL };

static void open_rig(struct rig *rig, const char *const *checks, const struct scenario *scenario)
{
	const char *client = scenario->client != NULL ? scenario->client : CLIENT;
	char world[sizeof(zone) + 256];
	struct err err = { "" };

	if (rig_configure(rig, checks, scenario->overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	snprintf(world, sizeof(world), "%s%s", zone, scenario->more_zone != NULL ? scenario->more_zone : "");
	rig_prepare(rig, world);
	rig_open_dns(rig);
	if (client[0] != '\0')
		assert_true(ip_parse(&rig->subject.client_ip, client));
	rig->subject.helo = "mail.example.net";
}

static void say_mail(struct rig *rig, const struct scenario *scenario)
{
	rig_start(rig, STAGE_HELO);
	address_parse(&rig->subject.mail_from, scenario->mail_from, &rig->arena);
	rig_start(rig, STAGE_MAIL);
}

static void each_sender_states_its_facts(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct rig rig;
		open_rig(&rig, sender_only, &scenarios[i]);
		say_mail(&rig, &scenarios[i]);
		rig_finish(&rig);
		if (strcmp(rig_text(&rig, text), scenarios[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", scenarios[i].what, text, scenarios[i].want);
			wrong++;
		}
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* Nothing is answered, and the engine gives up. */
static void silence_is_unsure(void **state)
{
	static const char *const froms[] = { "<a@silent.example.net>", "<a@silentmx.example.net>" };

	(void)state;
	for (size_t i = 0; i < COUNT(froms); i++) {
		const struct scenario silence = { .what = "silence",
			                          .mail_from = froms[i],
			                          .more_zone = PTR7 "!timeout\n" };
		char text[RIG_TEXT_MAX];
		struct rig rig;
		open_rig(&rig, sender_only, &silence);
		say_mail(&rig, &silence);
		rig_collect(&rig, false);
		assert_string_equal(rig_text(&rig, text), "");
		rig_collect(&rig, true);
		assert_string_equal(rig_text(&rig, text), "sender.unsure(timeout)");
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

/* That is what ends a wait early. */
static void what_may_come_shrinks(void **state)
{
	static const struct scenario silent = { .what = "silent mx", .mail_from = "<a@silentmx.example.net>" };
	struct rig rig;

	(void)state;
	open_rig(&rig, sender_only, &silent);
	assert_true(may(&rig, "sender.unknown") && may(&rig, "sender.literal") && may(&rig, "sender.from_other"));
	assert_false(may(&rig, "sender.own_mail_from") || may(&rig, "sender.own_from")); /* no domains are configured */
	say_mail(&rig, &silent);
	assert_false(may(&rig, "sender.literal") || may(&rig, "sender.unqualified"));
	while (may(&rig, "sender.null_mx")) {
		dns_session_wait(rig.session, clock_now() + 60000);
		rig_collect(&rig, false);
	}
	assert_false(may(&rig, "sender.unknown") || may(&rig, "sender.no_mail"));
	assert_true(may(&rig, "sender.nowhere") && may(&rig, "sender.private") && may(&rig, "sender.unsure"));
	rig_collect(&rig, true);
	assert_false(may(&rig, "sender.nowhere") || may(&rig, "sender.unsure"));
	assert_true(may(&rig, "sender.from_other"));
	rig_close(&rig);
}

static void nobody_waits_for_a_second_exchange(void **state)
{
	static const struct scenario half = {
		.what = "half",
		.mail_from = "<a@half.example.com>",
		.more_zone = "half.example.com MX 10 mx.good.example.net\nhalf.example.com MX 20 silent.example.net\n",
	};
	struct rig rig;

	(void)state;
	open_rig(&rig, sender_only, &half);
	say_mail(&rig, &half);
	rig_finish(&rig);
	assert_int_equal(dns_session_outstanding(rig.session), 0);
	rig_close(&rig);
}

/* ---- SPF speaks for our own mail from outside ---- */

static void spf_exempts_our_own_senders(void **state)
{
	static const struct {
		const char *mail_from, *client, *want;
	} cases[] = {
		{ "<a@example.org>", CLIENT, "spf.pass(example.org ip4:203.0.113.7)" },
		{ "<a@example.org>", "198.51.100.1", "spf.fail(example.org -all) sender.own_mail_from(example.org)" },
		{ "<a@pc.corp.example.org>", CLIENT,
		  "spf.none(pc.corp.example.org) sender.own_mail_from(pc.corp.example.org)" },
		{ "<a@other.corp.example.org>", CLIENT, "spf.temperror(servfail) sender.unsure(spf)" },
	};
	char text[RIG_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct scenario scenario = { .what = "spf",
			                           .overrides = { OWN, "spf.guess=false", "spf.helo=false" },
			                           .client = cases[i].client,
			                           .mail_from = cases[i].mail_from };
		struct rig rig;
		open_rig(&rig, with_spf, &scenario);
		say_mail(&rig, &scenario);
		rig_finish(&rig);
		assert_string_equal(rig_text(&rig, text), cases[i].want);
		rig_close(&rig);
	}
}

/* A guess proves nothing. */
static void a_guess_does_not_exempt(void **state)
{
	static const struct scenario scenario = { .what = "guess",
		                                  .overrides = { OWN, "spf.helo=false" },
		                                  .client = "192.0.2.99",
		                                  .mail_from = "<a@pc.corp.example.org>" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, with_spf, &scenario);
	say_mail(&rig, &scenario);
	rig_finish(&rig);
	assert_non_null(strstr(rig_text(&rig, text), "spf.guess_pass"));
	assert_non_null(strstr(text, "sender.own_mail_from"));
	rig_close(&rig);
}

static void our_own_name_waits_for_spf(void **state)
{
	static const struct scenario scenario = { .what = "mute",
		                                  .overrides = { OWN, "spf.guess=false", "spf.helo=false" },
		                                  .mail_from = "<a@mute.corp.example.org>" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, with_spf, &scenario);
	say_mail(&rig, &scenario);
	assert_true(may(&rig, "sender.own_mail_from"));
	rig_collect(&rig, true);
	assert_string_equal(rig_text(&rig, text), "spf.temperror(timeout) sender.unsure(spf)");
	assert_false(may(&rig, "sender.own_mail_from"));
	rig_close(&rig);
}

/* ---- the author ---- */

static void add_from(struct rig *rig, const char *value)
{
	struct author *author = arena_alloc(&rig->arena, sizeof(*author));

	author_parse(author, value, &rig->arena);
	rig->subject.from[rig->subject.n_from++] = author;
}

static void end_headers(struct rig *rig)
{
	for (size_t i = 0; i < rig->n_runs; i++) {
		struct check_run *run = &rig->runs[i];
		if (!run->done && run->part->headers_end != NULL)
			run->part->headers_end(run);
	}
}

static const struct dkim_result by_us = { .code = DKIM_PASS, .domain = "mail.example.org" };
static const struct dkim_result by_us_partly = { .code = DKIM_PASS,
	                                         .domain = "example.org",
	                                         .traits = DKIM_TRAIT_PARTIAL };
static const struct dkim_result by_us_broken = { .code = DKIM_FAIL, .domain = "example.org" };
static const struct dkim_result by_us_unsure = { .code = DKIM_TEMPERROR, .domain = "example.org" };
static const struct dkim_result by_others = { .code = DKIM_PASS, .domain = "example.net" };
static const struct dkim_result by_others_unsure = { .code = DKIM_TEMPERROR, .domain = "example.net" };

struct author_case {
	const char *what;
	const char *mail_from, *from, *second_from;
	const struct dkim_result *signature;
	const char *want;
};

/* clang-format off */
static const struct author_case authors[] = {
	{ .what = "of one organisation", .mail_from = "<a@good.example.net>", .from = " a@example.net", .want = "" },
	{ .what = "of two", .mail_from = "<a@good.example.net>", .from = " b@example.com",
	  .want = "sender.from_other(example.com)" },
	{ .what = "one of several", .mail_from = "<a@good.example.net>", .from = " b@example.com, a@example.net", .want = "" },
	{ .what = "a bounce", .mail_from = "<>", .from = " b@example.com", .want = "" },
	{ .what = "no From", .mail_from = "<a@good.example.net>", .want = "" },
	{ .what = "no address in From", .mail_from = "<a@good.example.net>", .from = " nobody at all", .want = "" },
	{ .what = "ours, and nobody speaks for it", .mail_from = "<>", .from = " \"Boss\" <boss@example.org>",
	  .want = "sender.own_from(example.org)" },
	{ .what = "ours by a list", .mail_from = "<list@lists.example.com>", .from = " a@example.org",
	  .want = "sender.own_from(example.org) sender.from_other(example.org)" },
	{ .what = "ours, signed by us", .mail_from = "<>", .from = " a@example.org", .signature = &by_us, .want = "" },
	{ .what = "ours, signed in part", .mail_from = "<>", .from = " a@example.org", .signature = &by_us_partly,
	  .want = "sender.own_from(example.org)" },
	{ .what = "ours, the signature is broken", .mail_from = "<>", .from = " a@example.org", .signature = &by_us_broken,
	  .want = "sender.own_from(example.org)" },
	{ .what = "ours, the key is unsure", .mail_from = "<>", .from = " a@example.org", .signature = &by_us_unsure,
	  .want = "sender.unsure(from)" },
	{ .what = "ours, signed by others", .mail_from = "<>", .from = " a@example.org", .signature = &by_others,
	  .want = "sender.own_from(example.org)" },
	{ .what = "ours, somebody else's key is unsure", .mail_from = "<>", .from = " a@example.org",
	  .signature = &by_others_unsure, .want = "sender.own_from(example.org)" },
	{ .what = "ours, SPF speaks for us", .mail_from = "<a@example.org>", .from = " a@example.org", .want = "" },
	{ .what = "ours, SPF speaks for somebody else", .mail_from = "<a@good.example.net>", .from = " a@example.org",
	  .want = "sender.own_from(example.org) sender.from_other(example.org)" },
	{ .what = "hidden behind another", .mail_from = "<>", .from = " x@example.net", .second_from = " a@example.org",
	  .signature = &by_others, .want = "sender.own_from(example.org)" },
	{ .what = "not ours", .mail_from = "<>", .from = " a@example.net", .want = "" },
};
/* clang-format on */

static void say_message(struct rig *rig, const struct author_case *author)
{
	const struct scenario scenario = { .what = author->what,
		                           .overrides = { OWN, "spf.guess=false", "spf.helo=false" },
		                           .mail_from = author->mail_from };

	open_rig(rig, with_spf, &scenario);
	rig->subject.helo = "none.example.net";
	say_mail(rig, &scenario);
	rig_finish(rig);
	rig_start(rig, STAGE_RCPT);
	rig->findings.dkim_open = true;
	rig_start(rig, STAGE_HEADERS);
	if (author->from != NULL)
		add_from(rig, author->from);
	if (author->second_from != NULL)
		add_from(rig, author->second_from);
}

static void sign(struct rig *rig, const struct dkim_result *signature)
{
	struct dkim_results *results = arena_alloc(&rig->arena, sizeof(*results));

	*results = (struct dkim_results){ .results = signature, .n = signature != NULL, .n_found = signature != NULL };
	rig->findings.dkim = results;
	rig->findings.dkim_open = false;
}

/* Without what SPF itself has stated. */
static const char *sender_facts(const struct rig *rig, char text[RIG_TEXT_MAX])
{
	const char *found = strstr(rig_text(rig, text), "sender.");

	return found != NULL ? found : "";
}

static void the_author_is_compared(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(authors); i++) {
		char text[RIG_TEXT_MAX];
		struct rig rig;
		say_message(&rig, &authors[i]);
		end_headers(&rig);
		rig_collect(&rig, false);
		sign(&rig, authors[i].signature);
		rig_finish(&rig);
		if (strcmp(sender_facts(&rig, text), authors[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", authors[i].what, text, authors[i].want);
			wrong++;
		}
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* Before the signatures are verified nothing is said about us, and what nobody verified is unsure. */
static void our_name_in_from_waits_for_the_signatures(void **state)
{
	static const struct author_case ours = { .what = "ours", .mail_from = "<>", .from = " a@example.org" };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	say_message(&rig, &ours);
	end_headers(&rig);
	assert_int_equal(rig_collect(&rig, false), 1);
	assert_true(may(&rig, "sender.own_from") && may(&rig, "sender.unsure"));
	assert_false(may(&rig, "sender.from_other"));
	rig_collect(&rig, true);
	assert_string_equal(sender_facts(&rig, text), "sender.unsure(from)");
	assert_false(may(&rig, "sender.own_from"));
	rig_close(&rig);
}

/* Whom SPF speaks for already needs no signature. */
static void spf_ends_the_wait(void **state)
{
	static const struct author_case ours = { .what = "ours",
		                                 .mail_from = "<a@example.org>",
		                                 .from = " a@example.org" };
	struct rig rig;

	(void)state;
	say_message(&rig, &ours);
	end_headers(&rig);
	assert_int_equal(rig_collect(&rig, false), 0);
	rig_close(&rig);
}

static void patterns_are_checked(void **state)
{
	static const struct {
		const char *override, *says;
	} bad[] = {
		{ "sender.own_domains=[ \"@example.org\" ]", "must be \"example.org\"" },
		{ "sender.own_domains=[ \"*.example.org\" ]", "no wildcards" },
		{ "sender.mx_max=0", "sender.mx_max" },
		{ "sender.mx_max=21", "sender.mx_max" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		rig_refuses(sender_only, bad[i].override, bad[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sender_states_its_facts),
		cmocka_unit_test(silence_is_unsure),
		cmocka_unit_test(what_may_come_shrinks),
		cmocka_unit_test(nobody_waits_for_a_second_exchange),
		cmocka_unit_test(spf_exempts_our_own_senders),
		cmocka_unit_test(a_guess_does_not_exempt),
		cmocka_unit_test(our_own_name_waits_for_spf),
		cmocka_unit_test(the_author_is_compared),
		cmocka_unit_test(our_name_in_from_waits_for_the_signatures),
		cmocka_unit_test(spf_ends_the_wait),
		cmocka_unit_test(patterns_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

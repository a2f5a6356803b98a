/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_dmarc - the check dmarc behind spf and dkim: what each result states, who is excused, what becomes of
 * messages whose From breaks the rules, and that a missing answer is never a fail.
 */
#include "check_rig.h"
#include "signed_message.h"

#define CLIENT "192.0.2.7"

static const char zone[] = "ed._domainkey.example.org TXT \"" SIGNED_KEY "\"\n"
			   "ed._domainkey.example.net TXT \"" SIGNED_KEY "\"\n"
			   "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
			   "_dmarc.quarantine.example TXT \"v=DMARC1; p=quarantine\"\n"
			   "_dmarc.none.example TXT \"v=DMARC1; p=none\"\n"
			   "_dmarc.testing.example TXT \"v=DMARC1; p=reject; t=y\"\n"
			   "_dmarc.unsure.example TXT !servfail\n"
			   "_dmarc.spfless.example TXT \"v=DMARC1; p=reject\"\n"
			   "spfless.example TXT !servfail\n"
			   "sender.example.org TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
			   "lists.example.com TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
			   "plain.example TXT \"v=spf1 -all\"\n";

struct scenario {
	const char *what;
	const char *overrides[2];
	const char *from, *more_from; /* NULL: none */
	const char *mail_from;        /* NULL: from plain.example, which SPF fails */
	const char *signature, *body; /* NULL: not signed; as signed */
	const char *want;             /* of the facts of dmarc */
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	{ .what = "DKIM speaks for it", .from = SIGNED_FROM, .signature = signature_of_author,
	  .want = "dmarc.pass(news.example.org)" },
	{ .what = "SPF speaks for it", .from = " <a@example.org>", .mail_from = "<b@sender.example.org>",
	  .want = "dmarc.pass(example.org)" },
	{ .what = "somebody else's signature", .from = SIGNED_FROM, .signature = signature_of_other,
	  .want = "dmarc.fail_reject(news.example.org)" },
	{ .what = "a broken signature", .from = SIGNED_FROM, .signature = signature_of_author, .body = "x\r\n",
	  .want = "dmarc.fail_reject(news.example.org)" },
	{ .what = "nothing", .from = " <a@quarantine.example>", .want = "dmarc.fail_quarantine(quarantine.example)" },
	{ .what = "nothing, asks nothing", .from = " <a@none.example>", .want = "dmarc.fail_none(none.example)" },
	{ .what = "tests", .from = " <a@testing.example>",
	  .want = "dmarc.fail_quarantine(testing.example) dmarc.testing(testing.example)" },
	{ .what = "no record", .from = " <a@plain.example>", .want = "dmarc.none(plain.example)" },

	/* unsure is never no */
	{ .what = "no answer for the record", .from = " <a@unsure.example>", .want = "dmarc.temperror(unsure.example: *" },
	{ .what = "no answer for SPF", .from = " <a@spfless.example>", .mail_from = "<b@spfless.example>",
	  .want = "dmarc.temperror(spfless.example: SPF has no answer)" },
	{ .what = "an unrelated domain's SPF does not matter", .from = " <a@example.org>", .mail_from = "<b@spfless.example>",
	  .want = "dmarc.fail_reject(example.org)" },

	/* who is excused */
	{ .what = "a trusted forwarder", .overrides = { "dmarc.trusted_forwarders=[ \"192.0.2.0/24\" ]" },
	  .from = " <a@example.org>", .want = "dmarc.fail_forwarded(example.org 192.0.2.0/24)" },
	{ .what = "another forwarder", .overrides = { "dmarc.trusted_forwarders=[ \"198.51.100.0/24\" ]" },
	  .from = " <a@example.org>", .want = "dmarc.fail_reject(example.org)" },
	{ .what = "a list by SPF", .overrides = { "dmarc.mailing_lists=[ \"Example.COM\" ]" }, .from = " <a@example.org>",
	  .mail_from = "<all@lists.example.com>", .want = "dmarc.fail_forwarded(example.org Example.COM)" },
	{ .what = "a list by DKIM", .overrides = { "dmarc.mailing_lists=[ \"example.net\" ]" }, .from = SIGNED_FROM,
	  .signature = signature_of_other, .want = "dmarc.fail_forwarded(news.example.org example.net)" },
	{ .what = "a list that nobody authenticated", .overrides = { "dmarc.mailing_lists=[ \"plain.example\" ]" },
	  .from = " <a@example.org>", .want = "dmarc.fail_reject(example.org)" },
	{ .what = "a name that only ends alike", .overrides = { "dmarc.mailing_lists=[ \"le.com\" ]" },
	  .from = " <a@example.org>", .mail_from = "<all@lists.example.com>", .want = "dmarc.fail_reject(example.org)" },
	{ .what = "what asks for nothing needs no excuse",
	  .overrides = { "dmarc.trusted_forwarders=[ \"192.0.2.0/24\" ]" }, .from = " <a@none.example>",
	  .want = "dmarc.fail_none(none.example)" },

	/* From against the rules */
	{ .what = "no From", .want = "dmarc.from_missing" },
	{ .what = "two From fields: the worst counts", .from = " <a@none.example>", .more_from = " <a@example.org>",
	  .want = "dmarc.fail_reject(example.org) dmarc.from_several(2) dmarc.from_domains(example.org none.example)" },
	{ .what = "two From fields, one domain", .from = " <a@example.org>", .more_from = " <b@example.org>",
	  .want = "dmarc.fail_reject(example.org) dmarc.from_several(2)" },
	{ .what = "two authors", .from = " <a@none.example>, <b@quarantine.example>",
	  .want = "dmarc.fail_quarantine(quarantine.example) dmarc.from_domains(none.example quarantine.example)" },
	{ .what = "one of two authors passes", .from = " <a@none.example>, <b@example.org>",
	  .mail_from = "<b@sender.example.org>",
	  .want = "dmarc.fail_none(none.example) dmarc.from_domains(none.example example.org)" },
	{ .what = "damage does not hide the domain", .from = " Shop, Inc. <a@example.org>",
	  .want = "dmarc.fail_reject(example.org) dmarc.from_invalid(example.org)" },
	{ .what = "nobody", .from = " nobody", .want = "dmarc.from_invalid" },
	{ .what = "an empty group", .from = " undisclosed:;", .want = "dmarc.from_invalid" },
	{ .what = "an address literal", .from = " <a@[192.0.2.1]>", .want = "dmarc.from_invalid" },
};
/* clang-format on */

static const char *const all_three[] = { "spf", "dkim", "dmarc", NULL };

static void open_rig(struct rig *rig, const char *const *checks, const struct scenario *scenario)
{
	struct err err = { "" };

	if (rig_configure(rig, checks, scenario->overrides, &err) != 0)
		fail_msg("%s: %s", scenario->what, err.text);
	rig_prepare(rig, zone);
	rig_open_dns(rig);
	assert_true(ip_parse(&rig->subject.client_ip, CLIENT));
	rig->subject.helo = "client.example";
}

static void play(struct rig *rig, const struct scenario *scenario)
{
	const char *body = scenario->body != NULL ? scenario->body : SIGNED_BODY;

	rig_start(rig, STAGE_HELO);
	address_parse(&rig->subject.mail_from, scenario->mail_from != NULL ? scenario->mail_from : "<b@plain.example>",
	              &rig->arena);
	rig_start(rig, STAGE_HEADERS);
	if (scenario->signature != NULL)
		rig_header(rig, "DKIM-Signature", scenario->signature);
	if (scenario->more_from != NULL)
		rig_header(rig, "From", scenario->more_from);
	if (scenario->from != NULL)
		rig_header(rig, "From", scenario->from);
	rig_header(rig, "Subject", SIGNED_SUBJECT);
	rig_headers_end(rig);
	rig_body(rig, body, strlen(body));
	rig_body_end(rig);
	rig_finish(rig);
}

/* What is stated by the check itself. */
static const char *dmarc_text(const struct rig *rig, char text[RIG_TEXT_MAX])
{
	const char *found = strstr(rig_text(rig, text), "dmarc.");

	return found != NULL ? found : "";
}

static bool is_wanted(const char *text, const char *want)
{
	const size_t octets = strlen(want);

	if (octets > 0 && want[octets - 1] == '*')
		return strncmp(text, want, octets - 1) == 0;
	return strcmp(text, want) == 0;
}

static void each_result_is_a_fact(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i];
		struct rig rig;
		open_rig(&rig, all_three, scenario);
		play(&rig, scenario);
		if (!is_wanted(dmarc_text(&rig, text), scenario->want)) {
			print_error("%s: %s; must be: %s\n", scenario->what, dmarc_text(&rig, text), scenario->want);
			wrong++;
		}
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* The published results are each domain's, the one that counts first. */
static void the_worst_result_is_published_first(void **state)
{
	static const struct scenario two = { .what = "two",
		                             .from = " <a@none.example>, <b@example.org>, <c@plain.example>" };
	struct rig rig;

	(void)state;
	open_rig(&rig, all_three, &two);
	play(&rig, &two);
	assert_int_equal(rig.findings.n_dmarc, 3);
	assert_string_equal(rig.findings.dmarc[0]->domain, "example.org");
	assert_int_equal(rig.findings.dmarc[0]->policy, DMARC_POLICY_REJECT);
	rig_close(&rig);
}

/* Nobody knows what a check that is off would have said; but who passes, passes. */
static void without_a_check_there_is_no_fail(void **state)
{
	static const char *const without_dkim[] = { "spf", "dmarc", NULL };
	static const char *const without_spf[] = { "dkim", "dmarc", NULL };
	static const struct scenario fails = { .what = "fails", .from = " <a@example.org>" };
	static const struct scenario passes = { .what = "passes",
		                                .from = " <a@example.org>",
		                                .mail_from = "<b@sender.example.org>" };
	const struct {
		const char *const *checks;
		const struct scenario *scenario;
		const char *want;
	} cases[] = {
		{ without_dkim, &fails, "" },
		{ without_spf, &fails, "" },
		{ without_dkim, &passes, "dmarc.pass(example.org)" },
	};
	char text[RIG_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig rig;
		open_rig(&rig, cases[i].checks, cases[i].scenario);
		play(&rig, cases[i].scenario);
		assert_string_equal(dmarc_text(&rig, text), cases[i].want);
		rig_close(&rig);
	}
}

static void lists_are_domains(void **state)
{
	static const char *const wrong[] = { "all@lists.example.org", "*.example.org", "", "org" };
	char override[80];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(override, sizeof(override), "dmarc.mailing_lists=[ \"example.net\", \"%s\" ]", wrong[i]);
		rig_refuses(all_three, override, "dmarc.mailing_lists[1] = ");
		rig_refuses(all_three, override, "must be a domain");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_is_a_fact),
		cmocka_unit_test(the_worst_result_is_published_first),
		cmocka_unit_test(without_a_check_there_is_no_fail),
		cmocka_unit_test(lists_are_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

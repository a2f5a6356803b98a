/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_dkim - the check dkim on signed messages: which facts follow from the best signature and from the others,
 * whose signature speaks for the author, and what is left unsure.
 */
#include "check_rig.h"
#include "signed_message.h"

static const char whole[] = "ed._domainkey.example.org TXT \"" SIGNED_KEY "\"\n"
			    "ed._domainkey.example.net TXT \"" SIGNED_KEY "\"\n";
static const char testing[] = "ed._domainkey.example.org TXT \"" SIGNED_KEY "; t=y\"\n";
static const char keyless[] = "ed._domainkey.example.net TXT \"" SIGNED_KEY "\"\n";
static const char revoked[] = "ed._domainkey.example.org TXT \"v=DKIM1; k=ed25519; p=\"\n";
static const char failing[] = "ed._domainkey.example.org TXT !servfail\n"
			      "ed._domainkey.example.net TXT \"" SIGNED_KEY "\"\n";
static const char dead[] = "ed._domainkey.example.org TXT !timeout\n";

struct scenario {
	const char *what, *zone;
	bool author, other;           /* signed by */
	const char *body;             /* NULL: as signed */
	const char *from, *more_from; /* NULL: as signed, none */
	const char *want;             /* '*' at its end: anything may follow */
};

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct scenario scenarios[] = {
	{ .what = "the author's", .zone = whole, .author = true, .want = "dkim.pass_aligned(example.org)" },
	{ .what = "another's", .zone = whole, .other = true, .want = "dkim.pass(example.net)" },
	{ .what = "both", .zone = whole, .author = true, .other = true, .want = "dkim.pass_aligned(example.org)" },
	{ .what = "none", .zone = whole, .want = "dkim.none" },
	{ .what = "changed body", .zone = whole, .author = true, .body = "Hello!\r\n", .want = "dkim.fail(example.org: *" },
	{ .what = "changed body, several", .zone = whole, .author = true, .other = true, .body = "x\r\n",
	  .want = "dkim.fail(example.*" },
	{ .what = "changed From", .zone = whole, .author = true, .from = " <mallory@example.org>",
	  .want = "dkim.fail(example.org: *" },
	{ .what = "no key", .zone = keyless, .author = true, .want = "dkim.permerror(example.org: *" },
	{ .what = "revoked key", .zone = revoked, .author = true, .want = "dkim.permerror(example.org: *" },
	{ .what = "a fault beside a pass does not count", .zone = keyless, .author = true, .other = true,
	  .want = "dkim.pass(example.net)" },
	{ .what = "DNS fails", .zone = failing, .author = true, .want = "dkim.temperror(example.org: *" },
	{ .what = "what failed could have been the author's", .zone = failing, .author = true, .other = true,
	  .want = "dkim.pass(example.net) dkim.temperror(example.org: *" },
	{ .what = "a domain that tests", .zone = testing, .author = true, .body = "x\r\n",
	  .want = "dkim.testing(example.org: *" },
	{ .what = "two From fields have no author", .zone = whole, .author = true, .more_from = " <b@example.org>",
	  .want = "dkim.*" },
};
/* clang-format on */

static void open_rig(struct rig *rig, const char *zone, const char *const *overrides)
{
	static const char *const dkim_only[] = { "dkim", NULL };
	struct err err = { "" };

	if (rig_configure(rig, dkim_only, overrides, &err) != 0)
		fail_msg("%s", err.text);
	rig_prepare(rig, zone);
	rig_open_dns(rig);
}

static void send_header(struct rig *rig, const struct scenario *scenario)
{
	rig_start(rig, STAGE_HEADERS);
	if (scenario->other)
		rig_header(rig, "DKIM-Signature", signature_of_other);
	if (scenario->author)
		rig_header(rig, "DKIM-Signature", signature_of_author);
	if (scenario->more_from != NULL)
		rig_header(rig, "From", scenario->more_from);
	rig_header(rig, "From", scenario->from != NULL ? scenario->from : SIGNED_FROM);
	rig_header(rig, "Subject", SIGNED_SUBJECT);
	rig_headers_end(rig);
}

static void send_body(struct rig *rig, const char *body, size_t cut)
{
	for (size_t octets = strlen(body); octets > 0;) {
		size_t n = octets < cut ? octets : cut;
		rig_body(rig, body, n);
		body += n;
		octets -= n;
	}
	rig_body_end(rig);
}

static bool is_wanted(const char *text, const char *want)
{
	const size_t octets = strlen(want);

	if (octets > 0 && want[octets - 1] == '*')
		return strncmp(text, want, octets - 1) == 0;
	return strcmp(text, want) == 0;
}

static void the_best_signature_decides(void **state)
{
	static const size_t cuts[] = { 1, 1000 };
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i / 2];
		struct rig rig;
		open_rig(&rig, scenario->zone, NULL);
		send_header(&rig, scenario);
		send_body(&rig, scenario->body != NULL ? scenario->body : SIGNED_BODY, cuts[i % 2]);
		rig_finish(&rig);
		if (!is_wanted(rig_text(&rig, text), scenario->want)) {
			print_error("%s: %s; must be: %s\n", scenario->what, text, scenario->want);
			wrong++;
		}
		if (scenario->more_from != NULL)
			assert_null(strstr(text, "pass_aligned"));
		assert_non_null(rig.findings.dkim);
		assert_false(rig.findings.dkim_open);
		assert_int_equal(dns_session_outstanding(rig.session), 0);
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* Without a signature nobody needs the body, and the result is there when the header has ended. */
static void only_signed_bodies_are_wanted(void **state)
{
	static const struct scenario plain = { .what = "plain" }, is_signed = { .what = "signed", .author = true };
	struct rig rig;

	(void)state;
	open_rig(&rig, whole, NULL);
	send_header(&rig, &plain);
	assert_true(rig.runs[0].done);
	rig_close(&rig);
	open_rig(&rig, whole, NULL);
	send_header(&rig, &is_signed);
	assert_false(rig.runs[0].done);
	assert_true(rig.findings.dkim_open);
	assert_true(rig.runs[0].part->wants_body(&rig.runs[0]));
	rig_close(&rig);
}

static void what_is_not_answered_in_time_is_unsure(void **state)
{
	static const struct scenario is_signed = { .what = "signed", .author = true };
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, dead, NULL);
	send_header(&rig, &is_signed);
	send_body(&rig, SIGNED_BODY, 1000);
	assert_int_equal(rig_collect(&rig, false), 1);
	assert_null(rig.findings.dkim);
	rig_collect(&rig, true);
	assert_memory_equal(rig_text(&rig, text), "dkim.temperror(example.org", 26);
	assert_non_null(rig.findings.dkim);
	if (rig.findings.dkim != NULL)
		assert_int_equal(rig.findings.dkim->results[0].code, DKIM_TEMPERROR);
	rig_close(&rig);
}

static void more_signatures_than_are_checked(void **state)
{
	char text[RIG_TEXT_MAX];
	struct rig rig;

	(void)state;
	open_rig(&rig, whole, NULL);
	rig_start(&rig, STAGE_HEADERS);
	for (int i = 0; i < 40; i++)
		rig_header(&rig, "DKIM-Signature", signature_of_other);
	rig_header(&rig, "From", SIGNED_FROM);
	rig_header(&rig, "Subject", SIGNED_SUBJECT);
	rig_headers_end(&rig);
	send_body(&rig, SIGNED_BODY, 1000);
	rig_finish(&rig);
	assert_memory_equal(rig_text(&rig, text), "dkim.pass(example.net) dkim.not_checked(", 40);
	assert_int_equal(rig.findings.dkim->n_found, 40);
	rig_close(&rig);
}

static void settings_are_handed_on(void **state)
{
	static const char *const wrong[] = { "dkim.bits_min=100", NULL };
	static const char *const dkim_only[] = { "dkim", NULL };
	struct err err = { "" };
	struct rig rig;

	(void)state;
	assert_int_equal(rig_configure(&rig, dkim_only, wrong, &err), -1);
	assert_non_null(strstr(err.text, "dkim.bits_min=100: must be a whole number between 512 and 2048"));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_signature_decides),
		cmocka_unit_test(only_signed_bodies_are_wanted),
		cmocka_unit_test(what_is_not_answered_in_time_is_unsure),
		cmocka_unit_test(more_signatures_than_are_checked),
		cmocka_unit_test(settings_are_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

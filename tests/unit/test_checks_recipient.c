/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_checks_recipient - the check recipient: what is stated where a recipient is judged, and what about the message.
 */
#include "check_rig.h"

static const char *const recipient_only[] = { "recipient", NULL };

struct recipient_case {
	const char *what;
	const char *overrides[3];
	const char *mail_from; /* NULL: <a@example.net> */
	const char *rcpt;
	unsigned n_rcpt, known, unknown; /* with this one */
	const char *want;
};

/* clang-format off */
static const struct recipient_case cases[] = {
	{ .what = "one recipient", .rcpt = "<bob@example.org>", .n_rcpt = 1, .known = 1, .want = "" },
	{ .what = "a hundred", .rcpt = "<bob@example.org>", .n_rcpt = 100, .known = 100, .want = "" },
	{ .what = "more", .rcpt = "<bob@example.org>", .n_rcpt = 101, .known = 101, .want = "recipient.many(101)" },
	{ .what = "more than configured", .overrides = { "recipient.many=2" }, .rcpt = "<bob@example.org>", .n_rcpt = 3,
	  .known = 3, .want = "recipient.many(3)" },
	{ .what = "many in a connection, few in the message", .rcpt = "<bob@example.org>", .n_rcpt = 5, .known = 1000,
	  .want = "" },

	{ .what = "a bounce", .mail_from = "<>", .rcpt = "<bob@example.org>", .n_rcpt = 1, .known = 1, .want = "" },
	{ .what = "a bounce to several", .mail_from = "<>", .rcpt = "<bob@example.org>", .n_rcpt = 2, .known = 2,
	  .want = "recipient.null_sender(2)" },

	{ .what = "one is unknown", .rcpt = "<bob@example.org>", .n_rcpt = 1, .known = 1, .unknown = 1,
	  .want = "recipient.unknown(1)" },
	{ .what = "as many as are allowed", .rcpt = "<bob@example.org>", .n_rcpt = 1, .known = 1, .unknown = 4,
	  .want = "recipient.unknown(4)" },
	{ .what = "harvesting", .rcpt = "<bob@example.org>", .n_rcpt = 1, .known = 1, .unknown = 5,
	  .want = "recipient.harvesting(5 unknown, 1 known) recipient.unknown(5)" },
	{ .what = "an old list of addresses", .rcpt = "<bob@example.org>", .n_rcpt = 20, .known = 20, .unknown = 20,
	  .want = "recipient.unknown(20)" },
	{ .what = "none are allowed", .overrides = { "recipient.unknown_max=0" }, .rcpt = "<bob@example.org>", .n_rcpt = 1,
	  .known = 1, .unknown = 2, .want = "recipient.harvesting(2 unknown, 1 known) recipient.unknown(2)" },

	{ .what = "a trap", .overrides = { "recipient.traps=[ \"x@example.org\", \"old@example.org\" ]" },
	  .rcpt = "<OLD@example.org>", .n_rcpt = 1, .known = 1, .want = "recipient.trap(old@example.org)" },
	{ .what = "a domain of traps", .overrides = { "recipient.traps=[ \".trap.example.org\" ]" },
	  .rcpt = "<a@b.trap.example.org>", .n_rcpt = 1, .known = 1, .want = "recipient.trap(.trap.example.org)" },
	{ .what = "no trap", .overrides = { "recipient.traps=[ \"old@example.org\" ]" }, .rcpt = "<old@example.net>",
	  .n_rcpt = 1, .known = 1, .want = "" },
	{ .what = "everything", .overrides = { "recipient.traps=[ \"old@\" ]", "recipient.many=1" }, .mail_from = "<>",
	  .rcpt = "<old@example.org>", .n_rcpt = 2, .known = 2, .unknown = 9,
	  .want = "recipient.trap(old@) recipient.harvesting(9 unknown, 2 known) recipient.unknown(9) recipient.many(2) "
	          "recipient.null_sender(2)" },
};
/* clang-format on */

static void open_rig(struct rig *rig, const struct recipient_case *test)
{
	struct err err = { "" };

	if (rig_configure(rig, recipient_only, test->overrides, &err) != 0)
		fail_msg("%s: %s", test->what, err.text);
	rig_prepare(rig, "");
	rig_open_dns(rig);
	assert_true(ip_parse(&rig->subject.client_ip, "203.0.113.7"));
	rig_start(rig, STAGE_HELO);
	address_parse(&rig->subject.mail_from, test->mail_from != NULL ? test->mail_from : "<a@example.net>",
	              &rig->arena);
	rig_start(rig, STAGE_MAIL);
}

static void say_rcpt(struct rig *rig, const struct recipient_case *test)
{
	address_parse(&rig->subject.rcpt, test->rcpt, &rig->arena);
	rig->subject.n_rcpt = test->n_rcpt;
	rig->subject.rcpt_known = test->known;
	rig->subject.rcpt_unknown = test->unknown;
	rig_start(rig, STAGE_RCPT);
}

/* The recipient and what was stated about it alone go. */
static void forget_recipient(struct rig *rig)
{
	rig->subject.rcpt = (struct address){ 0 };
	evidence_open(&rig->scopes[3], &rig->scopes[2]);
}

static void each_recipient_states_its_facts(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig rig;
		open_rig(&rig, &cases[i]);
		assert_string_equal(rig_text(&rig, text), "");
		say_rcpt(&rig, &cases[i]);
		if (strcmp(rig_text(&rig, text), cases[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", cases[i].what, text, cases[i].want);
			wrong++;
		}
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* What one recipient told is known of the message: of all whom it is sent to. */
static void the_message_keeps_what_its_recipients_told(void **state)
{
	char text[RIG_TEXT_MAX];
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig rig;
		open_rig(&rig, &cases[i]);
		say_rcpt(&rig, &cases[i]);
		forget_recipient(&rig);
		assert_string_equal(rig_text(&rig, text), "");
		rig_start(&rig, STAGE_HEADERS);
		if (strcmp(rig_text(&rig, text), cases[i].want) != 0) {
			print_error("%s: %s; must be: %s\n", cases[i].what, text, cases[i].want);
			wrong++;
		}
		rig_close(&rig);
	}
	assert_int_equal(wrong, 0);
}

/* The address of a trap is nobody's business: replies show the fact's words to the sender. */
static void a_reply_does_not_give_a_trap_away(void **state)
{
	static const struct recipient_case none = { .what = "none", .rcpt = "<bob@example.org>" };
	struct rig rig;
	const char *text;

	(void)state;
	open_rig(&rig, &none);
	text = catalogue_info(rig.catalogue, catalogue_find(rig.catalogue, "recipient.trap"))->text;
	assert_null(strstr(text, "trap"));
	rig_close(&rig);
}

static bool may(struct rig *rig, const char *name)
{
	struct factset set;

	rig_may_state(rig, &set);
	return factset_has(&set, catalogue_find(rig->catalogue, name));
}

static void what_cannot_come_is_not_announced(void **state)
{
	static const struct recipient_case plain = { .what = "plain", .rcpt = "<bob@example.org>", .n_rcpt = 1 };
	static const struct recipient_case bounce = { .what = "bounce",
		                                      .overrides = { "recipient.traps=[ \"old@\" ]" },
		                                      .mail_from = "<>",
		                                      .rcpt = "<bob@example.org>",
		                                      .n_rcpt = 1 };
	struct rig rig;

	(void)state;
	open_rig(&rig, &plain);
	assert_true(may(&rig, "recipient.many") && may(&rig, "recipient.harvesting"));
	assert_false(may(&rig, "recipient.trap") || may(&rig, "recipient.null_sender"));
	rig_close(&rig);
	open_rig(&rig, &bounce);
	assert_true(may(&rig, "recipient.trap") && may(&rig, "recipient.null_sender"));
	say_rcpt(&rig, &bounce);
	assert_true(may(&rig, "recipient.trap")); /* another recipient may come */
	rig_start(&rig, STAGE_HEADERS);
	assert_false(may(&rig, "recipient.trap") || may(&rig, "recipient.many"));
	rig_close(&rig);
}

static void patterns_are_checked(void **state)
{
	static const char *const bad[] = {
		"recipient.traps=[ \"*@example.org\" ]",
		"recipient.traps=[ \"@\" ]",
		"recipient.traps=[ \"a@b@example.org\" ]",
		"recipient.many=0",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		rig_refuses(recipient_only, bad[i], "must be");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_states_its_facts),
		cmocka_unit_test(the_message_keeps_what_its_recipients_told),
		cmocka_unit_test(a_reply_does_not_give_a_trap_away),
		cmocka_unit_test(what_cannot_come_is_not_announced),
		cmocka_unit_test(patterns_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

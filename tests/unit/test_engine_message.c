/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_engine_message - the message itself goes by: who sees it, what DKIM and DMARC make of it, and what is written
 * about them.
 */
#include "engine_world.h"
#include "signed_message.h"

#define LINE_OCTETS_MAX 998 /* RFC 5322 2.1.1 */

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n"
			   "forged.example TXT \"v=spf1 -all exp=why.forged.example\"\n"
			   "why.forged.example TXT \"Ask \\\"us\\\" first\"\n"
			   "ed._domainkey.example.org TXT \"" SIGNED_KEY "\"\n"
			   "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
			   "_dmarc.testing.example TXT \"v=DMARC1; p=reject; t=y\"\n"
			   "_dmarc.unsure.example TXT !servfail\n";

static const struct decision *signed_message(struct world *world, const char *body)
{
	engine_header(world->session, "DKIM-Signature", signature_of_author);
	engine_header(world->session, "From", SIGNED_FROM);
	engine_header(world->session, "Subject", SIGNED_SUBJECT);
	engine_headers(world->session);
	assert_true(engine_body(world->session, (const uint8_t *)body, 1));
	assert_true(engine_body(world->session, (const uint8_t *)body + 1, strlen(body) - 1));
	return engine_eom(world->session, "4F2A1");
}

/* The default policy: forwarding breaks SPF, and the author's signature says whose the message is all the same. */
static void a_signature_cancels_what_spf_says(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, (const char *[]){ "spf.points.fail=12.0", NULL });
	begin(&world, "192.0.2.1", "<a@forged.example>");
	assert_false(rcpt(&world, "<b@example.org>")->final);
	const struct decision *decision = signed_message(&world, SIGNED_BODY);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_int_equal(decision->verdict.score_milli, 0);
	assert_line_has(&world, decision,
	                " facts=\"spf.fail=0.0(forged.example -all) rule.dkim_vouches=0.0\" "
	                "cancelled=\"spf.fail=12.0\"");
	engine_message_end(world.session);

	/* the next message of the same connection has no such luck */
	engine_mail(world.session, "<a@forged.example>", NULL, NULL, NULL);
	assert_false(rcpt(&world, "<b@example.org>")->final);
	assert_null(engine_findings(world.session)->dkim);
	decision = signed_message(&world, "Something else.\r\n");
	assert_int_equal(decision->action, ACTION_REJECT);
	assert_string_equal(decision->reply.enhanced, "5.7.26");
	assert_line_has(&world, decision, "dmarc.fail_reject=10.0(news.example.org)");
	world_close(&world);
}

/* Nobody wants a body that no signature covers; an exempt message wakes nobody. */
static void a_body_is_read_only_where_it_is_signed(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	begin(&world, "192.0.2.1", "<a@example.net>");
	rcpt(&world, "<b@example.org>");
	engine_header(world.session, "From", " a@example.net");
	assert_false(
		engine_body(world.session, (const uint8_t *)"x", 1)); /* the end of the headers goes without saying */
	const struct decision *decision = engine_eom(world.session, NULL);
	assert_int_equal(decision->action, ACTION_ACCEPT);
	assert_int_equal(engine_findings(world.session)->dkim->n_found, 0);
	engine_mail(world.session, "<a@example.net>", "user", "PLAIN", NULL);
	rcpt(&world, "<b@example.org>");
	engine_header(world.session, "DKIM-Signature", signature_of_author);
	engine_headers(world.session);
	assert_false(engine_body(world.session, (const uint8_t *)"x", 1));
	assert_string_equal(engine_eom(world.session, NULL)->decided_by, "exempt.authenticated");
	assert_null(engine_findings(world.session)->dkim);
	world_close(&world);
}

static void who_the_author_is_belongs_to_the_message(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	begin(&world, "192.0.2.1", "<a@example.net>");
	engine_mail_options(world.session, (char *[]){ "SIZE=100", "smtputf8", NULL });
	rcpt(&world, "<b@example.org>");
	for (int i = 0; i < 2 * SUBJECT_FROM_MAX; i++)
		engine_header(world.session, i % 2 ? "From" : "fRoM ", " a@example.net");
	engine_header(world.session, "From-Nobody", " a@example.com");
	const struct subject *subject = engine_subject(world.session);
	assert_int_equal(subject->n_from, 2 * SUBJECT_FROM_MAX);
	assert_string_equal(subject->from[SUBJECT_FROM_MAX - 1]->addresses[0].domain, "example.net");
	assert_true(subject->smtputf8);
	engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
	assert_int_equal(subject->n_from, 0);
	assert_null(subject->from[0]);
	assert_false(subject->smtputf8);
	world_close(&world);
}

static void an_explanation_is_told_when_wanted(void **state)
{
	static const char *const plain[] = { "policy.reject=5.0", "policy.tag=off", "policy.rules=( )", NULL };
	static const char *const wanted[] = { "policy.reject=5.0", "policy.tag=off", "policy.rules=( )",
		                              "spf.explanation=true", NULL };
	struct world world;

	(void)state;
	for (int i = 0; i < 2; i++) {
		world_open_on(&world, zone, i ? wanted : plain);
		begin(&world, "192.0.2.1", "<a@forged.example>");
		const struct decision *decision = rcpt(&world, "<b@example.org>");
		assert_int_equal(decision->action, ACTION_REJECT);
		assert_string_equal(decision->reply.code, "550");
		assert_string_equal(decision->reply.enhanced, "5.7.23");
		assert_int_equal(strstr(decision->reply.text,
		                        "; forged.example explains: \"Ask \\x22us\\x22 first\" [score") != NULL,
		                 i);
		world_close(&world);
	}
}

/* ---- Authentication-Results ---- */

static const char *results(struct world *world)
{
	static char memory[HEADER_VALUE_MAX];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	headers_authentication_results(&value, "mx.example.org", world->engine, world->session);
	assert_false(value.truncated);
	return memory;
}

static void assert_results_have(struct world *world, const char *text)
{
	const char *value = results(world);

	if (strstr(value, text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, value);
}

static void start_message(struct world *world)
{
	begin(world, "192.0.2.1", "<a@forged.example>");
	rcpt(world, "<b@example.org>");
}

static void each_signature_and_author_has_its_result(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	start_message(&world);
	engine_header(world.session, "DKIM-Signature", signature_of_other);
	signed_message(&world, SIGNED_BODY);
	assert_results_have(&world, ";\n\tdkim=permerror\n\treason=\"");
	assert_results_have(&world,
	                    "\n\theader.d=example.net header.s=ed header.a=ed25519-sha256 header.b=\"qCIZ/YWI\";\n");
	assert_results_have(&world, ";\n\tdkim=pass (256-bit key)\n\theader.d=example.org header.s=ed "
	                            "header.a=ed25519-sha256 header.b=oy8pn9IY;\n\tdmarc=pass\n\t"
	                            "header.from=news.example.org policy.dmarc=reject");
	world_close(&world);
}

static void other_results_of_dmarc(void **state)
{
	static const struct {
		const char *from, *has;
	} cases[] = {
		{ " a@testing.example", ";\n\tdkim=none;\n\tdmarc=fail (testing)\n\theader.from=testing.example "
		                        "policy.dmarc=quarantine" },
		{ " a@unsure.example", "\n\tdmarc=temperror\n\treason=\"DNS has no answer for _dmarc.unsure.example" },
		{ " a@plain.example", "\n\tdmarc=none\n\theader.from=plain.example" },
		{ " a@plain.example, b@testing.example",
		  "\n\tdmarc=fail (testing)\n\theader.from=testing.example policy.dmarc=quarantine;\n"
		  "\tdmarc=none\n\theader.from=plain.example" },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_open_on(&world, zone, NULL);
		start_message(&world);
		engine_header(world.session, "From", cases[i].from);
		engine_eom(world.session, NULL);
		assert_results_have(&world, cases[i].has);
		world_close(&world);
	}
}

/* However much a stranger writes into his signatures, the field stays whole, and DMARC in it. */
static void the_field_stays_whole(void **state)
{
	char label[64], signature[2048];
	struct world world;

	(void)state;
	memset(label, 'x', 60);
	label[60] = '\0';
	snprintf(signature, sizeof(signature),
	         " v=1; a=rsa-sha256; d=%s.%s.%s.example; s=%s.%s.%s; h=from; bh=; b=\"\r\n;dmarc=pass", label, label,
	         label, label, label, label);
	world_open_on(&world, zone, NULL);
	start_message(&world);
	engine_header(world.session, "DKIM-Signature", signature_of_author);
	for (int i = 0; i < 40; i++)
		engine_header(world.session, "DKIM-Signature", signature);
	engine_header(world.session, "From", SIGNED_FROM);
	engine_header(world.session, "Subject", SIGNED_SUBJECT);
	engine_body(world.session, (const uint8_t *)SIGNED_BODY, strlen(SIGNED_BODY));
	engine_eom(world.session, NULL);
	const char *value = results(&world);
	assert_non_null(strstr(value, ";\n\tdmarc=pass\n\theader.from=news.example.org policy.dmarc=reject"));
	for (const char *line = value; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		assert_true(strcspn(line, "\n") <= LINE_OCTETS_MAX);
	}
	for (const char *c = value; *c; c++)
		assert_true((*c >= ' ' && *c < 0x7f) || *c == '\n' || *c == '\t');
	world_close(&world);
}

/* ---- what is told beside the message ---- */

static void a_recipient_is_unknown_by_its_code(void **state)
{
	/* RFC 3463 3.2: what is wrong with a recipient's address; not with a sender's, a right, or a mailbox */
	static const struct {
		const char *dsn;
		unsigned counted;
	} cases[] = {
		{ "5.1.0", 1 },  { "5.1.1", 1 },  { "4.1.1", 1 },      { "5.1.3", 1 },  { "5.1.6", 1 }, { "5.1.10", 1 },
		{ "5.1.2", 0 },  { "5.1.7", 0 },  { "5.1.8", 0 },      { "5.7.1", 0 },  { "4.2.0", 0 }, { "5.2.2", 0 },
		{ "2.1.1", 0 },  { "2.1.5", 0 },  { "5.1.11", 0 },     { "5.1", 0 },    { "", 0 },      { "5", 0 },
		{ "15.1.1", 0 }, { " 5.1.1", 0 }, { "5.1.1 User", 0 }, { "5.1.01", 0 }, { NULL, 0 },
	};
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	begin(&world, "192.0.2.1", "<a@example.net>");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const unsigned before = engine_subject(world.session)->rcpt_unknown;
		engine_rcpt_refused(world.session, cases[i].dsn);
		if (engine_subject(world.session)->rcpt_unknown - before != cases[i].counted)
			fail_msg("%s", cases[i].dsn ? cases[i].dsn : "NULL");
	}
	assert_int_equal(engine_subject(world.session)->n_rcpt, 0);
	assert_int_equal(engine_subject(world.session)->rcpt_known, 0);
	world_close(&world);
}

static void who_guesses_recipients_is_told_from_who_may_not_relay(void **state)
{
	static const struct {
		const char *dsn;
		int refused;
		const char *has, *has_not;
	} cases[] = {
		{ "5.1.1", 4, "score=", "recipient.harvesting" },
		{ "5.1.1", 5, "recipient.harvesting=3.0(5 unknown, 1 known)", "recipient.unknown" },
		{ "5.7.1", 50, "score=", "recipient." },
		{ NULL, 50, "score=", "recipient." },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_open_on(&world, zone, NULL);
		begin(&world, "192.0.2.1", "<a@example.net>");
		for (int k = 0; k < cases[i].refused; k++)
			engine_rcpt_refused(world.session, cases[i].dsn);
		rcpt(&world, "<b@example.org>");
		const struct decision *decision = eom(&world);
		assert_line_has(&world, decision, cases[i].has);
		assert_null(strstr(line_of(&world, decision), cases[i].has_not));
		/* they are the client's, not the message's: the next message is judged by them, too */
		engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
		rcpt(&world, "<b@example.org>");
		decision = eom(&world);
		if (cases[i].refused == 5)
			assert_line_has(&world, decision, "recipient.harvesting=3.0(5 unknown, 2 known)");
		world_close(&world);
	}
}

static void size_is_what_mail_said(void **state)
{
	static const struct {
		char *arguments[3];
		uint64_t want;
	} cases[] = {
		{ { NULL }, 0 },
		{ { "SIZE=100" }, 100 },
		{ { "size=0100" }, 100 },
		{ { "BODY=8BITMIME", "SIZE=7" }, 7 },
		{ { "SIZE=1", "SIZE=2" }, 2 },
		{ { "SIZE=18446744073709551615" }, UINT64_MAX },
		{ { "SIZE=99999999999999999999" }, UINT64_MAX }, /* the largest that RFC 1870 allows */
		{ { "SIZE=" }, 0 },
		{ { "SIZE=-1" }, 0 },
		{ { "SIZE=+1" }, 0 },
		{ { "SIZE= 1" }, 0 },
		{ { "SIZE=1k" }, 0 },
		{ { "SIZE=0x10" }, 0 },
		{ { "SIZE" }, 0 },
		{ { "XSIZE=1" }, 0 },
		{ { "" }, 0 },
	};
	struct world world;

	(void)state;
	world_open_on(&world, zone, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		begin(&world, "192.0.2.1", "<a@example.net>");
		engine_mail_options(world.session, cases[i].arguments);
		if (engine_subject(world.session)->declared_octets != cases[i].want)
			fail_msg("%s: %llu", cases[i].arguments[0] ? cases[i].arguments[0] : "nothing",
			         (unsigned long long)engine_subject(world.session)->declared_octets);
		/* and of that message alone */
		engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
		assert_int_equal(engine_subject(world.session)->declared_octets, 0);
	}
	world_close(&world);
}

static void a_size_that_contradicts_the_message_is_a_fact(void **state)
{
	static const char *const format[] = { "format.enabled=true", "format.points.size=0.3", NULL };
	static const struct {
		char *size;
		size_t lines; /* of the body, 100 octets each; mailreeve.8: within 16 kilobytes nothing is said */
		bool fact;
	} cases[] = {
		{ NULL, 100, false },
		{ "SIZE=10000", 100, false },
		{ "SIZE=10100", 100, false },
		{ "SIZE=100", 100, false },
		{ "SIZE=100", 200, true },
		{ "SIZE=1000000", 100, true },
		{ "SIZE=99999999999999999999", 1, true },
		{ "SIZE=much", 100, false },
		{ "SIZE=0", 100, false },
		{ "SIZE=1000000", 10000, false },
		{ "SIZE=1000000", 1000, true },
	};
	char line[101];
	struct world world;

	(void)state;
	memset(line, 'x', 98);
	memcpy(line + 98, "\r\n", 3);
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_open_on(&world, zone, format);
		begin(&world, "192.0.2.1", "<a@example.net>");
		engine_mail_options(world.session, (char *[]){ cases[i].size, NULL });
		rcpt(&world, "<b@example.org>");
		engine_header(world.session, "From", " a@example.net");
		engine_headers(world.session);
		for (size_t k = 0; k < cases[i].lines; k++)
			engine_body(world.session, (const uint8_t *)line, 100);
		const char *text = line_of(&world, engine_eom(world.session, NULL));
		if ((strstr(text, "format.size=0.3(") != NULL) != cases[i].fact)
			fail_msg("%s, %zu lines: %s", cases[i].size ? cases[i].size : "no SIZE", cases[i].lines, text);
		world_close(&world);
	}
}

/* So long, and no longer, for something that is on its way: 30 s. */
#define GREETING_LOOKS_MAX 3000
#define GREETING_LOOK_US   10000

/*
 * What a server would say in its greeting can refuse nobody who is refused in any case, and nobody connects to it: not
 * even since the next recipient might be exempt.
 */
static void nobody_is_connected_to_for_what_is_decided(void **state)
{
	static const char bl_zone[] = "2.2.0.192.bl.example A 127.0.0.2\ngreeting.example A 127.0.0.10\n";
	static const char *const overrides[] = {
		"dnsbl.lists=( { name = \"bl\"; zone = \"bl.example\"; codes = ( { code = \"127.0.0.2\"; name = \"yes\"; "
		"points = 12.0; } ); } )",
		"policy.rules=( { name = \"left_alone\"; all = [ \"greeting.not_asked\" ]; points = 0.001; },"
		" { name = \"connected\"; all = [ \"greeting.refused\" ]; points = 0.001; } )",
		"greeting.test_networks=[ \"127.0.0.0/24\" ]",
		"greeting.port=1", /* nobody listens */
		"exempt.recipients=[ \"postmaster@\" ]",
		NULL,
	};
	static const struct {
		const char *client, *says;
	} cases[] = { { "192.0.2.2", "rule.left_alone=0.001" }, { "192.0.2.1", "rule.connected=0.001" } };
	struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		world_open_on(&world, bl_zone, overrides);
		begin(&world, cases[i].client, "<a@example.net>");
		rcpt(&world, "<b@example.org>"); /* now the list has answered */
		engine_helo(world.session, "greeting.example", NULL);
		engine_mail(world.session, "<a@example.net>", NULL, NULL, NULL);
		const char *line = line_of(&world, rcpt(&world, "<b@example.org>"));
		for (int k = 0; k < GREETING_LOOKS_MAX && !strstr(line, "rule."); k++) {
			usleep(GREETING_LOOK_US);
			line = line_of(&world, rcpt(&world, "<b@example.org>"));
		}
		if (!strstr(line, cases[i].says))
			fail_msg("%s is not in: %s", cases[i].says, line);
		world_close(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_cancels_what_spf_says),
		cmocka_unit_test(a_body_is_read_only_where_it_is_signed),
		cmocka_unit_test(who_the_author_is_belongs_to_the_message),
		cmocka_unit_test(an_explanation_is_told_when_wanted),
		cmocka_unit_test(each_signature_and_author_has_its_result),
		cmocka_unit_test(other_results_of_dmarc),
		cmocka_unit_test(the_field_stays_whole),
		cmocka_unit_test(a_recipient_is_unknown_by_its_code),
		cmocka_unit_test(who_guesses_recipients_is_told_from_who_may_not_relay),
		cmocka_unit_test(size_is_what_mail_said),
		cmocka_unit_test(a_size_that_contradicts_the_message_is_a_fact),
		cmocka_unit_test(nobody_is_connected_to_for_what_is_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

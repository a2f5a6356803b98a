/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_received_spf - what SPF writes into a message: Received-SPF and its share of Authentication-Results.
 */
#include "engine_world.h"
#include "headers/header_text.h"

#define LINE_OCTETS_MAX 998 /* RFC 5322 2.1.1 */

static const char zone[] = "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
			   "mail.example.net A 192.0.2.1\n"
			   "mail.example.net TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
			   "fail.example.net TXT \"v=spf1 -all exp=why.example.net\"\n"
			   "why.example.net TXT \"Not \\\"yours\\\"\"\n"
			   "softfail.example.net TXT \"v=spf1 ~all\"\n"
			   "broken.example.net TXT \"v=spf1 bad -all\"\n"
			   "servfail.example.net TXT !servfail\n"
			   "none.example.net A 198.51.100.9\n"
			   "xn--bcher-kva.example TXT \"v=spf1 -all\"\n";

static const char *const spf_alone[] = { "dkim.enabled=false", "dmarc.enabled=false", NULL };

/* A message up to its end, from this client. */
static void play(struct world *world, const char *client, const char *helo, const char *from, const char *user)
{
	connect_from(world, client);
	if (helo)
		engine_helo(world->session, helo, NULL);
	engine_mail(world->session, from, user, NULL, NULL);
	rcpt(world, "<b@example.org>");
	eom(world);
}

static const char *field(struct world *world, enum spf_identity identity)
{
	static char memory[HEADER_VALUE_MAX];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	headers_received_spf(&value, identity, world->session);
	assert_false(value.truncated);
	return memory;
}

static const char *results(struct world *world)
{
	static char memory[HEADER_VALUE_MAX];
	struct strbuf value;

	strbuf_open(&value, memory, sizeof(memory));
	headers_authentication_results(&value, "mx.example.org", world->engine, world->session);
	return memory;
}

#define IPREV "mx.example.org; iprev=pass (mail.example.net) policy.iprev=192.0.2.1"
#define GIVEN " client-ip=192.0.2.1; "

/* A case is read best in as few lines as it fits. */
/* clang-format off */
static const struct {
	const char *helo, *from, *helo_field, *mail_field, *results;
} cases[] = {
	{ "mail.example.net", "<a@fail.example.net>",
	  "pass (mx.example.org: mail.example.net permits 192.0.2.1)" GIVEN "envelope-from=\"a@fail.example.net\"; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=helo; mechanism=\"ip4:192.0.2.1\"",
	  "fail (mx.example.org: fail.example.net does not permit 192.0.2.1)" GIVEN "envelope-from=\"a@fail.example.net\"; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=mailfrom; mechanism=-all",
	  IPREV "; spf=fail smtp.mailfrom=fail.example.net; spf=pass smtp.helo=mail.example.net" },
	/* the null reverse-path: postmaster at the HELO name */
	{ "mail.example.net", "<>",
	  "pass (mx.example.org: mail.example.net permits 192.0.2.1)" GIVEN "envelope-from=\"<>\"; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=helo; mechanism=\"ip4:192.0.2.1\"",
	  "pass (mx.example.org: mail.example.net permits 192.0.2.1)" GIVEN "envelope-from=\"<>\"; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=mailfrom; mechanism=\"ip4:192.0.2.1\"",
	  IPREV "; spf=pass smtp.mailfrom=mail.example.net; spf=pass smtp.helo=mail.example.net" },
	/* a guess is none, and is called a guess */
	{ "mail.example.net", "<a@none.example.net>", NULL,
	  "none (mx.example.org: none.example.net has no SPF record; best guess: neutral)" GIVEN
	  "envelope-from=\"a@none.example.net\"; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=mailfrom",
	  IPREV "; spf=none (best guess: neutral) smtp.mailfrom=none.example.net; "
	  "spf=pass smtp.helo=mail.example.net" },
	/* HELO says nothing that could be asked */
	{ "a word \"(x) \\", "<a@softfail.example.net>", "",
	  "softfail (mx.example.org: softfail.example.net probably does not permit 192.0.2.1)" GIVEN
	  "envelope-from=\"a@softfail.example.net\"; helo=\"a word \\\"(x) \\\\\"; receiver=mx.example.org; "
	  "identity=mailfrom; mechanism=~all",
	  IPREV "; spf=softfail smtp.mailfrom=softfail.example.net" },
	/* there was no HELO */
	{ NULL, "<a@softfail.example.net>", "",
	  "softfail (mx.example.org: softfail.example.net probably does not permit 192.0.2.1)" GIVEN
	  "envelope-from=\"a@softfail.example.net\"; receiver=mx.example.org; identity=mailfrom; mechanism=~all",
	  IPREV "; spf=softfail smtp.mailfrom=softfail.example.net" },
	/* a sender without a domain */
	{ "mail.example.net", "<postmaster>", NULL,
	  "none (mx.example.org: there is no domain to ask)" GIVEN "envelope-from=postmaster; "
	  "helo=mail.example.net; receiver=mx.example.org; identity=mailfrom",
	  IPREV "; spf=none smtp.mailfrom=postmaster; spf=pass smtp.helo=mail.example.net" },
	/* SMTPUTF8: the domain is asked in A-labels, the address is shown in ASCII */
	{ "mail.example.net", "<\xc3\xbc@b\xc3\xbc" "cher.example>", NULL,
	  "fail (mx.example.org: xn--bcher-kva.example does not permit 192.0.2.1)" GIVEN
	  "envelope-from=\"\\\\xc3\\\\xbc@b\\\\xc3\\\\xbccher.example\"; helo=mail.example.net; "
	  "receiver=mx.example.org; identity=mailfrom; mechanism=-all",
	  IPREV "; spf=fail smtp.mailfrom=xn--bcher-kva.example; spf=pass smtp.helo=mail.example.net" },
};
/* clang-format on */

/* Where a line is broken means nothing. */
static const char *unfolded(const char *text)
{
	static char memory[HEADER_VALUE_MAX];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	for (; *text != '\0'; text++)
		if (*text != '\n')
			strbuf_add_octets(&line, *text == '\t' ? " " : text, 1);
	return memory;
}

static void assert_field(const char *what, const char *got, const char *want)
{
	if (want != NULL && strcmp(unfolded(got), want) != 0)
		fail_msg("%s:\n%s\nmust be:\n%s", what, unfolded(got), want);
}

static void each_identity_has_its_field(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	for (size_t i = 0; i < COUNT(cases); i++) {
		engine_session_close(&world.session);
		world.session = engine_session_open(world.engine, NULL);
		play(&world, "192.0.2.1", cases[i].helo, cases[i].from, NULL);
		assert_field(cases[i].from, field(&world, SPF_HELO), cases[i].helo_field);
		assert_field(cases[i].from, field(&world, SPF_MAIL_FROM), cases[i].mail_field);
		assert_field(cases[i].from, results(&world), cases[i].results);
	}
	world_close(&world);
}

/* RFC 7208 2.3: only a domain name of several labels is an identity. */
static void what_is_no_domain_name_is_no_identity(void **state)
{
	static const struct {
		const char *helo;
		bool identity;
	} said[] = {
		{ "none.example.net", true },
		{ "None.Example.NET.", true },
		{ "fail.example.net", true },
		{ "host_7.example.net", true },
		{ "7.example.net", true },
		{ "[192.0.2.1]", false },
		{ "[IPv6:2001:db8::1]", false },
		{ "192.0.2.1", false },
		{ "2001:db8::1", false },
		{ "localhost", false },
		{ "localhost.", false },
		{ ".", false },
		{ "..", false },
		{ ".example.net", false },
		{ "mail..example.net", false },
		{ "mail.example.net/x", false },
		{ "a b.example.net", false },
		{ "a\r\nb.example.net", false },
		{ "\xff.example.net", false },
	};
	struct world world;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	for (size_t i = 0; i < COUNT(said); i++) {
		engine_session_close(&world.session);
		world.session = engine_session_open(world.engine, NULL);
		play(&world, "192.0.2.1", said[i].helo, "<a@fail.example.net>", NULL);
		const bool in_field = strstr(field(&world, SPF_HELO), "identity=helo") != NULL;
		const bool in_results = strstr(results(&world), "smtp.helo=") != NULL;
		if (in_field != said[i].identity || in_results != said[i].identity)
			fail_msg("%s: %s\n%s", said[i].helo, field(&world, SPF_HELO), results(&world));
		assert_non_null(strstr(field(&world, SPF_MAIL_FROM), "identity=mailfrom"));
		assert_non_null(strstr(results(&world), "smtp.mailfrom=fail.example.net"));
	}
	world_close(&world);
}

static void an_ipv6_address_is_quoted(void **state)
{
	struct world world;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	play(&world, "2001:db8::1", "mail.example.net", "<a@fail.example.net>", NULL);
	assert_non_null(strstr(field(&world, SPF_MAIL_FROM), "\n\tclient-ip=\"2001:db8::1\"; "));
	play(&world, "::ffff:192.0.2.1", "mail.example.net", "<a@mail.example.net>", NULL);
	assert_non_null(
		strstr(field(&world, SPF_MAIL_FROM), "pass (mx.example.org: mail.example.net permits 192.0.2.1)"));
	world_close(&world);
}

/* The owner of the domain reads what is wrong, and where. */
static void errors_are_told_in_words(void **state)
{
	struct world world;
	const char *text;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	play(&world, "192.0.2.1", "mail.example.net", "<a@broken.example.net>", NULL);
	text = field(&world, SPF_MAIL_FROM);
	assert_memory_equal(text, "permerror (mx.example.org: the SPF record of broken.example.net has an error)", 76);
	assert_non_null(strstr(text, "problem=\""));
	assert_non_null(strstr(text, "\\\"bad\\\""));
	text = results(&world);
	assert_non_null(strstr(text, ";\n\tspf=permerror\n\treason=\""));
	assert_non_null(strstr(text, "\\\"bad\\\""));
	assert_non_null(strstr(text, "\"\n\tsmtp.mailfrom=broken.example.net;\n"));
	play(&world, "192.0.2.1", "mail.example.net", "<a@servfail.example.net>", NULL);
	text = field(&world, SPF_MAIL_FROM);
	assert_memory_equal(text, "temperror (mx.example.org: the SPF record of servfail.example.net could not", 74);
	assert_non_null(strstr(text, "problem="));
	assert_non_null(strstr(results(&world), ";\n\tspf=temperror\n\treason=\""));
	world_close(&world);
}

/* Where a user of ours sits is nobody else's business, and who is exempt is not judged. */
static void nothing_is_said_of_who_is_not_judged(void **state)
{
	static const char *const judged[] = { "exempt.authenticated=false", "dkim.enabled=false", "dmarc.enabled=false",
		                              NULL };
	static const char *const exempt[] = { "exempt.senders=[ \"fail.example.net\" ]", NULL };
	struct world world;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	play(&world, "192.0.2.1", "mail.example.net", "<a@fail.example.net>", "somebody");
	assert_string_equal(field(&world, SPF_HELO), "");
	assert_string_equal(field(&world, SPF_MAIL_FROM), "");
	assert_string_equal(results(&world), "mx.example.org;\n\tauth=pass smtp.auth=somebody");
	world_close(&world);
	world_open_on(&world, zone, judged);
	play(&world, "192.0.2.1", "mail.example.net", "<a@fail.example.net>", "somebody");
	assert_string_equal(field(&world, SPF_MAIL_FROM), "");
	assert_string_equal(results(&world), "mx.example.org;\n\tauth=pass smtp.auth=somebody");
	world_close(&world);
	world_open_on(&world, zone, exempt);
	play(&world, "192.0.2.1", "mail.example.net", "<a@fail.example.net>", NULL);
	assert_string_equal(field(&world, SPF_HELO), "");
	assert_string_equal(field(&world, SPF_MAIL_FROM), "");
	assert_null(strstr(results(&world), "spf="));
	world_close(&world);
}

static void without_the_check_there_is_no_field(void **state)
{
	static const char *const off[] = { "spf.enabled=false", NULL };
	static const char *const no_helo[] = { "spf.helo=false", NULL };
	struct world world;

	(void)state;
	world_open_on(&world, zone, off);
	play(&world, "192.0.2.1", "mail.example.net", "<a@fail.example.net>", NULL);
	assert_string_equal(field(&world, SPF_MAIL_FROM), "");
	assert_null(strstr(results(&world), "spf="));
	world_close(&world);
	world_open_on(&world, zone, no_helo);
	play(&world, "192.0.2.1", "mail.example.net", "<a@fail.example.net>", NULL);
	assert_string_equal(field(&world, SPF_HELO), "");
	assert_non_null(strstr(field(&world, SPF_MAIL_FROM), "fail ("));
	assert_null(strstr(results(&world), "smtp.helo"));
	world_close(&world);
}

/* Octets of the longest line, and nothing but printable ASCII, tabs and folds. */
static size_t longest_line(const char *text)
{
	size_t longest = 0, octets = 0;

	for (; *text != '\0'; text++) {
		assert_true(*text == '\n' || *text == '\t' || (*text >= 0x20 && *text <= 0x7e));
		if (*text == '\n')
			assert_int_equal(text[1], '\t');
		octets = *text == '\n' ? 0 : octets + 1;
		longest = octets > longest ? octets : longest;
	}
	return longest;
}

static void what_a_stranger_says_stays_bounded(void **state)
{
	char helo[400], from[1100];
	struct world world;

	(void)state;
	world_open_on(&world, zone, spf_alone);
	memset(helo, '"', sizeof(helo) - 1);
	helo[sizeof(helo) - 1] = '\0';
	memset(from, '\x01', sizeof(from) - 1);
	memcpy(from + sizeof(from) - 19, "@fail.example.net>", 19);
	from[0] = '<';
	play(&world, "192.0.2.1", helo, from, NULL);
	const char *text = field(&world, SPF_MAIL_FROM);
	assert_true(longest_line(text) <= LINE_OCTETS_MAX);
	assert_true(strlen(text) < HEADER_VALUE_MAX / 2);
	assert_non_null(strstr(text, "...\";\n\thelo=\"\\\"\\\""));
	assert_string_equal(field(&world, SPF_HELO), "");
	assert_true(longest_line(results(&world)) <= LINE_OCTETS_MAX);
	play(&world, "192.0.2.1", "a\r\nX-Evil: 1", "<a\r\nX-Evil: 1@fail.example.net>", NULL);
	longest_line(field(&world, SPF_MAIL_FROM));
	longest_line(results(&world));
	world_close(&world);
}

static void text_is_quoted_by_the_grammar(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *quoted, *comment;
	} texts[] = {
		{ "", 9, "\"\"", "" },
		{ "a b", 9, "\"a b\"", "a b" },
		{ "(a\"\\", 9, "\"(a\\\"\\\\\"", "\\(a\"\\\\" },
		{ "\x7f\xff", 10, "\"\\\\x7f\\\\xff\"", "\\\\x7f\\\\xff" },
		{ "\x7f\xff", 9, "\"\\\\x7f...\"", "\\\\x7f..." },
		{ "abcdef", 6, "\"abcdef\"", "abcdef" },
		{ "abcdefg", 6, "\"abc...\"", "abc..." },
		{ "ab\"defg", 6, "\"ab...\"", "ab\"..." },
	};
	char memory[64];
	struct strbuf buf;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		strbuf_open(&buf, memory, sizeof(memory));
		header_add_quoted(&buf, texts[i].text, texts[i].max);
		assert_string_equal(memory, texts[i].quoted);
		strbuf_open(&buf, memory, sizeof(memory));
		header_add_comment(&buf, texts[i].text, texts[i].max);
		assert_string_equal(memory, texts[i].comment);
	}
	assert_true(header_is_dot_atom("a.b-c_d") && header_is_dot_atom("-all") && header_is_dot_atom("192.0.2.1"));
	assert_false(header_is_dot_atom("") || header_is_dot_atom(".a") || header_is_dot_atom("a.") ||
	             header_is_dot_atom("a..b") || header_is_dot_atom("a@b") || header_is_dot_atom("a b") ||
	             header_is_dot_atom("a:b") || header_is_dot_atom("\xc3\xbc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_identity_has_its_field),
		cmocka_unit_test(what_is_no_domain_name_is_no_identity),
		cmocka_unit_test(an_ipv6_address_is_quoted),
		cmocka_unit_test(errors_are_told_in_words),
		cmocka_unit_test(nothing_is_said_of_who_is_not_judged),
		cmocka_unit_test(without_the_check_there_is_no_field),
		cmocka_unit_test(what_a_stranger_says_stays_bounded),
		cmocka_unit_test(text_is_quoted_by_the_grammar),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

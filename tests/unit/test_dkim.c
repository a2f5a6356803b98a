/* SPDX-License-Identifier: BSD-2-Clause */
/* Verification as a whole: what a signature is worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dkim_fixture.h"

/* ---- what passes ---- */

static void passes_all_ways_to_sign(void **state)
{
	static const char *const canons[] = { "", "c=simple; ", "c=relaxed; ", "c=simple/relaxed; ",
		                              "c=relaxed/simple; " };
	char tags[200];

	(void)state;
	for (size_t i = 0; i < COUNT(canons); i++) {
		snprintf(tags, sizeof(tags), "v=1; a=rsa-sha256; %sd=example.org; s=rsa; h=from:to:subject:subject",
		         canons[i]);
		expect_signed(KEY_RSA, tags, "", DKIM_PASS, "", 0);
		snprintf(tags, sizeof(tags), "v=1; a=ed25519-sha256; %sd=example.org; s=ed; h=from", canons[i]);
		expect_signed(KEY_ED25519, tags, "", DKIM_PASS, "", 0);
	}
}

static void says_what_the_signature_is(void **state)
{
	struct place place;
	const struct dkim_result *result;
	char *field;

	(void)state;
	place_open(&place, "");
	field = sign(&place, KEY_1024,
	             "v=1; a=RSA-sha256; c=relaxed/relaxed; d=Example.ORG; s=S1024; i=x@mail.example.org; h=From",
	             HEADER, BODY);
	result = verify(&place, field, HEADER, BODY);
	expect(result, DKIM_PASS, "");
	assert_string_equal(result->domain, "example.org");
	assert_string_equal(result->selector, "s1024");
	assert_string_equal(result->identity, "x@mail.example.org");
	assert_string_equal(result->algorithm, "rsa-sha256");
	assert_int_equal(result->key_bits, 1024);
	assert_int_equal(result->traits, DKIM_TRAIT_SHORT_KEY);
	assert_memory_equal(result->b, strstr(field, "; b=") + 4, DKIM_B_OCTETS);
	assert_int_equal(result->body_covered, strlen("Hello there,\r\n\r\nthis is it.\r\n"));
	assert_int_equal(result->body_octets, result->body_covered);
	place_close(&place);
}

static void takes_folding_as_the_milter_gives_it(void **state)
{
	struct place place;
	struct dkim *dkim;
	struct dns_asker asker;
	char *field, *value;

	(void)state;
	place_open(&place, "");
	asker = world_asker(&place.world);
	dkim = dkim_open(place.world.service, &asker, NOW, &place.arena);
	field = sign(&place, KEY_RSA, "v=1; a=rsa-sha256; c=simple/simple;\r\n\td=example.org; s=rsa; h=from:subject",
	             HEADER, BODY);
	value = arena_strdup(&place.arena, field + strlen("DKIM-Signature:"));
	memmove(strchr(value, '\r'), strchr(value, '\n'), strlen(strchr(value, '\n')) + 1);
	dkim_add_field(dkim, "DKIM-Signature", value);
	dkim_add_field(dkim, "From", " A <a@example.org>");
	dkim_add_field(dkim, "Subject", " hello\n  world");
	dkim_headers_end(dkim);
	assert_true(dkim_wants_body(dkim));
	assert_false(dkim_step(dkim));
	dkim_add_body(dkim, (const uint8_t *)BODY, strlen(BODY));
	dkim_body_end(dkim);
	assert_true(dkim_step(dkim));
	expect(&dkim_get_results(dkim)->results[0], DKIM_PASS, "");
	place_close(&place);
}

static void needs_no_body_without_signatures(void **state)
{
	struct place place;
	struct dkim *dkim;
	struct dns_asker asker;

	(void)state;
	place_open(&place, "");
	asker = world_asker(&place.world);
	dkim = dkim_open(place.world.service, &asker, NOW, &place.arena);
	dkim_add_field(dkim, "From", " A <a@example.org>");
	dkim_add_field(dkim, "DKIM-Signature", " v=2");
	dkim_headers_end(dkim);
	assert_false(dkim_wants_body(dkim));
	assert_true(dkim_step(dkim));
	assert_int_equal(dkim_get_results(dkim)->n, 1);
	place_close(&place);
}

static void keeps_what_was_hashed(void **state)
{
	struct place place;
	struct dkim *dkim;
	struct dns_asker asker;
	char *text, *wanted;

	(void)state;
	place_open(&place, "");
	asker = world_asker(&place.world);
	dkim = dkim_open(place.world.service, &asker, NOW, &place.arena);
	dkim_keep_canonical(dkim);
	text = sign_format(&place.arena, sign(&place, KEY_RSA, TAGS, HEADER, BODY), "\r\n", HEADER, "\r\n" BODY);
	world_feed(dkim, text, strlen(text), 0, &place.arena);
	assert_true(dkim_step(dkim));
	text[strcspn(text, "\r")] = '\0';
	strstr(text, "; b=")[4] = '\0';
	wanted = sign_format(&place.arena,
	                     "from:A <a@example.org>\r\nto:b@example.net\r\nsubject:hello world\r\ndkim-signature:",
	                     text + strlen("DKIM-Signature: "), "", "");
	assert_string_equal(dkim_canonical_headers(dkim, 0), wanted);
	assert_null(dkim_canonical_headers(dkim, 1));
	place_close(&place);
}

static void fails_what_was_changed(void **state)
{
	static const struct {
		const char *header, *body, *reason;
		unsigned traits;
	} cases[] = {
		{ "From: A <a@example.org>\r\nTo: b@example.net\r\nSubject: Hello world\r\n", BODY,
		  "the signature does not match the header and the key", 0 },
		{ "To: b@example.net\r\nFrom: A <a@example.org>\r\n", BODY,
		  "the signature does not match the header and the key", 0 },
		{ HEADER, BODY "more\r\n", "the body is not the one that was signed", DKIM_TRAIT_BODY },
		{ HEADER, "", "the body is not the one that was signed", DKIM_TRAIT_BODY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place place;
		place_open(&place, "");
		const struct dkim_result *result = verify(&place, sign(&place, KEY_RSA, TAGS, HEADER, BODY),
		                                          cases[i].header, cases[i].body);
		expect(result, DKIM_FAIL, cases[i].reason);
		assert_int_equal(result->traits, cases[i].traits);
		place_close(&place);
	}
}

static void ignores_what_relaxed_does(void **state)
{
	struct place place;

	(void)state;
	place_open(&place, "");
	expect(verify(&place, sign(&place, KEY_RSA, TAGS, HEADER, BODY),
	              "X: 1\r\nSUBJECT:hello \t world  \r\nfrom :  A\r\n <a@example.org>\r\nto: b@example.net\r\n",
	              "Hello there, \r\n\t\r\nthis\tis it."),
	       DKIM_PASS, "");
	place_close(&place);
}

/* ---- keys ---- */

static void judges_the_key_record(void **state)
{
	char zone[10000];

	(void)state;
	expect_record("v=DKIM1; h=sha1; ", "", TAGS_K, DKIM_PERMERROR, "the key's h= does not allow the hash of a=", 0);
	expect_record("v=DKIM1; s=tlsrpt; ", "", TAGS_K, DKIM_PERMERROR, "the key's s= does not allow e-mail", 0);
	expect_record("v=DKIM2; ", "", TAGS_K, DKIM_PERMERROR, "the key record: v= is not DKIM1", 0);
	expect_record("", "", "v=1; a=rsa-sha256; d=example.org; s=ed; h=from", DKIM_PERMERROR,
	              "the key is of another kind than a= says", 0);
	expect_signed(KEY_RSA, TAGS_K, "k._domainkey.example.org\tTXT\tv=DKIM1; p=\n", DKIM_PERMERROR,
	              "the key is revoked", DKIM_TRAIT_REVOKED);
	snprintf(zone, sizeof(zone),
	         "k._domainkey.example.org\tTXT\tp=%s\nk._domainkey.example.org\tTXT\tv=spf1 -all\n",
	         signers[KEY_RSA].p);
	expect_signed(KEY_RSA, TAGS_K, zone, DKIM_PERMERROR, "there are several key records", 0);
}

static void asks_again_and_waits(void **state)
{
	struct place place;

	(void)state;
	place_open(&place, "");
	place.world.refusals = 2;
	place.world.slow_polls = 5;
	expect(verify(&place, sign(&place, KEY_RSA, TAGS, HEADER, BODY), HEADER, BODY), DKIM_PASS, "");
	place.world.refusals = 1000;
	expect(verify(&place, sign(&place, KEY_RSA, TAGS, HEADER, BODY), HEADER, BODY), DKIM_TEMPERROR,
	       "the key could not be asked for: too many questions");
	place_close(&place);
}

static void asks_while_headers_arrive(void **state)
{
	struct place place;
	struct dkim *dkim;
	struct dns_asker asker;

	(void)state;
	place_open(&place, "");
	asker = world_asker(&place.world);
	dkim = dkim_open(place.world.service, &asker, NOW, &place.arena);
	dkim_add_field(dkim, "DKIM-Signature", sign(&place, KEY_RSA, TAGS, HEADER, BODY) + strlen("DKIM-Signature:"));
	assert_int_equal(place.world.asked, 1);
	dkim_add_field(dkim, "DKIM-Signature",
	               sign(&place, KEY_RSA, TAGS "; x=5", HEADER, BODY) + strlen("DKIM-Signature:"));
	assert_int_equal(place.world.asked, 1);
	place_close(&place);
}

/* ---- internationalised mail ---- */

static void takes_u_labels_with_smtputf8_only(void **state)
{
	static const char tags[] = "v=1; a=rsa-sha256; c=relaxed; d=b\xc3\xbc"
				   "cher.example; s=rsa; h=from";
	char zone[5000], *text;
	struct place place;
	struct dns_asker asker;
	struct dkim *dkim;

	(void)state;
	snprintf(zone, sizeof(zone), "rsa._domainkey.xn--bcher-kva.example\tTXT\tp=%s\n", signers[KEY_RSA].p);
	expect_signed(KEY_RSA, tags, zone, DKIM_PERMERROR, "d= or s= has U-labels, the message is none with SMTPUTF8",
	              0);
	place_open(&place, zone);
	asker = world_asker(&place.world);
	dkim = dkim_open(place.world.service, &asker, NOW, &place.arena);
	dkim_set_smtputf8(dkim);
	text = sign_format(&place.arena, sign(&place, KEY_RSA, tags, HEADER, BODY), "\r\n", HEADER, "\r\n" BODY);
	world_feed(dkim, text, strlen(text), 7, &place.arena);
	assert_true(dkim_step(dkim));
	expect(&dkim_get_results(dkim)->results[0], DKIM_PASS, "");
	assert_string_equal(dkim_get_results(dkim)->results[0].domain, "xn--bcher-kva.example");
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_all_ways_to_sign),
		cmocka_unit_test(says_what_the_signature_is),
		cmocka_unit_test(takes_folding_as_the_milter_gives_it),
		cmocka_unit_test(needs_no_body_without_signatures),
		cmocka_unit_test(keeps_what_was_hashed),
		cmocka_unit_test(fails_what_was_changed),
		cmocka_unit_test(ignores_what_relaxed_does),
		cmocka_unit_test(judges_the_key_record),
		cmocka_unit_test(asks_again_and_waits),
		cmocka_unit_test(asks_while_headers_arrive),
		cmocka_unit_test(takes_u_labels_with_smtputf8_only),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}

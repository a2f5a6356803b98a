/* SPDX-License-Identifier: BSD-2-Clause */
/* What libopendkim would say wrongly, or die of: the rows of the table of what was measured, in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dkim/headerhash.h"
#include "dkim_fixture.h"

static void row_1_all_fields_and_one_more_do_not_overflow(void **state)
{
	(void)state;
	expect_signed(KEY_RSA, TAGS ":from:dkim-signature:x", "", DKIM_PASS, "", 0);
	expect_signed(KEY_RSA, TAGS ":dkim-signature:dkim-signature", "", DKIM_PASS, "", 0);
	expect_signed(KEY_RSA, TAGS ":from:to:subject:a:b:c:d:e:f:g", "", DKIM_PASS, "", 0);
	expect_signed(KEY_RSA, "v=1; a=rsa-sha256; d=example.org; s=rsa; h=from:from", "", DKIM_PASS, "", 0);
}

static void row_2_insane_identities_are_never_fed(void **state)
{
	char value[800] = TAGS "; "
			       "bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=; b=AAAA; i=",
	     *at = value + strlen(value);

	(void)state;
	memset(at, 'a', 300);
	stpcpy(at + 300, "@example.org");
	expect_refused(value, "i= is too long");
	stpcpy(at, "a@example.org=");
	expect_refused(value, "i= is not encoded as it must be");
}

static void row_3_a_domain_is_a_domain(void **state)
{
	(void)state;
	expect_refused(
		"v=1; a=rsa-sha256; d=example.com(.attacker; s=rsa; h=from; bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=; b=AAAA",
		"d= is no domain name");
}

static void row_4_short_keys_never_pass(void **state)
{
	(void)state;
	expect_signed(KEY_512, "v=1; a=rsa-sha256; d=example.org; s=s512; h=from", "", DKIM_POLICY,
	              "the RSA key is too short (RFC 8301)", DKIM_TRAIT_WEAK_KEY);
}

static void row_5_trouble_with_dns_is_temporary(void **state)
{
	static const struct {
		const char *fault, *reason;
		enum dkim_code code;
		unsigned traits;
	} cases[] = {
		{ "SERVFAIL", "the key record could not be had: servfail", DKIM_TEMPERROR, 0 },
		{ "TIMEOUT", "the key record could not be had: timeout", DKIM_TEMPERROR, 0 },
		{ "PENDING", "the key record did not come in time", DKIM_TEMPERROR, 0 },
		{ "NXDOMAIN", "there is no key record", DKIM_PERMERROR, DKIM_TRAIT_NO_KEY },
		{ "NODATA", "there is no key record", DKIM_PERMERROR, DKIM_TRAIT_NO_KEY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char zone[100];
		snprintf(zone, sizeof(zone), "bad._domainkey.example.org\tRCODE\t%s\n", cases[i].fault);
		expect_signed(KEY_RSA, "v=1; a=rsa-sha256; d=example.org; s=bad; h=from", zone, cases[i].code,
		              cases[i].reason, cases[i].traits);
	}
}

static void row_6_strict_keys_are_strict(void **state)
{
	(void)state;
	expect_record("v=DKIM1; t=s; ", "", TAGS_K "; i=@mail.example.org", DKIM_PERMERROR,
	              "the key's t=s demands that i= has the domain of d=", 0);
	expect_record("v=DKIM1; t=s; ", "", TAGS_K "; i=a@example.org", DKIM_PASS, "", 0);
	expect_record("v=DKIM1; t=y; ", "", TAGS_K "; i=@mail.example.org", DKIM_PASS, "", DKIM_TRAIT_TESTING);
}

static void row_7_from_must_be_signed_and_names_must_be_names(void **state)
{
	static const char rest[] = "; d=example.org; s=rsa; bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=; b=AAAA";
	char value[300];

	(void)state;
	snprintf(value, sizeof(value), "v=1; a=rsa-sha256; h=from::to%s", rest);
	expect_refused(value, "h= has an empty or wrong field name");
	snprintf(value, sizeof(value), "v=1; a=rsa-sha256; h=to%s", rest);
	expect_refused(value, "h= does not cover From");
}

static void row_8_lengths_never_pass(void **state)
{
	static const struct {
		const char *length, *body, *reason;
		enum dkim_code code;
		unsigned traits;
	} cases[] = {
		{ "5", "Helloand more\r\n", "l= leaves a part of the body unsigned", DKIM_POLICY, DKIM_TRAIT_PARTIAL },
		{ "0", "anything\r\n", "l= leaves a part of the body unsigned", DKIM_POLICY, DKIM_TRAIT_PARTIAL },
		{ "7", "Hello\r\n", "l= would have let anybody append to the body", DKIM_POLICY, 0 },
		{ "8", "Hello\r\n", "l= is larger than the body", DKIM_PERMERROR, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char tags[200];
		struct place place;
		place_open(&place, "");
		snprintf(tags, sizeof(tags), "%s; l=%s", TAGS, cases[i].length);
		const struct dkim_result *result = verify(&place, sign(&place, KEY_RSA, tags, HEADER, "Hello\r\n"),
		                                          HEADER, cases[i].body);
		expect(result, cases[i].code, cases[i].reason);
		assert_int_equal(result->traits, cases[i].traits);
		place_close(&place);
	}
}

static void row_9_algorithms_and_sizes_are_our_own_business(void **state)
{
	struct place place;
	char *field;

	(void)state;
	expect_signed(KEY_RSA, "v=1; a=rsa-sha1; d=example.org; s=rsa; h=from", "", DKIM_POLICY,
	              "rsa-sha1 is not accepted (RFC 8301)", DKIM_TRAIT_SHA1);
	expect_signed(KEY_1023, "v=1; a=rsa-sha256; d=example.org; s=s1023; h=from", "", DKIM_POLICY,
	              "the RSA key is too short (RFC 8301)", DKIM_TRAIT_WEAK_KEY);
	expect_signed(KEY_1024, "v=1; a=rsa-sha256; d=example.org; s=s1024; h=from", "", DKIM_PASS, "",
	              DKIM_TRAIT_SHORT_KEY);
	expect_signed(KEY_EXPONENT, "v=1; a=rsa-sha256; d=example.org; s=exp; h=from", "", DKIM_PERMERROR,
	              "the key record: the RSA exponent has 33 bits, more than 32", 0);
	place_open(&place, "");
	field = sign(&place, KEY_1023, "v=1; a=rsa-sha256; d=example.org; s=s1023; h=from", HEADER, BODY);
	assert_int_equal(verify(&place, field, HEADER, BODY)->key_bits, 1023);
	field = sign(&place, KEY_ED25519, "v=1; a=ed25519-sha256; d=example.org; s=ed; h=from", HEADER, BODY);
	assert_int_equal(verify(&place, field, HEADER, BODY)->key_bits, 256);
	place_close(&place);
}

static void row_9_longest_key(void **state)
{
	struct dkim_settings settings = dkim_default_settings();
	struct place place;
	struct err err;

	(void)state;
	place_open(&place, "");
	dkim_service_close(&place.world.service);
	settings.bits_max = 2047;
	place.world.service = dkim_service_open(&settings, &err);
	expect(verify(&place, sign(&place, KEY_RSA, TAGS, HEADER, BODY), HEADER, BODY), DKIM_PERMERROR,
	       "the RSA key is longer than is verified");
	place_close(&place);
}

static void row_10_bare_cr_counts(void **state)
{
	static const char *const tags[] = { TAGS, "v=1; a=rsa-sha256; d=example.org; s=rsa; h=from" };

	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++) {
		struct place place;
		place_open(&place, "");
		char *field = sign(&place, KEY_RSA, tags[i], HEADER, "Hello you\r\n");
		expect(verify(&place, field, HEADER, "Hello\r you\r\n"), DKIM_FAIL,
		       "the body is not the one that was signed");
		expect(verify(&place, field, HEADER, "Hello you\r\r\n"), DKIM_FAIL,
		       "the body is not the one that was signed");
		expect(verify(&place, field, HEADER, "Hello\n you\r\n"), DKIM_FAIL,
		       "the body is not the one that was signed");
		field = sign(&place, KEY_RSA, tags[i], HEADER, "Hello\r you\r\n");
		expect(verify(&place, field, HEADER, "Hello\r you\r\n"), DKIM_PASS, "");
		place_close(&place);
	}
}

static void row_11_eight_signatures_are_verified(void **state)
{
	static char text[DKIM_HEADER_OCTETS_MAX];
	struct place place;
	struct strbuf buf;
	char *field;

	(void)state;
	place_open(&place, "");
	field = sign(&place, KEY_ED25519, "v=1; a=ed25519-sha256; d=example.org; s=ed; h=from", HEADER, BODY);
	strbuf_open(&buf, text, sizeof(text));
	strbuf_add(&buf, "DKIM-Signature: v=1; nothing\r\n"); /* ill-formed ones do not count */
	for (int i = 0; i < 7; i++)
		strbuf_addf(&buf, "%.*s%d%s\r\n", (int)strlen("DKIM-Signature: v=1; n="), "DKIM-Signature: v=1; n=", i,
		            field + strlen("DKIM-Signature: v=1"));
	for (int i = 0; i < 200; i++)
		strbuf_addf(&buf, "%s\r\n", field);
	strbuf_add(&buf, HEADER "\r\n" BODY);
	verify_text(&place, text, buf.length);
	assert_int_equal(place.results->n, DKIM_RESULTS_MAX);
	assert_int_equal(place.results->n_found, 208);
	expect(&place.results->results[8], DKIM_PASS, "");
	expect(&place.results->results[9], DKIM_POLICY, "there are too many signatures; this one was not checked");
	assert_int_equal(place.results->results[9].traits, DKIM_TRAIT_NOT_CHECKED);
	assert_int_equal(place.world.asked, 1); /* one name, however many name it */
	place_close(&place);
}

static void row_12_odd_from_and_huge_signatures_hurt_nobody_else(void **state)
{
	static char huge[100000];
	static const char *const froms[] = { "From: \r\n", "From: <<>>@@\"\r\n", "From: \xff\xfe (((\r\n" };
	struct place place;
	struct strbuf buf;
	char *text;

	(void)state;
	strbuf_open(&buf, huge, sizeof(huge));
	strbuf_add(&buf, "DKIM-Signature: " TAGS "; bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=; b=AAAA; z=");
	memset(huge + buf.length, 'z', 90000);
	for (size_t i = 0; i < COUNT(froms); i++) {
		place_open(&place, "");
		text = sign_format(
			&place.arena, huge, "\r\n",
			sign(&place, KEY_RSA, "v=1; a=rsa-sha256; d=example.org; s=rsa; h=from", froms[i], BODY), "");
		expect(verify(&place, text, froms[i], BODY), DKIM_FAIL, "the body is not the one that was signed");
		expect(&place.results->results[1], DKIM_PASS, "");
		place_close(&place);
	}
}

static void row_13_exactly_one_from(void **state)
{
	struct place place;
	char *field;

	(void)state;
	place_open(&place, "");
	field = sign(&place, KEY_RSA, TAGS, HEADER, BODY);
	expect(verify(&place, field, "From: c@example.com\r\n" HEADER, BODY), DKIM_POLICY,
	       "the message has several From");
	expect(verify(&place, field, HEADER "from : c@example.com\r\n", BODY), DKIM_FAIL,
	       "the signature does not match the header and the key");
	field = sign(&place, KEY_RSA, TAGS ":from", HEADER, BODY);
	expect(verify(&place, field, "From: c@example.com\r\n" HEADER, BODY), DKIM_FAIL,
	       "the signature does not match the header and the key");
	field = sign(&place, KEY_RSA, TAGS, "To: b@example.net\r\n", BODY);
	expect(verify(&place, field, "To: b@example.net\r\n", BODY), DKIM_POLICY, "the message has no From");
	place_close(&place);
}

static void row_14_clock_and_public_suffixes(void **state)
{
	static const struct {
		const char *times, *reason;
		enum dkim_code code;
		unsigned traits;
	} cases[] = {
		{ "t=1700000300", "", DKIM_PASS, 0 },
		{ "t=1700000301", "t= lies in the future", DKIM_PERMERROR, 0 },
		{ "t=0", "", DKIM_PASS, 0 },
		{ "t=5; x=1699999700", "", DKIM_PASS, 0 },
		{ "t=5; x=1699999699", "the signature has expired", DKIM_PERMERROR, DKIM_TRAIT_EXPIRED },
		{ "x=1999999999", "", DKIM_PASS, 0 }, /* though it is past by any clock of libopendkim's: ours counts */
	};
	char zone[5000], tags[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(tags, sizeof(tags), "%s; %s", TAGS, cases[i].times);
		expect_signed(KEY_RSA, tags, "", cases[i].code, cases[i].reason, cases[i].traits);
	}
	snprintf(zone, sizeof(zone), "rsa._domainkey.co.uk\tTXT\tp=%s\n", signers[KEY_RSA].p);
	expect_signed(KEY_RSA, "v=1; a=rsa-sha256; d=co.uk; i=a@example.co.uk; s=rsa; h=from", zone, DKIM_POLICY,
	              "d= is a public suffix", 0);
}

static void row_15_large_answers_are_ours(void **state)
{
	static char notes[20000] = "; n=";

	(void)state;
	memset(notes + 4, 'n', 9000);
	expect_record("", notes, TAGS_K, DKIM_PASS, "", 0);
}

static void row_16_what_the_library_refuses_has_no_hash(void **state)
{
	static const char *const fields[] = { "DKIM-Signature: v=2; nothing", "DKIM-Signature: ",
		                              "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=rsa; h=from; b=A",
		                              "DKIM-Signature: \x01" };
	struct dkim_library *library = dkim_library_open(NULL);
	const char *const names[] = { "from" };
	struct dkim_signature signature = { .fields = names, .n_fields = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct dkim_field field = { .text = fields[i],
			                    .octets = strlen(fields[i]),
			                    .name_octets = 14,
			                    .value_at = 15,
			                    .signature = &signature };
		struct dkim_header_hash hash = { .field = 0 };
		struct arena arena;
		arena_open(&arena, NULL);
		dkim_header_hashes(library, &field, 1, &hash, 1, true, &arena);
		assert_int_equal(hash.octets, 0);
		arena_close(&arena);
	}
	dkim_library_close(&library);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_1_all_fields_and_one_more_do_not_overflow),
		cmocka_unit_test(row_2_insane_identities_are_never_fed),
		cmocka_unit_test(row_3_a_domain_is_a_domain),
		cmocka_unit_test(row_4_short_keys_never_pass),
		cmocka_unit_test(row_5_trouble_with_dns_is_temporary),
		cmocka_unit_test(row_6_strict_keys_are_strict),
		cmocka_unit_test(row_7_from_must_be_signed_and_names_must_be_names),
		cmocka_unit_test(row_8_lengths_never_pass),
		cmocka_unit_test(row_9_algorithms_and_sizes_are_our_own_business),
		cmocka_unit_test(row_9_longest_key),
		cmocka_unit_test(row_10_bare_cr_counts),
		cmocka_unit_test(row_11_eight_signatures_are_verified),
		cmocka_unit_test(row_12_odd_from_and_huge_signatures_hurt_nobody_else),
		cmocka_unit_test(row_13_exactly_one_from),
		cmocka_unit_test(row_14_clock_and_public_suffixes),
		cmocka_unit_test(row_15_large_answers_are_ours),
		cmocka_unit_test(row_16_what_the_library_refuses_has_no_hash),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_signature - DKIM-Signature fields taken apart: what is right, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "dkim/signature.h"
#include "dkim_signature_fixture.h"

#define LABEL60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static void everything_is_read(void **state)
{
	static const char value[] =
		" v=1; a=rsa-sha256; c=relaxed/simple; d=Example.ORG; s=Sel.2026;\r\n\tt=1700000000;"
		" x=1700600000; l=42; q=http:DNS/txt; i=Alice=2BNews@Lists.example.org;\n h=From : to :\r\n\tSubject:"
		"from; n=notes; z=From:x|y; " BH32 ";\r\n b=AAECAw\r\n\tQFBg==";
	const struct dkim_signature *signature;
	struct parsed parsed;

	(void)state;
	parse_octets(&parsed, value, strlen(value));
	signature = &parsed.signature;
	assert_string_equal(parsed.problem, "");
	assert_int_equal(signature->algorithm, DKIM_RSA_SHA256);
	assert_int_equal(signature->header_canon, DKIM_RELAXED);
	assert_int_equal(signature->body_canon, DKIM_SIMPLE);
	assert_string_equal(signature->domain, "example.org");
	assert_string_equal(signature->selector, "sel.2026");
	assert_string_equal(signature->identity, "Alice+News@Lists.example.org");
	assert_string_equal(signature->identity_domain, "lists.example.org");
	assert_int_equal(signature->n_fields, 4);
	assert_string_equal(signature->fields[0], "from");
	assert_string_equal(signature->fields[1], "to");
	assert_string_equal(signature->fields[2], "subject");
	assert_string_equal(signature->fields[3], "from");
	assert_true(signature->has_length && signature->length == 42);
	assert_true(signature->signed_at == 1700000000 && signature->has_expiry && signature->expires == 1700600000);
	assert_int_equal(signature->body_hash_octets, 32);
	assert_int_equal(signature->body_hash[31], 31);
	assert_int_equal(signature->signature_octets, 7);
	assert_int_equal(signature->signature[6], 6);
	assert_string_equal(signature->b, "AAECAwQF");
	parsed_close(&parsed);
}

static void what_is_absent_has_its_default(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_octets(&parsed, REST, strlen(REST));
	assert_string_equal(parsed.problem, "");
	assert_int_equal(parsed.signature.header_canon, DKIM_SIMPLE);
	assert_int_equal(parsed.signature.body_canon, DKIM_SIMPLE);
	assert_string_equal(parsed.signature.identity, "@example.org");
	assert_string_equal(parsed.signature.identity_domain, "example.org");
	assert_false(parsed.signature.has_length || parsed.signature.has_expiry);
	assert_true(parsed.signature.signed_at == 0);
	parsed_close(&parsed);
}

static void canonicalisations_are_of_header_and_body(void **state)
{
	static const struct {
		const char *c;
		enum dkim_canon header, body;
	} cases[] = {
		{ "simple", DKIM_SIMPLE, DKIM_SIMPLE },
		{ "relaxed", DKIM_RELAXED, DKIM_SIMPLE },
		{ "simple/relaxed", DKIM_SIMPLE, DKIM_RELAXED },
		{ "Relaxed/Relaxed", DKIM_RELAXED, DKIM_RELAXED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed parsed;
		char value[1000];
		snprintf(value, sizeof(value), "c=%s; %s", cases[i].c, REST);
		parse_octets(&parsed, value, strlen(value));
		assert_string_equal(parsed.problem, "");
		assert_int_equal(parsed.signature.header_canon, cases[i].header);
		assert_int_equal(parsed.signature.body_canon, cases[i].body);
		parsed_close(&parsed);
	}
}

static const char *const required[] = { "v=1", "a=rsa-sha256", "d=example.org", "s=sel", "h=from", BH32, B64 };

/* The signature that begins with `first` and has what is required besides, except a tag of the name of `without`. */
static void write_signature(struct strbuf *value, const char *first, const char *without)
{
	size_t name_octets = strcspn(without, "=") + 1;

	strbuf_add(value, first);
	for (size_t i = 0; i < COUNT(required); i++) {
		if (strncmp(required[i], without, name_octets) != 0)
			strbuf_addf(value, "; %s", required[i]);
	}
	assert_false(value->truncated);
}

static void required_tags_are_required(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(required); i++) {
		char text[1000], problem[20];
		struct strbuf value;
		strbuf_open(&value, text, sizeof(text));
		write_signature(&value, "n=x", required[i]);
		snprintf(problem, sizeof(problem), "%.*s= is missing", (int)strcspn(required[i], "="), required[i]);
		expect_problem(text, problem);
	}
}

/* Added to REST, or instead of one of its tags. */
static const struct {
	const char *tag, *problem;
} refused[] = {
	{ "v=01", "v= is not 1" },
	{ "v=2", "v= is not 1" },
	{ "v=1.0", "v= is not 1" },
	{ "v=", "v= is not 1" },
	{ "a=dsa-sha256", "a= names no known algorithm" },
	{ "a=rsa-sha512", "a= names no known algorithm" },
	{ "a=rsa", "a= names no known algorithm" },
	{ "a=rsa -sha256", "a= names no known algorithm" },
	{ "a=", "a= names no known algorithm" },
	{ "c=nofws", "c= names no known canonicalisation" },
	{ "c=relaxed/", "c= names no known canonicalisation" },
	{ "c=/relaxed", "c= names no known canonicalisation" },
	{ "c=relaxed / simple", "c= names no known canonicalisation" },
	{ "c=relaxed/simple/simple", "c= names no known canonicalisation" },
	{ "c=", "c= names no known canonicalisation" },
	{ "q=dns", "q= does not allow dns/txt" },
	{ "q=http", "q= does not allow dns/txt" },
	{ "q=", "q= does not allow dns/txt" },
	{ "d=", "d= is no domain name" },
	{ "d=org", "d= is no domain name" },
	{ "d=example.org.", "d= is no domain name" },
	{ "d=.example.org", "d= is no domain name" },
	{ "d=example..org", "d= is no domain name" },
	{ "d=exa mple.org", "d= is no domain name" },
	{ "d=-example.org", "d= is no domain name" },
	{ "d=example-.org", "d= is no domain name" },
	{ "d=example.org\\000.example.net", "d= is no domain name" },
	{ "d=\"example.org\"", "d= is no domain name" },
	{ "d=[192.0.2.1]", "d= is no domain name" },
	{ "d=a" LABEL60 "bcd.example.org", "d= is no domain name" },
	{ "d=" LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".example.org", "d= is no domain name" },
	{ "s=" LABEL60 "." LABEL60 "." LABEL60 "." LABEL60, "s= and d= together are too long for a name in DNS" },
	{ "s=", "s= is no selector" },
	{ "s=sel.", "s= is no selector" },
	{ "s=se l", "s= is no selector" },
	{ "s=a\\.b", "s= is no selector" },
	{ "s=a\"b", "s= is no selector" },
	{ "s=a/b", "s= is no selector" },
	{ "i=example.org", "i= has no domain name" },
	{ "i=", "i= has no domain name" },
	{ "i=@", "i= has no domain name" },
	{ "i=@org", "i= has no domain name" },
	{ "i=alice@example.org.", "i= has no domain name" },
	{ "i=@example.org.example.net", "i= is not within d=" },
	{ "i=@example.net", "i= is not within d=" },
	{ "i=alice@example.org@example.net", "i= is not within d=" },
	{ "h=to:subject", "h= does not cover From" },
	{ "h=fromm", "h= does not cover From" },
	{ "h=fr om", "h= has an empty or wrong field name" },
	{ "h=from:s\xc3\xbc", "h= has an empty or wrong field name" },
	{ "bh=!!!", "bh= is no hash of the right length in base64" },
	{ "bh=", "bh= is no hash of the right length in base64" },
	{ BH20, "bh= is no hash of the right length in base64" },
	{ "bh=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gICA=", "bh= is no hash of the right length in base64" },
	{ "b=%%%%", "b= is no base64, empty or too long" },
	{ "b=", "b= is no base64, empty or too long" },
	{ "b=AAEC=AwQF", "b= is no base64, empty or too long" },
	{ "l=0x10", "l= is no length, or larger than any body" },
	{ "l=-1", "l= is no length, or larger than any body" },
	{ "l=", "l= is no length, or larger than any body" },
	{ "l=18446744073709551616", "l= is no length, or larger than any body" },
	{ "l=11111111111111111111111111111111111111111111111111111111111111111111111111111111",
	  "l= is no length, or larger than any body" },
};

static void what_the_rfc_does_not_allow_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		char text[1500];
		struct strbuf value;
		strbuf_open(&value, text, sizeof(text));
		write_signature(&value, refused[i].tag, refused[i].tag);
		expect_problem(text, refused[i].problem);
	}
}

/* ---- names ---- */

static void u_labels_become_a_labels(void **state)
{
	static const char value[] = "v=1; a=rsa-sha256; d=B\xc3\xbc"
				    "cher.example; s=schl\xc3\xbcssel; h=from;"
				    " i=m\xc3\xb8x@News.b\xc3\xbc"
				    "cher.example; " BH32 "; " B64;
	static const char encoded[] = "i=@=62=c3=bccher.example; v=1; a=rsa-sha256; d=xn--bcher-kva.example; "
				      "s=s; h=from; " BH32 "; " B64;
	struct parsed parsed;

	(void)state;
	parse_octets(&parsed, value, strlen(value));
	assert_string_equal(parsed.problem, "");
	assert_string_equal(parsed.signature.domain, "xn--bcher-kva.example");
	assert_string_equal(parsed.signature.selector, "xn--schlssel-95a");
	assert_string_equal(parsed.signature.identity_domain, "news.xn--bcher-kva.example");
	parsed_close(&parsed);
	parse_octets(&parsed, encoded, strlen(encoded));
	assert_string_equal(parsed.problem, "");
	assert_string_equal(parsed.signature.identity_domain, "xn--bcher-kva.example");
	parsed_close(&parsed);
}

static void what_only_looks_like_a_u_label_is_refused(void **state)
{
	static const char *const domains[] = {
		"\xef\xbd\x85xample.org",            /* a full-width e, which mapping would turn into example.org */
		"example\xe3\x80\x82org",            /* an ideographic full stop */
		"exam\xc2\xadple.org",               /* a soft hyphen */
		"\xe2\x98\x83\xcc\x81\xe2\x80\x8d.", /* nonsense */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(domains); i++) {
		char value[1000];
		snprintf(value, sizeof(value), "v=1; a=rsa-sha256; d=%s; s=sel; h=from; " BH32 "; " B64, domains[i]);
		expect_problem(value, "d= is no domain name");
	}
	expect_problem("v=1; a=rsa-sha256; d=b\xfc"
	               "cher.example; s=sel; h=from; " BH32 "; " B64,
	               "an octet that is not allowed in the value of the tag d");
}

static void underscores_and_a_labels_are_names(void **state)
{
	expect_problem("v=1; a=rsa-sha256; d=_x.xn--bcher-kva.example; s=2026_a.b; h=from; " BH32 "; " B64, "");
	(void)state;
}

/* ---- what a wrong signature still tells ---- */

static void a_wrong_signature_still_names_who_signed(void **state)
{
	static const struct {
		const char *value, *domain, *selector, *b;
	} cases[] = {
		{ "v=7; d=example.org; s=sel; b=AAECAwQFBgc=", "example.org", "sel", "AAECAwQF" },
		{ "d=example.org; s=sel; b=AA\r\n EC", "example.org", "sel", "AAEC" },
		{ "d=example.org; s=a b; b=AAEC<script>", "example.org", "", "AAEC" },
		{ "d=example.org; synerr; s=sel", "example.org", "", "" },
		{ "d=exam ple.org; s=sel; b=%%%%", "", "sel", "" },
		{ "synerr", "", "", "" },
		{ "", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed parsed;
		parse_octets(&parsed, cases[i].value, strlen(cases[i].value));
		assert_int_equal(parsed.result, -1);
		assert_string_equal(parsed.signature.domain, cases[i].domain);
		assert_string_equal(parsed.signature.selector, cases[i].selector);
		assert_string_equal(parsed.signature.b, cases[i].b);
		parsed_close(&parsed);
	}
}

static void tag_names_in_another_case_are_other_tags(void **state)
{
	(void)state;
	expect_problem("D=example.net; H=to; V=2; " REST, "");
	expect_problem("v=1; a=rsa-sha256; D=example.org; s=sel; h=from; " BH32 "; " B64, "d= is missing");
	expect_problem("d=example.net; " REST, "the list repeats the tag d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(what_is_absent_has_its_default),
		cmocka_unit_test(canonicalisations_are_of_header_and_body),
		cmocka_unit_test(required_tags_are_required),
		cmocka_unit_test(what_the_rfc_does_not_allow_is_refused),
		cmocka_unit_test(u_labels_become_a_labels),
		cmocka_unit_test(what_only_looks_like_a_u_label_is_refused),
		cmocka_unit_test(underscores_and_a_labels_are_names),
		cmocka_unit_test(a_wrong_signature_still_names_who_signed),
		cmocka_unit_test(tag_names_in_another_case_are_other_tags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

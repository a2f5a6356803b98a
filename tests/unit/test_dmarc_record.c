/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dmarc_record - the syntax of DMARC records, and how much a mistake in one costs.
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
#include "dmarc/record.h"

/* In memory of exactly its size: reading beyond it is noticed. */
static uint8_t *exact_copy(const char *text, size_t octets)
{
	uint8_t *copy = malloc(octets > 0 ? octets : 1);

	assert_non_null(copy);
	memcpy(copy, text, octets);
	return copy;
}

static bool is_record(const char *text, size_t octets)
{
	uint8_t *copy = exact_copy(text, octets);
	bool is = dmarc_is_record(copy, octets);

	free(copy);
	return is;
}

static void version_makes_the_record(void **state)
{
	static const char *const good[] = {
		"v=DMARC1",        "v=DMARC1;",        "v=DMARC1; p=none", "v=DMARC1;p=none", "v = DMARC1 ; p=none",
		"v\t=\tDMARC1\t;", "V=DMARC1; p=none", "v=DMARC1;;;",      "v=DMARC1; \xff",  "v=DMARC1; v=DMARC2",
	};
	static const char *const bad[] = {
		"",
		" ",
		";",
		"v",
		"v=",
		"v=;",
		" v=DMARC1; p=none",
		";v=DMARC1; p=none",
		"p=none; v=DMARC1",
		"v=dmarc1; p=none",
		"v=DMARC1 p=none",
		"v=DMARC10; p=none",
		"v=DMARC2; p=none",
		"v=DMARC; p=none",
		"v=\"DMARC1\"; p=none",
		"v==DMARC1",
		"vv=DMARC1",
		"DMARC1",
		"=DMARC1",
		"v=DMARC1\n; p=none",
		"v=spf1 -all",
		"v=DKIM1; p=",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(is_record(good[i], strlen(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (is_record(bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
	}
	assert_false(is_record("v=DMARC1\0; p=none", 17));
	assert_false(is_record("v\0=DMARC1; p=none", 17));
}

#define NONE   DMARC_POLICY_NONE
#define QUAR   DMARC_POLICY_QUARANTINE
#define REJECT DMARC_POLICY_REJECT

#define RUA "rua=mailto:dmarc@example.org"

static const struct {
	const char *tags; /* behind "v=DMARC1;" */
	enum dmarc_policy p, sp, np;
	bool usable;
} policies[] = {
	{ "", NONE, NONE, NONE, true },
	{ "p=none", NONE, NONE, NONE, true },
	{ "p=quarantine", QUAR, QUAR, QUAR, true },
	{ "p=reject", REJECT, REJECT, REJECT, true },
	{ "p=Reject", REJECT, REJECT, REJECT, true },
	{ " P\t=\treject ; ", REJECT, REJECT, REJECT, true },
	{ "p=reject;", REJECT, REJECT, REJECT, true },
	{ "p=reject;;;sp=none", REJECT, NONE, NONE, true },
	{ "sp=none;p=reject", REJECT, NONE, NONE, true },
	{ "p=reject;np=none", REJECT, REJECT, NONE, true },
	{ "p=none;sp=quarantine;np=reject", NONE, QUAR, REJECT, true },
	{ "sp=reject", NONE, REJECT, REJECT, true },
	{ "np=reject", NONE, NONE, REJECT, true },
	{ "p=reject;pct=0", REJECT, REJECT, REJECT, true },
	{ "pct=none;ri=x;rf=;unknown;=;a=b=c;p=reject", REJECT, REJECT, REJECT, true },
	{ "fo=banana;p=reject;rua=;ruf=?", REJECT, REJECT, REJECT, true },
	{ "p=reject;p=reject", REJECT, REJECT, REJECT, true },
	/* bad, and nobody to tell */
	{ "p=", NONE, NONE, NONE, false },
	{ "p=rejected", NONE, NONE, NONE, false },
	{ "p=reject none", NONE, NONE, NONE, false },
	{ "p=\"reject\"", NONE, NONE, NONE, false },
	{ "p=none;p=reject", NONE, NONE, NONE, false },
	{ "p=reject;sp=x", NONE, NONE, NONE, false },
	{ "p=reject;np=", NONE, NONE, NONE, false },
	{ "p=x;rua=", NONE, NONE, NONE, false },
	{ "p=x;rua=dmarc@example.org", NONE, NONE, NONE, false },
	{ "p=x;rua=mailto:", NONE, NONE, NONE, false },
	{ "p=x;rua=mailto:a b@example.org", NONE, NONE, NONE, false },
	{ "p=x;rua=:x,,1a:b, mail\xc3\xbcto:a@b,mailto:\xc3\xbc@example.org", NONE, NONE, NONE, false },
	{ "p=x;ruf=mailto:dmarc@example.org", NONE, NONE, NONE, false },
	/* bad, but somebody wants to hear of it */
	{ "p=x;" RUA, NONE, NONE, NONE, true },
	{ "p=reject;sp=x;" RUA, NONE, NONE, NONE, true },
	{ "p=reject;np=x;" RUA "!10m", NONE, NONE, NONE, true },
	{ "p=none;p=reject;rua=x, mailto:dmarc@example.org ,y", NONE, NONE, NONE, true },
	{ "p=x;RUA=https://example.org/?a=b", NONE, NONE, NONE, true },
};

static void parse(struct dmarc_record *record, const char *tags)
{
	char text[300] = "v=DMARC1;";
	uint8_t *copy;

	memcpy(text + 9, tags, strlen(tags) + 1);
	copy = exact_copy(text, strlen(text));
	assert_true(dmarc_is_record(copy, strlen(text)));
	dmarc_record_parse(record, copy, strlen(text));
	free(copy);
}

static void policies_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(policies); i++) {
		struct dmarc_record record;
		parse(&record, policies[i].tags);
		if (record.p != policies[i].p || record.sp != policies[i].sp || record.np != policies[i].np ||
		    record.usable != policies[i].usable)
			fail_msg("%s: %d %d %d %d", policies[i].tags, record.p, record.sp, record.np, record.usable);
		assert_true(record.usable || *record.problem != '\0');
	}
}

static const struct {
	const char *tags;
	enum dmarc_psd psd;
	bool testing, strict_dkim, strict_spf;
} flags[] = {
	{ "p=none", DMARC_PSD_UNKNOWN, false, false, false },
	{ "psd=y;t=y;adkim=s;aspf=s", DMARC_PSD_YES, true, true, true },
	{ "psd=n;t=n;adkim=r;aspf=r", DMARC_PSD_NO, false, false, false },
	{ "PSD=Y;T=Y;AdKim=S;aSPF=S", DMARC_PSD_YES, true, true, true },
	{ "psd=u", DMARC_PSD_UNKNOWN, false, false, false },
	{ "adkim=s", DMARC_PSD_UNKNOWN, false, true, false },
	{ "aspf=s", DMARC_PSD_UNKNOWN, false, false, true },
	/* what is wrong counts as absent */
	{ "psd=yes;t=1;adkim=strict;aspf=", DMARC_PSD_UNKNOWN, false, false, false },
	{ "psd=y;psd=n;t=y;t=n;adkim=s;adkim=r;aspf=s;aspf=x", DMARC_PSD_UNKNOWN, false, false, false },
	{ "psd=y;psd=n;psd=y;t=y;t=y;adkim=s;adkim=s", DMARC_PSD_UNKNOWN, true, true, false },
};

static void flags_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(flags); i++) {
		struct dmarc_record record;
		parse(&record, flags[i].tags);
		assert_int_equal(record.psd, flags[i].psd);
		assert_int_equal(record.testing, flags[i].testing);
		assert_int_equal(record.strict_dkim, flags[i].strict_dkim);
		assert_int_equal(record.strict_spf, flags[i].strict_spf);
		assert_true(record.usable);
	}
}

static void testing_softens_by_one(void **state)
{
	(void)state;
	assert_int_equal(dmarc_softened(REJECT), QUAR);
	assert_int_equal(dmarc_softened(QUAR), NONE);
	assert_int_equal(dmarc_softened(NONE), NONE);
}

/* Any octets: nothing is read beyond them, and the values are values. */
static void octets_do_no_harm(void **state)
{
	static const char *const pieces[] = { "p=", "sp=",     "np=",        "reject", "none", ";",       " ",
		                              "=",  "rua=",    "mailto:a@b", "psd=",   "y",    "n",       "\xff",
		                              "t=", "adkim=s", ",",          "!",      ":",    "v=DMARC1" };
	uint32_t seed = 1;
	char text[400];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t n = 9;
		memcpy(text, "v=DMARC1;", 10);
		for (uint32_t left = (seed >> 8) % 15; left > 0; left--) {
			const char *piece = pieces[(seed >> 16) % COUNT(pieces)];
			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
			seed = seed * 1664525u + 1013904223u;
		}
		seed = seed * 1664525u + 1013904223u;
		if (seed >> 31 != 0)
			text[9 + (seed >> 8) % (n - 8)] = (char)(seed >> 16);
		uint8_t *copy = exact_copy(text, n);
		struct dmarc_record record;
		if (dmarc_is_record(copy, n)) {
			dmarc_record_parse(&record, copy, n);
			assert_true(record.p <= REJECT && record.sp <= REJECT && record.np <= REJECT);
			assert_true(record.usable || (record.p == NONE && record.sp == NONE && record.np == NONE));
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_makes_the_record), cmocka_unit_test(policies_are_read),
		cmocka_unit_test(flags_are_read),           cmocka_unit_test(testing_softens_by_one),
		cmocka_unit_test(octets_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

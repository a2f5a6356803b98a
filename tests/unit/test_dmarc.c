/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dmarc - which record applies, who is aligned, and what follows from it: RFC 9989's rules as tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "dmarc_world.h"

#define NO  DMARC_POLICY_NONE
#define QUA DMARC_POLICY_QUARANTINE
#define REJ DMARC_POLICY_REJECT

struct row {
	const char *from;
	const char *lines[8];
	const char *identifiers[4];
	enum dmarc_code code;
	enum dmarc_policy policy;
	const char *record_domain, *organisation;
	const char *aligned; /* "", "s", "d", "sd" */
};

/* clang-format off */
static const struct row rows[] = {
	/* alignment: RFC 9989 4.4, table 1 */
	{ "news.example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:foo.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "news.example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:news.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "news.example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:foo.example.net" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "news.example.com", { "example.com v=DMARC1; p=reject" }, { "spf:foo.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "s" },
	{ "news.example.com", { "example.com v=DMARC1; p=reject" }, { "spf:a.example.com", "dkim:b.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "sd" },
	{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:a.b.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "a.b.example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "example.com", { "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:notexample.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "EXAMPLE.com.", { "example.com v=DMARC1; p=reject" }, { "dkim:Example.COM" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	/* strict: each mechanism of its own */
	{ "example.com", { "example.com v=DMARC1; p=reject; adkim=s" }, { "dkim:a.example.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; adkim=s" }, { "dkim:example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "example.com", { "example.com v=DMARC1; p=reject; adkim=s" }, { "spf:a.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "s" },
	{ "example.com", { "example.com v=DMARC1; p=reject; aspf=s" }, { "spf:a.example.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; aspf=s" }, { "dkim:a.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject; aspf=s; adkim=s" }, { "dkim:example.com", "spf:example.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject; aspf=s; adkim=s" }, { "dkim:a.example.com", "spf:example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "d" },
	/* the strictness is that of the record which applies, not of the organisation's */
	{ "a.example.com", { "example.com v=DMARC1; adkim=s", "a.example.com v=DMARC1; p=reject" }, { "dkim:example.com" }, DMARC_PASS, REJ, "a.example.com", "example.com", "d" },
	{ "a.example.com", { "example.com v=DMARC1", "a.example.com v=DMARC1; p=reject; adkim=s" }, { "dkim:example.com" }, DMARC_FAIL, REJ, "a.example.com", "example.com", "" },
	/* who has no organisation in common */
	{ "a.example", { "a.example v=DMARC1; p=reject" }, { "dkim:b.example" }, DMARC_FAIL, REJ, "a.example", "a.example", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "a.example.com v=DMARC1; psd=n" }, { "dkim:a.example.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject", "a.example.com v=DMARC1; p=quarantine; psd=n" }, { "dkim:example.com" }, DMARC_FAIL, QUA, "a.example.com", "a.example.com", "" },
	{ "a.example.com", { "a.example.com v=DMARC1; p=reject; psd=n" }, { "dkim:x.y.a.example.com" }, DMARC_PASS, REJ, "a.example.com", "a.example.com", "d" },

	/* which record: the domain's own, the organisation's, the public suffix's (4.10.1) */
	{ "example.com", { NULL }, { "dkim:example.com" }, DMARC_NONE, NO, "", "example.com", "" },
	{ "example.com", { "example.com v=spf1 -all", "com hello" }, { "dkim:example.com" }, DMARC_NONE, NO, "", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "example.com v=spf1 -all" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "example.com v=DMARC1; p=none" }, { NULL }, DMARC_NONE, NO, "", "example.com", "" },
	{ "a.example.com", { "a.example.com v=DMARC1; p=none", "a.example.com v=DMARC1; p=none", "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.b.example.com", { "b.example.com v=DMARC1; p=none", "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.b.example.com", { "b.example.com v=DMARC1; p=quarantine; psd=n", "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, QUA, "b.example.com", "b.example.com", "" },
	{ "a.b.example.com", { "a.b.example.com v=DMARC1; p=quarantine", "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, QUA, "a.b.example.com", "example.com", "" },
	/* public suffixes */
	{ "mail.example.com", { "com v=DMARC1; p=reject; psd=y" }, { "dkim:example.com" }, DMARC_PASS, REJ, "com", "example.com", "d" },
	{ "mail.example.com", { "com v=DMARC1; p=reject; psd=y" }, { "dkim:example.org" }, DMARC_FAIL, REJ, "com", "example.com", "" },
	{ "mail.example.com", { "com v=DMARC1; p=reject; psd=y" }, { "dkim:other.com" }, DMARC_FAIL, REJ, "com", "example.com", "" },
	{ "example.com", { "com v=DMARC1; p=none; sp=reject; psd=y" }, { "dkim:com" }, DMARC_FAIL, REJ, "com", "example.com", "" },
	{ "mail.example.com", { "com v=DMARC1; p=reject; psd=y", "example.com v=DMARC1; p=quarantine" }, { NULL }, DMARC_FAIL, QUA, "example.com", "example.com", "" },
	{ "a.b.example.com", { "com v=DMARC1; p=reject; psd=y", "b.example.com v=DMARC1; p=quarantine" }, { NULL }, DMARC_FAIL, REJ, "com", "example.com", "" },
	{ "com", { "com v=DMARC1; p=reject; psd=y" }, { "dkim:com" }, DMARC_PASS, REJ, "com", "com", "d" },
	{ "com", { "com v=DMARC1; p=reject; psd=y" }, { "dkim:example.com" }, DMARC_FAIL, REJ, "com", "com", "" },
	{ "mail.example.com", { "mail.example.com v=DMARC1; p=reject; psd=y", "example.com v=DMARC1; p=none" }, { "dkim:example.com" }, DMARC_FAIL, REJ, "mail.example.com", "mail.example.com", "" },
	/* RFC 9989 4.10.2, its example */
	{ "a.mail.example.com", { "mail.example.com v=DMARC1; p=reject; psd=y" }, { "dkim:x.a.mail.example.com" }, DMARC_PASS, REJ, "mail.example.com", "a.mail.example.com", "d" },
	/* a top level that speaks for all below it, without psd=y: so be it */
	{ "a.example", { "example v=DMARC1; p=reject" }, { "dkim:b.example" }, DMARC_PASS, REJ, "example", "example", "d" },

	/* sp and np, for domains below the record's only */
	{ "example.com", { "example.com v=DMARC1; p=reject; sp=none; np=none" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject; sp=none" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "a.example.com v=DMARC1; p=reject; sp=none" }, { NULL }, DMARC_FAIL, REJ, "a.example.com", "a.example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject", "+a.example.com" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject", "~a.example.com" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; sp=quarantine; np=reject", "+a.example.com" }, { NULL }, DMARC_FAIL, QUA, "example.com", "example.com", "" },
	{ "a.example.com", { "com v=DMARC1; p=none; np=reject; psd=y" }, { NULL }, DMARC_FAIL, REJ, "com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject", "?+a.example.com" }, { NULL }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject", "?+a.example.com" }, { "dkim:example.com" }, DMARC_PASS, NO, "example.com", "example.com", "d" },
	{ "a.example.com", { "example.com v=DMARC1; p=none; np=reject", "-a.example.com", "?+a.example.com" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	/* t */
	{ "example.com", { "example.com v=DMARC1; p=reject; t=y" }, { NULL }, DMARC_FAIL, QUA, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=quarantine; t=y" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=none; t=y" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; sp=reject; t=y" }, { NULL }, DMARC_FAIL, QUA, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; t=n; pct=0" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	/* broken records (4.10.1) */
	{ "example.com", { "example.com v=DMARC1; p=rejecct" }, { "dkim:example.com" }, DMARC_PERMERROR, NO, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=rejecct; rua=mailto:d@example.com" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject; sp=x" }, { NULL }, DMARC_PERMERROR, NO, "example.com", "example.com", "" },
	{ "a.example.com", { "example.com v=DMARC1; p=reject; np=x; rua=mailto:d@example.com" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1" }, { NULL }, DMARC_FAIL, NO, "example.com", "example.com", "" },

	/* nobody answers: an error only where the answer could matter */
	{ "example.com", { "?example.com" }, { "dkim:example.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "example.com", { "?com" }, { "dkim:example.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "?com" }, { "dkim:example.com" }, DMARC_PASS, REJ, "example.com", "", "d" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "?com" }, { "dkim:a.example.com" }, DMARC_PASS, REJ, "example.com", "", "d" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "?com" }, { "dkim:example.org" }, DMARC_FAIL, REJ, "example.com", "", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject", "?com" }, { "dkim:other.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; adkim=s", "?com" }, { "dkim:other.com" }, DMARC_FAIL, REJ, "example.com", "", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; psd=n", "?com" }, { "dkim:other.com" }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; psd=n", "?a.example.com" }, { "dkim:a.example.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "example.com", { "example.com v=DMARC1; p=reject; psd=n", "?a.example.com" }, { "dkim:a.example.com", "spf:example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "s" },
	{ "example.com", { "example.com v=DMARC1; p=reject; psd=n", "?a.example.com" }, { "dkim:a.example.com", "spf:b.example.com" }, DMARC_PASS, REJ, "example.com", "example.com", "s" },
	{ "example.com", { "example.com v=DMARC1; p=oops", "?com" }, { "dkim:other.com" }, DMARC_PERMERROR, NO, "example.com", "", "" },
	{ "a.example.com", { "?a.example.com", "example.com v=DMARC1; p=reject" }, { "dkim:a.example.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "a.example.com", { "?com", "example.com v=DMARC1; p=reject" }, { "dkim:a.example.com" }, DMARC_TEMPERROR, NO, "", "", "" },
	{ "a.b.c.d.example.com", { "a.b.c.d.example.com v=DMARC1; p=reject", "?b.c.d.example.com", "?c.d.example.com", "?d.example.com", "?example.com", "?com" }, { "dkim:a.b.c.d.example.com" }, DMARC_PASS, REJ, "a.b.c.d.example.com", "", "d" },
	{ "a.b.c.d.example.com", { "a.b.c.d.example.com v=DMARC1; p=reject", "?b.c.d.example.com", "?c.d.example.com", "?d.example.com", "?example.com", "?com" }, { "dkim:example.net" }, DMARC_FAIL, REJ, "a.b.c.d.example.com", "", "" },
	{ "a.b.c.d.example.com", { "a.b.c.d.example.com v=DMARC1; p=reject", "?b.c.d.example.com", "?c.d.example.com", "?d.example.com", "?example.com", "?com" }, { "dkim:example.com" }, DMARC_TEMPERROR, NO, "", "", "" },

	/* no domains, and domains that cannot be */
	{ "", { NULL }, { "dkim:example.com" }, DMARC_NONE, NO, "", "", "" },
	{ "[192.0.2.1]", { NULL }, { "spf:[192.0.2.1]" }, DMARC_NONE, NO, "", "[192.0.2.1]", "" },
	{ "a..example.com", { "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
	{ "x!\\y.example.com", { "example.com v=DMARC1; p=reject" }, { NULL }, DMARC_FAIL, REJ, "example.com", "example.com", "" },
};
/* clang-format on */

static void assert_row(const struct row *row, int (*delay)(size_t), size_t room, bool ahead, bool whole)
{
	static struct world world;
	struct dmarc_identifier identifiers[4];
	size_t n = world_identifiers(identifiers, row->identifiers);
	const struct dmarc_result *result;
	char aligned[3];

	world_open(&world, row->lines);
	world.delay = delay;
	world.room = room;
	result = world_evaluate(&world, row->from, identifiers, n, ahead);
	snprintf(aligned, sizeof(aligned), "%s%s", result->aligned_spf ? "s" : "", result->aligned_dkim ? "d" : "");
	if (result->code != row->code || result->policy != row->policy ||
	    strcmp(result->record_domain, row->record_domain) != 0)
		fail_msg("row %d, %s: %s %s \"%s\" (%s)", (int)(row - rows), row->from, dmarc_code_name(result->code),
		         dmarc_policy_name(result->policy), result->record_domain, result->reason);
	/* a result that waits for nobody may know less of what is beside it */
	if (whole && (strcmp(result->organisation, row->organisation) != 0 || strcmp(aligned, row->aligned) != 0))
		fail_msg("row %d, %s: \"%s\" \"%s\"", (int)(row - rows), row->from, result->organisation, aligned);
	assert_int_equal(result->queries, world.n_questions);
	assert_true(world.n_questions <= 1 + DMARC_QUERIES_MAX * (1 + n));
	assert_int_equal(*result->reason == '\0', result->code == DMARC_PASS);
	world_close(&world);
}

static int one_poll(size_t i)
{
	(void)i;
	return 1;
}

static int later_first(size_t i)
{
	return i < 20 ? (int)(20 - i) : 1;
}

static int later_last(size_t i)
{
	return (int)i + 1;
}

static int never(size_t i)
{
	(void)i;
	return -1;
}

static void rules_are_followed(void **state)
{
	static int (*const delays[])(size_t) = { NULL, one_poll, later_first, later_last };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t k = 0; k < COUNT(delays); k++) {
			assert_row(&rows[i], delays[k], 0, true, k == 0);
			assert_row(&rows[i], delays[k], 0, false, k == 0);
			assert_row(&rows[i], delays[k], 1, true, false); /* one question at a time */
		}
	}
}

static bool was_asked(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->n_questions; i++) {
		if (strcmp(world->questions[i].name, name) == 0)
			return true;
	}
	return false;
}

/* RFC 9989 4.10: the start, then the last seven labels; all are asked before any answer is here. */
static void walks_are_short(void **state)
{
	static const char *const names[] = {
		"_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
		"_dmarc.g.h.i.j.mail.example.com",
		"_dmarc.h.i.j.mail.example.com",
		"_dmarc.i.j.mail.example.com",
		"_dmarc.j.mail.example.com",
		"_dmarc.mail.example.com",
		"_dmarc.example.com",
		"_dmarc.com",
	};
	static const char *const lines[] = { NULL };
	static struct world world;
	char domain[200] = "x";

	(void)state;
	world_open(&world, lines);
	world.delay = never;
	(void)dmarc_open(names[0] + 7, false, &world.asker, &world.arena);
	assert_int_equal(world.n_questions, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(was_asked(&world, names[i]));
	world_close(&world);
	for (size_t labels = 1; labels <= 20; labels++) {
		world_open(&world, lines);
		(void)dmarc_open(domain, false, &world.asker, &world.arena);
		assert_int_equal(world.n_questions, labels < DMARC_QUERIES_MAX ? labels : DMARC_QUERIES_MAX);
		world_close(&world);
		memmove(domain + 2, domain, strlen(domain) + 1);
		memcpy(domain, "x.", 2);
	}
}

/* What the skipped labels publish is not seen, and "one label below" counts in the whole name. */
static void skipped_labels_are_not_seen(void **state)
{
	static const char *const hidden[] = { "b.c.d.e.f.g.h.example.com v=DMARC1; p=reject; psd=n", NULL };
	static const char *const suffix[] = { "c.d.e.f.g.example.com v=DMARC1; p=reject; psd=y", NULL };
	static struct world world;
	const struct dmarc_result *result;

	(void)state;
	world_open(&world, hidden);
	result = world_evaluate(&world, "mail.a.b.c.d.e.f.g.h.example.com", NULL, 0, true);
	assert_int_equal(result->code, DMARC_NONE);
	world_close(&world);
	world_open(&world, suffix);
	result = world_evaluate(&world, "mail.a.b.c.d.e.f.g.example.com", NULL, 0, true);
	assert_int_equal(result->code, DMARC_FAIL);
	assert_string_equal(result->organisation, "b.c.d.e.f.g.example.com");
	assert_string_equal(result->record_domain, "c.d.e.f.g.example.com");
	world_close(&world);
}

static size_t questions_of(const char *const *lines, const char *from, const char *const *texts, bool ahead)
{
	static struct world world;
	struct dmarc_identifier identifiers[4];
	size_t n = world_identifiers(identifiers, texts);

	world_open(&world, lines);
	(void)world_evaluate(&world, from, identifiers, n, ahead);
	world_close(&world);
	return world.n_questions;
}

/* Two walks share what they have in common, and unrelated domains have no walk. */
static void few_questions_are_asked(void **state)
{
	static const struct {
		const char *from, *lines[3], *identifiers[4];
		size_t questions;
	} few[] = {
		{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:example.com" }, 2 },
		{ "example.com",
		  { "example.com v=DMARC1; p=reject" },
		  { "dkim:example.net", "spf:a.b.example.org" },
		  2 },
		{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:other.com" }, 2 },
		{ "example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:a.example.com" }, 3 },
		{ "example.com",
		  { "example.com v=DMARC1; p=reject" },
		  { "dkim:a.example.com", "spf:a.example.com" },
		  3 },
		{ "a.b.example.com", { "example.com v=DMARC1; p=reject" }, { "dkim:example.com" }, 4 },
		{ "a.example.com", { "example.com v=DMARC1; p=reject; adkim=s" }, { "dkim:x.y.example.com" }, 5 },
		{ "example.com", { "example.com v=DMARC1; p=reject; adkim=s; aspf=s" }, { "dkim:a.example.com" }, 2 },
		{ "example.com", { NULL }, { "dkim:a.example.com" }, 2 },
		{ "a.example.com", { "example.com v=DMARC1; np=none" }, { NULL }, 3 },
		{ "a.example.com", { "example.com v=DMARC1; np=reject" }, { NULL }, 4 },
		{ "a.example.com", { "example.com v=DMARC1; np=reject", "-a.example.com" }, { NULL }, 3 },
		{ "example.com", { "example.com v=DMARC1; np=reject" }, { NULL }, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(few); i++) {
		size_t n = questions_of(few[i].lines, few[i].from, few[i].identifiers, true);
		if (n != few[i].questions)
			fail_msg("%s, number %zu: %zu questions", few[i].from, i, n);
	}
}

/* Everything that is known ahead is asked ahead: after the identifiers are known nothing is left to ask. */
static void nothing_is_asked_late(void **state)
{
	static const char *const lines[] = { "example.com v=DMARC1; p=none; np=reject", NULL };
	static const struct dmarc_identifier identifier = { .domain = "x.y.example.com", .dkim = true };
	static struct world world;
	struct dmarc *dmarc;

	(void)state;
	world_open(&world, lines);
	world.delay = one_poll;
	dmarc = dmarc_open("a.example.com", false, &world.asker, &world.arena);
	dmarc_expect(dmarc, identifier.domain);
	for (int i = 0; i < 5; i++)
		assert_false(dmarc_step(dmarc));
	assert_int_equal(world.n_questions, 3 + 2 + 1);
	dmarc_identifiers(dmarc, &identifier, 1);
	assert_true(dmarc_step(dmarc));
	assert_int_equal(dmarc_get_result(dmarc)->code, DMARC_PASS);
	assert_int_equal(world.n_questions, 3 + 2 + 1);
	world_close(&world);
}

static void nobody_waits_for_ever(void **state)
{
	static const char *const lines[] = { "example.com v=DMARC1; p=reject", NULL };
	static struct world world;
	struct dmarc *dmarc;

	(void)state;
	for (int given = 0; given < 2; given++) {
		world_open(&world, lines);
		world.delay = never;
		dmarc = dmarc_open("a.example.com", false, &world.asker, &world.arena);
		if (given)
			dmarc_identifiers(dmarc, NULL, 0);
		assert_false(dmarc_step(dmarc));
		dmarc_stop(dmarc);
		assert_true(dmarc_step(dmarc));
		assert_int_equal(dmarc_get_result(dmarc)->code, DMARC_TEMPERROR);
		assert_string_equal(dmarc_get_result(dmarc)->reason,
		                    "DNS has no answer for _dmarc.a.example.com (timeout)");
		world_close(&world);
	}
	/* SPF and DKIM never came to an end; and where there is no record, that does not matter */
	for (int known = 0; known < 2; known++) {
		world_open(&world, known ? lines : lines + 1);
		dmarc = dmarc_open("example.com", false, &world.asker, &world.arena);
		dmarc_stop(dmarc);
		assert_int_equal(dmarc_get_result(dmarc)->code, known ? DMARC_TEMPERROR : DMARC_NONE);
		world_close(&world);
	}
}

/* More identifiers than are looked at: From's own domain is never among those left out. */
static void the_own_domain_is_not_crowded_out(void **state)
{
	static const char *const lines[] = { "example.com v=DMARC1; p=reject; adkim=s", NULL };
	static struct dmarc_identifier identifiers[40];
	static char names[40][40];
	static struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(identifiers); i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu.example.com", i);
		identifiers[i] = (struct dmarc_identifier){ .domain = names[i], .dkim = true };
	}
	identifiers[39].domain = "example.com";
	world_open(&world, lines);
	assert_int_equal(world_evaluate(&world, "example.com", identifiers, 40, true)->code, DMARC_PASS);
	assert_true(world.n_questions <= 2 + DMARC_IDENTIFIERS_MAX);
	world_close(&world);
}

static void the_list_is_a_cross_check(void **state)
{
	static const struct {
		const char *from, *line;
		bool differs;
	} checks[] = {
		{ "a.example.co.uk", "example.co.uk v=DMARC1", false },
		{ "a.example.co.uk", "co.uk v=DMARC1", true },
		{ "a.example.co.uk", "a.example.co.uk v=DMARC1", true },
		{ "a.example.co.uk", "co.uk v=DMARC1; psd=y", false },
		{ "co.uk", "co.uk v=DMARC1", false },
		{ "a.example.co.uk", "a.example.co.uk v=spf1", false }, /* no record, nothing to differ about */
	};
	static struct world world;

	(void)state;
	for (size_t i = 0; i < COUNT(checks); i++) {
		const char *lines[] = { checks[i].line, NULL };
		for (int asked = 0; asked < 2; asked++) {
			world_open(&world, lines);
			struct dmarc *dmarc = dmarc_open(checks[i].from, asked, &world.asker, &world.arena);
			dmarc_identifiers(dmarc, NULL, 0);
			assert_true(dmarc_step(dmarc));
			assert_int_equal(dmarc_get_result(dmarc)->psl_differs, asked && checks[i].differs);
			world_close(&world);
		}
	}
}

static void hostile_text_is_cleaned(void **state)
{
	static const char *const lines[] = { "example.com v=DMARC1; p=x\x1b[31m\n\xff", NULL };
	static struct world world;
	const struct dmarc_result *result;

	(void)state;
	world_open(&world, lines);
	result = world_evaluate(&world, "\x1b\xff.example.com", NULL, 0, true);
	assert_string_equal(result->record, "v=DMARC1; p=x\\x1b[31m\\x0a\\xff");
	assert_int_equal(result->code, DMARC_PERMERROR);
	for (const char *at = result->reason; *at != '\0'; at++)
		assert_true(*at >= ' ' && *at <= '~');
	assert_true(was_asked(&world, "_dmarc.\\027\\255.example.com"));
	world_close(&world);
}

static void long_names_do_no_harm(void **state)
{
	static const char *const lines[] = { "example.com v=DMARC1; p=reject", NULL };
	static struct world world;
	static char domain[6020];

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		memcpy(domain + 2 * i, i % 2 == 0 ? "a." : "\\.", 2);
	stpcpy(domain + 6000, "example.com");
	world_open(&world, lines);
	assert_int_equal(world_evaluate(&world, domain, NULL, 0, true)->code, DMARC_FAIL);
	assert_int_equal(world.n_questions, DMARC_QUERIES_MAX - 1); /* the first name is too long to be one */
	world_close(&world);
}

static void names_are_the_rfcs(void **state)
{
	(void)state;
	assert_string_equal(dmarc_code_name(DMARC_NONE), "none");
	assert_string_equal(dmarc_code_name(DMARC_TEMPERROR), "temperror");
	assert_string_equal(dmarc_code_name(DMARC_PERMERROR), "permerror");
	assert_string_equal(dmarc_policy_name(DMARC_POLICY_QUARANTINE), "quarantine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_followed),
		cmocka_unit_test(walks_are_short),
		cmocka_unit_test(skipped_labels_are_not_seen),
		cmocka_unit_test(few_questions_are_asked),
		cmocka_unit_test(nothing_is_asked_late),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(the_own_domain_is_not_crowded_out),
		cmocka_unit_test(the_list_is_a_cross_check),
		cmocka_unit_test(hostile_text_is_cleaned),
		cmocka_unit_test(long_names_do_no_harm),
		cmocka_unit_test(names_are_the_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

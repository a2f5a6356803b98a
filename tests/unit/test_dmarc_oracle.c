/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dmarc_oracle - random trees of records against a second reading of RFC 9989 4.10, one question after the other.
 *
 * What was decided although a server did not answer must be what any answer of it would have led to.
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

static const char *const names[] = { "example",     "b.example",     "a.b.example", "x.a.b.example",  "y.a.b.example",
	                             "c.b.example", "d.c.b.example", "z.example",   "q.x.a.b.example" };

static const char *const records[] = {
	"v=DMARC1; p=reject",
	"v=DMARC1; p=quarantine; sp=none",
	"v=DMARC1; p=none; sp=reject; np=quarantine",
	"v=DMARC1; p=reject; np=none; t=y",
	"v=DMARC1; p=reject; psd=y",
	"v=DMARC1; p=quarantine; np=reject; psd=y",
	"v=DMARC1; p=reject; psd=n",
	"v=DMARC1; p=none; psd=n; adkim=s",
	"v=DMARC1; p=reject; adkim=s; aspf=s",
	"v=DMARC1; p=quarantine; aspf=s",
	"v=DMARC1; p=broken",
};

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* A name's record, NULL: none; and whether the name exists. */
struct tree {
	const char *records[COUNT(names)];
	bool exists[COUNT(names)];
	bool unsure_record[COUNT(names)], unsure_existence[COUNT(names)];
};

struct verdict {
	enum dmarc_code code;
	const char *policy, *record_domain, *organisation;
	bool spf, dkim;
};

/* ---- the second reading ---- */

static size_t index_of(const char *name)
{
	size_t i = 0;

	while (i < COUNT(names) && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static const char *record_of(const struct tree *tree, const char *name)
{
	size_t i = index_of(name);

	return i < COUNT(names) ? tree->records[i] : NULL;
}

static bool has(const char *record, const char *tag)
{
	return strstr(record, tag) != NULL;
}

/* The walk's organisational domain, and in *suffix the domain of the psd=y that stopped it (NULL: none). */
static const char *walk(const struct tree *tree, const char *domain, const char **suffix)
{
	const char *below = domain, *highest = NULL;

	*suffix = NULL;
	for (const char *at = domain; at != NULL; at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : NULL) {
		const char *record = record_of(tree, at);
		if (record != NULL) {
			highest = at;
			if (has(record, "psd=n"))
				return at;
			if (has(record, "psd=y")) {
				*suffix = at;
				return at == domain ? at : below;
			}
		}
		below = at;
	}
	return highest != NULL ? highest : domain;
}

static const char *value_of(const char *record, const char *tag, const char *otherwise)
{
	static const char *const values[] = { "none", "quarantine", "reject" };
	const char *found = strstr(record, tag);

	for (size_t i = 0; found != NULL && i < COUNT(values); i++) {
		if (strncmp(found + strlen(tag), values[i], strlen(values[i])) == 0)
			return values[i];
	}
	return otherwise;
}

static const char *policy_of(const char *record, bool own, bool exists)
{
	const char *p = value_of(record, " p=", "none"), *sp = value_of(record, " sp=", p);
	const char *policy = own ? p : exists ? sp : value_of(record, " np=", sp);

	if (!has(record, "t=y"))
		return policy;
	return strcmp(policy, "reject") == 0 ? "quarantine" : "none";
}

static struct verdict judge(const struct tree *tree, const char *from, const struct dmarc_identifier *identifiers,
                            size_t n)
{
	const char *suffix, *other, *record;
	struct verdict verdict = { .code = DMARC_NONE, .policy = "none", .record_domain = "" };

	verdict.organisation = walk(tree, from, &suffix);
	if (verdict.organisation == NULL)
		return verdict;
	const char *const places[] = { from, verdict.organisation, suffix != NULL ? suffix : from };
	record = NULL;
	for (size_t i = 0; i < COUNT(places) && record == NULL; i++) {
		record = record_of(tree, places[i]);
		if (record != NULL)
			verdict.record_domain = places[i];
	}
	if (record == NULL)
		return verdict;
	verdict.code = DMARC_PERMERROR;
	if (has(record, "p=broken"))
		return verdict;
	for (size_t i = 0; i < n; i++) {
		bool strict = has(record, identifiers[i].dkim ? "adkim=s" : "aspf=s");
		bool aligned = strcmp(identifiers[i].domain, from) == 0;
		if (!strict && strcmp(walk(tree, identifiers[i].domain, &other), verdict.organisation) == 0)
			aligned = true;
		*(identifiers[i].dkim ? &verdict.dkim : &verdict.spf) |= aligned;
	}
	bool pass = verdict.dkim || verdict.spf, own = strcmp(verdict.record_domain, from) == 0;
	verdict.code = pass ? DMARC_PASS : DMARC_FAIL;
	verdict.policy = policy_of(record, own, pass || tree->exists[index_of(from)]);
	return verdict;
}

/* ---- trees ---- */

static void random_answer(struct tree *tree, size_t i)
{
	tree->records[i] = random_below(2) == 0 ? records[random_below(COUNT(records))] : NULL;
}

static void random_tree(struct tree *tree, uint32_t unsure)
{
	*tree = (struct tree){ .records = { NULL } };
	for (size_t i = 0; i < COUNT(names); i++) {
		random_answer(tree, i);
		tree->exists[i] = random_below(2) == 0;
		tree->unsure_record[i] = random_below(100) < unsure;
		tree->unsure_existence[i] = random_below(100) < unsure;
	}
}

/* What the servers might have said. */
static void fill(struct tree *tree, const struct tree *partly)
{
	*tree = *partly;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (tree->unsure_record[i])
			random_answer(tree, i);
		if (tree->unsure_existence[i])
			tree->exists[i] = random_below(2) == 0;
	}
}

static const struct dmarc_result *evaluate(struct world *world, const struct tree *tree, const char *from,
                                           const struct dmarc_identifier *identifiers, size_t n)
{
	static char lines[2 * COUNT(names)][100];
	const char *texts[WORLD_LINES_MAX] = { NULL };
	size_t k = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (tree->unsure_record[i])
			snprintf(lines[k], sizeof(lines[k]), "?%s", names[i]);
		else if (tree->records[i] != NULL)
			snprintf(lines[k], sizeof(lines[k]), "%s %s", names[i], tree->records[i]);
		k += tree->unsure_record[i] || tree->records[i] != NULL;
		if (!tree->unsure_existence[i] && !tree->exists[i])
			continue;
		snprintf(lines[k], sizeof(lines[k]), "%s%s", tree->unsure_existence[i] ? "?+" : "+", names[i]);
		k++;
	}
	for (size_t i = 0; i < k; i++)
		texts[i] = lines[i];
	world_open(world, texts);
	world->delay = NULL;
	return world_evaluate(world, from, identifiers, n, random_below(2) == 0);
}

static void assert_same(const struct dmarc_result *result, const struct verdict *verdict, const char *from)
{
	if (result->code != verdict->code || strcmp(result->record_domain, verdict->record_domain) != 0 ||
	    (result->code != DMARC_PERMERROR && strcmp(dmarc_policy_name(result->policy), verdict->policy) != 0))
		fail_msg("%s: %s %s \"%s\" instead of %s %s \"%s\"", from, dmarc_code_name(result->code),
		         dmarc_policy_name(result->policy), result->record_domain, dmarc_code_name(verdict->code),
		         verdict->policy, verdict->record_domain);
	assert_true(verdict->dkim || !result->aligned_dkim);
	assert_true(verdict->spf || !result->aligned_spf);
	if (*result->organisation != '\0')
		assert_string_equal(result->organisation, verdict->organisation);
}

static size_t random_identifiers(struct dmarc_identifier *identifiers, size_t max)
{
	size_t n = random_below((uint32_t)max + 1);

	for (size_t i = 0; i < n; i++)
		identifiers[i] = (struct dmarc_identifier){ names[random_below(COUNT(names))], random_below(2) == 0 };
	return n;
}

static void known_trees_are_judged_alike(void **state)
{
	static struct world world;
	struct dmarc_identifier identifiers[4];

	(void)state;
	for (int i = 0; i < 40000; i++) {
		const char *from = names[random_below(COUNT(names))];
		size_t n = random_identifiers(identifiers, COUNT(identifiers));
		struct tree tree;
		random_tree(&tree, 0);
		struct verdict verdict = judge(&tree, from, identifiers, n);
		const struct dmarc_result *result = evaluate(&world, &tree, from, identifiers, n);
		assert_same(result, &verdict, from);
		assert_string_equal(result->organisation, verdict.organisation);
		/* what is aligned besides may stay unasked */
		assert_int_equal(result->aligned_dkim || result->aligned_spf, verdict.dkim || verdict.spf);
		world_close(&world);
	}
}

static void what_is_not_known_changes_nothing(void **state)
{
	static struct world world;
	struct dmarc_identifier identifiers[4];
	size_t decided = 0;

	(void)state;
	for (int i = 0; i < 30000; i++) {
		const char *from = names[random_below(COUNT(names))];
		size_t n = random_identifiers(identifiers, COUNT(identifiers));
		struct tree tree, full;
		random_tree(&tree, 30);
		const struct dmarc_result *result = evaluate(&world, &tree, from, identifiers, n);
		for (int k = 0; k < 8 && result->code != DMARC_TEMPERROR; k++) {
			fill(&full, &tree);
			struct verdict verdict = judge(&full, from, identifiers, n);
			assert_same(result, &verdict, from);
		}
		decided += result->code != DMARC_TEMPERROR;
		world_close(&world);
	}
	assert_true(decided > 5000); /* "temperror" is no way out */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_trees_are_judged_alike),
		cmocka_unit_test(what_is_not_known_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

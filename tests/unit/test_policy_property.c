/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of the policy on random policies and random evidence, which becomes known in random order:
 *   - a verdict that is final early is the verdict on the whole;
 *   - the score on the whole lies within the bounds; bounds never widen while facts become known;
 *   - without rules the bounds are exact;
 *   - the score is what a plain reading of policy.h gives (`model_score`).
 * MAILREEVE_TEST_SEED=N repeats a run, MAILREEVE_TEST_CASES=N sets its length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "base/base.h"
#include "policy/policy.h"

#define CASES_DEFAULT  200000
#define CASES_A_POLICY 100
#define STEPS_MAX      8 /* cuts of one case */
#define SMALL_MAX      9 /* facts of a universe of which all subsets are tried */

#define FACTS   200
#define CHECKS  4
#define GROUPS  4
#define RULES   6
#define ENTRIES 3

/* ---- random numbers (splitmix64) ---- */

struct luck {
	uint64_t seed, state;
};

static uint64_t next(struct luck *luck)
{
	uint64_t z = luck->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(struct luck *luck, size_t n)
{
	return (size_t)(next(luck) % n);
}

static bool chance(struct luck *luck, size_t percent)
{
	return below(luck, 100) < percent;
}

/* Few different figures, so that thresholds, caps and floors are often met exactly. */
static int points(struct luck *luck)
{
	int milli = (int)below(luck, 9) * 500 + (chance(luck, 10) ? 1 : 0);

	return chance(luck, 30) ? -milli : milli;
}

static void luck_open(struct luck *luck)
{
	const char *given = getenv("MAILREEVE_TEST_SEED");

	if (given != NULL)
		luck->seed = strtoull(given, NULL, 0);
	else
		assert_int_equal(getrandom(&luck->seed, sizeof(luck->seed), 0), sizeof(luck->seed));
	luck->state = luck->seed;
	print_message("MAILREEVE_TEST_SEED=%llu\n", (unsigned long long)luck->seed);
}

static size_t n_cases(void)
{
	const char *given = getenv("MAILREEVE_TEST_CASES");

	return given != NULL ? strtoul(given, NULL, 0) : CASES_DEFAULT;
}

/* ---- a random policy, as the configuration gives it and as a plain model ---- */

struct entry {
	char text[48];
	bool is[FACTS]; /* what it matches */
};

struct random_rule {
	char name[24];
	struct entry all[ENTRIES], none[ENTRIES], cancels[ENTRIES];
	const char *all_texts[ENTRIES], *none_texts[ENTRIES], *cancels_texts[ENTRIES];
	size_t n_all, n_none, n_cancels;
};

struct universe {
	size_t n_facts, n_groups, n_rules;
	enum fact_kind kind[FACTS];
	int points[FACTS];
	char name[FACTS][48];
	size_t group[FACTS], rule_group[RULES]; /* n_groups: in none */
	char group_name[GROUPS][24];
	const char *members[GROUPS][FACTS + RULES];
	char rule_fact[RULES][32];
	struct random_rule rule[RULES];
	struct policy_group_settings groups[GROUPS];
	struct policy_rule_settings rules[RULES];
	struct policy_settings settings, unused;
	struct catalogue *catalogue;
	struct config *config;
	struct policy *policy;
};

static enum fact_kind random_kind(struct luck *luck)
{
	size_t n = below(luck, 100);

	if (n < 2)
		return FACT_EXEMPT;
	if (n < 12)
		return FACT_NORMAL;
	return n < 25 ? FACT_UNSURE : FACT_EVIDENCE;
}

static void make_facts(struct universe *universe, struct luck *luck)
{
	struct err err = { "" };

	for (size_t i = 0; i < universe->n_facts; i++) {
		char check[24], name[24];
		snprintf(check, sizeof(check), "c%zu", i % CHECKS);
		snprintf(name, sizeof(name), "f%zu", i);
		snprintf(universe->name[i], sizeof(universe->name[i]), "%s.%s", check, name);
		universe->kind[i] = random_kind(luck);
		universe->points[i] = points(luck);
		assert_int_equal(catalogue_add(universe->catalogue, check, name, universe->kind[i], universe->points[i],
		                               "", &err),
		                 i);
	}
}

static void make_entry(const struct universe *universe, struct entry *entry, struct luck *luck)
{
	size_t n = below(luck, universe->n_facts);

	memset(entry, 0, sizeof(*entry));
	if (chance(luck, 70)) {
		memcpy(entry->text, universe->name[n], sizeof(universe->name[n]));
		entry->is[n] = true;
		return;
	}
	snprintf(entry->text, sizeof(entry->text), "c%zu.*", n % CHECKS);
	for (size_t i = n % CHECKS; i < universe->n_facts; i += CHECKS)
		entry->is[i] = universe->kind[i] == FACT_EVIDENCE;
}

static void make_rule(struct universe *universe, size_t number, struct luck *luck)
{
	struct random_rule *rule = &universe->rule[number];

	snprintf(rule->name, sizeof(rule->name), "r%zu", number);
	rule->n_all = 1 + below(luck, ENTRIES);
	rule->n_none = below(luck, ENTRIES);
	rule->n_cancels = chance(luck, 40) ? 1 + below(luck, ENTRIES) : 0;
	for (size_t i = 0; i < rule->n_all; i++) {
		make_entry(universe, &rule->all[i], luck);
		rule->all_texts[i] = rule->all[i].text;
	}
	for (size_t i = 0; i < rule->n_none; i++) {
		make_entry(universe, &rule->none[i], luck);
		rule->none_texts[i] = rule->none[i].text;
	}
	for (size_t i = 0; i < rule->n_cancels; i++) {
		make_entry(universe, &rule->cancels[i], luck);
		rule->cancels_texts[i] = rule->cancels[i].text;
	}
	universe->rules[number] = (struct policy_rule_settings){
		.name = rule->name,
		.all = { rule->n_all, rule->all_texts },
		.none = { rule->n_none, rule->none_texts },
		.cancels = { rule->n_cancels, rule->cancels_texts },
		.points_milli = rule->n_cancels > 0 && chance(luck, 50) ? 0 : points(luck),
	};
}

static void make_groups(struct universe *universe, struct luck *luck)
{
	for (size_t i = 0; i < universe->n_groups; i++) {
		snprintf(universe->group_name[i], sizeof(universe->group_name[i]), "g%zu", i);
		universe->groups[i] = (struct policy_group_settings){
			universe->group_name[i],
			{ 0, universe->members[i] },
			chance(luck, 70) ? abs(points(luck)) : CONFIG_OFF,
			chance(luck, 50) ? -abs(points(luck)) : CONFIG_OFF,
		};
	}
	for (size_t i = 0; i < universe->n_facts; i++) {
		size_t group = universe->group[i] = below(luck, universe->n_groups + 1);
		if (group < universe->n_groups)
			universe->members[group][universe->groups[group].facts.n++] = universe->name[i];
	}
	for (size_t i = 0; i < universe->n_rules; i++) {
		size_t group = universe->rule_group[i] = below(luck, universe->n_groups + 1);
		snprintf(universe->rule_fact[i], sizeof(universe->rule_fact[i]), "rule.%s", universe->rule[i].name);
		if (group < universe->n_groups)
			universe->members[group][universe->groups[group].facts.n++] = universe->rule_fact[i];
	}
}

static void universe_open(struct universe *universe, struct luck *luck, size_t facts_max, size_t rules_max)
{
	struct config_section section = { "policy", "", policy_rows, policy_n_rows, &universe->unused };
	struct err err = { "" };

	memset(universe, 0, sizeof(*universe));
	universe->catalogue = catalogue_open();
	universe->config = config_open(NULL, NULL, 0, &section, 1, &err);
	assert_non_null(universe->config);
	universe->n_facts = 1 + below(luck, facts_max);
	universe->n_groups = below(luck, GROUPS + 1);
	universe->n_rules = below(luck, rules_max + 1);
	make_facts(universe, luck);
	for (size_t i = 0; i < universe->n_rules; i++)
		make_rule(universe, i, luck);
	make_groups(universe, luck);
	for (int i = ACTION_TAG; i < ACTIONS; i++)
		universe->settings.threshold_milli[i] = chance(luck, 70) ? abs(points(luck)) + i * 500 : CONFIG_OFF;
	universe->settings.groups = (struct config_array){ universe->n_groups, universe->groups };
	universe->settings.rules = (struct config_array){ universe->n_rules, universe->rules };
	universe->policy = policy_open(&universe->settings, universe->catalogue, universe->config, &err);
	assert_string_equal(err.text, "");
	assert_non_null(universe->policy);
}

static void universe_close(struct universe *universe)
{
	policy_close(&universe->policy);
	config_close(&universe->config);
	catalogue_close(&universe->catalogue);
}

static bool fulfilled(const struct universe *universe, const struct entry *entry, const struct factset *stated)
{
	for (size_t i = 0; i < universe->n_facts; i++) {
		if (entry->is[i] && factset_has(stated, (fact_id)i))
			return true;
	}
	return false;
}

static bool model_rule_holds(const struct universe *universe, const struct random_rule *rule,
                             const struct factset *stated)
{
	for (size_t i = 0; i < rule->n_all; i++) {
		if (!fulfilled(universe, &rule->all[i], stated))
			return false;
	}
	for (size_t i = 0; i < rule->n_none; i++) {
		if (fulfilled(universe, &rule->none[i], stated))
			return false;
	}
	return true;
}

static bool model_cancelled(const struct universe *universe, size_t fact, const struct factset *stated)
{
	bool cancelled = false;

	for (size_t i = 0; i < universe->n_rules; i++) {
		const struct random_rule *rule = &universe->rule[i];
		const bool holds = model_rule_holds(universe, rule, stated);
		for (size_t k = 0; k < rule->n_cancels; k++)
			cancelled |= holds && rule->cancels[k].is[fact];
	}
	return cancelled;
}

static int model_score(const struct universe *universe, const struct factset *stated)
{
	int sums[GROUPS + 1] = { 0 }, score;

	for (size_t i = 0; i < universe->n_facts; i++) {
		if (factset_has(stated, (fact_id)i) && !model_cancelled(universe, i, stated) &&
		    (universe->kind[i] == FACT_EVIDENCE || universe->kind[i] == FACT_UNSURE))
			sums[universe->group[i]] += universe->points[i];
	}
	for (size_t i = 0; i < universe->n_rules; i++) {
		if (model_rule_holds(universe, &universe->rule[i], stated))
			sums[universe->rule_group[i]] += universe->rules[i].points_milli;
	}
	score = sums[universe->n_groups];
	for (size_t i = 0; i < universe->n_groups; i++) {
		const struct policy_group_settings *group = &universe->groups[i];
		if (group->cap_milli != CONFIG_OFF && sums[i] > group->cap_milli)
			sums[i] = group->cap_milli;
		if (group->floor_milli != CONFIG_OFF && sums[i] < group->floor_milli)
			sums[i] = group->floor_milli;
		score += sums[i];
	}
	return score;
}

/* ---- evidence that becomes known in a random order ---- */

struct gathering {
	fact_id order[FACTS];
	struct factset whole, stated, open;
	struct verdict verdict; /* on the whole */
};

static void gathering_open(struct gathering *gathering, const struct universe *universe, struct luck *luck)
{
	size_t density = below(luck, 101);

	memset(gathering, 0, sizeof(*gathering));
	for (size_t i = 0; i < universe->n_facts; i++) {
		size_t swap = below(luck, i + 1);
		gathering->order[i] = gathering->order[swap];
		gathering->order[swap] = (fact_id)i;
		factset_add(&gathering->open, (fact_id)i);
		if (chance(luck, density))
			factset_add(&gathering->whole, (fact_id)i);
	}
	policy_judge(universe->policy, &gathering->whole, &gathering->verdict);
}

static void becomes_known(struct gathering *gathering, fact_id id, bool stays_open)
{
	if (factset_has(&gathering->whole, id))
		factset_add(&gathering->stated, id);
	if (!stays_open) /* `open` may overlap with `stated`, but what is proven absent is no longer open */
		gathering->open.bits[id / 64] &= ~((uint64_t)1 << (id % 64));
}

static bool is_exempt(const struct universe *universe, const struct verdict *verdict)
{
	return verdict->decided_by != FACT_NO_ID &&
	       catalogue_info(universe->catalogue, verdict->decided_by)->kind == FACT_EXEMPT;
}

static void check_bounds(const struct universe *universe, const struct gathering *gathering,
                         const struct bounds *bounds)
{
	const struct verdict *verdict = &gathering->verdict;

	assert_in_range(verdict->action, bounds->mildest, bounds->severest);
	assert_true(bounds->low_milli <= verdict->score_milli && verdict->score_milli <= bounds->high_milli);
	assert_int_equal(bounds->final, bounds->mildest == bounds->severest);
	if (bounds->final) {
		assert_int_equal(verdict->action, bounds->mildest);
		assert_false(bounds->mildest != ACTION_ACCEPT && is_exempt(universe, verdict));
	}
}

static void check_narrowing(const struct bounds *before, const struct bounds *after)
{
	assert_true(after->low_milli >= before->low_milli && after->high_milli <= before->high_milli);
	assert_true(after->mildest >= before->mildest);
	assert_true(after->severest <= before->severest);
	assert_true(after->final || !before->final);
}

struct tally {
	size_t early, cuts;
};

static void check_case(const struct universe *universe, struct luck *luck, struct tally *tally)
{
	struct gathering gathering;
	struct bounds bounds, before;
	size_t known = 0;

	gathering_open(&gathering, universe, luck);
	assert_int_equal(gathering.verdict.score_milli, model_score(universe, &gathering.whole));
	policy_bounds(universe->policy, &gathering.stated, &gathering.open, &before);
	check_bounds(universe, &gathering, &before);
	bounds = before;
	while (known < universe->n_facts) {
		size_t cut = known + 1 + below(luck, 1 + universe->n_facts / STEPS_MAX);
		for (; known < cut && known < universe->n_facts; known++) {
			fact_id id = gathering.order[known];
			becomes_known(&gathering, id, factset_has(&gathering.whole, id) && chance(luck, 20));
		}
		policy_bounds(universe->policy, &gathering.stated, &gathering.open, &bounds);
		check_bounds(universe, &gathering, &bounds);
		check_narrowing(&before, &bounds);
		tally->cuts++;
		tally->early += bounds.final && known < universe->n_facts;
		before = bounds;
	}
	assert_int_equal(bounds.low_milli, gathering.verdict.score_milli);
	assert_int_equal(bounds.high_milli, gathering.verdict.score_milli);
	assert_true(bounds.final);
}

static void an_early_verdict_is_the_verdict_on_the_whole(void **state)
{
	struct universe *universe = test_malloc(sizeof(*universe));
	size_t cases = 0, wanted = n_cases();
	struct tally tally = { 0, 0 };
	struct luck luck;

	(void)state;
	luck_open(&luck);
	while (cases < wanted) {
		static const size_t sizes[] = { 3, 8, 16, 16, 40, 40, 70, FACTS };
		universe_open(universe, &luck, sizes[below(&luck, COUNT(sizes))], RULES);
		for (size_t i = 0; i < CASES_A_POLICY; i++, cases++)
			check_case(universe, &luck, &tally);
		universe_close(universe);
	}
	print_message("%zu cases, %zu cuts; final before the end at %zu cuts\n", cases, tally.cuts, tally.early);
	assert_true(tally.early > 0 || wanted < 1000);
	test_free(universe);
}

/* ---- tightness: every subset of what is open ---- */

static void try_all(const struct universe *universe, const struct gathering *gathering, struct bounds *real)
{
	*real = (struct bounds){ INT32_MAX, INT32_MIN, ACTION_REJECT, ACTION_ACCEPT, false };
	for (uint64_t choice = 0; choice < (uint64_t)1 << universe->n_facts; choice++) {
		struct factset set = gathering->stated;
		struct verdict verdict;
		if ((choice & ~gathering->open.bits[0]) != 0)
			continue;
		set.bits[0] |= choice;
		policy_judge(universe->policy, &set, &verdict);
		if (verdict.score_milli < real->low_milli)
			real->low_milli = verdict.score_milli;
		if (verdict.score_milli > real->high_milli)
			real->high_milli = verdict.score_milli;
		if (verdict.action < real->mildest)
			real->mildest = verdict.action;
		if (verdict.action > real->severest)
			real->severest = verdict.action;
	}
}

/* Returns whether the bounds are exact. */
static bool check_tightness(const struct universe *universe, struct luck *luck)
{
	size_t known = below(luck, universe->n_facts + 1);
	struct gathering gathering;
	struct bounds bounds, real;

	gathering_open(&gathering, universe, luck);
	for (size_t i = 0; i < known; i++)
		becomes_known(&gathering, gathering.order[i], false);
	policy_bounds(universe->policy, &gathering.stated, &gathering.open, &bounds);
	try_all(universe, &gathering, &real);
	assert_true(bounds.low_milli <= real.low_milli && real.high_milli <= bounds.high_milli);
	assert_true(bounds.mildest <= real.mildest && real.severest <= bounds.severest);
	return bounds.low_milli == real.low_milli && bounds.high_milli == real.high_milli &&
	       bounds.mildest == real.mildest && bounds.severest == real.severest;
}

static size_t count_exact(struct luck *luck, size_t n_policies, size_t rules_max)
{
	struct universe *universe = test_malloc(sizeof(*universe));
	size_t exact = 0;

	for (size_t i = 0; i < n_policies; i++) {
		universe_open(universe, luck, SMALL_MAX, rules_max);
		for (size_t k = 0; k < 10; k++)
			exact += check_tightness(universe, luck);
		universe_close(universe);
	}
	test_free(universe);
	return exact;
}

static void bounds_are_tight(void **state)
{
	size_t n = 1 + n_cases() / 200, with_rules;
	struct luck luck;

	(void)state;
	luck_open(&luck);
	assert_int_equal(count_exact(&luck, n, 0), 10 * n);
	with_rules = count_exact(&luck, n, RULES);
	print_message("exact: %zu of %zu without rules, %zu of %zu with up to %d rules\n", 10 * n, 10 * n, with_rules,
	              10 * n, RULES);
	assert_true(with_rules > 10 * n / 2 || n < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_early_verdict_is_the_verdict_on_the_whole),
		cmocka_unit_test(bounds_are_tight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

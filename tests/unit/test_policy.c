/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy by tables: what a score is, which action it means, what decided, what is still possible.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy_world.h"

/* The facts of a list such as "rdns.none dnsbl.a.x". */
static struct factset set_of(const struct world *world, const char *names)
{
	struct factset set = { { 0 } };
	char name[FACT_NAME_MAX + 1];
	int used;

	for (; sscanf(names, " %64s%n", name, &used) == 1; names += used) {
		fact_id id = catalogue_find(world->catalogue, name);
		assert_int_not_equal(id, FACT_NO_ID);
		factset_add(&set, id);
	}
	return set;
}

static struct verdict judge(const struct world *world, const char *names)
{
	struct factset stated = set_of(world, names);
	struct verdict verdict;

	policy_judge(world->policy, &stated, &verdict);
	return verdict;
}

static const char *decided_by(const struct world *world, const char *names)
{
	fact_id id = judge(world, names).decided_by;

	return id == FACT_NO_ID ? "score" : catalogue_info(world->catalogue, id)->name;
}

static void a_threshold_is_reached_exactly(void **state)
{
	static const struct {
		int points;
		int thresholds[ACTIONS];
		enum action want;
		int threshold; /* shown */
	} cases[] = {
		{ 0, { 0, 5000, OFF, OFF, 10000 }, ACTION_ACCEPT, 5000 },
		{ 4999, { 0, 5000, OFF, OFF, 10000 }, ACTION_ACCEPT, 5000 },
		{ 5000, { 0, 5000, OFF, OFF, 10000 }, ACTION_TAG, 5000 },
		{ 9999, { 0, 5000, OFF, OFF, 10000 }, ACTION_TAG, 5000 },
		{ 10000, { 0, 5000, OFF, OFF, 10000 }, ACTION_REJECT, 10000 },
		{ 10001, { 0, 5000, OFF, OFF, 10000 }, ACTION_REJECT, 10000 },
		{ 1999, { 0, 2000, 4000, 6000, 8000 }, ACTION_ACCEPT, 2000 },
		{ 2000, { 0, 2000, 4000, 6000, 8000 }, ACTION_TAG, 2000 },
		{ 3999, { 0, 2000, 4000, 6000, 8000 }, ACTION_TAG, 2000 },
		{ 4000, { 0, 2000, 4000, 6000, 8000 }, ACTION_QUARANTINE, 4000 },
		{ 5999, { 0, 2000, 4000, 6000, 8000 }, ACTION_QUARANTINE, 4000 },
		{ 6000, { 0, 2000, 4000, 6000, 8000 }, ACTION_DEFER, 6000 },
		{ 7999, { 0, 2000, 4000, 6000, 8000 }, ACTION_DEFER, 6000 },
		{ 8000, { 0, 2000, 4000, 6000, 8000 }, ACTION_REJECT, 8000 },
		{ 8000, { 0, 2000, 4000, 6000, OFF }, ACTION_DEFER, 6000 },
		{ 8000, { 0, 2000, 4000, OFF, OFF }, ACTION_QUARANTINE, 4000 },
		{ 8000, { 0, 2000, OFF, OFF, OFF }, ACTION_TAG, 2000 },
		{ 8000, { 0, OFF, OFF, OFF, OFF }, ACTION_ACCEPT, OFF },
		{ 7999, { 0, OFF, OFF, OFF, 8000 }, ACTION_ACCEPT, 8000 },
		{ 8000, { 0, OFF, OFF, OFF, 8000 }, ACTION_REJECT, 8000 },
		/* out of order (warned of): the severest that was reached; the lowest that was not */
		{ 5000, { 0, 6000, OFF, OFF, 5000 }, ACTION_REJECT, 5000 },
		{ 4999, { 0, 6000, OFF, OFF, 5000 }, ACTION_ACCEPT, 5000 },
		{ -1, { 0, 0, OFF, OFF, 5000 }, ACTION_ACCEPT, 0 },
		{ 0, { 0, 0, OFF, OFF, 5000 }, ACTION_TAG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* a rule gives the figure, together with a fact without points */
		struct policy_rule_settings rule = { "points", STRINGS("zero.one"), NO_STRINGS, cases[i].points,
			                             NO_STRINGS };
		struct verdict verdict;
		struct world world;
		open_with(&world, cases[i].thresholds, NULL, 0, &rule, 1);
		assert_non_null(world.policy);
		verdict = judge(&world, "zero.one");
		assert_int_equal(verdict.score_milli, cases[i].points);
		assert_int_equal(verdict.action, cases[i].want);
		assert_int_equal(verdict.threshold_milli, cases[i].threshold);
		close_world(&world);
	}
}

static void scores_add_up(void **state)
{
	struct policy_group_settings groups[] = {
		{ "reverse", STRINGS("rdns.*", "rdns.none"), 4000, OFF },
		{ "allow", STRINGS("allow.*"), OFF, -4000 },
		{ "both", STRINGS("helo.odd", "dnsbl.a.*", "rule.more", "rule.less"), 4001, -1000 },
	};
	struct policy_rule_settings rules[] = {
		{ "more", STRINGS("dnsbl.a.x", "dnsbl.a.y"), NO_STRINGS, 1000, NO_STRINGS },
		{ "less", STRINGS("dnsbl.a.x", "zero.one"), STRINGS("dnsbl.a.y"), -7000, NO_STRINGS },
	};
	static const struct {
		const char *facts;
		int want;
	} cases[] = {
		{ "", 0 },
		{ "rdns.none", 3000 },
		{ "rdns.none rdns.generic", 4000 },            /* 5.0, capped */
		{ "rdns.none rdns.generic dnsbl.b.x", 14000 }, /* in no group */
		{ "allow.good", -3000 },
		{ "allow.good allow.known", -4000 }, /* -5.5, floor */
		{ "allow.good allow.known rdns.none", -1000 },
		{ "rdns.ok", 0 }, /* nothing wrong: no points */
		{ "rdns.unsure dnsbl.b.unsure", 0 },
		{ "helo.unsure", 250 }, /* as configured */
		{ "dnsbl.a.x helo.odd", 4001 },
		{ "dnsbl.a.x", 4000 },
		{ "dnsbl.a.y", 2500 },
		{ "dnsbl.a.x dnsbl.a.y", 4001 },          /* 7.5 with the rule in the group */
		{ "dnsbl.a.x zero.one", -1000 },          /* -3.0, floor */
		{ "dnsbl.a.x zero.one dnsbl.a.y", 4001 }, /* `none` */
	};
	struct group_score score;
	struct factset stated;
	struct world world;

	(void)state;
	open_with(&world, defaults, groups, COUNT(groups), rules, COUNT(rules));
	assert_non_null(world.policy);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(judge(&world, cases[i].facts).score_milli, cases[i].want);

	assert_int_equal(policy_n_groups(world.policy), 3);
	stated = set_of(&world, "rdns.none rdns.generic dnsbl.a.x zero.one");
	policy_group_score(world.policy, 0, &stated, &score);
	assert_string_equal(score.name, "reverse");
	assert_int_equal(score.sum_milli, 5000);
	assert_int_equal(score.score_milli, 4000);
	policy_group_score(world.policy, 2, &stated, &score);
	assert_int_equal(score.sum_milli, -3000);
	assert_int_equal(score.score_milli, -1000);
	close_world(&world);
}

static void rules_hold(void **state)
{
	struct policy_rule_settings rules[] = {
		{ "exact", STRINGS("rdns.none", "helo.odd"), NO_STRINGS, 100, NO_STRINGS },
		{ "any", STRINGS("dnsbl.*", "rdns.*"), NO_STRINGS, 200, NO_STRINGS },
		{ "but", STRINGS("rdns.generic"), STRINGS("allow.*", "rdns.ok"), 400, NO_STRINGS },
		{ "tail", STRINGS("*.unsure"), NO_STRINGS, 800, NO_STRINGS },
		{ "named", STRINGS("rdns.unsure", "rdns.ok"), NO_STRINGS, 1600, NO_STRINGS },
		{ "middle", STRINGS("dnsbl.*.x"), STRINGS("*.a.*"), 3200, NO_STRINGS },
	};
	static const struct {
		const char *facts, *hold;
	} cases[] = {
		{ "", "" },
		{ "rdns.none", "" },
		{ "rdns.none helo.odd", "rule.exact" },
		{ "rdns.none dnsbl.a.y", "rule.any" },
		{ "rdns.none rdns.generic dnsbl.a.y dnsbl.b.x", "rule.any rule.but" },
		{ "dnsbl.a.x dnsbl.a.y", "" },
		{ "rdns.ok dnsbl.a.x", "" }, /* an open pattern means evidence */
		{ "rdns.none dnsbl.b.unsure", "rule.tail" },
		{ "rdns.unsure dnsbl.a.y", "rule.tail" },
		{ "rdns.generic", "rule.but" },
		{ "rdns.generic allow.known", "" },
		{ "rdns.generic rdns.ok", "" },
		{ "rdns.unsure rdns.ok", "rule.tail rule.named" },
		{ "dnsbl.b.x", "rule.middle" },
		{ "dnsbl.a.x", "" },
		{ "dnsbl.b.x dnsbl.a.y", "" },
		{ "exempt.auth rdns.none helo.odd", "rule.exact" },
	};
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, rules, COUNT(rules));
	assert_non_null(world.policy);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct factset set = set_of(&world, cases[i].facts), want = set_of(&world, cases[i].hold);
		for (size_t word = 0; word < COUNT(want.bits); word++)
			want.bits[word] |= set.bits[word];
		policy_add_rules(world.policy, &set);
		assert_memory_equal(&set, &want, sizeof(set));
	}
	/* facts of rules in the stated set count for nothing: rules are worked out */
	assert_int_equal(judge(&world, "rdns.none rule.middle").score_milli, 3000);
	close_world(&world);
}

static int64_t sum_of_group(const struct world *world, const char *names)
{
	struct factset stated = set_of(world, names);
	struct group_score score;

	policy_group_score(world->policy, 0, &stated, &score);
	return score.sum_milli;
}

/* The points follow the configuration: whatever a fact has is taken out, once, in its group too. */
static void rules_cancel_points(void **state)
{
	struct policy_group_settings group = { "a", STRINGS("dnsbl.a.*"), 5000, OFF };
	struct policy_rule_settings rules[] = {
		{ "vouch", STRINGS("rdns.ok"), STRINGS("zero.one"), 0, STRINGS("dnsbl.a.x", "helo.odd") },
		{ "again", STRINGS("rdns.ok"), NO_STRINGS, 100, STRINGS("helo.*") },
		{ "harm", STRINGS("helo.unsure"), NO_STRINGS, 0, STRINGS("allow.good") },
	};
	struct factset stated, cancelled;
	struct world world;

	(void)state;
	open_with(&world, defaults, &group, 1, rules, COUNT(rules));
	assert_non_null(world.policy);
	assert_int_equal(judge(&world, "dnsbl.a.x dnsbl.a.y").score_milli, 5000);
	assert_int_equal(judge(&world, "dnsbl.a.x dnsbl.a.y rdns.ok").score_milli, 2500 + 100);
	assert_int_equal(sum_of_group(&world, "dnsbl.a.x dnsbl.a.y rdns.ok"), 2500);
	assert_int_equal(judge(&world, "dnsbl.a.x rdns.ok zero.one").score_milli, 4000 + 100);
	assert_int_equal(judge(&world, "helo.odd rdns.ok").score_milli, 100);
	/* what speaks for a message can be cancelled too, and that can decide */
	assert_int_equal(judge(&world, "allow.good rdns.none dnsbl.a.x").score_milli, 4000);
	assert_int_equal(judge(&world, "allow.good rdns.none dnsbl.a.x helo.unsure").score_milli, 7250);
	assert_string_equal(decided_by(&world, "allow.good rdns.none dnsbl.a.x helo.unsure"), "rule.harm");
	assert_string_equal(decided_by(&world, "rdns.none dnsbl.a.x rdns.ok dnsbl.c.q"), "score");
	stated = set_of(&world, "dnsbl.a.x dnsbl.a.y rdns.ok");
	policy_cancelled(world.policy, &stated, &cancelled);
	assert_true(factset_has(&cancelled, catalogue_find(world.catalogue, "dnsbl.a.x")));
	assert_false(factset_has(&cancelled, catalogue_find(world.catalogue, "dnsbl.a.y")));
	assert_false(factset_has(&cancelled, catalogue_find(world.catalogue, "helo.odd")));
	close_world(&world);
}

/* A refusal is final only once nothing can cancel its points any more. */
static void what_may_be_cancelled_is_open(void **state)
{
	struct policy_rule_settings rule = { "vouch", STRINGS("rdns.ok"), NO_STRINGS, 0, STRINGS("dnsbl.b.x") };
	struct factset stated, open;
	struct bounds bounds;
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, &rule, 1);
	stated = set_of(&world, "dnsbl.b.x");
	open = set_of(&world, "rdns.ok");
	policy_bounds(world.policy, &stated, &open, &bounds);
	assert_int_equal(bounds.low_milli, 0);
	assert_int_equal(bounds.high_milli, 10000);
	assert_false(bounds.final);
	open = set_of(&world, "");
	policy_bounds(world.policy, &stated, &open, &bounds);
	assert_true(bounds.final);
	assert_int_equal(bounds.low_milli, 10000);
	stated = set_of(&world, "rdns.ok");
	open = set_of(&world, "dnsbl.b.x");
	policy_bounds(world.policy, &stated, &open, &bounds);
	assert_true(bounds.final);
	assert_int_equal(bounds.high_milli, 0);
	close_world(&world);
}

static void an_exemption_decides(void **state)
{
	struct policy_rule_settings rule = { "big", STRINGS("dnsbl.b.x"), NO_STRINGS, 9000, NO_STRINGS };
	struct verdict verdict;
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, &rule, 1);
	verdict = judge(&world, "dnsbl.b.x dnsbl.a.x exempt.auth");
	assert_int_equal(verdict.action, ACTION_ACCEPT);
	assert_int_equal(verdict.score_milli, 23000);
	assert_int_equal(verdict.threshold_milli, OFF); /* none is left that was not reached */
	assert_string_equal(decided_by(&world, "dnsbl.b.x exempt.auth"), "exempt.auth");
	assert_string_equal(decided_by(&world, "exempt.auth exempt.network"), "exempt.network");
	assert_int_equal(judge(&world, "exempt.auth rdns.none").threshold_milli, 5000);
	assert_int_equal(judge(&world, "exempt.auth dnsbl.a.x rdns.none").threshold_milli, 10000);
	close_world(&world);
}

static void a_rule_decides(void **state)
{
	struct policy_group_settings group = { "capped", STRINGS("rule.capped", "dnsbl.c.q"), 5000, OFF };
	struct policy_rule_settings rules[] = {
		{ "pair", STRINGS("rdns.none", "helo.odd"), NO_STRINGS, 2000, NO_STRINGS },
		{ "pair2", STRINGS("rdns.none", "helo.odd", "zero.one"), NO_STRINGS, 2500, NO_STRINGS },
		{ "capped", STRINGS("rdns.generic", "dnsbl.c.q"), NO_STRINGS, 5000, NO_STRINGS },
		{ "grace", STRINGS("allow.good"), NO_STRINGS, -4000, NO_STRINGS },
		{ "first", STRINGS("dnsbl.a.x", "helo.unsure"), NO_STRINGS, 2000, NO_STRINGS },
		{ "second", STRINGS("dnsbl.a.x", "helo.unsure"), NO_STRINGS, 1500, NO_STRINGS },
	};
	static const struct {
		const char *facts, *by;
		enum action action;
	} cases[] = {
		{ "rdns.none helo.odd", "rule.pair", ACTION_TAG },          /* 5.001; without 3.001 */
		{ "rdns.none helo.odd rdns.generic", "score", ACTION_TAG }, /* 7.001; without 5.001 */
		{ "rdns.none helo.odd zero.one", "score", ACTION_TAG },     /* 7.501: either is enough */
		{ "rdns.none helo.odd zero.one rdns.generic dnsbl.a.y allow.known", "score", ACTION_TAG },
		{ "rdns.none helo.odd zero.one dnsbl.a.y", "rule.pair2", ACTION_REJECT }, /* 10.001: each is needed */
		{ "dnsbl.a.x helo.unsure allow.known", "rule.first", ACTION_TAG }, /* 5.25: the weightier of two */
		{ "rdns.generic dnsbl.c.q", "score", ACTION_TAG },                 /* the cap was reached before */
		{ "allow.good dnsbl.a.x", "score", ACTION_ACCEPT },
		{ "dnsbl.b.x", "score", ACTION_REJECT },
		{ "", "score", ACTION_ACCEPT },
	};
	struct world world;

	(void)state;
	open_with(&world, defaults, &group, 1, rules, COUNT(rules));
	assert_non_null(world.policy);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(decided_by(&world, cases[i].facts), cases[i].by);
		assert_int_equal(judge(&world, cases[i].facts).action, cases[i].action);
	}
	close_world(&world);
}

static void huge_points_saturate(void **state)
{
	static const struct {
		int points, cap, floor, want;
	} cases[] = {
		{ INT_MAX, OFF, OFF, INT_MAX },
		{ INT_MIN, OFF, OFF, INT_MIN + 1 },
		{ POLICY_POINTS_MAX_MILLI, OFF, OFF, 1023 * POLICY_POINTS_MAX_MILLI },
		{ -POLICY_POINTS_MAX_MILLI, OFF, OFF, -1023 * POLICY_POINTS_MAX_MILLI },
		{ INT_MAX, 1000, OFF, 1000 },
		{ INT_MIN, OFF, -1000, -1000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct policy_group_settings group = { "all", STRINGS("many.*"), cases[i].cap, cases[i].floor };
		struct world world;
		struct factset all, nothing = { { 0 } };
		struct group_score score;
		struct verdict verdict;
		struct bounds bounds;
		open_with(&world, defaults, NULL, 0, NULL, 0);
		policy_close(&world.policy);
		catalogue_close(&world.catalogue);
		world.catalogue = catalogue_open();
		for (int n = 0; n < FACTS_MAX - 1; n++) {
			char name[16];
			snprintf(name, sizeof(name), "f%d", n);
			catalogue_add(world.catalogue, "many", name, FACT_EVIDENCE, cases[i].points, "", &world.err);
		}
		catalogue_add(world.catalogue, "last", "one", FACT_EVIDENCE, 0, "", &world.err);
		world.settings.groups = (struct config_array){ 1, &group };
		world.policy = policy_open(&world.settings, world.catalogue, world.config, &world.err);
		memset(&all, 0xff, sizeof(all));
		policy_judge(world.policy, &all, &verdict);
		assert_int_equal(verdict.score_milli, cases[i].want);
		policy_bounds(world.policy, &nothing, &all, &bounds);
		assert_int_equal(bounds.low_milli, cases[i].points < 0 ? cases[i].want : 0);
		assert_int_equal(bounds.high_milli, cases[i].points < 0 ? 0 : cases[i].want);
		policy_group_score(world.policy, 0, &all, &score);
		assert_int_equal(score.score_milli, cases[i].want);
		close_world(&world);
	}
}

static void bounds_by_table(void **state)
{
	struct policy_group_settings group = { "reverse", STRINGS("rdns.*"), 4000, OFF };
	struct policy_rule_settings rules[] = {
		{ "pair", STRINGS("helo.odd", "dnsbl.*"), STRINGS("allow.good"), 3000, NO_STRINGS },
		{ "grace", STRINGS("zero.one"), STRINGS("dnsbl.b.x"), -1000, NO_STRINGS },
		{ "never", STRINGS("dnsbl.c.*"), STRINGS("dnsbl.c.q"), 50000, NO_STRINGS },
	};
	static const struct {
		const char *stated, *open;
		int low, high;
		enum action mildest, severest;
	} cases[] = {
		{ "", "", 0, 0, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "", "rdns.none rdns.generic", 0, 4000, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "rdns.none", "rdns.none rdns.generic", 3000, 4000, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "", "dnsbl.b.x allow.known", -2500, 10000, ACTION_ACCEPT, ACTION_REJECT },
		{ "dnsbl.b.x", "rdns.none", 10000, 13000, ACTION_REJECT, ACTION_REJECT },
		{ "dnsbl.b.x", "allow.good", 7000, 10000, ACTION_TAG, ACTION_REJECT },
		{ "dnsbl.b.x", "exempt.auth", 10000, 10000, ACTION_ACCEPT, ACTION_REJECT },
		{ "dnsbl.b.x exempt.auth", "rdns.none", 10000, 13000, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "rdns.none", "exempt.auth", 3000, 3000, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "", "exempt.auth rdns.ok rdns.unsure", 0, 0, ACTION_ACCEPT, ACTION_ACCEPT },
		/* the rule may hold; must hold; might be called off; cannot hold any more */
		{ "helo.odd", "dnsbl.a.x", 1, 7001, ACTION_ACCEPT, ACTION_TAG },
		{ "helo.odd dnsbl.a.x", "rdns.none", 7001, 10001, ACTION_TAG, ACTION_REJECT },
		{ "helo.odd dnsbl.a.x", "allow.good", 1001, 7001, ACTION_ACCEPT, ACTION_TAG },
		{ "helo.odd allow.good", "dnsbl.a.x", -2999, 1001, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "dnsbl.a.x", "helo.unsure", 4000, 4250, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "", "zero.one", -1000, 0, ACTION_ACCEPT, ACTION_ACCEPT },
		{ "zero.one", "dnsbl.b.x", -1000, 10000, ACTION_ACCEPT, ACTION_REJECT },
		{ "zero.one dnsbl.b.x", "", 10000, 10000, ACTION_REJECT, ACTION_REJECT },
		/* the only fact that could fulfil the pattern calls the rule off */
		{ "", "dnsbl.c.q", 0, 5000, ACTION_ACCEPT, ACTION_TAG },
	};
	struct world world;

	(void)state;
	open_with(&world, defaults, &group, 1, rules, COUNT(rules));
	assert_non_null(world.policy);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct factset stated = set_of(&world, cases[i].stated), open = set_of(&world, cases[i].open);
		struct bounds bounds;
		policy_bounds(world.policy, &stated, &open, &bounds);
		assert_int_equal(bounds.low_milli, cases[i].low);
		assert_int_equal(bounds.high_milli, cases[i].high);
		assert_int_equal(bounds.mildest, cases[i].mildest);
		assert_int_equal(bounds.severest, cases[i].severest);
		assert_int_equal(bounds.final, cases[i].mildest == cases[i].severest);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_threshold_is_reached_exactly),
		cmocka_unit_test(scores_add_up),
		cmocka_unit_test(rules_hold),
		cmocka_unit_test(rules_cancel_points),
		cmocka_unit_test(what_may_be_cancelled_is_open),
		cmocka_unit_test(an_exemption_decides),
		cmocka_unit_test(a_rule_decides),
		cmocka_unit_test(huge_points_saturate),
		cmocka_unit_test(bounds_by_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

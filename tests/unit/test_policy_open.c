/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration of the policy may say, what it is told when it may not, and what it is warned of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy_world.h"

static void expect_fault(struct policy_group_settings *groups, size_t n_groups, struct policy_rule_settings *rules,
                         size_t n_rules, const char *says)
{
	struct world world;

	open_with(&world, defaults, groups, n_groups, rules, n_rules);
	assert_null(world.policy);
	if (strstr(world.err.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", world.err.text, says);
	close_world(&world);
}

static void groups_are_checked(void **state)
{
	struct {
		struct policy_group_settings groups[2];
		const char *says;
	} cases[] = {
#define B { "b", NO_STRINGS, OFF, OFF }
		{ { { "a", STRINGS("rdns.non"), OFF, OFF }, B }, "nearest known one is \"rdns.none\"" },
		{ { { "a", STRINGS("rdns.none"), OFF, OFF }, { "b", STRINGS("rdns.*"), OFF, OFF } },
		  "\"rdns.none\" is in the group \"a\" already" },
		{ { { "a", STRINGS("rdns.none"), OFF, OFF }, { "a", STRINGS("rdns.ok"), OFF, OFF } },
		  "already a group of this name" },
		{ { { "a", STRINGS("rdns.none"), -1, OFF }, B }, "cap is 0 or more" },
		{ { { "a", STRINGS("rdns.none"), OFF, 1 }, B }, "floor is 0 or less" },
		{ { { "A b", STRINGS("rdns.none"), OFF, OFF }, B }, "the name of a group" },
		{ { { "", STRINGS("rdns.none"), OFF, OFF }, B }, "the name of a group" },
		{ { { "a", STRINGS("rule.none"), OFF, OFF }, B }, "no fact \"rule.none\"" },
#undef B
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_fault(cases[i].groups, 2, NULL, 0, cases[i].says);
}

static void rules_are_checked(void **state)
{
	struct {
		struct policy_rule_settings rules[2];
		const char *says;
	} cases[] = {
#define B { "b", NO_STRINGS, NO_STRINGS, 1, NO_STRINGS }
		{ { { "a", NO_STRINGS, NO_STRINGS, 1, NO_STRINGS },
		    { "b", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS } },
		  "at least one fact in \"all\"" },
		{ { { "a", STRINGS("rdns.non"), NO_STRINGS, 1, NO_STRINGS }, B }, "nearest known one is" },
		{ { { "a", STRINGS("rdns.ok"), STRINGS("dnsbl.a.z"), 1, NO_STRINGS }, B }, "no fact \"dnsbl.a.z\"" },
		{ { { "a", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS },
		    { "a", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS } },
		  "already a rule of this name" },
		{ { { "a", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS },
		    { "b", STRINGS("rule.a"), NO_STRINGS, 1, NO_STRINGS } },
		  "\"rule.a\" is a rule" },
		{ { { "a", STRINGS("rule.b"), NO_STRINGS, 1, NO_STRINGS },
		    { "b", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS } },
		  "\"rule.b\" is a rule" },
		{ { { "a", STRINGS("rdns.ok"), NO_STRINGS, 1, STRINGS("rdns.nnoe") }, B }, "nearest known one is" },
		{ { { "a", STRINGS("rdns.ok"), NO_STRINGS, 1, STRINGS("rule.b") },
		    { "b", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS } },
		  "is a rule" },
		{ { { "no spaces", STRINGS("rdns.ok"), NO_STRINGS, 1, NO_STRINGS }, B }, "the name of a rule" },
#undef B
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect_fault(NULL, 0, cases[i].rules, 2, cases[i].says);
}

struct warnings {
	const char *says;
	size_t found, all;
};

static void count_warning(void *context, const char *warning)
{
	struct warnings *warnings = context;

	warnings->all++;
	if (warnings->says != NULL && strstr(warning, warnings->says) != NULL)
		warnings->found++;
}

static void idle_parts_are_warned_of(void **state)
{
	struct {
		int thresholds[ACTIONS];
		struct policy_group_settings group;
		struct policy_rule_settings rule;
		const char *says; /* the only warning; NULL: none */
	} cases[] = {
#define GROUP { "g", STRINGS("rdns.none"), OFF, OFF }
#define RULE                                                         \
	{                                                            \
		"r", STRINGS("rdns.none"), NO_STRINGS, 1, NO_STRINGS \
	}
		{ { 0, 5000, OFF, OFF, 10000 }, GROUP, RULE, NULL },
		{ { 0, 5000, 6000, 7000, 26752 }, GROUP, RULE, NULL }, /* everything that costs points, exactly */
		{ { 0, 5000, 6000, 7000, 26753 }, GROUP, RULE, "everything together gives at most 26.752 points" },
		{ { 0, 5000, OFF, OFF, 24000 }, { "g", STRINGS("dnsbl.*"), 17500, OFF }, RULE, "at most 22.752" },
		{ { 0, 10000, OFF, OFF, 10000 }, GROUP, RULE, "the threshold of \"reject\" (severer) is not higher" },
		{ { 0, 5000, 9000, 8000, 10000 }, GROUP, RULE, "the threshold of \"defer\" (severer) is not higher" },
		{ { 0, 0, OFF, OFF, 10000 }, GROUP, RULE, "of which nothing bad is known" },
		{ { 0, 5000, OFF, OFF, OFF },
		  { "g", STRINGS("zero.*", "rdns.ok"), OFF, OFF },
		  RULE,
		  "no fact of the group \"g\"" },
		{ { 0, 5000, OFF, OFF, OFF }, { "g", STRINGS("rule.*"), OFF, OFF }, RULE, NULL },
		{ { 0, 5000, OFF, OFF, OFF },
		  { "g", STRINGS("rdns.*", "spam.*"), OFF, OFF },
		  RULE,
		  "matches \"spam.*\"" },
		{ { 0, 5000, OFF, OFF, OFF },
		  GROUP,
		  { "r", STRINGS("rdns.ok"), NO_STRINGS, 0, NO_STRINGS },
		  "the rule \"r\" has no points" },
		{ { 0, 5000, OFF, OFF, OFF },
		  GROUP,
		  { "r", STRINGS("rdns.ok"), STRINGS("rdns.o*k"), 1, NO_STRINGS },
		  "\"r\" can never hold" },
		{ { 0, 5000, OFF, OFF, OFF },
		  GROUP,
		  { "r", STRINGS("rdns.ok"), STRINGS("x*"), 1, NO_STRINGS },
		  "matches \"x*\"" },
		{ { 0, 5000, OFF, OFF, OFF },
		  GROUP,
		  { "r", STRINGS("rdns.ok"), NO_STRINGS, 0, STRINGS("rdns.none") },
		  NULL },
		{ { 0, 5000, OFF, OFF, OFF },
		  GROUP,
		  { "r", STRINGS("rdns.ok"), NO_STRINGS, 0, STRINGS("zero.one") },
		  "no fact that the rule \"r\" cancels has points" },
#undef GROUP
#undef RULE
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct warnings warnings = { cases[i].says, 0, 0 };
		struct world world;
		open_with(&world, cases[i].thresholds, &cases[i].group, 1, &cases[i].rule, 1);
		assert_non_null(world.policy);
		config_each_warning(world.config, count_warning, &warnings);
		assert_int_equal(warnings.all, cases[i].says != NULL);
		assert_int_equal(warnings.found, cases[i].says != NULL);
		close_world(&world);
	}
}

/* What the default rule names. */
static void add_default_facts(struct world *world)
{
	static const struct {
		const char *check, *name;
		enum fact_kind kind;
		int points_milli;
	} named[] = {
		{ "dkim", "pass_aligned", FACT_QUIET, 0 },      { "spf", "fail", FACT_EVIDENCE, 5000 },
		{ "spf", "softfail", FACT_EVIDENCE, 1500 },     { "spf", "helo_fail", FACT_EVIDENCE, 2000 },
		{ "spf", "helo_softfail", FACT_EVIDENCE, 500 }, { "sender", "own_mail_from", FACT_EVIDENCE, 500 },
	};

	for (size_t i = 0; i < COUNT(named); i++)
		assert_int_not_equal(catalogue_add(world->catalogue, named[i].check, named[i].name, named[i].kind,
		                                   named[i].points_milli, "text", &world->err),
		                     FACT_NO_ID);
}

/* The settings as config_open() reads them, in place of hand-made ones. */
static void reopen_with(struct world *world, const char *const *overrides, size_t n_overrides)
{
	struct config_section section = { "policy", "", policy_rows, policy_n_rows, &world->settings };

	policy_close(&world->policy);
	config_close(&world->config);
	add_default_facts(world);
	world->config = config_open(NULL, overrides, n_overrides, &section, 1, &world->err);
	if (world->config == NULL)
		fail_msg("%s", world->err.text);
	world->policy = policy_open(&world->settings, world->catalogue, world->config, &world->err);
}

static void the_default_policy_is_as_described(void **state)
{
	struct warnings warnings = { NULL, 0, 0 };
	struct factset stated = { { 0 } };
	struct verdict verdict;
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, NULL, 0);
	reopen_with(&world, NULL, 0);
	assert_non_null(world.policy);
	assert_int_equal(world.settings.decide_from, STAGE_RCPT);
	assert_memory_equal(&world.settings.threshold_milli[1], &defaults[1], sizeof(defaults) - sizeof(defaults[0]));
	assert_int_equal(world.settings.groups.n, 0);
	assert_int_equal(world.settings.rules.n, 1);
	config_each_warning(world.config, count_warning, &warnings);
	assert_int_equal(warnings.all, 0);
	/* the one rule: a signature of the author's cancels what SPF says against the message */
	factset_add(&stated, catalogue_find(world.catalogue, "spf.fail"));
	factset_add(&stated, catalogue_find(world.catalogue, "spf.helo_fail"));
	policy_judge(world.policy, &stated, &verdict);
	assert_int_equal(verdict.score_milli, 7000);
	factset_add(&stated, catalogue_find(world.catalogue, "dkim.pass_aligned"));
	policy_judge(world.policy, &stated, &verdict);
	assert_int_equal(verdict.score_milli, 0);
	policy_add_rules(world.policy, &stated);
	assert_true(factset_has(&stated, catalogue_find(world.catalogue, "rule.dkim_vouches")));
	close_world(&world);
}

static void a_configuration_is_read(void **state)
{
	static const char *const overrides[] = {
		"policy.decide_from=eom",
		"policy.defer=7.5",
		"policy.groups=({ name = \"reverse\"; facts = [ \"rdns.*\" ]; cap = 4.0; })",
		"policy.rules=({ name = \"p\"; all = [\"rdns.none\", \"dnsbl.*\"]; none = [\"allow.*\"]; points=1.5 })",
	};
	struct factset stated = { { 0 } };
	struct verdict verdict;
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, NULL, 0);
	reopen_with(&world, overrides, COUNT(overrides));
	assert_non_null(world.policy);
	assert_int_equal(world.settings.decide_from, STAGE_EOM);
	factset_add(&stated, catalogue_find(world.catalogue, "rdns.none"));
	factset_add(&stated, catalogue_find(world.catalogue, "rdns.generic"));
	factset_add(&stated, catalogue_find(world.catalogue, "dnsbl.a.y"));
	policy_judge(world.policy, &stated, &verdict);
	assert_int_equal(verdict.score_milli, 4000 + 2500 + 1500);
	assert_int_equal(verdict.action, ACTION_DEFER);
	assert_int_equal(verdict.threshold_milli, 7500);
	close_world(&world);
}

static void a_fault_names_its_place(void **state)
{
	static const struct {
		const char *override, *place, *says;
	} cases[] = {
		{ "policy.rules=({ name = \"pair\"; all = [ \"rdns.ok\", \"rdns.nnoe\" ]; points = 1.0; })",
		  "policy.rules[0].all[1] = \"rdns.nnoe\"", "nearest known one is \"rdns.none\"" },
		{ "policy.rules=({ name = \"Pair\"; all = [ \"rdns.ok\" ]; points = 1.0; })",
		  "policy.rules[0].name = \"Pair\"", "the name of a rule" },
		{ "policy.groups=({ name = \"a\"; facts = [ \"rdns.*\" ] }, { name = \"b\"; facts = [ \"rdns.ok\" ] })",
		  "policy.groups[1].facts[0] = \"rdns.ok\"", "in the group \"a\" already" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world world;
		open_with(&world, defaults, NULL, 0, NULL, 0);
		reopen_with(&world, &cases[i].override, 1);
		assert_null(world.policy);
		if (strstr(world.err.text, cases[i].place) == NULL || strstr(world.err.text, cases[i].says) == NULL)
			fail_msg("\"%s\" does not name %s", world.err.text, cases[i].place);
		close_world(&world);
	}
}

static void a_warning_names_its_place(void **state)
{
	static const char *const override = "policy.reject=900.0";
	struct warnings warnings = { "policy.reject=900.0: no message can reach this threshold", 0, 0 };
	struct world world;

	(void)state;
	open_with(&world, defaults, NULL, 0, NULL, 0);
	reopen_with(&world, &override, 1);
	assert_non_null(world.policy);
	config_each_warning(world.config, count_warning, &warnings);
	assert_int_equal(warnings.all, 1);
	assert_int_equal(warnings.found, 1);
	close_world(&world);
}

static void names_are_the_conventions(void **state)
{
	static const char *const actions[] = { "accept", "tag", "quarantine", "defer", "reject" };

	(void)state;
	for (int i = 0; i < ACTIONS; i++)
		assert_string_equal(action_name((enum action)i), actions[i]);
	for (size_t i = 0; i < policy_n_rows; i++) {
		assert_true(strlen(policy_rows[i].help) > 40);
		if (strcmp(policy_rows[i].name, "decide_from") != 0)
			continue;
		/* the choices are stages, by their own names: the engine compares them */
		for (int stage = 0; stage < STAGES; stage++)
			assert_string_equal(policy_rows[i].choices[stage], stage_name((enum stage)stage));
		assert_null(policy_rows[i].choices[STAGES]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_checked),        cmocka_unit_test(rules_are_checked),
		cmocka_unit_test(idle_parts_are_warned_of),  cmocka_unit_test(the_default_policy_is_as_described),
		cmocka_unit_test(a_configuration_is_read),   cmocka_unit_test(a_fault_names_its_place),
		cmocka_unit_test(a_warning_names_its_place), cmocka_unit_test(names_are_the_conventions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

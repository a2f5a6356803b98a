/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_world - a catalogue, a configuration and a policy, for the tests of the policy. Include after cmocka.h.
 */
#ifndef MAILREEVE_TESTS_POLICY_WORLD_H
#define MAILREEVE_TESTS_POLICY_WORLD_H

#include <string.h>

#include "base/base.h"
#include "policy/policy.h"

#define OFF CONFIG_OFF
#define STRINGS(...)                                                       \
	{                                                                  \
		COUNT(((const char *[]){ __VA_ARGS__ })), (const char *[]) \
		{                                                          \
			__VA_ARGS__                                        \
		}                                                          \
	}
#define NO_STRINGS      \
	{               \
		0, NULL \
	}

static const struct {
	const char *check, *name;
	enum fact_kind kind;
	int points_milli;
} facts[] = {
	{ "exempt", "network", FACT_EXEMPT, 0 },   { "exempt", "auth", FACT_EXEMPT, 9000 },
	{ "rdns", "none", FACT_EVIDENCE, 3000 },   { "rdns", "generic", FACT_EVIDENCE, 2000 },
	{ "rdns", "ok", FACT_NORMAL, 700 },        { "rdns", "unsure", FACT_UNSURE, 0 },
	{ "dnsbl", "a.x", FACT_EVIDENCE, 4000 },   { "dnsbl", "a.y", FACT_EVIDENCE, 2500 },
	{ "dnsbl", "b.x", FACT_EVIDENCE, 10000 },  { "dnsbl", "b.unsure", FACT_UNSURE, 0 },
	{ "allow", "good", FACT_EVIDENCE, -3000 }, { "allow", "known", FACT_EVIDENCE, -2500 },
	{ "helo", "odd", FACT_EVIDENCE, 1 },       { "helo", "unsure", FACT_UNSURE, 250 },
	{ "zero", "one", FACT_EVIDENCE, 0 },       { "dnsbl", "c.q", FACT_EVIDENCE, 5000 },
};

/* The default thresholds. */
static const int defaults[ACTIONS] = { 0, 5000, OFF, OFF, 10000 };

struct world {
	struct catalogue *catalogue;
	struct config *config;
	struct policy_settings settings, unused;
	struct policy *policy;
	struct err err;
};

static inline void open_with(struct world *world, const int thresholds[ACTIONS], struct policy_group_settings *groups,
                             size_t n_groups, struct policy_rule_settings *rules, size_t n_rules)
{
	struct config_section section = { "policy", "", policy_rows, policy_n_rows, NULL };

	memset(world, 0, sizeof(*world));
	world->catalogue = catalogue_open();
	for (size_t i = 0; i < COUNT(facts); i++)
		assert_int_equal(catalogue_add(world->catalogue, facts[i].check, facts[i].name, facts[i].kind,
		                               facts[i].points_milli, "text", &world->err),
		                 i);
	section.into = &world->unused;
	world->config = config_open(NULL, NULL, 0, &section, 1, &world->err);
	assert_non_null(world->config);
	memcpy(world->settings.threshold_milli, thresholds, sizeof(world->settings.threshold_milli));
	world->settings.groups = (struct config_array){ n_groups, groups };
	world->settings.rules = (struct config_array){ n_rules, rules };
	world->policy = policy_open(&world->settings, world->catalogue, world->config, &world->err);
}

static inline void close_world(struct world *world)
{
	policy_close(&world->policy);
	assert_null(world->policy);
	policy_close(&world->policy);
	config_close(&world->config);
	catalogue_close(&world->catalogue);
}

#endif

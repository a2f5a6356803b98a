/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_internal - what policy.c builds and judge.c reads.
 *
 * Threads: immutable after policy_open().
 * Owns: a policy owns its rules' patterns; names belong to the settings.
 */
#ifndef MAILREEVE_POLICY_POLICY_INTERNAL_H
#define MAILREEVE_POLICY_POLICY_INTERNAL_H

#include "policy/policy.h"

#define POLICY_GROUPS_MAX  64 /* the sums of all groups live on the stack of policy_judge() */
#define POLICY_RULES_MAX   256
#define POLICY_ENTRIES_MAX 256 /* entries of `facts`, `all`, `none` */
#define POLICY_NAME_MAX    32  /* octets of a group's or rule's name */

#define FACTSET_WORDS (FACTS_MAX / 64)

/* Facts in no group have a slot of their own behind the groups, with neither cap nor floor. */
struct policy_slot {
	const char *name;
	int cap_milli, floor_milli; /* CONFIG_OFF: none */
};

struct policy_rule {
	fact_id id;
	uint16_t slot;
	int points_milli;
	struct factset all;       /* each of them */
	struct factset none;      /* not one of them */
	struct factset *patterns; /* of each at least one */
	size_t n_patterns;
	struct factset cancels; /* the points of each of them */
	bool cancels_any;
};

struct policy {
	int threshold_milli[ACTIONS];
	size_t n_words; /* of a factset: behind them no fact has an id */
	int points_milli[FACTS_MAX];
	uint16_t slot_of[FACTS_MAX]; /* slots[n_groups]: in no group */
	struct factset scored;       /* stated by checks, with points other than 0 */
	struct factset exempt;
	struct policy_slot slots[POLICY_GROUPS_MAX + 1];
	size_t n_groups;
	struct policy_rule rules[POLICY_RULES_MAX];
	size_t n_rules;
};

/* Can the rule hold when every fact of `stated`, and any choice from `open`, is stated? */
bool policy_rule_may_hold(const struct policy *policy, const struct policy_rule *rule, const struct factset *stated,
                          const struct factset *open);

#endif

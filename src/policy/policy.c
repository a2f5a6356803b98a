/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "config/nearest.h"
#include "policy/policy_internal.h"

#define RULE_CHECK "rule" /* the check's part of a rule's fact */

struct build {
	struct policy *policy;
	const struct policy_settings *settings;
	struct catalogue *catalogue;
	struct config *config;
	struct err *err;
};

static const struct policy_group_settings *group_at(const struct policy_settings *settings, size_t i)
{
	return (const struct policy_group_settings *)settings->groups.items + i;
}

static const struct policy_rule_settings *rule_at(const struct policy_settings *settings, size_t i)
{
	return (const struct policy_rule_settings *)settings->rules.items + i;
}

/* Where an entry of `facts`, `all` or `none` stands: what config_fault() wants to know. */
static const char *const *entry_at(const struct config_array *entries, size_t i)
{
	return (const char *const *)entries->items + i;
}

/* ---- names and patterns ---- */

static bool is_pattern(const char *entry)
{
	return strchr(entry, '*') != NULL;
}

/* '*' stands for any octets, dots too. After a mismatch only the last '*' needs to take one octet more. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *taken = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			taken = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star + 1;
			name = ++taken;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

static bool is_rule(const struct fact_info *fact)
{
	return fact->kind == FACT_RULE;
}

/*
 * What a pattern of a rule can mean: never another rule; and with an open end ("dnsbl.*") only what speaks for or
 * against the client, so that "any listing" is not fulfilled by a list that did not answer.
 */
static bool suits_rule(const char *pattern, const struct fact_info *fact)
{
	if (pattern[strlen(pattern) - 1] == '*')
		return fact->kind == FACT_EVIDENCE;
	return !is_rule(fact);
}

static size_t add_matching_to_rule(const struct build *build, const char *pattern, struct factset *set)
{
	size_t found = 0;

	for (fact_id id = 0; id < catalogue_count(build->catalogue); id++) {
		const struct fact_info *fact = catalogue_info(build->catalogue, id);
		if (suits_rule(pattern, fact) && matches(pattern, fact->name)) {
			factset_add(set, id);
			found++;
		}
	}
	return found;
}

static const char *nth_fact(const void *context, size_t i)
{
	const struct catalogue *catalogue = context;

	return i < catalogue_count(catalogue) ? catalogue_info(catalogue, (fact_id)i)->name : NULL;
}

static int fault_unknown(const struct build *build, const char *const *entry)
{
	const char *nearest = nearest_name(*entry, nth_fact, build->catalogue);

	if (nearest != NULL)
		return config_fault(build->config, entry, build->err,
		                    "there is no fact \"%s\"; the nearest known one is \"%s\"", *entry, nearest);
	return config_fault(build->config, entry, build->err, "there is no fact \"%s\"", *entry);
}

/* Names that are shown in logs and reports, where every name looks like a fact's. */
static int check_name(const struct build *build, const char *const *name, const char *what)
{
	if ((*name)[0] != '\0' && strlen(*name) <= POLICY_NAME_MAX &&
	    (*name)[strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0')
		return 0;
	return config_fault(build->config, name, build->err,
	                    "the name of a %s consists of 1 to %d of the characters a-z, 0-9, '_', '.' and '-'", what,
	                    POLICY_NAME_MAX);
}

/* ---- rules ---- */

static int add_rule_fact(const struct build *build, const struct policy_rule_settings *settings,
                         struct policy_rule *rule)
{
	char text[POLICY_NAME_MAX + 64];
	struct strbuf buf;
	struct err why = { "" };

	if (check_name(build, &settings->name, "rule") != 0)
		return -1;
	for (size_t i = 0; i < build->policy->n_rules; i++) {
		if (strcmp(rule_at(build->settings, i)->name, settings->name) == 0)
			return config_fault(build->config, &settings->name, build->err,
			                    "there is already a rule of this name: each needs its own");
	}
	strbuf_open(&buf, text, sizeof(text));
	strbuf_addf(&buf, "several findings together (rule %s)", settings->name);
	rule->id = catalogue_add(build->catalogue, RULE_CHECK, settings->name, FACT_RULE, settings->points_milli, text,
	                         &why);
	if (rule->id == FACT_NO_ID)
		return config_fault(build->config, &settings->name, build->err, "%s", why.text);
	rule->points_milli = settings->points_milli;
	build->policy->n_rules++;
	return 0;
}

static int find_for_rule(const struct build *build, const char *const *entry, struct factset *set)
{
	fact_id id = catalogue_find(build->catalogue, *entry);

	if (id == FACT_NO_ID)
		return fault_unknown(build, entry);
	if (is_rule(catalogue_info(build->catalogue, id)))
		return config_fault(build->config, entry, build->err,
		                    "\"%s\" is a rule: a rule can name facts of checks only", *entry);
	factset_add(set, id);
	return 0;
}

/* No error: the pattern may be meant for lists that this configuration has not got (yet). */
static void warn_no_match(const struct build *build, const char *const *entry)
{
	config_warn(build->config, entry, "no fact of this configuration matches \"%s\"", *entry);
}

static int read_all(const struct build *build, const struct policy_rule_settings *settings, struct policy_rule *rule)
{
	const struct config_array *entries = &settings->all;

	if (entries->n == 0)
		return config_fault(build->config, entries, build->err, "a rule needs at least one fact in \"all\"");
	rule->patterns = memory_new(entries->n * sizeof(*rule->patterns));
	for (size_t i = 0; i < entries->n; i++) {
		const char *const *entry = entry_at(entries, i);
		if (!is_pattern(*entry)) {
			if (find_for_rule(build, entry, &rule->all) != 0)
				return -1;
		} else if (add_matching_to_rule(build, *entry, &rule->patterns[rule->n_patterns++]) == 0) {
			warn_no_match(build, entry);
		}
	}
	return 0;
}

/* Every fact that an entry names or matches. */
static int read_facts(const struct build *build, const struct config_array *entries, struct factset *set)
{
	for (size_t i = 0; i < entries->n; i++) {
		const char *const *entry = entry_at(entries, i);
		if (!is_pattern(*entry)) {
			if (find_for_rule(build, entry, set) != 0)
				return -1;
		} else if (add_matching_to_rule(build, *entry, set) == 0) {
			warn_no_match(build, entry);
		}
	}
	return 0;
}

static int read_rule(const struct build *build, const struct policy_rule_settings *settings, struct policy_rule *rule)
{
	rule->cancels_any = settings->cancels.n > 0;
	if (read_all(build, settings, rule) != 0 || read_facts(build, &settings->none, &rule->none) != 0)
		return -1;
	return read_facts(build, &settings->cancels, &rule->cancels);
}

/* All rules' facts come first: groups may hold them, and their patterns must know what is a rule. */
static int add_rules(const struct build *build)
{
	struct policy *policy = build->policy;

	if (build->settings->rules.n > POLICY_RULES_MAX)
		return config_fault(build->config, &build->settings->rules, build->err, "there can be at most %d rules",
		                    POLICY_RULES_MAX);
	for (size_t i = 0; i < build->settings->rules.n; i++) {
		if (add_rule_fact(build, rule_at(build->settings, i), &policy->rules[i]) != 0)
			return -1;
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (read_rule(build, rule_at(build->settings, i), &policy->rules[i]) != 0)
			return -1;
	}
	return 0;
}

/* ---- groups ---- */

static int put_into_group(const struct build *build, const char *const *entry, size_t group, fact_id id)
{
	struct policy *policy = build->policy;
	uint16_t slot = policy->slot_of[id];

	if (slot != policy->n_groups && slot != group)
		return config_fault(build->config, entry, build->err,
		                    "the fact \"%s\" is in the group \"%s\" already: a fact can be in one group only",
		                    catalogue_info(build->catalogue, id)->name, policy->slots[slot].name);
	policy->slot_of[id] = (uint16_t)group;
	return 0;
}

static int put_matching_into_group(const struct build *build, const char *const *entry, size_t group)
{
	size_t found = 0;

	for (fact_id id = 0; id < catalogue_count(build->catalogue); id++) {
		if (!matches(*entry, catalogue_info(build->catalogue, id)->name))
			continue;
		if (put_into_group(build, entry, group, id) != 0)
			return -1;
		found++;
	}
	if (found == 0)
		warn_no_match(build, entry);
	return 0;
}

static int put_named_into_group(const struct build *build, const char *const *entry, size_t group)
{
	fact_id id = catalogue_find(build->catalogue, *entry);

	return id == FACT_NO_ID ? fault_unknown(build, entry) : put_into_group(build, entry, group, id);
}

static int fill_group(const struct build *build, const struct config_array *entries, size_t group)
{
	int failed = 0;

	for (size_t i = 0; i < entries->n && failed == 0; i++) {
		const char *const *entry = entry_at(entries, i);
		failed = is_pattern(*entry) ? put_matching_into_group(build, entry, group)
		                            : put_named_into_group(build, entry, group);
	}
	return failed;
}

static int check_group(const struct build *build, size_t group)
{
	const struct policy_group_settings *settings = group_at(build->settings, group);

	if (check_name(build, &settings->name, "group") != 0)
		return -1;
	for (size_t i = 0; i < group; i++) {
		if (strcmp(group_at(build->settings, i)->name, settings->name) == 0)
			return config_fault(build->config, &settings->name, build->err,
			                    "there is already a group of this name: each needs its own");
	}
	if (settings->cap_milli != CONFIG_OFF && settings->cap_milli < 0)
		return config_fault(build->config, &settings->cap_milli, build->err, "a cap is 0 or more, or \"off\"");
	if (settings->floor_milli != CONFIG_OFF && settings->floor_milli > 0)
		return config_fault(build->config, &settings->floor_milli, build->err,
		                    "a floor is 0 or less, or \"off\"");
	return 0;
}

static int add_groups(const struct build *build)
{
	struct policy *policy = build->policy;
	size_t n = build->settings->groups.n;

	if (n > POLICY_GROUPS_MAX)
		return config_fault(build->config, &build->settings->groups, build->err,
		                    "there can be at most %d groups", POLICY_GROUPS_MAX);
	policy->n_groups = n;
	policy->slots[n] = (struct policy_slot){ .cap_milli = CONFIG_OFF, .floor_milli = CONFIG_OFF };
	for (size_t id = 0; id < FACTS_MAX; id++)
		policy->slot_of[id] = (uint16_t)n;
	for (size_t i = 0; i < n; i++) {
		const struct policy_group_settings *settings = group_at(build->settings, i);
		policy->slots[i] = (struct policy_slot){ settings->name, settings->cap_milli, settings->floor_milli };
		if (check_group(build, i) != 0 || fill_group(build, &settings->facts, i) != 0)
			return -1;
	}
	for (size_t i = 0; i < policy->n_rules; i++)
		policy->rules[i].slot = policy->slot_of[policy->rules[i].id];
	return 0;
}

/* ---- points ---- */

static void take_points(const struct build *build)
{
	struct policy *policy = build->policy;

	policy->n_words = (catalogue_count(build->catalogue) + 63) / 64;
	for (fact_id id = 0; id < catalogue_count(build->catalogue); id++) {
		const struct fact_info *fact = catalogue_info(build->catalogue, id);
		if (fact->kind == FACT_EXEMPT)
			factset_add(&policy->exempt, id);
		if (fact_has_points(fact->kind) && fact->points_milli != 0) {
			policy->points_milli[id] = fact->points_milli;
			factset_add(&policy->scored, id);
		}
	}
}

/* ---- warnings ---- */

static void warn_of_idle_cancels(const struct build *build, const struct policy_rule_settings *settings,
                                 const struct policy_rule *rule)
{
	const struct policy *policy = build->policy;

	if (!rule->cancels_any)
		return;
	for (size_t i = 0; i < policy->n_words; i++) {
		if ((rule->cancels.bits[i] & policy->scored.bits[i]) != 0)
			return;
	}
	config_warn(build->config, entry_at(&settings->cancels, 0),
	            "no fact that the rule \"%s\" cancels has points: it changes no score", settings->name);
}

static void warn_of_idle_rules(const struct build *build, const struct factset *everything)
{
	const struct policy *policy = build->policy;
	static const struct factset nothing;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule_settings *settings = rule_at(build->settings, i);
		if (!policy_rule_may_hold(policy, &policy->rules[i], &nothing, everything))
			config_warn(build->config, settings, "the rule \"%s\" can never hold", settings->name);
		if (settings->points_milli == 0 && settings->cancels.n == 0)
			config_warn(build->config, &settings->points_milli,
			            "the rule \"%s\" has no points: it changes no score", settings->name);
		warn_of_idle_cancels(build, settings, &policy->rules[i]);
	}
}

static void warn_of_idle_groups(const struct build *build)
{
	const struct policy *policy = build->policy;
	bool has_points[POLICY_GROUPS_MAX + 1] = { false };

	for (size_t id = 0; id < FACTS_MAX; id++) {
		if (policy->points_milli[id] != 0)
			has_points[policy->slot_of[id]] = true;
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].points_milli != 0)
			has_points[policy->rules[i].slot] = true;
	}
	for (size_t i = 0; i < policy->n_groups; i++) {
		const struct policy_group_settings *settings = group_at(build->settings, i);
		if (!has_points[i])
			config_warn(build->config, settings,
			            "no fact of the group \"%s\" has points: it changes no score", settings->name);
	}
}

static void warn_of_order(const struct build *build, enum action action)
{
	const int *thresholds = build->settings->threshold_milli;

	for (enum action severer = action + 1; severer <= ACTION_REJECT; severer++) {
		if (thresholds[severer] != CONFIG_OFF && thresholds[severer] <= thresholds[action]) {
			config_warn(build->config, &thresholds[action],
			            "this action is never taken: the threshold of \"%s\" (severer) is not higher",
			            action_name(severer));
			return;
		}
	}
}

static void warn_of_thresholds(const struct build *build, const struct factset *everything)
{
	const int *thresholds = build->settings->threshold_milli;
	static const struct factset nothing;
	struct bounds bounds;
	struct strbuf buf;
	char most[32];

	policy_bounds(build->policy, &nothing, everything, &bounds);
	strbuf_open(&buf, most, sizeof(most));
	strbuf_add_points(&buf, bounds.high_milli);
	for (enum action action = ACTION_TAG; action <= ACTION_REJECT; action++) {
		if (thresholds[action] == CONFIG_OFF)
			continue;
		if (thresholds[action] > bounds.high_milli)
			config_warn(build->config, &thresholds[action],
			            "no message can reach this threshold: everything together gives at most %s points",
			            most);
		if (thresholds[action] <= 0)
			config_warn(build->config, &thresholds[action],
			            "a message of which nothing bad is known reaches this threshold");
		warn_of_order(build, action);
	}
}

static void warn(const struct build *build)
{
	struct factset everything = { { 0 } };

	for (fact_id id = 0; id < catalogue_count(build->catalogue); id++) {
		enum fact_kind kind = catalogue_info(build->catalogue, id)->kind;
		if (kind != FACT_EXEMPT && kind != FACT_RULE)
			factset_add(&everything, id);
	}
	warn_of_idle_rules(build, &everything);
	warn_of_idle_groups(build);
	warn_of_thresholds(build, &everything);
}

/* ---- open and close ---- */

struct policy *policy_open(const struct policy_settings *settings, struct catalogue *catalogue, struct config *config,
                           struct err *err)
{
	struct policy *policy = memory_new(sizeof(*policy));
	struct build build = { policy, settings, catalogue, config, err };

	memcpy(policy->threshold_milli, settings->threshold_milli, sizeof(policy->threshold_milli));
	if (add_rules(&build) != 0 || add_groups(&build) != 0) {
		policy_close(&policy);
		return NULL;
	}
	take_points(&build);
	warn(&build);
	return policy;
}

void policy_close(struct policy **policy)
{
	if (*policy == NULL)
		return;
	for (size_t i = 0; i < (*policy)->n_rules; i++)
		free((*policy)->rules[i].patterns);
	free(*policy);
	*policy = NULL;
}

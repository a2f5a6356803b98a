/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>

#include "policy/policy_internal.h"

/* Sums are made in 64 bits, where a full catalogue fits; scores saturate. CONFIG_OFF (INT_MIN) is no score. */
#define SCORE_MIN (INT_MIN + 1)
#define SCORE_MAX INT_MAX

struct sums {
	int64_t of[POLICY_GROUPS_MAX + 1];
};

const char *action_name(enum action action)
{
	static const char *const names[ACTIONS] = {
		[ACTION_ACCEPT] = "accept", [ACTION_TAG] = "tag",       [ACTION_QUARANTINE] = "quarantine",
		[ACTION_DEFER] = "defer",   [ACTION_REJECT] = "reject",
	};

	return (size_t)action < ACTIONS ? names[action] : "unknown";
}

/* ---- sets ---- */

static bool intersects(const struct policy *policy, const struct factset *a, const struct factset *b)
{
	uint64_t common = 0;

	for (size_t i = 0; i < policy->n_words; i++)
		common |= a->bits[i] & b->bits[i];
	return common != 0;
}

static bool contains(const struct policy *policy, const struct factset *set, const struct factset *part)
{
	uint64_t missing = 0;

	for (size_t i = 0; i < policy->n_words; i++)
		missing |= part->bits[i] & ~set->bits[i];
	return missing == 0;
}

/* The first fact in both; FACT_NO_ID: none. */
static fact_id first_common(const struct policy *policy, const struct factset *a, const struct factset *b)
{
	for (size_t i = 0; i < policy->n_words; i++) {
		uint64_t common = a->bits[i] & b->bits[i];
		if (common != 0)
			return (fact_id)(i * 64 + (size_t)__builtin_ctzll(common));
	}
	return FACT_NO_ID;
}

/* ---- sums ---- */

static int64_t clamp(const struct policy_slot *slot, int64_t sum)
{
	if (slot->cap_milli != CONFIG_OFF && sum > slot->cap_milli)
		return slot->cap_milli;
	if (slot->floor_milli != CONFIG_OFF && sum < slot->floor_milli)
		return slot->floor_milli;
	return sum;
}

static int64_t total(const struct policy *policy, const struct sums *sums)
{
	int64_t score = 0;

	for (size_t slot = 0; slot <= policy->n_groups; slot++)
		score += clamp(&policy->slots[slot], sums->of[slot]);
	return score;
}

static int saturated(int64_t score)
{
	if (score > SCORE_MAX)
		return SCORE_MAX;
	return score < SCORE_MIN ? SCORE_MIN : (int)score;
}

/* The points of what is stated, and not cancelled. */
static void add_facts(const struct policy *policy, const struct factset *stated, const struct factset *cancelled,
                      struct sums *sums)
{
	for (size_t i = 0; i < policy->n_words; i++) {
		for (uint64_t left = stated->bits[i] & ~cancelled->bits[i] & policy->scored.bits[i]; left != 0;
		     left &= left - 1) {
			size_t id = i * 64 + (size_t)__builtin_ctzll(left);
			sums->of[policy->slot_of[id]] += policy->points_milli[id];
		}
	}
}

/* ---- rules ---- */

static bool has_all(const struct policy *policy, const struct policy_rule *rule, const struct factset *stated)
{
	if (!contains(policy, stated, &rule->all))
		return false;
	for (size_t i = 0; i < rule->n_patterns; i++) {
		if (!intersects(policy, stated, &rule->patterns[i]))
			return false;
	}
	return true;
}

static bool rule_holds(const struct policy *policy, const struct policy_rule *rule, const struct factset *stated)
{
	return has_all(policy, rule, stated) && !intersects(policy, stated, &rule->none);
}

bool policy_rule_may_hold(const struct policy *policy, const struct policy_rule *rule, const struct factset *stated,
                          const struct factset *open)
{
	struct factset best;

	if (intersects(policy, stated, &rule->none))
		return false;
	for (size_t i = 0; i < policy->n_words; i++)
		best.bits[i] = (stated->bits[i] | open->bits[i]) & ~rule->none.bits[i];
	return has_all(policy, rule, &best);
}

static bool rule_must_hold(const struct policy *policy, const struct policy_rule *rule, const struct factset *stated,
                           const struct factset *open)
{
	return rule_holds(policy, rule, stated) && !intersects(policy, open, &rule->none);
}

static void add_cancels(const struct policy *policy, const struct policy_rule *rule, struct factset *cancelled)
{
	for (size_t i = 0; rule->cancels_any && i < policy->n_words; i++)
		cancelled->bits[i] |= rule->cancels.bits[i];
}

/* The sums of what is stated, as if there were no rule `without` (NULL: all count). */
static void add_all(const struct policy *policy, const struct factset *stated, const struct policy_rule *without,
                    struct sums *sums)
{
	struct factset cancelled = { { 0 } };

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		if (rule == without || !rule_holds(policy, rule, stated))
			continue;
		sums->of[rule->slot] += rule->points_milli;
		add_cancels(policy, rule, &cancelled);
	}
	add_facts(policy, stated, &cancelled, sums);
}

void policy_cancelled(const struct policy *policy, const struct factset *stated, struct factset *cancelled)
{
	*cancelled = (struct factset){ { 0 } };
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].cancels_any && rule_holds(policy, &policy->rules[i], stated))
			add_cancels(policy, &policy->rules[i], cancelled);
	}
	for (size_t i = 0; i < policy->n_words; i++)
		cancelled->bits[i] &= stated->bits[i] & policy->scored.bits[i];
}

void policy_add_rules(const struct policy *policy, struct factset *set)
{
	/* No rule looks at another's fact: adding to the set as we go changes nothing for the next. */
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (rule_holds(policy, &policy->rules[i], set))
			factset_add(set, policy->rules[i].id);
	}
}

/* ---- verdict ---- */

static enum action action_for(const struct policy *policy, int64_t score)
{
	enum action action = ACTION_REJECT;

	while (action > ACTION_ACCEPT &&
	       (policy->threshold_milli[action] == CONFIG_OFF || score < policy->threshold_milli[action]))
		action--;
	return action;
}

static int lowest_not_reached(const struct policy *policy, int64_t score)
{
	int lowest = CONFIG_OFF;

	for (enum action action = ACTION_TAG; action <= ACTION_REJECT; action++) {
		int threshold = policy->threshold_milli[action];
		if (threshold != CONFIG_OFF && threshold > score && (lowest == CONFIG_OFF || threshold < lowest))
			lowest = threshold;
	}
	return lowest;
}

static int64_t score_without(const struct policy *policy, const struct factset *stated, const struct policy_rule *rule,
                             const struct sums *sums, int64_t score)
{
	const struct policy_slot *slot = &policy->slots[rule->slot];
	const int64_t sum = sums->of[rule->slot];
	struct sums others = { 0 };

	if (!rule->cancels_any)
		return score - clamp(slot, sum) + clamp(slot, sum - rule->points_milli);
	add_all(policy, stated, rule, &others);
	return total(policy, &others);
}

/* Of the rules without which a milder action would have been taken the one that weighs most; FACT_NO_ID: none. */
static fact_id deciding_rule(const struct policy *policy, const struct factset *stated, const struct sums *sums,
                             enum action action)
{
	int64_t score = total(policy, sums), lowest = score;
	fact_id decisive = FACT_NO_ID;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		int64_t without = score_without(policy, stated, rule, sums, score);
		if (without < lowest && action_for(policy, without) < action && rule_holds(policy, rule, stated)) {
			lowest = without;
			decisive = rule->id;
		}
	}
	return decisive;
}

void policy_judge(const struct policy *policy, const struct factset *stated, struct verdict *verdict)
{
	struct sums sums = { 0 };
	int64_t score;

	add_all(policy, stated, NULL, &sums);
	score = total(policy, &sums);
	verdict->score_milli = saturated(score);
	verdict->decided_by = first_common(policy, stated, &policy->exempt);
	verdict->action = verdict->decided_by != FACT_NO_ID ? ACTION_ACCEPT : action_for(policy, score);
	if (verdict->decided_by == FACT_NO_ID)
		verdict->decided_by = deciding_rule(policy, stated, &sums, verdict->action);
	verdict->threshold_milli = verdict->action != ACTION_ACCEPT ? policy->threshold_milli[verdict->action]
	                                                            : lowest_not_reached(policy, score);
}

/* ---- bounds ---- */

/* The facts whose points the rules take out: those that hold for certain, and those that may hold. */
struct cancels {
	struct factset must, may; /* must is a part of may */
};

/* What is not known yet moves the side towards which its points go. */
static void widen(struct sums *low, struct sums *high, size_t slot, int points_milli)
{
	if (points_milli < 0)
		low->of[slot] += points_milli;
	else
		high->of[slot] += points_milli;
}

/* What may be stated, and what is stated and may be cancelled; never what must be cancelled. */
static void widen_by_facts(const struct policy *policy, const struct factset *stated, const struct factset *open,
                           const struct cancels *cancels, struct sums *low, struct sums *high)
{
	for (size_t i = 0; i < policy->n_words; i++) {
		const uint64_t in_doubt = (open->bits[i] & ~stated->bits[i]) | (stated->bits[i] & cancels->may.bits[i]);
		for (uint64_t left = in_doubt & ~cancels->must.bits[i] & policy->scored.bits[i]; left != 0;
		     left &= left - 1) {
			size_t id = i * 64 + (size_t)__builtin_ctzll(left);
			widen(low, high, policy->slot_of[id], policy->points_milli[id]);
		}
	}
}

static void widen_by_rules(const struct policy *policy, const struct factset *stated, const struct factset *open,
                           struct cancels *cancels, struct sums *low, struct sums *high)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		if (rule_must_hold(policy, rule, stated, open)) {
			low->of[rule->slot] += rule->points_milli;
			high->of[rule->slot] += rule->points_milli;
			add_cancels(policy, rule, &cancels->must);
			add_cancels(policy, rule, &cancels->may);
		} else if (policy_rule_may_hold(policy, rule, stated, open)) {
			widen(low, high, rule->slot, rule->points_milli);
			add_cancels(policy, rule, &cancels->may);
		}
	}
}

void policy_bounds(const struct policy *policy, const struct factset *stated, const struct factset *open,
                   struct bounds *bounds)
{
	struct sums low = { 0 }, high = { 0 };
	struct cancels cancels = { { { 0 } }, { { 0 } } };
	int64_t lowest, highest;

	widen_by_rules(policy, stated, open, &cancels, &low, &high);
	add_facts(policy, stated, &cancels.may, &low);
	add_facts(policy, stated, &cancels.may, &high);
	widen_by_facts(policy, stated, open, &cancels, &low, &high);
	lowest = total(policy, &low);
	highest = total(policy, &high);
	bounds->low_milli = saturated(lowest);
	bounds->high_milli = saturated(highest);
	bounds->mildest = action_for(policy, lowest);
	bounds->severest = action_for(policy, highest);
	if (intersects(policy, stated, &policy->exempt))
		bounds->mildest = bounds->severest = ACTION_ACCEPT;
	else if (intersects(policy, open, &policy->exempt))
		bounds->mildest = ACTION_ACCEPT;
	bounds->final = bounds->mildest == bounds->severest;
}

/* ---- groups ---- */

size_t policy_n_groups(const struct policy *policy)
{
	return policy->n_groups;
}

void policy_group_score(const struct policy *policy, size_t group, const struct factset *stated,
                        struct group_score *score)
{
	struct sums sums = { 0 };

	add_all(policy, stated, NULL, &sums);
	score->name = policy->slots[group].name;
	score->sum_milli = saturated(sums.of[group]);
	score->score_milli = saturated(clamp(&policy->slots[group], sums.of[group]));
}

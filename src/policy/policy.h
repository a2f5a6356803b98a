/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy - evidence and configuration in, points and verdict out. Pure: no clock, no I/O, no allocation once open.
 *
 * Threads: immutable after policy_open(); policy_judge() and policy_bounds() from any thread.
 * Owns: what policy_open() allocated; the settings must outlive it.
 *
 * score = sum over groups of clamp(sum of the group's facts, floor, cap) + facts in no group.
 *   A fact belongs to at most one group. FACT_NORMAL and FACT_EXEMPT have no points, whatever the catalogue says.
 *   Sums saturate (at INT_MIN + 1 and INT_MAX).
 * A rule (combination) is a fact of its own, "rule.NAME": it holds when every entry of `all` is fulfilled and none of
 *   `none`. Rules look at facts of checks only, never at other rules; a group may contain rules.
 * A rule that holds takes the points of the facts in `cancels` out of the score: they were stated, and count 0.
 * In a pattern '*' stands for any octets; any one fact that it matches fulfils it. A rule's pattern that ends in '*'
 *   ("dnsbl.*") means FACT_EVIDENCE only: a list that did not answer is no listing. In a group it means every kind.
 * Action = the severest whose threshold the score has reached (score >= threshold). Any FACT_EXEMPT stated: accept.
 */
#ifndef MAILREEVE_POLICY_POLICY_H
#define MAILREEVE_POLICY_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "config/config.h"
#include "evidence/fact.h"
#include "mail/stage.h"

#define POLICY_POINTS_MAX_MILLI 1000000 /* 1,000 points: limit of every configured figure */

/* In order of severity. */
enum action { ACTION_ACCEPT, ACTION_TAG, ACTION_QUARANTINE, ACTION_DEFER, ACTION_REJECT };
#define ACTIONS 5

/* "accept", "tag", "quarantine", "defer", "reject". */
const char *action_name(enum action action);

/* The section "policy" of the configuration. */
struct policy_group_settings {
	const char *name;
	struct config_array facts; /* strings: "rdns.none", "rdns.*", "rule.*" */
	int cap_milli;             /* CONFIG_OFF: none; else >= 0 */
	int floor_milli;           /* CONFIG_OFF: none; else <= 0 */
};

struct policy_rule_settings {
	const char *name;
	struct config_array all, none; /* strings: full fact names, or patterns "dnsbl.*" (any one of them) */
	int points_milli;
	struct config_array cancels; /* strings, the same: each of them */
};

struct policy_settings {
	int decide_from;              /* enum stage; HEADERS is as good as EOM: nothing is refused between them */
	int threshold_milli[ACTIONS]; /* [ACTION_TAG] .. [ACTION_REJECT]; CONFIG_OFF: that action is never taken */
	struct config_array groups;   /* of struct policy_group_settings */
	struct config_array rules;    /* of struct policy_rule_settings */
};

/*
 * Rows of the section, for the schema: "decide_from" (choices in the order of enum stage), "tag", "quarantine",
 * "defer", "reject", "groups", "rules".
 */
extern const struct config_row policy_rows[];
extern const size_t policy_n_rows;

struct policy;

/*
 * Build from settings; the catalogue must hold every check's facts; the rules' facts ("rule.NAME") are added to it.
 * Errors (through config_fault): unknown facts in groups and rules (with the nearest known name), a fact in two groups,
 * a cap below 0, a floor above 0, duplicate or malformed names, a rule with nothing in `all`, a rule that names a rule.
 * Warnings (config_warn): a threshold that no evidence can reach or that every message reaches, thresholds out of order
 * so that an action can never be taken, a pattern that matches nothing, a rule that can never hold, a group or rule
 * whose points are all zero. NULL on error: the catalogue is then of no further use.
 */
struct policy *policy_open(const struct policy_settings *settings, struct catalogue *catalogue, struct config *config,
                           struct err *err);
void policy_close(struct policy **policy);

struct verdict {
	enum action action;
	int score_milli;
	int threshold_milli; /* the one that was reached; for ACCEPT the lowest that was not; CONFIG_OFF: none */
	/* The (first) exemption; or the rule without which a milder action would have been taken (of several the one
	 * without which the score is lowest); FACT_NO_ID: the score. */
	fact_id decided_by;
};

/* Judge a set of facts (stated by checks; rules are worked out here). */
void policy_judge(const struct policy *policy, const struct factset *stated, struct verdict *verdict);

/* Which rules hold for these facts (for logs and headers): adds their ids to `set`, which holds the stated facts. */
void policy_add_rules(const struct policy *policy, struct factset *set);

/* Those of the stated facts whose points (other than 0) the rules that hold take out of the score. */
void policy_cancelled(const struct policy *policy, const struct factset *stated, struct factset *cancelled);

struct bounds {
	int low_milli, high_milli;     /* the score will be between these (both inclusive), unless exempt */
	enum action mildest, severest; /* every action that is still possible lies between these */
	bool final;                    /* mildest == severest: nothing that is open can change the action */
};

/*
 * What is still possible when each fact of `open` (not yet known; may overlap with `stated`) may or may not be stated
 * later?
 * Sound for every order and subset: the verdict on the whole always lies within. Without rules exact; with rules each
 * rule's possibility is exact by itself, but two rules that exclude each other are not seen as such, nor that a fact
 * which a rule asks for and another one that it cancels go together.
 */
void policy_bounds(const struct policy *policy, const struct factset *stated, const struct factset *open,
                   struct bounds *bounds);

/*
 * The points of each group, for reports: the sum before and after clamping. Groups are numbered from 0 to
 * policy_n_groups() - 1, in the order of the configuration.
 */
size_t policy_n_groups(const struct policy *policy);
struct group_score {
	const char *name;
	int sum_milli;   /* before */
	int score_milli; /* after clamping */
};
void policy_group_score(const struct policy *policy, size_t group, const struct factset *stated,
                        struct group_score *score);

#endif

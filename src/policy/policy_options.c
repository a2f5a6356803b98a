/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "policy/policy_internal.h"

/* Spelt and numbered as enum stage: the value of decide_from is a stage. */
static const char *const stages[] = { "connect", "helo", "mail", "rcpt", "headers", "eom", NULL };

_Static_assert(COUNT(stages) == STAGES + 1, "decide_from has a choice for every stage");

/* Forwarding breaks SPF, and leaves signatures whole. */
#define DEFAULT_RULES                                                                              \
	"( { name = \"dkim_vouches\"; all = [ \"dkim.pass_aligned\" ]; none = [ ]; points = 0.0; " \
	"cancels = [ \"spf.fail\", \"spf.softfail\", \"spf.helo_fail\", \"spf.helo_softfail\", \"sender.own_mail_from\" ]; } )"

static const struct config_row group_rows[] = {
	{
		.name = "name",
		.type = CONFIG_STRING,
		.offset = offsetof(struct policy_group_settings, name),
		.min = 1,
		.max = POLICY_NAME_MAX,
		.help = "The group's name, as reports show it: letters a-z, digits, '_', '.' and '-'.",
	},
	{
		.name = "facts",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct policy_group_settings, facts),
		.min = 1,
		.max = POLICY_ENTRIES_MAX,
		.help = "The facts that belong together: full names such as \"rdns.none\", or patterns in which '*' "
			"stands for anything, such as \"rdns.*\" or \"rule.*\". A fact can be in one group only.",
	},
	{
		.name = "cap",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_group_settings, cap_milli),
		.min = 0,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = "\"off\"",
		.help = "The most points that the group's facts can add up to, however many of them were found; "
			"\"off\": no limit.",
	},
	{
		.name = "floor",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_group_settings, floor_milli),
		.min = -POLICY_POINTS_MAX_MILLI,
		.max = 0,
		.fallback = "\"off\"",
		.help = "The most that the group's facts can take off the score, as a figure of 0 or below: with "
			"-3.0 a sender gains three points at most. \"off\": no limit.",
	},
};

static const struct config_row rule_rows[] = {
	{
		.name = "name",
		.type = CONFIG_STRING,
		.offset = offsetof(struct policy_rule_settings, name),
		.min = 1,
		.max = POLICY_NAME_MAX,
		.help = "The rule's name: letters a-z, digits, '_', '.' and '-'. Logs and headers show it as "
			"\"rule.NAME\".",
	},
	{
		.name = "all",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct policy_rule_settings, all),
		.min = 1,
		.max = POLICY_ENTRIES_MAX,
		.help = "Every one of these facts must have been found. A pattern such as \"dnsbl.*\" means: any one "
			"of the facts that it matches. A pattern that ends in '*' does not match findings that "
			"nothing is wrong or that there was no answer; name those in full.",
	},
	{
		.name = "none",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct policy_rule_settings, none),
		.min = 0,
		.max = POLICY_ENTRIES_MAX,
		.fallback = "[]",
		.help = "The rule does not hold when one of these facts, or any fact that a pattern here matches, "
			"has been found.",
	},
	{
		.name = "points",
		.type = CONFIG_POINTS,
		.offset = offsetof(struct policy_rule_settings, points_milli),
		.min = -POLICY_POINTS_MAX_MILLI,
		.max = POLICY_POINTS_MAX_MILLI,
		.help = "Points added to the score, beside those of the facts themselves, when the rule holds; a "
			"figure below 0 lowers the score.",
	},
	{
		.name = "cancels",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct policy_rule_settings, cancels),
		.min = 0,
		.max = POLICY_ENTRIES_MAX,
		.fallback = "[]",
		.help = "When the rule holds, the points of these facts, or of any fact that a pattern here matches, do "
			"not count.",
	},
};

static const struct config_list group_list = { group_rows, COUNT(group_rows), sizeof(struct policy_group_settings) };
static const struct config_list rule_list = { rule_rows, COUNT(rule_rows), sizeof(struct policy_rule_settings) };

const struct config_row policy_rows[] = {
	{
		.name = "decide_from",
		.type = CONFIG_ENUM,
		.offset = offsetof(struct policy_settings, decide_from),
		.fallback = "\"rcpt\"",
		.choices = stages,
		.help = "The first stage of the SMTP conversation at which a message may be refused. Before \"rcpt\" "
			"the log cannot say whose mail was refused, and postmaster cannot be reached; \"headers\" is "
			"the same as \"eom\", the end of the message.",
	},
	{
		.name = "tag",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_settings, threshold_milli[ACTION_TAG]),
		.min = 0,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = "5.0",
		.help = "A message with this score or a higher one is delivered with headers that mark it as spam; "
			"\"off\": never.",
	},
	{
		.name = "quarantine",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_settings, threshold_milli[ACTION_QUARANTINE]),
		.min = 0,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = "\"off\"",
		.help = "A message with this score or a higher one is held in the mail server's quarantine until a "
			"person looks at it; \"off\": never.",
	},
	{
		.name = "defer",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_settings, threshold_milli[ACTION_DEFER]),
		.min = 0,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = "\"off\"",
		.help = "A message with this score or a higher one is refused for now (code 451 or 450): the sender's "
			"server tries again later; \"off\": never.",
	},
	{
		.name = "reject",
		.type = CONFIG_POINTS_OR_OFF,
		.offset = offsetof(struct policy_settings, threshold_milli[ACTION_REJECT]),
		.min = 0,
		.max = POLICY_POINTS_MAX_MILLI,
		.fallback = "10.0",
		.help = "A message with this score or a higher one is refused (code 550), and its sender is told "
			"why; \"off\": never.",
	},
	{
		.name = "groups",
		.type = CONFIG_LIST,
		.offset = offsetof(struct policy_settings, groups),
		.min = 0,
		.max = POLICY_GROUPS_MAX,
		.fallback = "()",
		.list = &group_list,
		.help = "Facts that belong together, with limits on what they can add to the score or take off it "
			"together.",
	},
	{
		.name = "rules",
		.type = CONFIG_LIST,
		.offset = offsetof(struct policy_settings, rules),
		.min = 0,
		.max = POLICY_RULES_MAX,
		.fallback = DEFAULT_RULES,
		.list = &rule_list,
		.help = "Combinations: extra points, or fewer, for facts that say more together than each does alone. The "
			"default is one rule: a DKIM signature of the author's domain cancels the points of an SPF fail. "
			"Setting the option replaces it.",
	},
};

const size_t policy_n_rows = COUNT(policy_rows);

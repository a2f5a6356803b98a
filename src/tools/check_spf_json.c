/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "tools/check_spf.h"
#include "tools/json.h"

#define V6_BITS_NONE 129 /* as spf_width.v6_bits */

static const char *const kinds[] = {
	[SPF_STEP_RECORD] = "record", [SPF_STEP_TERM] = "term",   [SPF_STEP_REDIRECT] = "redirect",
	[SPF_STEP_EXP] = "exp",       [SPF_STEP_GUESS] = "guess",
};
static const char *const outcomes[] = {
	[SPF_NO_MATCH] = "no match",
	[SPF_MATCH] = "match",
	[SPF_ERROR] = "error",
};
static const char *const statuses[] = {
	[DNS_PENDING] = "pending",
	[DNS_FOUND] = "found",
	[DNS_NONE] = "none",
	[DNS_UNSURE] = "unsure",
};

static void add_budget(struct json_node *node, uint64_t terms, uint64_t voids, uint64_t queries)
{
	json_node_add_number(node, "lookups", terms);
	json_node_add_number(node, "void_lookups", voids);
	json_node_add_number(node, "queries", queries);
}

static void add_step(struct json_node *list, const struct spf_step *step)
{
	struct json_node *node = json_node_add_object(list, NULL);

	json_node_add_text(node, "kind", kinds[step->kind]);
	json_node_add_number(node, "depth", step->depth);
	json_node_add_text(node, "text", step->text);
	json_node_add_text(node, "outcome", outcomes[step->outcome]);
	if (*step->name) {
		struct json_node *question = json_node_add_object(node, "question");
		json_node_add_text(question, "name", step->name);
		json_node_add_text(question, "type", dns_type_name(step->type));
		json_node_add_text(question, "status", statuses[step->status]);
		json_node_add_text(question, "why", dns_why_name(step->why));
		json_node_add_text(question, "answer", step->answer);
	} else {
		json_node_add_null(node, "question");
	}
	add_budget(node, step->terms, step->voids, step->queries);
}

static void add_width(struct json_node *root, const struct spf_width *width)
{
	struct json_node *node = json_node_add_object(root, "width");

	json_node_add_bool(node, "all", width->all);
	json_node_add_text(node, "term", width->term);
	json_node_add_number(node, "addresses", width->addresses);
	if (width->v6_bits < V6_BITS_NONE)
		json_node_add_number(node, "v6_bits", width->v6_bits);
	else
		json_node_add_null(node, "v6_bits");
}

static void add_query(struct json_node *root, const struct spf_report *report)
{
	char ip[IP_TEXT_MAX];

	json_node_add_text(root, "identity", spf_identity_name(report->result->identity));
	json_node_add_text(root, "scope", spf_scope_name(report->query->scope));
	json_node_add_text(root, "ip", ip_format(&report->query->client, ip));
	json_node_add_text(root, "helo", report->query->helo);
	if (report->options->from)
		json_node_add_text(root, "from", report->options->from);
	else
		json_node_add_null(root, "from");
	json_node_add_text(root, "receiver", report->query->receiver);
	json_node_add_text(root, "domain", report->result->domain);
	json_node_add_text(root, "sender", report->result->sender);
}

static void add_result(struct json_node *root, const struct spf_report *report)
{
	const struct spf_result *result = report->result;

	json_node_add_text(root, "result", spf_code_name(result->code));
	json_node_add_bool(root, "guessed", result->guessed);
	json_node_add_text(root, "mechanism", result->mechanism);
	json_node_add_text(root, "explanation", result->explanation);
	json_node_add_text(root, "problem", result->problem);
	json_node_add_text(root, "why", dns_why_name(result->why));
	add_budget(root, result->terms, result->voids, result->queries);
	json_node_add_number(root, "asked_ahead", result->asked_ahead);
}

static void add_limits(struct json_node *root, const struct spf_limits *limits)
{
	add_budget(json_node_add_object(root, "limits"), (uint64_t)limits->terms_max, (uint64_t)limits->void_max,
	           (uint64_t)limits->queries_max);
}

int spf_report_print_json(const struct spf_report *report, FILE *out)
{
	struct json_node *root = json_node_open();
	struct json_node *steps;
	int written;

	add_query(root, report);
	add_result(root, report);
	add_limits(root, report->limits);
	add_width(root, &report->result->width);
	steps = json_node_add_list(root, "steps");
	for (const struct spf_step *step = report->result->steps; step; step = step->next)
		add_step(steps, step);
	written = json_node_print(root, out);
	json_node_close(&root);
	return written;
}

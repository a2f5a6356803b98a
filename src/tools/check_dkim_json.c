/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/strbuf.h"
#include "tools/check_dkim.h"
#include "tools/json.h"

#define RECORD_OCTETS 4096 /* of a key record that are shown */

static const char *const canons[] = { [DKIM_SIMPLE] = "simple", [DKIM_RELAXED] = "relaxed" };
static const char *const statuses[] = {
	[DNS_PENDING] = "unsure",
	[DNS_FOUND] = "found",
	[DNS_NONE] = "none",
	[DNS_UNSURE] = "unsure",
};
static const char *const from_states[] = {
	[FROM_MISSING] = "missing", [FROM_SEVERAL] = "several", [FROM_INVALID] = "invalid",
	[FROM_MANY] = "many",       [FROM_FINE] = "fine",
};

static void add_text_or_null(struct json_node *node, const char *key, const char *text)
{
	if (text)
		json_node_add_text(node, key, text);
	else
		json_node_add_null(node, key);
}

static void add_number_or_null(struct json_node *node, const char *key, bool there, uint64_t number)
{
	if (there)
		json_node_add_number(node, key, number);
	else
		json_node_add_null(node, key);
}

/* ---- a signature ---- */

static void add_traits(struct json_node *node, const struct dkim_result *result)
{
	struct json_node *list = json_node_add_list(node, "traits");
	const char *word;
	size_t offset = 0;

	while ((word = dkim_trait_next(result->traits, &offset)) != NULL)
		json_node_add_text(list, NULL, word);
}

static void add_names(struct json_node *node, const struct dkim_story *story, const struct dkim_report *report)
{
	struct json_node *lists[2]; /* not there, there */
	size_t covered = 0;

	lists[1] = json_node_add_list(node, "fields");
	lists[0] = json_node_add_list(node, "absent_fields");
	for (size_t i = 0; story->has_fields && i < story->signature->n_fields; i++)
		json_node_add_text(lists[dkim_story_is_there(story, report->fields, i, &covered)], NULL,
		                   story->signature->fields[i]);
}

static void add_key(struct json_node *node, const struct dkim_story *story)
{
	const struct dns_answer *answer = story->answer;
	struct json_node *key, *records;

	if (!*story->key_name) {
		json_node_add_null(node, "key");
		return;
	}
	key = json_node_add_object(node, "key");
	json_node_add_text(key, "name", story->key_name);
	json_node_add_text(key, "status", statuses[answer ? answer->status : DNS_PENDING]);
	json_node_add_text(key, "why", dns_why_name(answer ? answer->why : DNS_WHY_TIMEOUT));
	records = json_node_add_list(key, "records");
	for (size_t i = 0; answer && i < answer->n_records; i++) {
		char memory[RECORD_OCTETS];
		struct strbuf text;
		strbuf_open(&text, memory, sizeof(memory));
		strbuf_add_clean(&text, (const char *)answer->records[i].data, NULL, sizeof(memory) - 1);
		json_node_add_text(records, NULL, memory);
	}
}

static void add_canonicalisation(struct json_node *node, const struct dkim_signature *signature)
{
	char memory[32] = "";
	struct strbuf text;

	strbuf_open(&text, memory, sizeof(memory));
	if (signature)
		strbuf_addf(&text, "%s/%s", canons[signature->header_canon], canons[signature->body_canon]);
	json_node_add_text(node, "canonicalisation", memory);
}

static void add_body(struct json_node *node, const struct dkim_story *story)
{
	add_number_or_null(node, "body_covered", story->has_body, story->body.covered);
	add_number_or_null(node, "body_octets", story->has_body, story->body.octets);
	if (story->has_body)
		json_node_add_bool(node, "body_matches", story->body_matches);
	else
		json_node_add_null(node, "body_matches");
}

static void add_story(struct json_node *list, const struct dkim_story *story, const struct dkim_report *report)
{
	const struct dkim_result *result = story->result;
	const struct dkim_signature *signature = story->signature;
	struct json_node *node = json_node_add_object(list, NULL);

	json_node_add_number(node, "index", result->index);
	json_node_add_text(node, "result", dkim_code_name(result->code));
	json_node_add_text(node, "reason", result->reason);
	json_node_add_text(node, "hint", story->hint);
	json_node_add_text(node, "domain", result->domain);
	json_node_add_text(node, "selector", result->selector);
	json_node_add_text(node, "identity", result->identity);
	json_node_add_bool(node, "aligned", story->aligned);
	json_node_add_text(node, "algorithm", result->algorithm);
	add_canonicalisation(node, signature);
	json_node_add_text(node, "b", result->b);
	json_node_add_number(node, "key_bits", result->key_bits);
	add_key(node, story);
	add_traits(node, result);
	add_number_or_null(node, "signed_at", signature && signature->signed_at > 0,
	                   signature ? signature->signed_at : 0);
	add_number_or_null(node, "expires", signature && signature->has_expiry, signature ? signature->expires : 0);
	add_names(node, story, report);
	add_number_or_null(node, "length", signature && signature->has_length, signature ? signature->length : 0);
	add_body(node, story);
	add_text_or_null(node, "canonical_header", story->canonical_header);
	add_text_or_null(node, "canonical_body", story->canonical_body);
}

/* ---- DMARC ---- */

static void add_dmarc(struct json_node *node, const struct dmarc_result *result)
{
	const bool has_policy = result->code == DMARC_PASS || result->code == DMARC_FAIL;

	json_node_add_text(node, "result", dmarc_code_name(result->code));
	json_node_add_text(node, "reason", result->reason);
	json_node_add_text(node, "domain", result->domain);
	json_node_add_text(node, "policy", has_policy ? dmarc_policy_name(result->policy) : "");
	json_node_add_text(node, "published", has_policy ? dmarc_policy_name(result->published) : "");
	json_node_add_bool(node, "testing", result->testing);
	json_node_add_text(node, "record_domain", result->record_domain);
	json_node_add_text(node, "record", result->record);
	json_node_add_text(node, "organisation", result->organisation);
	json_node_add_bool(node, "aligned_dkim", result->aligned_dkim);
	json_node_add_bool(node, "aligned_spf", result->aligned_spf);
	json_node_add_number(node, "queries", result->queries);
	json_node_add_bool(node, "psl_differs", result->psl_differs);
}

/* The one that counts, and with several domains in From the others. */
static void add_all_dmarc(struct json_node *root, const struct tool_dmarc *dmarc)
{
	const struct dmarc_result nothing = {
		.code = DMARC_NONE,
		.domain = "",
		.record_domain = "",
		.organisation = "",
		.record = "",
		.reason = "From has no domain",
	};
	struct json_node *others;

	add_dmarc(json_node_add_object(root, "dmarc"), dmarc->from.n > 0 ? dmarc->results[0] : &nothing);
	others = json_node_add_list(root, "dmarc_others");
	for (size_t i = 1; i < dmarc->from.n; i++)
		add_dmarc(json_node_add_object(others, NULL), dmarc->results[i]);
}

static void add_from(struct json_node *root, const struct from *from)
{
	struct json_node *node = json_node_add_object(root, "from"), *domains;

	json_node_add_text(node, "state", from_states[from->state]);
	domains = json_node_add_list(node, "domains");
	for (size_t i = 0; i < from->n; i++)
		json_node_add_text(domains, NULL, from->domains[i]);
}

static void add_spf(struct json_node *root, const struct spf_result *spf)
{
	struct json_node *node;

	if (!spf) {
		json_node_add_null(root, "spf");
		return;
	}
	node = json_node_add_object(root, "spf");
	json_node_add_text(node, "result", spf_code_name(spf->code));
	json_node_add_text(node, "domain", spf->domain);
}

static void add_notes(struct json_node *root, const struct dkim_report *report)
{
	struct json_node *list = json_node_add_list(root, "notes");
	const char *note;
	size_t offset = 0;

	while ((note = dkim_note_next(report, &offset)) != NULL)
		json_node_add_text(list, NULL, note);
}

int dkim_report_print_json(const struct dkim_report *report, FILE *out)
{
	struct json_node *root = json_node_open(), *list;
	int written;

	json_node_add_text(root, "message", report->options->message);
	json_node_add_number(root, "now", report->now_s);
	add_notes(root, report);
	json_node_add_number(root, "found", report->n_found);
	list = json_node_add_list(root, "signatures");
	for (size_t i = 0; i < report->n; i++)
		add_story(list, &report->stories[i], report);
	add_from(root, &report->dmarc->from);
	add_spf(root, report->spf);
	add_all_dmarc(root, report->dmarc);
	written = json_node_print(root, out);
	json_node_close(&root);
	return written;
}

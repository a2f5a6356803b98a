/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "tools/check_dkim.h"

#define LINE_OCTETS  8192
#define SHOWN_OCTETS 320 /* of one text from outside */
#define WIDTH        12

static const char *const meanings[] = {
	[DKIM_NONE] = "there is none",
	[DKIM_PASS] = "the message is as the domain has signed it",
	[DKIM_FAIL] = "the message is not what was signed",
	[DKIM_NEUTRAL] = "it could not be processed",
	[DKIM_POLICY] = "it is not acceptable here",
	[DKIM_TEMPERROR] = "it could not be checked now",
	[DKIM_PERMERROR] = "it cannot be checked",
};

static const char *const canons[] = { [DKIM_SIMPLE] = "simple", [DKIM_RELAXED] = "relaxed" };

static const struct {
	enum dns_why why;
	const char *text;
} reasons[] = {
	{ DNS_WHY_NXDOMAIN, "there is no such name" },
	{ DNS_WHY_NODATA, "the name has no such record" },
	{ DNS_WHY_BAD_NAME, "not asked: no such name can exist" },
	{ DNS_WHY_TIMEOUT, "no answer in time" },
	{ DNS_WHY_SERVFAIL, "its servers fail or refuse" },
	{ DNS_WHY_BOGUS, "its DNSSEC signatures are wrong" },
	{ DNS_WHY_LIMIT, "not asked: too many questions" },
};

/* ---- lines ---- */

/* "name         text", cleaned. Nothing where the text is empty. `indent`: two spaces before it. */
static void print_value(FILE *out, bool indent, const char *name, const char *text)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (!text || !*text)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	strbuf_add_clean(&line, text, NULL, sizeof(memory) - 1);
	fprintf(out, "%s%-*s %s\n", indent ? "  " : "", indent ? WIDTH - 2 : WIDTH, name, memory);
}

static void add_shown(struct strbuf *line, const char *text)
{
	strbuf_add_clean(line, text, NULL, SHOWN_OCTETS);
}

static void add_time(struct strbuf *line, uint64_t epoch_s)
{
	const time_t seconds = (time_t)epoch_s;
	struct tm parts;
	char text[64];

	if (epoch_s < UINT64_C(1) << 40 && gmtime_r(&seconds, &parts) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) > 0)
		strbuf_add(line, text);
	else
		strbuf_addf(line, "%llu", (unsigned long long)epoch_s);
}

/* ---- the message ---- */

static void print_source(const struct tool_options *options, FILE *out)
{
	if (options->zone)
		print_value(out, false, "zone file", options->zone);
	for (size_t i = 0; i < options->n_resolvers; i++)
		print_value(out, false, "resolver", options->resolvers[i]);
	if (!options->zone && options->n_resolvers == 0)
		print_value(out, false, "resolver", "this machine's own");
}

static void print_head(const struct dkim_report *report, FILE *out)
{
	const char *note;
	size_t offset = 0;
	char memory[128];
	struct strbuf line;

	print_value(out, false, "message", report->options->message);
	while ((note = dkim_note_next(report, &offset)) != NULL)
		print_value(out, false, "note", note);
	strbuf_open(&line, memory, sizeof(memory));
	add_time(&line, report->now_s);
	print_value(out, false, "checked at", memory);
	print_source(report->options, out);
	fprintf(out, "%-*s %zu\n", WIDTH, "signatures", report->n_found);
}

/* ---- a signature ---- */

static void print_names(const struct dkim_story *story, const struct dkim_report *report, FILE *out)
{
	char memory[2][LINE_OCTETS];
	struct strbuf lines[2]; /* not there, there */
	size_t covered = 0;

	for (size_t i = 0; i < COUNT(lines); i++)
		strbuf_open(&lines[i], memory[i], sizeof(memory[i]));
	for (size_t i = 0; i < story->signature->n_fields; i++) {
		struct strbuf *line = &lines[dkim_story_is_there(story, report->fields, i, &covered)];
		strbuf_add(line, line->length > 0 ? ", " : "");
		strbuf_add_clean(line, story->signature->fields[i], NULL, SHOWN_OCTETS);
	}
	print_value(out, true, "header", memory[1]);
	if (lines[0].length > 0)
		strbuf_add(&lines[0], ": named, but not there; none may be added");
	print_value(out, true, "", memory[0]);
}

static void print_body(const struct dkim_story *story, FILE *out)
{
	const struct dkim_body_result *body = &story->body;
	const char *verdict = story->body_matches ? "as signed" : "NOT as signed: its hash differs";
	char memory[256];
	struct strbuf line;

	if (!story->has_body)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	if (body->covered == body->octets)
		strbuf_addf(&line, "all of its %llu octets, ", (unsigned long long)body->octets);
	else
		strbuf_addf(&line, "the first %llu of its %llu octets, ", (unsigned long long)body->covered,
		            (unsigned long long)body->octets);
	strbuf_add(&line, verdict);
	print_value(out, true, "body", memory);
}

static void add_key(struct strbuf *line, const struct dkim_result *result)
{
	if (strncmp(result->algorithm, "ed25519", strlen("ed25519")) == 0)
		strbuf_addf(line, "an Ed25519 key of %u bits", result->key_bits);
	else
		strbuf_addf(line, "an RSA key of %u bits", result->key_bits);
	strbuf_add(line, result->traits & DKIM_TRAIT_TESTING ? "; its domain is testing DKIM" : "");
}

static const char *reason_of(enum dns_why why)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].why == why)
			return reasons[i].text;
	}
	return "answered";
}

/* What was asked, what came back, and what it is. */
static void print_key(const struct dkim_story *story, FILE *out)
{
	const struct dns_answer *answer = story->answer;
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (!*story->key_name)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	add_shown(&line, story->key_name);
	strbuf_addf(&line, " TXT: %s", !answer ? reason_of(DNS_WHY_TIMEOUT) : reason_of(answer->why));
	if (story->result->key_bits > 0) {
		strbuf_add(&line, ", ");
		add_key(&line, story->result);
	}
	print_value(out, true, "key", memory);
	for (size_t i = 0; answer && i < answer->n_records; i++) {
		strbuf_open(&line, memory, sizeof(memory));
		add_shown(&line, (const char *)answer->records[i].data);
		fprintf(out, "  %-*s %s\n", WIDTH - 2, "", memory);
	}
}

static void print_times(const struct dkim_story *story, FILE *out)
{
	const struct dkim_signature *signature = story->signature;
	char memory[256];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	if (signature->signed_at > 0)
		add_time(&line, signature->signed_at);
	if (signature->has_expiry) {
		strbuf_add(&line, signature->signed_at > 0 ? "; valid until " : "at an unknown time; valid until ");
		add_time(&line, signature->expires);
	}
	print_value(out, true, "signed", memory);
}

static void print_identity(const struct dkim_story *story, FILE *out)
{
	const struct dkim_result *result = story->result;
	char memory[LINE_OCTETS];
	struct strbuf line;

	print_value(out, true, "domain", result->domain);
	if (*result->domain)
		print_value(out, true, "aligned",
		            story->aligned ? "yes: From is of the same organisation"
		                           : "no: From is of another organisation");
	print_value(out, true, "selector", result->selector);
	print_value(out, true, "identity", result->identity);
	if (!story->signature)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	strbuf_addf(&line, "%s%s%s header, %s body", result->algorithm, *result->algorithm ? ", " : "",
	            canons[story->signature->header_canon], canons[story->signature->body_canon]);
	print_value(out, true, "algorithm", memory);
}

/* Each line ends in \r\n, written so; the last one of a header has no end. */
static void print_canonical(FILE *out, const char *name, const char *text)
{
	fprintf(out, "  canonical %s\n", name);
	if (!text) {
		fprintf(out, "    (cannot be shown)\n");
		return;
	}
	while (*text) {
		const size_t octets = strcspn(text, "\r");
		fprintf(out, "    | %.*s%s\n", (int)octets, text, text[octets] ? "\\r\\n" : "");
		text += octets;
		text += text[0] ? strlen("\r\n") : 0;
	}
}

static void print_story(const struct dkim_story *story, const struct dkim_report *report, FILE *out)
{
	const struct dkim_result *result = story->result;
	const char *words = *result->reason ? result->reason : meanings[result->code];

	fprintf(out, "\nsignature %-2u %s: %s\n", result->index, dkim_code_name(result->code), words);
	print_identity(story, out);
	if (story->signature) {
		print_times(story, out);
		if (story->has_fields)
			print_names(story, report, out);
		print_body(story, out);
	}
	print_key(story, out);
	print_value(out, true, "hint", story->hint);
	if (report->options->canonical && story->signature) {
		print_canonical(out, "header", story->canonical_header);
		print_canonical(out, "body", story->canonical_body);
	}
}

/* ---- DMARC ---- */

static void add_alignment(struct strbuf *line, const struct dmarc_result *result, const struct dkim_report *report)
{
	strbuf_addf(line, "DKIM %s", result->aligned_dkim ? "yes" : "no");
	if (report->spf)
		strbuf_addf(line, ", SPF %s (%s)", result->aligned_spf ? "yes" : "no",
		            spf_code_name(report->spf->code));
	else
		strbuf_add(line, ", SPF not asked for");
}

static void print_policy(const struct dmarc_result *result, FILE *out)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (result->code != DMARC_PASS && result->code != DMARC_FAIL)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	strbuf_add(&line, dmarc_policy_name(result->policy));
	if (result->testing)
		strbuf_addf(&line, " (the domain is testing; the record says %s)",
		            dmarc_policy_name(result->published));
	print_value(out, true, "policy", memory);
}

static void print_dmarc(const struct dmarc_result *result, const struct dkim_report *report, FILE *out)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	strbuf_addf(&line, "%s%s", dmarc_code_name(result->code), *result->reason ? ": " : "");
	strbuf_add(&line, result->reason);
	fputc('\n', out);
	print_value(out, false, "dmarc", memory);
	print_value(out, true, "from", result->domain);
	print_value(out, true, "record", result->record_domain);
	print_value(out, true, "", result->record);
	print_value(out, true, "org domain", result->organisation);
	if (*result->record_domain) {
		strbuf_open(&line, memory, sizeof(memory));
		add_alignment(&line, result, report);
		print_value(out, true, "aligned", memory);
	}
	print_policy(result, out);
}

int dkim_report_print(const struct dkim_report *report, FILE *out)
{
	const struct from *from = &report->dmarc->from;

	print_head(report, out);
	for (size_t i = 0; i < report->n; i++)
		print_story(&report->stories[i], report, out);
	if (report->spf)
		fprintf(out, "\n%-*s %s\n", WIDTH, "spf", spf_code_name(report->spf->code));
	if (tool_dmarc_from_problem(from)) {
		fputc('\n', out);
		print_value(out, false, "from", tool_dmarc_from_problem(from));
	}
	for (size_t i = 0; i < from->n; i++)
		print_dmarc(report->dmarc->results[i], report, out);
	return ferror(out) ? -1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base.h"
#include "base/strbuf.h"
#include "headers/header_text.h"
#include "tools/check_spf.h"

#define LINE_OCTETS   4096
#define SHOWN_OCTETS  320 /* of one text from outside */
#define DEPTH_MAX     12  /* of the indentation: records nest no deeper than terms are counted */
#define BUDGET_FORMAT "%6u %6u %8u   "
#define BUDGET_BLANK  "                         "
#define V6_BITS_NONE  129 /* as spf_width.v6_bits */

static const char *const meanings[SPF_CODES] = {
	[SPF_NONE] = "there is no SPF record, or no domain that could have one",
	[SPF_NEUTRAL] = "the domain does not say whether this client may send",
	[SPF_PASS] = "the domain lets this client send",
	[SPF_FAIL] = "the domain says that this client may not send",
	[SPF_SOFTFAIL] = "the domain says that this client should not send, but is not sure of it",
	[SPF_TEMPERROR] = "DNS did not answer; the same question may have a result later",
	[SPF_PERMERROR] = "the domain's record has an error, which its owner has to mend",
};

static const char *const outcomes[] = {
	[SPF_NO_MATCH] = "no match",
	[SPF_MATCH] = "MATCH",
	[SPF_ERROR] = "ERROR",
};

/* What DNS answered where it gave no data. */
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

static void add_shown(struct strbuf *line, const char *text)
{
	strbuf_add_clean(line, text, "\"", SHOWN_OCTETS);
}

static const char *reason_of(enum dns_why why)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].why == why)
			return reasons[i].text;
	return "answered";
}

/* "name: value", or "name: value, meaning". Nothing where the value is empty. */
static void print_value(FILE *out, const char *name, const char *value)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (!value || !*value)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	strbuf_add_clean(&line, value, NULL, LINE_OCTETS - 1);
	fprintf(out, "%-12s %s\n", name, memory);
}

static void print_head(const struct spf_report *report, FILE *out)
{
	const struct spf_result *result = report->result;
	char ip[IP_TEXT_MAX];

	print_value(out, "client", ip_format(&report->query->client, ip));
	print_value(out, "helo", report->query->helo);
	print_value(out, "mail from", report->options->from && !*report->options->from ? "<>" : report->options->from);
	print_value(out, "identity", spf_identity_name(result->identity));
	print_value(out, "scope", spf_scope_name(report->query->scope));
	print_value(out, "domain", *result->domain ? result->domain : "(none)");
	print_value(out, "sender", result->sender);
	print_value(out, "receiver", *report->query->receiver ? report->query->receiver : "unknown");
}

static void print_source(const struct tool_options *options, FILE *out)
{
	if (options->zone)
		print_value(out, "zone file", options->zone);
	for (size_t i = 0; i < options->n_resolvers; i++)
		print_value(out, "resolver", options->resolvers[i]);
	if (!options->zone && options->n_resolvers == 0)
		print_value(out, "resolver", "this machine's own");
}

/* ---- the walk ---- */

static void add_head(struct strbuf *line, const struct spf_step *step)
{
	switch (step->kind) {
	case SPF_STEP_RECORD:
		strbuf_add(line, "record of ");
		strbuf_add(line, step->name);
		return;
	case SPF_STEP_GUESS:
		strbuf_add(line, "no record; the best guess is ");
		strbuf_add(line, step->text);
		return;
	default:
		strbuf_add(line, step->text);
	}
}

/* What became of it: what a term yields; of the rest only what is wrong. */
static void add_outcome(struct strbuf *line, const struct spf_step *step)
{
	if (step->kind == SPF_STEP_TERM || step->outcome == SPF_ERROR)
		strbuf_addf(line, ": %s", outcomes[step->outcome]);
}

/* What was asked and answered; of a record, the record itself. */
static void add_answer(struct strbuf *line, const struct spf_step *step)
{
	if (step->kind == SPF_STEP_RECORD && *step->text) {
		strbuf_add(line, step->text);
		return;
	}
	strbuf_addf(line, "%s %s: ", step->name, dns_type_name(step->type));
	if (step->status != DNS_FOUND)
		strbuf_add(line, reason_of(step->why));
	else if (*step->answer)
		strbuf_add(line, step->answer);
	else
		strbuf_add(line, step->kind == SPF_STEP_RECORD ? "no SPF record among its TXT records" : "answered");
}

/* Is the answer the record that is the next step? */
static bool opens_record(const struct spf_step *step)
{
	const struct spf_step *next = step->next;

	return next && next->kind == SPF_STEP_RECORD && next->depth > step->depth;
}

static void print_step(FILE *out, const struct spf_step *step)
{
	const unsigned depth = step->depth < DEPTH_MAX ? step->depth : DEPTH_MAX;
	const bool opens = step->kind == SPF_STEP_RECORD || step->kind == SPF_STEP_GUESS;
	const int indent = (int)depth * 4 + (opens ? 0 : 2);
	char memory[LINE_OCTETS];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	add_head(&line, step);
	add_outcome(&line, step);
	fprintf(out, BUDGET_FORMAT "%*s%s\n", step->terms, step->voids, step->queries, indent, "", memory);
	if (!*step->name || opens_record(step))
		return;
	strbuf_open(&line, memory, sizeof(memory));
	add_answer(&line, step);
	fprintf(out, BUDGET_BLANK "%*s%s\n", indent + 4, "", memory);
}

static void print_walk(const struct spf_report *report, FILE *out)
{
	unsigned count = 0;

	if (!report->result->steps)
		return;
	fprintf(out, "\n terms   void  queries   step; below it what was asked, and the answer\n");
	for (const struct spf_step *step = report->result->steps; step; step = step->next, count++)
		print_step(out, step);
	if (count == SPF_STEPS_MAX)
		fprintf(out, BUDGET_BLANK "(more steps than are kept)\n");
}

/* ---- the result ---- */

static void print_code(FILE *out, const struct spf_result *result)
{
	if (result->guessed)
		fprintf(out, "%-12s none; the best guess is %s\n", "result", spf_code_name(result->code));
	else
		fprintf(out, "%-12s %s: %s\n", "result", spf_code_name(result->code), meanings[result->code]);
}

static void print_explanation(FILE *out, const char *explanation)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (!*explanation)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	strbuf_add(&line, "\"");
	strbuf_add_clean(&line, explanation, "\"", LINE_OCTETS - 64);
	strbuf_add(&line, "\" (the domain's own words)");
	fprintf(out, "%-12s %s\n", "explanation", memory);
}

static void print_width(FILE *out, const struct spf_width *width)
{
	char memory[LINE_OCTETS];
	struct strbuf line;

	if (!width->all && !width->addresses && width->v6_bits == V6_BITS_NONE)
		return;
	strbuf_open(&line, memory, sizeof(memory));
	if (width->all)
		strbuf_add(&line, "everybody may send");
	else
		strbuf_addf(&line, "%llu IPv4 addresses", (unsigned long long)width->addresses);
	if (!width->all && width->v6_bits != V6_BITS_NONE)
		strbuf_addf(&line, ", an IPv6 network of /%u", width->v6_bits);
	strbuf_add(&line, *width->term ? "; the widest term seen is " : "");
	add_shown(&line, width->term);
	fprintf(out, "%-12s %s\n", "open to", memory);
}

static void print_budget(FILE *out, const struct spf_result *result, const struct spf_limits *limits)
{
	fprintf(out, "%-12s terms %u of %d, void look-ups %u of %d, queries %u of %d, of them asked ahead %u\n", "used",
	        result->terms, limits->terms_max, result->voids, limits->void_max, result->queries, limits->queries_max,
	        result->asked_ahead);
}

/* ---- in the words of Received-SPF (RFC 7208 9.1) ---- */

static void add_pair(struct strbuf *line, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	strbuf_addf(line, "; %s=", key);
	if (header_is_dot_atom(value))
		add_shown(line, value);
	else
		header_add_quoted(line, value, SHOWN_OCTETS);
}

static void print_received_spf(FILE *out, const struct spf_report *report)
{
	const struct spf_result *result = report->result;
	const char *receiver = *report->query->receiver ? report->query->receiver : "unknown";
	char memory[LINE_OCTETS], ip[IP_TEXT_MAX];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	strbuf_addf(&line, "Received-SPF: %s client-ip=", spf_code_name(result->guessed ? SPF_NONE : result->code));
	ip_format(&report->query->client, ip);
	strbuf_addf(&line, report->query->client.family == 4 ? "%s" : "\"%s\"", ip);
	add_pair(&line, "envelope-from",
	         report->options->from && !*report->options->from ? "<>" : report->options->from);
	add_pair(&line, "helo", report->query->helo);
	add_pair(&line, "receiver", receiver);
	add_pair(&line, "identity", spf_identity_name(result->identity));
	add_pair(&line, "mechanism", result->guessed ? "" : result->mechanism);
	add_pair(&line, "problem", result->guessed ? "" : result->problem);
	fprintf(out, "\n%s\n", memory);
}

int spf_report_print(const struct spf_report *report, FILE *out)
{
	print_head(report, out);
	print_source(report->options, out);
	print_walk(report, out);
	fprintf(out, "\n");
	print_code(out, report->result);
	print_value(out, "decided by", report->result->mechanism);
	print_explanation(out, report->result->explanation);
	print_value(out, "problem", report->result->problem);
	print_width(out, &report->result->width);
	print_budget(out, report->result, report->limits);
	if (report->query->scope == SPF_SCOPE_SPF1) /* that field is SPF's */
		print_received_spf(out, report);
	return ferror(out) ? -1 : 0;
}

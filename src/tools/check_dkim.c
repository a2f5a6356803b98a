/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_dkim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "mail/suffix.h"
#include "tools/check_canonical.h"
#include "tools/check_spf.h"

#define NOW_MAX      253402300799ULL /* the end of the year 9999 */
#define SHOWN_OCTETS 80
#define ASKED_MAX    64 /* questions that are remembered: each signature that is verified has one for its key */

struct asked {
	const char *name;
	void *question;
};

/* All that a run needs. */
struct run {
	struct tool_dns dns;
	struct tool_message *message;
	struct dkim_service *service;
	struct dkim *dkim;
	struct dkim_body *body; /* our own, for the story: the verification need not hash it */
	struct tool_dmarc dmarc;
	struct dkim_report report;
	struct dkim_field *fields;
	size_t header_octets;
	bool too_large; /* fields are not kept any more */
	size_t signature_fields[DKIM_RESULTS_MAX];
	size_t n_signatures;
	int wants[DKIM_RESULTS_MAX]; /* of the body; -1: none */
	struct asked asked[ASKED_MAX];
	size_t n_asked;
};

/* ---- questions ---- */

static void *ask(void *context, const char *name, enum dns_type type)
{
	struct run *run = context;
	void *question = tool_dns_ask(&run->dns, name, type);

	if (question && type == DNS_TXT && run->n_asked < ASKED_MAX)
		run->asked[run->n_asked++] = (struct asked){ .name = arena_strdup(&run->dns.arena, name),
			                                     .question = question };
	return question;
}

static enum dns_status poll(void *context, void *question, const struct dns_answer **answer)
{
	struct run *run = context;

	return tool_dns_poll(&run->dns, question, answer);
}

/* ---- the header ---- */

static void keep_field(struct run *run, const char *name, const char *value)
{
	const size_t name_octets = strlen(name), octets = name_octets + 1 + strlen(value);
	size_t trimmed = name_octets;
	char *text;

	run->too_large |= octets > DKIM_HEADER_OCTETS_MAX - run->header_octets ||
	                  run->report.n_fields >= DKIM_HEADER_FIELDS_MAX;
	run->report.n_fields++;
	if (run->too_large)
		return;
	text = arena_alloc(&run->dns.arena, octets + 1);
	snprintf(text, octets + 1, "%s:%s", name, value);
	while (trimmed > 0 && (name[trimmed - 1] == ' ' || name[trimmed - 1] == '\t'))
		trimmed--;
	run->fields[run->report.n_fields - 1] = (struct dkim_field){
		.text = text, .octets = octets, .name_octets = trimmed, .value_at = name_octets + 1
	};
	run->header_octets += octets;
}

static bool is_named(const char *name, const char *wanted)
{
	const size_t octets = strlen(wanted);

	return strncasecmp(name, wanted, octets) == 0 && name[octets + strspn(name + octets, " \t")] == '\0';
}

static void take_field(struct run *run, const char *name, const char *value)
{
	dkim_add_field(run->dkim, name, value);
	keep_field(run, name, value);
	if (is_named(name, "From"))
		tool_dmarc_add_from(&run->dmarc, value, &run->dns.arena);
	else if (is_named(name, "DKIM-Signature") && run->n_signatures < DKIM_RESULTS_MAX)
		run->signature_fields[run->n_signatures++] = run->report.n_fields - 1;
}

static int read_header(struct run *run, struct err *err)
{
	const char *name, *value;
	int found;

	while ((found = tool_message_field(run->message, &name, &value, err)) > 0)
		take_field(run, name, value);
	if (found == 0)
		dkim_headers_end(run->dkim);
	return found;
}

/* ---- signatures ---- */

/* Parsed again for its story; what it is worth the verification says. */
static void parse(struct run *run, struct dkim_story *story, size_t i)
{
	struct dkim_field *field = &run->fields[run->signature_fields[i]];
	struct dkim_signature *signature = arena_alloc(&run->dns.arena, sizeof(*signature));
	size_t covered[DKIM_FIELDS_MAX];
	struct strbuf problem;
	char memory[1];

	if (run->too_large)
		return;
	strbuf_open(&problem, memory, sizeof(memory));
	if (dkim_signature_parse(signature, field->text + field->value_at, field->octets - field->value_at,
	                         &run->dns.arena, &problem))
		return;
	field->signature = story->signature = signature;
	story->has_fields = true;
	story->n_covered = dkim_select_fields(run->fields, run->report.n_fields, run->signature_fields[i], covered);
	story->covered = memcpy(arena_alloc(&run->dns.arena, sizeof(covered)), covered, sizeof(covered));
}

static void parse_signatures(struct run *run)
{
	run->report.n = run->n_signatures;
	run->report.stories = arena_alloc(&run->dns.arena, (run->n_signatures + 1) * sizeof(*run->report.stories));
	run->body = dkim_body_open(&run->dns.arena);
	for (size_t i = 0; i < run->n_signatures; i++) {
		struct dkim_story *story = &run->report.stories[i];
		const struct dkim_signature *signature;
		story->key_name = story->hint = "";
		parse(run, story, i);
		signature = story->signature;
		run->wants[i] = signature ? dkim_body_want(run->body, signature->body_canon,
		                                           signature->algorithm == DKIM_RSA_SHA1, signature->has_length,
		                                           signature->length)
		                          : -1;
	}
}

static int read_body(struct run *run, struct err *err)
{
	const uint8_t *octets;
	long n;

	while ((n = tool_message_body(run->message, &octets, err)) > 0) {
		dkim_add_body(run->dkim, octets, (size_t)n);
		dkim_body_add(run->body, octets, (size_t)n);
	}
	dkim_body_finish(run->body);
	dkim_body_end(run->dkim);
	run->report.damaged = dkim_body_is_damaged(run->body);
	return n < 0 ? -1 : 0;
}

/* ---- the story ---- */

static void find_key(struct run *run, struct dkim_story *story)
{
	char name[DNS_NAME_TEXT_MAX];

	snprintf(name, sizeof(name), "%s._domainkey.%s", story->signature->selector, story->signature->domain);
	for (size_t i = 0; i < run->n_asked; i++) {
		const struct asked *asked = &run->asked[i];
		if (strcmp(asked->name, name) != 0)
			continue;
		story->key_name = asked->name;
		if (tool_dns_poll(&run->dns, asked->question, &story->answer) == DNS_PENDING)
			story->answer = NULL;
		return;
	}
}

static void find_body(const struct run *run, struct dkim_story *story, int want)
{
	const struct dkim_signature *signature = story->signature;

	if (want < 0)
		return;
	dkim_body_get(run->body, want, &story->body);
	story->has_body = true;
	story->body_matches = story->body.hash_octets == signature->body_hash_octets &&
	                      memcmp(story->body.hash, signature->body_hash, story->body.hash_octets) == 0;
}

static int tell(struct run *run, struct dkim_story *story, size_t i, struct err *err)
{
	story->aligned = story->result->domain[0] && tool_dmarc_is_author(&run->dmarc.from, story->result->domain);
	if (story->signature && !(story->result->traits & DKIM_TRAIT_NOT_CHECKED)) {
		find_key(run, story);
		find_body(run, story, run->wants[i]);
	}
	story->hint = dkim_story_hint(story, &run->report);
	if (!run->report.options->canonical)
		return 0;
	story->canonical_header = dkim_canonical_headers(run->dkim, (unsigned)i);
	if (story->has_body)
		story->canonical_body = tool_canonical_body(run->message, story->signature, &story->body,
		                                            &run->dns.arena, err);
	return *err->text ? -1 : 0;
}

static int tell_all(struct run *run, const struct dkim_results *results, struct err *err)
{
	run->report.n_found = results->n_found;
	for (size_t i = 0; i < results->n && i < run->report.n; i++) {
		run->report.stories[i].result = &results->results[i];
		if (tell(run, &run->report.stories[i], i, err))
			return -1;
	}
	return 0;
}

/* ---- the run ---- */

static int wrong(struct err *err, const char *option, const char *value, const char *what_is_right)
{
	char shown[SHOWN_OCTETS];
	struct strbuf buf;

	strbuf_open(&buf, shown, sizeof(shown));
	strbuf_add_clean(&buf, value, "\"", sizeof(shown) - 1);
	return err_set(err, "--%s \"%s\": %s", option, shown, what_is_right);
}

static int set_now(uint64_t *now_s, const char *text, struct err *err)
{
	char *end;

	*now_s = (uint64_t)time(NULL);
	if (!text)
		return 0;
	errno = 0;
	*now_s = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || *now_s > NOW_MAX)
		return wrong(err, "now", text, "must be a number of seconds since 1970, such as 1767225600");
	return 0;
}

/* SPF is for those who know all of the envelope. */
static int check_envelope(const struct tool_options *options, struct err *err)
{
	const bool some = options->ip || options->helo || options->from;

	if (some && !(options->ip && options->helo && options->from))
		return err_set(err, "--%s is missing: for SPF, --ip, --helo and --from are needed together",
		               !options->ip     ? "ip"
		               : !options->helo ? "helo"
		                                : "from");
	return 0;
}

static enum tool_exit open_run(struct run *run, const struct tool_options *options, struct err *err)
{
	const struct dkim_settings settings = dkim_default_settings();
	const struct dns_asker asker = { .context = run, .ask = ask, .poll = poll };
	enum tool_exit code = tool_dns_open(&run->dns, options, err);

	if (code != TOOL_DONE)
		return code;
	run->report.options = options;
	if (set_now(&run->report.now_s, options->now, err) || check_envelope(options, err))
		return TOOL_USAGE;
	if (!options->message) {
		err_set(err, "--message is missing: the file with the message, such as --message mail.eml");
		return TOOL_USAGE;
	}
	run->message = tool_message_open(options->message, err);
	if (!run->message)
		return TOOL_USAGE;
	run->service = dkim_service_open(&settings, err);
	if (!run->service)
		return TOOL_FAILED;
	run->fields = arena_alloc(&run->dns.arena, DKIM_HEADER_FIELDS_MAX * sizeof(*run->fields));
	run->dkim = dkim_open(run->service, &asker, run->report.now_s, &run->dns.arena);
	if (options->smtputf8)
		dkim_set_smtputf8(run->dkim);
	if (options->canonical)
		dkim_keep_canonical(run->dkim);
	return TOOL_DONE;
}

static const struct dkim_results *wait_for_keys(struct run *run, clock_ms deadline)
{
	while (!dkim_step(run->dkim)) {
		if (!tool_dns_wait(&run->dns, deadline)) {
			dkim_stop(run->dkim);
			break;
		}
	}
	return dkim_get_results(run->dkim);
}

static enum tool_exit find_out(struct run *run, struct err *err)
{
	const struct tool_options *options = run->report.options;
	const struct spf_limits limits = spf_default_limits();
	const struct dns_asker asker = { .context = run, .ask = ask, .poll = poll };
	const clock_ms deadline = clock_now() + run->dns.timeout_ms;
	const struct dkim_results *results;
	struct spf_query query;

	if (options->ip && tool_spf_query(&query, options, &run->dns.arena, err))
		return TOOL_USAGE;
	if (read_header(run, err))
		return TOOL_USAGE;
	parse_signatures(run);
	tool_dmarc_start(&run->dmarc, &asker, &run->dns.arena);
	if (read_body(run, err))
		return TOOL_USAGE;
	results = wait_for_keys(run, deadline);
	if (options->ip)
		run->report.spf = tool_spf_evaluate(&query, &limits, &run->dns, deadline);
	tool_dmarc_finish(&run->dmarc, run->report.spf, results, &run->dns, deadline);
	run->report.fields = run->fields;
	run->report.dmarc = &run->dmarc;
	run->report.notes = tool_message_notes(run->message);
	return tell_all(run, results, err) ? TOOL_USAGE : TOOL_DONE;
}

enum tool_exit tool_dkim(const struct tool_options *options, FILE *out, struct err *err)
{
	struct run *run = memory_new(sizeof(*run));
	enum tool_exit code;

	memset(run, 0, sizeof(*run));
	suffix_open();
	code = open_run(run, options, err);
	if (code == TOOL_DONE)
		code = find_out(run, err);
	if (code == TOOL_DONE &&
	    (options->json ? dkim_report_print_json(&run->report, out) : dkim_report_print(&run->report, out))) {
		err_set(err, "standard output cannot be written");
		code = TOOL_FAILED;
	}
	tool_message_close(&run->message);
	tool_dns_close(&run->dns);
	dkim_service_close(&run->service);
	suffix_close();
	free(run);
	return code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <string.h>

#include "dns/name.h"
#include "mail/address.h"

#define POSTMASTER    "postmaster"
#define GUESSED       "v=spf1 a/24 mx/24 ptr"
#define LABEL_MAX     63
#define SENDER_OCTETS 600 /* of spf_result.sender */

static const char *const code_names[SPF_CODES] = { "none",     "neutral",   "pass",     "fail",
	                                           "softfail", "temperror", "permerror" };

static const char *const scope_names[SPF_SCOPES] = { "", "mfrom", "pra" };

const char *spf_code_name(enum spf_code code)
{
	return code_names[code];
}

const char *spf_scope_name(enum spf_scope scope)
{
	return scope_names[scope];
}

struct spf_limits spf_default_limits(void)
{
	return (struct spf_limits){ .terms_max = 10, .void_max = 2, .mx_max = 10, .ptr_max = 10, .queries_max = 125 };
}

/* ---- a pass ---- */

static void pass_open(struct spf_pass *pass, struct spf *spf, struct arena *arena)
{
	unsigned terms = (unsigned)spf->limits.terms_max;

	*pass = (struct spf_pass){ .spf = spf, .arena = arena, .explanation = "" };
	pass->view = (struct spf_view){ .spf = spf, .pass = pass };
	/* One record, and one for each term that is counted; none has more handles than may be counted, and one. */
	pass->handles_max = (terms + 1) * (terms + 2);
	pass->handles = arena_alloc(arena, pass->handles_max * sizeof(struct spf_handle *));
	strbuf_open(&pass->problem, pass->problem_text, sizeof(pass->problem_text));
	spf_trace_open(&pass->trace);
	spf_width_open(&pass->width);
	spf->n_passes++;
}

static enum spf_code code_of(char qualifier)
{
	switch (qualifier) {
	case '+':
		return SPF_PASS;
	case '-':
		return SPF_FAIL;
	case '~':
		return SPF_SOFTFAIL;
	default:
		return SPF_NEUTRAL;
	}
}

/* libspf2's word on a record. It and the steps noted on the way never differ; if they did, neither could be trusted. */
static void interpret(struct spf_pass *pass, struct spf_frame *frame)
{
	enum spf_code code = spf_interpret(pass, frame);

	spf_frames_close(pass);
	if (!pass->over && code != code_of(frame->result)) {
		strbuf_addf(spf_pass_fail(pass, SPF_TEMPERROR, DNS_WHY_NOTHING),
		            "internal: libspf2 says %s, not %s, of ", spf_code_name(code),
		            spf_code_name(code_of(frame->result)));
		spf_add_shown(&pass->problem, frame->domain);
	}
}

static void fail_no_target(struct spf_pass *pass, const struct spf_frame *frame, const char *name)
{
	spf_pass_fail(pass, SPF_PERMERROR, DNS_WHY_NOTHING);
	strbuf_add(&pass->problem, "no SPF record at ");
	spf_add_shown(&pass->problem, name);
	strbuf_add(&pass->problem, ", which ");
	spf_add_shown(&pass->problem, frame->domain);
	strbuf_add(&pass->problem, " redirects to");
}

/* Nothing matched: go where the record sends us. The new record, or NULL: the pass is over. */
static struct spf_frame *follow(struct spf_pass *pass, struct spf_frame *from)
{
	char name[DNS_NAME_TEXT_MAX];
	struct spf_trace_entry *entry;
	struct spf_question *question = NULL;
	enum spf_opened opened;

	entry = spf_trace_add(pass, SPF_STEP_REDIRECT, from->depth, from->record->redirect_text);
	if (!spf_count_term(pass, from, entry) ||
	    spf_expand(&pass->view, from->record->redirect, from->domain, name) != SPF_EXPANDED)
		return NULL;
	opened = spf_frame_open(pass, name, from->depth + 1, NULL, &question);
	spf_trace_answered(pass, entry, question);
	if (opened == SPF_OPENED)
		return pass->current;
	entry->outcome = SPF_ERROR;
	if (opened == SPF_OPENED_NONE)
		fail_no_target(pass, from, name);
	return NULL;
}

/* From a record to the one that decides. NULL: the pass is over. */
static struct spf_frame *decide(struct spf_pass *pass)
{
	struct spf_frame *frame = pass->current;

	while (frame != NULL) {
		interpret(pass, frame);
		if (pass->over)
			return NULL;
		if (frame->result != 0 || frame->record->redirect == NULL)
			return frame;
		frame = follow(pass, frame);
	}
	return NULL;
}

/*
 * The best guess where there is no record: not SPF, but what most domains would have written. Whatever goes wrong, the
 * answer is none.
 */
static void guess(struct spf_pass *pass)
{
	struct spf_frame *frame;

	pass->guessing = true;
	spf_trace_add(pass, SPF_STEP_GUESS, 0, GUESSED);
	frame = spf_frame_push(pass, &pass->spf->guess, pass->spf->domain, 0, NULL);
	interpret(pass, frame);
	if (pass->over)
		return;
	pass->decided = frame;
	pass->code = frame->result == '+' ? SPF_PASS : SPF_NEUTRAL;
}

static void check_domain(struct spf_pass *pass)
{
	struct spf_question *question;
	struct spf_frame *frame;

	switch (spf_frame_open(pass, pass->spf->domain, 0, NULL, &question)) {
	case SPF_OPENED_OVER:
		return;
	case SPF_OPENED_NONE:
		if (pass->spf->query.guess)
			guess(pass);
		return;
	case SPF_OPENED:
		break;
	}
	frame = decide(pass);
	if (frame == NULL)
		return;
	pass->decided = frame;
	pass->code = code_of(frame->result);
	if (pass->code == SPF_FAIL)
		pass->explanation = spf_explain(pass, frame);
}

/* ---- the result ---- */

static const char *clean(struct spf *spf, const char *text, size_t max)
{
	char memory[SENDER_OCTETS + 1];
	struct strbuf buf;

	strbuf_open(&buf, memory, sizeof(memory));
	strbuf_add_clean(&buf, text, NULL, max);
	return arena_strdup(spf->arena, memory);
}

static const char *problem_of(struct spf *spf, struct strbuf *problem)
{
	if (problem->truncated)
		memcpy(problem->text + problem->length - 3, "...", 3);
	return arena_strdup(spf->arena, problem->text);
}

/* The last pass: what it found becomes the evaluation's own. */
static void publish(struct spf_pass *pass)
{
	struct spf *spf = pass->spf;
	struct spf_result *result = &spf->result;

	if (pass->decided != NULL) {
		const char *matched = pass->decided->matched;
		result->code = pass->code;
		result->guessed = pass->guessing;
		result->mechanism = matched != NULL ? clean(spf, matched, SPF_TEXT_OCTETS_MAX) : "default";
		result->explanation = arena_strdup(spf->arena, pass->explanation);
	} else if (pass->over && !pass->guessing) {
		result->code = pass->code;
		result->why = pass->why;
		result->problem = problem_of(spf, &pass->problem);
	}
	result->terms = pass->terms;
	result->voids = pass->voids;
	result->queries = spf->n_asked;
	result->asked_ahead = spf->n_ahead;
	result->width = pass->width;
	result->width.term = clean(spf, pass->width.term, SPF_TEXT_OCTETS_MAX);
	result->steps = spf_trace_publish(pass);
	spf->done = true;
}

/* True: the evaluation is done. */
static bool run_pass(struct spf *spf)
{
	struct arena arena;
	struct spf_pass pass;

	arena_open(&arena, NULL);
	pass_open(&pass, spf, &arena);
	check_domain(&pass);
	spf->waits = pass.waits;
	if (pass.waits == NULL)
		publish(&pass);
	arena_close(&arena);
	return spf->done;
}

/* ---- the evaluation ---- */

/* RFC 7208 4.3: a name of several labels that could stand in DNS; no address, literal or bare. */
static bool can_be_checked(const char *domain)
{
	uint8_t wire[DNS_WIRE_MAX];
	struct ip address;
	const char *c = domain;

	if (strchr(domain, '.') == NULL || domain[0] == '[' || ip_parse(&address, domain))
		return false;
	while (*c > ' ' && *c <= '~' && *c != '\\')
		c++;
	return *c == '\0' && strlen(domain) <= SPF_DOMAIN_OCTETS_MAX && dns_name_to_wire(domain, wire) > 1;
}

static const char *copy(struct spf *spf, const char *text)
{
	return text != NULL ? arena_strdup(spf->arena, text) : "";
}

static const char *copy_domain(struct spf *spf, const char *text)
{
	char *domain = domain_lower(spf->arena, text, DNS_NAME_TEXT_MAX);

	return domain != NULL ? domain : "";
}

/* The null reverse-path is checked as postmaster at the HELO name (RFC 7208 2.4). */
static void set_identity(struct spf *spf, const struct spf_query *query)
{
	bool helo = query->identity == SPF_HELO || query->domain == NULL || query->domain[0] == '\0';
	bool has_local = !helo && query->local != NULL && query->local[0] != '\0';

	spf->query = *query;
	spf->query.helo = copy(spf, query->helo);
	spf->query.receiver = copy(spf, query->receiver);
	spf->query.local = has_local ? copy(spf, query->local) : POSTMASTER;
	spf->query.domain = spf->domain = copy_domain(spf, helo ? query->helo : query->domain);
	spf->macros = (struct spf_macros){ .client = query->client,
		                           .local = spf->query.local,
		                           .sender_domain = spf->domain,
		                           .domain = spf->domain,
		                           .helo = spf->query.helo,
		                           .receiver = spf->query.receiver,
		                           .now_s = query->now_s };
}

static void set_result(struct spf *spf)
{
	struct spf_result *result = &spf->result;
	char sender[SENDER_OCTETS + 1];
	struct strbuf buf;

	strbuf_open(&buf, sender, sizeof(sender));
	strbuf_add_clean(&buf, spf->query.local, NULL, SENDER_OCTETS / 2);
	strbuf_add(&buf, "@");
	strbuf_add_clean(&buf, spf->domain, NULL, SENDER_OCTETS / 2 - 1);
	*result = (struct spf_result){ .identity = spf->query.identity,
		                       .code = SPF_NONE,
		                       .domain = clean(spf, spf->domain, SPF_DOMAIN_OCTETS_MAX),
		                       .mechanism = "",
		                       .problem = "",
		                       .explanation = "" };
	result->sender = arena_strdup(spf->arena, sender);
	spf_width_open(&result->width);
}

static void set_guess(struct spf *spf)
{
	char memory[SPF_PROBLEM_OCTETS_MAX];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	if (spf->query.guess &&
	    spf_record_parse(&spf->guess, (const uint8_t *)GUESSED, strlen(GUESSED), spf->arena, &problem) != 0)
		spf->query.guess = false;
}

static void set_limits(struct spf *spf, const struct spf_limits *limits)
{
	spf->limits = *limits;
	if (spf->limits.terms_max > SPF_TERMS_CAP)
		spf->limits.terms_max = SPF_TERMS_CAP;
	if (spf->limits.terms_max < 0)
		spf->limits.terms_max = 0;
}

struct spf *spf_open(const struct spf_query *query, const struct spf_limits *limits, const struct spf_dns *dns,
                     struct arena *arena)
{
	struct spf *spf = arena_alloc(arena, sizeof(*spf));

	spf->arena = arena;
	spf->dns = *dns;
	spf->questions_end = &spf->questions;
	set_limits(spf, limits);
	set_identity(spf, query);
	set_result(spf);
	set_guess(spf);
	if (!can_be_checked(spf->domain) || query->client.family == 0) {
		spf->done = true;
		return spf;
	}
	dns_name_reverse_ptr(&spf->query.client, spf->ptr_name);
	spf->waits = spf_ask_first(spf, spf->domain, DNS_TXT);
	return spf;
}

bool spf_step(struct spf *spf)
{
	while (!spf->done && spf_poll_all(spf)) {
		if (spf->waits->answer != NULL && run_pass(spf))
			break;
		spf_ask_ahead(spf);
	}
	return spf->done;
}

void spf_stop(struct spf *spf)
{
	if (spf_step(spf))
		return;
	spf_give_up_questions(spf);
	run_pass(spf);
}

const struct spf_result *spf_result(const struct spf *spf)
{
	return &spf->result;
}

/* Most of a result's texts are empty. */
static const char *copy_text(struct arena *arena, const char *text)
{
	return text[0] != '\0' ? arena_strdup(arena, text) : "";
}

const struct spf_result *spf_result_copy(const struct spf_result *result, struct arena *arena)
{
	struct spf_result *kept = arena_alloc(arena, sizeof(*kept));

	*kept = *result;
	kept->domain = copy_text(arena, result->domain);
	kept->sender = copy_text(arena, result->sender);
	kept->mechanism = copy_text(arena, result->mechanism);
	kept->problem = copy_text(arena, result->problem);
	kept->explanation = copy_text(arena, result->explanation);
	kept->width.term = copy_text(arena, result->width.term);
	kept->steps = NULL;
	return kept;
}

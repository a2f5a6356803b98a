/* SPDX-License-Identifier: BSD-2-Clause */
#include "dmarc/dmarc.h"

#include <string.h>

#include "base/strbuf.h"
#include "dmarc/evaluate.h"
#include "mail/address.h"
#include "mail/suffix.h"

#define DOMAIN_READ_MAX   1000 /* octets at its end: what is longer cannot exist, but its parents can */
#define DOMAIN_SHOWN_MAX  100
#define RECORD_SHOWN_MAX  500
#define ROUNDS_MAX        4 /* of questions in a step: the walk, then what follows from it, answered from a cache */
#define COMMON_LABELS_MIN 2 /* asked ahead: below a common domain that is more than a top level one */

enum question_state { QUESTION_NONE, QUESTION_WANTED, QUESTION_OPEN, QUESTION_ANSWERED };

struct dmarc {
	struct arena *arena;
	struct dns_asker asker;
	struct dmarc_levels levels;
	bool psl_check;
	struct dmarc_case one;
	struct dmarc_walk *expected[DMARC_IDENTIFIERS_MAX];
	size_t n_expected;
	enum question_state existence_state;
	void *existence;
	enum dns_why existence_why;
	struct dmarc_result result;
	bool final;
};

const char *dmarc_code_name(enum dmarc_code code)
{
	static const char *const names[] = {
		[DMARC_NONE] = "none",           [DMARC_PASS] = "pass",           [DMARC_FAIL] = "fail",
		[DMARC_TEMPERROR] = "temperror", [DMARC_PERMERROR] = "permerror",
	};

	return names[code];
}

const char *dmarc_policy_name(enum dmarc_policy policy)
{
	static const char *const names[] = {
		[DMARC_POLICY_NONE] = "none",
		[DMARC_POLICY_QUARANTINE] = "quarantine",
		[DMARC_POLICY_REJECT] = "reject",
	};

	return names[policy];
}

/* ---- questions ---- */

static void ask_existence(struct dmarc *dmarc)
{
	const struct dns_asker *asker = dmarc->levels.asker;
	char name[DNS_NAME_TEXT_MAX];

	if (!dmarc_query_name(name, "", dmarc->one.walk->domain)) {
		dmarc->existence_state = QUESTION_ANSWERED;
		dmarc->one.existence = EXISTENCE_DISPROVEN;
		return;
	}
	dmarc->existence = asker->ask(asker->context, name, DNS_A);
	if (dmarc->existence == NULL)
		return;
	dmarc->existence_state = QUESTION_OPEN;
	dmarc->levels.queries++;
}

/* At the end of a CNAME's chain something else may be missing than the name that was asked for. */
static void collect_existence(struct dmarc *dmarc)
{
	const struct dns_asker *asker = dmarc->levels.asker;
	const struct dns_answer *answer = NULL;
	enum dns_status status = asker->poll(asker->context, dmarc->existence, &answer);

	if (status == DNS_PENDING)
		return;
	dmarc->existence_state = QUESTION_ANSWERED;
	dmarc->existence_why = answer->why;
	if (status == DNS_FOUND || (status == DNS_NONE && (answer->why == DNS_WHY_NODATA || answer->canonical != NULL)))
		dmarc->one.existence = EXISTENCE_PROVEN;
	else if (status == DNS_NONE)
		dmarc->one.existence = EXISTENCE_DISPROVEN;
}

static void step_questions(struct dmarc *dmarc)
{
	const struct dmarc_walk *walk = dmarc->one.walk;

	dmarc_levels_step(&dmarc->levels);
	if (walk->n > 0 && walk->levels[0]->exists)
		dmarc->one.existence = EXISTENCE_PROVEN;
	if (dmarc->existence_state == QUESTION_WANTED)
		ask_existence(dmarc);
	if (dmarc->existence_state == QUESTION_OPEN)
		collect_existence(dmarc);
}

static struct dmarc_walk *expected_walk(const struct dmarc *dmarc, const char *domain)
{
	for (size_t i = 0; i < dmarc->n_expected; i++) {
		if (strcmp(dmarc->expected[i]->domain, domain) == 0)
			return dmarc->expected[i];
	}
	return NULL;
}

/* Ask what the evaluation wants to know. False: nothing new. */
static bool ask_wanted(struct dmarc *dmarc)
{
	bool asked = false;

	if (!dmarc_walk_is_complete(dmarc->one.walk))
		return false; /* it may make all of that superfluous */
	for (size_t i = 0; i < dmarc->one.n_candidates; i++) {
		struct dmarc_candidate *candidate = &dmarc->one.candidates[i];
		if (!candidate->wants_walk)
			continue;
		candidate->walk = dmarc_walk_open(&dmarc->levels, candidate->domain);
		asked = true;
	}
	if (dmarc->one.wants_existence && dmarc->existence_state == QUESTION_NONE) {
		dmarc->existence_state = QUESTION_WANTED;
		asked = true;
	}
	return asked;
}

static bool is_complete(const struct dmarc *dmarc)
{
	return dmarc_levels_are_complete(&dmarc->levels) &&
	       (dmarc->existence_state == QUESTION_NONE || dmarc->existence_state == QUESTION_ANSWERED);
}

/* ---- the result ---- */

static void add_clean(struct strbuf *buf, const char *text)
{
	strbuf_add_clean(buf, text, NULL, DOMAIN_SHOWN_MAX);
}

static void explain_none(const struct dmarc *dmarc, struct strbuf *buf)
{
	const struct dmarc_walk *walk = dmarc->one.walk;

	if (walk->n == 0) {
		strbuf_add(buf, "From has no domain name");
		return;
	}
	strbuf_add(buf, "no record for ");
	add_clean(buf, walk->domain);
	for (size_t i = 0; i < walk->n; i++) {
		if (!walk->levels[i]->several)
			continue;
		strbuf_add(buf, ", and several that cancel each other out for ");
		add_clean(buf, walk->levels[i]->domain);
		return;
	}
}

static void explain_record(const struct dmarc_level *level, struct strbuf *buf)
{
	strbuf_add(buf, "the record for ");
	add_clean(buf, level->domain);
	strbuf_addf(buf, ": %s%s", level->record.problem,
	            level->record.usable ? "" : ", and no valid rua= asks for reports");
}

static void explain_unsure(const struct dmarc *dmarc, struct strbuf *buf)
{
	const struct dmarc_level *unsure = NULL;

	for (const struct dmarc_level *level = dmarc->levels.first; level != NULL; level = level->next) {
		if (level->state == LEVEL_UNSURE)
			unsure = level; /* the last of them was asked first: for From */
	}
	if (unsure != NULL) {
		strbuf_add(buf, "DNS has no answer for _dmarc.");
		add_clean(buf, unsure->domain);
		strbuf_addf(buf, " (%s)", dns_why_name(unsure->why));
	} else if (dmarc->one.wants_existence) {
		strbuf_addf(buf, "DNS does not say whether the domain exists (%s)", dns_why_name(dmarc->existence_why));
	} else {
		strbuf_add(buf, "SPF or DKIM had no result");
	}
}

static void explain_fail(const struct dmarc *dmarc, struct strbuf *buf)
{
	strbuf_add(buf, dmarc->one.n_candidates > 0 ? "what SPF and DKIM authenticated is not aligned"
	                                            : "neither SPF nor DKIM authenticated a related domain");
}

static void explain(struct dmarc *dmarc, const struct dmarc_outcome *outcome)
{
	char text[DMARC_REASON_OCTETS_MAX + 1];
	struct strbuf buf;

	strbuf_open(&buf, text, sizeof(text));
	if (outcome->code == DMARC_NONE)
		explain_none(dmarc, &buf);
	else if (outcome->code == DMARC_TEMPERROR)
		explain_unsure(dmarc, &buf);
	else if (outcome->code == DMARC_FAIL)
		explain_fail(dmarc, &buf);
	if (outcome->level != NULL && *outcome->level->record.problem != '\0') {
		strbuf_add(&buf, buf.length > 0 ? "; " : "");
		explain_record(outcome->level, &buf);
	}
	dmarc->result.reason = arena_strdup(dmarc->arena, text);
}

static const char *shown_record(const struct dmarc *dmarc, const struct dmarc_level *level)
{
	char text[RECORD_SHOWN_MAX + 1];
	struct strbuf buf;

	strbuf_open(&buf, text, sizeof(text));
	strbuf_add_clean(&buf, (const char *)level->text->data, NULL, RECORD_SHOWN_MAX);
	return arena_strdup(dmarc->arena, text);
}

/* A public suffix has no organisational domain by the list: then it speaks for itself. */
static bool list_differs(const struct dmarc *dmarc, const char *organisation)
{
	const char *domain = dmarc->one.walk->domain, *listed = suffix_organisation(domain);

	return strcmp(listed != NULL ? listed : domain, organisation) != 0;
}

static void finish(struct dmarc *dmarc, const struct dmarc_outcome *outcome)
{
	struct dmarc_result *result = &dmarc->result;
	const struct dmarc_level *level = outcome->level;

	result->code = outcome->code;
	result->queries = dmarc->levels.queries;
	result->aligned_spf = outcome->aligned_spf;
	result->aligned_dkim = outcome->aligned_dkim;
	if (outcome->organisation != NULL)
		result->organisation = outcome->organisation;
	if (level != NULL) {
		result->record_domain = level->domain;
		result->record = shown_record(dmarc, level);
		result->testing = level->record.testing;
		result->published = outcome->published;
		result->policy = result->testing ? dmarc_softened(outcome->published) : outcome->published;
		result->psl_differs = dmarc->psl_check && outcome->organisation != NULL &&
		                      list_differs(dmarc, outcome->organisation);
	}
	explain(dmarc, outcome);
	dmarc->final = true;
}

static void finish_unsure(struct dmarc *dmarc)
{
	finish(dmarc, &(struct dmarc_outcome){ .code = DMARC_TEMPERROR });
}

/* ---- the evaluation's life ---- */

static const char *read_domain(struct dmarc *dmarc, const char *text)
{
	size_t octets = text != NULL ? strlen(text) : 0;

	if (octets == 0)
		return "";
	return domain_lower(dmarc->arena, octets > DOMAIN_READ_MAX ? text + octets - DOMAIN_READ_MAX : text, octets);
}

struct dmarc *dmarc_open(const char *from_domain, bool psl_check, const struct dns_asker *asker, struct arena *arena)
{
	struct dmarc *dmarc = arena_alloc(arena, sizeof(*dmarc));
	const char *domain;

	dmarc->arena = arena;
	domain = read_domain(dmarc, from_domain);
	dmarc->asker = *asker;
	dmarc->levels = (struct dmarc_levels){ .asker = &dmarc->asker, .arena = arena };
	dmarc->psl_check = psl_check;
	dmarc->result = (struct dmarc_result){
		.domain = domain, .record_domain = "", .organisation = "", .record = "", .reason = ""
	};
	dmarc->one.walk = dmarc_walk_open(&dmarc->levels, domain);
	step_questions(dmarc);
	return dmarc;
}

/* Could the domain become aligned, as far as is known, and only by a walk of its own? */
static bool needs_walk(const struct dmarc *dmarc, const char *domain)
{
	const struct dmarc_walk *walk = dmarc->one.walk;
	struct dmarc_found found;

	if (strcmp(domain, walk->domain) == 0 || dmarc_common_labels(domain, walk->domain) < COMMON_LABELS_MIN)
		return false;
	if (walk->levels[0]->state == LEVEL_RECORD && walk->levels[0]->record.strict_dkim &&
	    walk->levels[0]->record.strict_spf)
		return false;
	for (size_t i = 0; i < walk->n; i++) {
		if (walk->levels[i]->state != LEVEL_RECORD && walk->levels[i]->state != LEVEL_EMPTY)
			return true;
	}
	dmarc_walk_find(walk, &found);
	return dmarc_is_within(domain, found.organisation);
}

void dmarc_expect(struct dmarc *dmarc, const char *domain)
{
	const char *name = read_domain(dmarc, domain);

	if (dmarc_step(dmarc) || dmarc->one.walk->n == 0 || dmarc->n_expected == DMARC_IDENTIFIERS_MAX)
		return;
	if (!needs_walk(dmarc, name) || expected_walk(dmarc, name) != NULL)
		return;
	dmarc->expected[dmarc->n_expected++] = dmarc_walk_open(&dmarc->levels, name);
	step_questions(dmarc);
}

static bool is_candidate(const struct dmarc *dmarc, const char *domain, bool dkim)
{
	for (size_t i = 0; i < dmarc->one.n_candidates; i++) {
		const struct dmarc_candidate *candidate = &dmarc->one.candidates[i];
		if (candidate->dkim == dkim && strcmp(candidate->domain, domain) == 0)
			return true;
	}
	return false;
}

/* Those that are From's domain itself, or the others. A domain without a common label can never be aligned. */
static void add_candidates(struct dmarc *dmarc, const struct dmarc_identifier *identifiers, size_t n, bool same)
{
	const char *from = dmarc->one.walk->domain;

	for (size_t i = 0; i < n && dmarc->one.n_candidates < DMARC_IDENTIFIERS_MAX; i++) {
		const char *domain = read_domain(dmarc, identifiers[i].domain);
		if ((strcmp(domain, from) == 0) != same || dmarc_common_labels(domain, from) == 0 ||
		    is_candidate(dmarc, domain, identifiers[i].dkim))
			continue;
		dmarc->one.candidates[dmarc->one.n_candidates++] = (struct dmarc_candidate){
			.domain = domain,
			.dkim = identifiers[i].dkim,
			.walk = expected_walk(dmarc, domain),
		};
	}
}

void dmarc_identifiers(struct dmarc *dmarc, const struct dmarc_identifier *identifiers, size_t n)
{
	if (dmarc->one.given)
		return;
	add_candidates(dmarc, identifiers, n, true);
	add_candidates(dmarc, identifiers, n, false);
	dmarc->one.given = true;
}

bool dmarc_step(struct dmarc *dmarc)
{
	struct dmarc_outcome outcome;

	for (int round = 0; !dmarc->final && round < ROUNDS_MAX; round++) {
		step_questions(dmarc);
		if (dmarc_evaluate(&dmarc->one, &outcome))
			finish(dmarc, &outcome);
		else if (!ask_wanted(dmarc))
			break;
	}
	if (!dmarc->final && dmarc->one.given && is_complete(dmarc))
		finish_unsure(dmarc);
	return dmarc->final;
}

void dmarc_stop(struct dmarc *dmarc)
{
	struct dmarc_outcome outcome;

	if (dmarc_step(dmarc))
		return;
	dmarc_levels_stop(&dmarc->levels);
	if (dmarc->existence_state == QUESTION_OPEN)
		dmarc->existence_why = DNS_WHY_TIMEOUT;
	if (dmarc_evaluate(&dmarc->one, &outcome))
		finish(dmarc, &outcome);
	else
		finish_unsure(dmarc);
}

const struct dmarc_result *dmarc_get_result(const struct dmarc *dmarc)
{
	return &dmarc->result;
}

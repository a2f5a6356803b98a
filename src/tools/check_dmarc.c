/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_dmarc.h"

#include <string.h>

#include "base/base.h"
#include "checks/dmarc_settings.h"
#include "mail/suffix.h"

void tool_dmarc_add_from(struct tool_dmarc *dmarc, const char *value, struct arena *arena)
{
	struct subject *subject = &dmarc->subject;
	struct author *author;

	if (subject->n_from++ >= SUBJECT_FROM_MAX)
		return;
	author = arena_alloc(arena, sizeof(*author));
	author_parse(author, value, arena);
	subject->from[subject->n_from - 1] = author;
}

void tool_dmarc_start(struct tool_dmarc *dmarc, const struct dns_asker *asker, struct arena *arena)
{
	from_read(&dmarc->subject, &dmarc->from);
	for (size_t i = 0; i < dmarc->from.n; i++)
		dmarc->evaluations[i] = dmarc_open(dmarc->from.domains[i], true, asker, arena);
}

/* ---- results ---- */

/* Could this domain, had it been authenticated, have spoken for the one in From? */
static bool could_speak(const struct dmarc_result *result, const char *domain)
{
	return dmarc_is_below(domain, result->organisation[0] != '\0' ? result->organisation : result->domain);
}

/* A fail for want of an answer of SPF's or a signature's is none. */
static const char *missing_answer(const struct dmarc_result *result, const struct spf_result *spf,
                                  const struct dkim_results *dkim)
{
	if (spf != NULL && spf->code == SPF_TEMPERROR && could_speak(result, spf->domain))
		return "SPF has no answer";
	for (size_t i = 0; i < dkim->n; i++) {
		if (dkim->results[i].code == DKIM_TEMPERROR && could_speak(result, dkim->results[i].domain))
			return "a signature's key has no answer";
	}
	return NULL;
}

static const struct dmarc_result *result_of(const struct dmarc *evaluation, const struct spf_result *spf,
                                            const struct dkim_results *dkim, struct arena *arena)
{
	const struct dmarc_result *result = dmarc_get_result(evaluation);
	const char *missing = result->code == DMARC_FAIL ? missing_answer(result, spf, dkim) : NULL;
	struct dmarc_result *unsure;

	if (missing == NULL)
		return result;
	unsure = arena_alloc(arena, sizeof(*unsure));
	*unsure = *result;
	unsure->code = DMARC_TEMPERROR;
	unsure->reason = missing;
	return unsure;
}

static unsigned severity(const struct dmarc_result *result)
{
	static const unsigned of_code[] = {
		[DMARC_PASS] = 0, [DMARC_NONE] = 1, [DMARC_PERMERROR] = 2, [DMARC_FAIL] = 3, [DMARC_TEMPERROR] = 5,
	};
	static const unsigned of_policy[] = {
		[DMARC_POLICY_NONE] = 3,
		[DMARC_POLICY_QUARANTINE] = 6,
		[DMARC_POLICY_REJECT] = 7,
	};

	return result->code == DMARC_FAIL ? of_policy[result->policy] : of_code[result->code];
}

static size_t find_passes(struct dmarc_identifier *passed, const struct spf_result *spf,
                          const struct dkim_results *dkim)
{
	size_t n = 0;

	if (spf != NULL && spf->code == SPF_PASS && !spf->guessed && spf->domain[0] != '\0')
		passed[n++] = (struct dmarc_identifier){ spf->domain, false };
	for (size_t i = 0; i < dkim->n && n < DMARC_IDENTIFIERS_MAX; i++) {
		if (dkim->results[i].code == DKIM_PASS)
			passed[n++] = (struct dmarc_identifier){ dkim->results[i].domain, true };
	}
	return n;
}

void tool_dmarc_finish(struct tool_dmarc *dmarc, const struct spf_result *spf, const struct dkim_results *dkim,
                       struct tool_dns *dns, clock_ms deadline)
{
	struct dmarc_identifier passed[DMARC_IDENTIFIERS_MAX];
	const size_t n = find_passes(passed, spf, dkim);

	for (size_t i = 0; i < dmarc->from.n; i++) {
		const struct dmarc_result *result;
		dmarc_identifiers(dmarc->evaluations[i], passed, n);
		while (!dmarc_step(dmarc->evaluations[i])) {
			if (!tool_dns_wait(dns, deadline)) {
				dmarc_stop(dmarc->evaluations[i]);
				break;
			}
		}
		result = result_of(dmarc->evaluations[i], spf, dkim, &dns->arena);
		dmarc->results[i] = result;
		if (severity(result) > severity(dmarc->results[0])) {
			dmarc->results[i] = dmarc->results[0];
			dmarc->results[0] = result;
		}
	}
}

/* ---- From ---- */

const char *tool_dmarc_from_problem(const struct from *from)
{
	switch (from->state) {
	case FROM_MISSING:
		return "the message has no From field";
	case FROM_SEVERAL:
		return "the message has several From fields";
	case FROM_INVALID:
		return "the From field holds no valid address with a domain";
	case FROM_MANY:
		return "the From field has addresses in more domains than are looked at";
	default:
		return from->n > 1 ? "the From field has addresses in several domains" : NULL;
	}
}

bool tool_dmarc_is_author(const struct from *from, const char *domain)
{
	for (size_t i = 0; i < from->n; i++) {
		if (strcmp(from->domains[i], domain) == 0 || suffix_same_organisation(from->domains[i], domain))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/dmarc_findings.h"

#include "checks/dmarc_settings.h"

/* ---- who was authenticated ---- */

size_t dmarc_findings_passed(const struct spf_result *spf, const struct dkim_results *dkim,
                             struct dmarc_identifier passed[DMARC_IDENTIFIERS_MAX])
{
	size_t n = 0;

	if (spf != NULL && spf->code == SPF_PASS && !spf->guessed && spf->domain[0] != '\0')
		passed[n++] = (struct dmarc_identifier){ spf->domain, false };
	for (size_t i = 0; dkim != NULL && i < dkim->n && n < DMARC_IDENTIFIERS_MAX; i++) {
		const struct dkim_result *result = &dkim->results[i];
		if (result->code == DKIM_PASS && (result->traits & DKIM_TRAIT_PARTIAL) == 0 &&
		    result->domain[0] != '\0')
			passed[n++] = (struct dmarc_identifier){ result->domain, true };
	}
	return n;
}

/* ---- what is not known ---- */

/* Could this domain, had it been authenticated, have spoken for the one in From? */
static bool could_speak(const struct dmarc_result *result, const char *domain)
{
	return dmarc_is_below(domain, result->organisation[0] != '\0' ? result->organisation : result->domain);
}

/* NULL: none that could have made a difference. */
static const char *missing_answer(const struct dmarc_result *result, const struct spf_result *spf,
                                  const struct dkim_results *dkim)
{
	if (spf != NULL && spf->code == SPF_TEMPERROR && could_speak(result, spf->domain))
		return "SPF has no answer";
	for (size_t i = 0; dkim != NULL && i < dkim->n; i++) {
		if (dkim->results[i].code == DKIM_TEMPERROR && could_speak(result, dkim->results[i].domain))
			return "a signature's key has no answer";
	}
	return NULL;
}

const struct dmarc_result *dmarc_findings_result(const struct dmarc *evaluation, const struct spf_result *spf,
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

/* ---- which one counts ---- */

static int severity(const struct dmarc_result *result)
{
	static const int of_policy[] = {
		[DMARC_POLICY_NONE] = 3,
		[DMARC_POLICY_QUARANTINE] = 5,
		[DMARC_POLICY_REJECT] = 6,
	};
	static const int of_code[] = {
		[DMARC_PASS] = 0, [DMARC_NONE] = 1, [DMARC_PERMERROR] = 2, [DMARC_FAIL] = 3, [DMARC_TEMPERROR] = 4,
	};

	return result->code == DMARC_FAIL ? of_policy[result->policy] : of_code[result->code];
}

void dmarc_findings_add(const struct dmarc_result **results, size_t *n, const struct dmarc_result *result)
{
	const size_t last = (*n)++;

	results[last] = result;
	if (severity(result) > severity(results[0])) {
		results[last] = results[0];
		results[0] = result;
	}
}

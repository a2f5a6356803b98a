/* SPDX-License-Identifier: BSD-2-Clause */
#include "dmarc/evaluate.h"

#include <string.h>

#include "base/base.h"

#define UNKNOWN_MAX 3 /* levels whose possibilities are tried: 64 of them */

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/* What a level that is not known may turn out to be. */
static const struct possibility {
	enum dmarc_level_state state;
	enum dmarc_psd psd;
} possibilities[] = {
	{ LEVEL_EMPTY, DMARC_PSD_UNKNOWN },
	{ LEVEL_RECORD, DMARC_PSD_UNKNOWN },
	{ LEVEL_RECORD, DMARC_PSD_YES },
	{ LEVEL_RECORD, DMARC_PSD_NO },
};

struct unknown {
	struct dmarc_level *levels[UNKNOWN_MAX];
	size_t n;
	bool too_many;
};

/* ---- domains ---- */

size_t dmarc_common_labels(const char *a, const char *b)
{
	size_t i = strlen(a), k = strlen(b), n = 0;

	while (i > 0 && k > 0 && a[i - 1] == b[k - 1]) {
		i--;
		k--;
		n += a[i] == '.';
	}
	/* up to the beginning of a label in both? */
	return n + ((i == 0 || a[i - 1] == '.') && (k == 0 || b[k - 1] == '.'));
}

bool dmarc_is_within(const char *domain, const char *organisation)
{
	size_t octets = strlen(domain), suffix = strlen(organisation);

	if (octets < suffix || strcmp(domain + octets - suffix, organisation) != 0)
		return false;
	return octets == suffix || domain[octets - suffix - 1] == '.';
}

/* ---- one possibility ---- */

static enum answer is_aligned(const struct dmarc_case *one, struct dmarc_candidate *candidate,
                              const struct dmarc_record *record, const char *organisation)
{
	struct dmarc_found found;

	if (strcmp(candidate->domain, one->walk->domain) == 0)
		return ANSWER_YES;
	if (candidate->dkim ? record->strict_dkim : record->strict_spf)
		return ANSWER_NO;
	if (!dmarc_is_within(candidate->domain, organisation))
		return ANSWER_NO;
	if (candidate->walk == NULL) {
		candidate->wants_walk = true;
		return ANSWER_UNKNOWN;
	}
	dmarc_walk_find(candidate->walk, &found);
	return strcmp(found.organisation, organisation) == 0 ? ANSWER_YES : ANSWER_NO;
}

static enum answer align(struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	enum answer any = ANSWER_NO;

	for (size_t i = 0; i < one->n_candidates; i++) {
		struct dmarc_candidate *candidate = &one->candidates[i];
		enum answer answer = is_aligned(one, candidate, &outcome->level->record, outcome->organisation);
		if (answer == ANSWER_YES)
			*(candidate->dkim ? &outcome->aligned_dkim : &outcome->aligned_spf) = true;
		if (answer == ANSWER_YES || any == ANSWER_NO)
			any = answer;
	}
	return any;
}

/* Only a record above the domain asks whether the domain exists. */
static bool needs_existence(const struct dmarc_case *one, const struct dmarc_level *level)
{
	return one->existence == EXISTENCE_UNKNOWN && strcmp(level->domain, one->walk->domain) != 0 &&
	       level->record.np != level->record.sp;
}

/* What passes has no need of np: whether it was asked for then depends on who was faster. */
static enum dmarc_policy policy_of(const struct dmarc_case *one, const struct dmarc_outcome *outcome)
{
	const struct dmarc_record *record = &outcome->level->record;

	if (strcmp(outcome->level->domain, one->walk->domain) == 0)
		return record->p;
	return outcome->code == DMARC_FAIL && one->existence == EXISTENCE_DISPROVEN ? record->np : record->sp;
}

/* The record is known: what does it say of this message? */
static bool apply(struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	outcome->code = DMARC_PERMERROR;
	if (!outcome->level->record.usable)
		return true;
	enum answer aligned = one->given ? align(one, outcome) : ANSWER_UNKNOWN;
	bool needs = aligned != ANSWER_YES && needs_existence(one, outcome->level);
	one->wants_existence = one->wants_existence || needs;
	if (aligned == ANSWER_UNKNOWN || needs)
		return false;
	outcome->code = aligned == ANSWER_YES ? DMARC_PASS : DMARC_FAIL;
	outcome->published = policy_of(one, outcome);
	return true;
}

static bool evaluate_possibility(struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	struct dmarc_found found;

	dmarc_walk_find(one->walk, &found);
	*outcome =
		(struct dmarc_outcome){ .code = DMARC_NONE, .organisation = found.organisation, .level = found.policy };
	if (found.policy == NULL)
		return true;
	return found.policy->state == LEVEL_RECORD && apply(one, outcome);
}

/* ---- all of them ---- */

/* Those before the level where the walk is known to stop: what is behind it is not part of the walk. */
static void add_unknown(struct unknown *unknown, const struct dmarc_walk *walk)
{
	for (size_t i = 0; i < walk->n; i++) {
		struct dmarc_level *level = walk->levels[i];
		bool known = level->state == LEVEL_RECORD || level->state == LEVEL_EMPTY;
		if (level->state == LEVEL_RECORD && level->record.psd != DMARC_PSD_UNKNOWN)
			return;
		for (size_t k = 0; k < unknown->n; k++)
			known = known || unknown->levels[k] == level;
		if (known)
			continue;
		if (unknown->n == UNKNOWN_MAX) {
			unknown->too_many = true;
			return;
		}
		unknown->levels[unknown->n++] = level;
	}
}

/* May the walk of the candidate decide? `found`: what From's walk found; NULL: that is not known yet. */
static bool matters(const struct dmarc_case *one, const struct dmarc_candidate *candidate,
                    const struct dmarc_found *found)
{
	if (candidate->walk == NULL || strcmp(candidate->domain, one->walk->domain) == 0)
		return false;
	if (found == NULL)
		return true;
	if (found->policy == NULL || !dmarc_is_within(candidate->domain, found->organisation))
		return false;
	return !(candidate->dkim ? found->policy->record.strict_dkim : found->policy->record.strict_spf);
}

static void find_unknown(struct unknown *unknown, const struct dmarc_case *one)
{
	struct dmarc_found found;

	*unknown = (struct unknown){ .n = 0 };
	add_unknown(unknown, one->walk);
	bool walked = unknown->n == 0;
	if (walked)
		dmarc_walk_find(one->walk, &found);
	for (size_t i = 0; i < one->n_candidates; i++) {
		if (matters(one, &one->candidates[i], walked ? &found : NULL))
			add_unknown(unknown, one->candidates[i].walk);
	}
}

static void suppose(const struct unknown *unknown, size_t world)
{
	for (size_t i = 0; i < unknown->n; i++) {
		const struct possibility *possibility = &possibilities[world % COUNT(possibilities)];
		unknown->levels[i]->supposed_state = possibility->state;
		unknown->levels[i]->supposed_psd = possibility->psd;
		world /= COUNT(possibilities);
	}
}

static bool merge(struct dmarc_outcome *outcome, const struct dmarc_outcome *other)
{
	if (outcome->code != other->code || outcome->level != other->level || outcome->published != other->published)
		return false;
	outcome->aligned_spf = outcome->aligned_spf && other->aligned_spf;
	outcome->aligned_dkim = outcome->aligned_dkim && other->aligned_dkim;
	if (outcome->organisation != other->organisation)
		outcome->organisation = NULL;
	return true;
}

static bool evaluate_all(struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	struct dmarc_outcome other;
	struct unknown unknown;
	size_t worlds = 1;

	find_unknown(&unknown, one);
	if (unknown.too_many)
		return false;
	for (size_t i = 0; i < unknown.n; i++)
		worlds *= COUNT(possibilities);
	suppose(&unknown, 0);
	if (!evaluate_possibility(one, outcome))
		return false;
	for (size_t world = 1; world < worlds; world++) {
		suppose(&unknown, world);
		if (!evaluate_possibility(one, &other) || !merge(outcome, &other))
			return false;
	}
	return true;
}

/* With a record of its own, a domain is aligned with itself whatever is above it. */
static bool evaluate_own_record(const struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	*outcome = (struct dmarc_outcome){ .code = DMARC_PASS };
	if (one->walk->n == 0 || one->walk->levels[0]->state != LEVEL_RECORD)
		return false;
	outcome->level = one->walk->levels[0];
	outcome->published = outcome->level->record.p;
	if (!outcome->level->record.usable)
		return false;
	for (size_t i = 0; i < one->n_candidates; i++) {
		if (strcmp(one->candidates[i].domain, one->walk->domain) == 0)
			*(one->candidates[i].dkim ? &outcome->aligned_dkim : &outcome->aligned_spf) = true;
	}
	return outcome->aligned_dkim || outcome->aligned_spf;
}

/* Nothing above it can change that its own record is not usable, or that nothing could be aligned. */
static bool evaluate_own_failure(const struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	const struct dmarc_record *record = &outcome->level->record;

	outcome->code = record->usable ? DMARC_FAIL : DMARC_PERMERROR;
	for (size_t i = 0; i < one->n_candidates; i++) {
		if (!(one->candidates[i].dkim ? record->strict_dkim : record->strict_spf))
			return !record->usable;
	}
	return !record->usable || one->given;
}

bool dmarc_evaluate(struct dmarc_case *one, struct dmarc_outcome *outcome)
{
	struct dmarc_outcome own;

	one->wants_existence = false;
	for (size_t i = 0; i < one->n_candidates; i++)
		one->candidates[i].wants_walk = false;
	if (evaluate_all(one, outcome))
		return true;
	if (evaluate_own_record(one, &own) || (own.level != NULL && evaluate_own_failure(one, &own))) {
		*outcome = own;
		return true;
	}
	return false;
}

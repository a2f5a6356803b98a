/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

/*
 * A walk over the records known so far, in the order of their evaluation. It asks what their terms will need, and stops
 * where the evaluation will certainly have ended. Where that is not sure it goes on: at worst it asks in vain.
 */
struct walk {
	struct spf_view view;
	unsigned terms, voids;
};

/* What a term, or a record, will turn out to be. */
enum will { WILL_NOT_MATCH, WILL_MATCH, WILL_END, UNKNOWN };

static enum will walk_record(struct walk *walk, const struct spf_record *record, const char *domain);

static enum will walk_include(struct walk *walk, struct spf_question *question)
{
	const struct spf_chosen *chosen;

	if (question->answer->status == DNS_UNSURE)
		return WILL_END;
	chosen = spf_choose(&walk->view, question);
	if (chosen == NULL)
		return UNKNOWN;
	return chosen->state == SPF_CHOSEN_RECORD ? walk_record(walk, &chosen->record, question->name) : WILL_END;
}

/* All exchanges are asked for, though the first may match: they are asked for together. */
static enum will walk_exchanges(struct walk *walk, const struct spf_term *term, const struct dns_answer *answer)
{
	enum will will = WILL_NOT_MATCH;

	if (answer->n_records > (size_t)walk->view.spf->limits.mx_max)
		return WILL_END;
	for (size_t i = 0; i < answer->n_records; i++) {
		struct spf_question *question = spf_need(&walk->view, answer->records[i].name,
		                                         spf_address_type(walk->view.spf), SPF_FOR_DETAIL);
		if (question == NULL || question->answer->status == DNS_UNSURE)
			will = will == WILL_MATCH ? will : UNKNOWN;
		else if (spf_any_in_network(walk->view.spf, term, question->answer))
			will = WILL_MATCH;
	}
	return will;
}

static enum will walk_ptr(struct walk *walk, const char *name)
{
	switch (spf_ptr_matches(&walk->view, name)) {
	case SPF_KNOWN_YES:
		return WILL_MATCH;
	case SPF_KNOWN_NO:
		return WILL_NOT_MATCH;
	default:
		return UNKNOWN;
	}
}

static enum will walk_answer(struct walk *walk, const struct spf_term *term, struct spf_question *question)
{
	const struct spf *spf = walk->view.spf;
	const struct dns_answer *answer = question->answer;

	if (term->mechanism == SPF_INCLUDE)
		return walk_include(walk, question);
	if (answer->status == DNS_UNSURE)
		return WILL_END;
	if (answer->status == DNS_NONE)
		return ++walk->voids > (unsigned)spf->limits.void_max ? WILL_END : WILL_NOT_MATCH;
	if (term->mechanism == SPF_MX)
		return walk_exchanges(walk, term, answer);
	if (term->mechanism == SPF_A)
		return spf_any_in_network(spf, term, answer) ? WILL_MATCH : WILL_NOT_MATCH;
	return WILL_MATCH;
}

static enum will walk_asking(struct walk *walk, const struct spf_term *term, const char *domain)
{
	char name[DNS_NAME_TEXT_MAX];
	struct spf_question *question;

	if (++walk->terms > (unsigned)walk->view.spf->limits.terms_max)
		return WILL_END;
	if (spf_expand(&walk->view, term->domain, domain, name) != SPF_EXPANDED)
		return UNKNOWN;
	if (term->mechanism == SPF_PTR)
		return walk_ptr(walk, name);
	question = spf_need(&walk->view, name, spf_term_type(walk->view.spf, term->mechanism), SPF_FOR_TERM);
	return question != NULL ? walk_answer(walk, term, question) : UNKNOWN;
}

static enum will walk_redirect(struct walk *walk, const struct spf_record *record, const char *domain)
{
	const struct spf_term as_include = { .mechanism = SPF_INCLUDE, .qualifier = '+', .domain = record->redirect };

	return walk_asking(walk, &as_include, domain);
}

/* Whether a record will pass (WILL_MATCH), as an include asks. */
static enum will walk_record(struct walk *walk, const struct spf_record *record, const char *domain)
{
	bool unsure = false;

	for (size_t i = 0; i < record->n_terms; i++) {
		const struct spf_term *term = &record->terms[i];
		enum will will = spf_matches_at_once(walk->view.spf, term) ? WILL_MATCH : WILL_NOT_MATCH;

		if (spf_term_asks(term))
			will = walk_asking(walk, term, domain);
		if (will == WILL_END)
			return WILL_END;
		if (will == WILL_MATCH && !unsure)
			return term->qualifier == '+' ? WILL_MATCH : WILL_NOT_MATCH;
		if (will == WILL_MATCH)
			return UNKNOWN;
		unsure = unsure || will == UNKNOWN;
	}
	if (record->redirect != NULL) {
		enum will will = walk_redirect(walk, record, domain);
		return unsure && will != WILL_END ? UNKNOWN : will;
	}
	return unsure ? UNKNOWN : WILL_NOT_MATCH;
}

void spf_ask_ahead(struct spf *spf)
{
	struct walk walk = { .view = { .spf = spf, .pass = NULL } };
	struct spf_question *first = spf->questions;
	const struct spf_chosen *chosen;

	if (first->answer == NULL || first->answer->status == DNS_UNSURE)
		return;
	chosen = spf_choose(&walk.view, first);
	if (chosen != NULL && chosen->state == SPF_CHOSEN_RECORD)
		walk_record(&walk, &chosen->record, spf->domain);
	else if (chosen != NULL && chosen->state == SPF_CHOSEN_NONE && spf->query.guess)
		walk_record(&walk, &spf->guess, spf->domain);
}

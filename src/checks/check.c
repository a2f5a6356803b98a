/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct check_asked {
	struct check_asked *next;
	struct dns_question *question;
};

/* More than evidence keeps (EVIDENCE_DETAIL_MAX), so that the cut is made there, with its mark. */
#define DETAIL_RAW_MAX (2 * EVIDENCE_DETAIL_MAX)

static void state_formatted(struct check_run *run, fact_id id, const char *format, va_list arguments)
{
	char detail[DETAIL_RAW_MAX];

	if (evidence_find(run->evidence, id) != NULL)
		return;
	vsnprintf(detail, sizeof(detail), format, arguments);
	evidence_add(run->evidence, run->keep, id, run->stage, detail);
	if (run->stated != NULL)
		run->stated(run->stated_context, id, detail);
}

static fact_id fact_at(const struct check_run *run, size_t index)
{
	assert(index < run->check->n_facts);
	return (fact_id)(run->first_fact + index);
}

void check_state_fact(struct check_run *run, size_t index, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	state_formatted(run, fact_at(run, index), format, arguments);
	va_end(arguments);
}

void check_state_id(struct check_run *run, fact_id id, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	state_formatted(run, id, format, arguments);
	va_end(arguments);
}

void check_may(const struct check_run *run, size_t index, struct factset *set)
{
	factset_add(set, fact_at(run, index));
}

struct dns_question *check_ask(struct check_run *run, const char *name, enum dns_type type, unsigned flags)
{
	struct dns_question *question = dns_ask(run->dns, run->arena, name, type, flags);
	const struct dns_answer *answer;

	if (run->closing || dns_session_outstanding(run->dns) == 0)
		return question;
	if (dns_poll(question, &answer) != DNS_UNSURE || answer->why != DNS_WHY_LIMIT)
		return question;
	dns_cancel(question);
	return NULL;
}

/* ---- for protocol modules ---- */

static void *asker_ask(void *context, const char *name, enum dns_type type)
{
	struct check_run *run = context;
	struct dns_question *question = check_ask(run, name, type, DNS_FLAG_NONE);
	struct check_asked *asked;

	if (question == NULL)
		return NULL;
	asked = arena_alloc(run->arena, sizeof(*asked));
	*asked = (struct check_asked){ run->asked, question };
	run->asked = asked;
	return question;
}

static enum dns_status asker_poll(void *context, void *question, const struct dns_answer **answer)
{
	(void)context;
	return dns_poll(question, answer);
}

struct dns_asker check_asker(struct check_run *run)
{
	return (struct dns_asker){ run, asker_ask, asker_poll };
}

void check_cancel_asked(struct check_run *run)
{
	for (; run->asked != NULL; run->asked = run->asked->next)
		dns_cancel(run->asked->question);
}

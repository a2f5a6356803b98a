/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* More than evidence keeps (EVIDENCE_DETAIL_MAX), so that the cut is made there, with its mark. */
#define DETAIL_RAW_MAX (2 * EVIDENCE_DETAIL_MAX)

static void state_formatted(struct check_run *run, fact_id id, const char *format, va_list arguments)
{
	char detail[DETAIL_RAW_MAX];

	if (evidence_find(run->evidence, id) != NULL)
		return;
	vsnprintf(detail, sizeof(detail), format, arguments);
	evidence_add(run->evidence, run->arena, id, run->stage, detail);
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

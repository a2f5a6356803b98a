/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/check_dmarc.h"

#include <string.h>

#include "base/base.h"
#include "checks/dmarc_findings.h"
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

void tool_dmarc_finish(struct tool_dmarc *dmarc, const struct spf_result *spf, const struct dkim_results *dkim,
                       struct tool_dns *dns, clock_ms deadline)
{
	struct dmarc_identifier passed[DMARC_IDENTIFIERS_MAX];
	const size_t n_passed = dmarc_findings_passed(spf, dkim, passed);
	size_t n = 0;

	for (size_t i = 0; i < dmarc->from.n; i++) {
		const struct dmarc_result *result;
		dmarc_identifiers(dmarc->evaluations[i], passed, n_passed);
		while (!dmarc_step(dmarc->evaluations[i])) {
			if (!tool_dns_wait(dns, deadline)) {
				dmarc_stop(dmarc->evaluations[i]);
				break;
			}
		}
		result = dmarc_findings_result(dmarc->evaluations[i], spf, dkim, &dns->arena);
		dmarc_findings_add(dmarc->results, &n, result);
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

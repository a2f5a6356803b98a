/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/from.h"

#include <string.h>

static bool is_known(const struct from *from, const char *domain)
{
	for (size_t i = 0; i < from->n; i++) {
		if (strcmp(from->domains[i], domain) == 0)
			return true;
	}
	return false;
}

/* Returns whether there was room. An address literal is no domain of anybody. */
static bool add_domains(struct from *from, const struct author *author)
{
	for (size_t i = 0; i < author->n; i++) {
		const char *domain = author->addresses[i].domain;
		if (domain[0] == '\0' || domain[0] == '[' || is_known(from, domain))
			continue;
		if (from->n == FROM_DOMAINS_MAX)
			return false;
		from->domains[from->n++] = domain;
	}
	return author->n_found <= author->n;
}

void from_read(const struct subject *subject, struct from *from)
{
	bool valid = true, room = true;

	*from = (struct from){ .state = FROM_MISSING };
	if (subject->n_from == 0)
		return;
	for (unsigned i = 0; i < subject->n_from && i < SUBJECT_FROM_MAX; i++) {
		const struct author *author = subject->from[i];
		valid &= author != NULL && author->valid;
		if (author != NULL)
			room &= add_domains(from, author);
	}
	if (subject->n_from > 1)
		from->state = FROM_SEVERAL;
	else if (!valid || from->n == 0)
		from->state = FROM_INVALID;
	else
		from->state = room ? FROM_FINE : FROM_MANY;
}

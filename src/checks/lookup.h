/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup - one question of a check: asked when there is room, answered or given up.
 *
 * Threads: belongs to its run. Owns nothing: the name must live as long as the run, the answer lives in its arena.
 */
#ifndef MAILREEVE_CHECKS_LOOKUP_H
#define MAILREEVE_CHECKS_LOOKUP_H

#include <stdbool.h>

#include "checks/check.h"

struct lookup {
	const char *name;
	enum dns_type type;
	struct dns_question *question; /* NULL: not asked yet, or over */
	enum dns_status status;        /* DNS_PENDING: not answered yet */
	enum dns_why why;
	const struct dns_answer *answer; /* NULL: there is none (yet) */
};

/* Nothing is asked before the first step. */
struct lookup lookup_make(const char *name, enum dns_type type);

/* For the names of the client's address; which must have one. */
struct lookup lookup_make_ptr(const struct check_run *run);

/*
 * Ask when there is room, take what was answered. With run->closing what is not answered is DNS_UNSURE. Returns whether
 * it is answered.
 */
bool lookup_step(struct check_run *run, struct lookup *lookup);

/* Nobody needs the answer any more. */
void lookup_drop(struct lookup *lookup);

/* Is this address among those found? */
bool lookup_has_address(const struct lookup *lookup, const struct ip *ip);

/* As many records as are kept of an answer: there may be more that nobody has seen. */
bool lookup_is_cut(const struct lookup *lookup);

/* Are these domains the same, or of the same organisation by the public suffix list? Lower-case A-labels. */
bool lookup_same_organisation(const char *a, const char *b);

/*
 * Of the names found (PTR): is one of the organisation of `domain`? *name is that one, else any; the first in
 * alphabetical order, since servers rotate theirs.
 */
bool lookup_names_organisation(const struct lookup *lookup, const char *domain, const char **name);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence - the facts stated about one transaction, each with the detail that proves it.
 *
 * Threads: belongs to one session. Owns nothing: items live in the arena of their scope.
 * Scopes nest: what was found about the connection holds for each of its messages (`outer`), what was found
 * about a message holds for each of its recipients. A fact is stated at most once in a scope; stating it again extends
 * nothing.
 */
#ifndef MAILREEVE_EVIDENCE_EVIDENCE_H
#define MAILREEVE_EVIDENCE_EVIDENCE_H

#include "base/arena.h"
#include "evidence/fact.h"
#include "mail/stage.h"

#define EVIDENCE_DETAIL_MAX 120 /* octets of a detail, cleaned */

struct evidence_item {
	struct evidence_item *next;
	fact_id id;
	uint8_t stage; /* enum stage: when it was stated */
	/* Printable ASCII; '"', '(', ')', ';', '\\' and everything else only as \xHH; "" when there is none. */
	char detail[];
};

struct evidence {
	const struct evidence *outer; /* NULL at the outermost */
	struct evidence_item *first, *last;
};

void evidence_open(struct evidence *evidence, const struct evidence *outer);

/*
 * State a fact. `detail` (may be NULL) is hostile: it is cleaned, and cut at EVIDENCE_DETAIL_MAX ("..." shows the cut).
 * FACT_NO_ID states nothing.
 */
void evidence_add(struct evidence *evidence, struct arena *arena, fact_id id, enum stage stage, const char *detail);

/* The item for a fact in this scope or an outer one; NULL: not stated. */
const struct evidence_item *evidence_find(const struct evidence *evidence, fact_id id);

/* A copy for another arena, in no scope. */
struct evidence_item *evidence_item_copy(const struct evidence_item *item, struct arena *arena);

/* Every fact of this scope and the outer ones. */
void evidence_facts(const struct evidence *evidence, struct factset *set);

#endif

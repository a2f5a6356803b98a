/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evaluate - the verdict that follows from what DNS has said so far.
 *
 * Threads: as dmarc. Owns: nothing.
 *
 * What is not known is tried in all its possibilities: a verdict is one when it is the same in each of them. So a
 * server that does not answer is a temporary error only where its answer could change something.
 */
#ifndef MAILREEVE_DMARC_EVALUATE_H
#define MAILREEVE_DMARC_EVALUATE_H

#include "dmarc/walk.h"

/* An authenticated domain that could be aligned. */
struct dmarc_candidate {
	const char *domain;
	bool dkim;
	struct dmarc_walk *walk; /* NULL: never opened */
	bool wants_walk;         /* set by dmarc_evaluate(): its organisational domain decides */
};

enum dmarc_existence { EXISTENCE_UNKNOWN, EXISTENCE_PROVEN, EXISTENCE_DISPROVEN };

struct dmarc_case {
	const struct dmarc_walk *walk; /* of From's domain */
	struct dmarc_candidate candidates[DMARC_IDENTIFIERS_MAX];
	size_t n_candidates;
	bool given; /* the candidates are all there are */
	enum dmarc_existence existence;
	bool wants_existence; /* set by dmarc_evaluate(): whether From's domain exists decides which policy applies */
};

struct dmarc_outcome {
	enum dmarc_code code;
	const struct dmarc_level *level; /* of the record; NULL for NONE */
	enum dmarc_policy published;     /* for PASS and FAIL: that applies, before t= */
	bool aligned_spf, aligned_dkim;  /* proven */
	const char *organisation;        /* NULL: not proven */
};

/* True: this is the verdict, whatever is not known. False: wants_walk and wants_existence say what else to ask. */
bool dmarc_evaluate(struct dmarc_case *one, struct dmarc_outcome *outcome);

/* How many labels two domains have in common at their ends. */
size_t dmarc_common_labels(const char *a, const char *b);

/* Is `domain` the organisation or below it? */
bool dmarc_is_within(const char *domain, const char *organisation);

#endif

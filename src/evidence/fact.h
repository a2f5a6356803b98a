/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fact - what a check can state, and the catalogue of all facts of a configuration.
 *
 * Threads: the catalogue is built by one thread and immutable afterwards.
 * A fact has a stable name "check.fact" or "dnsbl.list.fact", which is what logs, headers and the configuration use.
 */
#ifndef MAILREEVE_EVIDENCE_FACT_H
#define MAILREEVE_EVIDENCE_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FACTS_MAX     1024 /* facts of one configuration */
#define FACT_NAME_MAX 64   /* octets of a full name */

enum fact_kind {
	FACT_EVIDENCE, /* carries points (zero points are allowed: shown all the same) */
	FACT_NORMAL,   /* nothing wrong was found: kept for headers, never in the log line, no points */
	FACT_QUIET,    /* nothing wrong either, but points may be configured: without them (0) in no log line */
	FACT_UNSURE,   /* the world did not answer: shown under unsure=, points are 0 unless configured */
	FACT_EXEMPT,   /* decides: the message is accepted, whatever the score */
	FACT_RULE,     /* a combination of the policy: stated by the policy, never by a check */
};

/* Can a check's fact of this kind have points? */
static inline bool fact_has_points(enum fact_kind kind)
{
	return kind == FACT_EVIDENCE || kind == FACT_QUIET || kind == FACT_UNSURE;
}

/* A row of a check's table. */
struct fact {
	const char *name; /* below the check's name */
	enum fact_kind kind;
	int points_milli; /* default */
	/* A sentence of its own, in lower case: "the client address has no PTR record". Replies show it to senders: no
	 * zone name, nothing secret, nothing a stranger chose. */
	const char *text;
};

typedef uint16_t fact_id;
#define FACT_NO_ID ((fact_id)0xffff)

struct fact_info {
	const char *name;  /* full */
	const char *check; /* the check's name, up to the first dot */
	const char *text;
	enum fact_kind kind;
	int points_milli; /* as configured */
};

struct catalogue;

struct catalogue *catalogue_open(void);
void catalogue_close(struct catalogue **catalogue);

/*
 * Add a fact: "check.name". Names and texts are copied. Returns its id; FACT_NO_ID with err when the name is taken,
 * longer than FACT_NAME_MAX, has other characters than [a-z0-9_.-], or FACTS_MAX is reached. Ids are given in order:
 * the order of the log line.
 */
fact_id catalogue_add(struct catalogue *catalogue, const char *check, const char *name, enum fact_kind kind,
                      int points_milli, const char *text, struct err *err);

size_t catalogue_count(const struct catalogue *catalogue);

/* The fact with this id, at an address that stays; NULL: no such id. */
const struct fact_info *catalogue_info(const struct catalogue *catalogue, fact_id id);

/* FACT_NO_ID: there is none of this name. */
fact_id catalogue_find(const struct catalogue *catalogue, const char *full_name);

/* A set of facts as bits. */
struct factset {
	uint64_t bits[FACTS_MAX / 64];
};

static inline void factset_add(struct factset *set, fact_id id)
{
	set->bits[id / 64] |= (uint64_t)1 << (id % 64);
}

static inline void factset_remove(struct factset *set, fact_id id)
{
	set->bits[id / 64] &= ~((uint64_t)1 << (id % 64));
}

static inline bool factset_has(const struct factset *set, fact_id id)
{
	return set->bits[id / 64] >> (id % 64) & 1;
}

/* The first fact of the set from `id` on; FACT_NO_ID: there is none. */
static inline fact_id factset_next(const struct factset *set, size_t id)
{
	for (; id < FACTS_MAX; id = (id / 64 + 1) * 64) {
		const uint64_t left = set->bits[id / 64] >> (id % 64);
		if (left != 0)
			return (fact_id)(id + (size_t)__builtin_ctzll(left));
	}
	return FACT_NO_ID;
}

#endif

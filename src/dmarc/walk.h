/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk - the names that a tree walk asks for DMARC records, all at once (RFC 9989 4.10).
 *
 * Threads: as dmarc. Owns: nothing, everything lives in the arena.
 *
 * Walks share their names: the domain of From and that of a signature have the upper ones in common.
 */
#ifndef MAILREEVE_DMARC_WALK_H
#define MAILREEVE_DMARC_WALK_H

#include "dmarc/record.h"

enum dmarc_level_state {
	LEVEL_UNASKED, /* there was no room for the question yet */
	LEVEL_PENDING,
	LEVEL_UNSURE, /* nobody answered: why says how */
	LEVEL_EMPTY,  /* no record, or several, which count as none */
	LEVEL_RECORD,
};

/* A name and what DNS says of it. */
struct dmarc_level {
	struct dmarc_level *next;
	const char *domain; /* without "_dmarc." */
	void *question;
	enum dmarc_level_state state;
	enum dns_why why;
	bool exists;  /* "_dmarc." below it exists, so it does (RFC 8020) */
	bool several; /* records, which cancel each other out */
	struct dmarc_record record;
	const struct dns_record *text;         /* the record as published */
	enum dmarc_level_state supposed_state; /* while possibilities are tried: what it is taken for */
	enum dmarc_psd supposed_psd;
};

/* The names of all walks of one message. */
struct dmarc_levels {
	const struct dns_asker *asker;
	struct arena *arena;
	struct dmarc_level *first;
	unsigned queries;
};

struct dmarc_walk {
	const char *domain;
	struct dmarc_level *levels[DMARC_QUERIES_MAX]; /* from the longest name to the shortest */
	size_t n;
};

/* Note the names of the domain's walk; nothing is asked. `domain` must live as long as the levels. */
struct dmarc_walk *dmarc_walk_open(struct dmarc_levels *levels, const char *domain);

/* Ask what was not asked, take what was answered. */
void dmarc_levels_step(struct dmarc_levels *levels);

/* Nobody waits any longer: what is missing is unsure. */
void dmarc_levels_stop(struct dmarc_levels *levels);

/* Have all names been answered, or never will be? */
bool dmarc_walk_is_complete(const struct dmarc_walk *walk);

/* Is nothing in the open any more (dmarc_walk_is_complete() for every walk)? */
bool dmarc_levels_are_complete(const struct dmarc_levels *levels);

/* A name for a question: as RFC 1035 5.1 writes it, with `prefix` before it. False: too long to be one. */
bool dmarc_query_name(char name[DNS_NAME_TEXT_MAX], const char *prefix, const char *domain);

/* What is found by a walk whose every level is known or supposed. */
struct dmarc_found {
	const char *organisation;         /* a part of the walk's domain */
	const struct dmarc_level *policy; /* where the record is that applies; NULL: nowhere */
};

void dmarc_walk_find(const struct dmarc_walk *walk, struct dmarc_found *found);

#endif

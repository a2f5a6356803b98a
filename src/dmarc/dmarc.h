/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc - what the domain in From asks for, and whether SPF or DKIM speak for it (RFC 9989).
 *
 * Threads: pure but for the questions, which are asked through the asker; an evaluation belongs to one message.
 * Owns: everything lives in the arena given.
 */
#ifndef MAILREEVE_DMARC_DMARC_H
#define MAILREEVE_DMARC_DMARC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "dns/asker.h"

#define DMARC_QUERIES_MAX       8  /* of one tree walk (RFC 9989 4.10) */
#define DMARC_IDENTIFIERS_MAX   10 /* authenticated domains that are looked at: MAIL FROM, HELO, and 8 signatures */
#define DMARC_REASON_OCTETS_MAX 200

enum dmarc_code { DMARC_NONE, DMARC_PASS, DMARC_FAIL, DMARC_TEMPERROR, DMARC_PERMERROR };
enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };

const char *dmarc_code_name(enum dmarc_code code);
const char *dmarc_policy_name(enum dmarc_policy policy);

/* A domain that SPF or DKIM authenticated (only passes are handed in). */
struct dmarc_identifier {
	const char *domain; /* lower-case A-labels */
	bool dkim;          /* else SPF */
};

struct dmarc_result {
	enum dmarc_code code;
	enum dmarc_policy policy;       /* p, sp or np, after t=y has softened it; for PASS (never np) and FAIL */
	enum dmarc_policy published;    /* before t= */
	bool testing;                   /* t=y */
	const char *domain;             /* of From; its end, where it is too long to exist */
	const char *record_domain;      /* where the record is; "" none */
	const char *organisation;       /* the organisational domain; "" unknown */
	const char *record;             /* cleaned, cut */
	bool aligned_spf, aligned_dkim; /* proven; once one is, a PASS waits no longer for the other */
	const char *reason;             /* in words; "" */
	unsigned queries;
	bool psl_differs; /* the public suffix list would have named another organisational domain (cross-check) */
};

struct dmarc;

/*
 * From is known: ask everything that its tree walk may need, at once. `from_domain`: one domain, lower-case A-labels.
 * `psl_check`: compare with the public suffix list.
 */
struct dmarc *dmarc_open(const char *from_domain, bool psl_check, const struct dns_asker *asker, struct arena *arena);

/*
 * A domain that may become an authenticated identifier (d= of a signature, MAIL FROM's domain): ask what its alignment
 * needs, ahead. That is nothing where it is From's domain, or unrelated to it.
 */
void dmarc_expect(struct dmarc *dmarc, const char *domain);

/*
 * Once SPF and DKIM are final: who passed (SPF: MAIL FROM's domain; HELO's only where the reverse-path is null, RFC
 * 9989 4.4.2). What is handed in later is ignored.
 */
void dmarc_identifiers(struct dmarc *dmarc, const struct dmarc_identifier *identifiers, size_t n);

/*
 * Take what was answered, ask what follows from it. True: the result is final. It may be before the identifiers are
 * known (no record, or a useless one), and before everything was answered that cannot change it.
 */
bool dmarc_step(struct dmarc *dmarc);

/* Nobody waits any longer: temperror where something is missing that could change the result. */
void dmarc_stop(struct dmarc *dmarc);

/* All zero and empty, but for the domain, until it is final. */
const struct dmarc_result *dmarc_get_result(const struct dmarc *dmarc);

#endif

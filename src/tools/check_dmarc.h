/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_dmarc - DMARC of one message for mailreeve-check: an evaluation for each domain in From, as the daemon has it.
 *
 * Threads: one thread uses it. Owns: all lives in the arena of `dns`.
 */
#ifndef MAILREEVE_TOOLS_CHECK_DMARC_H
#define MAILREEVE_TOOLS_CHECK_DMARC_H

#include "checks/from.h"
#include "dkim/dkim.h"
#include "dmarc/dmarc.h"
#include "spf/spf.h"
#include "tools/check_dns.h"

struct tool_dmarc {
	struct subject subject; /* for its From fields */
	struct from from;
	struct dmarc *evaluations[FROM_DOMAINS_MAX];          /* of each domain */
	const struct dmarc_result *results[FROM_DOMAINS_MAX]; /* the one that counts first, once finished */
};

/* A From field. */
void tool_dmarc_add_from(struct tool_dmarc *dmarc, const char *value, struct arena *arena);

/* The header has ended: ask what is asked for. */
void tool_dmarc_start(struct tool_dmarc *dmarc, const struct dns_asker *asker, struct arena *arena);

/* SPF and DKIM are final (spf NULL: nobody knows): wait for the results. */
void tool_dmarc_finish(struct tool_dmarc *dmarc, const struct spf_result *spf, const struct dkim_results *dkim,
                       struct tool_dns *dns, clock_ms deadline);

/* What is wrong with From, in words; NULL: nothing. */
const char *tool_dmarc_from_problem(const struct from *from);

/* Is the domain one of From's, or of the same organisation by the public suffix list? */
bool tool_dmarc_is_author(const struct from *from, const char *domain);

#endif

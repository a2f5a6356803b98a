/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings - results that headers, replies and later checks need in full, beside the facts that follow from them.
 *
 * Threads: belongs to one session. Owns nothing: a result lives in the arena of the scope in which it was found
 * (check_run.keep), and the engine forgets it with that scope.
 * NULL: not found out (yet), or not looked for. "open": it is on its way, and worth waiting for.
 */
#ifndef MAILREEVE_CHECKS_FINDINGS_H
#define MAILREEVE_CHECKS_FINDINGS_H

#include "dkim/dkim.h"
#include "dmarc/dmarc.h"
#include "spf/spf.h"

#define FINDINGS_DMARC_MAX 4 /* domains in From that are evaluated */

struct findings {
	/* SPF_HELO until the next HELO, SPF_MAIL_FROM as long as the message. */
	const struct spf_result *spf[SPF_IDENTITIES];
	bool spf_helo_open;
	/* The others: as long as the message. */
	bool spf_mail_open;
	/*
	 * The result whose explanation the sender is to be told; NULL: none is, or the administrator does not want it.
	 */
	const struct spf_result *explained;
	const char *trap; /* the pattern (of the configuration) that a recipient of the message matched */
	const struct dkim_results *dkim;
	bool dkim_open;
	/* One for each domain in From, the one that counts first. */
	const struct dmarc_result *dmarc[FINDINGS_DMARC_MAX];
	size_t n_dmarc;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings - results that headers, replies and later checks need in full, beside the facts that follow from them.
 *
 * Threads: belongs to one session. Owns nothing: a result lives in the arena of the scope in which it was found, and
 * the engine forgets it with that scope.
 * NULL: not found out (yet), or not looked for.
 */
#ifndef MAILREEVE_CHECKS_FINDINGS_H
#define MAILREEVE_CHECKS_FINDINGS_H

#include "spf/spf.h"

struct findings {
	/* SPF_HELO until the next HELO, SPF_MAIL_FROM as long as the message. */
	const struct spf_result *spf[SPF_IDENTITIES];
	bool spf_helo_open; /* that of HELO is on its way */
	/*
	 * The result whose explanation the sender is to be told; NULL: none is, or the administrator does not want it.
	 * As long as the message.
	 */
	const struct spf_result *explained;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_findings - what SPF and DKIM have found, as DMARC takes it, and what of DMARC's results counts.
 *
 * Threads: pure. Owns nothing. `spf` is the result of MAIL FROM; it and `dkim` are NULL where nobody looked.
 */
#ifndef MAILREEVE_CHECKS_DMARC_FINDINGS_H
#define MAILREEVE_CHECKS_DMARC_FINDINGS_H

#include "dkim/dkim.h"
#include "dmarc/dmarc.h"
#include "spf/spf.h"

/* The domains that were authenticated; how many. A best guess is no pass, nor is a signature of a part of the body. */
size_t dmarc_findings_passed(const struct spf_result *spf, const struct dkim_results *dkim,
                             struct dmarc_identifier passed[DMARC_IDENTIFIERS_MAX]);

/*
 * The result of a final evaluation, which was given dmarc_findings_passed(). A fail for want of an answer of SPF's, or
 * of a signature's, that could have spoken for the domain is none: then it is a copy in the arena, DMARC_TEMPERROR.
 */
const struct dmarc_result *dmarc_findings_result(const struct dmarc *evaluation, const struct spf_result *spf,
                                                 const struct dkim_results *dkim, struct arena *arena);

/*
 * One more behind *n results: `results` has room for it. What counts of them, the result that is worst for the sender,
 * is the first one afterwards.
 */
void dmarc_findings_add(const struct dmarc_result **results, size_t *n, const struct dmarc_result *result);

#endif

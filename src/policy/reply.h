/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply - what the sender is told: code, enhanced code and text (RFC 3463, RFC 7372).
 *
 * Threads: pure; from any thread. Owns nothing.
 * The text is for the sending side's postmaster: catalogue texts only. Details, zone names and whatever a stranger sent
 * never appear in it, with one exception that the administrator must have asked for: the explanation of a domain whose
 * SPF record refuses the client (struct reply_quote).
 */
#ifndef MAILREEVE_POLICY_REPLY_H
#define MAILREEVE_POLICY_REPLY_H

#include "evidence/evidence.h"
#include "mail/subject.h"
#include "policy/policy.h"

#define REPLY_TEXT_MAX    480 /* with "550 5.7.25 " and CRLF below the 512 octets of RFC 5321 4.5.3.1.5 */
#define REPLY_REASONS_MAX 3   /* facts that are named */
#define REPLY_REASON_MAX  110 /* octets of each; a longer one is cut and ends in "..." */

#define REPLY_QUOTE_MIN 40 /* with less room than that for its text an explanation is left out */

/* What a domain says about its own refusal (RFC 7208 6.2). Both texts are a stranger's: cleaned and cut here. */
struct reply_quote {
	const char *fact;   /* quoted only where this fact is one of the reasons named: "spf.fail" */
	const char *domain; /* whose words these are */
	const char *text;
};

struct reply {
	char code[4];              /* "550", "450" or "451" */
	char enhanced[8];          /* "5.7.1" */
	char text[REPLY_TEXT_MAX]; /* printable ASCII, no hostile octets, '%' not doubled yet */
};

/*
 * The reply to a verdict of REJECT (550, 5.x) or DEFER (451, where the address is in question 450; 4.x):
 *   "Message refused: REASON; REASON; REASON [score SCORE of THRESHOLD, id SID]"
 *   "Message deferred, try again later: REASON; ... [score SCORE of THRESHOLD, id SID]"
 * The reasons are the facts and rules with the most points (above 0; equal ones in the catalogue's order), in words.
 * Without any: "Message refused by local policy [...]", "Message deferred by local policy, try again later [...]".
 * The class follows the first reason (a table: DKIM x.7.20, .21, .22; SPF's verdict x.7.23, its errors x.7.24; rdns
 * and greeting x.7.25; sender x.1.7, x.1.8, x.7.27; recipient x.5.3; format x.6.0; everything else, DMARC and HELO
 * among it, x.7.1). Where that is a failure of SPF, DKIM or DMARC, and another one of these has failed and weighs too,
 * x.7.26. Example:
 *   550 5.7.25 Message refused: the client address has no PTR record; the client address is on the block list zen (xbl)
 *   [score 12.0 of 10.0, id k3x9]
 * With a quote (may be NULL) whose fact is among the reasons, behind them: `; example.org explains: "TEXT"`, in
 * printable ASCII, quotes and backslashes as \xHH; a longer one is cut and ends in "...".
 */
void reply_make(struct reply *reply, const struct verdict *verdict, const struct evidence *evidence,
                const struct policy *policy, const struct catalogue *catalogue, const struct subject *subject,
                const struct reply_quote *quote);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cfws - white space, folding and comments between the words of a structured header field (RFC 5322 3.2.2).
 *
 * Threads: pure.
 */
#ifndef MAILREEVE_MAIL_CFWS_H
#define MAILREEVE_MAIL_CFWS_H

#include <stdbool.h>

/* Space, tab, and the octets of a line end: a field's value has no others than those that fold it. */
static inline bool cfws_is_space(char octet)
{
	return octet == ' ' || octet == '\t' || octet == '\r' || octet == '\n';
}

/*
 * Beyond all white space and comments (nested) at the start of [at, end). A comment that is never closed is none: its
 * parenthesis is where it stops.
 */
const char *cfws_skip(const char *at, const char *end);

#endif

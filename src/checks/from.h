/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * from - the domains that a message claims to be from, as its From fields show them to a reader.
 *
 * Threads: pure. Owns nothing: the domains are the subject's.
 */
#ifndef MAILREEVE_CHECKS_FROM_H
#define MAILREEVE_CHECKS_FROM_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/subject.h"

#define FROM_DOMAINS_MAX 4 /* looked at; more make it FROM_MANY */

/* What is wrong with it (RFC 5322 3.6, 3.6.2), the worst first. */
enum from_state {
	FROM_MISSING, /* there is no From field */
	FROM_SEVERAL, /* there are several */
	FROM_INVALID, /* it is no list of addresses, or has no address with a domain name */
	FROM_MANY,    /* its addresses have more domains than are looked at */
	FROM_FINE,
};

struct from {
	enum from_state state;
	const char *domains
		[FROM_DOMAINS_MAX]; /* lower-case A-labels, each once; of damaged fields what could be made out */
	size_t n;
};

/* Valid once the headers have ended. */
void from_read(const struct subject *subject, struct from *from);

#endif

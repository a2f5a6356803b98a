/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * author - whom a message says it is from: the addresses of header fields such as From and Sender (RFC 5322 3.4,
 * 3.6.2).
 *
 * Threads: pure. Owns nothing: what is found lives in the caller's arena. The text is a stranger's.
 */
#ifndef MAILREEVE_MAIL_AUTHOR_H
#define MAILREEVE_MAIL_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define AUTHOR_ADDRESSES_MAX 16    /* kept of one field; more are counted */
#define AUTHOR_OCTETS_MAX    16384 /* of a field's value that are read; a longer one is malformed */

struct author_address {
	const char *local; /* unquoted, printable ASCII or UTF-8 */
	const char
		*domain; /* lower-case A-labels, no final dot, never empty; a literal keeps its brackets. Its length is
	                       bounded by the field's only, and it need not be a host name */
};

struct author {
	struct author_address addresses[AUTHOR_ADDRESSES_MAX];
	size_t n;       /* kept */
	size_t n_found; /* in all */
	/* The whole value is an address-list (mailbox-list, groups as of RFC 6854), obsolete forms included. */
	bool valid;
};

/*
 * Parse the value of an address field (folding as "\n" or "\r\n" and white space). Display names, comments (nested),
 * quoted strings, routes (obs-route), groups, domain literals, UTF-8 (RFC 6532). What is not an address list has valid
 * == false (controls and octets that are not UTF-8 make it so, too), and still the addresses that could be made out
 * before and after the damage, so that policy can look at the domains that a reader may be shown: their local-part may
 * be "", and what was not printable in them is "?".
 */
void author_parse(struct author *author, const char *value, struct arena *arena);

#endif

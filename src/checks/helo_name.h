/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helo_name - what the argument of HELO or EHLO is by its form alone (RFC 5321 4.1.1.1, 4.1.3). Pure.
 *
 * Threads: any. Owns nothing. The text is a stranger's; what is kept of it is a name of letters, digits, hyphens,
 * underscores and dots, or an address.
 */
#ifndef MAILREEVE_CHECKS_HELO_NAME_H
#define MAILREEVE_CHECKS_HELO_NAME_H

#include <stdbool.h>

#include "base/ip.h"
#include "mail/address.h"

enum helo_kind {
	HELO_INVALID,      /* none of those below */
	HELO_NAME,         /* a host name of at least two labels: "mail.example.org" */
	HELO_UNQUALIFIED,  /* of one label: "localhost" */
	HELO_LITERAL,      /* an address as RFC 5321 wants it: "[192.0.2.1]", "[IPv6:2001:db8::1]" */
	HELO_BAD_LITERAL,  /* in brackets, but none: "[192.0.2]", "[2001:db8::1]" without its tag */
	HELO_BARE_ADDRESS, /* an address without brackets */
};

struct helo_name {
	enum helo_kind kind;
	bool underscore;                  /* the name has one: DNS knows such names, RFC 1123 does not */
	struct ip ip;                     /* of a literal or bare address; family 0: there is none */
	char name[DOMAIN_OCTETS_MAX + 1]; /* lower-case, without a final dot; "": it is no name */
};

void helo_name_parse(struct helo_name *name, const char *helo);

#endif

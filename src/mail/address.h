/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - what MAIL FROM and RCPT TO carry (RFC 5321 4.1.2), taken apart.
 *
 * The text of an address is a stranger's: bounded here, cleaned where it is shown.
 */
#ifndef MAILREEVE_MAIL_ADDRESS_H
#define MAILREEVE_MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define ADDRESS_OCTETS_MAX 1024 /* longer arguments are cut there and are not valid */
#define DOMAIN_OCTETS_MAX  253  /* RFC 1035 2.3.4, as text */

struct address {
	const char *text;   /* without angle brackets and source route, else verbatim; "" for the null reverse-path */
	const char *local;  /* local-part as written; "" when there is none */
	const char *domain; /* ASCII letters lower-case, no final dot; literals keep their brackets, U-labels (RFC
	                       6531) have become A-labels; "" when there is none, or it cannot be one (a space, a
	                       long label) */
	bool null;          /* "<>", or nothing at all: the null reverse-path, which is no address and not valid */
	bool valid;         /* local@domain, both present and within RFC 5321 4.5.3.1; "postmaster" alone is, too */
};

/*
 * Take an SMTP argument apart: "<a@b>", "a@b", "<@relay:a@b>", "<>". Never fails: what is no address
 * has valid == false and its text bounded. The parts live in `arena`.
 */
void address_parse(struct address *address, const char *argument, struct arena *arena);

/*
 * Does the address match a pattern of the configuration: "user@example.org" (whole address), "user@" (this local-part
 * in any domain), "@example.org" or "example.org" (this domain), ".example.org" (any domain below it)?
 * Case-insensitive; quoted and unquoted spellings of a local-part are the same. The null reverse-path matches nothing.
 * It compares what is there, valid or not: an address with a local-part of 70 octets still has a domain.
 */
bool address_matches(const struct address *address, const char *pattern);

/*
 * Could this be a host name (RFC 5321 2.3.5: letters, digits, hyphens, dots; at least one dot; labels 1-63; at most
 * 253 octets)?
 * No: a final dot, a hyphen at either end of a label, a last label of digits only (that is an address).
 */
bool domain_is_hostname(const char *name);

/* A copy of `name` in the arena, ASCII letters lower-case, no final dot, cut at `max` octets. NULL gives NULL. */
char *domain_lower(struct arena *arena, const char *name, size_t max);

#endif

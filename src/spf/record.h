/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - an SPF record taken apart, strictly by the grammar of RFC 7208 12: every error is found before anything is
 * evaluated (4.6).
 *
 * Threads: pure. Owns nothing: what is parsed lives in the caller's arena.
 */
#ifndef MAILREEVE_SPF_RECORD_H
#define MAILREEVE_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "base/strbuf.h"

#define SPF_RECORD_OCTETS_MAX 16384 /* a longer one is refused */

enum spf_mechanism { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
	enum spf_mechanism mechanism;
	char qualifier;       /* '+', '-', '~' or '?' */
	uint8_t cidr4, cidr6; /* a, mx: 0-32, 0-128; where absent 32 and 128 */
	struct net net; /* ip4, ip6: host bits are zero (they may be set in the text); an IPv4-mapped ip6 network of at
	                       least 96 bits stays family 6 and matches no IPv4 client */
	const char *text;   /* the whole term as written, the qualifier included: printable ASCII */
	const char *domain; /* the domain-spec, macros unexpanded; NULL: absent, the current domain is meant */
};

struct spf_record {
	const struct spf_term *terms;
	size_t n_terms;            /* what follows the first "all" is checked and left out (RFC 7208 5.1) */
	const char *redirect;      /* the domain-spec; NULL: absent, or an "all" makes it void (6.1) */
	const char *redirect_text; /* "redirect=..." as written */
	const char *exp;           /* the domain-spec; NULL: absent */
};

/*
 * Is this TXT record an SPF record: "v=spf1" (any case), then its end or a space (RFC 7208 4.5)? The octets may contain
 * anything.
 */
bool spf_is_record(const uint8_t *octets, size_t length);

/*
 * The same for "spf2.0/SCOPES" with this scope ("mfrom", "pra") among them (RFC 4406 3.1, 4.4). The minor version must
 * be digits, and says nothing.
 */
bool spf_is_record2(const uint8_t *octets, size_t length, const char *scope);

/*
 * Parse a record for which spf_is_record() or spf_is_record2() holds: everything after the version. 0: *record is
 * filled, its texts are in `arena`. -1: a syntax error; `problem` says in words that the domain's owner can act on
 * which term is wrong, and why, for example
 *   term 3 "ip4:192.0.2.300": "192.0.2.300" is no IPv4 address
 *   term 5 "a:%{z}.example.org": there is no macro letter "z"
 *   term 2 "exp=...": exp= occurs twice
 *   term 4: the octet \xe9 is not ASCII
 * Texts of the record are cut and cleaned in it.
 */
int spf_record_parse(struct spf_record *record, const uint8_t *octets, size_t length, struct arena *arena,
                     struct strbuf *problem);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signature - a DKIM-Signature field taken apart, strictly (RFC 6376 3.5, 6.1.1; RFC 8301, 8463, 8616).
 *
 * Threads: pure. Owns nothing: what is found lives in the caller's arena.
 * Only what passed here is ever fed to the library.
 */
#ifndef MAILREEVE_DKIM_SIGNATURE_H
#define MAILREEVE_DKIM_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strbuf.h"

#define DKIM_HASH_OCTETS_MAX   32
#define DKIM_FIELDS_MAX        256  /* names in h= */
#define DKIM_SIGNED_OCTETS_MAX 1024 /* of b=: RSA of 8192 bits; longer keys are refused anyway */

enum dkim_algorithm { DKIM_RSA_SHA1, DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };

struct dkim_signature {
	enum dkim_algorithm algorithm;
	enum dkim_canon header_canon, body_canon;
	const char *domain;          /* d=, lower-case A-labels */
	const char *selector;        /* s=, lower-case A-labels */
	const char *identity;        /* i= as written, decoded and cleaned; "@domain" when absent */
	const char *identity_domain; /* lower-case A-labels */
	const char *const *fields;   /* h=, lower-case */
	size_t n_fields;
	bool has_length, has_expiry;
	uint64_t length, signed_at, expires; /* l=, t= (0: absent), x= */
	const uint8_t *body_hash;
	size_t body_hash_octets;
	const uint8_t *signature; /* b= */
	size_t signature_octets;
	char b[9]; /* its first 8 characters as written, without white space */
};

/*
 * Parse the value of a DKIM-Signature field. 0; or -1 with the error in words in `problem` (printable); then domain,
 * selector and b are filled as far as they could be read, else "", and nothing else may be used. Refused among others:
 * v= other than 1, missing tags, a tag twice, unknown algorithm or canonicalisation, From not in h=, an empty name or
 * more than DKIM_FIELDS_MAX names in h=, i= not within d= or longer than an address, x= not after t=, b= or bh= that is
 * no base64 or of the wrong length, q= without dns/txt, names that are no host names, numbers of more digits than the
 * grammar has, l= above 64 bits. Unknown tags are ignored, z= and n= are not looked into. Linear in `octets`, which the
 * caller bounds.
 */
int dkim_signature_parse(struct dkim_signature *signature, const char *value, size_t octets, struct arena *arena,
                         struct strbuf *problem);

#endif

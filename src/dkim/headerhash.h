/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headerhash - the hash over the signed header fields of one message, by libopendkim.
 *
 * Threads: the library handle is configured once and then read-only; a message belongs to one thread at a time.
 * headerhash.c is the only file that includes libopendkim's headers. Only fields within the caps and only signatures
 * that our own parser has vetted are fed, and nothing that a signature does not select. What the library is known to
 * hash otherwise than RFC 6376 says (see dkim_field_oddity()) is not fed but hashed from canonical.h's text.
 */
#ifndef MAILREEVE_DKIM_HEADERHASH_H
#define MAILREEVE_DKIM_HEADERHASH_H

#include "base/err.h"
#include "dkim/canonical.h"

struct dkim_library;

/* NULL with err: the library cannot be had. */
struct dkim_library *dkim_library_open(struct err *err);
void dkim_library_close(struct dkim_library **library);

struct dkim_header_hash {
	size_t field; /* which one is the signature's own; its `signature` is set */
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	size_t octets;         /* 0: the library refused it */
	const char *oddity;    /* why the library was not asked; NULL: it was */
	const char *canonical; /* when kept: what was hashed, cleaned except for line ends; else NULL */
};

/*
 * Hash the header for each of the n signatures (field is set). `keep`: the canonical text is copied into the arena
 * where it has the hash that the library found. Costs at most n_fields times DKIM_FIELDS_MAX comparisons a signature.
 */
void dkim_header_hashes(struct dkim_library *library, const struct dkim_field *fields, size_t n_fields,
                        struct dkim_header_hash *hashes, size_t n, bool keep, struct arena *arena);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body - body canonicalisation and hash as the body streams by (RFC 6376 3.4.3, 3.4.4, 3.7), in runs rather than
 * octets.
 *
 * Threads: belongs to its message. Nothing of the body is stored but a few KB on their way to the digest; line ends
 * that are not decided yet are counted.
 */
#ifndef MAILREEVE_DKIM_BODY_H
#define MAILREEVE_DKIM_BODY_H

#include "dkim/key.h"

#define DKIM_BODY_VARIANTS_MAX 8

struct dkim_body;

/* Closed with its arena (arena_defer()). */
struct dkim_body *dkim_body_open(struct arena *arena);

/*
 * Another way to hash it; ways that are the same share their work. Returns its number. Before the first octet. At most
 * DKIM_BODY_VARIANTS_MAX: -1.
 */
int dkim_body_want(struct dkim_body *body, enum dkim_canon canon, bool sha1, bool has_length, uint64_t length);

void dkim_body_add(struct dkim_body *body, const uint8_t *octets, size_t length);
void dkim_body_finish(struct dkim_body *body); /* adds the final CRLF where the canonicalisation does */

struct dkim_body_result {
	uint8_t hash[DKIM_HASH_OCTETS_MAX];
	size_t hash_octets;
	uint64_t covered, octets; /* of the canonical body: hashed, and in all; l= beyond the end: covered < length */
};

void dkim_body_get(const struct dkim_body *body, int want, struct dkim_body_result *result);

/*
 * A bare CR, bare LF or NUL was in it, for people to be told. They are hashed as ordinary octets, in relaxed too: what
 * was signed so passes, and one that was inserted on the way shows in the hash. Final after dkim_body_finish().
 */
bool dkim_body_is_damaged(const struct dkim_body *body);

#endif

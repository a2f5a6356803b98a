/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key - key records (RFC 6376 3.6.1, RFC 8463 4) and the keys in them, decoded and used with OpenSSL.
 *
 * Threads: the cache has a lock (it guards the table; reference counts are atomic); a key never changes, so any number
 * of threads may verify with it; a digest belongs to one thread. One file (crypto.c) includes OpenSSL; it looks up its
 * algorithms once a process, with the first digest, and keeps them.
 */
#ifndef MAILREEVE_DKIM_KEY_H
#define MAILREEVE_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "dkim/signature.h"

#define DKIM_KEY_OCTETS_MAX 2048 /* of a decoded p= */

/* Flags of a key record that bear on a signature. */
struct dkim_key_record {
	bool ed25519;                     /* k= */
	bool sha1, sha256;                /* h=: allowed; absent: both */
	bool email;                       /* s= names "email" or "*" */
	bool testing, strict;             /* t=y, t=s */
	bool revoked;                     /* p= is empty */
	uint8_t key[DKIM_KEY_OCTETS_MAX]; /* p= decoded: SPKI or PKCS#1 for RSA, 32 octets for Ed25519 */
	size_t key_octets;
};

/* 0, or -1 with the error in words. The octets are a TXT record's strings, joined. */
int dkim_key_parse(struct dkim_key_record *record, const uint8_t *octets, size_t length, struct strbuf *problem);

struct dkim_key;  /* decoded, with its record's flags; counted references */
struct dkim_keys; /* the cache */

struct dkim_keys *dkim_keys_open(size_t max);
void dkim_keys_close(struct dkim_keys **keys);

/*
 * The decoded key of a TXT record, from the cache or decoded now; kept for `ttl_s`. NULL with the error in words: no
 * valid record, not a key, an RSA exponent that is even, below 3 or above 32 bits. A revoked one (p= is empty) is a key
 * of 0 bits that verifies nothing. The caller gives it back with dkim_key_release(), which may be after the cache has
 * gone.
 */
const struct dkim_key *dkim_keys_get(struct dkim_keys *keys, const uint8_t *octets, size_t length, uint32_t ttl_s,
                                     struct strbuf *problem);
void dkim_key_release(const struct dkim_key *key);

const struct dkim_key_record *dkim_key_record(const struct dkim_key *key);
unsigned dkim_key_bits(const struct dkim_key *key); /* of the RSA modulus, exactly; 256 for Ed25519 */

/*
 * Does the signature over this header hash match? PKCS#1 v1.5 strictly, or Ed25519 over the SHA-256 hash (RFC 8463 3).
 */
bool dkim_key_verify(const struct dkim_key *key, enum dkim_algorithm algorithm, const uint8_t *hash, size_t hash_octets,
                     const uint8_t *signature, size_t signature_octets);

/* ---- hashes (crypto.c) ---- */

struct dkim_digest; /* SHA-1 or SHA-256 in progress */

struct dkim_digest *dkim_digest_open(bool sha1);
void dkim_digest_add(struct dkim_digest *digest, const void *octets, size_t length);
/*
 * Finish a copy: adding may go on. Returns the octets of the hash; 0: the library has no such algorithm, nothing can
 * match.
 */
size_t dkim_digest_get(const struct dkim_digest *digest, uint8_t hash[DKIM_HASH_OCTETS_MAX]);
void dkim_digest_close(struct dkim_digest **digest);

#endif

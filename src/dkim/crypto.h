/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crypto - public keys as the crypto library holds them; for keys.c. (The digests that crypto.c also has are in key.h.)
 *
 * Threads: a key never changes once it is open: any number of threads may verify with it.
 * Owns: the key is its caller's until crypto_key_close().
 */
#ifndef MAILREEVE_DKIM_CRYPTO_H
#define MAILREEVE_DKIM_CRYPTO_H

#include "dkim/key.h"

#define CRYPTO_RSA_BITS_MAX 8192U /* nothing is verified with longer ones; they are only measured */

struct crypto_key;

/*
 * The key in a record that has one: SubjectPublicKeyInfo or PKCS#1 in strict DER for RSA, 32 octets for Ed25519. NULL
 * with the error in words: it is none of these, or an RSA exponent that is even, below 3 or above 32 bits, or an even
 * modulus.
 */
struct crypto_key *crypto_key_open(const struct dkim_key_record *record, struct strbuf *problem);
void crypto_key_close(struct crypto_key **key);

/* As dkim_key_bits() and dkim_key_verify(). */
unsigned crypto_key_bits(const struct crypto_key *key);
bool crypto_key_verify(const struct crypto_key *key, enum dkim_algorithm algorithm, const uint8_t *hash,
                       size_t hash_octets, const uint8_t *signature, size_t signature_octets);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file that knows OpenSSL (3.0 or later).
 *
 * What costs there is looking things up: algorithms by name, under locks that all threads share, and decoders for keys.
 * So digests are looked up once, the outer structure of an RSA key is read here, and each key carries a context that is
 * ready to verify, of which every verification uses a copy.
 */
#include "dkim/crypto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/base.h"

#define ED25519_KEY_OCTETS       32U
#define ED25519_SIGNATURE_OCTETS 64U
#define ED25519_BITS             256U
#define RSA_EXPONENT_BITS_MAX    32U

/* ---- digests ---- */

struct dkim_digest {
	EVP_MD_CTX *context;
	bool failed; /* the library lacks the algorithm, or memory: there will be no hash */
};

/* Written once, by fetch_algorithms(); a process never gives them back. By `sha1`. */
static EVP_MD *algorithms[2];
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;

static void fetch_algorithms(void)
{
	algorithms[false] = EVP_MD_fetch(NULL, "SHA256", NULL);
	algorithms[true] = EVP_MD_fetch(NULL, "SHA1", NULL);
	ERR_clear_error();
}

static const EVP_MD *algorithm_of(bool sha1)
{
	pthread_once(&algorithms_once, fetch_algorithms);
	return algorithms[sha1];
}

struct dkim_digest *dkim_digest_open(bool sha1)
{
	struct dkim_digest *digest = memory_new(sizeof(*digest));
	const EVP_MD *algorithm = algorithm_of(sha1);

	digest->context = EVP_MD_CTX_new();
	digest->failed = algorithm == NULL || digest->context == NULL ||
	                 EVP_DigestInit_ex(digest->context, algorithm, NULL) != 1;
	return digest;
}

void dkim_digest_add(struct dkim_digest *digest, const void *octets, size_t length)
{
	if (!digest->failed && EVP_DigestUpdate(digest->context, octets, length) != 1)
		digest->failed = true;
}

size_t dkim_digest_get(const struct dkim_digest *digest, uint8_t hash[DKIM_HASH_OCTETS_MAX])
{
	EVP_MD_CTX *copy = digest->failed ? NULL : EVP_MD_CTX_new();
	uint8_t whole[EVP_MAX_MD_SIZE];
	unsigned octets = 0;

	if (copy == NULL || EVP_MD_CTX_copy_ex(copy, digest->context) != 1 ||
	    EVP_DigestFinal_ex(copy, whole, &octets) != 1 || octets > DKIM_HASH_OCTETS_MAX)
		octets = 0;
	EVP_MD_CTX_free(copy);
	memcpy(hash, whole, octets);
	return octets;
}

void dkim_digest_close(struct dkim_digest **digest)
{
	if (*digest == NULL)
		return;
	EVP_MD_CTX_free((*digest)->context);
	free(*digest);
	*digest = NULL;
}

/* ---- the structure of RSA keys ---- */

struct der {
	const uint8_t *at;
	size_t octets;
};

enum { DER_INTEGER = 0x02, DER_BITS = 0x03, DER_NULL = 0x05, DER_OID = 0x06, DER_SEQUENCE = 0x30 };

/* A length in the shortest form, as DER has it, of at most 65535. */
static bool der_length(struct der *in, size_t *length)
{
	size_t n;

	if (in->octets == 0)
		return false;
	*length = in->at[0];
	n = *length > 0x80 ? *length - 0x80 : 0;
	if (*length == 0x80 || n > 2 || in->octets < 1 + n)
		return false;
	if (n > 0)
		*length = n == 1 ? in->at[1] : (size_t)in->at[1] << 8 | in->at[2];
	if ((n == 1 && *length < 0x80) || (n == 2 && *length < 0x100))
		return false;
	in->at += 1 + n;
	in->octets -= 1 + n;
	return true;
}

/* Take the next element, which must be of this kind. */
static bool der_take(struct der *in, uint8_t tag, struct der *inside)
{
	if (in->octets == 0 || in->at[0] != tag)
		return false;
	in->at++;
	in->octets--;
	if (!der_length(in, &inside->octets) || inside->octets > in->octets)
		return false;
	inside->at = in->at;
	in->at += inside->octets;
	in->octets -= inside->octets;
	return true;
}

/* A positive integer in its shortest form, without the sign octet. */
static bool der_take_integer(struct der *in, struct der *integer)
{
	if (!der_take(in, DER_INTEGER, integer) || integer->octets == 0 || integer->at[0] >= 0x80)
		return false;
	if (integer->at[0] != 0)
		return true;
	if (integer->octets == 1 || integer->at[1] < 0x80)
		return false;
	integer->at++;
	integer->octets--;
	return true;
}

static unsigned bits_of(const struct der *integer)
{
	unsigned bits = (unsigned)integer->octets * 8;

	for (unsigned top = integer->at[0]; top < 0x80; top *= 2)
		bits--;
	return bits;
}

static bool is_odd(const struct der *integer)
{
	return (integer->at[integer->octets - 1] & 1) != 0;
}

/* The PKCS#1 key within SubjectPublicKeyInfo. */
static bool unwrap(const struct der *key, struct der *pkcs1)
{
	static const uint8_t rsa_encryption[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
	struct der rest = *key, outer, algorithm, oid, parameters, bits;

	if (!der_take(&rest, DER_SEQUENCE, &outer) || rest.octets > 0 || !der_take(&outer, DER_SEQUENCE, &algorithm) ||
	    !der_take(&outer, DER_BITS, &bits) || outer.octets > 0)
		return false;
	if (!der_take(&algorithm, DER_OID, &oid) || oid.octets != sizeof(rsa_encryption) ||
	    memcmp(oid.at, rsa_encryption, sizeof(rsa_encryption)) != 0)
		return false;
	/* RFC 3279 wants NULL there; some leave it out */
	if (algorithm.octets > 0 &&
	    (!der_take(&algorithm, DER_NULL, &parameters) || parameters.octets > 0 || algorithm.octets > 0))
		return false;
	if (bits.octets == 0 || bits.at[0] != 0) /* the number of unused bits */
		return false;
	*pkcs1 = (struct der){ bits.at + 1, bits.octets - 1 };
	return true;
}

struct rsa {
	struct der pkcs1, modulus, exponent;
};

static bool take_rsa(struct rsa *rsa, const struct der *pkcs1)
{
	struct der rest = *pkcs1, inside;

	rsa->pkcs1 = *pkcs1;
	return der_take(&rest, DER_SEQUENCE, &inside) && rest.octets == 0 && der_take_integer(&inside, &rsa->modulus) &&
	       der_take_integer(&inside, &rsa->exponent) && inside.octets == 0;
}

static bool read_rsa(struct rsa *rsa, const struct dkim_key_record *record, struct strbuf *problem)
{
	const struct der key = { record->key, record->key_octets };
	struct der pkcs1;

	if (!take_rsa(rsa, unwrap(&key, &pkcs1) ? &pkcs1 : &key)) {
		strbuf_add(problem, "p= is no RSA public key");
		return false;
	}
	if (bits_of(&rsa->exponent) > RSA_EXPONENT_BITS_MAX)
		strbuf_addf(problem, "the RSA exponent has %u bits, more than %u", bits_of(&rsa->exponent),
		            RSA_EXPONENT_BITS_MAX);
	else if (!is_odd(&rsa->exponent) || (rsa->exponent.octets == 1 && rsa->exponent.at[0] < 3))
		strbuf_add(problem, "the RSA exponent is even or below 3");
	else if (!is_odd(&rsa->modulus))
		strbuf_add(problem, "the RSA modulus is even");
	else
		return true;
	return false;
}

/* ---- keys ---- */

struct crypto_key {
	unsigned bits;
	bool ed25519;
	EVP_PKEY *pkey;         /* NULL: too long to be used */
	EVP_PKEY_CTX *rsa;      /* RSA: ready to verify SHA-256 */
	EVP_MD_CTX *ed25519_md; /* Ed25519: ready to verify */
};

/* A context that is ready to verify with PKCS#1 v1.5; NULL: the library refused. */
static EVP_PKEY_CTX *new_rsa_context(EVP_PKEY *pkey, bool sha1)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
	const EVP_MD *algorithm = algorithm_of(sha1);

	if (context != NULL && algorithm != NULL && EVP_PKEY_verify_init(context) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, algorithm) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

static bool open_rsa(struct crypto_key *key, const struct dkim_key_record *record, struct strbuf *problem)
{
	struct rsa rsa;
	const unsigned char *at;

	if (!read_rsa(&rsa, record, problem))
		return false;
	key->bits = bits_of(&rsa.modulus);
	if (key->bits > CRYPTO_RSA_BITS_MAX)
		return true;
	at = rsa.pkcs1.at;
	key->pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)rsa.pkcs1.octets);
	if (key->pkey != NULL)
		key->rsa = new_rsa_context(key->pkey, false);
	if (key->rsa == NULL)
		strbuf_add(problem, "the crypto library refuses the RSA key");
	return key->rsa != NULL;
}

static bool open_ed25519(struct crypto_key *key, const struct dkim_key_record *record, struct strbuf *problem)
{
	if (record->key_octets != ED25519_KEY_OCTETS) {
		strbuf_addf(problem, "p= has %zu octets; an Ed25519 key has %u", record->key_octets,
		            ED25519_KEY_OCTETS);
		return false;
	}
	key->ed25519 = true;
	key->bits = ED25519_BITS;
	key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, record->key, record->key_octets);
	key->ed25519_md = EVP_MD_CTX_new();
	if (key->pkey == NULL || key->ed25519_md == NULL ||
	    EVP_DigestVerifyInit(key->ed25519_md, NULL, NULL, NULL, key->pkey) != 1) {
		strbuf_add(problem, "the crypto library refuses the Ed25519 key");
		return false;
	}
	return true;
}

struct crypto_key *crypto_key_open(const struct dkim_key_record *record, struct strbuf *problem)
{
	struct crypto_key *key = memory_new(sizeof(*key));
	bool opened = record->ed25519 ? open_ed25519(key, record, problem) : open_rsa(key, record, problem);

	if (!opened) {
		ERR_clear_error();
		crypto_key_close(&key);
	}
	return key;
}

void crypto_key_close(struct crypto_key **key)
{
	if (*key == NULL)
		return;
	EVP_MD_CTX_free((*key)->ed25519_md);
	EVP_PKEY_CTX_free((*key)->rsa);
	EVP_PKEY_free((*key)->pkey);
	free(*key);
	*key = NULL;
}

unsigned crypto_key_bits(const struct crypto_key *key)
{
	return key->bits;
}

/* ---- verification ---- */

static bool verify_rsa(const struct crypto_key *key, bool sha1, const uint8_t *hash, size_t hash_octets,
                       const uint8_t *signature, size_t signature_octets)
{
	EVP_PKEY_CTX *context = sha1 ? new_rsa_context(key->pkey, true) : EVP_PKEY_CTX_dup(key->rsa);
	bool matches = context != NULL && EVP_PKEY_verify(context, signature, signature_octets, hash, hash_octets) == 1;

	EVP_PKEY_CTX_free(context);
	return matches;
}

static bool verify_ed25519(const struct crypto_key *key, const uint8_t *hash, size_t hash_octets,
                           const uint8_t *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool matches = context != NULL && EVP_MD_CTX_copy_ex(context, key->ed25519_md) == 1 &&
	               EVP_DigestVerify(context, signature, ED25519_SIGNATURE_OCTETS, hash, hash_octets) == 1;

	EVP_MD_CTX_free(context);
	return matches;
}

bool crypto_key_verify(const struct crypto_key *key, enum dkim_algorithm algorithm, const uint8_t *hash,
                       size_t hash_octets, const uint8_t *signature, size_t signature_octets)
{
	bool sha1 = algorithm == DKIM_RSA_SHA1;
	bool matches = false;

	if (key->pkey == NULL || key->ed25519 != (algorithm == DKIM_ED25519_SHA256) ||
	    hash_octets != (sha1 ? 20U : 32U))
		return false;
	if (key->ed25519)
		matches = signature_octets == ED25519_SIGNATURE_OCTETS &&
		          verify_ed25519(key, hash, hash_octets, signature);
	else
		matches = signature_octets == (key->bits + 7) / 8 &&
		          verify_rsa(key, sha1, hash, hash_octets, signature, signature_octets);
	if (!matches)
		ERR_clear_error();
	return matches;
}

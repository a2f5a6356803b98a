/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_key_fixture - keys, their records and signatures, made with OpenSSL and not with the code under test.
 */
#ifndef MAILREEVE_TESTS_DKIM_KEY_FIXTURE_H
#define MAILREEVE_TESTS_DKIM_KEY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "dkim/key.h"

#define RECORD_MAX 4096
#define AN_HOUR_S  3600

/* ---- making keys and records ---- */

static inline EVP_PKEY *new_rsa(unsigned bits, unsigned exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits),
		                OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
		                OSSL_PARAM_construct_end() };
	EVP_PKEY *pkey = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(context, params), 1);
	assert_int_equal(EVP_PKEY_generate(context, &pkey), 1);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

enum form { SPKI, PKCS1, RAW };

struct record {
	char text[RECORD_MAX];
	size_t octets;
};

static inline void write_record(struct record *record, const char *type, const uint8_t *key, size_t octets)
{
	int n = snprintf(record->text, sizeof(record->text), "v=DKIM1; k=%s; p=", type);

	assert_true((size_t)n + octets / 3 * 4 + 5 < sizeof(record->text));
	n += EVP_EncodeBlock((unsigned char *)record->text + n, key, (int)octets);
	record->octets = (size_t)n;
}

static inline void write_pkey(struct record *record, EVP_PKEY *pkey, enum form form)
{
	uint8_t key[RECORD_MAX / 2], *at = key;
	size_t octets = sizeof(key);

	if (form == RAW)
		assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, key, &octets), 1);
	else
		octets = (size_t)(form == SPKI ? i2d_PUBKEY(pkey, &at) : i2d_PublicKey(pkey, &at));
	write_record(record, form == RAW ? "ed25519" : "rsa", key, octets);
}

static inline const struct dkim_key *get(struct dkim_keys *keys, const struct record *record, uint32_t ttl_s)
{
	char memory[200];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	const struct dkim_key *key = dkim_keys_get(keys, (const uint8_t *)record->text, record->octets, ttl_s,
	                                           &problem);
	/* either a key or a word about why not */
	assert_int_equal(key != NULL, problem.length == 0);
	return key;
}

static inline const struct dkim_key *decode(const struct record *record)
{
	struct dkim_keys *keys = dkim_keys_open(0);
	const struct dkim_key *key = get(keys, record, AN_HOUR_S);

	dkim_keys_close(&keys);
	return key;
}

/* ---- signing ---- */

/* Of what is signed. */
static const uint8_t hash[32] = "thirty-two octets of some hash.";

static inline size_t sign_rsa(EVP_PKEY *pkey, const EVP_MD *md, const uint8_t *octets, size_t length,
                              uint8_t *signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
	size_t n = DKIM_SIGNED_OCTETS_MAX;

	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, md != NULL ? RSA_PKCS1_PADDING : RSA_NO_PADDING), 1);
	if (md != NULL)
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, md), 1);
	assert_int_equal(EVP_PKEY_sign(context, signature, &n, octets, length), 1);
	EVP_PKEY_CTX_free(context);
	return n;
}

static inline size_t sign_ed25519(EVP_PKEY *pkey, const uint8_t *octets, size_t length, uint8_t *signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t n = 64;

	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &n, octets, length), 1);
	EVP_MD_CTX_free(context);
	return n;
}

#endif

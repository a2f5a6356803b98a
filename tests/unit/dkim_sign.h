/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_sign - messages signed in the test. It hashes with the program's own text and body: that these are right is
 * what tests/dkim/differential.py and the corpus show.
 */
#ifndef MAILREEVE_TESTS_DKIM_SIGN_H
#define MAILREEVE_TESTS_DKIM_SIGN_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "dkim/body.h"
#include "dkim/canonical.h"
#include "dkim_world.h"

#define SIGN_FIELDS_MAX 1100
#define SIGN_B_DUMMY    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

struct signer {
	EVP_PKEY *key;
	bool ed25519;
	char p[4096]; /* of its record */
};

static inline void signer_write_p(struct signer *signer)
{
	unsigned char der[2048], *at = der;
	size_t octets = sizeof(der);

	if (signer->ed25519)
		EVP_PKEY_get_raw_public_key(signer->key, der, &octets);
	else
		octets = (size_t)i2d_PUBKEY(signer->key, &at);
	EVP_EncodeBlock((unsigned char *)signer->p, der, (int)octets);
}

/* RSA of so many bits; 0: Ed25519. `exponent`: 0 is the usual one. */
static inline void signer_open(struct signer *signer, unsigned bits, unsigned long long exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(bits == 0 ? EVP_PKEY_ED25519 : EVP_PKEY_RSA, NULL);
	BIGNUM *number = BN_new();

	*signer = (struct signer){ .ed25519 = bits == 0 };
	EVP_PKEY_keygen_init(context);
	if (bits > 0)
		EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits);
	if (exponent > 0) {
		BN_set_word(number, exponent);
		EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, number);
	}
	if (EVP_PKEY_keygen(context, &signer->key) != 1)
		abort();
	BN_free(number);
	EVP_PKEY_CTX_free(context);
	signer_write_p(signer);
}

static inline void signer_close(struct signer *signer)
{
	EVP_PKEY_free(signer->key);
}

static inline char *sign_base64(const uint8_t *octets, size_t n, struct arena *arena)
{
	char *text = arena_alloc(arena, 4 * (n / 3 + 1) + 1);

	EVP_EncodeBlock((unsigned char *)text, octets, (int)n);
	return text;
}

static inline char *sign_format(struct arena *arena, const char *first, const char *second, const char *third,
                                const char *fourth)
{
	size_t size = strlen(first) + strlen(second) + strlen(third) + strlen(fourth) + 1;
	char *text = arena_alloc(arena, size);

	snprintf(text, size, "%s%s%s%s", first, second, third, fourth);
	return text;
}

/* Take a header apart, which ends in CRLF. Returns how many fields there are. */
static inline size_t sign_fields(const char *header, struct dkim_field *fields, struct arena *arena)
{
	size_t n = 0;

	while (*header != '\0' && n < SIGN_FIELDS_MAX) {
		const char *end = strstr(header, "\r\n");
		while (end[2] == ' ' || end[2] == '\t')
			end = strstr(end + 2, "\r\n");
		char *text = arena_copy(arena, header, (size_t)(end - header));
		size_t name = strcspn(text, ":"), value_at = name + 1;
		while (name > 0 && (text[name - 1] == ' ' || text[name - 1] == '\t'))
			name--;
		fields[n++] = (struct dkim_field){
			.text = text, .octets = strlen(text), .name_octets = name, .value_at = value_at
		};
		header = end + 2;
	}
	return n;
}

static inline char *sign_body(const struct dkim_signature *signature, const char *body, size_t octets,
                              struct arena *arena)
{
	struct dkim_body *hashed = dkim_body_open(arena);
	struct dkim_body_result result;

	dkim_body_want(hashed, signature->body_canon, signature->algorithm == DKIM_RSA_SHA1, signature->has_length,
	               signature->length);
	dkim_body_add(hashed, (const uint8_t *)body, octets);
	dkim_body_finish(hashed);
	dkim_body_get(hashed, 0, &result);
	return sign_base64(result.hash, result.hash_octets, arena);
}

static inline char *sign_hash(const struct signer *signer, bool sha1, const char *text, size_t octets,
                              struct arena *arena)
{
	uint8_t hash[EVP_MAX_MD_SIZE], signature[1024];
	size_t length = sizeof(signature);
	unsigned hash_octets;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(signer->key, NULL);

	EVP_Digest(text, octets, hash, &hash_octets, sha1 ? EVP_sha1() : EVP_sha256(), NULL);
	if (signer->ed25519) {
		EVP_DigestSignInit(md, NULL, NULL, NULL, signer->key);
		EVP_DigestSign(md, signature, &length, hash, hash_octets);
	} else {
		EVP_PKEY_sign_init(context);
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
		EVP_PKEY_CTX_set_signature_md(context, sha1 ? EVP_sha1() : EVP_sha256());
		if (EVP_PKEY_sign(context, signature, &length, hash, hash_octets) != 1)
			abort();
	}
	EVP_PKEY_CTX_free(context);
	EVP_MD_CTX_free(md);
	return sign_base64(signature, length, arena);
}

/*
 * The DKIM-Signature field, without its line end, that makes `tags` (as "v=1; ...; h=...", without bh= and b=) a
 * signature of this header and body. The tags must be what the parser takes.
 */
static inline char *sign_field(const struct signer *signer, const char *tags, const char *header, const char *body,
                               size_t body_octets, struct arena *arena)
{
	static struct dkim_field fields[SIGN_FIELDS_MAX];
	static size_t covered[DKIM_FIELDS_MAX];
	size_t n = sign_fields(header, fields, arena), n_covered, octets;
	bool sha1 = strstr(tags, "rsa-sha1") != NULL;
	struct dkim_signature signature;
	char problem_text[200];
	struct strbuf problem;
	char *start, *field, *text, *b;

	strbuf_open(&problem, problem_text, sizeof(problem_text));
	for (int round = 0; round < 2; round++) { /* the first for what bh= needs to know */
		const char *bh = round == 0 ? (sha1 ? "AAECAwQFBgcICQoLDA0ODxAREhM="
		                                    : "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
		                            : sign_body(&signature, body, body_octets, arena);
		start = sign_format(arena, "DKIM-Signature: ", tags, "; bh=", bh);
		field = sign_format(arena, start, "; b=", SIGN_B_DUMMY, "");
		if (dkim_signature_parse(&signature, field + strlen("DKIM-Signature:"),
		                         strlen(field) - strlen("DKIM-Signature:"), arena, &problem) != 0) {
			fprintf(stderr, "dkim_sign: %s: %s\n", tags, problem_text);
			abort();
		}
	}
	fields[n] = (struct dkim_field){ .text = field,
		                         .octets = strlen(field),
		                         .name_octets = strlen("DKIM-Signature"),
		                         .value_at = strlen("DKIM-Signature:"),
		                         .signature = &signature };
	n_covered = dkim_select_fields(fields, n + 1, n, covered);
	text = dkim_canonical_text(fields, n, covered, n_covered, &octets);
	b = sign_hash(signer, sha1, text, octets, arena);
	free(text);
	return sign_format(arena, start, "; b=", b, "");
}

#endif

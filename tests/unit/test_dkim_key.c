/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_key - digests, keys of every kind and size, and signatures that match and those that nearly do.
 */
#include "dkim_key_fixture.h"

/* No signature with one bit turned matches, nor one of another length, nor another hash. */
static void expect_only(const struct dkim_key *key, enum dkim_algorithm algorithm, uint8_t *signature, size_t n)
{
	uint8_t other[32];

	assert_true(dkim_key_verify(key, algorithm, hash, 32, signature, n));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(dkim_key_verify(key, algorithm, hash, 32, signature, n));
		signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(hash); bit++) {
		memcpy(other, hash, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(dkim_key_verify(key, algorithm, other, 32, signature, n));
	}
	signature[n] = 0;
	assert_false(dkim_key_verify(key, algorithm, hash, 32, signature, n + 1));
	assert_false(dkim_key_verify(key, algorithm, hash, 32, signature, n - 1));
	assert_false(dkim_key_verify(key, algorithm, hash, 32, signature, 0));
	assert_false(dkim_key_verify(key, algorithm, hash, 31, signature, n));
	assert_false(dkim_key_verify(key, algorithm, hash, 20, signature, n));
	assert_true(dkim_key_verify(key, algorithm, hash, 32, signature, n));
}

/* ---- digests ---- */

static void digests_are_those_of_fips_180(void **state)
{
	static const uint8_t abc_256[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		                           0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		                           0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const uint8_t abc_1[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
		                         0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	uint8_t first[DKIM_HASH_OCTETS_MAX], second[DKIM_HASH_OCTETS_MAX];
	struct dkim_digest *digest = dkim_digest_open(false);

	(void)state;
	dkim_digest_add(digest, "ab", 2);
	assert_int_equal(dkim_digest_get(digest, first), 32);
	dkim_digest_add(digest, "c", 1); /* goes on after the hash was taken */
	assert_int_equal(dkim_digest_get(digest, second), 32);
	assert_memory_not_equal(first, second, 32);
	assert_memory_equal(second, abc_256, sizeof(abc_256));
	dkim_digest_close(&digest);
	assert_null(digest);
	dkim_digest_close(&digest);
	digest = dkim_digest_open(true);
	dkim_digest_add(digest, "abc", 3);
	assert_int_equal(dkim_digest_get(digest, first), 20);
	assert_memory_equal(first, abc_1, sizeof(abc_1));
	dkim_digest_close(&digest);
}

/* ---- keys that are ---- */

static void rsa_keys_of_every_size_verify(void **state)
{
	static const struct {
		unsigned bits, exponent;
	} sizes[] = { { 512, 65537 },  { 1023, 65537 }, { 1024, 3 },     { 1025, 17 },
		      { 1024, 65537 }, { 2047, 65537 }, { 2048, 65537 }, { 1024, 4294967291U } };
	uint8_t signature[DKIM_SIGNED_OCTETS_MAX];
	struct record record;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		EVP_PKEY *pkey = new_rsa(sizes[i].bits, sizes[i].exponent);
		size_t n = sign_rsa(pkey, EVP_sha256(), hash, 32, signature);
		for (enum form form = SPKI; form <= PKCS1; form++) {
			write_pkey(&record, pkey, form);
			const struct dkim_key *key = decode(&record);
			assert_non_null(key);
			assert_int_equal(dkim_key_bits(key), sizes[i].bits);
			assert_true(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, n));
			if (sizes[i].bits <= 1024 && form == SPKI)
				expect_only(key, DKIM_RSA_SHA256, signature, n);
			dkim_key_release(key);
		}
		EVP_PKEY_free(pkey);
	}
}

static void sha1_and_sha256_are_not_taken_for_each_other(void **state)
{
	EVP_PKEY *pkey = new_rsa(1024, 65537);
	uint8_t signature[DKIM_SIGNED_OCTETS_MAX];
	struct record record;

	(void)state;
	write_pkey(&record, pkey, SPKI);
	const struct dkim_key *key = decode(&record);
	size_t n = sign_rsa(pkey, EVP_sha1(), hash, 20, signature);
	assert_true(dkim_key_verify(key, DKIM_RSA_SHA1, hash, 20, signature, n));
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 20, signature, n));
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, n));
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA1, hash, 32, signature, n));
	assert_false(dkim_key_verify(key, DKIM_ED25519_SHA256, hash, 32, signature, n));
	n = sign_rsa(pkey, EVP_sha512(),
	             (const uint8_t *)"0123456789012345678901234567890123456789012345678901234567890123", 64,
	             signature);
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, (const uint8_t *)"01234567890123456789012345678901", 32,
	                             signature, n));
	dkim_key_release(key);
	EVP_PKEY_free(pkey);
}

/* 00 01 ff ... ff 00, DigestInfo, hash: RFC 8017 9.2. */
static const uint8_t digest_info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	                               0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static bool block_verifies(EVP_PKEY *pkey, const struct dkim_key *key, const uint8_t block[128])
{
	uint8_t signature[DKIM_SIGNED_OCTETS_MAX];
	size_t n = sign_rsa(pkey, NULL, block, 128, signature);

	return dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, n);
}

/* What a lenient parser would take: the signer's own key is used, so that only the padding decides. */
static void padding_is_checked_to_the_octet(void **state)
{
	static const size_t info_at = 128 - 32 - sizeof(digest_info);
	EVP_PKEY *pkey = new_rsa(1024, 3);
	uint8_t block[128], wrong[128];
	struct record record;

	(void)state;
	write_pkey(&record, pkey, SPKI);
	const struct dkim_key *key = decode(&record);
	memset(block, 0xff, sizeof(block));
	block[0] = 0;
	block[1] = 1;
	block[info_at - 1] = 0;
	memcpy(block + info_at, digest_info, sizeof(digest_info));
	memcpy(block + 96, hash, 32);
	assert_true(block_verifies(pkey, key, block));

	/* any octet of what comes before the hash */
	for (size_t i = 1; i < 96; i++) {
		memcpy(wrong, block, sizeof(wrong));
		wrong[i] ^= i == 1 ? 3 : 1;
		assert_false(block_verifies(pkey, key, wrong));
	}
	/* short padding, octets after the hash */
	memcpy(wrong, block, 12);
	memcpy(wrong + 12, block + info_at - 1, 128 - info_at + 1);
	memset(wrong + 13 + 128 - info_at, 'x', info_at - 13);
	assert_false(block_verifies(pkey, key, wrong));
	/* no NULL after the algorithm */
	memcpy(wrong, block, sizeof(wrong));
	memset(wrong + info_at - 1, 0xff, 3);
	wrong[info_at + 1] = 0;
	memcpy(wrong + info_at + 2, digest_info, 15);
	wrong[info_at + 3] -= 2;
	wrong[info_at + 5] -= 2;
	wrong[94] = 4;
	wrong[95] = 32;
	assert_false(block_verifies(pkey, key, wrong));
	dkim_key_release(key);
	EVP_PKEY_free(pkey);
}

static void ed25519_keys_verify(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t signature[65];
	struct record record;

	(void)state;
	write_pkey(&record, pkey, RAW);
	const struct dkim_key *key = decode(&record);
	assert_non_null(key);
	assert_int_equal(dkim_key_bits(key), 256);
	assert_int_equal(sign_ed25519(pkey, hash, 32, signature), 64);
	expect_only(key, DKIM_ED25519_SHA256, signature, 64);
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, 64));
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA1, hash, 20, signature, 64));
	dkim_key_release(key);
	EVP_PKEY_free(pkey);
}

/* RFC 8463 A: its key and its message, canonicalised by hand. */
static void the_example_of_rfc_8463_verifies(void **state)
{
	static const char header[] =
		"from:Joe SixPack <joe@football.example.com>\r\n"
		"to:Suzie Q <suzie@shopping.example.net>\r\n"
		"subject:Is dinner ready?\r\n"
		"date:Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
		"message-id:<20030712040037.46341.5F8J@football.example.com>\r\n"
		"dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; i=@football.example.com; "
		"q=dns/txt; s=brisbane; t=1528637909; h=from : to : subject : date : message-id : from : subject : date; "
		"bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=";
	static const char b[] =
		"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
	struct record record = { .text = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" };
	struct dkim_digest *digest = dkim_digest_open(false);
	uint8_t sum[DKIM_HASH_OCTETS_MAX], signature[66 + 1];

	(void)state;
	record.octets = strlen(record.text);
	const struct dkim_key *key = decode(&record);
	assert_non_null(key);
	dkim_digest_add(digest, header, sizeof(header) - 1);
	assert_int_equal(dkim_digest_get(digest, sum), 32);
	dkim_digest_close(&digest);
	assert_int_equal(EVP_DecodeBlock(signature, (const unsigned char *)b, sizeof(b) - 1), 66);
	assert_true(dkim_key_verify(key, DKIM_ED25519_SHA256, sum, 32, signature, 64));
	sum[0] ^= 1;
	assert_false(dkim_key_verify(key, DKIM_ED25519_SHA256, sum, 32, signature, 64));
	dkim_key_release(key);
}

/* ---- keys that are none ---- */

static size_t put_der(uint8_t *out, uint8_t tag, const uint8_t *inside, size_t n)
{
	size_t at = 0;

	out[at++] = tag;
	if (n >= 0x100) {
		out[at++] = 0x82;
		out[at++] = (uint8_t)(n >> 8);
	} else if (n >= 0x80) {
		out[at++] = 0x81;
	}
	out[at++] = (uint8_t)n;
	memmove(out + at, inside, n);
	return at + n;
}

static size_t put_pkcs1(uint8_t *out, const uint8_t *modulus, size_t n, const uint8_t *exponent, size_t n_exponent)
{
	uint8_t inside[RECORD_MAX];
	size_t length = put_der(inside, 0x02, modulus, n);

	length += put_der(inside + length, 0x02, exponent, n_exponent);
	return put_der(out, 0x30, inside, length);
}

/* A modulus of so many bits that is only to be measured. Returns its octets in DER, a sign octet included. */
static size_t fake_modulus(uint8_t *out, unsigned bits)
{
	size_t octets = bits / 8 + 1;

	memset(out, 0x5b, octets);
	out[0] = (uint8_t)(bits % 8 != 0 ? 1U << (bits % 8 - 1) : 0);
	if (bits % 8 == 0)
		out[1] |= 0x80;
	return octets;
}

static const struct dkim_key *decode_pkcs1(const uint8_t *modulus, size_t n, const uint8_t *exponent, size_t n_exponent)
{
	uint8_t key[RECORD_MAX / 2];
	struct record record;

	write_record(&record, "rsa", key, put_pkcs1(key, modulus, n, exponent, n_exponent));
	return decode(&record);
}

static void the_modulus_is_measured_exactly(void **state)
{
	static const unsigned sizes[] = { 9, 256, 511, 512, 1023, 1024, 1025, 2047, 4096, 4097, 8192, 8193, 16000 };
	static const uint8_t exponent[] = { 1, 0, 1 };
	uint8_t modulus[RECORD_MAX / 2], signature[DKIM_SIGNED_OCTETS_MAX] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = fake_modulus(modulus, sizes[i]);
		const struct dkim_key *key = decode_pkcs1(modulus, n, exponent, sizeof(exponent));
		assert_non_null(key);
		assert_int_equal(dkim_key_bits(key), sizes[i]);
		assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, sizeof(signature)));
		dkim_key_release(key);
	}
}

static void exponents_are_odd_and_of_32_bits_at_most(void **state)
{
	static const struct {
		uint8_t octets[6];
		size_t n;
		bool good;
	} exponents[] = {
		{ { 3 }, 1, true },
		{ { 17 }, 1, true },
		{ { 1, 0, 1 }, 3, true },
		{ { 0, 0xff, 0xff, 0xff, 0xff }, 5, true },
		{ { 0 }, 1, false },
		{ { 1 }, 1, false },
		{ { 2 }, 1, false },
		{ { 1, 0, 0 }, 3, false },
		{ { 1, 0, 0, 0, 1 }, 5, false },                   /* 33 bits */
		{ { 0x7f, 0xff, 0xff, 0xff, 0xff, 1 }, 6, false }, /* 47 bits */
		{ { 0x83 }, 1, false },                            /* negative */
		{ { 0, 3 }, 2, false },                            /* not in its shortest form */
		{ { 0 }, 0, false },
	};
	uint8_t modulus[RECORD_MAX / 2];
	size_t n = fake_modulus(modulus, 1024);

	(void)state;
	for (size_t i = 0; i < COUNT(exponents); i++) {
		const struct dkim_key *key = decode_pkcs1(modulus, n, exponents[i].octets, exponents[i].n);
		assert_int_equal(key != NULL, exponents[i].good);
		dkim_key_release(key);
	}
	modulus[n - 1] &= 0xfe;
	assert_null(decode_pkcs1(modulus, n, (const uint8_t *)"\3", 1));
	modulus[n - 1] |= 1;
	assert_null(decode_pkcs1(modulus + 1, n - 1, (const uint8_t *)"\3", 1)); /* without its sign octet: negative */
}

static void keys_in_bad_der_are_refused(void **state)
{
	EVP_PKEY *pkey = new_rsa(512, 65537), *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	uint8_t key[600], wrong[600], *at = key;
	size_t n = (size_t)i2d_PUBKEY(pkey, &at);
	struct record record;

	(void)state;
	memset(wrong, 0, sizeof(wrong));
	for (size_t length = 1; length < n; length++) { /* cut off */
		write_record(&record, "rsa", key, length);
		assert_null(decode(&record));
	}
	memcpy(wrong, key, n); /* something after it */
	write_record(&record, "rsa", wrong, n + 1);
	assert_null(decode(&record));
	for (size_t i = 0; i < 24; i++) { /* another structure, another algorithm */
		memcpy(wrong, key, n);
		wrong[i] ^= 0x10;
		write_record(&record, "rsa", wrong, n);
		assert_null(decode(&record));
	}
	write_pkey(&record, other, SPKI);
	assert_null(decode(&record));
	write_record(&record, "rsa", hash, 32);
	assert_null(decode(&record));
	for (size_t length = 1; length < 100; length += length == 31 ? 2 : 1) {
		write_record(&record, "ed25519", key, length);
		assert_null(decode(&record));
	}
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
}

/* Some leave the parameters of rsaEncryption out. */
static void spki_without_null_is_accepted(void **state)
{
	static const uint8_t algorithm[] = { 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
		                             0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
	EVP_PKEY *pkey = new_rsa(512, 65537);
	uint8_t key[600], inside[600], bits[600] = { 0 }, *at = bits + 1;
	size_t n = 1 + (size_t)i2d_PublicKey(pkey, &at);
	struct record record;

	(void)state;
	memcpy(inside, algorithm, sizeof(algorithm));
	n = sizeof(algorithm) + put_der(inside + sizeof(algorithm), 0x03, bits, n);
	write_record(&record, "rsa", key, put_der(key, 0x30, inside, n));
	const struct dkim_key *decoded = decode(&record);
	assert_non_null(decoded);
	assert_int_equal(dkim_key_bits(decoded), 512);
	dkim_key_release(decoded);
	EVP_PKEY_free(pkey);
}

static void a_revoked_key_is_a_key_that_verifies_nothing(void **state)
{
	struct record record = { .text = "v=DKIM1; p=" };
	uint8_t signature[128] = { 0 };

	(void)state;
	record.octets = strlen(record.text);
	const struct dkim_key *key = decode(&record);
	assert_non_null(key);
	assert_true(dkim_key_record(key)->revoked);
	assert_int_equal(dkim_key_bits(key), 0);
	assert_false(dkim_key_verify(key, DKIM_RSA_SHA256, hash, 32, signature, sizeof(signature)));
	dkim_key_release(key);
	dkim_key_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_fips_180),
		cmocka_unit_test(rsa_keys_of_every_size_verify),
		cmocka_unit_test(sha1_and_sha256_are_not_taken_for_each_other),
		cmocka_unit_test(padding_is_checked_to_the_octet),
		cmocka_unit_test(ed25519_keys_verify),
		cmocka_unit_test(the_example_of_rfc_8463_verifies),
		cmocka_unit_test(the_modulus_is_measured_exactly),
		cmocka_unit_test(exponents_are_odd_and_of_32_bits_at_most),
		cmocka_unit_test(keys_in_bad_der_are_refused),
		cmocka_unit_test(spki_without_null_is_accepted),
		cmocka_unit_test(a_revoked_key_is_a_key_that_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

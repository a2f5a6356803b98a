/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dkim_keys - the cache of decoded keys: what is kept, what goes, and many threads.
 */
#include <pthread.h>
#include <unistd.h>

#include "dkim_key_fixture.h"

static void write_numbered(struct record *record, unsigned i)
{
	uint8_t key[32] = { 0 };

	key[0] = (uint8_t)i;
	key[1] = (uint8_t)(i >> 8);
	write_record(record, "ed25519", key, sizeof(key));
}

/* Is the key that `held` came from still in the cache? It is used by the question. */
static bool is_kept(struct dkim_keys *keys, unsigned i, const struct dkim_key *held)
{
	struct record record;

	write_numbered(&record, i);
	const struct dkim_key *key = get(keys, &record, AN_HOUR_S);
	dkim_key_release(key);
	return key == held;
}

static const struct dkim_key *get_numbered(struct dkim_keys *keys, unsigned i, uint32_t ttl_s)
{
	struct record record;

	write_numbered(&record, i);
	const struct dkim_key *key = get(keys, &record, ttl_s);
	assert_non_null(key);
	return key;
}

static void keys_are_kept_and_the_least_recently_used_goes(void **state)
{
	struct dkim_keys *keys = dkim_keys_open(3);
	const struct dkim_key *held[4];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		held[i] = get_numbered(keys, i, AN_HOUR_S);
	assert_true(is_kept(keys, 0, held[0]));
	held[3] = get_numbered(keys, 3, AN_HOUR_S); /* 1 has to go */
	assert_true(is_kept(keys, 0, held[0]));
	assert_true(is_kept(keys, 2, held[2]));
	assert_true(is_kept(keys, 3, held[3]));
	assert_false(is_kept(keys, 1, held[1]));
	assert_false(is_kept(keys, 0, held[0])); /* the question about 1 brought it back */
	dkim_keys_close(&keys);
	assert_null(keys);
	dkim_keys_close(&keys);
	for (unsigned i = 0; i < 4; i++) { /* who holds a key may use it whatever became of the cache */
		assert_int_equal(dkim_key_bits(held[i]), 256);
		dkim_key_release(held[i]);
	}
}

static void keys_go_with_their_ttl(void **state)
{
	struct dkim_keys *keys = dkim_keys_open(10);
	const struct dkim_key *none = get_numbered(keys, 0, 0);
	const struct dkim_key *brief = get_numbered(keys, 1, 1);
	const struct dkim_key *renewed = get_numbered(keys, 2, 1);
	const struct dkim_key *lasting = get_numbered(keys, 3, AN_HOUR_S);

	(void)state;
	assert_false(is_kept(keys, 0, none));
	dkim_key_release(get_numbered(keys, 2, AN_HOUR_S)); /* the answer was newer */
	dkim_key_release(get_numbered(keys, 3, 1));         /* the answer was older: the longer time holds */
	usleep(600000);
	usleep(600000);
	assert_false(is_kept(keys, 1, brief));
	assert_true(is_kept(keys, 3, lasting));
	dkim_key_release(none);
	dkim_key_release(brief);
	dkim_key_release(renewed);
	dkim_key_release(lasting);
	dkim_keys_close(&keys);
}

static void records_that_differ_only_a_little_are_different(void **state)
{
	struct dkim_keys *keys = dkim_keys_open(10);
	struct record record;

	(void)state;
	write_numbered(&record, 7);
	const struct dkim_key *plain = get(keys, &record, AN_HOUR_S);
	assert_true(record.octets + 5 < sizeof(record.text));
	memcpy(record.text + record.octets, "; t=s", 5);
	record.octets += 5;
	const struct dkim_key *strict = get(keys, &record, AN_HOUR_S);
	assert_ptr_not_equal(plain, strict);
	assert_false(dkim_key_record(plain)->strict);
	assert_true(dkim_key_record(strict)->strict);
	dkim_key_release(plain);
	dkim_key_release(strict);
	memcpy(record.text, "v=DKIM2", 7);
	for (int i = 0; i < 3; i++) /* what is none stays none, however often it is asked for */
		assert_null(get(keys, &record, AN_HOUR_S));
	dkim_keys_close(&keys);
}

#define N_THREADS 4
#define N_ROUNDS  300
#define N_KEYS    8

struct crowd {
	struct dkim_keys *keys;
	struct record records[N_KEYS];
	uint8_t signatures[N_KEYS][DKIM_SIGNED_OCTETS_MAX];
	size_t octets[N_KEYS];
	_Atomic unsigned wrong;
};

/* ---- many threads ---- */

/* Half of the keys are RSA, half Ed25519; no cmocka in threads. */
static void *use_keys(void *context)
{
	struct crowd *crowd = context;
	char memory[200];
	struct strbuf problem;

	strbuf_open(&problem, memory, sizeof(memory));
	for (size_t i = 0; i < N_ROUNDS; i++) {
		size_t k = i * 5 % N_KEYS;
		enum dkim_algorithm algorithm = k % 2 == 0 ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
		const struct dkim_key *key = dkim_keys_get(crowd->keys, (const uint8_t *)crowd->records[k].text,
		                                           crowd->records[k].octets, i % 50 == 0 ? 0 : AN_HOUR_S,
		                                           &problem);
		crowd->wrong += key == NULL ||
		                !dkim_key_verify(key, algorithm, hash, 32, crowd->signatures[k], crowd->octets[k]) ||
		                dkim_key_verify(key, algorithm, hash, 32, crowd->signatures[(k + 2) % N_KEYS],
		                                crowd->octets[k]);
		dkim_key_release(key);
	}
	return NULL;
}

static void many_threads_share_the_cache(void **state)
{
	static struct crowd crowd;
	pthread_t threads[N_THREADS];

	(void)state;
	for (size_t k = 0; k < N_KEYS; k++) {
		EVP_PKEY *pkey = k % 2 == 0 ? new_rsa(1024, 65537) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		write_pkey(&crowd.records[k], pkey, k % 2 == 0 ? SPKI : RAW);
		crowd.octets[k] = k % 2 == 0 ? sign_rsa(pkey, EVP_sha256(), hash, 32, crowd.signatures[k])
		                             : sign_ed25519(pkey, hash, 32, crowd.signatures[k]);
		EVP_PKEY_free(pkey);
	}
	crowd.keys = dkim_keys_open(N_KEYS - 2); /* so that keys come and go */
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_keys, &crowd), 0);
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.wrong, 0);
	dkim_keys_close(&crowd.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_kept_and_the_least_recently_used_goes),
		cmocka_unit_test(keys_go_with_their_ttl),
		cmocka_unit_test(records_that_differ_only_a_little_are_different),
		cmocka_unit_test(many_threads_share_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After the paper "SipHash: a fast short-input PRF" (Aumasson, Bernstein, 2012): two rounds
 * for each word of eight octets, four at the end.
 */
#include "base/siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

#define RANDOM_TRIES 100 /* only a signal can interrupt getrandom, and only while the system boots */

struct siphash_key siphash_new_key(void)
{
	struct siphash_key key = { 0 };
	ssize_t n = -1;

	for (int i = 0; i < RANDOM_TRIES && n != (ssize_t)sizeof(key); i++)
		n = getrandom(&key, sizeof(key), 0);
	if (n != (ssize_t)sizeof(key)) {
		/* A key that can be guessed would be worse than the MTA's default action. */
		log_error("getrandom gave no random octets: %s", strerror(errno));
		abort();
	}
	return key;
}

static uint64_t rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

static uint64_t load(const uint8_t *octets, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)octets[i] << (8 * i);
	return word;
}

static void rounds(uint64_t v[4], int n)
{
	for (int i = 0; i < n; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void compress(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t octets)
{
	uint64_t v[4] = {
		key->k0 ^ 0x736f6d6570736575U,
		key->k1 ^ 0x646f72616e646f6dU,
		key->k0 ^ 0x6c7967656e657261U,
		key->k1 ^ 0x7465646279746573U,
	};
	const uint8_t *at = data;
	size_t left = octets;

	for (; left >= 8; left -= 8, at += 8)
		compress(v, load(at, 8));
	compress(v, (uint64_t)(octets & 0xff) << 56 | load(at, left));
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

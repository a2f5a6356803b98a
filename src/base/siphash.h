/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash - SipHash-2-4, so that names chosen by a stranger cannot crowd one slot of a table.
 */
#ifndef MAILREEVE_BASE_SIPHASH_H
#define MAILREEVE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* A fresh random key (getrandom). */
struct siphash_key siphash_new_key(void);

uint64_t siphash(const struct siphash_key *key, const void *data, size_t octets);

#endif

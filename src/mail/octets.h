/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * octets - sixteen octets at a time, for scans that must keep up with memory.
 *
 * Threads: pure. The vectors are those of gcc and clang, on every machine that these know; nothing depends on the order
 * of octets in words.
 */
#ifndef MAILREEVE_MAIL_OCTETS_H
#define MAILREEVE_MAIL_OCTETS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OCTETS16 16

typedef uint8_t octets16 __attribute__((vector_size(OCTETS16)));

/* The same octet sixteen times. */
#define OCTETS16_ALL(octet)                                                                                    \
	((octets16){ (octet), (octet), (octet), (octet), (octet), (octet), (octet), (octet), (octet), (octet), \
	             (octet), (octet), (octet), (octet), (octet), (octet) })

/* From any address. */
static inline octets16 octets16_load(const uint8_t *at)
{
	octets16 octets;

	memcpy(&octets, at, sizeof(octets));
	return octets;
}

/* 0xff where the two are equal, 0 elsewhere. */
static inline octets16 octets16_equal(octets16 a, octets16 b)
{
	return (octets16)(a == b);
}

/* Has any of them one of the bits of `mask`? */
static inline bool octets16_any(octets16 octets, uint8_t mask)
{
	const uint64_t masks = 0x0101010101010101u * (uint64_t)mask;
	uint64_t words[OCTETS16 / sizeof(uint64_t)];

	memcpy(words, &octets, sizeof(words));
	return ((words[0] | words[1]) & masks) != 0;
}

#endif

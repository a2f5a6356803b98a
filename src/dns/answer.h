/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer - a dns_answer with everything it points to in one block of memory.
 *
 * Threads: a block is immutable once it is in the cache. Owns: whoever holds the block frees it with free().
 * One block means that a copy is one allocation, one memcpy and the pointers moved along.
 */
#ifndef MAILREEVE_DNS_ANSWER_H
#define MAILREEVE_DNS_ANSWER_H

#include <stddef.h>

#include "dns/dns.h"

/* The block begins with its dns_answer; `octets` is the size of all of it. */
struct answer_block {
	struct dns_answer *answer; /* NULL: no block */
	size_t octets;
};

/* Copy the block to `memory` (block.octets of it, aligned for any type). Returns the answer at its start. */
struct dns_answer *answer_copy(void *memory, const struct answer_block *block);

#endif

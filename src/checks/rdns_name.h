/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rdns_name - what the name of an address says by its structure alone. Pure.
 *
 * Only the part in front of the last two labels is looked at: what a name is registered under says nothing about the
 * one host.
 */
#ifndef MAILREEVE_CHECKS_RDNS_NAME_H
#define MAILREEVE_CHECKS_RDNS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"
#include "dns/dns.h"

#define RDNS_WORD_OCTETS_MAX 32

/* What a name says, as bits. Ordered: the larger the sum, the less the name speaks for a mail server. */
enum rdns_trait {
	RDNS_NAME_GENERIC = 1, /* made from the address: two or more of its octets side by side, or all of it in hex */
	RDNS_NAME_DYNAMIC = 2, /* a word says that the address is a dynamic or residential one, none the contrary */
};

/* Words as rdns_word_is_valid() wants them. */
struct rdns_words {
	const char *const *dynamic;
	size_t n_dynamic;
	const char *const *fixed; /* "static", "mail", ...: a name with one of them is never dynamic */
	size_t n_fixed;
};

/* The traits of a name (as dns_answer shows names; any text is safe) for this address: bits of enum rdns_trait. */
unsigned rdns_name_traits(const char *name, const struct ip *ip, const struct rdns_words *words);

/* Can the word be part of a name: a-z, digits, hyphens inside; at most RDNS_WORD_OCTETS_MAX octets? */
bool rdns_word_is_valid(const char *word);

/*
 * The names of a PTR answer, each once, in alphabetical order (servers rotate theirs; what we make of them must not
 * depend on that): at most `max`. Returns how many; *more says whether there were others.
 */
size_t rdns_names_take(const struct dns_answer *answer, const char **names, size_t max, bool *more);

#endif

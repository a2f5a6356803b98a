/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsbl_list - one block or allow list: its zone, and what its answers mean (RFC 5782). Pure.
 *
 * Only a code that the configuration names is a listing. A zone may hold an access key: it is asked, and never shown.
 */
#ifndef MAILREEVE_CHECKS_DNSBL_LIST_H
#define MAILREEVE_CHECKS_DNSBL_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "dns/dns.h"
#include "evidence/fact.h"

#define DNSBL_LISTS_MAX  128
#define DNSBL_CODES_MAX  64 /* of a list: a bit each in the codes of an answer */
#define DNSBL_ERRORS_MAX 64 /* of a list, beside the built-in ones */

/* What a list is asked about, as bits. */
enum dnsbl_target { DNSBL_CLIENT = 1, DNSBL_HELO = 2, DNSBL_SENDER = 4, DNSBL_PTR = 8 };

/* An address of which each octet lies between low and high and has all bits of mask. */
struct dnsbl_pattern {
	struct {
		uint8_t low, high, mask;
	} octets[4];
};

/*
 * Four octet patterns with dots between them, each a number, a range "4-7", "*", or a bit mask "&8"; or a network
 * "127.0.1.0/24". False: it is neither.
 */
bool dnsbl_pattern_parse(struct dnsbl_pattern *pattern, const char *text);
bool dnsbl_pattern_matches(const struct dnsbl_pattern *pattern, const struct ip *ip);

/* Can a code of this pattern ever be a listing? Not when it lies outside 127.0.0.0/8 or within 127.255.255.0/24. */
bool dnsbl_pattern_can_list(const struct dnsbl_pattern *pattern);

struct dnsbl_code {
	struct dnsbl_pattern pattern;
	fact_id fact;
};

struct dnsbl_list {
	char *zone; /* with the key in it */
	bool enabled;
	bool ipv6;     /* may be asked for IPv6 addresses */
	unsigned over; /* bits of enum dnsbl_target */
	struct dnsbl_code *codes;
	size_t n_codes;
	struct dnsbl_pattern *errors;
	size_t n_errors;
	fact_id unsure;
};

/* What one address of an answer means. */
enum dnsbl_meaning {
	DNSBL_LISTED,  /* one or more of the list's codes */
	DNSBL_ERROR,   /* 127.255.255.0/24, a configured error: we are not served; outside 127.0.0.0/8: it is no list */
	DNSBL_UNKNOWN, /* a code that nobody configured */
};

/* Sets *codes to the codes that match, a bit each; 0 unless DNSBL_LISTED. */
enum dnsbl_meaning dnsbl_list_meaning(const struct dnsbl_list *list, const struct ip *returned, uint64_t *codes);

/* Can the list be asked about this target of this client? */
bool dnsbl_list_is_over(const struct dnsbl_list *list, enum dnsbl_target target, const struct ip *client);

/* Put the key where the zone says "{key}". False: the result would be longer than a name can be. */
bool dnsbl_zone_expand(const char *zone, const char *key, char text[DNS_NAME_TEXT_MAX]);

/* Is there room in front of the zone for what is asked below it: 64 octets of a reversed IPv6 address? */
bool dnsbl_zone_has_room(const char *zone);

#endif

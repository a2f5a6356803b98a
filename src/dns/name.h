/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name - DNS names in their three shapes: presentation text, wire format, reversed address.
 */
#ifndef MAILREEVE_DNS_NAME_H
#define MAILREEVE_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "dns/dns.h"

#define DNS_WIRE_MAX 255

/*
 * Presentation text to wire format, ASCII letters lower-cased. Returns the octets written, or 0: the name cannot exist
 * (empty label, label over 63, name over 255 on the wire, broken escape). "" and "." are the root (1).
 */
size_t dns_name_to_wire(const char *text, uint8_t wire[DNS_WIRE_MAX]);

/*
 * Wire format (no compression) to presentation text, lower-cased, without the final dot ("." for the root). False:
 * malformed.
 */
bool dns_name_from_wire(const uint8_t *wire, size_t octets, char text[DNS_NAME_TEXT_MAX]);

/* "7.113.0.203.in-addr.arpa" or the nibbles below ip6.arpa. */
void dns_name_reverse_ptr(const struct ip *ip, char text[DNS_NAME_TEXT_MAX]);

/* The address reversed below a list's zone (RFC 5782 2.1, 2.4). False: the name would be too long. */
bool dns_name_list_address(const struct ip *ip, const char *zone, char text[DNS_NAME_TEXT_MAX]);

/* A domain below a list's zone (RFC 5782 3). False: the name would be too long, or is no name. */
bool dns_name_list_domain(const char *domain, const char *zone, char text[DNS_NAME_TEXT_MAX]);

#endif

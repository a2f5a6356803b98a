/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip - IP addresses and networks of both families as plain values.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is IPv4 from the moment it is read.
 */
#ifndef MAILREEVE_BASE_IP_H
#define MAILREEVE_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define IP_TEXT_MAX  46 /* INET6_ADDRSTRLEN */
#define NET_TEXT_MAX 50 /* address, slash, three digits */

struct ip {
	uint8_t family;     /* 4, 6, or 0: no address */
	uint8_t octets[16]; /* network order; IPv4 uses the first four, the rest is zero */
};

struct net {
	struct ip ip; /* host bits are zero */
	uint8_t bits;
};

/* Parse one address; optional "IPv6:" prefix and square brackets are accepted. Returns false if it is none. */
bool ip_parse(struct ip *ip, const char *text);

/* From a socket address; family 0 for anything but AF_INET and AF_INET6. */
struct ip ip_from_sockaddr(const struct sockaddr *address);
struct ip ip_from_octets(int family, const uint8_t *octets);

/* Write the address as text (RFC 5952 for IPv6; "unknown" for none); returns `text`. */
const char *ip_format(const struct ip *ip, char text[IP_TEXT_MAX]);

bool ip_equal(const struct ip *a, const struct ip *b);

/* "192.0.2.0/24", "2001:db8::/32", or a single address. False: not a network, or host bits are set. */
bool net_parse(struct net *net, const char *text);
const char *net_format(const struct net *net, char text[NET_TEXT_MAX]);
bool net_contains(const struct net *net, const struct ip *ip);

#endif

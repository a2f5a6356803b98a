/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * special - may a stranger make us connect to this address?
 *
 * Threads: pure. Owns nothing.
 * A name in HELO is a stranger's, and so are its addresses: without this it would make us scan our own network.
 */
#ifndef MAILREEVE_NET_SPECIAL_H
#define MAILREEVE_NET_SPECIAL_H

#include <stddef.h>

#include "base/ip.h"

struct special_nets {
	const struct net *nets;
	size_t n;
};

/* The first that fits decides. */
struct special_rules {
	struct special_nets denied; /* the administrator's */
	struct special_nets tested; /* permitted, whatever else they are: for tests */
	struct special_nets own;    /* this machine's addresses, and the networks that it is in */
};

/*
 * NULL when the address is global unicast by the registries of RFC 6890 (as of RFC 8190) and no rule forbids it. Else
 * why not, in a word or two ("loopback", "private", "our own", "denied"), never freed. An address that is made from an
 * IPv4 address, and leads there, is judged as both: IPv4-mapped, and 64:ff9b::/96 (RFC 6052). What can only lead into
 * a local network or through a tunnel is never permitted: 64:ff9b:1::/48 (RFC 8215), 6to4, Teredo.
 */
const char *special_why(const struct ip *address, const struct special_rules *rules);

/* The address that is in it, and to which it leads: IPv4 behind 64:ff9b::/96, IPv4-mapped; else itself. */
struct ip special_embedded(const struct ip *address);

#endif

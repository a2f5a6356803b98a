/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/special.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"

struct range {
	uint8_t octets[16];
	uint8_t bits;
	const char *why;
};

/*
 * The IANA registry of special-purpose addresses, and what is not unicast. Anycast services that are "globally
 * reachable" there (192.31.196.0/24 and others) are in it too: no mail server has such an address.
 */
static const struct range ranges4[] = {
	{ { 0 }, 8, "this network" },
	{ { 10 }, 8, "private" },
	{ { 100, 64 }, 10, "shared" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" },
	{ { 172, 16 }, 12, "private" },
	{ { 192, 0, 0 }, 24, "protocol assignment" },
	{ { 192, 0, 2 }, 24, "documentation" },
	{ { 192, 31, 196 }, 24, "anycast service" },
	{ { 192, 52, 193 }, 24, "anycast service" },
	{ { 192, 88, 99 }, 24, "6to4" },
	{ { 192, 168 }, 16, "private" },
	{ { 192, 175, 48 }, 24, "anycast service" },
	{ { 198, 18 }, 15, "benchmarking" },
	{ { 198, 51, 100 }, 24, "documentation" },
	{ { 203, 0, 113 }, 24, "documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* Outside 2000::/3 there is no global unicast at all (RFC 4291 2.4); these rows are for a better word. */
static const struct range ranges6[] = {
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0 }, 96, "unspecified" }, /* with the IPv4-compatible ones, which are deprecated */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, "local translation" },
	{ { 0x01, 0x00 }, 64, "discard-only" },
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, "Teredo" },
	{ { 0x20, 0x01, 0x00 }, 23, "protocol assignment" },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
	{ { 0x20, 0x02 }, 16, "6to4" },
	{ { 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00 }, 48, "anycast service" },
	{ { 0x3f, 0xff, 0x00 }, 20, "documentation" },
	{ { 0xfc }, 7, "private" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfe, 0xc0 }, 10, "site-local" },
	{ { 0xff }, 8, "multicast" },
};

static const struct net unicast6 = { { 6, { 0x20 } }, 3 };
static const struct net translated = { { 6, { 0x00, 0x64, 0xff, 0x9b } }, 96 };
static const struct net mapped = { { 6, { [10] = 0xff, [11] = 0xff } }, 96 };

#define EMBEDDED_AT 12 /* both forms have the IPv4 address in their last four octets */

struct ip special_embedded(const struct ip *address)
{
	if (net_contains(&mapped, address) || net_contains(&translated, address))
		return ip_from_octets(4, address->octets + EMBEDDED_AT);
	return *address;
}

static bool contains(const struct special_nets *nets, const struct ip *address)
{
	for (size_t i = 0; i < nets->n; i++) {
		if (net_contains(&nets->nets[i], address))
			return true;
	}
	return false;
}

static const char *find_range(const struct range *ranges, size_t n, const struct ip *address)
{
	for (size_t i = 0; i < n; i++) {
		struct net net = { .ip = { .family = address->family }, .bits = ranges[i].bits };
		memcpy(net.ip.octets, ranges[i].octets, sizeof(net.ip.octets));
		if (net_contains(&net, address))
			return ranges[i].why;
	}
	return NULL;
}

static const char *special_range(const struct ip *address)
{
	const char *why;

	switch (address->family) {
	case 4:
		return find_range(ranges4, COUNT(ranges4), address);
	case 6:
		why = find_range(ranges6, COUNT(ranges6), address);
		return why == NULL && !net_contains(&unicast6, address) ? "reserved" : why;
	default:
		return "no address";
	}
}

const char *special_why(const struct ip *address, const struct special_rules *rules)
{
	const struct ip target = special_embedded(address);

	if (contains(&rules->denied, address) || contains(&rules->denied, &target))
		return "denied";
	if (contains(&rules->tested, address) || contains(&rules->tested, &target))
		return NULL;
	if (contains(&rules->own, address) || contains(&rules->own, &target))
		return "our own";
	return special_range(&target);
}

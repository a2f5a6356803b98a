/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define OWN_NETS_MAX 4096 /* a machine with more addresses than half of that needs a deny list */
#define V4_BITS_MIN  16
#define V6_BITS_MIN  48

static unsigned address_bits(const struct ip *ip)
{
	return ip->family == 4 ? 32 : 128;
}

/* The leading ones of a netmask. */
static unsigned mask_bits(const struct ip *mask)
{
	unsigned bits = 0;

	while (bits < address_bits(mask) && (mask->octets[bits / 8] >> (7 - bits % 8) & 1) != 0)
		bits++;
	return bits;
}

static void add(struct own_nets *own, const struct ip *ip, unsigned bits)
{
	struct net *net;

	if (own->n == OWN_NETS_MAX)
		return;
	net = &own->nets[own->n++];
	net->ip = *ip;
	net->bits = (uint8_t)bits;
	for (unsigned bit = bits; bit < address_bits(ip); bit++)
		net->ip.octets[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static void add_interface(struct own_nets *own, const struct ifaddrs *at)
{
	const struct ip ip = ip_from_sockaddr(at->ifa_addr), mask = ip_from_sockaddr(at->ifa_netmask);
	unsigned bits;

	if (ip.family == 0)
		return;
	add(own, &ip, address_bits(&ip));
	if (mask.family != ip.family)
		return;
	bits = mask_bits(&mask);
	if (bits >= (ip.family == 4 ? V4_BITS_MIN : V6_BITS_MIN) && bits < address_bits(&ip))
		add(own, &ip, bits);
}

int own_nets_open(struct own_nets *own, struct err *err)
{
	struct ifaddrs *all;

	*own = (struct own_nets){ 0 };
	if (getifaddrs(&all) != 0)
		return err_set(err,
		               "this machine's addresses cannot be read (getifaddrs): %s; under systemd "
		               "RestrictAddressFamilies must have AF_NETLINK",
		               strerror(errno));
	own->nets = memory_new(OWN_NETS_MAX * sizeof(own->nets[0]));
	for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next)
		add_interface(own, at);
	freeifaddrs(all);
	return 0;
}

void own_nets_close(struct own_nets *own)
{
	free(own->nets);
	*own = (struct own_nets){ 0 };
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define V4_OCTETS   4
#define V6_OCTETS   16
#define V4_BITS     32
#define V6_BITS     128
#define MAPPED_BITS 96

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static size_t octets_of(const struct ip *ip)
{
	return ip->family == 4 ? V4_OCTETS : ip->family == 6 ? V6_OCTETS : 0;
}

static bool is_mapped(const uint8_t *octets)
{
	return memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

struct ip ip_from_octets(int family, const uint8_t *octets)
{
	struct ip ip = { 0 };

	if (family == 6 && is_mapped(octets)) {
		octets += sizeof(mapped_prefix);
		family = 4;
	}
	if (family != 4 && family != 6)
		return ip;
	ip.family = (uint8_t)family;
	memcpy(ip.octets, octets, octets_of(&ip));
	return ip;
}

struct ip ip_from_sockaddr(const struct sockaddr *address)
{
	/* Copied, not cast: the caller's memory may be any struct sockaddr, aligned for none in particular. */
	if (address != NULL && address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		return ip_from_octets(4, (const uint8_t *)&in.sin_addr);
	}
	if (address != NULL && address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		return ip_from_octets(6, (const uint8_t *)&in6.sin6_addr);
	}
	return (struct ip){ 0 };
}

/* The family that `length` octets of text spell (4, 6 or 0) and its octets; an IPv4-mapped address is still 6 here. */
static int parse_octets(uint8_t octets[V6_OCTETS], const char *text, size_t length)
{
	static const char tag[] = "IPv6:";
	char bare[IP_TEXT_MAX];
	bool tagged;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	tagged = length >= sizeof(tag) - 1 && strncasecmp(text, tag, sizeof(tag) - 1) == 0;
	if (tagged) {
		text += sizeof(tag) - 1;
		length -= sizeof(tag) - 1;
	}
	if (length >= sizeof(bare))
		return 0;
	memcpy(bare, text, length);
	bare[length] = '\0';
	if (!tagged && inet_pton(AF_INET, bare, octets) == 1)
		return 4;
	return inet_pton(AF_INET6, bare, octets) == 1 ? 6 : 0;
}

bool ip_parse(struct ip *ip, const char *text)
{
	uint8_t octets[V6_OCTETS] = { 0 };

	*ip = (struct ip){ 0 };
	if (text != NULL)
		*ip = ip_from_octets(parse_octets(octets, text, strlen(text)), octets);
	return ip->family != 0;
}

/* 0 to 255, without leading zeros. Returns the end. */
static char *add_decimal(char *to, unsigned octet)
{
	if (octet >= 100)
		*to++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*to++ = (char)('0' + octet / 10 % 10);
	*to++ = (char)('0' + octet % 10);
	return to;
}

/* What inet_ntop() says, for a tenth of its price: each message needs it several times. */
static void format_v4(const uint8_t octets[4], char *to)
{
	for (size_t i = 0; i < 4; i++) {
		to = add_decimal(to, octets[i]);
		*to++ = i < 3 ? '.' : '\0';
	}
}

const char *ip_format(const struct ip *ip, char text[IP_TEXT_MAX])
{
	if (ip->family == 4)
		format_v4(ip->octets, text);
	else if (octets_of(ip) == 0 || inet_ntop(AF_INET6, ip->octets, text, IP_TEXT_MAX) == NULL)
		snprintf(text, IP_TEXT_MAX, "unknown");
	return text;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, octets_of(a)) == 0;
}

/* 1 to 3 digits without leading zeros, at most `max`; -1 for anything else. */
static int parse_bits(const char *text, int max)
{
	int bits = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + (*text - '0');
		if (bits > max)
			return -1;
	}
	return bits;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

/* Are all bits after the first `bits` zero? */
static bool is_network(const struct ip *ip, unsigned int bits)
{
	uint8_t masked[V6_OCTETS] = { 0 };

	memcpy(masked, ip->octets, (bits + 7) / 8);
	if (bits % 8 != 0)
		masked[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
	return memcmp(masked, ip->octets, octets_of(ip)) == 0;
}

bool net_parse(struct net *net, const char *text)
{
	uint8_t octets[V6_OCTETS] = { 0 };
	const char *slash;
	int family, bits;

	*net = (struct net){ 0 };
	if (text == NULL)
		return false;
	slash = strchr(text, '/');
	family = parse_octets(octets, text, slash != NULL ? (size_t)(slash - text) : strlen(text));
	if (family == 0)
		return false;
	bits = family == 4 ? V4_BITS : V6_BITS;
	if (slash != NULL)
		bits = parse_bits(slash + 1, bits);
	if (family == 6 && is_mapped(octets)) /* shorter than the mapping: neither family's network */
		bits = bits >= MAPPED_BITS ? bits - MAPPED_BITS : -1;
	if (bits < 0)
		return false;
	net->ip = ip_from_octets(family, octets);
	net->bits = (uint8_t)bits;
	if (is_network(&net->ip, net->bits))
		return true;
	*net = (struct net){ 0 };
	return false;
}

const char *net_format(const struct net *net, char text[NET_TEXT_MAX])
{
	char address[IP_TEXT_MAX];

	snprintf(text, NET_TEXT_MAX, "%s/%u", ip_format(&net->ip, address), (unsigned int)net->bits);
	return text;
}

bool net_contains(const struct net *net, const struct ip *ip)
{
	return ip->family != 0 && net->ip.family == ip->family && same_prefix(net->ip.octets, ip->octets, net->bits);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/dnsbl_list.h"

#include <string.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "dns/name.h"

#define KEY_MARK    "{key}"
#define LOOPBACK    127
#define ERROR_OCTET 255 /* 127.255.255.0/24: the convention of list operators for "you are not served" */

/* ---- patterns ---- */

/* A decimal number up to 255 without leading zeros, moving *at behind it; -1: there is none. */
static int take_octet(const char **at)
{
	int value = 0;
	size_t n = strspn(*at, "0123456789");

	if (n == 0 || n > 3 || (n > 1 && **at == '0'))
		return -1;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (*(*at)++ - '0');
	return value <= 255 ? value : -1;
}

static bool take_octet_pattern(struct dnsbl_pattern *pattern, size_t octet, const char **at)
{
	int low, high;

	pattern->octets[octet].low = 0;
	pattern->octets[octet].high = 255;
	pattern->octets[octet].mask = 0;
	if (**at == '*') {
		++*at;
		return true;
	}
	if (**at == '&') {
		++*at;
		low = take_octet(at);
		pattern->octets[octet].mask = (uint8_t)low;
		return low > 0;
	}
	low = high = take_octet(at);
	if (low >= 0 && **at == '-') {
		++*at;
		high = take_octet(at);
	}
	pattern->octets[octet].low = (uint8_t)low;
	pattern->octets[octet].high = (uint8_t)high;
	return low >= 0 && high >= low;
}

static bool parse_network(struct dnsbl_pattern *pattern, const char *text)
{
	struct net net;

	if (!net_parse(&net, text) || net.ip.family != 4)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		unsigned bits = net.bits > 8 * i ? net.bits - 8 * i : 0;
		unsigned rest = bits >= 8 ? 0 : 0xffu >> bits;
		pattern->octets[i].low = net.ip.octets[i];
		pattern->octets[i].high = (uint8_t)(net.ip.octets[i] | rest);
		pattern->octets[i].mask = 0;
	}
	return true;
}

bool dnsbl_pattern_parse(struct dnsbl_pattern *pattern, const char *text)
{
	memset(pattern, 0, sizeof(*pattern));
	if (strchr(text, '/') != NULL)
		return parse_network(pattern, text);
	for (size_t i = 0; i < COUNT(pattern->octets); i++) {
		if (i > 0 && *text++ != '.')
			return false;
		if (!take_octet_pattern(pattern, i, &text))
			return false;
	}
	return *text == '\0';
}

bool dnsbl_pattern_matches(const struct dnsbl_pattern *pattern, const struct ip *ip)
{
	if (ip->family != 4)
		return false;
	for (size_t i = 0; i < COUNT(pattern->octets); i++) {
		uint8_t octet = ip->octets[i], mask = pattern->octets[i].mask;
		if (octet < pattern->octets[i].low || octet > pattern->octets[i].high || (octet & mask) != mask)
			return false;
	}
	return true;
}

static bool octet_can_be(const struct dnsbl_pattern *pattern, size_t octet, uint8_t value)
{
	uint8_t mask = pattern->octets[octet].mask;

	return value >= pattern->octets[octet].low && value <= pattern->octets[octet].high && (value & mask) == mask;
}

bool dnsbl_pattern_can_list(const struct dnsbl_pattern *pattern)
{
	if (!octet_can_be(pattern, 0, LOOPBACK))
		return false;
	for (size_t octet = 1; octet <= 2; octet++) {
		for (unsigned value = 0; value < ERROR_OCTET; value++) {
			if (octet_can_be(pattern, octet, (uint8_t)value))
				return true;
		}
	}
	return false;
}

/* ---- answers ---- */

static bool is_error(const struct dnsbl_list *list, const struct ip *ip)
{
	if (ip->family != 4 || ip->octets[0] != LOOPBACK ||
	    (ip->octets[1] == ERROR_OCTET && ip->octets[2] == ERROR_OCTET))
		return true;
	for (size_t i = 0; i < list->n_errors; i++) {
		if (dnsbl_pattern_matches(&list->errors[i], ip))
			return true;
	}
	return false;
}

enum dnsbl_meaning dnsbl_list_meaning(const struct dnsbl_list *list, const struct ip *returned, uint64_t *codes)
{
	*codes = 0;
	if (is_error(list, returned))
		return DNSBL_ERROR;
	for (size_t i = 0; i < list->n_codes; i++) {
		if (dnsbl_pattern_matches(&list->codes[i].pattern, returned))
			*codes |= (uint64_t)1 << i;
	}
	return *codes != 0 ? DNSBL_LISTED : DNSBL_UNKNOWN;
}

bool dnsbl_list_is_over(const struct dnsbl_list *list, enum dnsbl_target target, const struct ip *client)
{
	if (!list->enabled || (list->over & target) == 0)
		return false;
	return target != DNSBL_CLIENT || client->family == 4 || (client->family == 6 && list->ipv6);
}

/* ---- zones ---- */

bool dnsbl_zone_expand(const char *zone, const char *key, char text[DNS_NAME_TEXT_MAX])
{
	struct strbuf buf;
	const char *mark;

	strbuf_open(&buf, text, DNS_NAME_TEXT_MAX);
	for (; (mark = strstr(zone, KEY_MARK)) != NULL; zone = mark + strlen(KEY_MARK)) {
		strbuf_add_octets(&buf, zone, (size_t)(mark - zone));
		strbuf_add(&buf, key);
	}
	strbuf_add(&buf, zone);
	if (buf.length > 0 && text[buf.length - 1] == '.')
		text[buf.length - 1] = '\0';
	return !buf.truncated;
}

bool dnsbl_zone_has_room(const char *zone)
{
	static const struct ip longest = { .family = 6 };
	char name[DNS_NAME_TEXT_MAX];

	return dns_name_list_address(&longest, zone, name);
}

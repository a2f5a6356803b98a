/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "dns/zone_internal.h"

#define STRING_MAX 255

bool zone_parse_number(const char *text, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

static int put(struct zone_parser *parser, const void *octets, size_t length)
{
	if (length > ZONE_RDATA_MAX - parser->rdata_octets)
		return zone_fail(parser, "the record is larger than %d octets", ZONE_RDATA_MAX);
	memcpy(parser->rdata + parser->rdata_octets, octets, length);
	parser->rdata_octets += length;
	return 0;
}

/* The next word, which must be there. `what` is what it should be. */
static int need(struct zone_parser *parser, struct zone_token *token, const char *what)
{
	int got = zone_next_token(parser, token);

	return got == 0 ? zone_fail(parser, "the line ends where %s should be", what) : got < 0 ? -1 : 0;
}

static int put_number(struct zone_parser *parser, const char *what, uint32_t max)
{
	struct zone_token token;
	char shown[ZONE_SHOWN_MAX];
	uint32_t number;

	if (need(parser, &token, what) != 0)
		return -1;
	if (!zone_parse_number(token.text, max, &number))
		return zone_fail(parser, "\"%s\" is no %s: a number from 0 to %u is right",
		                 zone_shown(token.text, shown), what, max);
	const uint8_t octets[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
		                    (uint8_t)number };
	return max > UINT16_MAX ? put(parser, octets, 4) : put(parser, octets + 2, 2);
}

static int put_name(struct zone_parser *parser, const char *what)
{
	struct zone_token token;
	char shown[ZONE_SHOWN_MAX];
	uint8_t wire[DNS_WIRE_MAX];

	if (need(parser, &token, what) != 0)
		return -1;
	size_t octets = dns_name_to_wire(token.text, wire);
	if (octets == 0 || strcmp(token.text, "@") == 0)
		return zone_fail(parser, "\"%s\" is no %s: an absolute name such as mail.example.org is right",
		                 zone_shown(token.text, shown), what);
	return put(parser, wire, octets);
}

static int put_address(struct zone_parser *parser, int family)
{
	const char *what = family == 4 ? "an IPv4 address such as 192.0.2.1" : "an IPv6 address such as 2001:db8::1";
	struct zone_token token;
	char shown[ZONE_SHOWN_MAX];
	struct ip ip;

	if (need(parser, &token, what) != 0)
		return -1;
	if (!ip_parse(&ip, token.text) || ip.family != family)
		return zone_fail(parser, "\"%s\" is not %s", zone_shown(token.text, shown), what);
	return put(parser, ip.octets, family == 4 ? 4 : 16);
}

/* The octets that a word with escapes stands for. Returns their number, or -1: a broken escape or more than fit. */
static int unescape(const char *text, uint8_t octets[STRING_MAX])
{
	int length = 0;

	while (*text != '\0') {
		unsigned octet = (uint8_t)*text++;
		if (octet == '\\') {
			uint32_t number;
			char digits[4] = { 0 };
			strncpy(digits, text, 3);
			octet = (uint8_t)*text;
			if (octet >= '0' && octet <= '9') {
				if (strlen(digits) != 3 || !zone_parse_number(digits, 255, &number))
					return -1;
				octet = number;
				text += 3;
			} else if (octet != '\0') {
				text++;
			} else {
				return -1;
			}
		}
		if (length == STRING_MAX)
			return -1;
		octets[length++] = (uint8_t)octet;
	}
	return length;
}

static int put_strings(struct zone_parser *parser)
{
	struct zone_token token;
	uint8_t string[1 + STRING_MAX];
	char shown[ZONE_SHOWN_MAX];
	int got;

	while ((got = zone_next_token(parser, &token)) == 1) {
		int length = unescape(token.text, string + 1);
		if (length < 0)
			return zone_fail(
				parser,
				"\"%s\" is no TXT string: at most %d octets, and escapes \\000 to \\255, are right",
				zone_shown(token.text, shown), STRING_MAX);
		string[0] = (uint8_t)length;
		if (put(parser, string, 1 + (size_t)length) != 0)
			return -1;
	}
	if (got == 0 && parser->rdata_octets == 0)
		return zone_fail(parser, "the line ends where a string should be: \"\" is an empty one");
	return got;
}

static int put_soa(struct zone_parser *parser)
{
	static const char *const numbers[] = { "SOA serial", "SOA refresh", "SOA retry", "SOA expire", "SOA minimum" };

	if (put_name(parser, "SOA primary server") != 0 || put_name(parser, "SOA mailbox") != 0)
		return -1;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (put_number(parser, numbers[i], UINT32_MAX) != 0)
			return -1;
	}
	return 0;
}

int zone_read_rdata(struct zone_parser *parser, enum dns_type type)
{
	parser->rdata_octets = 0;
	switch (type) {
	case DNS_A:
		return put_address(parser, 4);
	case DNS_AAAA:
		return put_address(parser, 6);
	case DNS_MX:
		return put_number(parser, "MX preference", UINT16_MAX) != 0 ? -1 : put_name(parser, "MX exchange");
	case DNS_TXT:
		return put_strings(parser);
	case DNS_SOA:
		return put_soa(parser);
	default:
		return put_name(parser, "name");
	}
}

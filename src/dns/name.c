/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/name.h"

#include <string.h>

#include "base/strbuf.h"

#define LABEL_MAX 63

static uint8_t lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + ('a' - 'A')) : octet;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of a label, escaped or plain. Returns the characters read, 0 for a broken escape. */
static size_t read_octet(const char *text, uint8_t *octet)
{
	if (text[0] != '\\') {
		*octet = (uint8_t)text[0];
		return 1;
	}
	if (text[1] == '\0')
		return 0;
	if (!is_digit(text[1])) {
		*octet = (uint8_t)text[1];
		return 2;
	}
	if (!is_digit(text[2]) || !is_digit(text[3]))
		return 0;
	int value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
	if (value > 255)
		return 0;
	*octet = (uint8_t)value;
	return 4;
}

/* One label with its length octet, up to the next dot. Returns the octets written, 0 when it cannot be a label. */
static size_t read_label(const char **text, uint8_t *wire, size_t room)
{
	const char *at = *text;
	size_t length = 0;

	while (*at != '\0' && *at != '.') {
		uint8_t octet;
		size_t taken = read_octet(at, &octet);
		if (taken == 0 || length == LABEL_MAX || length + 1 >= room)
			return 0;
		wire[1 + length++] = lower(octet);
		at += taken;
	}
	if (length == 0)
		return 0;
	wire[0] = (uint8_t)length;
	*text = at;
	return length + 1;
}

size_t dns_name_to_wire(const char *text, uint8_t wire[DNS_WIRE_MAX])
{
	size_t used = 0;

	if (text[0] == '.' && text[1] == '\0')
		text++;
	while (*text != '\0') {
		/* one octet is kept back for the root label */
		size_t taken = used < DNS_WIRE_MAX - 1 ? read_label(&text, wire + used, DNS_WIRE_MAX - 1 - used) : 0;
		if (taken == 0)
			return 0;
		used += taken;
		if (*text == '.')
			text++;
	}
	wire[used++] = 0;
	return used;
}

static char *write_octet(char *text, uint8_t octet)
{
	if (octet > 0x20 && octet < 0x7f && octet != '.' && octet != '\\') {
		*text++ = (char)lower(octet);
		return text;
	}
	*text++ = '\\';
	*text++ = (char)('0' + octet / 100);
	*text++ = (char)('0' + octet / 10 % 10);
	*text++ = (char)('0' + octet % 10);
	return text;
}

bool dns_name_from_wire(const uint8_t *wire, size_t octets, char text[DNS_NAME_TEXT_MAX])
{
	char *end = text;
	size_t at = 0;

	text[0] = '\0';
	if (octets > DNS_WIRE_MAX)
		return false;
	while (at < octets && wire[at] != 0) {
		size_t length = wire[at++];
		if (length > LABEL_MAX || length >= octets - at) {
			text[0] = '\0';
			return false;
		}
		if (end != text)
			*end++ = '.';
		for (size_t i = 0; i < length; i++)
			end = write_octet(end, wire[at + i]);
		at += length;
	}
	if (at + 1 != octets) {
		text[0] = '\0';
		return false;
	}
	if (end == text)
		*end++ = '.';
	*end = '\0';
	return true;
}

/* The labels of the reversed address, each with its final dot; nothing for no address. */
static void add_reversed(struct strbuf *buf, const struct ip *ip)
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 3; ip->family == 4 && i >= 0; i--) {
		strbuf_add_number(buf, ip->octets[i]);
		strbuf_add_octets(buf, ".", 1);
	}
	for (int i = 15; ip->family == 6 && i >= 0; i--) {
		const char nibbles[] = { hex[ip->octets[i] & 15], '.', hex[ip->octets[i] >> 4], '.' };
		strbuf_add_octets(buf, nibbles, sizeof nibbles);
	}
}

void dns_name_reverse_ptr(const struct ip *ip, char text[DNS_NAME_TEXT_MAX])
{
	struct strbuf buf;

	strbuf_open(&buf, text, DNS_NAME_TEXT_MAX);
	add_reversed(&buf, ip);
	if (ip->family != 0)
		strbuf_add(&buf, ip->family == 4 ? "in-addr.arpa" : "ip6.arpa");
}

/*
 * Joined on the wire rather than as text: a stranger's "x\" in front of a dot would otherwise swallow the dot.
 */
bool dns_name_list_domain(const char *domain, const char *zone, char text[DNS_NAME_TEXT_MAX])
{
	uint8_t wire[2 * DNS_WIRE_MAX];
	size_t domain_octets = dns_name_to_wire(domain, wire);

	text[0] = '\0';
	if (domain_octets < 2)
		return false;
	size_t zone_octets = dns_name_to_wire(zone, wire + domain_octets - 1);
	if (zone_octets < 2)
		return false;
	return dns_name_from_wire(wire, domain_octets - 1 + zone_octets, text);
}

bool dns_name_list_address(const struct ip *ip, const char *zone, char text[DNS_NAME_TEXT_MAX])
{
	char reversed[80];
	struct strbuf buf;

	strbuf_open(&buf, reversed, sizeof reversed);
	add_reversed(&buf, ip);
	return dns_name_list_domain(reversed, zone, text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/macro.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dns/name.h"
#include "spf/macro_internal.h"

#define KEPT_OCTETS 256 /* at least SPF_DOMAIN_OCTETS_MAX, the dot in front of them, and a final dot */

/*
 * Where an expansion goes: into a text, or (text NULL) into the end of a name. Of a name only the last octets can be in
 * the result, however long the expansion is.
 */
struct sink {
	struct strbuf *text;
	char kept[KEPT_OCTETS]; /* a ring */
	size_t octets;          /* that came in all, but for what was seen to be too far left */
};

static void sink_add(struct sink *sink, char octet)
{
	if (sink->text != NULL)
		strbuf_add_octets(sink->text, &octet, 1);
	else
		sink->kept[sink->octets++ % KEPT_OCTETS] = octet;
}

static bool sink_is_full(const struct sink *sink)
{
	return sink->text != NULL && sink->text->truncated;
}

/* RFC 3986 2.3, unreserved. */
static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static void sink_add_url(struct sink *sink, char octet)
{
	static const char hex[] = "0123456789ABCDEF";

	if (is_unreserved(octet)) {
		sink_add(sink, octet);
		return;
	}
	sink_add(sink, '%');
	sink_add(sink, hex[(unsigned char)octet >> 4]);
	sink_add(sink, hex[(unsigned char)octet & 15]);
}

/* What a letter stands for: head, or head "@" tail. May contain any octet. */
struct value {
	const char *head, *tail; /* tail is NULL where there is only a head */
	size_t head_octets, octets;
	char room[DNS_WIRE_MAX]; /* for what is made here */
};

static char value_at(const struct value *value, size_t i)
{
	if (i < value->head_octets || value->tail == NULL)
		return value->head[i];
	return i == value->head_octets ? '@' : value->tail[i - value->head_octets - 1];
}

static void value_set(struct value *value, const char *text)
{
	value->head = text != NULL ? text : "";
	value->tail = NULL;
	value->octets = value->head_octets = strlen(value->head);
}

static void value_set_sender(struct value *value, const struct spf_macros *macros)
{
	value_set(value, macros->local);
	value->tail = macros->sender_domain != NULL ? macros->sender_domain : "";
	value->octets += 1 + strlen(value->tail);
}

/*
 * A name in presentation form. On its way into another name its escapes are undone, else that name would contain them
 * as octets; in a text they stay, for they are how a name is shown.
 */
static void value_set_name(struct value *value, const char *name, bool for_name)
{
	uint8_t wire[DNS_WIRE_MAX];
	size_t octets, used = 0;

	value_set(value, name);
	if (!for_name || strchr(value->head, '\\') == NULL || (octets = dns_name_to_wire(name, wire)) == 0)
		return;
	for (size_t at = 0; at < octets && wire[at] != 0; at += wire[at] + 1U) {
		if (used > 0)
			value->room[used++] = '.';
		memcpy(value->room + used, wire + at + 1, wire[at]);
		used += wire[at];
	}
	value->head = value->room;
	value->octets = value->head_octets = used;
}

/*
 * "%{i}": the nibbles of an IPv6 address with dots (RFC 7208 7.3). The case of the digits is that of RFC 7208 7.4 in
 * names, where it means nothing, and that of the public test suite where people read it.
 */
static void value_set_dotted(struct value *value, const struct ip *ip, bool for_name)
{
	const char *hex = for_name ? "0123456789abcdef" : "0123456789ABCDEF";
	char *at = value->room;

	for (size_t i = 0; ip->family == 6 && i < sizeof(ip->octets); i++) {
		*at++ = hex[ip->octets[i] >> 4];
		*at++ = '.';
		*at++ = hex[ip->octets[i] & 15];
		*at++ = '.';
	}
	if (ip->family == 6)
		at[-1] = '\0';
	else
		ip_format(ip, value->room);
	value_set(value, value->room);
}

/* "%{p}": "unknown" (RFC 7208 7.3) where nobody can say. False: not known yet. */
static bool value_set_validated(struct value *value, const struct spf_macros *macros, bool for_name)
{
	const char *name = macros->validated_name != NULL ? macros->validated_name(macros->context) : "unknown";

	if (name != NULL)
		value_set_name(value, name, for_name);
	return name != NULL;
}

/* False: not known yet. */
static bool value_of(struct value *value, char letter, const struct spf_macros *macros, bool for_name)
{
	switch (letter) {
	case 's':
		value_set_sender(value, macros);
		break;
	case 'l':
		value_set(value, macros->local);
		break;
	case 'o':
		value_set(value, macros->sender_domain);
		break;
	case 'd':
		value_set_name(value, macros->domain, for_name);
		break;
	case 'i':
		value_set_dotted(value, &macros->client, for_name);
		break;
	case 'p':
		return value_set_validated(value, macros, for_name);
	case 'v':
		value_set(value, macros->client.family == 6 ? "ip6" : "in-addr");
		break;
	case 'h':
		value_set(value, macros->helo);
		break;
	case 'c':
		value_set(value, ip_format(&macros->client, value->room));
		break;
	case 'r':
		value_set(value, macros->receiver);
		if (value->octets == 0)
			value_set(value, "unknown");
		break;
	default: /* t */
		snprintf(value->room, sizeof(value->room), "%" PRIu64, macros->now_s);
		value_set(value, value->room);
		break;
	}
	return true;
}

static bool is_border(const struct spf_macro *macro, const struct value *value, size_t i)
{
	return (spf_delimiter_bit(value_at(value, i)) & macro->delimiters) != 0;
}

/* Are so many octets on their way that nothing to the left of them can be in the result? */
static bool is_beyond(const struct sink *sink, size_t octets)
{
	return sink->text == NULL && octets >= KEPT_OCTETS;
}

/* The octets [from, to) of a value; what separates its parts there becomes a dot. */
static void add_range(struct sink *sink, const struct spf_macro *macro, const struct value *value, size_t from,
                      size_t to)
{
	if (is_beyond(sink, to - from))
		from = to - KEPT_OCTETS;
	for (size_t i = from; i < to && !sink_is_full(sink); i++) {
		char octet = is_border(macro, value, i) ? '.' : value_at(value, i);
		if (macro->url)
			sink_add_url(sink, octet);
		else
			sink_add(sink, octet);
	}
}

/* As written: the last `parts` parts are a piece of the value. */
static void add_forward(struct sink *sink, const struct spf_macro *macro, const struct value *value)
{
	size_t from = value->octets;

	for (size_t parts = macro->parts; from > 0 && !is_beyond(sink, value->octets - from); from--) {
		if (is_border(macro, value, from - 1) && --parts == 0)
			break;
	}
	add_range(sink, macro, value, from, value->octets);
}

/* Reversed, and then the last `parts`: these are the first ones of the value, from the right to the left. */
static void add_reversed(struct sink *sink, const struct spf_macro *macro, const struct value *value)
{
	size_t to = 0, from;

	for (size_t parts = macro->parts; to < value->octets; to++) {
		if (is_border(macro, value, to) && (--parts == 0 || is_beyond(sink, to)))
			break;
	}
	for (;;) {
		for (from = to; from > 0 && !is_border(macro, value, from - 1);)
			from--;
		add_range(sink, macro, value, from, to);
		if (from == 0)
			break;
		sink_add(sink, '.');
		to = from - 1;
	}
}

static enum spf_expansion expand(struct sink *sink, const char *text, const struct spf_macros *macros)
{
	const char *end = text + strlen(text);
	struct spf_macro macro;
	struct value value;

	while (text < end && !sink_is_full(sink)) {
		if (*text != '%' || spf_macro_read(&macro, text, end) != SPF_MACRO_FINE) {
			sink_add(sink, *text++);
			continue;
		}
		text += macro.octets;
		if (macro.plain != NULL) {
			for (const char *at = macro.plain; *at != '\0'; at++)
				sink_add(sink, *at);
			continue;
		}
		if (!value_of(&value, macro.letter, macros, sink->text == NULL))
			return SPF_EXPANSION_WAITS;
		(macro.reversed ? add_reversed : add_forward)(sink, &macro, &value);
	}
	return SPF_EXPANDED;
}

static char kept_at(const struct sink *sink, size_t i)
{
	return sink->kept[i % KEPT_OCTETS];
}

/* The final dot says nothing, except that one of several makes an empty label. */
static size_t name_end(const struct sink *sink)
{
	size_t end = sink->octets;

	if (end > 0 && kept_at(sink, end - 1) == '.' && !(end > 1 && kept_at(sink, end - 2) == '.'))
		end--;
	return end;
}

/* Where the longest row of whole labels that fits begins (RFC 7208 7.3); `end`: not even the last one does. */
static size_t name_start(const struct sink *sink, size_t end)
{
	if (end <= SPF_DOMAIN_OCTETS_MAX)
		return 0;
	for (size_t i = end - SPF_DOMAIN_OCTETS_MAX - 1; i < end; i++) {
		if (kept_at(sink, i) == '.')
			return i + 1;
	}
	return end;
}

static void write_name(const struct sink *sink, char name[DNS_NAME_TEXT_MAX])
{
	size_t end = name_end(sink), start = name_start(sink, end);
	struct strbuf buf;

	strbuf_open(&buf, name, DNS_NAME_TEXT_MAX);
	for (size_t i = start; i < end; i++) {
		char octet = kept_at(sink, i);
		if (octet > 0x20 && octet < 0x7f && octet != '\\')
			strbuf_add_octets(&buf, &octet, 1);
		else
			strbuf_addf(&buf, "\\%03u", (unsigned)(unsigned char)octet);
	}
	if (buf.length == 0 || strcmp(name, ".") == 0)
		memcpy(name, SPF_NO_NAME, sizeof(SPF_NO_NAME));
}

enum spf_expansion spf_macro_domain(const char *spec, const struct spf_macros *macros, char name[DNS_NAME_TEXT_MAX])
{
	struct sink sink = { .text = NULL };
	enum spf_expansion expansion = expand(&sink, spec, macros);

	name[0] = '\0';
	if (expansion == SPF_EXPANDED)
		write_name(&sink, name);
	return expansion;
}

enum spf_expansion spf_macro_text(const char *text, const struct spf_macros *macros, struct strbuf *result)
{
	struct sink sink = { .text = result };

	return expand(&sink, text, macros);
}

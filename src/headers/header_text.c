/* SPDX-License-Identifier: BSD-2-Clause */
#include "headers/header_text.h"

#include <string.h>

#define SHOWN_OCTETS_MAX 5 /* "\\xHH", its backslash quoted */
#define CUT_MARK         "..."

/* One octet as it stands in the field. Returns its length. */
static size_t show(char octet, const char *special, char shown[SHOWN_OCTETS_MAX + 1])
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char value = (unsigned char)octet;

	if (value < 0x20 || value > 0x7e) {
		const char hex[] = { '\\', '\\', 'x', digits[value >> 4], digits[value & 15], '\0' };
		memcpy(shown, hex, sizeof(hex));
		return sizeof(hex) - 1;
	}
	const size_t escaped = octet == '\\' || strchr(special, octet) != NULL;
	shown[0] = '\\';
	shown[escaped] = octet;
	shown[escaped + 1] = '\0';
	return escaped + 1;
}

/* How many octets of the text have room in `max` octets of the field. */
static size_t octets_within(const char *text, const char *special, size_t max)
{
	char shown[SHOWN_OCTETS_MAX + 1];
	size_t used = 0, n = 0;

	for (; text[n] != '\0'; n++) {
		used += show(text[n], special, shown);
		if (used > max)
			break;
	}
	return n;
}

static bool is_plain(char octet, const char *special)
{
	return octet >= 0x20 && octet <= 0x7e && octet != '\\' && strchr(special, octet) == NULL;
}

static void add_text(struct strbuf *buf, const char *text, const char *special, size_t max)
{
	char shown[SHOWN_OCTETS_MAX + 1];
	size_t n = 0;

	while (n < max && is_plain(text[n], special))
		n++;
	if (text[n] == '\0') { /* nearly always */
		strbuf_add_octets(buf, text, n);
		return;
	}
	n = octets_within(text, special, max);
	const bool whole = text[n] == '\0';
	if (!whole)
		n = octets_within(text, special, max > strlen(CUT_MARK) ? max - strlen(CUT_MARK) : 0);
	for (size_t i = 0; i < n; i++)
		strbuf_add_octets(buf, shown, show(text[i], special, shown));
	if (!whole)
		strbuf_add(buf, CUT_MARK);
}

void header_add_quoted(struct strbuf *buf, const char *text, size_t max)
{
	strbuf_add(buf, "\"");
	add_text(buf, text, "\"", max);
	strbuf_add(buf, "\"");
}

void header_add_comment(struct strbuf *buf, const char *text, size_t max)
{
	add_text(buf, text, "()", max);
}

static bool is_atext(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
	       (octet != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", octet) != NULL);
}

bool header_is_dot_atom(const char *text)
{
	bool atom = false;

	for (; *text != '\0'; text++) {
		if (*text == '.' && !atom)
			return false;
		atom = *text != '.';
		if (atom && !is_atext(*text))
			return false;
	}
	return atom;
}

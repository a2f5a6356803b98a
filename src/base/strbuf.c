/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CUT_MARK      "..."
#define CUT_OCTETS    (sizeof(CUT_MARK) - 1)
#define ESCAPE_OCTETS 4 /* \xHH */

void strbuf_open(struct strbuf *buf, char *memory, size_t size)
{
	*buf = (struct strbuf){ .text = memory, .size = size };
	memory[0] = '\0';
}

static size_t room_of(const struct strbuf *buf)
{
	return buf->size - 1 - buf->length;
}

void strbuf_add_octets(struct strbuf *buf, const char *octets, size_t length)
{
	if (length > room_of(buf)) {
		length = room_of(buf);
		buf->truncated = true;
	}
	if (length > 0)
		memcpy(buf->text + buf->length, octets, length);
	buf->length += length;
	buf->text[buf->length] = '\0';
}

void strbuf_add(struct strbuf *buf, const char *text)
{
	if (text != NULL)
		strbuf_add_octets(buf, text, strlen(text));
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	size_t room = room_of(buf);
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(buf->text + buf->length, room + 1, format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n > room) {
		buf->truncated = true;
		n = n < 0 ? 0 : (int)room;
	}
	buf->length += (size_t)n;
	buf->text[buf->length] = '\0';
}

static bool is_escaped(char octet, const char *special)
{
	return octet < 0x20 || octet > 0x7e || octet == '\\' || (special != NULL && strchr(special, octet) != NULL);
}

static void add_escape(struct strbuf *buf, char octet)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char value = (unsigned char)octet;
	const char escape[ESCAPE_OCTETS] = { '\\', 'x', hex[value >> 4], hex[value & 15] };

	strbuf_add_octets(buf, escape, sizeof(escape));
}

/* What needs no escape is copied in one piece. */
static void add_spans(struct strbuf *buf, const char *text, size_t octets, const char *special)
{
	for (size_t i = 0; i < octets; i++) {
		const size_t from = i;
		while (i < octets && !is_escaped(text[i], special))
			i++;
		strbuf_add_octets(buf, text + from, i - from);
		if (i < octets)
			add_escape(buf, text[i]);
	}
}

/* How many octets of `text` have room in `max` octets of the result: an escape is never split. */
static size_t octets_within(const char *text, const char *special, size_t max)
{
	size_t used = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		size_t need = is_escaped(text[i], special) ? ESCAPE_OCTETS : 1;
		if (need > max - used)
			break;
		used += need;
	}
	return i;
}

/* How many octets at its beginning, up to `max`, stay as they are. */
static size_t plain_octets(const char *text, const char *special, size_t max)
{
	size_t n = 0;

	while (n < max && text[n] != '\0' && !is_escaped(text[n], special))
		n++;
	return n;
}

/* The caller has seen to it that `max` octets have room. Returns whether all of the text was added. */
static bool add_escaped(struct strbuf *buf, const char *text, const char *special, size_t max)
{
	size_t n = plain_octets(text, special, max);
	bool whole = text[n] == '\0';

	if (whole) { /* nearly always */
		strbuf_add_octets(buf, text, n);
		return true;
	}
	n = octets_within(text, special, max);
	whole = text[n] == '\0';
	if (!whole)
		n = max > CUT_OCTETS ? octets_within(text, special, max - CUT_OCTETS) : 0;
	add_spans(buf, text, n, special);
	if (!whole)
		strbuf_add_octets(buf, CUT_MARK, max < CUT_OCTETS ? max : CUT_OCTETS);
	return whole;
}

void strbuf_add_clean(struct strbuf *buf, const char *text, const char *special, size_t max)
{
	size_t room = room_of(buf);

	if (text == NULL)
		return;
	if (!add_escaped(buf, text, special, max < room ? max : room) && room < max)
		buf->truncated = true;
}

void strbuf_add_printable(struct strbuf *buf, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || !is_escaped(*text, NULL))
			strbuf_add_octets(buf, text, 1);
		else
			add_escape(buf, *text);
	}
}

static bool is_plain(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
	       (octet != '\0' && strchr(".-_@:/+<>[]=~*,%", octet) != NULL);
}

/* Looks at no more than what could be shown: a long text is not walked to its end. */
static bool is_plain_within(const char *text, size_t max)
{
	for (size_t i = 0; i < max && text[i] != '\0'; i++) {
		if (!is_plain(text[i]))
			return false;
	}
	return text[0] != '\0';
}

void strbuf_add_quoted(struct strbuf *buf, const char *text, size_t max)
{
	size_t room = room_of(buf);
	size_t limit = max < room ? max : room;
	bool whole = false;

	if (text == NULL)
		text = "";
	if (is_plain_within(text, limit)) {
		whole = add_escaped(buf, text, NULL, limit);
	} else if (limit >= 2) { /* the closing quote always has room: what follows is never part of the value */
		strbuf_add_octets(buf, "\"", 1);
		whole = add_escaped(buf, text, "\"", limit - 2);
		strbuf_add_octets(buf, "\"", 1);
	}
	if (!whole && room < max)
		buf->truncated = true;
}

void strbuf_add_number(struct strbuf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	strbuf_add_octets(buf, digits + at, sizeof(digits) - at);
}

void strbuf_add_points(struct strbuf *buf, int points_milli)
{
	int64_t milli = points_milli;

	if (milli < 0) {
		milli = -milli;
		strbuf_add_octets(buf, "-", 1);
	}
	const int64_t part = milli % 1000;
	const char decimals[] = { '.', (char)('0' + part / 100), (char)('0' + part / 10 % 10),
		                  (char)('0' + part % 10) };
	strbuf_add_number(buf, (uint64_t)(milli / 1000));
	strbuf_add_octets(buf, decimals, part % 10 ? 4 : part % 100 ? 3 : 2);
}

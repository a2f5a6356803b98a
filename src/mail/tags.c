/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/tags.h"

#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "mail/utf8.h"

#define NAME_SHOWN_MAX 32 /* octets of a tag's name in an error */

/* ---- white space ---- */

static bool is_wsp(char octet)
{
	return octet == ' ' || octet == '\t';
}

static size_t line_end_octets(const char *at, const char *end)
{
	if (at < end && *at == '\n')
		return 1;
	return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : 0;
}

/* Most octets are visible ones: that is seen at a glance. */
static bool may_begin_fws(const char *at, const char *end)
{
	return at < end && *at <= ' ';
}

/* A line end counts only when the line goes on: with a space or a tab. */
static const char *skip_fws(const char *at, const char *end)
{
	while (may_begin_fws(at, end)) {
		size_t line_end = line_end_octets(at, end);
		if ((size_t)(end - at) <= line_end || !is_wsp(at[line_end]))
			return at;
		at += line_end + 1;
	}
	return at;
}

/* ---- the octets of names and values ---- */

static bool is_alpha(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static bool is_valchar(char octet)
{
	return octet >= 0x21 && octet <= 0x7e && octet != ';';
}

/* As many octets of a value as can be told from white space at once; 0: there are none. */
static size_t value_octets(const char *at, const char *end, bool utf8)
{
	const char *from = at;

	while (at < end && is_valchar(*at))
		at++;
	if (at > from)
		return (size_t)(at - from);
	return utf8 ? utf8_any_octets(at, end) : 0;
}

/* ---- the list ---- */

struct scan {
	const char *at, *end;
	bool utf8;
	struct strbuf *problem;
};

static int refuse(const struct scan *scan, const char *what, const struct tag *tag)
{
	char name[NAME_SHOWN_MAX + 1];
	size_t shown = tag != NULL && tag->name_octets < NAME_SHOWN_MAX ? tag->name_octets : NAME_SHOWN_MAX;

	strbuf_add(scan->problem, what);
	if (tag == NULL)
		return -1;
	memcpy(name, tag->name, shown); /* a name that was read consists of letters, digits and "_" */
	name[shown] = '\0';
	strbuf_addf(scan->problem, " the tag %s%s", name, shown < tag->name_octets ? "..." : "");
	return -1;
}

static int read_name(struct scan *scan, struct tag *tag)
{
	const char *from = skip_fws(scan->at, scan->end), *at = from;

	if (at < scan->end && is_alpha(*at))
		at++;
	while (at > from && at < scan->end && (is_alpha(*at) || is_digit(*at) || *at == '_'))
		at++;
	if (at == from)
		return refuse(scan, at == scan->end || *at == ';' ? "a tag is empty" : "a tag has no valid name", NULL);
	tag->name = from;
	tag->name_octets = (size_t)(at - from);
	at = skip_fws(at, scan->end);
	if (at == scan->end || *at != '=')
		return refuse(scan, "\"=\" is missing after", tag);
	scan->at = at + 1;
	return 0;
}

static int read_value(struct scan *scan, struct tag *tag)
{
	const char *at = skip_fws(scan->at, scan->end);

	tag->value = at;
	tag->value_octets = 0;
	while (at < scan->end && *at != ';') {
		const char *next = skip_fws(at, scan->end);
		if (next == at) {
			size_t octets = value_octets(at, scan->end, scan->utf8);
			if (octets == 0)
				return refuse(scan, "an octet that is not allowed in the value of", tag);
			next = at + octets;
			tag->value_octets = (size_t)(next - tag->value);
		}
		at = next;
	}
	scan->at = at;
	return 0;
}

static const struct tag *find(const struct tag_list *list, const char *name, size_t octets)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tag *tag = &list->tags[i];
		if (tag->name_octets == octets && memcmp(tag->name, name, octets) == 0)
			return tag;
	}
	return NULL;
}

static int read_tag(struct scan *scan, struct tag_list *list)
{
	struct tag tag;

	if (read_name(scan, &tag) != 0 || read_value(scan, &tag) != 0)
		return -1;
	if (find(list, tag.name, tag.name_octets) != NULL)
		return refuse(scan, "the list repeats", &tag);
	if (list->n == TAGS_MAX)
		return refuse(scan, "too many tags, from", &tag);
	list->tags[list->n++] = tag;
	return 0;
}

int tags_parse(struct tag_list *list, const char *text, size_t octets, bool utf8, struct strbuf *problem)
{
	struct scan scan = { .at = text, .end = text + octets, .utf8 = utf8, .problem = problem };

	list->n = 0;
	do {
		if (read_tag(&scan, list) != 0)
			return -1;
		if (scan.at < scan.end)
			scan.at = skip_fws(scan.at + 1, scan.end); /* beyond ";" */
	} while (scan.at < scan.end);
	return 0;
}

const struct tag *tags_find(const struct tag_list *list, const char *name)
{
	return find(list, name, strlen(name));
}

/* ---- values ---- */

static bool is_text(const char *value, size_t octets, const char *text)
{
	return octets == strlen(text) && strncasecmp(value, text, octets) == 0;
}

bool tag_is(const struct tag *tag, const char *text)
{
	return is_text(tag->value, tag->value_octets, text);
}

bool tag_number(const struct tag *tag, size_t digits_max, uint64_t *number)
{
	uint64_t sum = 0;

	if (tag->value_octets == 0 || tag->value_octets > digits_max)
		return false;
	for (size_t i = 0; i < tag->value_octets; i++) {
		if (!is_digit(tag->value[i]))
			return false;
		uint64_t digit = (uint64_t)(tag->value[i] - '0');
		if (sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = 10 * sum + digit;
	}
	*number = sum;
	return true;
}

bool tag_next_item(const struct tag *tag, size_t *offset, struct tag_item *item)
{
	const char *end = tag->value + tag->value_octets, *from, *colon;

	if (*offset > tag->value_octets)
		return false;
	from = tag->value + *offset;
	colon = from < end ? memchr(from, ':', (size_t)(end - from)) : NULL;
	if (colon == NULL)
		colon = end;
	*offset = (size_t)(colon - tag->value) + 1;
	from = skip_fws(from, colon);
	while (colon > from && (is_wsp(colon[-1]) || colon[-1] == '\n' || colon[-1] == '\r'))
		colon--;
	*item = (struct tag_item){ .text = from, .octets = (size_t)(colon - from) };
	return true;
}

bool tag_item_is(const struct tag_item *item, const char *text)
{
	return is_text(item->text, item->octets, text);
}

/* ---- base64 ---- */

/* A table, since no branch predicts what comes next. */
static const int8_t base64_values[128] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63, 52, 53, 54, 55,
	56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
	13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32,
	33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
};

static int base64_value(char octet)
{
	const unsigned char value = (unsigned char)octet;

	return value < sizeof(base64_values) ? base64_values[value] : -1;
}

/* What follows the last character of the alphabet: as many "=" as are missing to four characters, and nothing else. */
static bool is_padding(const char *at, const char *end, size_t characters)
{
	size_t missing = (4 - characters % 4) % 4;

	for (; at < end && *at == '='; at = skip_fws(at + 1, end)) {
		if (missing-- == 0)
			return false;
	}
	return at == end && missing == 0 && characters % 4 != 1;
}

long base64_decode(const char *text, size_t octets, uint8_t *out, size_t max)
{
	const char *end = text + octets, *at = skip_fws(text, end);
	size_t characters = 0, written = 0;
	uint32_t bits = 0;
	int value;

	for (; at < end && (value = base64_value(*at)) >= 0; at = skip_fws(at + 1, end)) {
		bits = bits << 6 | (uint32_t)value;
		if (characters++ % 4 == 0)
			continue;
		if (written == max)
			return -1;
		out[written++] = (uint8_t)(bits >> (6 - 2 * ((characters - 1) % 4)));
	}
	return is_padding(at, end, characters) ? (long)written : -1;
}

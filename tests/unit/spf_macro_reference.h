/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_macro_reference - what the tests of macro.h share: the check's words, random numbers, and RFC 7208 section 7 a
 * second time, written for the eye: no bounds but huge ones, everything in whole strings. It expects a `domain` without
 * a backslash, and says "mx.example.org" for %{p}.
 */
#ifndef MAILREEVE_TESTS_SPF_MACRO_REFERENCE_H
#define MAILREEVE_TESTS_SPF_MACRO_REFERENCE_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "spf/macro.h"

#define REFERENCE_PARTS_MAX 2048
#define REFERENCE_TEXT_MAX  65536

/* What spf_macro_check() says; "" when it is content. */
static inline const char *problem_of(const char *text, size_t length, bool domain_spec)
{
	static char memory[512];
	char *copy = memory_new(length + 1);
	struct strbuf problem;

	memcpy(copy, text, length);
	copy = memory_grow(copy, length > 0 ? length : 1); /* not terminated: a read beyond it is seen by ASan */
	strbuf_open(&problem, memory, sizeof(memory));
	int rc = spf_macro_check(copy, length, domain_spec, &problem);
	free(copy);
	assert_int_equal(rc, problem.length == 0 ? 0 : -1);
	return memory;
}

/* What the property test draws from. */
static inline uint64_t draw(uint64_t *seed, uint64_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 11) % below;
}

static inline const char *reference_value(int letter, const struct spf_macros *macros, bool for_name, char room[2048])
{
	const char *nibble = for_name ? "%x." : "%X.";
	char *at = room;

	switch (letter) {
	case 's':
		snprintf(room, 2048, "%s@%s", macros->local, macros->sender_domain);
		return room;
	case 'l':
		return macros->local;
	case 'o':
		return macros->sender_domain;
	case 'd':
		return macros->domain;
	case 'h':
		return macros->helo;
	case 'r':
		return macros->receiver;
	case 'p':
		return "mx.example.org";
	case 'v':
		return macros->client.family == 6 ? "ip6" : "in-addr";
	case 't':
		snprintf(room, 2048, "%llu", (unsigned long long)macros->now_s);
		return room;
	case 'i':
		if (macros->client.family == 4)
			return ip_format(&macros->client, room);
		for (int i = 0; i < 16; i++) {
			at += sprintf(at, nibble, (unsigned)macros->client.octets[i] / 16);
			at += sprintf(at, nibble, (unsigned)macros->client.octets[i] % 16);
		}
		at[-1] = '\0';
		return room;
	default:
		return ip_format(&macros->client, room);
	}
}

/* One "%{...}" of `text`; returns what follows it. */
static inline const char *reference_macro(const char *text, const struct spf_macros *macros, bool for_name,
                                          char *result)
{
	static char copy[2048], joined[2048];
	static char *parts[REFERENCE_PARTS_MAX], *ordered[REFERENCE_PARTS_MAX];
	char room[2048], delimiters[32] = "", *rest;
	size_t n_parts = 0, keep, n_delimiters;
	int letter = (unsigned char)text[2];

	keep = strtoul(text + 3, &rest, 10); /* a number too large is ULONG_MAX */
	bool reversed = *rest == 'r';
	rest += reversed;
	n_delimiters = strcspn(rest, "}");
	memcpy(delimiters, n_delimiters > 0 ? rest : ".", n_delimiters > 0 ? n_delimiters : 1);

	stpcpy(copy, reference_value(tolower(letter), macros, for_name, room));
	for (char *part = copy;; part++) {
		parts[n_parts++] = part;
		part += strcspn(part, delimiters);
		if (*part == '\0')
			break;
		*part = '\0';
	}
	for (size_t i = 0; i < n_parts; i++)
		ordered[i] = parts[reversed ? n_parts - 1 - i : i];
	char *end = joined;
	*end = '\0';
	for (size_t i = keep == 0 || keep > n_parts ? 0 : n_parts - keep; i < n_parts; i++) {
		end = stpcpy(end, ordered[i]);
		end = stpcpy(end, i + 1 < n_parts ? "." : "");
	}
	for (const char *at = joined; *at != '\0'; at++) {
		bool plain = islower(letter) || (isascii(*at) && isalnum(*at)) || strchr("-._~", *at) != NULL;
		result += sprintf(result, plain ? "%c" : "%%%02X", (unsigned)(unsigned char)*at);
	}
	return rest + n_delimiters + 1;
}

static inline void reference_expand(const char *text, const struct spf_macros *macros, bool for_name, char *result)
{
	*result = '\0';
	while (*text != '\0') {
		result += strlen(result);
		if (strncmp(text, "%{", 2) == 0) {
			text = reference_macro(text, macros, for_name, result);
		} else if (*text == '%') {
			stpcpy(result, text[1] == '_' ? " " : text[1] == '-' ? "%20" : "%");
			text += 2;
		} else {
			sprintf(result, "%c", *text++);
		}
	}
}

static inline void reference_text(const char *text, const struct spf_macros *macros, char *result, size_t size)
{
	reference_expand(text, macros, false, result);
	result[size - 1] = '\0';
}

static inline void reference_domain(const char *spec, const struct spf_macros *macros, char *name)
{
	static char whole[REFERENCE_TEXT_MAX];
	const char *at = whole;

	reference_expand(spec, macros, true, whole);
	size_t length = strlen(whole);
	if (length > 0 && whole[length - 1] == '.' && (length == 1 || whole[length - 2] != '.'))
		whole[length - 1] = '\0';
	while (strlen(at) > 253)
		at = strchr(at, '.') != NULL ? strchr(at, '.') + 1 : "";
	if (strcmp(at, "") == 0 || strcmp(at, ".") == 0)
		at = "..";
	*name = '\0';
	for (; *at != '\0'; at++)
		name += sprintf(name, *at > ' ' && *at < 0x7f && *at != '\\' ? "%c" : "\\%03u",
		                (unsigned)(unsigned char)*at);
}

/* RFC 7208 7.1, explain-string, for a text without anything but printable ASCII. */
static inline bool reference_is_macro_string(const char *text)
{
	while (*text != '\0') {
		if (*text != '%') {
			text++;
			continue;
		}
		if (text[1] != '{') {
			if (text[1] == '\0' || strchr("%_-", text[1]) == NULL)
				return false;
			text += 2;
			continue;
		}
		if (text[2] == '\0' || strchr("slodiphcrtvSLODIPHCRTV", text[2]) == NULL)
			return false;
		size_t digits = strspn(text + 3, "0123456789");
		if (digits > 0 && strspn(text + 3, "0") == digits)
			return false;
		text += 3 + digits;
		text += *text == 'r' || *text == 'R';
		text += strspn(text, ".-+,/_=");
		if (*text++ != '}')
			return false;
	}
	return true;
}

#endif

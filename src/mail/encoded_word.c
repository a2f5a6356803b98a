/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/encoded_word.h"

#include <stdbool.h>
#include <string.h>

#include "mail/cfws.h"

#define CHARSET_OCTETS_MIN 2
#define CHARSET_OCTETS_MAX 64 /* with its language (RFC 2231 5); the longest registered names have 45 */

static bool is_letter(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static bool is_hex(char octet)
{
	return is_digit(octet) || (octet >= 'a' && octet <= 'f') || (octet >= 'A' && octet <= 'F');
}

static bool is_charset_octet(char octet)
{
	return is_letter(octet) || is_digit(octet) || (octet != '\0' && strchr("-_.:+*", octet) != NULL);
}

/* Behind "=?": the encoding's letter, if this is the beginning of an encoded-word; NULL: it is not. */
static const char *find_encoding(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && n <= CHARSET_OCTETS_MAX && is_charset_octet(at[n]))
		n++;
	if (n < CHARSET_OCTETS_MIN || n > CHARSET_OCTETS_MAX || !is_letter(at[0]))
		return NULL;
	at += n;
	if (end - at < 3 || at[0] != '?' || !(is_letter(at[1]) || is_digit(at[1])) || at[2] != '?')
		return NULL;
	return at + 1;
}

/* Where "?=" is; `end`: nowhere. In quoted-printable text "=?=" is a "?=" as well: what is before it is broken. */
static const char *find_close(const char *at, const char *end)
{
	while ((at = memchr(at, '?', (size_t)(end - at))) != NULL && at + 1 < end) {
		if (at[1] == '=')
			return at;
		at++;
	}
	return end;
}

static const char *octets_fault(const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at == ' ' || cfws_is_space(*at))
			return "it has white space inside";
		if (*at < ' ' || *at > '~')
			return "it has octets that are not printable";
		if (*at == '?')
			return "it has a question mark inside";
	}
	return NULL;
}

static const char *q_fault(const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at != '=')
			continue;
		if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2]))
			return "it is not quoted-printable";
		at += 2;
	}
	return NULL;
}

static const char *b_fault(const char *at, const char *end)
{
	static const char wrong[] = "it is not base64";
	const char *from = at;

	while (at < end && (is_letter(*at) || is_digit(*at) || *at == '+' || *at == '/'))
		at++;
	const ptrdiff_t padding = end - at;
	if ((end - from) % 4 != 0 || padding > 2)
		return wrong;
	for (; at < end; at++) {
		if (*at != '=')
			return wrong;
	}
	return NULL;
}

/* Of the word whose encoding and text these are. */
static const char *word_fault(char encoding, const char *at, const char *end)
{
	const char *fault = octets_fault(at, end);

	if (fault != NULL)
		return fault;
	if (encoding == 'q' || encoding == 'Q')
		return q_fault(at, end);
	if (encoding == 'b' || encoding == 'B')
		return b_fault(at, end);
	return "its encoding is neither B nor Q";
}

const char *encoded_word_fault(const char *text, size_t octets)
{
	const char *at = text, *end = text + octets;

	while ((at = memmem(at, (size_t)(end - at), "=?", 2)) != NULL) {
		const char *encoding = find_encoding(at + 2, end);
		at += 2;
		if (encoding == NULL)
			continue;
		const char *close = find_close(encoding + 2, end);
		if (close == end)
			return "it is never closed";
		const char *fault = word_fault(*encoding, encoding + 2, close);
		if (fault != NULL)
			return fault;
		at = close + 2;
	}
	return NULL;
}

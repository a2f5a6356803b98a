/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/msgid.h"

#include <stddef.h>
#include <string.h>

#include "mail/cfws.h"
#include "mail/utf8.h"

#define ATOM_MARKS "!#$%&'*+-/=?^_`{|}~" /* RFC 5322 3.2.3 */

static bool is_atom_octet(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
	       (octet != '\0' && strchr(ATOM_MARKS, octet) != NULL);
}

/* Beyond the word of printable octets and UTF-8 that is closed by `close`; NULL: it is not. */
static const char *skip_closed(const char *at, const char *end, char close)
{
	for (at++; at < end && *at != close;) {
		const bool quoted = *at == '\\' && at + 1 < end;
		at += quoted;
		const size_t octets = *at >= ' ' && *at <= '~' ? 1 : utf8_octets(at, end);
		if (octets == 0 && !cfws_is_space(*at))
			return NULL;
		at += octets > 0 ? octets : 1;
	}
	return at < end ? at + 1 : NULL;
}

/* Beyond one or more atom octets; NULL: there are none. */
static const char *skip_atom(const char *at, const char *end)
{
	const char *from = at;

	while (at < end) {
		const size_t octets = is_atom_octet(*at) ? 1 : utf8_octets(at, end);
		if (octets == 0)
			break;
		at += octets;
	}
	return at > from ? at : NULL;
}

/* Words with dots between them, and what may stand around each; NULL: these are none. */
static const char *skip_dotted(const char *at, const char *end, bool quoted)
{
	for (;;) {
		at = cfws_skip(at, end);
		if (at < end && *at == '"' && quoted)
			at = skip_closed(at, end, '"');
		else
			at = skip_atom(at, end);
		if (at == NULL)
			return NULL;
		at = cfws_skip(at, end);
		if (at == end || *at != '.')
			return at;
		at++;
	}
}

static const char *skip_right(const char *at, const char *end)
{
	at = cfws_skip(at, end);
	if (at == end || *at != '[')
		return skip_dotted(at, end, false);
	at = skip_closed(at, end, ']');
	return at != NULL ? cfws_skip(at, end) : NULL;
}

bool msgid_is_valid(const char *text)
{
	const char *end = text + strlen(text);
	const char *at = cfws_skip(text, end);

	if (at == end || *at != '<')
		return false;
	at = skip_dotted(at + 1, end, true);
	if (at == NULL || at == end || *at != '@')
		return false;
	at = skip_right(at + 1, end);
	if (at == NULL || at == end || *at != '>')
		return false;
	return cfws_skip(at + 1, end) == end;
}

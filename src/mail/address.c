/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/address.h"

#include <stddef.h>
#include <string.h>

#include "base/ip.h"
#include "mail/idn.h"
#include "mail/utf8.h"

#define LOCAL_OCTETS_MAX 64  /* RFC 5321 4.5.3.1.1 */
#define PATH_OCTETS_MAX  254 /* RFC 5321 4.5.3.1.3: 256 with the angle brackets */
#define LABEL_OCTETS_MAX 63  /* RFC 1035 2.3.4 */

#define ATOM_MARKS "!#$%&'*+-/=?^_`{|}~." /* RFC 5322 3.2.3, and the dot */

/* A stretch of somebody else's text, not terminated. */
struct span {
	const char *at;
	size_t n;
};

static char lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

static bool is_letter_or_digit(char octet)
{
	return (lower(octet) >= 'a' && lower(octet) <= 'z') || (octet >= '0' && octet <= '9');
}

static bool is_8bit(char octet)
{
	return ((unsigned char)octet & 0x80) != 0;
}

static bool is_one_of(char octet, const char *set)
{
	return octet != '\0' && strchr(set, octet) != NULL;
}

static bool is_same(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

static struct span trim(struct span text)
{
	for (; text.n > 0 && is_one_of(text.at[0], " \t"); text.n--)
		text.at++;
	for (; text.n > 0 && is_one_of(text.at[text.n - 1], " \t"); text.n--)
		;
	return text;
}

/* The first or last `wanted` outside quoted strings; text.n when there is none. After an open quote all is quoted. */
static size_t find_unquoted(struct span text, char wanted, bool last)
{
	size_t found = text.n;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		if (text.at[i] == '"')
			quoted = !quoted;
		else if (quoted && text.at[i] == '\\')
			i++;
		else if (!quoted && text.at[i] == wanted) {
			found = i;
			if (!last)
				break;
		}
	}
	return found;
}

/* Take "<" and its ">" off. False: one of them is missing, or something follows the ">". */
static bool strip_brackets(struct span *text)
{
	size_t end;

	if (text->n == 0 || text->at[0] != '<')
		return true;
	text->at++;
	text->n--;
	end = find_unquoted(*text, '>', false);
	if (end == text->n)
		return false;
	if (end + 1 < text->n) {
		text->n = end;
		return false;
	}
	text->n = end;
	return true;
}

/* Take "@relay,@relay:" off (RFC 5321 4.1.2, A-d-l); colons within address literals do not end it. */
static void strip_route(struct span *text)
{
	bool literal = false;

	if (text->n == 0 || text->at[0] != '@')
		return;
	for (size_t i = 0; i < text->n; i++) {
		char octet = text->at[i];
		if (octet == ':' && !literal) {
			text->at += i + 1;
			text->n -= i + 1;
			return;
		}
		if (!is_letter_or_digit(octet) && !is_8bit(octet) && !is_one_of(octet, "@,.-_[]:"))
			return;
		if (octet == '[' || octet == ']')
			literal = octet == '[';
	}
}

/* Only printable ASCII and well-formed UTF-8 (RFC 6531)? */
static bool is_text(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end) {
		size_t n = *text >= 0x20 && *text <= 0x7e ? 1 : utf8_octets(text, end);
		if (n == 0)
			return false;
		text += n;
	}
	return true;
}

static bool is_quoted_string(const char *local)
{
	for (local++; *local != '"'; local++) {
		if (*local == '\\')
			local++;
		if (*local == '\0')
			return false;
	}
	return local[1] == '\0';
}

static bool is_local_part(const char *local)
{
	size_t octets = strlen(local);

	if (octets == 0 || octets > LOCAL_OCTETS_MAX)
		return false;
	if (local[0] == '"')
		return is_quoted_string(local);
	for (; *local != '\0'; local++) {
		if (!is_letter_or_digit(*local) && !is_8bit(*local) && !is_one_of(*local, ATOM_MARKS))
			return false;
	}
	return true;
}

/* Every label 1-63 octets of letters, digits, `marks` and, if `utf8`, anything beyond ASCII; at most 253 in all. */
static bool has_good_labels(const char *name, const char *marks, bool utf8)
{
	size_t label = 0, i;

	for (i = 0; i <= DOMAIN_OCTETS_MAX && name[i] != '\0'; i++) {
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else {
			bool good = is_letter_or_digit(name[i]) || is_one_of(name[i], marks) ||
			            (utf8 && is_8bit(name[i]));
			if (!good || ++label > LABEL_OCTETS_MAX)
				return false;
		}
	}
	return label > 0 && i <= DOMAIN_OCTETS_MAX;
}

/* More than domain_is_hostname() admits: mail comes from domains with one label and with underscores, too. */
static bool is_domain(const char *domain)
{
	struct ip ip;

	if (domain[0] == '[')
		return ip_parse(&ip, domain);
	return is_text(domain) && has_good_labels(domain, "-_", true);
}

static bool has_8bit(const char *text)
{
	while (*text != '\0' && !is_8bit(*text))
		text++;
	return *text != '\0';
}

/* The domain in its canonical form, or "": what cannot be a domain is never cut into one, that would be another one. */
static const char *take_domain(struct arena *arena, struct span text)
{
	char name[DOMAIN_OCTETS_MAX + 2]; /* a final dot and the terminator */
	const char *domain;

	if (text.n == 0 || text.n >= sizeof(name))
		return "";
	memcpy(name, text.at, text.n);
	name[text.n] = '\0';
	domain = domain_lower(arena, name, text.n);
	if (!is_domain(domain))
		return "";
	/* What DNS is asked is in A-labels (RFC 6531 3.2): a name that has none is not one. */
	char ascii[IDN_DOMAIN_OCTETS_MAX];
	if (!has_8bit(domain))
		return domain;
	return idn_to_ascii(domain, ascii) ? arena_strdup(arena, ascii) : "";
}

static bool is_postmaster(const char *local)
{
	static const char name[] = "postmaster"; /* RFC 5321 4.1.1.3 */

	return strlen(local) == sizeof(name) - 1 && is_same(local, name, sizeof(name) - 1);
}

void address_parse(struct address *address, const char *argument, struct arena *arena)
{
	struct span text = { argument, 0 };
	bool whole, bracketed;
	size_t at;

	*address = (struct address){ .text = "", .local = "", .domain = "" };
	if (argument == NULL)
		return;
	text.n = strnlen(argument, ADDRESS_OCTETS_MAX + 1);
	whole = text.n <= ADDRESS_OCTETS_MAX;
	if (!whole)
		text.n = ADDRESS_OCTETS_MAX;
	text = trim(text);
	bracketed = strip_brackets(&text);
	address->null = whole && bracketed && text.n == 0;
	strip_route(&text);
	if (text.n == 0)
		return;
	address->text = arena_copy(arena, text.at, text.n);
	if (!whole)
		return;
	at = find_unquoted(text, '@', true);
	address->local = at > 0 ? arena_copy(arena, text.at, at) : "";
	if (at < text.n)
		address->domain = take_domain(arena, (struct span){ text.at + at + 1, text.n - at - 1 });
	address->valid = bracketed && is_text(address->text) && text.n <= PATH_OCTETS_MAX &&
	                 is_local_part(address->local) &&
	                 (address->domain[0] != '\0' || (at == text.n && is_postmaster(address->local)));
}

/* The next octet of a local-part as RFC 5321 4.1.2 means it: without quotes, lower-case; -1 at the end. */
static int next_meant(struct span *local)
{
	while (local->n > 0) {
		char octet = *local->at++;
		local->n--;
		if (octet == '"')
			continue;
		if (octet == '\\' && local->n > 0) {
			octet = *local->at++;
			local->n--;
		}
		return (unsigned char)lower(octet);
	}
	return -1;
}

/* "a b" and "a\ b" in quotes, or a.b with and without quotes, are the same mailbox. */
static bool local_matches(struct span local, struct span pattern)
{
	int a, b;

	if (local.n == 0)
		return false;
	do {
		a = next_meant(&local);
		b = next_meant(&pattern);
	} while (a == b && a >= 0);
	return a == b;
}

static bool domain_matches(struct span domain, struct span pattern)
{
	char name[IDN_DOMAIN_OCTETS_MAX], ascii[IDN_DOMAIN_OCTETS_MAX + 1] = ".";

	if (pattern.n < sizeof(name)) {
		const size_t dot = pattern.n > 0 && pattern.at[0] == '.';
		memcpy(name, pattern.at + dot, pattern.n - dot);
		name[pattern.n - dot] = '\0';
		if (has_8bit(name) && idn_to_ascii(name, ascii + 1))
			pattern = (struct span){ ascii + 1 - dot, strlen(ascii + 1) + dot };
	}
	if (pattern.n > 1 && pattern.at[pattern.n - 1] == '.')
		pattern.n--;
	if (domain.n == 0 || pattern.n > domain.n)
		return false;
	if (pattern.at[0] != '.' && domain.n != pattern.n)
		return false;
	return is_same(domain.at + domain.n - pattern.n, pattern.at, pattern.n);
}

bool address_matches(const struct address *address, const char *pattern)
{
	struct span local = { pattern, 0 }, domain = { pattern, strlen(pattern) };
	size_t at = find_unquoted(domain, '@', true);

	if (address->local == NULL || address->domain == NULL)
		return false;
	if (at < domain.n) {
		local.n = at;
		domain.at += at + 1;
		domain.n -= at + 1;
	}
	if (local.n == 0 && domain.n == 0)
		return false;
	if (local.n > 0 && !local_matches((struct span){ address->local, strlen(address->local) }, local))
		return false;
	return domain.n == 0 || domain_matches((struct span){ address->domain, strlen(address->domain) }, domain);
}

/* No label begins or ends with a hyphen (RFC 5321 4.1.2, sub-domain). */
static bool has_good_hyphens(const char *name)
{
	for (const char *at = name; *at != '\0'; at++) {
		if (*at == '-' && (at == name || at[-1] == '.' || at[1] == '.' || at[1] == '\0'))
			return false;
	}
	return true;
}

bool domain_is_hostname(const char *name)
{
	const char *last;

	if (name == NULL || !has_good_labels(name, "-", false) || !has_good_hyphens(name))
		return false;
	last = strrchr(name, '.');
	/* 192.0.2.1 is no name: RFC 1123 2.1 */
	return last != NULL && last[1 + strspn(last + 1, "0123456789")] != '\0';
}

char *domain_lower(struct arena *arena, const char *name, size_t max)
{
	size_t length;
	char *copy;

	if (name == NULL)
		return NULL;
	length = strnlen(name, max);
	if (length > 0 && name[length - 1] == '.')
		length--;
	copy = arena_copy(arena, name, length);
	for (size_t i = 0; i < length; i++)
		copy[i] = lower(copy[i]);
	return copy;
}

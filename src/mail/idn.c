/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/idn.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

/* Without its final dot. Returns whether that is a name, and all of it: what is cut would be another domain. */
static bool lower_copy(char to[IDN_DOMAIN_OCTETS_MAX], const char *from)
{
	size_t n = 0;

	for (; n < IDN_DOMAIN_OCTETS_MAX - 1 && from[n]; n++)
		to[n] = (char)(from[n] >= 'A' && from[n] <= 'Z' ? from[n] + 32 : from[n]);
	const bool whole = !from[n] || (from[n] == '.' && !from[n + 1]);
	if (n && to[n - 1] == '.')
		n--;
	to[n] = '\0';
	return whole && n > 0;
}

/* IDNA takes some characters away, such as soft hyphens, and libidn2 does not mind when they were a whole label. */
static bool has_empty_label(const char *domain)
{
	const size_t octets = strlen(domain);

	return octets == 0 || domain[0] == '.' || domain[octets - 1] == '.' || strstr(domain, "..") != NULL;
}

bool idn_to_ascii(const char *domain, char ascii[IDN_DOMAIN_OCTETS_MAX])
{
	char *converted = NULL;
	bool plain = true;

	if (!lower_copy(ascii, domain))
		return false;
	for (const char *c = ascii; *c; c++)
		plain = plain && (unsigned char)*c < 0x80;
	if (plain)
		return true;
	bool ok = idn2_lookup_u8((const uint8_t *)ascii, (uint8_t **)&converted,
	                         IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
	          strlen(converted) < IDN_DOMAIN_OCTETS_MAX && !has_empty_label(converted);
	if (ok)
		(void)lower_copy(ascii, converted);
	idn2_free(converted);
	return ok;
}

bool idn_equal(const char *a, const char *b)
{
	char first[IDN_DOMAIN_OCTETS_MAX], second[IDN_DOMAIN_OCTETS_MAX];

	idn_to_ascii(a, first);
	idn_to_ascii(b, second);
	return strcmp(first, second) == 0;
}

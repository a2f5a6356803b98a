/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/helo_name.h"

#include <string.h>
#include <strings.h>

#define TAG "IPv6:"

static bool has_tag(const char *text)
{
	return strncasecmp(text, TAG, strlen(TAG)) == 0;
}

/* RFC 5321 4.1.3: an IPv6 address has its tag, an IPv4 address has none. ip_parse() is less strict. */
static enum helo_kind parse_literal(const char *helo, struct ip *ip)
{
	const char *inside = helo + 1;
	const bool six = strchr(inside, ':') != NULL;

	if (inside[0] != '[' && helo[strlen(helo) - 1] == ']' && six == has_tag(inside) && ip_parse(ip, helo))
		return HELO_LITERAL;
	*ip = (struct ip){ 0 };
	return HELO_BAD_LITERAL;
}

static char lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : octet;
}

/* The text as a name, if it has room; false: it has not. */
static bool take_name(struct helo_name *name, const char *helo)
{
	size_t octets = strlen(helo);

	if (octets > 1 && helo[octets - 1] == '.')
		octets--;
	if (octets == 0 || octets >= sizeof(name->name))
		return false;
	for (size_t i = 0; i < octets; i++) {
		name->name[i] = lower(helo[i]);
		name->underscore |= helo[i] == '_';
	}
	name->name[octets] = '\0';
	return true;
}

/* An underscore counts as a letter, and one label as if it had others behind it. */
static bool is_name(const char *name, bool qualified)
{
	char copy[DOMAIN_OCTETS_MAX + sizeof(".invalid")];
	size_t octets = strlen(name);

	memcpy(copy, name, octets + 1);
	for (char *at = copy; *at != '\0'; at++) {
		if (*at == '_')
			*at = 'x';
	}
	if (!qualified)
		memcpy(copy + octets, ".invalid", sizeof(".invalid"));
	return domain_is_hostname(copy);
}

static enum helo_kind parse_name(struct helo_name *name, const char *helo)
{
	const bool fits = take_name(name, helo), qualified = fits && strchr(name->name, '.') != NULL;

	if (fits && is_name(name->name, qualified))
		return qualified ? HELO_NAME : HELO_UNQUALIFIED;
	name->name[0] = '\0';
	name->underscore = false;
	return HELO_INVALID;
}

void helo_name_parse(struct helo_name *name, const char *helo)
{
	*name = (struct helo_name){ .kind = HELO_INVALID };
	if (helo[0] == '[')
		name->kind = parse_literal(helo, &name->ip);
	else if (ip_parse(&name->ip, helo))
		name->kind = HELO_BARE_ADDRESS;
	else
		name->kind = parse_name(name, helo);
}

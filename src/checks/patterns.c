/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/patterns.h"

#include <stdbool.h>
#include <string.h>

static bool is_pattern_octet(char octet)
{
	/* 8-bit: internationalised addresses (RFC 6531) */
	return (octet & 0x80) != 0 || (octet > ' ' && octet < 0x7f && strchr("*?<>()[]\\,;:\"", octet) == NULL);
}

static bool has_good_octets(const char *pattern)
{
	while (*pattern != '\0' && is_pattern_octet(*pattern))
		pattern++;
	return *pattern == '\0';
}

static bool is_domain_pattern(const char *pattern)
{
	return has_good_octets(pattern) && strchr(pattern, '@') == NULL && pattern[pattern[0] == '.'] != '\0';
}

static bool is_address_pattern(const char *pattern)
{
	const char *at = strchr(pattern, '@');

	if (at == NULL)
		return is_domain_pattern(pattern);
	return has_good_octets(pattern) && strlen(pattern) > 1 && strchr(at + 1, '@') == NULL;
}

int patterns_check_addresses(const struct config_array *patterns, const struct config *config, struct err *err)
{
	const char *const *items = patterns->items;

	for (size_t i = 0; i < patterns->n; i++) {
		if (!is_address_pattern(items[i]))
			return config_fault(
				config, &items[i], err,
				"must be \"user@example.org\", \"user@\" (in any domain), \"example.org\" or "
				"\".example.org\" (any domain below it); there are no wildcards");
	}
	return 0;
}

int patterns_check_domains(const struct config_array *patterns, const struct config *config, struct err *err)
{
	const char *const *items = patterns->items;

	for (size_t i = 0; i < patterns->n; i++) {
		if (!is_domain_pattern(items[i]))
			return config_fault(
				config, &items[i], err,
				"must be \"example.org\" or \".example.org\" (any name below it); there are "
				"no wildcards");
	}
	return 0;
}

const char *patterns_match(const struct config_array *patterns, const struct address *address)
{
	const char *const *items = patterns->items;

	for (size_t i = 0; i < patterns->n; i++) {
		if (address_matches(address, items[i]))
			return items[i];
	}
	return NULL;
}

const char *patterns_match_domain(const struct config_array *patterns, const char *domain)
{
	const struct address address = { .text = domain, .local = "", .domain = domain };

	return patterns_match(patterns, &address);
}

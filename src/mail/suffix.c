/* SPDX-License-Identifier: BSD-2-Clause */
#include "mail/suffix.h"

#include <libpsl.h>
#include <string.h>

#include "mail/address.h"

#define DIGITS "0123456789"

/* Written by suffix_open() and suffix_close() only, while there is one thread. NULL: the list that is built in. */
static psl_ctx_t *installed;

void suffix_open(void)
{
	if (installed == NULL)
		installed = psl_latest(NULL);
}

void suffix_close(void)
{
	psl_free(installed);
	installed = NULL;
}

static const psl_ctx_t *the_list(void)
{
	return installed != NULL ? installed : psl_builtin();
}

/* The library expects labels; an address ("192.0.2.1") would have an organisation, too. */
static bool is_name(const char *domain)
{
	const char *last = strrchr(domain, '.');

	last = last != NULL ? last + 1 : domain;
	return domain[0] != '\0' && domain[0] != '.' && domain[0] != '[' && strstr(domain, "..") == NULL &&
	       last[strspn(last, DIGITS)] != '\0' && strnlen(domain, DOMAIN_OCTETS_MAX + 1) <= DOMAIN_OCTETS_MAX;
}

bool suffix_is_public(const char *domain)
{
	if (!is_name(domain))
		return false;
	/* The list's own default rule; the library answers so only where it has a list at all. */
	return strchr(domain, '.') == NULL || psl_is_public_suffix2(the_list(), domain, PSL_TYPE_ICANN) != 0;
}

const char *suffix_organisation(const char *domain)
{
	return is_name(domain) && strchr(domain, '.') != NULL ? psl_registrable_domain(the_list(), domain) : NULL;
}

bool suffix_same_organisation(const char *a, const char *b)
{
	const char *first = suffix_organisation(a), *second = suffix_organisation(b);

	if (strcmp(a, b) == 0 && is_name(a))
		return !suffix_is_public(a); /* a hoster in the list has no organisation above it, but it is one */
	return first != NULL && second != NULL && strcmp(first, second) == 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "spf/spf_internal.h"

#include <string.h>
#include <strings.h>

/* How near a name is to a domain, nearest last (RFC 7208 7.3). */
enum nearness { NOT_VALIDATED, ELSEWHERE, BELOW, THE_SAME };

static enum nearness nearness_of(const char *name, const char *domain)
{
	size_t name_octets = strlen(name);
	size_t domain_octets = strlen(domain);

	if (domain_octets > 0 && domain[domain_octets - 1] == '.')
		domain_octets--;
	if (domain_octets == 0 || domain_octets > name_octets ||
	    strncasecmp(name + name_octets - domain_octets, domain, domain_octets) != 0)
		return ELSEWHERE;
	if (domain_octets == name_octets)
		return THE_SAME;
	return name[name_octets - domain_octets - 1] == '.' ? BELOW : ELSEWHERE;
}

/* Does the name resolve back to the client? What cannot be resolved is skipped (RFC 7208 5.5). */
static enum spf_known is_validated(const struct spf_view *view, const char *name)
{
	struct spf_question *question = spf_need(view, name, spf_address_type(view->spf), SPF_FOR_DETAIL);

	if (question == NULL)
		return SPF_NOT_KNOWN;
	for (size_t i = 0; question->answer->status == DNS_FOUND && i < question->answer->n_records; i++)
		if (ip_equal(&question->answer->records[i].ip, &view->spf->query.client))
			return SPF_KNOWN_YES;
	return SPF_KNOWN_NO;
}

struct spf_question *spf_ptr_question(const struct spf_view *view)
{
	return spf_need(view, view->spf->ptr_name, DNS_PTR, SPF_FOR_DETAIL);
}

/*
 * The validated name nearest to `domain`: NULL in *name if there is none. False: not known yet; those who ask ahead
 * have asked for all of them by then.
 */
static bool nearest(const struct spf_view *view, const char *domain, const char **name, enum nearness *best)
{
	struct spf_question *question = spf_ptr_question(view);
	bool known = question != NULL;

	*name = NULL;
	*best = NOT_VALIDATED;
	if (!known || question->answer->status != DNS_FOUND)
		return known;
	for (size_t i = 0; i < question->answer->n_records && i < (size_t)view->spf->limits.ptr_max; i++) {
		const char *candidate = question->answer->records[i].name;
		enum nearness near = nearness_of(candidate, domain);
		enum spf_known validated = near > *best ? is_validated(view, candidate) : SPF_KNOWN_NO;

		if (validated == SPF_NOT_KNOWN && view->pass != NULL)
			return false;
		known = known && validated != SPF_NOT_KNOWN;
		if (validated == SPF_KNOWN_YES) {
			*best = near;
			*name = candidate;
		}
	}
	return known;
}

enum spf_known spf_ptr_matches(const struct spf_view *view, const char *target)
{
	const char *name;
	enum nearness best;

	if (!nearest(view, target, &name, &best))
		return SPF_NOT_KNOWN;
	return best >= BELOW ? SPF_KNOWN_YES : SPF_KNOWN_NO;
}

const char *spf_ptr_name(const struct spf_view *view, const char *domain)
{
	const char *name;
	enum nearness best;

	if (!nearest(view, domain, &name, &best))
		return NULL;
	return name != NULL ? name : "unknown";
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks/lookup.h"

#include <string.h>

#include "dns/name.h"
#include "mail/suffix.h"

struct lookup lookup_make(const char *name, enum dns_type type)
{
	return (struct lookup){ .name = name, .type = type, .status = DNS_PENDING };
}

struct lookup lookup_make_ptr(const struct check_run *run)
{
	char name[DNS_NAME_TEXT_MAX];

	dns_name_reverse_ptr(&run->subject->client_ip, name);
	return lookup_make(arena_strdup(run->arena, name), DNS_PTR);
}

static void give_up(struct lookup *lookup)
{
	lookup_drop(lookup);
	lookup->status = DNS_UNSURE;
	lookup->why = DNS_WHY_TIMEOUT;
}

bool lookup_step(struct check_run *run, struct lookup *lookup)
{
	if (lookup->status != DNS_PENDING)
		return true;
	if (lookup->question == NULL)
		lookup->question = check_ask(run, lookup->name, lookup->type, DNS_FLAG_NONE);
	if (lookup->question == NULL)
		return false;
	lookup->status = dns_poll(lookup->question, &lookup->answer);
	if (lookup->status == DNS_PENDING) {
		if (run->closing)
			give_up(lookup);
		return run->closing;
	}
	lookup->question = NULL;
	lookup->why = lookup->answer->why;
	return true;
}

void lookup_drop(struct lookup *lookup)
{
	dns_cancel(lookup->question);
	lookup->question = NULL;
	lookup->answer = NULL;
}

bool lookup_has_address(const struct lookup *lookup, const struct ip *ip)
{
	for (size_t i = 0; lookup->status == DNS_FOUND && i < lookup->answer->n_records; i++) {
		if (ip_equal(&lookup->answer->records[i].ip, ip))
			return true;
	}
	return false;
}

bool lookup_is_cut(const struct lookup *lookup)
{
	return lookup->status == DNS_FOUND && lookup->answer->n_records >= DNS_RECORDS_MAX;
}

bool lookup_same_organisation(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || suffix_same_organisation(a, b);
}

bool lookup_names_organisation(const struct lookup *lookup, const char *domain, const char **name)
{
	const char *related = NULL, *any = "";

	for (size_t i = 0; lookup->status == DNS_FOUND && i < lookup->answer->n_records; i++) {
		const char *one = lookup->answer->records[i].name;
		if (any[0] == '\0' || strcmp(one, any) < 0)
			any = one;
		if (lookup_same_organisation(one, domain) && (related == NULL || strcmp(one, related) < 0))
			related = one;
	}
	*name = related != NULL ? related : any;
	return related != NULL;
}

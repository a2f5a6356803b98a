/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsbl - block lists and allow lists in DNS (RFC 5782): over the client's address, its names, the HELO name and the
 * sender's domain.
 *
 * One part for each of these. Every question is asked at once, as far as the session has room for them.
 */
#include <stdint.h>

#include "base/base.h"
#include "base/ip.h"
#include "checks/check.h"
#include "checks/dnsbl_settings.h"
#include "checks/rdns_name.h"
#include "dns/name.h"

#define PTR_NAMES_MAX         5  /* names of a client that are looked up in lists of domains */
#define SESSION_QUESTIONS_MAX 48 /* below dns_settings.session_outstanding_max: room for the other checks' questions */
#define QUESTION_FLAGS        (DNS_FLAG_NO_STALE | DNS_FLAG_SECRET)

/* One list, asked about one thing. */
struct query {
	const struct dnsbl_list *list;
	const char *domain;            /* NULL: the client address */
	struct dns_question *question; /* NULL: not asked yet */
	bool done;
};

struct dnsbl_state {
	struct dns_question *ptr; /* the part over PTR names: not answered yet */
	struct query *queries;
	size_t n_queries;
};

/* Which target a part is about, and how it is shown. */
static const struct target {
	enum dnsbl_target target;
	const char *label;
} targets[] = {
	{ DNSBL_PTR, "ptr" },
	{ DNSBL_CLIENT, "" },
	{ DNSBL_HELO, "helo" },
	{ DNSBL_SENDER, "sender" },
};

static const struct check_part parts[COUNT(targets)];

static const struct target *target_of(const struct check_run *run)
{
	return &targets[run->part - parts];
}

/* ---- answers ---- */

static void state_listings(struct check_run *run, const struct query *query, uint64_t codes, const char *address)
{
	for (size_t i = 0; i < query->list->n_codes; i++) {
		if ((codes >> i & 1) == 0)
			continue;
		if (query->domain == NULL)
			check_state_id(run, query->list->codes[i].fact, "%s", address);
		else
			check_state_id(run, query->list->codes[i].fact, "%s %s=%s", address, target_of(run)->label,
			               query->domain);
	}
}

/* An error anywhere in the answer: the list has no vote. */
static bool state_error(struct check_run *run, const struct query *query, const struct dns_answer *answer)
{
	char address[IP_TEXT_MAX];
	uint64_t codes;

	for (size_t i = 0; i < answer->n_records; i++) {
		const struct ip *ip = &answer->records[i].ip;
		if (dnsbl_list_meaning(query->list, ip, &codes) != DNSBL_ERROR)
			continue;
		check_state_id(run, query->list->unsure, "error %s", ip_format(ip, address));
		return true;
	}
	return false;
}

static void state_answer(struct check_run *run, const struct query *query, const struct dns_answer *answer)
{
	char address[IP_TEXT_MAX];
	uint64_t codes;

	if (state_error(run, query, answer))
		return;
	for (size_t i = 0; i < answer->n_records; i++) {
		const struct ip *ip = &answer->records[i].ip;
		ip_format(ip, address);
		if (dnsbl_list_meaning(query->list, ip, &codes) == DNSBL_LISTED)
			state_listings(run, query, codes, address);
		else
			check_state_id(run, query->list->unsure, "unknown code %s", address);
	}
}

static void state_unsure(struct check_run *run, const struct query *query, enum dns_why why)
{
	check_state_id(run, query->list->unsure, "%s", dns_why_name(why));
}

/* ---- questions ---- */

/* False: the name cannot be, so nothing can be listed there. */
static bool name_of(const struct check_run *run, const struct query *query, char name[DNS_NAME_TEXT_MAX])
{
	if (query->domain != NULL)
		return dns_name_list_domain(query->domain, query->list->zone, name);
	return dns_name_list_address(&run->subject->client_ip, query->list->zone, name);
}

/* Returns false when there is no room for more questions now. */
static bool ask(struct check_run *run, struct query *query)
{
	char name[DNS_NAME_TEXT_MAX];

	if (run->closing || arena_full(run->arena)) {
		state_unsure(run, query, run->closing ? DNS_WHY_TIMEOUT : DNS_WHY_LIMIT);
		query->done = true;
		return true;
	}
	if (!name_of(run, query, name)) {
		query->done = true;
		return true;
	}
	if (dns_session_outstanding(run->dns) >= SESSION_QUESTIONS_MAX)
		return false;
	query->question = check_ask(run, name, DNS_A, QUESTION_FLAGS);
	return query->question != NULL;
}

static void poll_query(struct check_run *run, struct query *query)
{
	const struct dns_answer *answer = NULL;

	switch (dns_poll(query->question, &answer)) {
	case DNS_PENDING:
		if (!run->closing)
			return;
		dns_cancel(query->question);
		state_unsure(run, query, DNS_WHY_TIMEOUT);
		break;
	case DNS_FOUND:
		state_answer(run, query, answer);
		break;
	case DNS_NONE:
		break;
	case DNS_UNSURE:
		state_unsure(run, query, answer->why);
		break;
	}
	query->question = NULL;
	query->done = true;
}

static enum check_state collect_queries(struct check_run *run)
{
	struct dnsbl_state *state = run->state;
	bool room = true;
	size_t open = 0;

	for (size_t i = 0; i < state->n_queries; i++) {
		struct query *query = &state->queries[i];
		if (!query->done && query->question == NULL && room)
			room = ask(run, query);
		if (!query->done && query->question != NULL)
			poll_query(run, query);
		open += !query->done;
	}
	return open > 0 ? CHECK_OPEN : CHECK_DONE;
}

/* Each list of this part about each of the domains; no domains: about the client's address. */
static void plan(struct check_run *run, const char *const *domains, size_t n_domains)
{
	const struct dnsbl_settings *settings = run->settings;
	const enum dnsbl_target target = target_of(run)->target;
	const size_t each = target == DNSBL_CLIENT ? 1 : n_domains;
	struct dnsbl_state *state = run->state;

	state->queries = arena_alloc(run->arena, settings->n_lists * each * sizeof(state->queries[0]));
	for (size_t i = 0; i < settings->n_lists; i++) {
		if (!dnsbl_list_is_over(&settings->list[i], target, &run->subject->client_ip))
			continue;
		for (size_t d = 0; d < each; d++) {
			struct query *query = &state->queries[state->n_queries++];
			query->list = &settings->list[i];
			query->domain = target == DNSBL_CLIENT ? NULL : arena_strdup(run->arena, domains[d]);
		}
	}
}

static bool is_wanted(const struct check_run *run)
{
	const struct dnsbl_settings *settings = run->settings;

	for (size_t i = 0; i < settings->n_lists; i++) {
		if (dnsbl_list_is_over(&settings->list[i], target_of(run)->target, &run->subject->client_ip))
			return true;
	}
	return false;
}

/* ---- the parts ---- */

static enum check_state collect(struct check_run *run)
{
	return collect_queries(run);
}

static enum check_state start_client(struct check_run *run)
{
	if (!is_wanted(run))
		return CHECK_DONE;
	run->state = arena_alloc(run->arena, sizeof(struct dnsbl_state));
	plan(run, NULL, 0);
	return collect_queries(run);
}

static enum check_state start_domain(struct check_run *run, const char *domain)
{
	if (!domain_is_hostname(domain))
		return CHECK_DONE;
	run->state = arena_alloc(run->arena, sizeof(struct dnsbl_state));
	plan(run, &domain, 1);
	return collect_queries(run);
}

static enum check_state start_helo(struct check_run *run)
{
	if (!is_wanted(run))
		return CHECK_DONE;
	return start_domain(run, domain_lower(run->arena, run->subject->helo, SUBJECT_NAME_OCTETS_MAX));
}

static enum check_state start_sender(struct check_run *run)
{
	return is_wanted(run) ? start_domain(run, run->subject->mail_from.domain) : CHECK_DONE;
}

static void plan_names(struct check_run *run, const struct dns_answer *answer)
{
	const char *names[DNS_RECORDS_MAX], *usable[PTR_NAMES_MAX];
	size_t n, n_usable = 0;
	bool more;

	n = rdns_names_take(answer, names, COUNT(names), &more);
	for (size_t i = 0; i < n && n_usable < COUNT(usable); i++) {
		if (domain_is_hostname(names[i]))
			usable[n_usable++] = names[i];
	}
	plan(run, usable, n_usable);
}

/* The lists could not be asked: they are as unsure as if they had not answered. */
static void state_all_unsure(struct check_run *run, enum dns_why why)
{
	const struct dnsbl_settings *settings = run->settings;

	for (size_t i = 0; i < settings->n_lists; i++) {
		if (dnsbl_list_is_over(&settings->list[i], DNSBL_PTR, &run->subject->client_ip))
			check_state_id(run, settings->list[i].unsure, "%s", dns_why_name(why));
	}
}

static enum check_state collect_ptr(struct check_run *run)
{
	struct dnsbl_state *state = run->state;
	const struct dns_answer *answer = NULL;
	enum dns_status status;

	if (state->ptr == NULL)
		return collect_queries(run);
	status = dns_poll(state->ptr, &answer);
	if (status == DNS_PENDING && !run->closing)
		return CHECK_OPEN;
	if (status == DNS_PENDING)
		dns_cancel(state->ptr);
	state->ptr = NULL;
	if (status == DNS_PENDING || status == DNS_UNSURE)
		state_all_unsure(run, answer != NULL ? answer->why : DNS_WHY_TIMEOUT);
	else if (status == DNS_FOUND)
		plan_names(run, answer);
	return collect_queries(run);
}

static enum check_state start_ptr(struct check_run *run)
{
	char name[DNS_NAME_TEXT_MAX];
	struct dnsbl_state *state;

	if (run->subject->client_ip.family == 0 || !is_wanted(run))
		return CHECK_DONE;
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	dns_name_reverse_ptr(&run->subject->client_ip, name);
	state->ptr = dns_ask(run->dns, run->arena, name, DNS_PTR, DNS_FLAG_NONE);
	return collect_ptr(run);
}

/* ---- what may still be stated ---- */

static void may_state_list(const struct dnsbl_list *list, struct factset *set)
{
	for (size_t i = 0; i < list->n_codes; i++)
		factset_add(set, list->codes[i].fact);
	factset_add(set, list->unsure);
}

static void may_state_lists(const struct check_run *run, struct factset *set)
{
	const struct dnsbl_settings *settings = run->settings;

	for (size_t i = 0; i < settings->n_lists; i++) {
		const struct dnsbl_list *list = &settings->list[i];
		if (list->enabled && (list->over & target_of(run)->target) != 0)
			may_state_list(list, set);
	}
}

static void may_state(const struct check_run *run, struct factset *set)
{
	const struct dnsbl_state *state = run->state;

	if (run->done)
		return;
	if (state == NULL || state->ptr != NULL) {
		may_state_lists(run, set);
		return;
	}
	for (size_t i = 0; i < state->n_queries; i++) {
		if (!state->queries[i].done)
			may_state_list(state->queries[i].list, set);
	}
}

/* In the order of targets[]; the names first: their answer brings further questions. */
static const struct check_part parts[COUNT(targets)] = {
	{
		.starts_at = STAGE_CONNECT,
		.needed_by = STAGE_RCPT,
		.start = start_ptr,
		.collect = collect_ptr,
		.may_state = may_state,
	},
	{
		.starts_at = STAGE_CONNECT,
		.needed_by = STAGE_RCPT,
		.start = start_client,
		.collect = collect,
		.may_state = may_state,
	},
	{
		.starts_at = STAGE_HELO,
		.needed_by = STAGE_RCPT,
		.start = start_helo,
		.collect = collect,
		.may_state = may_state,
	},
	{
		.starts_at = STAGE_MAIL,
		.needed_by = STAGE_RCPT,
		.start = start_sender,
		.collect = collect,
		.may_state = may_state,
	},
};

extern const struct check check_dnsbl;
const struct check check_dnsbl = {
	.name = "dnsbl",
	.help = "Block lists and allow lists in DNS, of addresses and of domains, with points for each code.",
	.options = dnsbl_options,
	.n_options = COUNT(dnsbl_options),
	.settings_size = sizeof(struct dnsbl_settings),
	.configure = dnsbl_configure,
	.release = dnsbl_release,
	.parts = parts,
	.n_parts = COUNT(parts),
};

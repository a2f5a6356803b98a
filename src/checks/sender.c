/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender - could anybody answer to the sender (RFC 5321 5.1, RFC 7505), and does a stranger write in our own name?
 *
 * Where mail for a domain goes is sender_route.h's affair. A stranger is a client that is not exempt and for which
 * neither SPF nor a DKIM signature speaks; at MAIL FROM, where nothing is signed yet, SPF alone can.
 */
#include <string.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/from.h"
#include "checks/lookup.h"
#include "checks/patterns.h"
#include "checks/sender_route.h"

#define SENDER_DOMAINS_MAX 1024

struct sender_settings {
	int mx_max;
	struct config_array own_domains; /* patterns of domains */
};

enum {
	SENDER_UNKNOWN,
	SENDER_NO_MAIL,
	SENDER_NULL_MX,
	SENDER_NOWHERE,
	SENDER_PRIVATE,
	SENDER_MX_LITERAL,
	SENDER_UNQUALIFIED,
	SENDER_LITERAL,
	SENDER_OWN_MAIL_FROM,
	SENDER_OWN_FROM,
	SENDER_PTR_OTHER,
	SENDER_FROM_OTHER,
	SENDER_UNSURE,
};

static const struct fact facts[] = {
	[SENDER_UNKNOWN] = { "unknown", FACT_EVIDENCE, 10000, "the sender's domain does not exist" },
	[SENDER_NO_MAIL] = { "no_mail", FACT_EVIDENCE, 8000,
	                     "the sender's domain has neither a mail exchange nor an address" },
	[SENDER_NULL_MX] = { "null_mx", FACT_EVIDENCE, 10000,
	                     "the sender's domain takes no mail (null MX), so nobody can answer it" },
	[SENDER_NOWHERE] = { "nowhere", FACT_EVIDENCE, 5000, "no mail exchange of the sender's domain has an address" },
	[SENDER_PRIVATE] = { "private", FACT_EVIDENCE, 5000,
	                     "mail for the sender's domain leads to private or loopback addresses only" },
	[SENDER_MX_LITERAL] = { "mx_literal", FACT_EVIDENCE, 4000,
	                        "the mail exchange of the sender's domain is an IP address, not a name" },
	[SENDER_UNQUALIFIED] = { "unqualified", FACT_EVIDENCE, 3000,
	                         "the sender's address has no fully qualified domain" },
	[SENDER_LITERAL] = { "literal", FACT_EVIDENCE, 1000, "the sender's address has an IP address for its domain" },
	[SENDER_OWN_MAIL_FROM] = { "own_mail_from", FACT_EVIDENCE, 5000,
	                           "the sender's domain is one of ours, and this client may not send for it" },
	[SENDER_OWN_FROM] = { "own_from", FACT_EVIDENCE, 2000,
	                      "the author's domain is one of ours, and neither SPF nor DKIM speaks for it" },
	[SENDER_PTR_OTHER] = { "ptr_other", FACT_QUIET, 0,
	                       "the sender's domain is of another organisation than the name of the client's address" },
	[SENDER_FROM_OTHER] = { "from_other", FACT_QUIET, 0,
	                        "the sender's domain and the author's are of different organisations" },
	[SENDER_UNSURE] = { "unsure", FACT_UNSURE, 0, "the sender's domain could not be looked up" },
};

#define AT(field) offsetof(struct sender_settings, field)

static const struct config_row options[] = {
	{
		.name = "own_domains",
		.type = CONFIG_STRINGS,
		.offset = AT(own_domains),
		.max = SENDER_DOMAINS_MAX,
		.fallback = "[ ]",
		.help = "Domains whose mail comes from our own machines: \"example.org\", or \".example.org\" for every name "
			"below it. From a client that is not exempt they need SPF or DKIM.",
	},
	{
		.name = "mx_max",
		.type = CONFIG_INT,
		.offset = AT(mx_max),
		.min = 1,
		.max = ROUTE_HOSTS_MAX,
		.fallback = "5",
		.help = "So many exchanges of the sender's domain are looked up at most, until one has a public address. Where "
			"none of these has, and there are more, it is unsure.",
	},
};

static int sender_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct sender_settings *sender = settings;

	(void)catalogue;
	return patterns_check_domains(&sender->own_domains, config, err);
}

/* ---- the domain in MAIL FROM ---- */

struct mail_state {
	const char *domain;
	struct route *route;
	struct lookup ptr;
	bool route_done, ptr_done, own_done;
};

static const struct {
	enum route_code code;
	size_t fact;
} route_facts[] = {
	{ ROUTE_UNKNOWN, SENDER_UNKNOWN }, { ROUTE_NO_MAIL, SENDER_NO_MAIL }, { ROUTE_NULL_MX, SENDER_NULL_MX },
	{ ROUTE_NOWHERE, SENDER_NOWHERE }, { ROUTE_PRIVATE, SENDER_PRIVATE }, { ROUTE_LITERAL, SENDER_MX_LITERAL },
	{ ROUTE_UNSURE, SENDER_UNSURE },
};

static void state_route(struct check_run *run, const struct route *route)
{
	const struct mail_state *state = run->state;
	const char *exchange = route_get_exchange(route);
	const enum route_code code = route_get_code(route);

	for (size_t i = 0; i < COUNT(route_facts); i++) {
		if (route_facts[i].code != code)
			continue;
		if (code == ROUTE_UNSURE)
			check_state_fact(run, SENDER_UNSURE, "%s", dns_why_name(route_get_why(route)));
		else
			check_state_fact(run, route_facts[i].fact, "%s%s%s", state->domain,
			                 exchange[0] != '\0' ? " mx=" : "", exchange);
	}
}

static void collect_route(struct check_run *run)
{
	struct mail_state *state = run->state;

	if (!route_step(run, state->route))
		return;
	state_route(run, state->route);
	state->route_done = true;
}

static void collect_ptr(struct check_run *run)
{
	struct mail_state *state = run->state;
	const char *name;

	if (!lookup_step(run, &state->ptr))
		return;
	state->ptr_done = true;
	if (state->ptr.status == DNS_FOUND && !lookup_names_organisation(&state->ptr, state->domain, &name) &&
	    !lookup_is_cut(&state->ptr))
		check_state_fact(run, SENDER_PTR_OTHER, "%s", name);
}

/* ---- in our own name ---- */

/* Does what SPF or a signature says speak for this domain? */
enum vouch { VOUCH_NOBODY, VOUCH_UNSURE, VOUCH_YES };

static enum vouch spf_vouches(const struct findings *findings, const char *domain)
{
	const struct spf_result *spf = findings->spf[SPF_MAIL_FROM];

	if (spf == NULL || spf->guessed || !lookup_same_organisation(spf->domain, domain))
		return VOUCH_NOBODY;
	if (spf->code == SPF_TEMPERROR)
		return VOUCH_UNSURE;
	return spf->code == SPF_PASS ? VOUCH_YES : VOUCH_NOBODY;
}

static enum vouch dkim_vouches(const struct findings *findings, const char *domain)
{
	enum vouch best = VOUCH_NOBODY;

	for (size_t i = 0; findings->dkim != NULL && i < findings->dkim->n; i++) {
		const struct dkim_result *result = &findings->dkim->results[i];
		if (!lookup_same_organisation(result->domain, domain))
			continue;
		if (result->code == DKIM_PASS && (result->traits & DKIM_TRAIT_PARTIAL) == 0)
			return VOUCH_YES;
		if (result->code == DKIM_TEMPERROR)
			best = VOUCH_UNSURE;
	}
	return best;
}

/* Without the check spf nobody vouches for a client. */
static void collect_own(struct check_run *run)
{
	struct mail_state *state = run->state;

	if (run->findings->spf_mail_open && !run->closing)
		return;
	state->own_done = true;
	switch (run->findings->spf_mail_open ? VOUCH_UNSURE : spf_vouches(run->findings, state->domain)) {
	case VOUCH_NOBODY:
		check_state_fact(run, SENDER_OWN_MAIL_FROM, "%s", state->domain);
		break;
	case VOUCH_UNSURE:
		check_state_fact(run, SENDER_UNSURE, "%s", "spf");
		break;
	case VOUCH_YES:
		break;
	}
}

static enum check_state mail_collect(struct check_run *run)
{
	const struct mail_state *state = run->state;

	if (!state->route_done)
		collect_route(run);
	if (!state->ptr_done)
		collect_ptr(run);
	if (!state->own_done)
		collect_own(run);
	return state->route_done && state->ptr_done && state->own_done ? CHECK_DONE : CHECK_OPEN;
}

static enum check_state mail_start(struct check_run *run)
{
	const struct sender_settings *settings = run->settings;
	const struct address *from = &run->subject->mail_from;
	struct mail_state *state;
	struct ip ip;

	if (run->subject->client_ip.family == 0 || from->null)
		return CHECK_DONE;
	if (ip_parse(&ip, from->domain)) {
		check_state_fact(run, SENDER_LITERAL, "%s", from->domain);
		return CHECK_DONE;
	}
	if (strchr(from->domain, '.') == NULL) {
		check_state_fact(run, SENDER_UNQUALIFIED, "%s", from->text);
		return CHECK_DONE;
	}
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	state->domain = from->domain;
	state->route = route_open(run, from->domain, (size_t)settings->mx_max);
	state->ptr = lookup_make_ptr(run);
	state->own_done = patterns_match_domain(&settings->own_domains, from->domain) == NULL;
	return mail_collect(run);
}

static void may_state_route(const struct check_run *run, struct factset *set)
{
	const struct mail_state *state = run->state;

	for (size_t i = 0; i < COUNT(route_facts); i++) {
		if (state == NULL || route_may_be(state->route, route_facts[i].code))
			check_may(run, route_facts[i].fact, set);
	}
}

static void mail_may_state(const struct check_run *run, struct factset *set)
{
	const struct sender_settings *settings = run->settings;
	const struct mail_state *state = run->state;

	if (run->done || (run->stage >= STAGE_HELO && run->subject->client_ip.family == 0))
		return;
	if (state == NULL) {
		check_may(run, SENDER_UNQUALIFIED, set);
		check_may(run, SENDER_LITERAL, set);
	}
	if (state == NULL || !state->route_done)
		may_state_route(run, set);
	if (state == NULL || !state->ptr_done)
		check_may(run, SENDER_PTR_OTHER, set);
	if (state == NULL ? settings->own_domains.n > 0 : !state->own_done) {
		check_may(run, SENDER_OWN_MAIL_FROM, set);
		check_may(run, SENDER_UNSURE, set);
	}
}

/* ---- the domains in From ---- */

struct author_state {
	struct from from;
	bool headers_ended, compared;
};

static enum check_state from_start(struct check_run *run)
{
	if (run->subject->client_ip.family == 0)
		return CHECK_DONE;
	run->state = arena_alloc(run->arena, sizeof(struct author_state));
	return CHECK_OPEN;
}

static void take_headers_end(struct check_run *run)
{
	struct author_state *state = run->state;

	from_read(run->subject, &state->from);
	state->headers_ended = true;
}

static void compare_with_mail_from(struct check_run *run)
{
	const struct author_state *state = run->state;
	const struct address *sender = &run->subject->mail_from;

	if (state->from.n == 0 || sender->null || sender->domain[0] == '\0')
		return;
	for (size_t i = 0; i < state->from.n; i++) {
		if (lookup_same_organisation(state->from.domains[i], sender->domain))
			return;
	}
	check_state_fact(run, SENDER_FROM_OTHER, "%s", state->from.domains[0]);
}

static bool authentication_open(const struct findings *findings)
{
	return findings->spf_mail_open || findings->dkim_open;
}

/* Each of the domains that are ours needs somebody who speaks for it: a reader may be shown any of them. */
static enum vouch worst_vouch(const struct check_run *run, const char **domain)
{
	const struct sender_settings *settings = run->settings;
	const struct author_state *state = run->state;
	enum vouch worst = VOUCH_YES;

	for (size_t i = 0; i < state->from.n; i++) {
		const char *one = state->from.domains[i];
		enum vouch spf, dkim, best;
		if (patterns_match_domain(&settings->own_domains, one) == NULL)
			continue;
		spf = spf_vouches(run->findings, one);
		dkim = dkim_vouches(run->findings, one);
		best = spf > dkim ? spf : dkim;
		if (best < worst) {
			worst = best;
			*domain = one;
		}
	}
	return worst;
}

static enum check_state from_collect(struct check_run *run)
{
	struct author_state *state = run->state;
	const char *domain = "";
	enum vouch vouch;

	if (!state->headers_ended)
		return run->closing ? CHECK_DONE : CHECK_OPEN;
	if (!state->compared)
		compare_with_mail_from(run);
	state->compared = true;
	vouch = worst_vouch(run, &domain);
	if (vouch != VOUCH_YES && authentication_open(run->findings)) {
		if (!run->closing)
			return CHECK_OPEN;
		vouch = VOUCH_UNSURE;
	}
	if (vouch == VOUCH_NOBODY)
		check_state_fact(run, SENDER_OWN_FROM, "%s", domain);
	else if (vouch == VOUCH_UNSURE)
		check_state_fact(run, SENDER_UNSURE, "%s", "from");
	return CHECK_DONE;
}

static void from_may_state(const struct check_run *run, struct factset *set)
{
	const struct sender_settings *settings = run->settings;
	const struct author_state *state = run->state;

	if (run->done || (run->stage >= STAGE_HELO && run->subject->client_ip.family == 0))
		return;
	if ((state == NULL || !state->compared) && (run->stage < STAGE_MAIL || !run->subject->mail_from.null))
		check_may(run, SENDER_FROM_OTHER, set);
	if (settings->own_domains.n > 0) {
		check_may(run, SENDER_OWN_FROM, set);
		check_may(run, SENDER_UNSURE, set);
	}
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_MAIL,
		.needed_by = STAGE_RCPT,
		.start = mail_start,
		.collect = mail_collect,
		.may_state = mail_may_state,
	},
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = from_start,
		.collect = from_collect,
		.may_state = from_may_state,
		.headers_end = take_headers_end,
	},
};

extern const struct check check_sender;
const struct check check_sender = {
	.name = "sender",
	.help = "Whether anybody could answer to the sender, and whether a stranger writes in our own name.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct sender_settings),
	.configure = sender_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

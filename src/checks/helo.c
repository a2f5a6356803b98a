/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helo - what the client calls itself, and whether that is true (RFC 5321 4.1.1.1, 4.1.3, 4.1.4).
 *
 * A name that is ours is a lie whatever DNS says. Any other name is looked up: it should lead to the client. RFC 5321
 * 4.1.4 forbids refusing mail for that alone: the policy's group `identity` has its cap below the threshold.
 */
#include <string.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/helo_name.h"
#include "checks/lookup.h"
#include "checks/patterns.h"

#define HELO_NAMES_MAX    256
#define HELO_NETWORKS_MAX 256

struct helo_settings {
	struct config_array own_names;    /* patterns of domains */
	struct config_array own_networks; /* struct net */
};

enum {
	HELO_FACT_MISSING,
	HELO_FACT_SYNTAX,
	HELO_FACT_BARE_ADDRESS,
	HELO_FACT_LITERAL_BAD,
	HELO_FACT_LITERAL_OTHER,
	HELO_FACT_LITERAL,
	HELO_FACT_OWN_NAME,
	HELO_FACT_OWN_ADDRESS,
	HELO_FACT_UNQUALIFIED,
	HELO_FACT_UNDERSCORE,
	HELO_FACT_UNKNOWN,
	HELO_FACT_MISMATCH,
	HELO_FACT_MATCH,
	HELO_FACT_PTR_SAME,
	HELO_FACT_PTR_OTHER,
	HELO_FACT_UNSURE,
};

static const struct fact facts[] = {
	[HELO_FACT_MISSING] = { "missing", FACT_EVIDENCE, 2000, "the client did not say HELO" },
	[HELO_FACT_SYNTAX] = { "syntax", FACT_EVIDENCE, 2000, "the name in HELO is no host name" },
	[HELO_FACT_BARE_ADDRESS] = { "bare_address", FACT_EVIDENCE, 2500,
	                             "the name in HELO is an IP address without brackets" },
	[HELO_FACT_LITERAL_BAD] = { "literal_bad", FACT_EVIDENCE, 1500,
	                            "the name in HELO is in brackets, but no address literal" },
	[HELO_FACT_LITERAL_OTHER] = { "literal_other", FACT_EVIDENCE, 2500,
	                              "the address literal in HELO is not the client's address" },
	[HELO_FACT_LITERAL] = { "literal", FACT_QUIET, 0, "the client names itself by its address" },
	[HELO_FACT_OWN_NAME] = { "own_name", FACT_EVIDENCE, 5000, "the client uses our own name in HELO" },
	[HELO_FACT_OWN_ADDRESS] = { "own_address", FACT_EVIDENCE, 5000, "the client uses our own address in HELO" },
	[HELO_FACT_UNQUALIFIED] = { "unqualified", FACT_EVIDENCE, 2000, "the name in HELO is not fully qualified" },
	[HELO_FACT_UNDERSCORE] = { "underscore", FACT_QUIET, 0, "the name in HELO has an underscore" },
	[HELO_FACT_UNKNOWN] = { "unknown", FACT_EVIDENCE, 1000, "the name in HELO has no address in DNS" },
	[HELO_FACT_MISMATCH] = { "mismatch", FACT_EVIDENCE, 500, "the name in HELO does not lead to the client" },
	[HELO_FACT_MATCH] = { "match", FACT_QUIET, 0, "the name in HELO leads to the client" },
	[HELO_FACT_PTR_SAME] = { "ptr_same", FACT_QUIET, 0,
	                         "the name in HELO is of the same organisation as the name of the client's address" },
	[HELO_FACT_PTR_OTHER] = { "ptr_other", FACT_QUIET, 0,
	                          "the name in HELO is of another organisation than the name of the client's address" },
	[HELO_FACT_UNSURE] = { "unsure", FACT_UNSURE, 0, "the name in HELO could not be looked up" },
};

#define AT(field) offsetof(struct helo_settings, field)

static const struct config_row options[] = {
	{
		.name = "own_names",
		.type = CONFIG_STRINGS,
		.offset = AT(own_names),
		.max = HELO_NAMES_MAX,
		.fallback = "[ ]",
		.help = "Names that nobody else has any right to, beside the MTA's own: \"mail.example.org\", or "
			"\".example.org\" for every name below it. A client that uses one gets helo.own_name.",
	},
	{
		.name = "own_networks",
		.type = CONFIG_NETWORKS,
		.offset = AT(own_networks),
		.max = HELO_NETWORKS_MAX,
		.fallback = "[ ]",
		.help = "Our own addresses, beside the one that the client connected to: behind a NAT the public one. A client "
			"with one of them may call itself as it likes.",
	},
};

static int helo_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct helo_settings *helo = settings;

	(void)catalogue;
	return patterns_check_domains(&helo->own_names, config, err);
}

struct helo_state {
	struct helo_name said;
	struct lookup same, other; /* its addresses, of the client's family and of the other one */
	struct lookup ptr;
	bool addresses_done, ptr_done;
	bool is_ours; /* the client: a name that leads to us may be its own */
};

/* ---- what is ours ---- */

/* Sendmail gives 0.0.0.0 where it listens on any address. */
static bool is_unspecified(const struct ip *ip)
{
	static const uint8_t zero[sizeof(ip->octets)];

	return ip->family == 0 || memcmp(ip->octets, zero, sizeof(zero)) == 0;
}

static bool is_our_address(const struct check_run *run, const struct ip *ip)
{
	const struct helo_settings *settings = run->settings;
	const struct net *networks = settings->own_networks.items;

	if (is_unspecified(ip))
		return false;
	if (ip_equal(ip, &run->subject->daemon_ip))
		return true;
	for (size_t i = 0; i < settings->own_networks.n; i++) {
		if (net_contains(&networks[i], ip))
			return true;
	}
	return false;
}

/* The MTA's name counts where it is a full one: every second host is called "localhost" or "mail". */
static bool is_our_name(const struct check_run *run, const char *name)
{
	const struct helo_settings *settings = run->settings;
	const char *mta = run->subject->mta_name;

	if (mta != NULL && domain_is_hostname(mta) && patterns_match_domain(&(struct config_array){ 1, &mta }, name))
		return true;
	return patterns_match_domain(&settings->own_names, name) != NULL;
}

/* Does the name lead to us? Then it is ours, configured or not. */
static const struct ip *our_address_in(const struct check_run *run, const struct lookup *lookup)
{
	for (size_t i = 0; lookup->status == DNS_FOUND && i < lookup->answer->n_records; i++) {
		if (is_our_address(run, &lookup->answer->records[i].ip))
			return &lookup->answer->records[i].ip;
	}
	return NULL;
}

/* ---- where the name leads ---- */

static void state_not_found(struct check_run *run)
{
	const struct helo_state *state = run->state;
	const struct ip *ours = our_address_in(run, &state->same);
	char text[IP_TEXT_MAX];

	if (ours == NULL)
		ours = our_address_in(run, &state->other);
	if (ours != NULL && !state->is_ours)
		check_state_fact(run, HELO_FACT_OWN_NAME, "%s is %s", state->said.name, ip_format(ours, text));
	else
		check_state_fact(run, HELO_FACT_MISMATCH, "%s", state->said.name);
}

/* Both are answered, and the client's address is not among them. */
static void conclude_addresses(struct check_run *run)
{
	const struct helo_state *state = run->state;
	const struct lookup *same = &state->same, *other = &state->other;

	if (same->status == DNS_UNSURE || lookup_is_cut(same))
		check_state_fact(run, HELO_FACT_UNSURE, "%s",
		                 dns_why_name(same->status == DNS_UNSURE ? same->why : DNS_WHY_LIMIT));
	else if (same->status == DNS_NONE && other->status == DNS_UNSURE)
		check_state_fact(run, HELO_FACT_UNSURE, "%s", dns_why_name(other->why));
	else if (same->status == DNS_NONE && other->status == DNS_NONE)
		check_state_fact(run, HELO_FACT_UNKNOWN, "%s", state->said.name);
	else
		state_not_found(run);
}

/* Both are waited for, unless the client is found: what is stated must not depend on which comes first. */
static void collect_addresses(struct check_run *run)
{
	struct helo_state *state = run->state;
	const bool same = lookup_step(run, &state->same), other = lookup_step(run, &state->other);

	if (lookup_has_address(&state->same, &run->subject->client_ip)) {
		check_state_fact(run, HELO_FACT_MATCH, "%s", state->said.name);
		lookup_drop(&state->other);
		state->addresses_done = true;
	} else if (same && other) {
		conclude_addresses(run);
		state->addresses_done = true;
	}
}

static void collect_ptr(struct check_run *run)
{
	struct helo_state *state = run->state;
	const char *name;

	if (!lookup_step(run, &state->ptr))
		return;
	state->ptr_done = true;
	if (state->ptr.status != DNS_FOUND)
		return;
	if (lookup_names_organisation(&state->ptr, state->said.name, &name))
		check_state_fact(run, HELO_FACT_PTR_SAME, "%s", name);
	else if (!lookup_is_cut(&state->ptr))
		check_state_fact(run, HELO_FACT_PTR_OTHER, "%s", name);
}

static enum check_state helo_collect(struct check_run *run)
{
	const struct helo_state *state = run->state;

	if (!state->addresses_done)
		collect_addresses(run);
	if (!state->ptr_done)
		collect_ptr(run);
	return state->addresses_done && state->ptr_done ? CHECK_DONE : CHECK_OPEN;
}

static enum check_state look_up(struct check_run *run, const struct helo_name *said, bool is_ours)
{
	const bool six = run->subject->client_ip.family == 6;
	struct helo_state *state = arena_alloc(run->arena, sizeof(*state));

	run->state = state;
	state->said = *said;
	state->is_ours = is_ours;
	state->same = lookup_make(state->said.name, six ? DNS_AAAA : DNS_A);
	state->other = lookup_make(state->said.name, six ? DNS_A : DNS_AAAA);
	state->ptr = lookup_make_ptr(run);
	return helo_collect(run);
}

/* ---- what it is by its form ---- */

static void state_address(struct check_run *run, const struct helo_name *said, bool is_ours)
{
	const struct ip *client = &run->subject->client_ip;
	char text[IP_TEXT_MAX];

	ip_format(&said->ip, text);
	if (!is_ours && is_our_address(run, &said->ip))
		check_state_fact(run, HELO_FACT_OWN_ADDRESS, "%s", text);
	else if (said->kind == HELO_BARE_ADDRESS)
		check_state_fact(run, HELO_FACT_BARE_ADDRESS, "%s", text);
	else
		check_state_fact(run, ip_equal(&said->ip, client) ? HELO_FACT_LITERAL : HELO_FACT_LITERAL_OTHER, "%s",
		                 text);
}

static enum check_state take_name(struct check_run *run, const struct helo_name *said, bool is_ours)
{
	if (said->underscore)
		check_state_fact(run, HELO_FACT_UNDERSCORE, "%s", said->name);
	if (!is_ours && is_our_name(run, said->name)) {
		check_state_fact(run, HELO_FACT_OWN_NAME, "%s", said->name);
		return CHECK_DONE;
	}
	if (said->kind == HELO_NAME)
		return look_up(run, said, is_ours);
	check_state_fact(run, HELO_FACT_UNQUALIFIED, "%s", said->name);
	return CHECK_DONE;
}

static enum check_state helo_start(struct check_run *run)
{
	const struct subject *subject = run->subject;
	const bool is_ours = is_our_address(run, &subject->client_ip);
	struct helo_name said;

	if (subject->client_ip.family == 0 || subject->helo == NULL)
		return CHECK_DONE;
	helo_name_parse(&said, subject->helo);
	switch (said.kind) {
	case HELO_INVALID:
		check_state_fact(run, HELO_FACT_SYNTAX, "%s", subject->helo);
		return CHECK_DONE;
	case HELO_BAD_LITERAL:
		check_state_fact(run, HELO_FACT_LITERAL_BAD, "%s", subject->helo);
		return CHECK_DONE;
	case HELO_LITERAL:
	case HELO_BARE_ADDRESS:
		state_address(run, &said, is_ours);
		return CHECK_DONE;
	case HELO_NAME:
	case HELO_UNQUALIFIED:
		break;
	}
	return take_name(run, &said, is_ours);
}

/* ---- what may still be stated ---- */

static void may_state_addresses(const struct check_run *run, struct factset *set)
{
	const struct helo_state *state = run->state;
	const bool same_open = state->same.status == DNS_PENDING;
	const bool found = state->same.status == DNS_FOUND || state->other.status == DNS_FOUND;

	if (same_open)
		check_may(run, HELO_FACT_MATCH, set);
	if (!found)
		check_may(run, HELO_FACT_UNKNOWN, set);
	if (same_open || state->same.status != DNS_FOUND || lookup_is_cut(&state->same))
		check_may(run, HELO_FACT_UNSURE, set);
	check_may(run, HELO_FACT_MISMATCH, set);
	if (!state->is_ours)
		check_may(run, HELO_FACT_OWN_NAME, set);
}

static void helo_may_state(const struct check_run *run, struct factset *set)
{
	const struct helo_state *state = run->state;

	if (run->done || (run->stage >= STAGE_HELO && run->subject->client_ip.family == 0))
		return;
	if (state == NULL) {
		for (size_t fact = HELO_FACT_MISSING + 1; fact < COUNT(facts); fact++)
			check_may(run, fact, set);
		return;
	}
	if (!state->addresses_done)
		may_state_addresses(run, set);
	if (!state->ptr_done) {
		check_may(run, HELO_FACT_PTR_SAME, set);
		check_may(run, HELO_FACT_PTR_OTHER, set);
	}
}

/* ---- no HELO at all ---- */

static bool is_missing(const struct check_run *run)
{
	return run->subject->helo == NULL && run->subject->client_ip.family != 0;
}

static enum check_state mail_start(struct check_run *run)
{
	if (is_missing(run))
		check_state_fact(run, HELO_FACT_MISSING, "%s", "");
	return CHECK_DONE;
}

static void mail_may_state(const struct check_run *run, struct factset *set)
{
	if (!run->done && (run->stage < STAGE_HELO || is_missing(run)))
		check_may(run, HELO_FACT_MISSING, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HELO,
		.needed_by = STAGE_RCPT,
		.start = helo_start,
		.collect = helo_collect,
		.may_state = helo_may_state,
	},
	{
		.starts_at = STAGE_MAIL,
		.needed_by = STAGE_MAIL,
		.start = mail_start,
		.may_state = mail_may_state,
	},
};

extern const struct check check_helo;
const struct check check_helo = {
	.name = "helo",
	.help = "What the client calls itself in HELO, whether that is a name at all, and whether it is the client's.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct helo_settings),
	.configure = helo_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

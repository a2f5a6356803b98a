/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greeting - does the mail server behind the HELO name greet with that name? (reverse greeting)
 *
 * The name is resolved from HELO on, so that the answer is there in time; a connection is begun at MAIL only, when it
 * is known whether the client is exempt (SMTP AUTH comes between the two). So a HELO alone makes us connect nowhere,
 * and two servers that check each other in this way do not go on for ever: what asks for a greeting says no MAIL.
 *
 * The best answer of all addresses counts. Only a whole one speaks against the client: a mismatch is stated when the
 * client itself greets with the name of somebody else, or every other address of the name was asked.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/greeting_settings.h"
#include "mail/suffix.h"

/* The better answer first. */
enum {
	GREETING_MATCH,
	GREETING_SAME_ORGANISATION,
	GREETING_MISMATCH,
	GREETING_NO_NAME,
	GREETING_REFUSED_BY_PEER,
	GREETING_NOT_SMTP,
	GREETING_SILENT,
	GREETING_REFUSED,
	GREETING_UNREACHABLE,
	GREETING_NOT_ASKED,
	GREETING_UNSURE,
};

static const struct fact facts[] = {
	[GREETING_MATCH] = { "match", FACT_QUIET, 0, "the server behind the HELO name greets with that name" },
	[GREETING_SAME_ORGANISATION] = { "same_organisation", FACT_QUIET, 0,
	                                 "the server behind the HELO name greets with a name of the same organisation" },
	[GREETING_MISMATCH] = { "mismatch", FACT_EVIDENCE, 1000,
	                        "the server behind the HELO name greets with the name of another organisation" },
	[GREETING_NO_NAME] = { "no_name", FACT_NORMAL, 0, "the server behind the HELO name greets without a name" },
	[GREETING_REFUSED_BY_PEER] = { "refused_by_peer", FACT_NORMAL, 0,
	                               "the server behind the HELO name does not talk to us" },
	[GREETING_NOT_SMTP] = { "not_smtp", FACT_NORMAL, 0, "what is behind the HELO name is no mail server" },
	[GREETING_SILENT] = { "silent", FACT_NORMAL, 0, "the server behind the HELO name did not greet" },
	[GREETING_REFUSED] = { "refused", FACT_NORMAL, 0, "the host behind the HELO name has no mail server" },
	[GREETING_UNREACHABLE] = { "unreachable", FACT_NORMAL, 0, "the host behind the HELO name cannot be reached" },
	[GREETING_NOT_ASKED] = { "not_asked", FACT_NORMAL, 0, "the server behind the HELO name was not asked" },
	[GREETING_UNSURE] = { "unsure", FACT_UNSURE, 0,
	                      "it could not be found out how the server behind the HELO name greets" },
};

enum { FAMILY_4, FAMILY_6, FAMILIES };

#define REASON_SIZE (BANNER_NAME_SIZE + IP_TEXT_MAX + 16)

struct greeting_state {
	const char *name; /* in HELO: lower-case, no final dot */
	struct dns_question *questions[FAMILIES];
	struct ip addresses[GREETING_ADDRESSES_MAX];
	size_t n, next;        /* those from `next` on are not asked yet */
	bool own_first;        /* the first one is the client's */
	bool resolved;         /* `addresses` is made */
	bool left;             /* not all addresses are in there, or could be asked */
	const char *unsure;    /* why something is not known; NULL: all is */
	const char *forbidden; /* why an address is not asked; NULL: none is forbidden */
	struct probe_ticket *ticket;
	struct dns_session *held; /* as long as there is a ticket */
	clock_ms deadline;        /* 0: nobody was asked yet */
	size_t best;              /* the best answer so far */
	char reason[REASON_SIZE]; /* its detail */
};

/* ---- the name ---- */

/* NULL: it can be asked. */
static const char *why_not(const struct check_run *run)
{
	const char *helo = run->subject->helo;
	const size_t octets = helo != NULL ? strlen(helo) : 0;
	char name[DOMAIN_OCTETS_MAX + 1];

	if (octets == 0 || octets > DOMAIN_OCTETS_MAX)
		return "no host name";
	snprintf(name, sizeof(name), "%.*s", (int)(helo[octets - 1] == '.' ? octets - 1 : octets), helo);
	if (!domain_is_hostname(name))
		return "no host name";
	return greeting_skips(run->settings, name) ? "skipped" : NULL;
}

static const char *helo_name(const struct check_run *run)
{
	return domain_lower(run->arena, run->subject->helo, DOMAIN_OCTETS_MAX);
}

static const enum dns_type types[FAMILIES] = { [FAMILY_4] = DNS_A, [FAMILY_6] = DNS_AAAA };

/* At HELO: the answers will be in the cache at MAIL. */
static enum check_state helo_start(struct check_run *run)
{
	if (why_not(run) != NULL)
		return CHECK_DONE;
	for (int family = 0; family < FAMILIES; family++)
		dns_cancel(dns_ask(run->dns, run->arena, helo_name(run), types[family], DNS_FLAG_NONE));
	return CHECK_DONE;
}

/* ---- its addresses ---- */

static bool is_known(const struct greeting_state *state, const struct ip *ip)
{
	for (size_t i = 0; i < state->n; i++) {
		if (ip_equal(&state->addresses[i], ip))
			return true;
	}
	return false;
}

static void add_address(struct check_run *run, const struct ip *ip)
{
	const struct greeting_settings *settings = run->settings;
	struct greeting_state *state = run->state;
	const char *why = probe_forbids(settings->probe, ip);

	if (why != NULL) {
		state->forbidden = why;
		return;
	}
	if (is_known(state, ip))
		return;
	if (state->n < (size_t)settings->addresses_max)
		state->addresses[state->n++] = *ip;
	else
		state->left = true;
}

static bool has_client(const struct check_run *run, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->n_records; i++) {
		if (ip_equal(&answer->records[i].ip, &run->subject->client_ip))
			return true;
	}
	return false;
}

/* Both families have been answered: the client's own address first. */
static void make_addresses(struct check_run *run, const struct dns_answer *const answers[FAMILIES])
{
	struct greeting_state *state = run->state;

	state->resolved = true;
	for (int family = 0; family < FAMILIES; family++) {
		if (answers[family] != NULL && has_client(run, answers[family]))
			add_address(run, &run->subject->client_ip);
	}
	state->own_first = state->n > 0;
	for (int family = 0; family < FAMILIES; family++) {
		const struct dns_answer *answer = answers[family];
		for (size_t i = 0; answer != NULL && i < answer->n_records; i++)
			add_address(run, &answer->records[i].ip);
		if (answer != NULL && answer->n_records == DNS_RECORDS_MAX)
			state->left = true;
	}
}

/* True: no answer is outstanding any more. */
static bool resolve(struct check_run *run)
{
	struct greeting_state *state = run->state;
	const struct dns_answer *answers[FAMILIES] = { NULL }, *answer;
	bool complete = true;

	for (int family = 0; family < FAMILIES; family++) {
		if (state->questions[family] == NULL)
			state->questions[family] = check_ask(run, state->name, types[family], DNS_FLAG_NONE);
		if (state->questions[family] == NULL) {
			complete = false;
			continue;
		}
		switch (dns_poll(state->questions[family], &answer)) {
		case DNS_PENDING:
			complete = false;
			break;
		case DNS_FOUND:
			answers[family] = answer;
			break;
		case DNS_NONE:
			break;
		case DNS_UNSURE:
			state->unsure = dns_why_name(answer->why);
			break;
		}
	}
	if (complete)
		make_addresses(run, answers);
	return complete;
}

/* ---- asking them ---- */

static void drop_ticket(void *context)
{
	struct greeting_state *state = context;

	if (state->ticket == NULL)
		return;
	probe_drop(&state->ticket);
	dns_session_let_go(state->held);
}

static const char *ehlo_name(const struct check_run *run)
{
	const struct greeting_settings *settings = run->settings;

	return settings->ehlo_name[0] != '\0' ? settings->ehlo_name : run->subject->mta_name;
}

static void ask_next(struct check_run *run)
{
	const struct greeting_settings *settings = run->settings;
	struct greeting_state *state = run->state;

	if (state->deadline == 0)
		state->deadline = clock_now() + settings->total_ms;
	const struct probe_question question = {
		.address = state->addresses[state->next],
		.name = state->name,
		.ehlo_name = ehlo_name(run),
		.deadline = state->deadline,
		.wake = dns_session_wake,
		.context = run->dns,
	};
	state->held = run->dns;
	dns_session_hold(state->held);
	state->ticket = probe_ask(settings->probe, &question);
}

static bool same_organisation(const char *name, const char *other)
{
	return other[0] != '\0' && suffix_same_organisation(name, other);
}

static size_t judge_names(const struct probe_reply *reply, const char *name)
{
	if (probe_names(reply, name))
		return GREETING_MATCH;
	if (same_organisation(name, reply->greeting) || same_organisation(name, reply->ehlo))
		return GREETING_SAME_ORGANISATION;
	return reply->greeting[0] != '\0' || reply->ehlo[0] != '\0' ? GREETING_MISMATCH : GREETING_NO_NAME;
}

/* What it called itself: where the two differ, the name that decided. */
static const char *told_name(const struct probe_reply *reply, const char *name, size_t fact)
{
	const bool greeting_decides = fact == GREETING_MATCH               ? strcmp(reply->greeting, name) == 0
	                              : fact == GREETING_SAME_ORGANISATION ? same_organisation(name, reply->greeting)
	                                                                   : reply->greeting[0] != '\0';

	return greeting_decides ? reply->greeting : reply->ehlo;
}

static void keep_best(struct greeting_state *state, size_t fact, const struct probe_reply *reply, const struct ip *ip)
{
	char address[IP_TEXT_MAX], code[16] = "";
	const char *before = "", *after = reply->why;

	if (fact >= state->best)
		return;
	state->best = fact;
	if (reply->outcome == PROBE_GREETED)
		before = told_name(reply, state->name, fact);
	if (reply->outcome == PROBE_REFUSED_BY_PEER) {
		snprintf(code, sizeof(code), "%d", reply->code);
		before = code;
	}
	snprintf(state->reason, sizeof(state->reason), "%s%s%s%s%s", before, before[0] != '\0' ? " " : "",
	         ip_format(ip, address), after[0] != '\0' ? " " : "", after);
}

static void take_reply(struct greeting_state *state, const struct probe_reply *reply, const struct ip *ip)
{
	static const size_t fact_of[PROBE_OUTCOMES] = {
		[PROBE_REFUSED_BY_PEER] = GREETING_REFUSED_BY_PEER,
		[PROBE_NOT_SMTP] = GREETING_NOT_SMTP,
		[PROBE_SILENT] = GREETING_SILENT,
		[PROBE_REFUSED] = GREETING_REFUSED,
		[PROBE_UNREACHABLE] = GREETING_UNREACHABLE,
	};

	switch (reply->outcome) {
	case PROBE_GREETED:
		keep_best(state, judge_names(reply, state->name), reply, ip);
		break;
	case PROBE_UNSURE:
		state->unsure = reply->why;
		break;
	case PROBE_LIMITED:
	case PROBE_FORBIDDEN:
		state->left = true;
		break;
	default:
		keep_best(state, fact_of[reply->outcome], reply, ip);
	}
}

/* The client itself greets with the name of somebody else: nothing that other addresses say changes that. */
static bool own_mismatch(const struct greeting_state *state)
{
	return state->best == GREETING_MISMATCH && state->own_first && state->next == 1;
}

static bool is_settled(const struct greeting_state *state)
{
	return state->best <= GREETING_SAME_ORGANISATION || own_mismatch(state) ||
	       (state->deadline != 0 && clock_now() >= state->deadline);
}

/* True: there is nothing more to ask. */
static bool ask_all(struct check_run *run)
{
	struct greeting_state *state = run->state;
	struct probe_reply reply;

	for (;;) {
		if (state->ticket == NULL) {
			if (state->next == state->n || is_settled(state))
				return true;
			if (run->closing)
				return false;
			ask_next(run);
		}
		if (!probe_poll(state->ticket, &reply))
			return false;
		drop_ticket(state);
		take_reply(state, &reply, &state->addresses[state->next]);
		state->next++;
	}
}

/* ---- what is stated ---- */

/* The fact, and its detail. */
static size_t conclusion(const struct greeting_state *state, const char **reason)
{
	*reason = state->reason;
	if (state->best <= GREETING_SAME_ORGANISATION || own_mismatch(state))
		return state->best;
	*reason = state->unsure;
	if (state->unsure != NULL)
		return GREETING_UNSURE;
	*reason = "more addresses";
	if (state->best == GREETING_MISMATCH && (state->left || state->next < state->n))
		return GREETING_UNSURE;
	*reason = state->reason;
	if (state->best < GREETING_NOT_ASKED)
		return state->best;
	*reason = state->left ? "limit" : state->forbidden != NULL ? state->forbidden : "no address";
	return GREETING_NOT_ASKED;
}

static void conclude(struct check_run *run)
{
	const char *reason;
	const size_t fact = conclusion(run->state, &reason);

	check_state_fact(run, fact, "%s", reason);
}

static enum check_state not_asked(struct check_run *run, const char *why)
{
	check_state_fact(run, GREETING_NOT_ASKED, "%s", why);
	return CHECK_DONE;
}

/* The last call: what is open does not come in time. */
static void give_up(struct check_run *run)
{
	struct greeting_state *state = run->state;

	for (int family = 0; family < FAMILIES && !state->resolved; family++)
		dns_cancel(state->questions[family]);
	drop_ticket(state);
	state->unsure = "timeout";
}

static enum check_state mail_collect(struct check_run *run)
{
	struct greeting_state *state = run->state;

	if (!state->resolved && resolve(run) && state->n > 0 && !check_worth_asking(run))
		return not_asked(run, "decided");
	if (!state->resolved || !ask_all(run)) {
		if (!run->closing)
			return CHECK_OPEN;
		give_up(run);
	}
	conclude(run);
	return CHECK_DONE;
}

static enum check_state mail_start(struct check_run *run)
{
	const char *why = why_not(run);
	struct greeting_state *state;

	if (why != NULL)
		return not_asked(run, why);
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	state->name = helo_name(run);
	state->best = GREETING_NOT_ASKED;
	arena_defer(run->arena, drop_ticket, state);
	return mail_collect(run);
}

/* ---- what may still be stated ---- */

/* All is stated by the part at MAIL. */
static void helo_may_state(const struct check_run *run, struct factset *set)
{
	(void)run;
	(void)set;
}

/* Can a mismatch still be stated, of the client's own address or since no other one is left out? */
static bool mismatch_possible(const struct greeting_state *state)
{
	if (!state->resolved || (state->own_first && state->next == 0))
		return true;
	return !state->left && state->unsure == NULL;
}

static void mail_may_state(const struct check_run *run, struct factset *set)
{
	const struct greeting_state *state = run->state;
	const size_t best = state != NULL ? state->best : GREETING_NOT_ASKED;

	if (run->done)
		return;
	if (state == NULL && run->stage >= STAGE_HELO && why_not(run) != NULL) {
		check_may(run, GREETING_NOT_ASKED, set);
		return;
	}
	for (size_t fact = 0; fact <= best; fact++) {
		if (fact != GREETING_MISMATCH || state == NULL || mismatch_possible(state))
			check_may(run, fact, set);
	}
	check_may(run, GREETING_UNSURE, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HELO,
		.needed_by = STAGE_RCPT,
		.start = helo_start,
		.may_state = helo_may_state,
	},
	{
		.starts_at = STAGE_MAIL,
		.needed_by = STAGE_RCPT,
		.start = mail_start,
		.collect = mail_collect,
		.may_state = mail_may_state,
	},
};

extern const struct check check_greeting;
const struct check check_greeting = {
	.name = "greeting",
	.help = "Whether the mail server behind the HELO name greets with that name (reverse greeting).",
	.facts = facts,
	.n_facts = COUNT(facts),
	.settings_size = sizeof(struct greeting_settings),
	.options = greeting_options,
	.n_options = COUNT(greeting_options),
	.configure = greeting_configure,
	.open = greeting_open,
	.close = greeting_close,
	.parts = parts,
	.n_parts = COUNT(parts),
};

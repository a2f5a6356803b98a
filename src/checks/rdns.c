/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rdns - the names of the client's address, and whether they lead back to it (RFC 8601 3, "iprev").
 *
 * The best of the names speaks for the client: a confirmed one before all others, a plain one before a generic one
 * before a dynamic one. What could turn out better but was not answered never makes the client look worse.
 */
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/rdns_name.h"
#include "dns/name.h"

#define RDNS_NAMES_MAX 50 /* limit of the option names_max */
#define RDNS_WORDS_MAX 200

struct rdns_settings {
	int names_max;
	struct config_array words, static_words;
};

enum {
	RDNS_NONE,
	RDNS_UNCONFIRMED,
	RDNS_DYNAMIC,
	RDNS_GENERIC,
	RDNS_MANY_NAMES,
	RDNS_UNSURE,
	RDNS_CONFIRMED,
};

static const struct fact facts[] = {
	[RDNS_NONE] = { "none", FACT_EVIDENCE, 3000, "the client address has no PTR record" },
	[RDNS_UNCONFIRMED] = { "unconfirmed", FACT_EVIDENCE, 1500, "no name of the client address leads back to it" },
	[RDNS_DYNAMIC] = { "dynamic", FACT_EVIDENCE, 1500, "the client's name says that its address is a dynamic one" },
	[RDNS_GENERIC] = { "generic", FACT_EVIDENCE, 1000, "the client's name is made from its address" },
	[RDNS_MANY_NAMES] = { "many_names", FACT_EVIDENCE, 0, "the client address has very many PTR records" },
	[RDNS_UNSURE] = { "unsure", FACT_UNSURE, 0, "reverse DNS did not answer" },
	[RDNS_CONFIRMED] = { "confirmed", FACT_NORMAL, 0, "a name of the client address leads back to it" },
};

#define AT(field) offsetof(struct rdns_settings, field)

static const struct config_row options[] = {
	{
		.name = "names_max",
		.type = CONFIG_INT,
		.offset = AT(names_max),
		.min = 1,
		.max = RDNS_NAMES_MAX,
		.fallback = "10",
		.help = "So many names of a client are looked up at most. A client with more of them gets the fact "
			"rdns.many_names, and when none of those looked up leads back, it is unsure whether one does.",
	},
	{
		.name = "words",
		.type = CONFIG_STRINGS,
		.offset = AT(words),
		.max = RDNS_WORDS_MAX,
		.fallback =
			"[ \"dyn\", \"dynamic\", \"dynip\", \"dynamicip\", \"dyndsl\", \"dynadsl\", \"dsl\", \"adsl\", "
			"\"vdsl\", \"xdsl\", \"dslam\", \"pool\", \"pools\", \"dip\", \"dhcp\", \"dhcpc\", "
			"\"dhcppc\", \"ppp\", \"pppoe\", \"pppoa\", \"dial\", \"dialup\", \"dialin\", \"modem\", "
			"\"isdn\", \"cable\", \"cablemodem\", \"catv\", \"docsis\", \"hfc\", \"cpe\", \"hsd\", "
			"\"broadband\", \"bband\", \"ftth\", \"fttb\", \"fttx\", \"wimax\", \"wifi\", \"wlan\", "
			"\"umts\", \"gprs\", \"lte\", \"3g\", \"4g\", \"5g\", \"mobile\", \"cellular\", \"resi\", "
			"\"residential\" ]",
		.help = "A name with one of these words says that its address is a dynamic or residential one "
			"(rdns.dynamic). A word counts only as a whole part, between dots, hyphens and digits, and never in "
			"the last two labels.",
	},
	{
		.name = "static_words",
		.type = CONFIG_STRINGS,
		.offset = AT(static_words),
		.max = RDNS_WORDS_MAX,
		.fallback = "[ \"static\", \"stat\", \"fixed\", \"business\", \"biz\", \"colo\", \"dedicated\", "
			    "\"server\", \"srv\", \"vps\", \"mail\", \"mails\", \"mailer\", \"mailgw\", \"mailout\", "
			    "\"mailhost\", \"email\", \"smtp\", \"smtps\", \"smtpout\", \"esmtp\", \"mx\", \"mta\", "
			    "\"mout\", \"out\", \"outbound\", \"relay\", \"newsletter\", \"bounce\" ]",
		.help = "A name with one of these words, counted in the same way, is never rdns.dynamic: somebody named the "
			"host for what it does, or says that its address does not change.",
	},
};

enum forward_state { FORWARD_OPEN, FORWARD_CONFIRMED, FORWARD_REFUTED, FORWARD_UNSURE };

/* One name, and the question whether it leads back to the client. */
struct forward {
	const char *name;
	struct dns_question *question; /* NULL: not asked yet */
	enum forward_state state;
	enum dns_why why; /* FORWARD_UNSURE */
	unsigned traits;
};

struct rdns_state {
	struct dns_question *ptr; /* NULL once answered */
	struct forward *forwards;
	size_t n_forwards;
	bool more; /* names than names_max */
};

static int check_words(const struct config_array *array, const struct config *config, struct err *err)
{
	const char *const *words = array->items;

	for (size_t i = 0; i < array->n; i++) {
		if (!rdns_word_is_valid(words[i]))
			return config_fault(
				config, &words[i], err,
				"must be a part of a host name: a-z, digits and, inside, hyphens, %d at most",
				RDNS_WORD_OCTETS_MAX);
	}
	return 0;
}

static int rdns_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct rdns_settings *rdns = settings;

	(void)catalogue;
	if (check_words(&rdns->words, config, err) != 0)
		return -1;
	return check_words(&rdns->static_words, config, err);
}

/* ---- the names ---- */

static void take_names(struct check_run *run, const struct dns_answer *answer)
{
	const struct rdns_settings *settings = run->settings;
	const struct rdns_words words = {
		.dynamic = settings->words.items,
		.n_dynamic = settings->words.n,
		.fixed = settings->static_words.items,
		.n_fixed = settings->static_words.n,
	};
	struct rdns_state *state = run->state;
	const char *names[RDNS_NAMES_MAX];

	state->n_forwards = rdns_names_take(answer, names, (size_t)settings->names_max, &state->more);
	state->forwards = arena_alloc(run->arena, state->n_forwards * sizeof(state->forwards[0]));
	for (size_t i = 0; i < state->n_forwards; i++) {
		struct forward *forward = &state->forwards[i];
		forward->name = names[i];
		forward->traits = rdns_name_traits(names[i], &run->subject->client_ip, &words);
		if (!domain_is_hostname(names[i]))
			forward->state = FORWARD_REFUTED;
	}
	if (state->more)
		check_state_fact(run, RDNS_MANY_NAMES, "%zu names", answer->n_records);
}

/* CHECK_DONE: nothing to confirm, and all has been stated. CHECK_OPEN: not answered, or there are names now. */
static enum check_state collect_ptr(struct check_run *run)
{
	struct rdns_state *state = run->state;
	const struct dns_answer *answer = NULL;
	enum dns_status status = dns_poll(state->ptr, &answer);

	if (status == DNS_PENDING && !run->closing)
		return CHECK_OPEN;
	if (status == DNS_PENDING)
		dns_cancel(state->ptr);
	state->ptr = NULL;
	if (status == DNS_FOUND)
		take_names(run, answer);
	if (state->n_forwards > 0)
		return CHECK_OPEN;
	if (status == DNS_PENDING || status == DNS_UNSURE)
		check_state_fact(run, RDNS_UNSURE, "%s", dns_why_name(answer != NULL ? answer->why : DNS_WHY_TIMEOUT));
	else
		check_state_fact(run, RDNS_NONE, "%s", "");
	return CHECK_DONE;
}

/* ---- confirming them ---- */

static enum forward_state judge_addresses(const struct dns_answer *answer, const struct ip *client, enum dns_why *why)
{
	for (size_t i = 0; i < answer->n_records; i++) {
		if (ip_equal(&answer->records[i].ip, client))
			return FORWARD_CONFIRMED;
	}
	if (answer->n_records < DNS_RECORDS_MAX)
		return FORWARD_REFUTED;
	*why = DNS_WHY_LIMIT;
	return FORWARD_UNSURE;
}

static void poll_forward(struct forward *forward, const struct ip *client)
{
	const struct dns_answer *answer;

	switch (dns_poll(forward->question, &answer)) {
	case DNS_PENDING:
		break;
	case DNS_FOUND:
		forward->state = judge_addresses(answer, client, &forward->why);
		break;
	case DNS_NONE:
		forward->state = FORWARD_REFUTED;
		break;
	case DNS_UNSURE:
		forward->state = FORWARD_UNSURE;
		forward->why = answer->why;
		break;
	}
}

static void collect_forwards(struct check_run *run)
{
	struct rdns_state *state = run->state;
	const struct ip *client = &run->subject->client_ip;
	const enum dns_type type = client->family == 6 ? DNS_AAAA : DNS_A;
	bool room = true;

	for (size_t i = 0; i < state->n_forwards; i++) {
		struct forward *forward = &state->forwards[i];
		if (forward->state != FORWARD_OPEN)
			continue;
		if (forward->question == NULL && room) {
			forward->question = check_ask(run, forward->name, type, DNS_FLAG_NONE);
			room = forward->question != NULL;
		}
		if (forward->question != NULL)
			poll_forward(forward, client);
	}
}

/* The best name in this state; NULL: no name is in it. */
static const struct forward *best_in(const struct rdns_state *state, enum forward_state which)
{
	const struct forward *best = NULL;

	for (size_t i = 0; i < state->n_forwards; i++) {
		const struct forward *forward = &state->forwards[i];
		if (forward->state == which && (best == NULL || forward->traits < best->traits))
			best = forward;
	}
	return best;
}

static const struct forward *better_of(const struct forward *a, const struct forward *b)
{
	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	return b->traits < a->traits ? b : a;
}

static bool is_settled(const struct rdns_state *state)
{
	const struct forward *confirmed = best_in(state, FORWARD_CONFIRMED);
	const struct forward *open = best_in(state, FORWARD_OPEN);

	return open == NULL || (confirmed != NULL && open->traits >= confirmed->traits);
}

static void give_up_open(struct rdns_state *state)
{
	for (size_t i = 0; i < state->n_forwards; i++) {
		struct forward *forward = &state->forwards[i];
		if (forward->state != FORWARD_OPEN)
			continue;
		dns_cancel(forward->question);
		forward->why = forward->question != NULL ? DNS_WHY_TIMEOUT : DNS_WHY_LIMIT;
		forward->question = NULL;
		forward->state = FORWARD_UNSURE;
	}
}

/* The traits that the client's name has however the unanswered look-ups would have ended. */
static unsigned certain_traits(const struct rdns_state *state, const struct forward *speaker, bool confirmed)
{
	unsigned traits = speaker->traits;

	for (size_t i = 0; i < state->n_forwards; i++) {
		const struct forward *forward = &state->forwards[i];
		if (forward->state == FORWARD_UNSURE && (!confirmed || forward->traits < speaker->traits))
			traits &= forward->traits;
	}
	return traits;
}

/* Could what was not answered, or not asked, have made a difference? `confirmed`, `unsure`: the best of these. */
static bool is_unsure(const struct rdns_state *state, const struct forward *confirmed, const struct forward *unsure)
{
	if (confirmed != NULL)
		return unsure != NULL && unsure->traits < confirmed->traits;
	return unsure != NULL || state->more;
}

static void conclude(struct check_run *run)
{
	const struct rdns_state *state = run->state;
	const struct forward *confirmed = best_in(state, FORWARD_CONFIRMED);
	const struct forward *unsure = best_in(state, FORWARD_UNSURE);
	const struct forward *speaker = confirmed;
	unsigned traits;

	if (speaker == NULL)
		speaker = better_of(best_in(state, FORWARD_REFUTED), unsure);
	if (speaker == NULL) /* no name at all: that was stated already */
		return;
	if (confirmed != NULL)
		check_state_fact(run, RDNS_CONFIRMED, "%s", confirmed->name);
	else if (unsure == NULL && !state->more)
		check_state_fact(run, RDNS_UNCONFIRMED, "%s", speaker->name);
	if (is_unsure(state, confirmed, unsure))
		check_state_fact(run, RDNS_UNSURE, "%s", dns_why_name(unsure != NULL ? unsure->why : DNS_WHY_LIMIT));
	traits = certain_traits(state, speaker, confirmed != NULL);
	if ((traits & RDNS_NAME_DYNAMIC) != 0)
		check_state_fact(run, RDNS_DYNAMIC, "%s", speaker->name);
	if ((traits & RDNS_NAME_GENERIC) != 0)
		check_state_fact(run, RDNS_GENERIC, "%s", speaker->name);
}

static enum check_state rdns_collect(struct check_run *run)
{
	struct rdns_state *state = run->state;

	if (state->ptr != NULL && collect_ptr(run) == CHECK_DONE)
		return CHECK_DONE;
	if (state->ptr != NULL)
		return CHECK_OPEN;
	collect_forwards(run);
	if (!is_settled(state) && !run->closing)
		return CHECK_OPEN;
	give_up_open(state);
	conclude(run);
	return CHECK_DONE;
}

static enum check_state rdns_start(struct check_run *run)
{
	char name[DNS_NAME_TEXT_MAX];
	struct rdns_state *state;

	if (run->subject->client_ip.family == 0)
		return CHECK_DONE;
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	dns_name_reverse_ptr(&run->subject->client_ip, name);
	state->ptr = dns_ask(run->dns, run->arena, name, DNS_PTR, DNS_FLAG_NONE);
	return rdns_collect(run);
}

/* ---- what may still be stated ---- */

static void may_state_all(const struct check_run *run, struct factset *set)
{
	for (size_t i = 0; i < COUNT(facts); i++)
		check_may(run, i, set);
}

/* Could a name with this trait still speak for the client? */
static bool may_have(const struct rdns_state *state, unsigned trait)
{
	const struct forward *confirmed = best_in(state, FORWARD_CONFIRMED);

	for (size_t i = 0; i < state->n_forwards; i++) {
		const struct forward *forward = &state->forwards[i];
		if ((forward->traits & trait) != 0 && (confirmed == NULL || forward->traits <= confirmed->traits))
			return true;
	}
	return false;
}

static void rdns_may_state(const struct check_run *run, struct factset *set)
{
	const struct rdns_state *state = run->state;

	if (run->done)
		return;
	if (state == NULL || state->ptr != NULL) {
		may_state_all(run, set);
		return;
	}
	check_may(run, RDNS_CONFIRMED, set);
	check_may(run, RDNS_UNSURE, set);
	if (best_in(state, FORWARD_CONFIRMED) == NULL && best_in(state, FORWARD_UNSURE) == NULL && !state->more)
		check_may(run, RDNS_UNCONFIRMED, set);
	if (may_have(state, RDNS_NAME_DYNAMIC))
		check_may(run, RDNS_DYNAMIC, set);
	if (may_have(state, RDNS_NAME_GENERIC))
		check_may(run, RDNS_GENERIC, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_CONNECT,
		.needed_by = STAGE_RCPT,
		.start = rdns_start,
		.collect = rdns_collect,
		.may_state = rdns_may_state,
	},
};

extern const struct check check_rdns;
const struct check check_rdns = {
	.name = "rdns",
	.help = "The names of the client's address in DNS, whether they lead back to it, and what they say by their form.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct rdns_settings),
	.configure = rdns_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf - does the sender's domain, and the name in HELO, permit this client (RFC 7208)?
 *
 * The HELO identity is evaluated from HELO on, but what follows from it is stated with the message: only there it is
 * known whether it is an opinion of its own. With the null reverse-path, or a sender in the very domain of the HELO
 * name, the domain that speaks is the same, and is heard once: its result for MAIL FROM counts.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/spf_detail.h"
#include "checks/spf_settings.h"

enum {
	SPF_FACT_FAIL,
	SPF_FACT_SOFTFAIL,
	SPF_FACT_NEUTRAL,
	SPF_FACT_NONE,
	SPF_FACT_PERMERROR,
	SPF_FACT_TEMPERROR,
	SPF_FACT_PASS,
	SPF_FACT_WIDE,
	SPF_FACT_GUESS_PASS,
	SPF_FACT_GUESS_NEUTRAL,
	SPF_FACT_HELO_FAIL,
	SPF_FACT_HELO_SOFTFAIL,
	SPF_FACT_HELO_NEUTRAL,
	SPF_FACT_HELO_NONE,
	SPF_FACT_HELO_PERMERROR,
	SPF_FACT_HELO_TEMPERROR,
	SPF_FACT_HELO_PASS,
};

static const struct fact facts[] = {
	[SPF_FACT_FAIL] = { "fail", FACT_EVIDENCE, 5000,
	                    "the sender's domain does not permit this client to send for it (SPF fail)" },
	[SPF_FACT_SOFTFAIL] = { "softfail", FACT_EVIDENCE, 1500,
	                        "the sender's domain probably does not permit this client (SPF softfail)" },
	[SPF_FACT_NEUTRAL] = { "neutral", FACT_QUIET, 0,
	                       "the sender's domain does not say whether it permits this client (SPF neutral)" },
	[SPF_FACT_NONE] = { "none", FACT_QUIET, 0, "the sender's domain has no SPF record" },
	[SPF_FACT_PERMERROR] = { "permerror", FACT_EVIDENCE, 1000,
	                         "the SPF record of the sender's domain has an error" },
	[SPF_FACT_TEMPERROR] = { "temperror", FACT_UNSURE, 0,
	                         "the SPF record of the sender's domain could not be looked up" },
	[SPF_FACT_PASS] = { "pass", FACT_QUIET, 0, "the sender's domain permits this client (SPF pass)" },
	[SPF_FACT_WIDE] = { "wide", FACT_EVIDENCE, 1000,
	                    "the SPF record of the sender's domain permits far too many clients" },
	[SPF_FACT_GUESS_PASS] = { "guess_pass", FACT_QUIET, 0,
	                          "the sender's domain has no SPF record; at a guess this client is one of its own" },
	[SPF_FACT_GUESS_NEUTRAL] = { "guess_neutral", FACT_QUIET, 0,
	                             "the sender's domain has no SPF record, and a guess does not find this client" },
	[SPF_FACT_HELO_FAIL] = { "helo_fail", FACT_EVIDENCE, 2000,
	                         "the domain of the HELO name does not permit this client to use it (SPF fail)" },
	[SPF_FACT_HELO_SOFTFAIL] = { "helo_softfail", FACT_EVIDENCE, 500,
	                             "the domain of the HELO name probably does not permit this client (SPF softfail)" },
	[SPF_FACT_HELO_NEUTRAL] = { "helo_neutral", FACT_QUIET, 0,
	                            "the domain of the HELO name does not say whether it permits this client" },
	[SPF_FACT_HELO_NONE] = { "helo_none", FACT_QUIET, 0, "the HELO name has no SPF record" },
	[SPF_FACT_HELO_PERMERROR] = { "helo_permerror", FACT_EVIDENCE, 500,
	                              "the SPF record of the HELO name has an error" },
	[SPF_FACT_HELO_TEMPERROR] = { "helo_temperror", FACT_UNSURE, 0,
	                              "the SPF record of the HELO name could not be looked up" },
	[SPF_FACT_HELO_PASS] = { "helo_pass", FACT_QUIET, 0, "the HELO name permits this client (SPF pass)" },
};

static const size_t fact_of_code[SPF_IDENTITIES][SPF_CODES] = {
	[SPF_HELO] = {
		[SPF_NONE] = SPF_FACT_HELO_NONE,
		[SPF_NEUTRAL] = SPF_FACT_HELO_NEUTRAL,
		[SPF_PASS] = SPF_FACT_HELO_PASS,
		[SPF_FAIL] = SPF_FACT_HELO_FAIL,
		[SPF_SOFTFAIL] = SPF_FACT_HELO_SOFTFAIL,
		[SPF_TEMPERROR] = SPF_FACT_HELO_TEMPERROR,
		[SPF_PERMERROR] = SPF_FACT_HELO_PERMERROR,
	},
	[SPF_MAIL_FROM] = {
		[SPF_NONE] = SPF_FACT_NONE,
		[SPF_NEUTRAL] = SPF_FACT_NEUTRAL,
		[SPF_PASS] = SPF_FACT_PASS,
		[SPF_FAIL] = SPF_FACT_FAIL,
		[SPF_SOFTFAIL] = SPF_FACT_SOFTFAIL,
		[SPF_TEMPERROR] = SPF_FACT_TEMPERROR,
		[SPF_PERMERROR] = SPF_FACT_PERMERROR,
	},
};

/* ---- an evaluation, and its questions ---- */

struct spf_state {
	struct spf *spf;   /* NULL: there was nothing to evaluate */
	bool helo_pending; /* the part at MAIL: the other identity's facts are not stated yet */
	bool done;         /* the evaluation */
};

static void evaluation_open(struct check_run *run, const struct spf_query *query)
{
	const struct spf_settings *settings = run->settings;
	const struct dns_asker asker = check_asker(run);
	const struct spf_dns dns = { asker.context, asker.ask, asker.poll };
	struct spf_limits limits = spf_default_limits();
	struct spf_state *state = run->state;

	limits.void_max = settings->void_max;
	limits.queries_max = settings->queries_max;
	state->spf = spf_open(query, &limits, &dns, run->arena);
}

/* NULL: not known yet. */
static const struct spf_result *evaluation_step(struct check_run *run)
{
	struct spf_state *state = run->state;

	if (!spf_step(state->spf)) {
		if (!run->closing)
			return NULL;
		spf_stop(state->spf);
	}
	check_cancel_asked(run);
	return spf_result_copy(spf_result(state->spf), run->keep);
}

static struct spf_query query_make(const struct check_run *run, enum spf_identity identity)
{
	const struct subject *subject = run->subject;

	return (struct spf_query){
		.identity = identity,
		.client = subject->client_ip,
		.helo = subject->helo,
		.receiver = subject->mta_name,
		.now_s = (uint64_t)time(NULL),
	};
}

/* ---- HELO ---- */

static enum check_state helo_collect(struct check_run *run)
{
	struct findings *findings = run->findings;

	findings->spf[SPF_HELO] = evaluation_step(run);
	findings->spf_helo_open = findings->spf[SPF_HELO] == NULL;
	return findings->spf_helo_open ? CHECK_OPEN : CHECK_DONE;
}

static enum check_state helo_start(struct check_run *run)
{
	const struct spf_settings *settings = run->settings;
	const struct spf_query query = query_make(run, SPF_HELO);

	if (!settings->helo || query.client.family == 0)
		return CHECK_DONE;
	run->state = arena_alloc(run->arena, sizeof(struct spf_state));
	evaluation_open(run, &query);
	return helo_collect(run);
}

/* Everything is stated by the part at MAIL. */
static void helo_may_state(const struct check_run *run, struct factset *set)
{
	(void)run;
	(void)set;
}

/* ---- what a result states ---- */

static void state_result(struct check_run *run, const struct spf_result *result)
{
	const size_t fact = fact_of_code[result->identity][result->code];
	/* Both identities' errors look alike in the log: "unsure=spf(...)". */
	const bool unsure_helo = result->identity == SPF_HELO && result->code == SPF_TEMPERROR;
	char detail[SPF_DETAIL_SIZE];

	check_state_fact(run, fact, "%s%s", spf_detail(result, detail), unsure_helo ? " helo" : "");
}

static void state_guess(struct check_run *run, const struct spf_result *result)
{
	check_state_fact(run, SPF_FACT_NONE, "%s", result->domain);
	if (result->code == SPF_PASS)
		check_state_fact(run, SPF_FACT_GUESS_PASS, "%s %s", result->domain, result->mechanism);
	else if (result->code == SPF_NEUTRAL)
		check_state_fact(run, SPF_FACT_GUESS_NEUTRAL, "%s", result->domain);
}

static void state_width(struct check_run *run, const struct spf_result *result)
{
	const struct spf_settings *settings = run->settings;
	const struct spf_width *width = &result->width;

	if (width->all || width->v6_bits < (unsigned)settings->wide_prefix6)
		check_state_fact(run, SPF_FACT_WIDE, "%s %s", result->domain, width->term);
	else if (width->addresses > (uint64_t)settings->wide_addresses)
		check_state_fact(run, SPF_FACT_WIDE, "%s %s, %llu addresses", result->domain, width->term,
		                 (unsigned long long)width->addresses);
}

static void mail_finished(struct check_run *run, const struct spf_result *result)
{
	const struct spf_settings *settings = run->settings;
	struct spf_state *state = run->state;

	state->done = true;
	run->findings->spf[SPF_MAIL_FROM] = result;
	run->findings->spf_mail_open = false;
	if (result->guessed) {
		state_guess(run, result);
		return;
	}
	state_result(run, result);
	state_width(run, result);
	if (settings->explanation && result->code == SPF_FAIL && result->explanation[0] != '\0')
		run->findings->explained = result;
}

/* ---- MAIL FROM ---- */

/* Is the HELO name evaluated, or has been? Not where there was no HELO. */
static bool helo_evaluated(const struct check_run *run)
{
	return run->findings->spf_helo_open || run->findings->spf[SPF_HELO] != NULL;
}

/* Is what the HELO name says heard beside what the sender's domain says? */
static bool helo_counts(const struct check_run *run)
{
	const char *helo = run->subject->helo;
	const struct address *from = &run->subject->mail_from;
	size_t octets;

	if (!helo_evaluated(run) || from->null)
		return false;
	octets = strlen(helo);
	if (octets > 0 && helo[octets - 1] == '.')
		octets--;
	return octets != strlen(from->domain) || strncasecmp(helo, from->domain, octets) != 0;
}

static void collect_helo(struct check_run *run)
{
	struct spf_state *state = run->state;
	const struct spf_result *result = run->findings->spf[SPF_HELO];

	if (!state->helo_pending || result == NULL)
		return;
	state_result(run, result);
	state->helo_pending = false;
}

static enum check_state mail_collect(struct check_run *run)
{
	struct spf_state *state = run->state;

	collect_helo(run);
	if (!state->done) {
		const struct spf_result *result = evaluation_step(run);
		if (result != NULL)
			mail_finished(run, result);
	}
	return state->done && !state->helo_pending ? CHECK_DONE : CHECK_OPEN;
}

/* A reverse-path that is not null and has no domain: there is nothing to ask (RFC 7208 4.3). */
static const struct spf_result *result_without_domain(const struct check_run *run)
{
	struct spf_result *result = arena_alloc(run->keep, sizeof(*result));

	*result = (struct spf_result){
		.identity = SPF_MAIL_FROM,
		.code = SPF_NONE,
		.domain = "",
		.sender = "",
		.mechanism = "",
		.problem = "",
		.explanation = "",
		.width = { .term = "", .v6_bits = 129 },
	};
	return result;
}

static enum check_state mail_start(struct check_run *run)
{
	const struct spf_settings *settings = run->settings;
	const struct address *from = &run->subject->mail_from;
	struct spf_query query = query_make(run, SPF_MAIL_FROM);
	struct spf_state *state;

	if (query.client.family == 0)
		return CHECK_DONE;
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	state->helo_pending = helo_counts(run);
	if (!from->null && from->domain[0] == '\0') {
		mail_finished(run, result_without_domain(run));
		return mail_collect(run);
	}
	query.local = from->local;
	query.domain = from->domain;
	query.guess = settings->guess;
	run->findings->spf_mail_open = true;
	evaluation_open(run, &query);
	return mail_collect(run);
}

/* ---- what may still be stated ---- */

static void may_state_helo(const struct check_run *run, struct factset *set)
{
	const struct spf_settings *settings = run->settings;
	const struct spf_result *result = run->findings->spf[SPF_HELO];

	if (!settings->helo || (run->stage >= STAGE_HELO && !helo_evaluated(run)))
		return;
	for (int code = 0; code < SPF_CODES; code++) {
		if (result == NULL || (int)result->code == code)
			check_may(run, fact_of_code[SPF_HELO][code], set);
	}
}

static void may_state_mail(const struct check_run *run, struct factset *set)
{
	const struct spf_settings *settings = run->settings;

	for (size_t fact = 0; fact <= SPF_FACT_WIDE; fact++)
		check_may(run, fact, set);
	if (settings->guess) {
		check_may(run, SPF_FACT_GUESS_PASS, set);
		check_may(run, SPF_FACT_GUESS_NEUTRAL, set);
	}
}

static void mail_may_state(const struct check_run *run, struct factset *set)
{
	const struct spf_state *state = run->state;

	if (run->done || (run->stage >= STAGE_HELO && run->subject->client_ip.family == 0))
		return;
	if (state == NULL || state->helo_pending)
		may_state_helo(run, set);
	if (state == NULL || !state->done)
		may_state_mail(run, set);
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
		.needed_by = STAGE_RCPT,
		.start = mail_start,
		.collect = mail_collect,
		.may_state = mail_may_state,
	},
};

extern const struct check check_spf;
const struct check check_spf = {
	.name = "spf",
	.help = "Whether the sender's domain, and the name in HELO, permit this client (RFC 7208).",
	.facts = facts,
	.n_facts = COUNT(facts),
	.settings_size = sizeof(struct spf_settings),
	.options = spf_options,
	.n_options = COUNT(spf_options),
	.parts = parts,
	.n_parts = COUNT(parts),
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pra - Sender ID (RFC 4406, 4407): does the domain of the purported responsible address permit this client?
 *
 * An experiment that has ended: its facts have no points, nothing is published for headers or other checks, and the
 * check is off unless somebody wants to look.
 */
#include <time.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/spf_detail.h"
#include "mail/pra.h"

enum {
	PRA_FACT_FAIL,
	PRA_FACT_SOFTFAIL,
	PRA_FACT_NEUTRAL,
	PRA_FACT_NONE,
	PRA_FACT_PERMERROR,
	PRA_FACT_TEMPERROR,
	PRA_FACT_PASS,
	PRA_FACT_UNDETERMINED,
};

static const struct fact facts[] = {
	[PRA_FACT_FAIL] = { "fail", FACT_EVIDENCE, 0,
	                    "the domain of the responsible address does not permit this client (Sender ID fail)" },
	[PRA_FACT_SOFTFAIL] = { "softfail", FACT_EVIDENCE, 0,
	                        "the domain of the responsible address probably does not permit this client (Sender ID)" },
	[PRA_FACT_NEUTRAL] = { "neutral", FACT_QUIET, 0,
	                       "the domain of the responsible address does not say whether it permits this client" },
	[PRA_FACT_NONE] = { "none", FACT_QUIET, 0,
	                    "the domain of the responsible address has no record of Sender ID or SPF" },
	[PRA_FACT_PERMERROR] = { "permerror", FACT_EVIDENCE, 0,
	                         "the Sender ID or SPF record of the responsible address's domain has an error" },
	[PRA_FACT_TEMPERROR] = { "temperror", FACT_UNSURE, 0,
	                         "the Sender ID record of the responsible address's domain could not be looked up" },
	[PRA_FACT_PASS] = { "pass", FACT_QUIET, 0,
	                    "the domain of the responsible address permits this client (Sender ID pass)" },
	[PRA_FACT_UNDETERMINED] = { "undetermined", FACT_EVIDENCE, 0,
	                            "the header does not tell which address is responsible for the message (RFC 4407)" },
};

static const size_t fact_of_code[SPF_CODES] = {
	[SPF_NONE] = PRA_FACT_NONE,           [SPF_NEUTRAL] = PRA_FACT_NEUTRAL,   [SPF_PASS] = PRA_FACT_PASS,
	[SPF_FAIL] = PRA_FACT_FAIL,           [SPF_SOFTFAIL] = PRA_FACT_SOFTFAIL, [SPF_TEMPERROR] = PRA_FACT_TEMPERROR,
	[SPF_PERMERROR] = PRA_FACT_PERMERROR,
};

struct pra_check_state {
	struct pra pra;
	bool headers_ended;
	struct pra_result found;
	struct spf *spf; /* NULL: not begun */
};

static void evaluation_open(struct check_run *run)
{
	const struct subject *subject = run->subject;
	const struct dns_asker asker = check_asker(run);
	const struct spf_dns dns = { asker.context, asker.ask, asker.poll };
	const struct spf_limits limits = spf_default_limits();
	struct pra_check_state *state = run->state;
	const struct spf_query query = {
		.identity = SPF_MAIL_FROM,
		.scope = SPF_SCOPE_PRA,
		.client = subject->client_ip,
		.helo = subject->helo,
		.local = state->found.local,
		.domain = state->found.domain,
		.receiver = subject->mta_name,
		.now_s = (uint64_t)time(NULL),
	};

	state->spf = spf_open(&query, &limits, &dns, run->arena);
}

static void state_result(struct check_run *run, const struct spf_result *result)
{
	const struct pra_check_state *state = run->state;
	char detail[SPF_DETAIL_SIZE];

	spf_detail(result, detail);
	if (result->code == SPF_TEMPERROR) /* it goes into "unsure=pra(...)", where reasons stand alone */
		check_state_fact(run, PRA_FACT_TEMPERROR, "%s", detail);
	else
		check_state_fact(run, fact_of_code[result->code], "%s: %s", state->found.field, detail);
}

/* Whose message is it? CHECK_OPEN: an evaluation has begun. */
static enum check_state determine(struct check_run *run)
{
	struct pra_check_state *state = run->state;
	const char *field;

	pra_find(&state->pra, &state->found);
	field = state->found.field;
	switch (state->found.state) {
	case PRA_FOUND:
		evaluation_open(run);
		return CHECK_OPEN;
	case PRA_UNSURE:
		check_state_fact(run, PRA_FACT_TEMPERROR, "%s", dns_why_name(DNS_WHY_LIMIT));
		break;
	case PRA_NONE:
		check_state_fact(run, PRA_FACT_UNDETERMINED, "%s%s%s", field, field[0] != '\0' ? ": " : "",
		                 state->found.why);
		break;
	}
	return CHECK_DONE;
}

static enum check_state pra_collect(struct check_run *run)
{
	struct pra_check_state *state = run->state;

	if (!state->headers_ended)
		return run->closing ? CHECK_DONE : CHECK_OPEN;
	if (state->spf == NULL && determine(run) == CHECK_DONE)
		return CHECK_DONE;
	if (!spf_step(state->spf)) {
		if (!run->closing)
			return CHECK_OPEN;
		spf_stop(state->spf);
	}
	check_cancel_asked(run);
	state_result(run, spf_result(state->spf));
	return CHECK_DONE;
}

static enum check_state pra_start(struct check_run *run)
{
	struct pra_check_state *state;

	if (run->subject->client_ip.family == 0)
		return CHECK_DONE;
	state = arena_alloc(run->arena, sizeof(*state));
	run->state = state;
	pra_open(&state->pra, run->arena);
	return CHECK_OPEN;
}

static void take_header(struct check_run *run, const char *name, const char *value)
{
	struct pra_check_state *state = run->state;

	pra_add(&state->pra, name, value);
}

static void take_headers_end(struct check_run *run)
{
	struct pra_check_state *state = run->state;

	state->headers_ended = true;
}

static void pra_may_state(const struct check_run *run, struct factset *set)
{
	const struct pra_check_state *state = run->state;

	if (run->done || (run->stage >= STAGE_HELO && run->subject->client_ip.family == 0))
		return;
	for (size_t code = 0; code < SPF_CODES; code++)
		check_may(run, fact_of_code[code], set);
	if (state == NULL || state->spf == NULL)
		check_may(run, PRA_FACT_UNDETERMINED, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = pra_start,
		.collect = pra_collect,
		.may_state = pra_may_state,
		.header = take_header,
		.headers_end = take_headers_end,
	},
};

extern const struct check check_pra;
const struct check check_pra = {
	.name = "pra",
	.help = "Whether the domain of the purported responsible address permits this client (Sender ID, RFC 4406, 4407).",
	.opt_in = true,
	.facts = facts,
	.n_facts = COUNT(facts),
	.parts = parts,
	.n_parts = COUNT(parts),
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc - does anything that was authenticated speak for the domain in From, and what does that domain ask for where
 * nothing does (RFC 9989)?
 *
 * RFC 9989 is for messages with exactly one domain in From. A message that breaks this rule must not escape by it: each
 * domain that a reader may be shown is evaluated, the worst result counts, and what is wrong with From is a fact of its
 * own. What the domain asks for becomes points: the policy of this server decides.
 */
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "checks/check.h"
#include "checks/dmarc_findings.h"
#include "checks/dmarc_settings.h"
#include "checks/from.h"
#include "mail/idn.h"
#include "mail/tags.h"

#define EXPECTED_SIGNATURES_MAX DKIM_VERIFIED_MAX
#define SIGNATURE_FIELD         "DKIM-Signature"

_Static_assert(FROM_DOMAINS_MAX <= FINDINGS_DMARC_MAX, "there is a result for each domain in From");

enum {
	DMARC_FACT_PASS,
	DMARC_FACT_NONE,
	DMARC_FACT_FAIL_NONE,
	DMARC_FACT_FAIL_QUARANTINE,
	DMARC_FACT_FAIL_REJECT,
	DMARC_FACT_FAIL_FORWARDED,
	DMARC_FACT_PERMERROR,
	DMARC_FACT_TEMPERROR,
	DMARC_FACT_TESTING,
	DMARC_FACT_PSL_DIFFERS,
	DMARC_FACT_FROM_MISSING,
	DMARC_FACT_FROM_SEVERAL,
	DMARC_FACT_FROM_INVALID,
	DMARC_FACT_FROM_DOMAINS,
};
#define DMARC_FACT_FROM_FIRST DMARC_FACT_FROM_MISSING

static const struct fact facts[] = {
	[DMARC_FACT_PASS] = { "pass", FACT_QUIET, 0, "SPF or DKIM speaks for the author's domain (DMARC pass)" },
	[DMARC_FACT_NONE] = { "none", FACT_QUIET, 0, "the author's domain has no DMARC record" },
	[DMARC_FACT_FAIL_NONE] = { "fail_none", FACT_EVIDENCE, 500,
	                           "neither SPF nor DKIM speaks for the author's domain (DMARC fail)" },
	[DMARC_FACT_FAIL_QUARANTINE] = { "fail_quarantine", FACT_EVIDENCE, 5000,
	                                 "neither SPF nor DKIM speaks for the author's domain, which asks to "
	                                 "quarantine such mail (DMARC)" },
	[DMARC_FACT_FAIL_REJECT] = { "fail_reject", FACT_EVIDENCE, 10000,
	                             "neither SPF nor DKIM speaks for the author's domain, which asks to reject such "
	                             "mail (DMARC)" },
	[DMARC_FACT_FAIL_FORWARDED] = { "fail_forwarded", FACT_EVIDENCE, 500,
	                                "neither SPF nor DKIM speaks for the author's domain, but the mail was forwarded" },
	[DMARC_FACT_PERMERROR] = { "permerror", FACT_QUIET, 0, "the DMARC record of the author's domain has an error" },
	[DMARC_FACT_TEMPERROR] = { "temperror", FACT_UNSURE, 0,
	                           "whether anything speaks for the author's domain could not be looked up" },
	[DMARC_FACT_TESTING] = { "testing", FACT_QUIET, 0, "the author's domain is testing its DMARC policy" },
	[DMARC_FACT_PSL_DIFFERS] = { "psl_differs", FACT_QUIET, 0,
	                             "the public suffix list names another organisational domain than DNS" },
	[DMARC_FACT_FROM_MISSING] = { "from_missing", FACT_EVIDENCE, 3000, "the message has no From field" },
	[DMARC_FACT_FROM_SEVERAL] = { "from_several", FACT_EVIDENCE, 5000, "the message has several From fields" },
	[DMARC_FACT_FROM_INVALID] = { "from_invalid", FACT_EVIDENCE, 1000,
	                              "the From field holds no valid address with a domain" },
	[DMARC_FACT_FROM_DOMAINS] = { "from_domains", FACT_EVIDENCE, 1000,
	                              "the From field has addresses in several domains" },
};

struct dmarc_state {
	struct from from;
	struct dmarc *evaluations[FROM_DOMAINS_MAX];  /* of each domain in From */
	const char *signers[EXPECTED_SIGNATURES_MAX]; /* d= of the signatures, as they came */
	size_t n_signers;
	bool headers_ended, identified;
	struct dmarc_identifier passed[DMARC_IDENTIFIERS_MAX]; /* who was authenticated */
	size_t n_passed;
};

/* ---- while the headers arrive ---- */

static enum check_state dmarc_start(struct check_run *run)
{
	run->state = arena_alloc(run->arena, sizeof(struct dmarc_state));
	return CHECK_OPEN;
}

/* Whether the signature is any good is the check dkim's affair: here it is known early what may have to be asked. */
static void take_header(struct check_run *run, const char *name, const char *value)
{
	struct dmarc_state *state = run->state;
	char problem[1], domain[IDN_DOMAIN_OCTETS_MAX], ascii[IDN_DOMAIN_OCTETS_MAX];
	const size_t octets = strnlen(value, DKIM_SIGNATURE_OCTETS_MAX);
	const struct tag *tag;
	struct tag_list list;
	struct strbuf words;

	if (strcasecmp(name, SIGNATURE_FIELD) != 0 || state->n_signers == COUNT(state->signers))
		return;
	strbuf_open(&words, problem, sizeof(problem));
	(void)tags_parse(&list, value, octets, true, &words);
	tag = tags_find(&list, "d");
	if (tag == NULL || tag->value_octets == 0 || tag->value_octets >= sizeof(domain))
		return;
	memcpy(domain, tag->value, tag->value_octets);
	domain[tag->value_octets] = '\0';
	if (idn_to_ascii(domain, ascii))
		state->signers[state->n_signers++] = arena_strdup(run->arena, ascii);
}

static void expect_domains(const struct check_run *run, struct dmarc *dmarc)
{
	const struct dmarc_state *state = run->state;
	const struct subject *subject = run->subject;
	const char *sender = subject->mail_from.null ? subject->helo : subject->mail_from.domain;
	char ascii[IDN_DOMAIN_OCTETS_MAX];

	if (sender != NULL && sender[0] != '\0' && idn_to_ascii(sender, ascii))
		dmarc_expect(dmarc, ascii);
	for (size_t i = 0; i < state->n_signers; i++)
		dmarc_expect(dmarc, state->signers[i]);
}

static void take_headers_end(struct check_run *run)
{
	const struct dmarc_settings *settings = run->settings;
	const struct dns_asker asker = check_asker(run);
	struct dmarc_state *state = run->state;

	from_read(run->subject, &state->from);
	for (size_t i = 0; i < state->from.n; i++) {
		state->evaluations[i] = dmarc_open(state->from.domains[i], settings->psl_check, &asker, run->arena);
		expect_domains(run, state->evaluations[i]);
	}
	state->headers_ended = true;
}

/* ---- who was authenticated ---- */

static void find_identifiers(const struct check_run *run)
{
	const struct findings *findings = run->findings;
	struct dmarc_state *state = run->state;

	state->n_passed = dmarc_findings_passed(findings->spf[SPF_MAIL_FROM], findings->dkim, state->passed);
	for (size_t i = 0; i < state->from.n; i++)
		dmarc_identifiers(state->evaluations[i], state->passed, state->n_passed);
	state->identified = true;
}

/* Without one of the two checks nobody knows what it would have said. */
static bool both_were_looked_at(const struct findings *findings)
{
	return findings->spf[SPF_MAIL_FROM] != NULL && findings->dkim != NULL;
}

/* ---- what the results state ---- */

static void state_fail(struct check_run *run, const struct dmarc_result *result)
{
	static const size_t of_policy[] = {
		[DMARC_POLICY_NONE] = DMARC_FACT_FAIL_NONE,
		[DMARC_POLICY_QUARANTINE] = DMARC_FACT_FAIL_QUARANTINE,
		[DMARC_POLICY_REJECT] = DMARC_FACT_FAIL_REJECT,
	};
	const struct dmarc_state *state = run->state;
	char net[NET_TEXT_MAX];
	const char *excuse = NULL;

	if (result->policy != DMARC_POLICY_NONE)
		excuse = dmarc_excuse(run->settings, &run->subject->client_ip, state->passed, state->n_passed, net);
	if (excuse != NULL)
		check_state_fact(run, DMARC_FACT_FAIL_FORWARDED, "%s %s", result->domain, excuse);
	else
		check_state_fact(run, of_policy[result->policy], "%s", result->domain);
}

static void state_result(struct check_run *run, const struct dmarc_result *result)
{
	static const size_t fact_of_code[] = {
		[DMARC_NONE] = DMARC_FACT_NONE,
		[DMARC_PASS] = DMARC_FACT_PASS,
		[DMARC_TEMPERROR] = DMARC_FACT_TEMPERROR,
		[DMARC_PERMERROR] = DMARC_FACT_PERMERROR,
	};

	if (result->code == DMARC_FAIL)
		state_fail(run, result);
	else if (result->reason[0] != '\0' && result->code != DMARC_NONE)
		check_state_fact(run, fact_of_code[result->code], "%s: %s", result->domain, result->reason);
	else
		check_state_fact(run, fact_of_code[result->code], "%s", result->domain);
	if (result->testing)
		check_state_fact(run, DMARC_FACT_TESTING, "%s", result->record_domain);
	if (result->psl_differs)
		check_state_fact(run, DMARC_FACT_PSL_DIFFERS, "%s", result->organisation);
}

static void state_from(struct check_run *run, const struct from *from)
{
	switch (from->state) {
	case FROM_MISSING:
		check_state_fact(run, DMARC_FACT_FROM_MISSING, "%s", "");
		break;
	case FROM_SEVERAL:
		check_state_fact(run, DMARC_FACT_FROM_SEVERAL, "%u", run->subject->n_from);
		break;
	case FROM_INVALID:
		check_state_fact(run, DMARC_FACT_FROM_INVALID, "%s", from->n > 0 ? from->domains[0] : "");
		break;
	case FROM_MANY:
	case FROM_FINE:
		break;
	}
	if (from->n > 1)
		check_state_fact(run, DMARC_FACT_FROM_DOMAINS, "%s %s", from->domains[0], from->domains[1]);
}

static void finish(struct check_run *run)
{
	const struct dmarc_state *state = run->state;
	struct findings *findings = run->findings;

	state_from(run, &state->from);
	for (size_t i = 0; i < state->from.n; i++) {
		const struct dmarc *evaluation = state->evaluations[i];
		if (dmarc_get_result(evaluation)->code == DMARC_FAIL && !both_were_looked_at(findings))
			continue;
		dmarc_findings_add(
			findings->dmarc, &findings->n_dmarc,
			dmarc_findings_result(evaluation, findings->spf[SPF_MAIL_FROM], findings->dkim, run->arena));
	}
	if (findings->n_dmarc > 0)
		state_result(run, findings->dmarc[0]);
}

/* ---- the part ---- */

/* Go on with each of them. Returns whether all have their result. */
static bool step_all(const struct dmarc_state *state)
{
	bool final = true;

	for (size_t i = 0; i < state->from.n; i++)
		final &= dmarc_step(state->evaluations[i]);
	return final;
}

static bool authentication_open(const struct findings *findings)
{
	return findings->spf_mail_open || findings->dkim_open;
}

static enum check_state dmarc_collect(struct check_run *run)
{
	struct dmarc_state *state = run->state;

	if (!state->headers_ended)
		return CHECK_OPEN;
	if (!state->identified && !authentication_open(run->findings))
		find_identifiers(run);
	if (!step_all(state)) {
		if (!run->closing)
			return CHECK_OPEN;
		for (size_t i = 0; i < state->from.n; i++)
			dmarc_stop(state->evaluations[i]);
	}
	check_cancel_asked(run);
	finish(run);
	return CHECK_DONE;
}

static void dmarc_may_state(const struct check_run *run, struct factset *set)
{
	const struct dmarc_state *state = run->state;
	const bool without_domain = state != NULL && state->headers_ended && state->from.n == 0;

	for (size_t fact = without_domain ? DMARC_FACT_FROM_FIRST : 0; !run->done && fact < COUNT(facts); fact++)
		check_may(run, fact, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = dmarc_start,
		.collect = dmarc_collect,
		.may_state = dmarc_may_state,
		.header = take_header,
		.headers_end = take_headers_end,
	},
};

extern const struct check check_dmarc;
const struct check check_dmarc = {
	.name = "dmarc",
	.help = "Whether SPF or DKIM speaks for the domain in From, and what that domain asks for (RFC 9989).",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = dmarc_options,
	.n_options = COUNT(dmarc_options),
	.settings_size = sizeof(struct dmarc_settings),
	.configure = dmarc_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim - which domains have signed the message, and is the author's among them (RFC 6376)?
 *
 * A message is judged by its best signature: with one that passes, what is wrong with the others is for the header
 * fields only (RFC 6376 6.1: a signature that fails is as good as none).
 */
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/strbuf.h"
#include "checks/check.h"
#include "checks/from.h"
#include "mail/suffix.h"

struct dkim_check_settings {
	int bits_min, clock_skew_s, key_cache_max;
	struct dkim_service *service; /* of the worker */
};

enum {
	DKIM_FACT_PASS_ALIGNED,
	DKIM_FACT_PASS,
	DKIM_FACT_FAIL,
	DKIM_FACT_WEAK_KEY,
	DKIM_FACT_SHA1,
	DKIM_FACT_PARTIAL,
	DKIM_FACT_EXPIRED,
	DKIM_FACT_POLICY,
	DKIM_FACT_PERMERROR,
	DKIM_FACT_TEMPERROR,
	DKIM_FACT_NEUTRAL,
	DKIM_FACT_TESTING,
	DKIM_FACT_NOT_CHECKED,
	DKIM_FACT_NONE,
};

static const struct fact facts[] = {
	[DKIM_FACT_PASS_ALIGNED] = { "pass_aligned", FACT_QUIET, 0,
	                             "a DKIM signature of the author's organisation is valid" },
	[DKIM_FACT_PASS] = { "pass", FACT_QUIET, 0, "a DKIM signature is valid, but not the author's organisation's" },
	[DKIM_FACT_FAIL] = { "fail", FACT_EVIDENCE, 500, "no DKIM signature of the message is valid" },
	[DKIM_FACT_WEAK_KEY] = { "weak_key", FACT_EVIDENCE, 500, "the key of the DKIM signature is too short" },
	[DKIM_FACT_SHA1] = { "sha1", FACT_EVIDENCE, 500, "the DKIM signature uses SHA-1, which proves nothing" },
	[DKIM_FACT_PARTIAL] = { "partial", FACT_EVIDENCE, 500,
	                        "the DKIM signature does not cover the whole message body" },
	[DKIM_FACT_EXPIRED] = { "expired", FACT_EVIDENCE, 500, "the DKIM signature has expired" },
	[DKIM_FACT_POLICY] = { "policy", FACT_EVIDENCE, 500, "the DKIM signature is not acceptable here" },
	[DKIM_FACT_PERMERROR] = { "permerror", FACT_EVIDENCE, 500,
	                          "the DKIM signature or its key record has an error" },
	[DKIM_FACT_TEMPERROR] = { "temperror", FACT_UNSURE, 0, "the key of a DKIM signature could not be looked up" },
	[DKIM_FACT_NEUTRAL] = { "neutral", FACT_QUIET, 0, "the DKIM signature could not be processed" },
	[DKIM_FACT_TESTING] = { "testing", FACT_QUIET, 0, "a DKIM signature is not valid; its domain is testing DKIM" },
	[DKIM_FACT_NOT_CHECKED] = { "not_checked", FACT_QUIET, 0,
	                            "the message has more DKIM signatures than are checked" },
	[DKIM_FACT_NONE] = { "none", FACT_QUIET, 0, "the message has no DKIM signature" },
};

#define AT(field) offsetof(struct dkim_check_settings, field)

static const struct config_row options[] = {
	{
		.name = "bits_min",
		.type = CONFIG_INT,
		.offset = AT(bits_min),
		.min = 512,
		.max = 2048,
		.fallback = "1024",
		.help = "An RSA key with fewer bits proves nothing (dkim.weak_key). RFC 8301 wants 1024 at least.",
	},
	{
		.name = "clock_skew_s",
		.type = CONFIG_INT,
		.offset = AT(clock_skew_s),
		.min = 0,
		.max = 86400,
		.fallback = "300",
		.help = "By so much a signer's clock may differ from ours where a signature says when it was made (t=) and "
			"when it expires (x=).",
	},
	{
		.name = "key_cache_max",
		.type = CONFIG_INT,
		.offset = AT(key_cache_max),
		.min = 16,
		.max = 65536,
		.fallback = "1024",
		.help = "How many decoded keys are kept, each as long as the TTL of its record.",
	},
};

static int service_open(void *settings, const struct tally *tally, struct err *err)
{
	struct dkim_check_settings *dkim = settings;
	struct dkim_settings wanted = dkim_default_settings();

	(void)tally;
	wanted.bits_min = dkim->bits_min;
	wanted.clock_skew_s = dkim->clock_skew_s;
	wanted.key_cache_max = dkim->key_cache_max;
	dkim->service = dkim_service_open(&wanted, err);
	return dkim->service != NULL ? 0 : -1;
}

static void service_close(void *settings)
{
	struct dkim_check_settings *dkim = settings;

	dkim_service_close(&dkim->service);
}

/* ---- what the results state ---- */

/* Valid, for the whole message. */
static bool is_pass(const struct dkim_result *result)
{
	return result->code == DKIM_PASS && (result->traits & DKIM_TRAIT_PARTIAL) == 0;
}

/* The first that passes, and, with `domain`, is of the same organisation. NULL: none. */
static const struct dkim_result *passing(const struct dkim_results *results, const char *domain)
{
	for (size_t i = 0; i < results->n; i++) {
		const struct dkim_result *result = &results->results[i];
		if (is_pass(result) && (domain == NULL || strcmp(result->domain, domain) == 0 ||
		                        suffix_same_organisation(result->domain, domain)))
			return result;
	}
	return NULL;
}

/* A signature that speaks for the author; where there are several authors each needs one. NULL: there is none. */
static const struct dkim_result *aligned(const struct check_run *run, const struct dkim_results *results)
{
	const struct dkim_result *result = NULL;
	struct from from;

	from_read(run->subject, &from);
	for (size_t i = 0; from.state == FROM_FINE && i < from.n; i++) {
		result = passing(results, from.domains[i]);
		if (result == NULL)
			return NULL;
	}
	return result;
}

static size_t fact_of_fault(const struct dkim_result *result)
{
	static const struct {
		enum dkim_trait trait;
		size_t fact;
	} traits[] = {
		{ DKIM_TRAIT_WEAK_KEY, DKIM_FACT_WEAK_KEY },
		{ DKIM_TRAIT_SHA1, DKIM_FACT_SHA1 },
		{ DKIM_TRAIT_EXPIRED, DKIM_FACT_EXPIRED },
		{ DKIM_TRAIT_PARTIAL, DKIM_FACT_PARTIAL },
	};

	for (size_t i = 0; i < COUNT(traits); i++) {
		if ((result->traits & traits[i].trait) != 0)
			return traits[i].fact;
	}
	if (result->code == DKIM_PERMERROR)
		return DKIM_FACT_PERMERROR;
	return result->code == DKIM_POLICY ? DKIM_FACT_POLICY : DKIM_FACT_NEUTRAL;
}

static size_t fact_of(const struct dkim_result *result)
{
	if ((result->traits & DKIM_TRAIT_NOT_CHECKED) != 0)
		return DKIM_FACT_NOT_CHECKED;
	if (result->code == DKIM_TEMPERROR)
		return DKIM_FACT_TEMPERROR;
	if (result->code == DKIM_FAIL) /* whose domain is testing is treated as if it had not signed */
		return (result->traits & DKIM_TRAIT_TESTING) != 0 ? DKIM_FACT_TESTING : DKIM_FACT_FAIL;
	return fact_of_fault(result);
}

static void state_result(struct check_run *run, size_t fact, const struct dkim_result *result)
{
	char reason[DKIM_REASON_OCTETS_MAX + 1];
	struct strbuf text;

	strbuf_open(&text, reason, sizeof(reason));
	for (const char *c = result->reason; *c != '\0'; c++) /* a double quote would become an escape */
		strbuf_add_octets(&text, *c == '"' ? "'" : c, 1);
	check_state_fact(run, fact, "%s%s%s", result->domain,
	                 result->domain[0] != '\0' && reason[0] != '\0' ? ": " : "", reason);
}

/* `with_faults`: nothing passes. What has no answer is told wherever the answer could have been better. */
static void state_others(struct check_run *run, const struct dkim_results *results, bool with_faults, bool with_unsure)
{
	for (size_t i = 0; i < results->n; i++) {
		const struct dkim_result *result = &results->results[i];
		const size_t fact = is_pass(result) ? DKIM_FACT_PASS : fact_of(result);
		const bool wanted = fact == DKIM_FACT_NOT_CHECKED ||
		                    (fact == DKIM_FACT_TEMPERROR ? with_unsure : with_faults);
		if (fact != DKIM_FACT_PASS && wanted)
			state_result(run, fact, result);
	}
	if (results->n_found > results->n)
		check_state_fact(run, DKIM_FACT_NOT_CHECKED, "%zu signatures", results->n_found);
}

static void state_results(struct check_run *run, const struct dkim_results *results)
{
	const struct dkim_result *best = aligned(run, results), *other = passing(results, NULL);

	if (best != NULL)
		check_state_fact(run, DKIM_FACT_PASS_ALIGNED, "%s", best->domain);
	else if (other != NULL)
		check_state_fact(run, DKIM_FACT_PASS, "%s", other->domain);
	state_others(run, results, other == NULL, best == NULL);
	if (results->n_found == 0)
		check_state_fact(run, DKIM_FACT_NONE, "%s", "");
}

/* ---- the part ---- */

struct dkim_state {
	struct dkim *dkim;
	bool headers_ended;
};

static enum check_state dkim_start(struct check_run *run)
{
	const struct dkim_check_settings *settings = run->settings;
	const struct dns_asker asker = check_asker(run);
	struct dkim_state *state = arena_alloc(run->arena, sizeof(*state));

	run->state = state;
	state->dkim = dkim_open(settings->service, &asker, (uint64_t)time(NULL), run->arena);
	if (run->subject->smtputf8)
		dkim_set_smtputf8(state->dkim);
	run->findings->dkim_open = true;
	return CHECK_OPEN;
}

static void take_header(struct check_run *run, const char *name, const char *value)
{
	struct dkim_state *state = run->state;

	dkim_add_field(state->dkim, name, value);
}

static void take_headers_end(struct check_run *run)
{
	struct dkim_state *state = run->state;

	dkim_headers_end(state->dkim);
	state->headers_ended = true;
}

static bool wants_body(const struct check_run *run)
{
	const struct dkim_state *state = run->state;

	return dkim_wants_body(state->dkim);
}

static void take_body(struct check_run *run, const uint8_t *octets, size_t length)
{
	struct dkim_state *state = run->state;

	dkim_add_body(state->dkim, octets, length);
}

static void take_body_end(struct check_run *run)
{
	struct dkim_state *state = run->state;

	dkim_body_end(state->dkim);
}

static enum check_state dkim_collect(struct check_run *run)
{
	struct dkim_state *state = run->state;

	if (!state->headers_ended)
		return CHECK_OPEN;
	if (!dkim_step(state->dkim)) {
		if (!run->closing)
			return CHECK_OPEN;
		dkim_stop(state->dkim);
	}
	check_cancel_asked(run);
	run->findings->dkim = dkim_get_results(state->dkim);
	run->findings->dkim_open = false;
	state_results(run, run->findings->dkim);
	return CHECK_DONE;
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = dkim_start,
		.collect = dkim_collect,
		.header = take_header,
		.headers_end = take_headers_end,
		.wants_body = wants_body,
		.body = take_body,
		.body_end = take_body_end,
	},
};

extern const struct check check_dkim;
const struct check check_dkim = {
	.name = "dkim",
	.help = "Which domains have signed the message, and whether the author's is among them (RFC 6376).",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct dkim_check_settings),
	.open = service_open,
	.close = service_close,
	.parts = parts,
	.n_parts = COUNT(parts),
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally - what is counted of sessions, messages, verdicts and facts.
 *
 * A message begins with MAIL and ends once: by a verdict on it, by a refusal of MAIL or of all its recipients, or
 * abandoned. So the ends add up to the beginnings wherever no message is open.
 */
#include <string.h>

#include "base/base.h"
#include "engine/engine_internal.h"

_Static_assert(STAGES == COUNTERS_STAGES && ACTIONS == COUNTERS_ACTIONS, "each verdict has its counter");
_Static_assert(ENGINE_CHECKS_MAX < COUNTERS_CHECKS, "each check has its histogram, and so has nobody");

void tally_message_begin(struct engine_session *session)
{
	const struct tally *tally = &session->engine->tally;

	session->counted_open = true;
	session->refused = session->deferred = false;
	counters_add(tally, COUNTER_MESSAGES, 1);
	counters_gauge(tally, GAUGE_MESSAGES, 1);
}

static void end_as(struct engine_session *session, unsigned end)
{
	const struct tally *tally = &session->engine->tally;

	if (!session->counted_open)
		return;
	session->counted_open = false;
	counters_observe(tally, HISTOGRAM_ARENA, session->quota.used_octets);
	counters_add(tally, COUNTER_MESSAGES_ENDED + end, 1);
	counters_gauge(tally, GAUGE_MESSAGES, -1);
}

void tally_message_end(struct engine_session *session, enum action action)
{
	end_as(session, (unsigned)action);
}

void tally_message_forgotten(struct engine_session *session)
{
	unsigned end = COUNTERS_END_ABANDONED;

	/* Nobody is left to whom it could go: that is our doing. A client that is deferred comes back. */
	if (session->n_recipients == 0 && (session->refused || session->deferred))
		end = session->deferred ? (unsigned)ACTION_DEFER : (unsigned)ACTION_REJECT;
	end_as(session, end);
}

/* Rules are stated by the policy: they are found when a verdict is. */
static void count_rules(const struct engine_session *session)
{
	const struct engine *engine = session->engine;
	struct factset before = { { 0 } }, with;

	evidence_facts(engine_evidence(session), &before);
	with = before;
	policy_add_rules(engine->policy, &with);
	for (size_t id = 0; id < catalogue_count(engine->catalogue); id++)
		if (factset_has(&with, (fact_id)id) && !factset_has(&before, (fact_id)id))
			counters_add_fact(&engine->tally, engine->fact_slots[id]);
}

void tally_decision(struct engine_session *session, const struct decision *decision)
{
	const struct tally *tally = &session->engine->tally;
	const unsigned row = (unsigned)session->stage * COUNTERS_ACTIONS;

	if (!decision->final || !tally->counters)
		return;
	counters_add(tally, COUNTER_VERDICTS + row + (unsigned)decision->action, 1);
	if (engine_monitors(session->engine))
		counters_add(tally, COUNTER_WOULD + row + (unsigned)decision->verdict.action, 1);
	if (strcmp(decision->decided_by, "fault") == 0)
		counters_add(tally, COUNTER_FAULTS, 1);
	count_rules(session);
	session->refused |= decision->action == ACTION_REJECT;
	session->deferred |= decision->action == ACTION_DEFER;
	if (session->stage == STAGE_EOM)
		counters_observe(tally, HISTOGRAM_DELAY, (uint64_t)session->busy_us);
	if (session->stage == STAGE_EOM || (session->stage == STAGE_MAIL && decision->action >= ACTION_DEFER))
		tally_message_end(session, decision->action);
}

/* ---- facts ---- */

static bool is_part_of_word(char octet)
{
	return octet != '\0' &&
	       strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.", octet) != NULL;
}

/* Does it stand in the text, and not as a part of something that a stranger chose, such as "timeout.example"? */
static bool has_word(const char *text, const char *word)
{
	const size_t octets = strlen(word);

	for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
		if ((at == text || !is_part_of_word(at[-1])) && !is_part_of_word(at[octets]))
			return true;
	return false;
}

static enum counters_cause cause_of(const char *detail)
{
	static const struct {
		const char *word;
		enum counters_cause cause;
	} words[] = {
		{ "timeout", COUNTERS_CAUSE_TIMEOUT }, { "servfail", COUNTERS_CAUSE_SERVFAIL },
		{ "bogus", COUNTERS_CAUSE_BOGUS },     { "limit", COUNTERS_CAUSE_LIMIT },
		{ "error", COUNTERS_CAUSE_ERROR },     { "unknown code", COUNTERS_CAUSE_UNKNOWN_CODE },
	};

	for (size_t i = 0; i < COUNT(words); i++)
		if (has_word(detail, words[i].word))
			return words[i].cause;
	return COUNTERS_CAUSE_OTHER;
}

void tally_fact(void *context, fact_id id, const char *detail)
{
	const struct engine_session *session = context;
	const struct engine *engine = session->engine;
	const struct fact_info *info = catalogue_info(engine->catalogue, id);

	if (!info || !engine->tally.counters)
		return;
	counters_add_fact(&engine->tally, engine->fact_slots[id]);
	if (info->kind == FACT_UNSURE)
		counters_add(&engine->tally, COUNTER_UNSURE + (unsigned)cause_of(detail), 1);
}

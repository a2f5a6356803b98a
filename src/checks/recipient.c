/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recipient - whom the client writes to, and how many.
 *
 * Asks nobody. What follows from a recipient is stated where that recipient is judged, and once more about the message
 * when its recipients are complete: a message to a trap is the same message for all whom it was sent to.
 */
#include "base/base.h"
#include "checks/check.h"
#include "checks/patterns.h"

#define RECIPIENT_TRAPS_MAX 4096
#define RECIPIENT_COUNT_MAX 100000

struct recipient_settings {
	int many;
	int unknown_max;
	struct config_array traps; /* patterns */
};

enum {
	RECIPIENT_TRAP,
	RECIPIENT_HARVESTING,
	RECIPIENT_UNKNOWN,
	RECIPIENT_MANY,
	RECIPIENT_NULL_SENDER,
};

static const struct fact facts[] = {
	/* Nobody is told which address it was. */
	[RECIPIENT_TRAP] = { "trap", FACT_EVIDENCE, 5000,
	                     "the message is addressed to somebody who never asked for mail" },
	[RECIPIENT_HARVESTING] = { "harvesting", FACT_EVIDENCE, 3000,
	                           "most recipients that the client asked for are unknown here" },
	[RECIPIENT_UNKNOWN] = { "unknown", FACT_QUIET, 0, "a recipient that the client asked for is unknown here" },
	[RECIPIENT_MANY] = { "many", FACT_EVIDENCE, 1000, "the message has too many recipients" },
	[RECIPIENT_NULL_SENDER] = { "null_sender", FACT_EVIDENCE, 2000,
	                            "the message has no sender, and several recipients" },
};

#define AT(field) offsetof(struct recipient_settings, field)

static const struct config_row options[] = {
	{
		.name = "many",
		.type = CONFIG_INT,
		.offset = AT(many),
		.min = 1,
		.max = RECIPIENT_COUNT_MAX,
		.fallback = "100",
		.help = "A message with more recipients than this gets recipient.many. RFC 5321 4.5.3.1.8: every server takes "
			"100 at least.",
	},
	{
		.name = "unknown_max",
		.type = CONFIG_INT,
		.offset = AT(unknown_max),
		.min = 0,
		.max = RECIPIENT_COUNT_MAX,
		.fallback = "4",
		.help = "A client that asked for more recipients than this whom the MTA does not know, and for more of them "
			"than it knows, gets recipient.harvesting.",
	},
	{
		.name = "traps",
		.type = CONFIG_STRINGS,
		.offset = AT(traps),
		.max = RECIPIENT_TRAPS_MAX,
		.fallback = "[ ]",
		.help = "Addresses that no person uses and nobody was ever told: \"user@example.org\", \"user@\" (in any "
			"domain), \"example.org\", \".example.org\". The MTA must accept them.",
	},
};

static int recipient_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct recipient_settings *recipient = settings;

	(void)catalogue;
	return patterns_check_addresses(&recipient->traps, config, err);
}

/* Few are lost in every list of addresses; who guesses misses more often than not. */
static bool is_harvesting(const struct check_run *run)
{
	const struct recipient_settings *settings = run->settings;
	const struct subject *subject = run->subject;

	return subject->rcpt_unknown > (unsigned)settings->unknown_max && subject->rcpt_unknown > subject->rcpt_known;
}

static void state_recipients(struct check_run *run)
{
	const struct recipient_settings *settings = run->settings;
	const struct subject *subject = run->subject;

	if (run->findings->trap != NULL)
		check_state_fact(run, RECIPIENT_TRAP, "%s", run->findings->trap);
	if (is_harvesting(run))
		check_state_fact(run, RECIPIENT_HARVESTING, "%u unknown, %u known", subject->rcpt_unknown,
		                 subject->rcpt_known);
	if (subject->rcpt_unknown > 0)
		check_state_fact(run, RECIPIENT_UNKNOWN, "%u", subject->rcpt_unknown);
	if (subject->n_rcpt > (unsigned)settings->many)
		check_state_fact(run, RECIPIENT_MANY, "%u", subject->n_rcpt);
	if (subject->mail_from.null && subject->n_rcpt > 1)
		check_state_fact(run, RECIPIENT_NULL_SENDER, "%u", subject->n_rcpt);
}

static enum check_state rcpt_start(struct check_run *run)
{
	const struct recipient_settings *settings = run->settings;
	const char *trap = patterns_match(&settings->traps, &run->subject->rcpt);

	if (trap != NULL && run->findings->trap == NULL)
		run->findings->trap = trap;
	state_recipients(run);
	return CHECK_DONE;
}

static enum check_state headers_start(struct check_run *run)
{
	state_recipients(run);
	return CHECK_DONE;
}

static void recipient_may_state(const struct check_run *run, struct factset *set)
{
	const struct recipient_settings *settings = run->settings;

	if (run->done)
		return;
	if (settings->traps.n > 0)
		check_may(run, RECIPIENT_TRAP, set);
	check_may(run, RECIPIENT_HARVESTING, set);
	check_may(run, RECIPIENT_UNKNOWN, set);
	check_may(run, RECIPIENT_MANY, set);
	if (run->stage < STAGE_MAIL || run->subject->mail_from.null)
		check_may(run, RECIPIENT_NULL_SENDER, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_RCPT,
		.needed_by = STAGE_RCPT,
		.start = rcpt_start,
		.may_state = recipient_may_state,
	},
	{
		.starts_at = STAGE_HEADERS,
		.needed_by = STAGE_EOM,
		.start = headers_start,
		.may_state = recipient_may_state,
	},
};

extern const struct check check_recipient;
const struct check check_recipient = {
	.name = "recipient",
	.help = "Whom the client writes to, how many they are, and how many of them do not exist.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct recipient_settings),
	.configure = recipient_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

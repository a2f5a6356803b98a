/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exempt - who is not judged at all: our own networks, authenticated clients, and what the administrator names.
 *
 * Asks nobody: every part is done when it has started.
 */
#include <string.h>

#include "base/base.h"
#include "checks/check.h"

#define EXEMPT_NETWORKS_MAX   1024
#define EXEMPT_SENDERS_MAX    1024
#define EXEMPT_RECIPIENTS_MAX 256

struct exempt_settings {
	struct config_array networks;   /* struct net */
	struct config_array senders;    /* patterns of address_matches() */
	struct config_array recipients; /* the same */
	bool authenticated;
};

enum { EXEMPT_NETWORK, EXEMPT_LOCAL, EXEMPT_AUTHENTICATED, EXEMPT_SENDER, EXEMPT_RECIPIENT };

static const struct fact facts[] = {
	[EXEMPT_NETWORK] = { "network", FACT_EXEMPT, 0, "the client is in a network that is exempt" },
	[EXEMPT_LOCAL] = { "local", FACT_EXEMPT, 0, "the message was submitted on this machine" },
	[EXEMPT_AUTHENTICATED] = { "authenticated", FACT_EXEMPT, 0, "the client has authenticated itself" },
	[EXEMPT_SENDER] = { "sender", FACT_EXEMPT, 0, "the sender is exempt" },
	[EXEMPT_RECIPIENT] = { "recipient", FACT_EXEMPT, 0, "the recipient accepts everything" },
};

#define AT(field) offsetof(struct exempt_settings, field)

static const struct config_row options[] = {
	{
		.name = "networks",
		.type = CONFIG_NETWORKS,
		.offset = AT(networks),
		.max = EXEMPT_NETWORKS_MAX,
		.fallback = "[ \"127.0.0.0/8\", \"::1\" ]",
		.help = "Clients in these networks are not judged. The machine itself by default; add your own networks.",
	},
	{
		.name = "authenticated",
		.type = CONFIG_BOOL,
		.offset = AT(authenticated),
		.fallback = "true",
		.help = "Clients that have authenticated themselves (SMTP AUTH) are not judged.",
	},
	{
		.name = "senders",
		.type = CONFIG_STRINGS,
		.offset = AT(senders),
		.max = EXEMPT_SENDERS_MAX,
		.fallback = "[ ]",
		.help = "Senders (MAIL FROM) that are not judged: \"user@example.org\", \"user@\" (in any domain), "
			"\"example.org\", \".example.org\" (every domain below it). Anyone can forge a sender: prefer "
			"networks.",
	},
	{
		.name = "recipients",
		.type = CONFIG_STRINGS,
		.offset = AT(recipients),
		.max = EXEMPT_RECIPIENTS_MAX,
		.fallback = "[ \"postmaster@\", \"abuse@\" ]",
		.help = "Recipients that accept everything, so that people who are refused can reach somebody; patterns as in "
			"senders. \"postmaster@\" includes the bare postmaster.",
	},
};

static bool is_pattern_octet(char octet)
{
	/* 8-bit: internationalised addresses (RFC 6531) */
	return (octet & 0x80) != 0 || (octet > ' ' && octet < 0x7f && strchr("*?<>()[]\\,;:\"", octet) == NULL);
}

/* What address_matches() can ever match, so that "*@example.org" does not stand there without effect. */
static bool is_pattern(const char *pattern)
{
	const char *at = strchr(pattern, '@');

	for (const char *octet = pattern; *octet != '\0'; octet++) {
		if (!is_pattern_octet(*octet))
			return false;
	}
	if (at == NULL)
		return pattern[0] == '.' ? pattern[1] != '\0' : pattern[0] != '\0';
	return strlen(pattern) > 1 && strchr(at + 1, '@') == NULL;
}

static int check_patterns(const struct config_array *patterns, const struct config *config, struct err *err)
{
	const char *const *items = patterns->items;

	for (size_t i = 0; i < patterns->n; i++) {
		if (!is_pattern(items[i]))
			return config_fault(
				config, &items[i], err,
				"must be \"user@example.org\", \"user@\" (in any domain), \"example.org\" or "
				"\".example.org\" (any domain below it); there are no wildcards");
	}
	return 0;
}

static int exempt_configure(void *settings, struct catalogue *catalogue, struct config *config, struct err *err)
{
	const struct exempt_settings *exempt = settings;

	(void)catalogue;
	if (check_patterns(&exempt->senders, config, err) != 0)
		return -1;
	return check_patterns(&exempt->recipients, config, err);
}

static enum check_state connect_start(struct check_run *run)
{
	const struct exempt_settings *settings = run->settings;
	const struct net *networks = settings->networks.items;
	const struct ip *client = &run->subject->client_ip;
	char text[NET_TEXT_MAX];

	if (client->family == 0)
		check_state_fact(run, EXEMPT_LOCAL, "%s", "");
	for (size_t i = 0; i < settings->networks.n; i++) {
		if (net_contains(&networks[i], client)) {
			check_state_fact(run, EXEMPT_NETWORK, "%s", net_format(&networks[i], text));
			break;
		}
	}
	return CHECK_DONE;
}

static void connect_may_state(const struct check_run *run, struct factset *set)
{
	const struct exempt_settings *settings = run->settings;

	if (run->done)
		return;
	check_may(run, EXEMPT_LOCAL, set);
	if (settings->networks.n > 0)
		check_may(run, EXEMPT_NETWORK, set);
}

static const char *matching_pattern(const struct config_array *patterns, const struct address *address)
{
	const char *const *items = patterns->items;

	for (size_t i = 0; i < patterns->n; i++) {
		if (address_matches(address, items[i]))
			return items[i];
	}
	return NULL;
}

static enum check_state mail_start(struct check_run *run)
{
	const struct exempt_settings *settings = run->settings;
	const struct subject *subject = run->subject;
	const char *pattern = NULL;

	if (settings->authenticated && subject->auth_user != NULL && subject->auth_user[0] != '\0')
		check_state_fact(run, EXEMPT_AUTHENTICATED, "%s", subject->auth_user);
	if (subject->mail_from.valid && !subject->mail_from.null)
		pattern = matching_pattern(&settings->senders, &subject->mail_from);
	if (pattern != NULL)
		check_state_fact(run, EXEMPT_SENDER, "%s", pattern);
	return CHECK_DONE;
}

static void mail_may_state(const struct check_run *run, struct factset *set)
{
	const struct exempt_settings *settings = run->settings;

	if (run->done)
		return;
	if (settings->authenticated)
		check_may(run, EXEMPT_AUTHENTICATED, set);
	if (settings->senders.n > 0)
		check_may(run, EXEMPT_SENDER, set);
}

static enum check_state rcpt_start(struct check_run *run)
{
	const struct exempt_settings *settings = run->settings;
	const struct address *rcpt = &run->subject->rcpt;
	const char *pattern;

	if (rcpt->text == NULL || !rcpt->valid)
		return CHECK_DONE;
	pattern = matching_pattern(&settings->recipients, rcpt);
	if (pattern != NULL)
		check_state_fact(run, EXEMPT_RECIPIENT, "%s", pattern);
	return CHECK_DONE;
}

static void rcpt_may_state(const struct check_run *run, struct factset *set)
{
	const struct exempt_settings *settings = run->settings;

	if (!run->done && settings->recipients.n > 0)
		check_may(run, EXEMPT_RECIPIENT, set);
}

static const struct check_part parts[] = {
	{
		.starts_at = STAGE_CONNECT,
		.needed_by = STAGE_CONNECT,
		.start = connect_start,
		.may_state = connect_may_state,
	},
	{
		.starts_at = STAGE_MAIL,
		.needed_by = STAGE_MAIL,
		.start = mail_start,
		.may_state = mail_may_state,
	},
	{
		.starts_at = STAGE_RCPT,
		.needed_by = STAGE_RCPT,
		.start = rcpt_start,
		.may_state = rcpt_may_state,
	},
};

extern const struct check check_exempt;
const struct check check_exempt = {
	.name = "exempt",
	.help = "Mail that is not judged: it is accepted whatever else is found.",
	.facts = facts,
	.n_facts = COUNT(facts),
	.options = options,
	.n_options = COUNT(options),
	.settings_size = sizeof(struct exempt_settings),
	.configure = exempt_configure,
	.parts = parts,
	.n_parts = COUNT(parts),
};

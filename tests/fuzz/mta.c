/* SPDX-License-Identifier: BSD-2-Clause */
#include "mta.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/ip.h"
#include "engine/engine_internal.h"
#include "fuzz.h"
#include "milter/milter.h"
#include "mta_internal.h"
#include "world.h"

/* As an MTA finds a field: white space before the colon is no part of its name. */
static size_t name_octets(const char *name)
{
	return strcspn(name, " \t:");
}

struct field_count *mta_count(struct smfi_str *mta, const char *name)
{
	const size_t octets = name_octets(name);

	for (size_t i = 0; i < mta->n_names; i++)
		if (strlen(mta->names[i].name) == octets && strncasecmp(mta->names[i].name, name, octets) == 0)
			return &mta->names[i];
	return NULL;
}

struct smfi_str *mta_open(void)
{
	return memory_new(sizeof(struct smfi_str));
}

void mta_register(const struct milter_start *start)
{
	struct err err = { "" };

	FUZZ_CHECK(milter_open(start, &err) == 0);
}

void mta_set_monitor(struct smfi_str *mta, bool monitor)
{
	mta->monitor = monitor;
}

void mta_set_failing(struct smfi_str *mta, bool fails)
{
	mta->fails = fails;
}

void mta_set_macro(struct smfi_str *mta, const char *name, const char *value)
{
	struct macro *macro = NULL;

	for (size_t i = 0; i < MTA_MACROS_MAX; i++) {
		if (mta->macros[i].value && strcmp(mta->macros[i].name, name) == 0) {
			macro = &mta->macros[i];
			break;
		}
		if (!mta->macros[i].value && !macro)
			macro = &mta->macros[i];
	}
	if (!macro)
		return;
	free(macro->value);
	snprintf(macro->name, sizeof(macro->name), "%s", name);
	macro->value = value ? memory_strdup(value) : NULL;
}

/* A refusal has its one reply and its one line in the log; nothing else has a reply. */
static void check_answer(const struct smfi_str *mta, sfsistat result)
{
	const bool refused = result == SMFIS_REJECT || result == SMFIS_TEMPFAIL;

	FUZZ_CHECK(refused || result == SMFIS_CONTINUE);
	FUZZ_CHECK(mta->n_replies == (refused ? 1 : 0));
	if (refused) {
		/* A user of our own who has logged in is never refused. */
		FUZZ_CHECK(!mta->authenticated);
		FUZZ_CHECK(mta->class == (result == SMFIS_REJECT ? '5' : '4'));
		FUZZ_CHECK(!mta->monitor && world_verdicts() == 1);
	}
	FUZZ_CHECK(world_verdicts() <= 1);
}

/* The first member of what callbacks.c keeps for a session. */
static void check_memory(const struct smfi_str *mta)
{
	struct engine_session *const *session = mta->priv;

	if (session)
		FUZZ_CHECK(engine_session_octets(*session) <= ENGINE_SESSION_OCTETS_MAX + (1u << 20));
}

static void begin_callback(struct smfi_str *mta)
{
	mta->n_replies = mta->n_holds = 0;
	world_stage();
}

/* Headers and body decide nothing. */
static void check_silent(const struct smfi_str *mta)
{
	FUZZ_CHECK(mta->n_replies == 0 && world_verdicts() == 0);
	check_memory(mta);
}

void mta_negotiate(struct smfi_str *mta, unsigned long actions, unsigned long protocol)
{
	unsigned long reserved = 0, ignored = 0;

	if (mta->priv)
		return;
	mta->filter = mta_filter();
	begin_callback(mta);
	FUZZ_CHECK(mta->filter.xxfi_negotiate(mta, actions, protocol, 0, 0, &mta->actions, &mta->protocol, &reserved,
	                                      &ignored) == SMFIS_CONTINUE);
	FUZZ_CHECK((mta->actions & ~actions) == 0 && (mta->protocol & ~protocol) == 0);
	mta->state = NEGOTIATED;
}

static void forget_message(struct smfi_str *mta)
{
	for (size_t i = 0; i < mta->n_names; i++)
		free(mta->names[i].name);
	memset(mta->names, 0, sizeof(mta->names));
	mta->n_names = 0;
	mta->n_accepted = 0;
	mta->counted_all = true;
	mta->skipped = false;
}

void mta_abort(struct smfi_str *mta)
{
	if (mta->state < IN_MAIL)
		return;
	begin_callback(mta);
	FUZZ_CHECK(mta->filter.xxfi_abort(mta) == SMFIS_CONTINUE);
	check_silent(mta);
	mta->state = CONNECTED;
	forget_message(mta);
}

void mta_connect(struct smfi_str *mta, char *hostname, const char *address)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	struct sockaddr_in *four = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;
	struct ip ip = { .family = 0 };

	if (mta->state != NEGOTIATED)
		return;
	if (ip_parse(&ip, address) && ip.family == 4) {
		four->sin_family = AF_INET;
		memcpy(&four->sin_addr, ip.octets, 4);
	} else if (ip.family == 6) {
		six->sin6_family = AF_INET6;
		memcpy(&six->sin6_addr, ip.octets, 16);
	}
	begin_callback(mta);
	check_answer(mta, mta->filter.xxfi_connect(mta, hostname, ip.family ? (_SOCK_ADDR *)&storage : NULL));
	check_memory(mta);
	mta->state = CONNECTED;
	forget_message(mta);
}

void mta_helo(struct smfi_str *mta, char *helo)
{
	mta_abort(mta);
	if (mta->state != CONNECTED)
		return;
	begin_callback(mta);
	mta->authenticated = false;
	check_answer(mta, mta->filter.xxfi_helo(mta, helo));
	check_memory(mta);
}

void mta_mail(struct smfi_str *mta, char **arguments)
{
	mta_abort(mta);
	if (mta->state != CONNECTED)
		return;
	begin_callback(mta);
	const char *user = smfi_getsymval(mta, (char[]){ "{auth_authen}" });
	mta->authenticated = user && *user;
	const sfsistat result = mta->filter.xxfi_envfrom(mta, arguments);
	check_answer(mta, result);
	check_memory(mta);
	if (result == SMFIS_CONTINUE)
		mta->state = IN_MAIL;
	forget_message(mta);
}

void mta_rcpt(struct smfi_str *mta, char **arguments)
{
	const char *mailer = smfi_getsymval(mta, (char[]){ "{rcpt_mailer}" });

	if (mta->state != IN_MAIL && mta->state != IN_RCPT)
		return;
	begin_callback(mta);
	const sfsistat result = mta->filter.xxfi_envrcpt(mta, arguments);
	check_answer(mta, result);
	check_memory(mta);
	mta->state = IN_RCPT;
	mta->n_accepted += result == SMFIS_CONTINUE && !(mailer && strcmp(mailer, "error") == 0);
}

/* The message follows only where a recipient is left. */
static bool has_recipients(const struct smfi_str *mta)
{
	return mta->state >= IN_RCPT && mta->n_accepted > 0;
}

static void count_field(struct smfi_str *mta, const char *name)
{
	struct field_count *count = mta_count(mta, name);

	if (!count && mta->n_names < MTA_NAMES_MAX) {
		count = &mta->names[mta->n_names++];
		count->name = memory_strdup(name);
		count->name[name_octets(name)] = '\0';
	}
	if (count)
		count->seen++;
	else
		mta->counted_all = false;
}

void mta_header(struct smfi_str *mta, char *name, char *value)
{
	if (!has_recipients(mta) || mta->state > IN_HEADER)
		return;
	count_field(mta, name);
	begin_callback(mta);
	const sfsistat result = mta->filter.xxfi_header(mta, name, value);
	FUZZ_CHECK(result == (mta->protocol & SMFIP_NR_HDR ? SMFIS_NOREPLY : SMFIS_CONTINUE));
	check_silent(mta);
	mta->state = IN_HEADER;
}

void mta_end_of_headers(struct smfi_str *mta)
{
	if (!has_recipients(mta) || mta->state > IN_HEADER)
		return;
	begin_callback(mta);
	const sfsistat result = mta->filter.xxfi_eoh(mta);
	FUZZ_CHECK(result == (mta->protocol & SMFIP_NR_EOH ? SMFIS_NOREPLY : SMFIS_CONTINUE));
	check_silent(mta);
	mta->state = IN_BODY;
}

void mta_body(struct smfi_str *mta, const uint8_t *octets, size_t length)
{
	mta_end_of_headers(mta);
	if (!has_recipients(mta) || mta->skipped)
		return;
	uint8_t *copy = fuzz_copy(octets, length);
	begin_callback(mta);
	const sfsistat result = mta->filter.xxfi_body(mta, copy, length);
	free(copy);
	if (mta->protocol & SMFIP_NR_BODY)
		FUZZ_CHECK(result == SMFIS_NOREPLY);
	else
		FUZZ_CHECK(result == SMFIS_CONTINUE || (result == SMFIS_SKIP && (mta->protocol & SMFIP_SKIP)));
	mta->skipped = result == SMFIS_SKIP;
	check_silent(mta);
}

/* What only we may say is gone from a message that is delivered. */
static void check_removed(struct smfi_str *mta)
{
	const struct field_count *flag = mta_count(mta, "X-Spam-Flag");

	if (flag && mta->counted_all && (mta->actions & SMFIF_CHGHDRS) && !mta->monitor)
		FUZZ_CHECK(flag->removed == flag->seen);
	if (mta->monitor)
		for (size_t i = 0; i < mta->n_names; i++)
			FUZZ_CHECK(mta->names[i].removed == 0);
}

void mta_end_of_message(struct smfi_str *mta)
{
	mta_end_of_headers(mta);
	if (!has_recipients(mta))
		return;
	begin_callback(mta);
	mta->in_end_of_message = true;
	const sfsistat result = mta->filter.xxfi_eom(mta);
	mta->in_end_of_message = false;
	check_answer(mta, result);
	FUZZ_CHECK(world_verdicts() == 1);
	if (result == SMFIS_CONTINUE)
		check_removed(mta);
	check_memory(mta);
	mta->state = CONNECTED;
	forget_message(mta);
}

void mta_quit(struct smfi_str *mta)
{
	if (!mta->priv)
		return;
	mta_abort(mta);
	begin_callback(mta);
	FUZZ_CHECK(mta->filter.xxfi_close(mta) == SMFIS_CONTINUE);
	FUZZ_CHECK(mta->n_replies == 0 && world_verdicts() == 0 && mta->priv == NULL);
	mta->state = NEGOTIATED;
}

void mta_close(struct smfi_str **mta)
{
	mta_quit(*mta);
	forget_message(*mta);
	for (size_t i = 0; i < MTA_MACROS_MAX; i++)
		free((*mta)->macros[i].value);
	free(*mta);
	*mta = NULL;
}

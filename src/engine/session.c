/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - one SMTP session under inquiry: the stages in the order in which they come, and what is remembered between
 * them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "engine/engine_internal.h"

/* Digits that cannot be misread over a telephone. */
static const char sid_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* A new identifier for every message: the engine's start time and a random part, then a counter. */
static void sid_new(struct engine_session *session)
{
	struct engine *engine = session->engine;
	uint64_t value = engine->sid_base + atomic_fetch_add(&engine->sid_counter, 1);

	for (int i = 12; i >= 0; i--, value >>= 5)
		session->subject.sid[i] = sid_digits[value & 31];
	session->subject.sid[13] = '\0';
}

struct engine_session *engine_session_open(struct engine *engine, const struct engine_hooks *hooks)
{
	struct engine_session *session = memory_new(sizeof(*session));

	session->engine = engine;
	if (hooks)
		session->hooks = *hooks;
	session->quota.max_octets = ENGINE_SESSION_OCTETS_MAX;
	for (int kind = 0; kind < SCOPES; kind++) {
		arena_open(&session->scopes[kind].arena, &session->quota);
		evidence_open(&session->scopes[kind].evidence, kind ? &session->scopes[kind - 1].evidence : NULL);
	}
	sid_new(session);
	return session;
}

void engine_session_close(struct engine_session **session)
{
	if (!*session)
		return;
	tally_message_forgotten(*session);
	runs_reset_scopes(*session, SCOPE_CONNECTION);
	free(*session);
	*session = NULL;
}

/* Microseconds of the monotonic clock: the time that the sender waits for us is often below a millisecond. */
static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static char *keep(struct arena *arena, const char *text)
{
	return text ? arena_copy(arena, text, strnlen(text, SUBJECT_NAME_OCTETS_MAX)) : NULL;
}

static void forget_message(struct engine_session *session)
{
	struct subject *subject = &session->subject;

	tally_message_forgotten(session);
	runs_reset_scopes(session, SCOPE_MESSAGE);
	subject->auth_user = subject->auth_type = subject->queue_id = NULL;
	subject->mail_from = subject->rcpt = (struct address){ 0 };
	subject->smtputf8 = false;
	subject->declared_octets = 0;
	memset(subject->from, 0, sizeof(subject->from));
	subject->n_from = 0;
	subject->n_rcpt = 0;
	session->recipients = session->last_recipient = NULL;
	session->n_recipients = 0;
	session->unkept_facts = false;
	session->rcpt_deadline = 0;
	session->in_message = session->in_headers = session->headers_done = false;
	runs_rest(session);
}

const struct decision *engine_connect(struct engine_session *session, const struct engine_client *client)
{
	const int64_t began = now_us();
	struct arena *arena = &session->scopes[SCOPE_CONNECTION].arena;
	struct subject *subject = &session->subject;

	runs_reset_scopes(session, SCOPE_CONNECTION);
	session->stage = STAGE_CONNECT;
	subject->client_ip = client->ip;
	subject->client_port = client->port;
	subject->client_name = keep(arena, client->name);
	subject->client_ptr = keep(arena, client->ptr);
	subject->client_resolve = keep(arena, client->resolve);
	subject->daemon_name = keep(arena, client->daemon_name);
	if (!client->daemon_addr || !ip_parse(&subject->daemon_ip, client->daemon_addr))
		subject->daemon_ip = (struct ip){ 0 };
	subject->rcpt_known = subject->rcpt_unknown = 0;
	subject->mta_name = keep(arena, client->mta_name);
	subject->mta_version = keep(arena, client->mta_version);
	runs_start(session, STAGE_CONNECT);
	const struct decision *decision = decide_early(session);
	session->busy_us += now_us() - began;
	tally_decision(session, decision);
	return decision;
}

const struct decision *engine_helo(struct engine_session *session, const char *helo, const char *tls_version)
{
	const int64_t began = now_us();
	struct arena *arena = &session->scopes[SCOPE_HELO].arena;

	forget_message(session);
	runs_reset_scopes(session, SCOPE_HELO);
	session->stage = STAGE_HELO;
	session->subject.helo = keep(arena, helo);
	session->subject.tls_version = keep(arena, tls_version);
	runs_start(session, STAGE_HELO);
	const struct decision *decision = decide_early(session);
	session->busy_us += now_us() - began;
	tally_decision(session, decision);
	return decision;
}

const struct decision *engine_mail(struct engine_session *session, const char *argument, const char *auth_user,
                                   const char *auth_type, const char *queue_id)
{
	const int64_t began = now_us();
	struct arena *arena = &session->scopes[SCOPE_MESSAGE].arena;
	struct subject *subject = &session->subject;

	forget_message(session);
	sid_new(session);
	session->stage = STAGE_MAIL;
	session->in_message = true;
	tally_message_begin(session);
	subject->auth_user = keep(arena, auth_user);
	subject->auth_type = keep(arena, auth_type);
	subject->queue_id = keep(arena, queue_id);
	address_parse(&subject->mail_from, argument, arena);
	runs_start(session, STAGE_MAIL);
	const struct decision *decision = decide_early(session);
	session->busy_us += now_us() - began;
	tally_decision(session, decision);
	return decision;
}

/* RFC 1870: "SIZE=" and up to 20 digits; what is none says nothing. */
static uint64_t declared_octets(const char *argument)
{
	char *end;

	if (strncasecmp(argument, "SIZE=", 5) != 0 || argument[5] < '0' || argument[5] > '9')
		return 0;
	const uint64_t octets = strtoull(argument + 5, &end, 10); /* ULLONG_MAX for what is too large */
	return *end == '\0' ? octets : 0;
}

void engine_mail_options(struct engine_session *session, char *const *arguments)
{
	struct subject *subject = &session->subject;

	for (; *arguments; arguments++) {
		const uint64_t octets = declared_octets(*arguments);
		subject->smtputf8 |= strcasecmp(*arguments, "SMTPUTF8") == 0;
		if (octets > 0)
			subject->declared_octets = octets;
	}
}

/* Remember an accepted recipient, with what was stated about it alone, for the decision at end of message. */
static void keep_recipient(struct engine_session *session)
{
	struct arena *arena = &session->scopes[SCOPE_MESSAGE].arena;
	const struct evidence *evidence = &session->scopes[SCOPE_RECIPIENT].evidence;

	if (session->n_recipients++ >= ENGINE_RECIPIENTS_MAX) {
		session->unkept_facts |= evidence->first != NULL;
		return;
	}
	struct recipient *recipient = arena_alloc(arena, sizeof(*recipient));
	recipient->address = arena_strdup(arena, session->subject.rcpt.text);
	struct evidence_item **link = &recipient->facts;
	for (const struct evidence_item *item = evidence->first; item; item = item->next) {
		*link = evidence_item_copy(item, arena);
		link = &(*link)->next;
	}
	if (session->last_recipient)
		session->last_recipient->next = recipient;
	else
		session->recipients = recipient;
	session->last_recipient = recipient;
}

const struct decision *engine_rcpt(struct engine_session *session, const char *argument, const char *queue_id)
{
	const int64_t began = now_us();

	runs_reset_scopes(session, SCOPE_RECIPIENT);
	session->stage = STAGE_RCPT;
	if (queue_id && !session->subject.queue_id)
		session->subject.queue_id = keep(&session->scopes[SCOPE_MESSAGE].arena, queue_id);
	address_parse(&session->subject.rcpt, argument, &session->scopes[SCOPE_RECIPIENT].arena);
	session->subject.n_rcpt++;
	session->subject.rcpt_known++;
	runs_start(session, STAGE_RCPT);
	const struct decision *decision = decide_recipient(session);
	if (decision->action < ACTION_DEFER)
		keep_recipient(session);
	session->busy_us += now_us() - began;
	tally_decision(session, decision);
	return decision;
}

/* Is it the recipient's address that is wrong (RFC 3463 3.2)? Not a sender's, and no missing right to relay. */
static bool is_unknown_recipient(const char *dsn)
{
	static const char *const details[] = { ".1.0", ".1.1", ".1.3", ".1.6", ".1.10" };

	if (!dsn || (dsn[0] != '4' && dsn[0] != '5'))
		return false;
	for (size_t i = 0; i < COUNT(details); i++)
		if (strcmp(dsn + 1, details[i]) == 0)
			return true;
	return false;
}

void engine_rcpt_refused(struct engine_session *session, const char *dsn)
{
	session->subject.rcpt_unknown += is_unknown_recipient(dsn);
}

/* The recipient's scope ends; the address lives there. */
static void forget_recipient(struct engine_session *session)
{
	session->subject.rcpt = (struct address){ 0 };
	runs_reset_scopes(session, SCOPE_RECIPIENT);
}

/* The message itself begins: with its first field, or where there is none with the end of the headers. */
static void headers_begin(struct engine_session *session)
{
	if (session->in_headers)
		return;
	session->in_headers = true;
	forget_recipient(session);
	session->stage = STAGE_HEADERS;
	runs_start(session, STAGE_HEADERS);
}

/* Several checks ask who the author is. */
static void read_from(struct engine_session *session, const char *value)
{
	struct arena *arena = &session->scopes[SCOPE_MESSAGE].arena;
	struct subject *subject = &session->subject;
	struct author *author;

	if (subject->n_from++ >= SUBJECT_FROM_MAX || arena_full(arena))
		return;
	author = arena_alloc(arena, sizeof(*author));
	author_parse(author, value, arena);
	subject->from[subject->n_from - 1] = author;
}

static bool is_field(const char *name, const char *wanted)
{
	const size_t octets = strlen(wanted);

	/* The obsolete form has white space before the colon (RFC 5322 4.5). */
	return strncasecmp(name, wanted, octets) == 0 && name[octets + strspn(name + octets, " \t")] == '\0';
}

void engine_header(struct engine_session *session, const char *name, const char *value)
{
	const int64_t began = now_us();

	headers_begin(session);
	if (is_field(name, "From"))
		read_from(session, value);
	runs_header(session, name, value);
	session->busy_us += now_us() - began;
}

static void headers_end(struct engine_session *session)
{
	if (session->headers_done)
		return;
	headers_begin(session);
	session->headers_done = true;
	runs_headers_end(session);
	runs_collect(session, false);
}

void engine_headers(struct engine_session *session)
{
	const int64_t began = now_us();

	headers_end(session);
	session->busy_us += now_us() - began;
}

bool engine_body(struct engine_session *session, const uint8_t *octets, size_t length)
{
	const int64_t began = now_us();

	headers_end(session);
	const bool wanted = runs_body(session, octets, length);
	session->busy_us += now_us() - began;
	return wanted;
}

const struct decision *engine_eom(struct engine_session *session, const char *queue_id)
{
	const int64_t began = now_us();

	headers_end(session);
	runs_body_end(session);
	session->stage = STAGE_EOM;
	if (queue_id && !session->subject.queue_id)
		session->subject.queue_id = keep(&session->scopes[SCOPE_MESSAGE].arena, queue_id);
	runs_start(session, STAGE_EOM);
	const struct decision *decision = decide_message(session);
	session->busy_us += now_us() - began;
	tally_decision(session, decision);
	return decision;
}

void engine_message_end(struct engine_session *session)
{
	forget_message(session);
	session->busy_us = 0;
}

struct arena *engine_message_arena(struct engine_session *session)
{
	return &session->scopes[SCOPE_MESSAGE].arena;
}

const struct subject *engine_subject(const struct engine_session *session)
{
	return &session->subject;
}

const struct evidence *engine_evidence(const struct engine_session *session)
{
	return &session->scopes[SCOPE_RECIPIENT].evidence;
}

const struct findings *engine_findings(const struct engine_session *session)
{
	return &session->findings;
}

size_t engine_session_octets(const struct engine_session *session)
{
	return sizeof(*session) + session->quota.used_octets;
}

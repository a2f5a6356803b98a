/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callbacks - libmilter's callbacks: they translate, nothing more.
 */
#include <libmilter/mfapi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/log.h"
#include "milter/listen.h"
#include "milter/milter.h"
#include "milter/words.h"

#define FILTER_NAME       "mailreeve"
#define LIBMILTER_BACKLOG 1024
/* The protocol's largest; libmilter takes 64 KB unless told, and breaks a session off over one longer header field. */
#define PACKET_OCTETS_MAX ((1 << 20) - 1)

/*
 * Early stages must come early: no NR_CONN, NR_HELO, NR_MAIL, NR_RCPT, with which Postfix keeps them back until DATA.
 * Nothing can be refused at header, end of headers and body; DATA and unknown commands tell nothing. Who has promised
 * no reply to the body (NR_BODY) may not even SKIP it: the MTA waits once less for each message, and a long one that
 * nobody wants is read to its end.
 */
#define UNWANTED        (SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY | SMFIP_NODATA | SMFIP_NOUNKNOWN)
#define WANTED_PROTOCOL (SMFIP_HDR_LEADSPC | SMFIP_RCPT_REJ | UNWANTED)
#define WANTED_ACTIONS  (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE)

struct milter {
	struct milter_start start;
	struct listen *listen;
	atomic_uint sessions;
	atomic_ulong actions;  /* SMFIF_* of the last negotiation, for sessions without one of their own (XCLIENT) */
	atomic_ulong protocol; /* SMFIP_* likewise */
};

/* libmilter passes no context at negotiation, and cannot run twice in a process. */
static struct milter the_milter;

struct milter_session {
	struct engine_session *engine;
	struct header_scan *scan; /* of the message, in its arena */
	unsigned long actions, protocol;
};

static struct milter_session *session_of(SMFICTX *ctx)
{
	return smfi_getpriv(ctx);
}

/* Sessions stranded in libmilter's pool are freed by an event; none can be stranded where this one is alone. */
static void before_wait(void *context)
{
	(void)context;
	if (the_milter.start.no_kick || atomic_load(&the_milter.sessions) < 2)
		return;
	counters_add(&the_milter.start.tally, COUNTER_KICKS, 1);
	listen_kick(the_milter.listen);
}

static struct milter_session *session_new(SMFICTX *ctx)
{
	static const struct engine_hooks hooks = { .before_wait = before_wait };
	struct milter_session *session = memory_new(sizeof(*session));

	session->engine = engine_session_open(the_milter.start.engine, &hooks);
	session->actions = atomic_load(&the_milter.actions);
	session->protocol = atomic_load(&the_milter.protocol);
	if (smfi_setpriv(ctx, session) != MI_SUCCESS) {
		engine_session_close(&session->engine);
		free(session);
		return NULL;
	}
	atomic_fetch_add(&the_milter.sessions, 1);
	counters_add(&the_milter.start.tally, COUNTER_SESSIONS, 1);
	counters_gauge(&the_milter.start.tally, GAUGE_SESSIONS, 1);
	return session;
}

/* ---- negotiation ---- */

static const struct {
	int stage;
	char names[128];
} wanted_macros[] = {
	{ SMFIM_CONNECT, "j v {daemon_name} {daemon_addr} {client_name} {client_ptr} {client_resolve} {client_port}" },
	{ SMFIM_HELO, "{tls_version}" },
	{ SMFIM_ENVFROM, "i {auth_authen} {auth_type}" },
	{ SMFIM_ENVRCPT, "i {rcpt_host} {rcpt_mailer}" },
	{ SMFIM_EOM, "i" },
	/* Not DATA and EOH: for an empty list Postfix sends its own, and macros before each header field anyway. */
};

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
                             unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	(void)f2;
	(void)f3;
	*pf0 = f0 & (WANTED_ACTIONS | SMFIF_SETSYMLIST);
	*pf1 = f1 & WANTED_PROTOCOL;
	*pf2 = *pf3 = 0;
	for (size_t i = 0; (f0 & SMFIF_SETSYMLIST) && i < COUNT(wanted_macros); i++) {
		char names[sizeof(wanted_macros[i].names)];
		memcpy(names, wanted_macros[i].names, sizeof(names));
		(void)smfi_setsymlist(ctx, wanted_macros[i].stage, names);
	}
	atomic_store(&the_milter.actions, *pf0);
	atomic_store(&the_milter.protocol, *pf1);
	log_debug("negotiated: actions %#lx of %#lx, protocol %#lx of %#lx", *pf0, f0, *pf1, f1);
	if (!(*pf1 & SMFIP_HDR_LEADSPC))
		log_debug("this MTA does not tell what follows a colon: simple DKIM canonicalisation may fail");
	return session_new(ctx) ? SMFIS_CONTINUE : SMFIS_REJECT;
}

/* ---- answers ---- */

static char *macro(SMFICTX *ctx, const char *name)
{
	char copy[32];

	memcpy(copy, name, strnlen(name, sizeof(copy) - 1) + 1);
	return smfi_getsymval(ctx, copy);
}

static void log_decision(const struct milter_session *session, const struct decision *decision)
{
	char memory[LOG_LINE_MAX];
	struct strbuf line;

	strbuf_open(&line, memory, sizeof(memory));
	engine_log_line(&line, session->engine, decision);
	log_info("%s", memory);
}

static void set_reply(SMFICTX *ctx, const struct reply *reply)
{
	char code[sizeof(reply->code)], enhanced[sizeof(reply->enhanced)];
	char *text = words_as_format(reply->text);

	memcpy(code, reply->code, sizeof(code));
	memcpy(enhanced, reply->enhanced, sizeof(enhanced));
	if (smfi_setreply(ctx, code, enhanced, text) != MI_SUCCESS)
		log_warning("libmilter refused the reply %s %s %s", code, enhanced, reply->text);
	free(text);
}

/* Before the end of the message: a refusal, or on with it. */
static sfsistat answer(SMFICTX *ctx, const struct milter_session *session, const struct decision *decision)
{
	if (!decision->final)
		return SMFIS_CONTINUE;
	log_decision(session, decision);
	if (decision->action < ACTION_DEFER)
		return SMFIS_CONTINUE;
	set_reply(ctx, &decision->reply);
	return decision->action == ACTION_REJECT ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* ---- stages ---- */

static sfsistat on_connect(SMFICTX *ctx, char *hostname, _SOCK_ADDR *address)
{
	/* XCLIENT makes Postfix begin a second session without negotiating again. */
	struct milter_session *session = session_of(ctx) ? session_of(ctx) : session_new(ctx);

	if (!session)
		return SMFIS_TEMPFAIL;
	const char *port = macro(ctx, "{client_port}");
	struct engine_client client = {
		.port = (uint16_t)(port ? strtoul(port, NULL, 10) : 0),
		.name = words_client_name(macro(ctx, "{client_name}"), hostname),
		.ptr = macro(ctx, "{client_ptr}"),
		.resolve = macro(ctx, "{client_resolve}"),
		.daemon_name = macro(ctx, "{daemon_name}"),
		.daemon_addr = macro(ctx, "{daemon_addr}"),
		.mta_name = macro(ctx, "j"),
		.mta_version = macro(ctx, "v"),
	};
	if (address)
		client.ip = ip_from_sockaddr((const struct sockaddr *)address);
	char ip[IP_TEXT_MAX];
	log_debug("sid=%s connect from %s", engine_subject(session->engine)->sid, ip_format(&client.ip, ip));
	return answer(ctx, session, engine_connect(session->engine, &client));
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
	struct milter_session *session = session_of(ctx);

	if (!session)
		return SMFIS_CONTINUE;
	session->scan = NULL;
	return answer(ctx, session, engine_helo(session->engine, helo, macro(ctx, "{tls_version}")));
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
	struct milter_session *session = session_of(ctx);
	char host[WORDS_HOST_MAX];

	if (!session)
		return SMFIS_CONTINUE;
	const struct decision *decision = engine_mail(session->engine, arguments[0] ? arguments[0] : "",
	                                              macro(ctx, "{auth_authen}"), macro(ctx, "{auth_type}"),
	                                              macro(ctx, "i"));
	if (arguments[0])
		engine_mail_options(session->engine, arguments + 1);
	const char *id = words_authserv_id(the_milter.start.headers->authserv_id,
	                                   engine_subject(session->engine)->mta_name, host);
	session->scan = header_scan_open(the_milter.start.headers, id, engine_message_arena(session->engine));
	return answer(ctx, session, decision);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
	struct milter_session *session = session_of(ctx);

	if (!session)
		return SMFIS_CONTINUE;
	const char *dsn = session->protocol & SMFIP_RCPT_REJ
	                          ? words_refusal(macro(ctx, "{rcpt_mailer}"), macro(ctx, "{rcpt_host}"))
	                          : NULL;
	if (dsn) {
		engine_rcpt_refused(session->engine, dsn);
		return SMFIS_CONTINUE;
	}
	return answer(ctx, session, engine_rcpt(session->engine, arguments[0] ? arguments[0] : "", macro(ctx, "i")));
}

static void hand_on_header(const struct milter_session *session, const char *name, const char *value)
{
	char *spaced = session->protocol & SMFIP_HDR_LEADSPC ? NULL : words_with_space(value);

	engine_header(session->engine, name, spaced ? spaced : value);
	free(spaced);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct milter_session *session = session_of(ctx);

	if (session && session->scan) {
		header_scan_field(session->scan, name, value);
		hand_on_header(session, name, value);
	}
	return session && session->protocol & SMFIP_NR_HDR ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_end_of_headers(SMFICTX *ctx)
{
	struct milter_session *session = session_of(ctx);

	if (session)
		engine_headers(session->engine);
	return session && session->protocol & SMFIP_NR_EOH ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *octets, size_t length)
{
	struct milter_session *session = session_of(ctx);

	if (session)
		(void)engine_body(session->engine, octets, length);
	return session && session->protocol & SMFIP_NR_BODY ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* ---- end of message ---- */

static void remove_fields(SMFICTX *ctx, const struct milter_session *session)
{
	struct header_cursor cursor = { 0 };
	const char *name;
	unsigned index;

	while (session->scan && header_scan_next(session->scan, &cursor, &name, &index)) {
		char copy[HEADER_NAME_MAX], shown[4 * HEADER_NAME_MAX];
		snprintf(copy, sizeof(copy), "%s", name);
		if (smfi_chgheader(ctx, copy, (int)index, NULL) != MI_SUCCESS)
			log_warning("%s %u could not be removed", words_shown(copy, shown, sizeof(shown)), index);
	}
}

struct insertion {
	SMFICTX *ctx;
	bool leading_space; /* SMFIP_HDR_LEADSPC: the space behind the colon is ours to give */
};

/* Above everything else, the MTA's own Received included. */
static void insert_field(void *context, const char *name, const char *value)
{
	const struct insertion *insertion = context;
	char field_name[HEADER_NAME_MAX], text[HEADER_VALUE_MAX + 2];

	snprintf(field_name, sizeof(field_name), "%s", name);
	snprintf(text, sizeof(text), "%s%s", insertion->leading_space ? " " : "", value);
	if (smfi_insheader(insertion->ctx, 0, field_name, text) != MI_SUCCESS)
		log_warning("%s could not be added", name);
}

static void insert_fields(SMFICTX *ctx, const struct milter_session *session, const struct decision *decision)
{
	struct insertion insertion = { .ctx = ctx, .leading_space = session->protocol & SMFIP_HDR_LEADSPC };

	headers_each_insertion(the_milter.start.headers, session->scan, the_milter.start.engine, session->engine,
	                       decision, insert_field, &insertion);
}

static void hold(SMFICTX *ctx, const struct milter_session *session, const struct decision *decision)
{
	char reason[128];

	words_hold_reason(reason, sizeof(reason), decision->verdict.score_milli, engine_subject(session->engine)->sid);
	if (smfi_quarantine(ctx, reason) != MI_SUCCESS)
		log_warning("the message could not be quarantined: does the MTA allow it?");
}

static sfsistat finish_message(SMFICTX *ctx, const struct milter_session *session, const struct decision *decision)
{
	if (decision->action >= ACTION_DEFER) {
		set_reply(ctx, &decision->reply);
		return decision->action == ACTION_REJECT ? SMFIS_REJECT : SMFIS_TEMPFAIL;
	}
	if (engine_monitors(the_milter.start.engine))
		return SMFIS_CONTINUE;
	if (session->actions & SMFIF_CHGHDRS)
		remove_fields(ctx, session);
	if (session->actions & SMFIF_ADDHDRS)
		insert_fields(ctx, session, decision);
	if (decision->action == ACTION_QUARANTINE)
		hold(ctx, session, decision);
	return SMFIS_CONTINUE;
}

static sfsistat on_end_of_message(SMFICTX *ctx)
{
	struct milter_session *session = session_of(ctx);

	if (!session)
		return SMFIS_CONTINUE;
	const struct decision *decision = engine_eom(session->engine, macro(ctx, "i"));
	log_decision(session, decision);
	sfsistat result = finish_message(ctx, session, decision);
	session->scan = NULL;
	engine_message_end(session->engine);
	return result;
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct milter_session *session = session_of(ctx);

	if (session) {
		log_debug("sid=%s the MTA broke the message off: no verdict", engine_subject(session->engine)->sid);
		session->scan = NULL;
		engine_message_end(session->engine);
	}
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	struct milter_session *session = session_of(ctx);

	if (!session)
		return SMFIS_CONTINUE;
	log_debug("sid=%s the MTA has closed the session", engine_subject(session->engine)->sid);
	engine_session_close(&session->engine);
	free(session);
	(void)smfi_setpriv(ctx, NULL);
	atomic_fetch_sub(&the_milter.sessions, 1);
	counters_gauge(&the_milter.start.tally, GAUGE_SESSIONS, -1);
	return SMFIS_CONTINUE;
}

/* ---- start and stop ---- */

static int register_filter(const struct milter_start *start, struct err *err)
{
	static char name[] = FILTER_NAME;
	const struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = WANTED_ACTIONS | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_end_of_headers,
		.xxfi_body = on_body,
		.xxfi_eom = on_end_of_message,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	if (smfi_register(description) != MI_SUCCESS)
		return err_set(err, "smfi_register: libmilter refused the filter (is it older than 8.14?)");
	(void)smfi_settimeout(start->idle_timeout_s);
	(void)smfi_setbacklog(LIBMILTER_BACKLOG);
	(void)smfi_setmaxdatasize(PACKET_OCTETS_MAX);
	return 0;
}

/* Debian's libmilter takes a socket that is open already; returns the fd it listens on, or -1. */
static int open_by_number(int listen_fd)
{
	char address[32];

	snprintf(address, sizeof(address), "fd:%d", listen_fd);
	return smfi_setconn(address) == MI_SUCCESS && smfi_opensocket(false) == MI_SUCCESS ? listen_fd : -1;
}

/* Any other opens a private one, which is then exchanged for ours. */
static int open_by_exchange(const struct milter_start *start, struct err *err)
{
	char address[512];

	log_info("this libmilter cannot be handed an open socket (fd:N): its private one is exchanged for ours");
	listen_private_address(start->listen_fd, start->private_dir, address, sizeof(address));
	if (smfi_setconn(address) != MI_SUCCESS || smfi_opensocket(true) != MI_SUCCESS)
		return err_set(err, "libmilter cannot listen on %s: is the directory writable?", address);
	return listen_exchange(start->listen_fd, address, err);
}

int milter_open(const struct milter_start *start, struct err *err)
{
	the_milter.start = *start;
	if (register_filter(start, err))
		return -1;
	int fd = start->no_fd_conn ? -1 : open_by_number(start->listen_fd);
	if (fd < 0)
		fd = open_by_exchange(start, err);
	if (fd < 0)
		return -1;
	the_milter.listen = listen_open(start->listen_fd, fd, err);
	return the_milter.listen ? 0 : -1;
}

int milter_run(void)
{
	return smfi_main() == MI_SUCCESS ? 0 : -1;
}

int milter_detach(struct err *err)
{
	return listen_detach(the_milter.listen, err);
}

unsigned milter_sessions(void)
{
	unsigned sessions = atomic_load(&the_milter.sessions);

	return sessions ? sessions : listen_connections(the_milter.listen);
}

bool milter_backlog_pending(void)
{
	return listen_pending(the_milter.listen);
}

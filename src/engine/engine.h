/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine - runs the checks by stage: start, wait, collect, decide.
 *
 * Threads: the engine is immutable once open and serves all sessions of a worker. An engine_session belongs to one SMTP
 * session; one thread uses it at a time (not always the same one: libmilter's pool).
 * Owns: a session owns its arenas, subject and evidence. Texts handed in are copied.
 */
#ifndef MAILREEVE_ENGINE_ENGINE_H
#define MAILREEVE_ENGINE_ENGINE_H

#include <stdbool.h>

#include "base/counters.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "checks/findings.h"
#include "config/config.h"
#include "dns/dns.h"
#include "evidence/evidence.h"
#include "mail/subject.h"
#include "policy/policy.h"
#include "policy/reply.h"

#define ENGINE_RECIPIENTS_MAX 1024 /* recipients kept of one message; more are judged, not kept */
#define ENGINE_SECTIONS_MAX   32

/* ---- configuration: sections "" (mode), "wait", "dns", "policy" and one for each check ---- */

struct engine_config;

struct engine_config *engine_config_open(void);
void engine_config_close(struct engine_config **settings);

/* Fill `sections` (room for ENGINE_SECTIONS_MAX) for config_open(). Returns how many. */
size_t engine_config_sections(struct engine_config *settings, struct config_section *sections);

/* ---- the engine ---- */

struct engine;

/*
 * Build catalogue, checks and policy from a configuration that has been read. Checks everything that can be checked
 * without starting anything (files of the dns section too). NULL with err. `settings` and `config` must outlive it.
 */
struct engine *engine_open(struct engine_config *settings, struct config *config, struct err *err);

/*
 * Give every fact of the configuration its name in the counters. Before the fork of the worker that is to count there.
 */
void engine_name_facts(struct engine *engine, struct counters *counters);

/* Where the engine and what it starts count; before engine_start(). Without it: nowhere. */
void engine_set_tally(struct engine *engine, const struct tally *tally);

/* Start what needs threads (DNS), and what the checks share. In the worker, after fork(). 0 or -1. */
int engine_start(struct engine *engine, struct err *err);
void engine_close(struct engine **engine);

const struct catalogue *engine_catalogue(const struct engine *engine);
const struct policy *engine_policy(const struct engine *engine);
struct dns *engine_dns(const struct engine *engine);

/* The lowest score for an action, in thousandths; CONFIG_OFF: never taken. */
int engine_threshold(const struct engine *engine, enum action action);

/* mode = "monitor": everything is judged and logged, nothing is done. */
bool engine_monitors(const struct engine *engine);

/* ---- one SMTP session ---- */

struct engine_session;

/* Called by the engine's user's thread just before it blocks, again before each further slice of a long wait. */
struct engine_hooks {
	void (*before_wait)(void *context);
	void *context;
};

struct engine_session *engine_session_open(struct engine *engine, const struct engine_hooks *hooks);
void engine_session_close(struct engine_session **session);

struct engine_client {
	struct ip ip; /* family 0: local submission or unknown */
	uint16_t port;
	const char *name, *ptr, *resolve; /* the MTA's macros; NULL: unknown */
	const char *daemon_name, *daemon_addr, *mta_name, *mta_version;
};

/* What the engine decided at a stage. Valid until the next engine_ call on the session. */
struct decision {
	bool final; /* a verdict was due here and is given now */
	enum stage stage;
	enum action action;     /* what is to be done now: in monitor mode always ACCEPT */
	struct verdict verdict; /* what the policy says */
	/* "score", an exemption, a rule, "recipients" (a refusal needs all of them to agree), "fault" */
	const char *decided_by;
	struct reply reply; /* filled when verdict.action is DEFER or REJECT */
};

/*
 * The stages. Each starts its checks' questions, collects what has been answered, and, from decide_from on, gives a
 * decision if it is due. Before RCPT a final decision is always DEFER or REJECT; at RCPT it concerns this recipient; at
 * end of message the message.
 */
const struct decision *engine_connect(struct engine_session *session, const struct engine_client *client);
const struct decision *engine_helo(struct engine_session *session, const char *helo, const char *tls_version);
/* queue_id NULL: not known yet (Postfix gives it with the first accepted recipient, Sendmail at MAIL). */
const struct decision *engine_mail(struct engine_session *session, const char *argument, const char *auth_user,
                                   const char *auth_type, const char *queue_id);
/* MAIL's further arguments ("SMTPUTF8", "SIZE=1000"), NULL-terminated; after engine_mail(). What is not known is passed
 * over. */
void engine_mail_options(struct engine_session *session, char *const *arguments);
const struct decision *engine_rcpt(struct engine_session *session, const char *argument, const char *queue_id);
/*
 * A recipient that the MTA refuses by itself, told where it was asked for that (SMFIP_RCPT_REJ): counted, not judged.
 * `dsn`: its enhanced status code ({rcpt_host}); NULL: not known.
 */
void engine_rcpt_refused(struct engine_session *session, const char *dsn);
/*
 * The message itself. Nothing is decided, and nothing is waited for. A field: its name, and the value with whatever
 * follows the colon, folded lines separated by "\n". The body: cut anywhere, lines end in CRLF; returns whether
 * anybody wants more of it.
 */
void engine_header(struct engine_session *session, const char *name, const char *value);
void engine_headers(struct engine_session *session); /* the end of the headers */
bool engine_body(struct engine_session *session, const uint8_t *octets, size_t length);
const struct decision *engine_eom(struct engine_session *session, const char *queue_id);

/*
 * The message is over, with a verdict or without (RSET, disconnect): message state is forgotten. HELO and MAIL do so by
 * themselves.
 */
void engine_message_end(struct engine_session *session);

/* Memory that lives as long as the message (until the next MAIL, RSET or HELO). */
struct arena *engine_message_arena(struct engine_session *session);

const struct subject *engine_subject(const struct engine_session *session);
const struct evidence *engine_evidence(const struct engine_session *session);
const struct findings *engine_findings(const struct engine_session *session);

/* Memory of a session now, without its DNS questions: for tests and statistics. */
size_t engine_session_octets(const struct engine_session *session);

/* ---- what was found, in words ---- */

/* The log line of the last decision: see mailreeve(8), READING A VERDICT. */
void engine_log_line(struct strbuf *line, const struct engine_session *session, const struct decision *decision);

/* "a=3.0,b=4.3": every fact with points, in catalogue order (for X-Spam-Status). */
void engine_tests(struct strbuf *text, const struct engine_session *session);

/* "identity=5.0(capped from 8.5) allowlists=-5.0(raised from -8.0)": the groups whose points do not simply add up. */
void engine_groups(struct strbuf *text, const struct engine_session *session);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - the shape of a check: one file, one row in table.c, one section in the manual.
 *
 * Threads: a run belongs to one session; its functions never block. Settings are immutable.
 * A check asks and states facts. It knows no thresholds, and never waits: the engine calls collect() whenever something
 * was answered, waits where a verdict is due, and for the last time calls collect() with run->closing set.
 *
 * A check has one or more parts, one for each stage at which it starts: `dnsbl` asks for the client's address at
 * connect and for the sender's domain at MAIL. A part's run lives as long as its stage's scope: connect - the
 * connection; helo - until the next HELO; mail and later - the message; rcpt - one recipient.
 * An idle session holds no more than it must: the arena in which runs work is given back as soon as none of the scope's
 * runs is open, and only the arena `keep` lives as long as the scope. From the first header field on the message's
 * runs lose nothing before the message ends.
 *
 * Taps: a part of the message's scope (one that starts at MAIL or HEADERS) that is still open sees the message go by.
 * The parts of STAGE_HEADERS start at the first header field, or at the end of the headers where there is none.
 * Within a scope parts are collected in the order in which they started, and those of a stage start in the order of the
 * table: what one publishes (findings.h), a later one sees in the same pass.
 */
#ifndef MAILREEVE_CHECKS_CHECK_H
#define MAILREEVE_CHECKS_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/counters.h"
#include "checks/findings.h"
#include "config/config.h"
#include "dns/asker.h"
#include "dns/dns.h"
#include "evidence/evidence.h"
#include "mail/stage.h"
#include "mail/subject.h"

struct check;
struct check_run;

enum check_state {
	CHECK_OPEN, /* waits for an answer */
	CHECK_DONE, /* has stated all it will state */
};

struct check_part {
	enum stage starts_at; /* the earliest stage at which its input is known */
	enum stage needed_by; /* the verdict of this stage waits for it, within the budget */
	/* Ask, never block. Returns CHECK_DONE when there is nothing to wait for. */
	enum check_state (*start)(struct check_run *run);
	/*
	 * Collect what has been answered and ask what follows from it; never blocks; called again until it returns
	 * CHECK_DONE. With run->closing set it must finish: what is not answered is unsure. NULL: the part is always
	 * done by start().
	 */
	enum check_state (*collect)(struct check_run *run);
	/*
	 * Add every fact that this part may still state: before start (run->state == NULL) all it might, later what is
	 * left. Never too few. NULL: every fact of the check's table. Called with a subject of which only the stages so
	 * far are known.
	 */
	void (*may_state)(const struct check_run *run, struct factset *set);
	/*
	 * Taps; each may be NULL, none may block. A field comes as the MTA gives it: the name, and the value with
	 * whatever follows the colon, folded lines separated by "\n". wants_body NULL: a part with body() always does.
	 */
	void (*header)(struct check_run *run, const char *name, const char *value);
	void (*headers_end)(struct check_run *run);
	bool (*wants_body)(const struct check_run *run);
	void (*body)(struct check_run *run, const uint8_t *octets, size_t length); /* cut anywhere */
	void (*body_end)(struct check_run *run);
};

struct check {
	const char *name; /* also its group in the configuration and its section in the manual */
	const char *help;
	bool opt_in; /* "enabled" is false until the configuration says otherwise */
	/* Each row becomes the fact "name.fact" and, where it can have points, the option "name.points.fact". */
	const struct fact *facts;
	size_t n_facts;
	const struct config_row *options; /* beside "enabled" and "points.*", which every check has */
	size_t n_options;
	size_t settings_size; /* of its settings struct, zeroed before the configuration is read into it */
	/*
	 * After reading: check what types and ranges do not, and add the facts that the configuration names (dnsbl).
	 * 0 or -1 with err (config_fault). NULL: nothing to do.
	 */
	int (*configure)(void *settings, struct catalogue *catalogue, struct config *config, struct err *err);
	/* Undo configure (what it allocated); NULL: nothing. */
	void (*release)(void *settings);
	/*
	 * What all sessions of a worker share (a cache): opened in the worker before the first session, kept in the
	 * settings, closed after the last one. `tally`: where it may count. 0, or -1 with err. NULL: nothing.
	 */
	int (*open)(void *settings, const struct tally *tally, struct err *err);
	void (*close)(void *settings);
	const struct check_part *parts;
	size_t n_parts;
};

struct check_run {
	const struct check *check;
	const struct check_part *part;
	const void *settings;
	fact_id first_fact; /* the id of check->facts[0]; the others follow */
	const struct subject *subject;
	struct findings *findings; /* of the session */
	struct evidence *evidence; /* of the scope */
	struct arena *arena;       /* for the run's own work; see above */
	struct arena *keep;        /* lives as long as the scope: for what is published */
	struct dns_session *dns;
	void *state;               /* the part's own, in the arena; NULL before start */
	struct check_asked *asked; /* through check_asker(), newest first */
	bool started, done, closing;
	enum stage stage; /* now: goes into the evidence */
	clock_ms started_ms;
	/* See check_worth_asking(). NULL: always. */
	bool (*worth_asking)(void *context);
	void *worth_context;
	/* Told of every fact that is stated for the first time in its scope; `detail` is raw. NULL: nobody. */
	void (*stated)(void *context, fact_id id, const char *detail);
	void *stated_context;
};

/*
 * Can anything that is still to come change what is done with the message? For what costs others something, such as a
 * connection to their server: asked before it is begun.
 */
static inline bool check_worth_asking(const struct check_run *run)
{
	return run->worth_asking == NULL || run->worth_asking(run->worth_context);
}

/*
 * State fact number `index` of the check's table; nothing happens when this scope or an outer one has it already. The
 * formatted detail is hostile: evidence_add() cleans it. "%s", "": no detail.
 */
void check_state_fact(struct check_run *run, size_t index, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* State a fact that configure() added. */
void check_state_id(struct check_run *run, fact_id id, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Add fact number `index` of the check's table to a set. */
void check_may(const struct check_run *run, size_t index, struct factset *set);

/*
 * Ask, in the run's session and arena. NULL: there is no room for another question now, but others of the session are
 * open: ask again when collect() is called next. Never NULL with run->closing set or when nothing else is open: the
 * question is then answered at once (unsure, limit).
 */
struct dns_question *check_ask(struct check_run *run, const char *name, enum dns_type type, unsigned flags);

/*
 * check_ask() for a protocol module (dkim, dmarc, spf), as long as the run lives; a NULL from it means the same. The
 * questions are remembered.
 */
struct dns_asker check_asker(struct check_run *run);

/* The module is done: questions that it asked ahead, and that are not answered, would only take up room. */
void check_cancel_asked(struct check_run *run);

/* All checks, in the order of the log line (exempt, rdns, spf, ...); ends in NULL. */
extern const struct check *const checks_table[];

#endif

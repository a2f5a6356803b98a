/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_internal - what the files of engine/ share; nobody else includes it.
 */
#ifndef MAILREEVE_ENGINE_ENGINE_INTERNAL_H
#define MAILREEVE_ENGINE_ENGINE_INTERNAL_H

#include <stdatomic.h>

#include "checks/check.h"
#include "engine/engine.h"

#define ENGINE_SESSION_OCTETS_MAX (4u << 20) /* soft quota of a session's arenas */
#define ENGINE_CHECKS_MAX         24
#define ENGINE_PARTS_MAX          64

enum engine_mode { ENGINE_MODE_ENFORCE, ENGINE_MODE_MONITOR };
enum engine_on_fault { ENGINE_ON_FAULT_ACCEPT, ENGINE_ON_FAULT_DEFER };

/* Top-level options that are the engine's. */
struct engine_settings {
	int mode;
	int on_fault;
};

struct wait_settings {
	int rcpt_ms, eom_ms, complete_ms, session_ms;
};

struct engine_dns_settings {
	int mode;
	struct config_array forward;
	const char *resolv_conf, *root_hints, *trust_anchor, *zone_file;
	int question_ms, outstanding_max, session_outstanding_max, cache_kb;
	int ttl_min_s, ttl_max_s, negative_ttl_max_s, failure_ttl_s, timeout_ttl_s, stale_s;
};

/*
 * One check with its settings: `values` is { bool enabled; int points[n_facts]; } followed by the check's own struct.
 */
struct engine_check {
	const struct check *check;
	void *values;
	void *own;               /* the check's settings, inside values */
	const int *points_milli; /* inside values */
	struct config_row *rows;
	size_t n_rows;
	fact_id first_fact;
	bool configured, open;
};

struct engine_config {
	struct engine_settings engine;
	struct wait_settings wait;
	struct engine_dns_settings dns;
	struct policy_settings policy;
	struct engine_check checks[ENGINE_CHECKS_MAX];
	size_t n_checks;
};

struct dns_settings engine_config_dns(const struct engine_config *settings);
bool engine_check_enabled(const struct engine_check *check);

/* A part of an enabled check. */
struct engine_part {
	const struct engine_check *check;
	const struct check_part *part;
};

struct engine {
	struct engine_config *settings;
	struct config *config;
	struct catalogue *catalogue;
	struct policy *policy;
	struct dns *dns;
	struct engine_part parts[ENGINE_PARTS_MAX]; /* by stage, in the order of the checks' table */
	size_t first_part[STAGES + 1];              /* parts of stage s: first_part[s] .. first_part[s + 1] - 1 */
	uint16_t digest;
	bool started;
	uint64_t sid_base;
	atomic_uint sid_counter;
	struct tally tally;
	uint16_t fact_slots[FACTS_MAX]; /* in the counters, by fact_id; without a tally: 0 */
};

/* What was found lives as long as its scope; each scope's evidence has the one before it as its outer one. */
enum scope_kind { SCOPE_CONNECTION, SCOPE_HELO, SCOPE_MESSAGE, SCOPE_RECIPIENT };
#define SCOPES 4

struct run_node {
	struct run_node *next;
	unsigned number; /* of its check, in the checks' table */
	struct check_run run;
};

/* Only there while a run works. */
struct work {
	struct arena arena;
	struct run_node *open; /* runs that wait for answers, in the order in which they started */
};

struct scope {
	struct arena arena; /* as long as the scope */
	struct evidence evidence;
	struct work *work; /* NULL: nobody works */
};

struct recipient {
	struct recipient *next;
	const char *address;
	struct evidence_item *facts; /* stated about this recipient alone; NULL: none */
};

struct engine_session {
	struct engine *engine;
	struct engine_hooks hooks;
	struct arena_quota quota;
	struct dns_session *dns; /* NULL: nothing is asked */
	struct subject subject;
	struct scope scopes[SCOPES];
	struct findings findings;
	enum stage stage;
	bool in_message;
	bool in_headers;        /* the first field, or the end of the headers, has come */
	bool headers_done;      /* their end has come */
	clock_ms rcpt_deadline; /* of this message; 0: no recipient yet */
	int waited_ms;          /* over the session, against wait.session_ms */
	int64_t busy_us;        /* what the sender waited for us since the last message ended */
	struct recipient *recipients, *last_recipient;
	unsigned n_recipients;  /* accepted by us so far in this message */
	bool counted_open;      /* the message is counted as begun, and not as ended */
	bool refused, deferred; /* of its recipients, some were */
	bool unkept_facts;      /* a recipient beyond ENGINE_RECIPIENTS_MAX had facts of its own */
};

/* runs.c: start the parts of a stage, collect, wait. */
void runs_start(struct engine_session *session, enum stage stage);
void runs_collect(struct engine_session *session, bool closing);
/*
 * Give back what nobody works with: runs_collect() and whoever ends a scope call it. What was found in the message
 * itself lives there as long as the message.
 */
void runs_rest(struct engine_session *session);
void runs_reset_scopes(struct engine_session *session, enum scope_kind from);
/* Every fact that may still be stated, by open runs and by stages to come. */
void runs_may_state(struct engine_session *session, struct factset *set);
/* The same without the stages to come. */
void runs_may_state_now(const struct engine_session *session, struct factset *set);
/* Is a run open that a verdict of this stage waits for? */
bool runs_needed(const struct engine_session *session, enum stage stage);
/* Block until something was answered or the deadline has come; false at the deadline. */
bool runs_wait(struct engine_session *session, clock_ms deadline);
bool runs_exempt(const struct engine_session *session);
/* The message goes by: to those of the message's open runs that want it. */
void runs_header(struct engine_session *session, const char *name, const char *value);
void runs_headers_end(struct engine_session *session);
/* Returns whether anybody wants more of it. */
bool runs_body(struct engine_session *session, const uint8_t *octets, size_t length);
void runs_body_end(struct engine_session *session);

/* tally.c: what is counted. */
void tally_message_begin(struct engine_session *session);
/* Its end by an action; where it has ended already: nothing. */
void tally_message_end(struct engine_session *session, enum action action);
/* Nothing more comes of it; the same. */
void tally_message_forgotten(struct engine_session *session);
void tally_decision(struct engine_session *session, const struct decision *decision);
/* As check_run.stated. */
void tally_fact(void *session, fact_id id, const char *detail);

/* decide.c */
const struct decision *decide_early(struct engine_session *session);
const struct decision *decide_recipient(struct engine_session *session);
const struct decision *decide_message(struct engine_session *session);

#endif

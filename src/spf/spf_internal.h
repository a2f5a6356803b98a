/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_internal - what the files of spf/ share; nobody else includes it.
 *
 * evaluate.c   an evaluation: pre-checks, its passes, redirect, the best guess, the result
 * terms.c      a pass inside: records, and their terms as handles, what each asks and whether it matches
 * libspf2.c    the only file that includes libspf2's headers: it walks the mechanisms of a record by handles
 * lookup.c     the questions of an evaluation, each asked once; the SPF record among the answers to one
 * ptr.c        the validated names of the client: ptr, %{p}
 * exp.c        the explanation of a fail
 * ahead.c      what is asked before a pass needs it
 * width.c      how wide a record opens the door
 * trace.c      the steps of a pass, for people
 *
 * An evaluation is a row of passes. A pass runs from the beginning over the answers that are there; where one is
 * missing it asks, gives up, and is thrown away; when that answer is there, the next pass runs. Only the last pass,
 * which needs no answer that is missing, yields the result: it cannot depend on the order in which answers came.
 */
#ifndef MAILREEVE_SPF_SPF_INTERNAL_H
#define MAILREEVE_SPF_SPF_INTERNAL_H

#include "spf/macro.h"
#include "spf/record.h"
#include "spf/spf.h"

#define SPF_TERMS_CAP          20    /* limits.terms_max is cut to this: libspf2 follows includes so deep */
#define SPF_RECORDS_OCTETS_MAX 65536 /* of all records that one evaluation uses */
#define SPF_NAME_SHOWN_MAX     80    /* of a name or a term in spf_result.problem */
#define SPF_EMITTED_OCTETS_MAX 512   /* of a record as libspf2 gets it */

/* ---- questions (lookup.c) ---- */

/* The SPF record among the TXT records of a name. */
struct spf_chosen {
	enum { SPF_CHOSEN_NONE, SPF_CHOSEN_RECORD, SPF_CHOSEN_BROKEN } state;
	const char *text; /* as DNS gave it */
	size_t octets;
	struct spf_record record; /* CHOSEN_RECORD */
	const char *problem;      /* CHOSEN_BROKEN */
};

struct spf_question {
	struct spf_question *next;
	const char *name; /* lower-case, no final dot */
	enum dns_type type;
	void *handle;                    /* of dns; NULL: there was no room for it yet */
	const struct dns_answer *answer; /* NULL: none yet */
	const struct spf_chosen *chosen; /* TXT: NULL until somebody looks */
	bool ahead;                      /* asked before a pass needed it */
	unsigned pass;                   /* the last pass that needed it */
};

struct spf_pass;

/* Who looks: a pass, which gives up where an answer is missing, or (pass NULL) the one who asks ahead. */
struct spf_view {
	struct spf *spf;
	struct spf_pass *pass;
};

/* What a question is for; the first kind is limited when asked ahead. */
enum spf_purpose { SPF_FOR_TERM, SPF_FOR_DETAIL };

/*
 * The answered question, or NULL: it was asked (now or before) and is not answered, or must not be asked. A pass is
 * over then. A name that cannot exist is not asked: DNS_NONE, DNS_WHY_BAD_NAME.
 */
struct spf_question *spf_need(const struct spf_view *view, const char *name, enum dns_type type,
                              enum spf_purpose purpose);

/* Ask the first question of an evaluation. */
struct spf_question *spf_ask_first(struct spf *spf, const char *name, enum dns_type type);

/* Take what has been answered, ask what found no room. True: there are new answers. */
bool spf_poll_all(struct spf *spf);

/* Whatever is open is not answered any more. */
void spf_give_up_questions(struct spf *spf);

/*
 * The record behind an answered TXT question (FOUND or NONE). NULL: the session has no memory left, or those who ask
 * ahead have read enough.
 */
const struct spf_chosen *spf_choose(const struct spf_view *view, struct spf_question *question);

/* Expand a domain-spec (NULL: the domain itself) as `domain` sees it. */
enum spf_expansion spf_expand(const struct spf_view *view, const char *spec, const char *domain,
                              char name[DNS_NAME_TEXT_MAX]);

/* The same for an explanation. */
enum spf_expansion spf_expand_text(const struct spf_view *view, const char *text, const char *domain,
                                   struct strbuf *result);

/* Does this mechanism ask DNS? */
bool spf_term_asks(const struct spf_term *term);

/* The type of question that a mechanism asks first; DNS_A or DNS_AAAA for addresses of the client's family. */
enum dns_type spf_term_type(const struct spf *spf, enum spf_mechanism mechanism);
enum dns_type spf_address_type(const struct spf *spf);

/* Is the client in the network of one of the addresses, as wide as the term says? */
bool spf_any_in_network(const struct spf *spf, const struct spf_term *term, const struct dns_answer *answer);

/* Does an ip4, ip6 or all term match? */
bool spf_matches_at_once(const struct spf *spf, const struct spf_term *term);

/* ---- the client's names (ptr.c) ---- */

enum spf_known { SPF_KNOWN_NO, SPF_KNOWN_YES, SPF_NOT_KNOWN };

/* Is a validated name of the client `target` or below it (RFC 7208 5.5)? */
enum spf_known spf_ptr_matches(const struct spf_view *view, const char *target);

/* The PTR question of the client; NULL as spf_need(). */
struct spf_question *spf_ptr_question(const struct spf_view *view);

/* For %{p}: the validated name that is nearest to `domain`, "unknown", or NULL: not known yet. */
const char *spf_ptr_name(const struct spf_view *view, const char *domain);

/* ---- the steps (trace.c) ---- */

struct spf_trace_entry {
	struct spf_trace_entry *next;
	enum spf_step_kind kind;
	unsigned depth;
	const char *text;
	struct spf_question *question; /* NULL: nothing was asked */
	enum spf_outcome outcome;
	unsigned terms, voids, queries;
};

struct spf_trace {
	struct spf_trace_entry *first, **end;
	unsigned count;
	struct spf_trace_entry unkept; /* stands in for all beyond SPF_STEPS_MAX */
};

void spf_trace_open(struct spf_trace *trace);
struct spf_trace_entry *spf_trace_add(struct spf_pass *pass, enum spf_step_kind kind, unsigned depth, const char *text);

/* The entry's step has been taken: its question, and the budget as it is now. */
void spf_trace_answered(struct spf_pass *pass, struct spf_trace_entry *entry, struct spf_question *question);

/* The entries as steps of a result, in the evaluation's arena. */
const struct spf_step *spf_trace_publish(const struct spf_pass *pass);

/* ---- a pass (terms.c, evaluate.c) ---- */

struct spf_handle;

/* A record in evaluation. */
struct spf_frame {
	struct spf_frame *parent;  /* of the include (or redirect inside of an include) that led here; NULL: none */
	struct spf_handle *opener; /* that include */
	const struct spf_record *record;
	const char *domain;
	unsigned depth;
	bool opens;          /* every include on the way here has the qualifier "+" */
	size_t next;         /* the first term that has not been looked at */
	char result;         /* the qualifier of what matched; 0: nothing has */
	const char *matched; /* the text of what matched */
};

/* A term that asks DNS, as libspf2 knows it: "t" and a number. */
struct spf_handle {
	struct spf_frame *frame;
	const struct spf_term *term; /* NULL: the record's redirect */
	struct spf_trace_entry *entry;
	struct spf_question *question;
};

struct spf_pass {
	struct spf *spf;
	struct arena *arena; /* ends with the pass */
	struct spf_view view;
	unsigned terms, voids, queries;
	size_t records_octets;

	bool over;                  /* the rest of the pass is of no interest */
	struct spf_question *waits; /* over, because this is not answered */
	enum spf_code code;         /* over for good: temperror, permerror; or that of `decided` */
	enum dns_why why;           /* of a temperror */
	char problem_text[SPF_PROBLEM_OCTETS_MAX + 1];
	struct strbuf problem;
	bool guessing;
	struct spf_frame *decided; /* the record that decides the result */
	const char *explanation;
	bool explaining; /* the result is known; what goes wrong from here on is no error */

	struct spf_frame *current;
	struct spf_handle **handles;
	unsigned n_handles, handles_max;
	struct spf_trace trace;
	struct spf_width width;
	unsigned widest; /* of width.term, as spf_width_add() ranks it */
};

/* End the pass with an error; returns where to say what is wrong. Call it only while the pass is not over. */
struct strbuf *spf_pass_fail(struct spf_pass *pass, enum spf_code code, enum dns_why why);

/* A stranger's name or term as a part of a problem. */
void spf_add_shown(struct strbuf *problem, const char *text);

enum spf_opened { SPF_OPENED, SPF_OPENED_NONE, SPF_OPENED_OVER };

/*
 * Fetch the record of `domain` and make it the current one. OPENED_NONE: there is none (or the domain cannot be one);
 * what that means is the caller's to say.
 */
enum spf_opened spf_frame_open(struct spf_pass *pass, const char *domain, unsigned depth, struct spf_handle *opener,
                               struct spf_question **question);

/* The same with a record that is there. */
struct spf_frame *spf_frame_push(struct spf_pass *pass, const struct spf_record *record, const char *domain,
                                 unsigned depth, struct spf_handle *opener);

/* All records are done: note what the last terms did. */
void spf_frames_close(struct spf_pass *pass);

/* Enter one more term that asks DNS, and its step, into the account. False: it is one too many, the pass is over. */
bool spf_count_term(struct spf_pass *pass, const struct spf_frame *frame, struct spf_trace_entry *entry);

/* A record as libspf2 gets it: handles instead of whatever a stranger wrote. */
struct spf_emitted {
	char text[SPF_EMITTED_OCTETS_MAX];
	unsigned n_terms;
};

void spf_emit(struct spf_pass *pass, struct spf_frame *frame, struct spf_emitted *emitted);

/* What libspf2 asks, by handle. False (and SPF_OPENED_OVER): the pass is over. */
struct spf_reply {
	size_t n_exchanges; /* mx */
	const struct ip *addresses;
	size_t n_addresses;
};

bool spf_handle_record(struct spf_pass *pass, unsigned handle, struct spf_emitted *emitted);
bool spf_handle_ask(struct spf_pass *pass, unsigned handle, struct spf_reply *reply);
bool spf_handle_ask_exchange(struct spf_pass *pass, unsigned handle, unsigned exchange, struct spf_reply *reply);

/*
 * Let libspf2 (libspf2.c) evaluate the mechanisms of a record: SPF_PASS, FAIL, SOFTFAIL, or NEUTRAL. Of no meaning when
 * the pass is over afterwards.
 */
enum spf_code spf_interpret(struct spf_pass *pass, struct spf_frame *frame);

/* ---- the rest ---- */

struct spf {
	struct spf_query query; /* the texts are the evaluation's own */
	struct spf_limits limits;
	struct spf_dns dns;
	struct arena *arena;
	struct spf_macros macros; /* but for the current domain */
	const char *domain;       /* that is checked */
	struct spf_record guess;  /* query.guess */

	struct spf_question *questions, **questions_end;
	struct spf_question *waits; /* where the last pass stopped */
	unsigned n_asked, n_ahead, n_ahead_terms;
	unsigned n_passes;
	size_t parsed_octets;             /* of records that were parsed */
	char ptr_name[DNS_NAME_TEXT_MAX]; /* of the client, reversed */
	bool stopped;                     /* nothing is asked any more */
	bool done;
	struct spf_result result;
};

/* Ask what the terms of the records known so far will need (ahead.c). */
void spf_ask_ahead(struct spf *spf);

/* The explanation of a fail at this record, in the evaluation's arena; "": none, or the pass is over (exp.c). */
const char *spf_explain(struct spf_pass *pass, const struct spf_frame *frame);

/* Enter what a record opens (width.c); *widest begins with 0. */
void spf_width_open(struct spf_width *width);
void spf_width_add(struct spf_width *width, const struct spf_record *record, unsigned *widest);

#endif

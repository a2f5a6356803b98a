/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf - Sender Policy Framework to the letter of RFC 7208: may this client send with this name?
 *
 * Threads: an evaluation belongs to one session; nothing here is shared, nothing blocks.
 * Owns: an evaluation and its result live in the arena given with spf_open(); there is nothing to close.
 *
 * An evaluation goes as far as the answers of DNS reach that have come so far. spf_step() is called again whenever
 * something was answered, until it is done. Questions are asked ahead: when a record arrives, what its terms will need
 * is asked at once, within the limits, so that the waiting is as many round trips as the record is deep.
 */
#ifndef MAILREEVE_SPF_SPF_H
#define MAILREEVE_SPF_SPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "dns/dns.h"

#define SPF_EXPLANATION_OCTETS_MAX 500 /* of a domain's explanation; what is longer is cut */
#define SPF_PROBLEM_OCTETS_MAX     200 /* of spf_result.problem */
#define SPF_TEXT_OCTETS_MAX        160 /* of a term or an answer as a step shows it; a cut ends in "..." */
#define SPF_STEPS_MAX              200 /* steps that a result keeps */

/* The name that is checked (RFC 7208 2.3, 2.4). */
enum spf_identity { SPF_HELO, SPF_MAIL_FROM };
#define SPF_IDENTITIES 2

/*
 * Which records count. Sender ID (RFC 4406 4.4) prefers "spf2.0" records with its scope to "v=spf1" ones, here and in
 * whatever a record includes or redirects to; SPF knows no other than "v=spf1".
 */
enum spf_scope { SPF_SCOPE_SPF1, SPF_SCOPE_MFROM, SPF_SCOPE_PRA };
#define SPF_SCOPES 3

/* "", "mfrom", "pra": as in records. */
const char *spf_scope_name(enum spf_scope scope);

/* RFC 7208 2.6. */
enum spf_code { SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR };
#define SPF_CODES 7

/* "none", "neutral", ...: as headers and logs show them. */
const char *spf_code_name(enum spf_code code);

/* Who asks whom about whom. All texts are a stranger's, but for `receiver`. NULL is "". */
struct spf_query {
	enum spf_identity
		identity; /* with SPF_SCOPE_PRA: SPF_MAIL_FROM, and the purported responsible address for it */
	enum spf_scope scope;
	struct ip client;  /* an IPv4-mapped address is IPv4 (base/ip.h) */
	const char *helo;  /* as the client gave it */
	const char *local; /* of the reverse-path; "": postmaster. Ignored for SPF_HELO */
	/* Of the reverse-path, A-labels; "": the null reverse-path (postmaster@HELO). Ignored for SPF_HELO */
	const char *domain;
	const char *receiver; /* our host name: macro %{r}; "": unknown */
	uint64_t now_s;       /* of the epoch: macro %{t} */
	/* Where there is no record, evaluate the best guess ("v=spf1 a/24 mx/24 ptr") and mark it so. */
	bool guess;
};

/* RFC 7208 4.6.4, 11.1 */
struct spf_limits {
	int terms_max;   /* terms that ask DNS: 10 */
	int void_max;    /* look-ups without an answer: 2 */
	int mx_max;      /* exchanges of one mx term: 10 */
	int ptr_max;     /* names of one ptr term or %{p}: 10 */
	int queries_max; /* DNS questions in all, those asked ahead included: 125, more than the other limits allow */
};

struct spf_limits spf_default_limits(void);

/* How an evaluation reaches DNS. */
struct spf_dns {
	void *context;
	/*
	 * Ask; never blocks. NULL: there is no room for another question now; it will be asked again at a later step.
	 */
	void *(*ask)(void *context, const char *name, enum dns_type type);
	/* As dns_poll(). */
	enum dns_status (*poll)(void *context, void *question, const struct dns_answer **answer);
};

/* What an evaluation did, in order, for people: --spf shows it. All texts are printable ASCII, safe to show. */
enum spf_step_kind {
	SPF_STEP_RECORD,   /* a record was fetched: text is the record, name its domain */
	SPF_STEP_TERM,     /* a mechanism was evaluated: text is the term as written */
	SPF_STEP_REDIRECT, /* the same for redirect= */
	SPF_STEP_EXP,      /* the explanation was fetched */
	SPF_STEP_GUESS,    /* there was no record; what follows is a guess */
};

enum spf_outcome { SPF_NO_MATCH, SPF_MATCH, SPF_ERROR };

struct spf_step {
	const struct spf_step *next;
	enum spf_step_kind kind;
	unsigned depth;     /* 0: the record of the domain that is checked; each include and redirect is one deeper */
	const char *text;   /* as written, cut at SPF_TEXT_OCTETS_MAX */
	const char *name;   /* the name asked for first; "": nothing was asked */
	enum dns_type type; /* of that question */
	enum dns_status status; /* of its answer */
	enum dns_why why;
	const char *answer; /* its data in short: "192.0.2.1 192.0.2.2", "10 mx.example.org"; "" */
	enum spf_outcome outcome;
	unsigned terms, voids, queries; /* the budget used, after this step */
};

/* How wide a record opens the door (RFC 7208 10.1.2, 11.5): what was seen on the way, with qualifier "+". */
struct spf_width {
	bool all;           /* "+all" was what matched, or would have matched */
	const char *term;   /* the widest term, as written: "+all", "ip4:192.0.2.0/0"; "" */
	uint64_t addresses; /* IPv4 addresses of all ip4 terms and of a and mx terms with a prefix, added up */
	unsigned v6_bits;   /* the shortest prefix of an ip6, a or mx term for IPv6; 129: there was none */
};

struct spf_result {
	enum spf_identity identity;
	enum spf_code code;
	bool guessed;       /* code is that of the best guess; the result proper is SPF_NONE */
	const char *domain; /* that was checked, lower-case; "" when there was none */
	const char *sender; /* <local>@<domain> as used in macros, cleaned */
	/* What matched, as written in the first record; "default": nothing did; "" without a record. */
	const char *mechanism;
	/* temperror, permerror: what is wrong and where, in words the domain's owner can act on; else "". */
	const char *problem;
	/* fail: the domain's own words, ASCII but otherwise raw and a stranger's; "" when there are none. */
	const char *explanation;
	enum dns_why why; /* temperror: the reason */
	unsigned terms, voids, queries;
	unsigned asked_ahead; /* of the queries, those that nothing had needed yet when asked */
	struct spf_width width;
	const struct spf_step *steps; /* in order; at most SPF_STEPS_MAX */
};

struct spf;

/* Begin an evaluation; asks the first question. Query, limits and dns are copied, the query's texts too. */
struct spf *spf_open(const struct spf_query *query, const struct spf_limits *limits, const struct spf_dns *dns,
                     struct arena *arena);

/* Go on with what has been answered. True: done, spf_result() is final. */
bool spf_step(struct spf *spf);

/* Nobody waits any longer: an evaluation that is not done ends in temperror ("timeout"). */
void spf_stop(struct spf *spf);

/* The result; valid once done or stopped. */
const struct spf_result *spf_result(const struct spf *spf);

/* A copy for another arena, without the steps: an evaluation takes kilobytes, its result a few hundred octets. */
const struct spf_result *spf_result_copy(const struct spf_result *result, struct arena *arena);

#endif

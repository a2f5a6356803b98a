/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe - asks the mail server at an address how it greets: connects, reads its 220, says EHLO and QUIT, remembers.
 *
 * Threads: one service for all sessions of a worker, with one thread that never blocks on any of the peers. A ticket
 * belongs to the session that asked, and only one thread uses it at a time.
 * Owns: the tickets' memory, until probe_drop().
 *
 * What a stranger can make us do is bounded: so many conversations at once, so many an hour towards an address and
 * towards its network (/24, /64), a deadline for each step and for the whole, a limit of what is read. Several who ask
 * about the same address at the same time share one conversation, and what was heard is remembered for a while.
 */
#ifndef MAILREEVE_NET_PROBE_H
#define MAILREEVE_NET_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/err.h"
#include "base/ip.h"
#include "net/banner.h"
#include "net/special.h"

enum probe_outcome {
	PROBE_GREETED,         /* 220: `greeting`, `ehlo` */
	PROBE_REFUSED_BY_PEER, /* it greeted with another code: `code` */
	PROBE_NOT_SMTP,        /* it does not speak like a mail server */
	PROBE_SILENT,          /* connected, but no whole greeting came */
	PROBE_REFUSED,         /* nothing listens there */
	PROBE_UNREACHABLE,     /* no answer to the connection, or a router says that there is no way */
	PROBE_LIMITED,         /* not asked: too many conversations now, or in this hour */
	PROBE_FORBIDDEN,       /* not asked: probe_forbids() */
	PROBE_UNSURE,          /* a fault of ours, or the asker's deadline came first */
};
#define PROBE_OUTCOMES 9

struct probe_reply {
	enum probe_outcome outcome;
	int code;                        /* PROBE_REFUSED_BY_PEER */
	const char *why;                 /* in a word or two, never freed; "" where the outcome says all */
	char greeting[BANNER_NAME_SIZE]; /* the host name in 220; "" when there is none */
	char ehlo[BANNER_NAME_SIZE];     /* the one in the answer to EHLO; the same */
};

/* Does the peer call itself so, in one of the two? `name`: lower-case, no final dot. */
bool probe_names(const struct probe_reply *reply, const char *name);

struct probe_settings {
	int port;                           /* 25 */
	int connect_ms, step_ms, total_ms;  /* 3000, 3000, 6000 */
	int octets_max;                     /* read of one reply: 8192 */
	int probes_max;                     /* at once: 64 */
	int address_hour_max, net_hour_max; /* 4, 60 */
	int match_ttl_s, other_ttl_s;       /* 86400, 3600 */
	int targets_max;                    /* addresses and networks that are remembered: 8192 */
	struct special_nets denied, tested; /* see special.h; they must outlive the service */
	struct tally tally;                 /* where it counts beside its own statistics */
};

/* A settings value with the defaults named above. */
struct probe_settings probe_default_settings(void);

struct probe;
struct probe_ticket;

/*
 * Start the service and its thread (all signals blocked in it). NULL with err. Call after fork(), never before. Our own
 * addresses are those that this machine has now.
 */
struct probe *probe_open(const struct probe_settings *settings, struct err *err);

/* Stops the thread; conversations are cut off. All tickets must have been dropped. */
void probe_close(struct probe **probe);

/* NULL: probe_ask() may connect there; else why not, as special_why(). */
const char *probe_forbids(const struct probe *probe, const struct ip *address);

struct probe_question {
	struct ip address;
	const char *name;      /* what the peer is thought to call itself; lower-case, no final dot */
	const char *ehlo_name; /* ours; where it is no host name, our address on that connection is said */
	clock_ms deadline;     /* then the ticket is answered PROBE_UNSURE; the conversation goes on for the others */
	/*
	 * Called once, on any thread, when the ticket is answered and was not when probe_ask() returned; it must not
	 * call this module. Never after probe_drop(). NULL: the asker polls.
	 */
	void (*wake)(void *context);
	void *context;
};

/*
 * Ask; never blocks. What was heard earlier (a greeting with `name` up to match_ttl_s ago, anything else up to
 * other_ttl_s) is answered at once. Never NULL.
 */
struct probe_ticket *probe_ask(struct probe *probe, const struct probe_question *question);

/* Has it been answered? Then *reply is set. Never blocks. */
bool probe_poll(struct probe_ticket *ticket, struct probe_reply *reply);

/* Nobody waits for it any more; what is heard is still remembered. NULL is accepted; cleared. */
void probe_drop(struct probe_ticket **ticket);

/* asked = remembered + joined + connected + limited + forbidden. */
struct probe_stats {
	uint64_t asked;      /* probe_ask() calls */
	uint64_t remembered; /* answered from memory */
	uint64_t joined;     /* shared a conversation that was under way */
	uint64_t connected;  /* conversations begun */
	uint64_t limited, forbidden;
	uint64_t now; /* conversations under way */
};

void probe_get_stats(struct probe *probe, struct probe_stats *stats);

/* "greeted", "refused by peer", ...: for logs and tests. */
const char *probe_outcome_name(enum probe_outcome outcome);

#endif
